//! A synthetic internet: hosts in the world's largest cities, fibre between them, and an access line for each.
//!
//! One way from host to host takes
//!
//! ```text
//! access + access' + distance * inflation / (2/3 c)
//! ```
//!
//! The distance is the great circle between the cities (256 most populous of GeoNames, a host in each with a chance
//! proportional to its inhabitants). The inflation is drawn for each pair of cities: 1.3 at least, 2.1 in the mean.
//! Both figures are those of Bozkurt et al., "Dissecting latency in the Internet's fiber infrastructure" (2018,
//! arXiv:1811.10737): "multiply line-of-sight distance by 2.1, then divide by the speed of light in fiber" is the rule of
//! thumb that measurements gave, and 1.3 what the shortest conduits would allow in the median. That it is exponential
//! between is our assumption, and so are the access lines: even between `LEAST_ACCESS` and a parameter, of the order of
//! what home connections show to their provider's nearest server.

use core::time::Duration;

use crate::chance::Chance;

/// The cities, as a file of numbers.
const CITIES: &str = include_str!("../data/cities.csv");
/// The mean radius of the earth, in km.
const EARTH: f64 = 6371.0;
/// Light in fibre: 2/3 of 299,792 km/s, in km a millisecond.
const FIBRE: f64 = 199.9;
/// The shortest conduits beside the great circle, in the median.
const LEAST_INFLATION: f64 = 1.3;
/// What the mean of routes adds to that.
const MORE_INFLATION: f64 = 0.8;
/// Milliseconds between two hosts of one city, beside their access lines.
const WITHIN: f64 = 0.5;
/// Milliseconds of the shortest access line.
const LEAST_ACCESS: f64 = 2.0;

/// Where a host is connected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Site {
    city: u16,
    /// Milliseconds of its access line.
    access: f32,
}

/// Cities, and the time between them.
#[derive(Clone, Debug)]
pub struct Internet {
    /// Milliseconds one way, row by row.
    between: Vec<f32>,
    /// Inhabitants of all cities up to each one, it included.
    up_to: Vec<f64>,
    access: f64,
}

impl Internet {
    /// The internet of a seed, with access lines of up to `access` milliseconds one way.
    pub fn new(access: f64, seed: u64) -> Self {
        let cities: Vec<[f64; 3]> = CITIES.lines().filter_map(city).collect();
        let mut chance = Chance::new(seed);
        let mut between = vec![0.0; cities.len() * cities.len()];
        for one in 0..cities.len() {
            for other in 0..=one {
                let inflation = LEAST_INFLATION - MORE_INFLATION * (1.0 - chance.unit()).ln();
                let millis = WITHIN + great_circle(cities[one], cities[other]) * inflation / FIBRE;
                between[one * cities.len() + other] = single(millis);
                between[other * cities.len() + one] = single(millis);
            }
        }
        let up_to = cities.iter().scan(0.0, |sum, city| {
            *sum += city[2];
            Some(*sum)
        });
        Self { between, up_to: up_to.collect(), access }
    }

    /// A random host's site.
    pub fn site(&self, chance: &mut Chance) -> Site {
        let drawn = chance.unit() * self.up_to.last().copied().unwrap_or(0.0);
        let city = self.up_to.partition_point(|&sum| sum <= drawn).min(self.up_to.len().saturating_sub(1));
        let access = LEAST_ACCESS + (self.access - LEAST_ACCESS) * chance.unit();
        Site { city: u16::try_from(city).unwrap_or(u16::MAX), access: single(access) }
    }

    /// Milliseconds from one host to another.
    pub fn millis(&self, one: Site, other: Site) -> f32 {
        let cities = self.up_to.len();
        one.access + other.access + self.between[usize::from(one.city) * cities + usize::from(other.city)]
    }

    /// The time from one host to another.
    pub fn one_way(&self, one: Site, other: Site) -> Duration {
        Duration::from_secs_f32(self.millis(one, other) / 1e3)
    }
}

/// Latitude, longitude and inhabitants of a line that names a city.
fn city(line: &str) -> Option<[f64; 3]> {
    let mut numbers = line.split(',').skip(1).map(str::parse);
    Some([numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?])
}

/// The great circle's length in km (haversine formula).
fn great_circle(one: [f64; 3], other: [f64; 3]) -> f64 {
    let [(lat, long), (lat2, long2)] = [one, other].map(|city| (city[0].to_radians(), city[1].to_radians()));
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let haversine = half(lat - lat2) + lat.cos() * lat2.cos() * half(long - long2);
    2.0 * EARTH * haversine.sqrt().min(1.0).asin()
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds need no more than seven digits")]
const fn single(millis: f64) -> f32 {
    millis as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number_of(name: &str) -> usize {
        let mut lines = CITIES.lines().filter(|line| city(line).is_some());
        lines.position(|line| line.starts_with(name)).unwrap()
    }

    #[test]
    fn cities_are_where_they_are() {
        let cities: Vec<[f64; 3]> = CITIES.lines().filter_map(city).collect();
        assert_eq!(cities.len(), 256);
        let distance = great_circle(cities[number_of("London")], cities[number_of("New York")]);
        assert!((5500.0..5650.0).contains(&distance), "{distance}");
    }

    /// Between two cities it is never faster than the shortest conduits, and twice the distance in the mean.
    #[test]
    fn times_are_those_of_inflated_fibre() {
        let cities: Vec<[f64; 3]> = CITIES.lines().filter_map(city).collect();
        let (mut ratios, mut pairs) = (0.0, 0);
        let internet = Internet::new(12.0, 1);
        for one in 0..cities.len() {
            for other in 0..one {
                let [a, b] = [one, other].map(|city| Site { city: u16::try_from(city).unwrap(), access: 2.0 });
                let fibre = great_circle(cities[one], cities[other]) / FIBRE;
                let millis = f64::from(internet.millis(a, b)) - 4.0 - WITHIN;
                assert!(millis >= 1.299 * fibre - 0.01, "{millis} {fibre}");
                if fibre > 0.0 {
                    (ratios, pairs) = (ratios + millis / fibre, pairs + 1);
                }
            }
        }
        let mean = ratios / f64::from(pairs);
        assert!((mean - 2.1).abs() < 0.03, "{mean}");
    }
}
