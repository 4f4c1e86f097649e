"""Start-up and shutdown of whole commands, in alternation: seconds, and system calls counted.

SPDX-License-Identifier: MIT

A command's time is that from before its spawn until it and its children were waited for.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from statistics import median

import bench

MPI4PY = "from mpi4py import MPI"


def comparisons(build):
    """Return (title, our command, the other command, the most the ratio may be, repetitions)."""
    ours, python, mpirun = build.pympi, build.python, build.mpirun
    other = [mpirun, "-n", "2", python, "-c", MPI4PY]
    return [
        ("pympi -c pass : python3 -c pass",
         [ours, "-c", "pass"], [python, "-c", "pass"], 1.3, 200),
        ("pympi -n 2 -c pass : mpirun -n 2 python3 -c 'from mpi4py import MPI'",
         [ours, "-n", "2", "-c", "pass"], other, 1.0, 30),
        ("mpirun -n 2 pympi -c pass : mpirun -n 2 python3 -c 'from mpi4py import MPI'",
         [mpirun, "-n", "2", ours, "-c", "pass"], other, 1.0, 30),
    ]


def run_once(command, environment):
    """Return the seconds that the command takes. Failing ends all: it would be fast."""
    silent = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
              (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    begin = time.perf_counter()
    child = os.posix_spawn(command[0], command, environment, file_actions=silent)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    end = time.perf_counter()
    if status:
        sys.exit(f"start.py: status {status} of: {' '.join(command)}")
    return end - begin


def alternate(first, second, times):
    """Return the times of both commands, run in turn, after one of each that does not count.

    In every other round the second is first, so that neither always follows the same one.
    """
    environment = bench.environment()
    pair, results = (first, second), ([], [])
    for command in pair:
        run_once(command, environment)
    for repetition in range(times):
        for which in (0, 1) if repetition % 2 else (1, 0):
            results[which].append(run_once(pair[which], environment))
    return results


def count_calls(command, kinds):
    """Return how many system calls the command and its children make, of these kinds."""
    with tempfile.NamedTemporaryFile("r") as out:
        subprocess.run(["strace", "-f", "-c", "-U", "calls,name", "-o", out.name,
                        "-e", f"trace={kinds}", *command],
                       env=bench.environment(), check=True, timeout=120,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        rows = [line.split() for line in out if line.strip()]
    return next(int(calls) for calls, *name in rows if name == ["total"])


def measure(build, quick):
    """Measure all comparisons; return (title, our times, the other's, target) of each."""
    results = []
    for title, ours, others, target, times in comparisons(build):
        results.append((title, *alternate(ours, others, 3 if quick else times), target))
    return results


def print_times(results):
    rows = []
    for title, ours, others, target in results:
        ratio = median(ours) / median(others)
        verdict = "met" if ratio <= target else "MISSED"
        rows.append([title, *bench.best_and_median(ours), *bench.best_and_median(others),
                     f"{ratio:.2f}", f"<= {target:.2f}", verdict])
    bench.print_table(["start and stop", "best", "median", "best", "median", "ratio of medians",
                       "target", ""], rows)


def print_counts(build):
    """Print the system calls of every command once."""
    if not shutil.which("strace"):
        print("no counts of system calls: strace is not installed\n")
        return
    commands = {}
    for title, ours, others, _, _ in comparisons(build):
        first, second = title.split(" : ")
        commands |= {first: ours, second: others}
    rows = [[name, str(count_calls(command, "all")), str(count_calls(command, "%file"))]
            for name, command in commands.items()]
    head = ["system calls, launcher and ranks together", "all", "with a file name"]
    bench.print_table(head, rows)


def plot(build, results):
    """Every time that was measured, as dots on a line each, with the medians."""
    figure = bench.new_figure(f"Start-up and shutdown — {build.title()}", (9, 5.4))
    if figure is None:
        return
    for axes, (title, ours, others, target) in zip(figure.subplots(len(results), 1), results):
        ratio = median(ours) / median(others)
        for row, times, colour in ((1, ours, "#b2182b"), (0, others, "#2166ac")):
            milliseconds = [1e3 * t for t in times]
            jitter = [row + .22 * ((7 * i % 11) / 5 - 1) for i in range(len(times))]
            axes.plot(milliseconds, jitter, "o", color=colour, alpha=.35, markersize=3.5,
                      markeredgewidth=0)
            axes.plot([median(milliseconds)] * 2, [row - .33, row + .33], color=colour, linewidth=2)
        axes.set(yticks=[1, 0], yticklabels=title.split(" : "), ylim=(-.6, 1.6))
        axes.set_xlim(0, 1.25e3 * max(median(ours), median(others)))
        axes.set_title(f"ratio of medians {ratio:.2f}, target ≤ {target:.2f}", fontsize=9,
                       loc="left", color="#22252b")
        axes.tick_params(labelsize=8, length=0)
        bench.tidy(axes)
    axes.set_xlabel("milliseconds", fontsize=8)
    bench.save(figure, build.results / "start.png")


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    print(f"{build.title()}\n")
    results = measure(build, quick)
    print_times(results)
    print_counts(build)
    plot(build, results)


if __name__ == "__main__":
    main()
