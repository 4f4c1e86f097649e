"""How far a long transfer is, is shown on a terminal, and nowhere else."""
# SPDX-License-Identifier: MIT

import re

import support
from terminal import Terminal

CODE = """
    import numpy as np
    import mpi
    from pympi import h5
    from pympi._h5 import chunked, gauge, transfers

    gauge.LEAST, gauge.PATIENCE, gauge.OFTEN = 1 << 20, 0.0, 0.0
    transfers.SLAB, chunked._ROUND = 1 << 19, 1 << 19
    path = {path!r}
    with h5.File(path, "w") as f:
        f.save("plain", np.zeros((512, 1024)))
        f.save("packed", np.zeros((512, 1024)), compression=1, chunks=(64, 1024))
        f.create_dataset("columns", (1024, 512 * mpi.size), "f8").write(np.zeros((1024, 512)), split=1)
    mpi.world.barrier()
    mpi.print("done")
"""
LINE = r"\r\x1b\[Kx\.h5: \d+ % of 4 MiB written, \d+ [MG]iB/s, \d+ s to go"


class Gauge(support.Case):
    def setUp(self):
        super().setUp()
        support.need_h5(self)
        self.program = self.write("w.py", CODE.format(path=f"{self.folder}/x.h5"))

    def check(self, *options):
        with Terminal([*options, self.program]) as terminal:
            terminal.until("done")
            self.assertEqual(terminal.end(), 0)
        for number in re.findall(r"(\d+) % of", terminal.seen):
            self.assertLessEqual(int(number), 100)
        self.assertGreaterEqual(len(re.findall(LINE, terminal.seen)), 12, terminal.seen)
        self.assertRegex(terminal.seen, r"to go\r\x1b\[K[^x]*done")

    def test_on_a_terminal(self):
        self.check()

    def test_of_a_job(self):
        """Its ranks have none; it is the command's."""
        self.check("-n", "2")

    def test_nowhere_else(self):
        for options in (), ("-n", "2"):
            result = support.run([*options, self.program], timeout=60, env={"PYMPI_TERMINAL": "/dev/null/none"})
            self.assertNotIn("%", result.err + result.out)
            self.assertEqual(result.status, 0, result.err)


if __name__ == "__main__":
    import unittest
    unittest.main()
