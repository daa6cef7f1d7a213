#!/usr/bin/env python3
"""Shows that the harness passes on right answers and fails on wrong ones: selftest.py --files DIR

Right answers come from reference.py, which shares truth.py (how a file is read, and the DAP2 casts) with the harness. Wrong
ones come through a proxy that changes one bit of a value near the end of each answer. Every client must notice.
"""
import argparse
import http.server
import pathlib
import re
import subprocess
import sys
import threading

import numpy as np

import clients
import limits
import truth
import wire

HERE = pathlib.Path(__file__).parent
FILES = "layout_a"  # it ends in floats, so that a bit near the end is a value's


def start(files):
    command = [sys.executable, HERE / "reference.py", "--files", files]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return server, server.stdout.readline().strip()


class Liar(http.server.BaseHTTPRequestHandler):
    protocol_version, base, asked = "HTTP/1.1", "", []

    def log_message(self, *what):
        pass

    def do_GET(self):
        self.asked.append(wire.unquote(wire.unquote(self.path)))
        passed = {k: v for k, v in self.headers.items() if k.lower() not in ("accept-encoding", "host", "connection")}
        status, headers, body = wire.get(self.base, self.path, headers=passed)
        suffix = self.path.partition("?")[0].rpartition(".")[2]
        if suffix == "dods" and status == 200:
            body = body[:-3] + bytes([body[-3] ^ 1]) + body[-2:]
        if suffix == "dap" and status == 200:
            body = body[:-8] + bytes([body[-8] ^ 1]) + body[-7:]
        self.send_response(status)
        for name in ("content-type", "content-description", "xdap", "xdods-server"):
            if name in headers:
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# They fetch variables whole: their hyperslabs, if there were any, would be their own work.
WHOLE_ONLY = ("netcdf4-dap4", "ncdump", "nccopy")


def strides(asked):
    """How many requests ask for a stride above 1."""
    return sum(any(int(s) > 1 for s in re.findall(r"\[\d+:(\d+):\d+\]", path)) for path in asked)


def conform(base, files, *more):
    return subprocess.run([sys.executable, HERE / "conform.py", "--base", base, "--files", files, *more]).returncode


def excuses():
    """Of a Float32 attribute, only what netCDF's DAP4 client makes of it is excused, not what is merely near."""
    said = lambda got, dap=4: truth.attribute_difference(np.float32(got), np.array([-1], "f4"), dap) or ""
    of_client = truth.garbled([-1])[0]
    is_excused = lambda what: what and limits.reason("netcdf4-dap4", "any", f"v:a: {what}") is not None
    near = [np.nextafter(of_client, np.float32(to)) for to in (0, -2)]
    if not is_excused(said(of_client)) or any(is_excused(said(got)) for got in [*near, 1, np.nan]) or said(-1):
        sys.exit("selftest: another Float32 is excused than the client's")
    if is_excused(said(of_client, dap=2)):
        sys.exit("selftest: it is excused where the client reads it rightly")


def main():
    excuses()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", required=True)
    options = parser.parse_args()
    server, base = start(options.files)
    try:
        print("== right answers", flush=True)
        if conform(base, options.files):
            sys.exit("selftest: the harness rejects right answers")
        Liar.base = base
        liar = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
        threading.Thread(target=liar.serve_forever, daemon=True).start()
        print("== one byte of each answer is wrong", flush=True)
        lied = f"http://127.0.0.1:{liar.server_port}"
        for client in clients.CLIENTS:
            Liar.asked.clear()
            if not conform(lied, options.files, "--clients", client, "--only", FILES, "--constraints", "0", "--no-raw"):
                sys.exit(f"selftest: {client} did not see the wrong byte")
            print(f"    {len(Liar.asked)} requests, {strides(Liar.asked)} with strides", flush=True)
            if client not in WHOLE_ONLY and not strides(Liar.asked):
                sys.exit(f"selftest: {client} asked the server for no strided hyperslab, so none was tested")
        if not conform(lied, options.files, "--clients", "", "--constraints", "50", "--no-raw"):
            sys.exit("selftest: the constraints did not see the wrong byte")
        print("selftest: right answers pass, wrong ones do not")
    finally:
        server.kill()


if __name__ == "__main__":
    main()
