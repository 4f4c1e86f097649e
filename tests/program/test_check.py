"""--check from outside: ranks that disagree, deadlocks of every shape, and what is none."""
# SPDX-License-Identifier: MIT

import re
import signal
import subprocess
import textwrap
import time
import unittest

import support

# Runs a function that is to raise, tells when and what; the job ends well.
HEAD = """
    import mpi, sys, time
    w, rank, size = mpi.world, mpi.rank, mpi.size

    def deadlock(function):
        begun = time.monotonic()
        try:
            function()
        except mpi.DeadlockError as e:
            text, took = str(e), time.monotonic() - begun
        else:
            raise AssertionError("no deadlock")
        assert took < 10, took
        if rank == 0:
            print(text, flush=True)
    """
WAITS = "every rank waits, and nothing is on its way:\n"


class Deadlocks(support.Case):
    def found(self, ranks, code, *lines):
        """The code calls deadlock(), whose table has these lines."""
        path = self.write("prog.py", textwrap.dedent(HEAD) + textwrap.dedent(code))
        r = support.run(["-n", str(ranks), "--check", path])
        self.assertEqual((r.status, support.NOTE.sub("", r.err)), (0, ""), r.out)
        table = re.sub(r"\((\S*)prog\.py:\d+\)", "(prog.py)", r.out)
        self.assertEqual(table, WAITS + "".join(f"{line}\n" for line in lines))

    def test_two_receive(self):
        code = "deadlock(lambda: w.recv(1 - rank, tag=3 + rank))"
        self.found(2, code, "rank 0: recv from rank 1, tag 3 (prog.py)",
                   "rank 1: recv from rank 0, tag 4 (prog.py)")

    def test_within_two_seconds(self):
        self.found(2, f"""
            begun = time.monotonic()
            deadlock(lambda: w.recv(1 - rank))
            assert time.monotonic() - begun < {2 * support.SLOW}
            """, "rank 0: recv from rank 1 (prog.py)", "rank 1: recv from rank 0 (prog.py)")

    def test_the_variable_and_the_line(self):
        r = support.run_ranks(2, "import mpi\nmpi.recv(1 - mpi.rank)",
                              env={"PYMPI_CHECK": "1"})
        self.assertEqual(r.status, 1)
        self.assertRegex(r.err, r"DeadlockError: every rank waits.*\n"
                                r"rank 0: recv from rank 1 \(\S+\.py:2\)\n"
                                r"rank 1: recv from rank 0 \(\S+\.py:2\)\n")

    def test_a_cycle_of_three(self):
        self.found(3, "deadlock(lambda: w.recv((rank + 1) % 3))",
                   *(f"rank {r}: recv from rank {(r + 1) % 3} (prog.py)" for r in range(3)))

    def test_a_wrong_tag(self):
        """What nobody asks for is no message on its way; it is received behind the deadlock."""
        self.found(2, """
            w.send("hello", 1 - rank, tag=5)
            deadlock(lambda: w.recv(1 - rank, tag=6))
            assert w.recv(tag=5) == "hello"
            """, "rank 0: recv from rank 1, tag 6 (prog.py)",
            "rank 1: recv from rank 0, tag 6 (prog.py)")

    def test_receive_and_barrier(self):
        self.found(3, "deadlock(lambda: w.recv(0) if rank == 2 else w.barrier())",
                   "ranks 0-1: barrier (prog.py)", "rank 2: recv from rank 0 (prog.py)")

    def test_collectives_of_different_communicators(self):
        self.found(2, """
            one, other = w.dup(), w.dup()
            deadlock(lambda: (other if rank else one).allreduce(1))
            """, "ranks 0-1: allreduce (prog.py)")

    def test_large_sends(self):
        self.found(2, "deadlock(lambda: w.send(bytes(10**6), 1 - rank, 9))",
                   "rank 0: send to rank 1, tag 9 (prog.py)",
                   "rank 1: send to rank 0, tag 9 (prog.py)")

    def test_synchronous_send_and_receive(self):
        self.found(2, "deadlock(lambda: w.recv(1, 2) if rank == 0 else w.ssend(1, 0, 1))",
                   "rank 0: recv from rank 1, tag 2 (prog.py)",
                   "rank 1: ssend to rank 0, tag 1 (prog.py)")

    def test_from_anybody(self):
        self.found(3, "deadlock(lambda: w.recv())", "ranks 0-2: recv from any rank (prog.py)")

    def test_requests(self):
        self.found(2, """
            first = w.irecv(1 - rank)
            second = w.irecv(1 - rank, 7)
            deadlock(lambda: mpi.wait_any([first, second]))
            assert first.cancel() and second.cancel()
            """, "rank 0: wait_any from rank 1 (prog.py)", "rank 1: wait_any from rank 0 (prog.py)")

    def test_a_rank_that_has_ended(self):
        for ended, left in ((0, 1), (1, 0)):
            with self.subTest(ended):
                path = self.write("prog.py", f"""
                    import mpi
                    if mpi.rank == {left}:
                        mpi.recv({ended})
                    """)
                r = support.run(["-n", "2", "--check", path])
                self.assertEqual(r.status, 1)
                self.assertIn(f"rank {ended}: ended", r.err)
                self.assertRegex(r.err, rf"rank {left}: recv from rank {ended} \(\S+prog\.py:4\)")

    def test_alone(self):
        for options in ([], ["-n", "1"]):
            r = support.run([*options, "--check", "-c", "import mpi; mpi.send(1, 0); mpi.recv(0, 3)"])
            self.assertEqual(r.status, 1)
            self.assertIn(f"{WAITS}rank 0: recv from rank 0, tag 3 (<string>:1)\n", r.err)

    def test_twice(self):
        """A program that goes on is watched as before. What a rank sends then may meet a receive that
        another is about to be told is in vain, so its tags differ.
        """
        path = self.write("prog.py", HEAD + """
    for tag in range(3):
        deadlock(lambda: w.recv(1 - rank, tag))
        assert w.sendrecv(rank, 1 - rank, 7, source=1 - rank, recvtag=7) == 1 - rank
    """)
        r = self.ok(support.run(["-n", "2", "--check", path]))
        self.assertEqual(r.out.count(WAITS), 3)

    def test_sub_communicators_name_ranks_of_the_world(self):
        self.found(3, """
            part = w.split(rank > 0)
            deadlock(lambda: part.recv((part.rank + 1) % part.size))
            """, "rank 0: recv from rank 0 (prog.py)", "rank 1: recv from rank 2 (prog.py)",
            "rank 2: recv from rank 1 (prog.py)")


class NoDeadlocks(support.Case):
    """What may still go on is left alone."""

    def right(self, ranks, code):
        self.ok(support.run_ranks(ranks, code, "--check"))

    def test_a_late_rank(self):
        self.right(3, """
            import mpi, time
            if mpi.rank == 2:
                time.sleep(3)
                mpi.send("late", 0)
            if mpi.rank == 0:
                assert mpi.recv(2) == "late"
            mpi.barrier()
            """)

    def test_a_rank_that_computes(self):
        self.right(2, """
            import mpi, time
            begun = time.monotonic()
            while mpi.rank and time.monotonic() - begun < 2.5:
                pass
            assert mpi.allgather(mpi.rank) == [0, 1]
            """)

    def test_another_thread_sends(self):
        self.right(2, """
            import mpi, threading
            other = 1 - mpi.rank
            threading.Timer(2, lambda: mpi.send("thread", other)).start()
            assert mpi.recv(other) == "thread"
            """)

    def test_a_timer_sends(self):
        self.right(2, """
            import mpi, signal
            if mpi.rank:
                signal.signal(signal.SIGALRM, lambda *_: mpi.send("alarm", 0))
                signal.setitimer(signal.ITIMER_REAL, 2)
                assert mpi.recv(0) == "thanks"
            else:
                assert mpi.recv(1) == "alarm"
                mpi.send("thanks", 1)
            """)

    def test_what_other_libraries_wait_for(self):
        self.right(2, """
            import mpi, sys
            try:
                from mpi4py import MPI
            except ImportError:
                sys.exit()
            import time
            if mpi.rank:
                MPI.COMM_WORLD.recv(source=0)
                mpi.send("both", 0)
            else:
                time.sleep(2)
                MPI.COMM_WORLD.send("theirs", 1)
                assert mpi.recv(1) == "both"
            """)

    def test_ranks_that_end_at_different_times(self):
        self.right(3, """
            import mpi, time
            time.sleep(1.2 * mpi.rank)
            if mpi.rank == 2:
                mpi.isend("to myself", 2).wait()
                assert mpi.recv(2) == "to myself"
            """)

    def test_large_messages_under_way(self):
        self.right(3, """
            import mpi
            left, right = (mpi.rank - 1) % 3, (mpi.rank + 1) % 3
            for _ in range(20):
                assert len(mpi.sendrecv(bytes(10**7), right, source=left)) == 10**7
            """)

    def test_without_check_nobody_watches(self):
        r = support.run_ranks(2, """
            import mpi, signal, os
            signal.alarm(3)
            mpi.recv(1 - mpi.rank)
            """)
        self.assertNotIn("DeadlockError", r.err)
        self.assertNotEqual(r.status, 0)


class Mismatches(support.Case):
    def test_the_text(self):
        r = support.run_ranks(3, """
            import mpi
            if mpi.rank < 2:
                mpi.allreduce(1.5)
            else:
                mpi.barrier()
            """, env={"PYMPI_CHECK": "1"})
        self.assertEqual(r.status, 1)
        self.assertRegex(r.err, r"CollectiveMismatch: the ranks disagree: allreduce\(op=SUM, number\) "
                                r"at \S+\.py:4 on rank 0; barrier\(\) at \S+\.py:6 on rank 2\n")

    def test_a_variable_of_zero_is_none(self):
        for env, options in (({"PYMPI_CHECK": "0"}, []), ({"PYMPI_CHECK": ""}, []),
                             ({"PYMPI_CHECK": "1"}, ["-E"])):
            code = "import mpi; print(mpi.ibarrier().wait() if mpi.rank else mpi.bcast(1))"
            with self.subTest((env, options)):
                r = support.run(["-n", "1", *options, "-c", code], env=env)
                self.assertEqual((r.status, r.out), (0, "1\n"))

    def test_some_ranks_have_the_option(self):
        """Under a user's own launcher one rank may have the variable and another not."""
        code = "import mpi; mpi.barrier() if mpi.rank else mpi.bcast(1)"
        mpirun = support.config("PYMPI_MPIRUN")
        r = support.run(["-n", "2", "sh", "-c",
                         f'[ $OMPI_COMM_WORLD_RANK = 0 ] && export PYMPI_CHECK=1; '
                         f'exec {support.PYMPI} -c "{code}"'], program=mpirun)
        self.assertNotEqual(r.status, 0)
        self.assertIn("CollectiveMismatch", r.err)

    def test_interrupts(self):
        """^C ends what waits under check as it does without."""
        job = subprocess.Popen(
            [support.PYMPI, "-n", "2", "--check", "-c",
             "import mpi, time\nif mpi.rank:\n  print('up', flush=True)\n  time.sleep(60)\n"
             "try: mpi.barrier()\nexcept KeyboardInterrupt: print('broken', flush=True); raise"],
            env=support.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.assertEqual(job.stdout.readline(), "up\n")
        time.sleep(1)
        job.send_signal(signal.SIGINT)
        out, _ = job.communicate(timeout=20)
        self.assertIn("broken", out)
        self.assertEqual(job.returncode % 256, (128 + signal.SIGINT) % 256 if job.returncode > 0
                         else -signal.SIGINT % 256)


if __name__ == "__main__":
    unittest.main()
