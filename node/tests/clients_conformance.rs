#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test may fail, and says what it did"
)]
//! Real DAP clients against the gateway of a grid of nine processes, one of whose dataset servers lies. They are not ours and
//! live in a Python environment that `tests/clients/setup.sh` makes; `ROOK_TEST_VENV` says where it is. Without it nothing is
//! tested here.

use std::path::Path;
use std::process::Command;

/// One dataset for each thing that clients do differently; `tests/clients/grid.py` without `--only` reads many more.
const DATASETS: &str = "attributes,classic1,classic5,compressed,empty,escapes,groups,kinds,layout_a,layout_b,layout_c,names,\
                        packed,percent,strings,text,unicode,unicode_first";

#[test]
fn all_clients_read_what_is_in_the_files() {
    let Some(environment) = std::env::var_os("ROOK_TEST_VENV") else {
        eprintln!("skipped: ROOK_TEST_VENV is not set; node/tests/clients/setup.sh FOLDER makes what it names");
        return;
    };
    let grid = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/grid.py");
    let output = Command::new(Path::new(&environment).join("bin/python"))
        .arg(grid)
        .args(["--rook", env!("CARGO_BIN_EXE_rook"), "--only", DATASETS])
        .args(["--", "--constraints", "500"])
        .output()
        .expect("ROOK_TEST_VENV has no bin/python: node/tests/clients/setup.sh makes one");
    let (table, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{table}{errors}");
    assert!(output.status.success(), "a client has read something else than what is in the files:\n{table}{errors}");
}
