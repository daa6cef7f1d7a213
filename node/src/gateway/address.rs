//! What a path asks for: `/NAME`, `/NAME/FILE`, each with a suffix that says in which form, as DAP clients append it.

/// The forms in which a dataset, or a part of it, is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// No suffix: a page for people.
    Page,
    /// `.svg`: a quick plot.
    Plot,
    /// One of the DAP responses.
    Dap(dataset::dap::Format),
}

/// A path, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The dataset's name, possibly with `@` and a pointer or a version after it.
    pub(crate) name: String,
    /// The file within it; empty if there is none named.
    pub(super) file: String,
    /// In which form.
    pub(super) form: Form,
}

impl Address {
    /// Takes a path apart, which is percent-decoded once. `None` if it is no text, or empty.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
        let path = path.trim_matches('/');
        let (stem, form) = match dataset::dap::Format::of(path) {
            Some((stem, format)) => (stem, Form::Dap(format)),
            None => path.strip_suffix(".svg").map_or((path, Form::Page), |stem| (stem, Form::Plot)),
        };
        let stem = stem.strip_suffix(".html").unwrap_or(stem);
        let (name, file) = stem.split_once('/').unwrap_or((stem, ""));
        (!name.is_empty()).then(|| Self { name: name.to_owned(), file: file.to_owned(), form })
    }
}
