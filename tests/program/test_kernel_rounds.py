"""A kernel goes through many cells of all kinds and is what it was: it answers, and has not grown."""
# SPDX-License-Identifier: MIT
# timeout: 1200

import contextlib
import os
import random
import threading

import kernel
import support
from harness import leftover

ROUNDS = 200 if support.FULL else 20
RANKS = 3
SEGMENTS = "OMPI_MCA_btl_vader_backing_directory"   # where the runner leads them
GOOD = ["x = mpi.world.allgather(mpi.rank)", "mpi.world.allreduce({n})", "print('line', mpi.rank // 2)\n{n}",
        "%%ranks {r}\nprint('here')", "display('d', display_id=True).update('e')", "!echo {n}",
        "%time sum(range(1000))", "import asyncio\nawait asyncio.sleep(0.01)", "%%capture c\nprint(1)",
        "len?", "@{r} mpi.rank"]
FAILING = ["if mpi.rank == {r}: 1/0\nmpi.world.barrier()", "1/0", "x = = 1", "%nosuch",
           "if mpi.rank == {r}: raise KeyError({n})\nmpi.world.recv({r})",
           "if mpi.rank == {r}: mpi.world.send('lost', {n} % 3); 1/0\nmpi.world.allreduce(1)"]
STUCK = ["mpi.world.recv((mpi.rank + 1) % 3)", "mpi.world.barrier() if mpi.rank != {r} else None",
         "while True: pass", "import time; time.sleep(60)", "%%ranks {r}\nimport time; time.sleep(60)",
         "!sleep 60"]
LOUD = ["for i in range(50_000): print('a line of twenty', i)", "print('x' * 1_000_000)",
        "%%ranks {r}\nprint('y\\n' * 500_000)"]
PLOTS = ["import matplotlib.pyplot as plt\nplt.plot([{n}, 2, mpi.rank]);",
         "import matplotlib.pyplot as plt\nplt.plot([1, {n}]);"]
KINDS = [GOOD] * 5 + [FAILING] * 3 + [STUCK] + [LOUD] + [PLOTS]


@kernel.needs
class Rounds(support.Case):
    def setUp(self):
        super().setUp()
        self.random = random.Random(int(os.environ["PYMPI_TEST_SEED"]))
        self.kinds = KINDS if support.has("matplotlib") else KINDS[:-1]

    @contextlib.contextmanager
    def interrupts(self, k):
        """Again and again: the first may come before the cell runs."""
        over = threading.Event()

        def interrupt():
            while not over.wait(0.5):
                k.manager.interrupt_kernel()
        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def one(self, k, kind, code):
        """A cell, and that the kernel answers behind it."""
        code = code.format(r=self.random.randrange(RANKS), n=self.random.randrange(100))
        number = k.begin(code)
        with self.interrupts(k) if kind is STUCK else contextlib.nullcontext():
            outcome = k.end(number, timeout=60 * support.SLOW)
        self.assertEqual(outcome.status, "error" if kind in (FAILING, STUCK) else "ok", f"{code}\n{outcome.errors}")
        answer = k.run("mpi.world.allreduce(1), mpi.world.iprobe()")
        self.assertEqual(answer.results, ["(3, None)"], f"behind\n{code}")

    def state(self, k):
        """(bytes in memory, descriptors) of all processes, how many of these there are, and of MPI's segments."""
        pids = leftover.processes(k.env["PYMPI_TEST_ID"])
        memory = descriptors = 0
        for pid in pids:
            with open(f"/proc/{pid}/statm", encoding="ascii") as f:
                memory += int(f.read().split()[1]) * 4096
            descriptors += len(os.listdir(f"/proc/{pid}/fd"))
        return memory, descriptors, len(pids), len(os.listdir(os.environ[SEGMENTS]))

    def test_rounds(self):
        with kernel.Kernel(RANKS) as k:
            for kind in (GOOD, FAILING, STUCK, LOUD, self.kinds[-1]):   # until modules are imported and caches full
                for code in kind:
                    self.one(k, kind, code)
            before = self.state(k)
            for _ in range(ROUNDS):
                kind = self.random.choice(self.kinds)
                self.one(k, kind, self.random.choice(kind))
            after = self.state(k)
        self.assertEqual(after[1:], before[1:])
        if not support.SANITIZED:
            self.assertLess(after[0] - before[0], 64 << 20)
