//! Groups of a NetCDF-4 file before its readers follow them: a file may link a group into itself, or twice into each of many, and they follow
//! every way there is, each on the stack.

use hdf5_reader::group::Group;

use crate::source::SourceError;
use crate::storage;

/// Groups may lie so deep within each other; a level takes the readers about a kilobyte of the stack.
const DEPTH: usize = 64;
/// Groups of a file, each counted once for each way that leads to it.
const GROUPS: usize = 10_000;

/// Goes through all groups under this one.
///
/// # Errors
/// [`SourceError::Damaged`] if they lie in each other without end, too deep, or too often; what the readers say.
pub(super) fn check(name: &str, root: Group) -> Result<(), SourceError> {
    let members = |group: &Group| group.groups().map_err(|error| storage::meaning(name, &error));
    walk(root, members, |what| SourceError::Damaged { name: name.into(), what })
}

fn walk<G, E>(root: G, members: impl Fn(&G) -> Result<Vec<G>, E>, damaged: impl Fn(String) -> E) -> Result<(), E> {
    let (mut ahead, mut seen) = (vec![(root, 0)], 0);
    while let Some((group, depth)) = ahead.pop() {
        if depth > DEPTH {
            return Err(damaged(format!("its groups lie more than {DEPTH} deep within each other, or in a circle")));
        }
        seen += 1;
        if seen + ahead.len() > GROUPS {
            return Err(damaged(format!(
                "it has more than {GROUPS} groups, or links groups to each other over and over"
            )));
        }
        ahead.extend(members(&group)?.into_iter().map(|member| (member, depth + 1)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups by number, each with the numbers of those within it.
    fn check(members: impl Fn(usize) -> Vec<usize>) -> Result<(), String> {
        walk(0, |&group| Ok(members(group)), |what| what)
    }

    #[test]
    fn groups_may_be_deep_and_many() {
        check(|_| Vec::new()).unwrap();
        check(|group| if group < DEPTH { vec![group + 1] } else { Vec::new() }).unwrap();
        check(|group| if group == 0 { (1..GROUPS).collect() } else { Vec::new() }).unwrap();
        // One group in two others is no circle.
        check(|group| [vec![1, 2], vec![3], vec![3], vec![]][group].clone()).unwrap();
    }

    #[test]
    fn circles_and_what_grows_without_end_are_refused() {
        let circle = check(|group| vec![(group + 1) % 3]).unwrap_err();
        assert!(circle.contains("circle"), "{circle}");
        assert!(check(|_| vec![0]).is_err());
        let deep = check(|group| if group <= DEPTH { vec![group + 1] } else { Vec::new() });
        assert!(deep.unwrap_err().contains("64 deep"));
        // Two to the sixtieth ways, and no circle.
        let doubled = check(|group| if group < 60 { vec![group + 1; 2] } else { Vec::new() });
        assert!(doubled.unwrap_err().contains("10000 groups"));
        let many = check(|group| if group == 0 { (1..=GROUPS).collect() } else { Vec::new() });
        assert!(many.is_err());
    }
}
