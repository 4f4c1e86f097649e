"""Exact reductions against NumPy and math.fsum, in turn; and against what is done today.

SPDX-License-Identifier: MIT

Two ranks with 10**7 doubles each. The roofline is what the ranks read together when they do nothing else.
Then one sum of 10**7 elements of sizes from 1e-8 to 1e8 on 2, 3 and 4 ranks, each way in jobs of its own.
"""

import subprocess
from pathlib import Path
from statistics import median

import bench

RANKS = str(Path(__file__).with_name("reductions_rank.py"))
# (ours, theirs, our speed over theirs at least)
TARGETS = (("sum", "numpy.sum, allreduce", 0.5), ("sum", "math.fsum", 10.0),
           ("dot", "numpy.dot, allreduce", 0.3), ("sum of float32", "numpy.sum of float32", None),
           ("sum of complex", "numpy.sum of complex", None),
           ("minmax", "numpy.min, numpy.max", 1.5), ("var", "numpy.var", 3.0),
           ("histogram", "numpy.histogram", 4.0), ("median", "numpy.median", None))
WAYS = {"exact": "pympi reductions.sum", "gather": "gather to rank 0, numpy.sum",
        "partial": "numpy.sum, mpi4py Allreduce"}


def run(command):
    """The lines of what rank 0 says, each a list of words."""
    said = subprocess.run(command, env=bench.environment(), check=True, timeout=900, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    return [line.split("\t") for line in said.splitlines()]


def speed(build, quick):
    """Print the speed of each statement, beside the roofline, and the ratios that have targets."""
    library = build.compile("stream.c", "-shared", "-fPIC", "-O3", "-march=native")
    count = 200_000 if quick else 10_000_000
    times, sizes = {}, {}
    words = [build.pympi, "-n", "2", RANKS, "speed", library, str(count), "3" if quick else "11"]
    for name, size, seconds in run(words):
        times.setdefault(name, []).append(float(seconds))
        sizes[name] = int(size)
    roof = sizes["read"] * count / min(times["read"])
    rows = [[name, *bench.best_and_median(spent), f"{1e9 * min(spent) / count:.2f}",
             f"{sizes[name] * count / min(spent) / 1e9:.1f}",
             f"{100 * sizes[name] * count / min(spent) / roof:.0f} %"]
            for name, spent in times.items()]
    bench.print_table(["10**7 a rank" if not quick else "", "best", "median", "ns each", "GB/s a rank",
                       "of reading"], rows)
    bench.print_table(["speed", "of", "best", "median", "at least", ""],
                      [ratio(times, *target) for target in TARGETS])


def ratio(times, ours, theirs, least):
    """One row: how many times as fast ours is."""
    best, middle = min(times[theirs]) / min(times[ours]), median(times[theirs]) / median(times[ours])
    said = "" if least is None else bench.verdict(1 / best, 1 / middle, 1 / least)
    return [ours, theirs, f"{best:.2f}", f"{middle:.2f}", f"{least or ''}", said]


def today(build, quick):
    """Print time, memory and agreement of the ways in which such a sum is made."""
    total, rows = str(400_000 if quick else 10_000_000), []
    for way, name in WAYS.items():
        said = []
        for ranks in ("2", "3", "4"):
            start = [build.pympi, "-n", ranks] if way == "exact" else \
                [build.mpirun, "-n", ranks, build.python]
            said += run([*start, RANKS, "today", way, total])
        alike = len({value for _, _, value in said}) == 1
        rows.append([name, *[bench.seconds(float(seconds)) for seconds, _, _ in said],
                     f"{max(float(peak) for _, peak, _ in said):.0f} MiB", "yes" if alike else "no",
                     said[0][2]])
    bench.print_table(["one sum", "2 ranks", "3", "4", "rank 0's peak", "same bits", "sum on 2 ranks"],
                      rows)


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    print(build.title())
    speed(build, quick)
    today(build, quick)


if __name__ == "__main__":
    main()
