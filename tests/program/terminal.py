"""A real terminal for the tests: start a program on it, type, read what appears."""
# SPDX-License-Identifier: MIT

import os
import pty
import re
import select
import subprocess
import time

import support
from harness import leftover, stacks


class Terminal:
    """A program on a pseudo-terminal of 24 lines by 80 columns; a context manager.

    seen has everything that appeared, as text. At the end every process of it is gone.
    """

    def __init__(self, args, env=None, cwd=None, program=support.PYMPI, timeout=20):
        self.timeout, self.seen, self._at, self.status = timeout * support.SLOW, "", 0, None
        self.env = support.environment({"TERM": "xterm"} | (env or {}))
        self.fd, slave = pty.openpty()
        self.process = subprocess.Popen([program, *args], stdin=slave, stdout=slave, stderr=slave,
                                        env=self.env, cwd=cwd, start_new_session=True,
                                        preexec_fn=_take_terminal)
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        os.close(self.fd)
        leftover.wait_gone(self.env["PYMPI_TEST_ID"], 2)
        leftover.kill_all(self.env["PYMPI_TEST_ID"])
        self.process.wait()

    def send(self, keys):
        """Type the keys; "\\x03" is ^C, "\\x04" is ^D."""
        os.write(self.fd, keys.encode())

    def _more(self, end):
        """Take what appears next; False at the end of output or of time."""
        ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
        try:
            data = os.read(self.fd, 65536) if ready else b""
        except OSError:             # EIO: nobody has the terminal open any more
            data = b""
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def until(self, pattern):
        """Read until the pattern appears behind what was matched before; return the match."""
        end = time.monotonic() + self.timeout
        while True:
            m = re.compile(pattern, re.M).search(self.seen, self._at)
            if m:
                self._at = m.end()
                return m
            if not self._more(end):
                raise AssertionError(f"{pattern!r} did not appear; seen:\n{self.seen[-3000:]}\n"
                                     + stacks.show(support._Place, self.env["PYMPI_TEST_ID"]))

    def end(self):
        """Read to the end and return the status."""
        end = time.monotonic() + self.timeout
        while self._more(end):
            pass
        return self.process.wait(max(1, end - time.monotonic()))


def _take_terminal():
    """In the child: make its stdin the controlling terminal of its session."""
    import fcntl
    import termios
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
