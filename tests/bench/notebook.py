"""The notebook's kernel: from a cell to its answer, and from its start to the first answer.

SPDX-License-Identifier: MIT

Measured as a notebook sees it, by Jupyter's own client: pympi's kernel on two ranks and plain ipykernel, and
ipyparallel's blocking execute on two engines where Debian's package is installed. Each in blocks, in turn.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import bench
import prompt

TRIP, START, COMPLETION = 8e-3, 2.0, 0.1    # seconds at most


class Kernel:
    """A kernel behind Jupyter's client."""

    def __init__(self, build):
        from jupyter_client.kernelspec import KernelSpecManager
        from jupyter_client.manager import KernelManager
        self.folder = tempfile.mkdtemp(prefix="pympi-bench-")
        spec = {"argv": self.argv(build), "display_name": self.name, "language": "python"}
        Path(self.folder, "one").mkdir()
        Path(self.folder, "one", "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        self.manager = KernelManager(kernel_name="one", connection_file=f"{self.folder}/connection.json",
                                     kernel_spec_manager=KernelSpecManager(kernel_dirs=[self.folder]))
        self.manager.start_kernel(env=bench.environment() | {"IPYTHONDIR": self.folder})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code):
        """The seconds until all of the cell's messages are there."""
        found = []
        begun = time.perf_counter()
        self.client.execute_interactive(code, timeout=60, output_hook=found.append)
        taken = time.perf_counter() - begun
        answers = [m["content"]["data"]["text/plain"] for m in found if m["msg_type"] == "execute_result"]
        if answers != [prompt.ANSWER]:
            sys.exit(f"notebook.py: {self.name} answered {answers}")
        return taken

    def complete(self, text):
        begun = time.perf_counter()
        self.client.complete(text, reply=True, timeout=60)
        return time.perf_counter() - begun

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        shutil.rmtree(self.folder, ignore_errors=True)


class Ours(Kernel):
    name = "pympi, 2 ranks"

    def argv(self, build):
        return [build.pympi, "--kernel", "{connection_file}", "-n", "2"]


class Plain(Kernel):
    name = "ipykernel"

    def argv(self, build):
        return [build.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]


def has_kernels(build):
    return subprocess.run([build.python, "-c", "import jupyter_client, ipykernel"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def print_cells(build, quick):
    kinds = [Ours, Plain] + ([prompt.Engines] if prompt.has_ipyparallel(build) else [])
    trips = prompt.round_trips(build, kinds, 2 if quick else 10)
    starts = prompt.start_times(build, kinds, 1 if quick else 3)
    most = {Ours.name: (bench.seconds(TRIP), bench.seconds(START))}
    rows = []
    for name, times in trips.items():
        trip, start = most.get(name, ("", ""))
        rows.append([name, *bench.best_and_median(times), trip, *bench.best_and_median(starts[name]), start])
    bench.print_table(["a cell: 1+1", "round trip", "median", "at most", "first answer", "median", "at most"],
                      rows)
    return median(trips[Ours.name]) <= TRIP


def print_completions(build):
    one = Ours(build)
    one.run(prompt.STATEMENT)
    rows = []
    for text in "mpi.all", "import nu", "%ti":
        first, later = one.complete(text), [one.complete(text) for _ in range(prompt.BLOCK)]
        rows.append([text, bench.seconds(first), *bench.best_and_median(later), bench.seconds(COMPLETION)])
    one.end()
    bench.print_table(["completion in a cell", "the first", "later", "median", "at most"], rows)


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    if not has_kernels(build):
        print("notebook.py: python3-ipykernel is not installed\n")
        return
    if not print_cells(build, quick):
        print("the round trip is over its target\n")
    print_completions(build)


if __name__ == "__main__":
    main()
