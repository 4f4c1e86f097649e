"""Jupyter's own tests of a kernel, and the example notebooks, executed."""
# SPDX-License-Identifier: MIT
# timeout: 400

import os
import shutil
import tempfile
import unittest
from pathlib import Path

import kernel
import library
import support

try:
    import jupyter_kernel_test
except ImportError:
    jupyter_kernel_test = None
try:
    import nbclient
    import nbformat
except ImportError:
    nbclient = None

EXAMPLES = Path(library.FOLDER, "pympi", "examples")


class Place:
    """A folder where Jupyter finds our kernel, and nothing of the user's."""

    @classmethod
    def make(cls, ranks):
        """The kernel's name."""
        folder = tempfile.mkdtemp(prefix="j", dir=os.environ["TMPDIR"])
        cls.addClassCleanup(shutil.rmtree, folder)
        kept = dict(os.environ)
        cls.addClassCleanup(lambda: (os.environ.clear(), os.environ.update(kept)))
        os.environ.update(JUPYTER_PATH=folder + "/share/jupyter", JUPYTER_RUNTIME_DIR=folder,
                          IPYTHONDIR=folder + "/ipython", JUPYTER_CONFIG_DIR=folder + "/config")
        return kernel.install(folder, ranks)


if jupyter_kernel_test:
    class Protocol(Place, jupyter_kernel_test.KernelTests):
        """The cases of jupyter_kernel_test."""
        language_name = "python"
        file_extension = ".py"
        code_hello_world = "print('hello, world')"
        code_stderr = "import sys; print('wrong', file=sys.stderr)"
        completion_samples = [{"text": "zi", "matches": {"zip"}}]
        complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n", "%%ranks 0\n1"]
        incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2", "%%ranks 0\nfor i in x:"]
        invalid_code_samples = ["import = 7q", "@x y"]
        code_page_something = "zip?"
        code_generate_error = "raise ValueError('so')"
        code_execute_result = [{"code": "1+2+3", "result": "6"},
                               {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"}]
        code_display_data = [
            {"code": "from IPython.display import HTML; display(HTML('<b>test</b>'))", "mime": "text/html"},
            {"code": "from IPython.display import Math; display(Math('x'))", "mime": "text/latex"}]
        code_history_pattern = "1?2*"
        supported_history_operations = ("tail", "search", "range")
        code_inspect_sample = "zip"
        code_clear_output = "from IPython.display import clear_output; clear_output()"

        @classmethod
        def setUpClass(cls):
            cls.kernel_name = cls.make(2)
            super().setUpClass()
            for code in "1", "1 / 0":   # the tests' own patience does not know busy machines
                cls.kc.execute_interactive(code, timeout=60 * support.SLOW, output_hook=lambda message: None)
else:
    class Protocol(unittest.TestCase):
        def test_protocol(self):
            self.skipTest("jupyter_kernel_test is not installed")


@unittest.skipUnless(nbclient, "nbclient is not installed")
class Notebooks(Place, support.Case):
    @classmethod
    def setUpClass(cls):
        cls.name = cls.make(3)

    def executed(self, name):
        """The code cells of a notebook, as Run All leaves them."""
        book = nbformat.read(EXAMPLES / name, 4)
        nbformat.validate(book)
        for cell in book.cells:
            self.assertFalse(cell.get("outputs"), "examples are kept without their outputs")
        book.metadata.kernelspec.name = self.name
        nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": self.folder}}).execute()
        nbformat.validate(book)
        cells = [cell for cell in book.cells if cell.cell_type == "code"]
        for cell in cells:      # on a busy machine there was progress to be shown, and taken away
            cell.outputs = [out for out in cell.outputs if out.get("data") != {"text/plain": ""}]
        return cells

    def text(self, cell):
        return "".join(out.get("text") or out["data"]["text/plain"] for out in cell.outputs)

    def test_first(self):
        cells = self.executed("first.ipynb")
        failed = cells.pop(5)
        self.assertEqual([(out.ename, out.evalue) for out in failed.outputs],
                         [("PeerError", "barrier: rank 1 failed in this statement"),
                          ("ValueError", "rank 1 has had enough")])
        self.assertEqual([kernel.COLOUR.sub("", self.text(cell)) for cell in cells], [
            "3", "[0] 0\n[1] 1\n[2] 2",
            "the same everywhere\n[0] rank 0 of 3\n[1] rank 1 of 3\n[2] rank 2 of 3\n", "[0] only here\n",
            "'3.1415926536'", "'3.142'"])

    @support.needs("matplotlib")
    def test_heat(self):
        cells = self.executed("heat.ipynb")
        self.assertRegex(self.text(cells[2]), r"^heat before (\d+\.\d+), after \1\n$")
        pictures = [sum("image/png" in out.get("data", ()) for out in cell.outputs) for cell in cells[-2:]]
        self.assertEqual(pictures, [1, 3])

    def test_error_stops(self):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in
                                               ("if mpi.rank == 1: 1/0\nmpi.world.barrier()", "2")])
        book.metadata.kernelspec = {"name": self.name, "display_name": "", "language": "python"}
        with self.assertRaises(nbclient.exceptions.CellExecutionError) as caught:
            nbclient.NotebookClient(book, timeout=60, resources={"metadata": {"path": self.folder}}).execute()
        self.assertEqual(caught.exception.ename, "ZeroDivisionError")
