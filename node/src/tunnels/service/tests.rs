use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_800_000_000;

fn keypair(seed: u8) -> (Keypair, ServiceKey) {
    let keypair = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    let key = ServiceKey(keypair.public().try_into_ed25519().unwrap().to_bytes());
    (keypair, key)
}

fn announced(node: NodeId, name: &ServiceName, expires: u64) -> Meeting {
    let (keypair, key) = keypair(7);
    let grid = GridId::from_bytes([1; 32]);
    let [signature, _] = Statement { grid: &grid, node: &node, name, key: &key, expires }.sign(&keypair).unwrap();
    Meeting { key, expires, signature }
}

#[test]
fn an_announcement_holds_for_its_grid_node_name_and_time_alone() {
    let (grid, node) = (GridId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
    let name: ServiceName = "notes".parse().unwrap();
    let meeting = announced(node, &name, NOW + 600);
    let note = meeting.note();
    assert_eq!(Meeting::check(&note, &grid, &node, &name, NOW), Ok(meeting));
    let forged = Err(MeetingError::Signature);
    assert_eq!(Meeting::check(&note, &GridId::from_bytes([9; 32]), &node, &name, NOW), forged);
    assert_eq!(Meeting::check(&note, &grid, &NodeId::from_bytes([9; 32]), &name, NOW), forged);
    assert_eq!(Meeting::check(&note, &grid, &node, &"note".parse().unwrap(), NOW), forged);
    assert_eq!(Meeting::check(&note, &grid, &node, &name, NOW + 600), Err(MeetingError::Time));
    assert_eq!(Meeting::check(&note, &grid, &node, &name, NOW - 301), Err(MeetingError::Time));
    assert_eq!(Meeting::check(&note[1..], &grid, &node, &name, NOW), Err(MeetingError::Malformed));
}

#[test]
fn what_is_announced_is_no_proof_to_the_meeting_node() {
    let (keypair, key) = keypair(7);
    let (grid, node, name) = (GridId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]), "notes".parse().unwrap());
    let statement = Statement { grid: &grid, node: &node, name: &name, key: &key, expires: NOW };
    let [announced, proof] = statement.sign(&keypair).unwrap();
    assert_eq!(statement.check_proof(&proof), Ok(()));
    assert_eq!(statement.check_proof(&announced), Err(MeetingError::Signature));
}

#[test]
fn names_and_hosts_are_read() {
    let host: ServiceHost = "Notes.rook".parse().unwrap();
    assert_eq!(host, ServiceHost { name: "notes".parse().unwrap(), key: None });
    let full = ServiceHost { key: Some(keypair(3).1), ..host };
    assert_eq!(full.to_string().parse::<ServiceHost>(), Ok(full));
    for wrong in ["rook", ".rook", "a.b.c.rook", "example.com", "-a.rook", "a-.rook", "a_b.rook", "a.short.rook"] {
        assert!(wrong.parse::<ServiceHost>().is_err(), "{wrong}");
    }
    assert!("a".repeat(63).parse::<ServiceName>().is_ok());
    assert!("a".repeat(64).parse::<ServiceName>().is_err());
}

#[test]
fn a_key_has_one_text() {
    // RFC 4648 encodes 32 zero bytes as 52 a, and 32 bytes of ones as 51 times 7 and q.
    assert_eq!(ServiceKey([0; 32]).to_string(), "a".repeat(52));
    assert_eq!(ServiceKey([255; 32]).to_string(), format!("{}q", "7".repeat(51)));
    assert!(format!("{}b", "a".repeat(51)).parse::<ServiceKey>().is_err());
}

proptest! {
    #[test]
    fn keys_survive_being_written(key: [u8; 32]) {
        let text = ServiceKey(key).to_string();
        prop_assert_eq!(text.len(), 52);
        prop_assert_eq!(text.parse::<ServiceKey>(), Ok(ServiceKey(key)));
    }

    #[test]
    fn an_altered_announcement_is_not_believed(at in 0_usize..105, change in 1_u8..) {
        let (grid, node) = (GridId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
        let name: ServiceName = "notes".parse().unwrap();
        let mut note = announced(node, &name, NOW + 600).note();
        note[at] ^= change;
        prop_assert!(Meeting::check(&note, &grid, &node, &name, NOW).is_err());
    }

    #[test]
    fn rubbish_is_not_believed(note in proptest::collection::vec(any::<u8>(), 0..512)) {
        let (grid, node) = (GridId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
        prop_assert!(Meeting::check(&note, &grid, &node, &"notes".parse().unwrap(), NOW).is_err());
    }
}
