//! Identities as others see them: minted by the program, read by `openssl` and by a script that knows only the rules.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout, reason = "a test")]

mod cli_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cli_support::{Node, Place, succeeded};
use grid::parameters::Parameters;
use hashcash::mint::{MintOptions, mint};
use hashcash::{JulianDay, file};
use node::minting;
use serde_json::Value;

/// Identities of each of the two grids.
const EACH: usize = 50;

/// Recomputes everything from the file.
fn by_script(file: &Path, grid: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hashcash/tests/check_identity.py");
    let number = |key: &str| grid[key].to_string();
    let mut python = Command::new("python3");
    python.arg(script).arg(file).arg(grid["grid_id"].as_str().unwrap()).args([number("dims"), number("side")]);
    let output = python.output().unwrap();
    serde_json::from_str(&succeeded(output)).unwrap()
}

#[test]
fn a_script_and_openssl_agree_on_a_hundred_identities_of_two_grids() {
    let place = Place::new();
    let other = place.grid("other", 3, 5);
    for (grid, name) in [("local".as_ref(), "local"), (other.as_os_str(), "other")] {
        let parameters = place.json([std::ffi::OsStr::new("grid"), "show".as_ref(), grid, "--json".as_ref()]);
        for number in 0..EACH {
            let file = place.mint(grid, &format!("{name}-{number}.pem"));
            let path = file.to_str().unwrap();
            let shown = place.json(["identity", "show", path, "--json"]);
            let script = by_script(&file, &parameters);
            for key in ["bits", "cell", "e", "n", "julian_day", "minted", "id"] {
                assert_eq!(shown[key], script[key], "{key} of {path}");
            }
            assert_eq!(shown["grid"], name);
            assert!(shown["bits"].as_u64() >= parameters["bits"].as_u64());
            let check = Command::new("openssl").args(["rsa", "-check", "-noout", "-in", path]).output().unwrap();
            assert!(succeeded(check).contains("RSA key ok"));
            place.ok(["identity", "verify", path]);
        }
    }
}

#[test]
fn the_file_is_its_owners_and_never_overwritten() {
    let place = Place::new();
    let file = place.mint("local", "me.pem");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&file).unwrap();
    let error = place.fails(1, ["mint", "--grid", "local", "--out", file.to_str().unwrap()]);
    assert!(error.contains("never overwritten"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let output = place.output(["identity", "verify", file.to_str().unwrap()]);
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && warning.contains("others can read"), "{warning}");
}

#[test]
fn mint_says_what_it_made() {
    let place = Place::new();
    let minted = place.json(["mint", "--grid", "local", "--out", "me.pem", "--bits", "22", "--threads", "1", "--json"]);
    let shown = place.json(["identity", "show", "me.pem", "--json"]);
    for key in ["id", "cell", "bits", "grid", "e", "n"] {
        assert_eq!(minted[key], shown[key], "{key}");
    }
    assert!(shown["bits"].as_u64().unwrap() >= 22);
    let error = place.fails(2, ["mint", "--grid", "local", "--out", "less.pem", "--bits", "10"]);
    assert!(error.contains("demands 20 bits"), "{error}");
    assert!(!place.path("less.pem").exists());
}

#[test]
fn a_passphrase_protects_it_and_openssl_knows_how() {
    let place = Place::new();
    place.write("right", "correct horse\n");
    place.write("wrong", "battery staple\n");
    place.write("empty", "\n");
    place.ok(["mint", "--grid", "local", "--out", "me.pem", "--passphrase-file", "right"]);
    let text = fs::read_to_string(place.path("me.pem")).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    place.ok(["identity", "verify", "me.pem", "--passphrase-file", "right"]);
    for (args, words) in [
        (&["identity", "verify", "me.pem"][..], "is encrypted"),
        (&["identity", "verify", "me.pem", "--passphrase-file", "wrong"], "passphrase does not open"),
        (&["identity", "verify", "me.pem", "--passphrase-file", "empty"], "empty line"),
        (&["identity", "verify", "me.pem", "--passphrase-file", "nowhere"], "nowhere"),
    ] {
        let error = place.fails(1, args);
        assert!(error.contains(words), "{error}");
    }
    let mut openssl = Command::new("openssl");
    openssl.args(["rsa", "-check", "-noout", "-passin", "pass:correct horse", "-in", "me.pem"]);
    let check = openssl.current_dir(place.path("")).output().unwrap();
    assert!(succeeded(check).contains("RSA key ok"));
}

/// An identity that is as it should be but for its date.
fn minted_on(place: &Place, name: &str, day: JulianDay) {
    let rules = minting::rules(&Parameters::local());
    let secret = mint(&rules, day, &MintOptions::default(), &mut rand::rng(), &()).unwrap();
    file::write_new(&place.path(name), &secret, None).unwrap();
}

/// An identity of a grid that asks for no work, so that the first broken rule is another.
fn bad(place: &Place, kind: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli_support/bad_identity.py");
    let name = format!("{kind}.pem");
    let day = minting::today().number().to_string();
    let made = Command::new("python3").arg(script).args([kind, &day]).arg(place.path(&name)).output().unwrap();
    succeeded(made);
    name
}

#[test]
fn each_kind_of_bad_identity_is_told_apart() {
    let place = Place::new();
    let today = minting::today();
    minted_on(&place, "old.pem", today.minus_days(366));
    minted_on(&place, "future.pem", today.plus_days(2));
    minted_on(&place, "good.pem", today);
    let good = fs::read_to_string(place.path("good.pem")).unwrap();
    place.write("text.pem", "this is no identity\n");
    place.write("empty.pem", "");
    place.write("binary.pem", [0xff; 3000]);
    place.write("cut.pem", &good[..good.len() / 2]);
    let middle = good.len() / 2;
    let flipped = if &good[middle..=middle] == "A" { "B" } else { "A" };
    place.write("tampered.pem", format!("{}{flipped}{}", &good[..middle], &good[middle + 1..]));
    let zero = fs::read_to_string(place.grid("zero", 2, 2)).unwrap().replace("bits = 8\n", "bits = 0\n");
    place.write("zero.toml", zero);
    let free = place.mint("zero.toml", "free.pem");
    for (file, grid, words) in [
        ("old.pem", "local", "was good until"),
        ("future.pem", "local", "but today is"),
        ("text.pem", "local", "no PEM"),
        ("empty.pem", "local", "no PEM"),
        ("binary.pem", "local", "no PEM"),
        ("cut.pem", "local", "cut short"),
        ("tampered.pem", "local", ""),
        ("nowhere.pem", "local", "there is no file"),
        (free.to_str().unwrap(), "main", "zero bits where this grid wants 42"),
        (&bad(&place, "even"), "zero.toml", "invalid modulus"),
        (&bad(&place, "small-factor"), "zero.toml", ""),
        (&bad(&place, "prime"), "zero.toml", ""),
        (&bad(&place, "square"), "zero.toml", "is a square"),
        (&bad(&place, "short"), "zero.toml", "144 bytes where this grid wants 272"),
    ] {
        let error = place.fails(1, ["identity", "verify", file, "--grid", grid]);
        assert!(error.starts_with("error: ") || error.starts_with("warning: "), "{file}: {error}");
        assert!(error.contains(words), "{file}: {error}");
        println!("{}", error.trim_end());
        let error = place.fails(1, ["run", "--identity", file, "--grid", grid, "--data", "data"]);
        assert!(error.contains(words), "{file}: {error}");
    }
    assert!(!place.path("data").exists());
}

#[test]
fn ctrl_c_ends_minting_with_nothing_written() {
    let place = Place::new();
    let mut mint = Node::of(place.rook(["mint", "--grid", "main", "--out", "me.pem"]));
    std::thread::sleep(Duration::from_secs(4));
    assert!(mint.runs());
    mint.interrupt();
    let status = mint.wait(Duration::from_secs(10));
    let errors = mint.errors();
    assert_eq!(status.code(), Some(130), "{errors}");
    assert!(errors.contains("interrupted: nothing was written"), "{errors}");
    let left: Vec<_> = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["runtime", "user"]);
}
