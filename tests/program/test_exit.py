"""How a program and a job end: statuses, exceptions, signals; one rank's failure ends the job."""
# SPDX-License-Identifier: MIT

import os
import signal
import subprocess
import time
import unittest

import support


class Alone(support.Case):
    """One rank: the same status and the same last words as python3."""

    def test_all_statuses(self):
        for n in range(256) if support.FULL else (0, 1, 2, 3, 42, 77, 120, 127, 128, 137, 255):
            with self.subTest(n):
                self.assertEqual(support.run(["-c", f"import sys; sys.exit({n})"]).status, n)

    def test_forms_of_exit(self):
        for what in ("sys.exit()", "sys.exit(None)", "sys.exit('said why')", "sys.exit(-1)",
                     "sys.exit(256)", "sys.exit(300)", "sys.exit(2**40)", "sys.exit(True)",
                     "sys.exit((1, 2))", "sys.exit(1.5)", "sys.exit('')", "raise SystemExit",
                     "raise SystemExit(7)", "raise SystemExit('a', 'b')", "exit(9)", "quit()",
                     "os._exit(5)", "os.abort", "sys.exit(b'x')"):
            with self.subTest(what):
                self.same(["-c", f"import sys, os; print('before'); {what}"])

    def test_sys_exit_in_a_job_is_as_in_python(self):
        for what in ("sys.exit((1, 2))", "sys.exit()", "sys.exit(None)", "sys.exit(1, 2)",
                     "sys.exit(SystemExit(4))", "sys.exit(status=1)", "raise SystemExit(1, 2)",
                     "e = SystemExit(5); e.code = 7; raise e",
                     "e = SystemExit(5); del e.code; raise e"):
            code = ("import sys\n"
                    "try:\n"
                    f"    {what}\n"
                    "except BaseException as e:\n"
                    "    print(type(e), e.args, getattr(e, 'code', 'none'), sys.exit)\n"
                    "    raise")
            with self.subTest(what):
                ours = support.run(["-n", "1", "-c", code])
                theirs = support.run(["-c", code], program=support.python3)
                self.assertEqual((ours.status, ours.out), (theirs.status, theirs.out))

    def test_exceptions(self):
        for what in ("1/0", "raise ValueError('v')", "raise KeyboardInterrupt", "import nowhere",
                     "raise BaseException", "assert 0, 'no'", "x = = 1", "def f():\nreturn",
                     "raise ExceptionGroup('g', [ValueError(1), KeyError(2)])", "raise 5",
                     "exec('1/0')", "[].x", "raise ValueError from KeyError('c')"):
            with self.subTest(what):
                self.same(["-c", what])
                self.same([self.write("e.py", f"def f():\n    exec({what!r})\nf()\n")])

    def test_hooks_and_handlers_run(self):
        for what in ("import atexit; atexit.register(print, 'at exit'); 1/0",
                     "sys.excepthook = lambda *a: print('hook', a[0]); 1/0",
                     "sys.excepthook = None; 1/0",
                     "sys.excepthook = lambda *a: 1/0; [][0]",
                     "sys.stdout.close(); print(1)", "sys.stderr = None; 1/0",
                     "import threading; threading.Thread(target=lambda: 1/0).start()",
                     "import threading, time; threading.Thread(target=lambda: "
                     "(time.sleep(.1), print('late'))).start()",
                     "import atexit; atexit.register(lambda: 1/0)",
                     "import atexit; atexit.register(lambda: sys.exit(3))"):
            with self.subTest(what):
                self.same(["-c", f"import sys\n{what}"])

    def test_stdout_that_fails(self):
        code = "print('x')"
        for program in (support.PYMPI, support.python3):
            r = support.run(["-c", f"exec {program} -c \"{code}\" > /dev/full"], program="/bin/sh")
            self.assertEqual(r.status, 120, r.err)

    def test_signals(self):
        for sig in ("SIGTERM", "SIGKILL", "SIGHUP", "SIGUSR1", "SIGSEGV", "SIGPIPE", "SIGABRT"):
            code = f"import os, signal; os.kill(os.getpid(), signal.{sig})"
            env = {"PYTHONFAULTHANDLER": None}
            with self.subTest(sig):
                self.same(["-c", code], env=env)

    def test_interrupt(self):
        """SIGINT: KeyboardInterrupt's traceback, then death by SIGINT, as with python3."""
        code = "import time; print('ready', flush=True); time.sleep(60)"
        seen = []
        for program in (support.PYMPI, support.python3):
            p = subprocess.Popen([program, "-c", code], stdout=-1, stderr=-1, text=True,
                                 env=support.environment())
            p.stdout.readline()
            p.send_signal(signal.SIGINT)
            err = p.communicate(timeout=20)[1]
            # Between: where it was, which may still be the print.
            lines = err.splitlines() or [""]
            seen.append((p.returncode, lines[0], lines[-1]))
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(seen[0][0], -signal.SIGINT)

    def test_with_mpi_started(self):
        """Statuses stay right when MPI was started in between."""
        for what, status in (("", 0), ("; sys.exit(3)", 3), ("; 1/0", 1), ("; sys.exit('x')", 1)):
            with self.subTest(what):
                r = support.run(["-c", f"import sys, mpi; mpi.barrier(){what}"])
                self.assertEqual(r.status, status, r.err)

    def test_fork_after_mpi(self):
        """A forked child that leaves by sys.exit does not end MPI for its parent."""
        code = """
            import os, sys, warnings, mpi
            warnings.simplefilter("ignore")
            mpi.barrier()
            if os.fork() == 0:
                sys.exit(0)
            print(os.wait()[1], mpi.allreduce(1))
            """
        self.ok(support.run([self.write("f.py", code)]), "0 1\n")


class Job(support.Case):
    """Several ranks: one that fails ends all, whatever the others do."""
    WAITS = {"in a receive": "mpi.recv()", "in a barrier": "mpi.barrier()",
             "in an allreduce": "mpi.allreduce(1)", "in a sleep": "time.sleep(100)",
             "in a loop": "\nwhile True: pass"}

    def ends(self, n, code, status, *words, within=15, options=()):
        r = support.run_ranks(n, "import sys, os, time, mpi\n" + code, *options, timeout=40)
        self.assertEqual(r.status, status, r.err)
        for word in words:
            self.assertIn(word, r.err)
        self.assertLess(r.seconds, within * support.SLOW)
        return r

    def test_all_well(self):
        for n in (1, 2, 3, 4):
            r = support.run_ranks(n, "import mpi; mpi.barrier()\nif mpi.rank == 0: print(mpi.size)")
            self.ok(r, f"{n}\n")

    def test_exit_zero_on_one_rank_waits_for_the_others(self):
        code = """
            import sys, time, mpi
            if mpi.rank == 1:
                sys.exit(0)
            time.sleep(0.5)
            if mpi.rank == 0:
                print("done")
            """
        self.ok(support.run_ranks(3, code), "done\n")

    def test_an_exception_while_others_wait(self):
        for name, wait in self.WAITS.items():
            with self.subTest(name):
                r = self.ends(3, f"if mpi.rank == 1: raise ValueError('gone wrong')\n{wait}", 1,
                              "ValueError: gone wrong", "Traceback")
                self.assertEqual(r.err.count("ValueError: gone wrong"), 1, r.err)
                self.assertRegex(r.err, r"(?s)\b1\b.*Traceback.*gone wrong")

    def test_the_traceback_is_headed_by_its_rank(self):
        for rank in range(3):
            r = self.ends(3, f"if mpi.rank == {rank}: [][7]\nmpi.barrier()", 1, "IndexError")
            head = r.err[:r.err.index("IndexError")]
            self.assertRegex(head, rf"(?m)^.*\b{rank}\b.*$")

    def test_an_exception_before_an_end_that_waits_for_all(self):
        """As PetscFinalize does, when Python is finalized on the rank that failed."""
        self.ends(3, """if True:
            class Last:
                def __del__(self, wait=mpi.barrier):
                    wait()
            last = Last()
            if mpi.rank == 1:
                raise ValueError("gone wrong")
            mpi.recv()
            """, 1, "--- rank 1 of 3", "ValueError: gone wrong")

    def test_where_the_others_were_is_in_the_program(self):
        """Not in our own library, which waits for it."""
        r = support.run_ranks(2, "import mpi\nfrom pympi import reductions\nif mpi.rank == 1: 1/0\n"
                                 "reductions.sum([1.0])\n", timeout=40)
        self.assertRegex(r.err, r"--- where the others were\n +rank 0: .*\.py:4 in <module>")

    def test_what_a_rank_leaves_under_way_goes_on(self):
        """Its part of a collective that it did not wait for, which needs Python; where nobody comes all end."""
        code = """if True:
            import time
            if mpi.rank == 0 or sys.argv[1] == "all":
                if mpi.rank:
                    time.sleep(0.3)
                kept = mpi.iallreduce(["x"], lambda one, other: one + other)
            if mpi.rank and sys.argv[1] == "all":
                print(len(kept.wait()))
            """
        for options in [], ["--check"]:
            for who, out in ("all", "3\n3\n"), ("one", ""):
                with self.subTest(who, options=options):
                    r = support.run_ranks(3, "import sys, mpi\n" + code, *options, args=[who], timeout=40)
                    self.assertEqual((r.status, r.out), (0, out), r.err)

    def test_no_noise_of_the_launcher(self):
        r = self.ends(2, "if mpi.rank == 0: 1/0\nmpi.barrier()", 1, "ZeroDivisionError")
        for word in ("mpirun", "prterun", "MPI_ABORT", "-----", "PMIX", "Primary job"):
            self.assertNotIn(word, r.err)

    def test_statuses(self):
        for status, gives in ((1, 1), (3, 3), (77, 77), (255, 255), (300, 44), ("'why'", 1)):
            with self.subTest(status):
                r = self.ends(3, f"if mpi.rank == 2: sys.exit({status})\nmpi.barrier()", gives)
                if status == "'why'":
                    self.assertIn("why", r.err)

    def test_all_ranks_fail_alike(self):
        r = self.ends(4, "raise KeyError('everywhere')", 1, "KeyError: 'everywhere'")
        self.assertGreaterEqual(r.err.count("KeyError: 'everywhere'"), 1)

    def test_all_ranks_exit_alike(self):
        self.ends(4, "sys.exit(9)", 9)

    def test_abrupt_exit_of_one_rank(self):
        self.ends(3, "if mpi.rank == 1: os._exit(5)\nmpi.barrier()", 5)

    def test_death_by_a_signal(self):
        for sig in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
            with self.subTest(sig.name):
                code = f"if mpi.rank == 1: os.kill(os.getpid(), {int(sig)})\nmpi.barrier()"
                r = support.run_ranks(3, "import os, mpi\n" + code, timeout=40)
                self.assertNotEqual(r.status, 0)

    def test_hangup_is_the_programs_own(self):
        """UCX, which MPI may bring, would trace itself at SIGHUP; it ends a program, as ever."""
        code = """
            import signal, mpi
            mpi.barrier()
            with open("/proc/self/status") as f:
                caught = dict(line.split(":", 1) for line in f)["SigCgt"]
            print(int(caught, 16) >> signal.SIGHUP - 1 & 1, signal.getsignal(signal.SIGHUP))
            """
        for r in support.run([self.write("s.py", code)]), support.run_ranks(1, code):
            self.ok(r, "0 0\n")

    def test_abort(self):
        self.ends(3, "if mpi.rank == 1: mpi.abort(6)\nmpi.barrier()", 6)
        self.ends(2, "if mpi.rank == 0: mpi.world.abort()\nmpi.barrier()", 1)

    def test_failure_before_mpi_is_used(self):
        r = support.run_ranks(3, "import os\nif os.environ.get('OMPI_COMM_WORLD_RANK') == '1': 1/0")
        self.assertEqual(r.status, 1, r.err)
        self.assertIn("ZeroDivisionError", r.err)

    def test_syntax_error(self):
        r = support.run_ranks(3, "x = = 1\n")
        self.assertEqual(r.status, 1, r.err)
        self.assertIn("SyntaxError", r.err)

    def test_a_wrong_scatter_ends_the_job(self):
        r = self.ends(3, "mpi.scatter([1, 2] if mpi.rank == 0 else None)", 1, "scatter", "2", "3")
        self.assertIn("Traceback", r.err)

    def test_an_exception_in_one_ranks_operator_ends_the_job(self):
        code = """
def op(a, b):
    if mpi.rank == 0: raise LookupError("operator")
    return a + b
mpi.allreduce(1, op)
mpi.barrier()
"""
        r = support.run_ranks(3, "import mpi\n" + code, timeout=40)
        self.assertNotEqual(r.status, 0)
        self.assertIn("LookupError: operator", r.err)

    def test_the_same_under_mpirun(self):
        path = self.write("m.py", "import sys, mpi\nif mpi.rank == 1: 1/0\nmpi.recv()\n")
        r = support.run(["-n", "3", support.PYMPI, path], program=support.config("PYMPI_MPIRUN"))
        self.assertEqual(r.status, 1, r.err)
        self.assertIn("ZeroDivisionError", r.err)

    def test_mpi4py_program(self):
        path = self.write("m.py", "from mpi4py import MPI\nc = MPI.COMM_WORLD\n"
                          "if c.rank == 1: raise ValueError('mpi4py')\nc.recv()\n")
        if support.run(["-c", "import mpi4py"], program=support.python3).status:
            self.skipTest("mpi4py is not installed")
        r = support.run(["-n", "2", path], timeout=40)
        self.assertEqual(r.status, 1, r.err)
        self.assertIn("ValueError: mpi4py", r.err)

    def test_nothing_stays_when_pympi_is_ended(self):
        """SIGTERM, SIGINT and SIGHUP to `pympi -n` end its ranks."""
        path = self.write("w.py", "import mpi, time\nmpi.barrier()\n"
                          "if mpi.rank == 0: print('up', flush=True)\ntime.sleep(100)\n")
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(sig.name):
                env = support.environment()
                p = subprocess.Popen([support.PYMPI, "-n", "2", path], stdout=-1, stderr=-1,
                                     env=env, start_new_session=True)
                try:
                    self.assertEqual(p.stdout.readline(), b"up\n")
                    p.send_signal(sig)
                    p.communicate(timeout=20)
                    self.assertNotEqual(p.returncode, 0)
                    left = support.job.leftover.wait_gone(env["PYMPI_TEST_ID"], 5)
                    self.assertEqual(left, [])
                finally:
                    support.job.leftover.kill_all(env["PYMPI_TEST_ID"])
                    p.wait()
                    for pipe in (p.stdout, p.stderr):
                        pipe.close()

    def test_launcher_that_does_not_end(self):
        """Open MPI's mpirun has been seen to wait for itself for ever after SIGTERM."""
        path = self.write("launcher", "#!/bin/sh\ntrap '' TERM\necho up\nexec sleep 100\n")
        os.chmod(path, 0o755)
        env = support.environment()
        with subprocess.Popen([support.PYMPI, "-n", "2", "--launcher", path, "-c", "pass"],
                              stdout=-1, stderr=-1, env=env, start_new_session=True) as p:
            self.assertEqual(p.stdout.readline(), b"up\n")
            p.send_signal(signal.SIGTERM)
            err = p.communicate(timeout=20 * support.SLOW)[1].decode()
        self.assertEqual(p.returncode, -signal.SIGTERM, err)
        self.assertIn("does not end the job: it is killed", err)
        self.assertEqual(support.job.leftover.wait_gone(env["PYMPI_TEST_ID"], 5), [])

    def test_launcher_that_is_stuck(self):
        """What a launcher that had to be killed made among the temporary files is removed."""
        env = support.environment({"TMPDIR": self.folder,
                                   "OMPI_MCA_btl_vader_backing_directory": None})
        code = "import mpi, time; mpi.barrier(); mpi.print('up', flush=True); time.sleep(100)"
        with subprocess.Popen([support.PYMPI, "-n", "2", "-c", code], stdout=-1, stderr=-1,
                              env=env, start_new_session=True) as p:
            self.assertEqual(p.stdout.readline(), b"up\n")
            with open(f"/proc/{p.pid}/task/{p.pid}/children", encoding="ascii") as f:
                os.kill(int(f.read().split()[0]), signal.SIGSTOP)
            p.send_signal(signal.SIGTERM)
            err = p.communicate(timeout=20 * support.SLOW)[1].decode()
        self.assertEqual(p.returncode, -signal.SIGTERM, err)
        self.assertEqual(support.job.leftover.wait_gone(env["PYMPI_TEST_ID"], 5), [])
        self.assertEqual([n for _, _, names in os.walk(self.folder) for n in names], [])

    def test_one_rank_ends_quickly(self):
        r = support.run_ranks(1, "1/0")
        self.assertEqual(r.status, 1)
        self.assertNotIn("---", r.err)
        self.assertEqual(r.err.count("ZeroDivisionError"), 1, r.err)

    def test_failure_behind_mpis_end(self):
        """A rank that finalised MPI itself fails like any other."""
        r = support.run_ranks(2, "from mpi4py import MPI\nMPI.Finalize()\nimport mpi\n")
        self.assertEqual(r.status, 1)
        self.assertIn("--- ranks 0-1 of 2", r.err)
        self.assertEqual(r.err.count("ImportError: mpi: MPI has been finalised"), 1, r.err)

    def test_what_c_wrote_is_not_lost(self):
        r = support.run_ranks(2, """
            import ctypes, mpi, sys
            if mpi.rank == 1:
                ctypes.CDLL(None).printf(b"unfinished")
                sys.exit(3)
            mpi.recv()
            """)
        self.assertEqual((r.status, r.out.strip()), (3, "unfinished"), r.err)

    def start(self, code, **kw):
        """`pympi -n 2` of the source, which has said "up"; ended with the test."""
        p = subprocess.Popen([support.PYMPI, "-n", "2", self.write("s.py", code)], stdin=-1,
                             stdout=-1, stderr=-1, env=support.environment(),
                             start_new_session=True, **kw)
        for pipe in (p.stdin, p.stdout, p.stderr):
            self.addCleanup(pipe.close)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        self.assertEqual(p.stdout.readline(), b"up\n")
        return p

    def test_interrupt_of_a_rank_that_has_ended(self):
        """One rank is behind its program and waits for the other: it is not asked any more."""
        p = self.start("""
            import mpi, time
            if mpi.rank == 0:
                mpi.send(None, 1)
            else:
                mpi.recv(0)
                time.sleep(0.5)     # nothing tells from outside that a Python has ended
                print("up", flush=True)
                time.sleep(100)
            """)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, -signal.SIGINT, err)
        self.assertIn(b"KeyboardInterrupt", err)
        self.assertNotIn(b"Segmentation", err)
        self.assertNotIn(b"still running", err)

    def test_mpi4pys_waits_are_interrupted(self):
        """The exception is KeyboardInterrupt, which the program may catch, and nothing of MPI's."""
        path = self.write("w.py", """
            import sys
            from mpi4py import MPI
            world = MPI.COMM_WORLD
            peer = (world.rank + 1) % world.size
            waits = {
                "recv": lambda: world.recv(source=peer),
                "Recv": lambda: world.Recv(bytearray(8), source=peer),
                "Ssend": lambda: world.Ssend(bytearray(8), peer),
                "Wait": lambda: world.Irecv(bytearray(8), source=peer).Wait(),
                "Waitall": lambda: MPI.Request.Waitall([world.Irecv(bytearray(8), peer)]),
                "Probe": lambda: world.Probe(source=peer),
                "Barrier": lambda: world.Barrier() if world.rank else world.recv(source=1),
            }
            world.Barrier()
            if world.rank == 0:
                print("up", flush=True)
            try:
                waits[sys.argv[1]]()
            except KeyboardInterrupt as broken:
                print("caught", repr(broken.__context__), flush=True)
            """)
        for wait in ("recv", "Recv", "Ssend", "Wait", "Waitall", "Probe", "Barrier"):
            with self.subTest(wait):
                env = support.environment()
                with subprocess.Popen([support.PYMPI, "-n", "3", path, wait], stdout=-1, stderr=-1,
                                      env=env, start_new_session=True) as p:
                    self.assertEqual(p.stdout.readline(), b"up\n")
                    time.sleep(0.3)     # most ranks wait by then; the test holds if not
                    p.send_signal(signal.SIGINT)
                    out, err = p.communicate(timeout=20 * support.SLOW)
                self.assertEqual(out, b"caught None\n" * 3, err)
                self.assertEqual(p.returncode, 0, err)

    def test_waits_without_interception(self):
        """--no-intercept leads to MPI's own waiting; results are the same."""
        code = "from mpi4py import MPI; print(MPI.COMM_WORLD.allreduce(1), flush=True)"
        r = support.run(["-n", "2", "--no-intercept", "-c", code])
        self.assertEqual((r.status, r.out), (0, "2\n2\n"), r.err)

    def test_ignored_signals_stay_ignored(self):
        """nohup: SIGHUP does not end the job. A parent that ignores SIGCHLD gets the status."""
        def ignore():
            for sig in (signal.SIGHUP, signal.SIGCHLD):
                signal.signal(sig, signal.SIG_IGN)
        p = self.start("""
            import mpi, os, sys
            if mpi.rank == 0:
                print("up", flush=True)
                sys.stdin.readline()
                os._exit(200)
            mpi.recv()
            """, preexec_fn=ignore)
        p.send_signal(signal.SIGHUP)
        out, err = p.communicate(b"go\n", timeout=20)
        self.assertEqual(p.returncode, 200, err)
        self.assertNotIn(b"by signal", err)

    def test_output_that_nobody_reads(self):
        """The ranks get EPIPE, as a lone python3 does; the front is not killed by it."""
        p = self.start("print('up', flush=True)\nwhile True: print('more')\n")
        p.stdout.close()
        self.assertIn(p.wait(20), (1, 120))
        self.assertIn(b"BrokenPipeError", p.stderr.read())

    def test_finally_blocks_run_on_interrupt(self):
        path = self.write("i.py", """
            import mpi, time, os
            try:
                mpi.barrier()
                if mpi.rank == 0:
                    print("up", flush=True)
                time.sleep(100)
            finally:
                open(f"finally.{mpi.rank}", "w").close()
            """)
        p = subprocess.Popen([support.PYMPI, "-n", "2", path], stdout=-1, stderr=-1,
                             cwd=self.folder, env=support.environment(), start_new_session=True)
        self.assertEqual(p.stdout.readline(), b"up\n")
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=20)
        end = time.monotonic() + 5
        while time.monotonic() < end and not os.path.exists(f"{self.folder}/finally.1"):
            time.sleep(0.05)
        self.assertEqual(sorted(f for f in os.listdir(self.folder) if "finally" in f),
                         ["finally.0", "finally.1"])


if __name__ == "__main__":
    unittest.main()
