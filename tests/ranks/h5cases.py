"""What the tests of pympi.h5 have in common: a file for each communicator, values of every type."""
# SPDX-License-Identifier: MIT

import os
import tempfile
import unittest

import mpi
import support


def h5_or_skip():
    """pympi.h5 and NumPy, or the end of the test."""
    np = support.numpy_or_skip()
    try:
        from pympi import h5
    except ImportError as e:
        if "built without HDF5" not in str(e):
            raise
        raise unittest.SkipTest(str(e)) from None
    return h5, np


def h5py_or_skip():
    """h5py, to compare with."""
    try:
        import h5py
        return h5py
    except ImportError:
        raise unittest.SkipTest("h5py is not installed") from None


class Files(support.Comms):
    """Files of a test's own on each communicator, gone behind it."""

    def setUp(self):
        self.h5, self.np = h5_or_skip()
        self.paths = []
        self.first = self.comm.bcast(mpi.rank)

    def tearDown(self):
        self.comm.barrier()
        if self.comm.rank == 0:
            for name in os.listdir(tempfile.gettempdir()):
                if any(name.startswith(os.path.basename(p)) for p in self.paths):
                    os.unlink(os.path.join(tempfile.gettempdir(), name))
        self.comm.barrier()

    def path(self, name="x"):
        path = os.path.join(tempfile.gettempdir(), f"{name}-{self.first}-{self.comm.size}.h5")
        if path not in self.paths:
            self.paths.append(path)
        return path

    def file(self, mode="w", name="x"):
        return self.h5.File(self.path(name), mode, comm=self.comm)

    def by_h5py(self, look, name="x"):
        """look(file) with h5py, on rank 0; what it gives, on all. The others fail if it does."""
        result = error = None
        if self.comm.rank == 0:
            try:
                with h5py_or_skip().File(self.path(name), "r") as f:
                    result = look(f)
            except unittest.SkipTest as e:
                error = e
            except Exception as e:
                error = AssertionError(f"{type(e).__name__}: {e}")
        result, error = self.comm.bcast((result, error))
        if error is not None:
            raise error
        return result

    def raises_everywhere(self, cls, call):
        """call() raises on all ranks; their texts, in order."""
        try:
            call()
        except cls as e:
            text = f"{type(e).__name__}: {e}"
        except Exception as e:
            text = f"not {cls}: {type(e).__name__}: {e}"
        else:
            text = "nothing was raised"
        texts = self.everywhere(text)
        for one in texts:
            self.assertFalse(one.startswith(("not", "nothing")), texts)
        return texts


def values(np, h5):
    """(name, array): of every type that HDF5 has."""
    def numbers(kind):
        array = np.zeros((6, 4), kind)      # what is between long doubles is zero too
        array[...] = np.arange(24).reshape(6, 4)
        return array
    for kind in "i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 g c8 c16 >i4 >f8 >c8 >f2".split():
        yield kind, numbers(kind)
    yield "bool", numbers(int) % 3 == 0
    yield "S5", np.array([[f"{i}{j}".encode() for j in range(4)] for i in range(6)], "S5")
    pair = np.zeros((6, 4), [("a", "i4"), ("b", "f8", (2,)), ("c", "S3"), ("d", "?"), ("e", "c8")])
    pair["a"], pair["b"][..., 1], pair["c"], pair["d"] = numbers("i4"), 0.5, b"xy", True
    yield "compound", pair
    yield "nested", np.zeros((6, 4), [("x", [("y", "i2"), ("z", ">f4")])])
    yield "opaque", np.zeros((6, 4), "V6")
    yield "enum", numbers("u1").astype(h5.enum_dtype({"RED": 0, "BLUE": 9}, "u1"))
