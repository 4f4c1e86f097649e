"""Communicators: split, dup, slices, node; identity, life time, mpi4py's; names; print."""
# SPDX-License-Identifier: MIT

import copy
import ctypes
import gc
import io
import os
import pickle
import socket
import sys

import mpi
import support


class Names(support.Comms):
    over = ("world",)

    def test_rank_and_size(self):
        self.assertEqual((mpi.rank, mpi.size), (mpi.world.rank, mpi.world.size))
        self.assertEqual(self.everywhere(mpi.rank), list(range(mpi.size)))
        self.assertIs(type(mpi.rank), int)

    def test_app_is_the_world_when_alone(self):
        self.assertEqual((mpi.app.rank, mpi.app.size), (mpi.rank, mpi.size))

    def test_host(self):
        self.assertIs(type(mpi.host), str)
        self.assertEqual(mpi.host.split(".")[0], socket.gethostname().split(".")[0])

    def test_error_is_an_exception(self):
        self.assertTrue(issubclass(mpi.Error, Exception))

    def test_operators_are_distinct(self):
        names = "SUM PROD MIN MAX LAND LOR LXOR BAND BOR BXOR".split()
        self.assertEqual(len({id(getattr(mpi, n)) for n in names}), len(names))

    def test_read_only(self):
        for name in ("rank", "size"):
            with self.assertRaises((AttributeError, TypeError)):
                setattr(mpi.world, name, 7)

    def test_one_module(self):
        """`import mpi` and `from pympi import mpi` are the same object."""
        from pympi import mpi as other
        self.assertIs(other, mpi)

    def test_docstrings_say_who_takes_part(self):
        """The second line says "Collective over comm." or "Local."."""
        verbs = ("send recv barrier bcast scatter gather allgather reduce allreduce split dup abort "
                 "cart inter spawn free to_mpi4py")
        for verb in verbs.split():
            with self.subTest(verb):
                doc = getattr(type(mpi.world), verb).__doc__
                self.assertRegex(doc or "", r"(Collective over|Local\.)")


class About(support.Comms):
    """What the module tells of MPI."""
    over = ("world",)

    def test_version(self):
        self.assertEqual([type(n) for n in mpi.version], [int, int])
        self.assertGreaterEqual(mpi.version, (3, 0))

    def test_library(self):
        self.assertIs(type(mpi.library), str)
        self.assertEqual(mpi.library, mpi.library.strip())
        self.assertNotEqual(mpi.library, "")

    def test_thread_level(self):
        self.assertIn(mpi.thread_level, ("single", "funneled", "serialized", "multiple"))

    def test_wtime(self):
        start = mpi.wtime()
        self.assertIs(type(start), float)
        self.assertGreaterEqual(mpi.wtime(), start)

    def test_nobody_started_this_job(self):
        self.assertIsNone(mpi.parent)

    def test_node(self):
        node = mpi.world.node
        self.assertIs(node, mpi.world.node)
        self.assertEqual(node.allgather(mpi.rank), sorted(node.allgather(mpi.rank)))
        self.assertEqual(set(node.allgather(mpi.host)), {mpi.host})

    def test_node_is_local(self):
        """One rank may look while the others do something else."""
        if mpi.rank == 0:
            self.assertGreaterEqual(mpi.world.node.size, 1)
        self.assertEqual(mpi.allreduce(1), mpi.size)

    def test_node_has_messages_of_its_own(self):
        node = mpi.world.node
        node.send("node", node.rank, 3)
        mpi.send("world", mpi.rank, 3)
        self.assertEqual((mpi.recv(tag=3), node.recv(tag=3)), ("world", "node"))

    def test_only_the_world_has_its_node_ready(self):
        with self.assertRaisesRegex(AttributeError, r"split\(mpi.host\)"):
            self.comm.dup().node


class Slices(support.Comms):
    def members(self, part):
        return part and part.allgather(self.comm.rank)

    def check(self, key, want):
        part = self.comm[key]
        self.assertEqual(self.members(part), want if self.comm.rank in want else None)
        if part:
            self.assertIs(type(part), mpi.Comm)
            self.assertEqual(part.rank, want.index(self.comm.rank))

    def test_slices(self):
        ranks = list(range(self.comm.size))
        for key in (slice(None), slice(None, None, 2), slice(1, None), slice(None, None, -1),
                    slice(-1, None), slice(1, 1), slice(90, 99)):
            with self.subTest(key):
                self.check(key, ranks[key])

    def test_lists(self):
        last = self.comm.size - 1
        for want in ([0], [last], [*{0, last}], sorted({0, last}, reverse=True), []):
            with self.subTest(want):
                self.check(want, want)
                self.check(tuple(want), want)
                self.check(iter(want), want)
        self.check(range(self.comm.size), list(range(self.comm.size)))

    def test_numpy(self):
        np = support.numpy_or_skip()
        self.check(np.arange(self.comm.size)[::-1], list(range(self.comm.size))[::-1])

    def test_only_members_need_to_come(self):
        """Also many times: the numbers of the collectives stay the same on all ranks."""
        for i in range(20):
            if self.comm.rank % 2 == 0:
                self.check(slice(None, None, 2), list(range(0, self.comm.size, 2)))
            if i % 5 == 0:
                self.assertEqual(self.comm.allreduce(1), self.comm.size)

    def test_overlapping(self):
        """Each two ranks come to the slices that both are in in one order."""
        ranks = range(self.comm.size)
        pairs = [[a, b] for a in ranks for b in ranks if a < b]
        for pair in pairs:
            if self.comm.rank in pair:
                self.check(pair, pair)
        self.assertEqual(self.comm.allreduce(1), self.comm.size)

    def test_of_a_slice(self):
        part = self.comm[::-1][::-1]
        self.assertEqual(self.members(part), list(range(self.comm.size)))

    def test_messages_in_a_slice(self):
        part = self.comm[::-1]
        part.send(("big", bytes(100_000), self.comm.rank), part.rank, 7)
        self.assertEqual(part.recv(part.rank, 7)[2], self.comm.rank)

    def test_wrong_ranks(self):
        size = self.comm.size
        for key, error, text in (([size], ValueError, f"rank {size} is not"),
                                 ([-1], ValueError, "-1 is not"),
                                 ([0, 0], ValueError, "rank 0 is there twice"),
                                 ([0.5], TypeError, "not 0.5"), (["a"], TypeError, "not 'a'"),
                                 (0, TypeError, "0 is no slice"), (None, TypeError, "None is no"),
                                 (slice(0, "x"), TypeError, "indices")):
            with self.subTest(key), self.assertRaisesRegex(error, text):
                self.comm[key]
        self.assertEqual(self.comm.allreduce(1), size)

    def test_not_iterable(self):
        with self.assertRaises(TypeError):
            iter(self.comm)
        with self.assertRaises(TypeError):
            len(self.comm)


class Identity(support.Comms):
    def test_equality(self):
        other = self.comm.dup()
        self.assertEqual(self.comm, self.comm)
        self.assertNotEqual(self.comm, other)
        self.assertNotEqual(self.comm, None)
        self.assertNotEqual(self.comm, self.comm.handle)
        self.assertEqual(len({self.comm, self.comm, other}), 2)
        with self.assertRaises(TypeError):
            self.comm < other

    def test_equal_when_wrapped(self):
        same = mpi.from_handle(self.comm.handle)
        self.assertEqual((same, hash(same)), (self.comm, hash(self.comm)))
        same.free()
        self.assertNotEqual(same, self.comm)
        self.assertEqual(hash(same), hash(self.comm))

    def test_freed_is_itself_only(self):
        a, b = self.comm.dup(), self.comm.dup()
        a.free(), b.free()
        self.assertEqual(a, a)
        self.assertNotEqual(a, b)

    def test_name(self):
        copy = self.comm.dup()
        copy.name = "käse"
        self.assertEqual(copy.name, "käse")
        copy.name = "x" * 63
        self.assertEqual(copy.name, "x" * 63)
        for bad, error in (("x" * 64, ValueError), ("a\0b", ValueError), (3, TypeError),
                           (None, TypeError)):
            with self.assertRaisesRegex(error, "name"):
                copy.name = bad
        with self.assertRaises((AttributeError, TypeError)):
            del copy.name
        self.assertEqual(mpi.world.name, "world")

    def test_no_pickling(self):
        for call in (pickle.dumps, copy.copy, copy.deepcopy):
            with self.assertRaisesRegex(TypeError, "cannot be pickled"):
                call(self.comm)
        with self.assertRaisesRegex(TypeError, "cannot be pickled"):
            self.comm.send(self.comm, 0)

    def test_not_made_by_calling(self):
        class Mine(mpi.Comm):
            pass

        for kind in (mpi.Comm, mpi.Cart, mpi.Inter, Mine):
            with self.assertRaises(TypeError):
                kind()
            with self.assertRaises(TypeError):
                object.__new__(kind)

    def test_is_no_inter(self):
        self.assertIs(self.comm.is_inter, False)
        self.assertIs(self.comm.checked, False)


class Handles(support.Comms):
    def test_from_handle(self):
        base = self.comm.dup()
        same = mpi.from_handle(base.handle)
        self.assertEqual((same.rank, same.size), (base.rank, base.size))
        self.assertEqual(same.allgather(same.rank), list(range(base.size)))
        base.send("by the first", base.rank)
        self.assertEqual(same.recv(), "by the first")
        same.free()
        with self.assertRaises(mpi.Error):
            same.barrier()
        base.barrier()

    def test_large_messages_by_a_wrapped_one(self):
        same = mpi.from_handle(self.comm.dup()[::-1].handle)
        value = bytes(300_000)
        self.assertEqual(same.bcast(value if same.rank == 0 else None), value)

    def test_wrong_handles(self):
        for bad, error in ((0, ValueError), (-1, ValueError), (2**70, ValueError),
                           ("x", TypeError), (1.5, TypeError), (None, TypeError)):
            with self.subTest(bad), self.assertRaisesRegex(error, "from_handle"):
                mpi.from_handle(bad)

    def test_table_for_modules_in_c(self):
        get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
        get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, (ctypes.py_object,
                                                                      ctypes.c_char_p)
        import _pympi_mpi
        table = ctypes.cast(get_pointer(_pympi_mpi._C_API, b"_pympi_mpi._C_API"),
                            ctypes.POINTER(ctypes.c_void_p))
        self.assertEqual(ctypes.cast(table, ctypes.POINTER(ctypes.c_int))[0], 2)
        users = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object,
                                  ctypes.POINTER(ctypes.c_void_p))(table[1])
        handle = ctypes.c_void_p()
        self.assertEqual(users(self.comm, ctypes.byref(handle)), 0)
        self.assertEqual(handle.value, self.comm.handle)
        with self.assertRaisesRegex(TypeError, "7 is no communicator"):
            users(7, ctypes.byref(handle))


class Mpi4py(support.Comms):
    def setUp(self):
        try:
            from mpi4py import MPI
        except ImportError:
            self.skipTest("mpi4py is not installed")
        self.MPI = MPI

    def test_to(self):
        theirs = self.comm.to_mpi4py()
        self.assertIs(type(theirs), self.MPI.Intracomm)
        self.assertEqual((theirs.rank, theirs.size), (self.comm.rank, self.comm.size))
        self.assertEqual(theirs.allreduce(1), self.comm.size)

    def test_from(self):
        theirs = self.comm.to_mpi4py().Dup()
        ours = mpi.from_mpi4py(theirs)
        self.assertEqual(ours.allgather(ours.rank), list(range(self.comm.size)))
        ours.send(b"x" * 100_000, ours.rank)
        self.assertEqual(len(ours.recv()), 100_000)
        ours.free()
        theirs.Free()

    def test_there_and_back(self):
        back = mpi.from_mpi4py(self.comm.to_mpi4py())
        self.assertEqual(back, self.comm)
        back.free()

    def test_their_split(self):
        theirs = self.comm.to_mpi4py().Split(self.comm.rank % 2, -self.comm.rank)
        ours = mpi.from_mpi4py(theirs)
        self.assertEqual((ours.rank, ours.size), (theirs.rank, theirs.size))
        self.assertEqual(ours.allreduce(1), ours.size)

    def test_their_world(self):
        if self.comm is mpi.world:
            ours = mpi.from_mpi4py(self.MPI.COMM_WORLD)
            self.assertEqual((ours.rank, ours.size), (mpi.rank, mpi.size))
            ours.free()
        ours = mpi.from_mpi4py(self.MPI.COMM_SELF)
        self.assertEqual((ours.rank, ours.size), (0, 1))

    def test_wrong(self):
        with self.assertRaisesRegex(TypeError, "7 is no communicator"):
            mpi.from_mpi4py(7)
        with self.assertRaisesRegex(ValueError, "MPI_COMM_NULL"):
            mpi.from_mpi4py(self.MPI.COMM_NULL)
        copy = self.comm.dup()
        copy.free()
        with self.assertRaisesRegex(mpi.Error, "freed"):
            copy.to_mpi4py()


class Without(support.Comms):
    """Where mpi4py is not installed."""

    def test_no_mpi4py(self):
        kept = {n: sys.modules.pop(n) for n in [*sys.modules] if n.split(".")[0] == "mpi4py"}
        sys.modules["mpi4py"] = None
        try:
            for call in (self.comm.to_mpi4py, lambda: mpi.from_mpi4py(7)):
                with self.assertRaisesRegex(ImportError, "mpi4py cannot be imported"):
                    call()
        finally:
            del sys.modules["mpi4py"]
            sys.modules.update(kept)


class Split(support.Comms):
    def members(self, comm):
        """The ranks in self.comm of comm's members, in comm's order."""
        return comm.allgather(self.comm.rank)

    def test_parity(self):
        me, n = self.comm.rank, self.comm.size
        half = self.comm.split(me % 2)
        self.assertEqual(self.members(half), [r for r in range(n) if r % 2 == me % 2])
        self.assertEqual((half.rank, half.size), (me // 2, len(self.members(half))))

    def test_any_object_as_colour(self):
        for colours in (["a", "b"], [(1, 2), (1, 3)], [2**90, -5], [b"x", "x"], [1.5, 2.5],
                        [frozenset("a"), frozenset("b")], ["", "long" * 5000]):
            part = self.comm.split(colours[self.comm.rank % 2])
            self.assertEqual(self.members(part),
                             [r for r in range(self.comm.size) if r % 2 == self.comm.rank % 2])

    def test_equal_colours_of_different_types_share(self):
        part = self.comm.split([1, 1.0, True, 1][self.comm.rank])
        self.assertEqual(part.size, self.comm.size)

    def test_negative_and_large_ints(self):
        for colour in (-1, -2**31, 2**31, 2**63):
            self.assertEqual(self.comm.split(colour).size, self.comm.size)

    def test_none_is_in_none(self):
        part = self.comm.split(None if self.comm.rank == 0 else "rest")
        if self.comm.rank == 0:
            self.assertIsNone(part)
        else:
            self.assertEqual(self.members(part), list(range(1, self.comm.size)))

    def test_undefined_is_in_none(self):
        part = self.comm.split(mpi.UNDEFINED if self.comm.rank == 0 else "rest")
        self.assertEqual(part is None, self.comm.rank == 0)

    def test_none_everywhere(self):
        self.assertIsNone(self.comm.split(None))

    def test_each_alone(self):
        alone = self.comm.split(self.comm.rank)
        self.assertEqual((alone.rank, alone.size), (0, 1))
        self.assertEqual(alone.bcast(self.comm.rank), self.comm.rank)

    def test_key_orders(self):
        part = self.comm.split(0, -self.comm.rank)
        self.assertEqual(self.members(part), list(reversed(range(self.comm.size))))
        part = self.comm.split(color=0, key=self.comm.rank % 2)
        self.assertEqual(self.members(part),
                         sorted(range(self.comm.size), key=lambda r: (r % 2, r)))

    def test_equal_keys_keep_the_order(self):
        self.assertEqual(self.members(self.comm.split("x", 5)), list(range(self.comm.size)))

    def test_of_a_split(self):
        first = self.comm.split(self.comm.rank % 2)
        second = first.split(first.rank % 2)
        same = [r for r in range(self.comm.size) if r % 4 == self.comm.rank % 4]
        self.assertEqual(self.members(second), same)

    def test_verbs_on_a_part(self):
        part = self.comm.split(self.comm.rank % 2)
        self.assertEqual(part.allreduce(1), part.size)
        part.send(self.comm.rank, (part.rank + 1) % part.size)
        self.assertEqual(part.recv() % 2, self.comm.rank % 2)

    def test_parts_work_at_different_pace(self):
        part = self.comm.split(self.comm.rank % 2)
        for _ in range(1 + 50 * (self.comm.rank % 2)):
            self.assertEqual(part.allreduce(1), part.size)
        self.comm.barrier()

    def test_bad_key(self):
        with self.assertRaises(TypeError):
            self.comm.split(0, "key")
        self.comm.barrier()


class Dup(support.Comms):
    def test_rank_and_size(self):
        copy = self.comm.dup()
        self.assertEqual((copy.rank, copy.size), (self.comm.rank, self.comm.size))
        self.assertIsNot(copy, self.comm)

    def test_messages_do_not_cross(self):
        copy = self.comm.dup()
        copy.send("on the copy", self.right(), 4)
        self.comm.send("on the first", self.right(), 4)
        self.assertEqual(self.comm.recv(self.left(), 4), "on the first")
        self.assertEqual(copy.recv(self.left(), 4), "on the copy")

    def test_any_source_does_not_cross(self):
        copy = self.comm.dup()
        copy.send("copy", self.comm.rank)
        self.comm.send("first", self.comm.rank)
        self.assertEqual((self.comm.recv(), copy.recv()), ("first", "copy"))

    def test_collectives_interleave(self):
        copy = self.comm.dup()
        for i in range(20):
            self.assertEqual(copy.bcast(("c", i)), ("c", i))
            self.assertEqual(self.comm.bcast(("f", i)), ("f", i))

    def test_dup_of_dup(self):
        self.assertEqual(self.comm.dup().dup().dup().allreduce(1), self.comm.size)


class LifeTime(support.Comms):
    def test_many_made_and_dropped(self):
        """More than MPI has context numbers for, were they never given back."""
        for i in range(5000 if support.FULL else 400):
            part = self.comm.split(i % 3)
            if i % 50 == 0:
                self.assertEqual(part.allreduce(1), self.comm.size)

    def test_dropped_at_different_times(self):
        """A drop is no collective: ranks may drop in any order, or not at all."""
        kept = []
        for i in range(60):
            c = self.comm.dup()
            if i % (self.comm.rank + 2) == 0:
                kept.append(c)
        del c
        if self.comm.rank % 2:
            kept.reverse()
        while kept:
            kept.pop()
        gc.collect()
        self.assertEqual(self.comm.allreduce(1), self.comm.size)

    def test_dropped_in_a_cycle(self):
        ring = [self.comm.dup()]
        ring.append(ring)
        del ring
        if self.comm.rank == 0:
            gc.collect()
        self.assertEqual(self.comm.dup().allreduce(1), self.comm.size)

    def test_a_part_outlives_its_parent(self):
        parent = self.comm.dup()
        part = parent.split(0)
        del parent
        self.assertEqual(self.comm.dup().size, part.allreduce(1))

    def test_messages_outlive_a_drop_of_another(self):
        a, b = self.comm.dup(), self.comm.dup()
        b.send("kept", self.right())
        del a
        self.comm.barrier()
        self.assertEqual(b.recv(self.left()), "kept")


class With(support.Comms):
    def test_frees(self):
        with self.comm.dup() as copy:
            self.assertEqual(copy.allreduce(1), self.comm.size)
        with self.assertRaisesRegex(mpi.Error, "freed"):
            copy.barrier()

    def test_freed_inside(self):
        with self.comm.dup() as copy:
            copy.free()

    def test_an_exception_on_one_rank_makes_it_wait_for_nobody(self):
        copy = self.comm.dup()
        if self.comm.rank == 0:
            with self.assertRaises(KeyError), copy:
                raise KeyError("rank 0 leaves")
        self.assertEqual(self.comm.allreduce(1), self.comm.size)

    def test_the_world_stays(self):
        for comm in (mpi.world, mpi.world.node):
            with self.assertRaisesRegex(ValueError, "free"):
                comm.free()
            with self.assertRaisesRegex(ValueError, "free"), comm:
                self.fail("the block began")

    def test_everything_of_a_freed_one_is_refused(self):
        copy = self.comm.dup()
        copy.free()
        for call in (lambda: copy.name, lambda: copy.handle, lambda: copy[::2], copy.dup,
                     lambda: copy.split(0), lambda: copy.cart(1), lambda: copy.send(1, 0),
                     lambda: copy.inter(mpi.world, 0), copy.spawn, copy.to_mpi4py):
            with self.assertRaisesRegex(mpi.Error, "freed"):
                call()
        with self.assertRaisesRegex(ValueError, "freed"):
            copy.free()
        self.assertIn("freed", repr(copy))


class Print(support.Comms):
    """mpi.print writes once, or in rank order."""
    over = ("world",)

    def printed(self, *args, **kw):
        out = io.StringIO()
        mpi.print(*args, file=out, **kw)
        return self.everywhere(out.getvalue())

    def test_once(self):
        rest = [""] * (mpi.size - 1)
        self.assertEqual(self.printed("a", 1), ["a 1\n", *rest])
        self.assertEqual(self.printed("a", 1, sep="-", end="!"), ["a-1!", *rest])
        self.assertEqual(self.printed(), ["\n", *rest])

    def test_ordered(self):
        want = "".join(f"rank {r}\n" for r in range(mpi.size))
        self.assertEqual("".join(self.printed("rank", mpi.rank, ordered=True)), want)

    def test_ordered_with_nothing_on_some(self):
        args = ("x",) if mpi.rank % 2 else ()
        got = "".join(self.printed(*args, ordered=True, end=";"))
        self.assertEqual(got, "".join("x;" if r % 2 else ";" for r in range(mpi.size)))

    def test_to_stdout(self):
        with open(os.devnull, "w", encoding="utf-8") as null:
            self.assertIsNone(mpi.print("x", file=null, flush=True))


support.main()
