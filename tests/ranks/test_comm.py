"""Communicators: split, dup, their isolation and life time; the module's names; print."""
# SPDX-License-Identifier: MIT

import gc
import io
import os
import socket

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
        verbs = "send recv barrier bcast scatter gather allgather reduce allreduce split dup abort"
        for verb in verbs.split():
            with self.subTest(verb):
                doc = getattr(type(mpi.world), verb).__doc__
                self.assertRegex(doc or "", r"(Collective over|Local\.)")


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
