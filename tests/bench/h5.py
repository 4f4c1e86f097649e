"""pympi.h5 against C HDF5, h5py's MPI mode and POSIX, in turn, in the same processes.

Two ranks with 256 MiB each, into the page cache: a block of rows, then a block of columns. Transfers are timed
between two barriers: into a new file, over what is there, into memory in use and into new memory; and
all from creating a file to its being on the disk. Then compressed chunks, and many small things.
SPDX-License-Identifier: MIT
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import bench

RANKS = str(Path(__file__).with_name("h5_rank.py"))
MORE = str(Path(__file__).with_name("h5_more_rank.py"))
C = "C, independent", "C, collective"
# (case, against the best of, our speed over theirs at least)
TARGETS = (("rows: write", C, 0.97), ("rows: write again", C, 0.97), ("rows: read", C, 0.97),
           ("rows: read, new memory", C, 0.97), ("rows: create, write, close, on disk", C, None),
           ("rows: write", ("h5py, mpio",), 1.0), ("rows: read, new memory", ("h5py, mpio",), 1.2),
           ("columns: write", C[:1], 1.2), ("columns: write again", C[:1], None), ("columns: read", C[:1], 1.2),
           ("columns: read, new memory", C[:1], 1.2), ("columns: create, write, close, on disk", C, None),
           ("columns: write", ("POSIX",), None), ("columns: read", ("POSIX",), None))


def compiled(build):
    """The C side as a library, with the HDF5 that the build found; None where it found none."""
    if "PYMPI_HDF5" not in build.config:
        return None
    made = dict(re.findall(r"^(HDF5_\w+) *:= (.*)$", (build.folder / "Makefile").read_text(), re.MULTILINE))
    target = build.results / "h5.so"
    subprocess.run([build.mpicc, "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", target,
                    *made["HDF5_CFLAGS"].split(), bench.HERE / "h5.c", *made["HDF5_LIBS"].split()], check=True)
    return str(target)


def said(build, ranks, *words):
    """What a job prints, a list a line."""
    out = subprocess.run([build.pympi, "-n", str(ranks), *words], env=bench.environment(), check=True, timeout=1800,
                         text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    return [line.split("\t") for line in out.splitlines()]


def transfers(build, library, folder, mib, rounds):
    """{(way, case): values}."""
    times = {}
    for way, case, value in said(build, 2, RANKS, library, folder, str(mib), str(rounds)):
        times.setdefault((way, case), []).append(float(value))
    return times


def others(build, folder, mib, rounds):
    """The same of chunks and small things; a way has the number of ranks in its name."""
    times = {}
    for _ in range(rounds):
        for way, ranks in ("pympi", 2), ("h5py", 2), ("pympi", 1), ("h5py", 1):
            for case, value in said(build, ranks, MORE, way, folder, str(mib), "1"):
                times.setdefault((f"{way}, {ranks}", case), []).append(float(value))
    return times


def print_transfers(times, mib):
    extras = {key: times.pop(key) for key in list(times) if key[0] in ("memory", "calls")}
    rows = [[f"{case}: {way}", *bench.best_and_median(spent), f"{2 * mib / min(spent):.0f}"]
            for (way, case), spent in sorted(times.items(), key=lambda item: item[0][::-1])]
    bench.print_table(["two ranks", "best", "median", "MiB/s"], rows)
    bench.print_table(["speed of pympi.h5", "of", "best", "median", "at least", ""],
                      [ratio(times, *target) for target in TARGETS])
    for (what, case), (value,) in extras.items():
        print(f"{case}: {value / 2**20:.1f} MiB beside the data at most" if what == "memory"
              else f"{case}: {value:.0f} calls of the system")
    print()


def ratio(times, case, ways, least):
    """One row: how many times as fast ours is as the best of some."""
    ours, theirs = times["pympi.h5", case], [times[way, case] for way in ways]
    best = min(map(min, theirs)) / min(ours)
    middle = min(map(bench.median, theirs)) / bench.median(ours)
    verdict = bench.verdict(1 / best, 1 / middle, least and 1 / least)
    return [case, ways[0] if len(ways) == 1 else "C, the better", f"{best:.2f}", f"{middle:.2f}",
            "" if least is None else f"{least}", verdict]


def print_others(times):
    ways = list(dict.fromkeys(way for way, _ in times))
    cases = list(dict.fromkeys(case for _, case in times))
    bench.print_table(["best times; ranks", *ways],
                      [[case, *(bench.seconds(min(times[way, case])) for way in ways)] for case in cases])


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    print(build.title())
    library = compiled(build)
    if library is None:
        print("h5: this pympi was built without HDF5\n")
        return
    mib, rounds = (4, 1) if quick else (256, 5)
    with tempfile.TemporaryDirectory() as folder:
        print_transfers(transfers(build, library, folder, mib, rounds), mib)
        print_others(others(build, folder, mib // 4, min(rounds, 3)))


if __name__ == "__main__":
    sys.exit(main())
