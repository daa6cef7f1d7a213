//! Whether what came is what the chapter shows: `...` stands for any text within a line, alone on a line for any lines.

/// Compares line by line.
pub(crate) fn fits(shown: &[String], came: &[&str]) -> bool {
    match shown {
        [] => came.is_empty(),
        [any, rest @ ..] if any == "..." => (0..=came.len()).any(|skipped| fits(rest, &came[skipped..])),
        [line, rest @ ..] => came.split_first().is_some_and(|(first, came)| line_fits(line, first) && fits(rest, came)),
    }
}

/// The same of a command that goes on: what is shown has come, and more may have.
pub(crate) fn begins(shown: &[String], came: &[&str]) -> bool {
    fits(&[shown, &["...".to_owned()]].concat(), came)
}

fn line_fits(shown: &str, came: &str) -> bool {
    let Some((before, after)) = shown.split_once("...") else { return shown.trim_end() == came.trim_end() };
    let Some(rest) = came.strip_prefix(before) else { return false };
    let mut places = rest.char_indices().map(|(place, _)| place).chain([rest.len()]);
    places.any(|place| line_fits(after, &rest[place..]))
}

#[test]
fn dots_stand_for_anything_and_nothing_else_does() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let fits = |shown: &str, came: &str| fits(&lines(shown), &came.lines().collect::<Vec<_>>());
    for (shown, came) in [("a", "a"), ("a...c", "abc"), ("...", ""), ("a\n...\nd", "a\nb\nc\nd"), ("...x...", "wxy")] {
        assert!(fits(shown, came), "{shown:?} {came:?}");
    }
    for (shown, came) in [("a", "b"), ("a", "a\nb"), ("a\nb", "a"), ("a...c", "abcd"), ("a\n...\nd", "a\nb"), ("", "a")]
    {
        assert!(!fits(shown, came), "{shown:?} {came:?}");
    }
    assert!(begins(&lines("a"), &["a", "b"]) && !begins(&lines("a\nc"), &["a", "b"]));
}
