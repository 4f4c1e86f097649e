"""A notebook's kernel from outside: installing it, its start, ranks that die, restarts, its end."""
# SPDX-License-Identifier: MIT
# timeout: 400

import json
import os
import signal
import time
import unittest

import kernel
import library
import support
from harness import leftover

displays = library.load("displays")
statements = library.load("statements")
SEGMENTS = {"OMPI_MCA_btl_vader_backing_directory": None}   # not the runner's: the job has a folder that it removes


class Texts(unittest.TestCase):
    """The pieces that need no kernel."""

    def test_displays_in_any_pieces(self):
        line = displays.pack("display", data={"text/plain": "a\x1b\\b\n", "image/png": b"\0\1"}, metadata={})
        data, whole = b"before" + line + b"between\n" + line + b"\x1b[31mred", None
        for size in range(1, len(data)):
            parts, held = [], b""
            for at in range(0, len(data), size):
                found, held = displays.split(held + data[at:at + size])
                for part in found:
                    if parts and isinstance(part, bytes) and isinstance(parts[-1], bytes):
                        part = parts.pop() + part
                    parts.append(part)
            whole = whole or [*parts, held]
            self.assertEqual([*parts, held], whole, size)
        content = ("display", {"data": {"text/plain": "a\x1b\\b\n", "image/png": "AAE="}, "metadata": {}})
        self.assertEqual(whole, [b"before", content, b"between\n", content, b"\x1b[31mred", b""])

    def test_display_that_another_wrote_into(self):
        line = displays.pack("display", data={})
        broken = line[:12] + b"\x1b[0m" + line[12:]
        self.assertEqual(displays.split(broken), ([broken], b""))
        self.assertEqual(displays.as_text(b"a\n" + line + b"b\n"), b"a\nb\n")

    def test_displays_as_text(self):
        """What is left out of a cell's output is kept as text."""
        lines = displays.pack("result", data={"text/plain": "[1,\n 2]"}) + displays.pack("comm", type="comm_msg")
        self.assertEqual(displays.as_text(b"[4]\n" + lines), b"[4]\n[1,\n 2]\n")

    def test_half_a_letter(self):
        parts, _ = displays.split(displays.pack("display", data={"text/html": "a\ud83d", "text/plain": "\U0001f600"}))
        self.assertEqual(parts, [("display", {"data": {"text/html": "a?", "text/plain": "\U0001f600"}})])

    def test_ranks_of_cells(self):
        for source, found in (("1", (None, "1")), ("%%ranks 0,2-3\na\nb", ("0,2-3", "a\nb")),
                              ("\n# c\n%%ranks 1\na", ("1", "a")), ("%%ranks 1", ("1", "")),
                              ("@0 x", ("0", "x")), ("@0:\n    x\n    y", ("0", "\nx\ny")),
                              ("@f\ndef g(): pass", (None, "@f\ndef g(): pass")), ("%%time\n1", (None, "%%time\n1"))):
            self.assertEqual(statements.cell(source), found)
        for source, text in (("%%ranks\n1", "names no ranks"), ("%%ranks x\n1", "'x' is no rank"),
                             ("%%ranks 3-1\n1", "runs backwards"),
                             ("@0:\n    # later", "@0: has no statement behind it")):
            with self.assertRaisesRegex(ValueError, text):
                statements.cell(source)


@kernel.needs
class Installing(support.Case):
    def install(self, *words):
        return support.run(["--install-kernel", "--prefix", self.folder, *words])

    def test_spec(self):
        result = self.ok(self.install("-n", "3", "--check", "--threads", "2"))
        folder = f"{self.folder}/share/jupyter/kernels/pympi-3"
        self.assertEqual(result.out, f"pympi (3 ranks): {folder}\n")
        with open(folder + "/kernel.json", encoding="utf-8") as f:
            spec = json.load(f)
        self.assertEqual(spec["argv"][1:], ["--kernel", "{connection_file}", "-n", "3", "--threads", "2", "--check"])
        self.assertEqual(os.path.realpath(spec["argv"][0]), os.path.realpath(support.PYMPI))
        self.assertEqual((spec["display_name"], spec["interrupt_mode"]), ("pympi (3 ranks)", "message"))

    def test_name(self):
        self.ok(self.install("--name", "Mine", "--display-name", "two of them"),
                f"two of them: {self.folder}/share/jupyter/kernels/mine\n")

    def test_user(self):
        result = support.run(["-n", "4", "--install-kernel", "--user"], env={"HOME": self.folder})
        self.ok(result, f"pympi (4 ranks): {self.folder}/.local/share/jupyter/kernels/pympi-4\n")

    def test_refused(self):
        for words, text in ((["-n", "0"], "-n takes a whole number"), (["--name", "a b"], "--name takes letters"),
                            (["--threads", "x"], "--threads takes a whole number"),
                            (["--user"], "--user and --prefix name two places")):
            self.refused(self.install(*words), text)

    def test_kernel_needs_ranks(self):
        self.refused(support.run(["--kernel", "x.json"]), "--kernel needs -n N")


def status_of(pid):
    """What the system says of a process."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return f.read()


@kernel.needs
class Life(support.Case):
    """Each method has a kernel of its own."""

    def test_ready_and_gone(self):
        with kernel.Kernel(2) as k:
            self.assertEqual(k.run("mpi.size").results, ["2"])
        self.assertLess(k.ended_after, 4 * support.SLOW)

    def test_rank_that_dies(self):
        with kernel.Kernel(3) as k:
            k.run("x = 1")
            outcome = k.run("import os, signal\nif mpi.rank == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
                            "mpi.world.barrier()")
            self.assertEqual(outcome.reply["ename"], "RanksEnded")
            self.assertRegex(outcome.tracebacks[0], r"rank 1 of 3 was ended by signal 9 \(Killed\)")
            self.assertIn("the ranks are started anew; what they had is gone", outcome.tracebacks[0])
            self.assertEqual(k.run("'x' in globals(), mpi.world.allreduce(1)").results, ["(False, 3)"])

    def test_rank_that_dies_between_cells(self):
        with kernel.Kernel(2) as k:
            pid = int(k.run("import os\nprint(os.getpid()) if mpi.rank else None").out.split()[-1])
            os.kill(pid, signal.SIGKILL)
            deadline, said = time.monotonic() + 20 * support.SLOW, ""
            while "anew" not in said and time.monotonic() < deadline:
                outcome = k.run("1")
                said = outcome.err + "\n".join(outcome.tracebacks)     # a cell may have begun before it is noticed
            self.assertRegex(said, r"rank 1 of 2 was ended by signal 9 \(Killed\)\n(.*\n)*"
                                   r"pympi: the ranks (are|were) started anew")
            self.assertEqual(k.run("mpi.world.allreduce(1)").results, ["2"])

    def killed(self, which):
        """What a cell says under which one process of the job is killed: that in front of the ranks, or its child."""
        with kernel.Kernel(2, env=SEGMENTS) as k:
            number = k.begin("import time; print('now', flush=True); time.sleep(100)")
            while k.message(time.monotonic() + k.timeout)["msg_type"] != "stream":
                pass
            pids = leftover.processes(k.env["PYMPI_TEST_ID"])
            front = next(pid for pid in pids if "--session" in leftover.command(pid))
            launcher = next(pid for pid in pids if f"\nPPid:\t{front}\n" in status_of(pid))
            os.kill(launcher if which == "launcher" else front, signal.SIGKILL)
            outcome = k.end(number)
            self.assertEqual(outcome.reply["ename"], "RanksEnded")
            self.assertEqual(k.run("mpi.world.allreduce(1)").results, ["2"])
            deadline = time.monotonic() + 5 * support.SLOW
            while (left := {*pids[1:]}.intersection(leftover.processes(k.env["PYMPI_TEST_ID"]))):
                self.assertLess(time.monotonic(), deadline, [leftover.command(pid) for pid in left])
                time.sleep(0.02)
            return outcome.tracebacks[0]

    def test_launcher_that_is_killed(self):
        self.assertIn("mpirun was ended by signal 9 (Killed)", self.killed("launcher"))

    def test_session_that_is_killed(self):
        self.assertIn("pympi: the process in front of the ranks was ended by signal 9 (Killed)", self.killed("front"))

    def test_more_groups_than_are_shown(self):
        with kernel.Kernel(10) as k:
            self.assertRegex(k.run("mpi.rank").out, r"\.\.\. and \d+ more groups \(_out has all\)")
            self.assertIn("[0] [5]\n[0] 5\n", k.run("%%ranks 0\nprint(_out)").out)

    def test_exit_of_all_is_no_end(self):
        with kernel.Kernel(2) as k:
            self.assertEqual(k.run("raise SystemExit").status, "error")
            self.assertEqual(k.run("1").results, ["1"])

    def test_exit_asks_the_notebook(self):
        with kernel.Kernel(1) as k:
            self.assertEqual(k.run("exit").reply["payload"], [{"source": "ask_exit", "keepkernel": False}])

    def test_another_number_of_ranks(self):
        with kernel.Kernel(2) as k:
            k.run("x = 1")
            outcome = k.run("%ranks 3", answers=["n"])
            self.assertIn("lose all variables?", outcome.questions[0][0])
            self.assertEqual(k.run("mpi.size, x").results, ["(2, 1)"])
            self.assertEqual(k.run("%ranks 3").status, "error")     # nobody to ask
            self.assertEqual(k.run("%ranks 3", answers=["y"]).out, "3 ranks, started anew\n")
            outcome = k.run("mpi.size, 'x' in globals()")
            self.assertEqual(outcome.results, ["(3, False)"])
            self.assertEqual(outcome.reply["execution_count"], 1)
            self.assertEqual(k.run("%ranks 1 -y").out, "1 ranks, started anew\n")
            self.assertEqual(k.run("%ranks many").reply["ename"], "UsageError")

    def test_restart(self):
        with kernel.Kernel(2) as k:
            k.run("x = 1")
            k.client.stop_channels()
            k.manager.restart_kernel()
            k.connect()
            self.assertEqual(k.run("'x' in globals()").results, ["False"])

    def test_restart_while_all_are_deaf(self):
        """C code that nothing interrupts."""
        with kernel.Kernel(2) as k:
            k.begin("import ctypes; print('now', flush=True); ctypes.PyDLL(None).sleep(100)")
            while k.message(time.monotonic() + 30)["msg_type"] != "stream":
                pass
            k.client.stop_channels()
            k.manager.restart_kernel()
            k.connect()
            self.assertEqual(k.run("1").results, ["1"])

    def test_kernel_that_is_killed(self):
        k = kernel.Kernel(2)
        k.begin("import time; print('now', flush=True); time.sleep(100)")
        while k.message(time.monotonic() + 30)["msg_type"] != "stream":
            pass
        k.manager.provisioner.process.send_signal(signal.SIGKILL)
        self.addCleanup(k.client.stop_channels)
        self.addCleanup(k.manager.cleanup_resources)
        k.nothing_left()
        k.remove()

    def test_more_ranks_than_there_is_room_for(self):
        with kernel.Kernel(1_000_000) as k:
            outcome = k.run("1")
            self.assertEqual(outcome.reply["ename"], "RanksEnded")
            self.assertIn("this node has memory for about", outcome.tracebacks[0])
            self.assertEqual(k.run("%ranks 1 -y").status, "ok")
            self.assertEqual(k.run("mpi.size").results, ["1"])

    def test_launcher_that_refuses(self):
        """More ranks than slots, a wrong option: what it says is all there is to know."""
        with kernel.Kernel(2, "--launcher-args=--nosuchoption") as k:
            self.assertIn("nosuchoption", k.run("1").tracebacks[0])

    def test_launcher_that_is_missing(self):
        with kernel.Kernel(2, "--launcher", "/nowhere/mpirun") as k:
            outcome = k.run("1")
            self.assertEqual(outcome.reply["ename"], "RanksEnded")
            self.assertEqual(outcome.tracebacks, ["pympi: --launcher: there is no program '/nowhere/mpirun'"])
            self.assertEqual(k.run("1").reply["ename"], "RanksEnded")

    def test_start_that_is_interrupted(self):
        with kernel.Kernel(2) as k:
            number = k.begin("1")
            k.manager.interrupt_kernel()
            outcomes = [k.end(number), k.run("2"), k.run("2")]
            # It ends one of them at most: it may come late.
            self.assertLessEqual([one.status for one in outcomes].count("error"), 1)
            self.assertTrue(any(one.results == ["2"] for one in outcomes[1:]))

