"""Virtual environments: made by pympi, entered by VIRTUAL_ENV, refused when of another Python."""
# SPDX-License-Identifier: MIT
# timeout: 300

import os
import sys
import unittest

import support

WHERE = "import sys; print(sys.prefix); print(sys.base_prefix)"


@support.needs("venv")
class Venv(support.Case):
    """One environment, without pip, for all methods."""

    def setUp(self):
        super().setUp()
        self.env = os.path.join(self.folder, "env")
        r = support.run(["-m", "venv", "--without-pip", self.env], timeout=60)
        self.assertEqual((r.status, r.err), (0, ""))

    def where(self, program, **kw):
        r = support.run(["-c", WHERE], program=program, **kw)
        self.ok(r)
        return [os.path.realpath(line) for line in r.out.splitlines()]

    def put_module(self, name, text):
        folder = support.run(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                             program=f"{self.env}/bin/python").out.strip()
        self.assertTrue(folder.startswith(self.env), folder)
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def test_its_python_is_pympi(self):
        for name in ("python", "python3"):
            program = f"{self.env}/bin/{name}"
            self.assertEqual(os.path.realpath(program), os.path.realpath(support.PYMPI))
            self.assertEqual(self.where(program)[0], os.path.realpath(self.env))
            self.ok(support.run(["-c", "import mpi; print(mpi.size)"], program=program), "1\n")

    def test_prefixes_as_those_of_python3(self):
        theirs = os.path.join(self.folder, "theirs")
        support.run(["-m", "venv", "--without-pip", theirs], program=support.python3, timeout=60)
        self.assertEqual(self.where(f"{self.env}/bin/python")[1],
                         self.where(f"{theirs}/bin/python")[1])

    def test_config_names_a_home(self):
        with open(f"{self.env}/pyvenv.cfg", encoding="utf-8") as f:
            self.assertIn("home = ", f.read())

    def test_ranks_in_it(self):
        self.put_module("only_here.py", "x = 5\n")
        code = "import only_here, mpi, sys; mpi.print(only_here.x, sys.prefix, ordered=True)"
        r = support.run(["-n", "2", "-c", code], program=f"{self.env}/bin/python")
        self.assertEqual((r.status, r.out), (0, f"5 {self.env}\n" * 2), r.err)

    def test_virtual_env_is_entered(self):
        self.put_module("only_here.py", "x = 6\n")
        env = {"VIRTUAL_ENV": self.env}
        self.assertEqual(self.where(support.PYMPI, env=env)[0], os.path.realpath(self.env))
        self.ok(support.run(["-c", "import only_here; print(only_here.x)"], env=env), "6\n")
        r = support.run(["-n", "2", "-c", "import only_here; print(only_here.x)"], env=env)
        self.assertEqual((r.status, r.out), (0, "6\n6\n"), r.err)

    def test_not_under_E_or_I(self):
        for option in ("-E", "-I"):
            r = support.run([option, "-c", WHERE], env={"VIRTUAL_ENV": self.env})
            self.assertEqual(r.out.split()[0], r.out.split()[1])

    def test_one_of_python3_is_entered(self):
        theirs = os.path.join(self.folder, "theirs")
        support.run(["-m", "venv", "--without-pip", theirs], program=support.python3, timeout=60)
        self.assertEqual(self.where(support.PYMPI, env={"VIRTUAL_ENV": theirs})[0],
                         os.path.realpath(theirs))

    def test_one_of_another_version_is_refused(self):
        path = f"{self.env}/pyvenv.cfg"
        with open(path, encoding="utf-8") as f:
            text = f.read()
        mine = ".".join(support.run(["-c", "import sys; print(*sys.version_info[:3])"],
                                    program=support.python3).out.split())
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace(mine, "3.8.1"))
        lib = f"{self.env}/lib"
        os.rename(os.path.join(lib, os.listdir(lib)[0]), f"{lib}/python3.8")
        for options in ([], ["-n", "2"]):
            r = support.run([*options, "-c", "print(1)"], env={"VIRTUAL_ENV": self.env})
            self.refused(r, "3.8", mine.rpartition(".")[0])

    def test_one_of_another_build_gives_its_packages(self):
        """Two builds of one version share packages, but not the standard library."""
        version = support.config("PYMPI_PYTHON_VERSION")
        other = os.path.join(self.folder, "other")
        library = f"{other}/lib/python{version}"
        self.put_module("packed.py", "name = 'packed'")
        os.makedirs(library)
        os.mkdir(f"{other}/bin")
        with open(f"{library}/os.py", "w", encoding="utf-8") as f:
            f.write("raise SystemExit('the standard library of another build')")
        path = f"{self.env}/pyvenv.cfg"
        with open(path, encoding="utf-8") as f:
            lines = [f"home = {other}/bin\n" if line.startswith("home") else line for line in f]
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(lines)
        r = support.run(["-c", "import sys, json, packed; print(packed.name, sys.prefix)"],
                        env={"VIRTUAL_ENV": self.env})
        self.assertEqual((r.status, r.out), (0, f"packed {self.env}\n"), r.err)

    def test_one_that_is_not_there(self):
        """A VIRTUAL_ENV that names no environment does not stop Python."""
        r = support.run(["-c", "print(1)"], env={"VIRTUAL_ENV": "/no/such/env"})
        self.assertEqual((r.status, r.out), (0, "1\n"), r.err)

    @support.needs("ensurepip")
    def test_pip_in_it(self):
        if not support.FULL:
            self.skipTest("only with --full")
        full = os.path.join(self.folder, "full")
        r = support.run(["-m", "venv", full], timeout=120)
        self.assertEqual(r.status, 0, r.err)
        r = support.run(["-m", "pip", "--version"], program=f"{full}/bin/python", timeout=60)
        self.assertEqual(r.status, 0, r.err)
        self.assertIn(f"{sys.version_info[0]}.", r.out)


if __name__ == "__main__":
    unittest.main()
