//! What is drawn of fixed answers, at all sizes.

mod samples;

use std::time::Duration;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use self::samples::{counted, peer, sample};
use super::counts::Sort;
use super::look::Look;
use super::panes::Pane;
use super::screen::{Key, Screen};
use super::words::Palette;
use super::{columns, interval};
use crate::metrics::Warning;

fn screen(look: Look) -> Screen {
    Screen::new(look, Palette::new(false))
}

/// The rows of the terminal after the screen was drawn.
fn drawn(screen: &mut Screen, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    let cells = terminal.backend().buffer().content();
    let rows = cells.chunks(width.max(1).into());
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect()).collect()
}

fn assert_shows(rows: &[String], texts: &[&str]) {
    let all = rows.join("\n");
    for text in texts {
        assert!(all.contains(text), "no {text:?} in\n{all}");
    }
}

#[test]
fn at_80_by_24_the_map_has_a_list_beside_it() {
    let mut screen = screen(sample(2, 4));
    let rows = drawn(&mut screen, 80, 24);
    assert_shows(&rows[..1], &["rook cafeabababab  [1, 2]  joined  local, 2 axes of 4  v0.1.0  up 3.33 min"]);
    assert_shows(&rows[1..3], &["3 neighbours  4 links  1 warning  321 waiting", "12 records, 4.0 KiB of 1.0 GiB"]);
    assert_shows(&rows, &["Map: x across, y down", "Neighbours 3, by cell", "0001abababab"]);
    // The own cell has this node and one more, its line across is the third row.
    assert_shows(&rows, &["2> 1  [2]  \u{b7}   \u{b7}"]);
    assert_shows(&rows, &["queue: control 1,", "q end"]);
    for (number, texts) in [
        (3, ["own      put   done", "refused  bulk  busy"]),
        (4, ["-1.50 leech", "-4.90 kB"]),
        (5, ["0.500 shunned: it lied", "7 of 8"]),
        (6, ["in use, 1.02 min old, laid in 52.5 ms, 50.1 ms", "30 cells relayed outward"]),
        (7, ["records take much (3 times, 10.0 s ago)", "-> give more with --quota"]),
    ] {
        assert!(screen.press(Key::Pane(number)));
        assert_shows(&drawn(&mut screen, 80, 24), &texts);
    }
    assert!(screen.press(Key::Help));
    assert_shows(&drawn(&mut screen, 80, 24), &["Tab, Shift-Tab", "sort the pane"]);
    assert!(screen.press(Key::Back), "Esc leaves the help");
    assert!(!screen.press(Key::Back) && !screen.press(Key::Quit), "and then the program");
}

#[test]
fn at_40_by_12_there_is_one_pane() {
    let mut screen = screen(sample(2, 4));
    let rows = drawn(&mut screen, 40, 12);
    let head = [
        "rook cafeabababab  [1, 2]  joined",
        "local, 2 axes of 4  v0.1.0  up 3.33 min",
        "3 neighbours  4 links  1 warning",
    ];
    for (row, text) in rows.iter().zip(head) {
        assert_eq!(row.trim_end(), text);
    }
    assert_eq!(rows[3].trim_end(), "1 2 3 Neighbours 4 5 6 7 8");
    assert_shows(&rows, &["Neighbours 3, by cell", "0003abababab [1, 0]"]);
    screen.press(Key::Pane(0));
    assert_shows(&drawn(&mut screen, 40, 12), &["1 Map", "[2]"]);
}

#[test]
fn at_200_by_60_there_is_everything() {
    let rows = drawn(&mut screen(sample(3, 8)), 200, 60);
    for pane in Pane::ALL {
        let found = rows[3..].iter().any(|row| {
            row.contains(&format!("\u{250c}{}", pane.name())) || row.contains(&format!("\u{250f}{}", pane.name()))
        });
        assert!(found, "no {pane:?} in\n{}", rows.join("\n"));
    }
    assert_shows(&rows, &["records take much", "shunned: it lied", "-4.90 kB", "laid in 52.5 ms", "queue: control 1"]);
}

#[test]
fn with_many_axes_a_key_chooses_two() {
    let mut screen = screen(sample(4, 5));
    screen.press(Key::Pane(0));
    let mut titles = Vec::new();
    for _ in 0..7 {
        let rows = drawn(&mut screen, 80, 24);
        let row = rows.iter().find(|row| row.contains("Map: ")).unwrap();
        titles.push(row.split("Map: ").nth(1).unwrap()[..15].to_owned());
        screen.press(Key::Axes);
    }
    let pairs = ["xy", "xz", "xu", "yz", "yu", "zu", "xy"];
    let wanted = pairs.map(|pair| format!("{} across, {} down", &pair[..1], &pair[1..])[..15].to_owned());
    assert_eq!(titles, wanted);
    // Two of the known nodes are in other cells along the first two axes, none along the last two.
    let count = |screen: &mut Screen| drawn(screen, 80, 24).join("").matches(" 1 ").count();
    for _ in 0..4 {
        screen.press(Key::Axes);
    }
    let none = count(&mut screen);
    screen.press(Key::Axes);
    assert_eq!(count(&mut screen), none + 2);
}

#[test]
fn a_grid_of_one_axis_is_a_row() {
    let rows = drawn(&mut screen(sample(1, 3)), 80, 24);
    assert_shows(&rows, &["Map: x", "0> 2  [2]  \u{b7}"]);
}

#[test]
fn a_large_grid_is_shown_around_the_own_cell_and_can_be_moved() {
    let mut look = sample(2, 300);
    look.status.cell = vec![150, 150];
    let mut screen = screen(look);
    screen.press(Key::Pane(0));
    assert_shows(&drawn(&mut screen, 80, 24), &["150>", "@"]);
    for _ in 0..400 {
        screen.press(Key::Move(0, 1));
    }
    assert_shows(&drawn(&mut screen, 80, 24), &["299 "]);
    screen.press(Key::Move(0, -1));
    let rows = drawn(&mut screen, 80, 24);
    assert!(!rows.iter().any(|row| row.contains("299 ")), "moving back has an effect at once");
    screen.press(Key::Home);
    assert_shows(&drawn(&mut screen, 80, 24), &["150>"]);
}

#[test]
fn lists_are_sorted_and_scrolled() {
    let mut look = sample(2, 4);
    look.peers = (1..100).map(|number| peer(number, vec![0, u16::try_from(number).unwrap() % 4])).collect();
    let mut screen = screen(look);
    let first = |screen: &mut Screen| {
        let rows = drawn(screen, 40, 12);
        rows[6].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(first(&mut screen), "0004abababab", "by cell");
    let mut orders = Vec::new();
    for _ in 0..5 {
        screen.press(Key::Order);
        orders.push((screen.order(Pane::Neighbours).unwrap(), first(&mut screen)[..4].to_owned()));
    }
    let wanted = [("latency", "0002"), ("load", "0001"), ("link", "0001"), ("id", "0001"), ("cell", "0004")];
    assert_eq!(orders, wanted.map(|(order, id)| (order, id.to_owned())));
    for _ in 0..4 {
        screen.press(Key::Order);
    }
    screen.press(Key::Page(1));
    assert_eq!(first(&mut screen)[..4], *"0006", "a page of five");
    screen.press(Key::End);
    assert_eq!(first(&mut screen)[..4], *"005f");
    screen.press(Key::Move(0, -1));
    assert_eq!(first(&mut screen)[..4], *"005e", "going back has an effect at once");
    assert_shows(&drawn(&mut screen, 40, 12), &["Neighbours 99, by id, 94-98 of 99"]);
    screen.press(Key::Home);
    assert_eq!(first(&mut screen)[..4], *"0001");
}

#[test]
fn rates_are_shown_from_the_second_look_on() {
    let mut screen = screen(sample(2, 4));
    screen.press(Key::Pane(3));
    let row = |screen: &mut Screen| {
        let rows = drawn(screen, 80, 24);
        let row = rows.iter().find(|row| row.contains("own ")).unwrap();
        row.split("own ").nth(1).unwrap().split_whitespace().take(4).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row(&mut screen), "put done - 10");
    let mut next = sample(2, 4);
    next.at = Duration::from_secs(3);
    next.counts.insert(counted(Sort::Own, "put", "done"), 15);
    screen.update(next);
    assert_eq!(row(&mut screen), "put done 2.5 15");
}

#[test]
fn a_silent_node_keeps_its_figures_marked_as_old() {
    let mut screen = screen(sample(2, 4));
    screen.miss("no node of yours is reachable".into(), Duration::from_secs(13));
    for size in [(80, 24), (40, 12), (200, 60)] {
        let rows = drawn(&mut screen, size.0, size.1);
        assert_shows(&rows, &["no answer", "figures are 12 s old: no node", "(old)", "0001abababab"]);
    }
    screen.update(sample(2, 4));
    let rows = drawn(&mut screen, 80, 24).join("\n");
    assert!(!rows.contains("old") && rows.contains("joined"), "{rows}");
}

#[test]
fn who_has_not_joined_says_why() {
    let mut look = sample(2, 4);
    look.status.joined = false;
    let warning = |kind: &str, text: &str| Warning {
        kind: kind.into(),
        text: text.into(),
        what_to_do: "try another --peer".into(),
        count: 1,
        first: 1000,
        last: 1000,
    };
    look.warnings = vec![warning("not_joined", "not in the grid"), warning("join_failed", "joining failed: no answer")];
    let rows = drawn(&mut screen(look), 80, 24);
    assert_shows(&rows, &["not joined", "joining failed: no answer: try another --peer"]);
}

#[test]
fn rubbish_breaks_nothing() {
    let rubbish = "\u{1b}[2J\u{202e}\u{4e00}\n\t\u{301}\u{1f468}\u{200d}\u{1f469}".repeat(200);
    let mut look = sample(3, 4);
    look.status.grid = rubbish.clone();
    look.status.version = rubbish.clone();
    look.status.level = rubbish.clone();
    look.status.id = rubbish.clone();
    look.status.joined = false;
    look.peers[0].id = rubbish.clone();
    look.peers[1].cell = vec![9; 40];
    look.servers[0].shunned = Some(rubbish.clone());
    look.servers[0].cell = rubbish.clone();
    look.warnings[0].kind = "join_failed".into();
    look.warnings[0].text = rubbish.clone();
    look.tunnels.own[0].way = vec![rubbish.clone()];
    look.counts.insert(counted(Sort::Own, &rubbish, &rubbish), u64::MAX);
    let mut screen = screen(look);
    screen.miss(rubbish, Duration::from_secs(2));
    for pane in 0..Pane::ALL.len() {
        screen.press(Key::Pane(pane));
        for (width, height) in [(80, 24), (40, 12), (200, 60)] {
            let rows = drawn(&mut screen, width, height);
            assert!(!rows.iter().any(|row| row.contains(['\u{1b}', '\u{202e}'])));
            assert_shows(&rows[rows.len() - 1..], &["q end  Tab pane"]);
            if height > 12 {
                assert!(rows.iter().any(|row| row.contains("4 links")), "{}", rows.join("\n"));
            }
        }
    }
    let plain = screen.plain(100);
    assert!(!plain.contains(['\u{1b}', '\u{202e}']) && plain.contains("4 links"), "{plain}");
}

#[test]
fn nonsense_of_a_node_breaks_nothing() {
    for (dims, side, cell) in
        [(0, 0, vec![]), (2, 0, vec![0, 0]), (2, 3, vec![9, 9]), (7, 3, vec![]), (1, u16::MAX, vec![5])]
    {
        let mut look = sample(2, 4);
        (look.status.dims, look.status.side, look.status.cell) = (dims, side, cell);
        look.status.quota_bytes = 0;
        look.status.record_bytes = u64::MAX;
        let mut screen = screen(look);
        (0..3).for_each(|_| {
            drawn(&mut screen, 80, 24);
            screen.press(Key::Axes);
        });
        assert!(screen.plain(80).contains("Map"));
    }
}

#[test]
fn without_colours_there_are_none() {
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
    let colours = |terminal: &Terminal<TestBackend>| {
        let cells = terminal.backend().buffer().content();
        cells.iter().any(|cell| [cell.fg, cell.bg].iter().any(|colour| *colour != ratatui::style::Color::Reset))
    };
    terminal.draw(|frame| screen(sample(2, 4)).draw(frame)).unwrap();
    assert!(!colours(&terminal));
    terminal.draw(|frame| Screen::new(sample(2, 4), Palette::new(true)).draw(frame)).unwrap();
    assert!(colours(&terminal));
}

#[test]
fn plain_text_has_everything_and_no_more_than_it_may() {
    let mut look = sample(2, 4);
    look.peers = (1..100).map(|number| peer(number, vec![0, 1])).collect();
    let text = screen(look).plain(60);
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    assert_shows(
        &[text],
        &["Neighbours 99, by cell\n", "... and 60 rows more", "2> \u{b7}  [1]", "Warnings 1\nrecords take much"],
    );
}

#[test]
fn what_is_called_wrongly_is_told() {
    assert_eq!(interval("0.2").unwrap(), Duration::from_millis(200));
    for wrong in ["0.1", "0", "-1", "nan", "inf", "x", "", "1e9"] {
        let error = interval(wrong).unwrap_err();
        assert!(error.contains(&format!("{wrong:?}")) && error.contains("0.2"), "{error}");
    }
    assert_eq!(
        [None, Some("80"), Some("0"), Some("x")].map(|text| columns(text.map(str::to_owned))),
        [100, 80, 20, 100]
    );
}

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        Just(Key::Next),
        Just(Key::Previous),
        (0..10usize).prop_map(Key::Pane),
        (any::<i64>(), any::<i64>()).prop_map(|(right, down)| Key::Move(right, down)),
        any::<i64>().prop_map(Key::Page),
        Just(Key::Home),
        Just(Key::End),
        Just(Key::Axes),
        Just(Key::Order),
        Just(Key::Help),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_size_and_no_key_breaks_it(
        (width, height) in (0..220u16, 0..70u16),
        (dims, side, count) in (0..7u8, 0..40u16, 0..60usize),
        keys in proptest::collection::vec(any_key(), 0..12),
        silent in any::<bool>(),
    ) {
        let mut look = sample(dims, side);
        look.peers.extend((0..count).map(|number| peer(number, vec![3; dims.into()])));
        let mut screen = screen(look);
        if silent {
            screen.miss("gone".into(), Duration::from_secs(60));
        }
        drawn(&mut screen, width, height);
        for key in keys {
            prop_assert!(screen.press(key));
            drawn(&mut screen, width, height);
        }
        screen.plain(width.max(20));
    }
}
