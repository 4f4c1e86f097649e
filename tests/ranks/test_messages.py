"""ssend, sendrecv, probes, Status, raw messages, messages over 2 GiB, waits that idle."""
# SPDX-License-Identifier: MIT
# timeout: 240

import array
import gc
import resource
import signal
import threading
import time
import warnings

import mpi
import support
import values
from support import numpy_or_skip

REFUSED = (mpi.Error, ValueError, TypeError, OverflowError)
SLOW = float(support.os.environ.get("PYMPI_TEST_SLOW", "1"))


class Messages(support.Comms):
    def around(self, value, tag=0):
        return self.comm.sendrecv(value, self.right(), tag, self.left(), tag)

    def intact(self):
        self.assertEqual(self.around("intact", 77), "intact")


class Synchronous(Messages):
    def test_values(self):
        """Even ranks send first."""
        self.need(2)
        for value in "small", b"l" * 9000, [values.Plain(a=1)] * 1000, b"l" * 1_000_000:
            partner = self.comm.rank ^ 1
            if partner >= self.comm.size:
                continue
            if self.comm.rank % 2:
                self.assertEqual(self.comm.recv(partner), value)
                self.assertIsNone(self.comm.ssend(value, partner))
            else:
                self.comm.ssend(value, partner, tag=0)
                self.assertEqual(self.comm.recv(partner), value)

    def test_waits_for_the_receiver(self):
        """It returns only when the receive is there: what was said before it, was said."""
        self.need(2)
        for value in None, b"x" * 3900, b"x" * 9000:
            if self.comm.rank == 0:
                self.comm.ssend(value, 1, 3)
                self.comm.send("it returned", 1, 4)
            elif self.comm.rank == 1:
                self.comm.probe(0, 3)
                for _ in range(50):
                    self.assertIsNone(self.comm.iprobe(0, 4))
                self.comm.recv(0, 3)
                self.assertEqual(self.comm.recv(0, 4), "it returned")

    def test_to_oneself_by_a_thread(self):
        if mpi.thread_level != "multiple":
            self.skipTest(f"MPI gives threads {mpi.thread_level}")
        me = self.comm.rank
        sender = threading.Thread(target=self.comm.ssend, args=("own", me, 3))
        sender.start()
        self.assertEqual(self.comm.recv(me, 3), "own")
        sender.join()

    def test_arguments(self):
        self.assertIsNone(self.comm.ssend("x", mpi.PROC_NULL))
        for call in (lambda: self.comm.ssend(1, self.comm.size), lambda: self.comm.ssend(1, 0, -1),
                     lambda: self.comm.ssend(1), lambda: self.comm.ssend(lambda: 0, 0)):
            self.assertRaises(Exception, call)
        self.intact()


class Both(Messages):
    """sendrecv"""

    def test_values_around_a_ring(self):
        for i, value in enumerate(values.all_values()):
            got = self.around(value, i)
            self.assertTrue(values.same(got, value), values.show(value))

    def test_arrays(self):
        np = numpy_or_skip()
        for i, a in enumerate(values.arrays(np)):
            self.assertTrue(values.same(self.around(a, i), a, np))

    def test_large(self):
        for size in 4000, 100_000, 5_000_000:
            self.assertEqual(len(self.around(b"x" * size)), size)

    def test_with_oneself(self):
        me = self.comm.rank
        for value in "own", b"x" * 1_000_000:
            self.assertEqual(self.comm.sendrecv(value, me, 1, me, 1), value)

    def test_defaults_and_keywords(self):
        self.assertEqual(self.comm.sendrecv(1, self.right()), 1)
        self.comm.barrier()
        got = self.comm.sendrecv(obj=2, dest=self.right(), sendtag=self.comm.rank + 1,
                                 source=self.left(), recvtag=self.left() + 1)
        self.assertEqual(got, 2)

    def test_status(self):
        status = mpi.Status()
        self.comm.sendrecv("x", self.right(), 8, status=status)
        self.assertEqual((status.source, status.tag), (self.left(), 8))
        self.comm.barrier()

    def test_proc_null(self):
        me, last = self.comm.rank, self.comm.size - 1
        got = self.comm.sendrecv(me, me + 1 if me < last else mpi.PROC_NULL, 0,
                                 me - 1 if me else mpi.PROC_NULL)
        self.assertEqual(got, me - 1 if me else None)

    def test_with_the_blocking_ones(self):
        self.need(2)
        if self.comm.rank == 0:
            self.assertEqual(self.comm.sendrecv("a", 1, 1, 1, 2), "b")
        elif self.comm.rank == 1:
            self.assertEqual(self.comm.recv(0, 1), "a")
            self.comm.send("b", 0, 2)

    def test_what_cannot_be_sent_takes_nothing(self):
        """The neighbour's message is there for the next receive."""
        self.comm.isend("kept", self.right(), 5).wait()
        self.comm.probe(self.left(), 5)
        with self.assertRaises(Exception):
            self.comm.sendrecv(threading.Lock(), self.right(), 5, self.left(), 5)
        self.assertEqual(self.comm.recv(self.left(), 5), "kept")

    def test_arguments(self):
        for call in (lambda: self.comm.sendrecv(1, self.comm.size), lambda: self.comm.sendrecv(1),
                     lambda: self.comm.sendrecv(1, 0, -1), lambda: self.comm.sendrecv(1, 0, 0, 99),
                     lambda: self.comm.sendrecv(1, 0, 0, 0, -5),
                     lambda: self.comm.sendrecv(1, 0, status=3),
                     lambda: self.comm.sendrecv(1, 0, into=3)):
            with self.assertRaises(REFUSED):
                call()
        self.intact()


class Probes(Messages):
    SIZES = 0, 10, 5000, 1_000_000

    def sent(self, value, tag=0):
        return self.comm.isend(value, self.right(), tag)

    def test_probe(self):
        for size in self.SIZES:
            send = self.sent(b"x" * size, size % 7)
            for source, tag in ((self.left(), size % 7), (mpi.ANY_SOURCE, mpi.ANY_TAG)):
                status = self.comm.probe(source, tag)
                self.assertIs(type(status), mpi.Status)
                self.assertEqual((status.source, status.tag), (self.left(), size % 7))
                self.assertGreater(status.count, 0)
            self.assertEqual(self.comm.recv(status.source, status.tag), b"x" * size)
            send.wait()

    def test_iprobe(self):
        self.assertIsNone(self.comm.iprobe(self.left(), 9))
        self.assertIsNone(self.comm.iprobe())
        self.comm.barrier()
        send = self.sent("x", 9)
        while not (status := self.comm.iprobe()):
            pass
        self.assertEqual((status.source, status.tag), (self.left(), 9))
        self.assertIsNone(self.comm.iprobe(self.left(), 8))
        self.assertEqual(self.comm.recv(), "x")
        self.assertIsNone(self.comm.iprobe())
        send.wait()

    def test_mprobe(self):
        np = numpy_or_skip()
        for i, size in enumerate(self.SIZES):
            for j, value in enumerate((b"x" * size, np.arange(size),
                                       [values.Plain(a=size)] * (size // 1000))):
                tag = 10 * i + j
                send = self.sent(value, tag)
                message = self.comm.mprobe(self.left(), tag)
                self.assertIs(type(message), mpi.Message)
                self.assertIsNone(self.comm.iprobe(self.left(), tag))   # it is taken
                self.assertEqual((message.status.source, message.status.tag), (self.left(), tag))
                self.assertTrue(values.same(message.recv(), value, np))
                self.assertIn("received", repr(message))
                with self.assertRaisesRegex(mpi.Error, "has been received"):
                    message.recv()
                send.wait()

    def test_improbe(self):
        self.assertIsNone(self.comm.improbe())
        self.comm.barrier()
        sends = [self.sent(i, 6) for i in range(3)]
        messages = []
        while len(messages) < 3:
            message = self.comm.improbe(self.left(), 6)
            if message:
                messages.append(message)
        self.assertEqual([m.recv() for m in reversed(messages)], [2, 1, 0])
        mpi.wait_all(sends)

    def test_mprobe_keeps_order_with_recv(self):
        sends = [self.sent([i] * (i * 3000), 6) for i in range(4)]
        first = self.comm.mprobe(self.left(), 6)
        self.assertEqual(len(self.comm.recv(self.left(), 6)), 3000)
        third = self.comm.mprobe(self.left(), 6)
        self.assertEqual(len(self.comm.recv(self.left(), 6)), 9000)
        self.assertEqual((len(third.recv()), first.recv()), (6000, []))
        mpi.wait_all(sends)

    def test_posted_receives_go_first(self):
        receive = self.comm.irecv(self.left(), 6)
        self.comm.barrier()
        send = self.sent("posted", 6)
        self.assertEqual(receive.wait(), "posted")
        self.assertIsNone(self.comm.iprobe())
        send.wait()

    def test_proc_null(self):
        status = self.comm.probe(mpi.PROC_NULL)
        self.assertEqual(status.source, mpi.PROC_NULL)
        self.assertEqual(self.comm.iprobe(mpi.PROC_NULL).source, mpi.PROC_NULL)
        for message in self.comm.mprobe(mpi.PROC_NULL), self.comm.improbe(mpi.PROC_NULL):
            self.assertIsNone(message.recv())
            self.assertIsNone(message.recv())

    def test_a_message_that_is_dropped(self):
        """It warns; its sender is let go, and the next one is intact."""
        for value in "small", b"l" * 9000, b"l" * 2_000_000, [values.Plain(a=1)] * 5000:
            send = self.sent(value, 4)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                message = self.comm.mprobe(self.left(), 4)
                del message
            self.assertEqual([w.category for w in caught], [RuntimeWarning])
            self.assertIn("Message", str(caught[0].message))
            send.wait()
            self.intact()

    def test_cannot_be_made(self):
        self.assertRaises(TypeError, mpi.Message)

    def test_arguments(self):
        for verb in self.comm.probe, self.comm.iprobe, self.comm.mprobe, self.comm.improbe:
            for call in (lambda v=verb: v(self.comm.size), lambda v=verb: v(0, -9),
                         lambda v=verb: v("0"), lambda v=verb: v(0, 0, 0)):
                self.assertRaises(REFUSED, call)
        self.intact()


class Statuses(Messages):
    def test_recv_fills_it(self):
        status = mpi.Status()
        self.assertEqual((status.source, status.tag), (mpi.ANY_SOURCE, mpi.ANY_TAG))
        for value, tag in ("small", 3), (b"l" * 100_000, 4):
            send = self.comm.isend(value, self.right(), tag)
            self.comm.recv(status=status)
            self.assertEqual((status.source, status.tag), (self.left(), tag))
            self.assertIn(f"from rank {self.left()}", repr(status))
            send.wait()
        self.comm.recv(mpi.PROC_NULL, status=status)
        self.assertEqual((status.source, status.tag), (mpi.PROC_NULL, mpi.ANY_TAG))

    def test_is_read_only(self):
        for name in "source", "tag", "count":
            with self.assertRaises(AttributeError):
                setattr(mpi.Status(), name, 3)
        self.assertRaises(TypeError, mpi.Status, 1)

    def test_of_a_wrong_type(self):
        for status in 3, "status", mpi.Status:
            with self.assertRaisesRegex(TypeError, "recv: status"):
                self.comm.recv(0, status=status)
        self.intact()


class Raw(Messages):
    """Bare memory, to and from mpi4py."""

    def setUp(self):
        self.np = numpy_or_skip()
        try:
            from mpi4py import MPI
        except ImportError:
            self.skipTest("mpi4py is not installed")
        self.MPI, self.theirs = MPI, self.comm.to_mpi4py()

    COUNTS = 0, 1, 500, 501, 100_000

    def test_from_mpi4py(self):
        status = mpi.Status()
        for count in self.COUNTS:
            sent = self.np.arange(count) + 0.5
            request = self.theirs.Isend(sent, self.right(), 5)
            got = self.np.zeros(count)
            self.assertIs(self.comm.recv(self.left(), 5, into=got, raw=True, status=status), got)
            self.assertTrue((got == sent).all())
            self.assertEqual((status.source, status.tag, status.count), (self.left(), 5, 8 * count))
            request.Wait()

    def test_to_mpi4py(self):
        for count in self.COUNTS:
            sent = self.np.arange(count) + 0.5
            got = self.np.zeros(count)
            request = self.theirs.Irecv(got, self.left(), 5)
            self.assertIsNone(self.comm.send(sent, self.right(), 5, raw=True))
            request.Wait()
            self.assertTrue((got == sent).all())

    def test_both_raw(self):
        for count in self.COUNTS:
            got = bytearray(8 * count)
            receive = threading.Thread(target=self.comm.recv, args=(self.left(), 5),
                                       kwargs={"into": got, "raw": True})
            receive.start()
            self.comm.send(array.array("d", [2.5] * count), self.right(), 5, raw=True)
            receive.join()
            self.assertEqual(array.array("d", bytes(got)).tolist(), [2.5] * count)

    def test_into_longer_memory(self):
        status = mpi.Status()
        got = self.np.zeros(10)
        request = self.theirs.Isend(self.np.ones(3), self.right())
        self.comm.recv(self.left(), into=got, raw=True, status=status)
        self.assertEqual((got.tolist(), status.count), ([1.0] * 3 + [0.0] * 7, 24))
        request.Wait()

    def test_into_shorter_memory(self):
        for count in 3, 100_000:
            request = self.theirs.Isend(self.np.ones(count + 2), self.right())
            with self.assertRaises(mpi.Error) as caught:
                self.comm.recv(self.left(), into=self.np.zeros(count), raw=True)
            self.assertIn(f"{8 * count + 16} bytes for memory of {8 * count}", str(caught.exception))
            request.Wait()
            self.intact()

    def test_columns(self):
        """A Fortran array is its memory."""
        sent = self.np.asfortranarray(self.np.arange(12.0).reshape(3, 4))
        got = self.np.zeros(12)
        request = self.theirs.Irecv(got, self.left())
        self.comm.send(sent, self.right(), raw=True)
        request.Wait()
        self.assertTrue((got == sent.T.ravel()).all())

    def test_without_raw_it_is_an_error_that_says_so(self):
        """Whatever its size; and the next message is intact."""
        for kind, word in (("f8", "pympi did not send"), ("u1", "pympi did not send")):
            for count in 0, 1, 40, 499, 500, 501, 4000, 4001, 100_000:
                for receive in (lambda: self.comm.recv(self.left(), 5),
                                lambda: self.comm.mprobe(self.left(), 5).recv(),
                                lambda: self.comm.recv(self.left(), 5, into=self.np.zeros(count))):
                    request = self.theirs.Isend(self.np.ones(count, kind), self.right(), 5)
                    with self.subTest(f"{count} {kind}"):
                        with self.assertRaises(mpi.Error) as caught:
                            receive()
                        self.assertIn(word, str(caught.exception))
                        self.assertIn("raw=True", str(caught.exception))
                    request.Wait()
                    self.intact()

    def test_arguments(self):
        for call in (lambda: self.comm.recv(self.left(), raw=True),
                     lambda: self.comm.recv(self.left(), into=b"fixed", raw=True),
                     lambda: self.comm.recv(self.left(), into=self.np.ones((4, 4))[:, 1], raw=True),
                     lambda: self.comm.send(7, self.right(), raw=True),
                     lambda: self.comm.send("text", self.right(), raw=True),
                     lambda: self.comm.send(self.np.ones((4, 4))[:, 1], self.right(), raw=True),
                     lambda: self.comm.recv(self.left(), 0, None, None, True)):
            self.assertRaises(REFUSED, call)
        self.intact()

    def test_broken(self):
        """The memory is free again, and the message goes to the next receive."""
        memory = bytearray(8)
        Waiting.alarmed(self, lambda: self.comm.recv(self.left(), 5, into=memory, raw=True))
        memory.extend(b"x")
        self.comm.barrier()
        request = self.theirs.Isend(self.np.ones(1), self.right(), 5)
        got = self.np.zeros(1)
        self.comm.recv(self.left(), 5, into=got, raw=True)
        self.assertEqual(got[0], 1)
        request.Wait()


class Alarm(Exception):
    pass


class Waiting(Messages):
    """A wait that nothing answers costs next to nothing and hears signals at once."""

    def alarmed(self, call, seconds=0.05):
        """The seconds from the signal to its exception."""
        def alarm(*_):
            at.append(time.monotonic())
            raise Alarm
        at = []
        before = signal.signal(signal.SIGALRM, alarm)
        due = time.monotonic() + seconds
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            self.assertRaises(Alarm, call)
            return max(at[0], time.monotonic()) - due
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def waits(self):
        """Calls that nobody answers."""
        request = self.comm.irecv(self.left(), 98)
        yield lambda: self.comm.recv(self.left(), 99)
        yield lambda: self.comm.probe(self.left(), 99)
        yield lambda: self.comm.mprobe(self.left(), 99)
        yield request.wait
        yield lambda: mpi.wait_any([request])
        yield lambda: self.comm.recv(self.left(), 99, into=bytearray(8), raw=True)
        if self.comm.size > 1:
            yield lambda: self.comm.ssend(None, self.right(), 97)
        request.cancel()

    def test_signals_are_heard(self):
        late = 0
        for wait in self.waits():
            late = max(late, min(self.alarmed(wait) for _ in range(2)))
        self.assertLess(late, 0.3 * SLOW * (1 + self.comm.size))  # ranks may share a core, and others it
        self.comm.barrier()
        for _ in range(2 * (self.comm.size > 1)):
            self.assertIsNone(self.comm.recv(self.left(), 97))
        self.intact()

    def test_idle(self):
        """After a second at most 2 % of a core; here generously, for the machine may be busy."""
        if self.comm.size != mpi.size:
            self.skipTest("once is enough")

        def used():
            usage = resource.getrusage(resource.RUSAGE_SELF)
            return usage.ru_utime + usage.ru_stime

        at = []
        timers = [threading.Timer(s, lambda: at.append((time.monotonic(), used()))) for s in (0.5, 1.5)]
        for timer in timers:
            timer.start()
        self.alarmed(lambda: self.comm.recv(self.left(), 99), 1.7)
        for timer in timers:
            timer.join()
        (t0, c0), (t1, c1) = at
        self.assertLess((c1 - c0) / (t1 - t0), 0.06 * SLOW)
        self.comm.barrier()


class Huge(Messages):
    """Over 2 GiB, where counts no longer fit an int."""
    over = ("world",)

    def setUp(self):
        if not support.FULL or self.comm.size != 2:
            self.skipTest("with --full, on 2 ranks")
        self.np = numpy_or_skip()

    SIZE = 2_300_000_000

    def made(self):
        a = self.np.zeros(self.SIZE, "u1")
        a[::100_000_007] = 7
        a[-1] = 9
        return a

    def check(self, got):
        self.assertEqual((got.dtype, got.shape), (self.np.dtype("u1"), (self.SIZE,)))
        self.assertEqual(int(got[-1]), 9)
        self.assertTrue((got[:-1:100_000_007] == 7).all())
        self.assertEqual(self.np.count_nonzero(got), 24)

    def test_send_and_recv(self):
        if self.comm.rank == 0:
            self.comm.send(self.made(), 1)
        else:
            self.check(self.comm.recv(0))
        gc.collect()

    def test_requests(self):
        if self.comm.rank == 0:
            self.comm.isend(self.made(), 1).wait()
        else:
            self.check(self.comm.irecv(0).wait())
        gc.collect()

    def test_bcast(self):
        self.check(self.comm.bcast(self.made() if self.comm.rank == 0 else None))
        gc.collect()


support.main()
