//! Names in a constraint: which node or member of the description they mean.

use std::borrow::Cow;
use std::collections::HashMap;

use super::DapError;
use super::item::{Bounds, Piece, malformed};
use super::name;
use super::shape::{self, Node, Protocol, column_name};
use crate::model::Description;

/// How often a name may be percent-encoded: clients encode once or twice what DAP has encoded already.
const ENCODINGS: usize = 4;
/// The longest query that is read.
const MAX_QUERY: usize = 64 << 10;

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Which node.
    pub(super) node: usize,
    /// What of it.
    pub(super) member: Member,
}

/// A node or something in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// All of the node.
    All,
    /// The array of a grid.
    Array,
    /// The map along this axis of a grid.
    Map(usize),
    /// This column, as a variable, of a sequence.
    Column(usize),
}

/// A projection: a name with its brackets.
#[derive(Clone, Debug)]
pub(super) struct Projection {
    pub(super) target: Target,
    pub(super) bounds: Vec<Bounds>,
    pub(super) column: usize,
}

/// The names of a description.
pub(super) struct Names<'a> {
    pub(super) description: &'a Description,
    pub(super) nodes: Vec<Node>,
    protocol: Protocol,
    targets: HashMap<Cow<'a, str>, Target>,
}

/// A query of reasonable length.
pub(super) fn piece(query: &str) -> Result<Piece, DapError> {
    if query.len() > MAX_QUERY {
        return Err(malformed(MAX_QUERY, &format!("it is longer than {MAX_QUERY} bytes; ask for less at a time")));
    }
    Ok(Piece::of(query))
}

impl<'a> Names<'a> {
    /// Collects the names that a description has in DAP2.
    pub(super) fn dap2(description: &'a Description) -> Self {
        Self::of(description, Protocol::Dap2, shape::nodes(description))
    }

    /// Collects the names that a description has in DAP4, where all are arrays, in this order.
    pub(super) fn dap4(description: &'a Description, order: impl Iterator<Item = usize>) -> Self {
        Self::of(description, Protocol::Dap4, order.map(Node::Array).collect())
    }

    fn of(description: &'a Description, protocol: Protocol, nodes: Vec<Node>) -> Self {
        let mut named = Vec::with_capacity(nodes.len());
        for (place, node) in nodes.iter().enumerate() {
            let all = Target { node: place, member: Member::All };
            match node {
                Node::Array(variable) | Node::Grid { variable, .. } => {
                    named.push((description.variables[*variable].name.as_str(), all));
                }
                Node::Sequence(table) => {
                    let table = &description.tables[*table];
                    named.push((table.name.as_str(), all));
                    named.extend(table.columns.iter().map(|&column| {
                        let target = Target { node: place, member: Member::Column(column as usize) };
                        (description.variables[column as usize].name.as_str(), target)
                    }));
                }
            }
        }
        // Of names that are the same, a table's is first, and what is in a group the last.
        let is_table =
            |target: &Target| matches!(nodes[target.node], Node::Sequence(_)) && target.member == Member::All;
        named.sort_by_key(|(_, target)| !is_table(target));
        let mut targets: HashMap<Cow<'a, str>, Target> = HashMap::with_capacity(named.len());
        for &(name, target) in &named {
            targets.entry(Cow::Borrowed(name)).or_insert(target);
        }
        for &(name, target) in named.iter().filter(|(name, _)| protocol == Protocol::Dap2 && name.contains('/')) {
            targets.entry(Cow::Owned(name::dotted(name))).or_insert(target);
        }
        Self { description, nodes, protocol, targets }
    }

    /// The lengths of a variable's dimensions in this language.
    pub(super) fn shape(&self, variable: usize) -> Vec<u64> {
        shape::shape(self.protocol, self.description, variable)
    }

    /// A variable's dimensions in this language.
    pub(super) fn dimensions(&self, variable: usize) -> &'a [u32] {
        shape::dimensions(self.protocol, self.description, variable)
    }

    /// What a name means that is encoded no longer: a node, a column, or a node's member behind a dot.
    fn exact(&self, text: &str) -> Option<Target> {
        self.targets.get(text).copied().or_else(|| {
            text.match_indices('.').find_map(|(dot, _)| {
                let whole = self.targets.get(&text[..dot]).filter(|target| target.member == Member::All)?;
                let member = self.member(&self.nodes[whole.node], &text[dot + 1..])?;
                Some(Target { node: whole.node, member })
            })
        })
    }

    fn member(&self, node: &Node, text: &str) -> Option<Member> {
        let named = |variable: usize| {
            let name = &self.description.variables[variable].name;
            name == text || name::dotted(name) == text
        };
        match node {
            Node::Array(variable) => named(*variable).then_some(Member::All),
            Node::Grid { variable, .. } if named(*variable) => Some(Member::Array),
            Node::Grid { maps, .. } => maps.iter().position(|&map| named(map)).map(Member::Map),
            Node::Sequence(table) => {
                let table = &self.description.tables[*table];
                let columns = || table.columns.iter().map(|&column| column as usize);
                let column = columns().find(|&column| column_name(self.description, table, column) == text);
                column.or_else(|| columns().find(|&column| named(column))).map(Member::Column)
            }
        }
    }

    /// What a name means, encoded up to [`ENCODINGS`] times, with DAP4's slash before it or without.
    pub(super) fn find(&self, text: &str) -> Option<Target> {
        let mut text = text.to_owned();
        for _ in 0..ENCODINGS {
            let found =
                self.exact(&text).or_else(|| self.exact(text.strip_prefix('/')?)).or_else(|| self.backslashed(&text));
            if found.is_some() {
                return found;
            }
            match name::unescape(&text) {
                decoded if decoded == text => return None,
                decoded => text = decoded,
            }
        }
        None
    }

    /// What a name of DAP4 means in which characters are escaped by a backslash. netCDF's client writes two backslashes
    /// and no character: the one name that fits is meant.
    fn backslashed(&self, text: &str) -> Option<Target> {
        let text = text.strip_prefix('/').unwrap_or(text);
        if !text.contains('\\') {
            return None;
        }
        self.exact(&text.replace("\\.", ".")).or_else(|| {
            let mut fitting = (0..self.nodes.len()).filter(|&node| has_gaps(self.node_name(node), text));
            let node = fitting.next().filter(|_| fitting.next().is_none())?;
            Some(Target { node, member: Member::All })
        })
    }

    fn node_name(&self, node: usize) -> &'a str {
        match self.nodes[node] {
            Node::Array(variable) | Node::Grid { variable, .. } => &self.description.variables[variable].name,
            Node::Sequence(table) => &self.description.tables[table].name,
        }
    }

    /// Reads the projections in a piece, which `separator` divides.
    pub(super) fn projections(&self, piece: &Piece, separator: u8) -> Result<Vec<Projection>, DapError> {
        let mut projections = Vec::new();
        for item in piece.split(separator) {
            if !item.is_empty() {
                self.project(&item, separator, &mut projections)?;
            }
        }
        // Nothing at all means everything; a separator that separates nothing is a mistake.
        if projections.is_empty() && !piece.is_empty() {
            return Err(malformed(piece.column(), "names of variables are missing; write v,w[0:9]"));
        }
        Ok(projections)
    }

    fn project(&self, item: &Piece, separator: u8, projections: &mut Vec<Projection>) -> Result<(), DapError> {
        let (mut level, mut refused) = (item.decode(), None);
        for _ in 0..ENCODINGS {
            if let Some((target, bounds)) = self.sliced(item, &level) {
                projections.push(Projection { target, bounds, column: item.column() });
                return Ok(());
            }
            if level.has(separator) {
                return level.split(separator).iter().try_for_each(|item| self.project(item, separator, projections));
            }
            if level.has(b'[') || level.has(b']') {
                match level.brackets().map(|(path, bounds)| (self.find(&path.text()), path, bounds)) {
                    Ok((Some(target), _, bounds)) => {
                        projections.push(Projection { target, bounds, column: item.column() });
                        return Ok(());
                    }
                    Ok((None, path, _)) => refused = refused.or(Some(self.unknown(&path))),
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
            level = level.decode();
        }
        Err(refused.unwrap_or_else(|| self.unknown(&level)))
    }

    /// A name with brackets behind it, or none; the name may have brackets and separators in it. `raw` is the piece
    /// before it was decoded, for names that look encoded by themselves.
    fn sliced(&self, raw: &Piece, decoded: &Piece) -> Option<(Target, Vec<Bounds>)> {
        decoded.heads().into_iter().find_map(|head| {
            let (name, tail) = (decoded.part(0..head), decoded.part(head..decoded.len()));
            let before = || raw.before(tail.column());
            let target = self.find(&name.text()).or_else(|| self.find(&before().text()))?;
            let (_, bounds) = tail.brackets().ok()?;
            Some((target, bounds))
        })
    }

    /// The error for a name that means nothing, with names that it may have been meant for.
    pub(super) fn unknown(&self, piece: &Piece) -> DapError {
        let text = name::unescape(&piece.text());
        let lower = text.to_lowercase();
        let mut near: Vec<(usize, &str)> = (0..self.nodes.len())
            .map(|node| self.node_name(node))
            .take(1000)
            .map(|name| (distance(&name.to_lowercase(), &lower), name))
            .filter(|(distance, name)| *distance <= 1 + name.len() / 3)
            .collect();
        near.sort_unstable();
        let hint = match near.as_slice() {
            [] => "; the .dds lists all".to_owned(),
            [..] => {
                let names: Vec<&str> = near.iter().take(3).map(|(_, name)| *name).collect();
                format!("; did you mean {}?", names.join(" or "))
            }
        };
        let name = text.chars().take(200).collect();
        DapError::Unknown { column: piece.column(), name, hint }
    }
}

/// Whether a text is the name, but for one of the characters that netCDF's client escapes wherever it has two backslashes.
fn has_gaps(name: &str, text: &str) -> bool {
    let mut pieces = text.split("\\\\");
    let first = pieces.next().and_then(|piece| name.strip_prefix(piece));
    let rest = pieces.try_fold(first, |rest, piece| {
        let rest = rest?.strip_prefix(['.', '/', '@', '\\'])?;
        Some(rest.strip_prefix(piece))
    });
    rest.flatten() == Some("")
}

/// How many insertions, deletions and replacements make one text of the other (V. Levenshtein, 1966); of long texts the
/// first 64 characters count.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (place, character) in left.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], place + 1);
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}
