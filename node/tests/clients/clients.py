"""The clients, each a function that yields (what was read, None or the first difference).

A reader gets (url, truth, rng) and reads every variable whole, every attribute, and strided hyperslabs.
"""
import os
import re
import subprocess
import tempfile
import warnings

import netCDF4
import numpy as np

from truth import (attributes_differences, difference, named, notes, random_slab, raw, slices, texts, walk)

SLABS = 3
# netCDF's client fetches small variables whole and cuts hyperslabs out of its cache: nothing would be asked of the server.
UNCACHED = "#noprefetch&nocache"
LIMIT = 90  # seconds that a program may take


def run(*command, source=None):
    """A program's standard output; what it says of errors becomes the exception."""
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, input=source)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[:300]}")
    return done.stdout


def compare(truth, dap, rng, opened, read, attributes, dims=None, own=None, slabs=SLABS):
    """The same for all: `opened` are a client's names, `read(name, slab or None)` gives values.

    `slabs` is 0 for what would be cut out of a whole that the client has already: that would test nothing here.
    """
    for variable in truth.of(dap):
        want, name = variable.wanted(dap), named(opened, variable.name)
        if name is None:
            # netCDF's DAP2 client leaves out variables of no values.
            yield variable.name, None if want.size == 0 and dap == 2 else "is missing"
            continue
        yield variable.name, difference(read(name, None), want)
        for _ in range(slabs if want.size > 1 else 0):
            slab = random_slab(rng, want.shape)
            label = variable.name + "".join("[%d:%d:%d]" % span for span in slab)
            yield label, difference(read(name, slices(slab)), want[slices(slab)])
        if dims and not (dap == 2 and variable.is_text):
            found = tuple(dim for dim in dims(name))
            same = len(found) == len(variable.dims) and all(named([f], d) for f, d in zip(found, variable.dims))
            yield f"{variable.name} dimensions", None if same else f"{found} instead of {variable.dims}"
        for note, wrong in attributes_differences(attributes(name), variable.attributes, dap):
            yield f"{variable.name}:{note}", wrong
    if own is not None:
        for note, wrong in attributes_differences(own, truth.notes(dap), dap):
            yield f":{note}", wrong


def netcdf(path, truth, rng, dap=2, uncached=None):
    """`uncached` is the URL whose hyperslabs are asked of the server; without it there are none."""
    with netCDF4.Dataset(path) as file, netCDF4.Dataset(uncached or path) as cut:
        found, parts = dict(walk(file)), dict(walk(cut))

        def read(name, slab):
            if slab is None:
                return raw(found[name])
            raw_part = parts[name]
            raw_part.set_auto_maskandscale(False)
            raw_part.set_auto_chartostring(False)
            return np.asarray(raw_part[slab + (slice(None),) * (raw_part.ndim - len(slab))])

        yield from compare(truth, dap, rng, found, read, lambda name: notes(found[name]),
                           lambda name: found[name].dimensions, notes(file), SLABS if uncached else 0)


def netcdf4(url, truth, rng):
    yield from netcdf(url, truth, rng, uncached=url + UNCACHED)


def netcdf4_dap4(url, truth, rng):
    """Whole variables only: netCDF's DAP4 client asks for nothing less."""
    yield from netcdf(url + "#dap4", truth, rng, dap=4)


def xarray(url, truth, rng, engine, dap=2):
    import xarray as xr

    opened = lambda where: xr.open_dataset(where, engine=engine, decode_cf=False, cache=False)
    with opened(url) as file, opened(url + UNCACHED if engine == "netcdf4" else url) as uncached:

        def read(name, slab):
            whole = (file if slab is None else uncached)[name]
            cut = whole if slab is None else whole[slab + (slice(None),) * (whole.ndim - len(slab))]
            return np.asarray(cut.values)

        yield from compare(truth, dap, rng, list(file.variables), read, lambda name: file[name].attrs,
                           lambda name: file[name].dims, file.attrs)


def xarray_netcdf4(url, truth, rng):
    yield from xarray(url, truth, rng, "netcdf4")


def xarray_pydap(url, truth, rng):
    yield from xarray(url, truth, rng, "pydap")


def pydap(url, truth, rng, protocol):
    from pydap.client import open_url
    from pydap.model import BaseType, GridType

    file = open_url(url, protocol=protocol, output_grid=False)
    dap = int(protocol[-1])
    names = {}
    for child in walk_pydap(file):
        names[child.id.lstrip("/") if dap == 4 else child.name] = child

    def array(name):
        child = names[name]
        return child.array if isinstance(child, GridType) else child

    def read(name, slab):
        found = array(name)
        if slab is None:
            slab = (slice(None),) * len(found.shape) if found.shape else ()
        values = found[slab] if slab else found[...]
        return np.asarray(values.data if isinstance(values, BaseType) else values)

    def dims(name):
        return tuple(dim.rpartition("/")[2] for dim in array(name).dims)

    own = file.attributes.get("NC_GLOBAL", file.attributes) if dap == 2 else file.attributes
    yield from compare(truth, dap, rng, names, read, lambda name: names[name].attributes, dims, own)


def walk_pydap(group):
    from pydap.model import GridType, StructureType

    for child in group.children():
        if isinstance(child, StructureType) and not isinstance(child, GridType):
            yield from walk_pydap(child)
        else:
            yield child


def pydap_dap2(url, truth, rng):
    yield from pydap(url, truth, rng, "dap2")


def pydap_dap4(url, truth, rng):
    yield from pydap(url, truth, rng, "dap4")


def ncdump(url, truth, rng):
    """What ncdump prints with all digits, made a file again."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.nc")
        run("ncgen", "-4", "-o", path, source=as_ncgen_reads(run("ncdump", "-p", "9,17", url)))
        yield from netcdf(path, truth, rng)


def as_ncgen_reads(text):
    """ncgen takes `-0` for an integer, and wants `%` in names escaped."""
    text = re.sub(rb"(?<=[ ,])-0(?=[ ,;\n])", b"-0.", text)
    return re.sub(rb'"(?:[^"\\]|\\.)*"|%', lambda found: rb"\%" if found[0] == b"%" else found[0], text)


def nccopy(url, truth, rng):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.nc")
        run("nccopy", url, path)
        yield from netcdf(path, truth, rng)


def ncks(url, truth, rng):
    """Everything, then a hyperslab along each dimension."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.nc")
        run("ncks", "-O", "-h", "-4", url, path)
        yield from netcdf(path, truth, rng)
        for variable in truth.of(2):
            want = variable.wanted(2)
            slab = random_slab(rng, want.shape)
            if not slab or not variable.dims or re.search(r"\W", variable.name + "".join(variable.dims)):
                continue
            cuts = [part for dim, (start, stride, stop) in zip(variable.dims, slab)
                    for part in ("-d", f"{dim},{start},{stop},{stride}")]
            run("ncks", "-O", "-h", "-4", "-C", "-v", variable.name, *cuts, url + UNCACHED, path)
            with netCDF4.Dataset(path) as file:
                label = variable.name + "".join("[%d:%d:%d]" % span for span in slab)
                yield label, difference(raw(file[variable.name]), want[slices(slab)])


def printed(values):
    """Values as getdap prints them."""
    if values.dtype.kind in "SO":
        plain = lambda byte: chr(byte) if 32 <= byte < 127 else "\\%03o" % byte
        plain_or_escaped = lambda byte: "\\" + chr(byte) if byte in b'"\\' else plain(byte)
        return ['"' + "".join(map(plain_or_escaped, one)) + '"' for one in texts(values, values).flat]
    if values.dtype.kind == "f":
        return ["%.*g" % (6 if values.dtype.itemsize == 4 else 15, one) for one in values.flat]
    return [str(int(one)) for one in (values.view("u1") if values.dtype == "i1" else values).flat]


def getdap(url, truth, rng):
    """OPeNDAP's own client; it prints six digits of a float and fifteen of a double."""
    from pydap.parsers.das import parse_das

    run("getdap", "-d", url)
    notes = parse_das(run("getdap", "-a", url).decode())
    for variable in truth.of(2):
        want = variable.wanted(2)
        slab = random_slab(rng, want.shape)
        own = notes.get(named(notes, variable.name), {})
        for note, wrong in attributes_differences(own, variable.attributes, 2):
            yield f"{variable.name}:{note}", wrong
        if re.search(r"\W", variable.name) or slab is None:
            continue
        brackets = "".join("[%d:%d:%d]" % span for span in slab)
        for label, cut in (("", want), (brackets, np.asarray(want[slices(slab)], want.dtype))):
            text = run("getdap", "-D", url, "-c", variable.name + label).decode(errors="surrogateescape")
            value = text.partition("\n} ")[2] if "Grid {" in text else text
            value = value.partition(" = {" if want.ndim else " = ")[2] if "Grid {" not in text else value.partition("Array: ")[2].partition("  Maps:")[0]
            found = re.findall(r'"(?:[^"\\]|\\.)*"|[^\s{},;]+', value)
            place = next((i for i, pair in enumerate(zip(found, printed(cut))) if pair[0] != pair[1]), None)
            wrong = None if place is None and len(found) == cut.size else f"{len(found)} values instead of {cut.size}"
            if place is not None:
                wrong = f"value {place} is printed {found[place]} instead of {printed(cut)[place]}"
            yield variable.name + label, wrong


CLIENTS = {
    "netcdf4": netcdf4, "xarray-netcdf4": xarray_netcdf4, "xarray-pydap": xarray_pydap, "pydap-dap2": pydap_dap2,
    "pydap-dap4": pydap_dap4, "netcdf4-dap4": netcdf4_dap4, "ncdump": ncdump, "nccopy": nccopy, "ncks": ncks,
    "getdap": getdap,
}


def read_all(client, url, truth, seed):
    """(number of comparisons, [what differs]); to be called in a process of its own."""
    warnings.simplefilter("ignore")
    count, wrong = 0, []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # ncks leaves what it cannot open where it was started
        try:
            for label, what in CLIENTS[client](url, truth, np.random.default_rng(seed)):
                count += 1
                if what is not None:
                    wrong.append(f"{label}: {what}")
        except Exception as error:  # whatever a client throws is the finding
            wrong.append(f"{type(error).__name__}: {error}")
        os.chdir("/")
    return count, wrong
