"""One run of `-m test MODULE` and what became of each test method."""
# SPDX-License-Identifier: MIT

import dataclasses
import os
import re
import threading
import xml.etree.ElementTree as ET

from harness import env, job

# What both Debians' tests know of, and no network.
RESOURCES = "cpu,subprocess"
stopped = threading.Event()         # set: nothing more is started
ENDINGS = {3: "changed its environment", 4: "no test ran"}
HEADING = re.compile(r"^(?:ERROR|FAIL|UNEXPECTED SUCCESS): (\S+) \((?:test\.)?([\w.]+)\).*$", re.M)


@dataclasses.dataclass
class Run:
    """{test: ok, failed, skipped, …}, {test: what it said}; the module itself is a test, too, by
    its bare name, when its ending says what no method does."""
    seconds: float
    states: dict = dataclasses.field(default_factory=dict)
    texts: dict = dataclasses.field(default_factory=dict)

    def state(self, test):
        return self.states.get(test, "not there")


def environment(place):
    """The caller's without what disturbs, and what finds every process of the run."""
    ours = {k: v for k, v in os.environ.items() if not env.unwanted(k)}
    return ours | {"PYMPI_TEST_ID": place.marker, "TMPDIR": place.tmp, "LANG": "C.UTF-8",
                   "TERM": "dumb"}


def command(program, module, timeout, tests, report):
    """The command line that runs a module, or only these tests of it."""
    chosen = [w for t in tests if t != module for w in ("-m", f"test.{t}")]
    if module in tests:
        chosen = []
    return [program, "-m", "test", "-W", "-u", RESOURCES, "--fail-env-changed",
            "--timeout", str(timeout), "--junit-xml", report, *chosen, module]


def read_report(path, run):
    """Take the verdicts that the XML file tells of."""
    for case in ET.parse(path).iter("testcase"):
        name = case.get("name")
        if name is None:                # a subtest failed: the output tells
            continue
        bad = [e for e in case if e.tag in ("error", "failure")]
        test = name.removeprefix("test.")
        run.states[test] = ("failed" if bad or case.find("outcome") is not None else
                            "skipped" if case.find("skipped") is not None else "ok")


def read_output(text, run):
    """Take from the output the failures that the XML file has not: subtests, setUpClass."""
    for m in HEADING.finditer(text):
        method, where = m[1], m[2]
        test = where if where.endswith("." + method) else f"{where}.{method}"
        said = re.split("\n\n[=-]{70}\n", text[m.start():], maxsplit=1)[0]
        run.texts[test] = run.texts.get(test, "") + said + "\n"
        run.states[test] = "failed"


def read_ending(module, result, run):
    """Take from the status what no method tells."""
    if result.status == 0 or (result.status == 2 and "failed" in run.states.values()):
        run.states |= {} if run.states else {module: "skipped"}
        return
    run.states[module] = ("no end" if result.status is None else
                          f"ended by signal {-result.status}" if result.status < 0 else
                          ENDINGS.get(result.status, f"status {result.status}"))
    run.texts[module] = "\n".join((result.out[-5000:], *result.left))


def run(program, module, opts, tests=()):
    """Run a module of CPython's tests, or some tests of it, under program; return a Run."""
    if stopped.is_set():
        raise InterruptedError(f"{module}: the whole was stopped")
    place = env.Place()
    try:
        report = os.path.join(place.folder, "report.xml")
        argv = command(program, module, opts.timeout, tests, report)
        result = job.execute(argv, place, environment(place), cwd=place.tmp, merge=True,
                             timeout=opts.timeout + 60)
        made = Run(result.seconds)
        if os.path.exists(report):
            read_report(report, made)
        read_output(result.out, made)
        read_ending(module, result, made)
        return made
    finally:
        place.remove()
