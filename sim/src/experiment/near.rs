//! Names that are meant when another was typed.

/// Those of `known` that are not far from `typed`: at most a third of its letters, and at least two, are wrong; the
/// nearest first.
pub fn near<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let most = (typed.chars().count() / 3).max(2);
    let mut found: Vec<_> = known
        .into_iter()
        .filter_map(|name| {
            let wrong = distance(typed, name);
            (wrong <= most || (typed.len() > 2 && name.contains(typed))).then_some((wrong, name))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, name)| name).collect()
}

/// The end of a sentence about a name that nobody knows: what may have been meant, else all that there is.
pub fn instead<'a>(typed: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let near = near(typed, known.clone());
    if near.is_empty() {
        let all: Vec<_> = known.into_iter().collect();
        return if all.is_empty() { "there is none".into() } else { format!("there are {}", all.join(", ")) };
    }
    format!("near it: {}", near.join(", "))
}

/// Letters that have to be put in, taken out or changed (V. I. Levenshtein, 1966).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &second) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != second);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_known_words() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn the_nearest_is_named_first() {
        assert_eq!(near("geometri", ["churn", "geometry", "geometric"]), ["geometric", "geometry"]);
        assert_eq!(instead("zzzzzz", ["churn", "geometry"]), "there are churn, geometry");
        assert_eq!(instead("chrun", ["churn", "geometry"]), "near it: churn");
    }
}
