use tokio::net::TcpListener;

use super::*;

fn service() -> (Keypair, ServiceKey) {
    let keypair = Keypair::ed25519_from_bytes([4; 32]).unwrap();
    let key = ServiceKey(keypair.public().try_into_ed25519().unwrap().to_bytes());
    (keypair, key)
}

async fn connected() -> (Local, Local) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (Local(one), Local(listener.accept().await.unwrap().0))
}

#[tokio::test]
async fn each_way_ends_by_itself_and_all_arrives() {
    let ((mut visitor, near), (far, mut server)) = (connected().await, connected().await);
    let between = tokio::spawn(splice(near, far));
    let sent: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let writing = async {
        visitor.write_all(&sent).await.unwrap();
        visitor.close().await.unwrap();
    };
    let mut received = Vec::new();
    let reading = async { server.read_to_end(&mut received).await.unwrap() };
    futures::join!(writing, reading);
    assert!(received == sent);
    // The other way is still open.
    server.write_all(b"all of it is here").await.unwrap();
    server.close().await.unwrap();
    let mut answer = Vec::new();
    visitor.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"all of it is here");
    between.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_visitor_notices_who_is_not_the_service() {
    let (grid, (keypair, key)) = (GridId::from_bytes([1; 32]), service());
    let (near, far) = connected().await;
    let (visitor, service) = futures::join!(as_visitor(near, &grid, &key), as_service(far, &keypair, &grid, &key));
    let (mut visitor, mut service) = (visitor.unwrap(), service.unwrap());
    visitor.write_all(b"hello").await.unwrap();
    visitor.close().await.unwrap();
    let mut heard = Vec::new();
    service.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"hello");

    let (near, far) = connected().await;
    let other = Keypair::generate_ed25519();
    let (visitor, _) = futures::join!(as_visitor(near, &grid, &key), as_service(far, &other, &grid, &key));
    assert_eq!(visitor.err().unwrap().kind(), io::ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn another_grid_or_rubbish_is_no_conversation() {
    let (keypair, key) = service();
    let (near, far) = connected().await;
    let [one, other] = [1, 2].map(|byte| GridId::from_bytes([byte; 32]));
    let (visitor, _) = futures::join!(as_visitor(near, &one, &key), as_service(far, &keypair, &other, &key));
    assert!(visitor.is_err());
    let (mut near, far) = connected().await;
    near.write_all(&[0xa5; 4096]).await.unwrap();
    // It announces more than it is, and whoever waits for the rest has to see that none comes.
    near.close().await.unwrap();
    assert!(as_service(far, &keypair, &one, &key).await.is_err());
}
