"""What tests/cpython makes of verdicts: a difference needs a reason, a reason a difference."""
# SPDX-License-Identifier: MIT

import os
import sys
import unittest

import support

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "cpython"))

import compare  # noqa: E402
import verdicts  # noqa: E402

OUTPUT = f"""\
{"=" * 70}
FAIL: test_two (test.test_x.Case.test_two) [inner]
{"-" * 70}
AssertionError: 3

not 4

{"=" * 70}
ERROR: setUpClass (test.test_x.Other)
{"-" * 70}
OSError
"""
REPORT = """<testsuites><testsuite><testcase name="test.test_x.Case.test_one"/><testcase/>
<testcase name="test.test_x.Case.test_three"><skipped>no</skipped></testcase>
<testcase name="test.test_x.Case.test_four"><error>no</error></testcase></testsuite></testsuites>"""


class Verdicts(support.Case):
    """What is read of one run."""

    def test_report_and_output(self):
        run = verdicts.Run(1.0)
        verdicts.read_report(self.write("report.xml", REPORT), run)
        verdicts.read_output(OUTPUT, run)
        self.assertEqual(run.states, {
            "test_x.Case.test_one": "ok", "test_x.Case.test_three": "skipped",
            "test_x.Case.test_four": "failed", "test_x.Case.test_two": "failed",
            "test_x.Other.setUpClass": "failed"})
        self.assertTrue(run.texts["test_x.Case.test_two"].endswith("not 4\n"))


class Comparisons(unittest.TestCase):
    """When a module passes."""

    def passed(self, theirs, ours, known=(), again=()):
        differences = [compare.Difference("m.t", theirs, ours, "", list(again))]
        return compare.Comparison("m", verdicts.Run(1.0, {"m.t": theirs}),
                                  verdicts.Run(1.0, {"m.t": ours}),
                                  differences if theirs != ours else [],
                                  dict.fromkeys(known, "why")).passed

    def test_reasons(self):
        self.assertTrue(self.passed("failed", "failed"))
        self.assertFalse(self.passed("ok", "failed"))
        self.assertTrue(self.passed("ok", "failed", known=["m.t"]))
        self.assertFalse(self.passed("ok", "ok", known=["m.t"]))

    def test_again(self):
        same, other = ("ok", "ok"), ("ok", "failed")
        self.assertTrue(self.passed("ok", "failed", again=[same, same]))
        self.assertFalse(self.passed("ok", "failed", again=[same, other]))

    def test_nothing_ran(self):
        empty = verdicts.Run(1.0)
        self.assertFalse(compare.Comparison("m", empty, empty, [], {}).passed)


if __name__ == "__main__":
    unittest.main()
