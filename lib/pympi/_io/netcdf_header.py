"""The header of a netCDF classic file: CDF-1, CDF-2 (64-bit offsets) and CDF-5 (64-bit data).

SPDX-License-Identifier: MIT

Source: "The netCDF Classic Format Specification", Unidata, NetCDF Users' Guide, appendix B.
"""
import dataclasses
import math

import numpy as np

DIMENSIONS, VARIABLES, ATTRIBUTES = 10, 11, 12
TYPES = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8", 7: "u1", 8: ">u2", 9: ">u4", 10: ">i8",
         11: ">u8"}
OLD_TYPES = 6       # as many were there before CDF-5


@dataclasses.dataclass
class VariableHeader:
    """What the header says of a variable."""
    name: str
    dimensions: tuple
    shape: tuple
    attrs: dict
    dtype: np.dtype
    begin: int          # its first byte
    is_record: bool     # its first dimension is the one that grows


@dataclasses.dataclass
class Header:
    """What the header says."""
    version: int
    records: int
    record_size: int    # bytes from a record to the next
    dimensions: dict    # names and lengths; of the one that grows its length now
    unlimited: str | None
    attrs: dict
    variables: dict


def parse(file, size):
    """The header of an open file of `size` bytes. Raises ValueError for what is none."""
    return _Parser(file, size).header()


class _Parser:
    def __init__(self, file, size):
        self.file, self.size = file, size

    def take(self, count):
        if count > self.size:
            raise ValueError(f"a length of {count} in a file of {self.size} bytes: the header is damaged")
        data = self.file.read(count)
        if len(data) < count:
            raise EOFError(f"the file ends in its header, at byte {self.file.tell()}")
        return data

    def number(self):
        return int.from_bytes(self.take(4), "big")

    def length(self):
        return int.from_bytes(self.take(8 if self.version == 5 else 4), "big")

    def padded(self, count):
        data = self.take(count)
        self.take(-count % 4)
        return data

    def name(self):
        return self.padded(self.length()).decode()

    def list_of(self, tag, item):
        """The items of a list; one that is absent has two zeros."""
        found, count = self.number(), self.length()
        if found != (tag if count else 0) and not (found == tag and count == 0):
            raise ValueError(f"tag {found} at byte {self.file.tell()}, not {tag}: the header is damaged")
        return [item() for _ in range(count)]

    def kind(self):
        number = self.number()
        if number not in TYPES or (self.version != 5 and number > OLD_TYPES):
            raise ValueError(f"there is no type {number} in CDF-{self.version}")
        return np.dtype(TYPES[number])

    def header(self):
        magic = self.take(4)
        self.version = magic[3] if magic[:3] == b"CDF" else 0
        if self.version not in (1, 2, 5):
            raise ValueError(f"a file that begins with {magic!r} is not netCDF")
        records = self.length()
        streaming = records == (1 << (64 if self.version == 5 else 32)) - 1
        dims = self.list_of(DIMENSIONS, lambda: (self.name(), self.length()))
        attrs = dict(self.list_of(ATTRIBUTES, self.attribute))
        found = self.list_of(VARIABLES, lambda: self.variable(dims))
        record_size = _record_size(found)
        if streaming:
            records = self.streamed(found, record_size)
        unlimited = next((name for name, length in dims if length == 0), None)
        for one in found:
            if one.is_record:
                one.shape = (records, *one.shape[1:])
        lengths = {name: records if name == unlimited else length for name, length in dims}
        return Header(self.version, records, record_size, lengths, unlimited, attrs,
                      {one.name: one for one in found})

    def attribute(self):
        name, dtype = self.name(), self.kind()
        count = self.length()
        data = self.padded(count * dtype.itemsize)
        if dtype.kind == "S":
            return name, data.decode("utf-8", "surrogateescape").rstrip("\0")
        values = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))
        return name, values[0] if count == 1 else values

    def variable(self, dims):
        name = self.name()
        ids = [self.length() for _ in range(self.length())]
        if any(one >= len(dims) for one in ids):
            raise ValueError(f"variable {name} has dimensions {ids} of {len(dims)}: the header is damaged")
        attrs = dict(self.list_of(ATTRIBUTES, self.attribute))
        dtype = self.kind()
        self.length()       # its size, which is too small a number for large ones, and follows from the rest
        begin = int.from_bytes(self.take(4 if self.version == 1 else 8), "big")
        shape = tuple(dims[one][1] for one in ids)
        return VariableHeader(name, tuple(dims[one][0] for one in ids), shape, attrs, dtype, begin,
                              bool(shape) and shape[0] == 0)

    def streamed(self, found, record_size):
        """How many records there are in a file that was written without counting them."""
        first = min((one.begin for one in found if one.is_record), default=self.size)
        return (self.size - first) // record_size if record_size else 0


def record_bytes(variable):
    """The bytes of a variable's own part of a record."""
    return math.prod(variable.shape[1:]) * variable.dtype.itemsize


def _record_size(found):
    """Each part is padded to four bytes; but not where there is one alone."""
    sizes = [record_bytes(one) for one in found if one.is_record]
    return sizes[0] if len(sizes) == 1 else sum(size + -size % 4 for size in sizes)
