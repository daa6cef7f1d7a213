//! Why a dial failed, for a person.

use std::time::Duration;

use grid::peer::DialFailure;
use libp2p::core::transport::TransportError;
use libp2p::swarm::DialError;

/// What a dial's error means. Timeouts and refusals are told apart from something that answers and is no node.
pub(crate) fn explain(error: &DialError, timeout: Duration) -> DialFailure {
    match error {
        DialError::LocalPeerId { address } => DialFailure::Foreign(format!("{address} is this node itself")),
        DialError::WrongPeerId { obtained, address } => DialFailure::Foreign(format!(
            "another node answers at {address}: {obtained}. Ask its owner for the address that it prints now"
        )),
        DialError::NoAddresses => DialFailure::Unreachable("no address of it is known".into()),
        DialError::Denied { cause } => DialFailure::Unreachable(format!("this node's own limits: {cause}")),
        DialError::Aborted | DialError::DialPeerConditionFalse(_) => DialFailure::Unreachable(error.to_string()),
        DialError::Transport(errors) => transport(errors, timeout),
    }
}

fn transport(errors: &[(libp2p::Multiaddr, TransportError<std::io::Error>)], timeout: Duration) -> DialFailure {
    let texts: Vec<String> = errors.iter().map(|(address, error)| format!("{address}: {}", chain(error))).collect();
    let all = texts.join("; ");
    let says = |words: &[&str]| words.iter().any(|word| all.to_ascii_lowercase().contains(word));
    if says(&["refused", "unreachable", "no route", "not supported", "unsupported"]) {
        DialFailure::Unreachable(all)
    } else if says(&[
        "negotiat",
        "multistream",
        "noise",
        "decrypt",
        "invalidmessage",
        "invalid message",
        "upgrade",
        "eof",
    ]) {
        DialFailure::Foreign(format!("something answers that is no node ({all})"))
    } else if says(&["timeout", "timed out"]) {
        DialFailure::TimedOut(timeout)
    } else {
        DialFailure::Unreachable(all)
    }
}

/// An error and all its causes: libp2p says the interesting thing last.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        // Some only wrap another, and say nothing themselves.
        if text.is_empty() {
            text = more;
        } else if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}
