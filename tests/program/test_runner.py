"""Tests of the test runner: hangs, failures, what is left behind, and what it counts."""
# SPDX-License-Identifier: MIT
# timeout: 200

import os
import subprocess
import sys
import textwrap
import time
import unittest

import support
from harness import leftover

RUN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run")
RANKS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "ranks")

HEAD = f"import sys; sys.path.insert(0, {RANKS!r})\nimport os, support, mpi\n"


class Runner(support.Case):
    """Runs tests/run over a folder with one test in it."""

    def run_one(self, kind, body, *options, header="", env=None):
        code = header + (HEAD if kind == "ranks" else "") + textwrap.dedent(body)
        os.makedirs(os.path.join(self.folder, kind), exist_ok=True)
        self.write(f"{kind}/test_it.py", code)
        args = [RUN, "--build", support.BUILD, "--tests", self.folder, *options]
        return support.run(args, program=sys.executable, timeout=90, env=env)

    def fails(self, result, *words):
        self.assertEqual(result.status, 1, result.out)
        self.assertRegex(result.out.splitlines()[-1], r"^\d+ passed, [1-9]\d* failed$")
        for word in words:
            self.assertIn(word, result.out)


class Again(Runner):
    UNSTEADY = """
        import os, sys, unittest
        class A(unittest.TestCase):
            def test_steady(self):
                pass
            def test_unsteady(self):
                path = os.environ["FIRST"]
                known = os.path.exists(path)
                open(path, "w").close()
                self.assertTrue(known)
            def test_wrong(self):
                self.assertFalse("WRONG" in os.environ)
        """

    def test_unsteady(self):
        first = os.path.join(self.folder, "first")
        r = self.run_one("program", self.UNSTEADY, "--again", env={"FIRST": first})
        self.assertEqual((r.status, r.out.splitlines()[-1]), (0, "3 passed, 0 failed"), r.out)
        self.assertIn("unsteady:\n  program/test_it.py A.test_unsteady\n", r.out)

    def test_wrong_twice(self):
        first = os.path.join(self.folder, "first")
        r = self.run_one("program", self.UNSTEADY, "--again", env={"FIRST": first, "WRONG": "1"})
        self.fails(r, "once more, alone:", "unsteady:\n  program/test_it.py A.test_unsteady\n",
                   "failed:\n  program/test_it.py A.test_wrong\n2 passed, 1 failed")

    def test_not_asked_for(self):
        first = os.path.join(self.folder, "first")
        r = self.run_one("program", self.UNSTEADY, env={"FIRST": first})
        self.fails(r, "failed:\n  program/test_it.py A.test_unsteady")


class Ranks(Runner):
    def test_passes_at_each_number_of_ranks(self):
        r = self.run_one("ranks", """
            class A(support.Comms):
                def test(self):
                    self.assertEqual(self.everywhere(1), [1] * self.comm.size)
            support.main()
            """)
        self.assertEqual((r.status, r.out.splitlines()[-1]), (0, "4 passed, 0 failed"), r.out)

    def test_one_rank_failing_fails_everywhere(self):
        r = self.run_one("ranks", """
            class A(support.Comms):
                over = ("world",)
                def test_a(self):
                    self.assertNotEqual(mpi.rank, 2)
                def test_b(self):
                    self.assertEqual(self.everywhere(1), [1] * 3)
            support.main()
            """, "--np", "3")
        self.fails(r, "FAIL A[world].test_a [2]", "ran=2 failed=1")

    def test_equal_tracebacks_are_printed_once(self):
        r = self.run_one("ranks", """
            class A(support.Comms):
                over = ("world",)
                def test_a(self):
                    assert mpi.rank == 1, "odd one out"
            support.main()
            """, "--np", "4")
        self.fails(r, "FAIL A[world].test_a [0,2-3]")
        self.assertEqual(r.out.count("AssertionError: odd one out"), 1)

    def test_a_rank_that_fails_while_others_wait_ends_the_job(self):
        r = self.run_one("ranks", """
            support.PATIENCE = 1.0
            class A(support.Comms):
                over = ("world",)
                def test_a(self):
                    assert mpi.rank != 1, "gone astray"
                    self.comm.recv(1, 5)
            support.main()
            """, "--np", "2")
        self.fails(r, "gone astray", "have not ended this test")

    def test_a_hang_shows_every_stack_and_is_killed(self):
        start = time.monotonic()
        r = self.run_one("ranks", """
            class A(support.Comms):
                over = ("world",)
                def test_a(self):
                    self.comm.recv(mpi.rank, 5)
            support.main()
            """, "--np", "3", header="# timeout: 4\n")
        self.fails(r, "no end after 4 s", "in test_a")
        for rank in range(3):
            self.assertIn(f"--- rank {rank}, process", r.out)
        self.assertEqual(r.out.count("in test_a"), 3, r.out)
        self.assertLess(time.monotonic() - start, 30)

    def test_a_runner_that_is_ended_takes_its_tests_along(self):
        self.write("ranks/test_it.py", HEAD + "print(1)\nimport time; time.sleep(77)\n")
        env = support.environment()
        args = [RUN, "--build", support.BUILD, "--tests", self.folder, "--np", "2"]
        p = subprocess.Popen([sys.executable, *args], env=env, stdout=-3, stderr=-3)
        while len(leftover.processes(env["PYMPI_TEST_ID"])) < 4:
            time.sleep(0.05)
        p.terminate()
        self.assertEqual(p.wait(timeout=20), 130)
        self.assertEqual(leftover.wait_gone(env["PYMPI_TEST_ID"], 2), [])
        self.assertEqual([n for n in os.listdir("/dev/shm") if n.startswith(f"pt.{p.pid}.")], [])

    def test_a_status_alone_is_no_pass(self):
        self.fails(self.run_one("ranks", "sys.exit(0)", "--np", "1"), "0 summaries")

    def test_a_file_without_tests_fails(self):
        self.fails(self.run_one("ranks", "support.main()", "--np", "2"), "0 of 0 failed")

    def test_a_stray_process_is_found(self):
        r = self.run_one("ranks", """
            import subprocess
            class A(support.Comms):
                def test_a(self):
                    subprocess.Popen(["sleep", "77"], start_new_session=True,
                                     stdin=-3, stdout=-3, stderr=-3)
            support.main()
            """, "--np", "1")
        self.fails(r, "left a process: ", "sleep 77")

    def test_files_left_are_found(self):
        body = """
            import tempfile
            class A(support.Comms):
                def test_a(self):
                    open(os.path.join(tempfile.gettempdir(), "remains"), "w").close()
            support.main()
            """
        self.fails(self.run_one("ranks", body, "--np", "1"), "left in TMPDIR: remains")
        r = self.run_one("ranks", body, "--np", "1", header="# leaves: rem*\n")
        self.assertEqual(r.status, 0, r.out)

    def test_shared_memory_left_is_found(self):
        name = f"trial-{os.getpid()}"
        try:
            r = self.run_one("ranks", f"""
                class A(support.Comms):
                    def test_a(self):
                        open("/dev/shm/{name}", "w").close()
                support.main()
                """, "--np", "1", env={"PYMPI_TEST_SHARED_PREFIX": "trial-"})
        finally:
            os.unlink(f"/dev/shm/{name}")
        self.fails(r, f"left in shared memory: {name}")

    def test_output_of_a_failing_rank_program(self):
        self.fails(self.run_one("ranks", "print('on its way'); 1/0", "--np", "2"),
                   "on its way", "ZeroDivisionError")


class Program(Runner):
    BODY = """
        import unittest, subprocess, time
        class A(unittest.TestCase):
            def test_good(self): pass
            def test_bad(self): self.assertEqual(1, 2)
            def test_left_out(self): self.skipTest("not today")
        """

    def test_each_method_counts(self):
        r = self.run_one("program", self.BODY)
        self.fails(r, "ok   program/test_it.py A.test_good", "FAIL program/test_it.py A.test_bad",
                   "skip program/test_it.py A.test_left_out", "1 skipped")
        self.assertEqual(r.out.splitlines()[-1], "1 passed, 1 failed")

    def test_only_picks_methods(self):
        r = self.run_one("program", self.BODY, "--only", "test_it:good")
        self.assertEqual((r.status, r.out.splitlines()[-1]), (0, "1 passed, 0 failed"), r.out)

    def test_no_test_found_is_a_failure(self):
        r = self.run_one("program", self.BODY, "--only", "nothing_of_that_name")
        self.assertEqual((r.status, r.out.splitlines()[-1]), (1, "0 passed, 0 failed"), r.out)

    def test_a_hang_names_the_method(self):
        r = self.run_one("program", """
            import unittest, time
            class A(unittest.TestCase):
                def test_a(self): pass
                def test_slow(self): time.sleep(77)
            """, header="# timeout: 2\n")
        self.fails(r, "ok   program/test_it.py A.test_a", "FAIL program/test_it.py A.test_slow",
                   "no end after 2 s", "in test_slow")

    def test_a_file_that_dies_fails(self):
        self.fails(self.run_one("program", "import os; os._exit(0)"), "no test in it")
        self.fails(self.run_one("program", "raise ValueError('broken file')"), "broken file")


if __name__ == "__main__":
    unittest.main()
