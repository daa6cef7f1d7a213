#!/usr/bin/env python3
"""Reads datasets through a DAP gateway with real clients and compares with reading the files directly.

conform.py --base http://ADDR --files DIR|MAP.json [--clients a,b] [--constraints 500] [--seed N] [--json]
Exit code 0 only if everything is equal, but for what `limits.py` says a client cannot do with any server.
"""
import argparse
import json
import multiprocessing
import pathlib
import queue
import sys
import time

import clients
import limits
import rawchecks
import truth
import wire

TIMEOUT = 300  # seconds that one client may take for one file


def datasets(where):
    """{dataset name: path}: all *.nc of a folder by their stems, or what a JSON file says."""
    if where.is_dir():
        return {path.stem: path for path in sorted(where.glob("*.nc"))}
    return {name: pathlib.Path(path) for name, path in json.loads(where.read_text()).items()}


def apart(client, url, known, seed):
    """One client and one file in a process of its own, so that a crash or a hang is a finding."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    process = context.Process(target=lambda: results.put(clients.read_all(client, url, known, seed)))
    process.start()
    deadline = time.monotonic() + TIMEOUT
    try:
        while True:
            try:
                return results.get(timeout=0.2)
            except queue.Empty:
                if not process.is_alive() and results.empty():
                    return 0, [f"the client died ({process.exitcode})"]
                if time.monotonic() > deadline:
                    return 0, [f"no end after {TIMEOUT} s"]
    finally:
        process.kill()
        process.join()


def row(client, name, count, wrong):
    excused = [what for what in wrong if limits.reason(client, name, what)]
    wrong = [what for what in wrong if what not in excused]
    return {"client": client, "dataset": name, "comparisons": count, "wrong": wrong, "limits": excused}


def rows(options, known):
    for client in options.clients:
        for name in known:
            yield row(client, name, *apart(client, f"{options.base}/{name}", known[name], options.seed))
    if options.constraints:
        found = list(wire.constraints(options.base, known, options.constraints, options.seed))
        yield row("constraints", f"seed {options.seed}", len(found), [f"{path}: {what}" for path, what in found if what])
    if options.raw:
        found = list(rawchecks.checks(options.base, known, options.huge))
        yield row("raw", "all", len(found), [f"{what}: {found}" for what, found in found if found])


def show(one, verbose):
    state = "ok" if not one["wrong"] else f"{len(one['wrong'])} WRONG"
    if not one["comparisons"] and one["limits"]:
        state = "not readable by this client"
    extra = f" ({len(one['limits'])} beyond the client)" if one["limits"] else ""
    print(f"{one['client']:15} {one['dataset']:20} {one['comparisons']:6}  {state}{extra}", flush=True)
    for what in one["wrong"][: 50 if verbose else 1]:
        print(f"    {what:.300}")
    for what in one["limits"] if verbose else []:
        print(f"    (excused) {what:.150}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--files", type=pathlib.Path, required=True)
    parser.add_argument("--clients", type=lambda text: text.split(",") if text else [], default=list(clients.CLIENTS))
    parser.add_argument("--only", type=lambda text: text.split(","), help="these datasets")
    parser.add_argument("--constraints", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--huge", help="the dataset whose variable `v` has 10 TB, if it is served")
    parser.add_argument("--no-raw", dest="raw", action="store_false", help="without the checks of HTTP and errors")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="all differences")
    options = parser.parse_args()
    options.base = options.base.rstrip("/")
    unknown = set(options.clients) - set(clients.CLIENTS)
    if unknown:
        parser.error(f"no such client: {', '.join(unknown)}; there are {', '.join(clients.CLIENTS)}")
    paths = {name: path for name, path in datasets(options.files).items() if name not in (options.huge, "huge")}
    known = {name: truth.load(path) for name, path in paths.items() if not options.only or name in options.only}
    if not known:
        parser.error(f"no datasets in {options.files}")
    found = []
    for one in rows(options, known):
        found.append(one)
        if not options.json:
            show(one, options.verbose)
    wrong = sum(len(one["wrong"]) for one in found)
    if options.json:
        print(json.dumps({"rows": found, "wrong": wrong}, indent=1))
    else:
        print(f"{sum(one['comparisons'] for one in found)} comparisons, {wrong} wrong (seed {options.seed})")
        for who, where, which, why in limits.unused() if options.verbose else []:
            print(f"an excuse was not needed: {who}: {where}: {which} ({why})")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
