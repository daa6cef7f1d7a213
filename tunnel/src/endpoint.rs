//! The far end of a tunnel: the last node, which knows the relay before it and the payload, but not who asks.

use std::fmt;

use thiserror::Error;

use crate::cell::BODY;
use crate::gcm::Forged;
use crate::keys::SessionKeys;
use crate::layer::Hop;
use crate::payload::{self, Command, FRAME, Payload, TooLong};

/// What is wrong with a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Broken {
    /// It was altered, dropped, repeated or comes from elsewhere.
    #[error("the cell was altered, dropped or repeated on its way")]
    Seal,
    /// The initiator says what nobody says.
    #[error("the initiator broke the rules")]
    Malformed,
}

/// The last hop's side of a tunnel.
#[derive(Clone)]
pub struct Endpoint {
    hop: Hop,
}

impl Endpoint {
    pub(crate) fn new(keys: &SessionKeys) -> Self {
        Self { hop: Hop::new(keys) }
    }

    /// Opens the next cell of the initiator.
    ///
    /// # Errors
    ///
    /// It was altered, or says what nobody says. The tunnel cannot be used any more.
    pub fn open(&mut self, body: &mut [u8; BODY]) -> Result<Payload, Broken> {
        self.hop.take(body).map_err(|Forged| Broken::Seal)?;
        payload::read(&body[..FRAME]).ok_or(Broken::Malformed)
    }

    /// Seals the next cell for the initiator.
    ///
    /// # Errors
    ///
    /// There are more bytes than a cell carries; nothing has happened then.
    pub fn seal(&mut self, command: Command, bytes: &[u8], body: &mut [u8; BODY]) -> Result<(), TooLong> {
        payload::write(command, bytes, &mut body[..FRAME])?;
        body[FRAME..].fill(0);
        self.hop.put(body);
        Ok(())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint(..)")
    }
}
