use super::*;

fn node(number: u8) -> Place {
    let cell = grid::cell::Shape::new(2, 4).unwrap().cell_at(number.into());
    Place { node: NodeId::from_bytes([number; 32]), cell }
}

fn place(number: u8, key: u8, expires: u64) -> (Place, Meeting) {
    (node(number), Meeting { key: ServiceKey([key; 32]), expires, signature: Vec::new() })
}

fn host(text: &str) -> ServiceHost {
    text.parse().unwrap()
}

#[test]
fn a_name_of_two_services_means_neither() {
    let (visits, places) = (Visits::default(), Places::from([place(1, 1, 5), place(2, 2, 9)]));
    let error = visits.choose(&host("notes.rook"), &places).unwrap_err();
    let full = |key: u8| format!("notes.{}.rook", ServiceKey([key; 32]));
    assert!(error.to_string().contains(&full(1)) && error.to_string().contains(&full(2)), "{error}");
    let (key, nodes) = visits.choose(&host(&full(2)), &places).unwrap();
    assert_eq!((key, nodes), (ServiceKey([2; 32]), vec![node(2)]));
}

#[test]
fn where_a_service_was_not_met_lately_it_is_sought_last() {
    let visits = Visits::default();
    let places = Places::from([place(1, 1, 5), place(2, 1, 7), place(3, 1, 9)]);
    let order = || visits.choose(&host("notes.rook"), &places).unwrap().1;
    assert_eq!(order(), [3, 2, 1].map(node));
    visits.failed.lock().unwrap().put(node(3).node, Instant::now());
    assert_eq!(order(), [2, 1, 3].map(node));
    if let Some(long_ago) = Instant::now().checked_sub(2 * FAILED) {
        visits.failed.lock().unwrap().put(node(3).node, long_ago);
        assert_eq!(order(), [3, 2, 1].map(node));
    }
}

#[test]
fn who_had_a_name_first_keeps_it() {
    let visits = Visits::default();
    let first = Places::from([place(1, 1, 5), place(3, 1, 9)]);
    let (key, nodes) = visits.choose(&host("notes.rook"), &first).unwrap();
    assert_eq!(key, ServiceKey([1; 32]));
    assert_eq!(nodes, [3, 1].map(node), "the youngest first");
    let later = Places::from([place(1, 1, 5), place(2, 2, 9)]);
    assert_eq!(visits.choose(&host("notes.rook"), &later).unwrap().0, ServiceKey([1; 32]));
    let other = Places::from([place(2, 2, 9)]);
    assert!(matches!(visits.choose(&host("notes.rook"), &other), Err(VisitError::Unknown(_))));
    assert!(matches!(visits.choose(&host("else.rook"), &Places::from([])), Err(VisitError::Unknown(_))));
}

#[test]
fn what_is_waited_for_goes_by_round_trips() {
    let millis = Duration::from_millis;
    assert_eq!(within(None, STAGGER_ROUNDS, STAGGER), millis(700));
    assert_eq!(within(Some(millis(5)), STAGGER_ROUNDS, STAGGER), millis(300));
    assert_eq!(within(Some(millis(50)), STAGGER_ROUNDS, STAGGER), millis(400));
    assert_eq!(within(Some(millis(900)), STAGGER_ROUNDS, STAGGER), millis(700));
}

#[test]
fn ways_to_one_node_are_a_part_of_those_to_its_service() {
    let (visits, [one, other]) = (Visits::default(), [1, 2].map(|key| ServiceKey([key; 32])));
    let builds = |key, number: u8| visits.builds(key, node(number).node);
    assert!(Arc::ptr_eq(&builds(one, 1), &builds(one, 1)));
    assert!(builds(one, 1).is_part_of_the_same(&builds(one, 2)));
    assert!(!builds(one, 1).is_part_of_the_same(&builds(other, 1)));
}
