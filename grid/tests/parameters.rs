//! Parameters, the grid's name, and records.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use grid::cell::Shape;
use grid::parameters::{ParameterError, Parameters};

type Change = fn(&mut Parameters);

const CHANGES: [Change; 9] = [
    |p| p.name = "other".into(),
    |p| p.shape = Shape::new(3, 2).unwrap(),
    |p| p.shape = Shape::new(2, 3).unwrap(),
    |p| p.identity_bits += 1,
    |p| p.modulus_bits += 256,
    |p| p.identity_days += 1,
    |p| p.replica_cells += 1,
    |p| p.max_record_bytes += 1,
    |p| p.max_message_bytes += 1,
];

#[test]
fn every_parameter_is_in_the_grids_name() {
    let base = Parameters::local();
    let changed = CHANGES.map(|change| {
        let mut parameters = base.clone();
        change(&mut parameters);
        parameters.validate().unwrap();
        parameters.grid_id()
    });
    let names = changed.into_iter().chain([base.grid_id()]);
    let distinct: std::collections::BTreeSet<_> = names.collect();
    assert_eq!(distinct.len(), CHANGES.len() + 1);
}

#[test]
fn presets_are_valid_and_distinct() {
    let presets = ["main", "local"].map(|name| Parameters::preset(name).unwrap());
    presets.iter().for_each(|preset| preset.validate().unwrap());
    assert_ne!(presets[0].grid_id(), presets[1].grid_id());
    assert_eq!(Parameters::preset("unknown"), None);
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let refused = |change: Change| {
        let mut parameters = Parameters::local();
        change(&mut parameters);
        parameters.validate().unwrap_err()
    };
    assert!(matches!(refused(|p| p.name = "Local Grid".into()), ParameterError::Name(_)));
    assert!(matches!(refused(|p| p.name.clear()), ParameterError::Name(_)));
    assert!(matches!(refused(|p| p.identity_bits = 65), ParameterError::Range { parameter: "bits", .. }));
    assert!(matches!(refused(|p| p.replica_cells = 0), ParameterError::Range { parameter: "replica_cells", .. }));
    assert!(matches!(refused(|p| p.identity_days = 0), ParameterError::Range { parameter: "identity_days", .. }));
    assert!(matches!(refused(|p| p.modulus_bits = 2049), ParameterError::ModulusBits(2049)));
    assert!(matches!(refused(|p| p.max_message_bytes = p.max_record_bytes), ParameterError::MessageTooSmall { .. }));
}
