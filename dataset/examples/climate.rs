//! Writes the synthetic climate of rook: `cargo run -p dataset --example climate -- FILE BYTES [LAYOUT]`, the layout
//! being `classic` (by default), `offset64`, `cdf5`, `netcdf4`, `chunked` or `deflated`.

use dataset::climate::{Chunks, Climate, Layout, write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (path, bytes, layout) = match &arguments[..] {
        [path, bytes] => (path, bytes, "classic"),
        [path, bytes, layout] => (path, bytes, layout.as_str()),
        _ => return Err("usage: climate FILE BYTES [LAYOUT]".into()),
    };
    let chunks = Chunks { days: 4, latitudes: 15, longitudes: 24, deflate: None, is_shuffled: false };
    let layout = match layout {
        "classic" => Layout::Classic,
        "offset64" => Layout::Offset64,
        "cdf5" => Layout::Cdf5,
        "netcdf4" => Layout::Hdf5,
        "chunked" => Layout::Chunked(chunks),
        "deflated" => Layout::Chunked(Chunks { deflate: Some(4), is_shuffled: true, ..chunks }),
        other => return Err(format!("there is no layout {other}").into()),
    };
    Ok(write(path.as_ref(), &Climate::of_bytes(bytes.parse()?), layout)?)
}
