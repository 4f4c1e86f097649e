"""What the measurements share: the build under test, a clean environment, tables and plots.

SPDX-License-Identifier: MIT
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import env as tests_env  # noqa: E402

HERE = Path(__file__).resolve().parent
LAUNCHER = ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
            "OMPI_MCA_rmaps_base_oversubscribe", "PRTE_MCA_rmaps_default_mapping_policy")


class Build:
    """A build folder: its programs, what it was built for, and a folder for what is measured."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        text = (self.folder / "gen" / "config.h").read_text()
        self.config = dict(re.findall(r'^#define (\w+) "(.*)"$', text, re.MULTILINE))
        self.pympi = str(self.folder / "bin" / "pympi")
        self.python = self.config["PYMPI_PYTHON"]
        self.mpirun = self.config["PYMPI_MPIRUN"]
        self.mpicc = str(Path(self.mpirun).with_name("mpicc"))
        self.results = self.folder / "bench"
        self.results.mkdir(exist_ok=True)

    def compile(self, source, *options):
        """Return a program, or with -shared a library, of a C file of this folder."""
        program = self.results / (Path(source).stem + (".so" if "-shared" in options else ""))
        words = ["-O2", "-Wall", "-Wextra", *options, "-o", program, HERE / source, "-ldl"]
        subprocess.run([self.mpicc, *words], check=True)
        return str(program)

    def title(self):
        """What was measured with what, in one line."""
        return (f"pympi {self.config['PYMPI_VERSION']}, Python "
                f"{self.config['PYMPI_PYTHON_VERSION']}, {self.config['PYMPI_MPI_NAME']}, "
                f"{os.cpu_count()} cores")


def environment():
    """The caller's environment without what would change what is measured."""
    clean = {k: v for k, v in os.environ.items() if not tests_env.unwanted(k)}
    return clean | {name: tests_env.LAUNCHER[name] for name in LAUNCHER}


def parse(description):
    """Return the build and whether to be quick."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", required=True, metavar="B", help="the build folder")
    parser.add_argument("--quick", action="store_true", help="few repetitions: does it run at all?")
    options = parser.parse_args()
    return Build(options.build), options.quick


def seconds(value):
    """A time for people: three digits and a unit."""
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-6:.2f} us"


def best_and_median(times):
    """Both of them for people."""
    return [seconds(min(times)), seconds(median(times))]


def verdict(best, middle, most):
    """What the ratios of bests and of medians say about a target, which may be None."""
    if most is None:
        return ""
    return {0: "MISSED", 1: "unclear", 2: "met"}[(best <= most) + (middle <= most)]


def print_table(head, rows):
    """Print rows of texts: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    for row in (head, *rows):
        cells = [text.ljust(width) if i == 0 else text.rjust(width)
                 for i, (text, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    print()


def new_figure(title, size):
    """Return a matplotlib figure without pyplot, or None where there is no matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        print("no plot: python3-matplotlib is not installed")
        return None
    figure = Figure(figsize=size, dpi=130, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10, color="#22252b")
    return figure


def tidy(axes):
    """Take away what is not data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#eceef1")
    axes.set_axisbelow(True)


def save(figure, path):
    """Write the figure and say so."""
    figure.savefig(path)
    print(f"wrote {path}\n")
