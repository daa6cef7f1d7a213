//! Pieces of a page.

use super::super::claims::with_interval;
use super::super::plot::Picture;
use super::super::statistics::Summary;

const STYLE: &str = include_str!("style.css");

/// A page of its own: no script, nothing from elsewhere.
pub(super) fn document(title: &str, body: &str, with_heading: bool) -> String {
    let title = escaped(title);
    let heading = if with_heading { format!("<h1>{title}</h1>\n") } else { String::new() };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{heading}{body}</main>\n</body>\n</html>\n"
    )
}

/// Text that is no markup.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Prose: paragraphs between empty lines, lists of lines that begin with a dash, code between backticks.
pub(super) fn paragraphs(text: &str) -> String {
    let blocks = text.trim().split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    blocks.map(block).collect::<Vec<_>>().join("\n")
}

fn block(text: &str) -> String {
    if !text.starts_with("- ") {
        return format!("<p>{}</p>", with_code(text));
    }
    let items = text.trim_start_matches("- ").split("\n- ");
    format!("<ul>{}</ul>", items.map(|item| format!("<li>{}</li>", with_code(item))).collect::<String>())
}

fn with_code(text: &str) -> String {
    let parts: Vec<String> = text.split('`').map(escaped).collect();
    if parts.len().is_multiple_of(2) {
        // A backtick without its partner is a backtick.
        return parts.join("`");
    }
    let code = |(place, part): (usize, String)| if place % 2 == 1 { format!("<code>{part}</code>") } else { part };
    parts.into_iter().enumerate().map(code).collect()
}

/// A table that scrolls on its own where the page is narrow. The cells are markup.
pub(super) fn table(class: &str, head: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |tag: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("<{tag}>{cell}</{tag}>")).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = rows.map(|row| line("td", &row)).collect();
    let head = line("th", head);
    format!(
        "<div class=\"wide\"><table class=\"{class}\">\n<thead>{head}</thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )
}

/// A mean in a table, with its extremes for those who point at it.
pub(super) fn cell(summary: &Summary) -> String {
    let text = with_interval(summary.mean, summary.ci95);
    let (mean, interval) = text.split_once(" ± ").map_or((text.as_str(), None), |(mean, half)| (mean, Some(half)));
    let interval = interval.map_or_else(String::new, |half| format!(" <small>± {half}</small>"));
    let Summary { n, min, median, max, .. } = summary;
    format!("<span title=\"{n} seeds: least {min}, median {median}, greatest {max}\">{mean}{interval}</span>")
}

/// A diagram.
pub(super) fn figure(picture: &Picture) -> String {
    let remark = match picture.remark.as_str() {
        "" => String::new(),
        remark => format!("<figcaption>{}</figcaption>", escaped(remark)),
    };
    format!("<figure>\n{}\n{remark}</figure>\n", picture.inline_svg().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_becomes_markup_and_markup_becomes_prose() {
        assert_eq!(
            paragraphs("a < b\n\n- one\n- `two`"),
            "<p>a &lt; b</p>\n<ul><li>one</li><li><code>two</code></li></ul>"
        );
        assert_eq!(paragraphs("a lone ` tick"), "<p>a lone ` tick</p>");
        assert_eq!(escaped("<script>\"&"), "&lt;script&gt;&quot;&amp;");
    }
}
