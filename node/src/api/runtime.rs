//! Where the command line finds the nodes of the same user: one file for each local API, named after its address.
//!
//! The file holds the token that the API demands and is readable by its owner alone: who can read the user's files may
//! command the user's node, and no one else. It lies in `$XDG_RUNTIME_DIR/rook`, or, where there is no such thing, in
//! `rook-UID` in the folder for temporary files. The node of the service is another user, and root finds it too.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::private;

/// How long to wait for a node on this machine to take a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Where the service keeps its entry (`packaging/systemd/rook.service`). Only root makes folders beside it, so this one
/// is nobody's trap.
const SERVICE: &str = "/run/rook";

/// What is known of one running API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it listens.
    pub api: SocketAddr,
    /// What it demands.
    pub token: String,
    /// Its process.
    pub pid: u32,
    /// Its node's name.
    pub id: String,
}

/// An entry that is there as long as this lives.
#[derive(Debug)]
pub struct Published {
    file: PathBuf,
    entry: Entry,
}

impl Drop for Published {
    fn drop(&mut self) {
        // Another node may have taken the address, and the file, since.
        if read(&self.file).is_some_and(|entry| entry == self.entry) {
            let _ = fs::remove_file(&self.file);
        }
    }
}

/// Writes the file of an API; one that an earlier process left is replaced.
///
/// # Errors
/// If no folder is private enough, or the file cannot be written.
pub fn publish(entry: Entry) -> io::Result<Published> {
    let folder = usable_folder()?;
    let file = folder.join(file_name(entry.api));
    private::replace(&file, &serde_json::to_vec(&entry)?)?;
    Ok(Published { file, entry })
}

/// The entry of the API at that address.
pub fn find(api: SocketAddr) -> Option<Entry> {
    readable().iter().find_map(|folder| read(&folder.join(file_name(api))))
}

/// All APIs of this user that take connections just now, by address.
pub fn running() -> Vec<Entry> {
    let files = readable().into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let entries = files.filter_map(|file| read(&file.path()));
    let mut entries: Vec<Entry> = entries.filter(|entry| accepts(entry.api)).collect();
    entries.sort_by_key(|entry| entry.api);
    entries.dedup();
    entries
}

fn accepts(api: SocketAddr) -> bool {
    TcpStream::connect_timeout(&api, CONNECT_TIMEOUT).is_ok()
}

fn file_name(api: SocketAddr) -> String {
    // A colon is no character for a file's name everywhere.
    format!("api-{}.json", api.to_string().replace([':', '[', ']'], "_"))
}

fn read(file: &Path) -> Option<Entry> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// The folders where entries may be, the preferred one first: a shell and a service of the same user need not have
/// the same environment.
fn folders() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let temporary = std::env::temp_dir().join(format!("rook-{}", user()));
    runtime.map(|folder| folder.join("rook")).into_iter().chain([temporary]).collect()
}

/// The folders whose entries are believed.
fn readable() -> Vec<PathBuf> {
    let own = folders().into_iter().filter(|folder| is_private(folder));
    let service = (user() == 0).then(|| PathBuf::from(SERVICE)).filter(|folder| is_closed(folder));
    own.chain(service).collect()
}

fn usable_folder() -> io::Result<PathBuf> {
    let mut refused = io::Error::other("no folder for the API's token");
    for folder in folders() {
        match private::create_folder(&folder) {
            Ok(()) if is_private(&folder) => return Ok(folder),
            Ok(()) => refused = io::Error::other(format!("{} is open to other users: remove it", folder.display())),
            Err(error) => refused = io::Error::new(error.kind(), format!("{}: {error}", folder.display())),
        }
    }
    Err(refused)
}

/// Whether the folder is a real one, ours, and closed to others: in a folder for everybody's temporary files, somebody
/// else may have made it first.
#[cfg(unix)]
fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    is_closed(folder) && fs::symlink_metadata(folder).is_ok_and(|meta| meta.uid() == user())
}

#[cfg(unix)]
fn is_closed(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::symlink_metadata(folder).is_ok_and(|meta| meta.is_dir() && meta.mode() & 0o077 == 0)
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::getuid().as_raw()
}
