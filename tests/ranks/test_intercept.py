"""MPI's blocking calls in front of MPI: mpi4py's answers are right, whatever the call and the type."""
# SPDX-License-Identifier: MIT

import unittest

import mpi
import support

try:
    import numpy as np
    from mpi4py import MPI
except ImportError as missing:
    raise unittest.SkipTest(str(missing)) from None


class Calls(support.Comms):
    """self.world is mpi4py's communicator of the same ranks as self.comm."""

    def setUp(self):
        self.ranks, self.me = self.comm.size, self.comm.rank
        members = self.everywhere(mpi.rank)
        self.world = MPI.COMM_WORLD.Create_group(MPI.COMM_WORLD.Get_group().Incl(members), members[0])
        self.addCleanup(self.world.Free)

    def mine(self, count, kind="f8"):
        return np.arange(count, dtype=kind) + 100 * self.me

    def of(self, rank, count):
        return np.arange(count, dtype="f8") + 100 * rank

    def test_messages(self):
        for count in (0, 1, 1000, 1 << 18):
            got = np.empty(count)
            self.world.Sendrecv(self.mine(count), self.right(), 3, got, self.left(), 3)
            self.assertTrue((got == self.of(self.left(), count)).all())
            request = self.world.Isend(self.mine(count), self.right(), 4)
            status = MPI.Status()
            self.world.Probe(self.left(), 4, status)
            self.assertEqual(status.Get_count(MPI.DOUBLE), count)
            self.world.Mprobe(self.left(), 4).Recv(got)
            request.Wait()
            self.assertTrue((got == self.of(self.left(), count)).all())

    def test_many_requests(self):
        got = [np.empty(5) for _ in range(self.ranks)]
        requests = [self.world.Irecv(got[r], r) for r in range(self.ranks)]
        sent = [self.world.Isend(self.mine(5), r) for r in range(self.ranks)]
        first = MPI.Request.Waitany(requests)
        self.assertIn(first, range(self.ranks))
        some = MPI.Request.Waitsome(requests) or []
        MPI.Request.Waitall(requests + sent)
        self.assertLessEqual(len(some), self.ranks)
        for rank in range(self.ranks):
            self.assertTrue((got[rank] == self.of(rank, 5)).all())

    def test_nothing_to_wait_for(self):
        none = [MPI.REQUEST_NULL] * 2
        self.assertEqual(MPI.Request.Waitany(none), MPI.UNDEFINED)
        self.assertIsNone(MPI.Request.Waitsome(none))
        MPI.Request.Waitall(none)
        self.world.Recv(bytearray(1), MPI.PROC_NULL)
        self.world.Send(b"x", MPI.PROC_NULL)

    def test_one_to_all_and_back(self):
        for root in range(self.ranks):
            data = self.mine(7) if self.me == root else np.empty(7)
            self.world.Bcast(data, root)
            self.assertTrue((data == self.of(root, 7)).all())
            whole = np.empty((self.ranks, 7)) if self.me == root else None
            self.world.Gather(self.mine(7), whole, root)
            if self.me == root:
                self.assertTrue((whole[:, 0] == 100 * np.arange(self.ranks)).all())
            self.world.Scatter(whole, data, root)
            self.assertTrue((data == self.mine(7)).all())

    def test_small_ones_again_and_again(self):
        """The first few go to MPI, the others are our own trees: the same answers, the same bits."""
        for turn in range(40):
            root = turn % self.ranks
            data = self.mine(3) if self.me == root else np.empty(3)
            self.world.Bcast(data, root)
            self.assertTrue((data == self.of(root, 3)).all())
            least, total = np.empty(3), np.full(3, -1.0)
            self.world.Allreduce(self.mine(3), least, MPI.MIN)
            self.assertTrue((least == self.of(0, 3)).all())
            self.world.Reduce(self.mine(3), total if self.me == root else None, MPI.SUM, root)
            want = sum(self.of(r, 3) for r in range(self.ranks))
            self.assertTrue((total == (want if self.me == root else -1)).all())
            total = self.mine(3)
            self.world.Allreduce(MPI.IN_PLACE, total)
            self.assertTrue((total == want).all())
            if self.me == root:
                self.world.Reduce(MPI.IN_PLACE, total, root=root)
                self.assertTrue((total == self.ranks * want).all())
            else:
                self.world.Reduce(total, None, root=root)
            self.world.Barrier()
        rounding = np.array([0.1 * (self.me + 1)])
        self.world.Allreduce(MPI.IN_PLACE, rounding)
        self.assertEqual(len(set(self.world.allgather(rounding.tobytes()))), 1)

    def test_what_mpi_refuses_it_still_refuses(self):
        for _ in range(20):
            with self.assertRaises(MPI.Exception):
                self.world.Bcast(np.empty(1), self.ranks)
            with self.assertRaises(MPI.Exception):
                self.world.Allreduce(np.ones(1), np.empty(1), MPI.BAND)
            self.world.Barrier()

    def test_pairs_of_value_and_place(self):
        pair = np.zeros(1, dtype=[("value", "f8"), ("place", "i4")])
        pair["value"], pair["place"] = -self.me, self.me
        for _ in range(20):
            got = np.zeros_like(pair)
            self.world.Allreduce([pair, 1, MPI.DOUBLE_INT], [got, 1, MPI.DOUBLE_INT], MPI.MINLOC)
            self.assertEqual(got["place"][0], self.ranks - 1)

    def test_communicators_come_and_go(self):
        for _ in range(30):
            copy = self.world.Dup()
            for _ in range(20):
                copy.Barrier()
            copy.Free()

    def test_counts_of_each(self):
        counts = [r + 1 for r in range(self.ranks)]
        whole = np.empty(sum(counts))
        self.world.Allgatherv(self.mine(self.me + 1), (whole, counts))
        want = np.concatenate([self.of(r, r + 1) for r in range(self.ranks)])
        self.assertTrue((whole == want).all())
        at_root = np.empty(sum(counts)) if self.me == 0 else None
        self.world.Gatherv(self.mine(self.me + 1), (at_root, counts), 0)
        back = np.empty(self.me + 1)
        self.world.Scatterv((at_root, counts), back, 0)
        self.assertTrue((back == self.mine(self.me + 1)).all())

    def test_all_to_all(self):
        out = np.arange(self.ranks) * 1.0 + 100 * self.me
        got = np.empty(self.ranks)
        self.world.Alltoall(out, got)
        want = 100.0 * np.arange(self.ranks) + self.me
        self.assertTrue((got == want).all())
        ones = [1] * self.ranks
        self.world.Alltoallv((out, ones), (got, ones))
        self.assertTrue((got == want).all())

    def test_columns(self):
        """Alltoallw of subarrays, as the Fourier transforms of mpi4py-fft make them."""
        rows, columns = 2, 3 * self.ranks
        out = self.me + np.arange(rows * columns).reshape(rows, columns) / 100
        got = np.empty((rows * self.ranks, 3))
        out_types = [MPI.DOUBLE.Create_subarray(out.shape, (rows, 3), (0, 3 * r)).Commit()
                     for r in range(self.ranks)]
        in_types = [MPI.DOUBLE.Create_subarray(got.shape, (rows, 3), (rows * r, 0)).Commit()
                    for r in range(self.ranks)]
        self.world.Alltoallw([out, out_types], [got, in_types])
        for rank in range(self.ranks):
            theirs = rank + np.arange(rows * columns).reshape(rows, columns) / 100
            block = theirs[:, 3 * self.me:3 * self.me + 3]
            self.assertTrue((got[rows * rank:rows * rank + rows] == block).all())
        for kind in out_types + in_types:
            kind.Free()

    def test_reductions(self):
        total, most = np.empty(4), np.empty(4)
        self.world.Allreduce(self.mine(4), total)
        self.world.Allreduce(MPI.IN_PLACE, total, MPI.MAX)
        self.world.Reduce(self.mine(4), most, MPI.MAX, 0)
        want = sum(self.of(r, 4) for r in range(self.ranks))
        self.assertTrue((total == want).all())
        if self.me == 0:
            self.assertTrue((most == self.of(self.ranks - 1, 4)).all())
        scan = np.empty(4)
        self.world.Scan(self.mine(4), scan)
        self.assertTrue((scan == sum(self.of(r, 4) for r in range(self.me + 1))).all())
        part = np.empty(1)
        self.world.Reduce_scatter_block(np.full(self.ranks, self.me + 1.0), part)
        self.assertEqual(part[0], self.ranks * (self.ranks + 1) / 2)

    def test_objects(self):
        self.assertEqual(self.world.allgather(str(self.me)), list(map(str, range(self.ranks))))
        self.assertEqual(self.world.allreduce([self.me]), list(range(self.ranks)))
        self.assertEqual(self.world.bcast({"a": self.me}, 0), {"a": 0})

    def test_errors_are_mpis(self):
        if self.ranks > 1:
            self.world.Send(np.zeros(8), self.right())
            with self.assertRaises(MPI.Exception) as caught:
                self.world.Recv(np.zeros(4), self.left())
            self.assertEqual(caught.exception.Get_error_class(), MPI.ERR_TRUNCATE)


if __name__ == "__main__":
    support.main()
