"""pympi.io: arrays and raw bytes in one file, any split, on any number of ranks."""
# SPDX-License-Identifier: MIT
# timeout: 120

import itertools
import os
import shutil
import tempfile
import unittest.mock
import warnings

import numpy as np

import mpi
import support
from pympi import _rounds, io
from pympi._io import files, slabs


class InFolder(support.Comms):
    """A folder that all ranks of the communicator see."""

    def setUp(self):
        self.folder = self.comm.bcast(tempfile.mkdtemp() if self.comm.rank == 0 else None)
        self.random = np.random.default_rng(support.SEED)

    def tearDown(self):
        self.comm.barrier()
        if self.comm.rank == 0:
            shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def on_first(self, make):
        """Let rank 0 do something before all go on."""
        if self.comm.rank == 0:
            make()
        self.comm.barrier()

    def refused(self, kind, call, *words):
        """The call raises the same on every rank, and the ranks still go together."""
        with self.assertRaises(kind) as caught:
            call()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)
        return caught.exception

    def deals(self, length):
        """Ways to deal out an axis: arguments, and the indices of each rank."""
        size, indices = self.comm.size, np.arange(length)
        yield {}, np.array_split(indices, size)
        counts = self.random.multinomial(length, np.ones(size) / size)
        yield {"counts": counts.tolist()}, np.split(indices, np.cumsum(counts)[:-1])
        yield {"cyclic": 1}, [indices[r::size] for r in range(size)]
        yield {"cyclic": 3}, [indices[indices // 3 % size == r] for r in range(size)]
        owners = self.random.integers(0, size, length)
        yield {"owners": owners}, [np.flatnonzero(owners == r) for r in range(size)]


KINDS = ("f8", "c8", ">i2", "?", "S3", "U2", "M8[s]", [("a", "i4"), ("b", "f8", (2,))])


class Arrays(InFolder):
    def setUp(self):
        super().setUp()
        self.enterContext(unittest.mock.patch.object(os, "fsync"))     # hundreds of files take a while
        self.enterContext(warnings.catch_warnings())
        warnings.simplefilter("ignore", UserWarning)    # of NumPy's, on the names of fields

    def array(self, shape, kind="f8"):
        data = self.random.integers(0, 2, np.prod(shape, dtype=int) * np.dtype(kind).itemsize // 1, "u1")
        return np.frombuffer(data.tobytes(), kind).reshape(shape)

    def equal(self, got, want):
        self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape))
        self.assertEqual(got.tobytes(), want.tobytes())

    def check(self, whole, split, deals, order="C"):
        """Load the shares that there are in a file, and save them again."""
        path, copy = self.path("a.npy"), self.path("b.npy")
        self.on_first(lambda: np.save(path, np.asarray(whole, order=order)))
        for how, indices in deals:
            mine = io.load(path, split, self.comm, **how)
            self.equal(mine, whole.take(indices[self.comm.rank], split))
            how.pop("counts", None)
            io.save(copy, mine, split, self.comm, **how)
            self.equal(np.load(copy), whole)
            self.comm.barrier()

    def test_splits(self):
        for shape, order in ((7,), "C"), ((5, 9), "C"), ((5, 9), "F"), ((4, 1, 6), "F"), ((0, 3), "C"):
            for split in range(-1, len(shape) - 1):
                with self.subTest(shape=shape, order=order, split=split):
                    self.check(self.array(shape), split, self.deals(shape[split]), order)

    def test_splits_in_many_pieces(self):
        """The same with pieces of a few bytes: rows together, rows cut, runs of their own."""
        whole = self.array((5, 9))
        for run, box in (1 << 30, 200), (1 << 30, 16), (1, 16):
            with (unittest.mock.patch.multiple(slabs, READ_RUN=run, WRITE_RUN=run, BOX=box),
                  unittest.mock.patch.multiple(_rounds, ROUND=box, LEAST=1),
                  unittest.mock.patch.object(files, "PIECE", 100), self.subTest(run=run, box=box)):
                self.check(whole, 1, self.deals(9))
                self.check(whole, 0, itertools.islice(self.deals(5), 3, None))

    def test_types(self):
        for kind in KINDS:
            with self.subTest(kind):
                self.check(self.array((4, 3), kind), 0, itertools.islice(self.deals(4), 2, 3))

    def test_no_split(self):
        for whole in self.array((4, 3)), self.array((0,)):
            io.save(self.path("a.npy"), whole, None, self.comm)
            self.equal(np.load(self.path("a.npy")), whole)
            self.equal(io.load(self.path("a.npy"), None, self.comm), whole)
            self.comm.barrier()

    def test_no_dimensions(self):
        io.save(self.path("a.npy"), np.float32(3), None, self.comm)
        self.equal(io.load(self.path("a.npy"), None, self.comm), np.array(3, "f4"))
        self.equal(np.load(self.path("a.npy")), np.array(3, "f4"))

    def test_halo(self):
        whole = self.array((9, 11))
        self.on_first(lambda: np.save(self.path("a.npy"), whole))
        for split in 0, 1:
            for halo in 1, 3, (0, 2), (20, 1):
                before, behind = halo if isinstance(halo, tuple) else (halo, halo)
                own = np.array_split(np.arange(whole.shape[split]), self.comm.size)[self.comm.rank]
                want = slice(max(0, own[0] - before), own[-1] + 1 + behind)
                want = whole[want] if split == 0 else whole[:, want]
                self.equal(io.load(self.path("a.npy"), split, self.comm, halo=halo), want)

    def test_names_beyond_latin(self):
        whole = np.zeros(5, [("größe", "f4"), ("名", "i4")])
        self.check(whole, 0, itertools.islice(self.deals(5), 1))

    def test_saved_from_slices(self):
        whole = self.array((8, 12))
        share = slice(*[len(whole) * r // self.comm.size for r in (self.comm.rank, self.comm.rank + 1)])
        io.save(self.path("a.npy"), whole[::-1, ::2][share], 0, self.comm)
        self.equal(np.load(self.path("a.npy")), whole[::-1, ::2])

    def test_unequal_and_empty_parts(self):
        whole = self.array((4 * self.comm.size, 3))
        counts = [0] * self.comm.size
        counts[-1] = len(whole)
        io.save(self.path("a.npy"), whole if counts[self.comm.rank] else whole[:0], 0, self.comm)
        self.equal(np.load(self.path("a.npy")), whole)

    def test_raw(self):
        whole = self.array((6, 4), "<i4")
        for order in "CF":
            self.on_first(lambda: open(self.path("raw"), "wb").write(b"12345" + whole.tobytes(order)))
            for split in 0, 1:
                for shape in (6, 4), (-1, 4), (6, -1):
                    got = io.fromfile(self.path("raw"), "<i4", shape, 5, split, self.comm, order=order)
                    self.equal(got, np.array_split(whole, self.comm.size, split)[self.comm.rank])
            self.comm.barrier()
        self.equal(io.fromfile(self.path("raw"), "u1", split=None, comm=self.comm)[:5], np.frombuffer(b"12345", "u1"))
        io.tofile(self.path("out"), np.array_split(whole, self.comm.size)[self.comm.rank], 0, self.comm)
        self.equal(np.fromfile(self.path("out"), "<i4").reshape(6, 4), whole)


class Refused(InFolder):
    def saved(self):
        path = self.path("a.npy")
        self.on_first(lambda: np.save(path, np.arange(6.0)))
        return path

    def test_files_that_are_not_there_or_not_right(self):
        self.refused(FileNotFoundError, lambda: io.load(self.path("none"), comm=self.comm), "none")
        path = self.saved()
        self.on_first(lambda: os.truncate(path, 150))
        self.refused(EOFError, lambda: io.load(path, comm=self.comm), "150 bytes")
        self.on_first(lambda: np.save(path, np.array([None]), allow_pickle=True))
        self.refused(ValueError, lambda: io.load(path, comm=self.comm), "pickle")
        self.on_first(lambda: open(path, "wb").write(b"PK and so on"))
        self.refused(ValueError, lambda: io.load(path, comm=self.comm))
        self.refused(ValueError, lambda: io.fromfile(path, "f8", comm=self.comm), "12 bytes")

    def test_arguments_that_do_not_fit(self):
        path = self.saved()
        for words, how in (("split is 1", {"split": 1}), ("add up", {"counts": [7] * self.comm.size}),
                           ("exclude", {"counts": [6], "cyclic": 1}), ("cyclic is 0", {"cyclic": 0}),
                           ("negative", {"halo": -1}), ("a halo is for blocks", {"halo": 1, "cyclic": 1}),
                           ("names ranks", {"owners": [self.comm.size] * 6}), ("not a rank", {"owners": [0]})):
            with self.subTest(words):
                self.refused((ValueError, TypeError), lambda: io.load(path, comm=self.comm, **how), words)

    def test_ranks_that_differ(self):
        self.need(2)
        path, odd = self.saved(), self.comm.rank == 1
        whole = np.zeros((3, 4))
        for words, call in (
                ("split is", lambda: io.load(path, -1 if odd else 0, self.comm)),
                ("path is", lambda: io.load(path + "x" * odd, 0, self.comm)),
                ("cyclic is", lambda: io.load(path, 0, self.comm, cyclic=1 + odd)),
                ("the sum of owners is", lambda: io.load(path, 0, self.comm, owners=[int(odd)] * 6)),
                ("dtype is", lambda: io.fromfile(path, "i4" if odd else "f4", comm=self.comm)),
                ("type is", lambda: io.save(path, whole.astype("f4") if odd else whole, 0, self.comm)),
                ("shape beside axis 0 is", lambda: io.save(path, whole[:, odd:], 0, self.comm)),
                ("shape is", lambda: io.save(path, whole[:, odd:], None, self.comm))):
            with self.subTest(words):
                wrong = self.refused(io.Disagreement, call, words, "rank 1")
                self.assertEqual(len(set(self.comm.allgather(str(wrong)))), 1)
        self.assertEqual(np.load(path).tolist(), [0, 1, 2, 3, 4, 5])
        self.comm.barrier()

    def test_one_rank_fails(self):
        """What goes wrong on one rank is raised on all, and the old file is there."""
        path, last = self.saved(), self.comm.size - 1

        def broken(*args):
            raise OSError(28, "No space left on device")
        real = {name: getattr(os, name) for name in ("preadv", "pwritev", "fsync")}
        mine = np.ones((3, 4))
        for name, rank, call in (("preadv", last, lambda: io.load(path, 0, self.comm)),
                                 ("pwritev", last, lambda: io.save(path, mine, 0, self.comm)),
                                 ("pwritev", 0, lambda: io.save(path, mine, 1, self.comm)),
                                 ("fsync", last, lambda: io.tofile(path, mine, 0, self.comm))):
            with self.subTest(name), unittest.mock.patch.object(
                    os, name, broken if self.comm.rank == rank else real[name]):
                wrong = self.refused(OSError, call, "No space left")
                self.assertEqual(wrong.errno, 28)
                self.comm.barrier()
                self.assertEqual(os.listdir(self.folder), ["a.npy"])
                self.assertEqual(np.load(path).tolist(), [0, 1, 2, 3, 4, 5])

    def test_objects(self):
        path = self.saved()
        self.refused(TypeError, lambda: io.save(path, np.array([None]), 0, self.comm), "no bytes")

    def test_replaced_file_keeps_mode_and_link(self):
        path = self.saved()
        self.on_first(lambda: (os.chmod(path, 0o640), os.symlink("a.npy", self.path("link"))))
        io.save(self.path("link"), np.ones(1), 0, self.comm)
        self.assertTrue(os.path.islink(self.path("link")))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        self.assertEqual(np.load(path).tolist(), [1.0] * self.comm.size)
        self.comm.barrier()


support.main()
