//! An answer that is none, for people and in the format that was asked for.

use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use dataset::dap::DapError;

use super::address::Form;
use super::error::ReadError;
use super::opened::OpenError;

/// Why there is no answer, and the status that says so.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// Bytes of the answer that a range was asked of.
    pub(crate) length: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), length: None }
    }

    pub(super) fn respond(&self, form: Form) -> Response {
        let mut response = match form {
            Form::Page | Form::Plot => (self.status, format!("{}\n", self.message)).into_response(),
            Form::Dap(format) => {
                let (content_type, description, text) = DapError::describe(format, self.status.as_u16(), &self.message);
                let head = [(CONTENT_TYPE.as_str(), content_type), ("content-description", description)];
                (self.status, head, text).into_response()
            }
        };
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if let Some(length) = self.length
            && let Ok(range) = HeaderValue::from_str(&format!("bytes */{length}"))
        {
            response.headers_mut().insert(CONTENT_RANGE, range);
        }
        response
    }
}

impl From<DapError> for Refusal {
    fn from(error: DapError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Self::new(status, error.to_string())
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        let status = match &error {
            ReadError::NoServer(_) => StatusCode::GONE,
            ReadError::AllFailed { .. }
            | ReadError::Disagreement { .. }
            | ReadError::Nonsense(_)
            | ReadError::Own { .. } => StatusCode::BAD_GATEWAY,
            ReadError::TooManyTexts { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}
