"""mpi4py's calls inside pympi, with and without interception, and inside python3, in alternation.

SPDX-License-Identifier: MIT

The same mpi4py on the same MPI, two ranks, each bound to a core. What pympi adds is its own waiting in
place of MPI's.
"""

import subprocess
from pathlib import Path
from statistics import median

import bench

TARGET = 1.05       # of a message; collectives are shown beside it
MESSAGES = ("Send, Recv", "send, recv")


def commands(build):
    ours = [build.pympi, "-n", "2"]
    return {
        "python3": [build.mpirun, "-n", "2", "--bind-to", "core", build.python],
        "pympi": ours,
        "--no-intercept": [*ours, "--no-intercept"],
    }


def run_once(command, blocks, times):
    """{call: seconds} of one job."""
    words = [*command, str(Path(__file__).with_name("latency_rank.py")), str(blocks), str(times)]
    said = subprocess.run(words, env=bench.environment(), check=True, timeout=120, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    return {name: float(text) for name, text in (line.split("\t") for line in said.splitlines())}


def measure(build, quick):
    """{command: {call: seconds of each job}}."""
    programs = commands(build)
    results = {name: {} for name in programs}
    for repetition in range(2 if quick else 16):
        for name, command in sorted(programs.items(), reverse=bool(repetition % 2)):
            for call, seconds in run_once(command, 3, 500 if quick else 3000).items():
                results[name].setdefault(call, []).append(seconds)
    return results


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    results = measure(build, quick)
    rows = []
    for call, theirs in results["python3"].items():
        ratios = {name: median(results[name][call]) / median(theirs) for name in results}
        verdict = "" if call not in MESSAGES else "met" if ratios["pympi"] <= TARGET else "MISSED"
        rows.append([call, *[text for name in results
                             for text in bench.best_and_median(results[name][call])],
                     f"{ratios['pympi']:.2f}", f"{ratios['--no-intercept']:.2f}", verdict])
    head = ["mpi4py's", *[word for name in results for word in (name, "median")],
            "pympi : python3", "--no-intercept", f"<= {TARGET}"]
    bench.print_table(head, rows)


if __name__ == "__main__":
    main()
