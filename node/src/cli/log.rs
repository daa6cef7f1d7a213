//! The log, which people are to read: no line is repeated more than once a minute, and no place in the program says more
//! than so many different things in a minute; what is left out is counted and told. Lines of debugging are asked for, and
//! come as they are.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How often the same line may come.
const MINUTE: Duration = Duration::from_secs(60);
/// Different lines from one place in the program in that time.
const LINES: u64 = 20;

/// What is logged unless `ROOK_LOG` says otherwise: what the owner may have to do something about. Of QUIC's address tokens, each good
/// for one dial, one that is older than the first that was seen is a warning in quinn, and means only that it is not taken.
const USUAL: &str = "warn,quinn_proto::bloom_token_log=error";

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// Log lines go to standard error; `ROOK_LOG` chooses them as `RUST_LOG` does elsewhere.
pub(super) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("ROOK_LOG").unwrap_or_else(|_| EnvFilter::new(USUAL));
    let terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(terminal);
    // Whoever calls this as a library may have a log already.
    let _ = match format {
        LogFormat::Text => log.event_format(Quiet::new(Format::default(), format)).try_init(),
        LogFormat::Json => log.json().event_format(Quiet::new(Format::default().json(), format)).try_init(),
    };
}

/// Writes lines as another format does, but leaves out what was said just before.
struct Quiet<F> {
    inner: F,
    format: LogFormat,
    said: Mutex<Said>,
}

impl<F> Quiet<F> {
    fn new(inner: F, format: LogFormat) -> Self {
        Self { inner, format, said: Mutex::default() }
    }
}

impl<S, N, F> FormatEvent<S, N> for Quiet<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO {
            return self.inner.format_event(context, to, event);
        }
        let mut text = Text::default();
        event.record(&mut text);
        let (is_new, left_out) = {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let left_out = said.take_due(now);
            (said.may_be_said(now, metadata, &text.0), left_out)
        };
        for line in left_out {
            self.write_left_out(&mut to, &line)?;
        }
        if is_new { self.inner.format_event(context, to, event) } else { Ok(()) }
    }
}

impl<F> Quiet<F> {
    fn write_left_out(&self, to: &mut Writer<'_>, line: &LeftOut) -> fmt::Result {
        let LeftOut { count, level, target, text } = line;
        let message = format!("{count} more like this: {text}");
        match self.format {
            LogFormat::Text => {
                SystemTime.format_time(to)?;
                writeln!(to, " {level:>5} {target}: {message}")
            }
            LogFormat::Json => {
                let mut time = String::new();
                SystemTime.format_time(&mut Writer::new(&mut time))?;
                let fields = serde_json::json!({ "message": message, "more": count });
                let object = serde_json::json!({ "timestamp": time, "level": level.as_str(), "fields": fields,
                    "target": target });
                writeln!(to, "{object}")
            }
        }
    }
}

/// An event's fields, to be compared and shown.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        // Writing into a string cannot fail.
        _ = match field.name() {
            "message" => write!(self.0, "{space}{value:?}"),
            name => write!(self.0, "{space}{name}={value:?}"),
        };
    }
}

/// Lines that were left out in a minute that is over.
#[derive(Debug, PartialEq, Eq)]
struct LeftOut {
    count: u64,
    level: Level,
    target: &'static str,
    text: String,
}

/// What was said within the last minute. No more is remembered than was said, which is bounded for each place in the
/// program, of which there are only so many.
#[derive(Debug, Default)]
struct Said {
    lines: HashMap<(Identifier, u64), Line>,
    places: HashMap<Identifier, Line>,
}

#[derive(Debug)]
struct Line {
    since: Instant,
    said: u64,
    left_out: u64,
    level: Level,
    target: &'static str,
    text: String,
}

impl Said {
    /// Whether a line is to be written; if not, it is counted.
    fn may_be_said(&mut self, now: Instant, metadata: &'static Metadata<'static>, text: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let (level, target) = (*metadata.level(), metadata.target());
        let new = || Line { since: now, said: 0, left_out: 0, level, target, text: text.to_owned() };
        let name = (metadata.callsite(), hasher.finish());
        if let Some(line) = self.lines.get_mut(&name) {
            line.left_out += 1;
            return false;
        }
        let place = self.places.entry(metadata.callsite()).or_insert_with(new);
        if place.said >= LINES {
            (place.left_out, place.text) = (place.left_out + 1, text.to_owned());
            return false;
        }
        place.said += 1;
        self.lines.insert(name, new());
        true
    }

    /// Forgets what was said more than a minute ago, and returns what was left out meanwhile.
    fn take_due(&mut self, now: Instant) -> Vec<LeftOut> {
        let mut due = Vec::new();
        let mut keep = |line: &mut Line| {
            let is_over = now.saturating_duration_since(line.since) >= MINUTE;
            if is_over && line.left_out > 0 {
                let Line { left_out, level, target, .. } = *line;
                due.push(LeftOut { count: left_out, level, target, text: std::mem::take(&mut line.text) });
            }
            !is_over
        };
        self.lines.retain(|_, line| keep(line));
        self.places.retain(|_, line| keep(line));
        due.sort_by(|a, b| a.text.cmp(&b.text));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata as the `tracing` macros make it.
    fn metadata() -> &'static Metadata<'static> {
        struct Site;
        static META: Metadata<'static> = tracing::metadata! {
            name: "event", target: "node::test", level: Level::WARN, fields: &["message"],
            callsite: &SITE, kind: tracing::metadata::Kind::EVENT
        };
        static SITE: Site = Site;
        impl tracing::callsite::Callsite for Site {
            fn set_interest(&self, _: tracing::subscriber::Interest) {}
            fn metadata(&self) -> &Metadata<'_> {
                &META
            }
        }
        &META
    }

    #[test]
    fn the_same_line_comes_once_a_minute_and_is_counted() {
        let (mut said, begun) = (Said::default(), Instant::now());
        assert!(said.may_be_said(begun, metadata(), "a"));
        assert!(said.may_be_said(begun, metadata(), "b"));
        for _ in 0..7 {
            assert!(!said.may_be_said(begun, metadata(), "a"));
        }
        assert!(said.take_due(begun + MINUTE / 2).is_empty());
        let due = said.take_due(begun + MINUTE);
        let wanted = LeftOut { count: 7, level: Level::WARN, target: "node::test", text: "a".into() };
        assert_eq!(due, [wanted]);
        assert!(said.may_be_said(begun + MINUTE, metadata(), "a"));
        assert!(said.take_due(begun + MINUTE).is_empty());
    }

    #[test]
    fn one_place_says_only_so_much() {
        let (mut said, begun) = (Said::default(), Instant::now());
        let shown = (0..1000).filter(|number| said.may_be_said(begun, metadata(), &number.to_string())).count();
        assert_eq!(shown as u64, LINES);
        assert!(said.lines.len() <= shown && said.places.len() == 1);
        let due = said.take_due(begun + MINUTE);
        assert_eq!((due.len(), due[0].count), (1, 1000 - LINES));
        assert!(said.lines.is_empty() && said.places.is_empty());
    }
}
