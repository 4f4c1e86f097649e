"""pympi.io on two ranks against NumPy and SciPy alone, and POSIX calls on the same ranks.

128 MiB a rank in the page cache; what is saved is on the disk when the call ends. Tables of 256,000 rows of four
numbers. SPDX-License-Identifier: MIT
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import bench

RANKS = str(Path(__file__).with_name("io_rank.py"))
# (case, against, our speed over theirs at least)
TARGETS = (("save, rows", "POSIX", 0.8), ("save, rows", "NumPy, alone", None), ("load, rows", "POSIX", 0.9),
           ("load, rows", "NumPy, alone", 1.2), ("loadtxt", "NumPy, alone", 1.2), ("read_csv", "NumPy, alone", 1.2),
           ("netCDF, records", "SciPy, alone", 1.2))


def measure(build, mib, rounds):
    """{(way, case): seconds}."""
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        words = [build.pympi, "-n", "2", RANKS, folder, str(mib), str(rounds)]
        said = subprocess.run(words, env=bench.environment(), check=True, timeout=1800, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    for line in said.splitlines():
        way, case, value = line.split("\t")
        times.setdefault((way, case), []).append(float(value))
    return times


def ratio(times, case, way, least):
    """One row: how many times as fast ours is."""
    ours, theirs = times["pympi.io", case], times[way, case]
    best, middle = min(theirs) / min(ours), bench.median(theirs) / bench.median(ours)
    return [case, way, f"{best:.2f}", f"{middle:.2f}", "" if least is None else f"{least}",
            bench.verdict(1 / best, 1 / middle, least and 1 / least)]


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    print(build.title())
    times = measure(build, *(4, 1) if quick else (128, 5))
    rows = [[f"{case}: {way}", *bench.best_and_median(spent)]
            for (way, case), spent in sorted(times.items(), key=lambda item: item[0][::-1])]
    bench.print_table(["two ranks", "best", "median"], rows)
    bench.print_table(["speed of pympi.io", "of", "best", "median", "at least", ""],
                      [ratio(times, *target) for target in TARGETS if target[1::-1] in times])


if __name__ == "__main__":
    sys.exit(main())
