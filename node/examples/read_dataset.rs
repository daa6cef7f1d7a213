//! Reads a dataset through a node that runs on this machine: what is in it, and the mean of each variable of numbers. The node fetches
//! the values from whoever serves them, and checks them against what the publisher has signed.
//!
//! ```text
//! cargo run --example read_dataset -- NAME [API]
//! ```

#![allow(clippy::print_stdout, reason = "it talks to whoever tries it")]

use std::error::Error;

use dataset::model::Kind;
use dataset::slab::Slab;
use node::api::client::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let name = args.next().ok_or("which dataset? Its name is missing")?;
    let client = Client::find(args.next().map(|api| api.parse()).transpose()?)?;
    let (version, manifest) = client.open_dataset(&name).await?;
    println!("{name}, version {:.12}", version);
    for (number, file) in manifest.files.iter().enumerate() {
        for (place, variable) in file.description.variables.iter().enumerate() {
            let shape = file.description.shape(place);
            let mut mean = Mean::default();
            let mut values = client.dataset_values(&name, &version, (number, place), &Slab::whole(&shape), 0).await?;
            while let Some(bytes) = client.next_values(&mut values).await? {
                mean.add(variable.kind, &bytes);
            }
            println!("{:?} {} {shape:?} {}", variable.kind, variable.name, mean.text());
        }
    }
    Ok(())
}

/// A mean of what comes in pieces of any length.
#[derive(Default)]
struct Mean {
    rest: Vec<u8>,
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, kind: Kind, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let width = kind.width().and_then(|width| usize::try_from(width).ok()).unwrap_or(1);
        let whole = self.rest.len() / width * width;
        for value in self.rest.drain(..whole).collect::<Vec<_>>().chunks(width) {
            if let Some(number) = number(kind, value) {
                self.sum += number;
                self.count += 1;
            }
        }
    }

    fn text(&self) -> String {
        match self.count {
            0 => "no numbers".to_owned(),
            count => format!("mean {:.3}", self.sum / count as f64),
        }
    }
}

/// A value in canonical form: big-endian.
fn number(kind: Kind, bytes: &[u8]) -> Option<f64> {
    match kind {
        Kind::I8 => Some(i8::from_be_bytes(bytes.try_into().ok()?).into()),
        Kind::U8 => Some(u8::from_be_bytes(bytes.try_into().ok()?).into()),
        Kind::I16 => Some(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        Kind::U16 => Some(u16::from_be_bytes(bytes.try_into().ok()?).into()),
        Kind::I32 => Some(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        Kind::U32 => Some(u32::from_be_bytes(bytes.try_into().ok()?).into()),
        Kind::I64 => Some(i64::from_be_bytes(bytes.try_into().ok()?) as f64),
        Kind::U64 => Some(u64::from_be_bytes(bytes.try_into().ok()?) as f64),
        Kind::F32 => Some(f32::from_be_bytes(bytes.try_into().ok()?).into()),
        Kind::F64 => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Char | Kind::String => None,
    }
}
