//! Names as DAP writes them: in DAP2 with everything but letters, digits, `_` and `-` as `%HH`, in DAP4 as XML.

/// Writes a name as a DAP2 identifier. The specification lets more characters stand; netCDF's reader drops `!`, `~` and
/// `'`, but takes all of them escaped.
pub(super) fn escape(name: &str) -> String {
    escape_but(name, b"_-")
}

/// Writes the name of a variable, dimension or table as a DAP2 identifier. DAP2 has no groups: `forecast/t` is
/// `forecast.t`, since clients take an escaped slash for a path, or leave it escaped.
pub(super) fn identifier(name: &str) -> String {
    escape(&dotted(name))
}

/// A name whose groups are divided by dots.
pub(super) fn dotted(name: &str) -> String {
    name.replace('/', ".")
}

/// Writes the name of an attribute, where readers bear more: netCDF's keeps the escapes of what DAP2 does not name.
pub(super) fn escape_attribute(name: &str) -> String {
    let escaped = escape_but(name, b"_-+.");
    // An identifier may not begin with these.
    match escaped.chars().next() {
        None => "_".to_owned(),
        Some('.') => format!("%2E{}", &escaped[1..]),
        Some(_) => escaped,
    }
}

/// Writes text into a selection's string, so that it survives the query of a URL.
pub(super) fn escape_literal(text: &str) -> String {
    escape_but(text, b"_-.")
}

fn escape_but(name: &str, kept: &[u8]) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Replaces `%HH` by its byte; what is no such escape stays, and so does the whole if it would not be UTF-8.
pub(super) fn unescape(text: &str) -> String {
    let (bytes, mut decoded, mut place) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(place) {
        match escaped_at(bytes, place) {
            Some(escaped) => decoded.push(escaped),
            None => decoded.push(byte),
        }
        place += if escaped_at(bytes, place).is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

/// The byte that an escape at this place stands for.
pub(super) fn escaped_at(bytes: &[u8], place: usize) -> Option<u8> {
    let digit = |place: usize| char::from(*bytes.get(place)?).to_digit(16);
    if bytes.get(place) != Some(&b'%') {
        return None;
    }
    u8::try_from(digit(place + 1)? * 16 + digit(place + 2)?).ok()
}

/// Writes text as the content or an attribute of an XML element; characters that XML forbids become `U+FFFD`.
pub(super) fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\r' | '\t' => escaped.push_str(&format!("&#{};", u32::from(character))),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The last piece of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_escaped_name_comes_back(name in ".*") {
            prop_assert_eq!(unescape(&escape(&name)), name.clone());
            prop_assert_eq!(unescape(&escape_attribute(&name)), if name.is_empty() { "_".to_owned() } else { name });
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%zz%4"), "%zz%4");
        assert_eq!(unescape("%ff"), "%ff");
        assert_eq!(escape("a b.c/d%"), "a%20b%2Ec%2Fd%25");
        assert_eq!(xml("a<\"b\n"), "a&lt;&quot;b&#10;");
    }
}
