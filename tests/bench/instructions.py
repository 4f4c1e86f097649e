"""The instructions that a small message executes, counted by callgrind: noise does not touch them.

SPDX-License-Identifier: MIT

Counted are one rank's send and its receive of a message that has come; the median of many.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import bench

RANKS = Path(__file__).with_name("instructions_rank.py")
# Rank 0 under callgrind, the other as it is.
SHELL = """if [ "$OMPI_COMM_WORLD_RANK" = 0 ]; then
    exec valgrind -q --tool=callgrind --instr-atstart=no --collect-atstart=no \
        --callgrind-out-file="$COUNTS/out" "$@"
fi
exec "$@" """


def read(folder):
    """{name: counts in the order in which they were made} of callgrind's files."""
    counts = {}
    files = Path(folder).glob("out.*")
    for path in sorted(files, key=lambda path: int(path.suffix[1:])):
        text = path.read_text()
        name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.MULTILINE)
        total = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
        if name and total:
            counts.setdefault(name[1], []).append(int(total[1]))
    return counts


def run(build, library, shared, times):
    """{name: median of the later two thirds, without what the marks execute}."""
    program = {"pympi": build.pympi, "mpi4py": build.python}[library]
    with tempfile.TemporaryDirectory() as folder:
        words = [build.mpirun, "-n", "2", "--bind-to", "none", "sh", "-c", SHELL, "sh", program,
                 str(RANKS), library, shared, str(times)]
        subprocess.run(words, env=bench.environment() | {"COUNTS": folder}, check=True, timeout=600,
                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        counts = read(folder)
    middles = {name: median(all_[len(all_) // 3:]) for name, all_ in counts.items()}
    empty = middles.pop("empty/")
    return {name: n if name.startswith("C/") else n - empty for name, n in middles.items()}


def print_counts(results):
    """Send and receive of each message, and the pair over C's."""
    reference = results["pympi"]["C/send"] + results["pympi"]["C/recv"]
    rows = []
    for library, counts in results.items():
        for case in dict.fromkeys(name.split("/")[0] for name in counts):
            send, recv = counts[f"{case}/send"], counts[f"{case}/recv"]
            rows.append([f"{library}, {case}" if case != "C" else f"C, started by {library}",
                         f"{send:.0f}", f"{recv:.0f}", f"{send + recv:.0f}",
                         f"{(send + recv) / reference:.2f}"])
    bench.print_table(["instructions", "send", "recv", "pair", "pair : C"], rows)


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    if not shutil.which("valgrind") or not Path("/usr/include/valgrind/callgrind.h").exists():
        print("no counts of instructions: valgrind is not installed\n")
        return
    shared = build.compile("instructions.c", "-shared", "-fPIC")
    try:
        print_counts({library: run(build, library, shared, 12 if quick else 30)
                      for library in ("pympi", "mpi4py")})
    except subprocess.CalledProcessError as error:
        sys.exit(f"instructions.py: status {error.returncode} of: {' '.join(map(str, error.cmd))}\n"
                 f"{error.stderr}")


if __name__ == "__main__":
    main()
