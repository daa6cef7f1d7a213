"""What no client asks on purpose: every suffix, encodings, conditional requests, errors, bad company."""
import gzip
import json
import re
import socket
import threading
import time
import warnings
import zlib
from urllib.parse import urlsplit

import numpy as np

import wire
from truth import difference

ERROR = re.compile(rb"Error\s*\{.*code\s*=.*message\s*=\s*\".+\"", re.DOTALL)


def checks(base, truths, huge):
    """Yields (what, None or what is wrong)."""
    name = max(truths, key=lambda n: sum(v.values.nbytes for v in truths[n].of(2)))
    truth = truths[name]
    variable = max(truth.of(2), key=lambda v: v.values.nbytes)
    yield from suffixes(base, name, variable)
    yield from encodings(base, name)
    yield from conditions(base, name)
    yield from errors(base, name, variable, huge)
    yield from lenient(base, name, variable)
    yield from company(base, name, variable)
    yield from many(base, truths)
    yield from together(base, truths)


def expect(what, is_so, found=""):
    return what, None if is_so else f"{found!r:.160}"


def suffixes(base, name, variable):
    for suffix, word, description in (("dds", b"Dataset", "dods_dds"), ("das", b"Attributes", "dods_das"),
                                      ("dods", b"\nData:\n", "dods_data"), ("ascii", variable.name.encode(), None),
                                      ("ver", b"version", None), ("help", b"", None), ("dmr", b"dapVersion", None),
                                      ("html", b"<form", None)):
        status, headers, body = wire.get(base, f"/{name}.{suffix}")
        yield expect(f".{suffix}", status == 200 and word in body and body, (status, body[:80]))
        if description:
            found = headers.get("content-description", "").replace("-", "_")
            yield expect(f".{suffix} Content-Description", found == description, found)
    status, headers, body = wire.get(base, f"/{name}.dds")
    yield expect("XDAP or XDODS-Server header", "xdods-server" in headers or "xdap" in headers, sorted(headers))
    yield expect("text is in UTF-8", "utf-8" in headers.get("content-type", "").lower(), headers.get("content-type"))
    cut = variable.name + "[0]" * variable.values.ndim
    status, _, body = wire.get(base, f"/{name}.dds?{cut}")
    yield expect(".dds with a constraint", status == 200 and b"= 1]" in body, body)
    status, _, body = wire.get(base, f"/{name}.ascii?{cut}")
    first = np.atleast_1d(variable.values).flat[0]
    yield expect(".ascii says the value", status == 200 and close(body, first), body)
    status, _, body = wire.get(base, "/", headers={"Accept": "text/html"})
    yield expect("catalogue for people", status == 200 and name.encode() in body, (status, body[:80]))
    status, _, body = wire.get(base, "/", headers={"Accept": "application/json"})
    yield expect("catalogue as JSON", status == 200 and name in str(parsed(body)), (status, body[:80]))


def parsed(body):
    try:
        return json.loads(body)
    except ValueError:
        return None


def close(body, value):
    numbers = re.findall(rb"-?\d+\.?\d*(?:[eE][-+]?\d+)?", body)
    return any(np.isclose(float(number), float(value), rtol=1e-5) for number in numbers)


def encodings(base, name):
    plain = wire.get(base, f"/{name}.dods")[2]
    for encoding, undo in (("gzip", gzip.decompress), ("deflate", zlib.decompress)):
        # Texts are packed; values may come as they are.
        for suffix in ("dods", "das"):
            same = wire.get(base, f"/{name}.{suffix}")[2]
            _, headers, body = wire.get(base, f"/{name}.{suffix}", headers={"Accept-Encoding": encoding})
            packed = headers.get("content-encoding") == encoding
            yield expect(f"{encoding} of .{suffix}", (undo(body) if packed else body) == same, headers)
            if suffix == "das" and len(same) > 1024:
                yield expect(f"{encoding} of .{suffix} is used", packed, headers)
    _, headers, body = wire.get(base, f"/{name}.dods", headers={"Accept-Encoding": "gzip;q=0, br"})
    yield expect("an encoding that is refused", "content-encoding" not in headers and body == plain, headers)


def conditions(base, name):
    for suffix in ("dds", "das", "dods", "dmr"):
        _, headers, body = wire.get(base, f"/{name}.{suffix}")
        tag = headers.get("etag", "")
        yield expect(f".{suffix} has an ETag", tag.strip('W/"') != "", headers)
        status, _, nothing = wire.get(base, f"/{name}.{suffix}", headers={"If-None-Match": tag})
        yield expect(f".{suffix} If-None-Match", status == 304 and nothing == b"", (status, nothing[:40]))
        status, _, again = wire.get(base, f"/{name}.{suffix}", headers={"If-None-Match": '"other"'})
        yield expect(f".{suffix} other ETag", status == 200 and again == body, status)
        status, head, nothing = wire.get(base, f"/{name}.{suffix}", "HEAD")
        same = head.get("content-length", str(len(body))) == str(len(body)) and head.get("etag") == tag
        yield expect(f".{suffix} HEAD", status == 200 and nothing == b"" and same, (status, head))
    status, _, _ = wire.get(base, f"/{name}.dods", "POST", {"Content-Length": "0"})
    yield expect("POST is refused", status in (404, 405, 501), status)


def errors(base, name, variable, huge):
    v, rank = variable.name, variable.values.ndim
    size, rest = variable.values.shape[0], "[0]" * (rank - 1)
    bad = {
        "unknown dataset": ("/no_such_dataset.dods", (404,)), "unknown suffix": (f"/{name}.nothing", (400, 404)),
        "a path out of the store": ("/../../etc/passwd.dds", (400, 404)),
        "an encoded path out of the store": ("/..%2F..%2Fetc%2Fpasswd.dds", (400, 404)),
    }
    constraints = {
        "unknown variable": "no_such", "unknown field": f"{v}.no_such",
        "too many brackets": v + "[0]" * (rank + 1), "out of range": f"{v}[{size}]{rest}",
        "end out of range": f"{v}[0:{size}]{rest}", "far out of range": f"{v}[0:99999999999999999999999]{rest}",
        "zero stride": f"{v}[0:0:1]{rest}", "negative stride": f"{v}[1:-1:0]{rest}", "negative start": f"{v}[-1]{rest}",
        "end before start": f"{v}[1:0]{rest}", "no number": f"{v}[a]{rest}",
        "unclosed": f"{v}[0", "unopened": f"{v}0]", "four parts": f"{v}[0:1:1:1]{rest}", "lone comma": ",", "half an escape": f"{v}%5",
        "no UTF-8": "%ff%fe", "a NUL": f"{v}%00", "ten thousand brackets": v + "[0]" * 10_000,
        "an unknown function": "no_such_function(1,2)",
    }
    for what, text in constraints.items():
        statuses = (400, 404, 414, 431) if what in ("unknown variable", "unknown field", "ten thousand brackets") else (400, 404)
        bad[what] = (f"/{name}.dods?{text}", statuses)
    if huge:
        bad["10 TB"] = (f"/{huge}.dods?v", (400, 403, 413))
        bad["10 TB as text"] = (f"/{huge}.ascii?v", (400, 403, 413))
    for what, (path, statuses) in bad.items():
        began = time.monotonic()
        try:
            status, headers, body = wire.get(base, path)
        except OSError as error:
            yield what, f"no answer: {error}"
            continue
        yield expect(f"error: {what}", status in statuses, (status, body[:80]))
        if status not in (414, 431):
            yield expect(f"error object: {what}", ERROR.search(body), body[:120])
            described = headers.get("content-description", "").replace("-", "_")
            yield expect(f"error header: {what}", described == "dods_error", described)
        yield expect(f"error in time: {what}", time.monotonic() - began < 10, time.monotonic() - began)
    yield expect("alive after all of these", wire.get(base, f"/{name}.dds")[0] == 200)


def lenient(base, name, variable):
    """What DAP2 does not foresee may be refused, or mean all of an axis; DAP4 has it so."""
    shape = variable.values.shape
    for what, brackets, wanted in (("fewer brackets than axes", "[0]", (1, *shape[1:])), ("an empty bracket", "[]" + "[0]" * (len(shape) - 1), (shape[0], *(1 for _ in shape[1:])))):
        status, _, body = wire.get(base, f"/{name}.dods?{variable.name}{brackets}")
        found = wire.decode(body).get(variable.name) if status == 200 else None
        yield expect(what, status == 400 or found is not None and found.shape == wanted, (status, body[:80]))


def raw_socket(base, path, buffer=None):
    where = urlsplit(base)
    link = socket.socket()
    if buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    link.settimeout(60)
    link.connect((where.hostname, where.port))
    link.sendall(f"GET {where.path.rstrip('/')}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return link


def company(base, name, variable):
    """Clients that leave, that read slowly, that speak nonsense; others must not notice."""
    whole = f"/{name}.dods"
    plain = wire.get(base, whole)[2]
    for _ in range(20):
        link = raw_socket(base, whole)
        link.recv(1000)
        link.close()
    yield expect("alive after twenty clients that left", wire.get(base, whole)[2] == plain)
    link, parts = raw_socket(base, whole, 4096), []
    for _ in range(20):
        parts.append(link.recv(512))
        time.sleep(0.05)
    yield expect("others are served beside a slow reader", wire.get(base, whole)[2] == plain)
    while part := link.recv(65536):
        parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    body = unchunked(body) if b"chunked" in head.lower() else body
    yield expect("a slow reader gets everything", body == plain, (len(body), len(plain)))
    for nonsense in (b"\0" * 2000, b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 200_000):
        link = raw_socket(base, whole)
        try:
            link.sendall(nonsense)
        except OSError:
            pass
        link.close()
    yield expect("alive after nonsense", wire.get(base, whole)[2] == plain)


def unchunked(body):
    plain = b""
    while True:
        line, _, body = body.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            return plain
        plain, body = plain + body[:size], body[size + 2 :]


def together(base, truths):
    """`xarray.open_mfdataset` over several datasets: dask reads them in pieces, at the same time."""
    import xarray

    names = sorted(name for name in truths if name.startswith("layout_"))
    for engine in ("netcdf4", "pydap") if len(names) > 1 else ():
        urls = [f"{base}/{name}" for name in names]
        how = dict(combine="nested", concat_dim="copy", data_vars="all", coords="minimal", compat="override", join="outer")
        warnings.simplefilter("ignore")
        with xarray.open_mfdataset(urls, engine=engine, chunks={"time": 2, "lat": 3}, decode_cf=False, **how) as whole:
            found = whole["tas"].values
        want = np.stack([truths[name].variables["tas"].values for name in names])
        yield f"open_mfdataset of {len(names)} by {engine}", difference(found, want)


def many(base, truths, workers=16):
    """All datasets at once, several times over, as `open_mfdataset` does."""
    wrong, jobs = [], [name for name in truths for _ in range(3)]

    def work(names):
        for name in names:
            try:
                answer = wire.decode(wire.get(base, f"/{name}.dods")[2])
            except (OSError, ValueError) as error:
                wrong.append(f"{name}: {error}")
                continue
            for variable in truths[name].of(2):
                found = wire.named(answer, variable.name)
                what = "is missing" if found is None else difference(answer[found], variable.wanted(2))
                if what:
                    wrong.append(f"{name} {variable.name}: {what}")

    threads = [threading.Thread(target=work, args=(jobs[first::workers],)) for first in range(workers)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    yield expect(f"{len(jobs)} datasets read by {workers} at once", not wrong, wrong[:1])
