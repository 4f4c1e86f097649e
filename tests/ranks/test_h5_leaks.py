"""pympi.h5 keeps no memory and no identifiers of HDF5's: their numbers do not grow with the number of calls."""
# timeout: 300
# ranks: 1 2
# SPDX-License-Identifier: MIT

import gc
import os
import sys
import warnings

import h5cases
import support

ROUNDS, CALLS, SLACK = 12, 25, 20     # a leak of one block a call is more than the slack


class Leaks(h5cases.Files):
    over = ("world",)

    def held(self):
        """What this process holds: blocks of Python's, descriptors, what HDF5 has open."""
        import _pympi_h5
        gc.collect()
        return sys.getallocatedblocks(), len(os.listdir("/proc/self/fd")), _pympi_h5.open_count()

    def steady(self, call):
        """See test_leaks.py: a leak is what grows in every round."""
        least = [[sys.maxsize] * 3] * self.comm.size
        for _ in range(ROUNDS):
            before = self.held()
            for _ in range(CALLS):
                call()
                self.comm.barrier()     # what is on its way counts as well
            grown = self.comm.allgather([b - a for a, b in zip(before, self.held())])
            least = [list(map(min, *pair)) for pair in zip(least, grown)]
            if all(blocks < SLACK and fds <= 0 and ids <= 0 for blocks, fds, ids in least):
                return
        self.fail(f"(blocks, descriptors, identifiers) more a rank after {CALLS} calls, and again: at least {least}")

    def test_files(self):
        with self.file(name="y") as f:
            f["a"] = 1

        def once():
            with self.file() as f:
                f["a"] = [1, 2, 3]
            with self.file("r+") as f:
                f["a"][...] = 4
                f.flush()
            with self.file("r") as f:
                f["a"][0], f["a"].read(comm=self.comm)
        self.steady(once)
        with self.file("r", "y") as f:
            self.assertEqual(f["a"][()], 1)

    def test_datasets(self):
        np, rank, n = self.np, self.comm.rank, self.comm.size
        with self.file() as f:
            sets = [f.create_dataset(f"d{i}", (4 * n, 5), "f4", **options) for i, options in enumerate((
                {}, {"chunks": (3, 2)}, {"compression": 1, "chunks": (3, 2)}, {"compact": True}, {"maxshape": (None, 5)}))]
            texts = f.create_dataset("t", (n,), self.h5.string_dtype())
            for d in sets:
                mask = np.zeros(d.shape, bool)
                mask[rank * 4, ::2] = True

                def once(d=d, mask=mask):
                    d[4 * rank:4 * rank + 4] = rank
                    d[rank, [1, 3]] = 2
                    d[mask] = np.arange(3)
                    d.write(np.zeros((4, 5)))
                    d[...], d[mask], d[::2, [0, 4]], d.read(1, comm=self.comm), d.shape, d.chunks, d.dtype, d.fillvalue
                with self.subTest(repr(d)):
                    self.steady(once)
            texts[rank:rank + 1] = "text"
            self.steady(lambda: texts[...])

    def test_structure(self):
        kinds = [array[0] for _, array in h5cases.values(self.np, self.h5)]
        with self.file() as f:
            f["soft"] = self.h5.SoftLink("/nowhere")

            def once():
                g = f.create_group("g")
                g.attrs["text"] = "some"
                g["d"] = 1
                for value in kinds:
                    g.attrs["kind"] = value
                    self.assertEqual(len(g.attrs["kind"]), 4)
                f.move("g", "h")
                f.copy("h", "k")
                list(f.items()), f.visit(lambda name: None), f["h/d"].ref, f[f["h/d"].ref], f.get("soft", getlink=True)
                del f["h"], f["k"]
            self.steady(once)

    def test_mistakes(self):
        with self.file() as f:
            d = f.create_dataset("d", (5,), "i4")
            for act in (lambda: f["q"], lambda: f.create_group("d"), lambda: f.create_dataset("e", (3,), "M8[s]"),
                        lambda: d.__setitem__(9, 1), lambda: d.__setitem__(0, "x"), lambda: f.attrs.update(a=object()),
                        lambda: f.attrs["q"], lambda: d[1, 2], lambda: self.h5.File("/nowhere/x.h5"),
                        lambda: self.h5.File(__file__)):
                def once(act=act):
                    try:
                        act()
                    except Exception:
                        return
                    self.fail("it was not refused")
                self.steady(once)

    def test_checkpoints(self):
        path, np = self.path("c"), self.np
        state = {"u": self.h5.Split(np.zeros(3 + self.comm.rank)), "step": 1}

        def once():
            self.h5.checkpoint(path, state, comm=self.comm)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                self.h5.restore(path, comm=self.comm)
        self.steady(once)


support.main()
