//! Asking a line for its certified roster, and whether to believe it.

use alloc::vec::Vec;

use crate::cell::{Cell, Line};
use crate::certified::{Certificate, Epoch};
use crate::density::{self, STRANGERS_ALPHA};
use crate::message::AnswerBody;
use crate::output::RequestFailure;

/// What is asked, and what is needed to judge the answer.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) line: Line,
    pub(super) cell: Cell,
    /// The epoch now.
    pub(super) epoch: Epoch,
    /// The members of our own lines, as they are certified.
    pub(super) own: Vec<u32>,
}

impl Question {
    /// What comes of an answer: signatures were checked when it was read; what is left are line, epoch and length.
    pub(super) fn judge(&self, body: AnswerBody) -> Result<Certificate, RequestFailure> {
        match body {
            AnswerBody::Roster(certificate) => self.believe(certificate),
            AnswerBody::NotFound => Err(RequestFailure::Uncertified(self.cell)),
            AnswerBody::Vacant => Err(RequestFailure::Vacant(self.cell)),
            AnswerBody::Busy => Err(RequestFailure::Busy(self.cell)),
            AnswerBody::Welcome(_)
            | AnswerBody::Stored { .. }
            | AnswerBody::NotStored(_)
            | AnswerBody::Found(_)
            | AnswerBody::Echo(_)
            | AnswerBody::Audited { .. }
            | AnswerBody::Provided
            | AnswerBody::Providers(_)
            | AnswerBody::Reply(_)
            | AnswerBody::Member(_)
            | AnswerBody::Absent => Err(RequestFailure::NoWay(self.cell)),
        }
    }

    fn believe(&self, certificate: Certificate) -> Result<Certificate, RequestFailure> {
        let claim = certificate.claim();
        // By a clock that is a little behind ours or ahead of it.
        let is_current = claim.epoch.next() >= self.epoch && claim.epoch <= self.epoch.next();
        if claim.line != self.line || !is_current {
            return Err(RequestFailure::Uncertified(self.cell));
        }
        match density::fits(claim.count, &self.own, STRANGERS_ALPHA) {
            true => Ok(certificate),
            false => Err(RequestFailure::Doubtful { line: self.line, count: claim.count }),
        }
    }
}
