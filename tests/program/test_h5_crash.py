"""A rank is killed at any moment: what was flushed is there, every name is whole, checkpoints restore."""
# timeout: 3600
# SPDX-License-Identifier: MIT

import os
import random
import unittest

import support

KILLS = 200 if support.FULL else 6
HERE = os.path.dirname(os.path.abspath(__file__))


class Crash(support.Case):
    def setUp(self):
        super().setUp()
        found = support.run(["-c", "from pympi import h5"], timeout=60)
        if found.status:
            self.skipTest(found.err.strip().rpartition("\n")[2])

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
        self.assertNotEqual(died.status, 0)
        self.assertNotIn("Traceback", died.err)
        seen = support.run(["-n", str(readers), f"{HERE}/h5_reader.py", folder], timeout=60)
        self.assertIn("everything is there", seen.out, seen.err)


if __name__ == "__main__":
    unittest.main()
