"""pympi.vis without ParaView: the display of a job, and what is said where there is none."""
# SPDX-License-Identifier: MIT

import os
import re
import shutil
import textwrap
import unittest

from support import Case, has, run_ranks

# What stands for Xvfb: it tells its number, and stays until it is ended.
SERVER = """\
#!/bin/sh
echo "$@" >"$SERVER_SAYS"
echo "${1#:}" >"/proc/self/fd/$3"
exec sleep 1000
"""


class Display(Case):
    # mpirun puts its own folder in front of the ranks' PATH, and with it Xvfb where that is installed.
    CLEAN = "import os; os.environ['PATH'] = os.environ['CLEAN_PATH']; from pympi import vis\n"

    def environment(self, server=None):
        """A PATH with what a job needs, and a server of ours or none."""
        folder = os.path.join(self.folder, "bin")
        os.makedirs(folder, exist_ok=True)
        for name in "mpirun", "orted", "prterun", "prted", "ssh", "setpriv", "sleep", "sh":
            path = next((os.path.join(at, name) for at in os.environ["PATH"].split(":")
                         if os.path.exists(os.path.join(at, name))), None)
            if path:
                os.symlink(path, os.path.join(folder, name))
        if server is not None:
            path = self.write("bin/Xvfb", server)
            os.chmod(path, 0o755)
        return {"PATH": folder, "CLEAN_PATH": folder, "DISPLAY": None, "XAUTHORITY": None,
                "SERVER_SAYS": os.path.join(self.folder, "said")}

    def test_no_server(self):
        code = textwrap.dedent("""
            try:
                vis.display()
            except vis.NoDisplay as wrong:
                print(wrong, flush=True)
        """)
        result = run_ranks(3, self.CLEAN + code, "--output", "fold", env=self.environment())
        self.ok(result)
        said = "vis: there is no X server on NODE, and no Xvfb to start one: install the package xvfb, or set DISPLAY"
        self.assertEqual(re.sub(r" on [^ ,]+, ", " on NODE, ", result.out),
                         f"[0] {said}\n[1-2] {said} (on rank 0)\n")

    def test_display_that_does_not_answer(self):
        result = run_ranks(1, self.CLEAN + "vis.display()", env=self.environment() | {"DISPLAY": ":971"})
        self.assertEqual(result.status, 1)
        self.assertIn("NoDisplay: vis: the X server ':971' does not answer on ", result.err)

    def test_server_that_does_not_start(self):
        env = self.environment("#!/bin/sh\necho 'Fatal server error: no screens' >&2\nexit 1\n")
        result = run_ranks(1, self.CLEAN + "vis.display()", env=env)
        self.assertEqual(result.status, 1)
        self.assertRegex(result.err, "does not start on .*: Fatal server error: no screens")

    def test_server_ends_with_its_rank(self):
        """However that ends; and where its cookie is nobody else reads."""
        for end in "pass", "1 / 0", "os.kill(os.getpid(), 9)":
            code = f"""vis.display()
print(os.environ["DISPLAY"], open(os.environ["XAUTHORITY"], "rb").read(2), flush=True)
{end}"""
            result = run_ranks(1, self.CLEAN + code, env=self.environment(SERVER))
            self.assertRegex(result.out, r"^:\d{4,5} b'\\x01\\x00'\n$", result.err)
            with open(os.path.join(self.folder, "said"), encoding="utf-8") as file:
                self.assertIn("-noreset -nolisten tcp", file.read())
            shutil.rmtree(os.path.join(self.folder, "bin"))

    @unittest.skipIf(has("paraview"), "ParaView is installed")
    def test_no_paraview(self):
        for ranks in 1, 3:
            result = run_ranks(ranks, "print('ran')", "--pv")
            self.assertEqual((result.status, result.out), (1, ""))
            self.assertEqual(result.err.splitlines()[0].removeprefix("[0] "),
                             "pympi: --pv needs ParaView: install the package python3-paraview")

    @unittest.skipIf(has("paraview") or has("vtkmodules"), "VTK is installed")
    def test_nothing_to_draw_with(self):
        result = run_ranks(2, """
            import numpy, mpi
            from pympi import vis
            from pympi._vis import display
            display.ensure = lambda comm: None
            try:
                vis.show(numpy.zeros((3, 4)))
            except mpi.Error as wrong:
                print(wrong, flush=True)
        """, "--output", "fold")
        self.ok(result)
        self.assertIn("neither ParaView nor VTK is there: install the package python3-paraview", result.out)

    def test_import_is_cheap(self):
        """It draws in no NumPy, and nothing of ParaView."""
        result = run_ranks(1, "import sys, pympi.vis; print('numpy' in sys.modules, 'paraview' in sys.modules)")
        self.ok(result, "False False\n")
