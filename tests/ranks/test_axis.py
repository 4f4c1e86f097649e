"""axis=: arrays that are cut for the ranks and joined again along one of their axes."""
# SPDX-License-Identifier: MIT

import functools
import operator

import mpi
import support
import values
from support import numpy_or_skip

REFUSED = (mpi.Error, ValueError, TypeError, OverflowError)


class Axis(support.Comms):
    def setUp(self):
        self.np = numpy_or_skip()
        self.me, self.ranks = self.comm.rank, self.comm.size

    def equal(self, got, want):
        self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape))
        self.assertTrue(values.same(got, want, self.np))

    def block(self, rank, length, axis, kind="f8"):
        """Each rank's own numbers, of a length along the axis."""
        shape = [3, 4]
        shape[axis] = length
        return (self.np.arange(shape[0] * shape[1]).reshape(shape) + 1000 * rank).astype(kind)

    def intact(self):
        self.assertEqual(self.comm.allgather(1), [1] * self.ranks)

    def refused(self, call, *words):
        with self.assertRaises(REFUSED) as caught:
            call()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.intact()


# Equal parts, growing ones, all but one empty, all empty, large ones on one rank.
LENGTHS = (lambda r: 2, lambda r: r, lambda r: 5 * (r == 1), lambda r: 0, lambda r: 1 + 30_000 * (r == 0))


class Joined(Axis):
    def test_gather(self):
        for length in LENGTHS:
            for axis in 0, 1, -1, -2:
                all_of = [self.block(r, length(r), axis) for r in range(self.ranks)]
                want = self.np.concatenate(all_of, axis)
                self.equal(self.comm.allgather(all_of[self.me], axis=axis), want)
                self.equal(self.comm.iallgather(all_of[self.me], axis=axis).wait(), want)
                for root in {0, self.ranks - 1}:
                    got = self.comm.gather(all_of[self.me], root, axis=axis)
                    if self.me == root:
                        self.equal(got, want)
                    else:
                        self.assertIsNone(got)

    def test_kinds(self):
        for kind in "?", "i1", "u8", "f2", "g", "D", ">i4", "S3", "U2", "M8[D]":
            all_of = [self.np.array([r, r + 1]).astype(kind) for r in range(self.ranks)]
            self.equal(self.comm.allgather(all_of[self.me], axis=0), self.np.concatenate(all_of))

    def test_layouts(self):
        for pick in self.np.asfortranarray, lambda a: a.T, lambda a: a[::2, ::-1]:
            all_of = [pick(self.block(r, 3, 0)) for r in range(self.ranks)]
            for axis in 0, 1:
                self.equal(self.comm.allgather(all_of[self.me], axis=axis),
                           self.np.concatenate(all_of, axis))

    def test_into(self):
        want = self.np.concatenate([self.block(r, r + 1, 0) for r in range(self.ranks)])
        mine = self.block(self.me, self.me + 1, 0)
        for target in self.np.empty_like(want), self.np.empty(want.shape, order="F"):
            self.assertIs(self.comm.allgather(mine, axis=0, into=target), target)
            self.equal(target, want)
            target = self.np.empty_like(want)
            got = self.comm.gather(mine, axis=0, into=target)
            self.assertIs(got, target if self.me == 0 else None)
        self.refused(lambda: self.comm.allgather(mine, axis=0, into=self.np.empty(1)),
                     "into", "allgather")

    def test_the_result_is_nobodys_argument(self):
        mine = self.np.zeros(3)
        got = self.comm.allgather(mine, axis=0)
        got += 1
        self.assertEqual(mine.sum(), 0)

    def test_a_bad_axis(self):
        """On every rank, whatever it gave."""
        for axis in 2, -3, 100:
            self.refused(lambda axis=axis: self.comm.allgather(self.block(self.me, 1, 0), axis=axis))
            if self.me == 0:
                self.assertRaises(REFUSED, self.comm.gather, self.block(0, 1, 0), axis=axis)
            else:
                self.assertIsNone(self.comm.gather(self.block(0, 1, 0), axis=axis))
            self.intact()

    def test_a_wrong_type(self):
        for axis in "0", 1.5, [0]:
            for verb in self.comm.gather, self.comm.allgather, self.comm.scatter, self.comm.alltoall:
                self.refused(lambda axis=axis, verb=verb: verb(self.block(0, 1, 0), axis=axis), "axis")

    def test_shapes_that_do_not_fit(self):
        self.need(2)
        mine = self.np.ones((2, 3 + self.me))
        self.refused(lambda: self.comm.allgather(mine, axis=0))
        self.equal(self.comm.allgather(mine, axis=1),
                   self.np.ones((2, sum(3 + r for r in range(self.ranks)))))

    def test_no_array_at_all(self):
        self.refused(lambda: self.comm.allgather(3, axis=0))


class Cut(Axis):
    def whole(self, length, axis):
        return self.block(9, length, axis)

    def test_scatter(self):
        """As numpy.array_split cuts."""
        for length in 0, 1, 3, 8, 1001, 40_003:
            for axis in 0, 1, -1:
                a = self.whole(length, axis)
                want = self.np.array_split(a, self.ranks, axis)[self.me]
                for root in {0, self.ranks - 1}:
                    mine = a if self.me == root else None
                    self.equal(self.comm.scatter(mine, root, axis=axis), want)
                    self.equal(self.comm.iscatter(mine, root, axis=axis).wait(), want)

    def counts(self):
        """Counts for which there is a length each."""
        n = self.ranks
        return ([1] * n, list(range(n)), [0] * (n - 1) + [7], [20_000] + [0] * (n - 1), [0] * n,
                [3 - r % 2 for r in range(n)])

    def test_scatter_with_counts(self):
        for counts in self.counts():
            for axis in 0, 1:
                a = self.whole(sum(counts), axis)
                cuts = list(self.np.cumsum(counts)[:-1])
                want = self.np.split(a, cuts, axis)[self.me]
                for form in counts, tuple(counts), self.np.array(counts):
                    self.equal(self.comm.scatter(a if self.me == 0 else None, axis=axis,
                                                 counts=form if self.me == 0 else None), want)

    def test_the_part_is_nobodys_argument(self):
        a = self.np.zeros((self.ranks, 3))
        for got in (self.comm.scatter(a, axis=0), self.comm.alltoall(a, axis=0),
                    self.comm.reduce_scatter(a, axis=0), self.comm.reduce_scatter(a, mpi.MAX, axis=0),
                    self.comm.ireduce_scatter(a, mpi.MAX, axis=0).wait(),
                    self.comm.reduce_scatter(list(a), mpi.MAX)):
            got += 1
            self.assertEqual(a.sum(), 0)

    def test_scatter_a_list(self):
        got = self.comm.scatter([[1, 2]] * self.ranks, axis=1)
        want = self.np.array_split(self.np.array([[1, 2]] * self.ranks), self.ranks, 1)[self.me]
        self.equal(got, want)

    def test_scatter_a_tuple(self):
        for verb in self.comm.scatter, self.comm.reduce_scatter:
            got = verb((7,) * self.ranks, axis=0)
            self.assertEqual(got.tolist(), [7 if verb == self.comm.scatter else 7 * self.ranks])

    def test_scatter_into(self):
        a = self.whole(2 * self.ranks, 0)
        target = self.np.zeros((2, 4))
        self.assertIs(self.comm.scatter(a, axis=0, into=target), target)
        self.equal(target, a[2 * self.me:2 * self.me + 2])
        target = self.np.zeros((3, 4, 2))[:, :, 1]
        a = self.whole(4 * self.ranks, 1)
        self.assertIs(self.comm.scatter(a, axis=1, into=target), target)
        self.equal(target.copy(), a[:, 4 * self.me:4 * self.me + 4])

    def test_alltoall(self):
        for axis in 0, 1:
            for length in 1, 2 * self.ranks, 5000:
                all_of = [self.block(r, length, axis) for r in range(self.ranks)]
                parts = [self.np.array_split(a, self.ranks, axis)[self.me] for a in all_of]
                want = self.np.concatenate(parts, axis)
                self.equal(self.comm.alltoall(all_of[self.me], axis=axis), want)
                self.equal(self.comm.ialltoall(all_of[self.me], axis=axis).wait(), want)

    def test_alltoall_with_counts_of_each_rank(self):
        def counts(rank):
            return [(rank + 2 * to) % 4 for to in range(self.ranks)]
        all_of = [self.block(r, sum(counts(r)), 0) for r in range(self.ranks)]
        parts = []
        for rank, a in enumerate(all_of):
            start = sum(counts(rank)[:self.me])
            parts.append(a[start:start + counts(rank)[self.me]])
        got = self.comm.alltoall(all_of[self.me], axis=0, counts=counts(self.me))
        self.equal(got, self.np.concatenate(parts))
        target = self.np.zeros_like(got)
        self.assertIs(self.comm.alltoall(all_of[self.me], axis=0, counts=counts(self.me),
                                         into=target), target)
        self.equal(target, got)

    def test_reduce_scatter(self):
        for axis in 0, 1, -1:
            for length in 1, 2 * self.ranks, 7, 30_000:
                all_of = [self.block(r, length, axis) for r in range(self.ranks)]
                for op, function in ((mpi.SUM, operator.add), (mpi.MAX, self.np.maximum),
                                     (self.np.minimum, self.np.minimum)):
                    whole = functools.reduce(function, all_of)
                    want = self.np.array_split(whole, self.ranks, axis)[self.me]
                    self.equal(self.comm.reduce_scatter(all_of[self.me], op, axis=axis), want)
                    self.equal(self.comm.ireduce_scatter(all_of[self.me], op, axis=axis).wait(), want)

    def test_reduce_scatter_with_counts(self):
        for counts in self.counts():
            a = self.whole(sum(counts), 0)
            cuts = list(self.np.cumsum(counts)[:-1])
            want = self.np.split(a * self.ranks, cuts)[self.me]
            self.equal(self.comm.reduce_scatter(a, axis=0, counts=counts), want)
            target = self.np.zeros_like(want)
            self.assertIs(self.comm.reduce_scatter(a, axis=0, counts=counts, into=target), target)
            self.equal(target, want)


class Wrong(Axis):
    """On every rank an exception, and nobody hangs."""

    def test_counts_that_do_not_add_up(self):
        n, a = self.ranks, self.np.ones((2 * self.ranks, 3))
        for counts in ([1] * n, [3] * n, [2] * (n + 1), [2] * (n - 1), [-1] + [2] * (n - 1),
                       [2**70] * n, ["2"] * n, 7, [1.5] * n):
            with self.subTest(repr(counts)):
                for verb in self.comm.scatter, self.comm.alltoall, self.comm.reduce_scatter:
                    self.refused(lambda c=counts, verb=verb: verb(a, axis=0, counts=c))
                if n > 1 and self.me:       # nobody but root knows counts
                    self.refused(lambda: self.comm.scatter(None, axis=0), "rank 0")
                elif n > 1:
                    self.refused(lambda c=counts: self.comm.scatter(a, axis=0, counts=c))

    def test_negative_counts_that_add_up(self):
        self.need(2)
        counts = [-2, 4] + [2] * (self.ranks - 2)
        a = self.np.ones(sum(counts))
        for verb in self.comm.scatter, self.comm.alltoall, self.comm.reduce_scatter:
            self.refused(lambda verb=verb: verb(a, axis=0, counts=counts), "counts")

    def test_counts_without_an_axis(self):
        for verb in self.comm.scatter, self.comm.alltoall, self.comm.reduce_scatter:
            self.refused(lambda verb=verb: verb([1] * self.ranks, counts=[1] * self.ranks), "counts")

    def test_a_bad_axis(self):
        a = self.np.ones((4, 4))
        for axis in 2, -3, 2**40, 2**70:
            with self.subTest(axis):
                for verb in self.comm.scatter, self.comm.alltoall, self.comm.reduce_scatter:
                    self.refused(lambda axis=axis, verb=verb: verb(a, axis=axis))
        for verb in self.comm.scatter, self.comm.alltoall, self.comm.reduce_scatter:
            self.refused(lambda verb=verb: verb(self.np.array(3.0), axis=0), "axis")
            self.refused(lambda verb=verb: verb(5, axis=0))

    def test_one_rank_alone_is_wrong(self):
        """The others are told, or get what they can."""
        self.need(2)
        for wrong in range(self.ranks):
            counts = [2] * self.ranks if self.me == wrong else [1] * self.ranks
            a = self.np.ones((self.ranks, 2))
            with self.assertRaises(REFUSED):
                self.comm.alltoall(a, axis=0, counts=counts)
            self.intact()
            try:        # what was combined whole each rank cuts for itself
                self.comm.reduce_scatter(a, axis=0, counts=counts)
                self.assertNotEqual(self.me, wrong)
            except REFUSED:
                pass
            self.intact()

    def test_one_rank_alone_is_wrong_in_gather(self):
        self.need(2)
        mine = self.np.ones((1, 3 - (self.me == 1)))
        self.refused(lambda: self.comm.allgather(mine, axis=0))
        if self.me == 0:
            self.assertRaises(REFUSED, self.comm.gather, mine, axis=0)
        else:
            self.assertIsNone(self.comm.gather(mine, axis=0))
        self.intact()


support.main()
