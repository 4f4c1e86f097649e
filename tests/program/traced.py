"""A job under strace: which paths each rank asks the file system for once MPI runs."""
# SPDX-License-Identifier: MIT

import glob
import os
import re
import shutil
import unittest

import support

STRACE = shutil.which("strace")
CALLS = "%file,getdents64"

# What is not Python's or the program's, and is counted apart: the kernel's own, the settings and texts of
# the system, the node's memory, MPI's session folder,
# and the runner's for stacks.
APART = re.compile(r'"(/proc|/sys|/etc|/dev/|/usr/lib/locale|/usr/share/locale)'
                   r'|gconv-modules|</etc/|</dev/|/(ompi|prte|pmix)[.-]|/stacks["/]')
SELF = re.compile(r'^readlink\("[^"]*/pympi"')    # where Python believes its executable to be
NO_PATH = ("getcwd(", "---", "+++", "memfd_create(")


def needs_strace(test):
    return unittest.skipUnless(STRACE, "strace is not installed")(test)


def rank_calls(n, args, program=support.PYMPI, **kw):
    """(result, a list for each rank but 0: what it asked once it had the bundle) of `pympi -n N args`."""
    folder = os.path.join(os.environ["TMPDIR"], "trace")
    os.mkdir(folder)
    try:
        result = support.run(["-ff", "-y", "-s", "200", "-o", f"{folder}/t", "-e", f"trace={CALLS}",
                              program, "-n", str(n), *args], program=STRACE, timeout=120, **kw)
        result.err = support.NOTE.sub("", result.err)
        calls = [_behind_bundle(path) for path in glob.glob(f"{folder}/t.*")]
        return result, [c for c in calls if c is not None]
    finally:
        shutil.rmtree(folder)


def python_path(*more):
    """The folders where modules are: python3's, and the program's."""
    code = "import sys; print('\\n'.join(p for p in sys.path if p.startswith('/')))"
    return [*support.run(["-c", code], program=support.python3).out.split("\n")[:-1], *more]


def count_on(command, path, **kw):
    """How many calls of the whole job name these folders or what is in them."""
    folder = os.path.join(os.environ["TMPDIR"], "trace")
    names = re.compile("|".join(rf'"{re.escape(p)}["/]' for p in path))
    os.mkdir(folder)
    try:
        r = support.run(["-ff", "-s", "200", "-o", f"{folder}/t", "-e", f"trace={CALLS}", *command],
                        program=STRACE, timeout=120, **kw)
        if r.status:
            raise AssertionError(f"{' '.join(command)}: status {r.status}\n{r.err}")
        count = 0
        for file in glob.glob(f"{folder}/t.*"):
            with open(file, encoding="utf-8", errors="replace") as f:
                count += sum(bool(names.search(line)) for line in f if not line.startswith("symlink("))
        return count
    finally:
        shutil.rmtree(folder)


def _behind_bundle(path):
    """A rank opens the node's copy by the descriptor of the node's first rank, which is rank 0."""
    with open(path, encoding="utf-8", errors="replace") as f:
        lines = f.read().splitlines()
    starts = [i for i, line in enumerate(lines) if re.search(r'"/proc/\d+/fd/\d+"', line)]
    return [line for line in lines[starts[-1] + 1:] if counts(line)] if starts else None


def counts(line):
    return not (line.startswith(NO_PATH) or APART.search(line) or SELF.search(line)
                or "AT_EMPTY_PATH" in line)
