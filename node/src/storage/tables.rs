//! The tables, and the checks that a database is the one we mean.

use grid::record::{Holding, Mark, Worth};
use grid::time::Day;
use redb::{Database, ReadableTable, TableDefinition};

use super::folder::Folder;
use super::{Owner, StorageError, explain, guard};
use crate::private;

/// Key to encoded record. What is read is checked against its terms, stamp and hash or signature, which is more than a
/// checksum would show.
pub(super) const RECORDS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("records");

/// Sequence, tag, bytes, worth, from, expiry, half-life, written, twin.
pub(super) type HoldingRow = (u64, u64, u64, i32, u32, u32, u16, u64, bool);

/// Key to what has to be known of a record without reading it; always written with the record.
pub(super) const HOLDINGS: TableDefinition<'_, [u8; 32], HoldingRow> = TableDefinition::new("holdings");

/// Identity, credential, contact.
type CardRow = (&'static [u8], &'static [u8], Option<&'static [u8]>);

/// Node to card.
pub(super) const PEERS: TableDefinition<'_, [u8; 32], CardRow> = TableDefinition::new("peers");

/// Name to secret.
pub(super) const SECRETS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("secrets");

/// What the database is: format, grid, identity.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

/// The version of these tables.
const FORMAT: u64 = 2;

/// Opens or makes the database in the folder, with so many bytes of memory for pages, and checks that it is the owner's.
pub(super) fn open(folder: &Folder, owner: Owner, pages: usize) -> Result<Database, StorageError> {
    let file = private::open_or_create(&folder.database())
        .map_err(|error| StorageError::Io { path: folder.database(), error })?;
    let report = |error: redb::Error| explain(folder.database(), error);
    let (database, found) = guard(folder.database(), || {
        let database = Database::builder().set_cache_size(pages).create_file(file)?;
        let found = claim(&database, owner)?;
        Ok((database, found))
    })?
    .map_err(report)?;
    check(folder, owner, &found)?;
    Ok(database)
}

/// What a database says of itself.
struct Meta {
    format: Vec<u8>,
    grid: Vec<u8>,
    node: Vec<u8>,
}

/// Reads what the database says of itself; a new one is given to the owner.
fn claim(database: &Database, owner: Owner) -> Result<Meta, redb::Error> {
    let transaction = database.begin_write()?;
    let meta = {
        let mut meta = transaction.open_table(META)?;
        if meta.get("format")?.is_none() {
            meta.insert("format", &FORMAT.to_be_bytes()[..])?;
            meta.insert("grid", &owner.rules.grid().as_bytes()[..])?;
            meta.insert("node", &owner.node.as_bytes()[..])?;
            transaction.open_table(RECORDS)?;
            transaction.open_table(HOLDINGS)?;
            transaction.open_table(PEERS)?;
            transaction.open_table(SECRETS)?;
        }
        let field = |name| -> Result<Vec<u8>, redb::Error> {
            Ok(meta.get(name)?.map(|value| value.value().to_vec()).unwrap_or_default())
        };
        Meta { format: field("format")?, grid: field("grid")?, node: field("node")? }
    };
    transaction.commit()?;
    Ok(meta)
}

pub(super) fn row(holding: &Holding) -> HoldingRow {
    let Holding { mark, bytes, worth, from, expiry, half_life, written, twin } = *holding;
    (mark.sequence, mark.tag, bytes, worth.bits(), from.number(), expiry.number(), half_life, written, twin)
}

pub(super) fn holding(row: HoldingRow) -> Holding {
    let (sequence, tag, bytes, worth, from, expiry, half_life, written, twin) = row;
    Holding {
        mark: Mark { sequence, tag },
        bytes,
        worth: Worth::from_bits(worth),
        from: Day::new(from),
        expiry: Day::new(expiry),
        half_life,
        written,
        twin,
    }
}

fn check(folder: &Folder, owner: Owner, found: &Meta) -> Result<(), StorageError> {
    let folder_path = || folder.path().to_path_buf();
    let format = found.format.as_slice().try_into().map(u64::from_be_bytes).unwrap_or_default();
    if format != FORMAT {
        return Err(StorageError::Format { folder: folder_path(), found: format, known: FORMAT });
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if found.grid != owner.rules.grid().as_bytes() {
        let (expected, found) = (owner.rules.grid().to_string(), hex(&found.grid));
        return Err(StorageError::OtherGrid { folder: folder_path(), expected, found });
    }
    if found.node != owner.node.as_bytes() {
        let (expected, found) = (owner.node.to_string(), hex(&found.node));
        return Err(StorageError::OtherIdentity { folder: folder_path(), expected, found });
    }
    Ok(())
}
