"""The prompt at a terminal: the screens in tests/prompt, and what no screen shows.

The session behind it is tests/prompt/fake.py, or, where a screen says so, that of real ranks. SPDX-License-Identifier: MIT
"""
import os
import signal
import unittest

import library
import screen
import support
import terminal

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "prompt")
FRONT = os.path.join(FOLDER, "front.py")


class Prompt(support.Case):
    def setUp(self):
        super().setUp()
        self.env = {"PYTHONPATH": library.FOLDER, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8",
                    "XDG_STATE_HOME": self.folder, "INPUTRC": "/dev/null"}

    def history(self):
        with open(os.path.join(self.folder, "pympi", "history"), "rb") as f:
            return f.read().decode()

    def terminal(self, *args, **env):
        return terminal.Terminal([FRONT, *args], self.env | env, program=support.python3)


@unittest.skipUnless(screen.have_tmux, "tmux is not installed")
class Screens(Prompt):
    """Each file of tests/prompt."""

    def play(self, name):
        settings, sections = screen.read(os.path.join(FOLDER, name))
        for module in settings.get("needs", "").split():
            if not support.has(module):
                self.skipTest(f"{module} is not installed")
        env = self.env | dict(word.split("=", 1) for word in settings.get("env", "").split())
        while sections[0][0].startswith("file "):
            what, text = sections.pop(0)
            self.write(what.removeprefix("file "), text + "\n")
        for command in self.commands(settings.get("args", ""), settings.get("ranks", "").split()):
            with screen.Screen(command, env, settings.get("size", "80x24"), folder=self.folder) as s:
                s.play(sections)

    def commands(self, args, ranks):
        """What is to be run: the console before fake.py, or pympi on each of the numbers of ranks."""
        if not ranks:
            return [[support.python3, FRONT, *([args] if args else [])]]
        return [[support.PYMPI, "-n", n, *args.split()] for n in ranks]


def _method(name):
    return lambda self: self.play(name)


for _name in sorted(os.listdir(FOLDER)):
    if _name.endswith(".txt"):
        setattr(Screens, "test_" + _name[:-4].replace("-", "_"), _method(_name))


class Ends(Prompt):
    """How the console ends, and what it leaves behind."""

    def test_end_of_input(self):
        with self.terminal() as t:
            t.until(">>> ")
            t.send("\x04")
            self.assertEqual(t.end(), 0)

    def test_status(self):
        for typed, status in (("end(3)", 3), ("die(9)", 128 + 9), ("die(2)", -signal.SIGINT)):
            with self.subTest(typed), self.terminal() as t:
                t.until(">>> ")
                t.send(typed + "\r")
                self.assertEqual(t.end(), status)

    def test_death_at_the_prompt(self):
        """The session's end is seen while nothing is typed."""
        with self.terminal() as t:
            t.until(">>> ")
            t.send("later_end(4)\r")
            self.assertEqual(t.end(), 4)

    def test_closed_terminal(self):
        with self.terminal() as t:
            t.until(">>> ")
            t.send("x = 1\r")
            t.until(">>> ")
            os.close(t.fd)
            t.fd = os.open("/dev/null", os.O_RDONLY)
            self.assertEqual(t.process.wait(10), -signal.SIGHUP)

    def test_terminal_after_a_kill(self):
        """SIGTERM while a line is typed: the terminal is as it was."""
        import termios
        with self.terminal() as t:
            before = termios.tcgetattr(t.fd)
            t.until(">>> ")
            self.assertNotEqual(termios.tcgetattr(t.fd), before)
            t.process.terminate()
            self.assertEqual(t.process.wait(10), -signal.SIGTERM)
            self.assertEqual(termios.tcgetattr(t.fd), before)


class Kept(Prompt):
    """The history's file."""

    def test_file(self):
        with self.terminal() as t:
            for line in ("x = 1", "x = 1", "if x:", "    y = 2", "", "ask(1)"):
                t.until(r"(>>>|\.\.\.) ")
                t.send(line + "\r")
            t.until(r"\[1\] ")
            t.send("no entry\r")
            t.until(">>> ")
            self.assertEqual(self.history(), "x = 1\nif x:\r\n    y = 2\nask(1)\n")
            t.process.kill()
        mode = os.stat(os.path.join(self.folder, "pympi", "history")).st_mode
        self.assertEqual(mode & 0o777, 0o600)

    def test_most(self):
        history = library.load("console.history")
        path = os.path.join(self.folder, "h")
        with open(path, "w") as f:
            f.writelines(f"{i}\n" for i in range(history.LIMIT))
        h = history.History(path)
        h.add("a\nb")
        self.assertEqual(len(h.entries), history.LIMIT * 9 // 10)
        self.assertEqual(history.History(path).entries, h.entries)
        self.assertEqual(h.entries[-2:], [str(history.LIMIT - 1), "a\nb"])

    def test_nowhere_to_keep_it(self):
        with self.terminal(XDG_STATE_HOME="/proc/none") as t:
            t.until(">>> ")
            t.send("out(1, 'x' * 3)\r")
            t.until(r"\[1\].* xxx")
            t.until(">>> ")
            t.send("\x04")
            self.assertEqual(t.end(), 0)


class Plain(Prompt):
    """Terminals that cannot move their cursor, and none."""

    def test_dumb(self):
        with self.terminal(TERM="dumb") as t:
            t.until(">>> ")
            t.send("out('0-1', 'text\\n'); ask(2, 'name? ')\n")
            t.until(r"^\[0-1\] text\r\n\[2\] name\? ")
            t.send("abc\n")
            t.until("2: abc\r\n>>> ")
            t.send("work(3, 'recv')\n")
            t.until(r"^\[3\] still running: recv  1 s\r\n")
            t.send("\x03")
            t.until("KeyboardInterrupt\r\n>>> ")
            self.assertNotIn("\x1b", t.seen)
            t.send("\x04")
            self.assertEqual(t.end(), 0)

    def test_colours(self):
        source = "out(1, 'x\\n'); error(2, 'Traceback\\nValueError: no')\r"
        with self.terminal() as t:
            t.until(">>> ")
            t.send(source)
            t.until(r"\x1b\[2m\[1\]\x1b\[0m x\r\n")
            t.until(r"\x1b\[31mValueError: no\x1b\[0m\r\n")
        with self.terminal(NO_COLOR="1") as t:
            t.until(">>> ")
            t.send(source)
            t.until(r"\[1\] x\r\n\[2\] Traceback\r\n\[2\] ValueError: no\r\n")

    def test_ascii(self):
        with self.terminal(LC_ALL="C") as t:
            t.until(r"pympi 0.1.0 - Python 3.11.2 - Open MPI 4.1.4 - 4 ranks on 1 node")


class Ranks(Prompt):
    """Real ranks, where no screen shows it."""
    ERROR = "print(mpi.rank); 1 / 0\r"

    def ranks(self, *args, **env):
        return terminal.Terminal(args, self.env | {"PYTHONPATH": None} | env)

    def test_colours(self):
        with self.ranks("-n", "2") as t:
            t.until(">>> ")
            t.send(self.ERROR)
            t.until(r"\x1b\[2m\[1\]\x1b\[0m 1\r\n")
            t.until(r"\x1b\[31mZeroDivisionError: division by zero\x1b\[0m\r\n")

    def test_no_colours(self):
        for env, escape in ({"NO_COLOR": "1"}, "\x1b[3"), ({"TERM": "dumb"}, "\x1b"):
            with self.subTest(env), self.ranks("-n", "2", **env) as t:
                t.until(">>> ")
                t.send(self.ERROR)
                t.until(r"\[1\] 1\r\n")
                t.until(r"ZeroDivisionError: division by zero\r\n")
                t.until(">>> ")
                t.send("\x04")
                self.assertEqual(t.end(), 0)
                self.assertNotIn(escape, t.seen)

    def test_python_alone(self):
        """Without -n the prompt is python3's own."""
        with self.ranks() as t:
            t.until(r"Python \d+\.\d+")
            t.until('Type "help"')
            t.until(">>> ")
            t.send("import sys; sys.ps1 + '!'\r")
            t.until("'>>> !'")
            t.send("exit()\r")
            self.assertEqual(t.end(), 0)
