"""pympi.io: tables of text by byte ranges, and netCDF."""
# SPDX-License-Identifier: MIT
# timeout: 120

import csv
import os
import random
import shutil
import tempfile
import unittest.mock
import warnings

import numpy as np

import mpi
import support
from pympi import _rounds, io
from pympi._io import netcdf, records, slabs


class InFolder(support.Comms):
    """A file that all ranks of the communicator see."""

    def setUp(self):
        self.folder = self.comm.bcast(tempfile.mkdtemp() if self.comm.rank == 0 else None)
        self.path = os.path.join(self.folder, "table")

    def tearDown(self):
        self.comm.barrier()
        if self.comm.rank == 0:
            shutil.rmtree(self.folder)

    def write(self, content):
        self.comm.barrier()
        if self.comm.rank == 0:
            with open(self.path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        self.comm.barrier()

    def refused(self, kind, call, *words):
        with self.assertRaises(kind) as caught:
            call()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)

    def block(self, whole):
        return np.array_split(whole, self.comm.size)[self.comm.rank]


class LoadText(InFolder):
    def check(self, text, dtype=float, **how):
        """What numpy.loadtxt finds, dealt out."""
        self.write(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = np.loadtxt(self.path, dtype, ndmin=1 if np.dtype(dtype).names else 2, **how)
        if want.ndim == 2 and want.shape[1] == 1 or not want.size:
            want = want.reshape(-1)
        got = io.loadtxt(self.path, dtype, self.comm, **how)
        self.assertEqual(got.dtype, want.dtype)
        self.assertEqual(got.tolist(), self.block(want).tolist())

    def test_rows(self):
        numbers = np.random.default_rng(support.SEED)
        for rows in 0, 1, 5, 40:
            for columns in 1, 3:
                values = numbers.normal(size=(rows, columns)).tolist()
                lines = [" ".join(map(repr, row)) for row in values]
                self.check("# x\n" + "".join(line + "\n" for line in lines))
                self.check("\n".join(lines))
                self.check("\r\n".join(lines) + "\r\n")
                self.check("a b\n" + "\n\n# remark\n".join(lines), skiprows=1)
                self.check("\n".join(lines).replace(" ", ","), delimiter=",", usecols=[0])

    def test_lines_of_all_lengths(self):
        self.check("1\n" + "2" + " " * 5000 + "\n3\n" + " " * 300 + "4\n5")
        with unittest.mock.patch.object(records, "BEYOND", 3):
            self.check("".join(f"{i} {' ' * (i * 7 % 40)} {i * i}\n" for i in range(30)))

    def test_fields(self):
        self.check("1 2.5\n3 4.5\n5 6.5\n", [("a", "i4"), ("b", "f8")])
        self.write("'a b' 1\n'c\nd' 2\n")
        got = io.loadtxt(self.path, "U5", self.comm, quotechar="'")
        self.assertEqual(got.tolist(), self.block(np.array([["a b", "1"], ["c\nd", "2"]])).tolist())

    def test_refused(self):
        self.write("1 2\n3 x\n5 6\n7 8\n")
        self.refused(ValueError, lambda: io.loadtxt(self.path, comm=self.comm), "'x'")
        self.write("1 2\n" * 8 + "1\n" * 40)
        self.refused(ValueError, lambda: io.loadtxt(self.path, comm=self.comm), "number of columns changed")
        self.refused(ValueError, lambda: io.loadtxt(self.path, comm=self.comm, encoding="utf-16"), "utf-16")
        self.refused(FileNotFoundError, lambda: io.loadtxt(self.path + "x", comm=self.comm))
        if self.comm.size > 1:
            self.refused(io.Disagreement, lambda: io.loadtxt(self.path, comm=self.comm, skiprows=self.comm.rank),
                         "skiprows is 0 on rank 0")


class ReadCsv(InFolder):
    def read(self, **how):
        return io.read_csv(self.path, self.comm, **how)

    def whole(self, **how):
        return {name: self.comm.allgather(column, axis=0) for name, column in self.read(**how).items()}

    def test_random_tables(self):
        """Fields with quotes, delimiters and newlines, against csv on one rank."""
        same = random.Random(support.SEED)
        for trial in range(200 if support.FULL else 20):
            rows = [[str(same.randrange(1000)), same.choice(("", "2.5", "-1e3")),
                     "t" + "".join(same.choice('ab,"\né') for _ in range(same.randrange(12)))]
                    for _ in range(same.randrange(14))]
            end = same.choice(("\n", "\r\n"))
            self.comm.barrier()
            if self.comm.rank == 0:
                with open(self.path, "w", newline="", encoding="utf-8") as file:
                    writer = csv.writer(file, lineterminator=end)
                    writer.writerows([["number", "maybe", 'some "text"\n'], *rows])
            self.comm.barrier()
            with unittest.mock.patch.object(records, "BEYOND", same.choice((1, 7, 1000))):
                got = self.read()
            self.assertEqual([len(column) for column in got.values()], [len(self.block(range(len(rows))))] * 3)
            columns = [self.comm.allgather(column, axis=0).tolist() for column in got.values()]
            self.assertEqual(columns[0], [int(row[0]) for row in rows])
            np.testing.assert_array_equal(columns[1], [float(row[1] or "nan") for row in rows])
            if rows:
                self.assertEqual(columns[2], [row[2] for row in rows])

    def test_types_do_not_depend_on_the_ranks(self):
        self.write("a,b,c,d\n" + "1,1,1,1\n" * 20 + "2,2.5,x,\n" + "3,3,3,1_0\n")
        got = self.whole()
        self.assertEqual([column.dtype.kind for column in got.values()], ["i", "f", "U", "U"])
        self.assertEqual(got["c"][-2:].tolist(), ["x", "3"])
        got = self.whole(usecols=["c", "a"], dtypes={"a": "f4"})
        self.assertEqual({name: column.dtype.str for name, column in got.items()}, {"c": "<U1", "a": "<f4"})

    def test_names_and_delimiters(self):
        self.write("\ufeffx\ty\n1\t2\n\n3\t4\n")
        self.assertEqual({k: v.tolist() for k, v in self.whole(delimiter="\t").items()}, {"x": [1, 3], "y": [2, 4]})
        self.write("skipped\n1;2\n3;4")
        got = self.whole(delimiter=";", names=["p", "q"], skiprows=1)
        self.assertEqual({k: v.tolist() for k, v in got.items()}, {"p": [1, 3], "q": [2, 4]})

    def test_refused(self):
        self.write("a,b\n1,2\n3\n")
        self.refused(ValueError, self.read, "1 fields, not 2")
        self.write('a,b\n1,2\n3,5" disk\n')
        self.refused(ValueError, self.read, "byte 11")
        self.assertEqual(self.whole(quotechar=None)["b"].tolist(), ["2", '5" disk'])
        self.write('a,b\n1,"2\n3,4\n')
        self.refused(ValueError, self.read, "has no other")
        self.write("a,a\n1,2\n")
        self.refused(ValueError, self.read, "twice")
        self.refused(ValueError, lambda: self.read(names=["a", "b"], usecols=["c"]), "no column 'c'")
        self.refused(ValueError, lambda: self.read(names=["a", "b"], dtypes={"a": "i4"}), "column a")
        self.write("")
        self.refused(ValueError, self.read, "no line of names")


def classic(version, records=2):
    """A netCDF file, byte by byte: f(t, y, x), g(t), whole(y, x), text(x); t grows."""
    wide = version == 5

    def number(value):
        return value.to_bytes(8 if wide else 4, "big")

    def padded(data):
        return data + bytes(-len(data) % 4)

    def name(text):
        return number(len(text.encode())) + padded(text.encode())

    def attribute(key, kind, count, data):
        return name(key) + kind.to_bytes(4, "big") + number(count) + padded(data)

    def head(begins):
        def variable(key, ids, kind, size, begin):
            return (name(key) + number(len(ids)) + b"".join(map(number, ids)) + bytes(4) + number(0)
                    + kind.to_bytes(4, "big") + number(size) + begin.to_bytes(4 if version == 1 else 8, "big"))
        return (b"CDF" + bytes((version,)) + number(records)
                + (10).to_bytes(4, "big") + number(3) + name("t") + number(0) + name("y") + number(3)
                + name("x") + number(5)
                + (12).to_bytes(4, "big") + number(2) + attribute("title", 2, 6, "Größe".encode()[:6])
                + attribute("range", 5, 2, np.array([1.5, 2.5], ">f4").tobytes())
                + (11).to_bytes(4, "big") + number(4)
                + variable("f", (0, 1, 2), 4, 60, begins[0]) + variable("g", (0,), 3, 4, begins[1])
                + variable("whole", (1, 2), 6, 120, begins[2]) + variable("text", (2,), 2, 8, begins[3]))

    size = len(head((0,) * 4))
    begins = (size + 128, size + 188, size, size + 120)
    data = {"f": np.arange(records * 15, dtype=">i4").reshape(records, 3, 5), "g": (np.arange(records) + 7).astype(">i2"),
            "whole": np.arange(15, dtype=">f8").reshape(3, 5), "text": np.array(list("abcde"), "S1")}
    content = head(begins) + data["whole"].tobytes() + padded(data["text"].tobytes())
    for one in range(records):
        content += data["f"][one].tobytes() + padded(data["g"][one:one + 1].tobytes())
    return content, data


class NetCDF(InFolder):
    KEYS = (..., 0, -1, slice(None, None, -1), slice(1, 9, 2), slice(5, 0, -2), slice(9, 2), (..., 0), [0, 1])

    def check(self, content, data):
        self.write(content)
        with io.netcdf(self.path, self.comm) as file:
            self.assertEqual(set(file), set(data))
            for name, whole in data.items():
                self.check_variable(file[name], whole)
        return file

    def check_variable(self, variable, whole):
        want = whole.astype(whole.dtype.newbyteorder("="))
        self.assertEqual((variable.dtype, variable.shape), (want.dtype, want.shape))
        for key in self.KEYS:
            np.testing.assert_array_equal(variable[key], want[key])
        np.testing.assert_array_equal(variable.mine(), self.block(want))
        np.testing.assert_array_equal(variable.read(None), want)
        for axis in range(want.ndim):
            blocks = np.array_split(want, self.comm.size, axis)
            np.testing.assert_array_equal(variable.read(axis), blocks[self.comm.rank])
            chosen = np.arange(want.shape[axis]) % self.comm.size == self.comm.rank
            np.testing.assert_array_equal(variable.read(axis, cyclic=1), want.compress(chosen, axis))

    def test_formats(self):
        for version in 1, 2, 5:
            for near, box in (1 << 16, 1 << 20), (0, 30), (1 << 16, 30):
                with (unittest.mock.patch.object(netcdf, "NEAR", near),
                      unittest.mock.patch.multiple(slabs, BOX=box, READ_RUN=near),
                      unittest.mock.patch.multiple(_rounds, ROUND=box, LEAST=1),
                      self.subTest(version=version, near=near)):
                    file = self.check(*classic(version, 5))
        self.assertEqual((file.version, file.dimensions, file.unlimited), (5, {"t": 5, "y": 3, "x": 5}, "t"))
        self.assertEqual(file.attrs["range"].tolist(), [1.5, 2.5])
        self.assertEqual(file.attrs["title"], "Größ")

    def test_written_by_scipy(self):
        try:
            from scipy.io import netcdf_file
        except ImportError:
            self.skipTest("SciPy is not installed")
        made = {"t": np.arange(4) * 1.5, "a": np.arange(24, dtype="f4").reshape(4, 6)}
        if self.comm.rank == 0:
            with netcdf_file(self.path, "w") as out:
                out.createDimension("n", None), out.createDimension("m", 6)
                for name, dims in ("t", ("n",)), ("a", ("n", "m")):
                    variable = out.createVariable(name, made[name].dtype, dims)
                    variable.units = "m"
                    variable[:] = made[name]
        self.comm.barrier()
        file = io.netcdf(self.path, self.comm)
        self.assertEqual(file["a"].attrs, {"units": "m"})
        for name, whole in made.items():
            self.check_variable(file[name], whole)

    def test_uncounted_records(self):
        content, data = classic(1, 3)
        self.check(content[:4] + b"\xff" * 4 + content[8:], data)

    def test_damaged(self):
        content, _ = classic(2)
        self.write(b"nothing of the kind")
        self.refused(ValueError, lambda: io.netcdf(self.path, self.comm), "not netCDF")
        for cut in range(4, 300, 23):
            self.write(content[:cut])
            self.refused((ValueError, EOFError), lambda: io.netcdf(self.path, self.comm)["f"].read())
        same = random.Random(support.SEED)
        for _ in range(40):
            broken = bytearray(content)
            broken[same.randrange(4, 300)] = same.randrange(256)
            self.write(bytes(broken))
            try:
                io.netcdf(self.path, self.comm)["whole"].read()
            except (ValueError, EOFError, KeyError, MemoryError, OSError):
                pass
            self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)


support.main()
