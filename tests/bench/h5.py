"""pympi.h5 against C HDF5, h5py's MPI mode and POSIX, in turn, in the same processes.

Two ranks with 256 MiB each, into the page cache: a block of rows, then a block of columns. Only transfers are
timed, between two barriers: no opening, no flushing. SPDX-License-Identifier: MIT
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import bench

RANKS = str(Path(__file__).with_name("h5_rank.py"))
# (case, against, our speed over theirs at least)
TARGETS = (("write, rows", "C HDF5", 0.97), ("read, rows", "C HDF5", 0.97), ("write, rows", "h5py, mpio", 1.0),
           ("read, rows", "h5py, mpio", 1.2), ("write, columns", "C HDF5", 1.2), ("read, columns", "C HDF5", 1.2))


def compiled(build):
    """The C side as a library, or None where HDF5's headers are not there."""
    where = subprocess.run(["pkg-config", "--cflags", "--libs", "hdf5-openmpi"], capture_output=True, text=True)
    if where.returncode:
        return None
    target = build.results / "h5.so"
    subprocess.run([build.mpicc, "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", target,
                    bench.HERE / "h5.c", *where.stdout.split()], check=True)
    return str(target)


def measure(build, library, quick):
    """{(way, case): seconds}, and the memory in MiB."""
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        words = [build.pympi, "-n", "2", RANKS, library, folder, "4" if quick else "256", "1" if quick else "5"]
        said = subprocess.run(words, env=bench.environment(), check=True, timeout=1800, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    for line in said.splitlines():
        way, case, value = line.split("\t")
        times.setdefault((way, case), []).append(float(value))
    return times


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    print(build.title())
    library = compiled(build) if "PYMPI_HDF5" in build.config else None
    if library is None:
        print("h5: HDF5 or pkg-config is not there\n")
        return
    times = measure(build, library, quick)
    memory = times.pop(("memory", "beside the data"))[0]
    size = 2 * (4 if quick else 256)
    rows = [[f"{case}: {way}", *bench.best_and_median(spent), f"{size / min(spent):.0f}"]
            for (way, case), spent in sorted(times.items(), key=lambda item: item[0][::-1])]
    bench.print_table(["two ranks", "best", "median", "MiB/s"], rows)
    bench.print_table(["speed of pympi.h5", "of", "best", "median", "at least", ""],
                      [ratio(times, *target) for target in TARGETS])
    print(f"at most {memory:.1f} MiB of memory a rank beside the data\n")


def ratio(times, case, way, least):
    """One row: how many times as fast ours is."""
    ours, theirs = times["pympi.h5", case], times[way, case]
    best, middle = min(theirs) / min(ours), bench.median(theirs) / bench.median(ours)
    return [case, way, f"{best:.2f}", f"{middle:.2f}", f"{least}", bench.verdict(1 / best, 1 / middle, 1 / least)]


if __name__ == "__main__":
    sys.exit(main())
