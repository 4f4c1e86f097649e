"""The kinds of test and their verdicts: a program over ranks, a unittest file on the executable."""
# SPDX-License-Identifier: MIT

import dataclasses
import json
import os
import re
import sys

from harness import env, job, leftover

SUMMARY = re.compile(r"^pympi-test: ranks=(\d+) ran=(\d+) failed=(\d+) skipped=(\d+)$", re.M)
UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unit.py")


@dataclasses.dataclass
class Verdict:
    """What is counted and shown of one test."""
    name: str
    state: str          # "ok", "FAIL", "skip"
    seconds: float
    reason: str = ""    # a few words beside the name
    text: str = ""      # what it printed


def run(test, opts):
    """Run one test in a place of its own; return its verdicts."""
    place, before = env.Place(), leftover.shared_names()
    try:
        surroundings = env.base(place, opts.build, opts.full) | test.env
        if test.words:
            surroundings["PYMPI_TEST_ONLY"] = test.words
        if opts.verbose:
            surroundings["PYMPI_TEST_VERBOSE"] = "1"
        kind = {"ranks": _ranks, "program": _program}[test.kind]
        return kind(test, opts, place, surroundings, before)
    finally:
        place.remove()


def _left(test, result, place, before):
    """All sentences on what the test left behind."""
    # After a timeout we killed it ourselves, so its files are not its fault.
    return result.left + ([] if result.hung else leftover.files(place, before, test.leaves))


def _judge_ranks(test, result, left):
    """(state, reason) of a test over ranks."""
    if result.hung:
        return "FAIL", f"no end after {result.seconds:.0f} s"
    found = SUMMARY.findall(result.out)
    if result.status != 0:
        return "FAIL", f"status {result.status}"
    if len(found) != 1:
        return "FAIL", f"{len(found)} summaries instead of one"
    ranks, ran, failed, skipped = map(int, found[0])
    if ranks != test.ranks:
        return "FAIL", f"ran on {ranks} ranks"
    if left:
        return "FAIL", left[0]
    if failed or ran + skipped == 0:
        return "FAIL", f"{failed} of {ran} failed"
    return ("ok", "") if ran else ("skip", f"{skipped} skipped")


def _ranks(test, opts, place, surroundings, before):
    argv = [surroundings["PYMPI"], "-n", str(test.ranks), test.path]
    result = job.execute(argv, place, surroundings, cwd=place.folder, merge=True,
                         timeout=test.timeout * opts.slow)
    left = _left(test, result, place, before)
    state, reason = _judge_ranks(test, result, left)
    text = "\n".join([result.out, *left, result.stacks]).strip()
    return [Verdict(test.name, state, result.seconds, reason, text)]


def _read_verdicts(path):
    """(verdicts so far, the name of the method that had begun and not ended)."""
    verdicts, begun = [], None
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for line in f:
                v = json.loads(line)
                begun = v["name"] if v["state"] == "begin" else None
                if begun is None:
                    verdicts.append(v)
    return verdicts, begun


def _program(test, opts, place, surroundings, before):
    path = os.path.join(place.folder, "verdicts")
    surroundings |= {"PYMPI_TEST_VERDICTS": path, "PYMPI_TEST_FOLDER": place.folder,
                     "PYMPI_TEST_SLOW": str(opts.slow)}
    result = job.execute([sys.executable, UNIT, test.path], place, surroundings, merge=True,
                         cwd=place.folder, timeout=test.timeout * opts.slow)
    left = _left(test, result, place, before)
    found, begun = _read_verdicts(path)
    verdicts = [Verdict(f"{test.name} {v['name']}", v["state"], v["seconds"], v["reason"],
                        v["text"]) for v in found]
    return verdicts + _judge_program(test, result, left, verdicts, begun)


def _judge_program(test, result, left, verdicts, begun):
    """A last verdict on the file as a whole when it hung, died, held no test or left something."""
    reason = ""
    if result.hung:
        reason = f"no end after {result.seconds:.0f} s"
    elif begun or result.status != 0:
        reason = f"status {result.status}"
    elif left:
        reason = left[0]
    elif not verdicts:
        reason = "no test in it"
    if not reason:
        return []
    text = "\n".join([result.out, *left, result.stacks]).strip()
    return [Verdict(f"{test.name} {begun or ''}".strip(), "FAIL", result.seconds, reason, text)]
