//! What the questions of the API's clients hold to, whatever their bytes are: see [`crate::decoders`].
#![allow(clippy::unwrap_used, reason = "a test, which may fail")]

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;

use super::datasets::Copy;
use super::handlers::NoQuery;
use super::offers::Standing;
use super::reading::{Closely, Wanted, slab};
use super::records::{Choice, Part, Way};
use super::services::Local;
use super::types::datasets::DatasetWish;
use crate::datasets::store::Location;

/// A question: the first octet says which. The rest is its query, or the wish in its body.
pub fn questions(bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else { return false };
    let kind = kind.wrapping_sub(b'0') % 10;
    if kind == 0 {
        return wish(rest);
    }
    let Ok(uri) = Uri::try_from([b"/?", rest].concat()) else { return false };
    match kind {
        1 => query::<Choice>(&uri, &["days", "half_life", "priority", "tunnel"]).is_some(),
        2 => query::<Way>(&uri, &["tunnel"]).is_some(),
        3 => query::<Part>(&uri, &["chunk", "tunnel"]).is_some(),
        4 => query::<Standing>(&uri, &["seconds"]).is_some(),
        5 => query::<Copy>(&uri, &["location"]).is_some(),
        6 => query::<Local>(&uri, &["address"]).is_some(),
        7 => query::<Closely>(&uri, &["groups"]).is_some(),
        8 => query::<NoQuery>(&uri, &[]).is_some(),
        _ => {
            let known = ["version", "file", "variable", "slab", "skip"];
            query::<Wanted>(&uri, &known).is_some_and(|wanted| part(&wanted.slab))
        }
    }
}

/// A query has nothing but what is known: what is misspelt is not passed over.
fn query<T: DeserializeOwned>(uri: &Uri, known: &[&str]) -> Option<T> {
    let Query(value) = Query::<T>::try_from_uri(uri).ok()?;
    for key in uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or_default()) {
        let is_plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(!is_plain || known.contains(&key), "{key} is passed over");
    }
    Some(value)
}

/// A part of a variable, written as it is asked for, is the same.
fn part(text: &str) -> bool {
    let Some(read) = slab(text) else { return false };
    let spans: Vec<String> =
        read.0.iter().map(|span| format!("{}:{}:{}", span.start, span.count, span.stride)).collect();
    assert_eq!(slab(&spans.join(",")).unwrap(), read);
    true
}

/// What a dataset is to be published from.
fn wish(body: &[u8]) -> bool {
    let Ok(wish) = serde_json::from_slice::<DatasetWish>(body) else { return false };
    assert_eq!(serde_json::from_slice::<DatasetWish>(&serde_json::to_vec(&wish).unwrap()).unwrap(), wish);
    let location = wish.location.parse::<Location>().ok();
    let read = wish.read("name".parse().unwrap());
    assert_eq!(read.ok().map(|wish| wish.location), location);
    location.is_some()
}
