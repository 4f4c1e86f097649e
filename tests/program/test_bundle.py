"""Imports from the bundle: counted calls, what modules look like, stale records, ranks that differ."""
# SPDX-License-Identifier: MIT
# timeout: 600

import glob
import os
import shutil
import unittest
import zipfile

import bundles
import support
import traced
from front import Front, frames

OPTIONAL = 20
MODULES = 200

LOOK = """
    import sys, {0}
    def look(m):
        s = m.__spec__
        return (m.__name__, getattr(m, '__file__', None), getattr(m, '__cached__', None), s.origin,
                s.cached, type(s.loader).__name__, type(s.loader).__module__, s.has_location,
                s.submodule_search_locations and list(s.submodule_search_locations),
                m.__package__, type(m.__loader__).__name__)
    names = sys.argv[1].split(",") if sys.argv[1:] else sorted(sys.modules)
    rows = [repr(look(sys.modules[n])) for n in names if getattr(sys.modules.get(n), '__spec__', None)
            and not n.startswith(('_pympi', 'pympi', 'mpi')) and sys.modules[n].__spec__.name == n]
    print(len(rows), *rows, sep="\\n")
"""


@traced.needs_strace
class Counts(bundles.Case):
    def fewer(self, most, args, runs=2, **kw):
        """On the last run every rank but 0 makes at most so many calls."""
        for _ in range(runs):
            r, calls = traced.rank_calls(3, ["--bundle", *args], env=self.env, **kw)
            self.assertEqual((r.status, r.err), (0, ""), r.out)
        self.assertEqual(len(calls), 2)
        for lines in calls:
            self.assertLessEqual(len(lines), most, "\n".join(lines))

    def test_nothing_but_python(self):
        self.fewer(0, ["-c", "pass"])

    def test_first_run_of_a_package(self):
        self.fewer(0, [self.package(modules=MODULES, optional=OPTIONAL)], runs=1)

    def test_second_run_of_a_package(self):
        self.fewer(0, [self.package(modules=MODULES, optional=OPTIONAL)])

    def test_mpi_and_json(self):
        self.fewer(0, ["-c", "import mpi, json, email.message; mpi.barrier()"])

    @support.needs("numpy")
    def test_numpy(self):
        self.fewer(0, ["-c", "import numpy; assert (numpy.eye(3) @ numpy.eye(3)).sum() == 3"])

    @support.needs("scipy")
    @support.needs("h5py")
    @support.needs("mpi4py")
    def test_scipy_h5py_mpi4py(self):
        """As they are imported, newer ones search for metadata, and for what Python was built with."""
        newer = support.config("PYMPI_PYTHON_VERSION") != "3.11"
        self.fewer(50 if newer else 0, ["-c", "import scipy.linalg, h5py, mpi4py.MPI"])

    def test_ranks_ask_no_more_than_one(self):
        """The whole job asks as often for what lies on the path, whatever the number of ranks."""
        program = self.package(modules=20, optional=5)
        path = traced.python_path(self.folder + "/pack")
        for _ in range(2):      # the first run has no record, the second writes .pyc files
            self.bundled(2, [program])
        counts = {traced.count_on([support.PYMPI, "-n", str(n), "--bundle", program], path, env=self.env)
                  for n in (2, 4, 8, 16)}
        self.assertEqual(len(counts), 1, counts)


class Faithful(bundles.Case):
    def same_as_under_python3(self, modules):
        """What every rank's modules say of themselves."""
        program = self.write("look.py", LOOK.format(modules))
        names = "import sys, %s; print(','.join(sorted(sys.modules)))" % modules
        names = support.run(["-c", names], program=support.python3).out.strip()
        alone = support.run([program, names], program=support.python3)
        self.assertGreater(int(alone.out.split()[0]), 20, alone.err)
        for _ in range(2):
            r = self.bundled(3, [program, names])
            self.assertEqual((r.status, r.err), (0, ""))
            self.assertEqual(sorted(r.out.splitlines()), sorted((alone.out * 3).splitlines()))

    def test_modules_look_as_under_python3(self):
        self.same_as_under_python3("json, email.message, concurrent.futures")

    @support.needs("numpy")
    def test_extensions_look_as_under_python3(self):
        self.same_as_under_python3("numpy.linalg, numpy.random")

    def everywhere(self, code, out, **kw):
        """On the first and the second run every rank prints this."""
        program = self.write("program.py", code)
        for _ in range(2):
            r = self.bundled(2, [program], **kw)
            self.assertEqual((r.status, r.err, r.out), (0, "", out * 2))

    def test_program(self):
        program = os.path.join(self.folder, "program.py")
        self.everywhere("""
            import sys
            print(__name__, __file__, sys.argv, sys.path[0], __spec__, type(__loader__).__name__,
                  sys.flags.no_site, sys.flags.isolated, 'x')
            """, f"__main__ {program} ['{program}'] {self.folder} None SourceFileLoader 0 0 x\n")

    def test_source_resources_and_metadata(self):
        self.write("pack/__init__.py", "def f():\n    return 1\n")
        self.write("pack/text.txt", "a text")
        self.everywhere("""
            import inspect, importlib.resources, pkgutil, pack
            print(inspect.getsource(pack.f).split(), pkgutil.get_data('pack', 'text.txt'),
                  importlib.resources.files('pack').joinpath('text.txt').read_text(),
                  pack.__loader__.is_package('pack'), [m.name for m in pkgutil.iter_modules(pack.__path__)])
            """, "['def', 'f():', 'return', '1'] b'a text' a text True []\n")

    def test_namespace_package(self):
        self.write("one/space/a.py", "x = 1")
        self.write("two/space/b.py", "x = 2")
        path = f"{self.folder}/one:{self.folder}/two"
        self.everywhere("import space.a, space.b; print(space.a.x, space.b.x, len(space.__path__))",
                        "1 2 2\n", env={"PYTHONPATH": path})

    def test_import_system_looks_as_under_python3(self):
        """But for one hook, which leads to the bundle."""
        code = ("import sys; print([n for n in (getattr(f, '__name__', type(f).__name__) for f in sys.meta_path)"
                " if n not in ('PackageFinder', 'ShortNameFinder')], [h.__name__ for h in sys.path_hooks][-2:], sys.flags, sys.path)")
        program = self.write("program.py", code)
        alone = support.run([program], program=support.python3)
        self.everywhere(code, alone.out)

    def test_path_with_slashes(self):
        self.write("lib/helper.py", "x = 3")
        self.write("lib/pack/inner.py", "y = 4")
        self.age()
        for end in ("/", "//", "/./", "/../lib"):
            self.everywhere(f"import sys; sys.path.insert(0, '{self.folder}/lib{end}')\n"
                            "import helper, pack.inner; print(helper.x, pack.inner.y)\n", "3 4\n")

    def test_relative_path_and_zip(self):
        self.write("lib/helper.py", "x = 3")
        with zipfile.ZipFile(f"{self.folder}/more.zip", "w") as z:
            z.writestr("zipped.py", "x = 5")
        self.age()
        self.everywhere("import helper, zipped; print(helper.x, zipped.x, zipped.__file__)",
                        f"3 5 {self.folder}/more.zip/zipped.py\n", cwd=self.folder,
                        env={"PYTHONPATH": f"lib:{self.folder}/more.zip"})

    def test_hook_of_the_program(self):
        """It goes before the bundle, as before python3's own."""
        self.write("lib/helper.py", "x = 'plain'")
        self.age()
        self.everywhere("""
            import sys
            from importlib.machinery import FileFinder, SourceFileLoader
            class Loader(SourceFileLoader):
                def get_code(self, name):
                    return compile("x = 'hooked'", self.path, "exec")
            sys.path_hooks.insert(0, FileFinder.path_hook((Loader, [".py"])))
            sys.path.insert(0, sys.path[0] + "/lib")
            import helper
            print(helper.x)
            """, "hooked\n")

    def test_metadata_and_reload(self):
        os.mkdir(f"{self.folder}/thing-1.5.dist-info")
        self.write("thing-1.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.5\n")
        self.write("thing.py", "x = 1")
        self.age()
        self.everywhere("import importlib, importlib.metadata, thing\n"
                        "print(importlib.metadata.version('thing'), importlib.reload(thing).x)\n",
                        "1.5 1\n")

    def test_python_options(self):
        self.write("helper.py", "x = 3")
        self.age()
        for option in ("-S", "-I", "-E", "-P", "-O", "-OO", "-s", "-B", "-X dev", "-X utf8", "-W error"):
            words = option.split() + ["-c", "import sys, json\nprint(sys.flags, sys.path, __debug__, "
                                      "json.__doc__ is None)"]
            alone = support.run(words, program=support.python3, cwd=self.folder)
            for _ in range(2):
                r = self.bundled(2, words, cwd=self.folder)
                self.assertEqual((r.status, r.out), (0, alone.out * 2), r.err)

    def test_traceback(self):
        """No line of ours is in it, and the source lines are."""
        self.write("broken.py", "def f():\n    raise ValueError('no')\nf()\n")
        r = self.bundled(2, [self.write("program.py", "import broken")])
        self.assertIn("raise ValueError('no')", r.err)
        self.assertNotIn("frozen", r.err)
        self.assertNotIn("bundle", r.err)

    def test_missing_module(self):
        r = self.bundled(2, ["-c", "import json, nowhere_at_all"])
        self.assertIn("ModuleNotFoundError: No module named 'nowhere_at_all'", r.err)
        self.assertNotIn("frozen", r.err)

    def test_environment(self):
        support.run(["-m", "venv", "--without-pip", f"{self.folder}/env"], timeout=60)
        folder = glob.glob(f"{self.folder}/env/lib/python*/site-packages")[0]
        os.mkdir(f"{self.folder}/extra")
        for name, text in (("only_here.py", "x = 5\n"), ("more.pth", f"{self.folder}/extra\n"),
                           ("../../../../extra/further.py", "x = 6\n"),
                           ("line.pth", "import sys; sys.line = 'ran'\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        code = "import sys, only_here, further; print(only_here.x, further.x, sys.line, sys.prefix)"
        for _ in range(2):
            r = self.bundled(2, ["-c", code], program=f"{self.folder}/env/bin/python")
            self.assertEqual((r.status, r.out), (0, f"5 6 ran {self.folder}/env\n" * 2), r.err)


class Changes(bundles.Case):
    def test_edited_between_runs(self):
        for text in ("x = 1", "x = 22", "x = 333"):
            self.write("edited.py", text)
            r = self.bundled(3, ["-c", "import edited; print(edited.x)"], cwd=self.folder)
            self.assertEqual((r.status, r.out), (0, f"{text[4:]}\n" * 3), r.err)

    def test_gone_and_come(self):
        code = "import importlib.util as u; print(u.find_spec('coming') is not None)"
        for there in (True, False, True):
            path = self.write("coming.py", "")
            if not there:
                os.unlink(path)
            r = self.bundled(2, ["-c", code], cwd=self.folder)
            self.assertEqual((r.status, r.out), (0, f"{there}\n" * 2), r.err)

    def test_reload_reads_anew(self):
        program = self.write("program.py", """
            import importlib, os, mpi, changing
            first = changing.x
            mpi.barrier()
            if mpi.rank == 0:
                with open(changing.__file__, "w") as f:
                    f.write("x = 'second, longer'")
            mpi.barrier()
            mpi.print(first, importlib.reload(changing).x, ordered=True)
            """)
        for _ in range(2):
            self.write("changing.py", "x = 'first'")
            r = self.bundled(2, [program], options=["--bundle", "-B"])
            self.assertEqual((r.status, r.out), (0, "first second, longer\n" * 2), r.err)

    def test_made_at_run_time(self):
        self.made_at_run_time()

    def test_made_at_run_time_without_site(self):
        self.made_at_run_time("-S")

    def made_at_run_time(self, *words):
        """Searched for in vain, then written, then found."""
        program = self.write("program.py", """
            import mpi, os, sys
            try:
                import made
                print("too early")
            except ImportError:
                mpi.barrier()
                if mpi.rank == 0:
                    with open(os.path.join(sys.path[0], "made.py"), "w") as f:
                        f.write("x = 4")
                mpi.barrier()
                import made
                mpi.print(made.x, ordered=True)
            mpi.barrier()
            if mpi.rank == 0:
                os.unlink(made.__file__)
            """)
        for _ in range(3):
            r = self.bundled(2, [program], options=["--bundle", "-B", *words])
            self.assertEqual((r.status, r.out), (0, "4\n4\n"), r.err)

    def test_damaged_records(self):
        args = ["-c", "import json; print(json.dumps([1]))"]
        self.bundled(2, args)
        for damage in (lambda b: b[:-3], lambda b: b[:40] + b"\xff" + b[41:], lambda b: b""):
            path, = self.records()
            with open(path, "rb") as f:
                data = f.read()
            with open(path, "wb") as f:
                f.write(damage(data))
            r = self.bundled(2, args)
            self.assertEqual((r.status, r.out, r.err), (0, "[1]\n[1]\n", ""))

    def test_rights_of_records(self):
        self.bundled(2, ["-c", "pass"])
        path, = self.records()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.dirname(path)).st_mode & 0o777, 0o700)

    def test_few_records_are_kept(self):
        self.bundled(2, ["-c", "pass"])
        folder = os.path.dirname(self.records()[0])
        for i in range(250):
            with open(f"{folder}/{i}", "w", encoding="utf-8"):
                pass
            os.utime(f"{folder}/{i}", (1e9, 1e9))
        self.bundled(2, ["-c", "pass"])
        self.assertEqual(len(self.records()), 200)

    def test_no_cache_folder(self):
        r = self.bundled(2, ["-c", "print(1)"], env={"XDG_CACHE_HOME": "/proc/none", "HOME": None})
        self.assertEqual((r.status, r.out, r.err), (0, "1\n1\n", ""))


class Unreadable(bundles.Case):
    def test_what_rank_0_cannot_read(self):
        """It is imported as ever, which fails as ever; -v says once what is not in the bundle."""
        path = self.write("broken.py", "x = 1")
        os.chmod(path, 0)
        self.age()
        without = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search",
                   support.PYMPI]
        program = self.write("program.py", """
            try:
                import broken
            except PermissionError as e:
                print(e.errno)
            """)
        for options, count in ((["--bundle"], 0), (["--bundle", "-v"], 1)):
            shutil.rmtree(self.env["XDG_CACHE_HOME"], ignore_errors=True)
            r = support.run([*without, "-n", "2", *options, program], program="setpriv", env=self.env)
            self.assertEqual((r.status, r.out), (0, "13\n13\n"), r.err)
            self.assertEqual(r.err.count("pympi: bundle: rank 0 could not read broken\n"), count)


class Divergence(bundles.Case):
    def test_ranks_import_what_they_like(self):
        self.package("common", 5, 3)
        program = self.write("program.py", """
            import mpi, threading, importlib
            names = ["common", "json", "email.message", "decimal", "nowhere", "csv", "wave"]
            got = []
            def take(name):
                try:
                    got.append(importlib.import_module(name).__name__)
                except ImportError as e:
                    got.append(str(e))
            mine = names[mpi.rank:] + names[:mpi.rank] if mpi.rank != 2 else []
            threads = [threading.Thread(target=take, args=[n]) for n in mine]
            for t in threads: t.start()
            for t in threads: t.join()
            if mpi.rank == 2:
                import fractions
            mpi.print(len(got), sorted(set(got) ^ set(names)), ordered=True)
            """)
        names = ["common", "json", "email.message", "decimal", "nowhere", "csv", "wave"]
        some = f"7 {sorted(['nowhere', chr(78) + 'o module named ' + repr('nowhere')])}\n"
        for _ in range(2):
            r = self.bundled(4, [program])
            self.assertEqual((r.status, r.out), (0, some * 2 + f"0 {sorted(names)}\n" + some), r.err)

    def test_at_the_prompt(self):
        """Each rank imports what it is told, when it is told, also what no other rank does."""
        for _ in range(2):
            with Front(3, "--bundle", env=self.env) as front:
                for source in ("import json, wave", "@1 import colorsys", "@0,2 import decimal",
                               "@2 import nowhere", "import colorsys, decimal"):
                    errors = front.run(source).errors
                    self.assertEqual(errors, [("2", "ModuleNotFoundError: No module named 'nowhere'")]
                                     * source.endswith("nowhere"))
                names = front.run("colorsys.__name__, json.dumps(1), mpi.allreduce(1)")
                self.assertEqual(names.results, [("", "('colorsys', '1', 3)")])
                front.send(frames.SHUTDOWN, status=0)
                front.until(frames.ENDED)

    def test_in_a_fork(self):
        program = self.write("program.py", """
            import mpi, os, sys, warnings
            warnings.simplefilter("ignore")
            pid = os.fork()
            if not pid:
                import colorsys, json
                os._exit(len(json.dumps([1, 2])))
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            """)
        r = self.bundled(2, [program])
        self.assertEqual((r.status, r.out), (0, "6\n6\n"), r.err)


class Other(bundles.Case):
    """Tests that others wrote, on both ranks with the bundle and once under python3."""

    CPYTHON = """
        import os, sys, tempfile, test.support, unittest
        test.support.use_resources = []                 # no files of gigabytes
        os.chdir(tempfile.mkdtemp(dir=sys.argv[2]))    # two ranks use the same names of files
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromName(sys.argv[1]).run(result)
        wrong = sorted(str(t[0]) for t in result.errors + result.failures)
        sys.stdout.write(f"{result.testsRun} {len(result.skipped)} {wrong}\\n")
        """

    def same_verdicts(self, name):
        program = self.write("verdicts.py", self.CPYTHON)
        alone = support.run([program, name, self.folder], program=support.python3, timeout=120)
        for _ in range(2):
            r = self.bundled(2, [program, name, self.folder])
            said = r.out.splitlines()
            self.assertEqual(sorted(l for l in said if l[:1].isdigit()),
                             [l for l in alone.out.splitlines() if l[:1].isdigit()] * 2, r.err)

    @support.needs("test.test_zipimport")
    def test_zipimport(self):
        self.same_verdicts("test.test_zipimport")

    @support.needs("test.test_pkgutil")
    def test_pkgutil(self):
        self.same_verdicts("test.test_pkgutil")

    @support.needs("test.test_import")
    def test_import_and_others(self):
        if not support.FULL:
            self.skipTest("only with --full")
        for name in ("test_import", "test_importlib", "test_runpy", "test_site"):
            self.same_verdicts(f"test.{name}")

    @support.needs("numpy")
    @support.needs("pytest")
    def test_numpy(self):
        """A slice of NumPy's own tests."""
        code = """
            import sys, pytest
            sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--pyargs",
                                  "numpy.fft.tests.test_helper", "numpy.linalg.tests.test_regression"]))
            """
        for _ in range(2):
            r = self.bundled(2, [self.write("program.py", code)], cwd=self.folder)
            self.assertEqual((r.status, r.err), (0, ""), r.out[-2000:])
            self.assertEqual(r.out.count(" passed"), 2, r.out[-2000:])


class Options(bundles.Case):
    def test_off_with_one_rank(self):
        r = self.bundled(1, ["-c", "print(1)"], options=["--bundle-report"])
        self.assertEqual((r.status, r.out, r.err), (0, "1\n", ""))
        self.assertEqual(self.records(), [])

    def test_off_by_default(self):
        r = self.bundled(2, ["-c", "import json"], options=[])
        self.assertEqual((r.status, r.err, self.records()), (0, "", []))

    def test_preload(self):
        code = "import importlib; importlib.import_module('wa' + 've')"
        for options, env in ((["--preload", "wave", "--bundle-report"], {}),
                             (["--bundle-report"], {"PYMPI_PRELOAD": "wave"})):
            shutil.rmtree(f"{self.folder}/cache", ignore_errors=True)
            r = self.bundled(2, ["-c", code], options=options, env=env)
            self.assertEqual(r.status, 0)
            self.assertIn("a walk of the program", r.err)
            self.assertNotIn("wave", r.err)

    def test_preload_of_nothing(self):
        for names in ("-c", "a,,b", "a b", "json.", ",json", "", "3d", "wave;os"):
            self.refused(support.run(["-n", "2", "--preload", names, "-c", "pass"]), "--preload", f"'{names}'")
        r = self.bundled(2, ["-c", "print(1)"], options=["--preload", "json,nowhere.at_all"])
        self.assertEqual((r.status, r.out), (0, "1\n1\n"))
        self.assertEqual(r.err, "pympi: --preload nowhere.at_all: the folders of the path have no such module\n")

    def test_report(self):
        r = self.bundled(2, ["-c", "import importlib; importlib.import_module('wa' + 've')"],
                         options=["--bundle-report"])
        self.assertRegex(r.err, r"rank 1 searched the path for .*\bwave\b")

    def test_no_bundle(self):
        r = self.bundled(2, ["-c", "pass"], options=["--no-bundle"], env={"PYMPI_PRELOAD": "wave"})
        self.assertEqual((r.status, r.err, self.records()), (0, "", []))

    def test_module_and_input_and_failure(self):
        self.write("mod.py", "import sys; print(sys.argv[0], __spec__.name)")
        for _ in range(2):
            r = self.bundled(2, ["-m", "mod"], cwd=self.folder)
            self.assertEqual((r.status, r.out), (0, f"{self.folder}/mod.py mod\n" * 2), r.err)
        r = self.bundled(2, ["-"], stdin="import json; print(json.dumps(1))")
        self.assertEqual((r.status, r.out), (0, "1\n1\n"), r.err)
        r = self.bundled(2, [self.write("p.py", "import mpi, sys; mpi.barrier(); sys.exit(5)")])
        self.assertEqual(r.status, 5)

    def with_sitecustomize(self, text, program="import json; print(json.dumps(1))", out="1\n1\n"):
        self.write("sitecustomize.py", text)
        for _ in range(2):
            r = self.bundled(2, ["-c", program], env={"PYTHONPATH": self.folder})
            self.assertEqual((r.status, r.out, r.err), (0, out, ""))

    def test_bundle_that_cannot_be_made(self):
        """Every rank imports as ever then."""
        self.with_sitecustomize("import marshal; marshal.dumps = None")

    @support.needs("mpi4py")
    def test_site_that_communicates(self):
        """Rank 0 meets the others there, who wait for their bundle first."""
        self.with_sitecustomize("from mpi4py import MPI; MPI.COMM_WORLD.Barrier()")

    def test_site_that_changes_functions(self):
        self.with_sitecustomize("import builtins, os\nreal = open\n"
                                "def mine(*a, **k): return real(*a, **k)\n"
                                "builtins.open = mine; os.path.isdir = len\n",
                                "print(open.__name__, __import__('os').path.isdir.__name__)",
                                "mine len\n" * 2)

    def test_program_that_is_read_once(self):
        r = self.bundled(2, ["/dev/stdin"], stdin="import json; print(json.dumps(1))")
        self.assertEqual((r.status, r.out), (0, "1\n"), r.err)

    def test_warnings_are_said_once(self):
        r = self.bundled(2, [self.write("w.py", "x = 1\nx is 1\n")])
        self.assertEqual(r.err.count("SyntaxWarning"), 2, r.err)

    def test_site_that_fails(self):
        """Rank 0 that cannot start keeps nobody waiting."""
        self.write("sitecustomize.py", "import sys; sys.exit(3)")
        r = self.bundled(2, ["-c", "print(1)"], env={"PYTHONPATH": self.folder})
        self.assertNotEqual(r.status, 0)


if __name__ == "__main__":
    unittest.main()
