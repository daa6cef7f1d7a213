//! Carries out a plan here and now, from a source at hand.

use super::coder::CoderError;
use super::filter::Filter;
use super::frame::Framer;
use super::rows::RowCoder;
use super::{Body, Part};
use crate::slab::{Slab, Span};
use crate::source::{Source, SourceError};

/// Rows of a table that are read at a time.
const ROWS: u64 = 1 << 12;

/// Why a body cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The source gave other bytes than were asked for.
    #[error(transparent)]
    Coder(#[from] CoderError),
    /// The source gave none.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// The whole body in memory.
///
/// # Errors
/// [`RenderError`] if the source cannot give the values.
pub fn render(body: Body, source: &dyn Source) -> Result<Vec<u8>, RenderError> {
    let (mut framer, mut out) = (Framer::new(body.framing), Vec::new());
    for part in body.parts {
        let mut output = Vec::new();
        match part {
            Part::Bytes(bytes) => output = bytes,
            Part::Values { variable, slabs, skip, mut coder } => {
                for slab in slabs {
                    let mut canonical = Vec::new();
                    source.read(variable, &slab, &mut canonical)?;
                    let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(canonical.len());
                    coder.push(&canonical[skipped..], &mut output)?;
                }
                coder.finish(&mut output)?;
            }
            Part::Rows { columns, filter, coder } => rows(&columns, &filter, coder, source, &mut output)?,
            Part::Checksum => {
                framer.checksum(&mut out);
                continue;
            }
        }
        framer.push(&output, &mut out);
    }
    framer.finish(&mut out);
    Ok(out)
}

fn rows(
    columns: &[(usize, Slab)],
    filter: &Filter,
    mut coder: RowCoder,
    source: &dyn Source,
    out: &mut Vec<u8>,
) -> Result<(), RenderError> {
    let rows = columns.first().and_then(|(_, slab)| slab.0.first()).copied().unwrap_or(Span::whole(0));
    for piece in 0..rows.count.div_ceil(ROWS) {
        let count = ROWS.min(rows.count - piece * ROWS);
        let start = rows.start + piece * ROWS * rows.stride;
        let slab = Slab(vec![Span { start, count, stride: if count == 1 { 1 } else { rows.stride } }]);
        let mut window = Vec::new();
        for (variable, _) in columns {
            let mut bytes = Vec::new();
            source.read(*variable, &slab, &mut bytes)?;
            window.push(bytes);
        }
        let window: Vec<&[u8]> = window.iter().map(Vec::as_slice).collect();
        coder.push(filter, count, &window, out)?;
    }
    coder.finish(out);
    Ok(())
}
