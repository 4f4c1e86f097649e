"""A session through its frames: statements, output, results, errors, input, status, the end."""
# SPDX-License-Identifier: MIT

import os
import signal
import time

import support
from front import Front, frames


class Statements(support.Case):
    """One session for all methods of the class: they do not disturb each other."""
    RANKS = 3

    @classmethod
    def setUpClass(cls):
        cls.front = Front(cls.RANKS)
        cls.addClassCleanup(cls.front.__exit__)

    def given(self, source, *results):
        done = self.front.run(source)
        self.assertEqual((done.results, done.errors), (list(results), []))
        return done

    def test_ready(self):
        self.assertEqual((self.front.ready["ranks"], self.front.ready["nodes"]), (3, 1))
        self.assertEqual(self.front.ready["version"], 1)
        self.assertRegex(self.front.ready["mpi"], r"Open MPI \d+\.\d+")

    def test_equal_results_are_one(self):
        self.given("1 + 1", ("", "2"))

    def test_results_that_differ(self):
        self.given("max(mpi.rank, 1)", ("0-1", "1"), ("2", "2"))

    def test_none_is_no_result(self):
        self.given("None")

    def test_last_value(self):
        self.front.run("mpi.rank + 10")
        self.given("_ - 10 == mpi.rank", ("", "True"))

    def test_names_stay(self):
        self.given("def f():\n    return 7\n\nx = f()")
        self.given("x", ("", "7"))
        self.given("__name__", ("", "'__main__'"))

    def test_several_statements(self):
        done = self.given("3\nfor i in range(2): i\n4", ("", "4"))
        self.assertEqual(done.out, [("", "3\n0\n1\n")])

    def test_future(self):
        self.given("from __future__ import annotations\ndef g(x: nothing): pass\n"
                   "g.__annotations__['x']", ("", "'nothing'"))
        self.given("def g(x: nothing): pass\ng.__annotations__['x']", ("", "'nothing'"))

    def test_display_hook_of_the_user(self):
        done = self.given("import sys\nkept = sys.displayhook\n"
                          "sys.displayhook = lambda v: print('shown', v)\n5")
        self.assertEqual(done.out, [("", "shown 5\n")])
        self.front.run("sys.displayhook = kept")

    def test_output(self):
        done = self.given("print('same'); print('own', mpi.rank // 2); print('end')")
        self.assertEqual(done.out, [("", "same\n"), ("0-1", "own 0\n"), ("2", "own 1\n"), ("", "end\n")])

    def test_output_of_c_and_of_children(self):
        done = self.given("import ctypes, os\nctypes.CDLL(None).puts(b'from C')\n"
                          "_ = os.system('echo child; echo wrong >&2')")
        self.assertEqual(sorted(done.out[0][1].split("\n")), ["", "7", "child", "from C"])
        self.assertEqual(done.err, [("", "wrong\n")])

    def test_unfinished_line(self):
        self.assertEqual(self.given("print('a', end='')").out, [("", "a")])

    def test_unfinished_line_of_one(self):
        self.front.begin("@0 import time; print('a', end='', flush=True); time.sleep(3)")
        began = time.monotonic()
        self.assertEqual(self.front.next()[2], b"a")
        self.assertLess(time.monotonic() - began, 2)
        self.front.end()

    def test_line_of_one_comes_at_once(self):
        self.front.begin("@0 import time; print('a', flush=True); time.sleep(1)")
        began = time.monotonic()
        self.assertEqual(self.front.next()[2], b"a\n")
        self.assertLess(time.monotonic() - began, 0.4 * support.SLOW)
        self.front.end()

    def test_question_in_pieces(self):
        """What is printed before an input request stays unfinished, for the front to go on with."""
        self.front.begin("print('your name', end=': ', flush=True); x = input()")
        found = self.front.until(frames.INPUT)
        self.assertEqual([body for _, _, body in found], [b"your name: ", b""])
        self.front.send(frames.ANSWER, "x", ranks="0-2")
        self.assertEqual(self.front.end().errors, [])

    def test_a_megabyte(self):
        for what, ranks in (("i", {""}), ("(i, mpi.rank)", {"0", "1", "2"})):
            done = self.given(f"for i in range(40_000): print('a line of twenty', {what})")
            self.assertEqual({ranks for ranks, _ in done.out}, ranks)
            for group in ranks:
                lines = "".join(text for r, text in done.out if r == group).splitlines()
                self.assertEqual(len(lines), 40_000)
                self.assertTrue(all(f" {i}" in line or f"({i}," in line
                                    for i, line in enumerate(lines)))

    def test_output_streams(self):
        self.front.begin("import time\nprint('early', flush=True)\ntime.sleep(2)\nprint('late')")
        began = time.monotonic()
        self.assertEqual(self.front.next()[2], b"early\n")
        self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(self.front.end().out, [("", "late\n")])

    def test_all_fail_alike(self):
        done = self.front.run("def f():\n    return 1/0\n\nf()")
        self.assertEqual((done.errors, done.failed),
                         ([("", "ZeroDivisionError: division by zero")], "0-2"))
        text = done.tracebacks[0][1]
        self.assertIn("in f\n    return 1/0", text)
        self.assertNotIn("loop.py", text)

    def test_marks_of_a_traceback(self):
        done = self.front.run("1 / 0")
        self.assertRegex(done.tracebacks[0][1], r"\n    1 / 0\n    ~~\^~~\nZeroDivisionError")

    def test_input_is_no_frame_of_a_traceback(self):
        self.front.begin("input()")
        self.front.until(frames.INPUT)
        self.front.send(frames.ANSWER, ranks="0-2", end=True)
        text = self.front.end().tracebacks[0][1]
        self.assertRegex(text, r"\n    input\(\)\n(.*\^\n)?EOFError: EOF when reading a line\n?$")

    def test_syntax_error(self):
        text, = (text for _, text in self.front.run("x = = 3").tracebacks)
        self.assertEqual(text.splitlines()[1:], ["    x = = 3", "        ^",
                                                 "SyntaxError: invalid syntax"], text)

    def test_hook_of_the_user(self):
        self.front.run("import sys; kept = sys.excepthook\nsys.excepthook = lambda *a: print('hook', a[1])")
        done = self.front.run("1/0")
        self.assertEqual((done.out, done.errors, done.failed),
                         ([("", "hook division by zero\n")], [], "0-2"))
        self.front.run("sys.excepthook = lambda *a: [][1]")
        text, = (text for _, text in self.front.run("1/0").tracebacks)
        self.assertRegex(text, r"(?s)Error in sys.excepthook.*IndexError.*Original.*ZeroDivisionError")
        self.front.run("sys.excepthook = kept")

    def test_post_mortem(self):
        self.front.run("def h():\n    local = 41\n    raise ValueError(local)\n\nh()")
        self.given("import sys; sys.last_traceback.tb_next.tb_frame.f_locals['local']", ("", "41"))

    def test_on_some_ranks(self):
        self.given("@1 mpi.rank", ("1", "1"))
        self.given("@0,2 y = mpi.rank")
        self.given("'y' in globals()", ("0,2", "True"), ("1", "False"))
        self.given("@0-1:\n    z = 5\n    z + mpi.rank", ("0", "5"), ("1", "6"))

    def test_ranks_that_are_not_there(self):
        for source, words in (("@3 1", "there is no rank 3; the ranks are 0 to 2"),
                              ("@2-1 1", "runs backwards"), ("@x1 1", None)):
            done = self.front.run(source)
            self.assertEqual(len(done.errors), 1)
            self.assertIn(words or "", done.errors[0][1])

    def test_time(self):
        done = self.front.run("%time import time; time.sleep(.05 * mpi.rank)")
        self.assertRegex(done.results[0][1], r"^wall time [\d.]+ m?s \(rank \d; fastest .*, rank \d\)$")

    def test_timeit(self):
        for source in "%timeit sum(range(100))", "%timeit mpi.barrier()", "@1-2 %timeit 1 + 1":
            self.assertRegex(self.front.run(source).results[0][1], r"^[\d.]+ [nu]s each, the best of 5")

    def test_run(self):
        path = self.write("prog.py", "import sys\nprint(sys.argv[1:])\nanswer = 42\n")
        self.assertEqual(self.given(f"%run {path} a 'b c'").out, [("", "['a', 'b c']\n")])
        self.given("answer", ("", "42"))

    def test_shell(self):
        self.assertEqual(self.given("!echo $((6 * 7))").out, [("0", "42\n")])
        self.assertEqual(self.given("@2 !exit 3").err, [("2", "!: status 3\n")])

    def test_help(self):
        for source in "len?", "help(len)", "?len":
            self.assertIn("Return the number of items", self.given(source).out[0][1])

    def test_complete(self):
        for text, start, name in (("mpi.allred", 0, "mpi.allreduce("), ("x = prin", 4, "print("),
                                  ("import nump", 7, "numpy"), ("from os import pat", 15, "path"),
                                  ("@1 %ti", 3, "%timeit "), ("open('/etc/host", 6, "/etc/hostname")):
            self.front.send(frames.COMPLETE, text, id=5)
            kind, head, body = self.front.next()
            self.assertEqual((kind, head["start"]), (frames.COMPLETED, start), text)
            self.assertIn(name, body.decode().split("\n"))

    def test_inspect(self):
        self.front.send(frames.INSPECT, "len", id=5)
        kind, _, body = self.front.next()
        self.assertEqual(kind, frames.INSPECTED)
        self.assertIn(b"Return the number of items", body)

    def test_input(self):
        self.front.begin("name = input('one\\ntwo? ')\nname + '!'")
        frame = self.front.until(frames.INPUT)[-1]
        self.assertEqual((frame[1]["ranks"], frame[1]["all"], frame[2]), ("0-2", True, b"two? "))
        self.front.send(frames.ANSWER, "ä" * 5000, ranks="0,2")
        self.assertEqual(self.front.until(frames.INPUT)[-1][1]["ranks"], "1")
        self.front.send(frames.ANSWER, ranks="1", end=True)
        done = self.front.end()
        self.assertEqual(done.results, [("0,2", repr("ä" * 5000 + "!"))])
        self.assertEqual(done.errors, [("1", "EOFError: EOF when reading a line")])

    def test_debugger(self):
        self.front.begin("@2:\n    a = 5\n    breakpoint()\n    a += 1")
        frame = self.front.until(frames.INPUT)[-1]
        self.assertEqual((frame[1]["ranks"], frame[2]), ("2", b"(Pdb) "))
        self.front.send(frames.ANSWER, "p a * 3", ranks="2")
        found = self.front.until(frames.INPUT)
        self.assertIn(b"15\n", [body for _, _, body in found])
        self.front.send(frames.ANSWER, "c", ranks="2")
        self.assertEqual(self.front.end().errors, [])

    def test_secret(self):
        self.front.begin("@1 import getpass; getpass.getpass()")
        self.assertTrue(self.front.until(frames.INPUT)[-1][1]["secret"])
        self.front.send(frames.ANSWER, "s3", ranks="1")
        self.assertEqual(self.front.end().results, [("1", "'s3'")])

    def test_requests_behind_a_statement(self):
        """They are answered in their order, behind the statement that runs."""
        self.front.begin("import time; time.sleep(.3); order = [1]")
        self.front.send(frames.COMPLETE, "orde", id=1)
        self.front.send(frames.EXECUTE, "order.append(2); order", id=77)
        kinds = [f for f in self.front.until(frames.COMPLETED)]
        self.assertEqual([k for k, _, _ in kinds], [frames.DONE, frames.COMPLETED])
        self.assertEqual(kinds[1][2], b"order")
        self.assertEqual(self.front.end().results, [("", "[1, 2]")])

    def test_status_and_interrupt(self):
        self.front.begin("@1:\n    import time\n    time.sleep(60)")
        time.sleep(.3)
        self.front.send(frames.STATUS)
        running = self.front.until(frames.RUNNING)[-1][1]["running"]
        self.assertEqual([(r["ranks"], r["place"].split(" in ")[0].split(">:")[1]) for r in running],
                         [("1", "3")])
        began = time.monotonic()
        self.front.send(frames.INTERRUPT)
        done = self.front.end()
        self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(done.errors, [("1", "KeyboardInterrupt")])
        self.assertNotIn("loop.py", done.tracebacks[0][1])

    def test_status_is_asked_of_ranks_ever_less_often(self):
        """The signal for it ends a sleep of C's early, so few of them are sent."""
        self.front.begin("import ctypes, time\nbegan, naps = time.monotonic(), 0\n"
                         "while time.monotonic() - began < 3: ctypes.CDLL(None).usleep(3_000_000); naps += 1"
                         "\nnaps")
        for _ in range(25):
            time.sleep(.1)
            self.front.send(frames.STATUS)
            running = self.front.until(frames.RUNNING)[-1][1]["running"]
            self.assertEqual([r["ranks"] for r in running], ["0-2"])
            self.assertIn(":3 in <module>", running[0]["place"])
        naps = [int(text) for _, text in self.front.end().results]
        self.assertLessEqual(max(naps), 8)

    def test_leaving_on_some_ranks(self):
        done = self.front.run("@1 exit(3)")
        self.assertEqual(done.errors, [("1", "SystemExit: 3 (not on all ranks: the session goes on)")])
        self.given("1", ("", "1"))

    def test_unknown_frames_are_passed_over(self):
        self.front.send(50, b"of a later version")
        self.given("2", ("", "2"))


class Many(support.Case):
    def test_groups_are_left_out(self):
        with Front(10) as front:
            front.run("mpi.barrier()")
            done = front.run("mpi.barrier(); print('line', mpi.rank); mpi.rank * 2")
            self.assertEqual([r for r, _ in done.out], ["0", "1", "2", "3", "9"])
            self.assertEqual(done.frames[4][1]["more"], 5)
            self.assertEqual([r for r, _ in done.results], ["0", "1", "2", "3", "9"])
            done = front.run("print(_out)")
            self.assertEqual(len(done.out), 1)
            self.assertIn("[7]\n", done.out[0][1])
            self.assertIn("14\n", done.out[0][1])


class Ends(support.Case):
    def test_shut_down(self):
        for status in 0, 3:
            with Front(2) as front:
                front.run("import atexit; atexit.register(print, 'bye')")
                head, said, ended = front.shut_down(status)
                self.assertEqual((head["status"], head["signal"], ended), (status, 0, status))
                self.assertNotIn("ended the job", said)

    def test_exit_on_all_ranks(self):
        with Front(2) as front:
            front.begin("import sys; sys.exit(5)")
            self.assertEqual(front.until(frames.ENDED)[-1][1]["status"], 5)
            self.assertEqual(front.process.wait(10), 5)

    def test_front_is_gone(self):
        """Its ranks end, whatever they do."""
        for source in "1", "while True: pass", "import time; time.sleep(60)":
            with Front(2) as front:
                front.begin(source)
                time.sleep(.2)
                began = time.monotonic()
                front.process.stdin.close()
                front.process.wait(10 * support.SLOW)
                self.assertLess(time.monotonic() - began, 5 * support.SLOW)
                self.assertEqual(support.NOTE.sub("", front.process.stderr.read().decode()), "")
                front.process.stdin = open(os.devnull, "wb")

    def test_rank_is_killed(self):
        for at_prompt in True, False:
            with Front(3) as front:
                pids = [int(pid) for _, pid in front.run("import os; os.getpid()").results]
                if not at_prompt:
                    front.begin("import time; time.sleep(60)")
                    time.sleep(.2)
                began = time.monotonic()
                os.kill(pids[1], signal.SIGKILL)
                head = front.until(frames.ENDED)[-1][1]
                self.assertLess(time.monotonic() - began, 2 * support.SLOW)
                self.assertEqual((head["status"], head["signal"], head["rank"]), (137, 9, 1))
                self.assertIn("rank 1 of 3 was ended by signal 9 (Killed)",
                              front.process.stderr.read().decode())
                self.assertEqual(front.process.wait(10), 137)

    def test_damaged_frame(self):
        with Front(2) as front:
            front.process.stdin.write(b"no frame at all, but 16 bytes")
            front.process.stdin.flush()
            front.process.wait(20 * support.SLOW)
            self.assertIn("what comes on standard input is no frame",
                          front.process.stderr.read().decode())


class Scripts(support.Case):
    def test_prompt_behind_a_script(self):
        path = self.write("s.py", "import sys, mpi\nx = mpi.rank\nprint(sys.argv, __file__ == sys.argv[0])\n")
        with Front(2, "-i", path, "a") as front:
            self.assertEqual(front.ready["script"], -1)
            self.assertEqual(front.end().out, [("", f"['{path}', 'a'] True\n")])
            self.assertEqual(front.run("x").results, [("0", "0"), ("1", "1")])

    def test_prompt_behind_an_exception(self):
        path = self.write("s.py", "x = 3\ndef f():\n    raise KeyError('k')\nf()\n")
        with Front(2, "-i", path) as front:
            self.assertEqual(front.end().errors, [("", "KeyError: 'k'")])
            self.assertEqual(front.run("x").results, [("", "3")])

    def test_command_and_module(self):
        with Front(2, "-i", "-c", "y = 4") as front:
            front.end()
            self.assertEqual(front.run("y").results, [("", "4")])
        self.write("mod.py", "z = 5\n")
        with Front(2, "-i", "-m", "mod", cwd=self.folder) as front:
            front.end()
            self.assertEqual(front.run("z").results, [("", "5")])

    def test_startup(self):
        path = self.write("start.py", "started = True\n")
        with Front(2, env={"PYTHONSTARTUP": path}) as front:
            front.end()
            self.assertEqual(front.run("started").results, [("", "True")])

    def test_needs_ranks(self):
        self.refused(support.run(["--session"]), "--session needs -n N")
