"""The programs, how they are started, and what of their output must be the same."""
# SPDX-License-Identifier: MIT

import dataclasses
import glob
import os
import re

HERE = os.path.dirname(os.path.realpath(__file__))


def file(name):
    return os.path.join(HERE, name)


def _petsc():
    """Where Debian keeps the PETSc of real numbers; a link to it comes with the headers only."""
    found = sorted(glob.glob("/usr/lib/petscdir/petsc3*/*-linux-gnu*-real"))
    return {"PETSC_DIR": found[-1]} if found else {}


@dataclasses.dataclass
class Program:
    """A row of the table."""
    name: str
    module: str                         # there when the package is
    package: str
    words: list                         # behind `python3` or `pympi -n P`
    lines: str = ""                     # only lines of stdout that match are compared
    hidden: str = r"(?!)"               # and of those not what this matches
    ranks: tuple = (1, 2, 3, 4)
    failing: list = None                # the words that make rank 1 raise; None: the same
    raises: int = 1                     # the rank where the exception comes out
    status: int = 1                     # what the job then ends with
    waits: float = 0                    # seconds that it gives the others by itself
    head: str = "--- rank {} of 3\n.*Traceback .*Midway: rank 1 fails"
    leaves: tuple = ()                  # names that it may leave in TMPDIR
    env: dict = dataclasses.field(default_factory=dict)

    def variables(self):
        return self.env

    def compared(self, out):
        """What must be the same."""
        kept = [line for line in out.splitlines() if re.search(self.lines, line)]
        return "\n".join(re.sub(self.hidden, "…", line) for line in kept)


def _other(function, *words):
    """The words that let rank 1 raise where a module calls one of its functions."""
    return [file("fail.py"), function, *words]


# gpaw heads the lines of a traceback itself, waits ten seconds, and aborts with 42.
GPAW = {"status": 42, "waits": 10,
        "head": "rank={} L0+: Traceback .*Midway: rank 1 fails"}
RINGTEST = ["mpi4py.bench", "ringtest", "-n", "1000", "-l", "100"]
PROGRAMS = {p.name: p for p in (
    # The name and the place of the executable are no result; neither is the width of the table.
    Program("gpaw-info", "gpaw", "gpaw", ["-m", "gpaw", "info"], lines=r"^\|",
            hidden=r"(?<=\d) +/\S*(bin/|python)\S*|  +",
            failing=_other("info", "gpaw", "-T", "info"), **GPAW),
    Program("gpaw-h2", "gpaw", "gpaw", [file("gpaw_h2.py")], **GPAW),
    Program("ringtest", "mpi4py", "python3-mpi4py", ["-m", *RINGTEST], hidden=r"= \S+ seconds",
            failing=_other("ring", *RINGTEST)),
    # The pool hands a worker's exception to the master.
    Program("futures", "mpi4py.futures", "python3-mpi4py",
            ["-m", "mpi4py.futures", file("futures.py")], ranks=(2, 3, 4), raises=0),
    Program("fft", "mpi4py_fft", "python3-mpi4py-fft", [file("fft.py")]),
    # Debian 13's pytest takes "mpi" in the folder's name too, which is to say all tests: some of those
    # need the network, or a user who may not write everywhere.
    Program("h5py", "h5py._debian_h5py_mpi", "python3-h5py-mpi",
            ["-m", "pytest", "-p", "no:cacheprovider", "-p", "verdicts", "--with-mpi", "--pyargs",
             "h5py._debian_h5py_mpi.tests", "-q", "-k", "mpi and not ros3 and not permissions"],
            lines="^verdict ", leaves=("pytest-of-*", "tmp*")),
    Program("petsc", "petsc4py", "python3-petsc4py", [file("petsc.py")], env=_petsc()),
)}
