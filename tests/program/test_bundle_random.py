"""Random packages, imported in a random order of its own by every rank: as under python3.

A case is one rank's run. Packages import one another in circles, fail, try what does not exist; ranks
import from threads, reload, forget and search. Half of the runs have the record of a run with other orders.
"""
# SPDX-License-Identifier: MIT
# timeout: 900

import os
import random
import unittest

import support

RANKS = 4
TREES, RUNS = (42, 3) if support.FULL else (4, 3)
SEED = int(os.environ.get("PYMPI_TEST_SEED", "1"))

PROGRAM = """
import builtins, importlib, importlib.util, random, sys, threading
builtins.ran = ran = []
seed, rank = int(sys.argv[1]), sys.argv[2]
if rank == "mpi":
    import mpi
    rank = mpi.rank
dice = random.Random(f"{seed} {rank}")
NAMES = %r

def load(name):
    module = importlib.import_module(name)
    return module.__name__, module.__file__, module.__spec__.origin, module.__cached__

def in_thread(name):
    got = []
    def run():
        got.append(outcome(load, name))
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return got

def reload(name):
    return importlib.reload(sys.modules[name]).__name__ if name in sys.modules else None

def forget(name):
    return sys.modules.pop(name, None) is not None

def search(name):
    spec = importlib.util.find_spec(name)
    return spec and (spec.origin, type(spec.loader).__name__)

def clear(name):
    importlib.invalidate_caches()

def part(name):
    package, _, tail = name.rpartition(".")
    space = {}
    exec(f"from {package} import {tail}" if package else f"import {tail} as alias", space)
    return sorted(k for k in space if k != "__builtins__")

def outcome(action, name):
    try:
        return action(name)
    except Exception as error:
        return type(error).__name__, str(error).replace(hex(id(error)), "")

lines = []
for _ in range(dice.randrange(5, 25)):
    action = dice.choice([load, load, load, in_thread, reload, forget, search, part, part, clear])
    name = dice.choice(NAMES)
    lines.append((action.__name__, name, outcome(action, name)))
lines.append(ran)
with open(f"{sys.argv[3]}.{rank}", "w") as f:
    f.write("\\n".join(map(repr, lines)))
"""


class Random(support.Case):
    def make_tree(self, dice):
        """Writes packages and modules below the method's folder; returns all names, and some that lead nowhere."""
        names = []
        for package in ("one", "two", "two.inner"):
            names += [package] + [f"{package}.m{i}" for i in range(dice.randrange(1, 4))]
        names += [f"top{i}" for i in range(3)] + ["space.part"]
        nowhere = ["gone", "one.gone", "two.inner.gone", "gone.m1"]
        for name in names:
            path = name.replace(".", "/")
            path += "/__init__.py" if name in ("one", "two", "two.inner") else ".py"
            self.write(path, self.module(dice, name, names + nowhere))
        for folder, _, files in os.walk(self.folder):
            for name in files:
                os.utime(os.path.join(folder, name), (1.5e9, 1.5e9))
        return names + nowhere + ["space"]

    def module(self, dice, name, names):
        lines = [f"ran.append({name!r})"]
        for _ in range(dice.randrange(4)):
            other = dice.choice(names)
            lines.append(dice.choice([
                f"import {other}",
                f"try:\n    import {other}\nexcept ImportError:\n    ran.append('no {other}')",
                f"try:\n    from {other} import value\nexcept Exception as e:\n    ran.append(repr(e))",
                f"def later():\n    import {other}",
                f"if len(ran) % 2:\n    import {other}"]))
        if dice.random() < 0.1:
            lines.append("raise ValueError('fails')")
        return "\n".join([*lines, f"value = {name!r}", ""])

    def texts(self, path, ranks):
        found = []
        for rank in ranks:
            with open(f"{path}.{rank}", encoding="utf-8") as f:
                found.append(f.read())
            os.unlink(f"{path}.{rank}")
        return found

    def test_as_under_python3(self):
        cache = {"XDG_CACHE_HOME": os.path.join(self.folder, "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
        for tree in range(TREES):
            folder, self.folder = self.folder, os.path.join(self.folder, f"tree{tree}")
            names = self.make_tree(random.Random(f"{SEED} {tree}"))
            program = self.write("program.py", PROGRAM % names)
            self.folder = folder
            for run in range(RUNS):
                self.compare(program, f"{SEED}{tree:03}{run}", cache)

    def compare(self, program, seed, env):
        out = os.path.join(self.folder, "out")
        r = support.run(["-n", str(RANKS), "--bundle", program, seed, "mpi", out], env=env,
                        timeout=60)
        self.assertEqual(r.status, 0, r.err)
        ours = self.texts(out, range(RANKS))
        for rank in range(RANKS):
            r = support.run([program, seed, str(rank), out], env=env, program=support.python3)
            self.assertEqual(r.status, 0, r.err)
            theirs, = self.texts(out, [rank])
            self.assertEqual(ours[rank], theirs, f"seed {seed}, rank {rank}")


if __name__ == "__main__":
    unittest.main()
