"""Output of scripts: whole lines, --output raw|label|fold|FILE.%r, nothing lost at a failure."""
# SPDX-License-Identifier: MIT

import collections
import glob
import os
import unittest

import support

MANY = """
    import sys, mpi
    for i in range({lines}):
        print(f"<{{mpi.rank}} {{i}} " + "abcd"[mpi.rank] * {length} + ">")
    """


class Lines(support.Case):
    """Never two ranks in one line."""

    def check(self, n, lines, length, *options, strip=lambda s: s, env=None):
        r = support.run_ranks(n, MANY.format(lines=lines, length=length), *options,
                              timeout=60, env=env)
        self.assertEqual((r.status, r.err), (0, ""))
        seen = collections.defaultdict(list)
        for line in r.out.splitlines():
            rank, number, text = strip(line).strip("<>").split(" ")
            self.assertEqual(text, "abcd"[int(rank)] * length)
            seen[int(rank)].append(int(number))
        self.assertEqual(dict(seen), {k: list(range(lines)) for k in range(n)})

    def test_short(self):
        self.check(4, 2000, 10)

    def test_long(self):
        for length in (1000, 4090, 4096, 10_000):
            with self.subTest(length):
                self.check(4, 200, length)

    def test_very_long(self):
        self.check(3, 20 if support.FULL else 5, 200_000)

    def test_unbuffered(self):
        """-u and PYTHONUNBUFFERED do not mix ranks inside a line either."""
        self.check(4, 300, 10, "-u")
        self.check(4, 300, 10, env={"PYTHONUNBUFFERED": "1"})

    def test_label(self):
        def strip(line):
            self.assertRegex(line, r"^\[\d\] <")
            self.assertEqual(line[1], line[5])
            return line[4:]
        self.check(4, 200, 50, "--output", "label", strip=strip)
        self.check(3, 50, 10_000, "--output", "label", strip=strip)

    def test_pieces_of_a_line(self):
        """A line printed in pieces is one line."""
        code = """
            import sys, mpi
            for i in range(100):
                for piece in "abc":
                    print(piece, end="", flush=True)
                print(mpi.rank)
            """
        r = support.run_ranks(3, code)
        self.assertEqual(sorted(r.out.split()), [f"abc{k}" for k in range(3) for _ in range(100)])

    def test_stderr_stays_stderr(self):
        r = support.run_ranks(2, "import sys, mpi\nprint('out')\nprint('err', file=sys.stderr)")
        self.assertEqual((r.out, r.err), ("out\n" * 2, "err\n" * 2))

    def test_output_of_children_and_c(self):
        code = "import os, mpi\nos.system('echo child')\nos.write(1, b'descriptor\\n')"
        r = support.run_ranks(2, code)
        self.assertEqual(sorted(r.out.split()), ["child"] * 2 + ["descriptor"] * 2)

    def test_a_last_line_without_end(self):
        r = support.run_ranks(1, "print('no end', end='')")
        self.assertEqual(r.out.rstrip("\n"), "no end")

    def test_bytes_that_are_no_text(self):
        r = support.run_ranks(2, "import os\nos.write(1, b'\\xff\\xfe\\n')")
        self.assertEqual(r.out, "\\xff\\xfe\n" * 2)

    def test_empty_lines(self):
        self.assertEqual(support.run_ranks(2, "print(); print()").out, "\n" * 4)

    def test_raw_is_the_default(self):
        self.assertEqual(support.run_ranks(2, "print('x')", "--output", "raw").out, "x\nx\n")


class Label(support.Case):
    def test_prefix(self):
        r = support.run_ranks(3, "import mpi; print('a'); print('b')", "--output", "label")
        self.assertEqual(sorted(r.out.splitlines()),
                         sorted(f"[{k}] {t}" for k in range(3) for t in "ab"))

    def test_stderr_too(self):
        r = support.run_ranks(2, "import sys; print('e', file=sys.stderr)", "--output", "label")
        self.assertEqual(sorted(r.err.splitlines()), ["[0] e", "[1] e"])

    def test_one_rank(self):
        self.assertEqual(support.run_ranks(1, "print('a')", "--output", "label").out, "[0] a\n")


class Fold(support.Case):
    """Equal text once; differing text under the ranks that wrote it."""

    def fold(self, n, code):
        r = support.run_ranks(n, "import mpi, sys\n" + code, "--output", "fold")
        self.assertEqual(r.status, 0, r.err)
        return r.out

    def test_what_all_print_alike_is_bare(self):
        self.assertEqual(self.fold(4, "print('same')\nprint('again')"), "same\nagain\n")

    def test_groups(self):
        out = self.fold(4, "print('root' if mpi.rank == 0 else 'other')")
        self.assertIn("[0]", out)
        self.assertIn("[1-3]", out)
        self.assertEqual((out.count("root"), out.count("other")), (1, 1))

    def test_gaps_in_groups(self):
        out = self.fold(4, "print('even' if mpi.rank % 2 == 0 else 'odd')")
        self.assertIn("[0,2]", out)
        self.assertIn("[1,3]", out)

    def test_one_rank_prints(self):
        out = self.fold(3, "if mpi.rank == 1: print('only me')")
        self.assertIn("[1]", out)
        self.assertEqual(out.count("only me"), 1)

    def test_each_its_own(self):
        out = self.fold(3, "print('I am', mpi.rank)")
        for k in range(3):
            self.assertRegex(out, rf"(?s)\[{k}\].*I am {k}")

    def test_what_was_printed_stands_before_the_report(self):
        r = support.run(["-c", f"{support.PYMPI} -n 2 --output fold -c "
                         "'import mpi; print(mpi.rank); mpi.barrier(); mpi.rank and 1/0; mpi.recv()' 2>&1"],
                        program="/bin/sh")
        self.assertLess(r.out.index("[0] 0"), r.out.index("--- rank 1"), r.out)

    def test_a_full_disk_is_named(self):
        for mode in ("raw", "label", "fold"):
            with self.subTest(mode):
                r = support.run(["-c", f"{support.PYMPI} -n 2 --output {mode} -c 'print(1)' >/dev/full"],
                                program="/bin/sh")
                self.assertNotEqual(r.status, 0)
                self.assertIn("cannot write standard output: No space left on device", r.err)

    def test_much(self):
        out = self.fold(4, "for i in range(3000): print('line', i)")
        self.assertEqual(out, "".join(f"line {i}\n" for i in range(3000)))


class Files(support.Case):
    """FILE.%r: a file a rank, nothing on the terminal."""

    def test_files(self):
        r = support.run_ranks(3, "import mpi\nfor i in range(1000): print(mpi.rank, i)",
                              "--output", "out.%r", cwd=self.folder)
        self.assertEqual((r.status, r.out), (0, ""), r.err)
        names = sorted(os.path.basename(f) for f in glob.glob(f"{self.folder}/out.*"))
        self.assertEqual(names, ["out.0", "out.1", "out.2"])
        for k in range(3):
            with open(f"{self.folder}/out.{k}", encoding="utf-8") as f:
                self.assertEqual(f.read(), "".join(f"{k} {i}\n" for i in range(1000)))

    def test_in_a_folder_that_is_not_there(self):
        r = support.run_ranks(2, "print(1)", "--output", "no/such/out.%r", cwd=self.folder)
        self.assertEqual(r.status, 2)
        self.assertEqual(r.err.strip(), "pympi: --output: cannot write into the folder no/such: "
                         "No such file or directory")

    def test_the_report_is_on_the_terminal_too(self):
        r = support.run_ranks(2, "import mpi\nmpi.rank and 1/0\nmpi.barrier()\n",
                              "--output", "o.%r", cwd=self.folder)
        self.assertEqual(r.err.count("ZeroDivisionError"), 1, r.err)
        self.assertIn("--- rank 1 of 2", r.err)
        with open(f"{self.folder}/o.1", encoding="utf-8") as f:
            self.assertIn("ZeroDivisionError", f.read())

    def test_kept_after_a_failure(self):
        r = support.run_ranks(2, "import mpi\nprint('before', flush=True)\nif mpi.rank: 1/0\n"
                              "mpi.recv()", "--output", "o.%r", cwd=self.folder)
        self.assertEqual(r.status, 1, r.err)
        for k in range(2):
            with open(f"{self.folder}/o.{k}", encoding="utf-8") as f:
                self.assertIn("before", f.read())


class Lost(support.Case):
    """Nothing written before a failure is lost."""
    SIZE = 100_000

    def check(self, end, *options, label=""):
        code = f"""
            import os, signal, sys, mpi
            mpi.barrier()
            if mpi.rank == 1:
                for i in range({self.SIZE} // 100):
                    os.write(1, (f"{{i:09}}" + "x" * 90 + "\\n").encode())
                {end}
            mpi.recv()
            """
        r = support.run_ranks(3, code, *options, timeout=40)
        self.assertNotEqual(r.status, 0)
        want = [f"{label}{i:09}" + "x" * 90 for i in range(self.SIZE // 100)]
        self.assertEqual([line for line in r.out.splitlines() if "xxx" in line], want)

    def test_raw(self):
        for end in ("os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "1/0", "sys.exit(4)",
                    "os.abort()"):
            with self.subTest(end):
                self.check(end)

    def test_label(self):
        for end in ("os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "1/0"):
            with self.subTest(end):
                self.check(end, "--output", "label", label="[1] ")

    def test_buffered_prints_before_an_exception(self):
        r = support.run_ranks(2, "import mpi\nif mpi.rank:\n    print('y' * 50_000)\n    1/0\n"
                              "mpi.recv()")
        self.assertEqual(r.status, 1)
        self.assertIn("y" * 50_000 + "\n", r.out)

    def test_what_others_had_buffered(self):
        """A rank that is ended by another's failure still says what it had printed."""
        r = support.run_ranks(2, """
            import mpi
            if mpi.rank == 0:
                print("z" * 1000)
                mpi.send(1, 1)
                mpi.recv()
            mpi.recv(0)
            1/0
            """)
        self.assertEqual(r.status, 1)
        self.assertIn("z" * 1000, r.out)


class MpiPrint(support.Case):
    def test_once(self):
        r = support.run_ranks(4, "import mpi\nmpi.print('hello', mpi.size)")
        self.ok(r, "hello 4\n")

    def test_in_order(self):
        r = support.run_ranks(4, "import mpi\nfor i in range(20):\n"
                              "    mpi.print(i, mpi.rank, ordered=True)")
        self.ok(r, "".join(f"{i} {k}\n" for i in range(20) for k in range(4)))


if __name__ == "__main__":
    unittest.main()
