#!/usr/bin/env python3
"""Makes sample files of every kind that a gateway has to serve: files.py OUT [--huge]"""
import argparse
import pathlib
import shutil

import netCDF4
import numpy as np

KINDS = "i1 u1 i2 u2 i4 u4 i8 u8 f4 f8".split()
CLASSIC_KINDS = "i1 i2 i4 f4 f8".split()
CHUNKED = dict(zlib=True, complevel=4, shuffle=True, fletcher32=True)


def extremes(kind, count):
    """`count` values of a kind, its smallest, largest and strangest among them."""
    kind = np.dtype(kind)
    if kind.kind == "f":
        info = np.finfo(kind)
        odd = [np.nan, np.inf, -np.inf, -0.0, info.max, info.tiny, info.smallest_subnormal, 0.1]
    else:
        info = np.iinfo(kind)
        odd = [info.min, info.max, info.min + 1, info.max - 1, 1]
    plain = np.random.default_rng(count).integers(0, 100, count)
    values = plain.astype(kind)
    values[: min(len(odd), count)] = np.array(odd[:count], kind)
    return values


def field(*shape, seed=1):
    return np.random.default_rng(seed).normal(280, 15, shape).astype("f4")


def letters(*texts, width):
    """Texts as rows of `width` chars, filled with NULs."""
    rows = [text.encode().ljust(width, b"\0") for text in texts]
    return np.frombuffer(b"".join(rows), "S1").reshape(len(texts), width)


def add(file, name, kind, dims, values, attributes=None, **layout):
    variable = file.createVariable(name, kind, dims, **layout)
    variable.set_auto_maskandscale(False)
    variable.setncatts(attributes or {})
    if values is not None:
        variable[...] = values
    return variable


def dimensions(file, **sizes):
    for name, size in sizes.items():
        file.createDimension(name, size)


def climate(file, layout=None):
    """A field over time, latitude and longitude with its coordinates."""
    dimensions(file, time=None, lat=7, lon=11)
    add(file, "time", "f8", ("time",), np.arange(5) * 6.0, {"units": "hours since 2000-01-01"})
    add(file, "lat", "f4", ("lat",), np.linspace(-90, 90, 7), {"units": "degrees_north"})
    add(file, "lon", "f4", ("lon",), np.linspace(0, 359, 11), {"units": "degrees_east"})
    add(file, "tas", "f4", ("time", "lat", "lon"), field(5, 7, 11), {"units": "K"}, **(layout or {}))
    file.title = "a field"


def classic(file):
    climate(file)
    dimensions(file, station=3, name_len=12, n=9, five=5)
    for kind in CLASSIC_KINDS:
        add(file, f"v_{kind}", kind, ("n",), extremes(kind, 9))
        add(file, f"s_{kind}", kind, (), extremes(kind, 1)[0])
        add(file, f"r_{kind}", kind, ("time", "five"), extremes(kind, 25).reshape(5, 5))
    add(file, "station_name", "S1", ("station", "name_len"), letters("Ilulissat", "", "Tromso north", width=12))
    add(file, "one_char", "S1", (), b"x")


def classic5(file):
    classic(file)
    for kind in [kind for kind in KINDS if kind not in CLASSIC_KINDS]:
        add(file, f"v_{kind}", kind, ("n",), extremes(kind, 9))


def kinds(file):
    dimensions(file, n=9, x=3, y=4, z=5)
    for kind in KINDS:
        add(file, f"v_{kind}", kind, ("n",), extremes(kind, 9), {"valid": extremes(kind, 3)})
        add(file, f"s_{kind}", kind, (), extremes(kind, 1)[0])
        add(file, f"c_{kind}", kind, ("x", "y", "z"), extremes(kind, 60).reshape(3, 4, 5))


def compressed(file):
    dimensions(file, time=None, member=None, y=13, x=17, a=2, b=3, c=2, d=3, e=2)
    add(file, "packed_tight", "f4", ("y", "x"), field(13, 17), chunksizes=(5, 7), **CHUNKED)
    add(file, "shuffled", "i4", ("y", "x"), np.arange(221).reshape(13, 17), chunksizes=(1, 17), zlib=True, shuffle=True)
    add(file, "checked", "f8", ("y", "x"), field(13, 17, seed=2), chunksizes=(13, 4), fletcher32=True)
    add(file, "growing", "i2", ("time", "member", "x"), np.arange(4 * 3 * 17).reshape(4, 3, 17), chunksizes=(3, 2, 5))
    add(file, "little", "f8", ("x",), np.linspace(0, 1, 17), endian="little")
    add(file, "big", ">f8", ("x",), np.linspace(0, 1, 17), endian="big")
    add(file, "deep", "i2", tuple("abcde"), np.arange(72).reshape(2, 3, 2, 3, 2))
    add(file, "never_written", "f4", ("y", "x"), None)
    partly = add(file, "partly_written", "f4", ("y", "x"), None, fill_value=-1, chunksizes=(4, 4))
    partly[3:5, 2:9] = field(2, 7)


def text(file):
    dimensions(file, n=3, five=5, eighty=80, two=2)
    add(file, "rows", "S1", ("n", "five"), letters("abc", "", "hello", width=5))
    add(file, "wide", "S1", ("n", "eighty"), letters("a" * 80, "b" * 65, "c", width=80))
    add(file, "line", "S1", ("five",), letters("line", width=5)[0])
    add(file, "block", "S1", ("two", "n", "five"), letters("a", "bc", "def", "ghij", "klmno", "", width=5).reshape(2, 3, 5))
    add(file, "initial", "S1", (), b"q")


def strings(file):
    dimensions(file, n=4, two=2)
    add(file, "words", str, ("n",), np.array(["plain", "", 'with "quotes" {in}; it', "last"], object))
    add(file, "table", str, ("two", "n"), np.array([["a", "bb", "ccc", "x" * 100], ["", "e", "f g", "h\ti"]], object))
    add(file, "single", str, (), np.array("one string", object))


def attributes(file):
    dimensions(file, x=2)
    notes = {kind: extremes(kind, 1)[0] for kind in KINDS} | {f"list_{kind}": extremes(kind, 4) for kind in KINDS}
    notes |= {
        "with space": "name with a space", "empty": "", "lines": "first\nsecond\n\nfourth", "tabs": "a\tb", "blank": " ",
        "markup": "<a href='x'>&amp;</a>", "semicolon": "a; b {c} , d", "tiny": np.float64(5e-324), "seventh": 1 / 7,
        "third": np.float32(1) / np.float32(3), "pair": np.array([0.1, 0.2]), "looks_like_number": "42",
        "verbose": "long " * 2000, "comment-2.b": "dash and dot", "a#hash": "hash", "percent%20": "%41",
    }
    file.setncatts(notes)
    add(file, "v", "f4", ("x",), [1, 2], notes)
    listed = add(file, "w", "i4", ("x",), [3, 4], {"units": "m s-1", "long_name": "speed"})
    listed.setncattr_string("names", ["one", "two three", "", "f,o;ur"])


def escapes(file):
    """Text that has to be escaped in a DAS."""
    file.setncatts({"quotes": 'he said "no"', "quoted": '"all"', "backslash": "a\\b\\\\c", "path": "C:\\new\\table"})
    dimensions(file, x=2)
    add(file, "v", "f4", ("x",), [1, 2], {"units": "m", "ends in backslash": "a\\", "after": "it"})
    add(file, "s", str, ("x",), np.array(['"\\"', "two\nlines"], object))


def unicode(file):
    """Names and text beyond ASCII."""
    file.setncatts({"place": "Å°C – 東京 🌍", "naïve": "in the middle"})
    dimensions(file, x=2, five=5, **{"höhe": 2})
    add(file, "tēma", "f4", ("höhe",), [1, 2], {"units": "°C"})
    add(file, "words", str, ("x",), np.array(["Ωλ 東京", "🌍"], object))
    add(file, "chars", "S1", ("x", "five"), letters("é€", "ß", width=5))


def unicode_first(file):
    """Names that begin beyond ASCII."""
    file.setncatts({"é": "name"})
    dimensions(file, x=2)
    add(file, "Ωmega", "f4", ("x",), [1, 2], {"éa": "b"})


def packed(file):
    dimensions(file, y=6, x=8)
    values = np.random.default_rng(4).integers(-3000, 3000, (6, 8)).astype("i2")
    values[2, 3] = -32767
    scaling = {"scale_factor": 0.01, "add_offset": 273.15, "units": "K"}
    add(file, "t", "i2", ("y", "x"), values, scaling, fill_value=-32767)
    add(file, "m", "f4", ("y", "x"), field(6, 8), {"missing_value": np.float32(-999)}, fill_value=np.float32(1e20))
    add(file, "b", "i1", ("x",), np.arange(-4, 4), {"_Unsigned": "true"})
    add(file, "flag", "u1", ("x",), np.arange(248, 256), {"flag_values": np.array([1, 2], "u1")}, fill_value=255)


def empty(file):
    dimensions(file, time=None, x=3)
    add(file, "x", "f4", ("x",), [1, 2, 3])
    add(file, "time", "f8", ("time",), None, {"units": "days since 2000-01-01"})
    add(file, "nothing", "f4", ("time", "x"), None)


def names(file):
    dimensions(file, **{"x": 3, "dim-1": 2, "dim.2": 4})
    listed = ["a-b", "a.b", "under_score", "plus+sign", "at@", "temp(2m)", "with space", "a:b", "a&b", "a=b"]
    for place, name in enumerate(listed):
        add(file, name, "f4", ("x",), [place, place + 0.5, -place], {"long_name": name})
    add(file, "grid-1", "i4", ("dim-1", "dim.2"), np.arange(8).reshape(2, 4))
    add(file, "_hidden", "i2", (), 7)
    add(file, "time.v", "f8", ("x",), [1, 2, 3])


def percent(file):
    """Names that look encoded."""
    dimensions(file, x=3)
    add(file, "pro%cent", "f4", ("x",), [1, 2, 3])
    add(file, "per%20cent", "f4", ("x",), [4, 5, 6])


def groups(file):
    dimensions(file, x=3)
    add(file, "root", "f4", ("x",), [1, 2, 3], {"units": "m"})
    forecast = file.createGroup("forecast")
    forecast.source = "a group's own attribute"
    dimensions(forecast, y=4)
    add(forecast, "t", "f8", ("y", "x"), np.arange(12).reshape(4, 3), {"units": "K"})
    deep = forecast.createGroup("deep")
    dimensions(deep, x=5)
    add(deep, "t", "i8", ("x",), extremes("i8", 5))
    add(file.createGroup("other"), "t", "u1", ("x",), [7, 8, 9])


def huge(file):
    """10 TB that nobody wrote: only good for asking too much."""
    dimensions(file, t=50_000, y=50_000, x=500)
    add(file, "v", "f8", ("t", "y", "x"), None, chunksizes=(1, 500, 500), zlib=True)


FILES = {
    "classic1": ("NETCDF3_CLASSIC", classic), "classic2": ("NETCDF3_64BIT_OFFSET", classic),
    "classic5": ("NETCDF3_64BIT_DATA", classic5), "kinds": ("NETCDF4", kinds), "compressed": ("NETCDF4", compressed),
    "text": ("NETCDF4", text), "strings": ("NETCDF4", strings), "attributes": ("NETCDF4", attributes),
    "packed": ("NETCDF4", packed), "empty": ("NETCDF4", empty), "names": ("NETCDF4", names),
    "groups": ("NETCDF4", groups), "escapes": ("NETCDF4", escapes), "unicode": ("NETCDF4", unicode),
    "unicode_first": ("NETCDF4", unicode_first), "percent": ("NETCDF4", percent),
    # The same data in three layouts, of which every answer must be the same.
    "layout_a": ("NETCDF3_CLASSIC", climate),
    "layout_b": ("NETCDF4", lambda file: climate(file, dict(chunksizes=(1, 7, 11)))),
    "layout_c": ("NETCDF4", lambda file: climate(file, dict(chunksizes=(2, 3, 5), **CHUNKED))),
}


def make(out, name, form, fill):
    with netCDF4.Dataset(out / f"{name}.nc", "w", format=form) as file:
        fill(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--huge", action="store_true", help="also OUT/huge.nc, a few kB that claim to be 10 TB")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, (form, fill) in (FILES | ({"huge": ("NETCDF4", huge)} if options.huge else {})).items():
        make(options.out, name, form, fill)
    import iris_sample_data

    for name in ("A1B_north_america.nc", "rotated_pole.nc"):
        shutil.copy(pathlib.Path(iris_sample_data.path) / name, options.out / name)


if __name__ == "__main__":
    main()
