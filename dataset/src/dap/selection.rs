//! What a constraint selects of a description, and the one text that says so.

use std::collections::{BTreeMap, BTreeSet};

use super::constraint::{Member, Names, Projection, piece};
use super::filter::{Clause, Filter};
use super::item::{Bounds, Piece};
use super::shape::{self, Node};
use super::{DapError, name};
use crate::model::Description;
use crate::slab::{Slab, Span};

/// A piece of a selection; slabs are over DAP2's dimensions, in which a string has no length.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// A variable.
    Array {
        /// Which.
        variable: usize,
        /// What of it.
        slab: Slab,
    },
    /// A grid or some of its members.
    Grid {
        /// The variable that gives it the name.
        variable: usize,
        /// Variables with their slabs: the array, if it is wanted, then maps.
        members: Vec<(usize, Slab)>,
        /// Whether all members are there, and the maps are those of the array's slab.
        is_whole: bool,
    },
    /// Rows of a table.
    Rows {
        /// Which table.
        table: usize,
        /// Its columns that are wanted, in the order of the request.
        columns: Vec<usize>,
        /// Which rows.
        rows: Span,
        /// Conditions on them.
        filter: Filter,
    },
}

/// What was selected, in the description's order, with slabs that fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    pub(super) items: Vec<Item>,
    canonical: String,
}

impl Selection {
    /// The one text of this selection; empty for all of a dataset. Reading it gives the same selection.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

/// What was picked of one node.
#[derive(Debug)]
enum Picked {
    /// Of an array (at 0) or a grid (its array at 0, its maps behind).
    Slabs(BTreeMap<usize, Slab>),
    /// Of a sequence.
    Rows { columns: Vec<usize>, span: Option<Span> },
}

/// Reads a DAP2 constraint, which may be percent-encoded.
///
/// # Errors
/// [`DapError`] with the place of the first thing that is wrong.
pub fn select(description: &Description, query: &str) -> Result<Selection, DapError> {
    let names = Names::dap2(description);
    let (raw, decoded) = (piece(query)?, piece(query)?.decode());
    // libdap's getdap encodes the separators too; but a name may have one in it.
    let is_encoded = !raw.has(b'&') && decoded.has(b'&') && names.projections(&raw, b',').is_err();
    let mut clauses = if is_encoded { decoded } else { raw }.split(b'&');
    let first = clauses.remove(0);
    let projections = match (names.projections(&first, b','), Clause::read(&names, &first)) {
        (Ok(projections), _) => projections,
        // Some clients leave out the `&` before the first condition.
        (Err(_), Some(_)) => {
            clauses.insert(0, first);
            Vec::new()
        }
        (Err(error), None) => return Err(error),
    };
    build(&names, &projections, &clauses)
}

/// Makes a selection of projections, none for all, and conditions.
pub(super) fn build(names: &Names<'_>, projections: &[Projection], clauses: &[Piece]) -> Result<Selection, DapError> {
    let mut picked = BTreeMap::new();
    for projection in projections {
        pick(names, projection, &mut picked)?;
    }
    if projections.is_empty() {
        for node in 0..names.nodes.len() {
            picked.insert(node, whole(names, &names.nodes[node]));
        }
    }
    let mut conditions: BTreeMap<usize, Vec<Clause>> = BTreeMap::new();
    for clause in clauses.iter().filter(|clause| !clause.is_empty()) {
        let clause = Clause::read(names, clause).unwrap_or_else(|| Err(names.unknown(clause)))?;
        if !picked.contains_key(&clause.node) {
            let what =
                "a condition on a table of which nothing is selected; select a column, or leave out the condition";
            return Err(super::item::malformed(clause.column, what));
        }
        conditions.entry(clause.node).or_default().push(clause);
    }
    let items: Vec<Item> = picked
        .into_iter()
        .map(|(node, picked)| item(names, node, picked, conditions.remove(&node).unwrap_or_default()))
        .collect();
    let canonical = canonical(names, &items);
    Ok(Selection { items, canonical })
}

/// All of a node.
fn whole(names: &Names<'_>, node: &Node) -> Picked {
    let slab = |variable| Slab::whole(&names.shape(variable));
    match node {
        Node::Array(variable) => Picked::Slabs(BTreeMap::from([(0, slab(*variable))])),
        Node::Grid { variable, maps } => {
            let members = std::iter::once(variable).chain(maps).map(|&member| slab(member));
            Picked::Slabs(members.enumerate().collect())
        }
        Node::Sequence(table) => {
            let columns = names.description.tables[*table].columns.iter().map(|&column| column as usize).collect();
            Picked::Rows { columns, span: None }
        }
    }
}

fn pick(names: &Names<'_>, projection: &Projection, picked: &mut BTreeMap<usize, Picked>) -> Result<(), DapError> {
    let (description, node) = (names.description, &names.nodes[projection.target.node]);
    let wanted = match (node, projection.target.member) {
        (Node::Array(variable), _) => Picked::Slabs(BTreeMap::from([(0, slab(names, *variable, projection)?)])),
        (Node::Grid { variable, maps: _ }, Member::All | Member::Column(_)) => {
            let array = slab(names, *variable, projection)?;
            let maps: Vec<Slab> = array.0.iter().map(|span| Slab(vec![*span])).collect();
            Picked::Slabs(std::iter::once(array).chain(maps).enumerate().collect())
        }
        (Node::Grid { variable, .. }, Member::Array) => {
            Picked::Slabs(BTreeMap::from([(0, slab(names, *variable, projection)?)]))
        }
        (Node::Grid { maps, .. }, Member::Map(axis)) => {
            Picked::Slabs(BTreeMap::from([(axis + 1, slab(names, maps[axis], projection)?)]))
        }
        (Node::Sequence(table), member) => {
            let all = || description.tables[*table].columns.iter().map(|&column| column as usize).collect();
            let columns = if let Member::Column(column) = member { vec![column] } else { all() };
            Picked::Rows { columns, span: rows(description, *table, projection)? }
        }
    };
    merge(names, projection, picked, wanted)
}

fn merge(
    names: &Names<'_>,
    projection: &Projection,
    picked: &mut BTreeMap<usize, Picked>,
    wanted: Picked,
) -> Result<(), DapError> {
    let conflict = || DapError::Range {
        column: projection.column,
        what: format!(
            "{} is selected twice, with different hyperslabs; ask for them one after the other",
            shape::node_name(names.description, &names.nodes[projection.target.node])
        ),
    };
    match (picked.get_mut(&projection.target.node), wanted) {
        (None, wanted) => {
            picked.insert(projection.target.node, wanted);
        }
        (Some(Picked::Slabs(slabs)), Picked::Slabs(more)) => {
            for (member, slab) in more {
                if slabs.insert(member, slab.clone()).is_some_and(|before| before != slab) {
                    return Err(conflict());
                }
            }
        }
        (Some(Picked::Rows { columns, span }), Picked::Rows { columns: more, span: other }) => {
            // pydap reads columns in the order in which it asked for them.
            let new: Vec<usize> = more.into_iter().filter(|column| !columns.contains(column)).collect();
            columns.extend(new);
            if let Some(other) = other
                && span.replace(other).is_some_and(|before| before != other)
            {
                return Err(conflict());
            }
        }
        (Some(Picked::Slabs(_)), Picked::Rows { .. }) | (Some(Picked::Rows { .. }), Picked::Slabs(_)) => {
            return Err(conflict());
        }
    }
    Ok(())
}

/// The slab that brackets select of a variable; axes behind them are taken whole.
fn slab(names: &Names<'_>, variable: usize, projection: &Projection) -> Result<Slab, DapError> {
    let (shape, dimensions) = (names.shape(variable), names.dimensions(variable));
    let name = &names.description.variables[variable].name;
    if let Some(extra) = projection.bounds.get(shape.len()) {
        let what = match shape.len() {
            0 => format!("{name} is a single value; leave out the brackets"),
            rank => format!("{name} has {rank} dimensions, the selection {}", projection.bounds.len()),
        };
        return Err(DapError::Range { column: extra.column, what });
    }
    let span = |(axis, &size): (usize, &u64)| match projection.bounds.get(axis) {
        None => Ok(Span::whole(size)),
        Some(bounds) => {
            let dimension = &names.description.dimensions[dimensions[axis] as usize].name;
            span(bounds, size).map_err(|what| DapError::Range {
                column: bounds.column,
                what: format!("dimension {dimension} of {name} {what}"),
            })
        }
    };
    shape.iter().enumerate().map(span).collect::<Result<_, _>>().map(Slab)
}

fn span(bounds: &Bounds, size: u64) -> Result<Span, String> {
    let &Bounds { start, stride, stop, .. } = bounds;
    // Clients mean all of it by any end.
    if size == 0 && start == 0 {
        return Ok(Span::whole(0));
    }
    if size == 0 {
        return Err("has no indices, for nothing is in it yet".to_owned());
    }
    let last = stop.unwrap_or(size - 1);
    if stride == 0 {
        return Err("needs a stride of at least 1".to_owned());
    }
    if last >= size || start >= size {
        return Err(format!("has indices 0 to {}, the selection reaches to {}", size - 1, last.max(start)));
    }
    if start > last {
        return Err(format!("is selected from {start} to {last}; the start must not lie behind the stop"));
    }
    let count = (last - start) / stride + 1;
    Ok(Span { start, count, stride: if count == 1 { 1 } else { stride } })
}

/// The rows that brackets select of a table. A stop behind the end is the end: clients do not know how many rows there
/// are.
fn rows(description: &Description, table: usize, projection: &Projection) -> Result<Option<Span>, DapError> {
    let size = row_count(description, table);
    let name = &description.tables[table].name;
    match projection.bounds.as_slice() {
        [] => Ok(None),
        [bounds] => {
            let stop = bounds.stop.map(|stop| stop.min(size.saturating_sub(1)));
            let range = |what| DapError::Range { column: bounds.column, what: format!("table {name} {what}") };
            span(&Bounds { stop, ..*bounds }, size).map(Some).map_err(range)
        }
        [_, extra, ..] => {
            let what = format!("table {name} has rows only, one dimension");
            Err(DapError::Range { column: extra.column, what })
        }
    }
}

fn row_count(description: &Description, table: usize) -> u64 {
    let first = description.tables[table].columns.first();
    first.and_then(|&column| description.shape(column as usize).first().copied()).unwrap_or(0)
}

fn item(names: &Names<'_>, node: usize, picked: Picked, clauses: Vec<Clause>) -> Item {
    match (&names.nodes[node], picked) {
        (Node::Sequence(table), Picked::Rows { columns, span }) => {
            let rows = span.unwrap_or_else(|| Span::whole(row_count(names.description, *table)));
            let filter = Filter::of(names.description, &columns, clauses);
            Item::Rows { table: *table, columns, rows, filter }
        }
        (Node::Grid { variable, maps }, Picked::Slabs(slabs)) => {
            let fits = |axis: usize, array: &Slab| slabs.get(&(axis + 1)).is_some_and(|map| map.0 == [array.0[axis]]);
            let is_whole = slabs.get(&0).is_some_and(|array| (0..maps.len()).all(|axis| fits(axis, array)));
            let member = |(place, slab): (usize, Slab)| (if place == 0 { *variable } else { maps[place - 1] }, slab);
            Item::Grid { variable: *variable, members: slabs.into_iter().map(member).collect(), is_whole }
        }
        // Nodes and what was picked of them are of one sort: `pick` and `whole` see to it.
        (Node::Array(variable), Picked::Slabs(mut slabs)) => {
            Item::Array { variable: *variable, slab: slabs.remove(&0).unwrap_or(Slab(Vec::new())) }
        }
        (Node::Array(variable) | Node::Grid { variable, .. }, Picked::Rows { .. }) => {
            Item::Array { variable: *variable, slab: Slab::whole(&names.shape(*variable)) }
        }
        (Node::Sequence(table), Picked::Slabs(_)) => {
            Item::Rows { table: *table, columns: Vec::new(), rows: Span::whole(0), filter: Filter::default() }
        }
    }
}

fn canonical(names: &Names<'_>, items: &[Item]) -> String {
    let (mut projections, mut clauses, mut is_all) = (Vec::new(), BTreeSet::new(), items.len() == names.nodes.len());
    for item in items {
        let (texts, is_whole) = project(names, item);
        projections.extend(texts);
        is_all &= is_whole;
        if let Item::Rows { table, filter, .. } = item {
            clauses.extend(filter.canonical(names.description, *table));
        }
    }
    let mut text = if is_all { String::new() } else { projections.join(",") };
    clauses.iter().for_each(|clause| text.push_str(&format!("&{clause}")));
    text
}

/// The projections of an item, and whether it is all of its node.
fn project(names: &Names<'_>, item: &Item) -> (Vec<String>, bool) {
    let description = names.description;
    let escaped = |variable: usize| name::identifier(&description.variables[variable].name);
    let sliced = |variable: usize, slab: &Slab| brackets(slab, &names.shape(variable));
    match item {
        Item::Array { variable, slab } => {
            let brackets = sliced(*variable, slab);
            (vec![format!("{}{brackets}", escaped(*variable))], brackets.is_empty())
        }
        Item::Grid { variable, members, is_whole } => match members.first() {
            Some((_, slab)) if *is_whole => {
                let brackets = sliced(*variable, slab);
                (vec![format!("{}{brackets}", escaped(*variable))], brackets.is_empty())
            }
            Some(_) | None => {
                let grid = escaped(*variable);
                let member =
                    |(member, slab): &(usize, Slab)| format!("{grid}.{}{}", escaped(*member), sliced(*member, slab));
                (members.iter().map(member).collect(), false)
            }
        },
        Item::Rows { table, columns, rows, filter: _ } => {
            let whole = &description.tables[*table];
            let brackets = brackets(&Slab(vec![*rows]), &[row_count(description, *table)]);
            let name = name::identifier(&whole.name);
            if columns.iter().map(|&column| column as u64).eq(whole.columns.iter().map(|&column| u64::from(column))) {
                return (vec![format!("{name}{brackets}")], brackets.is_empty());
            }
            let column = |&column: &usize| name::identifier(shape::column_name(description, whole, column));
            (columns.iter().map(|place| format!("{name}.{}{brackets}", column(place))).collect(), false)
        }
    }
}

/// A slab in brackets; nothing for all of a variable.
fn brackets(slab: &Slab, shape: &[u64]) -> String {
    if *slab == Slab::whole(shape) {
        return String::new();
    }
    let span = |span: &Span| match span.count {
        0 => "[]".to_owned(),
        _ => format!("[{}:{}:{}]", span.start, span.stride, span.last()),
    };
    slab.0.iter().map(span).collect()
}
