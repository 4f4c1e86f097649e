"""pympi.h5: bad names and values, on all ranks or on some, are refused on all, and change nothing."""
# timeout: 180
# SPDX-License-Identifier: MIT

import time

import h5cases
import mpi
import support

LIMIT = 2.0     # seconds, on a machine that is not busy


class Mistakes(h5cases.Files):
    over = ("world",)

    @property
    def odd(self):
        """True on one rank, not the first."""
        return self.comm.rank == self.comm.size - 1

    def bad(self):
        """(what, call(file), good call): each is refused, whoever makes it."""
        np = self.np
        return (
            ("no name", lambda f: f.create_group(""), lambda f: f.create_group("a")),
            ("a name with a null", lambda f: f.create_group("a\0b"), lambda f: f.create_group("a")),
            ("a name that is no text", lambda f: f.create_group(7), lambda f: f.create_group("a")),
            ("a group in a dataset", lambda f: f.create_group("before/a"), lambda f: f.create_group("a")),
            ("a negative length", lambda f: f.create_dataset("a", (-3,)), lambda f: f.create_dataset("a", (3,))),
            ("too many elements", lambda f: f.create_dataset("a", (2**70,)), lambda f: f.create_dataset("a", (3,))),
            ("too many axes", lambda f: f.create_dataset("a", (1,) * 40), lambda f: f.create_dataset("a", (3,))),
            ("no shape", lambda f: f.create_dataset("a"), lambda f: f.create_dataset("a", (3,))),
            ("data of another shape", lambda f: f.create_dataset("a", (3,), data=[1, 2]),
             lambda f: f.create_dataset("a", (2,), data=[1, 2])),
            ("a type that HDF5 has not", lambda f: f.create_dataset("a", (3,), "M8[s]"),
             lambda f: f.create_dataset("a", (3,), "i8")),
            ("any object", lambda f: f.create_dataset("a", data=[object()]), lambda f: f.create_dataset("a", data=[1])),
            ("chunks beyond the shape", lambda f: f.create_dataset("a", (3,), chunks=(9,)),
             lambda f: f.create_dataset("a", (3,), chunks=(3,))),
            ("chunks of no length", lambda f: f.create_dataset("a", (3,), chunks=(0,)),
             lambda f: f.create_dataset("a", (3,), chunks=(3,))),
            ("an unknown filter", lambda f: f.create_dataset("a", (3,), compression="zip"),
             lambda f: f.create_dataset("a", (3,), compression="gzip")),
            ("a level that gzip has not", lambda f: f.create_dataset("a", (3,), compression=11),
             lambda f: f.create_dataset("a", (3,), compression=1)),
            ("an unknown option", lambda f: f.create_dataset("a", (3,), colour="red"),
             lambda f: f.create_dataset("a", (3,))),
            ("an attribute of any object", lambda f: f.attrs.update(a=object()), lambda f: f.attrs.update(a=1)),
            ("an attribute of 64 KiB", lambda f: f.attrs.update(a=np.zeros(9000)), lambda f: f.attrs.update(a=1)),
            ("an attribute's name with a null", lambda f: f.attrs.update({"a\0b": 1}), lambda f: f.attrs.update(a=1)),
            ("no such attribute", lambda f: f.attrs.__delitem__("a"), lambda f: f.attrs.update(a=1)),
            ("no such name", lambda f: f.__delitem__("a"), lambda f: f.create_group("a")),
            ("moved from nowhere", lambda f: f.move("q", "a"), lambda f: f.create_group("a")),
            ("moved onto another", lambda f: f.move("more", "before"), lambda f: f.create_group("a")),
            ("a text for a number", lambda f: f["more"].__setitem__(0, "x"), lambda f: f["more"].__setitem__(0, 4)),
            ("a shape that does not fit", lambda f: f["more"].__setitem__(slice(0, 3), [1, 2]),
             lambda f: f["more"].__setitem__(0, 4)),
            ("an index that is none", lambda f: f["more"].__setitem__(1.5, 1), lambda f: f["more"].__setitem__(0, 4)),
            ("a step backwards", lambda f: f["more"].__setitem__(slice(None, None, -1), 1),
             lambda f: f["more"].__setitem__(0, 4)),
            ("a negative shape", lambda f: f["long"].resize((-1,)), lambda f: f["long"].resize((4,))),
            ("beyond maxshape", lambda f: f["long"].resize((99,)), lambda f: f["long"].resize((4,))),
            ("not resizable", lambda f: f["more"].resize((2,)), lambda f: f["long"].resize((4,))),
            ("a part without axes", lambda f: f.save("a", 1.0), lambda f: f.save("a", np.ones(3))),
            ("no such axis", lambda f: f.save("a", np.ones(3), 1), lambda f: f.save("a", np.ones(3))),
            ("parts that do not fill it", lambda f: f["more"].write(np.ones(4)), lambda f: f["more"].__setitem__(0, 4)))

    def refused(self, what, act):
        """act() raises on every rank, in time, and not that something is broken."""
        start = time.process_time()
        try:
            act()
        except self.h5.Disagreement as e:
            text = f"Disagreement: {e}"
        except (TypeError, ValueError, KeyError, OSError, OverflowError, IndexError, RuntimeError, mpi.PeerError) as e:
            text = f"{type(e).__name__}: {e}"
        else:
            text = ""
        texts = self.everywhere(text)
        self.assertTrue(all(texts), (what, texts))
        self.assertFalse([t for t in texts if "different files" in t or "failed on" in t], (what, texts))
        self.assertLess(time.process_time() - start, LIMIT, what)

    def check_bad(self, which):
        """One file goes through all of it: what was refused has changed nothing, on no rank."""
        with self.file() as f:
            f["before"] = 1
            f["more"] = [1, 2, 3]
            f.create_dataset("long", (5,), "i4", maxshape=(9,), chunks=(2,))
            for what, bad, good in self.bad():
                self.refused(what, lambda: (bad if which(self.comm.rank) else good)(f))
                self.assertEqual((sorted(f), f["long"].shape, f["more"][...].tolist(), dict(f.attrs)),
                                 (["before", "long", "more"], (5,), [1, 2, 3], {}), what)
            f["after"] = 2
        with self.file("r") as f:
            self.assertEqual(sorted(f), ["after", "before", "long", "more"])

    def test_bad_names_and_values(self):
        self.check_bad(lambda rank: True)

    def test_bad_names_and_values_of_one_rank(self):
        self.need(2)
        self.check_bad(lambda rank: self.odd)

    def test_bad_names_and_values_of_all_but_one(self):
        self.need(2)
        self.check_bad(lambda rank: not self.odd)


support.main()
