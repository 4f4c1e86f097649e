"""pympi.h5: what a user of h5py expects beside, on all ranks."""
# timeout: 120
# SPDX-License-Identifier: MIT

import h5cases
import support


class Habits(h5cases.Files):
    def test_attributes_in_place_of_others(self):
        """The old value stays where the new one cannot be; modify() keeps the type."""
        np = self.np
        with self.file() as f:
            f.attrs["a"] = np.float32(1)
            self.raises_everywhere(Exception, lambda: f.attrs.__setitem__("a", np.zeros(20000)))
            self.assertEqual((f.attrs["a"], list(f.attrs)), (1, ["a"]))
            f.attrs.modify("a", 2)
            self.assertEqual((f.attrs["a"].dtype, f.attrs["a"]), ("f4", 2))
            self.raises_everywhere(TypeError, lambda: f.attrs.modify("a", [1, 2]))
            f.attrs["e"] = self.h5.Empty("f4")
            self.raises_everywhere(OSError, lambda: f.attrs.modify("e", 1))
            f.attrs["a"] = "text"
            f.attrs["b"] = [b"some", b"bytes"]
        self.assertEqual(self.by_h5py(lambda f: (f.attrs["a"], f.attrs["b"].tolist(), sorted(f.attrs))),
                         ("text", ["some", "bytes"], ["a", "b", "e"]))

    def test_types_with_names(self):
        with self.file() as f:
            f["type"] = self.np.dtype("i2")
            d = f.create_dataset("d", (3,), f["type"])
            f.attrs.create("a", 5, dtype=f["type"])
            d[...] = 7
            self.assertEqual((d.dtype, f.attrs["a"].dtype), ("i2", "i2"))
        self.assertTrue(self.by_h5py(lambda f: f["d"].id.get_type().committed()))

    def test_texts_and_dates(self):
        np, h5 = self.np, self.h5
        dates = np.array(["2020-01-01", "2021-02-03"], "M8[D]")
        with self.file() as f:
            d = f.create_dataset("text", (4,), h5.string_dtype(), fillvalue="bär")
            f.create_dataset("ascii", (2,), h5.string_dtype("ascii"), fillvalue=b"x")
            d[self.comm.rank:self.comm.rank + 1] = "mine"
            self.assertEqual(d.fillvalue, "bär".encode())
            self.raises_everywhere(UnicodeError, lambda: f["ascii"].__setitem__(0, "ä"))
            s = f.create_dataset("fixed", (2,), h5.string_dtype("utf-8", 5))
            s[...] = ["cù", "a"]
            f.create_dataset("dates", data=dates.astype(h5.opaque_dtype(dates.dtype)))
            f["bytes"] = np.bytes_("five5")
            big = f.create_dataset("big", (2,), "u8")
            big[...] = [2**63 - 1, 2**63]
        n = self.comm.size

        def look(f):
            return ([v.decode() for v in f["text"][...]], f["text"].fillvalue, f["fixed"].asstr()[...].tolist(),
                    f["dates"][...].tolist(), f["bytes"].dtype.str, f["big"][...].tolist(), f["ascii"][...].tolist())
        self.assertEqual(self.by_h5py(look), (
            (["mine"] * n + ["bär"] * 4)[:4], "bär".encode(), ["cù", "a"], dates.tolist(), "|S5",
            [2**63 - 1, 2**63], [b"x", b"x"]))

    def test_blocks_and_chunks(self):
        np, h5, whole = self.np, self.h5, self.np.arange(80).reshape(8, 10)
        with self.file() as f:
            d = f.create_dataset("d", data=whole, chunks=(3, 4))
            rows, columns = [1, 2, 5, 6], [0, 1, 3, 4, 6, 7]
            got = d[h5.MultiBlockSlice(1, 4, None, 2), h5.MultiBlockSlice(0, 3, 3, 2)]
            np.testing.assert_array_equal(got, whole[np.ix_(rows, columns)])
            d[h5.MultiBlockSlice(1, 4, None, 2), h5.MultiBlockSlice(0, 3, 3, 2)] = 0
            whole[np.ix_(rows, columns)] = 0
            np.testing.assert_array_equal(d[...], whole)
            self.assertRaises(ValueError, lambda: d[h5.MultiBlockSlice(count=9)])
            self.assertRaises(ValueError, h5.MultiBlockSlice, 0, 1, 1, 2)
            total = sum(int(d[part].sum()) for part in d.iter_chunks())
            self.assertEqual((len(list(d.iter_chunks())), total), (9, int(whole.sum())))
            self.assertEqual(list(d.iter_chunks(np.s_[2:5, 9])),
                             [(slice(2, 3, 1), slice(9, 10, 1)), (slice(3, 5, 1), slice(9, 10, 1))])
            out = np.zeros((2, 10))
            d.read_direct(out, np.s_[3:4], np.s_[1:])
            self.assertEqual(out[1].tolist(), whole[3].tolist())
            self.assertRaises(TypeError, d.read_direct, out)
            like = f.create_dataset_like("like", f.create_dataset("plain", (2, 3), "i4"))
            self.assertIsNone(like.chunks)

    def test_what_fits_into_a_selection(self):
        np = self.np
        with self.file() as f:
            d = f.create_dataset("d", (4, 3), "f4")
            d[:, 0] = np.ones((1, 1, 4))
            d[1:1] = np.empty(0)
            words = self.raises_everywhere(TypeError, lambda: d.__setitem__((slice(None), 1), np.ones((4, 1))))
            self.assertIn("(4, 1) -> (4,)", words[0])

    def test_without_a_name(self):
        with self.file() as f:
            g, d = f.create_group(None), f.create_dataset(None, (2,), "i4")
            self.assertEqual((g.name, d.name), (None, None))
            d[...] = 3
            f["named"], f["group"] = d, g
            self.assertEqual((f["named"][...].tolist(), d.name), ([3, 3], "/named"))

    def test_files_that_links_lead_to(self):
        with self.file("w", "y") as f:
            f["x"] = 5
        with self.file() as f:
            f["link"] = self.h5.ExternalLink(self.path("y"), "/x")
            thing = f["link"]
            self.assertEqual((thing[()], thing.file.filename, thing.file.mode), (5, self.path("y"), "r"))
            self.assertNotEqual(thing.file, f)
            self.assertEqual(thing.parent.name, "/")
            self.assertRaises(OSError, lambda: thing.attrs.__setitem__("a", 1))
            f["own"] = 1
        self.assertEqual(self.by_h5py(lambda f: f["link"][()]), 5)

    def test_arguments_of_files(self):
        import io
        for how, cls in (({"swmr": True}, ValueError), ({"userblock_size": 512}, ValueError),
                         ({"locking": "no"}, ValueError), ({"colour": 1}, TypeError)):
            words = self.raises_everywhere(cls, lambda how=how: self.h5.File(self.path(), "w", comm=self.comm, **how))
            self.assertIn(next(iter(how)), words[0])
        with self.h5.File(self.path(), "w", libver="latest", rdcc_nbytes=1 << 20, locking=True, comm=self.comm) as f:
            f.create_group("g")
        with self.file("r") as f:
            self.assertEqual((f.swmr_mode, f.userblock_size), (False, 0))
            self.assertRaises(io.UnsupportedOperation, f.create_group, "h")


support.main()
