use proptest::prelude::*;
use tokio::io::duplex;

use super::*;

/// What comes of a client's bytes, and what it hears meanwhile.
fn greeted(bytes: &[u8]) -> (io::Result<Result<Target, Refused>>, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut client, mut server) = duplex(1 << 12);
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let outcome = greet(&mut server).await;
        drop(server);
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        (outcome, heard)
    })
}

fn connect(command: u8, domain: &str) -> Vec<u8> {
    let length = u8::try_from(domain.len()).unwrap();
    [&[5, 1, 0, 5, command, 0, 3, length], domain.as_bytes(), &[0, 80]].concat()
}

fn refusal(bytes: &[u8]) -> Reply {
    greeted(bytes).0.unwrap().unwrap_err().0
}

#[test]
fn a_name_of_the_grid_is_understood() {
    let (asked, heard) = greeted(&connect(CONNECT, "notes.rook"));
    assert_eq!(asked.unwrap(), Ok(Target::Service("notes.rook".parse().unwrap())));
    assert_eq!(heard, [5, 0]);
}

#[test]
fn whatever_else_is_outside_by_name_or_address_and_port() {
    let outside = |bytes: &[u8]| match greeted(bytes).0.unwrap().unwrap() {
        Target::Outside { host, port } => (host, port),
        Target::Service(host) => panic!("{host}"),
    };
    assert_eq!(outside(&connect(CONNECT, "Example.com.")), ("example.com".into(), 80));
    assert_eq!(outside(&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 1, 187]), ("127.0.0.1".into(), 443));
    assert_eq!(outside(&[&[5, 1, 0, 5, 1, 0, 4][..], &[0; 15], &[1, 0, 80]].concat()), ("::1".into(), 80));
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    assert_eq!(refusal(&connect(CONNECT, "two words")), Reply::HostUnreachable);
    assert_eq!(refusal(&connect(CONNECT, "")), Reply::HostUnreachable);
    assert_eq!(refusal(&connect(CONNECT, "a_b.rook")), Reply::HostUnreachable);
    assert_eq!(refusal(&connect(2, "notes.rook")), Reply::CommandUnknown);
    assert_eq!(refusal(&[5, 1, 0, 5, 1, 0, 9]), Reply::AddressUnknown);
    assert_eq!(Reply::NotAllowed.bytes(), [5, 2, 0, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_client_that_wants_to_authenticate_hears_that_it_cannot() {
    let (asked, heard) = greeted(&[5, 1, 2]);
    assert!(asked.is_err());
    assert_eq!(heard, [5, 0xff]);
}

proptest! {
    #[test]
    fn rubbish_ends_the_conversation(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (asked, heard) = greeted(&bytes);
        prop_assert!(heard.len() <= 2);
        prop_assert!(bytes.first() == Some(&5) || asked.is_err());
    }

    #[test]
    fn what_breaks_off_is_an_error(length in 0_usize..20) {
        let whole = connect(CONNECT, "notes.rook");
        prop_assume!(length < whole.len());
        prop_assert!(greeted(&whole[..length]).0.is_err());
    }
}
