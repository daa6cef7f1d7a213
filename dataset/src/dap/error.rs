//! What is wrong with a request, for the person who made it.

use super::Format;
use super::name;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DapError {
    /// The query does not follow the rules.
    #[error("column {column} of the constraint: {what}")]
    Malformed {
        /// Where in the query, counted from 1.
        column: usize,
        /// What is wrong there, and what to write.
        what: String,
    },
    /// There is no such variable, table or column.
    #[error("column {column} of the constraint: there is no variable {name:?}{hint}")]
    Unknown {
        /// Where in the query, counted from 1.
        column: usize,
        /// As it was written.
        name: String,
        /// Names that are like it, or where to find all.
        hint: String,
    },
    /// A hyperslab does not fit its variable.
    #[error("column {column} of the constraint: {what}")]
    Range {
        /// Where in the query, counted from 1.
        column: usize,
        /// What does not fit.
        what: String,
    },
    /// The format cannot say it.
    #[error("{0}")]
    Unsayable(String),
}

impl DapError {
    /// The status of the HTTP answer. A dataset that does not exist is the server's to report, as 404.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed { .. } | Self::Unknown { .. } | Self::Range { .. } => 400,
            Self::Unsayable(_) => 413,
        }
    }

    /// The error as the format's clients read it: content type, content description, body.
    pub fn document(&self, format: Format) -> (&'static str, &'static str, String) {
        Self::describe(format, self.status(), &self.to_string())
    }

    /// Any error, of any HTTP status, as the format's clients read it.
    pub fn describe(format: Format, status: u16, message: &str) -> (&'static str, &'static str, String) {
        if format.is_dap4() {
            let text = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error xmlns=\"http://xml.opendap.org/ns/DAP/4.0#\" \
                 httpcode=\"{status}\">\n    <Message>{}</Message>\n</Error>\n",
                name::xml(message)
            );
            return ("application/vnd.opendap.dap4.error+xml; charset=utf-8", "dap4-error", text);
        }
        let quoted = message.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("Error {{\n    code = {status};\n    message = \"{quoted}\";\n}};\n");
        ("text/plain; charset=utf-8", "dods-error", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_objects_of_their_protocol() {
        let error = DapError::Unknown { column: 4, name: "a\"b".into(), hint: String::new() };
        let (_, description, text) = error.document(Format::Dods);
        assert_eq!(description, "dods-error");
        assert_eq!(
            text,
            "Error {\n    code = 400;\n    message = \"column 4 of the constraint: there is no variable \
             \\\"a\\\\\\\"b\\\"\";\n};\n"
        );
        let (_, _, text) = error.document(Format::Dap);
        assert!(text.contains("httpcode=\"400\"") && text.contains("&quot;a\\&quot;b&quot;"), "{text}");
    }
}
