"""The frames that a front of the prompt and a session tell each other: packing, reading, kinds.

A frame is 16 bytes, a head and a body: ``pS``, version, kind, and three numbers of 4 bytes,
little-endian: length of the head, length of the body, CRC-32 of both. ``interp/README.md`` ("The
session") says what each kind means. Importing this starts no MPI. SPDX-License-Identifier: MIT
"""
import json
import struct
import zlib

EXECUTE = 1
COMPLETE = 2
INSPECT = 3
INTERRUPT = 4
ANSWER = 5
STATUS = 6
SHUTDOWN = 7
LEFT_OUT = 8

READY = 64
OUTPUT = 65
RESULT = 66
ERROR = 67
DONE = 68
INPUT = 69
COMPLETED = 70
INSPECTED = 71
RUNNING = 72
ENDED = 73

MAGIC = b"pS"
VERSION = 1
LONGEST = 1 << 30       # bytes of a head or a body: a larger length is a damaged one
_START = struct.Struct("<2sBBIII")


class Damaged(Exception):
    """What came is no frame; the text says why, `frames` has what was whole before it in that piece."""

    def __init__(self, why, frames=()):
        super().__init__(why)
        self.frames = list(frames)


def pack(kind, head=None, body=b""):
    """pack(kind, head=None, body=b"") -> bytes

    One frame. Local.

    head is a dict that JSON can carry, body bytes or the text that becomes UTF-8. Raises ValueError
    when one is longer than a frame can be.
    """
    head = json.dumps(head or {}, separators=(",", ":")).encode()
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogateescape")
    for name, part in (("head", head), ("body", body)):
        if len(part) > LONGEST:
            raise ValueError(f"the {name} of a frame has {len(part)} bytes; {LONGEST} is the most")
    check = zlib.crc32(body, zlib.crc32(head))
    return _START.pack(MAGIC, VERSION, kind, len(head), len(body), check) + head + body


class Reader:
    """Makes frames of a stream that comes in pieces of any size."""

    def __init__(self):
        self._bytes = bytearray()

    def feed(self, data):
        """feed(data) -> list of (kind, head, body)

        The frames that are whole now, with what came before. Local.

        head is a dict, body bytes. Raises Damaged for what is no frame; every later call does, too.
        """
        self._bytes += data
        frames, at = [], 0
        try:
            while (frame := self._read(at)) is not None:
                frames.append(frame[0])
                at = frame[1]
        except Damaged as e:
            e.frames = frames
            raise
        finally:
            del self._bytes[:at]
        return frames

    @property
    def empty(self):
        """Whether the stream could end here: no part of a frame is left."""
        return not self._bytes

    def _read(self, at):
        """((kind, head, body), end) of the frame that begins at `at`, or None for a part of one."""
        if len(self._bytes) - at < _START.size:
            return None
        magic, version, kind, *lengths, check = _START.unpack_from(self._bytes, at)
        _judge(magic, version, lengths)
        start = at + _START.size
        end = start + sum(lengths)
        if len(self._bytes) < end:
            return None
        with memoryview(self._bytes) as view, view[start:end] as content:
            if zlib.crc32(content) != check:
                raise Damaged(f"a frame of kind {kind} does not have the checksum that it names")
            head, body = bytes(content[:lengths[0]]), bytes(content[lengths[0]:])
        return (kind, _parsed(kind, head), body), end


def _judge(magic, version, lengths):
    """Raises Damaged unless these can be the first 16 bytes of a frame."""
    if magic != MAGIC:
        raise Damaged(f"a frame begins with {magic!r}, not with {MAGIC!r}")
    if version != VERSION:
        raise Damaged(f"a frame has version {version}, not {VERSION}")
    if max(lengths) > LONGEST:
        raise Damaged(f"a frame names a length of {max(lengths)} bytes; {LONGEST} is the most")


def _parsed(kind, head):
    """The head as a dict."""
    try:
        found = json.loads(head)
    except (ValueError, RecursionError) as e:
        raise Damaged(f"the head of a frame of kind {kind} is no JSON: {e}") from None
    if not isinstance(found, dict):
        raise Damaged(f"the head of a frame of kind {kind} is {found!r}, not an object")
    return found
