#!/usr/bin/env python3
"""A small, slow DAP2 and DAP4 server that answers right: reference.py --files DIR [--port N] [--flat]

The harness is tried against it, so that what fails elsewhere is not the harness or a client.
"""
import argparse
import gzip
import hashlib
import http.server
import json
import pathlib
import re
import zlib
from urllib.parse import unquote
from xml.sax.saxutils import quoteattr

import numpy as np

import truth

DAP2 = {"i1": "Byte", "u1": "Byte", "i2": "Int16", "u2": "UInt16", "i4": "Int32", "u4": "UInt32", "f4": "Float32",
        "f8": "Float64", "i8": "Float64", "u8": "Float64"}
DAP4 = {"i1": "Int8", "u1": "UInt8", "i2": "Int16", "u2": "UInt16", "i4": "Int32", "u4": "UInt32", "i8": "Int64",
        "u8": "UInt64", "f4": "Float32", "f8": "Float64", "S1": "Char"}
LIMIT = 1 << 30


class Refused(Exception):
    def __init__(self, status, what):
        super().__init__(what)
        self.status = status


def quoted(name):
    """A name as DAP2 writes it: what could be read as something else, as %XX of its UTF-8."""
    keep = lambda byte: chr(byte).isalnum() and byte < 128 or chr(byte) in "_-"
    return "".join(chr(byte) if keep(byte) else f"%{byte:02X}" for byte in name.encode())


def cut(values, slab):
    """A hyperslab that stays an array, even of one value."""
    return np.array(values[slab], values.dtype)


def kind(values):
    return values.dtype.str[1:]


class Dataset:
    def __init__(self, path, name, flat):
        self.name, self.flat = name, flat
        self.truth = truth.load(path)
        self.tag = '"' + hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:16] + '"'

    # DAP2: projections, declarations, attributes, values

    def maps(self, variable):
        """The coordinates of a grid; none if it is none."""
        found = [self.truth.named(2).get(dim) for dim in variable.dims]
        fits = lambda v: v is not None and v.dims == (v.name,) and not v.is_text and v.name != variable.name
        return [] if self.flat or variable.is_text or not all(map(fits, found)) else found

    def project(self, constraint):
        """[(variable, slab, form)]: form is `whole` (a grid, if it is one), `array` (v.v) or the name of a map."""
        for _ in range(3):
            constraint = re.sub("%(25)*(5[bBdD]|3[aA]|2[cC])", lambda code: unquote("%" + code[2]), constraint)
        if not constraint:
            return [(v, None, "whole") for v in self.truth.of(2)]
        chosen = [self.projection(one) for one in constraint.split(",")]
        # In the dataset's order, as OPeNDAP's library does; netCDF's client takes the values for that.
        return sorted(chosen, key=lambda one: list(self.truth.named(2)).index(one[0].name))

    def projection(self, one):
        match = re.fullmatch(r"([^\[\]]+)((?:\[[^\[\]]*\])*)", one)
        if not match:
            raise Refused(400, f"{one!r} is no projection")
        path, brackets = match[1], re.findall(r"\[([^\]]*)\]", match[2])
        outer, _, inner = path.rpartition(".")
        variable, form = self.find(path), "whole"
        if variable is None and self.find(outer):
            variable = self.find(outer)
            form = "array" if self.find(inner) is variable else unquote(inner)
            if form != "array" and form not in variable.dims:
                variable = None
        if variable is None:
            raise Refused(404, f"there is no variable {path!r}")
        size = variable.wanted(2).shape if form in ("whole", "array") else (len(self.truth.named(2)[form].values),)
        return variable, self.slab(brackets, size) if brackets else None, form

    def find(self, name):
        """The variable that a client means: it may have decoded the name, or encoded it once more."""
        for _ in range(4):
            for variable in self.truth.of(2):
                if name in (variable.name, quoted(variable.name)):
                    return variable
            name = unquote(name)
        return None

    def slab(self, brackets, shape):
        if len(brackets) != len(shape):
            raise Refused(400, f"{len(brackets)} brackets for {len(shape)} dimensions")
        return tuple(self.span(text, size) for text, size in zip(brackets, shape))

    def span(self, text, size):
        try:
            numbers = [int(number) for number in text.split(":")]
            start, stride, stop = {1: lambda a: (a, 1, a), 2: lambda a, b: (a, 1, b), 3: lambda a, s, b: (a, s, b)}[
                len(numbers)](*numbers)
        except (ValueError, KeyError):
            raise Refused(400, f"[{text}] is no range") from None
        if size == 0 and start == 0:
            return slice(0)  # pydap asks an empty axis for everything up to 2^63
        if stride < 1 or start < 0 or stop < start or stop >= size:
            raise Refused(400, f"[{text}] does not fit a dimension of {size}")
        return slice(start, stop + 1, stride)

    def leaves(self, projections):
        """[(lines before, name, dims, values, lines after)] of everything that is asked for."""
        for variable, slab, form in projections:
            shape = variable.wanted(2).shape
            slab = slab if slab is not None else (slice(None),) * len(shape)
            values, maps = cut(variable.wanted(2), slab), self.maps(variable)
            if form not in ("whole", "array"):
                inner = self.truth.named(2)[form]
                yield ["Structure {"], inner.name, inner.dims, cut(inner.wanted(2), slab), ["} %s;" % quoted(variable.name)]
            elif form == "array" and maps:
                yield ["Structure {"], variable.name, variable.dims, values, ["} %s;" % quoted(variable.name)]
            elif maps:
                yield ["Grid {", "Array:"], variable.name, variable.dims, values, ["Maps:"]
                for place, (axis, inner) in enumerate(zip(slab, maps)):
                    end = ["} %s;" % quoted(variable.name)] if place == len(maps) - 1 else []
                    yield [], inner.name, inner.dims, cut(inner.wanted(2), axis), end
            else:
                yield [], variable.name, variable.dims, values, []

    def dds(self, constraint):
        lines = ["Dataset {"]
        for before, name, dims, values, after in self.leaves(self.project(constraint)):
            written = "String" if values.dtype.kind in "SO" else DAP2[kind(values)]
            sizes = "".join(f"[{quoted(dim)} = {size}]" for dim, size in zip(dims, values.shape))
            lines += before + [f"{written} {quoted(name)}{sizes};"] + after
        return "\n".join(lines + ["} %s;" % quoted(self.name), ""]).encode()

    def das(self, _):
        lines = ["Attributes {"]
        for variable in self.truth.of(2):
            lines += [quoted(variable.name) + " {"] + [self.note(*pair) for pair in variable.attributes.items()]
            if kind(variable.values) == "i1" and "_Unsigned" not in variable.attributes:
                lines.append('String _Unsigned "false";')
            # Not in a container `DODS`: netCDF's client would take that for the dataset's.
            if variable.is_text and variable.values.size:
                longest = max(map(len, truth.texts(variable.wanted(2), variable.wanted(2)).flat))
                fixed = variable.values.shape[-1] if variable.values.dtype.kind == "S" and variable.values.ndim else 0
                lines.append(f"Int32 DODS.strlen {max(longest, fixed, 1)};")
                lines += [f"String DODS.dimName {text_of(quoted(variable.dims[-1]))};"] if fixed else []
            lines.append("}")
        lines += ["NC_GLOBAL {"] + [self.note(*pair) for pair in self.truth.notes(2).items()] + ["}", "}", ""]
        return "\n".join(lines).encode()

    def note(self, name, value):
        if isinstance(value, (str, list)):
            values = [value] if isinstance(value, str) else value
            return f"String {quoted(name)} {', '.join(map(text_of, values))};"
        values = np.atleast_1d(value)
        if kind(values) == "i1":
            values = values.view("u1")
        if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
            values = values.astype("f8")
        return f"{DAP2[kind(values)]} {quoted(name)} {', '.join(number_of(one) for one in values)};"

    def dods(self, constraint):
        projections = self.project(constraint)
        if sum(leaf[3].nbytes for leaf in self.leaves(projections)) > LIMIT:
            raise Refused(413, "more than this server sends")
        body = b"".join(xdr(leaf[3]) for leaf in self.leaves(projections))
        return self.dds(constraint) + b"\nData:\n" + body

    def ascii(self, constraint):
        lines = [self.dds(constraint).decode(), "-" * 45]
        for _, name, _, values, _ in self.leaves(self.project(constraint)):
            lines += [quoted(name) + "".join(f"[{size}]" for size in values.shape), ", ".join(map(str, values.flat)), ""]
        return "\n".join(lines).encode()

    # DAP4

    def dmr(self, constraint):
        chosen, groups = self.chosen(constraint), {}
        for variable, slab in chosen:
            groups.setdefault(variable.name.rpartition("/")[0], []).append((variable, slab))
        head = '<?xml version="1.0" encoding="UTF-8"?>\n<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#" '
        head += f'dapVersion="4.0" dmrVersion="1.0" name={quoteattr(self.name)}>\n'
        return (head + self.group("", groups, bool(constraint)) + "</Dataset>\n").encode()

    def group(self, path, groups, is_cut):
        import netCDF4
        with netCDF4.Dataset(self.truth.path) as file:
            here = file[path] if path else file
            dims = {name: len(dim) for name, dim in here.dimensions.items()}
            notes, inner, owners = truth.notes(here), list(here.groups), {}
            scope = here
            while scope is not None:
                for name in scope.dimensions:
                    owners.setdefault(name, scope.path.rstrip("/") + "/" + name)
                scope = scope.parent
        text = "".join(f"<Dimension name={quoteattr(name)} size=\"{size}\"/>\n" for name, size in dims.items())
        for variable, slab in groups.get(path, []):
            values, tag = cut(variable.values, slab), DAP4.get(kind(variable.values), "String")
            whole = values.shape == variable.values.shape
            axis = lambda dim, size: f"<Dim name={quoteattr(owners[dim])}/>" if whole else f'<Dim size="{size}"/>'
            text += f"<{tag} name={quoteattr(variable.name.rpartition('/')[2])}>"
            text += "".join(axis(*pair) for pair in zip(variable.dims, values.shape))
            text += "".join(self.note4(*pair) for pair in variable.attributes.items()) + f"</{tag}>\n"
        for name in inner:
            text += f"<Group name={quoteattr(name)}>\n{self.group(f'{path}/{name}'.lstrip('/'), groups, is_cut)}</Group>\n"
        return text + "".join(self.note4(*pair) for pair in notes.items())

    def note4(self, name, value):
        listed = [value] if isinstance(value, str) else value if isinstance(value, list) else np.atleast_1d(value)
        tag = "String" if isinstance(listed, list) else DAP4[kind(listed)]
        say = (lambda one: quoteattr(one, {"\n": "&#10;", "\t": "&#9;"})[1:-1].replace('"', "&quot;")) if tag == "String" else number_of
        # netCDF's client trims and garbles texts in elements.
        if tag == "String" and len(listed) == 1:
            return f'<Attribute name={quoteattr(name)} type="String" value="{say(listed[0])}"/>\n'
        values = "".join(f"<Value>{say(one)}</Value>" for one in listed)
        return f'<Attribute name={quoteattr(name)} type="{tag}">{values}</Attribute>\n'

    def chosen(self, constraint):
        everything = self.truth.of(4)
        if not constraint:
            return [(v, (slice(None),) * v.values.ndim) for v in everything]
        found = []
        for one in unquote(constraint).split(";"):
            path = re.sub(r"(?<!\\)\[.*", "", one)
            name = re.sub(r"\\(.)", r"\1", path).lstrip("/")
            # netCDF's client writes two backslashes instead of these four.
            written = "[./@\\\\]".join(map(re.escape, path.lstrip("/").split("\\\\")))
            alike = [known for known in self.truth.variables if re.fullmatch(written, known)]
            name = alike[0] if len(alike) == 1 else name
            variable = self.truth.variables.get(name) or self.truth.variables.get(unquote(name))
            if variable is None:
                raise Refused(404, f"there is no variable {path!r}")
            brackets, shape = re.findall(r"\[([^\]]*)\]", one[len(path):]), variable.values.shape
            brackets = brackets or [""] * len(shape)
            if len(brackets) != len(shape):
                raise Refused(400, "wrong number of brackets")
            slab = [slice(None) if text == "" else self.span(text, size) for text, size in zip(brackets, shape)]
            found.append((variable, tuple(slab)))
        return found

    def dap(self, constraint):
        body = b""
        for variable, slab in self.chosen(constraint):
            values = cut(variable.values, slab)
            if values.dtype.kind == "O":
                data = b"".join(len(t).to_bytes(8, "little") + t for t in truth.texts(values, values).flat)
            else:
                data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes()
            body += data + (zlib.crc32(data) & 0xFFFFFFFF).to_bytes(4, "little")
        dmr = self.dmr(constraint) + b"\r\n"
        chunk = lambda flags, data: (flags << 24 | len(data)).to_bytes(4, "big") + data
        parts = [body[at : at + 0xFFFF] for at in range(0, len(body), 0xFFFF)] or [b""]
        return chunk(4, dmr) + b"".join(chunk(4 | (at == len(parts) - 1), part) for at, part in enumerate(parts))


def text_of(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def number_of(value):
    if value.dtype.kind != "f":
        return str(int(value))
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Inf" if value > 0 else "-Inf"
    return np.format_float_scientific(value, unique=True, trim="0")


def xdr(values):
    size = values.size.to_bytes(4, "big") * 2
    if values.dtype.kind in "SO":
        padded = [len(t).to_bytes(4, "big") + t + b"\0" * (-len(t) % 4) for t in truth.texts(values, values).flat]
        return (values.size.to_bytes(4, "big") if values.ndim else b"") + b"".join(padded)
    if values.dtype.itemsize == 1:
        data = values.tobytes()
        # Of a single byte OPeNDAP's library reads the last of four, pydap and Java the first.
        return (size if values.ndim else b"") + (data + b"\0" * (-len(data) % 4) if values.ndim else data + b"\0\0" + data)
    wide = {"i2": ">i4", "u2": ">u4"}.get(kind(values), values.dtype.newbyteorder(">"))
    return (size if values.ndim else b"") + values.astype(wide).tobytes()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize, disable_nagle_algorithm = "HTTP/1.1", -1, True
    datasets, log = {}, False

    def log_message(self, *what):
        if self.log:
            print(self.requestline, flush=True)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path, _, query = self.path.partition("?")
        try:
            self.answer(*self.body(unquote(path).strip("/"), query))
        except Refused as refusal:
            what = f'Error {{\n    code = {refusal.status};\n    message = {text_of(str(refusal))};\n}};\n'
            self.answer(what.encode(), "text/plain; charset=utf-8", "dods_error", None, refusal.status)

    def body(self, path, query):
        if path in ("", "catalog.json"):
            return json.dumps(sorted(self.datasets)).encode(), "application/json", "catalog", None
        name, _, suffix = path.partition(".")
        if name not in self.datasets:
            raise Refused(404, f"there is no dataset {name!r}")
        dataset = self.datasets[name]
        if suffix in ("dmr", "dap", "dmr.xml"):
            pairs = dict(pair.partition("=")[::2] for pair in re.split("&(?=dap4)", query))
            make = dataset.dap if suffix == "dap" else dataset.dmr
            types = {"dap": "application/vnd.opendap.dap4.data"}.get(suffix, "application/vnd.opendap.dap4.dataset-metadata+xml")
            return make(pairs.get("dap4.ce", "")), types, "dap4", dataset.tag
        if suffix == "html":
            return b"<form action='.ascii'></form>", "text/html; charset=utf-8", "dods_form", dataset.tag
        if suffix in ("ver", "help", ""):
            return b"Core version: DAP/2.0\nServer version: reference/1\n", "text/plain; charset=utf-8", "dods_version", dataset.tag
        if suffix not in ("dds", "das", "dods", "ascii"):
            raise Refused(404, f"there is no .{suffix} of a dataset")
        types = "application/octet-stream" if suffix == "dods" else "text/plain; charset=utf-8"
        return getattr(dataset, suffix)(query), types, f"dods_{'data' if suffix == 'dods' else suffix}", dataset.tag

    def answer(self, body, types, description, tag, status=200):
        if tag and self.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        accepted = [one.strip() for one in self.headers.get("Accept-Encoding", "").split(",")]
        encoding = next((one for one in ("gzip", "deflate") if one in accepted), None)
        if encoding and status == 200:
            body = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
        self.send_response(status)
        headers = {"Content-Type": types, "Content-Description": description, "XDODS-Server": "dods/3.2", "XDAP": "2.0",
                   "Content-Length": len(body), "ETag": tag, "Content-Encoding": encoding if status == 200 else None}
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            try:
                self.wfile.write(body)
                self.wfile.flush()
            except ConnectionError:
                self.close_connection = True  # the client left


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=pathlib.Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--flat", action="store_true", help="no grids")
    parser.add_argument("--log", action="store_true", help="print requests")
    options = parser.parse_args()
    for path in sorted(options.files.glob("*.nc")):
        if path.stem != "huge":
            Handler.datasets[path.stem] = Dataset(path, path.stem, options.flat)
    Handler.log = options.log
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
