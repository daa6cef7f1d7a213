"""Raw requests, an XDR decoder that shares nothing with any client, and random constraints as a property test."""
import http.client
import re
from urllib.parse import quote, unquote, urlsplit

import numpy as np

from truth import difference, named, random_slab, slices

XDR = {"byte": ("u1", 1), "int16": (">i4", 4), "uint16": (">u4", 4), "int32": (">i4", 4), "uint32": (">u4", 4),
       "float32": (">f4", 4), "float64": (">f8", 8)}
NARROW = {"int16": "i2", "uint16": "u2"}


def get(base, path, method="GET", headers=None):
    """(status, headers, body); the path goes out exactly as it is."""
    where = urlsplit(base)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    try:
        connection.putrequest(method, where.path.rstrip("/") + path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def declared(dds):
    """[(type, key, sizes)] of all arrays and scalars in a DDS, in the order of their values.

    The array of a grid `v` has the key `v`; other members of grids and structures have `v.member`.
    """
    found, open_at = [], []
    pattern = r"(?:Grid|Structure|Sequence)\s*\{|\}\s*([^\s;]+)\s*;|(\w+)\s+([^\s\[\];{}]+)\s*((?:\[[^\]]*\])*)\s*;"
    for match in re.finditer(pattern, dds):
        outer, kind, name, sizes = match.groups()
        if kind:
            sizes = tuple(int(size.rpartition("=")[2]) for size in re.findall(r"\[([^\]]*)\]", sizes))
            found.append((kind.lower(), name, sizes))
        elif outer is None:
            open_at.append(len(found))
        elif open_at:
            first = open_at.pop()
            within = lambda name: name if name == outer else f"{outer}.{name}"
            found[first:] = [(kind, within(name), sizes) for kind, name, sizes in found[first:]]
    return found


def decode(body):
    """{key: values} of a .dods body, with the keys of `declared`."""
    head, mark, data = body.partition(b"\nData:\n")
    if not mark:
        raise ValueError(f"no `Data:` in {body[:80]!r}")
    answer, at = {}, 0

    def number():
        nonlocal at
        at += 4
        return int.from_bytes(data[at - 4 : at], "big")

    for kind, name, sizes in declared(head.decode()):
        count = int(np.prod(sizes, dtype=int))
        if sizes and number() != count:
            raise ValueError(f"{name}: the length before the values is not {count}")
        if kind in ("string", "url"):
            values = np.empty(count, object)
            for place in range(count):
                length = number()
                values[place] = data[at : at + length]
                at += length + -length % 4
        else:
            if sizes and number() != count:
                raise ValueError(f"{name}: the second length is not {count}")
            dtype, width = XDR[kind]
            size = count * width if sizes or kind != "byte" else 4
            part = data[at : at + size]
            if len(part) < size:
                raise ValueError(f"{name}: the answer ends after {len(part)} of {size} bytes")
            # A byte alone is the last of four by XDR; some clients read the first.
            values = np.frombuffer(part[3:4] if kind == "byte" and not sizes else part, dtype)
            values = values.astype(NARROW.get(kind, values.dtype.newbyteorder("=")))
            at += size + -size % 4
        answer[unquote(name)] = values.reshape(sizes)
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes after the last value")
    return answer


def bracket(rng, span):
    """[a], [a:b] or [a:s:b]."""
    start, stride, stop = span
    forms = [f"[{start}:{stride}:{stop}]"]
    if stride == 1 or start == stop:
        forms.append(f"[{start}:{stop}]")
    if start == stop:
        forms.append(f"[{start}]")
    return forms[rng.integers(len(forms))]


def encoded(name):
    """A name as DDS and requests write it."""
    return quote(name, safe="_-").replace(".", "%2E")


def encode(rng, constraint):
    """As it is, or percent-encoded once or twice, as different clients do it."""
    lower = lambda text: re.sub("%..", lambda code: code[0].lower(), text)
    once = constraint.replace("[", "%5B").replace("]", "%5D")
    forms = [constraint, once, lower(once), once.replace(":", "%3A"), quote(once, safe=":,.%_-").replace("%5B", "%255B").replace("%5D", "%255D")]
    return forms[rng.integers(len(forms))]


def constraint_for(rng, chosen):
    """(constraint, {name: slab}) over one to three variables."""
    text, slabs = [], {}
    for variable in chosen:
        slab = random_slab(rng, variable.wanted(2).shape)
        # Every other time `v.v`, which is the array of a grid; of other variables servers accept it too.
        name = encoded(variable.name)
        name = f"{name}.{name}" if rng.integers(4) == 0 and variable.dims and not variable.is_text else name
        text.append(name + "".join(bracket(rng, span) for span in slab))
        slabs[variable.name] = slices(slab)
    return ",".join(text), slabs


def constraints(base, truths, count, seed):
    """Yields (what was asked, None or the first difference) for `count` random constraints."""
    rng = np.random.default_rng(seed)
    names = sorted(name for name, truth in truths.items() if any(v.values.size for v in truth.of(2)))
    for _ in range(count):
        dataset = names[rng.integers(len(names))]
        truth = truths[dataset]
        candidates = [v for v in truth.of(2) if v.wanted(2).size]
        places = rng.choice(len(candidates), min(len(candidates), int(rng.integers(1, 4))), replace=False)
        constraint, slabs = constraint_for(rng, [candidates[place] for place in places])
        path = f"/{dataset}.dods?{encode(rng, constraint)}"
        yield path, one_constraint(base, path, truth, slabs)


def one_constraint(base, path, truth, slabs):
    try:
        status, _, body = get(base, path)
        if status != 200:
            return f"status {status}: {body[:120]!r}"
        answer = decode(body)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    for name, slab in slabs.items():
        found, want = named(answer, name), truth.named(2)[name].wanted(2)
        wrong = "is missing" if found is None else difference(answer[found], np.array(want[slab], want.dtype))
        if wrong:
            return f"{name}: {wrong}"
    return None
