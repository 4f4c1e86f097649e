"""A notebook in a real browser: cells on three ranks, errors, an interrupt, figures, a restart.

With NOTEBOOK_PICTURES=FOLDER the pictures of lib/pympi/kernel/README.md are made anew there.
"""
# SPDX-License-Identifier: MIT
# timeout: 600
# full: yes

import os
import shutil
import tempfile

import browser
import kernel
import support

PICTURES = os.environ.get("NOTEBOOK_PICTURES")
LINES = """print('heat on', mpi.size, 'ranks')
print('rows of rank', mpi.rank, 100 // mpi.size + (mpi.rank < 100 % mpi.size))
mpi.rank // 2"""
WRONG = """def step(row):
    if row == 41:
        raise ValueError(f'row {row} melts')

step(40 + mpi.rank)
mpi.world.barrier()"""
FIGURE = """%matplotlib inline
import numpy as np, matplotlib.pyplot as plt
x = np.linspace(0, 6)
plt.figure(figsize=(5, 1.6))
plt.plot(x, np.sin(x)); plt.title('alike on all ranks');"""
FIGURES = "plt.figure(figsize=(5, 1)); plt.plot(x, np.sin(x * (1 + mpi.rank)));"


@kernel.needs
@browser.needs
class Browser(support.Case):
    """One page for all methods of the class; each begins with no cells."""

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="b", dir=os.environ["TMPDIR"])
        cls.addClassCleanup(shutil.rmtree, cls.place)
        cls.page = browser.Page(cls.place, 3)
        cls.addClassCleanup(cls.page.close)

    def setUp(self):
        super().setUp()
        self.page.clear()

    def picture(self, name):
        if PICTURES:
            self.page.picture(f"{PICTURES}/{name}.png")

    def test_cells(self):
        self.assertIn("pympi (3 ranks)", self.page.title())
        seen = self.page.run(LINES)
        for line in ("heat on 3 ranks", "[0] rows of rank 0 34", "[1] rows of rank 1 33", "[2] rows of rank 2 33",
                     "[0-1] 0", "[2] 1"):
            self.assertIn(line, seen["text"])
        self.assertEqual(seen["text"].count("heat on"), 1)
        seen = self.page.run(WRONG)
        self.assertIn("[0,2] PeerError: barrier: rank 1 failed in this statement", seen["text"])
        self.assertIn("[1] ValueError: row 41 melts", seen["text"])
        self.assertIn("3", self.page.run("%%ranks 0,2\nmpi.size")["text"])
        self.picture("cells")

    def test_interrupt(self):
        seen = self.page.run("if mpi.rank > 0:\n    mpi.world.recv(0)")
        self.assertIn("[1-2] ranks 1-2: recv from rank 0", seen["text"])
        index = self.page.type("while mpi.rank and not mpi.world.iprobe(0): # only you can see this deadlock\n    pass")
        self.page.until("where ranks are", lambda: "ranks 1-2 still in" in self.page.seen(index)["text"], index)
        self.picture("progress")
        self.page.act("interrupt-kernel")
        self.page.until("the interrupt", lambda: "KeyboardInterrupt" in self.page.seen(index)["text"], index)
        self.assertNotIn("still in", self.page.end(index)["text"])
        self.assertIn("3", self.page.run("mpi.world.allreduce(1)")["text"])

    @support.needs("matplotlib")
    def test_figures(self):
        self.assertEqual(self.page.run(FIGURE)["images"], 1)
        seen = self.page.run(FIGURES)
        self.assertEqual(seen["images"], 3)
        for label in "[0]", "[1]", "[2]":
            self.assertIn(label, seen["text"])
        self.picture("figures")

    def test_restart(self):
        self.page.run("kept = 1")
        self.page.act("confirm-restart-kernel")
        self.page.click(".modal.in .btn-danger")
        self.page.until("the end of the old kernel", lambda: not self.page.script(browser.CONNECTED))
        self.page.until_connected()
        seen = self.page.run("'kept' in globals(), mpi.world.allreduce(1)")
        self.assertIn("(False, 3)", seen["text"])
