"""A front of a session for the tests: sends requests, collects what comes."""
# SPDX-License-Identifier: MIT

import os
import select
import subprocess
import time

import library
import support
from harness import leftover, stacks

frames = library.load("frames")


class Front:
    """pympi --session -n N, as a front sees it; a context manager. At the end every process is gone."""

    def __init__(self, ranks, *words, env=None, cwd=None, timeout=30):
        self.timeout, self.number = timeout * support.SLOW, 0
        self.env = support.environment(env)
        self.reader, self.frames = frames.Reader(), []
        self.process = subprocess.Popen(
            [support.PYMPI, "--session", "-n", str(ranks), *words], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env, cwd=cwd,
            start_new_session=True)
        self.ready = self.until(frames.READY)[-1][1]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for stream in self.process.stdin, self.process.stdout, self.process.stderr:
            stream.close()
        left = leftover.wait_gone(self.env["PYMPI_TEST_ID"], 5)
        leftover.kill_all(self.env["PYMPI_TEST_ID"])
        self.process.wait()
        if left and not any(error):
            raise AssertionError(f"5 s after its front a session is still there: {left}")

    def send(self, kind, body=b"", **head):
        self.process.stdin.write(frames.pack(kind, head, body))
        self.process.stdin.flush()

    def next(self, timeout=None):
        """The next frame; AssertionError with all stacks when none comes."""
        end = time.monotonic() + (timeout or self.timeout)
        while not self.frames:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("no frame came\n"
                                     + stacks.show(support._Place, self.env["PYMPI_TEST_ID"]))
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                raise AssertionError(f"the session ended: {self.process.stderr.read().decode()}")
            self.frames += self.reader.feed(data)
        return self.frames.pop(0)

    def until(self, *kinds, timeout=None):
        """The frames up to the first of these kinds, that one included."""
        found = []
        while not found or found[-1][0] not in kinds:
            found.append(self.next(timeout))
        return found

    def begin(self, source):
        self.number += 1
        self.send(frames.EXECUTE, source, id=self.number)

    def end(self, timeout=None):
        """What came of the statement that runs, as Outcome."""
        return Outcome(self.until(frames.DONE, timeout=timeout))

    def run(self, source, timeout=None):
        self.begin(source)
        return self.end(timeout)

    def shut_down(self, status=0):
        """(the last frame's head, what was said on stderr, the status)."""
        self.send(frames.SHUTDOWN, status=status)
        head = self.until(frames.ENDED)[-1][1]
        return head, self.process.stderr.read().decode(), self.process.wait(self.timeout)


class Outcome:
    """What a statement printed, gave and failed with, per group of ranks ("" for all)."""

    def __init__(self, found):
        self.frames = found
        self.done = found[-1][1]
        self.failed = self.done["failed"]

    def _of(self, kind, stream=None):
        """Groups in their order; pieces of one group that follow each other are one."""
        found = []
        for k, head, body in self.frames:
            if k == kind and (not stream or head["stream"] == stream):
                ranks, text = "" if head["all"] else head["ranks"], body.decode("utf-8", "replace")
                if stream and found and found[-1][0] == ranks:
                    text = found.pop()[1] + text
                found.append((ranks, text))
        return found

    @property
    def out(self):
        return self._of(frames.OUTPUT, "stdout")

    @property
    def err(self):
        return self._of(frames.OUTPUT, "stderr")

    @property
    def results(self):
        return self._of(frames.RESULT)

    @property
    def errors(self):
        """(ranks, last line) of each group."""
        return [(ranks, text.strip().splitlines()[-1]) for ranks, text in self._of(frames.ERROR)]

    @property
    def tracebacks(self):
        return self._of(frames.ERROR)
