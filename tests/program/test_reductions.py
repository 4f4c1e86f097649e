"""Exact sums at the prompt: a rank that fails breaks them, and the next statement works; under --check."""
# SPDX-License-Identifier: MIT

import os
import pathlib
import subprocess

import support
from front import Front


@support.needs("numpy")
class AtThePrompt(support.Case):
    RANKS = 3

    def test_broken(self):
        """Whichever rank does not come, in the agreement or before MPI's own reduction."""
        with Front(self.RANKS) as front:
            front.run("from pympi import reductions as r\nimport numpy as np\nx = np.ones((3, 300))")
            for call, want in (("r.sum([1.5])", "4.5"), ("float(r.sum(x, axis=0)[7])", "9.0"),
                               ("mpi.allreduce(1.5, r.SUM_EXACT)", "4.5"),
                               ("float(r.cumsum([1.0] * 3)[-1]) - 3 * mpi.rank", "3.0")):
                for rank in range(self.RANKS):
                    with self.subTest(call, rank=rank):
                        done = front.run(f"1 / 0 if mpi.rank == {rank} else {call}")
                        self.assertEqual(done.results, [])
                        said = "".join(str(error) for error in done.errors)
                        self.assertIn("ZeroDivisionError", said)
                        self.assertIn("PeerError", said)
                        self.assertEqual(front.run(call).results, [("", want)])

    def test_wrong_on_one_rank(self):
        with Front(self.RANKS) as front:
            front.run("from pympi import reductions as r")
            done = front.run("r.sum(['a'] if mpi.rank == 1 else [1.0])")
            self.assertIn("TypeError: sum: an element is of class str", str(done.errors))
            self.assertEqual(front.run("r.sum([1.0])").results, [("", "3.0")])


@support.needs("numpy")
class Checked(support.Case):
    def test_different_verbs(self):
        done = support.run(["-n", "2", "--check", "-c", "from pympi import mpi, reductions as r\n"
                          "try:\n"
                          "    r.sum([1.0]) if mpi.rank else r.mean([1.0])\n"
                          "except mpi.CollectiveMismatch as wrong:\n"
                          "    mpi.print(wrong)\n"
                          "assert r.sum([1.0]) == 2 and mpi.allreduce(1.0, r.SUM_EXACT) == 2\n"])
        self.ok(done)
        self.assertRegex(done.out, r"mean\(\) at .* on rank 0; sum\(\) at .* on rank 1")



class Kernels(support.Case):
    """Each kind of vector code that this machine can run, and products without fused multiply-add."""
    MACHINES = {"own": None, "AVX2": '(x[3] == \'2\' || x[0] == \'f\')', "plain": "0"}

    def test_kernels(self):
        compiler = str(pathlib.Path(support.config("PYMPI_MPIRUN")).with_name("mpicc"))
        top = pathlib.Path(__file__).parents[2]
        sources = [str(top / name) for name in ("tests/program/kernels.c", "modules/reductions/exact.c",
                                                "modules/reductions/extract.c")]
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
            own = f.read()
        for name, supports in self.MACHINES.items():
            if name == "AVX2" and " avx2 " not in own:
                continue
            program = os.path.join(self.folder, name)
            words = [f"-D__builtin_cpu_supports(x)={supports}"] if supports else []
            with self.subTest(name):
                subprocess.run([compiler, "-std=gnu11", "-O2", f"-I{top}", *words, *sources, "-lm", "-o",
                                program], check=True, timeout=60)
                said = subprocess.run([program], capture_output=True, text=True, timeout=60)
                self.assertEqual(said.stdout, "0 wrong\n")
