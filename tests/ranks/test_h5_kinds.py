"""pympi.h5: elements and spaces of every kind, as h5py and h5dump see them, and as h5py makes them."""
# timeout: 240
# SPDX-License-Identifier: MIT

import os
import re
import shutil
import subprocess
import unittest

import h5cases
import support

LAYOUTS = {
    "contiguous": {}, "chunked": {"chunks": (2, 3)}, "resizable": {"maxshape": (None, 20), "chunks": (3, 4)},
    "packed": {"compression": 4, "shuffle": True, "fletcher32": True, "chunks": (5, 4)}}


def dumped(path):
    """What h5dump says of a file, but for its name."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMIX_", "PRTE_"))}
    done = subprocess.run(["h5dump", path], capture_output=True, text=True, env=env)
    if done.returncode:
        raise AssertionError(f"h5dump {path}: {done.stderr}")
    text = done.stdout.partition("\n")[2].replace(path, "")
    return re.sub(r'(DATASET|GROUP) +\d+ "', r'\1 "', text)       # where objects lie


class Kinds(h5cases.Files):
    def of_h5py(self, make, name="theirs"):
        """A file that h5py makes on rank 0."""
        error = None
        if self.comm.rank == 0:
            try:
                with h5cases.h5py_or_skip().File(self.path(name), "w") as f:
                    make(f)
            except unittest.SkipTest as e:
                error = e
        error = self.comm.bcast(error)
        if error is not None:
            raise error

    def test_h5dump_says_the_same(self):
        """Of our file, written by parts, and of h5py's."""
        np, size, rank = self.np, self.comm.size, self.comm.rank
        wanted = {}
        with self.file() as f:
            for i, (kind, whole) in enumerate(h5cases.values(np, self.h5)):
                f.attrs[kind] = whole[0]
                for j, (layout, options) in enumerate(LAYOUTS.items()):
                    if support.FULL or (i + j) % 4 == 0:
                        name, axis = f"{kind} {layout}", (i + j) % 2
                        f.save(name, np.array_split(whole, size, axis)[rank], axis, **options)
                        wanted[name] = whole, options

        def make(f):
            import h5py
            for kind, whole in h5cases.values(np, h5py):
                f.attrs[kind] = whole[0]
            for name, (whole, options) in wanted.items():
                f.create_dataset(name, data=whole, **options)
        self.of_h5py(make)
        if not shutil.which("h5dump"):
            self.skipTest("h5dump is not installed")
        if rank == 0:
            ours, theirs = dumped(self.path()), dumped(self.path("theirs"))
            for one, other in zip(ours.splitlines(), theirs.splitlines()):
                self.assertEqual(one, other)
            self.assertEqual(len(ours), len(theirs))

    def test_what_lies_between_elements_is_not_compared(self):
        """The bytes that fill a compound up, or a long double, are any."""
        np = self.np
        gaps = np.dtype([("a", "u1"), ("b", "f8"), ("c", [("d", "i2"), ("e", "i4")])], align=True)
        with self.file() as f:
            for i, kind in enumerate((gaps, "g", "G")):
                array = np.frombuffer(bytes([self.comm.rank + 1]) * (3 * np.dtype(kind).itemsize), kind).copy()
                if kind is gaps:
                    array["a"] = array["b"] = array["c"]["d"] = array["c"]["e"] = 4
                else:
                    array[...] = [1, 2, 3]
                f[f"d{i}"] = f.attrs[f"a{i}"] = array
        self.h5.checkpoint(self.path("c"), {"whole": array}, comm=self.comm)

    def spaces(self, f, h5):
        """Datasets and attributes without elements, of one, and of nothing."""
        np = self.np
        for kind in "i4", "S3", "f8", [("a", "i2"), ("b", "f4")], "?", "c8":
            name = str(np.dtype(kind))
            f[f"null {name}"] = h5.Empty(np.dtype(kind))
            f.attrs[f"null {name}"] = h5.Empty(np.dtype(kind))
            for shape in (), (0,), (1,), (0, 3), (2, 0, 1):
                f.create_dataset(f"{name} {shape}", shape, kind)
                f.create_dataset(f"{name} {shape} filled", data=np.ones(shape, kind))
                f.attrs[f"{name} {shape}"] = np.ones(shape, kind)
            f.create_dataset(f"{name} to grow", (0, 2), kind, maxshape=(None, 2), chunks=(3, 2))
            f.create_dataset(f"{name} to grow, packed", (0, 2), kind, maxshape=(None, 2), compression=1)

    def looked_at(self, f):
        """What one can ask of datasets and attributes."""
        def about(value):
            return (type(value).__name__, str(getattr(value, "dtype", "")), getattr(value, "shape", ""),
                    "" if getattr(value, "shape", None) is None else self.np.asarray(value).tobytes())
        return {name: about(value) for name, value in f.attrs.items()} | {
            name: (d.shape, d.maxshape, str(d.dtype), d.size, d.ndim, about(d[()])) for name, d in f.items()}

    def test_spaces(self):
        with self.file() as f:
            self.spaces(f, self.h5)
        ours = self.by_h5py(self.looked_at)

        def make(f):
            import h5py
            self.spaces(f, h5py)
        self.of_h5py(make)
        theirs = self.by_h5py(self.looked_at, "theirs")
        self.assertEqual(ours, theirs)
        for name in "x", "theirs":
            with self.file("r", name) as f:
                self.assertEqual(self.looked_at(f), theirs)

    def test_they_grow(self):
        np, n, rank = self.np, self.comm.size, self.comm.rank
        self.of_h5py(lambda f: self.spaces(f, __import__("h5py")), "x")
        with self.file("r+") as f:
            for name in "int32 to grow", "int32 to grow, packed":
                d = f[name]
                for turn in range(3):
                    d.resize(len(d) + n, 0)
                    d[len(d) - n + rank] = turn
                self.assertEqual(d[...].tolist(), np.repeat(np.arange(3), n * 2).reshape(-1, 2).tolist())

    def low_level(self, f):
        """Types that h5py makes by its low-level API only."""
        from h5py import h5d, h5s, h5t
        np = self.np

        def put(name, kind, data, memory):
            h5d.create(f.id, name.encode(), kind, h5s.create_simple(data.shape)).write(h5s.ALL, h5s.ALL, data, memory)
        put("bits", h5t.STD_B8LE, np.arange(5, dtype="u1"), h5t.STD_B8LE)
        put("bits>", h5t.STD_B16BE, np.arange(5, dtype=">u2"), h5t.STD_B16BE)
        seven = h5t.create(h5t.OPAQUE, 7)
        seven.set_tag(b"seven")
        put("tagged", seven, np.frombuffer(bytes(range(35)), "V7").copy(), seven)
        for pad in h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD:
            text = h5t.C_S1.copy()
            text.set_size(6)
            text.set_strpad(pad)
            put(f"padded {pad}", text, np.array([b"abc   ", b"abcde", b""], "S6"), text)

    def odd_kinds(self, f, h5):
        """What both APIs make: elements that point, arrays as elements, names for numbers, types with names."""
        np = self.np
        texts, floats = h5.string_dtype(), h5.vlen_dtype("f8")
        f["x"] = np.arange(4)
        f["refs"] = np.array([f["x"].ref, f.ref], h5.ref_dtype)
        f["texts"] = np.array([["a", ""], ["ö" * 300, "b"]], texts)
        f["fixed"] = np.array(["aé".encode(), b"b"], h5.string_dtype("utf-8", 5))
        f.create_dataset("of texts", (2,), h5.vlen_dtype(texts))
        f.create_dataset("of sequences", (2,), h5.vlen_dtype(h5.vlen_dtype("i4")))
        mixed = f.create_dataset("mixed", (2,), [("t", texts), ("n", "i4"), ("v", floats)])
        mixed[0] = ("ää", 3, np.arange(2.0))
        mixed[1] = ("", -1, np.arange(0.0))
        arrays = f.create_dataset("arrays", (3,), np.dtype((">f4", (2, 2))))
        arrays[...] = np.arange(12).reshape(3, 2, 2)
        f["names"] = np.array([1, -2], h5.enum_dtype({"ONE": 1, "OTHER": -2}, ">i2"))
        f["times"] = np.array(["2001-01-01", "1900-02-03"], "M8[s]").astype(h5.opaque_dtype("M8[s]"))
        f["type"] = np.dtype([("a", "f4"), ("b", "S3")])
        f["all"] = np.arange(1000) % 7
        f.create_dataset("scaled", data=np.arange(1000), scaleoffset=True)

    def shown(self, f):
        """A text for each dataset."""
        out = {}
        for name, thing in f.items():
            if not hasattr(thing, "shape"):
                out[name] = repr(thing.dtype)
                continue
            value = thing[...]
            if name == "refs":
                value = [f[r].name for r in value]
            elif value.dtype.hasobject:
                value = value.tolist()
            out[name] = repr(value)
        return out

    def test_what_h5py_made(self):
        def make(f):
            import h5py
            self.low_level(f)
            self.odd_kinds(f, h5py)
            f["region"] = np.array(f["x"].regionref[1:3], h5py.regionref_dtype)
        np = self.np
        self.of_h5py(make, "x")
        without = "tagged", "region"        # h5py itself does not read tagged bytes
        theirs = self.by_h5py(lambda f: self.shown(_Part(f, without)))
        with self.file("r") as f:
            self.assertEqual(self.shown(_Part(f, without)), theirs)
            self.assertEqual(f["tagged"][...].tobytes(), bytes(range(35)))
            self.assertEqual(f[f["region"][()]].name, "/x")
        self.comm.barrier()
        with self.file("r+") as f:
            for name in "bits", "bits>":
                f[name][self.comm.rank:self.comm.rank + 1] = 9
            f["tagged"][0] = self.np.void(b"1234567")
            f["copy"] = f["region"][()]
            f["times"][1] = self.np.datetime64("2002-02-02")
        got = self.by_h5py(lambda f: (f["bits"][...].tolist(), f["bits>"][...].tolist(), f[f["copy"][()]].name,
                                      str(f["times"][1])))
        expected = [9] * self.comm.size + list(range(5))[self.comm.size:]
        self.assertEqual(got, (expected, expected, "/x", "2002-02-02T00:00:00"))

    def test_what_we_made(self):
        with self.file() as f:
            self.odd_kinds(f, self.h5)
        self.of_h5py(lambda f: self.odd_kinds(f, __import__("h5py")))
        self.assertEqual(self.by_h5py(self.shown), self.by_h5py(self.shown, "theirs"))
        if shutil.which("h5dump") and self.comm.rank == 0:
            self.assertEqual(dumped(self.path()), dumped(self.path("theirs")))


class _Part:
    """A file without some of its names."""

    def __init__(self, f, without):
        self._f, self._without = f, without

    def __getitem__(self, name):
        return self._f[name]

    def items(self):
        return [(k, v) for k, v in self._f.items() if k not in self._without]


support.main()
