"""Messages and reductions of two ranks: pympi and mpi4py against blocking calls in C.

SPDX-License-Identifier: MIT

Each library's jobs have C's loops in the same processes, block by block in turn, and are themselves
run in turn, several times. C alone, at the least and at the most thread level, stands beside. MPI is
started for many threads, as pympi and mpi4py do, but in what is called single.
"""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

import bench
from cases import CASES

RANKS = Path(__file__).with_name("messages_rank.py")
C_ALONE = {"C, single": "0", "C, multiple": "3"}
# What the plot shows: job, way, colour, marker.
SHOWN = {"mpi4py, lower-case": ("mpi4py", "mpi4py", "#92c5de", "s"),
         "mpi4py, upper-case": ("mpi4py", "mpi4py", "#2166ac", "s"),
         "mpi4py, pkl5": ("mpi4py", "pkl5", "#5aae61", "D"),
         "pympi": ("pympi", "pympi", "#b2182b", "o")}


def run(build, command, extra=None):
    """The lines of a job of two ranks, each bound to a core, as lists of words."""
    words = [build.mpirun, "-n", "2", "--bind-to", "core", *command]
    done = subprocess.run(words, env=bench.environment() | (extra or {}), check=True, timeout=600,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def run_c(build, times, way, pingpong, blocks):
    """Note the times of C alone under every case that they belong to."""
    for loop, size, seconds in run(build, [pingpong, C_ALONE[way], str(blocks)]):
        for case in CASES:
            if (case.loop, case.size) == (loop, int(size)):
                times[way, way, case.name].append(float(seconds))


def run_python(build, times, job, shared, blocks):
    """Note the times of a library, and those of C in the same processes."""
    command = {"pympi": [build.pympi], "pympi, single": [build.pympi, "--mpi-threads", "single"],
               "mpi4py": [build.python]}[job]
    library = job.split(",")[0]
    command += [str(RANKS), library, shared, str(blocks), "CASES"]
    for way, case, seconds in run(build, command):
        times[job, way, case].append(float(seconds))


def measure(build, quick):
    """Return {(job, way, case): seconds of all blocks of all jobs}."""
    times, blocks = defaultdict(list), 3 if quick else 20
    pingpong = build.compile("pingpong.c")
    shared = build.compile("pingpong.c", "-shared", "-fPIC")
    for repetition in range(1 if quick else 6):
        jobs = ["C, single", "pympi", "C, multiple", "mpi4py", "pympi, single"]
        for job in jobs[::-1] if repetition % 2 else jobs:
            if job in C_ALONE:
                run_c(build, times, job, pingpong, blocks)
            else:
                run_python(build, times, job, shared, blocks)
    return times


def ratios(times, job, way, case):
    """Of bests and of medians, against C in the same processes; None: it is not measured."""
    ours, other = times.get((job, way, case)), times[job, "C", case]
    return ours and (min(ours) / min(other), median(ours) / median(other))


def two(pair):
    """Ratios of bests and of medians for people."""
    return [f"{ratio:.2f}" for ratio in pair] if pair else ["", ""]


def alone(times, case):
    """The ratio of bests against C in a job of its own."""
    return f"{min(times['pympi', 'pympi', case]) / min(times['C, multiple', 'C, multiple', case]):.2f}"


def print_ratios(times):
    """The table of targets."""
    rows = []
    for case in CASES:
        ours = ratios(times, "pympi", "pympi", case.name)
        rows.append([case.name, *two(ours), f"{case.most:.2f}" if case.most else "",
                     bench.verdict(*ours, case.most),
                     alone(times, case.name),
                     *two(ratios(times, "pympi, single", "pympi", case.name)),
                     *two(ratios(times, "mpi4py", "mpi4py", case.name)),
                     "upper" if case.upper() else "lower",
                     two(ratios(times, "mpi4py", "pkl5", case.name))[1]])
    head = ["over C in the same processes", "pympi", "median", "at most", "", ": C alone",
            "single", "median", "mpi4py", "median", "case", "pkl5"]
    bench.print_table(head, rows)


def print_times(times):
    """Best and median of everything."""
    ways = [("C, single", "C, single"), ("C, multiple", "C, multiple"), ("pympi", "C"),
            ("pympi", "pympi"), ("pympi, single", "C"), ("pympi, single", "pympi"),
            ("mpi4py", "C"), ("mpi4py", "mpi4py")]
    rows = []
    for case in CASES:
        rows.append([case.name])
        for job, way in ways:
            rows[-1] += bench.best_and_median(times[job, way, case.name])
    names = ["C, single", "C, multiple", "C by pympi", "pympi", "C by single", "single",
             "C by mpi4py", "mpi4py"]
    bench.print_table(["one way: best, median", *[cell for n in names for cell in (n, "")]], rows)


def points(times, label):
    """Of a label of the plot: rows from below, each with the ratios of bests and of medians."""
    job, way, *_ = SHOWN[label]
    for row, case in enumerate(reversed(CASES)):
        ratio = ratios(times, job, way, case.name)
        if ratio and (way != "mpi4py" or case.upper() == ("upper" in label)):
            yield row, ratio


def plot(build, times):
    """How many times C's time each takes, a line for each case, with the target."""
    figure = bench.new_figure(f"Times over C's, two ranks — {build.title()}", (9, 5.6))
    if figure is None:
        return
    axes = figure.subplots()
    for label, (_, _, colour, marker) in SHOWN.items():
        for row, ratio in points(times, label):
            axes.plot(ratio, [row, row], marker + "-", color=colour, markersize=3, linewidth=1)
            axes.plot(ratio[1], row, marker, color=colour, markersize=7, markeredgewidth=0)
        axes.plot([], [], marker, color=colour, label=label, markeredgewidth=0)
    for row, case in enumerate(reversed(CASES)):
        if case.most:
            axes.plot(case.most, row, "|", color="#22252b", markersize=15, markeredgewidth=2)
    axes.plot([], [], "|", color="#22252b", label="at most", markersize=10, markeredgewidth=2)
    finish_plot(axes)
    bench.save(figure, build.results / "messages.png")


def finish_plot(axes):
    """Names, a scale in which twice is the same everywhere, and C itself as a line."""
    axes.axvline(1, color="#8a8f98", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.set_yticks(range(len(CASES)), [case.name for case in reversed(CASES)])
    axes.set_xlabel("time over C's at the same thread level: medians, and bests as small marks",
                    fontsize=8)
    axes.tick_params(labelsize=8, length=0)
    axes.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=5)
    bench.tidy(axes)


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    print(f"{build.title()}\n")
    try:
        times = measure(build, quick)
    except subprocess.CalledProcessError as error:
        sys.exit(f"messages.py: status {error.returncode} of: {' '.join(map(str, error.cmd))}")
    print_ratios(times)
    print_times(times)
    plot(build, times)


if __name__ == "__main__":
    main()
