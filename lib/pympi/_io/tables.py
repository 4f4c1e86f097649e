"""Tables of text: loadtxt and read_csv.

SPDX-License-Identifier: MIT
"""
import csv
import io
import itertools
import os
import warnings

import numpy as np

from pympi import mpi
from pympi._agree import Attempt, meet
from pympi._io import records
from pympi._shares import block_counts

BLOCK = 10_000      # rows that are lists of Python's at once


def loadtxt(path, dtype=float, comm=mpi.world, *, comments="#", delimiter=None, converters=None, skiprows=0,
            usecols=None, encoding="utf-8", quotechar=None):
    """loadtxt(path, dtype=float, comm=world, *, comments="#", delimiter=None, converters=None, skiprows=0, …)

    Returns this rank's block of the rows of a text file, as numpy.array_split makes them: an array (rows,
    columns), or (rows,) where there is one column or dtype has fields. Collective over comm.

    Ranks read the file by byte ranges, each byte once, and parse what is theirs with numpy.loadtxt, whose
    arguments these are; skiprows counts from the file's first line. Where fields are in quotes, give quotechar.

    Raises what numpy.loadtxt raises, and io.Disagreement, on every rank.
    """
    attempt, values = Attempt(), ()
    with attempt:
        path, dtype = os.fspath(path), np.dtype(dtype)
        records.check_encoding(encoding)
        quote = _one_byte("quotechar", quotechar, encoding)
        near = _one_byte("delimiter", delimiter, encoding) or b" \t"
        values = (("path", path), ("dtype", str(dtype)), ("comments", comments), ("delimiter", delimiter),
                  ("skiprows", skiprows), ("usecols", usecols), ("encoding", encoding), ("quotechar", quotechar))
    meet(comm, "loadtxt", attempt, values)
    text, at = records.share(comm, "loadtxt", path, skiprows, quote, near)
    rows = None
    with attempt:
        rows = _parse(text, at, dtype, comments=comments, delimiter=delimiter,
                      converters=converters, usecols=usecols, encoding=None, quotechar=quotechar, text_encoding=encoding)
    meet(comm, "loadtxt", attempt)
    return _deal(comm, _with_columns(comm, rows))


def _parse(text, at, dtype, text_encoding, **options):
    """The rows of some text, (rows, columns); of none, or of comments alone, (0, 0)."""
    lines = io.TextIOWrapper(io.BytesIO(text), text_encoding, newline="\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)    # that there is nothing in it
        try:
            rows = np.loadtxt(lines, dtype, ndmin=1 if dtype.names else 2, **options)
        except ValueError as wrong:
            wrong.add_note(f"(rows are counted from byte {at} on)")
            raise
    return rows if rows.size else rows.reshape((0,) if dtype.names else (0, 0))


def _with_columns(comm, rows):
    """The rows with as many columns as they have elsewhere; one is none. Collective over comm."""
    widths = comm.allgather(rows.shape[1] if rows.ndim == 2 and len(rows) else -1)
    found = sorted({width for width in widths if width >= 0})
    if len(found) > 1:
        raise ValueError(f"loadtxt: the number of columns changed from {found[0]} to {found[1]}: ranks "
                         f"found {widths}, -1 where there are no rows")
    if rows.ndim == 1:
        return rows
    width = found[0] if found else 1
    return rows.reshape(len(rows), width) if width != 1 else rows.reshape(len(rows))


def read_csv(path, comm=mpi.world, *, delimiter=None, names=None, usecols=None, dtypes=None, skiprows=0,
             encoding="utf-8", quotechar='"'):
    """read_csv(path, comm=world, *, delimiter=None, names=None, usecols=None, dtypes=None, skiprows=0, …)

    Returns a table's columns: a dict of their names and arrays, this rank's block of the rows, as
    numpy.array_split makes them. Collective over comm.

    The delimiter is a tab where the path ends in .tsv or .tab, else a comma. The names are those of the first
    line, behind skiprows lines, unless names gives them; usecols: those that are wanted. A column is int64
    where all its fields are whole numbers, else float64 where they are numbers or empty (NaN), else text; dtypes
    {name: type} says otherwise. Fields may be in quotes, and have newlines within them (RFC 4180);
    quotechar=None: they are not. Empty lines are passed over. All ranks find the same types, whatever their rows.

    Raises ValueError for rows of different lengths or fields that are not of their type, OSError, and
    io.Disagreement, on every rank.
    """
    attempt, table = Attempt(), None
    with attempt:
        path = os.fspath(path)
        if delimiter is None:
            delimiter = "\t" if path.endswith((".tsv", ".tab")) else ","
        table = _Table(path, delimiter, names, usecols, dtypes, skiprows, encoding, quotechar)
    meet(comm, "read_csv", attempt, () if table is None else table.values())
    with attempt:
        if comm.rank == 0:
            table.read_names()
    meet(comm, "read_csv", attempt)
    table.names, skiprows = comm.bcast((table.names, table.skiprows))
    text, at = records.share(comm, "read_csv", path, skiprows, table.quote, table.near)
    with attempt:
        table.parse(text, at)
    meet(comm, "read_csv", attempt)
    kinds = comm.allreduce(table.kinds, lambda one, other: list(map(max, one, other)))
    columns = None
    with attempt:
        columns = table.columns(kinds)
    meet(comm, "read_csv", attempt)
    return {name: _deal(comm, _same_width(comm, column)) for name, column in columns.items()}


INT, FLOAT, TEXT = 0, 1, 2  # what a column may be: each can be the next


class _Table:
    """How a table's text becomes columns, on one rank."""

    def __init__(self, path, delimiter, names, usecols, dtypes, skiprows, encoding, quotechar):
        records.check_encoding(encoding)
        self.path, self.delimiter, self.quotechar, self.encoding = path, delimiter, quotechar, encoding
        self.quote = _one_byte("quotechar", quotechar, encoding)
        self.near = _one_byte("delimiter", delimiter, encoding)
        self.names = None if names is None else list(names)
        self.usecols = None if usecols is None else list(usecols)
        self.dtypes = {name: np.dtype(kind) for name, kind in (dtypes or {}).items()}
        self.skiprows = skiprows

    def values(self):
        """What ranks have to agree on."""
        return (("path", self.path), ("delimiter", self.delimiter), ("names", self.names),
                ("usecols", self.usecols), ("dtypes", str(self.dtypes)), ("skiprows", self.skiprows),
                ("encoding", self.encoding), ("quotechar", self.quotechar))

    def reader(self, lines):
        if self.quotechar is None:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quotechar, strict=True)

    def read_names(self):
        """Take the names from the file, where they were not given, and check those that are asked for."""
        if self.names is None:
            with open(self.path, encoding=self.encoding, newline="") as file:
                if file.read(1) != "\ufeff":
                    file.seek(0)
                for _ in range(self.skiprows):
                    file.readline()
                reader = self.reader(file)
                self.names = next(reader, None)
                if not self.names:
                    raise ValueError(f"{self.path} has no line of names behind {self.skiprows} lines")
                self.skiprows += reader.line_num
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"of the names {self.names} some are there twice")
        for name in [*(self.usecols or ()), *self.dtypes]:
            if name not in self.names:
                raise ValueError(f"there is no column {name!r} among {self.names}")

    def parse(self, text, at):
        """Take the text apart: blocks of each column's fields, and what the columns may be."""
        wanted = self.names if self.usecols is None else self.usecols
        places = [self.names.index(name) for name in wanted]
        self.wanted, self.blocks = wanted, [[] for _ in wanted]
        rows = filter(None, self.reader(io.StringIO(str(text, self.encoding), newline="")))
        while block := list(itertools.islice(rows, BLOCK)):
            for row in block:
                if len(row) != len(self.names):
                    raise ValueError(f"{self.path}: a row behind byte {at} has {len(row)} fields, not "
                                     f"{len(self.names)}: {self.delimiter.join(row)[:60]!r}")
            for place, blocks in zip(places, self.blocks):
                blocks.append(np.array([row[place] for row in block], "U"))
        self.kinds = [max(map(_kind, blocks), default=INT) for blocks in self.blocks]

    def columns(self, kinds):
        """The columns as arrays."""
        made = {}
        for name, kind, blocks in zip(self.wanted, kinds, self.blocks):
            dtype = self.dtypes.get(name) or (np.dtype("i8"), np.dtype("f8"), np.dtype("U"))[kind]
            try:
                parts = [_converted(block, dtype) for block in blocks]
            except ValueError as wrong:
                raise ValueError(f"{self.path}: column {name}: {wrong}") from None
            made[name] = np.concatenate(parts) if parts else np.empty(0, dtype)
        return made


def _kind(fields):
    """What a block of fields may be."""
    text = fields.view("U1")
    if fields.dtype.itemsize == 0 or (text == "_").any():    # Python takes 1_000 for a number
        return FLOAT if fields.dtype.itemsize == 0 else TEXT
    for kind, dtype in (INT, np.dtype("i8")), (FLOAT, np.dtype("f8")):
        try:
            _converted(fields, dtype)
            return kind
        except (ValueError, OverflowError):
            pass
    return TEXT


def _converted(fields, dtype):
    """Fields as numbers, or as they are; an empty one is NaN where that is a number."""
    if dtype.kind in "fc":
        fields = np.where(fields == "", "nan", fields)
    return fields if dtype == np.dtype("U") else fields.astype(dtype)


def _same_width(comm, column):
    """Text as wide as the widest on any rank. Collective over comm."""
    if column.dtype.kind != "U":
        return column
    width = comm.allreduce(column.dtype.itemsize // 4, mpi.MAX)
    return column.astype(f"U{max(width, 1)}")


def _deal(comm, rows):
    """Each rank's block of all ranks' rows, in their order. Collective over comm."""
    counts = comm.allgather(len(rows))
    first, total = sum(counts[:comm.rank]), sum(counts)
    bounds = [0, *itertools.accumulate(block_counts(total, comm.size))]
    if all(count == high - low for count, (low, high) in zip(counts, itertools.pairwise(bounds))):
        return rows
    parts = [rows[max(0, low - first):max(0, high - first)] for low, high in itertools.pairwise(bounds)]
    return np.concatenate(comm.alltoall(parts))


def _one_byte(name, text, encoding):
    """A character as its byte; None for None."""
    if text is None:
        return None
    data = text.encode(encoding)
    if len(data) != 1:
        raise ValueError(f"{name} is {text!r}, and not one character of one byte")
    return data
