"""Requests: messages and collectives that go on while the program does other things."""
# SPDX-License-Identifier: MIT
# timeout: 120

import os
import sys
import threading
import warnings

import mpi
import support
import values
from pending import Bomb, Requests
from support import numpy_or_skip

REFUSED = (mpi.Error, ValueError, TypeError, OverflowError)
# Around the borders: an envelope of 4000 bytes, MPI's own of a shared memory and of a network.
SIZES = (0, 1, 31, 500, 3900, 3967, 3968, 3969, 4000, 4001, 4096, 4097, 8192, 65_536, 1_000_003,
         9_000_000)

class Values(Requests):
    def check(self, cases, np=None):
        for i, value in enumerate(cases):
            with self.subTest(values.show(value)):
                got = self.around(value, i)
                self.assertTrue(values.same(got, value, np), values.show(got))

    def test_values(self):
        self.check(values.all_values())

    def test_all_at_once(self):
        self.check([values.all_values()])

    def test_arrays(self):
        np = numpy_or_skip()
        self.check(values.arrays(np), np)
        self.check([values.arrays(np), [b"b" * 9000, np.arange(9000), "t" * 9000]], np)

    def test_sizes(self):
        for size in SIZES:
            for value in b"b" * size, "t" * size, bytearray(size), [b"l" * size, size]:
                with self.subTest(f"{type(value).__name__} {size}"):
                    self.assertEqual(self.around(value, 1), value)

    def test_sizes_of_arrays(self):
        np = numpy_or_skip()
        for size in SIZES:
            a = np.arange(size, dtype="u1").reshape(1, -1)
            with self.subTest(size):
                self.assertTrue(values.same(self.around(a, 1), a, np))
                self.assertTrue(values.same(self.around({"a": [a]}, 1), {"a": [a]}, np))

    def test_long_pickles_with_arrays_behind_them(self):
        np = numpy_or_skip()
        value = [values.Plain(i=i) for i in range(2000)] + [np.arange(100_000), bytearray(50_000)]
        self.check([value] * 3, np)

    def test_all_values_under_way_at_once(self):
        cases = values.all_values()
        both = [self.begin_around(value, i) for i, value in enumerate(cases)]
        for value, (receive, send) in reversed(list(zip(cases, both))):
            self.assertTrue(values.same(receive.wait(), value), values.show(value))
            send.wait()

    def test_what_is_sent_lives_until_it_is_sent(self):
        np = numpy_or_skip()
        receive, send = self.begin_around(np.arange(1_000_000) + 1)
        rubbish = [np.zeros(1_000_000, int) for _ in range(3)]
        self.assertEqual(receive.wait().sum(), 1_000_000 * 1_000_001 // 2)
        send.wait()
        del rubbish


class Matching(Requests):
    def test_the_receive_comes_first(self):
        """The sender waits until the receive is posted."""
        for value in 1, b"b" * 9000, b"b" * 500_000:
            receive = self.comm.irecv(self.left(), 3)
            self.comm.barrier()
            send = self.comm.isend(value, self.right(), 3)
            self.assertEqual(receive.wait(), value)
            send.wait()

    def test_the_message_comes_first(self):
        for value in 1, b"b" * 9000, b"b" * 500_000:
            send = self.comm.isend(value, self.right(), 3)
            self.wait_till_it_came(3)
            self.assertEqual(self.comm.irecv(self.left(), 3).wait(), value)
            send.wait()

    def test_order(self):
        """Small and large ones of one tag are received in the order of the sends."""
        sizes = [1, 200_000, 2, 5000, 1_000_000, 3, 40_000, 0, 4000]
        for before in True, False:
            if before:
                receives = [self.comm.irecv(self.left(), 1) for _ in sizes]
                self.comm.barrier()
            sends = [self.comm.isend(b"s" * n, self.right(), 1) for n in sizes]
            if not before:
                self.wait_till_it_came(1)
                receives = [self.comm.irecv(self.left(), 1) for _ in sizes]
            self.assertEqual([len(v) for v in mpi.wait_all(receives)], sizes)
            self.assertEqual(mpi.wait_all(sends), [None] * len(sizes))

    def test_receives_match_in_the_order_of_their_posting(self):
        """Also when they are waited for in another one."""
        receives = [self.comm.irecv(self.left(), 1) for _ in range(20)]
        self.comm.barrier()
        sends = [self.comm.isend(i, self.right(), 1) for i in range(20)]
        for i in reversed(range(20)):
            self.assertEqual(receives[i].wait(), i)
        mpi.wait_all(sends)

    def test_blocking_and_not_together(self):
        first = self.comm.irecv(self.left(), 1)
        sends = [self.comm.isend(i, self.right(), 1) for i in range(3)]
        self.assertEqual(self.comm.recv(self.left(), 1), 1)
        self.assertEqual(self.comm.irecv(self.left(), 1).wait(), 2)
        self.assertEqual(first.wait(), 0)
        mpi.wait_all(sends)

    def test_tags_pick(self):
        receives = {tag: self.comm.irecv(self.left(), tag) for tag in (9, 5, 3)}
        sends = [self.comm.isend(f"tag {tag}", self.right(), tag) for tag in (5, 3, 9)]
        for tag, receive in receives.items():
            self.assertEqual(receive.wait(), f"tag {tag}")
        mpi.wait_all(sends)

    def test_any_tag_takes_the_first(self):
        sends = [self.comm.isend(tag, self.right(), tag) for tag in (5, 3, 9)]
        self.assertEqual([self.comm.irecv(self.left()).wait() for _ in range(3)], [5, 3, 9])
        mpi.wait_all(sends)

    def test_any_source(self):
        for size in 0, 100_000:
            if self.comm.rank == 0:
                receives = [self.comm.irecv(tag=2) for _ in range(self.comm.size - 1)]
                status = mpi.Status()
                for receive in receives:
                    rank, data = receive.wait(status)
                    self.assertEqual((rank, 2), (status.source, status.tag))
                    self.assertEqual(len(data), size + rank)
            else:
                self.comm.isend((self.comm.rank, b"d" * (size + self.comm.rank)), 0, 2).wait()
            self.comm.barrier()

    def test_many_outstanding(self):
        count = 2000
        both = [self.begin_around(i, i) for i in range(count)]
        self.assertEqual(sum(receive.wait() for receive, _ in both), count * (count - 1) // 2)
        mpi.wait_all([send for _, send in both])

    def test_many_large_outstanding(self):
        both = [self.begin_around(bytes([i]) * 100_000, i) for i in range(60)]
        for i, (receive, send) in reversed(list(enumerate(both))):
            self.assertEqual(receive.wait(), bytes([i]) * 100_000)
            send.wait()

    def test_proc_null(self):
        status = mpi.Status()
        self.assertIsNone(self.comm.irecv(mpi.PROC_NULL).wait(status))
        self.assertEqual((status.source, status.tag), (mpi.PROC_NULL, mpi.ANY_TAG))
        self.assertIsNone(self.comm.isend("x", mpi.PROC_NULL).wait())

    def test_to_oneself(self):
        me = self.comm.rank
        for value in "small", b"l" * 1_000_000:
            send = self.comm.isend(value, me, 4)
            self.assertEqual(self.comm.recv(me, 4), value)
            send.wait()

    def test_bad_arguments(self):
        size = self.comm.size
        for call, word in ((lambda: self.comm.isend(1, size), str(size)),
                           (lambda: self.comm.irecv(size), str(size)),
                           (lambda: self.comm.isend(1, 0, -3), "-3"),
                           (lambda: self.comm.isend(1, mpi.ANY_SOURCE), "isend"),
                           (lambda: self.comm.isend(threading.Lock(), 0), "lock"),
                           (lambda: self.comm.irecv(0, into=7), "irecv"),
                           (lambda: self.comm.irecv(0, into=b"read-only"), "read-only")):
            with self.assertRaises(REFUSED) as caught:
                call()
            self.assertIn(word, str(caught.exception))
        self.intact()

    def test_what_cannot_be_unpickled(self):
        """Is raised by each wait(), and the next message is intact."""
        receive, send = self.begin_around(Bomb())
        for _ in range(2):
            with self.assertRaisesRegex(LookupError, "cannot be rebuilt"):
                receive.wait()
        with self.assertRaises(LookupError):
            receive.test()
        self.assertTrue(receive.done)
        send.wait()
        self.intact()


class Looking(Requests):
    """test(), done, wait() twice, status."""

    def test_before_and_after(self):
        receive = self.comm.irecv(self.left(), 1)
        self.assertEqual(receive.test(), (False, None))
        self.assertFalse(receive.done)
        self.comm.barrier()
        send = self.comm.isend([1], self.right(), 1)
        while not receive.done:
            pass
        done, value = receive.test()
        self.assertEqual((done, value), (True, [1]))
        self.assertIs(receive.wait(), value)
        self.assertIs(receive.wait(), value)
        self.assertIsNone(send.wait())
        self.assertEqual(send.test(), (True, None))
        self.assertTrue(send.done)

    def test_alone_moves_a_large_one(self):
        receive, send = self.begin_around([b"x" * 1_000_000, values.Plain(a=1)] * 3)
        pending = [receive, send]
        while pending:
            pending = [one for one in pending if not one.test()[0]]
        self.assertEqual(len(receive.wait()), 6)

    def test_status(self):
        status = mpi.Status()
        receive, send = self.begin_around("value", 9)
        receive.wait(status=status)
        self.assertEqual((status.source, status.tag), (self.left(), 9))
        self.assertGreater(status.count, 0)
        send.wait()
        other = mpi.Status()
        receive.test(other)
        self.assertEqual((other.source, other.tag, other.count),
                         (status.source, status.tag, status.count))
        with self.assertRaises(TypeError):
            receive.wait(7)

    def test_repr(self):
        receive = self.comm.irecv(self.left(), 1)
        self.assertIn("irecv, under way", repr(receive))
        self.assertIn("test_requests.py", repr(receive))
        receive.cancel()
        self.assertIn("cancelled", repr(receive))
        send = self.comm.isend(1, mpi.PROC_NULL)
        self.assertIn("isend, done", repr(send))

    def test_cannot_be_made(self):
        with self.assertRaises(TypeError):
            mpi.Request()


class Cancelling(Requests):
    def test_before_the_message_came(self):
        for tag in 1, mpi.ANY_TAG:
            receive = self.comm.irecv(self.left(), tag)
            self.assertIs(receive.cancel(), True)
            self.assertIs(receive.cancel(), True)
            self.assertTrue(receive.done)
            self.assertIsNone(receive.wait())
            self.assertEqual(receive.test(), (True, None))
            self.comm.barrier()
            self.intact()

    def test_the_next_receive_gets_the_message(self):
        first, second = self.comm.irecv(self.left(), 1), self.comm.irecv(self.left(), 1)
        self.assertTrue(first.cancel())
        self.comm.barrier()
        send = self.comm.isend(b"m" * 100_000, self.right(), 1)
        self.assertEqual(second.wait(), b"m" * 100_000)
        send.wait()

    def test_after_the_message_came(self):
        """Then it is too late, and nothing is lost."""
        for value in "small", b"l" * 9000, b"l" * 1_000_000:
            receive, send = self.begin_around(value, 1)
            self.intact()                       # MPI keeps the order: it has come
            self.assertIs(receive.cancel(), False)
            self.assertEqual(receive.wait(), value)
            self.assertIs(receive.cancel(), False)
            send.wait()

    def test_a_race(self):
        """Whatever cancel() says is true: the message is received once."""
        for i in range(100):
            receive, send = self.begin_around(i, 1)
            if receive.cancel():
                self.assertEqual(self.comm.recv(self.left(), 1), i)
            else:
                self.assertEqual(receive.wait(), i)
            send.wait()

    def test_a_send(self):
        receive, send = self.begin_around(b"l" * 1_000_000, 1)
        self.assertIs(send.cancel(), False)
        self.assertEqual(len(receive.wait()), 1_000_000)
        send.wait()
        self.assertIs(send.cancel(), False)

    def test_a_collective(self):
        request = self.comm.iallgather(1)
        with self.assertRaises(ValueError):
            request.cancel()
        self.assertEqual(request.wait(), [1] * self.comm.size)


class Several(Requests):
    def begin(self, count, size=0):
        both = [self.begin_around((i, b"x" * size), i) for i in range(count)]
        return [r for r, _ in both], [s for _, s in both]

    def test_wait_all(self):
        for size in 0, 200_000:
            receives, sends = self.begin(10, size)
            got = mpi.wait_all(receives + sends)
            self.assertEqual([i for i, _ in got[:10]], list(range(10)))
            self.assertEqual(got[10:], [None] * 10)
            self.assertEqual(mpi.wait_all(iter(receives[:2])), got[:2])
        self.assertEqual(mpi.wait_all([]), [])

    def test_wait_any(self):
        for size in 0, 200_000:
            receives, sends = self.begin(10, size)
            left, seen = list(receives), []
            while left:
                index, (i, _) = mpi.wait_any(left)
                self.assertIs(left.pop(index), receives[i])
                seen.append(i)
            self.assertEqual(sorted(seen), list(range(10)))
            mpi.wait_all(sends)
        with self.assertRaises(ValueError):
            mpi.wait_any([])

    def test_wait_any_of_one_that_never_comes(self):
        never = self.comm.irecv(self.left(), 99)
        receive, send = self.begin_around("comes", 1)
        self.assertEqual(mpi.wait_any([never, receive]), (1, "comes"))
        self.assertEqual(mpi.wait_any((receive, never)), (0, "comes"))
        self.assertTrue(never.cancel())
        self.assertEqual(mpi.wait_any([never]), (0, None))
        send.wait()

    def test_wait_some(self):
        receives, sends = self.begin(10, 20_000)
        left, seen = list(enumerate(receives)), []
        while left:
            indices, results = mpi.wait_some([r for _, r in left])
            self.assertTrue(indices)
            for index, (i, _) in zip(indices, results):
                self.assertEqual(left[index][0], i)
                seen.append(i)
            left = [one for n, one in enumerate(left) if n not in indices]
        self.assertEqual(sorted(seen), list(range(10)))
        mpi.wait_all(sends)
        with self.assertRaises(ValueError):
            mpi.wait_some([])

    def test_tests(self):
        never = self.comm.irecv(self.left(), 99)
        self.assertEqual(mpi.test_all([never]), (False, None))
        self.assertEqual(mpi.test_any([never]), (False, -1, None))
        self.assertEqual(mpi.test_some([never]), ([], []))
        receives, sends = self.begin(5, 20_000)
        while mpi.test_any(receives)[0] is False:
            pass
        found, index, (i, _) = mpi.test_any([never, *receives])
        self.assertEqual((found, index), (True, i + 1))
        indices, results = mpi.test_some([never, *receives])
        self.assertEqual([i + 1 for i, _ in results], indices)
        while not mpi.test_all(receives + sends)[0]:
            pass
        done, got = mpi.test_all(receives + sends)
        self.assertEqual([v and v[0] for v in got], [0, 1, 2, 3, 4, *[None] * 5])
        self.assertEqual(mpi.test_all([]), (True, []))
        self.assertTrue(never.cancel())

    def test_of_a_wrong_type(self):
        for call in mpi.wait_all, mpi.wait_any, mpi.wait_some, mpi.test_all, mpi.test_any, mpi.test_some:
            with self.assertRaises(TypeError):
                call([7])
            with self.assertRaises(TypeError):
                call(7)

    def test_the_first_that_failed_is_raised_when_all_are_done(self):
        receives = [self.comm.irecv(self.left(), i) for i in range(3)]
        sends = [self.comm.isend(v, self.right(), i) for i, v in enumerate((1, Bomb(), 3))]
        with self.assertRaises(LookupError):
            mpi.wait_all(receives)
        self.assertTrue(all(r.done for r in receives))
        self.assertEqual((receives[0].wait(), receives[2].wait()), (1, 3))
        mpi.wait_all(sends)


class Dropping(Requests):
    """An unfinished request that is dropped warns, and everything goes on."""

    def dropped(self, begin, verb):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            line = sys._getframe().f_lineno + 1
            request = begin()
            was_done = request.done
            del request
        if was_done:
            self.assertEqual(caught, [])
            return
        self.assertEqual([w.category for w in caught], [RuntimeWarning])
        self.assertIn(verb, str(caught[0].message))
        self.assertEqual(caught[0].filename, __file__)
        # begin is a lambda of another line: the place is where the verb was called.
        self.assertGreater(caught[0].lineno, line)

    def test_a_receive(self):
        for tag in 1, mpi.ANY_TAG:
            self.dropped(lambda tag=tag: self.comm.irecv(self.left(), tag), "irecv")
            self.comm.barrier()
            self.intact()

    def test_a_receive_with_memory(self):
        memory = bytearray(100)
        self.dropped(lambda: self.comm.irecv(self.left(), 1, into=memory), "irecv")
        self.comm.barrier()
        self.assertEqual(self.around(bytes(100), 1), bytes(100))
        memory.extend(b"no longer held")

    def test_a_receive_whose_message_is_coming(self):
        """The envelope is here, the rest is not: it is received for nobody, and its sender is let go."""
        for value in b"l" * 2_000_000, [values.Plain(i=i) for i in range(3000)]:
            send = self.comm.isend(value, self.right(), 1)
            self.wait_till_it_came(1)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.comm.irecv(self.left(), 1)
            send.wait()
            self.intact()

    def test_a_send(self):
        self.need(2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.comm.isend(b"l" * 3_000_000, self.right(), 1)
        self.assertEqual(self.comm.recv(self.left(), 1), b"l" * 3_000_000)
        self.intact()

    def test_a_collective(self):
        """Whoever drops it, the others get their results."""
        for one in range(self.comm.size):
            requests = [self.comm.iallgather(b"g" * 20_000), self.comm.iallreduce([1])]
            if self.comm.rank == one:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    requests.clear()
            else:
                self.assertEqual(len(requests[0].wait()), self.comm.size)
                self.assertEqual(requests[1].wait(), [1] * self.comm.size)
            self.comm.barrier()
        self.intact()

    def test_warnings_as_errors(self):
        """A destructor cannot raise: it says so, and goes on."""
        seen = []
        hook, sys.unraisablehook = sys.unraisablehook, lambda args: seen.append(args.exc_type)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                self.comm.irecv(self.left(), 1)
        finally:
            sys.unraisablehook = hook
        self.assertEqual(seen, [RuntimeWarning])
        self.comm.barrier()
        self.intact()


VERBS = ("barrier", "bcast", "scatter", "gather", "allgather", "alltoall", "reduce", "allreduce",
         "scan", "exscan", "reduce_scatter")


class Collectives(Requests):
    """The i… forms give what the blocking ones give."""

    def both(self, name, np, *args, **kw):
        want = getattr(self.comm, name)(*args, **kw)
        got = getattr(self.comm, "i" + name)(*args, **kw).wait()
        self.assertTrue(values.same(got, want, np), f"{name}: {values.show(got)}")

    def check(self, cases, np=None):
        size = self.comm.size
        for i, value in enumerate(cases):
            root = i % size
            with self.subTest(values.show(value)):
                for name, arguments in (("bcast", (value, root)), ("scatter", ([value] * size, root)),
                                        ("gather", (value, root)), ("allgather", (value,)),
                                        ("alltoall", ([value] * size,))):
                    self.both(name, np, *arguments)

    def test_values(self):
        self.check(values.all_values())

    def test_arrays(self):
        np = numpy_or_skip()
        self.check(values.arrays(np), np)

    def test_reductions(self):
        np = numpy_or_skip()
        me, size = self.comm.rank, self.comm.size
        for value in (me + 2, 2.5 * me, 1j * me, "abcd"[me], [me], 2**62 + me, True,
                      np.arange(10) + me, np.arange(100_000.0) * (me + 1), np.ones((3, 4), "F").T,
                      np.float32(me), (me, 1)):
            with self.subTest(values.show(value)):
                for name in "allreduce", "scan", "exscan":
                    self.both(name, np, value)
                self.both("reduce", np, value, mpi.SUM, size - 1)
                self.both("reduce_scatter", np, [value] * size)
                self.both("allreduce", np, value, mpi.MAX) if not isinstance(value, complex) else None
                self.both("allreduce", np, value, lambda a, b: [a] + [b])

    def test_axis(self):
        np = numpy_or_skip()
        a = np.arange(40).reshape(4, 10) + self.comm.rank
        for axis in 0, 1, -1:
            for name in "gather", "allgather", "scatter", "alltoall", "reduce_scatter":
                self.both(name, np, a, axis=axis)

    def test_into(self):
        np = numpy_or_skip()
        me, size = self.comm.rank, self.comm.size
        target = np.zeros(5)
        for begin in (lambda: self.comm.ibcast(np.full(5, 3.0), into=target),
                      lambda: self.comm.iallreduce(np.full(5, 3.0 / size), into=target),
                      lambda: self.comm.iscatter([np.full(5, 3.0)] * size, into=target)):
            self.assertIs(begin().wait(), target)
            self.assertTrue(np.allclose(target, 3))
            target[:] = 0
        rows = np.zeros((size, 5))
        self.assertIs(self.comm.iallgather(np.full(5, me), into=None).wait().__class__, list)
        self.assertIs(self.comm.iallgather(np.full(5, 1.0 * me), into=rows).wait(), rows)
        self.assertTrue((rows == np.arange(size)[:, None]).all())

    def test_exceptions(self):
        """They are raised by wait(), or at once where nobody else takes part."""
        def bad(a, b):
            raise LookupError("in the operator")
        with self.assertRaisesRegex(TypeError, "lock"):
            self.comm.iallgather(threading.Lock()).wait()
        if self.comm.size > 1:
            with self.assertRaisesRegex(Exception, "in the operator"):
                self.comm.iallreduce(1, bad).wait()
        for name in VERBS[1:]:
            with self.assertRaises(TypeError):
                getattr(self.comm, "i" + name)(1, 2, 3, 4, 5, 6, 7, 8)
        with self.assertRaisesRegex(ValueError, "ibcast|bcast"):
            self.comm.ibcast(1, self.comm.size)
        self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)

    def test_many_rounds(self):
        requests = [self.comm.iallreduce(i + self.comm.rank) for i in range(300)]
        size = self.comm.size
        want = [i * size + size * (size - 1) // 2 for i in range(300)]
        self.assertEqual(mpi.wait_all(requests), want)


class Forks(Requests):
    """A request is its process's own: a fork neither moves it nor takes it back."""

    def test_fork(self):
        receive, send = self.begin_around("text" * 50_000, 5)
        child = os.fork()
        if child == 0:
            try:
                receive.test()
            except mpi.Error:
                receive = send = None
                os._exit(7)
            os._exit(1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 7)
        self.assertEqual((receive.wait(), send.wait()), ("text" * 50_000, None))


support.main()
