"""A notebook's side of a kernel for the tests: sends requests, collects what comes."""
# SPDX-License-Identifier: MIT

import contextlib
import json
import os
import queue
import re
import shutil
import sys
import tempfile
import time
import unittest

import support
from harness import leftover, stacks

try:
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager
except ImportError:
    KernelManager = None

needs = unittest.skipUnless(KernelManager and support.has("ipykernel"), "ipykernel is not installed")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PROGRESS = "pympi progress"


def install(folder, ranks, *words):
    """A kernelspec in a folder, as --install-kernel writes it; its name."""
    name = f"test-{ranks}"
    place = os.path.join(folder, "share", "jupyter", "kernels", name)
    os.makedirs(place)
    with open(place + "/kernel.json", "w", encoding="utf-8") as f:
        json.dump({"argv": [support.PYMPI, "--kernel", "{connection_file}", "-n", str(ranks), *words],
                   "display_name": f"pympi ({ranks} ranks)", "language": "python", "interrupt_mode": "message"}, f)
    return name


class Kernel:
    """A kernel of so many ranks, as a notebook sees it; a context manager. At the end every process is gone."""

    def __init__(self, ranks, *words, env=None, launcher=True, timeout=30):
        self.timeout = timeout * support.SLOW
        self.env = support.environment(env, launcher)
        self.folder = tempfile.mkdtemp(prefix="k", dir=os.environ["TMPDIR"])
        self.env |= {"JUPYTER_RUNTIME_DIR": self.folder, "IPYTHONDIR": self.folder + "/ipython"}
        name = install(self.folder, ranks, *words)
        specs = KernelSpecManager(kernel_dirs=[self.folder + "/share/jupyter/kernels"])
        self.manager = KernelManager(kernel_name=name, kernel_spec_manager=specs,
                                     connection_file=self.folder + "/connection.json")
        self.manager.start_kernel(env=self.env, cwd=self.folder)
        self.connect()

    def connect(self):
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=self.timeout)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        began = time.monotonic()
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.ended_after = time.monotonic() - began
        self.nothing_left(any(error))
        self.remove()

    def remove(self):
        shutil.rmtree(self.folder)

    def nothing_left(self, quiet=False):
        left = leftover.wait_gone(self.env["PYMPI_TEST_ID"], 5)
        said = [leftover.command(pid) for pid in left]
        leftover.kill_all(self.env["PYMPI_TEST_ID"])
        if left and not quiet:
            raise AssertionError(f"5 s after its end a kernel's processes are still there: {said}")

    def begin(self, code, **options):
        """Without what Jupyter does at an error: to give up what comes right behind it."""
        return self.client.execute(code, **{"allow_stdin": False, "stop_on_error": False} | options)

    def message(self, end):
        """The next message that all see, or a question."""
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                return self.client.get_iopub_msg(timeout=0.02)
            with contextlib.suppress(queue.Empty):
                return self.client.get_stdin_msg(timeout=0.001)
        raise AssertionError("no message came\n" + stacks.show(support._Place, self.env["PYMPI_TEST_ID"]))

    def end(self, number, answers=(), when=None, timeout=None):
        """What came of a cell, as Outcome. answers: to questions; when: called for each message."""
        end = time.monotonic() + (timeout or self.timeout)
        found, questions, answers = [], [], list(answers)
        while True:
            message = self.message(end)
            if message["parent_header"].get("msg_id") != number:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "input_request":
                questions.append((content["prompt"], content["password"]))
                if answers:
                    self.client.input(answers.pop(0))
            elif kind == "status" and content["execution_state"] == "idle":
                break
            found.append((kind, content))
            if when:
                when(kind, content)
        return Outcome(found, questions, self.reply(number, end))

    def reply(self, number, end=None):
        end = end or time.monotonic() + self.timeout
        while True:
            message = self.client.get_shell_msg(timeout=max(0.1, end - time.monotonic()))
            if message["parent_header"].get("msg_id") == number:
                return message["content"]

    def run(self, code, answers=(), when=None, timeout=None, **options):
        options.setdefault("allow_stdin", bool(answers))
        return self.end(self.begin(code, **options), answers, when, timeout)

    def ask(self, kind, *args):
        """The answer to complete, inspect and the like."""
        return self.reply(getattr(self.client, kind)(*args))


class Outcome:
    """What a cell showed, gave and failed with."""

    def __init__(self, found, questions, reply):
        self.messages = [(kind, content) for kind, content in found
                         if not str(content.get("transient", {}).get("display_id")).startswith(PROGRESS)]
        self.progress = [content["data"]["text/plain"] for _, content in found
                         if str(content.get("transient", {}).get("display_id")).startswith(PROGRESS)]
        self.questions, self.reply = questions, reply
        self.status = reply["status"]

    def _of(self, kind):
        return [content for k, content in self.messages if k == kind]

    def _stream(self, name):
        return COLOUR.sub("", "".join(c["text"] for c in self._of("stream") if c["name"] == name))

    @property
    def out(self):
        return self._stream("stdout")

    @property
    def err(self):
        return self._stream("stderr")

    @property
    def results(self):
        return [c["data"]["text/plain"] for c in self._of("execute_result")]

    @property
    def displays(self):
        """The data of what was displayed."""
        return [c["data"] for c in self._of("display_data")]

    @property
    def errors(self):
        """The last line of each."""
        return [COLOUR.sub("", c["traceback"][-1]) for c in self._of("error")]

    @property
    def tracebacks(self):
        return [COLOUR.sub("", "\n".join(c["traceback"])) for c in self._of("error")]

    @property
    def kinds(self):
        """The kinds of what came, but for what every cell has."""
        return [kind for kind, _ in self.messages if kind not in ("status", "execute_input")]


if __name__ == "__main__":
    sys.exit("kernel.py holds no tests")
