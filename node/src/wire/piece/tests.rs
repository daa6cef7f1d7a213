use futures::executor::block_on;
use futures::io::Cursor;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const LIMIT: usize = 100_000;

/// All units of a stream, and why it ended.
fn read(stream: &[u8], limit: usize) -> (Vec<Unit>, PieceError) {
    let mut units = Units::new(Cursor::new(stream), limit);
    let mut all = Vec::new();
    loop {
        match block_on(units.next()) {
            Ok(unit) => all.push(unit),
            Err(why) => return (all, why),
        }
    }
}

fn error(stream: &[u8]) -> PieceError {
    read(stream, LIMIT).1
}

fn first(lane: u8, length: u32, piece: u16) -> Vec<u8> {
    [&[0x10 + lane][..], &length.to_be_bytes(), &piece.to_be_bytes(), &vec![7; piece.into()]].concat()
}

fn more(lane: u8, piece: u16) -> Vec<u8> {
    [&[0x20 + lane][..], &piece.to_be_bytes(), &vec![7; piece.into()]].concat()
}

#[test]
fn the_bytes_are_these() {
    assert_eq!(whole_message(Class::Interactive, &[9, 8]), [1, 0, 2, 9, 8]);
    let long = vec![5; MAX_PIECE + 1];
    let units = whole_message(Class::Bulk, &long);
    assert_eq!(units[..7], [0x12, 0, 0, 0x3f, 0xfa, 0x3f, 0xf9]);
    assert_eq!(units[7 + MAX_PIECE..], [0x22, 0, 1, 5]);
    let mut units = Vec::new();
    append_mark(&mut units);
    append_reached(&mut units, Reached { marks: 258, at: 3 });
    units.push(LAST_WORD);
    assert_eq!(units, [0x30, 0x31, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0xff]);
    let (read, end) = read(&units, LIMIT);
    assert_eq!(read, [Unit::Mark, Unit::Reached(Reached { marks: 258, at: 3 }), Unit::LastWord]);
    assert!(matches!(end, PieceError::Closed));
}

#[test]
fn what_fills_slots_says_nothing() {
    for length in [0, 1, 2, 3, 4, 700, SLOT] {
        let mut stream = whole_message(Class::Control, &[1, 2]);
        let before = stream.len();
        append_padding(&mut stream, length);
        assert_eq!(stream.len(), before + length);
        append_mark(&mut stream);
        let (units, end) = read(&stream, LIMIT);
        assert_eq!(units, [Unit::Message(vec![1, 2]), Unit::Mark]);
        assert!(matches!(end, PieceError::Closed));
    }
    assert!(matches!(error(&[PADDING, 0xff, 0xff, 0, 0]), PieceError::Truncated));
    let mut within = first(2, 9000, 2000);
    append_padding(&mut within, 1000);
    within.extend(more(2, 7000));
    assert_eq!(read(&within, LIMIT).0, [Unit::Message(vec![7; 9000])], "also between the pieces of a message");
}

#[test]
fn cells_come_between_the_pieces_of_a_message() {
    let cell = Cell::from_bytes(Box::new([3; CELL]));
    let mut stream = first(2, 9000, 2000);
    append_cell(&mut stream, &cell);
    stream.extend(more(2, 7000));
    let (units, end) = read(&stream, LIMIT);
    assert_eq!(units, [Unit::Cell(cell), Unit::Message(vec![7; 9000])]);
    assert!(matches!(end, PieceError::Closed));
    assert!(matches!(error(&stream[..2007 + 1280]), PieceError::Truncated), "a cell that ends too early");
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_anything_comes() {
    let announced = |length: u32| [&[0x12][..], &length.to_be_bytes(), &1024_u16.to_be_bytes()].concat();
    assert!(matches!(error(&announced(u32::MAX)), PieceError::TooLong { limit: LIMIT, .. }));
    assert!(matches!(error(&announced(LIMIT as u32 + 1)), PieceError::TooLong { .. }));
    assert!(matches!(error(&announced(LIMIT as u32)), PieceError::Truncated));
    assert!(matches!(
        read(&whole_message(Class::Control, &[1; 10]), 9).1,
        PieceError::TooLong { length: 10, limit: 9 }
    ));
}

#[test]
fn pieces_out_of_turn_are_refused() {
    assert!(matches!(error(&more(2, 2000)), PieceError::NotBegun(Class::Bulk)));
    assert!(matches!(error(&[first(2, 9000, 2000), more(1, 2000)].concat()), PieceError::NotBegun(Class::Interactive)));
    assert!(matches!(
        error(&[first(2, 9000, 2000), first(2, 9000, 2000)].concat()),
        PieceError::BegunTwice(Class::Bulk)
    ));
    assert!(matches!(
        error(&[first(0, 9000, 2000), vec![0, 0, 1, 7]].concat()),
        PieceError::BegunTwice(Class::Control)
    ));
    for kind in [0x03, 0x0f, 0x13, 0x2f, 0x32, 0x41, 0xf0, 0xfe] {
        assert!(matches!(error(&[kind, 0, 1, 7]), PieceError::UnknownKind(found) if found == kind), "{kind:#x}");
    }
}

#[test]
fn empty_pieces_crumbs_and_excess_are_refused() {
    assert!(matches!(error(&[0, 0, 0]), PieceError::Piece { length: 0, .. }));
    assert!(matches!(error(&first(1, 0, 0)), PieceError::Piece { length: 0, .. }));
    assert!(matches!(error(&first(1, 9000, 1)), PieceError::Piece { length: 1, rest: 9000, .. }));
    assert!(matches!(error(&first(1, 2000, 2000)), PieceError::Piece { length: 2000, .. }), "it is whole");
    let begun = first(1, 9000, 2000);
    assert!(matches!(error(&[begun.clone(), more(1, 0)].concat()), PieceError::Piece { length: 0, rest: 7000, .. }));
    assert!(matches!(error(&[begun.clone(), more(1, 1023)].concat()), PieceError::Piece { length: 1023, .. }));
    assert!(matches!(error(&[begun.clone(), more(1, 7001)].concat()), PieceError::Piece { length: 7001, .. }));
    assert!(matches!(error(&first(1, 90_000, MAX_PIECE as u16 + 1)), PieceError::Piece { .. }));
    assert!(matches!(error(&begun), PieceError::Truncated));
    assert_eq!(read(&[begun, more(1, 7000)].concat(), LIMIT).0, [Unit::Message(vec![7; 9000])]);
}

/// Messages for lanes, and in which order the lanes are served.
fn messages() -> impl Strategy<Value = Vec<(Class, Vec<u8>)>> {
    let length = prop_oneof![1..200_usize, 1..60_000_usize];
    vec((select(Class::ALL.to_vec()), (any::<u8>(), length).prop_map(|(byte, length)| vec![byte; length])), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the lanes take turns and wherever messages are cut, each lane's messages arrive, in order.
    #[test]
    fn what_is_written_is_read(
        messages in messages(),
        turns in vec((0..3_usize, 0..20_000_usize), 1..50),
    ) {
        let mut waiting: [std::collections::VecDeque<(Vec<u8>, usize)>; 3] = Default::default();
        for (lane, message) in &messages {
            waiting[lane.index()].push_back((message.clone(), 0));
        }
        let mut stream = Vec::new();
        for (turn, most) in turns.into_iter().cycle() {
            let Some(lane) = (0..3).map(|n| Class::ALL[(turn + n) % 3]).find(|l| !waiting[l.index()].is_empty()) else {
                break;
            };
            let queue = &mut waiting[lane.index()];
            let (message, start) = queue.front_mut().unwrap();
            *start += append_piece(&mut stream, lane, message, *start, most);
            if *start == message.len() {
                queue.pop_front();
            }
        }
        let (units, end) = read(&stream, LIMIT);
        prop_assert!(matches!(end, PieceError::Closed));
        let mut found: Vec<Vec<u8>> = units.into_iter().map(|unit| match unit {
            Unit::Message(message) => message,
            other @ (Unit::Mark | Unit::Reached(_) | Unit::Cell(_) | Unit::LastWord) => panic!("{other:?}"),
        }).collect();
        let mut sent: Vec<Vec<u8>> = messages.into_iter().map(|(_, message)| message).collect();
        found.sort();
        sent.sort();
        prop_assert_eq!(found, sent);
    }

    /// Whatever comes, reading ends, and nothing longer than the limit comes out.
    #[test]
    fn any_bytes_are_read_or_refused(
        heads in vec((select(vec![0_u8, 1, 2, 0x10, 0x11, 0x12, 0x20, 0x21, 0x22, 0x30, 0x31, 0x40, 0x99]), vec(any::<u8>(), 0..40)), 0..40),
    ) {
        let stream: Vec<u8> = heads.into_iter().flat_map(|(kind, rest)| [vec![kind], rest].concat()).collect();
        let (units, _) = read(&stream, 700);
        for unit in units {
            if let Unit::Message(message) = unit {
                prop_assert!((1..=700).contains(&message.len()));
            }
        }
    }

    /// A message that is cut at any place of the stream is never taken for a whole one.
    #[test]
    fn a_cut_stream_is_no_message(length in 1..40_000_usize, share in 0.0..1.0_f64) {
        let stream = whole_message(Class::Bulk, &vec![3; length]);
        let cut = (stream.len() as f64 * share) as usize;
        let (units, end) = read(&stream[..cut], LIMIT);
        prop_assert_eq!(units, Vec::new());
        prop_assert!(matches!(end, PieceError::Truncated) || cut == 0);
    }
}
