use super::*;
use crate::cell::Shape;

const LENGTH: Duration = Duration::from_secs(600);
/// When the epoch begins.
const BEGAN: u64 = 5000;

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn line() -> Line {
    let shape = Shape::new(2, 16).unwrap();
    Line::through(shape.cell_at(0), shape.axes().next().unwrap())
}

fn cell(number: u8) -> Cell {
    Shape::new(2, 16).unwrap().cell(&[u16::from(number % 16), 0]).unwrap()
}

fn id(number: u8) -> NodeId {
    NodeId::from_bytes([number; 32])
}

fn roster(numbers: &[u8]) -> Roster {
    Roster::new(line(), numbers.iter().map(|&number| (id(number), cell(number)))).unwrap()
}

/// A node, number 0, that has seen others come and go.
#[derive(Default)]
struct View {
    presence: Presence,
    convicted: BTreeMap<NodeId, Time>,
    since: Time,
}

impl View {
    /// Nodes 1 to 9 have been there for an hour.
    fn of_ten() -> Self {
        let mut view = Self::default();
        (1..10).for_each(|number| view.came(number, 1000));
        view
    }

    fn came(&mut self, number: u8, when: u64) {
        self.presence.came(at(when), id(number), cell(number), Duration::ZERO);
    }

    fn left(&mut self, number: u8, when: u64) {
        self.presence.left(at(when), id(number));
    }

    fn judge(&self) -> Judge<'_> {
        let (presence, convicted) = (&self.presence, &self.convicted);
        let (me, home, began) = (id(0), cell(0), at(BEGAN));
        Judge { line: line(), me, home, since: self.since, presence, convicted, began, length: LENGTH }
    }

    fn says(&self, numbers: &[u8]) -> Verdict {
        self.judge().judge(&roster(numbers))
    }
}

const TEN: [u8; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

#[test]
fn an_opinion_names_who_was_there_for_an_epoch() {
    let mut view = View::of_ten();
    view.came(10, BEGAN - 601);
    view.came(11, BEGAN - 599);
    view.left(3, BEGAN + 5);
    view.convicted.insert(id(4), at(2000));
    let opinion = view.judge().opinion().unwrap();
    assert_eq!(opinion, roster(&[0, 1, 2, 5, 6, 7, 8, 9, 10]));
    assert_eq!(view.says(&[0, 1, 2, 5, 6, 7, 8, 9, 10]), Verdict::Sound, "one's own opinion is sound");
    view.since = at(BEGAN - 10);
    assert!(!view.judge().is_witness() && view.judge().opinion().unwrap().cell_of(id(0)).is_none());
}

#[test]
fn nobody_is_left_out_who_has_been_there_for_long_and_answers() {
    let view = View::of_ten();
    assert_eq!(view.says(&TEN), Verdict::Sound);
    assert_eq!(view.says(&TEN[..9]), Verdict::Unless(vec![id(9)]));
    assert_eq!(view.says(&TEN[..8]), Verdict::Unless(vec![id(8), id(9)]));
    assert_eq!(view.says(&TEN[..7]), Verdict::Wrong, "so many are not probed for anybody");
    assert_eq!(view.says(&TEN[1..]), Verdict::Wrong, "least of all ourselves");
}

#[test]
fn nobody_is_named_whom_we_have_not_met_in_time() {
    let mut view = View::of_ten();
    let with = |number| [&TEN[..], &[number]].concat();
    assert_eq!(view.says(&with(10)), Verdict::Wrong, "never met");
    view.came(10, BEGAN - 500);
    assert_eq!(view.says(&with(10)), Verdict::Wrong, "too young by more than a minute");
    view.came(11, 1000);
    view.left(11, BEGAN - 100);
    assert_eq!(view.says(&with(11)), Verdict::Wrong, "gone for more than a minute");
    view.convicted.insert(id(9), at(BEGAN - 100));
    assert_eq!(view.says(&TEN), Verdict::Wrong, "convicted for more than a minute");
    assert_eq!(view.says(&TEN[..9]), Verdict::Sound);
    let moved = TEN.iter().map(|&number| (id(number), if number == 5 { cell(6) } else { cell(number) }));
    assert_eq!(View::of_ten().judge().judge(&Roster::new(line(), moved).unwrap()), Verdict::Wrong, "in another cell");
}

#[test]
fn edges_may_differ_by_a_few() {
    let mut view = View::of_ten();
    let with = |numbers: &[u8]| [&TEN[..], numbers].concat();
    view.came(10, BEGAN - 550);
    view.came(11, BEGAN - 650);
    view.came(12, 1000);
    view.left(12, BEGAN - 50);
    view.came(13, 1000);
    view.left(13, BEGAN + 3);
    // Two differences are let pass: 11 is of our opinion, 10, 12 and 13 are not.
    for (numbers, verdict) in [
        (&[11][..], Verdict::Sound),
        (&[], Verdict::Sound),
        (&[10, 11, 12], Verdict::Sound),
        (&[10, 11, 13], Verdict::Sound),
        (&[12], Verdict::Sound),
        (&[12, 13], Verdict::Wrong),
        (&[10, 11, 12, 13], Verdict::Wrong),
    ] {
        assert_eq!(view.says(&with(numbers)), verdict, "{numbers:?}");
    }
    view.convicted.insert(id(9), at(BEGAN + 1));
    assert_eq!(view.says(&with(&[11])), Verdict::Sound, "others may not have heard of it yet");
}
