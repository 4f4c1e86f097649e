"""Runs one unittest file and writes each method's verdict as a line of JSON: unit.py FILE."""
# SPDX-License-Identifier: MIT

import importlib.util
import io
import json
import os
import sys
import time
import unittest

sys.dont_write_bytecode = True


class Verdicts(unittest.TestResult):
    """Writes what becomes of each method as soon as it is known, so that a hang loses nothing."""

    def __init__(self, file):
        super().__init__()
        self.file, self.state, self.start = file, None, 0.0

    def say(self, test, state, reason="", text=""):
        name = ".".join(test.id().split(".")[1:]) or test.id()
        line = {"name": name, "state": state, "reason": reason, "text": text,
                "seconds": time.monotonic() - self.start}
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    def startTest(self, test):
        super().startTest(test)
        self.state, self.start, self.texts = "ok", time.monotonic(), []
        self.reason = ""
        self.say(test, "begin")

    def stopTest(self, test):
        super().stopTest(test)
        self.say(test, self.state, self.reason, "\n".join(self.texts))
        self.state = None

    def bad(self, test, error):
        text = self._exc_info_to_string(error, test)
        if self.state is None:              # outside of a method: setUpClass, setUpModule
            self.start = time.monotonic()
            self.say(test, "FAIL", "", text)
        else:
            self.state = "FAIL"
            self.texts.append(text)

    def addError(self, test, error):
        self.bad(test, error)

    def addFailure(self, test, error):
        self.bad(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.texts.append(f"with {subtest._subDescription()}")
            self.bad(test, error)

    def addSkip(self, test, reason):
        if self.state is None:              # a whole class
            self.start = time.monotonic()
            self.say(test, "skip", reason)
        elif self.state == "ok":
            self.state, self.reason = "skip", reason

    def addUnexpectedSuccess(self, test):
        self.state = "FAIL"
        self.texts.append("expected to fail, but passed")


def load(path):
    """The test suite of the file, its folder importable."""
    folder, file = os.path.split(os.path.abspath(path))
    sys.path[:0] = [folder, os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    loader = unittest.TestLoader()
    words = os.environ.get("PYMPI_TEST_ONLY")
    if words:
        loader.testNamePatterns = [f"*{word}*" for word in words.split(",")]
    spec = importlib.util.spec_from_file_location(file[:-3], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[file[:-3]] = module
    spec.loader.exec_module(module)
    return loader.loadTestsFromModule(module)


def main():
    where = os.environ.get("PYMPI_TEST_VERDICTS")
    with open(where, "w", encoding="utf-8") if where else io.StringIO() as file:
        load(sys.argv[1]).run(Verdicts(file))
        if not where:
            print(file.getvalue(), end="")


if __name__ == "__main__":
    main()
