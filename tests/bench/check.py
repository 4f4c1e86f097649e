"""What --check costs: verbs on small values with it and without it, in alternation.

SPDX-License-Identifier: MIT

A job has it for all its life or not at all. So jobs are compared, each by its times over those of C's
loop in the same processes.
"""

import re
import subprocess
import sys
from collections import defaultdict
from statistics import median

import bench
import messages
from cases import CHECKED

JOBS = {"plain": {}, "checked": {"PYMPI_CHECK": "1"}}


def there(build):
    """Whether this pympi has --check."""
    said = subprocess.run([build.pympi, "--help"], env=bench.environment(), check=True, text=True,
                          stdout=subprocess.PIPE, timeout=20).stdout
    return re.search(r"^--check\b(?!-)", said, re.MULTILINE)


def measure(build, quick):
    """Return {(job, way, case): seconds of all blocks of all jobs}."""
    times, shared = defaultdict(list), build.compile("pingpong.c", "-shared", "-fPIC")
    command = [build.pympi, str(messages.RANKS), "pympi", shared, "3" if quick else "20", "CHECKED"]
    for repetition in range(1 if quick else 6):
        for job in sorted(JOBS, reverse=bool(repetition % 2)):
            for way, case, seconds in messages.run(build, command, JOBS[job]):
                times[job, way, case].append(float(seconds))
    return times


def print_times(times):
    rows = []
    for name in (case.name for case in CHECKED):
        plain, checked = (times[job, "pympi", name] for job in ("plain", "checked"))
        over = [messages.ratios(times, job, "pympi", name) for job in ("plain", "checked")]
        rows.append([name, *bench.best_and_median(plain), *bench.best_and_median(checked),
                     f"{over[1][0] / over[0][0]:.2f}", f"{over[1][1] / over[0][1]:.2f}",
                     bench.seconds(median(checked) - median(plain))])
    head = ["what --check costs", "best", "median", "checked", "median", "ratio, best", "median",
            "more"]
    bench.print_table(head, rows)


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    if not there(build):
        print("what --check costs: this pympi has no --check\n")
        return
    try:
        print_times(measure(build, quick))
    except subprocess.CalledProcessError as error:
        sys.exit(f"check.py: status {error.returncode} of: {' '.join(map(str, error.cmd))}")


if __name__ == "__main__":
    main()
