//! Claims: what has to hold of the answers.

use serde::Deserialize;

use super::Place;

/// Something that has to hold of a measure's mean.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// In words.
    pub says: String,
    /// Which measure.
    pub measure: String,
    /// At which points; at all if it is empty.
    #[serde(default, rename = "where")]
    pub place: Place,
    /// See [`Bounds::at_least`].
    at_least: Option<f64>,
    /// See [`Bounds::at_most`].
    at_most: Option<f64>,
    /// See [`Bounds::near`].
    near: Option<f64>,
    /// See [`Bounds::within`].
    within: Option<f64>,
    /// What becomes of it in the small version.
    #[serde(default)]
    small: ClaimOfSmall,
}

/// Between what a mean has to be.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Not below this.
    pub at_least: Option<f64>,
    /// Not above this.
    pub at_most: Option<f64>,
    /// No farther from this than [`Bounds::within`].
    pub near: Option<f64>,
    /// A share of [`Bounds::near`]; of a `near` of 0, the distance itself.
    pub within: Option<f64>,
    /// Of the small version: the points, if they are not those of the whole one.
    #[serde(default, rename = "where")]
    place: Option<Place>,
    /// Of the small version: the words, if they are not those of the whole one.
    says: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "`small` of a claim is true, false, or a table of bounds (at_least, at_most, near, within, where, says)"
)]
enum ClaimOfSmall {
    Held(bool),
    Other(Bounds),
}

impl Default for ClaimOfSmall {
    fn default() -> Self {
        Self::Held(true)
    }
}

impl Claim {
    /// What has to hold in this version; `None` if nothing.
    pub fn version(&self, small: bool) -> Option<Asked<'_>> {
        let Self { at_least, at_most, near, within, .. } = *self;
        let whole =
            Asked { says: &self.says, place: &self.place, bounds: Bounds::new(at_least, at_most, near, within) };
        match &self.small {
            ClaimOfSmall::Held(false) if small => None,
            ClaimOfSmall::Other(other) if small => Some(Asked {
                says: other.says.as_deref().unwrap_or(whole.says),
                place: other.place.as_ref().unwrap_or(whole.place),
                bounds: if other.are_none() { whole.bounds } else { other.clone() },
            }),
            ClaimOfSmall::Held(_) | ClaimOfSmall::Other(_) => Some(whole),
        }
    }
}

/// A claim in one version of an experiment.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// See [`Claim::says`].
    pub says: &'a str,
    /// See [`Claim::place`].
    pub place: &'a Place,
    /// Between what the mean has to be.
    pub bounds: Bounds,
}

impl Bounds {
    /// These, of any place.
    pub fn new(at_least: Option<f64>, at_most: Option<f64>, near: Option<f64>, within: Option<f64>) -> Self {
        Self { at_least, at_most, near, within, ..Self::default() }
    }

    fn are_none(&self) -> bool {
        self.at_least.is_none() && self.at_most.is_none() && self.near.is_none()
    }

    /// Whether they bound anything.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.are_none() {
            return Err("it bounds nothing: say at_least, at_most, or near and within".into());
        }
        match (self.near, self.within) {
            (Some(_), None) => Err("`near` needs `within`, a share such as 0.01".into()),
            (None, Some(_)) => Err("`within` needs `near`, the figure to be near to".into()),
            (_, Some(within)) if within < 0.0 => Err(format!("within = {within} is below 0")),
            _ => Ok(()),
        }
    }
}
