"""Extensions and their libraries from the bundle: where they are, which they are, what is left of them."""
# SPDX-License-Identifier: MIT
# timeout: 600

import contextlib
import fcntl
import glob
import os
import subprocess
import time
import unittest

import bundles
import support
import traced


def left_behind():
    """The folders that no living job holds, twice."""
    def free():
        found = set()
        for path in glob.glob(f"/dev/shm/pympi-{os.geteuid()}-*"):
            with contextlib.suppress(OSError):
                folder = os.open(path, os.O_RDONLY)
                try:
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    found.add(path)
                finally:
                    os.close(folder)
        return found

    first = free()
    time.sleep(0.3)
    return first & free()


@bundles.needs_compiler
class Libraries(bundles.Case):
    """A package with an extension and, beside it, a library that it finds by $ORIGIN."""

    def setUp(self):
        super().setUp()
        bundles.make_wheel(self)
        self.program = self.write("program.py", """
            import mpi, wheel.ext
            with open("/proc/self/maps") as f:
                maps = [l.split()[-1] for l in f if "wheel" in l]
            places = {m.startswith("/dev/shm/") for m in maps}
            mpi.print(wheel.ext.number(), wheel.ext.__file__ == wheel.ext.__spec__.origin,
                      wheel.ext.__file__.startswith("/dev"), places, ordered=True)
            """)
        self.age()

    def everywhere(self, program, out, runs=2, **kw):
        """Every rank prints this, on each of the runs, and so does python3."""
        program = self.write("everywhere.py", program)
        self.age()
        alone = support.run([program], program=support.python3, env=kw.get("env"))
        self.assertEqual((alone.status, alone.out), (0, out), alone.err)
        for _ in range(runs):
            r = self.bundled(3, [program], **kw)
            self.assertEqual((r.status, r.err, r.out), (0, "", out * 3))

    def test_staged(self):
        for _ in range(2):
            r = self.bundled(3, [self.program])
            self.assertEqual((r.status, r.err), (0, ""), r.out)
            self.assertEqual(r.out, "42 True False {False}\n" + "42 True False {True}\n" * 2)
            self.assertEqual(left_behind(), set())

    @traced.needs_strace
    def test_no_call_on_the_path(self):
        program = self.write("plain.py", "import wheel.ext; print(wheel.ext.number())")
        self.age()
        for _ in range(2):
            r, calls = traced.rank_calls(2, ["--bundle", program], env=self.env)
            self.assertEqual((r.status, r.out), (0, "42\n42\n"), r.err)
            self.assertEqual(calls, [[]])

    @traced.needs_strace
    def test_wheel_in_an_environment(self):
        """Installed by the environment's own pip."""
        python = f"{self.folder}/env/bin/python"
        self.assertEqual(support.run(["-m", "venv", f"{self.folder}/env"], timeout=90).status, 0)
        r = support.run(["-m", "pip", "install", "--quiet", "--no-index", "--no-compile",
                         "--disable-pip-version-check", bundles.pack_wheel(self)], program=python, timeout=90)
        self.assertEqual((r.status, r.out), (0, ""), r.err)
        self.age()
        program = self.write("plain.py", "import wheel.ext, sys; print(wheel.ext.number(), sys.prefix)")
        for _ in range(2):
            r, calls = traced.rank_calls(3, ["--bundle", program], program=python, env=self.env)
            self.assertEqual((r.status, r.out), (0, f"42 {self.folder}/env\n" * 3), r.err)
            self.assertEqual(calls, [[], []])

    def test_ctypes_by_the_original_path(self):
        """It reaches the copy that the extension uses: the library counts."""
        self.everywhere("""
            import ctypes, os, wheel.ext
            ctypes.PyDLL(wheel.ext.__file__)
            path = os.path.dirname(wheel.ext.__file__) + "/../wheel.libs/libhelper-1234.so"
            print(wheel.ext.number(), ctypes.CDLL(path).helper(), wheel.ext.number(),
                  ctypes.CDLL(path)._name == path, ctypes.CDLL(None)._name)
            """, "42 43 44 True None\n")

    def test_library_that_only_ctypes_opens(self):
        bundles.make_library(self, "apart", 7, "lone")
        self.everywhere("""
            import ctypes, sys
            print(ctypes.CDLL(sys.path[0] + "/apart/liblone-1234.so").helper())
            """, "7\n")

    def test_two_libraries_of_one_name(self):
        """The first one that was opened serves both, as ever."""
        bundles.make_wheel(self, "other", 100)
        self.everywhere("import wheel.ext as a, other.ext as b; print(a.number(), b.number())", "42 43\n")
        self.everywhere("import other.ext as b, wheel.ext as a; print(a.number(), b.number())", "100 101\n")

    def test_library_path(self):
        """What LD_LIBRARY_PATH leads to goes before, in the run that has it."""
        bundles.make_library(self, "preset", 7)
        make = [f"-Wl,-rpath,{self.folder}/wheel.libs", "-Wl,--enable-new-dtags"]
        bundles.make_extension(self, "new", "wheel.libs", make)
        code = "import new.ext; print(new.ext.number())"
        for folder, value in (("preset", 7), ("nowhere", 42), ("preset", 7)):
            self.everywhere(code, f"{value}\n", 1, env={"LD_LIBRARY_PATH": f"{self.folder}/{folder}"})

    @unittest.skipIf(support.SANITIZED, "the sanitizer's dlopen() takes no $ORIGIN for the caller's")
    def test_neighbours(self):
        """A library finds what it opens beside itself, by its own place or the linker's."""
        bundles.make_library(self, "wheel.libs", 5, "neighbour")
        self.write("wheel.libs/data.txt", "a text")
        self.write("shared/more.txt", "more")
        self.write("opens.c", """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <stdio.h>
            #include <string.h>
            #include <unistd.h>
            int helper(void)
            {
                void *by_linker = dlopen("libneighbour-1234.so", RTLD_NOW);
                int (*there)(void) = by_linker ? (int (*)(void))dlsym(by_linker, "helper") : NULL;
                char path[4096];
                Dl_info own;
                dladdr((void *)helper, &own);
                snprintf(path, sizeof path, "%s", own.dli_fname);
                strcpy(strrchr(path, '/'), "/data.txt");
                int found = access(path, R_OK) == 0;
                strcpy(strrchr(path, '/'), "/../shared/more.txt");
                return (there ? there() : 0) + 10 * found + 100 * (access(path, R_OK) == 0);
            }
            """)
        subprocess.run(["cc", "-shared", "-fPIC", "opens.c", "-o", "wheel.libs/libhelper-1234.so", "-ldl",
                        "-Wl,-soname,libhelper-1234.so", "-Wl,-rpath,$ORIGIN"], cwd=self.folder,
                       check=True, timeout=60)
        self.everywhere("import wheel.ext; print(wheel.ext.number())", "115\n")

    def test_broken_files(self):
        """What is no library, or half of one, is loaded as ever, which fails as ever."""
        suffix = glob.glob(f"{self.folder}/wheel/ext*.so")[0].partition("/ext")[2]
        with open(f"{self.folder}/wheel/ext{suffix}", "rb") as f:
            whole = f.read()
        for size in (0, 10, 64, 1000, len(whole) // 2):
            with open(f"{self.folder}/half{size}{suffix}", "wb") as f:
                f.write(whole[:size])
        self.everywhere("""
            import json, wheel.ext
            broken = []
            for size in 0, 10, 64:
                try:
                    __import__(f"half{size}")
                except ImportError:
                    broken.append(size)
            print(broken, wheel.ext.number())
            """, "[0, 10, 64] 42\n")

    def test_library_without_a_name(self):
        bundles.make_library(self, "wheel.libs", 5, words=["-Wl,-Bsymbolic"])
        bundles.make_extension(self, "nameless", "wheel.libs")
        self.everywhere("import nameless.ext; print(nameless.ext.number())", "5\n")

    def test_memory_that_cannot_be_used(self):
        """Where /dev/shm is noexec or small the extension is loaded from where it is; -v says so."""
        mount = (f"mount -t tmpfs -o $0 tmpfs /dev/shm && mkdir -p $1 && "
                 f"exec {support.PYMPI} -n 2 $2 --bundle {self.program}")
        shared_folder = os.environ["OMPI_MCA_btl_vader_backing_directory"]
        for options, why in (("noexec,size=200m", "is mounted noexec"), ("size=24m", "is too small")):
            for verbose in ("-u", "-v"):
                r = support.run(["-m", "sh", "-c", mount, options, shared_folder, verbose],
                                program="unshare", env=self.env)
                if "ermission" in r.err or "ermitted" in r.err:
                    self.skipTest("no rights to mount a file system")
                self.assertEqual((r.status, r.out), (0, "42 True False {False}\n" * 2), r.err)
                self.assertEqual(r.err.count(why), int(verbose == "-v"), r.err[-2000:])

    def test_folder_left_behind(self):
        """The next job of the user removes it, also where it leaves too little room."""
        sweeps = ("mount -t tmpfs -o size=100m tmpfs /dev/shm && mkdir -m 700 $0 /dev/shm/pympi-$(id -u)-abcdef && "
                  "head -c 60000000 /dev/zero > /dev/shm/pympi-$(id -u)-abcdef/x && "
                  f"mpirun -n 2 {support.PYMPI} --bundle {self.program}; ls /dev/shm")
        r = support.run(["-m", "sh", "-c", sweeps, os.environ["OMPI_MCA_btl_vader_backing_directory"]],
                        program="unshare", env=self.env)
        if "ermission" in r.err or "ermitted" in r.err:
            self.skipTest("no rights to mount a file system")
        self.assertIn("42 True False {True}", r.out, r.err)
        self.assertNotIn("pympi-", r.out.replace(os.environ["TMPDIR"], ""))

    def test_nothing_left_by_a_killed_rank(self):
        program = self.write("killed.py", """
            import mpi, os, signal, wheel.ext
            mpi.barrier()
            if mpi.rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            mpi.barrier()
            """)
        r = self.bundled(3, [program])
        self.assertNotEqual(r.status, 0)
        self.assertEqual(left_behind(), set())

    def test_killed_before_the_bundle_comes(self):
        """While the others wait for it: the one that makes it, or one of those that wait."""
        program = self.write("program.py", "import wheel.ext; print(wheel.ext.number())")
        self.age()
        for victim in 0, 2:
            with self.subTest(rank=victim):
                self.write("sitecustomize.py", KILLER.format(victim))
                r = self.bundled(3, [program], env={"PYTHONPATH": self.folder})
                self.assertEqual((r.status, r.out), (137, ""), r.err)
                self.assertEqual(left_behind(), set())


# Rank 0 alone has a Python by then.
KILLER = """
    import glob, os, signal
    wanted = {{"OMPI_COMM_WORLD_RANK={}", "PYTHONPATH=" + os.environ["PYTHONPATH"]}}
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path) as f:
                words = f.read().split("\\0")
        except OSError:
            continue
        if wanted <= set(words):
            os.kill(int(path.split("/")[2]), signal.SIGKILL)
    """


if __name__ == "__main__":
    unittest.main()
