//! `rook dataset get`: a dataset, or a part of it, as a netCDF file.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use dataset::classic::Layout;
use dataset::manifest;
use dataset::model::Description;
use dataset::slab::{Slab, Span};

use super::slices::Slice;
use crate::api::client::Client;
use crate::cli::files::refuse;
use crate::cli::text::{self, note, say_json};
use crate::cli::transfer::Meter;
use crate::cli::{Failure, api_address};

/// Write a dataset of the grid, or a part of it, to a netCDF file; what comes is checked. Interrupted, the same command
/// goes on.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct GetArgs {
    /// The dataset: NAME, NAME@POINTER, or NAME/FILE where it has several files.
    dataset: String,
    /// A variable to get, with its coordinates; may be said more than once [default: all].
    #[arg(long = "var", value_name = "NAME")]
    variables: Vec<String>,
    /// A part of a dimension, as `time=0:11` or `lat=0:2:88` (first, stride, last, as DAP counts them); may be said more
    /// than once.
    #[arg(long = "slice", value_name = "DIMENSION=FIRST:STRIDE:LAST")]
    slices: Vec<Slice>,
    /// The file to write.
    #[arg(short, long)]
    output: PathBuf,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: dataset, version, bytes, resumed_at, variables.
    #[arg(long)]
    json: bool,
}

pub(super) async fn get(args: GetArgs) -> Result<(), Failure> {
    let client = Client::find(args.api)?;
    let (name, path) = args.dataset.split_once('/').unwrap_or((&args.dataset, ""));
    let (version, manifest) = client.open_dataset(name).await?;
    let file = find(&manifest, name, path)?;
    let description = &manifest.files[file].description;
    let wanted = selection(description, &args.variables, &args.slices)?;
    let layout = Layout::new(description, &wanted)
        .map_err(|error| Failure::new(format!("this cannot be written as a netCDF file: {error}")))?;
    let mut part = Part::open(&args.output, &version, &layout)?;
    let resumed_at = part.done;
    if resumed_at > layout.header.len() as u64 {
        note(format_args!("going on after {}", text::bytes(resumed_at)));
    }
    let mut meter = Meter::new("got", layout.length, resumed_at);
    for place in &layout.places {
        let end = place.begin + place.length;
        if part.done < end {
            let skip = part.done.saturating_sub(place.begin);
            let at = (file, place.variable);
            let mut values = client.dataset_values(name, &version, at, &place.slab, skip).await?;
            while let Some(piece) = client.next_values(&mut values).await? {
                part.write(&piece)?;
                meter.advance(piece.len() as u64);
            }
            if part.done != end {
                let what = "the node could not go on: its log says why, and the same command goes on from here";
                return Err(Failure::new(what));
            }
        }
        let padding = place.length.next_multiple_of(4) - place.length;
        if part.done == end {
            part.write(&[0; 4][..usize::try_from(padding).unwrap_or_default()])?;
        }
    }
    meter.finish();
    part.finish(&args.output)?;
    tell(&args, &version, &layout, resumed_at, description);
    Ok(())
}

fn tell(args: &GetArgs, version: &str, layout: &Layout, resumed_at: u64, description: &Description) {
    let names = layout.places.iter().map(|place| description.variables[place.variable].name.as_str());
    let names: Vec<&str> = names.collect();
    if args.json {
        return say_json(&serde_json::json!({ "dataset": args.dataset, "version": version, "bytes": layout.length,
            "resumed_at": resumed_at, "variables": names }));
    }
    let (bytes, output) = (text::bytes(layout.length), args.output.display());
    note(format_args!("{output}: {bytes}, {} variables, version {}", names.len(), text::short(version)));
}

fn find(manifest: &manifest::Manifest, name: &str, path: &str) -> Result<usize, Failure> {
    if let ("", [_]) = (path, manifest.files.as_slice()) {
        return Ok(0);
    }
    manifest.find(path).ok_or_else(|| {
        let files: Vec<String> = manifest.files.iter().take(20).map(|file| format!("{name}/{}", file.path)).collect();
        Failure::new(format!("say which file of the dataset: {}", files.join(", ")))
    })
}

/// The variables that are wanted, with the coordinates of their dimensions, in the file's order.
fn selection(description: &Description, variables: &[String], slices: &[Slice]) -> Result<Vec<(usize, Slab)>, Failure> {
    let mut wanted = Vec::new();
    for name in variables {
        let place = description.find(name).ok_or_else(|| {
            let names: Vec<_> = description.variables.iter().map(|variable| variable.name.as_str()).collect();
            Failure::new(format!("the dataset has no variable {name:?}; it has {}", names.join(", ")))
        })?;
        wanted.push(place);
        for &axis in &description.variables[place].dimensions {
            let coordinate = description.find(&description.dimensions[axis as usize].name);
            wanted.extend(coordinate.filter(|&found| description.variables[found].dimensions == [axis]));
        }
    }
    if variables.is_empty() {
        wanted.extend(0..description.variables.len());
    }
    wanted.sort_unstable();
    wanted.dedup();
    let spans = spans(description, slices)?;
    let slab = |&place: &usize| {
        let axes = description.variables[place].dimensions.iter().map(|&axis| spans[axis as usize]);
        (place, Slab(axes.collect()))
    };
    Ok(wanted.iter().map(slab).collect())
}

/// What is wanted of each dimension.
fn spans(description: &Description, slices: &[Slice]) -> Result<Vec<Span>, Failure> {
    let mut spans: Vec<Span> = description.dimensions.iter().map(|dimension| Span::whole(dimension.size)).collect();
    for slice in slices {
        let place = description.dimensions.iter().position(|dimension| dimension.name == slice.dimension);
        let place = place.ok_or_else(|| {
            let names: Vec<_> = description.dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
            Failure::new(format!("the dataset has no dimension {:?}; it has {}", slice.dimension, names.join(", ")))
        })?;
        spans[place] = slice.span(description.dimensions[place].size).map_err(Failure::new)?;
    }
    Ok(spans)
}

/// A file that is being written, under another name until it is complete. The name says of what it is, so that one goes on
/// with the same only.
struct Part {
    path: PathBuf,
    file: File,
    done: u64,
}

impl Part {
    fn open(output: &Path, version: &str, layout: &Layout) -> Result<Self, Failure> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(version.as_bytes()).update(&layout.header);
        for place in &layout.places {
            hasher.update(format!("{:?}", place.slab).as_bytes());
        }
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:.16}.part", hasher.finalize().to_hex()));
        let path = output.with_file_name(name);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let opened =
            file.as_mut().map_err(|error| refuse(&path)(std::io::Error::new(error.kind(), error.to_string())))?;
        let mut header = vec![0; layout.header.len()];
        let is_there = opened.read_exact(&mut header).is_ok() && header == layout.header;
        let length = opened.seek(SeekFrom::End(0)).map_err(refuse(&path))?;
        let mut part = Self { done: length.min(layout.length), file: file.map_err(refuse(&path))?, path };
        if !is_there {
            part.file.set_len(0).and_then(|()| part.file.rewind()).map_err(refuse(&part.path))?;
            part.done = 0;
            part.write(&layout.header)?;
        }
        Ok(part)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(refuse(&self.path))?;
        self.done += bytes.len() as u64;
        Ok(())
    }

    fn finish(self, output: &Path) -> Result<(), Failure> {
        self.file.sync_all().map_err(refuse(&self.path))?;
        std::fs::rename(&self.path, output).map_err(refuse(output))
    }
}
