//! The variables of the synthetic climate, and what is noted on them.

use netcdf_writer::{DimensionId, Error, NcAttrValue, NcFileBuilder, VariableId};

use super::fields::{self, NAME_BYTES, NO_RAIN, NO_SEA, PLACES, RAIN_STEP, STATIONS};
use super::{Chunks, Climate};

/// A file that is being made.
pub(super) struct Schema {
    pub(super) builder: NcFileBuilder,
    time: VariableId,
    quality: VariableId,
    sea: VariableId,
    air: VariableId,
    rain: VariableId,
}

fn text(text: &str) -> NcAttrValue {
    NcAttrValue::Chars(text.into())
}

impl Schema {
    /// A file with all but the variables over time; their order is that of [`fields::record`].
    pub(super) fn new(climate: &Climate, is_growing: bool) -> Result<Self, Error> {
        let mut builder = NcFileBuilder::new();
        about(&mut builder)?;
        let days = u64::from(climate.days);
        let time =
            if is_growing { builder.add_unlimited_dimension("time")? } else { builder.add_dimension("time", days)? };
        let lat = builder.add_dimension("lat", climate.latitudes.into())?;
        let lon = builder.add_dimension("lon", climate.longitudes.into())?;
        axes(&mut builder, climate, lat, lon)?;
        stations(&mut builder)?;
        let schema = Self {
            time: builder.add_variable::<i32>("time", &[time])?,
            quality: builder.add_variable::<i8>("quality", &[time])?,
            sea: builder.add_variable::<f32>("sst", &[time, lat, lon])?,
            air: builder.add_variable::<f64>("air_temperature", &[time, lat, lon])?,
            rain: builder.add_variable::<i16>("precipitation", &[time, lat, lon])?,
            builder,
        };
        schema.described()
    }

    fn described(mut self) -> Result<Self, Error> {
        let builder = &mut self.builder;
        builder.add_variable_attribute(self.time, "units", text("days since 2000-01-01 00:00:00"))?;
        builder.add_variable_attribute(self.time, "calendar", text("noleap"))?;
        builder.add_variable_attribute(self.quality, "flag_values", NcAttrValue::Bytes(vec![0, 1, 2]))?;
        builder.add_variable_attribute(self.quality, "flag_meanings", text("good doubtful missing"))?;
        for (variable, name, units) in [
            (self.sea, "sea_surface_temperature", "degree_Celsius"),
            (self.air, "air_temperature", "K"),
            (self.rain, "lwe_precipitation_rate", "mm day-1"),
        ] {
            builder.add_variable_attribute(variable, "standard_name", text(name))?;
            builder.add_variable_attribute(variable, "units", text(units))?;
            builder.add_variable_attribute(variable, "grid_mapping", text("crs"))?;
        }
        builder.set_variable_fill_value(self.sea, NO_SEA)?;
        builder.add_variable_attribute(self.sea, "under ice", text("NaN"))?;
        builder.add_variable_attribute(self.air, "valid range", NcAttrValue::Doubles(vec![220.0, 320.0]))?;
        builder.set_variable_fill_value(self.rain, NO_RAIN)?;
        builder.add_variable_attribute(self.rain, "scale_factor", NcAttrValue::Doubles(vec![RAIN_STEP]))?;
        builder.add_variable_attribute(self.rain, "add_offset", NcAttrValue::Doubles(vec![0.0]))?;
        Ok(self)
    }

    pub(super) fn cut(&mut self, chunks: &Chunks) -> Result<(), Error> {
        let days = u64::from(chunks.days);
        for variable in [self.time, self.quality] {
            self.builder.set_variable_chunking(variable, vec![days])?;
        }
        for variable in [self.sea, self.air, self.rain] {
            let chunk = vec![days, chunks.latitudes.into(), chunks.longitudes.into()];
            self.builder.set_variable_chunking(variable, chunk)?;
            self.builder.set_variable_deflate(variable, chunks.deflate, chunks.is_shuffled)?;
        }
        Ok(())
    }

    /// Writes the variables over time.
    pub(super) fn fill(&mut self, climate: &Climate) -> Result<(), Error> {
        let days = 0..climate.days;
        let numbers: Vec<i32> = days.clone().map(u32::cast_signed).collect();
        self.builder.write_variable(self.time, &numbers)?;
        let quality: Vec<i8> = days.clone().map(fields::quality).collect();
        self.builder.write_variable(self.quality, &quality)?;
        let sea: Vec<f32> = days.clone().flat_map(|day| fields::sea(climate, day)).collect();
        self.builder.write_variable(self.sea, &sea)?;
        let air: Vec<f64> = days.clone().flat_map(|day| fields::air(climate, day)).collect();
        self.builder.write_variable(self.air, &air)?;
        let rain: Vec<i16> = days.flat_map(|day| fields::rain(climate, day)).collect();
        self.builder.write_variable(self.rain, &rain)
    }
}

fn about(builder: &mut NcFileBuilder) -> Result<(), Error> {
    builder.add_attribute("title", text("The synthetic climate of rook"))?;
    builder.add_attribute("Conventions", text("CF-1.10"))?;
    builder.add_attribute("how it was made", text("computed: no observation, no model; see dataset/src/climate"))?;
    builder.add_attribute("days of a year", NcAttrValue::Shorts(vec![365]))
}

fn axes(builder: &mut NcFileBuilder, climate: &Climate, lat: DimensionId, lon: DimensionId) -> Result<(), Error> {
    let latitude = builder.add_variable::<f32>("lat", &[lat])?;
    builder.add_variable_attribute(latitude, "standard_name", text("latitude"))?;
    builder.add_variable_attribute(latitude, "units", text("degrees_north"))?;
    let degrees = |row| fields::single(fields::latitude(climate, row));
    builder.write_variable(latitude, &(0..climate.latitudes).map(degrees).collect::<Vec<_>>())?;
    let longitude = builder.add_variable::<f32>("lon", &[lon])?;
    builder.add_variable_attribute(longitude, "standard_name", text("longitude"))?;
    builder.add_variable_attribute(longitude, "units", text("degrees_east"))?;
    let degrees = |column| fields::single(fields::longitude(climate, column));
    builder.write_variable(longitude, &(0..climate.longitudes).map(degrees).collect::<Vec<_>>())?;
    let crs = builder.add_variable::<i32>("crs", &[])?;
    builder.add_variable_attribute(crs, "grid_mapping_name", text("latitude_longitude"))?;
    builder.add_variable_attribute(crs, "earth_radius", NcAttrValue::Doubles(vec![6_371_229.0]))?;
    builder.write_variable(crs, &[0_i32])
}

fn stations(builder: &mut NcFileBuilder) -> Result<(), Error> {
    let station = builder.add_dimension("station", STATIONS.len() as u64)?;
    let letters = builder.add_dimension("name_length", NAME_BYTES as u64)?;
    let names = builder.add_char_variable("station_name", &[station, letters])?;
    builder.add_variable_attribute(names, "long_name", text("name of the station, in UTF-8"))?;
    let mut bytes = Vec::with_capacity(STATIONS.len() * NAME_BYTES);
    for name in STATIONS {
        bytes.extend_from_slice(name.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(NAME_BYTES), 0);
    }
    builder.write_char_variable(names, &bytes)?;
    for (name, units, values) in [
        ("station_lat", "degrees_north", PLACES.map(|(latitude, _)| latitude)),
        ("station_lon", "degrees_east", PLACES.map(|(_, longitude)| longitude)),
    ] {
        let variable = builder.add_variable::<f32>(name, &[station])?;
        builder.add_variable_attribute(variable, "units", text(units))?;
        builder.write_variable(variable, &values)?;
    }
    Ok(())
}
