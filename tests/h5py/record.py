"""A plugin of pytest's: writes every test's verdict, and what it said, to the file that H5PY_VERDICTS names."""
# SPDX-License-Identifier: MIT

import json
import os
import re

found = {}


def name_of(node):
    """"test_attrs.TestRepr.test_repr"."""
    module, *rest = node.split("::")
    return ".".join([os.path.basename(module).removesuffix(".py"), *rest])


def pytest_runtest_logreport(report):
    name = name_of(report.nodeid)
    if report.failed:
        found[name] = "failed", str(report.longrepr)[-3000:]
    elif found.get(name, ("passed",))[0] == "passed":
        found[name] = "skipped" if report.skipped else "passed", ""


def pytest_collectreport(report):
    if report.failed:
        found[name_of(report.nodeid)] = "failed", re.sub(r"\s+", " ", str(report.longrepr))[-3000:]


def pytest_sessionfinish():
    with open(os.environ["H5PY_VERDICTS"], "w", encoding="utf-8") as file:
        json.dump(found, file)
