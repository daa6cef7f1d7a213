//! The values of the synthetic climate, as functions of day and place.
//!
//! With latitude φ, longitude λ and the season s = sin(2π (day - 105) / 365), of which both hemispheres have their own
//! by the sign of φ:
//!
//! - sea surface: 29 cos²φ - 2 + 5 s sin φ + 1.5 sin(3λ + day / 7), in °C; none on land, NaN under ice (below -1.8)
//! - air at 2 m: 273.15 + 32 cos²φ - 12 + 14 s sin φ + 2 cos(2λ - day / 3), in K
//! - rain: 9 (1 + sin(5λ + day)) cos⁴φ in mm a day, packed in steps of 0.01; none reported where it is below 0.5
//!
//! Land is where sin 2λ + cos 3φ > 0.9.

use std::f64::consts::PI;

use super::Climate;

/// What stands in the sea's temperatures on land.
pub const NO_SEA: f32 = 1e20;
/// What stands in the rain where none was reported.
pub const NO_RAIN: i16 = -32_767;
/// What one step of the packed rain is, in mm a day.
pub const RAIN_STEP: f64 = 0.01;
/// The stations' names; in UTF-8, some longer in bytes than in letters.
pub const STATIONS: [&str; 5] = ["Reykjavík", "Valparaíso", "Tromsø", "Nukuʻalofa", "Ushuaia"];
/// Bytes that a station's name has in the table, filled up with zeros.
pub const NAME_BYTES: usize = 16;
/// Where the stations are: latitude and longitude, in degrees.
pub const PLACES: [(f32, f32); 5] =
    [(64.13, -21.9), (-33.05, -71.62), (69.65, 18.96), (-21.14, -175.2), (-54.8, -68.3)];

/// The middle of a cell of so many in so many degrees.
fn middle(index: u32, cells: u32, degrees: f64) -> f64 {
    (f64::from(index) + 0.5) * degrees / f64::from(cells)
}

/// A parallel's latitude in degrees, from south to north.
pub fn latitude(climate: &Climate, index: u32) -> f64 {
    middle(index, climate.latitudes, 180.0) - 90.0
}

/// A meridian's longitude in degrees, from 0 to the east.
pub fn longitude(climate: &Climate, index: u32) -> f64 {
    middle(index, climate.longitudes, 360.0)
}

/// A place of the world, on a day.
struct Point {
    day: f64,
    latitude: f64,
    longitude: f64,
    season: f64,
}

/// All places on a day, in the file's order.
fn points(climate: &Climate, day: u32) -> impl Iterator<Item = Point> + '_ {
    let day = f64::from(day);
    let season = libm::sin(2.0 * PI * (day - 105.0) / 365.0);
    let radians = |degrees: f64| degrees * PI / 180.0;
    (0..climate.latitudes).flat_map(move |row| {
        let latitude = radians(latitude(climate, row));
        (0..climate.longitudes).map(move |column| {
            let longitude = radians(longitude(climate, column));
            Point { day, latitude, longitude, season }
        })
    })
}

/// The sea's surface on a day, in °C.
pub fn sea(climate: &Climate, day: u32) -> impl Iterator<Item = f32> + '_ {
    points(climate, day).map(|point| {
        let Point { day, latitude, longitude, season } = point;
        if libm::sin(2.0 * longitude) + libm::cos(3.0 * latitude) > 0.9 {
            return NO_SEA;
        }
        let cosine = libm::cos(latitude);
        let wave = 1.5 * libm::sin(3.0 * longitude + day / 7.0);
        let degrees = 29.0 * cosine * cosine - 2.0 + 5.0 * season * libm::sin(latitude) + wave;
        if degrees < -1.8 { f32::NAN } else { single(degrees) }
    })
}

/// The air at 2 m on a day, in K.
pub fn air(climate: &Climate, day: u32) -> impl Iterator<Item = f64> + '_ {
    points(climate, day).map(|point| {
        let Point { day, latitude, longitude, season } = point;
        let cosine = libm::cos(latitude);
        let wave = 2.0 * libm::cos(2.0 * longitude - day / 3.0);
        273.15 + 32.0 * cosine * cosine - 12.0 + 14.0 * season * libm::sin(latitude) + wave
    })
}

/// The rain on a day, in steps of [`RAIN_STEP`].
pub fn rain(climate: &Climate, day: u32) -> impl Iterator<Item = i16> + '_ {
    points(climate, day).map(|Point { day, latitude, longitude, .. }| {
        let cosine = libm::cos(latitude);
        let rain = 9.0 * (1.0 + libm::sin(5.0 * longitude + day)) * cosine * cosine * cosine * cosine;
        if rain < 0.5 { NO_RAIN } else { steps(rain / RAIN_STEP) }
    })
}

/// How good a day's observations are: 0 is good, 1 doubtful, 2 missing; a week's pattern.
pub fn quality(day: u32) -> i8 {
    match day % 7 {
        5 => 1,
        6 => 2,
        _ => 0,
    }
}

/// A day as a record of a classic file: the variables over time in their order, each filled up to four bytes.
pub(super) fn record(climate: &Climate, day: u32) -> Vec<u8> {
    let mut record = day.to_be_bytes().to_vec();
    record.extend_from_slice(&quality(day).to_be_bytes());
    fill_up(&mut record);
    record.extend(sea(climate, day).flat_map(f32::to_be_bytes));
    record.extend(air(climate, day).flat_map(f64::to_be_bytes));
    record.extend(rain(climate, day).flat_map(i16::to_be_bytes));
    fill_up(&mut record);
    record
}

fn fill_up(record: &mut Vec<u8>) {
    record.resize(record.len().next_multiple_of(4), 0);
}

/// To the nearest of single precision.
#[expect(clippy::cast_possible_truncation, reason = "rounding is what is wanted")]
pub(super) fn single(value: f64) -> f32 {
    value as f32
}

/// To the nearest whole number; rain stays below 1,800 steps.
#[expect(clippy::cast_possible_truncation, reason = "the formula's largest value is 1,800")]
fn steps(value: f64) -> i16 {
    libm::round(value) as i16
}
