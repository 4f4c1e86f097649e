"""Starting one program in its own session, with a timeout, and seeing to it that nothing stays."""
# SPDX-License-Identifier: MIT

import dataclasses
import os
import subprocess
import time

from harness import leftover, stacks

# mpirun's helpers may outlive it by a moment.
GRACE = 3.0


@dataclasses.dataclass
class Result:
    """How a program ended. status is None after a timeout, -N after signal N."""
    status: int
    out: str
    err: str
    seconds: float
    stacks: str = ""                                    # after a timeout: where everything was
    left: list = dataclasses.field(default_factory=list)   # sentences on the processes it left

    @property
    def hung(self):
        return self.status is None


def _finish(process, stdin, timeout):
    """Feed stdin and wait; return the status, or None at the timeout."""
    try:
        process.communicate(stdin, timeout=timeout)
        return process.returncode
    except subprocess.TimeoutExpired:
        return None


def _clean(marker, hung):
    """Kill what is left of the test; return sentences on it unless it was expected."""
    left = [] if hung else leftover.wait_gone(marker, GRACE)
    said = [f"left a process: {pid} {leftover.command(pid)}" for pid in left]
    leftover.kill_all(marker)
    return said


def execute(argv, place, env, *, cwd=None, stdin=None, timeout=60, merge=False):
    """Run argv until it ends or timeout seconds passed; return a Result.

    Output goes to files, not pipes: a process left behind cannot make us wait for the end of one.
    Everything that carries env's PYMPI_TEST_ID is gone when this returns.
    """
    marker, start = env["PYMPI_TEST_ID"], time.monotonic()
    paths = [os.path.join(place.folder, f"{kind}.{start}.{id(argv)}") for kind in ("out", "err")]
    with open(paths[0], "w+b") as out, open(paths[1], "w+b") as err:
        process = subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=out, stderr=out if merge else err, start_new_session=True)
        status = _finish(process, stdin, timeout)
        where = stacks.show(place, marker) if status is None else ""
        seconds = time.monotonic() - start
        left = _clean(marker, status is None)
        process.kill()
        process.wait()
    texts = []
    for path in paths:
        with open(path, "rb") as f:
            texts.append(f.read().decode("utf-8", "backslashreplace"))
        os.unlink(path)
    return Result(status, *texts, seconds, where, left)
