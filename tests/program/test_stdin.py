"""Statements from standard input, under a launcher of the user's own: all ranks run each as it comes."""
# SPDX-License-Identifier: MIT

import unittest

import library
import support

statements_in = library.load("session.stdin").statements_in


class Splitting(unittest.TestCase):
    def split(self, text):
        return list(statements_in(text.splitlines(keepends=True)))

    def test_pieces(self):
        for pieces in (["x = 1\n", "y\n"],
                       ["def f():\n    a = 1\n\n    return a\n", "f()\n"],
                       ["if x:\n  1\nelif y:\n  2\nelse:\n  3\n", "4\n"],
                       ["try:\n  1\nexcept E:\n  2\nfinally:\n  3\n", "4\n"],
                       ["@d\n@(e)\ndef f(): pass\n", "5\n"], ["@d\nclass C:\n  x = 1\n\n  y = 2\n", "6"],
                       ["x = [\n1,\n2,\n]\n", "y = '''a\nb\n\nc'''\n", "z = 1 + \\\n2\n"],
                       ["for i in x: print(i)\n", "while 1:\n  break\nelse:\n  2\n", "3\n"],
                       ["!echo hello\n", "%time 1\n", "@0 x\n", "@1-2 y\n"],
                       ["x = = 1\n", "y\n"], ["if x:\n", "y\n"]):
            with self.subTest(pieces[0]):
                self.assertEqual(self.split("".join(pieces)), pieces)

    def test_simple_ones_do_not_wait_for_the_next(self):
        lines = iter(["x = (1,\n", "2)\n", None])
        self.assertEqual(next(statements_in(lines)), "x = (1,\n2)\n")

    def test_empty_lines_and_comments(self):
        self.assertEqual(self.split("\n\n# a\nx\n\n\n# b\n"), ["x\n"])
        self.assertEqual(self.split(""), [])

    def test_long_ones_take_no_square(self):
        text = "def f():\n" + "    x = 1\n" * 20_000 + "f()\n" + "\n" * 200_000
        self.assertEqual(len(self.split(text)), 2)


class Piped(support.Case):
    """mpirun -n 2 pympi < FILE: errors do not end it."""

    def run_piped(self, text, *words, ranks=2):
        return support.run(["-n", str(ranks), support.PYMPI, *words], stdin=text,
                           program=support.config("PYMPI_MPIRUN"))

    def lines(self, result):
        return sorted(result.out.splitlines())

    def test_statements(self):
        done = self.run_piped("x = mpi.rank\n1 + 1\nprint(mpi.allreduce(x + 1))\n@1 print('one')\n")
        self.assertEqual((done.status, self.lines(done), done.err), (0, ["3", "3", "one"], ""))

    def test_errors_do_not_end_it(self):
        done = self.run_piped("1/0\nif mpi.rank == 1: raise KeyError(3)\nmpi.barrier()\nprint('end')\n")
        self.assertEqual((done.status, self.lines(done)), (0, ["end", "end"]))
        self.assertEqual(done.err.count("ZeroDivisionError"), 1)
        self.assertIn("[1] KeyError: 3\n", done.err)

    def test_results_under_i(self):
        done = self.run_piped("1 + 1\nmpi.rank\n", "-i")
        self.assertEqual(self.lines(done), ["2", "[0] 0", "[1] 1"])

    def test_status(self):
        self.assertEqual(self.run_piped("import sys\nsys.exit(7)\nprint('no')\n").status, 7)
        self.assertEqual(self.run_piped("").status, 0)

    def test_another_ranks_failure_breaks_waits(self):
        done = self.run_piped("mpi.recv(1) if mpi.rank == 0 else 1/0\nprint('on')\n")
        self.assertEqual((done.status, self.lines(done)), (0, ["on", "on"]))
        self.assertIn("[0] pympi.mpi.PeerError: recv: rank 1 failed in this statement", done.err)

    def test_a_program_beside_it_is_a_script(self):
        """Behind -c and a file standard input is the program's."""
        done = self.run_piped("some text\n", "-c", "import sys, mpi; print(mpi.rank, sys.stdin.read())")
        self.assertEqual(done.status, 0)
        self.assertIn("0 some text", done.out)
