#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Datasets in an object store that speaks S3: moto's, which is started here. It needs a Python environment with
//! `moto[server]` in it; `ROOK_TEST_VENV` says where that is.

mod net_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dataset::climate::{self, Chunks, Climate, Layout};
use dataset::manifest::VersionRoot;
use dataset::netcdf::NetCdf;
use dataset::source::{Source, SourceError};
use grid::record::Rules;
use net_support::{Setup, mint, parameters};
use node::datasets::Datasets;
use node::datasets::store::{Location, StoreError, Stores};
use node::datasets::types::Wish;
use node::datasets::work::Meter;
use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3Builder;

/// moto's server, which ends with the test.
struct Moto {
    child: Child,
    address: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    fn start(environment: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(environment.join("bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ROOK_TEST_VENV has no bin/moto_server: pip install 'moto[server]' there");
        let moto = Self { child, address: format!("127.0.0.1:{port}") };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(&moto.address).is_err() {
            assert!(Instant::now() < deadline, "moto does not listen");
            std::thread::sleep(Duration::from_millis(100));
        }
        moto
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "PUT {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            bytes.len()
        );
        stream.write_all(&[head.as_bytes(), bytes].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
}

/// What the store's clients read from their environment.
fn point_at(moto: &Moto) {
    let settings = [
        ("AWS_ENDPOINT_URL", format!("http://{}", moto.address)),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ];
    for (name, value) in settings {
        // Safety: this file has one test, and it has started no thread that reads the environment yet.
        #[allow(unsafe_code, reason = "there is no other way to say it to this process")]
        unsafe {
            std::env::set_var(name, value);
        }
    }
}

fn location(key: &str) -> Location {
    format!("s3://data/{key}").parse().unwrap()
}

fn open(stores: &Stores, key: &str) -> NetCdf {
    let found = stores.find(&location(key)).unwrap().remove(0);
    NetCdf::open(key, stores.open(&found).unwrap().storage).unwrap()
}

fn streams(source: &dyn Source) -> Vec<Vec<u8>> {
    let variables = 0..source.description().variables.len();
    let stream = |variable| {
        let mut bytes = Vec::new();
        source.read_range(variable, 0..source.length(variable).unwrap(), &mut bytes).unwrap();
        bytes
    };
    variables.map(stream).collect()
}

/// The version that a node prepares from a place.
async fn version(datasets: &Datasets, location: Location) -> VersionRoot {
    let name = "climate".parse().unwrap();
    let wish = Wish { name, location, label: String::new(), serve: false, roots: true };
    datasets.prepare(wish, Arc::new(Meter::default())).await.unwrap().version
}

#[test]
fn objects_are_read_as_files_are() {
    let Some(environment) = std::env::var_os("ROOK_TEST_VENV").map(PathBuf::from) else {
        println!("skipped: ROOK_TEST_VENV names no Python environment with moto[server] in it");
        return;
    };
    let moto = Moto::start(&environment);
    point_at(&moto);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, layout| {
        let path = folder.path().join(name);
        climate::write(&path, &Climate::of_bytes(6 << 20), layout).unwrap();
        path
    };
    let chunks = Chunks { days: 5, latitudes: 18, longitudes: 24, deflate: Some(4), is_shuffled: true };
    let (classic, chunked) = (write("classic.nc", Layout::Classic), write("chunked.nc", Layout::Chunked(chunks)));
    let [classic_bytes, chunked_bytes] = [&classic, &chunked].map(|path| std::fs::read(path).unwrap());
    moto.put("/data", b"");
    for (key, bytes) in [("classic.nc", &classic_bytes), ("both/a.nc", &classic_bytes), ("both/b/c.nc", &chunked_bytes)]
    {
        moto.put(&format!("/data/{key}"), bytes);
    }
    moto.put("/data/both/readme.txt", b"no data");

    let stores = Stores::default();
    let local = streams(&NetCdf::open_path(&classic).unwrap());
    assert_eq!(streams(&open(&stores, "classic.nc")), local);
    assert_eq!(streams(&open(&stores, "both/b/c.nc")), local, "another layout, the same values");
    let both = stores.find(&location("both/")).unwrap();
    assert_eq!(both.iter().map(|found| found.path.as_str()).collect::<Vec<_>>(), ["a.nc", "b/c.nc"]);
    let missing = stores.find(&location("nothing.nc")).unwrap_err();
    assert!(matches!(missing, StoreError::Missing(_)), "{missing}");
    let missing = stores.find(&"s3://nowhere/a.nc".parse().unwrap()).unwrap_err();
    assert!(matches!(missing, StoreError::Missing(_)), "{missing}");

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (from_store, from_disk) = runtime.block_on(async {
        let grid = parameters(1, 2);
        let node = Setup::new(&grid, mint(&grid)).start().await;
        let datasets =
            Datasets::start(node.handle.clone(), Rules::of(&grid), node.folder.path(), Arc::default()).unwrap();
        let from_store = version(&datasets, location("classic.nc")).await;
        (from_store, version(&datasets, Location::Local(classic.clone())).await)
    });
    assert_eq!(from_store, from_disk, "the same data is the same version wherever it lies");

    // An object that is replaced is not read as if it were the old one.
    let found = stores.find(&location("classic.nc")).unwrap().remove(0);
    let opened = stores.open(&found).unwrap();
    assert_eq!(*opened.storage.read_range(0, 3).unwrap(), b"CDF"[..]);
    let mut other = classic_bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    runtime.block_on(async {
        // What is there already is not everybody's to write.
        let store = AmazonS3Builder::from_env().with_bucket_name("data").build().unwrap();
        store.put(&"classic.nc".into(), other.into()).await.unwrap();
    });
    let last = found.fingerprint.size - 4;
    let error = opened.storage.read_range(last, 4).err().unwrap().to_string();
    assert!(error.contains("was changed since it was added") && opened.watch.is_changed(), "{error}");
    assert!(matches!(stores.open(&found), Err(StoreError::Changed(_))));

    // The store vanishes in the middle of an answer: an error, in time.
    let source = open(&stores, "both/a.nc");
    let largest = (0..local.len()).max_by_key(|&variable| local[variable].len()).unwrap();
    source.read_range(largest, 0..1000, &mut Vec::new()).unwrap();
    drop(moto);
    let begun = Instant::now();
    let error = source.read_range(largest, 1000..local[largest].len() as u64, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, SourceError::Gone { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}
