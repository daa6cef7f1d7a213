//! The lines above the panes: which node this is, how it is, its main figures, and what is wrong.

use std::time::Duration;

use super::listing::shorten;
use super::look::Look;
use super::panes::id;
use super::screen::{Screen, Silence};
use super::words::{Mark, clean, plural, size, width, wrap};
use crate::cli::text;

/// Columns of a grid's name that are shown.
const NAME: usize = 24;
/// Columns between two parts of a line.
pub(super) const GAP: usize = 2;

/// Parts of a line, each with its look.
pub(super) type Parts = Vec<(Mark, String)>;

/// Lines of that width, no more of each kind than so many.
pub(super) fn lines(screen: &Screen, columns: usize, most: usize) -> Vec<Parts> {
    let look = &screen.look;
    let mut lines = flow(who(look, screen.silence.is_some()), columns);
    lines.truncate(most.max(2));
    if let Some(alert) = alert(look, screen.silence.as_ref()) {
        lines.extend(wrap(&alert, columns).into_iter().take(most).map(|line| vec![(Mark::Bad, line)]));
    }
    lines.extend(flow(figures(look), columns).into_iter().take(most));
    lines
}

fn who(look: &Look, silent: bool) -> Parts {
    let status = &look.status;
    let state = match (silent, status.joined) {
        (true, _) => (Mark::Bad, "no answer"),
        (false, true) => (Mark::Good, "joined"),
        (false, false) => (Mark::Bad, "not joined"),
    };
    let name = shorten(&clean(&status.grid), NAME);
    let version = if status.version.is_empty() { "?".to_owned() } else { shorten(&clean(&status.version), NAME) };
    vec![
        (Mark::Strong, format!("rook {}", id(&status.id))),
        (Mark::Strong, text::cell(&status.cell)),
        (state.0, state.1.to_owned()),
        (Mark::Plain, format!("{name}, {} of {}", plural(status.dims.into(), "axis", "axes"), status.side)),
        (Mark::Faint, format!("v{version}")),
        (Mark::Faint, format!("up {}", uptime(status.uptime_s))),
    ]
}

/// What is most in need of somebody who does something about it.
fn alert(look: &Look, silence: Option<&Silence>) -> Option<String> {
    if let Some(Silence { why, age }) = silence {
        return Some(format!("figures are {} old: {}", uptime(age.as_secs()), clean(why)));
    }
    let joining = || {
        let of = |kind: &str| look.warnings.iter().find(|warning| warning.kind == kind);
        let warning = of("join_failed").or_else(|| of("not_joined"))?;
        Some(format!("{}: {}", clean(&warning.text), clean(&warning.what_to_do)))
    };
    if look.status.joined { None } else { joining() }
}

fn figures(look: &Look) -> Parts {
    let status = &look.status;
    let queued = status.queued.control + status.queued.interactive + status.queued.bulk;
    let warnings = look.warnings.len() as u64;
    let (mark, warnings) = match warnings {
        0 => (Mark::Good, "no warnings".to_owned()),
        _ => (Mark::Bad, plural(warnings, "warning", "warnings")),
    };
    let records = plural(status.records as u64, "record", "records");
    vec![
        (Mark::Plain, plural(status.neighbours as u64, "neighbour", "neighbours")),
        (Mark::Plain, plural(status.links as u64, "link", "links")),
        (mark, warnings),
        (Mark::Plain, format!("{queued} waiting")),
        (Mark::Plain, format!("{records}, {} of {}", size(status.record_bytes), size(status.quota_bytes))),
    ]
}

/// A time in whole seconds.
fn uptime(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { text::duration(Duration::from_secs(seconds)) }
}

/// Puts parts beside each other as long as there is room, then on the next line.
fn flow(parts: Parts, columns: usize) -> Vec<Parts> {
    let (mut lines, mut line, mut taken) = (Vec::new(), Parts::new(), 0);
    for (mark, text) in parts {
        let needed = width(&text);
        if !line.is_empty() && taken + GAP + needed > columns {
            lines.push(std::mem::take(&mut line));
            taken = 0;
        }
        taken += needed + if line.is_empty() { 0 } else { GAP };
        line.push((mark, text));
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_flow_into_lines() {
        let parts = |texts: &[&str]| texts.iter().map(|text| (Mark::Plain, (*text).to_owned())).collect::<Parts>();
        let all = parts(&["abc", "de", "f", "ghijklmnop"]);
        assert_eq!(flow(all.clone(), 7), [parts(&["abc", "de"]), parts(&["f"]), parts(&["ghijklmnop"])]);
        assert_eq!(flow(all, 100).len(), 1);
    }
}
