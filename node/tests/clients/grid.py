#!/usr/bin/env python3
"""Starts a grid of real processes, serves the sample files on it, and reads them with all clients: grid.py --rook PROGRAM

Each file is published by one node and served by two others, one of them from a copy with other chunks and compression.
A server lies unless `--liar none`. The last node is the gateway. All that conform.py takes, it takes too, behind `--`.
Exit code 0 only if conform.py has found everything equal.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time

import files

HERE = pathlib.Path(__file__).parent
WAIT = 120  # seconds that a node may take for anything


class Node:
    """A running `rook run`, with what it has said of itself."""

    def __init__(self, rook, folder, number, *flags):
        self.rook, self.name, self.said = rook, f"node {number}", {}
        self.folder = folder / f"node{number}"
        self.folder.mkdir()
        # A user of its own: its keys, and its API's secret, are in these folders.
        self.environment = os.environ | {"XDG_RUNTIME_DIR": str(self.folder), "XDG_DATA_HOME": str(self.folder / "home")}
        self.log = (self.folder / "log").open("w")
        identity = self.folder / "identity.pem"
        self.command("mint", "--grid", "local", "--out", identity)
        run = [rook, "run", "--identity", identity, "--data", self.folder / "data", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1",
               "--api", "127.0.0.1:0", "--json", *flags]
        self.process = subprocess.Popen(run, stdout=subprocess.PIPE, stderr=self.log, text=True, env=self.environment)
        self.lines = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.log.write(line)
            self.log.flush()
            self.lines.put(json.loads(line))

    def wait_for(self, event):
        """What the node says when something has happened."""
        deadline = time.monotonic() + WAIT
        while event not in self.said:
            try:
                line = self.lines.get(timeout=0.5)
                self.said[line["event"]] = line
            except queue.Empty:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    text = pathlib.Path(self.log.name).read_text()[-2000:]
                    sys.exit(f"grid.py: {self.name} has not said {event!r}:\n{text}")
        return self.said[event]

    def command(self, *words):
        """A command of this node's user."""
        done = subprocess.run([self.rook, *words], capture_output=True, text=True, env=self.environment, timeout=WAIT)
        if done.returncode != 0:
            sys.exit(f"grid.py: {self.name}: rook {' '.join(map(str, words))}: {done.stderr}")
        return done.stdout

    def dataset(self, *words):
        return self.command("dataset", *words, "--api", self.wait_for("ready")["api"])

    def end(self):
        self.process.send_signal(signal.SIGTERM)

    def gone(self):
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def start(options, folder, nodes):
    """Fills `nodes`: honest servers, perhaps a liar, and the gateway."""
    nodes.append(Node(options.rook, folder, 0))
    peer = nodes[0].wait_for("ready")["listen"][0]
    for number in range(1, options.nodes):
        flags = ["--peer", peer]
        if number == options.nodes - 2 and options.liar != "none":
            flags += ["--faulty", options.liar]
        if number == options.nodes - 1:
            flags += ["--dap", "127.0.0.1:0", "--proofs", options.proofs]
        nodes.append(Node(options.rook, folder, number, *flags))
    for node in nodes[1:]:
        node.wait_for("joined")
    return nodes[-1].wait_for("services")["dap"]


def copy_otherwise(path, folder):
    """The same data in another layout; `path` itself if nccopy cannot say it."""
    copy = folder / path.name
    done = subprocess.run(["nccopy", "-4", "-d", "3", "-s", path, copy], capture_output=True)
    return copy if done.returncode == 0 else path


def serve(options, paths, folder, nodes):
    """Publishes every file on one node, and serves it on the next two and on the liar; nodes work at the same time."""
    servers, liar = nodes[:-2], nodes[-2]
    copies = folder / "copies"
    copies.mkdir()
    first, then = collections.defaultdict(list), collections.defaultdict(list)
    for place, (name, path) in enumerate(paths.items()):
        own, other, third = (servers[(place + step) % len(servers)] for step in range(3))
        # What claims to be huge has no hashes, for they would take reading it.
        roots = ["--without-roots"] if name == "huge" else []
        first[own].append(("add", name, path, "--server", "--days", "1", "--json", *roots))
        if name != "huge":
            then[other].append(("serve", name, paths.get(SAME.get(name)) or copy_otherwise(path, copies), "--json"))
            then[third].append(("serve", name, path, "--json"))
            then[liar].append(("serve", name, path, "--json"))
    for jobs in (first, then):
        with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
            work = [pool.submit(lambda node, all: [node.dataset(*one) for one in all], node, all) for node, all in jobs.items()]
            [one.result() for one in work]


# These are the same data in different layouts: each is served from another, too.
SAME = {"layout_a": "layout_b", "layout_b": "layout_c", "layout_c": "layout_a"}


def sample_files(options, folder):
    where = options.files
    if where is None:
        where = folder / "files"
        subprocess.run([sys.executable, HERE / "files.py", where, "--huge"], check=True)
    paths = {path.stem: path for path in sorted(where.resolve().glob("*.nc"))}
    return {name: path for name, path in paths.items() if not options.only or name in [*options.only, "huge"]}


def main():
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    own, conform = words[:end], words[end + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rook", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--files", type=pathlib.Path, help="a folder of files.py; made if it is not said")
    parser.add_argument("--only", type=lambda text: text.split(","), help="these datasets")
    parser.add_argument("--nodes", type=int, default=9)
    parser.add_argument("--liar", default="lie:1", help="how one of the servers lies, or none")
    parser.add_argument("--proofs", default="always", help="of the gateway: always, or disputes")
    parser.add_argument("--stay", action="store_true", help="do not read: serve until interrupted")
    options = parser.parse_args(own)
    options.rook = options.rook.resolve()
    began = time.monotonic()
    tell = lambda what: print(f"grid.py: {what} after {time.monotonic() - began:.0f} s", flush=True)
    # Whoever ends this ends its nodes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    nodes = []
    with tempfile.TemporaryDirectory(prefix="rook-grid-") as folder:
        folder = pathlib.Path(folder)
        try:
            base = start(options, folder, nodes)
            tell(f"{len(nodes)} nodes have joined")
            paths = sample_files(options, folder)
            serve(options, paths, folder, nodes)
            tell(f"{len(paths)} datasets are served, gateway {base}")
            if options.stay:
                signal.pause()
            listed = folder / "datasets.json"
            listed.write_text(json.dumps({name: str(path) for name, path in paths.items()}))
            command = [sys.executable, HERE / "conform.py", "--base", base, "--files", listed, *conform]
            status = subprocess.run(command + (["--huge", "huge"] if "huge" in paths else [])).returncode
            tell("all was read")
            known = json.loads(nodes[-1].command("trust", "--json", "--api", nodes[-1].wait_for("ready")["api"]))["servers"]
            shunned = [server["id"] for server in known if server["shunned"]]
            tell(f"the gateway shuns {len(shunned)} of {len(known)} servers")
            # With proofs the first lie is seen. If there was none, nothing was tested; if others are shunned, that is wrong.
            liar = [nodes[-2].wait_for("ready")["id"]] if options.liar.startswith("lie") else []
            if options.proofs == "always" and shunned != liar:
                sys.exit(f"grid.py: shunned are {shunned}, lying was {liar}")
        finally:
            [node.end() for node in nodes]
            [node.gone() for node in nodes]
    sys.exit(status)


if __name__ == "__main__":
    main()
