"""--check from inside: ranks that disagree in a collective all raise the same, and go on together."""
# SPDX-License-Identifier: MIT
# env: PYMPI_CHECK=1

import functools
import re

import mpi
import support
from support import numpy_or_skip


class Disagreement(support.Comms):
    over = ("world", "halves")

    def setUp(self):
        self.need(2)

    def differ(self, own, other, *words):
        """The last rank calls other, the rest own: all raise one text, which has the words."""
        odd = self.comm.rank == self.comm.size - 1
        with self.assertRaises(mpi.CollectiveMismatch) as caught:
            (other if odd else own)(self.comm)
        texts = self.everywhere(str(caught.exception))
        self.assertEqual(len(set(texts)), 1, texts)
        self.assertEqual(len(re.findall(r"test_check\.py:\d+ on rank \d", texts[0])), 2, texts[0])
        for word in words:
            self.assertIn(word, texts[0])
        self.assertEqual(self.comm.allreduce(1), self.comm.size)

    def test_verbs(self):
        calls = [("barrier()", lambda c: c.barrier()), ("bcast(root=0)", lambda c: c.bcast(1)),
                 ("scatter(root=0)", lambda c: c.scatter([0] * c.size)),
                 ("gather(root=0)", lambda c: c.gather(1)), ("allgather()", lambda c: c.allgather(1)),
                 ("alltoall()", lambda c: c.alltoall([0] * c.size)),
                 ("reduce(op=SUM, number, root=0)", lambda c: c.reduce(1)),
                 ("allreduce(op=SUM, number)", lambda c: c.allreduce(1)),
                 ("scan(op=SUM, number)", lambda c: c.scan(1)),
                 ("exscan(op=SUM, number)", lambda c: c.exscan(1)),
                 ("reduce_scatter(op=SUM)", lambda c: c.reduce_scatter([0] * c.size)),
                 ("split()", lambda c: c.split(0)), ("dup()", lambda c: c.dup()),
                 ("cart()", lambda c: c.cart(1)), ("ibarrier()", lambda c: c.ibarrier().wait()),
                 ("ibcast(root=0)", lambda c: c.ibcast(1).wait()),
                 ("iallreduce(op=SUM, number)", lambda c: c.iallreduce(1).wait())]
        for i, (text, call) in enumerate(calls):
            for other_text, other in calls[i + 1:]:
                with self.subTest(f"{text} {other_text}"):
                    self.differ(call, other, text, other_text)

    def test_roots(self):
        self.differ(lambda c: c.bcast(1, 0), lambda c: c.bcast(1, 1), "bcast(root=0)", "(root=1)")
        self.differ(lambda c: c.gather(1), lambda c: c.gather(1, 1), "root=0", "root=1")
        self.differ(lambda c: c.reduce(1, root=1), lambda c: c.reduce(1), "root=0", "root=1")
        self.differ(lambda c: c.igather(1).wait(), lambda c: c.igather(1, 1).wait(), "igather(")

    def test_operators(self):
        self.differ(lambda c: c.allreduce(1), lambda c: c.allreduce(1, mpi.MAX), "op=SUM", "op=MAX")
        self.differ(lambda c: c.allreduce(1, mpi.MAX), lambda c: c.allreduce(1, max),
                    "op=MAX", "op=callable")
        self.differ(lambda c: c.scan([1]), lambda c: c.scan([1], mpi.MIN), "op=MIN, list")
        self.differ(lambda c: c.reduce(1, max), lambda c: c.reduce(1, max, commutative=True),
                    "commutative")

    def test_types(self):
        self.differ(lambda c: c.allreduce([1]), lambda c: c.allreduce((1,)), "list", "tuple")
        self.differ(lambda c: c.allreduce(1), lambda c: c.allreduce("1"), "number", "str")

    def test_arrays(self):
        np = numpy_or_skip()
        for verb in ("reduce", "allreduce", "scan", "exscan", "iallreduce", "ireduce"):
            def give(array, comm, verb=verb):
                result = getattr(comm, verb)(array)
                return result.wait() if verb[0] == "i" else result
            cases = [(np.zeros(3), np.zeros(4), "float64[3]", "float64[4]"),
                     (np.zeros(3), np.zeros(3, "f4"), "float64[3]", "float32[3]"),
                     (np.zeros((2, 3)), np.zeros(6), "float64[2, 3]", "float64[6]"),
                     (np.zeros(100_000), np.zeros(100_001), "float64[100000]", "[100001]"),
                     (np.zeros(2, "M8[s]"), np.zeros(2, "M8[D]"), "datetime64[s]", "64[D]")]
            for one, other, *words in cases:
                with self.subTest(f"{verb} {words}"):
                    self.differ(functools.partial(give, one), functools.partial(give, other), *words)

    def test_axis_and_counts(self):
        np = numpy_or_skip()
        size = self.comm.size
        square = np.zeros((size, size))
        self.differ(lambda c: c.reduce_scatter(square, axis=0),
                    lambda c: c.reduce_scatter(square, axis=1), "axis=0", "axis=1")
        self.differ(lambda c: c.reduce_scatter(square, axis=0, counts=[size] + [0] * (size - 1)),
                    lambda c: c.reduce_scatter(square, axis=0, counts=[1] * size), "counts")

    def test_a_late_mistake(self):
        """The requests that were begun before are right, and give what they should."""
        first = self.comm.iallreduce(self.comm.rank)
        self.differ(lambda c: c.ibcast(1).wait(), lambda c: c.ibarrier().wait())
        self.assertEqual(first.wait(), sum(range(self.comm.size)))

    def test_it_is_an_error_of_mpi(self):
        self.assertTrue(issubclass(mpi.CollectiveMismatch, mpi.Error))
        self.assertTrue(issubclass(mpi.DeadlockError, mpi.Error))


class Agreement(support.Comms):
    """What is right, though not equal, goes through."""

    def test_ranks_know(self):
        self.assertIs(self.comm.checked, self.comm.size > 1)

    def test_numbers(self):
        comm = self.comm
        mixed = [True, 2, 3.5, 4 + 0j][comm.rank % 4]
        self.assertEqual(comm.allreduce(mixed), sum([True, 2, 3.5, 4][r % 4] for r in range(comm.size)))

    def test_an_array_without_dimensions(self):
        np = numpy_or_skip()
        values = [np.array(2.0), np.float64(2), 2.0, 2]
        self.assertEqual(self.comm.allreduce(values[self.comm.rank % 4]), 2 * self.comm.size)

    def test_callables_take_anything(self):
        comm = self.comm
        value = None if comm.rank else [1]
        self.assertEqual(comm.allreduce(value, lambda a, b: a or b), [1])

    def test_lists_of_any_length(self):
        comm = self.comm
        self.assertEqual(comm.allreduce([0] * comm.rank), [0] * sum(range(comm.size)))
        self.assertEqual(comm.gather([0] * comm.rank) is None, comm.rank != 0)

    def test_what_other_ranks_give_does_not_matter(self):
        comm = self.comm
        self.assertEqual(comm.bcast("x" if comm.rank == 0 else {}), "x")
        self.assertEqual(comm.scatter([7] * comm.size if comm.rank == 0 else "no"), 7)


if __name__ == "__main__":
    support.main()
