"""pympi in jobs of Slurm: batch scripts, srun, salloc; cancelled, out of time, refused."""
# SPDX-License-Identifier: MIT

# timeout: 600

import os
import re
import subprocess
import sys
import time
import unittest

from harness import job, leftover

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(job.__file__)), "../program"))

import node  # noqa: E402
import support  # noqa: E402

SHOW = """
    import os, mpi
    cores = sorted(os.sched_getaffinity(0))
    mpi.print(mpi.rank, mpi.size, cores, os.environ["OMP_NUM_THREADS"], ordered=True)
    """
FAIL = """
    import mpi
    if mpi.rank == 1:
        raise ValueError("gone wrong")
    mpi.recv()
    """
# Ends itself at SIGTERM; says that it runs, and that its finally block was run to its end.
TIDY = """
    import signal, sys, mpi
    def note(word):
        open(f"{sys.argv[1]}/{word}.{mpi.rank}", "w").close()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        mpi.barrier()
        note("runs")
        mpi.recv()
    finally:
        note("ended")
    """
# What Slurm says of a job that gets the node, now or later.
WAITS = re.compile(r"^(salloc: .*|srun: job \d+ (queued|has been) .*)\n", re.M)
STUBBORN = """
    import signal, sys, mpi
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mpi.barrier()
    open(f"{sys.argv[1]}/runs.{mpi.rank}", "w").close()
    mpi.recv()
    """


def cores():
    """The cores that may be used, in order, each a list of its hardware threads."""
    found = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        where = []
        for name in ("physical_package_id", "core_id"):
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/{name}", encoding="utf-8") as f:
                where.append(int(f.read()))
        found.setdefault(tuple(where), []).append(cpu)
    return [found[where] for where in sorted(found)]


CORES = cores()
plain = node.Node(support.environment())


def setUpModule():
    if os.geteuid():
        raise RuntimeError("only root can run Slurm's daemons")
    if len(CORES) < 2:
        raise RuntimeError("the jobs here need two cores")
    if node.missing():
        raise RuntimeError(f"missing: {' '.join(node.missing())} (packages slurm-wlm and munge)")
    unittest.addModuleCleanup(plain.stop)
    plain.start()


class Case(support.Case):
    """Runs of Slurm's commands; the jobs get nothing that the runner sets for Open MPI."""
    node = plain

    def setUp(self):
        super().setUp()
        # A job that somehow stays would keep the node from the next test.
        self.addCleanup(plain.client, "scancel", "--quiet", "--user=root")

    def run_in(self, program, *words, **kw):
        kw["env"] = self.node.variables | kw.get("env", {})
        r = support.run([str(w) for w in words], program=program, launcher=False, **kw)
        r.err = WAITS.sub("", r.err)
        return r

    def batch_words(self, script, *options):
        path = self.write("job.sh", "#!/bin/sh\n" + script)
        os.chmod(path, 0o755)
        return ["--parsable", f"--output={self.folder}/out", f"--error={self.folder}/err",
                *options, path]

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as f:
            return f.read()

    def batch(self, script, *options, timeout=60):
        """The result of a batch job: its own output and status."""
        r = self.run_in("sbatch", "--wait", *self.batch_words(script, *options), timeout=timeout)
        r.out, r.err = self.read("out"), support.NOISE.sub("", self.read("err"))
        return r

    def start_batch(self, script, *options):
        """(number, marker) of a batch job that is left running; it ends with the test."""
        env = support.environment(self.node.variables, launcher=False)
        words = ["sbatch", *self.batch_words(script, *options)]
        number = subprocess.run(words, env=env, stdout=subprocess.PIPE, text=True, timeout=30,
                                check=True).stdout.strip()
        marker = env["PYMPI_TEST_ID"]
        self.addCleanup(leftover.kill_all, marker)
        return number, marker

    def await_files(self, word, ranks, seconds=30):
        self.await_true(lambda: all(os.path.exists(f"{self.folder}/{word}.{r}")
                                    for r in range(ranks)), seconds, word)

    def await_true(self, question, seconds, what):
        end = time.monotonic() + seconds * support.SLOW
        while not question():
            self.assertLess(time.monotonic(), end, f"{what}: not within {seconds} s")
            time.sleep(0.05)

    def gone(self, number, marker, seconds):
        """The job is over within seconds, and no process of it is left. Returns its state."""
        def state():
            return re.search(r"JobState=(\w+)", self.node.client("scontrol", "show", "job", number))
        self.await_true(lambda: state()[1] not in ("PENDING", "RUNNING", "COMPLETING"), seconds,
                        f"end of job {number}")
        self.assertEqual(leftover.wait_gone(marker, job.GRACE), [], "left processes")
        support.forget_launcher()      # what was killed could not remove its own
        return state()[1]

    def shares(self, ranks):
        """What SHOW prints where the ranks share this machine's cores."""
        n, lines = len(CORES), ""
        for r in range(ranks):
            mine = CORES[n * r // ranks:n * (r + 1) // ranks] if ranks <= n else CORES
            lines += f"{r} {ranks} {sorted(sum(mine, []))} {len(mine) if ranks <= n else 1}\n"
        return lines


class Batch(Case):
    """sbatch and salloc."""

    def test_mpirun_starts_the_ranks(self):
        prog = self.write("p.py", SHOW)
        r = self.batch(f"{support.PYMPI} -n 2 {prog}\necho $?\n{support.PYMPI} --info", "-n2")
        self.assertEqual(r.out.partition("pympi  ")[0], self.shares(2) + "0\n", r.err)
        self.assertRegex(r.out, r"launcher +\S*mpirun\nslurm +in an allocation")
        self.assertEqual((r.status, r.err), (0, ""))

    def test_srun_starts_the_ranks(self):
        prog = self.write("p.py", SHOW)
        self.ok(self.batch(f"srun --mpi=pmix {support.PYMPI} {prog}", "-n2"), self.shares(2))

    def test_more_ranks_than_cores(self):
        prog, ranks = self.write("p.py", SHOW), len(CORES) + 1
        self.ok(self.batch(f"srun --mpi=pmix -O -n{ranks} {support.PYMPI} {prog}", "-n2"),
                self.shares(ranks))

    def test_status_is_the_jobs(self):
        prog = self.write("p.py", "import sys, mpi; mpi.barrier(); sys.exit(mpi.rank and 7)")
        r = self.batch(f"{support.PYMPI} -n 2 {prog}", "-n2")
        self.assertEqual((r.status, r.out), (7, ""), r.err)
        self.assertIn("rank 1 of 2 ended the job with status 7", r.err)

    def test_one_rank_raises(self):
        prog = self.write("p.py", FAIL)
        for start, clean in (("{0} -n 2", True), ("srun --mpi=pmix {0}", False),
                             ("{0} -n 2 --launcher srun", True)):
            with self.subTest(start):
                r = self.batch(f"{start.format(support.PYMPI)} {prog}", "-n2")
                self.assertEqual((r.status, r.out), (1, ""), r.err)
                self.assertRegex(r.err, r"(?s)--- rank 1 of 2\n.*Traceback.*gone wrong\n")
                self.assertIn("pympi: rank 1 of 2 ended the job with status 1\n", r.err)
                self.assertEqual(r.err.count("gone wrong\n"), 1, r.err)
                for noise in ("MPI_ABORT", "srun: ", "slurmstepd", "-----") if clean else ():
                    self.assertNotIn(noise, r.err)
                support.forget_launcher()

    def test_a_rank_is_killed(self):
        prog = self.write("p.py", "import os, mpi\nif mpi.rank == 1: os.kill(os.getpid(), 9)\n"
                                  "mpi.recv()")
        for start in ("-n 2", "-n 2 --launcher srun"):
            with self.subTest(start):
                r = self.batch(f"{support.PYMPI} {start} {prog}", "-n2")
                self.assertEqual((r.status, r.out), (137, ""), r.err)
                self.assertRegex(r.err, r"\A--- where the others were\n    rank 0: .*\n"
                                        r"pympi: rank 1 of 2 was ended by signal 9 \(Killed\)\n\Z")
                support.forget_launcher()

    def test_a_script_is_no_rank(self):
        """SLURM_NTASKS and SLURM_PROCID are set there too, and mean nothing."""
        code = "import os, mpi; print(os.environ['SLURM_NTASKS'], mpi.size)"
        self.ok(self.batch(f'{support.PYMPI} -c "{code}"', "-n2"), "2 1\n")

    def test_without_mpirun(self):
        """srun takes its place, with the plugin; mpirun is hidden from this job alone."""
        prog, found = self.write("p.py", SHOW), set()
        for name in (support.config("PYMPI_MPIRUN"), node.find("mpirun")):
            found |= {os.path.realpath(name)} if name else set()
        hide = " && ".join(f"mount --bind /dev/null {path}" for path in sorted(found))
        inner = f"{hide} && {support.PYMPI} --info | grep launcher && {support.PYMPI} -n 2 {prog}"
        r = self.batch(f"unshare --mount sh -c '{inner}'", "-n2")
        self.ok(r)
        self.assertRegex(r.out, r"\Alauncher +\S*/srun\n")
        self.assertEqual(r.out.partition("\n")[2], self.shares(2))

    def test_salloc(self):
        prog = self.write("p.py", SHOW)
        for options in ((), ("--launcher", "srun")):
            with self.subTest(options):
                self.ok(self.run_in("salloc", "-n2", support.PYMPI, "-n", 2, *options, prog),
                        self.shares(2))

    def test_standard_input(self):
        code = "import sys, mpi; print(mpi.rank, repr(sys.stdin.read()[-5:]))"
        for launcher in ("mpirun", "srun"):
            with self.subTest(launcher):
                r = self.batch(f"seq 100000 | {support.PYMPI} -n 2 --launcher {launcher} "
                               f'-c "{code}"', "-n2")
                self.ok(r)
                self.assertEqual(sorted(r.out.splitlines()), ["0 '0000\\n'", "1 ''"])

    def test_children_of_a_rank(self):
        """A pympi or an mpi4py started by a rank of srun's is alone, and so is its own child."""
        prog = self.write("p.py", """
            import subprocess, sys, mpi
            code = "import mpi; print(mpi.size)"
            nested = f"import subprocess as s, sys; s.run([sys.executable, '-c', {code!r}])"
            if mpi.rank == 1:
                for c in code, nested:
                    subprocess.run([sys.executable, "-c", c], check=True)
            """)
        self.ok(self.batch(f"srun --mpi=pmix {support.PYMPI} {prog}", "-n2"), "1\n1\n")


class Srun(Case):
    """srun without a batch script."""

    def test_without_the_plugin(self):
        """Said once for all tasks; the second line is srun's own."""
        for words in (["-c", "pass"], [self.write("p.py", SHOW)]):
            r = self.run_in("srun", "-n2", support.PYMPI, *words)
            self.assertEqual((r.status, r.out), (2, ""), r.err)
            ours = [line for line in r.err.splitlines() if not line.startswith("srun: ")]
            self.assertEqual(len(ours), 1, r.err)
            self.assertIn("--mpi=pmix", ours[0])

    def test_answers_are_given(self):
        r = self.run_in("srun", "-n2", support.PYMPI, "--version")
        self.assertEqual((r.status, len(r.out.splitlines())), (0, 2), r.err)

    def test_one_task_is_alone(self):
        for plugin in ("none", "pmix"):
            with self.subTest(plugin):
                self.ok(self.run_in("srun", "-n1", f"--mpi={plugin}", support.PYMPI, "-c",
                                    "import mpi; print(mpi.size)"), "1\n")

    def test_labels(self):
        r = self.run_in("srun", "-n2", "--mpi=pmix", support.PYMPI, "--output", "label",
                        "-c", "import mpi; print(mpi.rank)")
        self.ok(r)
        self.assertEqual(sorted(r.out.splitlines()), ["[0] 0", "[1] 1"])


class Placed(Case):
    """Where ranks run on a node that several jobs share, and where srun has placed them."""

    def test_a_part_of_the_node(self):
        """Nobody knows which cores are this job's: none is taken, and threads are as many."""
        prog = self.write("p.py", SHOW)
        for start in ("srun --mpi=pmix", "", "--launcher srun"):
            words = f"{start} {support.PYMPI}" if "pmix" in start else \
                f"{support.PYMPI} -n 1 {start}"
            with self.subTest(start):
                self.ok(self.batch(f"{words} {prog}", "-n1", "-c1", "--partition=shared"),
                        f"0 1 {sorted(sum(CORES, []))} 1\n")

    def test_srun_binds(self):
        """Its masks stay, whoever comes first."""
        bound = node.Node(support.environment(), "affinity")
        self.addCleanup(bound.stop)
        bound.start()
        self.node = bound
        prog = self.write("p.py", SHOW)
        r = self.run_in("srun", "-n2", "-c1", "--mpi=pmix", "--cpu-bind=map_cpu:1,0",
                        support.PYMPI, prog)
        self.ok(r, "0 2 [1] 1\n1 2 [0] 1\n")
        r = self.batch(f"{support.PYMPI} -n 2 --launcher srun {prog}", "-n2")
        self.ok(r)
        self.assertEqual([line.split()[:2] for line in r.out.splitlines()], [["0", "2"], ["1", "2"]])


class Ends(Case):
    """Ends that come from Slurm. KillWait is 2 s here."""
    STARTS = {"mpirun": f"exec {support.PYMPI} -n 2", "srun": f"srun --mpi=pmix {support.PYMPI}",
              "front of srun": f"exec {support.PYMPI} -n 2 --launcher srun"}

    def test_scancel(self):
        """Finally blocks are run, for Slurm's grace and the launcher's suffice them."""
        prog = self.write("p.py", TIDY)
        for name, start in self.STARTS.items():
            with self.subTest(name):
                number, marker = self.start_batch(f"{start} {prog} {self.folder}", "-n2")
                self.await_files("runs", 2)
                self.node.client("scancel", number)
                self.assertEqual(self.gone(number, marker, 15), "CANCELLED")
                self.await_files("ended", 2, 1)
                for file in os.listdir(self.folder):
                    if file.startswith(("runs.", "ended.")):
                        os.unlink(os.path.join(self.folder, file))

    def test_scancel_of_the_stubborn(self):
        prog = self.write("p.py", STUBBORN)
        for name, start in self.STARTS.items():
            with self.subTest(name):
                number, marker = self.start_batch(f"{start} {prog} {self.folder}", "-n2")
                self.await_files("runs", 2)
                self.node.client("scancel", number)
                self.assertEqual(self.gone(number, marker, 20), "CANCELLED")
                for rank in range(2):
                    os.unlink(f"{self.folder}/runs.{rank}")

    def test_time_limit(self):
        """A minute, which is the least there is."""
        prog = self.write("p.py", TIDY)
        number, marker = self.start_batch(f"{support.PYMPI} -n 2 {prog} {self.folder}",
                                          "-n2", "--time=1")
        self.await_files("runs", 2)
        self.assertEqual(self.gone(number, marker, 120), "TIMEOUT")
