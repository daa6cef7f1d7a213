//! What a file here has to do with a file of a manifest: it is the one that is published, or has the same data.

use std::ops::Range;
use std::sync::Arc;

use super::{File, Stream};
use crate::model::{Description, Kind};
use crate::slab::Slab;
use crate::source::{Source, SourceError};
use crate::tree::Outboard;

/// Why a file here is not the published one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// It cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A variable is not in it.
    #[error("the published file has a variable {variable}, this one has none of that name")]
    Missing {
        /// Which variable.
        variable: String,
    },
    /// A variable has another type.
    #[error("variable {variable} was published as {published:?}, here it is {here:?}")]
    Kind {
        /// Which variable.
        variable: String,
        /// In the manifest.
        published: Kind,
        /// In this file.
        here: Kind,
    },
    /// A variable has another size.
    #[error("variable {variable} was published with the shape {published:?}, here it has {here:?}")]
    Shape {
        /// Which variable.
        variable: String,
        /// In the manifest.
        published: Vec<u64>,
        /// In this file.
        here: Vec<u64>,
    },
    /// A variable has other values.
    #[error("the values of variable {variable} are not the published ones; get the published version")]
    Values {
        /// Which variable.
        variable: String,
    },
}

impl File {
    /// Describes a file for a manifest, and hashes all of it.
    ///
    /// # Errors
    /// [`SourceError`] if it cannot be read.
    pub fn of(path: &str, source: &dyn Source) -> Result<(Self, Vec<Outboard>), SourceError> {
        let description = source.description().clone();
        let variables = 0..description.variables.len();
        let outboards: Vec<_> = variables.map(|variable| Outboard::of(source, variable)).collect::<Result<_, _>>()?;
        let streams = Some(outboards.iter().map(Outboard::stream).collect());
        Ok((Self { path: path.to_owned(), description, streams }, outboards))
    }

    /// Finds the published variables in a file that may have another layout, and more in it: where each of them is, and
    /// its hashes. Without published roots nothing is hashed.
    ///
    /// # Errors
    /// [`Mismatch`] for the first variable that differs.
    pub fn matches(&self, source: &dyn Source) -> Result<(Vec<usize>, Vec<Outboard>), Mismatch> {
        let variables = 0..self.description.variables.len();
        // All that can be seen at once comes before what takes hashing a file.
        let places: Vec<_> = variables.map(|variable| self.place(variable, source)).collect::<Result<_, _>>()?;
        let streams = self.streams.iter().flatten();
        let hashed = streams.zip(&places).enumerate();
        let outboards = hashed.map(|(variable, (stream, &place))| self.hash(variable, stream, source, place));
        let outboards = outboards.collect::<Result<_, _>>()?;
        Ok((places, outboards))
    }

    /// Where a published variable is in a source.
    fn place(&self, number: usize, source: &dyn Source) -> Result<usize, Mismatch> {
        let published = &self.description.variables[number];
        let variable = published.name.clone();
        let Some(place) = source.description().find(&variable) else { return Err(Mismatch::Missing { variable }) };
        let here = source.description().variables[place].kind;
        if here != published.kind {
            return Err(Mismatch::Kind { variable, published: published.kind, here });
        }
        let (published, here) = (self.description.shape(number), source.description().shape(place));
        if here == published { Ok(place) } else { Err(Mismatch::Shape { variable, published, here }) }
    }

    fn hash(&self, number: usize, stream: &Stream, source: &dyn Source, place: usize) -> Result<Outboard, Mismatch> {
        let outboard = Outboard::of(source, place)?;
        let variable = || self.description.variables[number].name.clone();
        if outboard.stream() == *stream { Ok(outboard) } else { Err(Mismatch::Values { variable: variable() }) }
    }
}

/// A file here, with the description and the numbers of variables of the published one.
pub struct Renumbered {
    source: Arc<dyn Source>,
    description: Description,
    places: Vec<usize>,
}

impl Renumbered {
    /// A source that [`File::matches`] has found these places in.
    pub fn new(source: Arc<dyn Source>, file: &File, places: Vec<usize>) -> Self {
        Self { source, description: file.description.clone(), places }
    }
}

impl Source for Renumbered {
    fn description(&self) -> &Description {
        &self.description
    }

    fn length(&self, variable: usize) -> Result<u64, SourceError> {
        self.source.length(self.places[variable])
    }

    fn read(&self, variable: usize, slab: &Slab, out: &mut Vec<u8>) -> Result<(), SourceError> {
        self.source.read(self.places[variable], slab, out)
    }

    fn read_range(&self, variable: usize, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), SourceError> {
        self.source.read_range(self.places[variable], range, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::climate::{self, Chunks, Climate, Layout};
    use crate::manifest::{Manifest, VersionRoot};
    use crate::memory::Memory;
    use crate::netcdf::NetCdf;

    const WORLD: Climate = Climate { days: 3, latitudes: 6, longitudes: 8 };

    fn world(climate: Climate, layout: Layout) -> Arc<dyn Source> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("climate.nc");
        climate::write(&path, &climate, layout).unwrap();
        Arc::new(NetCdf::open_path(&path).unwrap())
    }

    fn stream(source: &dyn Source, variable: usize) -> Vec<u8> {
        let mut out = Vec::new();
        source.read_range(variable, 0..source.length(variable).unwrap(), &mut out).unwrap();
        out
    }

    #[test]
    fn another_layout_of_the_same_data_is_the_published_file() {
        let published = world(WORLD, Layout::Classic);
        let (file, outboards) = File::of("climate.nc", &*published).unwrap();
        let manifest = Manifest { label: "1".into(), files: vec![file.clone()] };
        let encoded = manifest.encode().unwrap();
        assert_eq!(Manifest::decode(&encoded).unwrap(), manifest);
        assert_eq!(VersionRoot::of(&encoded).to_string().len(), 64);
        let chunks = Chunks { days: 2, latitudes: 4, longitudes: 8, deflate: Some(1), is_shuffled: true };
        let here = world(WORLD, Layout::Chunked(chunks));
        let (places, hashes) = file.matches(&*here).unwrap();
        assert_eq!(hashes, outboards);
        let renumbered = Renumbered::new(here, &file, places);
        assert_eq!(renumbered.description(), published.description());
        for variable in 0..file.description.variables.len() {
            assert_eq!(stream(&renumbered, variable), stream(&*published, variable));
        }
    }

    #[test]
    fn the_places_are_those_of_the_same_names() {
        let column = |place: usize, description: &Description| description.variables[place].clone();
        let table = |order: [usize; 2]| {
            let two = crate::csv::open("two.csv", &b"a,b\n1,2.5\n3,4.5\n"[..]).unwrap();
            let variables = order.map(|place| column(place, two.description())).to_vec();
            let description = Description { variables, tables: Vec::new(), ..two.description().clone() };
            Memory::new(description, order.map(|place| stream(&two, place)).to_vec()).unwrap()
        };
        let (file, _) = File::of("", &table([0, 1])).unwrap();
        let (places, _) = file.matches(&table([1, 0])).unwrap();
        assert_eq!(places, [1, 0]);
        let renumbered = Renumbered::new(Arc::new(table([1, 0])), &file, places);
        assert_eq!(stream(&renumbered, 0), stream(&table([0, 1]), 0));
    }

    #[test]
    fn what_differs_is_named() {
        let open = |text: &'static str| crate::csv::open("a.csv", text.as_bytes()).unwrap();
        let (file, _) = File::of("", &open("a,b\n1,2\n3,4\n")).unwrap();
        let differs = |text| file.matches(&open(text)).unwrap_err().to_string();
        assert!(differs("a\n1\n3\n").contains("has a variable b"));
        assert!(differs("a,b\n1,2.5\n3,4\n").contains("b was published as I32, here it is F64"));
        assert!(differs("a,b\n1,2\n").contains("a was published with the shape [2], here it has [1]"));
        assert!(differs("a,b\n1,2\n3,5\n").contains("the values of variable b"));
        assert!(file.matches(&open("b,a,c\n2,1,7\n4,3,7\n")).is_ok());
        let unrooted = File { streams: None, ..file.clone() };
        assert_eq!(unrooted.matches(&open("a,b\n1,2\n3,5\n")).unwrap(), (vec![0, 1], Vec::new()));
    }
}
