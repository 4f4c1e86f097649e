"""The base of the tests of the bundle: a cache folder, a package, a wheel with an extension."""
# SPDX-License-Identifier: MIT

import glob
import os
import shutil
import subprocess
import unittest
import zipfile

import support


class Case(support.Case):
    """A cache folder of one's own per method, where records go."""

    def setUp(self):
        super().setUp()
        self.env = {"XDG_CACHE_HOME": os.path.join(self.folder, "cache")}

    def bundled(self, n, args, options=("--bundle",), **kw):
        r = support.run(["-n", str(n), *options, *args], env=self.env | kw.pop("env", {}),
                        timeout=60, **kw)
        r.err = support.NOTE.sub("", r.err)
        return r

    def records(self):
        return sorted(glob.glob(f"{self.folder}/cache/pympi/imports/*"))

    def package(self, name="pack", modules=5, optional=0):
        """A package that imports its modules, some of which try what does not exist."""
        imports = "\n".join(f"from {name} import m{i}" for i in range(modules))
        self.write(f"{name}/__init__.py", imports + "\n")
        for i in range(modules):
            tried = f"try:\n    import nowhere_{i}\nexcept ImportError:\n    pass\n"
            with open(f"{self.folder}/{name}/m{i}.py", "w", encoding="utf-8") as f:
                f.write(f"x = {i}\n" + (tried if i < optional else ""))
        program = self.write("program.py", f"import {name}\nprint({name}.m1.x)\n")
        self.age()
        return program

    def age(self):
        """What has changed since the last run began is left out: make all files old."""
        for folder, _, files in os.walk(self.folder):
            for name in files:
                if not folder.startswith(self.env["XDG_CACHE_HOME"]):
                    os.utime(os.path.join(folder, name), (1.5e9, 1.5e9))


def needs_compiler(test):
    return unittest.skipUnless(shutil.which("cc"), "no C compiler is installed")(test)


EXTENSION = """
    #include <Python.h>
    int helper(void);
    static PyObject *number(PyObject *self, PyObject *none) { return PyLong_FromLong(helper()); }
    static PyMethodDef methods[] = {{"number", number, METH_NOARGS, ""}, {0}};
    static PyModuleDef_Slot slots[] = {{0}};
    static PyModuleDef def = {PyModuleDef_HEAD_INIT, "ext", 0, 0, methods, slots};
    PyMODINIT_FUNC PyInit_ext(void) { return PyModuleDef_Init(&def); }
    """


def make_library(case, folder, value=42, name="helper", words=()):
    """A library that counts from value; words: the linker's, by default its name for others."""
    os.makedirs(f"{case.folder}/{folder}", exist_ok=True)
    case.write(f"{name}.c", f"int helper(void) {{ static int n = {value}; return n++; }}")
    file = f"lib{name}-1234.so"
    subprocess.run(["cc", "-shared", "-fPIC", f"{name}.c", "-o", f"{folder}/{file}",
                    *(words or [f"-Wl,-soname,{file}"])], cwd=case.folder, check=True, timeout=60)


def make_extension(case, package, libraries, words=()):
    """A package with an extension, and the folder of the libraries that it finds by $ORIGIN."""
    case.write(f"{package}/__init__.py", f"from {package} import ext\n")
    case.write("ext.c", EXTENSION)
    code = "import sysconfig as s; print(s.get_config_var('EXT_SUFFIX'), s.get_path('include'))"
    suffix, include = support.run(["-c", code], program=support.python3).out.split()
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{include}", "ext.c", "-o", f"{package}/ext{suffix}",
                    f"-L{libraries}", "-lhelper-1234", f"-Wl,-rpath,$ORIGIN/../{libraries}", *words],
                   cwd=case.folder, check=True, timeout=60)


def make_wheel(case, package="wheel", value=42):
    """What a wheel unpacks: a package with an extension, and the library beside it."""
    make_library(case, f"{package}.libs", value)
    make_extension(case, package, f"{package}.libs")


def pack_wheel(case, package="wheel"):
    """Those files as an archive that pip installs; they are moved into it. Returns its path."""
    code = "import sys, sysconfig as s; print(sys.version_info[1], s.get_platform().translate({45: 95, 46: 95}))"
    minor, platform = support.run(["-c", code], program=support.python3).out.split()
    tag = f"cp3{minor}-cp3{minor}-{platform}"
    about = f"{package}-1.0.dist-info"
    case.write(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    case.write(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
    case.write(f"{about}/RECORD", "")
    path = f"{case.folder}/{package}-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for folder in (package, f"{package}.libs", about):
            for name in sorted(os.listdir(f"{case.folder}/{folder}")):
                archive.write(f"{case.folder}/{folder}/{name}", f"{folder}/{name}")
            shutil.rmtree(f"{case.folder}/{folder}")
    return path
