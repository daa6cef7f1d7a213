#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! What nodes publish and serve, in small real grids: files that are changed, damaged or gone, names that two claim.

mod net_support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dataset::climate::{self, Chunks, Climate, Layout};
use dataset::manifest::Manifest;
use dataset::source::Source;
use grid::parameters::Parameters;
use grid::record::{Pointer, Record, Rules, Subject};
use net_support::{Node, Setup, mint, mint_in, parameters};
use node::data::library::Library;
use node::datasets::Datasets;
use node::datasets::error::DatasetError;
use node::datasets::head::{Head, MAX_HEAD};
use node::datasets::name::Reference;
use node::datasets::resolve::ResolveError;
use node::datasets::store::{Location, StoreError};
use node::datasets::types::{Condition, Prepared, Wish};
use node::datasets::work::Meter;
use node::pointer::PointerText;
use node::stamps::{self, Wanted, WriterKey};

/// Long enough that versions with an interval of a second may follow each other.
const NEXT_SECOND: Duration = Duration::from_millis(1100);

fn grid() -> Parameters {
    parameters(1, 2)
}

fn rules() -> Rules {
    Rules::of(&grid())
}

/// A node with its datasets.
struct Server {
    node: Node,
    datasets: Datasets,
    library: Arc<Library>,
}

impl Server {
    fn of(node: Node) -> Self {
        let library = Arc::<Library>::default();
        let datasets = Datasets::start(node.handle.clone(), rules(), node.folder.path(), library.clone()).unwrap();
        Self { node, datasets, library }
    }

    /// As the node is after a restart, as far as its datasets are concerned.
    fn again(self) -> Self {
        Self::of(self.node)
    }

    async fn prepare(&self, name: &str, place: &Path) -> Result<Prepared, DatasetError> {
        let location = Location::Local(place.into());
        let wish = Wish { name: name.parse()?, location, label: String::new(), serve: true, roots: true };
        self.datasets.prepare(wish, Arc::new(Meter::default())).await
    }

    async fn publish(&self, publisher: &mut Publisher, place: &Path) -> Prepared {
        let prepared = self.prepare(publisher.name, place).await.unwrap();
        let record = publisher.sign(&prepared);
        self.datasets.publish(&publisher.name.parse().unwrap(), record).await.unwrap();
        prepared
    }

    /// Waits until the newest version is as wanted.
    async fn until(&self, name: &str, what: &str, wanted: impl Fn(&Condition) -> bool) -> Condition {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            self.datasets.look().await;
            let listed = self.datasets.find(&name.parse().unwrap()).unwrap();
            let condition = listed.conditions.last().unwrap().clone();
            if wanted(&condition) {
                return condition;
            }
            assert!(Instant::now() < deadline, "{what}: {condition:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Two nodes or more, one in each cell first.
async fn servers(count: usize) -> Vec<Server> {
    let first = Setup::new(&grid(), mint_in(&grid(), &[0])).start().await;
    let mut nodes = vec![first];
    for number in 1..count {
        let identity = if number == 1 { mint_in(&grid(), &[1]) } else { mint(&grid()) };
        let node = Setup::new(&grid(), identity).joining(&nodes[0]).start().await;
        nodes.push(node);
    }
    for node in &nodes {
        node.linked(count - 1).await;
    }
    nodes.into_iter().map(Server::of).collect()
}

/// Who has the key of a head.
struct Publisher {
    name: &'static str,
    key: WriterKey,
    pointer: Pointer,
    next: u64,
}

impl Publisher {
    fn new(name: &'static str) -> Self {
        let key = WriterKey::random();
        let subject = Subject::Mutable { writer: key.public(), interval: 1 };
        let terms = Wanted::default().terms(subject, MAX_HEAD as u64);
        // Less than the price: nobody else wants the space.
        Self { name, pointer: stamps::pay(terms, 4, &rules(), 1, &()).unwrap(), key, next: 0 }
    }

    fn sign(&mut self, prepared: &Prepared) -> Record {
        let head = Head { name: self.name.parse().unwrap(), version: prepared.version, length: prepared.length };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let record = stamps::version(&self.pointer, &self.key, self.next, now, &head.encode(), &rules()).unwrap();
        self.next += 1;
        record
    }

    fn reference(&self) -> String {
        format!("{}@{}", self.name, PointerText::from(&self.pointer))
    }
}

fn small(folder: &Path, name: &str, days: u32, layout: Layout) -> PathBuf {
    let path = folder.join(name);
    climate::write(&path, &Climate { days, ..Climate::SMALL }, layout).unwrap();
    path
}

const CHUNKED: Layout =
    Layout::Chunked(Chunks { days: 3, latitudes: 5, longitudes: 7, deflate: Some(4), is_shuffled: true });

/// All canonical streams of a file.
fn streams(source: &dyn Source) -> Vec<Vec<u8>> {
    let variables = 0..source.description().variables.len();
    let stream = |variable| {
        let mut bytes = Vec::new();
        source.read_range(variable, 0..source.length(variable).unwrap(), &mut bytes).unwrap();
        bytes
    };
    variables.map(stream).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_publishes_others_find_and_serve_in_another_layout() {
    let files = tempfile::tempdir().unwrap();
    let grid = servers(2).await;
    let mut publisher = Publisher::new("climate");
    let classic = small(files.path(), "classic.nc", 14, Layout::Classic);
    let prepared = grid[0].publish(&mut publisher, &classic).await;
    let resolved = grid[1].datasets.resolve("climate").await.unwrap();
    assert_eq!((resolved.head.version, resolved.sequence), (prepared.version, 0));
    assert_eq!(resolved.pointer, publisher.pointer);
    let names = |resolved: &node::datasets::resolve::Resolved| {
        resolved.servers.iter().map(|server| server.peer.id()).collect::<Vec<_>>()
    };
    assert_eq!(names(&resolved), [grid[0].node.id]);
    // A copy, chunked and compressed, with the manifest from the publisher.
    let chunked = small(files.path(), "chunked.nc", 14, CHUNKED);
    let manifest = grid[0].datasets.manifest(&prepared.version).unwrap();
    let reference: Reference = "climate".parse().unwrap();
    let serve = |place: PathBuf, manifest| {
        grid[1].datasets.serve(&reference, Location::Local(place), manifest, Arc::new(Meter::default()))
    };
    let other = small(files.path(), "other.nc", 13, CHUNKED);
    let refused = serve(other, Some(manifest.clone())).await.unwrap_err();
    assert!(matches!(refused, DatasetError::Differs(_)), "{refused}");
    let refused = serve(chunked.clone(), Some(b"nonsense".to_vec())).await.unwrap_err();
    assert!(matches!(refused, DatasetError::OtherManifest { .. }), "{refused}");
    let refused = serve(chunked.clone(), None).await.unwrap_err();
    assert!(matches!(refused, DatasetError::NoManifest { .. }), "{refused}");
    serve(chunked, Some(manifest)).await.unwrap();
    let mut both = vec![grid[0].node.id, grid[1].node.id];
    both.sort();
    assert_eq!(names(&grid[1].datasets.resolve("climate").await.unwrap()), both);
    let (ours, theirs) = (grid[0].library.find(&prepared.version), grid[1].library.find(&prepared.version));
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    assert_eq!(streams(&*ours.files[0].source), streams(&*theirs.files[0].source));
    assert_eq!(ours.files[0].outboards, theirs.files[0].outboards);
    assert_eq!(ours.encoded, theirs.encoded);
    // A name that is served here is neither published nor forgotten here.
    assert!(matches!(grid[1].prepare("climate", &classic).await, Err(DatasetError::Foreign(_))));
    assert!(matches!(grid[1].datasets.forget(&"climate".parse().unwrap()), Err(DatasetError::Here(_))));
    grid[1].datasets.remove(&"climate".parse().unwrap()).await.unwrap();
    assert!(grid[1].library.all().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_version_leaves_the_last_one_readable_also_after_a_restart() {
    let files = tempfile::tempdir().unwrap();
    let mut grid = servers(2).await;
    let mut publisher = Publisher::new("climate");
    let one = small(files.path(), "one.nc", 3, Layout::Classic);
    let two = small(files.path(), "two.nc", 4, Layout::Hdf5);
    let first = grid[0].publish(&mut publisher, &one).await;
    tokio::time::sleep(NEXT_SECOND).await;
    let second = grid[0].publish(&mut publisher, &two).await;
    assert_eq!(second.pointer, Some(PointerText::from(&publisher.pointer)));
    assert!(grid[0].prepare("climate", &two).await.unwrap().published, "nothing is to be published again");
    assert_eq!(grid[1].datasets.resolve("climate").await.unwrap().head.version, second.version);
    let server = grid.remove(0).again();
    server.until("climate", "served after a restart", |condition| *condition == Condition::Served).await;
    for prepared in [&first, &second] {
        let served = server.library.find(&prepared.version).unwrap();
        assert_eq!(served.files[0].outboards.len(), served.manifest.files[0].description.variables.len());
        assert!(!streams(&*served.files[0].source).is_empty());
    }
    let listed = server.datasets.find(&"climate".parse().unwrap()).unwrap();
    assert_eq!(listed.entry.versions.iter().map(|version| version.sequence).collect::<Vec<_>>(), [Some(0), Some(1)]);
    // Who stops serving is not found any more.
    tokio::time::sleep(NEXT_SECOND).await;
    server.datasets.remove(&"climate".parse().unwrap()).await.unwrap();
    tokio::time::sleep(NEXT_SECOND * 5).await;
    assert_eq!(grid[0].datasets.resolve("climate").await.unwrap().servers, []);
    let unknown = grid[0].datasets.resolve("weather").await.unwrap_err();
    assert!(matches!(unknown, ResolveError::Unknown(_)), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_is_not_served_until_it_is_what_was_published_again() {
    let files = tempfile::tempdir().unwrap();
    let grid = servers(2).await;
    let mut publisher = Publisher::new("climate");
    let place = small(files.path(), "a.nc", 3, Layout::Classic);
    let good = std::fs::read(&place).unwrap();
    let prepared = grid[0].publish(&mut publisher, &place).await;
    let served = |condition: &Condition| *condition == Condition::Served;
    grid[0].until("climate", "served", served).await;
    let old = grid[0].library.find(&prepared.version).unwrap();
    // Written again with the same contents: it is compared, and served.
    tokio::time::sleep(Duration::from_millis(50)).await;
    std::fs::write(&place, &good).unwrap();
    grid[0].until("climate", "served again", served).await;
    // One bit of a value is another: whoever has it open reads nothing of it, and it is not served.
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    std::fs::write(&place, &bad).unwrap();
    let error = old.files[0].source.read_range(0, 0..1, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("was changed since it was added"), "{error}");
    let changed = |condition: &Condition| matches!(condition, Condition::Changed(_));
    let condition = grid[0].until("climate", "found to be changed", changed).await.to_string();
    assert!(condition.contains("are not the published ones"), "{condition}");
    assert!(grid[0].library.all().is_empty());
    // As it was: it is served without anybody doing anything about it.
    std::fs::write(&place, &good).unwrap();
    grid[0].until("climate", "served when it is as it was", served).await;
    // Cut.
    std::fs::write(&place, &good[..good.len() / 2]).unwrap();
    grid[0].until("climate", "found to be cut", changed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_is_served_when_it_is_back() {
    let files = tempfile::tempdir().unwrap();
    let mut grid = servers(2).await;
    let mut publisher = Publisher::new("climate");
    let place = small(files.path(), "a.nc", 3, Layout::Classic);
    let prepared = grid[0].publish(&mut publisher, &place).await;
    let away = files.path().join("away.nc");
    std::fs::rename(&place, &away).unwrap();
    let server = grid.remove(0).again();
    let gone = |condition: &Condition| matches!(condition, Condition::Unreachable(_));
    let condition = server.until("climate", "found to be gone", gone).await.to_string();
    assert!(condition.contains("does not exist"), "{condition}");
    assert!(server.library.all().is_empty());
    std::fs::rename(&away, &place).unwrap();
    server.until("climate", "served when it is back", |condition| *condition == Condition::Served).await;
    assert!(server.library.find(&prepared.version).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_data_is_refused_with_the_reason() {
    let files = tempfile::tempdir().unwrap();
    let grid = servers(2).await;
    let write = |name: &str, bytes: &[u8]| {
        let path = files.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let good = std::fs::read(small(files.path(), "good.nc", 3, Layout::Classic)).unwrap();
    let cut = write("cut.nc", &good[..good.len() - 1000]);
    let refused = grid[0].prepare("climate", &cut).await.unwrap_err();
    assert!(refused.to_string().contains("cut.nc") && refused.to_string().contains("is damaged"), "{refused}");
    let text = write("text.nc", b"this is no NetCDF file, whatever it is called");
    assert!(matches!(grid[0].prepare("climate", &text).await, Err(DatasetError::Source(_))));
    let missing = grid[0].prepare("climate", &files.path().join("missing.nc")).await.unwrap_err();
    assert!(matches!(missing, DatasetError::Store(StoreError::Missing(_))), "{missing}");
    write("empty/readme.txt", b"");
    let empty = grid[0].prepare("climate", &files.path().join("empty")).await.unwrap_err();
    assert!(matches!(empty, DatasetError::Store(StoreError::Empty(_))), "{empty}");
    assert!(grid[0].datasets.list().is_empty(), "nothing is left of it");
    for name in ["", "../up", "a b", "sst.dods", "rook1xyz"] {
        assert!(matches!(grid[0].prepare(name, &text).await, Err(DatasetError::Name(_))), "{name:?}");
        assert!(matches!(grid[0].datasets.resolve(name).await, Err(ResolveError::Name(_))), "{name:?}");
    }
    // A head that nobody has prepared, and one of another name.
    let mut publisher = Publisher::new("climate");
    let prepared = grid[0].prepare("climate", &files.path().join("good.nc")).await.unwrap();
    let false_one = Prepared { length: prepared.length + 1, ..prepared.clone() };
    let name = "climate".parse().unwrap();
    let refused = grid[0].datasets.publish(&name, publisher.sign(&false_one)).await.unwrap_err();
    assert!(matches!(refused, DatasetError::Unprepared), "{refused}");
    let refused = grid[0].datasets.publish(&name, Publisher::new("weather").sign(&prepared)).await.unwrap_err();
    assert!(refused.to_string().contains("it is the head of weather"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_two_claim_has_to_be_said_with_its_pointer() {
    let files = tempfile::tempdir().unwrap();
    let grid = servers(3).await;
    let (mut one, mut other) = (Publisher::new("sst"), Publisher::new("sst"));
    let first = grid[0].publish(&mut one, &small(files.path(), "a.nc", 3, Layout::Classic)).await;
    let second = grid[1].publish(&mut other, &small(files.path(), "b.nc", 4, Layout::Classic)).await;
    let error = grid[2].datasets.resolve("sst").await.unwrap_err();
    let ResolveError::Ambiguous { claims, .. } = &error else { panic!("{error}") };
    assert_eq!(claims.iter().map(|claim| claim.servers).collect::<Vec<_>>(), [1, 1]);
    let text = error.to_string();
    for publisher in [&one, &other] {
        assert!(text.contains(&format!("{} (1 server)", PointerText::from(&publisher.pointer))), "{text}");
    }
    let said = grid[2].datasets.resolve(&one.reference()).await.unwrap();
    assert_eq!((said.head.version, said.servers[0].peer.id()), (first.version, grid[0].node.id));
    let said = grid[2].datasets.resolve(&other.reference()).await.unwrap();
    assert_eq!((said.head.version, said.servers[0].peer.id()), (second.version, grid[1].node.id));
    // Each publisher means its own.
    assert_eq!(grid[0].datasets.resolve("sst").await.unwrap().head.version, first.version);
    assert_eq!(grid[1].datasets.resolve("sst").await.unwrap().head.version, second.version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_stays_what_it_was_when_somebody_else_claims_it_later() {
    let files = tempfile::tempdir().unwrap();
    let grid = servers(3).await;
    let (mut one, mut other) = (Publisher::new("sst"), Publisher::new("sst"));
    let first = grid[0].publish(&mut one, &small(files.path(), "a.nc", 3, Layout::Classic)).await;
    assert_eq!(grid[2].datasets.resolve("sst").await.unwrap().head.version, first.version);
    grid[1].publish(&mut other, &small(files.path(), "b.nc", 4, Layout::Classic)).await;
    tokio::time::sleep(NEXT_SECOND * 5).await;
    let later = grid[2].datasets.resolve("sst").await.unwrap();
    assert_eq!((later.head.version, later.servers.len()), (first.version, 1));
    assert!(grid[2].datasets.forget(&"sst".parse().unwrap()).unwrap());
    let error = grid[2].datasets.resolve("sst").await.unwrap_err();
    assert!(matches!(error, ResolveError::Ambiguous { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_one_dataset_of_all_its_files() {
    let files = tempfile::tempdir().unwrap();
    let grid = servers(2).await;
    let folder = files.path().join("climate");
    std::fs::create_dir_all(folder.join("2024")).unwrap();
    small(&folder, "2024/a.nc", 3, Layout::Classic);
    small(&folder, "b.nc4", 4, CHUNKED);
    std::fs::write(folder.join("stations.csv"), "station,height\nReykjavík,52\nOslo,94\n").unwrap();
    std::fs::write(folder.join("readme.txt"), "no data").unwrap();
    let mut publisher = Publisher::new("climate");
    let prepared = grid[0].publish(&mut publisher, &folder).await;
    let manifest = Manifest::decode(&grid[0].datasets.manifest(&prepared.version).unwrap()).unwrap();
    let paths: Vec<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["2024/a.nc", "b.nc4", "stations.csv"]);
    assert_eq!(manifest.files[2].description.tables[0].name, "stations");
    assert_eq!(prepared.files, 3);
    let text = format!("{manifest:?}");
    assert!(!text.contains(files.path().to_str().unwrap()), "where files lie is nobody's business");
    // One of them is missing in a copy.
    let copy = files.path().join("copy");
    std::fs::create_dir_all(&copy).unwrap();
    small(&copy, "b.nc4", 4, Layout::Classic);
    std::fs::copy(folder.join("stations.csv"), copy.join("stations.csv")).unwrap();
    let reference: Reference = "climate".parse().unwrap();
    let encoded = grid[0].datasets.manifest(&prepared.version).unwrap();
    let serve = || {
        let (location, meter) = (Location::Local(copy.clone()), Arc::new(Meter::default()));
        grid[1].datasets.serve(&reference, location, Some(encoded.clone()), meter)
    };
    let refused = serve().await.unwrap_err().to_string();
    assert!(refused.contains("\"2024/a.nc\" is missing"), "{refused}");
    std::fs::create_dir_all(copy.join("2024")).unwrap();
    small(&copy, "2024/a.nc", 3, Layout::Cdf5);
    serve().await.unwrap();
    assert_eq!(grid[1].library.find(&prepared.version).unwrap().files.len(), 3);
}
