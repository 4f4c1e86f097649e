"""Finding the tests: the files, what their headers say, which of them were asked for."""
# SPDX-License-Identifier: MIT

import dataclasses
import os
import re

HEADER = re.compile(r"#\s*(ranks|timeout|full|leaves|env):\s*(.*)")
DEFAULTS = {"ranks": {"ranks": "1 2 3 4", "timeout": "60"},
            "program": {"ranks": "", "timeout": "300"}}


@dataclasses.dataclass
class Test:
    """One thing to start: a file, at a number of ranks (0: not under pympi, a program test)."""
    kind: str           # "ranks" or "program"
    path: str
    ranks: int
    timeout: float
    full: bool          # runs under --full only
    leaves: list        # name patterns that it may leave in its TMPDIR
    env: dict = dataclasses.field(default_factory=dict)     # variables of its own
    words: str = ""     # only the methods whose name contains one of these, comma-separated

    @property
    def name(self):
        base = f"{self.kind}/{os.path.basename(self.path)}"
        return f"{base} @{self.ranks}" if self.ranks else base


def header(path):
    """The `# key: value` lines among the first 20 lines of the file, as a dict."""
    keys = {}
    with open(path, encoding="utf-8") as f:
        for line in f.readlines()[:20]:
            m = HEADER.match(line)
            if m:
                keys[m[1]] = m[2].strip()
    return keys


def read(kind, path):
    """The tests of one file: one for each number of ranks it wants."""
    keys = DEFAULTS[kind] | header(path)
    return [Test(kind, path, n, float(keys["timeout"]), keys.get("full") == "yes",
                 keys.get("leaves", "").split(),
                 dict(word.split("=", 1) for word in keys.get("env", "").split()))
            for n in ([int(n) for n in keys["ranks"].split()] or [0])]


def wanted(test, only):
    """Whether the names given by --only pick the test; sets its words."""
    fits = [name.partition(":") for name in only
            if name.partition(":")[0] in test.name.partition(" ")[0]]
    words = [word for _, _, word in fits]
    test.words = "" if "" in words else ",".join(words)
    return bool(fits) or not only


def tests(folder, only=(), np=None, full=False):
    """All tests in folder that were asked for, the long-running program files first."""
    found = []
    for kind in ("program", "ranks"):
        where = os.path.join(folder, kind)
        for file in sorted(os.listdir(where) if os.path.isdir(where) else []):
            if file.startswith("test_") and file.endswith(".py"):
                found += read(kind, os.path.join(where, file))
    return [t for t in found if wanted(t, only) and (full or not t.full)
            and (np is None or t.ranks in (0, np))]
