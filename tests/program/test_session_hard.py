"""Statements that would break a session: what they do is shown, and the next one runs."""
# SPDX-License-Identifier: MIT

import contextlib
import glob
import os
import signal
import struct
import zlib

import support
from front import Front, frames


def _remove_segments():
    """A launcher that was killed leaves MPI's shared memory to whoever comes."""
    folders = {os.environ[name] for name in os.environ if name.endswith("_backing_directory")}
    for folder in folders:
        for path in glob.glob(os.path.join(folder, "*segment*")):
            os.remove(path)


def _child(parent):
    """The id of a process's child."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            if f.read().rpartition(")")[2].split()[1] == str(parent):
                return int(pid)
    raise AssertionError(f"process {parent} has no child")


class Statements(support.Case):
    """One session for all methods of the class: each leaves it as it was."""
    RANKS = 2

    @classmethod
    def setUpClass(cls):
        cls.front = Front(cls.RANKS)
        cls.addClassCleanup(cls.front.__exit__)
        cls.front.run("import io, os, signal, sys")

    def tearDown(self):
        done = self.front.run("mpi.allreduce(1)")
        self.assertEqual((done.results, done.errors), ([("", "2")], []))

    def given(self, source, *results):
        done = self.front.run(source)
        self.assertEqual((done.results, done.errors), (list(results), []))
        return done

    def test_standard_output_is_gone(self):
        for instead in "del sys.stdout", "sys.stdout = None", "sys.stdout = 3":
            self.given("kept = sys.stdout\n" + instead)
            self.assertEqual(self.front.run("1/0").errors, [("", "ZeroDivisionError: division by zero")])
            self.given("sys.stdout = kept")
            self.assertEqual(self.given("print(3)").out, [("", "3\n")])

    def test_standard_output_that_raises(self):
        self.given("class Bad:\n    def flush(self): 1/0\n\nkept, sys.stdout = sys.stdout, Bad()")
        self.given("2", ("", "2"))
        self.given("sys.stdout = kept")

    def test_lone_surrogates(self):
        self.given("class R:\n    def __repr__(self): return '\\ud800'\n\nR()", ("", r"\ud800"))
        self.assertEqual(self.front.run(r"raise ValueError('\ud800')").errors,
                         [("", r"ValueError: \ud800")])
        self.given("setattr(R, '\\udfff', 1)")
        self.front.send(frames.COMPLETE, "R.", id=5)
        self.assertEqual(self.front.next()[0], frames.COMPLETED)

    def test_exceptions_that_cannot_be_shown(self):
        self.front.run("class M(type):\n    def __getattribute__(self, name): raise KeyError(name)\n\n"
                       "class E(Exception, metaclass=M): pass\n")
        self.assertEqual(self.front.run("raise E").errors,
                         [("", "E, whose traceback cannot be shown (KeyError)")])
        self.front.run("class F(Exception):\n    def __getattribute__(self, name): 1/0\n")
        self.assertEqual(self.front.run("raise F").errors,
                         [("", "F, whose traceback cannot be shown (ZeroDivisionError)")])

    def test_code_that_is_no_status(self):
        done = self.front.run("@1 sys.exit('all is lost')")
        self.assertEqual(done.errors,
                         [("1", "SystemExit: all is lost (not on all ranks: the session goes on)")])
        self.front.run("class S(SystemExit):\n    code = property(lambda self: 1/0)\n")
        self.assertIn("SystemExit: 1 ", self.front.run("@0 raise S").errors[0][1])

    def test_program_that_leaves(self):
        path = self.write("leaves.py", "import sys\nleft = 3\nsys.exit(int(sys.argv[1]))\n")
        self.given(f"%run {path} 0")
        self.given("left", ("", "3"))
        self.assertEqual(self.front.run(f"%run {path} 4").errors, [("", "SystemExit: 4")])

    def test_input_of_the_program(self):
        self.given("kept, sys.stdin = sys.stdin, io.StringIO('abc')\nx = input()\nsys.stdin = kept\nx",
                   ("", "'abc'"))

    def test_handler_that_raises_between_statements(self):
        self.given("def handler(*args): raise ValueError('alarm')\n\n"
                   "was = signal.signal(signal.SIGALRM, handler)\nos.getpid() > 0", ("", "True"))
        pids = [int(pid) for _, pid in self.front.run("os.getpid()").results]
        for pid in pids:
            os.kill(pid, signal.SIGALRM)
        _, head, body = self.front.next()
        while not head["all"] and head["ranks"] != "1":
            _, head, body = self.front.next()
        self.assertIn(b"ValueError: alarm", body)
        self.assertNotIn(b"loop.py", body)
        self.given("signal.getsignal(signal.SIGALRM) is handler", ("", "True"))
        self.assertEqual(self.front.run("signal.raise_signal(signal.SIGALRM)").errors,
                         [("", "ValueError: alarm")])
        self.given("_ = signal.signal(signal.SIGALRM, was)")

    def test_fork_that_comes_to_its_end(self):
        for ends, status in (("pass", 0), ("1/0", 1), ("sys.exit(7)", 7)):
            self.given(f"child = os.fork()\nif not child: {ends}\n")
            self.given("os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])", ("", str(status)))

    def test_many_lines(self):
        """What is looked at for each line does not grow with their number."""
        self.given("y = [\n" + "1,\n" * 100_000 + "]\nlen(y)", ("", "100000"))

    def test_input_in_a_thread(self):
        """It ends with its statement, and takes nothing that is meant for the next."""
        self.given("import threading\nsaid = []\ndef ask():\n    try: input('t? ')\n"
                   "    except EOFError: said.append(1)\n\n"
                   "t = threading.Thread(target=ask)\nt.start()")
        for _ in range(20):
            self.given("7", ("", "7"))
        self.given("t.join()\nsaid", ("", "[1]"))

    def test_interrupted_input(self):
        self.front.begin("input('?')")
        self.front.until(frames.INPUT)
        self.front.send(frames.INTERRUPT)
        done = self.front.end()
        self.assertEqual(done.errors, [("", "KeyboardInterrupt")])
        self.assertNotIn("stdin.py", done.tracebacks[0][1])


class Alone(support.Case):
    def test_modules_are_gone(self):
        """CPython 3.13's traceback imports more, and has no words then; the session goes on all the same."""
        with Front(2) as front:
            front.run("import sys; mods = dict(sys.modules)\nsys.modules.clear()")
            (ranks, text), = front.run("1/0").errors
            self.assertEqual((ranks, text.partition("Error")[0]), ("", "ZeroDivision"))
            self.assertEqual(front.run("1 + 1").results, [("", "2")])


class Ends(support.Case):
    def test_leaving_with_words(self):
        with Front(2) as front:
            front.begin("import sys; sys.exit('all is lost')")
            found = front.until(frames.ENDED)
            self.assertIn(b"all is lost\n", [body for _, _, body in found])
            self.assertEqual(found[-1][1]["status"], 1)

    def test_program_of_the_command_line_leaves(self):
        """As behind `python3 -i`, the prompt comes all the same."""
        path = self.write("s.py", "import sys\nx = 3\nsys.exit(2)\n")
        with Front(2, "-i", path) as front:
            self.assertEqual(front.end().errors, [("", "SystemExit: 2")])
            self.assertEqual(front.run("x").results, [("", "3")])

    def test_head_that_is_no_json(self):
        with Front(2) as front:
            start = struct.pack("<2sBBIII", b"pS", 1, frames.EXECUTE, 3, 0, zlib.crc32(b"[1,"))
            front.process.stdin.write(start + b"[1,")
            front.process.stdin.flush()
            found = front.until(frames.ENDED)
            self.assertIn(b"pympi: session: the head of a frame of kind 1 is no JSON", found[0][2])
            self.assertEqual(found[-1][1]["status"], 1)

    def test_launcher_is_killed(self):
        with Front(2) as front:
            os.kill(_child(front.process.pid), signal.SIGKILL)
            head = front.until(frames.ENDED)[-1][1]
            self.assertEqual((head["status"], head["rank"]), (137, -1))
            self.assertIn("was ended by signal 9 (Killed)", front.process.stderr.read().decode())
        _remove_segments()

    def test_mpi_is_finalized(self):
        with Front(2) as front:
            front.begin("import ctypes; ctypes.CDLL(None).MPI_Finalize()")
            self.assertNotEqual(front.until(frames.ENDED)[-1][1]["status"], 0)
            self.assertIn("MPI is not running in this process", front.process.stderr.read().decode())
