"""Helpers for testing the executable from outside: runs of it, ranks, the reference, a terminal.

Every run has its own session and timeout, and fails the test when a process of it is left.
"""
# SPDX-License-Identifier: MIT

import itertools
import os
import re
import shutil
import sys
import tempfile
import textwrap
import unittest

from harness import env as _env
from harness import job

BUILD = os.environ["PYMPI_BUILD"]
PYMPI = os.environ["PYMPI"]
FULL = "PYMPI_TEST_FULL" in os.environ
SANITIZED = "PYMPI_TEST_SANITIZED" in os.environ
SLOW = float(os.environ.get("PYMPI_TEST_SLOW", "1"))

# pympi may say once that ranks share cores; it is no part of what a program wrote.
NOTE = re.compile(r"^pympi: .*\bcores?\b.*\n", re.M)
# On a machine without a network Open MPI 5 complains of it, in one piece or in two.
NOISE = re.compile(r"^(\[[^\n]*btl_tcp_proc\.c|Unable to find reachable pairing)[^\n]*\n", re.M)

_numbers = itertools.count(1)


def config(name):
    """The value of a name in the build's config.h, without its quotes; None if not defined."""
    with open(os.path.join(BUILD, "gen", "config.h"), encoding="utf-8") as f:
        m = re.search(rf"^#define\s+{name}\s+(.*?)\s*$", f.read(), re.M)
    return m and m[1].strip('"')


python3 = config("PYMPI_PYTHON")    # the interpreter that the executable was built for


class _Place:
    """The part of harness.env.Place that job.execute needs, inside the place of the whole file."""
    folder = os.environ["PYMPI_TEST_FOLDER"]
    stacks = os.environ["PYMPI_TEST_STACKS"]


def environment(changes=None, launcher=True):
    """Our environment with changes ({name: value or None}) and a marker of its own.

    launcher=False takes away what the runner sets for Open MPI, but for running as root: pympi
    must find its way without.
    """
    env = dict(os.environ)
    env["PYMPI_TEST_ID"] = f"{os.environ['PYMPI_TEST_ID']}/{os.getpid()}.{next(_numbers)}"
    for name in ("PYMPI_TEST_VERDICTS", "PYMPI_TEST_ONLY", "PYMPI_TEST_FOLDER"):
        env.pop(name, None)
    dropped = [] if launcher else [k for k in _env.LAUNCHER if "AS_ROOT" not in k]
    for name, value in ({k: None for k in dropped} | (changes or {})).items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return env


def run(args, stdin=None, timeout=30, env=None, cwd=None, launcher=True, program=PYMPI):
    """Run the program with args; return a Result with status, out, err, seconds.

    A timeout or a process left behind is an AssertionError that shows where everything was.
    """
    if isinstance(stdin, str):
        stdin = stdin.encode()
    result = job.execute([program, *args], _Place, environment(env, launcher), cwd=cwd,
                         stdin=stdin, timeout=timeout * SLOW)
    if result.hung:
        forget_launcher()
    if result.hung or result.left:
        what = f"no end after {result.seconds:.0f} s" if result.hung else "\n".join(result.left)
        raise AssertionError(f"{' '.join([program, *args])}: {what}\n{result.stacks}"
                             f"--- stdout\n{result.out[-5000:]}\n--- stderr\n{result.err[-5000:]}")
    result.err = NOISE.sub("", result.err)
    return result


def forget_launcher():
    """Remove what a launcher that was killed could not, or one of whose ranks was."""
    shared = os.environ.get("OMPI_MCA_btl_vader_backing_directory")
    for folder, pattern in ((os.environ["TMPDIR"], r"(ompi|prte|pmix|openmpi).*"), (shared, r".*")):
        for name in os.listdir(folder) if folder else ():
            if re.fullmatch(pattern, name):
                path = os.path.join(folder, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def run_ranks(n, code, *options, args=(), **kw):
    """Run Python source on n ranks, from a file; Result.notes has what pympi said on cores."""
    path = script(code)
    try:
        result = run(["-n", str(n), *options, path, *args], **kw)
    finally:
        os.unlink(path)
    result.notes = NOTE.findall(result.err)
    result.err = NOTE.sub("", result.err)
    return result


def script(code, name=None, folder=None):
    """Write dedented source to a file in TMPDIR (or folder) and return its path."""
    name = name or f"s{next(_numbers)}.py"
    path = os.path.join(folder or os.environ["TMPDIR"], name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(textwrap.dedent(code))
    return path


class Case(unittest.TestCase):
    """The base of all classes: a folder of one's own per method, and asserts on results."""
    maxDiff = 4000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="f", dir=os.environ["TMPDIR"])
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, code):
        """A file in the method's folder; returns its path."""
        os.makedirs(os.path.dirname(os.path.join(self.folder, name)), exist_ok=True)
        return script(code, name, self.folder)

    def ok(self, result, out=None):
        """The run succeeded and said nothing on stderr; out: what it wrote."""
        self.assertEqual((result.status, result.err), (0, ""), result.out[-2000:])
        if out is not None:
            self.assertEqual(result.out, out)
        return result

    def refused(self, result, *words):
        """One line of stderr that has all the words, status 2, nothing on stdout."""
        self.assertEqual(result.status, 2, result.err)
        self.assertEqual(result.out, "")
        self.assertEqual(len(result.err.splitlines()), 1, result.err)
        for word in words:
            self.assertIn(word, result.err)
        return result

    def same(self, args, *, stdin=None, env=None, cwd=None, subst=True):
        """pympi and python3 do the same with args: stdout, stderr but for the name, status."""
        ours = run(args, stdin=stdin, env=env, cwd=cwd or self.folder)
        theirs = run(args, stdin=stdin, env=env, cwd=cwd or self.folder, program=python3)
        clean = neutral if subst else str
        self.assertEqual((ours.status, clean(ours.out), clean(ours.err)),
                         (theirs.status, clean(theirs.out), clean(theirs.err)), f"args {args}")
        return ours


def neutral(text):
    """The text with the program's names and addresses made equal."""
    names = {PYMPI, os.path.realpath(PYMPI), python3, os.path.realpath(python3)}
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "PROGRAM")
    text = re.sub(r"^(pympi|python3(\.\d+)?|PROGRAM): ", "PROGRAM: ", text, flags=re.M)
    return re.sub(r"0x[0-9a-f]+", "0x", text)


def has(module):
    """Whether the reference interpreter can import the module."""
    code = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec({module!r}))"
    return job.execute([python3, "-c", code], _Place, environment(), timeout=30).status == 0


def needs(module):
    """A decorator: skip unless the reference interpreter can import the module."""
    return unittest.skipUnless(has(module), f"{module} is not installed")


def need_h5(case):
    """Skip in a build without HDF5."""
    found = run(["-c", "from pympi import h5"], timeout=60)
    if "built without HDF5" in found.err:
        case.skipTest(found.err.strip().rpartition("\n")[2])
    case.ok(found)


if __name__ == "__main__":
    sys.exit("support.py holds no tests")
