"""pympi.vis: the VTKHDF files that all ranks write, looked at by h5py."""
# SPDX-License-Identifier: MIT
# timeout: 120

import json
import os
import shutil
import tempfile

import numpy as np

import mpi
import support
from pympi import io, vis

try:
    import h5py
    from pympi import h5
    MISSING = None
except ImportError as missing:
    MISSING = str(missing)


class Files(support.Comms):
    def setUp(self):
        if MISSING:
            self.skipTest(MISSING)
        self.folder = self.comm.bcast(tempfile.mkdtemp() if self.comm.rank == 0 else None)
        self.path = os.path.join(self.folder, "a.hdf")
        self.random = np.random.default_rng(support.SEED)

    def tearDown(self):
        self.comm.barrier()
        if self.comm.rank == 0:
            shutil.rmtree(self.folder)

    def look(self, check):
        """Let rank 0 look at the file; what it finds wrong is wrong."""
        self.comm.barrier()
        if self.comm.rank == 0:
            with h5py.File(self.path) as file:
                check(file["VTKHDF"])
        self.comm.barrier()

    def is_kind(self, group, kind):
        """What ParaView's reader asks for: a string of fixed length without an end mark."""
        self.assertEqual(group.attrs["Version"].tolist(), [1, 0])
        stored = group.attrs.get_id("Type").get_type()
        self.assertEqual((group.attrs["Type"], stored.get_size()), (kind.encode(), len(kind)))
        self.assertEqual(stored.get_strpad(), h5py.h5t.STR_NULLPAD)
        self.assertEqual(stored.get_cset(), h5py.h5t.CSET_ASCII)

    def refused(self, kind, call, *words):
        with self.assertRaises(kind) as caught:
            call()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertEqual(self.comm.allgather(1), [1] * self.comm.size)
        self.assertFalse(os.path.exists(self.path))


class Image(Files):
    def test_blocks_behind_each_other(self):
        scalar, vector = self.random.normal(size=(5, 6, 7)), self.random.integers(0, 9, (5, 6, 7, 3), "i2")
        for split in 0, 1, 2:
            mine = {name: np.array_split(whole, self.comm.size, split)[self.comm.rank]
                    for name, whole in (("s", scalar), ("v", vector))}
            vis.write_image(self.path, mine, split, self.comm, spacing=(1, 2, 3), origin=(4, 5, 6))

            def check(group):
                self.is_kind(group, "ImageData")
                self.assertEqual(group.attrs["WholeExtent"].tolist(), [0, 6, 0, 5, 0, 4])
                self.assertEqual(group.attrs["Spacing"].tolist(), [1, 2, 3])
                self.assertEqual(group.attrs["Origin"].tolist(), [4, 5, 6])
                self.assertEqual(group.attrs["Direction"].shape, (9,))
                for name, whole in ("s", scalar), ("v", vector):
                    stored = group["PointData"][name]
                    self.assertEqual(stored.dtype, whole.dtype)
                    np.testing.assert_array_equal(stored[...], whole)
            self.look(check)

    def test_blocks_that_say_where_they_are(self):
        whole = self.random.normal(size=(4, 3, 4 * self.comm.size))
        first, last = 4 * self.comm.rank, min(4 * self.comm.rank + 4, whole.shape[2] - 1)    # sharing a point
        vis.write_image(self.path, {"u": whole[:, :, first:last + 1]}, comm=self.comm,
                        extent=(first, last, 0, 2, 0, 3))
        self.look(lambda group: np.testing.assert_array_equal(group["PointData/u"][...], whole))

    def test_flat_grids(self):
        """The axis with one point is the file's x."""
        whole = self.random.normal(size=(6, 5))
        mine = np.array_split(whole, self.comm.size)[self.comm.rank]
        vis.write_image(self.path, {"u": mine, "on": mine > 0}, comm=self.comm, spacing=(1, 2, 3),
                        origin=(4, 5, 6))

        def check(group):
            self.assertEqual(group.attrs["WholeExtent"].tolist(), [0, 0, 0, 4, 0, 5])
            self.assertEqual(group.attrs["Origin"].tolist(), [6, 4, 5])
            self.assertEqual(group.attrs["Spacing"].tolist(), [3, 1, 2])
            self.assertEqual(group.attrs["Direction"].tolist(), np.eye(3).ravel().tolist())
            np.testing.assert_array_equal(group["PointData/u"][...], whole[:, :, None])
            self.assertEqual(group["PointData/on"].dtype, "u1")
        self.look(check)
        vis.write_image(self.path, {"u": mine[:, None]}, comm=self.comm, spacing=(1, 2, 3))

        def check_upright(group):
            self.assertEqual(group.attrs["WholeExtent"].tolist(), [0, 0, 0, 4, 0, 5])
            self.assertEqual(group.attrs["Spacing"].tolist(), [2, 1, 3])
            self.assertEqual(group.attrs["Direction"].tolist(), np.eye(3).ravel().tolist())
            np.testing.assert_array_equal(group["PointData/u"][...], whole[:, :, None])
        self.look(check_upright)

    def test_refused(self):
        block, rank = np.zeros((2, 3, 4)), self.comm.rank
        for kind, words, call in (
                (ValueError, "complex", lambda: vis.write_image(self.path, {"u": block * 1j}, comm=self.comm)),
                (ValueError, "no fields", lambda: vis.write_image(self.path, {}, comm=self.comm)),
                (ValueError, "does not fit", lambda: vis.write_image(
                    self.path, {"u": block, "v": block[1:]}, comm=self.comm)),
                (ValueError, "extent", lambda: vis.write_image(
                    self.path, {"u": block}, comm=self.comm, extent=(0, 1, 0, 1, 0, 1))),
                (ValueError, "two axes", lambda: vis.write_image(
                    self.path, {"u": block[0, 0, :0] if rank else block[0, 0]}, comm=self.comm)),
                (ValueError, "begin at", lambda: vis.write_image(
                    self.path, {"u": block}, comm=self.comm, extent=(1, 4, 0, 2, 0, 1)))):
            with self.subTest(words):
                self.refused(kind, call, words)
        if self.comm.size > 1:
            self.refused(ValueError, lambda: vis.write_image(
                self.path, {"u": block[:, rank:]}, comm=self.comm), "differ beside")
            self.refused(io.Disagreement, lambda: vis.write_image(
                self.path, {"u" * (1 + rank): block}, comm=self.comm), "the fields")


class Pieces(Files):
    def piece(self, rank):
        """A strip of triangles, longer on each rank; none on rank 1."""
        count = 0 if rank == 1 else rank + 2
        points = np.column_stack([np.arange(count + 2.0) / 2 + 100 * rank, np.arange(count + 2) % 2])
        cells = np.arange(count)[:, None] + [0, 1, 2]
        return (points, cells) if count else (points[:0], cells)

    def check(self, group, kind):
        self.is_kind(group, "UnstructuredGrid")
        pieces = [self.piece(rank) for rank in range(self.comm.size)]
        self.assertEqual(group["NumberOfPoints"][...].tolist(), [len(points) for points, _ in pieces])
        self.assertEqual(group["NumberOfCells"][...].tolist(), [len(cells) for _, cells in pieces])
        self.assertEqual(group["NumberOfConnectivityIds"][...].tolist(), [cells.size for _, cells in pieces])
        np.testing.assert_array_equal(group["Points"][:, :2], np.concatenate([points for points, _ in pieces]))
        self.assertEqual(group["Points"].shape[1], 3)
        np.testing.assert_array_equal(group["Connectivity"][...],
                                      np.concatenate([cells.ravel() for _, cells in pieces]))
        np.testing.assert_array_equal(group["Offsets"][...], np.concatenate(
            [3 * np.arange(len(cells) + 1) for _, cells in pieces]))
        self.assertEqual((group["Types"].dtype, set(group["Types"][...])), (np.dtype("u1"), {kind}))
        self.assertEqual(group["CellData/rank"][...].tolist(),
                         [rank for rank, (_, cells) in enumerate(pieces) for _ in cells])

    def test_unstructured(self):
        points, cells = self.piece(self.comm.rank)
        data = {"rank": np.full(len(cells), self.comm.rank)}
        vis.write_unstructured(self.path, points, cells, 5, {"x": points[:, 0]}, data, self.comm)
        self.look(lambda group: self.check(group, 5))
        pair = cells.reshape(-1), 3 * np.arange(len(cells) + 1)
        vis.write_unstructured(self.path, points, pair, np.full(len(cells), 5), {"x": points[:, 0]}, data, self.comm)
        self.look(lambda group: self.check(group, 5))

    def test_poly(self):
        points, cells = self.piece(self.comm.rank)
        vis.write_poly(self.path, points, cells, {"x": points[:, 0]}, {"rank": np.full(len(cells), self.comm.rank)},
                       self.comm)
        self.look(lambda group: self.check(group, 5))
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
        polys = np.array([0, 1, 2, 3, 0, 1, 2]), np.array([0, 4, 7])
        vis.write_poly(self.path, square, polys, comm=self.comm, lines=[[0, 2], [1, 3]])

        def check(group):
            self.assertEqual(group["Types"][...].tolist(), [9, 5, 3, 3] * self.comm.size)
            self.assertEqual(group["Offsets"][...].tolist(), [0, 4, 7, 9, 11] * self.comm.size)
        self.look(check)

    def test_surface(self):
        """A surface's cells lie by their kinds, and their data with them."""
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
        polys = np.array([0, 1, 2, 3, 0, 1, 2]), np.array([0, 4, 7])
        lines = np.array([1, 3, 2]), np.array([0, 2, 3])
        with_lines = self.comm.rank % 2 == 0
        data = [10, 11, 20, 30] if with_lines else [10, 11]
        vis.write_poly(self.path, square, polys, None, {"x": data}, self.comm, lines=lines if with_lines else None,
                       surface=True)
        odd, even = self.comm.size // 2, (self.comm.size + 1) // 2

        def each(first, second):
            return sum(((second if rank % 2 else first) for rank in range(self.comm.size)), [])

        def check(group):
            self.assertEqual(group.attrs["Type"], b"PolyData")
            self.assertEqual(group["CellData/x"][...].tolist(), each([30, 20, 10, 11], [10, 11]))
            self.assertEqual(group["Vertices/Connectivity"][...].tolist(), [2] * even)
            self.assertEqual(group["Lines/Connectivity"][...].tolist(), [1, 3] * even)
            self.assertEqual(group["Lines/Offsets"][...].tolist(), each([0, 2], [0]))
            self.assertEqual(group["Polygons/Offsets"][...].tolist(), [0, 4, 7] * (even + odd))
            self.assertEqual(group["Polygons/NumberOfCells"][...].tolist(), [2] * (even + odd))
            self.assertEqual(group["Strips/Offsets"][...].tolist(), [0] * (even + odd))
        self.look(check)

    def test_refused(self):
        points, cells = np.zeros((3, 3)), np.array([[0, 1, 2]])
        for words, call in (
                ("name points", lambda: vis.write_unstructured(self.path, points, cells + 1, 5, comm=self.comm)),
                ("points of shape", lambda: vis.write_poly(self.path, points[0], cells, comm=self.comm)),
                ("for 3 points", lambda: vis.write_poly(
                    self.path, points, cells, {"u": np.zeros(4)}, comm=self.comm)),
                ("end at", lambda: vis.write_poly(
                    self.path, points, (cells[0], np.array([0, 2])), comm=self.comm))):
            with self.subTest(words):
                self.refused(ValueError, call, words)


class Times(Files):
    def test_series(self):
        steps = vis.Series(self.path, self.comm)
        for time in 0.5, 1.25:
            steps.write_image(time, {"u": np.full((2, 3, 4), time)})
        self.comm.barrier()
        with open(self.path + ".series", encoding="utf-8") as file:
            told = json.load(file)
        self.assertEqual(told, {"file-series-version": "1.0", "files": [
            {"name": "a-0000.hdf", "time": 0.5}, {"name": "a-0001.hdf", "time": 1.25}]})
        self.assertEqual(h5.File(os.path.join(self.folder, "a-0001.hdf"))["VTKHDF/PointData/u"].shape,
                         (2 * self.comm.size, 3, 4))
        self.comm.barrier()


support.main()
