"""Random values, nested and of NumPy's, around and through collectives; drawn alike by all ranks."""
# SPDX-License-Identifier: MIT
# timeout: 600
# leaves: hypothesis*

import decimal
import functools
import operator
import os
import tempfile
import unittest

import mpi
import support
import values

try:
    import hypothesis
    import numpy as np
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as nst
except ImportError as missing:
    raise unittest.SkipTest(str(missing)) from None

# What it keeps of Unicode goes with the test, not into the sources.
hypothesis.configuration.set_hypothesis_home_dir(os.path.join(tempfile.gettempdir(), "hypothesis"))
# The same examples on all ranks: drawn from the seed, never from what an earlier run left or how
# long something took. A rank that alone finds a failure would go on alone to shrink it.
SETTINGS = hypothesis.settings(
    max_examples=80 if support.FULL else 12, deadline=None, database=None,
    verbosity=hypothesis.Verbosity.quiet, report_multiple_bugs=False,
    phases=[hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck))

# NumPy's pickles may lose the order of bytes: within other values it is the machine's.
KINDS = (nst.boolean_dtypes() | nst.integer_dtypes(endianness="=") | nst.byte_string_dtypes()
         | nst.unsigned_integer_dtypes(endianness="=") | nst.floating_dtypes(endianness="=")
         | nst.complex_number_dtypes(endianness="=") | nst.datetime64_dtypes(endianness="=")
         | nst.timedelta64_dtypes(endianness="=") | nst.unicode_string_dtypes(endianness="="))
ORDERED = KINDS | nst.integer_dtypes(endianness=">") | nst.floating_dtypes(endianness=">")
SHAPES = nst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=7)


@st.composite
def arrays(draw, kinds=KINDS):
    """Of any type, shape and layout, sometimes much larger than it was drawn."""
    a = draw(nst.arrays(draw(kinds), draw(SHAPES)))
    times = draw(st.sampled_from((1, 1, 1, 40, 900)))
    a = np.repeat(a, times, 0) if a.ndim and a.size * times < 2_000_000 else a
    layout = draw(st.sampled_from("CFTRS"))
    return {"C": lambda: a, "F": lambda: np.asfortranarray(a), "T": lambda: a.T,
            "R": lambda: a[::-1] if a.ndim else a, "S": lambda: a[..., ::2] if a.ndim else a}[layout]()


LEAVES = (st.none() | st.booleans() | st.integers() | st.integers(-2**70, 2**70) | st.floats()
          | st.complex_numbers() | st.text(max_size=300) | st.binary(max_size=9000)
          | st.binary(max_size=50).map(lambda b: b * 1000) | st.binary(max_size=500).map(bytearray)
          | st.decimals() | st.fractions() | st.dates() | st.uuids() | arrays())
HASHABLE = st.integers() | st.text(max_size=20) | st.booleans() | st.none() | st.binary(max_size=20)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=5) | st.tuples(inner, inner)
    | st.dictionaries(HASHABLE, inner, max_size=5) | st.builds(values.Plain, a=inner)
    | st.frozensets(HASHABLE, max_size=5), max_leaves=20)


def drawn(*strategies):
    """A test that gets values from the strategies."""
    def wrap(test):
        given = hypothesis.given(st.tuples(*strategies))(lambda self, some: test(self, *some))
        return functools.wraps(test, assigned=("__name__", "__doc__"), updated=())(
            _without_signature(SETTINGS(hypothesis.seed(support.SEED)(given))))
    return wrap


def _without_signature(test):
    return lambda self: test(self)


def difference(a, b, path="value"):
    """The first place at which they differ, with both; None where they are the same."""
    if isinstance(a, values.Plain) and type(a) is type(b):
        return difference(vars(a), vars(b), path)
    if type(a) is type(b) and isinstance(a, dict):
        return difference(list(a.items()), list(b.items()), path)
    if type(a) is type(b) and isinstance(a, (list, tuple)) and len(a) == len(b):
        found = (difference(x, y, f"{path}[{i}]") for i, (x, y) in enumerate(zip(a, b)))
        return next(filter(None, found), None)
    alike = str(a) == str(b) if isinstance(a, decimal.Decimal) else values.same(a, b, np)
    return None if alike else f"{path} is {values.show(a)}, not {values.show(b)}"


class Random(support.Comms):
    def equal(self, got, want):
        self.assertIsNone(difference(got, want))

    def test_all_ranks_draw_alike(self):
        seen = []

        @SETTINGS
        @hypothesis.seed(support.SEED)
        @hypothesis.given(VALUES)
        def draw(value):
            seen.append(value)
        draw()
        self.assertGreaterEqual(len(seen), 12)
        self.equal(self.comm.allgather(seen), [seen] * self.comm.size)

    @drawn(VALUES, st.integers(0, 1000))
    def test_around(self, value, tag):
        receive = self.comm.irecv(self.left(), tag)
        send = self.comm.isend(value, self.right(), tag)
        self.equal(receive.wait(), value)
        send.wait()
        self.equal(self.comm.sendrecv(value, self.right(), tag, self.left(), tag), value)

    @drawn(st.lists(VALUES, min_size=4, max_size=4), st.integers(0, 3))
    def test_collectives(self, some, root):
        mine, size, me = some[:self.comm.size], self.comm.size, self.comm.rank
        root %= size
        self.equal(self.comm.bcast(mine[root] if me == root else None, root), mine[root])
        self.equal(self.comm.allgather(mine[me]), mine)
        self.equal(self.comm.gather(mine[me], root), mine if me == root else None)
        self.equal(self.comm.scatter(mine if me == root else None, root), mine[me])
        self.equal(self.comm.alltoall([(me, v) for v in mine]), [(r, mine[me]) for r in range(size)])
        requests = [self.comm.ibcast(mine[root] if me == root else None, root),
                    self.comm.iallgather(mine[me])]
        self.equal(mpi.wait_all(requests), [mine[root], mine])

    @drawn(st.lists(VALUES, min_size=4, max_size=4))
    def test_reductions_in_rank_order(self, some):
        mine, me = [[v] for v in some[:self.comm.size]], self.comm.rank
        want = functools.reduce(operator.add, mine)
        self.equal(self.comm.allreduce(mine[me]), want)
        self.equal(self.comm.scan(mine[me]), functools.reduce(operator.add, mine[:me + 1]))
        got = self.comm.reduce(mine[me], operator.concat, self.comm.size - 1)
        self.equal(got, want if me == self.comm.size - 1 else None)

    @drawn(st.lists(st.integers(-2**66, 2**66) | st.integers(-9, 9) | st.booleans(),
                    min_size=4, max_size=4))
    def test_whole_numbers(self, some):
        mine = some[:self.comm.size]
        for op, function in ((mpi.SUM, operator.add), (mpi.PROD, operator.mul), (mpi.MIN, min),
                             (mpi.MAX, max), (mpi.BXOR, operator.xor)):
            self.equal(self.comm.allreduce(mine[self.comm.rank], op), functools.reduce(function, mine))

    @drawn(arrays(nst.integer_dtypes(endianness="=") | nst.unsigned_integer_dtypes(endianness="=")
                  | nst.boolean_dtypes()))
    def test_arrays_of_whole_numbers(self, a):
        mine = [a ^ a.dtype.type(r % 2) for r in range(self.comm.size)]
        for op, function in ((mpi.SUM, np.add), (mpi.MAX, np.maximum), (mpi.BOR, np.bitwise_or)):
            want = functools.reduce(function, mine)
            got = self.comm.allreduce(mine[self.comm.rank], op)
            self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape))
            self.assertTrue(np.array_equal(got, want))

    @drawn(arrays(ORDERED), st.integers(-4, 3))
    def test_axis(self, a, axis):
        if not -a.ndim <= axis < a.ndim:
            return
        size, me = self.comm.size, self.comm.rank
        parts = np.array_split(a, size, axis)
        self.equal(self.comm.scatter(a if me == 0 else None, axis=axis), parts[me])
        self.equal(self.comm.allgather(parts[me], axis=axis), np.concatenate(parts, axis))
        self.equal(self.comm.alltoall(a, axis=axis), np.concatenate([parts[me]] * size, axis))

    @drawn(arrays(ORDERED))
    def test_into(self, a):
        for target in np.empty_like(a), np.empty(a.shape, a.dtype, "F"), np.empty(a.size, a.dtype):
            send = self.comm.isend(a, self.right())
            self.assertIs(self.comm.recv(self.left(), into=target), target)
            send.wait()
            self.equal(target, a.reshape(target.shape))


support.main()
