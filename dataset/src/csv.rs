//! Tables of text (RFC 4180): a row of names, then a row for each record. The columns are separated by what the row of
//! names has most of: commas, semicolons or tabs.
//!
//! A column's type is found by looking at all of it. Whole numbers are [`Kind::I32`], or [`Kind::I64`] if one needs it;
//! numbers are [`Kind::F64`], NaN where there is none; all else is text. Numbers with zeros before them, like codes of
//! stations, are text. The table is kept in memory.

use std::io::Read;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::memory::{self, Memory};
use crate::model::{Description, Dimension, Kind, Table, Variable};
use crate::source::SourceError;

/// The largest table, in bytes of text.
pub const MAX_TABLE: u64 = 256 << 20;

/// A column as it is read.
#[derive(Default)]
struct Column {
    name: String,
    text: String,
    /// Where each cell ends in the text.
    ends: Vec<usize>,
}

impl Column {
    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    fn cells(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }

    /// The narrowest type that all cells have, and the canonical stream.
    fn values(&self) -> (Kind, Vec<u8>) {
        if self.text.is_empty() {
            return (Kind::String, memory::strings(&self.cells().collect::<Vec<_>>()));
        }
        if let Some(values) = self.cells().map(|cell| number(cell)?.parse::<i64>().ok()).collect::<Option<Vec<_>>>() {
            let narrow = values.iter().map(|&value| i32::try_from(value));
            return match narrow.collect::<Result<Vec<_>, _>>() {
                Ok(values) => (Kind::I32, values.into_iter().flat_map(i32::to_be_bytes).collect()),
                Err(_) => (Kind::I64, values.into_iter().flat_map(i64::to_be_bytes).collect()),
            };
        }
        let float = |cell| if str::is_empty(cell) { Some(f64::NAN) } else { number(cell)?.parse::<f64>().ok() };
        match self.cells().map(float).collect::<Option<Vec<_>>>() {
            Some(values) => (Kind::F64, values.into_iter().flat_map(f64::to_be_bytes).collect()),
            None => (Kind::String, memory::strings(&self.cells().collect::<Vec<_>>())),
        }
    }
}

/// A cell that may be read as a number: one that would be written the same way again is not a code.
fn number(cell: &str) -> Option<&str> {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell).as_bytes();
    let is_code = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
    (!is_code).then_some(cell)
}

/// Reads a table; `name` is what errors call it, and without what follows the last dot the table's name.
///
/// # Errors
/// [`SourceError`] if it cannot be read, is too large, or is not a table of text.
pub fn open(name: &str, text: impl Read) -> Result<Memory, SourceError> {
    let damaged = |what: String| SourceError::Damaged { name: name.into(), what };
    let mut bytes = Vec::new();
    let read = text.take(MAX_TABLE + 1).read_to_end(&mut bytes);
    read.map_err(|error| SourceError::Gone { name: name.into(), what: error.to_string() })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_TABLE) {
        let what = format!("a table may have {} MiB; make a NetCDF file of it", MAX_TABLE >> 20);
        return Err(SourceError::Unsupported { name: name.into(), what });
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let columns = columns(bytes).map_err(damaged)?;
    table(name, &columns).map_err(damaged)
}

/// Reads a table from a local file.
///
/// # Errors
/// As [`open`].
pub fn open_path(path: &Path) -> Result<Memory, SourceError> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path);
    open(&name, file.map_err(|error| SourceError::Gone { name: name.clone(), what: error.to_string() })?)
}

fn columns(bytes: &[u8]) -> Result<Vec<Column>, String> {
    let names = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let separator = [b',', b';', b'\t']
        .into_iter()
        .rev()
        .max_by_key(|separator| names.iter().filter(|byte| *byte == separator).count());
    let mut reader = ReaderBuilder::new().delimiter(separator.unwrap_or(b',')).trim(Trim::All).from_reader(bytes);
    let names = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut columns: Vec<Column> = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let name = if name.is_empty() { format!("column_{}", place + 1) } else { name.to_owned() };
        if columns.iter().any(|column| column.name == name) {
            return Err(format!("two columns are called {name}"));
        }
        columns.push(Column { name, ..Column::default() });
    }
    if columns.is_empty() {
        return Err("it has no row of names".into());
    }
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| error.to_string())? {
        columns.iter_mut().zip(&record).for_each(|(column, cell)| column.push(cell));
    }
    Ok(columns)
}

fn table(name: &str, columns: &[Column]) -> Result<Memory, String> {
    let rows = columns.first().map_or(0, |column| column.ends.len());
    let mut description = Description {
        dimensions: vec![Dimension {
            name: "row".into(),
            size: u64::try_from(rows).unwrap_or(u64::MAX),
            is_unlimited: false,
        }],
        ..Description::default()
    };
    let mut streams = Vec::with_capacity(columns.len());
    for column in columns {
        let (kind, stream) = column.values();
        let name = column.name.clone();
        description.variables.push(Variable { name, kind, dimensions: vec![0], attributes: Vec::new() });
        streams.push(stream);
    }
    let stem = Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy().into_owned());
    let places = 0..u32::try_from(columns.len()).unwrap_or(u32::MAX);
    description.tables.push(Table { name: stem, columns: places.collect() });
    Memory::new(description, streams)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn column(table: &Memory, name: &str) -> (Kind, Vec<u8>) {
        let place = table.description().find(name).unwrap();
        let mut out = Vec::new();
        table.read_range(place, 0..table.length(place).unwrap(), &mut out).unwrap();
        (table.description().variables[place].kind, out)
    }

    #[test]
    fn columns_have_the_narrowest_type_that_fits() {
        let text =
            "\u{feff}id;when;value;code;note;large;\n1;-5;2.5;007;\"a; \"\"b\"\"\";5000000000;\n-2;6;;010;é;1;\n";
        let table = open("/data/buoys.csv", text.as_bytes()).unwrap();
        assert_eq!(column(&table, "id"), (Kind::I32, [1_i32, -2].into_iter().flat_map(i32::to_be_bytes).collect()));
        assert_eq!(column(&table, "large").0, Kind::I64);
        let values = [2.5, f64::NAN].into_iter().flat_map(f64::to_be_bytes).collect();
        assert_eq!(column(&table, "value"), (Kind::F64, values));
        assert_eq!(column(&table, "code"), (Kind::String, memory::strings(&["007", "010"])));
        assert_eq!(column(&table, "note"), (Kind::String, memory::strings(&["a; \"b\"", "é"])));
        assert_eq!(column(&table, "column_7"), (Kind::String, memory::strings(&["", ""])));
        let description = table.description();
        assert_eq!(description.tables[0].name, "buoys");
        assert_eq!(description.tables[0].columns, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(description.dimensions[0].size, 2);
        assert!(description.check().is_ok());
    }

    #[test]
    fn what_is_no_table_is_named() {
        for (text, error) in [
            (&b""[..], "no row of names"),
            (b"a,a\n1,2\n", "two columns are called a"),
            (b"a,b\n1\n", "line: 2"),
            (b"a,b\n1,\xff\n", "utf-8"),
        ] {
            let found = open("t.csv", text).unwrap_err().to_string();
            assert!(found.starts_with("t.csv is damaged") && found.to_lowercase().contains(error), "{found}");
        }
        let long = std::io::repeat(b'a').take(MAX_TABLE + 9);
        assert!(matches!(open("t.csv", long), Err(SourceError::Unsupported { .. })));
        assert!(matches!(open_path(Path::new("/nowhere/t.csv")), Err(SourceError::Gone { .. })));
    }

    #[test]
    fn a_table_without_rows_is_one() {
        let table = open("t.csv", &b"a\tb\n"[..]).unwrap();
        assert_eq!(column(&table, "a"), (Kind::String, vec![0; 8]));
    }
}
