"""The frames of a session: what is packed is read, in pieces of any size; damage is told."""
# SPDX-License-Identifier: MIT

import struct
import sys
import unittest
import zlib

import library

frames = library.load("frames")


class Packing(unittest.TestCase):
    def test_layout(self):
        """The bytes are those that interp/README.md names: others write and read them, too."""
        head, body = b'{"id":7}', b"print(1)\n"
        start = struct.pack("<2sBBIII", b"pS", 1, 1, len(head), len(body), zlib.crc32(head + body))
        self.assertEqual(frames.pack(frames.EXECUTE, {"id": 7}, body), start + head + body)

    def test_nothing_in_it(self):
        self.assertEqual(frames.Reader().feed(frames.pack(frames.STATUS)), [(frames.STATUS, {}, b"")])

    def test_texts(self):
        """A text becomes UTF-8; what was no UTF-8 when Python read it is what it was."""
        read = frames.Reader().feed(frames.pack(2, {"name": "ä\udcff"}, "ä\udcff"))
        self.assertEqual(read, [(2, {"name": "ä\udcff"}, "ä".encode() + b"\xff")])

    def test_kinds_are_different(self):
        kinds = [v for k, v in vars(frames).items() if k.isupper() and isinstance(v, int)
                 and k not in ("VERSION", "LONGEST")]
        self.assertEqual(sorted(kinds), [*range(1, 9), *range(64, 74)])


class Reading(unittest.TestCase):
    MANY = [(65, {"ranks": "0,2-3", "all": False}, b"\x00\xff" * 50), (68, {}, b""),
            (99, {"x": 1}, b"y")]

    def test_pieces(self):
        stream = b"".join(frames.pack(*frame) for frame in self.MANY)
        for size in (1, 3, 16, 17, len(stream)):
            with self.subTest(size=size):
                reader, found = frames.Reader(), []
                for at in range(0, len(stream), size):
                    found += reader.feed(stream[at:at + size])
                self.assertEqual(found, self.MANY)
                self.assertTrue(reader.empty)

    def test_part_of_a_frame(self):
        reader = frames.Reader()
        self.assertEqual(reader.feed(frames.pack(1, {}, b"x")[:-1]), [])
        self.assertFalse(reader.empty)

    def test_megabytes(self):
        body = bytes(range(256)) * (1 << 14)
        stream, reader, found = frames.pack(65, {}, body), frames.Reader(), []
        for at in range(0, len(stream), 65536):
            found += reader.feed(stream[at:at + 65536])
        self.assertEqual(found, [(65, {}, body)])

    def damaged(self, data, *words):
        reader = frames.Reader()
        with self.assertRaises(frames.Damaged) as caught:
            reader.feed(frames.pack(68) + data)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertEqual(caught.exception.frames, [(68, {}, b"")])
        self.assertRaises(frames.Damaged, reader.feed, b"")

    def test_damage(self):
        whole = frames.pack(65, {"ranks": "0"}, b"text")
        self.damaged(whole[:-1] + b"T", "checksum", "65")
        self.damaged(b"Traceback (most recent", "b'Tr'")
        self.damaged(whole[:2] + b"\x02" + whole[3:], "version 2")
        self.damaged(struct.pack("<2sBBIII", b"pS", 1, 1, 2, 1 << 31, 0), "2147483648")
        for head in (b"[1]", b"{", b"\xff", b"[" * 100000):
            start = struct.pack("<2sBBIII", b"pS", 1, 66, len(head), 0, zlib.crc32(head))
            self.damaged(start + head, "66")


class Importing(unittest.TestCase):
    def test_no_mpi(self):
        self.assertNotIn("_pympi_mpi", sys.modules)
