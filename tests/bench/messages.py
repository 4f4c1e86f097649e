"""One way of a message between two ranks: pympi's verbs and mpi4py's against Send and Recv in C.

SPDX-License-Identifier: MIT

The programs are run in turn, several times, by the same launcher with the same arguments.
"""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

import bench

HERE = Path(__file__).resolve().parent
# The C message that a case is held against: of the same size, or where pickles and packed values
# have sizes of their own, of about it.
SIZES = {"int": 8, "str": 64, "dict": 64, "array 8 B": 8, "array 1 MiB": 1 << 20,
         "array 8 MiB": 8 << 20}
WAYS = ("C", "C, threads", "pympi", "mpi4py Send", "mpi4py send")
COLOURS = dict(zip(WAYS, ("#22252b", "#8a8f98", "#b2182b", "#2166ac", "#92c5de")))


def compile_c(build):
    """Return the compiled pingpong."""
    program = build.results / "pingpong"
    subprocess.run([build.mpicc, "-O2", "-o", program, HERE / "pingpong.c"], check=True)
    return str(program)


def programs(build, blocks):
    """Return the commands that are run in turn."""
    pingpong, ranks = compile_c(build), str(HERE / "messages_rank.py")
    return [[pingpong, "0", "C", blocks],
            [build.pympi, ranks, "pympi", blocks],
            [pingpong, "3", "C, threads", blocks],
            [build.python, ranks, "mpi4py", blocks]]


def measure(build, quick):
    """Return {(way, case or size): seconds of all blocks of all runs}."""
    times = defaultdict(list)
    environment, commands = bench.environment(), programs(build, "2" if quick else "10")
    for _ in range(1 if quick else 5):
        for command in commands:
            run = subprocess.run([build.mpirun, "-n", "2", *command], env=environment, check=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                 timeout=300)
            for line in run.stdout.splitlines():
                way, case, taken = line.split("\t")
                times[way, case].append(float(taken))
    return times


def of_case(times, way, case):
    """The times of a way for a case; those in C are known by their size. Empty: there is none."""
    return times.get((way, str(SIZES[case]) if way.startswith("C") else case), [])


def print_times(times):
    for case, size in SIZES.items():
        reference = median(of_case(times, "C", case))
        rows = []
        for way in WAYS:
            taken = of_case(times, way, case)
            if taken:
                speed = f"{size / min(taken) / 1e9:.2f}" if size >= 1 << 20 else ""
                rows.append([way, *bench.best_and_median(taken),
                             f"{median(taken) / reference:.2f}", speed])
        head = [f"one way: {case}", "best", "median", "median : C", "GB/s at best"]
        bench.print_table(head, rows)


def plot(build, times):
    """The medians of every way, a panel for each case."""
    figure = bench.new_figure(f"One way of a message — {build.title()}", (10, 5))
    if figure is None:
        return
    for axes, case in zip(figure.subplots(2, 3).flat, SIZES):
        shown = [way for way in reversed(WAYS) if of_case(times, way, case)]
        middles = [median(of_case(times, way, case)) for way in shown]
        bars = axes.barh(shown, [1e6 * m for m in middles], color=[COLOURS[w] for w in shown])
        axes.bar_label(bars, [bench.seconds(m) for m in middles], padding=3, fontsize=7)
        axes.set_xlim(0, 1.3e6 * max(middles))
        axes.set_title(case, fontsize=9, loc="left", color="#22252b")
        axes.tick_params(labelsize=7, length=0)
        bench.tidy(axes)
    figure.supxlabel("microseconds, median", fontsize=8)
    bench.save(figure, build.results / "messages.png")


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    print(f"{build.title()}\n")
    try:
        times = measure(build, quick)
    except subprocess.CalledProcessError as error:
        sys.exit(f"messages.py: status {error.returncode} of: {' '.join(map(str, error.cmd))}")
    print_times(times)
    plot(build, times)


if __name__ == "__main__":
    main()
