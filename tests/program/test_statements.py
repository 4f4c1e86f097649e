"""The syntax of the prompt that is not Python's: what a statement is, and whether it is complete."""
# SPDX-License-Identifier: MIT

import unittest

import library

statements = library.load("statements")


class Parsing(unittest.TestCase):
    def same(self, source, ranks, kind, code):
        with self.subTest(source=source):
            self.assertEqual(statements.parse(source), (ranks, kind, code))

    def test_python(self):
        for code in ("x = 1", "@decorator\ndef f(): pass\n", "a @ b", "a % b", "x = 'what?'",
                     "# what?", "1 # what?", "  x", "", "a != b", "f('%time')", "@(0)\ndef f(): pass\n"):
            self.same(code, None, "python", code)

    def test_ranks(self):
        self.same("@0 x = 1", "0", "python", "x = 1")
        self.same("@1-3 x = 1", "1-3", "python", "x = 1")
        self.same("@0,2-3\tx", "0,2-3", "python", "x")
        self.same("@1: x", "1", "python", "x")
        self.same("@0 for i in x:\n    y\n", "0", "python", "for i in x:\n    y\n")
        self.same("\n# first\n@0 x", "0", "python", "\n\nx")

    def test_blocks(self):
        """A block is at the left margin, its lines keep their numbers."""
        self.same("@1,3:\n    x = 1\n    if x:\n        y\n", "1,3", "python", "\nx = 1\nif x:\n    y\n")
        self.same("@0:  # why\n  # note\n  x", "0", "python", "# why\n# note\nx")
        self.same("@0:\n\n\tx\n\n\ty", "0", "python", "\n\nx\n\ny")
        self.same("# a\n@0:\n  x", "0", "python", "\n\nx")

    def test_strings_in_blocks(self):
        self.same('@0:\n    s = """\n    a\n  b"""\n    t', "0", "python", '\ns = """\n    a\n  b"""\nt')
        self.same('@0:\n    s = f"""\n    {a}\n  b"""\n    t', "0", "python",
                  '\ns = f"""\n    {a}\n  b"""\nt')

    def test_words(self):
        self.same("%time f(x)", None, "time", "f(x)")
        self.same("%timeit sum(x)", None, "timeit", "sum(x)")
        self.same("@0 %time f(x)", "0", "time", "f(x)")
        self.same("\n%time for i in x:\n    f(i)\n", None, "time", "\nfor i in x:\n    f(i)\n")
        self.same("%run heat.py -n 3\n", None, "run", "heat.py -n 3")
        self.same("!ls -l | wc\n", None, "shell", "ls -l | wc")
        self.same("@0 ! ls", "0", "shell", "ls")

    def test_help(self):
        for source in ("os.path?", "?os.path", "os.path??", "? os.path\n", "os.path ?"):
            self.same(source, None, "help", "os.path")
        self.same("@1 x[0]?", "1", "help", "x[0]")
        self.same("x???", None, "python", "x???")
        self.same("for x?", None, "python", "for x?")

    def test_wrong(self):
        for source, *words in (("@3-1 x", "3-1", "backwards"), ("@1, x", "@1,", "''"),
                               ("@-1 x", "'-1'"), ("@0x=1", "'0x=1'"), ("@0", "@0", "no statement"),
                               ("@0:\n\n", "@0:"), ("%what x", "%what", "%timeit"), ("%", "%time"),
                               ("%time", "%time", "statement"), ("%run ", "%run", "file"),
                               ("!", "!", "command"), ("?", "name"), ("@2² x", "'2²'"),
                               ("@0:\nx", "@0:", "'x'"), ("@0:\n  x\ny", "'y'", "less")):
            with self.subTest(source=source), self.assertRaises(ValueError) as caught:
                statements.parse(source)
            for word in words:
                self.assertIn(word, str(caught.exception))
            self.assertTrue(statements.is_complete(source + "\n"))

    def test_spans(self):
        self.assertEqual(statements.spans("0,2-3"), [(0, 0), (2, 3)])
        self.assertEqual(statements.spans("0-999999999999"), [(0, 999999999999)])


class Completeness(unittest.TestCase):
    def check(self, verdict, *sources):
        for source in sources:
            with self.subTest(source=source):
                self.assertIs(statements.is_complete(source), verdict)

    def test_complete(self):
        self.check(True, "", "x", "x = 1", "# note", "f(\n)", "if x:\n    y\n", "if x: y\n",
                   "def f():\n\n    return 1\n", "@f\ndef g(): pass\n", "'''a\nb'''", "x = 1 \\\n+ 2")

    def test_more_to_come(self):
        self.check(False, "if x:", "if x: y", "if x:\n    y", "f(", "'''a", "x = 1 \\", "@f",
                   "@f\ndef g(): pass", "class A:", "try:\n    x\nexcept E:", "async with x:\n    y",
                   "match x:\n    case 1:\n        y", "if x:\n    y\nelse:", "x = 1\nif x:",
                   "f(\n", "'''\n\n", "if x:\n    f(\n", "f'''{a}\n", "{\n\n'a': [\n")

    def test_wrong_is_complete(self):
        self.check(True, "x = = 1", ")", "'abc", "if x:\ny", "\x00", "1" * 5000, "for", "%what",
                   "@3-1 if x:\n  y\n", "if x:\n", "@f\n", "try:\n    x\n", "if x:\n    # note\n",
                   "(" * 300 + ")" * 300, "  x", "return", "async with x:\n    y\n", "x = 1\n  y")

    def test_several(self):
        """A pasted text needs no empty line at its end."""
        self.check(True, "x = 1\ny = 2", "x = 1\nif x:\n    y", "def f():\n    x\n\ndef g():\n    y",
                   "if x:\n    y\nz")

    def test_forms(self):
        self.check(True, "@0 x", "@0 if x:\n    y\n", "@0:\n    x\n", "@0: x", "%time x", "%run x",
                   "!if x; then", "x?", "?x", "@0 !ls", "@0 %time x", "%timeit for i in x: y\n")
        self.check(False, "@0 if x:", "@0:", "@0: ", "@0:\n    x", "@0:\n    if x:",
                   "%time f(", "%time for i in x:", "@1-2 %time f(", "@0:\n    s = '''\n")

    def test_silent(self):
        """A warning is the ranks' to say."""
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.check(True, "'\\d'", "1 is 1", "assert (1, 2)")


class Splitting(unittest.TestCase):
    def check(self, *pieces):
        self.assertEqual(statements.split("\n".join(pieces)), list(pieces))

    def test_pythons_own_stays_together(self):
        self.check("x = 1\nif x:\n    y\n\nz\n")

    def test_forms_stand_alone(self):
        self.check("@0 x = 1", "@1 x = 2", "y = 3\nz = 4", "%time f(x)", "!ls", "x?", "y\n")
        self.check("@0 if x:\n    y\nelse:\n    z", "w")
        self.check("@0:\n    x\n\n    y\n", "z")
        self.check("for i in x:\n    y", "@0 z")

    def test_what_is_inside(self):
        self.check("s = '''\n@0 x\n%time\n!ls\n'''\n")
        self.check("f(a\n% b)\n")
        self.check("@dataclass\nclass A:\n    x: int\n")
