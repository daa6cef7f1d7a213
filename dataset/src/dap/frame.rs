//! DAP4's chunks: the response is cut into pieces with a header of four bytes each, flags and a length of 24 bits (DAP
//! 4.0, volume 1, "Chunked Response"); the first piece is the DMR.

/// The longest piece of data that we send. The header allows 2^24 - 1; this is what is held in memory.
const CHUNK: usize = 1 << 18;
/// No more pieces.
const LAST: u8 = 1;
/// Values are little-endian.
const LITTLE: u8 = 4;

/// How a body is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// DAP4's chunks: the first part by itself, then all the others.
    Dap4,
    /// Not at all.
    None,
}

/// Wraps the output of a body's parts.
#[derive(Clone, Debug)]
pub struct Framer {
    framing: Framing,
    held: Vec<u8>,
    crc: crc32fast::Hasher,
    is_begun: bool,
}

impl Framer {
    /// For a body of this framing.
    pub fn new(framing: Framing) -> Self {
        Self { framing, held: Vec::new(), crc: crc32fast::Hasher::new(), is_begun: false }
    }

    /// Takes output of a part, which the first time is the whole first part, and appends what is to be sent.
    pub fn push(&mut self, output: &[u8], out: &mut Vec<u8>) {
        match self.framing {
            Framing::None => out.extend_from_slice(output),
            Framing::Dap4 if !self.is_begun => {
                self.is_begun = true;
                chunk(LITTLE, output, out);
            }
            Framing::Dap4 => {
                self.crc.update(output);
                self.hold(output, out);
            }
        }
    }

    /// Appends the CRC-32 of all since the last one.
    pub fn checksum(&mut self, out: &mut Vec<u8>) {
        let crc = std::mem::take(&mut self.crc).finalize();
        self.hold(&crc.to_le_bytes(), out);
    }

    /// Appends what is held yet; nothing comes after it.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.framing == Framing::Dap4 {
            chunk(LAST | LITTLE, &std::mem::take(&mut self.held), out);
        }
    }

    /// Sends whole pieces. The last one is kept back, for its header says that it is the last.
    fn hold(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            if self.held.len() == CHUNK {
                chunk(LITTLE, &self.held, out);
                self.held.clear();
            }
            let (head, rest) = bytes.split_at(bytes.len().min(CHUNK - self.held.len()));
            self.held.extend_from_slice(head);
            bytes = rest;
        }
    }
}

/// Bytes that a body with a first part of `first` and `rest` behind it takes.
pub(super) const fn framed(first: u64, rest: u64) -> u64 {
    let chunks = if rest == 0 { 1 } else { rest.div_ceil(CHUNK as u64) };
    first.saturating_add(rest).saturating_add(4 * (chunks + 1))
}

fn chunk(flags: u8, bytes: &[u8], out: &mut Vec<u8>) {
    // No piece of data is longer than CHUNK, and the plan refuses a longer DMR.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&(length | u32::from(flags) << 24).to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a client does: all data behind the first chunk.
    fn unframe(mut bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut first, mut data) = (None, Vec::new());
        loop {
            let (header, rest) = bytes.split_at(4);
            let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
            match &first {
                None => first = Some(rest[..length].to_vec()),
                Some(_) => data.extend_from_slice(&rest[..length]),
            }
            bytes = &rest[length..];
            if header[0] & LAST != 0 {
                assert!(bytes.is_empty());
                return (first.unwrap(), data);
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_framed_comes_back(pieces in prop::collection::vec(0_usize..CHUNK * 2, 0..4)) {
            let (mut framer, mut out, mut expected) = (Framer::new(Framing::Dap4), Vec::new(), Vec::new());
            framer.push(b"<Dataset/>\r\n", &mut out);
            for (number, length) in pieces.into_iter().enumerate() {
                let piece = vec![u8::try_from(number).unwrap(); length];
                framer.push(&piece, &mut out);
                framer.checksum(&mut out);
                expected.extend_from_slice(&piece);
                expected.extend_from_slice(&crc32fast::hash(&piece).to_le_bytes());
            }
            framer.finish(&mut out);
            prop_assert_eq!(out.len() as u64, framed(12, expected.len() as u64));
            prop_assert!(unframe(&out) == (b"<Dataset/>\r\n".to_vec(), expected));
        }
    }
}
