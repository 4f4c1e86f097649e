"""Imports by one reader: what a bundle costs on one node, and what it saves where the file system is slow.

SPDX-License-Identifier: MIT

The slow file system is a server that takes one call at a time (slowfs.c). What is expected of many ranks
follows from two lines that are measured: seconds a call, and calls a rank.
"""

import math
import subprocess
import sys
import tempfile
import time
from statistics import median

import bench

PROGRAM = "import numpy, scipy.linalg"
RANKS = (2, 4, 8)
MANY, A_NODE = 1024, 32     # ranks; of them on one node
BANDWIDTH = 1e9             # bytes a second between nodes
LATENCY = 50e-6             # seconds from a node to the next


def environment(cache):
    return bench.environment() | {"XDG_CACHE_HOME": cache}


def seconds_of(command, cache):
    """Failing ends all, for failing is fast."""
    begin = time.perf_counter()
    r = subprocess.run(command, env=environment(cache), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=600)
    if r.returncode:
        sys.exit(f"imports.py: status {r.returncode} of {' '.join(command)}\n{r.stderr}")
    return time.perf_counter() - begin


def job(build, ranks, way, program=PROGRAM):
    return [build.pympi, "-n", str(ranks), way, "-c", program]


def on_one_node(build, cache, rounds):
    """Both ways in turn, the record of a last run there."""
    rows = []
    for program in ("pass", "import numpy", PROGRAM):
        for ranks in RANKS:
            times = {"--bundle": [], "--no-bundle": []}
            for way in times:
                seconds_of(job(build, ranks, way, program), cache)
            for i in range(rounds):
                for way in sorted(times, reverse=i % 2):
                    times[way].append(seconds_of(job(build, ranks, way, program), cache))
            ours, plain = times.values()
            rows.append([f"{program}, {ranks} ranks", *bench.best_and_median(ours),
                         *bench.best_and_median(plain), f"{min(ours) / min(plain):.2f}",
                         f"{median(ours) / median(plain):.2f}"])
    bench.print_table(["one node, warm", "bundle: best", "median", "plain: best", "median",
                       "ratio of bests", "of medians"], rows)


def slowly(build, slow, microseconds, command, cache):
    """(seconds, calls that waited)"""
    with tempfile.NamedTemporaryFile("r", dir=cache) as counts:
        taken = seconds_of([slow, str(microseconds), counts.name, *command], cache)
        return taken, int(counts.read())


def line_through(points):
    """(a, b) of y = a + b x, by least squares."""
    n = len(points)
    sum_x, sum_y = (sum(p[i] for p in points) for i in (0, 1))
    b = ((n * sum(x * y for x, y in points) - sum_x * sum_y)
         / (n * sum(x * x for x, _ in points) - sum_x ** 2))
    return (sum_y - b * sum_x) / n, b


def on_slow_files(build, cache, microseconds, ranks):
    """{way: [(ranks, seconds, calls)]}, and those of MPI alone."""
    slow = build.compile("slowfs.c")
    found = {}
    for name, way, program in (("plain", "--no-bundle", PROGRAM), ("bundle", "--bundle", PROGRAM),
                               ("nothing", "--bundle", "pass")):
        seconds_of(job(build, 2, way, program), cache)
        found[name] = [(n, *slowly(build, slow, microseconds, job(build, n, way, program), cache))
                       for n in ranks]
    return found


def print_slow(found, microseconds):
    rows = [[name, str(n), str(calls), bench.seconds(taken)]
            for name, points in found.items() for n, taken, calls in points]
    bench.print_table([f"a server that takes {microseconds} us a call", "ranks", "calls", "seconds"], rows)
    (ranks, plain, _), (_, ours, _) = found["plain"][-1], found["bundle"][-1]
    print(f"at {ranks} ranks: bundle : plain {ours / plain:.2f}, {plain - ours:.1f} s less")
    rest = [points[-1][2] - found["nothing"][-1][2] for points in (found["bundle"], found["plain"])]
    print(f"calls without those of MPI's start and Python's: {rest[0]} : {rest[1]}\n")


def print_expected(found, size):
    """t = a + b (calls + calls a rank x ranks), and for the bundle the way of its bytes over the nodes."""
    rows = []
    _, b = line_through([(calls, taken) for points in found.values() for _, taken, calls in points])
    for name in ("plain", "bundle"):
        points = found[name]
        common, each = line_through([(n, calls) for n, _, calls in points])
        own = line_through([(n, calls) for n, _, calls in found["nothing"]])[1]
        a = median(taken - b * calls for _, taken, calls in points)
        spread = size / BANDWIDTH + LATENCY * math.log2(MANY / A_NODE) if name == "bundle" else 0
        for local in (False, True):
            calls = common + (max(each - own, 0) if local else each) * MANY
            rows.append([f"{name}{', MPI on a local disk' if local else ''}", f"{calls:.0f}",
                         bench.seconds(a + b * calls + spread)])
    bench.print_table([f"expected of {MANY} ranks on {MANY // A_NODE} nodes", "calls", "seconds"], rows)


def bundle_size(build, cache):
    """Bytes of the bundle, as --bundle-report says."""
    r = subprocess.run(job(build, 2, "--bundle-report"), env=environment(cache), text=True,
                       capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    return float(r.stderr.partition(" MB to the nodes")[0].rpartition(" ")[2]) * 1e6


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    sys.stdout.reconfigure(line_buffering=True)
    print(f"{build.title()}\n")
    with tempfile.TemporaryDirectory() as cache:
        on_one_node(build, cache, 1 if quick else 5)
        microseconds = 200 if quick else 2000
        found = on_slow_files(build, cache, microseconds, RANKS[:2] if quick else RANKS)
        print_slow(found, microseconds)
        print_expected(found, bundle_size(build, cache))


if __name__ == "__main__":
    main()
