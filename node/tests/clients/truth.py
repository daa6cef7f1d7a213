"""What a file says when it is read directly, and when an answer equals it.

DAP2 has fewer types than netCDF, so these casts are expected and no others:
  int8 -> Byte (same bits; the variable has `_Unsigned = "false"`), int64 and uint64 -> Float64,
  groups -> dots in the names of variables, dimensions and attributes; attributes of 64 bits -> texts, if a double is not exact
  char arrays -> String (the last axis is the text; trailing NULs do not count), several texts of an
  attribute -> one text with line ends between (netCDF's own client does that).
DAP4 has none.
"""
import dataclasses
import functools
import re
from urllib.parse import unquote

import netCDF4
import numpy as np

# What servers may say beside the file's attributes: for clients of DAP2, how a variable was cast, and which dimension grows.
DODS_ONLY = ("DODS", "_Unsigned", "_NCProperties", "_DODS", "_edu.", "Maps", "path", "dap2_cast", "Unlimited_Dimension")


@dataclasses.dataclass
class Variable:
    name: str
    dims: tuple
    paths: tuple  # the same with their groups
    values: np.ndarray
    attributes: dict

    @property
    def is_text(self):
        return self.values.dtype.kind in "SO"

    def wanted(self, dap):
        """The values as that version of the protocol can say them."""
        if dap == 2 and self.values.dtype.kind == "S":
            return joined(self.values)
        if dap == 2 and self.values.dtype.kind in "iu" and self.values.dtype.itemsize == 8:
            return self.values.astype("f8")
        return self.values


@dataclasses.dataclass
class Truth:
    variables: dict
    attributes: dict
    inner: dict  # those of groups, by names with dots
    path: str

    def of(self, dap):
        """The variables by the names that they have in that version."""
        return list(self.named(dap).values())

    def named(self, dap):
        return self.variables if dap == 4 else self.dotted

    @functools.cached_property
    def dotted(self):
        dot = lambda name: name.replace("/", ".")
        plain = lambda v: dataclasses.replace(v, name=dot(v.name), dims=tuple(map(dot, v.paths)))
        return {dot(name): plain(variable) for name, variable in self.variables.items()}

    def notes(self, dap):
        """The dataset's attributes; in DAP2 those of groups are among them."""
        return self.attributes if dap == 4 else self.attributes | self.inner


def raw(variable):
    """A netCDF4 variable's values as they lie in the file."""
    variable.set_auto_maskandscale(False)
    variable.set_auto_chartostring(False)
    values = variable[...]
    return np.array(values, object) if isinstance(values, str) else np.asarray(values)


def notes(thing):
    return {name: thing.getncattr(name) for name in thing.ncattrs()}


def walk(group, path=""):
    """(name, variable) of a netCDF4 dataset, with groups before the names."""
    for name, variable in group.variables.items():
        yield path + name, variable
    for name, inner in group.groups.items():
        yield from walk(inner, f"{path}{name}/")


def paths(variable):
    """A variable's dimensions with the groups that they are in."""
    return tuple(f"{dim.group().path}/{dim.name}".lstrip("/") for dim in variable.get_dims())


def inner_notes(group):
    for inner in group.groups.values():
        prefix = inner.path.strip("/").replace("/", ".")
        yield from ((f"{prefix}.{name}", value) for name, value in notes(inner).items())
        yield from inner_notes(inner)


def load(path):
    with netCDF4.Dataset(path) as file:
        native = lambda values: values.astype(values.dtype.newbyteorder("=")) if values.dtype.kind in "iuf" else values
        variables = {
            name: Variable(name, variable.dimensions, paths(variable), native(raw(variable)), notes(variable))
            for name, variable in walk(file)
        }
        return Truth(variables, notes(file), dict(inner_notes(file)), str(path))


def joined(chars):
    """Chars along the last axis as texts."""
    chars = np.asarray(chars, "S1")
    flat = chars.reshape(-1, chars.shape[-1] if chars.ndim else 1)
    texts = np.empty(len(flat), object)
    texts[:] = [b"".join(one or b"\0" for one in row.tolist()).rstrip(b"\0") for row in flat]
    return texts.reshape(chars.shape[:-1])


def texts(array, like):
    """Text in whatever way a client hands it out, as an object array of bytes."""
    array = np.asarray(array)
    if array.dtype.kind in "SU" and array.ndim == like.ndim + 1:
        array = joined(np.char.encode(array, "utf8") if array.dtype.kind == "U" else array)
    plain = lambda one: one.encode() if isinstance(one, str) else bytes([one]) if isinstance(one, int) else bytes(one)
    result = np.empty(array.size, object)
    result[:] = [plain(one).rstrip(b"\0") for one in array.reshape(-1).tolist()]
    return result.reshape(array.shape)


def difference(got, want):
    """None, or a sentence: the first difference between two arrays."""
    got, want = np.asarray(got), np.asarray(want)
    if want.dtype.kind in "SO":
        got, want = texts(got, want), texts(want, want)
    if got.shape != want.shape:
        return f"shape {got.shape} instead of {want.shape}"
    if want.dtype.kind == "O":
        equal = np.array(got == want)
    elif got.dtype.kind not in "iuf":
        return f"type {got.dtype} instead of {want.dtype}"
    elif want.dtype.kind == "f":
        if got.dtype.kind != "f" or got.dtype.itemsize != want.dtype.itemsize:
            return f"type {got.dtype} instead of {want.dtype}"
        equal = (bits(got) == bits(want)) | (np.isnan(got) & np.isnan(want))
    elif got.dtype.itemsize == want.dtype.itemsize and got.dtype.kind in "iu":
        equal = bits(got) == bits(want)
    else:
        equal = np.asarray(got.astype(object) == want.astype(object), bool)
    if np.all(equal):
        return None
    place = tuple(int(i) for i in np.argwhere(~np.atleast_1d(equal))[0])
    return f"at {list(place)}: {np.atleast_1d(got)[place]!r} instead of {np.atleast_1d(want)[place]!r}"


def bits(array):
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("=")))
    return array.view(f"u{array.dtype.itemsize}").reshape(array.shape)


def as_text(value):
    if isinstance(value, (list, tuple, np.ndarray)):
        return "\n".join(map(as_text, value))
    if isinstance(value, bytes):
        value = value.decode(errors="surrogateescape")
    # pydap's DAP4 says None for an empty text.
    return "" if value is None else str(value).rstrip("\0")


def attribute_difference(got, want, dap):
    """None, or a sentence: how an attribute's value differs. Clients say numbers as they please: values count."""
    if isinstance(want, (str, list)):
        same = as_text(got) == as_text(want)
        return None if same else f"{as_text(got)!r:.80} instead of {as_text(want)!r:.80}"
    want = np.atleast_1d(want)
    try:
        if dap == 2 and want.dtype.kind in "iu" and want.dtype.itemsize == 8:
            # As texts, which netCDF's client puts into one.
            listed = as_text(got).split("\n") if isinstance(got, (str, list)) else []
            if listed and all(re.fullmatch(r"-?\d+", one) for one in listed):
                return None if [int(one) for one in listed] == want.tolist() else f"{got!r:.80} instead of {want!r:.80}"
        listed = got if isinstance(got, list) else np.atleast_1d(np.asarray(got)).tolist()
        if want.dtype.kind == "f":
            with np.errstate(over="ignore"):
                found = np.array([float(one) for one in listed]).astype(want.dtype)
            wrong = difference(found, want)
            is_garbled = dap == 4 and want.dtype.itemsize == 4 and difference(found, garbled(want)) is None
            return wrong and wrong + GARBLED * is_garbled
        if dap == 2 and want.dtype.itemsize == 8 and any(isinstance(one, float) for one in listed):
            return difference(np.array(listed, "f8"), want.astype("f8"))
        modulus = 1 << (8 * want.dtype.itemsize)
        same = [int(one) % modulus for one in listed] == [one % modulus for one in want.tolist()]
        same = same and all(int(one) == one for one in listed)
    except (TypeError, ValueError):
        same = False
    return None if same else f"{got!r:.80} instead of {want!r:.80}"


GARBLED = "; which is what netCDF's DAP4 client makes of that number"


def garbled(want):
    """What netCDF's DAP4 client makes of the texts of Float32 attributes, bit for bit.

    It reads the text as a double, converts that to a float in a union of the two, which overwrites the double's lower half,
    and then converts the double once more: the last three bits of the float are the first three of the float itself.
    """
    want = np.ascontiguousarray(want, "<f4")
    doubles = np.array([float(str(one)) for one in want], "<f8")
    with np.errstate(over="ignore", invalid="ignore"):
        halves = (doubles.view("<u8") & np.uint64(0xFFFFFFFF00000000)) | want.view("<u4").astype("<u8")
        return halves.view("<f8").astype("<f4")


def named(names, name):
    """The name by which a client knows `name`: as it is, or still percent-encoded."""
    names = list(names)
    for form in (lambda n: n, unquote, lambda n: unquote(unquote(n))):
        for candidate in names:
            if form(str(candidate)).lstrip("/") == name:
                return candidate
    return None


def attributes_differences(got, want, dap):
    """(name, None or a sentence) for each attribute that is wanted, and for each that is there for no reason."""
    known = set()
    for name, value in want.items():
        found = named(got, name)
        known.add(found)
        yield name, "is missing" if found is None else attribute_difference(got[found], value, dap)
    for name in set(got) - known:
        if not str(name).startswith(DODS_ONLY):
            yield name, "is not in the file"


def random_slab(rng, shape):
    """(start, stride, stop inclusive) for each axis; None if an axis is empty."""
    if 0 in shape:
        return None
    spans = []
    for size in shape:
        start = int(rng.integers(size))
        stop = int(rng.integers(start, size))
        spans.append((start, int(rng.integers(1, max(2, (stop - start) // 2 + 2))), stop))
    return spans


def slices(slab):
    return tuple(slice(start, stop + 1, stride) for start, stride, stop in slab)
