"""How far a long transfer is: one line on the terminal of rank 0, gone when it ends.

SPDX-License-Identifier: MIT
"""
import os
import sys
import time

from pympi import mpi

LEAST = 64 << 20        # bytes that are worth a line
PATIENCE = 2.0          # seconds before it appears
OFTEN = 0.25            # seconds between two looks of it
_CLEAR = "\r\x1b[K"


def begin(verb, path, size):
    """A Gauge of a transfer of so many bytes, or None where nobody would see it. Local."""
    if size < LEAST or mpi.rank != 0:
        return None
    terminal = _terminal()
    return None if terminal is None else Gauge(verb, path, size, terminal)


def _terminal():
    """Where a line can be written and taken away again: a descriptor of its own, or None.

    Under a launcher rank 0's stderr is no terminal, but the job's may be: `pympi -n` says so, and which.
    """
    try:
        if sys.stderr.isatty():
            return os.dup(sys.stderr.fileno())
        name = os.environ.get("PYMPI_TERMINAL")
        return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC) if name else None
    except (OSError, ValueError, AttributeError):
        return None


def _amount(size):
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


class Gauge:
    """One transfer of this rank, of which the line shows the part and the speed."""

    def __init__(self, verb, path, size, terminal):
        self.verb, self.name, self.size, self.terminal = verb, os.path.basename(path), size, terminal
        self.done, self.start, self.shown = 0, time.monotonic(), None

    def add(self, size):
        """So many bytes more are where they belong."""
        self.done += size
        now = time.monotonic()
        if now - self.start < PATIENCE or self.shown is not None and now - self.shown < OFTEN:
            return
        self.shown = now
        speed = self.done / (now - self.start)
        left = (self.size - self.done) / speed
        self._write(f"{_CLEAR}{self.name}: {100 * self.done // self.size} % of {_amount(self.size)} {self.verb}, "
                    f"{_amount(speed)}/s, {left:.0f} s to go")

    def _write(self, text):
        try:
            os.write(self.terminal, text.encode("utf-8", "replace"))
        except OSError:
            pass

    def close(self):
        """Takes the line away."""
        if self.shown is not None:
            self._write(_CLEAR)
        os.close(self.terminal)
