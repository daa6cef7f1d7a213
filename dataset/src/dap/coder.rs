//! Turns canonical values into those of a format, a piece at a time.

use super::text;
use crate::model::Kind;

/// Strings of which a coder holds the lengths at a time.
pub(super) const WINDOW: u64 = 1 << 14;
/// The longest string from characters whose padding is taken off, in bytes, for it must be held; a longer one stays.
const MAX_TRIMMED: u64 = 1 << 16;
/// The longest string that is coded, in bytes.
const MAX_STRING: u64 = i32::MAX as u64;

/// Codes one variable's values. Pieces may be cut anywhere. Of numbers it holds one element, of strings the lengths of
/// one slab's, of characters and of strings in text one string.
#[derive(Clone, Debug)]
pub struct Coder {
    input: Input,
    output: Output,
    /// Bytes of an element that is not whole yet.
    held: Vec<u8>,
    /// Elements that were coded.
    coded: u64,
    /// Elements that there are.
    elements: u64,
}

/// Why values cannot be coded: they are not those of the slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the values that arrived do not fit what was asked for: {0}. Ask another server")]
pub struct CoderError(pub(super) &'static str);

#[derive(Clone, Debug)]
enum Input {
    /// Numbers, or characters one by one.
    Fixed(Kind),
    /// Characters of strings of this length; how many of the current one are through, if they are not held.
    Chars { length: u64, through: u64 },
    /// Strings: elements of the slabs to come, in reverse, and where in a slab we are.
    Strings { windows: Vec<u64>, state: Strings },
}

/// Where in a slab of strings a coder is.
#[derive(Clone, Debug)]
enum Strings {
    /// Among the offsets: the last one, and the lengths so far.
    Offsets { last: Option<u64>, lengths: Vec<u32> },
    /// Among the bytes: lengths of the strings to come, in reverse, and bytes of this one that are through.
    Bytes { lengths: Vec<u32>, through: u32 },
}

/// The format.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// Text in rows of that many, each beginning with a name and indices along these axes.
    Ascii { name: String, shape: Vec<u64> },
    /// DAP4: little-endian.
    Little,
    /// DAP2: XDR (RFC 4506); whether it is a single value.
    Xdr { is_scalar: bool },
}

impl Coder {
    /// For numbers, or for characters that stay such.
    pub(super) fn fixed(kind: Kind, elements: u64, output: Output) -> Self {
        Self { input: Input::Fixed(kind), output, held: Vec::new(), coded: 0, elements }
    }

    /// For characters that become strings.
    pub(super) fn chars(length: u64, elements: u64, output: Output) -> Self {
        Self { input: Input::Chars { length, through: 0 }, output, held: Vec::new(), coded: 0, elements }
    }

    /// For strings, of slabs with that many elements.
    pub(super) fn strings(mut windows: Vec<u64>, output: Output) -> Self {
        let elements = windows.iter().sum();
        windows.reverse();
        let state = Strings::Offsets { last: None, lengths: Vec::new() };
        Self { input: Input::Strings { windows, state }, output, held: Vec::new(), coded: 0, elements }
    }

    /// Bytes of all its output, and how many each of its elements takes: of numbers in binary form.
    pub(super) fn sizes(&self) -> Option<(u64, u64)> {
        let Input::Fixed(kind) = self.input else { return None };
        let width = match (&self.output, kind) {
            (Output::Ascii { .. }, _) => return None,
            (Output::Xdr { is_scalar: true }, Kind::I8 | Kind::U8) | (Output::Xdr { .. }, Kind::I16 | Kind::U16) => 4,
            (Output::Little | Output::Xdr { .. }, _) => kind.width()?,
        };
        let all = self.elements.checked_mul(width)?;
        let is_padded = matches!((&self.output, kind), (Output::Xdr { .. }, Kind::I8 | Kind::U8));
        Some((if is_padded { all.checked_next_multiple_of(4)? } else { all }, width))
    }

    /// Elements that there are.
    pub(super) fn elements(&self) -> u64 {
        self.elements
    }

    /// Leaves out the first elements of the variable; the canonical bytes that are not to be pushed then. Only where
    /// [`Coder::sizes`] are known, and before anything is pushed.
    pub(super) fn skip(&mut self, elements: u64) -> u64 {
        self.coded = elements.min(self.elements);
        let Input::Fixed(kind) = self.input else { return 0 };
        self.coded * kind.width().unwrap_or_default()
    }

    /// Takes canonical bytes and appends to the body what they are in the format.
    ///
    /// # Errors
    /// [`CoderError`] if the bytes cannot be those of the slab; the body is worthless then.
    pub fn push(&mut self, canonical: &[u8], out: &mut Vec<u8>) -> Result<(), CoderError> {
        let mut rest = canonical;
        while !rest.is_empty() {
            rest = match self.input {
                Input::Fixed(kind) => self.fixed_piece(kind, rest, out)?,
                Input::Chars { length, .. } => self.chars_piece(length, rest, out)?,
                Input::Strings { .. } => self.strings_piece(rest, out)?,
            };
        }
        Ok(())
    }

    /// Appends what stands behind the last value.
    ///
    /// # Errors
    /// [`CoderError`] if values are missing.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), CoderError> {
        if let Input::Chars { length: 0, .. } = self.input {
            while self.coded < self.elements {
                self.text(&[], out);
            }
        }
        let is_between = match &self.input {
            Input::Fixed(_) | Input::Chars { .. } => true,
            Input::Strings { windows, .. } => windows.is_empty(),
        };
        if self.coded != self.elements || !self.held.is_empty() || !is_between {
            return Err(CoderError("some are missing"));
        }
        if let (Input::Fixed(Kind::I8 | Kind::U8), Output::Xdr { is_scalar: false }) = (&self.input, &self.output) {
            pad(self.elements, out);
        }
        if matches!(self.output, Output::Ascii { .. }) {
            if self.elements == 0 {
                self.output.heading(0, out);
            }
            out.push(b'\n');
        }
        Ok(())
    }

    /// Codes the whole elements of a piece, holds the rest.
    fn fixed_piece<'a>(&mut self, kind: Kind, piece: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], CoderError> {
        let width = kind.width().map_or(1, |width| usize::try_from(width).unwrap_or(1));
        if !self.held.is_empty() || piece.len() < width {
            let (head, rest) = piece.split_at(piece.len().min(width - self.held.len()));
            self.held.extend_from_slice(head);
            if self.held.len() == width {
                let element = std::mem::take(&mut self.held);
                self.numbers(kind, width, &element, out)?;
            }
            return Ok(rest);
        }
        let (whole, rest) = piece.split_at(piece.len() - piece.len() % width);
        self.numbers(kind, width, whole, out)?;
        Ok(rest)
    }

    fn numbers(&mut self, kind: Kind, width: usize, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CoderError> {
        let count = (bytes.len() / width) as u64;
        if count > self.elements - self.coded {
            return Err(CoderError("they are too many"));
        }
        match &self.output {
            Output::Ascii { .. } => {
                for (place, element) in (self.coded..).zip(bytes.chunks_exact(width)) {
                    self.output.heading(place, out);
                    out.extend_from_slice(b", ");
                    out.extend_from_slice(text::element(kind, element).as_bytes());
                }
            }
            Output::Little => little(width, bytes, out),
            Output::Xdr { is_scalar } => xdr(kind, *is_scalar, bytes, out),
        }
        self.coded += count;
        Ok(())
    }

    /// Takes characters up to the end of a string at most.
    fn chars_piece<'a>(&mut self, length: u64, piece: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], CoderError> {
        if self.coded == self.elements || length == 0 {
            return Err(CoderError("they are too many"));
        }
        if length <= MAX_TRIMMED || matches!(self.output, Output::Ascii { .. }) {
            let missing = length - self.held.len() as u64;
            let (head, rest) = piece.split_at(usize::try_from(missing).unwrap_or(usize::MAX).min(piece.len()));
            self.held.extend_from_slice(head);
            if self.held.len() as u64 == length {
                let mut string = std::mem::take(&mut self.held);
                string.truncate(string.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1));
                self.text(&string, out);
            }
            return Ok(rest);
        }
        let Input::Chars { through, .. } = &mut self.input else { return Ok(&[]) };
        if *through == 0 {
            self.output.length(length, out);
        }
        let (head, rest) = piece.split_at(usize::try_from(length - *through).unwrap_or(usize::MAX).min(piece.len()));
        out.extend_from_slice(head);
        *through += head.len() as u64;
        if *through == length {
            *through = 0;
            self.coded += 1;
            self.output.behind(length, out);
        }
        Ok(rest)
    }

    /// Codes a whole string.
    fn text(&mut self, string: &[u8], out: &mut Vec<u8>) {
        match &self.output {
            Output::Ascii { .. } => {
                self.output.heading(self.coded, out);
                out.extend_from_slice(b", ");
                out.extend_from_slice(text::element(Kind::String, string).as_bytes());
            }
            Output::Little | Output::Xdr { .. } => {
                self.output.length(string.len() as u64, out);
                out.extend_from_slice(string);
                self.output.behind(string.len() as u64, out);
            }
        }
        self.coded += 1;
    }

    /// Takes one offset, or bytes up to the end of a string.
    fn strings_piece<'a>(&mut self, piece: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], CoderError> {
        let Input::Strings { windows, state } = &mut self.input else { return Ok(&[]) };
        let Some(&window) = windows.last() else { return Err(CoderError("they are too many")) };
        match state {
            Strings::Offsets { last, lengths } => {
                let (head, rest) = piece.split_at(piece.len().min(8 - self.held.len()));
                self.held.extend_from_slice(head);
                let Ok(offset) = <[u8; 8]>::try_from(self.held.as_slice()) else { return Ok(rest) };
                self.held.clear();
                offset_after(last, lengths, u64::from_be_bytes(offset))?;
                if lengths.len() as u64 == window {
                    let mut lengths = std::mem::take(lengths);
                    lengths.reverse();
                    *state = Strings::Bytes { lengths, through: 0 };
                    self.next_string(out);
                }
                Ok(rest)
            }
            Strings::Bytes { lengths, through } => {
                let Some(&length) = lengths.last() else { return Err(CoderError("they are too many")) };
                let missing = usize::try_from(length - *through).unwrap_or(usize::MAX);
                let (head, rest) = piece.split_at(missing.min(piece.len()));
                // What is split off is no longer than the string, whose length is a u32.
                *through += u32::try_from(head.len()).unwrap_or(0);
                match self.output {
                    Output::Ascii { .. } => self.held.extend_from_slice(head),
                    Output::Little | Output::Xdr { .. } => out.extend_from_slice(head),
                }
                if *through == length {
                    self.end_string(out);
                    self.next_string(out);
                }
                Ok(rest)
            }
        }
    }

    /// Ends the string whose bytes are through.
    fn end_string(&mut self, out: &mut Vec<u8>) {
        let Input::Strings { state: Strings::Bytes { lengths, through }, .. } = &mut self.input else { return };
        let length = u64::from(lengths.pop().unwrap_or(0));
        *through = 0;
        match self.output {
            Output::Ascii { .. } => {
                let string = std::mem::take(&mut self.held);
                self.text(&string, out);
            }
            Output::Little | Output::Xdr { .. } => {
                self.output.behind(length, out);
                self.coded += 1;
            }
        }
    }

    /// Begins the next string, and codes all empty ones before it; behind the last one the next slab begins.
    fn next_string(&mut self, out: &mut Vec<u8>) {
        loop {
            let Input::Strings { windows, state } = &mut self.input else { return };
            let Strings::Bytes { lengths, .. } = state else { return };
            let Some(&length) = lengths.last() else {
                windows.pop();
                *state = Strings::Offsets { last: None, lengths: Vec::new() };
                return;
            };
            if !matches!(self.output, Output::Ascii { .. }) {
                self.output.length(u64::from(length), out);
            }
            if length > 0 {
                return;
            }
            self.end_string(out);
        }
    }
}

fn offset_after(last: &mut Option<u64>, lengths: &mut Vec<u32>, offset: u64) -> Result<(), CoderError> {
    match last.replace(offset) {
        None if offset != 0 => Err(CoderError("their offsets do not begin with 0")),
        None => Ok(()),
        Some(before) => {
            let length = offset.checked_sub(before).ok_or(CoderError("their offsets are not in order"))?;
            if length > MAX_STRING {
                return Err(CoderError("a text is longer than 2 GiB"));
            }
            lengths.push(u32::try_from(length).map_err(|_| CoderError("a text is longer than 2 GiB"))?);
            Ok(())
        }
    }
}

impl Output {
    /// Begins a row of text, if the element is the first of one.
    fn heading(&self, element: u64, out: &mut Vec<u8>) {
        let Self::Ascii { name, shape } = self else { return };
        let row = shape.last().copied().unwrap_or(1).max(1);
        if !element.is_multiple_of(row) {
            return;
        }
        if element > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(name.as_bytes());
        let (mut rest, mut indices) = (element / row, Vec::new());
        for &size in shape.iter().rev().skip(1) {
            indices.push(rest % size.max(1));
            rest /= size.max(1);
        }
        for index in indices.iter().rev() {
            out.extend_from_slice(format!("[{index}]").as_bytes());
        }
    }

    /// A string's length, before it.
    fn length(&self, length: u64, out: &mut Vec<u8>) {
        match self {
            Self::Ascii { .. } => {}
            Self::Little => out.extend_from_slice(&length.to_le_bytes()),
            // Longer ones are refused: by the plan, or with their offsets.
            Self::Xdr { .. } => out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()),
        }
    }

    /// What fills up a string behind it.
    fn behind(&self, length: u64, out: &mut Vec<u8>) {
        if matches!(self, Self::Xdr { .. }) {
            pad(length, out);
        }
    }
}

/// Zeros up to a multiple of four.
pub(super) fn pad(length: u64, out: &mut Vec<u8>) {
    let zeros = [0; 3];
    out.extend_from_slice(&zeros[..usize::try_from(length.wrapping_neg() % 4).unwrap_or(0)]);
}

/// Turns every element around.
fn little(width: usize, bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(bytes);
    if let Some(added) = out.get_mut(start..).filter(|_| width > 1) {
        added.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
}

/// Writes numbers as XDR.
///
/// A single `Byte` is a puzzle: libdap and netCDF's reader take the last of its four bytes, pydap and netCDF-Java the
/// first. Both stand there.
pub(super) fn xdr(kind: Kind, is_scalar: bool, bytes: &[u8], out: &mut Vec<u8>) {
    match kind {
        Kind::I8 | Kind::U8 if is_scalar => bytes.iter().for_each(|&byte| out.extend_from_slice(&[byte, 0, 0, byte])),
        Kind::I8 | Kind::U8 | Kind::I32 | Kind::U32 | Kind::F32 | Kind::F64 | Kind::Char | Kind::String => {
            out.extend_from_slice(bytes);
        }
        Kind::I16 | Kind::U16 => {
            let is_signed = kind == Kind::I16;
            out.reserve(bytes.len() * 2);
            for element in bytes.chunks_exact(2) {
                let fill = if is_signed && element[0] & 0x80 != 0 { 0xff } else { 0 };
                out.extend_from_slice(&[fill, fill, element[0], element[1]]);
            }
        }
        Kind::I64 | Kind::U64 => {
            out.reserve(bytes.len());
            for element in bytes.chunks_exact(8) {
                out.extend_from_slice(&real(kind == Kind::I64, element).to_be_bytes());
            }
        }
    }
}

/// The double that is nearest to a 64-bit integer.
#[expect(clippy::cast_precision_loss, reason = "what DAP2 cannot say is rounded, as the module's documentation tells")]
fn real(is_signed: bool, element: &[u8]) -> f64 {
    let bytes = element.try_into().unwrap_or_default();
    if is_signed { i64::from_be_bytes(bytes) as f64 } else { u64::from_be_bytes(bytes) as f64 }
}
