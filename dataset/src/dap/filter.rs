//! Conditions on the rows of a table: `&table.column>=3.5`, on text also the regular expressions of `=~`.
//!
//! A regular expression matches if it occurs anywhere in the text; it is matched in time linear in the text.

use std::cmp::Ordering;

use regex_lite::{Regex, RegexBuilder};

use super::constraint::{Member, Names};
use super::item::{Piece, malformed};
use super::rows::Row;
use super::shape::{column_name, is_text};
use super::{DapError, name, text};
use crate::model::{Description, Kind};

/// The longest regular expression, in bytes.
const MAX_PATTERN: usize = 1 << 10;
/// Memory that a regular expression may take, in bytes.
const MAX_REGEX: usize = 1 << 20;
/// Alternatives in one condition.
const MAX_VALUES: usize = 1 << 10;

/// Conditions that all must hold of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    clauses: Vec<Clause>,
    /// The variables of a row: those that are shown, then those that conditions need besides.
    columns: Vec<usize>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clause {
    /// The table's node.
    pub(super) node: usize,
    /// Where it stands in the query.
    pub(super) column: usize,
    left: usize,
    operator: Operator,
    right: Vec<Operand>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Match,
    Unequal,
}

/// What a column is compared with.
#[derive(Clone, Debug)]
enum Operand {
    Column(usize),
    Pattern(Regex),
    Value(Value),
}

/// A value of a row, or one that was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Real(f64),
    Text(Vec<u8>),
    Whole(i128),
}

impl PartialEq for Operand {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Column(left), Self::Column(right)) => left == right,
            (Self::Pattern(left), Self::Pattern(right)) => left.as_str() == right.as_str(),
            (Self::Value(left), Self::Value(right)) => left == right,
            (Self::Column(_) | Self::Pattern(_) | Self::Value(_), _) => false,
        }
    }
}

impl Operator {
    /// Longer ones before those that they begin with.
    const ALL: [(&'static str, Self); 8] = [
        ("=~", Self::Match),
        ("==", Self::Equal),
        ("!=", Self::Unequal),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("=", Self::Equal),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    /// The first operator in a text: where it begins, where it ends.
    fn find(text: &str) -> Option<(usize, usize, Self)> {
        let place = text.find(['=', '!', '<', '>'])?;
        let at = |(sign, operator): &(&'static str, Self)| {
            text[place..].starts_with(sign).then_some((place, place + sign.len(), *operator))
        };
        Self::ALL.iter().find_map(at)
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Match => "=~",
            Self::Unequal => "!=",
        }
    }

    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Match => false,
            Self::Unequal => order != Some(Ordering::Equal),
        }
    }
}

impl Clause {
    /// Reads a condition; `None` if the piece has no operator in it.
    pub(super) fn read(names: &Names<'_>, piece: &Piece) -> Option<Result<Self, DapError>> {
        let once = piece.decode();
        let has_operator = Operator::find(&once.text()).is_some();
        let decoded = if has_operator { once } else { once.decode() };
        Operator::find(&decoded.text()).map(|(start, end, operator)| {
            // The text has a byte for each of the piece unless something in it is not UTF-8.
            let length = decoded.text().len();
            Self::parse(names, &decoded.part(0..start), operator, &decoded.part(end..length))
        })
    }

    fn parse(names: &Names<'_>, left: &Piece, operator: Operator, right: &Piece) -> Result<Self, DapError> {
        let target = names.find(&left.text()).ok_or_else(|| names.unknown(left))?;
        let Member::Column(variable) = target.member else {
            let what = "conditions are on columns of tables, table.column>=3.5; of arrays select indices, as in v[0:9]";
            return Err(malformed(left.column(), what));
        };
        let literals = right.literals()?;
        if literals.len() > MAX_VALUES {
            return Err(malformed(right.column(), &format!("more than {MAX_VALUES} alternatives")));
        }
        let kind = names.description.variables[variable].kind;
        let operands = literals.iter().map(|literal| operand(names, target.node, kind, operator, literal));
        let right = operands.collect::<Result<_, _>>()?;
        Ok(Self { node: target.node, column: left.column(), left: variable, operator, right })
    }

    fn holds(&self, row: &Row<'_>, columns: &[usize]) -> bool {
        let value = |variable| row.value(columns.iter().position(|&column| column == variable)?);
        let Some(left) = value(self.left) else { return false };
        self.right.iter().any(|operand| match operand {
            Operand::Column(right) => value(*right).is_some_and(|right| self.operator.holds(compare(&left, &right))),
            Operand::Pattern(pattern) => match &left {
                Value::Text(text) => pattern.is_match(&String::from_utf8_lossy(text)),
                Value::Real(_) | Value::Whole(_) => false,
            },
            Operand::Value(right) => self.operator.holds(compare(&left, right)),
        })
    }

    fn canonical(&self, description: &Description, table: usize) -> String {
        let table = &description.tables[table];
        let column = |variable| {
            format!("{}.{}", name::identifier(&table.name), name::identifier(column_name(description, table, variable)))
        };
        let operand = |operand: &Operand| match operand {
            Operand::Column(variable) => column(*variable),
            Operand::Pattern(pattern) => literal(pattern.as_str()),
            Operand::Value(Value::Real(value)) => name::escape_literal(&text::double(*value)),
            Operand::Value(Value::Text(text)) => literal(&String::from_utf8_lossy(text)),
            Operand::Value(Value::Whole(value)) => value.to_string(),
        };
        let right: Vec<String> = self.right.iter().map(operand).collect();
        let right = if right.len() == 1 { right.concat() } else { format!("{{{}}}", right.join(",")) };
        format!("{}{}{right}", column(self.left), self.operator.sign())
    }
}

fn literal(text: &str) -> String {
    format!("\"{}\"", name::escape_literal(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Reads what a column is compared with.
fn operand(
    names: &Names<'_>,
    node: usize,
    kind: Kind,
    operator: Operator,
    literal: &Literal,
) -> Result<Operand, DapError> {
    let is_text = is_text(kind);
    if operator == Operator::Match {
        return if is_text {
            pattern(literal)
        } else {
            Err(malformed(literal.column, "=~ compares text; this column has numbers"))
        };
    }
    let named = || match names.find(&literal.text) {
        Some(target) if target.node == node && !literal.is_quoted => match target.member {
            Member::Column(column) => Some(column),
            Member::All | Member::Array | Member::Map(_) => None,
        },
        Some(_) | None => None,
    };
    match (is_text, literal.number()) {
        (false, Some(value)) => Ok(Operand::Value(round(kind, value))),
        (false, None) => named().map(Operand::Column).ok_or_else(|| {
            malformed(literal.column, &format!("{:?} is neither a number nor a column of the table", literal.text))
        }),
        (true, _) => Ok(match named() {
            Some(column) => Operand::Column(column),
            None => Operand::Value(Value::Text(literal.text.clone().into_bytes())),
        }),
    }
}

/// A number as a column of that kind would have it: 3.3 is equal to the single that is nearest.
#[expect(clippy::cast_possible_truncation, reason = "the column was rounded in the same way")]
fn round(kind: Kind, value: Value) -> Value {
    match (kind, value) {
        (Kind::F32, Value::Real(value)) => Value::Real(f64::from(value as f32)),
        (_, value) => value,
    }
}

fn pattern(literal: &Literal) -> Result<Operand, DapError> {
    if literal.text.len() > MAX_PATTERN {
        return Err(malformed(literal.column, &format!("a regular expression of more than {MAX_PATTERN} bytes")));
    }
    let pattern = RegexBuilder::new(&literal.text).size_limit(MAX_REGEX).nest_limit(50).build();
    pattern.map(Operand::Pattern).map_err(|error| malformed(literal.column, &format!("no regular expression: {error}")))
}

/// Compares numbers by value, texts by their bytes, and neither with the other.
#[expect(clippy::cast_precision_loss, reason = "a whole number and a real one are compared as reals")]
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Whole(left), Value::Whole(right)) => Some(left.cmp(right)),
        (Value::Real(left), Value::Real(right)) => left.partial_cmp(right),
        (Value::Whole(left), Value::Real(right)) => (*left as f64).partial_cmp(right),
        (Value::Real(left), Value::Whole(right)) => left.partial_cmp(&(*right as f64)),
        (Value::Text(_), Value::Real(_) | Value::Whole(_)) | (Value::Real(_) | Value::Whole(_), Value::Text(_)) => None,
    }
}

impl Filter {
    pub(super) fn of(description: &Description, shown: &[usize], mut clauses: Vec<Clause>) -> Self {
        clauses.sort_by_key(|clause| (clause.left, clause.operator.sign(), format!("{:?}", clause.right)));
        clauses.dedup_by(|left, right| {
            (left.left, left.operator) == (right.left, right.operator) && left.right == right.right
        });
        clauses.iter_mut().for_each(|clause| clause.column = 0);
        let mut columns = shown.to_vec();
        for clause in &clauses {
            let named = clause.right.iter().filter_map(|operand| match operand {
                Operand::Column(column) => Some(*column),
                Operand::Pattern(_) | Operand::Value(_) => None,
            });
            for column in std::iter::once(clause.left).chain(named) {
                if !columns.contains(&column) && column < description.variables.len() {
                    columns.push(column);
                }
            }
        }
        Self { clauses, columns }
    }

    /// The variables whose values make a row; those that are shown come first.
    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Whether a row is wanted.
    pub(super) fn holds(&self, row: &Row<'_>) -> bool {
        self.clauses.iter().all(|clause| clause.holds(row, &self.columns))
    }

    /// Whether there are no conditions.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    pub(super) fn canonical(&self, description: &Description, table: usize) -> Vec<String> {
        self.clauses.iter().map(|clause| clause.canonical(description, table)).collect()
    }
}

/// A value as it was written.
#[derive(Debug)]
struct Literal {
    text: String,
    is_quoted: bool,
    column: usize,
}

impl Literal {
    fn number(&self) -> Option<Value> {
        if self.is_quoted {
            return None;
        }
        let whole = self.text.parse().ok().map(Value::Whole);
        whole.or_else(|| self.text.parse().ok().map(Value::Real))
    }
}

impl Piece {
    /// Reads one value, or several in braces.
    fn literals(&self) -> Result<Vec<Literal>, DapError> {
        let text = self.text();
        let inner = text.strip_prefix('{').map(|rest| rest.strip_suffix('}'));
        let list = match inner {
            None => return Ok(vec![unquote(&text, self.column())?]),
            Some(None) => return Err(malformed(self.column(), "a list without its closing brace; write {1,2}")),
            Some(Some(list)) => list,
        };
        elements(list).into_iter().map(|element| unquote(element.trim(), self.column())).collect()
    }
}

/// The parts between commas that stand in no quotes.
fn elements(list: &str) -> Vec<&str> {
    let (mut elements, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (place, byte) in list.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => is_quoted = !is_quoted,
            b',' if !is_quoted => {
                elements.push(&list[start..place]);
                start = place + 1;
            }
            _ => {}
        }
        is_escaped = byte == b'\\' && !is_escaped;
    }
    elements.push(&list[start..]);
    elements
}

fn unquote(text: &str, column: usize) -> Result<Literal, DapError> {
    let Some(inner) = text.strip_prefix('"') else {
        return match text {
            "" => Err(malformed(column, "a condition with nothing to compare with")),
            _ => Ok(Literal { text: text.to_owned(), is_quoted: false, column }),
        };
    };
    let (mut value, mut characters) = (String::new(), inner.chars());
    while let Some(character) = characters.next() {
        match character {
            '"' if characters.as_str().is_empty() => return Ok(Literal { text: value, is_quoted: true, column }),
            '"' => return Err(malformed(column, "something follows a text's closing quote")),
            '\\' => value.extend(characters.next()),
            _ => value.push(character),
        }
    }
    Err(malformed(column, "a text without its closing quote"))
}
