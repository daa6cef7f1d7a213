//! A Python script that shares no code with the crate computes the same from the identity file.

use std::path::Path;

use hashcash::Rules;
use serde_json::{Value, json};

use crate::support::{minted, rules, succeeds};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn python_agrees_on_identities_of_two_grids() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check_identity.py");
    let folder = tempfile::tempdir().unwrap();
    let one = rules(1024, 12);
    let other = Rules { grid_id: [0xab; 32], modulus_bits: 2048, dims: 6, side: 8, ..rules(2048, 10) };
    for (grid, rules) in [one, other].into_iter().enumerate() {
        for seed in 0..5 {
            let (secret, node) = minted(&rules, seed);
            let name = format!("{grid}-{seed}.pem");
            hashcash::file::write_new(&folder.path().join(&name), &secret, None).unwrap();
            let (script, grid_id) = (script.to_string_lossy(), hex(&rules.grid_id));
            let (dims, side) = (rules.dims.to_string(), rules.side.to_string());
            let text = succeeds("python3", &[&script, &name, &grid_id, &dims, &side], folder.path());
            let expected = json!({
                "id": hex(&node.id()),
                "minted": "2026-11-21",
                "julian_day": 2_461_366,
                "bits": node.bits(),
                "cell": node.coordinates(),
                "e": hex(node.identity().exponent()),
                "n": hex(node.identity().modulus()),
            });
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        }
    }
}
