"""pympi.h5: slabs that hypothesis draws, of unequal sizes, empty, with steps and lists, written and read by ranks."""
# timeout: 180
# leaves: hypothesis*
# SPDX-License-Identifier: MIT

import os
import tempfile
import unittest

import h5cases
import support

try:
    import hypothesis
    from hypothesis import strategies as st
except ImportError as missing:
    raise unittest.SkipTest(str(missing)) from None

hypothesis.configuration.set_hypothesis_home_dir(os.path.join(tempfile.gettempdir(), "hypothesis"))
# The same examples on all ranks: see test_random.py.
SETTINGS = hypothesis.settings(
    max_examples=100 if support.FULL else 12, deadline=None, database=None,
    verbosity=hypothesis.Verbosity.quiet, report_multiple_bugs=False,
    phases=[hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck))
LAYOUTS = ("contiguous", "chunked", "packed", "checked", "resizable", "compact")


def options(layout, shape, draw):
    """create_dataset's, with chunks of any shape."""
    chunks = tuple(draw(st.integers(1, max(1, n))) for n in shape)
    return {
        "contiguous": {}, "compact": {"compact": True}, "chunked": {"chunks": chunks},
        "packed": {"chunks": chunks, "compression": 1, "shuffle": True},
        "checked": {"chunks": chunks, "fletcher32": True},
        "resizable": {"chunks": chunks, "maxshape": (None,) * len(shape)}}[layout]


@st.composite
def parts(draw, low, high, lists=True):
    """An index of elements from low up to high, which is not among them; it may take none."""
    kinds = ["slice", "slice", "nothing"] + ["one"] * (high > low) + ["list"] * lists
    kind = draw(st.sampled_from(kinds))
    if kind == "slice":
        start = draw(st.integers(low, high))
        return slice(start, draw(st.integers(start, high)), draw(st.integers(1, 4)))
    if kind == "nothing":
        return slice(low, low)
    if kind == "one":
        return draw(st.integers(low, high - 1))
    chosen = draw(st.lists(st.booleans(), min_size=high - low, max_size=high - low))
    return [low + i for i, taken in enumerate(chosen) if taken]


@st.composite
def selections(draw, shape, size):
    """An index for each rank; no two ranks take the same elements."""
    axis = draw(st.integers(0, len(shape) - 1))
    cuts = [0, *sorted(draw(st.lists(st.integers(0, shape[axis]), min_size=size - 1, max_size=size - 1))), shape[axis]]
    every = []
    for low, high in zip(cuts, cuts[1:]):
        index = []
        for i, length in enumerate(shape):
            lists = not any(isinstance(part, list) for part in index)
            index.append(draw(parts(low, high, lists) if i == axis else parts(0, length, lists)))
        every.append(tuple(index))
    return every


class Slabs(h5cases.Files):
    def numpy_index(self, index, shape):
        """The same for NumPy, which would broadcast a list with a number."""
        np = self.np
        full = [np.arange(n)[part] if isinstance(part, slice) else np.atleast_1d(np.array(part, int))
                for part, n in zip(index, shape)]
        return np.ix_(*full), tuple(len(a) for a, part in zip(full, index) if not isinstance(part, int))

    @SETTINGS
    @hypothesis.seed(support.SEED)
    @hypothesis.given(st.data())
    def draw_and_compare(self, data):
        np, draw = self.np, data.draw
        shape = tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)))
        dtype = draw(st.sampled_from(("i2", ">f8", "c8", "?", "u1", "S3")))
        layout = draw(st.sampled_from(LAYOUTS))
        how = options(layout, shape, draw) if 0 not in shape else {}
        expected = np.zeros(shape, dtype)
        with self.file() as f:
            d = f.create_dataset("d", shape, dtype, **how)
            for step in range(draw(st.integers(1, 4))):
                chosen = draw(selections(shape, self.comm.size))
                for rank, index in enumerate(chosen):
                    at, full = self.numpy_index(index, shape)
                    value = np.asarray(np.arange(np.prod(full, dtype=int)) + 7 * rank + step).astype(dtype).reshape(full)
                    value = value if draw(st.booleans()) else np.asarray(rank + step).astype(dtype)[()]
                    expected[at] = np.broadcast_to(value, full).reshape(expected[at].shape)
                    if rank == self.comm.rank:
                        own = value
                d[chosen[self.comm.rank]] = own
                self.assertEqual(d[...].tobytes(), expected.tobytes(), (how, chosen))
                if draw(st.booleans()):
                    f.flush()
            for index in draw(selections(shape, 3)):
                at, full = self.numpy_index(index, shape)
                got = d[index]
                self.assertEqual((np.shape(got), np.asarray(got, dtype).tobytes()), (full, expected[at].tobytes()), index)
        self.check_by_h5py(expected)
        self.comm.barrier()

    def check_by_h5py(self, expected):
        try:
            got = self.by_h5py(lambda f: f["d"][...].tobytes())
        except unittest.SkipTest:
            return
        self.assertEqual(got, expected.tobytes())

    def test_slabs(self):
        self.draw_and_compare()


support.main()
