"""pympi.h5: what is written is what h5py reads, and the other way round."""
# timeout: 300
# SPDX-License-Identifier: MIT

import itertools
import os
import random
import shutil
import subprocess
import unittest.mock

import h5cases
import mpi
import support

from pympi import _rounds

# Each pair of layouts and splits with each type under --full; else every third.
LAYOUTS = {
    "contiguous": {}, "chunked": {"chunks": (2, 3)}, "gzip": {"compression": "gzip", "chunks": (4, 2)},
    "lzf": {"compression": "lzf", "shuffle": True, "chunks": (3, 2)},
    "all filters": {"compression": 6, "shuffle": True, "fletcher32": True, "chunks": (5, 4)},
    "resizable": {"maxshape": (None, 20)}, "compact": {"compact": True}}


class RoundTrip(h5cases.Files):
    def setUp(self):
        super().setUp()
        import _pympi_h5
        if not _pympi_h5.filter_known(32000):   # built without LibLZF
            LAYOUTS.pop("lzf", None)

    def local(self, whole, axis):
        return self.np.array_split(whole, self.comm.size, axis)[self.comm.rank]

    def test_every_type_and_layout_and_split(self):
        """A matrix: written by ranks, read by h5py and by ranks of another split."""
        np, expected = self.np, {}
        with self.file() as f:
            for i, (kind, whole) in enumerate(h5cases.values(np, self.h5)):
                for j, (layout, options) in enumerate(LAYOUTS.items()):
                    for axis in 0, 1:
                        if (i + j + axis) % 3 and not support.FULL:
                            continue
                        name = f"{kind}/{layout}/{axis}"
                        f.save(name, self.local(whole, axis), axis, **options)
                        expected[name] = whole

        def look(f):
            wrong = []
            for name, whole in expected.items():
                got = f[name][...]
                if got.dtype != whole.dtype or got.tobytes() != np.ascontiguousarray(whole).tobytes():
                    wrong.append((name, str(got.dtype)))
            return wrong
        self.assertEqual(self.by_h5py(look), [])
        with self.file("r") as f:
            for name, whole in expected.items():
                axis = 1 - int(name[-1])
                got = f[name].read(axis, comm=self.comm)
                self.assertEqual(got.dtype, whole.dtype, name)
                self.assertEqual(got.tobytes(), self.local(whole, axis).tobytes(), name)

    def test_what_h5py_wrote(self):
        np = self.np
        if self.comm.rank == 0:
            h5py = h5cases.h5py_or_skip()
            with h5py.File(self.path(), "w") as f:
                for kind, whole in h5cases.values(np, h5py):
                    for layout, options in LAYOUTS.items():
                        if layout != "compact":
                            f.create_dataset(f"{kind}/{layout}", data=whole, **options)
                    f.attrs[kind] = whole
                f["texts"] = ["a", "", "ä" * 50]
                f.create_dataset("vlen", (3,), h5py.vlen_dtype("f4"))[:] = [np.arange(n, dtype="f4") for n in (2, 0, 5)]
                f["ref"] = f["i4"].ref
                f["empty"] = h5py.Empty("f4")
        self.comm.barrier()
        with self.file("r") as f:
            for kind, whole in h5cases.values(np, self.h5):
                for layout in LAYOUTS:
                    if layout != "compact":
                        got = f[f"{kind}/{layout}"][...]
                        self.assertEqual((got.dtype, got.tobytes()), (whole.dtype, whole.tobytes()), (kind, layout))
                self.assertEqual(f.attrs[kind].tobytes(), whole.tobytes())
            self.assertEqual(list(f["texts"].asstr()[...]), ["a", "", "ä" * 50])
            self.assertEqual([list(v) for v in f["vlen"][...]], [[0, 1], [], [0, 1, 2, 3, 4]])
            self.assertEqual(f[f["ref"][()]], f["i4"])
            self.assertEqual(f["empty"][()], self.h5.Empty("f4"))

    def test_changing_what_h5py_wrote(self):
        """Contiguous and chunked datasets that have no place in the file yet, attributes, new members."""
        np, n = self.np, self.comm.size
        if self.comm.rank == 0:
            with h5cases.h5py_or_skip().File(self.path(), "w") as f:
                f.create_dataset("late", (4 * n, 3), "f4", fillvalue=2)
                f.create_dataset("chunks", (40, 6), "i8", chunks=(7, 4), fillvalue=-1)
                f.create_dataset("packed", (40, 6), "i8", chunks=(7, 4), compression="lzf")
                f["packed"][...] = 5
                f.attrs["old"] = 1
        self.comm.barrier()
        with self.file("r+") as f:
            f["late"][4 * self.comm.rank:4 * self.comm.rank + 3] = self.comm.rank
            f["chunks"][self.comm.rank::n, 2] = np.arange(40)[self.comm.rank::n]
            f.attrs["old"] = "new"
            f["more"] = np.arange(10)
            del f["packed"]

        def look(f):
            return f["late"][:, 0].tolist(), f["chunks"][...].tolist(), f.attrs["old"], f["more"][...].tolist(), list(f)
        late, chunks, old, more, names = self.by_h5py(look)
        self.assertEqual(late, [v for r in range(n) for v in (r, r, r, 2.0)])
        self.assertEqual([row[2] for row in chunks], list(range(40)))
        self.assertEqual({row[0] for row in chunks}, {-1})
        self.assertEqual((old, more, names), ("new", list(range(10)), ["chunks", "late", "more"]))

    def test_h5dump_reads_it(self):
        with self.file() as f:
            f.save("a/b", self.np.full(2, self.comm.rank, "i4"), compression="gzip")
            f["t"] = ["x", "yy"]
        if self.comm.rank == 0 and shutil.which("h5dump"):
            env = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMIX_"))}
            done = subprocess.run(["h5dump", self.path()], capture_output=True, text=True, env=env)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn('"yy"', done.stdout)

    def test_random_slabs(self):
        """Slabs of unequal sizes, some empty, with steps, lists and masks, in every layout."""
        np = self.np
        seed = random.Random(support.SEED)
        shape = (23, 17)
        for layout, options in LAYOUTS.items():
            expected = np.zeros(shape, "i4")
            with self.file() as f:
                d = f.create_dataset("d", shape, "i4", **options)
                for step in range(6):
                    rows = sorted(seed.sample(range(24), self.comm.size + 1))
                    parts = []
                    for r in range(self.comm.size):
                        own = slice(rows[r], rows[r + 1], seed.choice([1, 1, 2, 3]))
                        kind = seed.randrange(4)
                        columns = [slice(None), slice(seed.randrange(17), seed.randrange(17)),
                                   sorted(seed.sample(range(17), seed.randrange(6))), seed.randrange(17)][kind]
                        parts.append((own, columns))
                    for r, part in enumerate(parts):
                        expected[part] = 100 * step + r
                    d[parts[self.comm.rank]] = 100 * step + self.comm.rank
                    self.assertTrue((d[...] == expected).all(), (layout, step))
            self.assertEqual(self.by_h5py(lambda f: f["d"][...].tolist()), expected.tolist(), layout)

    def test_points(self):
        np = self.np
        for options in LAYOUTS.values():
            mask = np.zeros((12, 9), bool)
            mask[self.comm.rank::self.comm.size, ::2] = True
            with self.file() as f:
                d = f.create_dataset("d", mask.shape, "i2", **options)
                d[mask] = self.comm.rank + 1
                got = d[...]
                self.assertEqual(d[mask].tolist(), [self.comm.rank + 1] * int(mask.sum()))
            for row in range(12):
                self.assertEqual(set(got[row, ::2]), {row % self.comm.size + 1})
                self.assertEqual(set(got[row, 1::2]), {0})

    def test_two_compressed_files_at_once(self):
        whole = self.np.arange(60).reshape(6, 10)
        with self.file() as f, self.file("w", "y") as g:
            f.create_dataset("d", data=whole, compression="gzip")
            g.create_dataset("d", data=whole + 1, compression="gzip")
            f["d"][2] = 7
            self.assertEqual((f["d"][2:4, 0].tolist(), g["d"][2:4, 0].tolist()), ([7, 30], [21, 31]))

    def test_texts_and_sequences_from_ranks(self):
        with self.file() as f:
            d = f.create_dataset("d", (self.comm.size, 2), self.h5.string_dtype())
            v = f.create_dataset("v", (self.comm.size,), self.h5.vlen_dtype("i8"))
            for turn in range(3):
                d[self.comm.rank] = ["ä" * turn, f"rank {self.comm.rank}"]
                v[self.comm.rank] = range(self.comm.rank + turn)
            f.attrs["all"] = ["one", "of", "all"]
        expected = [["ä" * 2, f"rank {r}"] for r in range(self.comm.size)]
        with self.file("r") as f:
            self.assertEqual(f["d"].asstr()[...].tolist(), expected)
            self.assertEqual([len(x) for x in f["v"][...]], [r + 2 for r in range(self.comm.size)])
        self.assertEqual(self.by_h5py(lambda f: f["d"].asstr()[...].tolist()), expected)

    def test_compact_elements_of_other_types(self):
        """What is written by all alike has the dataset's type, whatever a rank's part has."""
        np, rank = self.np, self.comm.rank
        with self.file() as f:
            d = f.create_dataset("d", (self.comm.size, 2), "f8", compact=True)
            d[rank] = np.full(2, rank, ("i2", "f4", "u8", ">i4")[rank % 4])
            s = f.create_dataset("s", (self.comm.size,), "S5", compact=True)
            s[rank] = b"x" * rank
        self.assertEqual(self.by_h5py(lambda f: (f["d"][:, 1].tolist(), f["s"][...].tolist())),
                         (list(range(self.comm.size)), [b"x" * r for r in range(self.comm.size)]))

    def test_equal_texts_and_a_rank_with_none(self):
        n = self.comm.size
        with self.file() as f:
            d = f.create_dataset("d", (3,), self.h5.string_dtype())
            d[0:0 if self.comm.rank == n - 1 and n > 1 else 3] = "the same"
            f["after"] = 1
        self.assertEqual(self.by_h5py(lambda f: f["d"][...].tolist()), [b"the same"] * 3)

    def test_fill_values_and_resizing(self):
        with self.file() as f:
            for i, options in enumerate(({}, {"compression": "gzip"})):
                d = f.create_dataset(f"d{i}", (5,), "f4", maxshape=(None,), chunks=(3,), fillvalue=7, **options)
                self.assertEqual(d[...].tolist(), [7] * 5)
                d.resize((20,))
                d[10 + self.comm.rank] = 1
                d.resize(12, axis=0)
        n = self.comm.size
        expected = [7.0] * 10 + [1.0] * min(n, 2) + [7.0] * max(0, 2 - n)
        for name in "d0", "d1":
            self.assertEqual(self.by_h5py(lambda f, name=name: f[name][...].tolist()), expected)


class Shares(h5cases.Files):
    def test_shares_of_every_kind(self):
        np, whole = self.np, self.np.arange(70).reshape(10, 7)
        with self.file() as f:
            f["d"] = whole
        rank, size = self.comm.rank, self.comm.size
        with self.file("r") as f:
            d = f["d"]
            for axis in 0, 1, -1:
                blocks = np.array_split(whole, size, axis)
                self.assertEqual(d.read(axis, comm=self.comm).tolist(), blocks[rank].tolist())
            lengths = [len(b) for b in np.array_split(np.arange(10), size)]
            start = sum(lengths[:rank])
            with_halo = whole[max(0, start - 2):start + lengths[rank] + 2]
            self.assertEqual(d.mine(halo=2, comm=self.comm).tolist(), with_halo.tolist())
            own = [i for i in range(10) if i // 3 % size == rank]
            self.assertEqual(d.mine(cyclic=3, comm=self.comm).tolist(), whole[own].tolist())
            counts = [0] * (size - 1) + [10]
            self.assertEqual(d.mine(counts=counts, comm=self.comm).shape, (counts[rank], 7))
            owners = [(i * i) % size for i in range(7)]
            chosen = [i for i in range(7) if owners[i] == rank]
            self.assertEqual(d.read(1, owners=owners, comm=self.comm).tolist(), whole[:, chosen].tolist())
            self.assertEqual(d.read(None, comm=self.comm).tolist(), whole.tolist())
            behind = whole[start:start + lengths[rank] + 3]
            self.assertEqual(d.mine(halo=(0, 3), comm=self.comm).tolist(), behind.tolist())
            into = np.empty(blocks[rank].shape, "f4")
            self.assertIs(d.read(-1, into=into, comm=self.comm), into)
            self.assertEqual(into.tolist(), blocks[rank].tolist())

    def test_shares_are_written_as_they_are_read(self):
        np, whole = self.np, self.np.arange(110).reshape(10, 11)
        owners = [(i * i) % self.comm.size for i in range(11)]
        with self.file() as f:
            whole_one = f.create_dataset("whole", data=whole)
            for options in {}, {"compression": "gzip", "chunks": (3, 4)}:
                for axis, how in ((0, {"halo": 2}), (1, {"halo": (1, 0)}), (0, {"cyclic": 1}), (1, {"cyclic": 2}),
                                  (1, {"owners": owners}), (1, {"counts": [0] * (self.comm.size - 1) + [11]})):
                    own = whole_one.read(axis, **how)
                    d = f.create_dataset(f"{axis}{list(how)[0]}{len(options)}", whole.shape, "f8", **options)
                    d.write(own, axis, **how)
                    np.testing.assert_array_equal(d[...], whole)
            d = f.save("dealt", whole_one.read(1, cyclic=3), split=1, cyclic=3)
            np.testing.assert_array_equal(d[...], whole)
            words = self.raises_everywhere(ValueError, lambda: d.write(np.zeros((3, 3)), cyclic=2))
            self.assertIn("this rank's share", words[0])

    def test_write_works_out_the_offsets(self):
        np, size = self.np, self.comm.size
        with self.file() as f:
            for axis in 0, 1, 2:
                shape = [4, 5, 6]
                shape[axis] = sum(range(size))
                if not shape[axis]:
                    shape[axis] = 1
                own = list(shape)
                own[axis] = self.comm.rank if size > 1 else 1
                d = f.create_dataset(f"d{axis}", shape, "f8")
                d.write(np.full(own, self.comm.rank), split=axis)
                got = np.moveaxis(d[...], axis, 0)
                expected = [r for r in range(size) for _ in range(r if size > 1 else 1)]
                self.assertEqual(got[:, 0, 0].tolist(), expected)
                self.assertEqual(got[:, -1, -1].tolist(), expected)

    def columns(self, shape, axis, lengths, kinds=("i4",), turned=False):
        """Writes parts of these lengths along an axis, in small rounds, and reads them back."""
        np, rank = self.np, self.comm.rank
        shape = shape[:axis] + (sum(lengths),) + shape[axis:]
        whole = np.arange(np.prod(shape, dtype=int)).reshape(shape)
        first = sum(lengths[:rank])
        own = whole.take(range(first, first + lengths[rank]), axis).astype(kinds[rank % len(kinds)])
        own = np.asarray(own, order="F") if turned else own
        with self.file() as f:
            d = f.create_dataset("d", shape, "i4")
            d.write(own, split=axis)
            self.assertEqual(d.read(axis, counts=lengths).tolist(), own.tolist())
            into = np.empty(own.shape, own.dtype, order="F" if turned else "C")
            self.assertIs(d.read(axis, counts=lengths, into=into), into)
            self.assertEqual(into.tolist(), own.tolist())
        self.assertEqual(self.by_h5py(lambda f: f["d"][...].tolist()), whole.tolist())

    def test_columns_in_rounds(self):
        """Splits of every axis but the first, of equal and unequal parts, some of them empty."""
        size = self.comm.size
        unequal = [3 * (size - rank - 1) for rank in range(size - 1)] + [7]
        shapes = ((40,), 1), ((3, 5), 1), ((3, 5), 2), ((1, 5), 2), ((2, 3, 5), 2), ((2, 3, 5), 3)
        cases = itertools.product(([5] * size, unequal, unequal[::-1]), shapes)
        for (lengths, (shape, axis)), number in zip(cases, itertools.cycle((64, 1, 1 << 20, 600, 64))):
            with (unittest.mock.patch.multiple(_rounds, ROUND=number, LEAST=1),
                  self.subTest(round=number, lengths=lengths, shape=shape, axis=axis)):
                self.columns(shape, axis, lengths, turned=number == 64)

    def test_closed_on_one_is_closed_on_all(self):
        """Behind close() a rank may open the file, however far the one is that had it locked."""
        from pympi._h5 import files
        leave = files.State.leave

        def later(state):
            if self.comm.rank == 0:
                self.comm.barrier()
            leave(state)
        f = self.file()
        f["x"] = 1
        with unittest.mock.patch.object(files.State, "leave", later):
            f.close()
        if self.comm.rank != 0:
            with self.file("r") as f:
                self.assertEqual(f["x"][()], 1)
            self.comm.barrier()

    def test_in_many_slabs(self):
        """Whatever takes several calls, with looks at ^C in between: rows that fit and such as do not."""
        np, comm = self.np, self.comm
        from pympi._h5 import datasets, transfers
        whole = np.arange(7 * 4 * comm.size * 3).reshape(7, 4 * comm.size, 3)
        own = slice(4 * comm.rank, 4 * comm.rank + 4)
        for most in 8, 100, 1000:
            with (unittest.mock.patch.object(transfers, "SLAB", most),
                  unittest.mock.patch.object(datasets, "_SLAB", most), self.subTest(most=most)):
                with self.file() as f:
                    d = f.create_dataset("d", whole.shape, "i8")
                    d[:, own] = whole[:, own]
                    d[comm.rank::comm.size] = np.asarray(whole[comm.rank::comm.size], order="F")
                with self.file("r") as f:
                    d = f["d"]
                    self.assertEqual(d[...].tolist(), whole.tolist())
                    self.assertEqual(d[1::2, own, ::2].tolist(), whole[1::2, own, ::2].tolist())
                    into = np.zeros((7, 8, 3), "f4")[:, ::2]
                    d.read(1, comm=comm, into=into)
                    self.assertEqual(into.tolist(), whole[:, own].tolist())
                    into = np.zeros((2, 8, 3), "i8")
                    d.read_direct(into, np.s_[2:4, own], np.s_[:, :4])
                    self.assertEqual(into[:, :4].tolist(), whole[2:4, own].tolist())
                    d.read_direct(into, np.s_[0, own, 0], np.s_[0, 1::2, 2])
                    self.assertEqual(into[0, 1::2, 2].tolist(), whole[0, own, 0].tolist())
                    d.read_direct(into, np.s_[2:4, own.start], np.s_[:, 7])
                    self.assertEqual(into[:, 7].tolist(), whole[2:4, own.start].tolist())

    def test_columns_of_several_types(self):
        """HDF5 makes the dataset's of the widest; a round is the same on all ranks."""
        for number in 64, 1 << 20:
            with unittest.mock.patch.multiple(_rounds, ROUND=number, LEAST=1):
                self.columns((30,), 1, [4] * self.comm.size, ("i8", "i2", ">i4"))

    def test_columns_by_slices(self):
        """Slices that are columns of one slab, on some ranks, in any order; and such as are not."""
        np, size, rank = self.np, self.comm.size, self.comm.rank
        from pympi._h5 import transfers
        whole, n = np.full((6, 4 * size + 3, 5), -1), 4
        turned = (rank + 1) % size
        none = slice(0, 0)
        cases = {
            "columns": (slice(None), slice(n * rank, n * rank + n)),
            "in another order, of some rows": (slice(1, 5), slice(1 + n * turned, 1 + n * turned + n)),
            "two of them": (slice(1, 3), slice(n * rank, n * rank + n) if rank < 2 else none),
            "one alone": (slice(None), slice(0, n) if rank == 0 else none),
            "with a gap": (slice(None), slice(n * rank, n * rank + n - 1)),
            "of a part of the last axis": (slice(None), slice(n * rank, n * rank + n), slice(1, 3)),
            "of the last axis": (slice(None), 2, slice(rank, rank + 1 if rank < 5 else rank)),
            "in turn": (slice(None), slice(rank, None, size)),
            "in turn, of some rows": (slice(1, 4), slice(2 + turned, 2 + size * 3, size)),
            "in turn, with a gap": (slice(None), slice(turned, None, size + 1)),
            "of every other row": (slice(None, None, 2), slice(n * rank, n * rank + n)),
            "rows": (slice(rank, rank + 1), slice(None)),
            "a list": (slice(None), [n * rank, n * rank + 1]),
        }
        exchanged = ("columns", "in another order, of some rows", "two of them", "of the last axis", "in turn",
                     "in turn, of some rows")
        with self.file() as f, unittest.mock.patch.object(transfers, "_WORTH", 1):
            d = f.create_dataset("d", whole.shape, "i4", fillvalue=-1)
            for number, (what, key) in enumerate(cases.items()):
                for other in self.comm.allgather(key):
                    index = self.comm.allgather(key).index(other)
                    whole[other] = 100 * number + index
                before = d._state.counts.exchanged
                d[key] = np.full(d[key].shape, 100 * number + rank)
                given = self.comm.allreduce(d._state.counts.exchanged - before)
                self.assertEqual(given > 0, size > 1 and what in exchanged, what)
                self.assertEqual(d[...].tolist(), whole.tolist(), what)
                self.comm.barrier()

    def test_columns_that_one_cannot_give(self):
        """An exception in the midst of the rounds is one on all ranks, and the file goes on."""
        from pympi._h5 import columns
        own, original = self.np.ones((64, 3)), columns.Rows._own

        def fails(rows, first, last):
            if self.comm.rank == self.comm.size - 1 and first >= 20:
                raise MemoryError("no room")
            return original(rows, first, last)
        if self.comm.size == 1:
            return
        with self.file() as f, unittest.mock.patch.object(_rounds, "ROUND", 200):
            d = f.create_dataset("d", (64, 3 * self.comm.size), "f8")
            with unittest.mock.patch.object(columns.Rows, "_own", fails):
                self.raises_everywhere(MemoryError, lambda: d.write(own, split=1))
            d.write(own, split=1)
        self.assertEqual(self.by_h5py(lambda f: f["d"][...].sum()), 64 * 3 * self.comm.size)


class Like(h5cases.Files):
    """One rank: the names and habits of h5py."""
    over = ("self",) if mpi.size > 1 else ("world",)

    def test_groups(self):
        h5 = self.h5
        with self.file() as f:
            f.create_group("a/b/c")
            f["x"] = 5
            f["soft"] = h5.SoftLink("/a/b")
            f["broken"] = h5.SoftLink("/nowhere")
            f["hard"] = f["a"]
            self.assertEqual(f["hard"], f["a"])
            self.assertEqual(sorted(f.keys()), ["a", "broken", "hard", "soft", "x"])
            self.assertIn("broken", f)
            self.assertNotIn("broken/below", f)
            self.assertNotIn("a/q", f)
            self.assertIn("a/b/c", f)
            self.assertEqual(f.get("soft", getlink=True).path, "/a/b")
            self.assertIsNone(f.get("q"))
            names = []
            f.visit(names.append)
            self.assertEqual(names, ["a", "a/b", "a/b/c", "x"])
            self.assertEqual(f["a/b"].parent.name, "/a")
            f.move("x", "a/y")
            self.assertEqual(f["a/y"][()], 5)
            del f["a/y"]
            self.assertRaises(KeyError, lambda: f["a/y"])
            self.assertRaises(ValueError, f.create_group, "a")
            self.assertEqual(f.require_group("a"), f["a"])
        self.assertFalse(f)
        self.assertRaises(ValueError, lambda: f["a"])

    def test_indexing(self):
        np, whole = self.np, self.np.arange(60).reshape(3, 4, 5)
        with self.file() as f:
            d = f.create_dataset("d", data=whole)
            for index in (0, -1, (slice(None), 1), (Ellipsis, 2), (slice(0, 2), Ellipsis, slice(1, 5, 2)),
                          (1, [0, 3]), (slice(None), [True, False, True, False]), (None, 1), (slice(2, 1),),
                          (0, 1, 2), (), Ellipsis):
                got, want = d[index], whole[index]
                self.assertEqual((got.shape, got.tolist()), (want.shape, want.tolist()), index)
            self.assertEqual(d[whole > 30].tolist(), whole[whole > 30].tolist())
            self.assertRaises(IndexError, lambda: d[3])
            self.assertRaises(ValueError, lambda: d[::-1])
            self.assertRaises(TypeError, lambda: d[[1, 0]])
            self.assertRaises(TypeError, lambda: d[0, 0, 0, 0])
            self.assertEqual(len(d), 3)
            self.assertEqual(np.asarray(d).tolist(), whole.tolist())
            self.assertIsInstance(d[0, 0, 0], np.int64)

    def test_big_and_empty_and_scalar(self):
        with self.file() as f:
            f["s"] = 2.5
            f["t"] = "text"
            f.create_dataset("none", (0, 3))
            self.assertEqual(f["s"][()], 2.5)
            self.assertEqual(f["t"][()], b"text")
            self.assertEqual(f["none"][...].shape, (0, 3))
            f["s"][...] = 3
            self.assertEqual(f["s"][()], 3)
            self.assertEqual(f["s"].shape, ())


support.main()
