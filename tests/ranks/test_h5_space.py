"""pympi.h5: space that was freed, files that were published: what was flushed is not written over."""
# timeout: 120
# SPDX-License-Identifier: MIT

import os
import shutil
import warnings

import h5cases
import support


class Space(h5cases.Files):
    def flushed(self, name="x"):
        """A copy of what the disk has of a file that is being written, opened to read."""
        work = self.path(name) + ".partial"
        copy = self.path("copy")
        if self.comm.rank == 0:
            shutil.copy(work if os.path.exists(work) else self.path(name), copy)
        self.comm.barrier()
        return self.h5.File(copy)

    def test_new_space_reads_as_zeros(self):
        with self.file() as f:
            for count in 1000, 100_000:
                f["old"] = self.np.ones(count)
                del f["old"]
                new = f.create_dataset(f"new{count}", (count,), "f8")
                self.assertEqual(self.np.count_nonzero(new[...]), 0)

    def test_what_was_shrunk_reads_as_zeros(self):
        np = self.np
        with self.file() as f:
            for i, options in enumerate(({}, {"compression": 1}, {"compression": 1, "fletcher32": True})):
                d = f.create_dataset(f"d{i}", (10,), "i8", chunks=(10,), maxshape=(None,), **options)
                d[...] = np.arange(10) // 5
                d.resize((5,))
                d.resize((10,))
                self.assertEqual(d[...].tolist(), [0] * 10)
                d[...] = np.arange(10)
                d.resize((7,))
                d.resize((12,))
                self.assertEqual(d[...].tolist(), [0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0])
        self.assertEqual(self.by_h5py(lambda f: f["d2"][...].tolist()), [0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0])

    def check_flushed(self):
        """What was flushed is there, though all of it was deleted and as much written behind it."""
        np = self.np
        sizes = {f"d{i}": n for i, n in enumerate([10, 3000, 10, 100_000, 10, 10_000])}
        with self.file("a" if os.path.exists(self.path()) else "w") as f:
            for name, count in sizes.items():
                f[name] = np.full(count, count)
            f.create_dataset("packed", data=np.arange(5000), chunks=(500,), compression=1)
            f.flush()
            for name in reversed(sizes):
                del f[name]
            f["packed"][...] = np.arange(5000)[::-1]
            for name, count in sizes.items():
                f[f"new {name}"] = np.full(count, -1)
            with self.flushed() as old:
                for name, count in sizes.items():
                    self.assertEqual(old[name][...].tolist(), [count] * count, name)
                self.assertEqual(old["packed"][...].tolist(), list(range(5000)))
            self.comm.barrier()
            for name in [*f]:
                del f[name]

    def test_flushed_and_deleted(self):
        """Of a new file, and of one that is changed in place."""
        self.check_flushed()
        self.comm.barrier()
        self.check_flushed()

    def test_packed_chunks_of_equal_size(self):
        """They are not put over each other, for half of each could not be unpacked."""
        with self.file() as f:
            d = f.create_dataset("d", (100,), "i8", chunks=(100,), compression=1, fletcher32=True)
            d[...] = 1
            f.flush()
            end = f._state.store.end
            d[...] = 2
            self.assertGreater(f._state.store.end, end)
            with self.flushed() as old:
                self.assertEqual(set(old["d"][...]), {1})
            self.comm.barrier()
        self.assertEqual(self.by_h5py(lambda f: set(f["d"][...].tolist())), {2})

    def test_the_file_ends_where_its_structure_does(self):
        with self.file() as f:
            f["d"] = self.np.ones(100_000)
            end = f._state.store.end
        self.assertEqual(os.path.getsize(self.path()), end)


class Journals(h5cases.Files):
    """What a job leaves that dies while it publishes."""
    over = ("world",)

    def leave_journal(self):
        """The file has "v"; a journal beside it adds "late". Rank 0 only; nothing of it is applied."""
        import _pympi_h5
        if self.comm.rank == 0:
            path = self.path()
            fd = os.open(path, os.O_RDWR)
            store = _pympi_h5.Store(fd, True)
            file = _pympi_h5.file_open(path.encode(), store)
            _pympi_h5.group_create(file, b"late", False)
            _pympi_h5.file_close(file)
            with open(path + ".journal", "wb") as journal:
                store.journal(journal.fileno())
            os.close(fd)
        self.comm.barrier()

    def setUp(self):
        super().setUp()
        with self.file() as f:
            f["v"] = 1
        self.leave_journal()

    def names(self):
        with self.file("r") as f:
            return sorted(f)

    def test_all_ranks_find_it(self):
        """They open the file at the same time, and one of them applies it."""
        for _ in range(5):
            self.comm.barrier()
            self.assertEqual(self.names(), ["late", "v"])
            self.comm.barrier()
            with self.file() as f:
                f["v"] = 1
            self.leave_journal()

    def test_it_is_half_applied(self):
        """Any part of it may have come to the file."""
        if self.comm.rank == 0:
            with open(self.path(), "rb") as f:
                before = f.read()
            with open(self.path() + ".journal", "rb") as f:
                journal = f.read()
            self.assertEqual(self.h5.File(self.path())["v"][()], 1)
            with open(self.path(), "rb") as f:
                after = f.read()
            for cut in (0, 20, 96, 4096, len(after) // 2, len(after)):
                with open(self.path(), "wb") as f:
                    f.write(after[:cut] + before[cut:])
                with open(self.path() + ".journal", "wb") as f:
                    f.write(journal)
                with self.h5.File(self.path()) as f:
                    self.assertEqual(sorted(f), ["late", "v"], cut)
                with open(self.path(), "rb") as f:
                    self.assertEqual(f.read(), after)
        self.comm.barrier()

    def test_another_file_of_that_name(self):
        """A journal is for one file, whatever has its name now."""
        if self.comm.rank == 0:
            os.unlink(self.path())
            with h5cases.h5py_or_skip().File(self.path(), "w", libver="latest") as f:
                f["other"] = list(range(5000))
        self.comm.barrier()
        self.assertEqual(self.names(), ["other"])
        self.comm.barrier()
        self.assertFalse(os.path.exists(self.path() + ".journal"))

    def test_a_new_file_takes_the_name(self):
        with self.file() as f:
            f["new"] = 1
        self.assertEqual(self.names(), ["new"])
        self.comm.barrier()
        if self.comm.rank == 0:
            with open(self.path() + ".journal", "wb") as f:
                f.write(b"of a file that somebody took away")
            os.unlink(self.path())
        self.comm.barrier()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with self.file() as f:
                f["newer"] = 1
            self.comm.barrier()
            self.assertEqual(self.names(), ["newer"])


support.main()
