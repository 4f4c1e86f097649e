"""What files have cost: bytes, calls, time.

SPDX-License-Identifier: MIT
"""
import contextlib
import time

from pympi._h5 import gauge

_kept = []      # of files that were closed, the last ones
_live = []
_MOST = 64


class Counts:
    """What one rank has read from and written to a file."""

    def __init__(self, path, comm):
        self.path, self.comm = path, comm
        self.read = self.written = self.reads = self.writes = 0
        self.reading = self.writing = 0.0
        self.gauge = None       # of the transfer that goes on, where it is shown
        self.exchanged = 0      # bytes given to other ranks
        self.most = 0           # bytes of memory beyond the data, at once
        self.began, self.ended = time.time(), None

    def open(self):
        """The file is open."""
        _live.append(self)

    def close(self, store):
        """The file is closed."""
        if self.ended is None:
            self.ended = time.time()
            if self in _live:
                _live.remove(self)
            _kept.append(self)
            del _kept[:-_MOST]

    def timed_read(self, size):
        return _Timed(self, "read", size)

    def timed_write(self, size):
        return _Timed(self, "written", size)

    def note_memory(self, size):
        self.most = max(self.most, size)

    @contextlib.contextmanager
    def shown(self, what, size):
        """Several transfers that are one."""
        before = self.gauge
        self.gauge = before or gauge.begin(what, self.path, size)
        try:
            yield
        finally:
            if before is None and self.gauge is not None:
                self.gauge.close()
            self.gauge = before

    def step(self, size):
        """So many bytes of the transfer that goes on have been moved."""
        if self.gauge is not None:
            self.gauge.add(size)

    def line(self):
        parts = [f"{self.path}:"]
        for verb, size, calls, seconds in (("read", self.read, self.reads, self.reading),
                                           ("written", self.written, self.writes, self.writing)):
            if calls:
                speed = f", {size / seconds / 2**20:.0f} MiB/s" if seconds > 0 else ""
                parts.append(f"{size} bytes {verb} in {calls} calls, {seconds:.3f} s{speed};")
        if self.exchanged:
            parts.append(f"{self.exchanged} bytes given to other ranks;")
        parts.append(f"at most {self.most} bytes beside the data")
        return " ".join(parts)


class _Timed:
    def __init__(self, counts, what, size):
        self.counts, self.what, self.size = counts, what, size

    def __enter__(self):
        self.start, self.owns = time.perf_counter(), self.counts.gauge is None
        if self.owns:
            self.counts.gauge = gauge.begin(self.what, self.counts.path, self.size)

    def __exit__(self, *_):
        spent = time.perf_counter() - self.start
        counts = self.counts
        if self.owns and counts.gauge is not None:
            counts.gauge.close()
            counts.gauge = None
        if self.what == "read":
            counts.read += self.size
            counts.reads += 1
            counts.reading += spent
        else:
            counts.written += self.size
            counts.writes += 1
            counts.writing += spent


def report():
    """report(): what this rank has read and written, a line a file that is open or was closed lately. Local."""
    return "\n".join(counts.line() for counts in _kept + _live)
