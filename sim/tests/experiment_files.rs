#![allow(clippy::unwrap_used, reason = "a test may fail")]
//! Experiment files that are wrong, and what is said about them.

use sim::experiment::claims::judge;
use sim::experiment::file::{Experiment, Seeds};
use sim::experiment::plot::{self, Picture};
use sim::experiment::run::{Results, run};
use sim::experiment::setup::{MANY_TRIALS, Setup, Wishes};

const GOOD: &str = r#"
model = "geometry"
title = "A title"
question = "A question?"
conclusion = "An answer."
seeds = 4
[parameters]
pairs = 50
[sweep]
density = [1.0, 2, 4.0]
side = [4, 8]
[[plot]]
title = "Vacancy <&> a title that is so long that it does not fit into one line of the picture and has to be broken"
x = "density"
y = ["vacancy", "vacancy_expected"]
log_y = true
[[claim]]
says = "hops are few"
measure = "hops"
where = { density = 2.0, side = 8 }
at_most = 2
small = { at_most = 3, where = { side = 4 } }
[small]
seeds = { first = 7, count = 2 }
sweep = { side = [4] }
parameters = { density = 3 }
"#;

fn setup_with(text: &str, wishes: Wishes) -> Result<Setup, String> {
    Setup::new(Experiment::parse("test", "test.toml", text)?, wishes)
}

fn whole(text: &str) -> Result<Setup, String> {
    setup_with(text, Wishes::default())
}

fn results(text: &str) -> Results {
    run(whole(text).unwrap(), Some(1), &|| ()).unwrap()
}

/// The good file with something else in it is refused, and the message has all of these words.
#[track_caller]
fn refused(from: &str, to: &str, words: &[&str]) {
    assert!(GOOD.contains(from), "{from}");
    let error = whole(&GOOD.replace(from, to)).err().unwrap_or_else(|| panic!("{to} is accepted"));
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
}

#[test]
fn a_good_file_is_taken_as_it_is() {
    let setup = whole(GOOD).unwrap();
    assert_eq!((setup.points.len(), setup.trials(), setup.seeds), (6, 24, Seeds { first: 1, count: 4 }));
    // In the order of the file, not of the alphabet.
    assert_eq!(setup.swept, ["density", "side"]);
    assert_eq!(setup.points[1].label(), "density = 1.0, side = 8");
    assert_eq!(setup.points[3].parameters["density"], 2.0);
    assert_eq!(setup.points[3].parameters["pairs"], 50);
    let small = setup_with(GOOD, Wishes { small: true, ..Wishes::default() }).unwrap();
    assert_eq!((small.points.len(), small.seeds()), (1, vec![7, 8]));
    assert_eq!((&small.points[0].parameters["density"], small.points[0].label()), (&3.0.into(), "side = 4".into()));
    let more = setup_with(GOOD, Wishes { seeds: Some(30), ..Wishes::default() }).unwrap();
    assert_eq!((more.trials(), more.command()), (180, "rook-sim run test.toml --seeds 30".into()));
}

#[test]
fn tables_in_a_sweep_set_several_parameters_at_once() {
    let text = GOOD.replace("side = [4, 8]", "network = [{ dims = 2, side = 8 }, { dims = 6, side = 3 }]");
    let setup = whole(&text).unwrap();
    assert_eq!((setup.points.len(), setup.swept.join(" ").as_str()), (6, "density dims side"));
    assert_eq!(setup.points[1].parameters["dims"], 6);
    refused("side = [4, 8]", "network = [{ dims = 2 }, { dmis = 6 }]", &["line 11", "`dmis`", "dims"]);
    refused("pairs = 50\n[sweep]", "dims = 2\n[sweep]\nnetwork = [{ dims = 3 }]", &["`network`", "`dims`"]);
}

#[test]
fn unknown_keys_are_named_with_their_lines() {
    refused("title = \"A", "titel = \"A", &["titel", "line 3", "title"]);
    refused("model = \"geometry\"", "model = \"geomtry\"", &["geomtry", "near it: geometry"]);
    refused("pairs = 50", "pair = 50", &["line 8", "`pair`", "pairs"]);
    refused("side = [4, 8]", "syde = [4, 8]", &["line 11", "`syde`", "near it: side"]);
    refused("log_y", "log_z", &["log_z", "log_y"]);
    refused("at_most = 2", "atmost = 2", &["atmost", "at_most"]);
    refused("first = 7", "begin = 7", &["seeds are a number"]);
    refused("x = \"density\"", "x = \"pairs\"", &["pairs", "[sweep]"]);
    refused("x = \"density\"", "x = \"density\"\nseries = \"sid\"", &["series", "sid", "near it: side"]);
    refused("where = { density = 2.0,", "where = { densty = 2.0,", &["hops are few", "densty"]);
}

#[test]
fn what_is_impossible_is_said_before_any_work() {
    refused("side = [4, 8]", "side = [4, 1]", &["density = 1.0, side = 1", "at least 2"]);
    refused("side = [4, 8]", "side = [4, 8.5]", &["`side` = 8.5"]);
    refused("side = [4, 8]", "side = []", &["line 11", "list"]);
    refused("side = [4, 8]", "side = 8", &["line 11", "side = [8]"]);
    refused("density = [1.0, 2, 4.0]", "density = [inf]", &["density", "inf"]);
    refused("pairs = 50", "pairs = -1", &["`pairs` = -1"]);
    refused("pairs = 50", "side = 4", &["line 11", "`side`"]);
    refused("seeds = 4", "seeds = 0", &["seeds = 20"]);
    refused("seeds = 4", "seeds = \"many\"", &["seeds are a number"]);
    refused("density = 2.0, side", "density = 5.0, side", &["hops are few", "no point"]);
    refused("at_most = 2\n", "\n", &["hops are few", "at_least"]);
    refused("at_most = 2\n", "near = 2\n", &["within"]);
    assert!(
        setup_with(&GOOD.replace("side = 4 } }", "side = 8 } }"), Wishes { small: true, ..Wishes::default() }).is_err()
    );
}

#[test]
fn endless_sweeps_need_insistence() {
    let sides: Vec<String> = (2..1002).map(|side| side.to_string()).collect();
    let long = format!("side = [{}]", sides.join(", "));
    let densities = format!("density = [{}]", vec!["1.0"; 300].join(", "));
    let text = GOOD.replace("side = [4, 8]", &long).replace("density = [1.0, 2, 4.0]", &densities);
    let error = whole(&text).err().unwrap();
    assert!(error.contains("1200000 trials") && error.contains("--yes"), "{error}");
    let endless = text.replace("seeds = 4", "seeds = 4000000000000000000");
    let error = setup_with(&endless, Wishes { many: true, ..Wishes::default() }).err().unwrap();
    assert!(error.contains("at most"), "{error}");
    assert!(whole(&GOOD.replace("seeds = 4", &format!("seeds = {MANY_TRIALS}"))).is_err());
}

#[test]
fn claims_and_plots_of_what_nothing_measured_are_errors() {
    let claim = results(&GOOD.replace("measure = \"hops\"", "measure = \"hopps\""));
    let error = judge(&claim).unwrap_err();
    assert!(error.contains("hopps") && error.contains("near it: hops"), "{error}");
    let drawn = results(&GOOD.replace("\"vacancy_expected\"]", "\"vacancy_guessed\"]"));
    let error = plot::draw(&drawn, &drawn.setup.experiment.plots[0]).unwrap_err();
    assert!(error.contains("vacancy_guessed"), "{error}");
}

#[test]
fn a_claim_that_does_not_hold_fails_with_its_figure() {
    let verdicts = judge(&results(&GOOD.replace("at_most = 2\n", "at_most = 1\n"))).unwrap();
    assert!(!verdicts[0].holds);
    let said = verdicts[0].to_string();
    assert!(said.contains("FAILS") && said.contains("1.7") && said.contains("density = 2"), "{said}");
    assert!(judge(&results(GOOD)).unwrap()[0].holds);
}

#[test]
fn pictures_are_pictures() {
    let log = GOOD.replace("log_y = true", "log_y = true\nlog_x = true");
    let by_measure = GOOD.replace("x = \"density\"", "x = \"neighbours\"\nseries = \"side\"");
    for text in [GOOD, &log, &by_measure] {
        let results = results(text);
        let picture = plot::draw(&results, &results.setup.experiment.plots[0]).unwrap().unwrap();
        look_at(&picture);
    }
}

fn look_at(picture: &Picture) {
    for svg in [picture.svg(), picture.inline_svg()] {
        let document = resvg::usvg::roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
        assert!(texts.iter().any(|text| text.contains("Vacancy <&> a title")), "{texts:?}");
        assert!(texts.iter().any(|text| text.contains("vacancy expected")), "{texts:?}");
        assert!(document.descendants().filter(|node| node.has_tag_name("polyline")).count() > 4);
    }
    assert!(picture.inline_svg().contains("currentColor") && !picture.svg().contains("currentColor"));
    let svg = picture.svg();
    let root = resvg::usvg::roxmltree::Document::parse(&svg).unwrap();
    let side = |name| root.root_element().attribute(name).unwrap().parse::<u32>().unwrap();
    let pixels = resvg::tiny_skia::Pixmap::decode_png(&picture.png().unwrap()).unwrap();
    assert_eq!((pixels.width(), pixels.height()), (2 * side("width"), 2 * side("height")));
    // Letters stand there: the title's lines are dark on white, with no font of the machine.
    let dark = pixels.pixels()[..(pixels.width() * 100) as usize].iter().filter(|pixel| pixel.red() < 100).count();
    assert!(dark > 1000, "{dark}");
}
