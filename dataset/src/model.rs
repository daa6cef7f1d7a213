//! What is in a file: the netCDF data model, with groups as paths in names.

use serde::{Deserialize, Serialize};

/// The type of a variable's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// 8 bits, signed.
    I8,
    /// 8 bits, unsigned.
    U8,
    /// 16 bits, signed.
    I16,
    /// 16 bits, unsigned.
    U16,
    /// 32 bits, signed.
    I32,
    /// 32 bits, unsigned.
    U32,
    /// 64 bits, signed.
    I64,
    /// 64 bits, unsigned.
    U64,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
    /// One byte of text; netCDF's `char`, of which strings are arrays.
    Char,
    /// Text of any length, in UTF-8.
    String,
}

impl Kind {
    /// Bytes of one element in canonical form; `None` for strings, which have no fixed size.
    pub const fn width(self) -> Option<u64> {
        match self {
            Self::I8 | Self::U8 | Self::Char => Some(1),
            Self::I16 | Self::U16 => Some(2),
            Self::I32 | Self::U32 | Self::F32 => Some(4),
            Self::I64 | Self::U64 | Self::F64 => Some(8),
            Self::String => None,
        }
    }
}

/// An axis that variables share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimension {
    /// Its name; of a group's dimension with the group's path before it, `forecast/time`.
    pub name: String,
    /// How long it is.
    pub size: u64,
    /// Whether files of this kind may grow along it.
    pub is_unlimited: bool,
}

/// A note on a variable, or on the whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name, of any characters; a group's global attribute has the group's path before it.
    pub name: String,
    /// What it says.
    pub values: Values,
}

/// The values of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Values {
    /// 8 bits, signed.
    I8(Vec<i8>),
    /// 8 bits, unsigned.
    U8(Vec<u8>),
    /// 16 bits, signed.
    I16(Vec<i16>),
    /// 16 bits, unsigned.
    U16(Vec<u16>),
    /// 32 bits, signed.
    I32(Vec<i32>),
    /// 32 bits, unsigned.
    U32(Vec<u32>),
    /// 64 bits, signed.
    I64(Vec<i64>),
    /// 64 bits, unsigned.
    U64(Vec<u64>),
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// One text; netCDF's array of `char`.
    Text(String),
    /// Several texts.
    Strings(Vec<String>),
}

/// An array of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variable {
    /// Its name; of a group's variable with the group's path before it.
    pub name: String,
    /// The type of its elements.
    pub kind: Kind,
    /// Its axes, slowest first, as places in [`Description::dimensions`]; none for a scalar.
    pub dimensions: Vec<u32>,
    /// Notes on it, in the file's order.
    pub attributes: Vec<Attribute>,
}

/// Variables over the same one dimension that are the columns of a table; a *sequence* in DAP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, as places in [`Description::variables`]; each has exactly one dimension, the rows.
    pub columns: Vec<u32>,
}

/// All of a file but the values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The axes.
    pub dimensions: Vec<Dimension>,
    /// Notes on the whole, in the file's order.
    pub attributes: Vec<Attribute>,
    /// The arrays, in the file's order.
    pub variables: Vec<Variable>,
    /// The tables; a variable is a column of one table at most.
    pub tables: Vec<Table>,
}

impl Description {
    /// Finds a variable by its whole name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.variables.iter().position(|variable| variable.name == name)
    }

    /// The lengths of a variable's axes; empty for a scalar.
    ///
    /// # Panics
    /// If there is no such variable, or one of its dimensions is missing: [`Description::check`] excludes the second.
    pub fn shape(&self, variable: usize) -> Vec<u64> {
        let size = |&dimension: &u32| self.dimensions[dimension as usize].size;
        self.variables[variable].dimensions.iter().map(size).collect()
    }

    /// Checks what the types cannot say; whatever came from a file or the network must pass it before it is used.
    ///
    /// # Errors
    /// A sentence on the first thing that is wrong.
    pub fn check(&self) -> Result<(), String> {
        for (place, variable) in self.variables.iter().enumerate() {
            if variable.dimensions.iter().any(|&dimension| dimension as usize >= self.dimensions.len()) {
                return Err(format!("variable {} has a dimension that is not described", variable.name));
            }
            let elements = self.shape(place).iter().try_fold(1_u64, |all, &size| all.checked_mul(size));
            let bytes = elements.and_then(|elements| elements.checked_mul(variable.kind.width().unwrap_or(16)));
            if bytes.is_none_or(|bytes| bytes > i64::MAX.unsigned_abs()) {
                return Err(format!("variable {} is larger than 2^63 bytes", variable.name));
            }
        }
        for table in &self.tables {
            let column = |&place: &u32| self.variables.get(place as usize);
            let rows = |place| column(place).filter(|variable| variable.dimensions.len() == 1).map(|v| v.dimensions[0]);
            let first = table.columns.first().and_then(rows);
            if first.is_none() || table.columns.iter().any(|place| rows(place) != first) {
                return Err(format!("the columns of table {} do not have the same one dimension", table.name));
            }
        }
        Ok(())
    }
}
