"""A rank is killed at any moment: what was flushed is there, every name is whole, checkpoints restore."""
# timeout: 3600
# SPDX-License-Identifier: MIT

import os
import random
import shutil
import subprocess
import unittest

import support

KILLS = 200 if support.FULL else 6
HERE = os.path.dirname(os.path.abspath(__file__))


class Crash(support.Case):
    def setUp(self):
        super().setUp()
        support.need_h5(self)

    def test_a_killed_rank(self):
        seed = random.Random(int(os.environ.get("PYMPI_TEST_SEED", "1")))
        for kill in range(KILLS):
            ranks, readers = seed.choice([1, 2, 3]), seed.choice([1, 2, 3])
            victim, moment = seed.randrange(ranks), seed.uniform(0, 2)
            with self.subTest(f"kill {kill}: rank {victim} of {ranks} after {moment:.3f} s, {readers} readers"):
                self.kill_once(str(kill), ranks, readers, victim, moment)

    def kill_once(self, kill, ranks, readers, victim, moment):
        folder = os.path.join(self.folder, kill)
        os.mkdir(folder)
        died = support.run(["-n", str(ranks), f"{HERE}/h5_writer.py", folder, str(victim), f"{moment:.4f}"], timeout=60)
        support.forget_launcher()
        self.assertNotEqual(died.status, 0)
        self.assertNotIn("Traceback", died.err)
        seen = support.run(["-n", str(readers), f"{HERE}/h5_reader.py", folder], timeout=60)
        self.assertIn("everything is there", seen.out, seen.err)


class Moments(support.Case):
    """Each write, rename and sync of a short program is the last thing that one of its ranks does."""
    RANKS = 2

    def setUp(self):
        super().setUp()
        if support.SANITIZED or not shutil.which("cc"):
            self.skipTest("there is no C compiler, or the sanitizer wants to be in front of libc itself")
        support.need_h5(self)
        self.library = os.path.join(self.folder, "moments.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", f"{HERE}/moments.c", "-o", self.library, "-ldl"], check=True)

    def write_files(self, name, rank=-1, number=0, half=0):
        """Run h5_steps.py: (result, its folder, its notes, its log: (rank, call, size, name) of each change)."""
        folder, notes, log = (os.path.join(self.folder, part + name) for part in ("f", "n", "l"))
        os.mkdir(folder)
        result = support.run(
            ["-n", str(self.RANKS), f"{HERE}/h5_steps.py", folder, notes], timeout=60,
            env={"LD_PRELOAD": self.library, "PYMPI_MOMENT": f"{folder}:{log}:{rank}:{number}:{half}"})
        if number:
            support.forget_launcher()
        with open(log, encoding="utf-8") as f:
            words = [line.split(" ", 3) for line in f.read().splitlines()]
        changes = [(int(r), call, int(size), os.path.relpath(path, folder)) for r, call, size, path in words]
        os.unlink(log)
        return result, folder, notes, changes

    def check(self, left):
        """Look at folders with 1, 2 and 3 ranks."""
        for readers in 1, 2, 3:
            part = left[readers - 1::3]
            if part:
                words = [word for pair in part for word in pair]
                seen = support.run(["-n", str(readers), f"{HERE}/h5_steps_seen.py", *words], timeout=60 + len(part))
                self.assertEqual(seen.out, "all were looked at\n", seen.err)

    def test_every_moment(self):
        result, folder, notes, changes = self.write_files("all")
        self.ok(result)
        left = [(folder, notes)]
        moments = []
        for rank in range(self.RANKS):
            own = [call for r, call, _, _ in changes if r == rank]
            moments += [(rank, n, half) for n, call in enumerate(own, 1) for half in ((0, 1) if call == "write" else (0,))]
        if not support.FULL:
            moments = random.Random(int(os.environ.get("PYMPI_TEST_SEED", "1"))).sample(moments, 20)
        for moment in moments:
            result, folder, notes, _ = self.write_files("-".join(map(str, moment)), *moment)
            self.assertNotEqual(result.status, 0, moment)
            self.assertNotIn("Traceback", result.err)
            left.append((folder, notes))
        print(f"{len(moments)} moments")
        self.check(left)

    def test_the_order_of_what_is_synced(self):
        """What refers to something comes to the disk behind it, whatever the power does."""
        _, _, _, changes = self.write_files("order")
        journals = {name for _, call, _, name in changes if call == "make" and name.endswith(".journal")}
        self.assertEqual(journals, {"x.h5.journal", "x.h5.partial.journal"})
        for name in journals:
            self.check_journal(changes, name)
        renamed = [(i, name) for i, (_, call, _, name) in enumerate(changes) if call == "rename"]
        self.assertEqual([name for _, name in renamed],
                         ["x.h5.partial", "x.h5.partial", "c.1.partial", "c.2.partial"])
        for at, name in renamed:
            mine = [(rank, call) for rank, call, _, n in changes[:at] if n == name]
            self.assertEqual(mine[-1], (0, "sync"), name)
            self.assertEqual(changes[at + 1][1::2], ("sync", "."), name)
            for rank in range(1, self.RANKS):   # elements, by who wrote them
                self.assertEqual([call for r, call in mine if r == rank][-1:], ["sync"], name)

    def check_journal(self, changes, journal):
        """Elements, journal, folder, file, and then the journal may go: each synced before the next is begun."""
        name = journal.removesuffix(".journal")
        made = [i for i, (_, call, _, n) in enumerate(changes) if (call, n) == ("make", journal)]
        for at in made:
            gone = next(i for i in range(at, len(changes)) if changes[i][1::2] == ("unlink", journal))
            calls = [f"{call} {n}" for rank, call, _, n in changes[at:gone] if rank == 0]
            shorter = [call for call, before in zip(calls, [None, *calls]) if call != before]
            self.assertEqual([c for c in shorter if not c.startswith("truncate")], [
                f"make {journal}", f"write {journal}", f"sync {journal}", "sync .", f"write {name}", f"sync {name}"])
            for rank in range(1, self.RANKS):
                self.assertEqual([c for r, c, _, n in changes[at:gone] if r == rank and n == name], [])
                before = [c for r, c, _, n in changes[:at] if r == rank and n == name]
                self.assertIn(before[-1:], ([], ["sync"]))


if __name__ == "__main__":
    unittest.main()
