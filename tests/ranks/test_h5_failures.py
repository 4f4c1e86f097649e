"""pympi.h5: what hangs other libraries gives the right result, or an exception on every rank."""
# timeout: 180
# SPDX-License-Identifier: MIT

import contextlib
import os
import signal
import threading
import time
import unittest.mock
import warnings

import h5cases
import mpi
import support

LIMIT = 2.0     # seconds, on a machine that is not busy


class Odd(Exception):
    """An exception that is not made of a text."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


class Failures(h5cases.Files):
    def setUp(self):
        super().setUp()
        self.need(2)
        self.start = time.process_time()

    def tearDown(self):
        self.assertLess(time.process_time() - self.start, LIMIT)
        super().tearDown()

    @property
    def odd(self):
        """True on one rank, not the first."""
        return self.comm.rank == self.comm.size - 1

    def disagree(self, cls, act, word):
        """act(file) is refused everywhere, with one text that has the word; the file goes on after it."""
        with self.file() as f:
            f["before"] = 1
            texts = self.raises_everywhere(cls, lambda: act(f))
            f["after"] = [1, 2]
        for text in texts:
            self.assertIn(word, text)
        if cls is self.h5.Disagreement:
            self.assertEqual(len(set(texts)), 1, texts)
            self.assertIn("rank", texts[0])
        with self.file("r") as f:
            self.assertEqual(sorted(f), ["after", "before"])
            self.assertEqual(dict(f.attrs), {})

    def test_different_names(self):
        self.disagree(self.h5.Disagreement, lambda f: f.create_group(f"g{int(self.odd)}"), "g1")

    def test_different_shapes(self):
        self.disagree(self.h5.Disagreement, lambda f: f.create_dataset("d", (3 + self.odd,)), "(4,)")

    def test_different_types(self):
        self.disagree(self.h5.Disagreement, lambda f: f.create_dataset("d", (3,), "f8" if self.odd else "f4"), "float64")

    def test_different_data(self):
        self.disagree(self.h5.Disagreement, lambda f: f.create_dataset("d", data=[1, int(self.odd)]), "data")

    def test_different_attributes(self):
        self.disagree(self.h5.Disagreement, lambda f: f.attrs.update(a=int(self.odd)), "a")

    def test_different_calls(self):
        self.disagree(self.h5.Disagreement, lambda f: f.create_group("g") if self.odd else f.flush(), "flush")

    def test_different_types_of_parts(self):
        np = self.np
        self.disagree(self.h5.Disagreement, lambda f: f.save("d", np.zeros(3, "f4" if self.odd else "f8")), "f4")

    def test_wrong_arguments_on_one_rank(self):
        self.disagree(TypeError, lambda f: f.create_dataset("d", (3,), "U4" if self.odd else "f4"), "dtype")

    def test_wrong_before_the_call_on_one_rank(self):
        """Whatever is wrong there, all raise it, and go on."""
        np, odd = self.np, self.odd
        with self.file() as f:
            f.create_group("g")
            d = f.create_dataset("d", (4,), "i4")
            f.attrs["a"] = 1
            for cls, word, act in (
                    (TypeError, "name is a text", lambda: f.require_group(5 if odd else "g")),
                    (TypeError, "Shapes", lambda: f.require_dataset("d", (3,) if odd else (4,), "i4")),
                    (self.h5.Disagreement, "exact", lambda: f.require_dataset("d", (4,), "i4", exact=bool(odd))),
                    (self.h5.Disagreement, "name", lambda: f.require_group("h" if odd else "g")),
                    (AttributeError, "shape", lambda: f.create_dataset_like("e", None if odd else d)),
                    (IndexError, "index", lambda: d.write_direct(np.zeros(4), (np.s_[:], 1) if odd else np.s_[:])),
                    (KeyError, "locate", lambda: f.attrs.__delitem__("b" if odd else "a")),
                    (KeyError, "rename", lambda: f.attrs.rename("b" if odd else "a", "c")),
                    (TypeError, "shape", lambda: f.attrs.modify("a", [1, 2] if odd else 2)),
                    (ValueError, "split", lambda: d.write([1], 3 if odd else 0)),
                    (ValueError, "is no group", lambda: f.create_group("d/x" if odd else "q")),
                    (ValueError, "cyclic is 0", lambda: f.save("e", [1], cyclic=0 if odd else 1)),
                    (TypeError, "counts is 5", lambda: d.read(counts=5 if odd else None)),
                    (TypeError, "shape is 'x'", lambda: f.create_dataset("e", "x" if odd else (2,))),
                    (ValueError, "invalid literal", lambda: d.write(self.part(4, "S1" if odd else "f8"))),
                    (ValueError, "fill_time", lambda: f.create_dataset("e", (2,), fill_time=5 if odd else None)),
                    (ValueError, "Invalid mode", lambda: self.file("q" if odd else "w", "y")),
                    (ValueError, "swmr", lambda: self.h5.File(self.path("y"), "w", swmr=bool(odd), comm=self.comm)),
                    (TypeError, "PathLike", lambda: self.h5.checkpoint(7 if odd else self.path("c"), 1, comm=self.comm)),
                    (TypeError, "PathLike", lambda: self.h5.restore(7 if odd else self.path("c"), comm=self.comm))):
                with self.subTest(word):
                    texts = self.raises_everywhere(cls, act)
                    self.assertIn(word, texts[-1])
                    self.assertIn(f"rank {self.comm.size - 1}", texts[0])
            self.assertEqual((f.attrs["a"], d[...].tolist(), sorted(f)), (1, [0] * 4, ["d", "g"]))
            d[...] = 1

    def part(self, length, kind):
        """This rank's block of so many elements: of letters, or zeros."""
        own = len(self.np.array_split(range(length), self.comm.size)[self.comm.rank])
        return self.np.full(own, "x" if kind == "S1" else 0, kind)

    def test_a_name_that_is_taken_on_all(self):
        self.disagree(ValueError, lambda f: f.create_group("before"), "exists")

    def test_parts_that_do_not_fit(self):
        np = self.np
        self.disagree(ValueError, lambda f: f.save("d", np.zeros((2, 3 + self.odd))), "(2, 4)")

    def test_an_index_out_of_range_on_one_rank(self):
        with self.file() as f:
            d = f.create_dataset("d", (4,), "i4")
            texts = self.raises_everywhere(IndexError, lambda: d.__setitem__(9 if self.odd else 0, 1))
            self.assertIn(f"rank {self.comm.size - 1}", texts[0])
            d[...] = 2
            self.assertEqual(d[...].tolist(), [2] * 4)

    def test_a_group_on_one_rank_only(self):
        def act():
            with self.file() as f:
                if self.odd:
                    f.create_group("g")
        self.raises_everywhere(self.h5.Disagreement, act)

    def test_an_exception_on_one_rank(self):
        """The others are in a collective call, or come to one."""
        def act():
            with self.file() as f:
                f.create_group("a")
                if self.odd:
                    raise ZeroDivisionError("mine")
                f.create_group("b")
        texts = self.raises_everywhere(ZeroDivisionError, act)
        self.assertIn(f"rank {self.comm.size - 1}", texts[0])
        self.assertFalse(os.path.exists(self.path()))
        self.assertTrue(os.path.exists(self.path() + ".partial"))

    def test_an_exception_before_the_end(self):
        def act():
            with self.file() as f:
                f.create_group("a")
                if self.odd:
                    raise KeyError("mine")
        self.raises_everywhere(KeyError, act)

    def test_no_such_file_or_folder(self):
        self.raises_everywhere(FileNotFoundError, lambda: self.file("r+"))
        self.raises_everywhere(FileNotFoundError, lambda: self.h5.File("/nowhere/x.h5", "w", comm=self.comm))
        self.raises_everywhere(self.h5.Disagreement, lambda: self.file("w" if self.odd else "a"))
        self.raises_everywhere(self.h5.Disagreement, lambda: self.file("w", f"y{int(self.odd)}"))

    def test_empty_and_unequal_slabs(self):
        n, me = self.comm.size, self.comm.rank
        with self.file() as f:
            for options in {}, {"compression": "gzip", "chunks": (3,)}:
                d = f.create_dataset(f"d{len(options)}", (20,), "i4", **options)
                with d.collective:
                    d[0:0 if self.odd else 5] = 7           # a scalar, into slabs of different sizes
                    d[20:20] = self.np.empty(0)
                self.assertEqual(d[...].tolist(), [7] * 5 + [0] * 15)
                d[5 + me:5 + me + (me % 2)] = me
                self.assertEqual(d[5:5 + n].tolist(), [r if r % 2 else 0 for r in range(n)])

    def test_one_rank_alone_opens_and_reads(self):
        with self.file() as f:
            f["d"] = self.np.arange(10)
        if self.odd:
            with self.file("r") as f:
                self.assertEqual(f["d"][2:4].tolist(), [2, 3])
                self.assertEqual(f["d"][...].tolist(), list(range(10)))

    def test_shares_are_read_together(self):
        """What is wrong on one rank is raised on all, of files to read and to write."""
        with self.file() as f:
            f["d"] = self.np.arange(10)
        for mode in "r", "r+":
            with self.file(mode) as f:
                d = f["d"]
                words = self.raises_everywhere(self.h5.Disagreement, lambda: d.mine(halo=int(self.odd)))
                self.assertIn(f"on rank {self.comm.size - 1}", words[0])
                words = self.raises_everywhere(ValueError, lambda: d.read(3 if self.odd else 0))
                self.assertIn("split is 3", words[0])
                words = self.raises_everywhere(
                    ValueError, lambda: d.mine(into=self.np.empty(77 if self.odd else len(self.np.array_split(
                        range(10), self.comm.size)[self.comm.rank]))))
                self.assertIn("(77,)", words[0])
                get = self.broken if self.odd else self.h5.Dataset._get
                with unittest.mock.patch.object(self.h5.Dataset, "_get", get):
                    words = self.raises_everywhere(OSError, d.mine)
                self.assertIn("[Errno 5]", words[0])
                self.assertEqual(sum(self.comm.allgather(int(d.mine().sum()))), 45)

    @staticmethod
    def broken(*args):
        raise OSError(5, "Input/output error")

    def test_one_class_of_disagreements(self):
        from pympi import io, vis
        self.assertIs(self.h5.Disagreement, io.Disagreement)
        self.assertIs(self.h5.Disagreement, vis.Disagreement)

    def test_exceptions_of_other_ranks(self):
        """They are of the same class where that can be made of a text, and say whose they are."""
        from pympi._agree import Attempt, meet
        for wrong, cls in ((OSError(2, "gone", "/x"), FileNotFoundError), (KeyError("k"), KeyError),
                           (UnicodeDecodeError("utf-8", b"", 0, 1, "bad"), UnicodeError),
                           (self.h5.Damaged("d"), self.h5.Damaged), (mpi.PeerError("p"), mpi.PeerError),
                           (mpi.Error("e"), mpi.Error), (Odd(1, 2), mpi.PeerError)):
            attempt = Attempt()
            with attempt:
                if self.odd:
                    raise wrong
            texts = self.raises_everywhere(Exception, lambda a=attempt: meet(self.comm, "try", a))
            self.assertTrue(texts[0].startswith(cls.__name__), texts)
            self.assertIn(f"on rank {self.comm.size - 1}", texts[0])
            self.assertNotIn("on rank", texts[-1])

    def test_reading_is_local(self):
        with self.file() as f:
            d = f.create_dataset("d", data=self.np.arange(10))
            f.attrs["a"] = 5
            if self.odd:
                self.assertEqual((d[3], d.shape, list(f), f.attrs["a"], "q" in f), (3, (10,), ["d"], 5, False))
            f["e"] = 1

    def test_dropped_objects(self):
        """On one rank only, at any time; a file that all have dropped is closed when the next is opened."""
        f = self.file()
        d = f.create_dataset("d", (5,), "i4")
        g = f.create_group("g")
        self.assertTrue(d and g)
        if self.odd:
            del d, g
        f["x"] = 1
        d = g = f = None
        with self.file("w", "other") as f:
            f["y"] = 2
        with self.file("r") as f:
            self.assertEqual(sorted(f), ["d", "g", "x"])

    def test_independent_writes(self):
        with self.file() as f:
            d = f.create_dataset("d", (8,), "i4")
            z = f.create_dataset("z", (8,), "i4", compression="gzip")
            if self.odd:
                with d.independent:
                    d[2:4] = 9
                with contextlib.suppress(OSError), z.independent:
                    z[...] = 1
                    self.fail("compressed elements have no place of their own")
            f["x"] = 1
            self.assertEqual(d[...].tolist(), [0, 0, 9, 9, 0, 0, 0, 0])

    def test_a_closed_file(self):
        f = self.file()
        f.close()
        f.close()
        self.raises_everywhere(ValueError, lambda: f.create_group("g"))
        self.raises_everywhere(ValueError, lambda: list(f))
        with self.file("r") as f:
            self.raises_everywhere(OSError, lambda: f.create_group("g"))

    def test_only_one_rank_calls(self):
        """A dataset, an attribute, a flush: of one rank only, while the others go on to something else."""
        for act in (lambda f: f.create_dataset("a", (3,)), lambda f: f.attrs.update(a=1), lambda f: f.flush(),
                    lambda f: f["before"].__setitem__((), 2), lambda f: f["long"].resize((7,))):
            def both(act=act):
                with self.file() as f:
                    f["before"] = 1
                    f.create_dataset("long", (5,), maxshape=(9,))
                    if self.odd:
                        act(f)
                    f.create_group("g")
            self.raises_everywhere(self.h5.Disagreement, both)

    def test_one_comes_late(self):
        with self.file() as f:
            for name in "ab":
                if self.odd:
                    time.sleep(0.2)
                f.save(name, self.np.full(3, self.comm.rank))
            self.assertEqual(f["b"][::3].tolist(), list(range(self.comm.size)))

    def test_one_has_nothing(self):
        np = self.np
        with self.file() as f:
            for i, options in enumerate(({}, {"compression": 1}, {"chunks": (2, 2)}, {"maxshape": (None, 20)})):
                for axis in 0, 1:
                    shape = [2, 2]
                    shape[axis] = 0 if self.odd else 2
                    d = f.save(f"d{i}{axis}", np.full(shape, self.comm.rank), axis, **options)
                    self.assertEqual(d.shape[axis], 2 * (self.comm.size - 1))
                    self.assertEqual(d[(slice(None),) * axis + (slice(None, None, 2),)].ravel()[-1], self.comm.size - 2)
            nothing = f.save("nothing", np.empty((0, 3)))
            self.assertEqual(nothing.shape, (0, 3))
            t = f.create_dataset("t", (self.comm.size,), self.h5.string_dtype())
            t[self.comm.rank:self.comm.rank + (not self.odd)] = "x"
            self.assertEqual(t[...].tolist(), [b"x"] * (self.comm.size - 1) + [b""])

    @contextlib.contextmanager
    def interrupted(self):
        """^C comes to this rank soon; and again, should it not be heard."""
        heard = threading.Event()

        def interrupt():
            pause = 0.2
            while not heard.wait(pause):
                os.kill(os.getpid(), signal.SIGINT)
                pause = 5
        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            yield
        finally:
            heard.set()
            thread.join()

    def test_interrupted_and_gone_on(self):
        """A program that catches ^C in a wait: nothing hangs, and nobody can do anything with the file."""
        f = self.file()
        f["flushed"] = 1
        f.flush()
        self.comm.barrier()
        texts = []

        def tried(act):
            try:
                act()
            except KeyboardInterrupt:
                texts.append("interrupted")
            except mpi.Error as e:
                texts.append(str(e))
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            if self.comm.rank == 0:
                with self.interrupted():
                    tried(lambda: f.create_group("g"))
                self.comm.send(None, self.comm.size - 1)
            if self.odd:
                self.comm.recv(0)
            for act in (lambda: f.create_group("g"), lambda: f.attrs.update(a=1), f.flush, f.close):
                tried(act)
        finally:
            signal.signal(signal.SIGINT, before)
        texts = self.everywhere(texts)
        self.assertEqual(texts[0][0], "interrupted")
        for own in texts:
            self.assertEqual(len(own), 5 if own is texts[0] else 4, own)
            self.assertIn("what was flushed is on the disk", own[-1])
        with self.h5.File(self.path() + ".partial") as g:
            self.assertEqual(list(g), ["flushed"])

    def test_interrupted_in_a_wait(self):
        """^C on one rank while it waits for another, which hears of it when it comes."""
        def act():
            with self.file() as f:
                f["flushed"] = 1
                f.flush()
                self.comm.barrier()
                if self.comm.rank == 0:
                    try:
                        with self.interrupted():
                            f.create_group("g")
                    finally:
                        self.comm.send(None, self.comm.size - 1)
                if self.odd:
                    self.comm.recv(0)
                f.create_group("g")
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.raises_everywhere((KeyboardInterrupt, mpi.Error), act)
        finally:
            signal.signal(signal.SIGINT, before)
        self.comm.barrier()
        with self.h5.File(self.path() + ".partial") as f:
            self.assertEqual(list(f), ["flushed"])


class Commit(h5cases.Files):
    def test_the_name_holds_the_old_file_until_close(self):
        with self.file() as f:
            f["v"] = 1
        f = self.file()
        f["v"] = 2
        f.flush()
        with self.file("r") as old:
            self.assertEqual(old["v"][()], 1)
        self.comm.barrier()
        f.close()
        with self.file("r") as new:
            self.assertEqual(new["v"][()], 2)
        self.assertFalse(os.path.exists(self.path() + ".partial"))

    def test_an_exception_keeps_what_was_flushed(self):
        with self.file() as f:
            f["v"] = 1
        try:
            with self.file() as f:
                f.save("w", self.np.full(3, self.comm.rank))
                f.flush()
                f["lost"] = 3
                raise RuntimeError("on all")
        except RuntimeError as e:
            self.assertIn(".partial", e.__notes__[0])
        self.comm.barrier()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with self.file("r") as f:
                self.assertEqual(f["v"][()], 1)
        self.assertEqual(len(caught), int(mpi.rank == 0))
        with self.h5.File(self.path() + ".partial") as f:
            self.assertEqual(list(f), ["w"])
            self.assertEqual(f["w"][::3].tolist(), list(range(self.comm.size)))
        self.comm.barrier()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with self.file() as f:
                f["v"] = 3
        with self.h5.File(self.path() + ".partial.1") as f:
            self.assertEqual(list(f), ["w"])

    def test_what_a_job_left_that_had_flushed_nothing(self):
        partial = self.path() + ".partial"
        for left, words in (b"", r"is not there$"), (b"half of a file", r"not there.* nothing had been flushed, and"):
            if self.comm.rank == 0:
                with open(partial, "wb") as file:
                    file.write(left)
            self.comm.barrier()
            with self.assertRaisesRegex(FileNotFoundError, words):
                self.h5.File(self.path())
            self.comm.barrier()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with self.file() as f:
                f["v"] = 1
        if self.comm.rank == 0:
            self.assertEqual(os.path.getsize(partial + ".1"), 14)   # may have been of use
        self.comm.barrier()

    def test_changes_in_place_keep_what_was_flushed(self):
        with self.file() as f:
            f["v"] = self.np.arange(4)
        try:
            with self.file("a") as f:
                f["w"] = 5
                f.flush()
                f["lost"] = 1
                del f["v"]
                raise RuntimeError("on all")
        except RuntimeError:
            pass
        self.comm.barrier()
        self.assertEqual(self.by_h5py(lambda f: (sorted(f), f["v"][...].tolist())), (["v", "w"], [0, 1, 2, 3]))

    def test_locks(self):
        """A file that is written is opened by nobody else; one that is read is not written in place."""
        with self.file() as f:
            f["v"] = 1
        with self.file("r+"):
            self.raises_everywhere(BlockingIOError, lambda: self.file("r"))
            self.raises_everywhere(BlockingIOError, lambda: self.file("a"))
            self.raises_everywhere(BlockingIOError, lambda: self.file("w"))
        self.comm.barrier()
        with self.file("w"):
            self.raises_everywhere(BlockingIOError, lambda: self.file("w"))
            self.raises_everywhere(FileExistsError, lambda: self.file("x"))
        with self.file("r"):
            self.raises_everywhere(BlockingIOError, lambda: self.file("r+"))

    def test_a_journal_is_applied(self):
        """As if the keeper had died between the journal and the file."""
        import _pympi_h5
        with self.file() as f:
            f["v"] = 1
        if self.comm.rank == 0:
            path = self.path()
            before = open(path, "rb").read()
            fd = os.open(path, os.O_RDWR)
            store = _pympi_h5.Store(fd, True)
            file = _pympi_h5.file_open(path.encode(), store)
            _pympi_h5.group_create(file, b"late", False)
            _pympi_h5.file_close(file)
            self.assertEqual(open(path, "rb").read(), before)
            with open(path + ".journal", "wb") as journal:
                store.journal(journal.fileno())
            whole = open(path + ".journal", "rb").read()
            os.close(fd)
            del store, file
            for cut, names in ((len(whole) // 2, ["v"]), (len(whole), ["late", "v"])):
                with open(path + ".journal", "wb") as journal:
                    journal.write(whole[:cut])
                with self.h5.File(path) as f:
                    self.assertEqual(sorted(f), names)
                self.assertFalse(os.path.exists(path + ".journal"))
        self.comm.barrier()


class Checkpoints(h5cases.Files):
    def state(self, scale, comm=None):
        np, comm = self.np, comm or self.comm
        whole = np.arange(600.0).reshape(20, 30) * scale
        part = np.array_split(whole, comm.size, 1)[comm.rank]
        return {"u": self.h5.Split(part, 1), "step": scale, "list": [np.arange(3), ("x", {1, 2})],
                "small": self.h5.Split(np.array_split(np.arange(7, dtype="c8"), comm.size)[comm.rank])}

    def check(self, got, scale, comm):
        want = self.state(scale, comm)
        self.assertEqual(got["u"].tolist(), want["u"].local.tolist())
        self.assertEqual(got["small"].tolist(), want["small"].local.tolist())
        self.assertEqual((got["step"], got["list"][0].tolist(), got["list"][1]), (scale, [0, 1, 2], ("x", {1, 2})))

    def names(self):
        path = self.path("c")
        return sorted(n for n in os.listdir(os.path.dirname(path)) if n.startswith(os.path.basename(path) + "."))

    def test_saved_and_restored(self):
        path = self.path("c")
        for scale in 1, 2, 3:
            self.h5.checkpoint(path, self.state(scale), comm=self.comm)
        self.comm.barrier()
        self.assertEqual([n[-1] for n in self.names()], ["2", "3"])
        self.check(self.h5.restore(path, comm=self.comm), 3, self.comm)
        halves = self.comm.split(self.comm.rank * 2 // self.comm.size)
        self.check(self.h5.restore(path, comm=halves), 3, halves)

    def test_a_damaged_one(self):
        path = self.path("c")
        for scale in 1, 2:
            self.h5.checkpoint(path, self.state(scale), comm=self.comm)
        if self.comm.rank == 0:
            with open(path + ".2", "r+b") as f:
                data = f.read()
                at = data.index(self.np.float64(2 * 317).tobytes())
                f.seek(at + 6)
                f.write(bytes([data[at + 6] ^ 4]))
        self.comm.barrier()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.check(self.h5.restore(path, comm=self.comm), 1, self.comm)
        self.assertEqual(len(caught), int(self.comm.rank == 0))
        self.comm.barrier()
        if self.comm.rank == 0:
            with open(path + ".1", "wb") as f:
                f.write(b"nothing")
        self.comm.barrier()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.raises_everywhere(OSError, lambda: self.h5.restore(path, comm=self.comm))
        self.raises_everywhere(FileNotFoundError, lambda: self.h5.restore(path + "q", comm=self.comm))

    def test_what_differs_is_refused(self):
        if self.comm.size > 1:
            texts = self.raises_everywhere(
                self.h5.Disagreement, lambda: self.h5.checkpoint(self.path("c"), {"r": self.comm.rank}, comm=self.comm))
            self.assertIn("Split", texts[0])


support.main()
