"""Drop-in, one rank: python3's options, variables and sys values, each compared with python3's."""
# SPDX-License-Identifier: MIT

import itertools
import os
import unittest
import zipfile

import support

SHOW = "import sys; print([{}])"
FLAGS = "import sys; print(sys.flags, sys._xoptions, sys.warnoptions)"


def split_options(line):
    return [*line.split(), "-c", FLAGS]


class Options(support.Case):
    """Each of python3's options, alone and in company."""

    def test_each(self):
        for line in ("", "-b", "-bb", "-B", "-d", "-E", "-I", "-O", "-OO", "-P", "-q", "-R", "-s",
                     "-S", "-u", "-W error", "-Werror",
                     "-W ignore::UserWarning", "-W default -W error::DeprecationWarning",
                     "-X dev", "-Xdev", "-X utf8", "-X utf8=0", "-X faulthandler", "-X a=b -X c",
                     "-X int_max_str_digits=5000", "-X no_debug_ranges", "-X tracemalloc=3",
                     "-X warn_default_encoding", "-X frozen_modules=off",
                     "--check-hash-based-pycs always", "--check-hash-based-pycs=never"):
            with self.subTest(line):
                self.same(split_options(line))

    def test_bundled_letters(self):
        for line in ("-bBE", "-IBO", "-sSu", "-OOq", "-BWerror", "-EXdev", "-IOuX utf8"):
            with self.subTest(line):
                self.same(split_options(line))

    def test_pairs(self):
        single = ("-B", "-E", "-O", "-s", "-u", "-I", "-P", "-Wd", "-Xdev", "-bb", "-q")
        pairs = list(itertools.combinations(single, 2))
        for pair in pairs if support.FULL else pairs[::5]:
            with self.subTest(pair):
                self.same([*pair, "-c", FLAGS])

    def test_c_takes_the_rest(self):
        self.same(["-c", "import sys; print(sys.argv)", "-n", "4", "--", "-m", "x", "", "a b"])
        self.same(["-cimport sys; print(sys.argv)", "x"])
        self.same(["-Bcprint(1)"])

    def test_version(self):
        """The version of Python is in it, on stdout, status 0."""
        want = support.run(["-V"], program=support.python3).out.strip()
        for option in ("-V", "--version", "-VV"):
            r = support.run([option])
            self.assertEqual((r.status, r.err), (0, ""))
            self.assertIn(want, r.out)

    def test_help(self):
        for option in ("-h", "--help", "-?"):
            r = support.run([option])
            self.assertEqual(r.status, 0, r.err)
            self.assertRegex(r.out, r"(?i)usage: .*pympi")
            for word in ("-c", "-m", "-n", "--output"):
                self.assertIn(word, r.out)

    def test_unknown(self):
        for line in ("-Z", "--nonsense", "-j", "-BZ"):
            with self.subTest(line):
                r = support.run([line, "-c", "print(1)"])
                self.assertEqual((r.status, r.out), (2, ""), r.err)
                self.assertIn(line[-1] if line[1] != "-" else "nonsense", r.err)

    def test_argument_missing(self):
        for line in ("-c", "-m", "-W", "-X", "--check-hash-based-pycs"):
            with self.subTest(line):
                r = support.run([line])
                theirs = support.run([line], program=support.python3)
                self.assertEqual(r.status, theirs.status, r.err)
                self.assertTrue(r.err)

    def test_bad_values(self):
        for line in ("-X int_max_str_digits=3", "-X utf8=7", "--check-hash-based-pycs maybe"):
            with self.subTest(line):
                r = support.run(split_options(line))
                theirs = support.run(split_options(line), program=support.python3)
                self.assertEqual((r.status, r.out), (theirs.status, theirs.out), r.err)

    def test_x_skips_the_first_line(self):
        path = self.write("a.py", "no python at all\nprint('second')\n")
        self.same(["-x", path])

    def test_stats_at_exit(self):
        self.same(["-X", "showrefcount", "-c", "pass"])

    def test_inspect(self):
        self.same(["-i", "-c", "x = 5"], stdin="print(x)\n")
        self.same(["-i", "-c", "1/0"], stdin="print('still here')\n")

    def test_verbose(self):
        r = support.run(["-v", "-c", "pass"])
        self.assertEqual(r.status, 0)
        self.assertIn("import 'site'", r.err)

    def test_importtime(self):
        self.assertIn("import time:", support.run(["-X", "importtime", "-c", "pass"]).err)


class Variables(support.Case):
    """Each of Python's environment variables; -E and -I ignore them."""
    CASES = {"PYTHONOPTIMIZE": "2", "PYTHONDEBUG": "1", "PYTHONDONTWRITEBYTECODE": "x",
             "PYTHONUNBUFFERED": "1", "PYTHONVERBOSE": "", "PYTHONNOUSERSITE": "1",
             "PYTHONWARNINGS": "error,ignore::UserWarning", "PYTHONHASHSEED": "17",
             "PYTHONUTF8": "1", "PYTHONDEVMODE": "1", "PYTHONSAFEPATH": "1",
             "PYTHONINTMAXSTRDIGITS": "7000", "PYTHONPATH": "/some/where:/else",
             "PYTHONINSPECT": "",
             "PYTHONIOENCODING": "latin-1:replace", "PYTHONPYCACHEPREFIX": "/nowhere/at/all",
             "PYTHONNODEBUGRANGES": "1", "PYTHONTRACEMALLOC": "4", "PYTHONPLATLIBDIR": "lib",
             "PYTHONCOERCECLOCALE": "0", "PYTHONFAULTHANDLER": "", "PYTHONBREAKPOINT": "0"}
    CODE = (FLAGS + "; print(hash('x'), [p for p in sys.path if 'pympi' not in p], "
            "sys.stdout.encoding, sys.stdout.errors, sys.pycache_prefix, sys.dont_write_bytecode)")

    def test_each(self):
        for name, value in self.CASES.items():
            for option in ("-q", "-E", "-I"):
                with self.subTest(f"{name}={value} {option}"):
                    env = {name: value} | ({} if name == "PYTHONHASHSEED" or option != "-q"
                                           else {"PYTHONHASHSEED": "3"})
                    code = self.CODE if option == "-q" else self.CODE.replace("hash('x')", "0")
                    self.same([option, "-c", code], env=env)

    def test_locales(self):
        code = "import sys, locale; print(sys.flags.utf8_mode, sys.stdout.encoding, " \
               "sys.getfilesystemencoding(), locale.getlocale(), sys.argv, '\\xe9')"
        for env in ({"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LC_ALL": "C.UTF-8"},
                    {"LC_ALL": "xx_YY"}, {"LANG": None, "LC_ALL": None}):
            with self.subTest(env):
                self.same(["-c", code, "é", "漢"], env=env)

    def test_arguments_that_are_no_utf8(self):
        bad = os.fsdecode(b"a\xffb")
        self.same(["-c", "import sys; print(ascii(sys.argv))", bad])

    def test_pythonstartup_is_for_prompts_only(self):
        path = self.write("start.py", "print('started')\n")
        self.same(["-c", "print('ran')"], env={"PYTHONSTARTUP": path})

    def test_pythonhome_that_is_wrong(self):
        r = support.run(["-c", "pass"], env={"PYTHONHOME": "/nowhere"})
        theirs = support.run(["-c", "pass"], env={"PYTHONHOME": "/nowhere"},
                             program=support.python3)
        self.assertEqual(r.status, theirs.status)


class Sys(support.Case):
    """Values in sys and the like."""

    def test_equal_values(self):
        for expression in (
                "sys.argv, sys.orig_argv[1:]", "sys.prefix, sys.base_prefix, sys.exec_prefix",
                "sys.version, sys.version_info, sys.hexversion, sys.api_version", "sys.flags",
                "sys.platform, sys.byteorder, sys.maxsize, sys.abiflags, sys.implementation",
                "sys.getrecursionlimit(), sys.getswitchinterval()", "sys.dont_write_bytecode",
                "sys.stdin.name, sys.stdout.name, sys.stdin.encoding, sys.stdout.line_buffering",
                "sys.stderr.errors, sys.stderr.line_buffering, sys.stdout.errors",
                "sys.platlibdir, sys.float_info, sys.hash_info.algorithm", "sys._xoptions",
                "__name__, __builtins__.__name__, sorted(globals())", "sys.gettrace()",
                "[p for p in sys.path if 'pympi' not in p]", "sys.path_hooks[0].__name__",
                "__import__('sysconfig').get_paths()", "__import__('site').ENABLE_USER_SITE",
                "__import__('signal').getsignal(2).__name__", "__import__('os').getcwd()",
                "[__import__('signal').getsignal(s) for s in (1, 10, 12, 13, 15, 17, 23)]",
                "__import__('threading').active_count()", "__import__('gc').get_threshold()"):
            with self.subTest(expression):
                self.same(["-c", SHOW.format(expression), "a", "-b"])

    def test_executable_is_pympi(self):
        for code in ("print(sys.executable)", "print(sys._base_executable)"):
            r = support.run(["-c", f"import sys; {code}"])
            self.assertEqual(os.path.realpath(r.out.strip()), os.path.realpath(support.PYMPI))

    def test_executable_runs_children(self):
        code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(6*7)'])"
        self.ok(support.run(["-c", code]), "42\n")

    def test_executable_by_path_and_link(self):
        folder = os.path.dirname(support.PYMPI)
        link = os.path.join(self.folder, "python")
        os.symlink(support.PYMPI, link)
        for program, env in ((os.path.join(folder, "..", "bin", "pympi"), None), (link, None)):
            r = support.run(["-c", "import sys, mpi; print(sys.executable, mpi.size)"],
                            program=program, env=env)
            self.ok(r)
            self.assertTrue(r.out.endswith(" 1\n"))

    def test_found_on_the_path(self):
        path = os.path.dirname(support.PYMPI) + ":" + os.environ["PATH"]
        r = support.run(["-c", "exec pympi -c 'import sys; print(sys.executable)'"],
                        program="/bin/sh", env={"PATH": path})
        self.ok(r)
        self.assertEqual(os.path.realpath(r.out.strip()), os.path.realpath(support.PYMPI))

    def test_mpi_is_not_started_before_it_is_needed(self):
        code = "print(any('libmpi' in l for l in open('/proc/self/maps')))"
        self.ok(support.run(["-c", code]), "False\n")
        self.ok(support.run(["-c", "import mpi; print(mpi.rank, mpi.size)"]), "0 1\n")

    def test_modules_loaded_at_start(self):
        """Not more than python3 loads, but for a few of ours."""
        code = "import sys; print(*sorted(sys.modules))"
        ours = set(support.run(["-c", code]).out.split())
        theirs = set(support.run(["-c", code], program=support.python3).out.split())
        self.assertEqual({m for m in ours - theirs if "pympi" not in m}, set())


class Programs(support.Case):
    """What can be run: scripts, modules, folders, zips, stdin."""
    CODE = "import sys\nprint(__name__, __file__, sys.argv, sys.path[0], __package__, " \
           "type(__spec__).__name__, type(__loader__).__name__)\n"

    def test_script(self):
        self.write("a.py", self.CODE)
        self.write("sub/b.py", self.CODE)
        for path in ("a.py", "./a.py", "sub/b.py", "sub/../a.py", f"{self.folder}/a.py"):
            with self.subTest(path):
                self.same([path, "x", "-n", "2"])
        os.symlink("sub/b.py", os.path.join(self.folder, "link.py"))
        self.same(["link.py"])

    def test_script_without_suffix_and_odd_names(self):
        for name in ("plain", "a b.py", "é.py", "-dash.py", "x.pyw"):
            self.write(name, self.CODE)
            with self.subTest(name):
                self.same(["./" + name])

    def test_script_with_encodings(self):
        path = os.path.join(self.folder, "l1.py")
        with open(path, "wb") as f:
            f.write(b"# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))\n")
        self.same([path])
        with open(path, "wb") as f:
            f.write(b"\xef\xbb\xbfprint('bom')\r\nprint('crlf')\r\n")
        self.same([path])
        with open(path, "wb") as f:
            f.write(b"print('\xe9')\n")
        self.same([path])

    def test_compiled_script(self):
        path = self.write("c.py", "print('compiled', __file__)\n")
        support.run(["-c", f"import py_compile; py_compile.compile({path!r}, {path + 'c'!r})"],
                    program=support.python3)
        self.same([path + "c"])

    def test_module(self):
        self.write("pack/__init__.py", "print('init', __name__)\n")
        self.write("pack/__main__.py", self.CODE)
        self.write("pack/sub.py", self.CODE)
        for args in (["pack"], ["pack.sub", "-n"], ["pack.none"], ["no_such_module"],
                     ["json.tool", "--help"], ["timeit", "-n1", "-r1", "-h"], ["sys"]):
            with self.subTest(args):
                self.same(["-m", *args])
        self.same(["-mpack.sub", "x"])
        self.same(["-Im", "pack"])

    def test_folder_and_zip(self):
        self.write("dir/__main__.py", self.CODE)
        self.write("dir/helper.py", "x = 1\n")
        self.write("empty/other.py", "")
        with zipfile.ZipFile(os.path.join(self.folder, "z.zip"), "w") as z:
            z.writestr("__main__.py", self.CODE + "import helper; print(helper.__file__)\n")
            z.writestr("helper.py", "x = 1\n")
        for args in (["dir", "x"], ["dir/"], ["z.zip", "a", "b"], ["empty"], ["."]):
            with self.subTest(args):
                self.same(args)

    def test_stdin(self):
        code = "import sys; print(sys.argv, sys.path[0], __name__); print(sys.stdin.read())"
        for args in ([], ["-"], ["-", "a", "b"], ["-E", "-"]):
            with self.subTest(args):
                self.same(args, stdin="import sys\nprint(sys.argv, sys.path[0], __name__)\n")
        self.same(["-c", code], stdin="input")
        self.same(["-"], stdin="def f(:\n")
        self.same([], stdin="")

    def test_missing_script(self):
        """One line and status 2, as with python3."""
        r = support.run(["nowhere.py"])
        theirs = support.run(["nowhere.py"], program=support.python3)
        self.assertEqual((r.status, theirs.status), (2, 2))
        self.refused(r, "nowhere.py", "No such file or directory")

    def test_unreadable_sources(self):
        for name, data in (("nul.py", b"print(1)\0\n"), ("syntax.py", b"x = = 1\n"),
                           ("indent.py", b"if 1:\nx\n"), ("empty.py", b"")):
            with open(os.path.join(self.folder, name), "wb") as f:
                f.write(data)
            with self.subTest(name):
                self.same([name])

    def test_users_own_mpi_wins(self):
        self.write("mpi.py", "print('mine')\n")
        self.write("a.py", "import mpi; print(hasattr(mpi, 'world'))\n")
        r = support.run(["a.py"], cwd=self.folder)
        self.ok(r, "mine\nFalse\n")

    def test_input_and_pipes(self):
        code = "print(input(), input('prompt> '), repr(input()))"
        self.same(["-c", code], stdin="a\nb\n")

    def test_children(self):
        code = ("import multiprocessing as m\n"
                "def f(x): return x * x\n"
                "if __name__ == '__main__':\n"
                "    for how in ('fork', 'spawn', 'forkserver'):\n"
                "        with m.get_context(how).Pool(2) as p: print(how, p.map(f, range(4)))\n")
        self.write("pool.py", code)
        self.ok(support.run(["pool.py"], cwd=self.folder))


if __name__ == "__main__":
    unittest.main()
