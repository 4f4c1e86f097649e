"""Text shared out by byte ranges: each rank has the records that begin in its range of the file.

SPDX-License-Identifier: MIT
"""
import codecs
import operator
import os

import numpy as np

from pympi._agree import Attempt, meet
from pympi._io.files import Opened, read
from pympi._shares import block_counts

NEWLINE = 10
BEYOND = 64 << 10   # bytes that are read at once behind the range, for the last record's end


def check_encoding(encoding):
    """Raise ValueError for an encoding in which the byte of a newline is not always one."""
    name = codecs.lookup(encoding).name
    if name.startswith(("utf-16", "utf-32")):
        raise ValueError(f"text in {encoding} cannot be shared out by bytes: its newlines are not single ones")


def share(comm, call, path, skip, quote=None, delimiter=None):
    """Return this rank's records as bytes, and the file's byte where they begin. Collective over comm.

    A record ends at a newline; between quotes (a character of one byte, or None) that is none. skip: the
    lines before the first record; rank 0's `skip` counts. Raises ValueError for a quote within a field
    that does not begin with one.
    """
    attempt, begin = Attempt(), None
    with attempt:
        if comm.rank == 0:
            begin = _behind_lines(path, skip)
    meet(comm, call, attempt)
    begin = comm.bcast(begin)
    text = None
    with attempt:
        text = _Range(path, begin, comm.rank, comm.size, quote)
    meet(comm, call, attempt)
    before = comm.exscan(text.quotes, operator.add) or 0
    records = at = None
    with attempt:
        records, at = text.records(before % 2, begin)
        if quote:
            _check_quotes(records, at, quote, delimiter)
    meet(comm, call, attempt)
    return records, at


def _behind_lines(path, lines):
    """The byte behind so many lines, and behind a byte order mark."""
    with open(path, "rb") as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        for _ in range(lines):
            file.readline()
        return file.tell()


class _Range:
    """This rank's range of a file's bytes, with the byte before it. Local."""

    def __init__(self, path, begin, rank, size, quote):
        self.path, self.quote = path, quote
        with Opened(path) as fd:
            self.end_of_file = os.fstat(fd).st_size
            counts = block_counts(max(0, self.end_of_file - begin), size)
            self.first = begin + sum(counts[:rank])
            self.last = self.first + counts[rank]
            self.bytes = read(fd, counts[rank], self.first, path)
        self.quotes = self.bytes.count(quote) if quote else 0

    def records(self, inside, begin):
        """The records that begin in the range, to their ends, and where the first begins.

        inside: whether the range begins between quotes.
        """
        with Opened(self.path) as fd:
            start = 0 if self.first == begin else self._behind_newline(fd, inside)
            if start is None or start >= len(self.bytes):
                return b"", self.last
            self._read_on(fd, (inside + self.quotes) % 2)
        return memoryview(self.bytes)[start:], self.first + start

    def _behind_newline(self, fd, inside):
        """Where in the range the first record begins; None: none does."""
        if not inside and self.first and read(fd, 1, self.first - 1, self.path) == b"\n":
            return 0
        return _record_end(self.bytes, inside, self.quote)

    def _read_on(self, fd, inside):
        """Add what the last record has behind the range."""
        if not inside and self.bytes.endswith(b"\n"):
            return
        at = self.last
        while at < self.end_of_file:
            more = read(fd, min(BEYOND, self.end_of_file - at), at, self.path)
            end = _record_end(more, inside, self.quote)
            self.bytes += more[:end]
            if end is not None:
                return
            inside = (inside + (more.count(self.quote) if self.quote else 0)) % 2
            at += len(more)


def _record_end(text, inside, quote):
    """The place behind the first newline that is not between quotes, or None."""
    at = 0
    while True:
        end = text.find(b"\n", at)
        if end < 0:
            return None
        if quote:
            inside = (inside + text.count(quote, at, end)) % 2
        if not inside:
            return end + 1
        at = end + 1


def _check_quotes(records, at, quote, delimiter):
    """Raise ValueError for a quote where no field begins or ends: then all is taken apart wrongly."""
    text = np.frombuffer(records, np.uint8)
    places = np.flatnonzero(text == quote[0])
    opening, closing = places[::2], places[1::2]
    near = np.zeros(256, bool)
    near[[NEWLINE, 13, quote[0], *delimiter]] = True
    wrong = opening[(opening > 0) & ~near[text[opening - 1]]]
    inner = closing[closing + 1 < len(text)]
    wrong = np.concatenate([wrong, inner[~near[text[inner + 1]]]])
    if len(wrong):
        raise ValueError(f"the quote at byte {at + wrong.min()} is within a field that does not begin with one; "
                         "quotechar=None takes quotes as they are")
    if len(places) % 2:
        raise ValueError(f"the quote at byte {at + places[-1]} has no other")
