use proptest::prelude::*;

use super::*;

fn meet(name: Vec<u8>, signature: Vec<u8>) -> Ask {
    Ask::Meet { key: [1; 32], name, expires: 9, signature, proof: vec![3; SIGNATURE] }
}

#[test]
fn questions_about_services_survive_the_wire() {
    let decoded = codec::decode::<Ask>(&codec::encode(&meet(b"notes".to_vec(), vec![2; SIGNATURE]))).unwrap();
    let Ask::Meet { key, name, expires, signature, proof } = decoded else { panic!("{decoded:?}") };
    assert_eq!((key, name, expires), ([1; 32], b"notes".to_vec(), 9));
    assert_eq!((signature, proof), (vec![2; SIGNATURE], vec![3; SIGNATURE]));
    assert!(matches!(codec::decode(&codec::encode(&Ask::Visit { key: [5; 32] })), Ok(Ask::Visit { key: [5, ..] })));
}

#[test]
fn what_is_too_long_is_refused_before_it_is_kept() {
    let long = codec::encode(&meet(vec![b'a'; MAX_NAME + 1], Vec::new()));
    assert!(codec::decode::<Ask>(&long).is_err());
    assert!(codec::decode::<Ask>(&codec::encode(&meet(Vec::new(), vec![0; SIGNATURE + 1]))).is_err());
    let announced = |note| Announced { node: [1; 32], cell: 3, note };
    let many = (0..=MAX_ANSWERED).map(|_| announced(Vec::new())).collect();
    assert!(codec::decode::<Answer>(&codec::encode(&Answer::Meetings(many))).is_err());
    let long = Answer::Meetings(vec![announced(vec![0; MAX_NOTE + 1])]);
    assert!(codec::decode::<Answer>(&codec::encode(&long)).is_err());
}

#[test]
fn an_answer_to_another_question_is_none() {
    assert!(matches!(Answer::Done.into_meetings(), Err(TalkError::Other)));
    assert!(matches!(Answer::Meetings(Vec::new()).into_done(), Err(TalkError::Other)));
    assert!(matches!(Answer::failed(&"no").into_done(), Err(TalkError::Failed(_))));
}

proptest! {
    #[test]
    fn rubbish_is_an_error_and_no_panic(number in 0_u8..10, rest in proptest::collection::vec(any::<u8>(), 0..300)) {
        let frame = [&[number][..], &rest].concat();
        // Whatever is understood means the same when it is said again.
        if let Ok(question) = codec::decode::<Ask>(&frame) {
            prop_assert_eq!(format!("{question:?}"), format!("{:?}", codec::decode::<Ask>(&codec::encode(&question)).unwrap()));
        }
        if let Ok(answer) = codec::decode::<Answer>(&frame) {
            prop_assert_eq!(format!("{answer:?}"), format!("{:?}", codec::decode::<Answer>(&codec::encode(&answer)).unwrap()));
        }
    }
}
