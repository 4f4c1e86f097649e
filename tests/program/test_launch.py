"""Launching: -n and its company, what is handed on, and one clear line when it cannot be done."""
# SPDX-License-Identifier: MIT
# leaves: prterun.*  (of an mpirun that crashes, see test_several_applications)

import os
import shutil
import signal
import subprocess
import unittest

import support
import terminal
import traced

RANKS = """
    import sys, mpi
    mpi.print(mpi.rank, mpi.size, sys.argv[1:], ordered=True)
    """


class Job(support.Case):
    def lines(self, n, args=()):
        return "".join(f"{r} {n} {list(args)}\n" for r in range(n))

    def test_numbers_of_ranks(self):
        for n in (1, 2, 3, 4, *([8, 16] if support.FULL else [])):
            self.ok(support.run_ranks(n, RANKS), self.lines(n))

    def test_spellings(self):
        path = self.write("r.py", RANKS)
        for options in (["-n", "2"], ["-np", "2"], ["-n2"], ["-np2"], ["-n=2"]):
            with self.subTest(options):
                r = support.run([*options, path])
                self.assertEqual((r.status, r.out), (0, self.lines(2)), r.err)

    def test_arguments_are_handed_on(self):
        for args in (["a", "b c", ""], ["-n", "9"], ["--", "-c"], ["*", "$HOME", "'", '"', "\\"],
                     ["é漢", "x\ny"], ["--output", "fold"]):
            with self.subTest(args):
                self.ok(support.run_ranks(2, RANKS, args=args), self.lines(2, args))

    def test_other_programs_than_scripts(self):
        code = "import mpi; mpi.print(mpi.rank, __name__, ordered=True)"
        self.write("m/__main__.py", code)
        want = "0 __main__\n1 __main__\n"
        for args, stdin in ((["-c", code], None), (["-m", "m"], None), (["m"], None),
                            (["-"], code), ([], code + "\n")):
            with self.subTest(args):
                r = support.run(["-n", "2", *args], stdin=stdin, cwd=self.folder)
                self.assertEqual((r.status, r.out), (0, want), r.err)

    def test_pythons_options_reach_all_ranks(self):
        code = "import sys, mpi; mpi.print(sys.flags.optimize, sys.warnoptions, sys._xoptions, " \
               "sys.flags.isolated, ordered=True)"
        for options, want in ((["-OO"], "2 [] {} 0"), (["-W", "error"], "0 ['error'] {} 0"),
                              (["-X", "a=b"], "0 [] {'a': 'b'} 0"), (["-I"], "0 [] {} 1")):
            with self.subTest(options):
                r = support.run(["-n", "2", *options, "-c", code])
                self.assertEqual((r.status, r.out), (0, f"{want}\n" * 2), r.err)

    def test_stdin_goes_to_rank_zero(self):
        code = "import sys, mpi; mpi.print(mpi.rank, len(sys.stdin.read()), ordered=True)"
        for size in (0, 10, 200_000):
            r = support.run(["-n", "2", "-c", code], stdin="x" * size)
            self.assertEqual((r.status, r.out), (0, f"0 {size}\n1 0\n"), r.err)

    def test_the_environment_reaches_all_ranks(self):
        code = "import os, mpi; mpi.print(os.environ['SOME_THING'], ordered=True)"
        r = support.run(["-n", "3", "-c", code], env={"SOME_THING": "a b=c;\"'"})
        self.assertEqual((r.status, r.out), (0, "a b=c;\"'\n" * 3), r.err)

    @traced.needs_strace
    def test_no_x_server_is_asked(self):
        """Neither by ranks nor by the launcher; and programs see of it only what the user has set."""
        code = "import os, mpi; mpi.print(mpi.size, os.environ.get('HWLOC_COMPONENTS'), ordered=True)"
        calls = os.path.join(self.folder, "calls")
        for words in ([], ["-n", "2"]):
            for own in None, "-gl", "-opencl,-gl":
                with self.subTest(words, own=own):
                    r = support.run(["-f", "-o", calls, "-e", "trace=connect", support.PYMPI, *words, "-c", code],
                                    env={"HWLOC_COMPONENTS": own}, program=traced.STRACE)
                    ranks = 2 if words else 1
                    self.ok(r, f"{ranks} {own}\n" * ranks)
                    with open(calls, encoding="utf-8", errors="replace") as f:
                        self.assertFalse(".X11-unix" in f.read())

    def test_the_folder(self):
        code = "import os, mpi; mpi.print(os.getcwd(), ordered=True)"
        r = support.run(["-n", "2", "-c", code], cwd=self.folder)
        self.assertEqual(r.out, f"{os.path.realpath(self.folder)}\n" * 2)

    def test_mpirun_starts_the_same_job(self):
        path = self.write("r.py", RANKS)
        r = support.run(["-n", "3", support.PYMPI, path, "x"],
                        program=support.config("PYMPI_MPIRUN"))
        self.assertEqual((r.status, r.out), (0, self.lines(3, ["x"])), r.err)

    def test_several_applications(self):
        """`mpirun -n 1 a : -n 2 b`: nothing collective at start; app is one's own program."""
        mpirun = support.config("PYMPI_MPIRUN")
        if support.run(["-n", "1", "true", ":", "-n", "2", "true"], program=mpirun).status:
            self.skipTest("this mpirun cannot start two applications (5.0.7 of Debian 13 crashes)")
        code = ("import mpi; large = mpi.app.bcast(bytes(100_000)); assert len(large) == 100_000; "
                "print(mpi.world.size, mpi.app.size, flush=True)")
        r = support.run(["-n", "1", support.PYMPI, "-c", code, ":",
                         "-n", "2", support.PYMPI, "-c", code],
                        program=mpirun)
        self.assertEqual(sorted(r.out.splitlines()), ["3 1", "3 2", "3 2"], r.err)

    def test_children_of_a_rank(self):
        """A pympi inside a rank runs alone; one with -n is a job of its own."""
        code = """
            import subprocess, sys, mpi
            if mpi.rank == 0:
                for options in ([], ["-n", "2"]):
                    command = [sys.executable, *options, "-c", "import mpi; mpi.print(mpi.size)"]
                    print(subprocess.run(command, capture_output=True, text=True).stdout)
            mpi.barrier()
            """
        r = support.run_ranks(2, code, timeout=60)
        self.assertEqual((r.status, r.out.split()), (0, ["1", "2"]), r.err)

    def test_other_programs_in_a_rank(self):
        """Another launcher, and a python3 with mpi4py, are no part of the rank's job.

        Alone, 5.0 leaves a segment in shared memory if it makes one.
        """
        code = f"""
            import subprocess, sys, mpi
            count = "from mpi4py import MPI; print(MPI.COMM_WORLD.size)"
            def run(*words):
                r = subprocess.run(words, capture_output=True, text=True)
                return r.returncode, r.stdout.split()
            found = [run("env", "OMPI_MCA_btl=self", "{support.python3}", "-c", count),
                     run("mpirun", "-n", "2", "{support.python3}", "-c", count),
                     run("mpirun", "-n", "2", sys.executable, "-c", count)]
            mpi.print(*found, sep="\\n", ordered=True)
            """
        r = support.run_ranks(2, code, timeout=90)
        self.assertEqual((r.status, r.out),
                         (0, "(0, ['1'])\n(0, ['2', '2'])\n(0, ['2', '2'])\n" * 2), r.err)

    def test_processes_of_a_rank(self):
        """The pools of the standard library, by fork, spawn and a server of forks."""
        path = self.write("p.py", """
            import concurrent.futures, multiprocessing, os, sys
            if __name__ == "__main__":
                import mpi
                for method in ("fork", "spawn", "forkserver"):
                    context = multiprocessing.get_context(method)
                    with context.Pool(2) as pool:
                        assert pool.map(abs, [-1, 2]) == [1, 2], method
                    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
                        assert list(pool.map(abs, [-1, 2])) == [1, 2], method
                for status in (0, 3):
                    child = os.fork()
                    if not child:
                        sys.exit(status)
                    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == status
                mpi.print("well", mpi.rank, ordered=True)
            """)
        r = support.run(["-W", "ignore", "-n", "2", path], timeout=60)
        self.assertEqual((r.status, r.out), (0, "well 0\nwell 1\n"), r.err)

    def test_closed_descriptors(self):
        """What the caller closed leads nowhere, as in Python; no socket takes its number."""
        for closed in ("<&-", ">&-", "2>&-", "<&- >&-"):
            with self.subTest(closed):
                command = f"exec {support.PYMPI} -n 2 -c 'print(1)' {closed}"
                r = support.run(["-c", command], program="/bin/sh")
                self.assertEqual((r.status, r.err), (0, ""))
                self.assertEqual(r.out, "" if ">&-" in closed.replace("2>&-", "") else "1\n1\n")

    def test_signals_are_handed_on(self):
        """SIGUSR1 sent to `pympi -n` reaches every rank."""
        path = self.write("s.py", """
            import signal, time, mpi
            got = []
            signal.signal(signal.SIGUSR1, lambda *a: got.append(1))
            mpi.barrier()
            if mpi.rank == 0:
                print("up", flush=True)
            while not got:
                time.sleep(0.02)
            print("got it", flush=True)
            """)
        with subprocess.Popen([support.PYMPI, "-n", "2", path], stdout=-1, stderr=-1,
                              env=support.environment(), start_new_session=True) as p:
            self.assertEqual(p.stdout.readline(), b"up\n")
            p.send_signal(signal.SIGUSR1)
            out, err = p.communicate(timeout=20)
            self.assertEqual((p.returncode, out), (0, b"got it\ngot it\n"), err)

    def test_almost_no_environment(self):
        """Without PATH and HOME both versions of Open MPI would refuse to start."""
        kept = ("PYMPI_", "TMPDIR", "ASAN_", "OMPI_MCA_")
        keep = {k: v for k, v in support.environment().items() if k.startswith(kept)}
        env = {k: None for k in support.environment()} | keep
        r = support.run(["-n", "2", "-c", "print(1)"], env=env)
        self.assertEqual((r.status, r.out), (0, "1\n1\n"), r.err)

    def test_rank_that_becomes_another_pympi(self):
        """MPI does not start twice: what a rank turns into by execv() runs alone."""
        r = support.run_ranks(1, """
            import os, sys
            os.execv(sys.executable, [sys.executable, "-c", "import mpi; print(mpi.size)"])
            """)
        self.assertEqual(r.out, "1\n", r.err)

    def test_nobody_has_a_terminal(self):
        """A rank that opened the terminal from the background would be stopped for ever."""
        code = "import getpass, mpi; mpi.rank or print('<' + getpass.getpass('word: ') + '>')"
        with terminal.Terminal(["-n", "2", "-c", code]) as t:
            t.until("word: ")
            t.send("abc\r")
            t.until("<abc>")
            self.assertEqual(t.end(), 0)

    def test_hosts(self):
        for options in (["--hosts", "localhost"], ["--hosts", "localhost,localhost"]):
            r = support.run_ranks(2, RANKS, *options)
            self.assertEqual((r.status, r.out), (0, self.lines(2)), r.err)
        hosts = self.write("hosts", "localhost slots=2\n")
        r = support.run_ranks(2, RANKS, "--hostfile", hosts)
        self.assertEqual((r.status, r.out), (0, self.lines(2)), r.err)

    def test_launcher_and_its_arguments(self):
        r = support.run_ranks(2, RANKS, "--launcher", "mpirun")
        self.assertEqual((r.status, r.out), (0, self.lines(2)), r.err)
        code = "import os, mpi; mpi.print(os.environ.get('FROM_ARGS'), ordered=True)"
        r = support.run(["-n", "2", "--launcher-args", "-x FROM_ARGS=yes", "-c", code])
        self.assertEqual((r.status, r.out), (0, "yes\nyes\n"), r.err)


class Cores(support.Case):
    """Binding and threads; here without what the runner sets."""
    CODE = """
        import os, mpi
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        cores = sorted(os.sched_getaffinity(0))
        mpi.print(cores, *(os.environ.get(n) for n in names), ordered=True)
        """

    def run_ranks(self, n, *options, **kw):
        r = support.run_ranks(n, self.CODE, *options, launcher=False, **kw)
        self.assertEqual(r.status, 0, r.err)
        return r, [line.rsplit(" ", 2) for line in r.out.splitlines()]

    def test_ranks_share_the_cores(self):
        mine = sorted(os.sched_getaffinity(0))
        if len(mine) < 2:
            self.skipTest("needs 2 cores")
        r, seen = self.run_ranks(2)
        cores = [set(eval(cores)) for cores, _, _ in seen]
        self.assertEqual(cores[0] & cores[1], set())
        share = str(len(mine) // 2)
        self.assertEqual([t for _, *t in seen], [[share, share]] * 2)

    def test_more_ranks_than_cores(self):
        """It works, and is said once."""
        n = len(os.sched_getaffinity(0)) + 2
        r, seen = self.run_ranks(n)
        self.assertEqual([t for _, *t in seen], [["1", "1"]] * n)
        self.assertEqual((len(r.notes), r.err), (1, ""), r.notes)

    def test_threads_option(self):
        r, seen = self.run_ranks(2, "--threads", "3")
        self.assertEqual([t for _, *t in seen], [["3", "3"]] * 2)

    def test_users_own_threads_stay(self):
        r, seen = self.run_ranks(2, env={"OMP_NUM_THREADS": "7"})
        self.assertEqual([t[0] for _, *t in seen], ["7", "7"])

    def test_sruns_ranks_of_a_node(self):
        """srun tells of all nodes how many tasks each has; here it is mpirun, made to look so."""
        cores = len(os.sched_getaffinity(0))
        if cores < 2:
            self.skipTest("needs 2 cores")
        code = "import os; print(os.environ['OMP_NUM_THREADS'])"
        for tasks, node, here in (("1", 0, 1), ("2(x3),1", 2, 2), ("2(x3),1", 3, 1),
                                  ("1,2(x2),9", 2, 2), ("2(x3)", 3, -1), ("rubbish", 0, -1)):
            r = support.run(["-n", "1", "env", "-u", "OMPI_COMM_WORLD_LOCAL_SIZE",
                             f"SLURM_NODEID={node}", f"SLURM_STEP_TASKS_PER_NODE={tasks}",
                             support.PYMPI, "-c", code], program=support.config("PYMPI_MPIRUN"),
                            env={"OMPI_MCA_hwloc_base_binding_policy": "none"})
            with self.subTest(tasks, node=node):
                self.ok(r, f"{max(cores // here, 1) if here > 0 else 1}\n")

    def test_one_rank_is_not_bound(self):
        r = support.run(["-c", "import os; print(os.environ.get('OMP_NUM_THREADS'), "
                               "len(os.sched_getaffinity(0)))"], launcher=False)
        self.ok(r, f"None {len(os.sched_getaffinity(0))}\n")


class Refused(support.Case):
    """One line, status 2, at once, not once a rank."""

    def at_once(self, args, *words, **kw):
        r = support.run(args, **kw)
        self.refused(r, *words)
        self.assertLess(r.seconds, 1.0 * support.SLOW)

    def test_level_of_threads(self):
        for options in (["-n", "2"], []):
            self.at_once([*options, "--mpi-threads", "many", "-c", "pass"], "--mpi-threads", "many")

    def test_bad_numbers(self):
        for n in ("0", "-1", "two", "1.5", "", "2x", "99999999999", "0x2", " 3 "):
            with self.subTest(n):
                self.at_once(["-n", n, "-c", "print(1)"], "-n")

    def test_number_missing(self):
        self.at_once(["-n"], "-n")

    def test_missing_script(self):
        self.at_once(["-n", "3", "nowhere.py"], "nowhere.py", "No such file")

    def test_missing_launcher(self):
        self.at_once(["-n", "2", "--launcher", "no-such-launcher", "-c", "pass"],
                     "no-such-launcher")

    def test_bad_output(self):
        self.at_once(["-n", "2", "--output", "sideways/", "-c", "pass"], "--output")

    def test_bad_threads(self):
        for value in ("0", "-2", "many"):
            with self.subTest(value):
                self.at_once(["-n", "2", "--threads", value, "-c", "pass"], "--threads", value)

    def test_missing_hostfile(self):
        self.at_once(["-n", "2", "--hostfile", "no-such-file", "-c", "pass"], "no-such-file")

    def test_pythons_own_words(self):
        """What Python would refuse is refused by it, once, with its status."""
        for args, env in ((["--nonsense", "-c", "pass"], None), (["-c"], None), (["-m"], None),
                          (["-c", "pass"], {"PYTHONHASHSEED": "abc"})):
            with self.subTest(args):
                alone = support.run(args, env=env, program=support.python3)
                r = support.run(["-n", "3", *args], env=env)
                self.assertEqual((r.status, r.out), (alone.status, ""))
                said = r.err.splitlines()
                self.assertEqual(len(said), len(set(said)), r.err)

    def test_srun_without_the_plugin(self):
        """Several tasks that would each be alone; of a batch script there is one."""
        step = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "3", "SLURM_PROCID": "0"}
        self.at_once(["-c", "print(1)"], "srun", "3", "--mpi=pmix", env=step)
        r = support.run(["-c", "print(1)"], env=step | {"SLURM_PROCID": "1"})
        self.assertEqual((r.status, r.out, r.err), (2, "", ""))
        for other in ({"SLURM_NTASKS": "3", "SLURM_PROCID": "0"},
                      step | {"SLURM_STEP_NUM_TASKS": "1"}):
            self.ok(support.run(["-c", "print(1)"], env=other), "1\n")

    def test_folder_without_a_main(self):
        os.mkdir(f"{self.folder}/empty")
        r = support.run(["-n", "3", "empty"], cwd=self.folder)
        self.assertEqual(r.status, 1)
        self.assertEqual(r.err, "pympi: can't find '__main__' module in 'empty'\n")

    def test_missing_module_is_said_once(self):
        r = support.run(["-n", "3", "-m", "no_such_module"])
        self.assertEqual(r.status, 1, r.err)
        self.assertEqual(r.err.count("No module named no_such_module"), 1, r.err)

    def test_launcher_that_starts_nothing(self):
        for name, status in (("true", 1), ("false", 1)):
            with self.subTest(name):
                r = support.run(["-n", "2", "--launcher", name, "-c", "print(1)"])
                self.assertEqual((r.status, r.out), (status, ""))
                self.assertIn("started no rank", r.err)

    def test_open_quote(self):
        self.at_once(["-n", "2", "--launcher-args", "'a b", "-c", "pass"], "quote '", "'a b")

    def test_no_hosts(self):
        self.at_once(["-n", "2", "--hosts", "", "-c", "pass"], "--hosts")

    def test_no_place_for_temporary_files(self):
        self.at_once(["-n", "2", "-c", "pass"], "/proc", "TMPDIR", env={"TMPDIR": "/proc"})

    def test_removed_folder(self):
        gone = f"{self.folder}/gone"
        code = f"cd {gone} && rmdir {gone} && exec {support.PYMPI} -n 2 -c pass"
        os.mkdir(gone)
        self.refused(support.run(["-c", code], program="/bin/sh"), "current folder")

    def test_executable_without_its_library(self):
        copy = shutil.copy(support.PYMPI, self.folder)
        r = support.run(["-n", "2", "-c", "pass"], program=copy)
        self.refused(r, "libpympi.so is not in ../lib/pympi")
        r = support.run(["-c", "import mpi"], program=copy)
        self.assertIn("No module named 'mpi': libpympi.so is not in", r.err)
        self.assertEqual(support.run(["-c", "print(1)"], program=copy).out, "1\n")


class Info(support.Case):
    def test_info(self):
        r = support.run(["--info"])
        self.ok(r)
        for word in (support.config("PYMPI_VERSION"), "python", "open mpi", "3.", "launcher"):
            self.assertIn(word, r.out.lower())


class Libraries(support.Case):
    """What others built on the same MPI, with no step by the user."""

    def test_mpi4py(self):
        """Programs of mpi4py find MPI started, and end well."""
        if support.run(["-c", "import mpi4py"], program=support.python3).status:
            self.skipTest("mpi4py is not installed")
        code = "from mpi4py import MPI; c = MPI.COMM_WORLD; print(c.allreduce(1), flush=True)"
        r = support.run(["-n", "3", "-c", code])
        self.assertEqual((r.status, r.out), (0, "3\n" * 3), r.err)
        r = support.run(["-n", "2", "-m", "mpi4py.bench", "ringtest"], timeout=60)
        self.assertEqual(r.status, 0, r.err)
        self.assertIn("time for", r.out)
        # Alone, 5.0 leaves a segment in shared memory if it makes one, here as under python3.
        self.ok(support.run(["-c", code], env={"OMPI_MCA_btl": "self"}), "1\n")

    def test_h5py(self):
        """Debian's h5py takes its build for MPI by itself, and writes from every rank."""
        if support.run(["-c", "import mpi4py, h5py"], program=support.python3).status:
            self.skipTest("h5py is not installed")
        path = self.write("h.py", """
            import h5py, mpi
            from mpi4py import MPI
            with h5py.File("h.h5", "w", driver="mpio", comm=MPI.COMM_WORLD) as f:
                f.create_dataset("x", (mpi.size * 4,))[mpi.rank * 4:][:4] = 0
                f["x"][mpi.rank * 4:mpi.rank * 4 + 4] = mpi.rank
            mpi.barrier()
            with h5py.File("h.h5") as f:
                mpi.print(h5py.get_config().mpi, f["x"][:].tolist())
            """)
        r = support.run(["-n", "2", path], cwd=self.folder, timeout=60)
        self.ok(r, f"True {[float(i // 4) for i in range(8)]}\n")

    def test_scipy(self):
        if support.run(["-c", "import scipy"], program=support.python3).status:
            self.skipTest("scipy is not installed")
        code = "import scipy.linalg as l, mpi; mpi.print(round(l.det([[mpi.size, 1], [1, 1]])))"
        r = support.run(["-n", "2", "-c", code], timeout=60)
        self.ok(r, "1\n")


if __name__ == "__main__":
    unittest.main()
