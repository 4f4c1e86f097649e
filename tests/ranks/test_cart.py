"""Grids: making them, where their ranks are, neighbours, and collectives among these."""
# SPDX-License-Identifier: MIT

import itertools

import mpi
import support


def product(numbers):
    result = 1
    for n in numbers:
        result *= n
    return result


class Made(support.Comms):
    def test_number_of_dimensions(self):
        for count in (1, 2, 3):
            cart = self.comm.cart(count)
            self.assertIs(type(cart), mpi.Cart)
            self.assertIsInstance(cart, mpi.Comm)
            self.assertEqual((len(cart.dims), product(cart.dims)), (count, self.comm.size))
            self.assertEqual(cart.periods, (False,) * count)
            self.assertEqual(cart.allgather(cart.rank), list(range(self.comm.size)))

    def test_zeros_are_filled_in(self):
        self.assertEqual(self.comm.cart([0, 1]).dims, (self.comm.size, 1))
        self.assertEqual(self.comm.cart((self.comm.size, 0)).dims, (self.comm.size, 1))

    def test_ranks_left_over(self):
        cart = self.comm.cart([1])
        self.assertEqual(cart is None, self.comm.rank > 0)
        if cart:
            self.assertEqual((cart.size, cart.coords), (1, (0,)))

    def test_periods(self):
        self.assertEqual(self.comm.cart([0, 1], True).periods, (True, True))
        self.assertEqual(self.comm.cart([0, 1], [False, True]).periods, (False, True))

    def test_rank_order(self):
        """The last coordinate runs fastest."""
        cart = self.comm.cart(2)
        points = list(itertools.product(*map(range, cart.dims)))
        self.assertEqual(cart.coords, points[cart.rank])
        self.assertEqual([cart.coords_of(r) for r in range(cart.size)], points)
        self.assertEqual([cart.rank_of(p) for p in points], list(range(cart.size)))

    def test_wrong_arguments(self):
        size = self.comm.size
        for dims, error, text in (([size + 1], ValueError, "more than the"),
                                  ([2**31 - 1] * 3, ValueError, "more than the"),
                                  ([-1], ValueError, "-1 is not"), ([], ValueError, "entries"),
                                  ([1] * 17, ValueError, "17 entries"), (0, ValueError, "dims 0"),
                                  (2**80, ValueError, "dims"), (["a"], TypeError, "'a'"),
                                  (None, TypeError, "None"), ([1.5], TypeError, "1.5")):
            with self.subTest(dims), self.assertRaisesRegex(error, f"cart.*{text}"):
                self.comm.cart(dims)
        for periods, error in (([True], ValueError), ([1, 0, 1], ValueError), (3, TypeError)):
            with self.subTest(periods), self.assertRaisesRegex(error, "cart: periods"):
                self.comm.cart(2, periods)
        self.assertEqual(self.comm.allreduce(1), size)

    def test_dims_that_do_not_divide(self):
        self.need(3)
        if self.comm.size % 2:
            with self.assertRaisesRegex(ValueError, "do not divide"):
                self.comm.cart([2, 0])

    def test_ranks_that_differ(self):
        self.need(2)
        with self.assertRaisesRegex(ValueError, "rank 1 asked for"):
            self.comm.cart([1, self.comm.size] if self.comm.rank == 1 else [self.comm.size, 1])
        self.assertEqual(self.comm.allreduce(1), self.comm.size)


class Places(support.Comms):
    def test_shift_in_an_open_grid(self):
        cart, last = self.comm.cart(1), self.comm.size - 1
        rank = cart.rank
        self.assertEqual(cart.shift(0), (rank - 1 if rank else mpi.PROC_NULL,
                                         rank + 1 if rank < last else mpi.PROC_NULL))
        self.assertEqual(cart.shift(direction=0, by=-1), cart.shift(0)[::-1])
        self.assertEqual(cart.shift(0, 0), (rank, rank))
        self.assertEqual(cart.shift(0, cart.size), (mpi.PROC_NULL, mpi.PROC_NULL))

    def test_shift_in_a_closed_grid(self):
        cart = self.comm.cart(1, True)
        for by in (1, 2, -1, cart.size):
            self.assertEqual(cart.shift(0, by), ((cart.rank - by) % cart.size,
                                                 (cart.rank + by) % cart.size))

    def test_messages_along_a_shift(self):
        cart = self.comm.cart(1)
        behind, ahead = cart.shift(0)
        cart.send(cart.rank, ahead)
        self.assertEqual(cart.recv(behind), cart.rank - 1 if cart.rank else None)

    def test_neighbors(self):
        cart = self.comm.cart(2, [True, False])
        self.assertEqual(cart.neighbors, cart.shift(0) + cart.shift(1))

    def test_closed_coordinates_come_round(self):
        cart = self.comm.cart([self.comm.size, 1], [True, False])
        self.assertEqual(cart.rank_of([-1, 0]), cart.size - 1)
        self.assertEqual(cart.rank_of([cart.size, 0]), 0)
        with self.assertRaisesRegex(ValueError, "rank_of: coordinate 1 is not in 0 to 0"):
            cart.rank_of([0, 1])

    def test_wrong_arguments(self):
        cart = self.comm.cart(2)
        for call, error in ((lambda: cart.shift(2), ValueError), (lambda: cart.shift(-1), ValueError),
                            (lambda: cart.shift("x"), TypeError),
                            (lambda: cart.shift(0, 2**40), ValueError),
                            (lambda: cart.coords_of(cart.size), ValueError),
                            (lambda: cart.coords_of("0"), TypeError),
                            (lambda: cart.rank_of([0]), ValueError),
                            (lambda: cart.rank_of([0, -1]), ValueError),
                            (lambda: cart.rank_of(0), TypeError)):
            with self.assertRaisesRegex(error, "shift|coords_of|rank_of"):
                call()


class Neighbors(support.Comms):
    """The pattern of every grid that fits, open and closed, with one and two ranks a dimension too."""

    def grids(self):
        size = self.comm.size
        for dims in [(size,), (size, 1), (1, size), *([(2, 2), (2, 1, 2)] if size == 4 else [])]:
            for periods in itertools.product((False, True), repeat=len(dims)):
                yield self.comm.cart(dims, periods)

    def value(self, cart, number, kind):
        """What the rank gives its neighbour of this number."""
        return (kind, cart.coords, number, "x" * (number * 20_000))

    def want(self, cart, number, kind):
        """What comes from there: what goes behind comes from ahead."""
        rank = cart.neighbors[number]
        if rank == mpi.PROC_NULL:
            return None
        return (kind, cart.coords_of(rank), number ^ 1, "x" * ((number ^ 1) * 20_000))

    def test_alltoall(self):
        for cart in self.grids():
            numbers = range(len(cart.neighbors))
            with self.subTest((cart.dims, cart.periods)):
                for kind in (str(cart.dims), {"a": 1}):
                    got = cart.neighbor_alltoall([self.value(cart, n, kind) for n in numbers])
                    self.assertEqual(got, [self.want(cart, n, kind) for n in numbers])

    def test_allgather(self):
        for cart in self.grids():
            with self.subTest((cart.dims, cart.periods)):
                got = cart.neighbor_allgather((cart.rank, b"x" * 50_000))
                self.assertEqual(got, [None if r == mpi.PROC_NULL else (r, b"x" * 50_000)
                                       for r in cart.neighbors])

    def test_arrays(self):
        np = support.numpy_or_skip()
        cart = self.comm.cart(1, True)
        behind, ahead = cart.neighbor_allgather(np.full(10_000, cart.rank))
        self.assertEqual((behind[0], ahead[-1]), cart.neighbors)
        behind[:] = -1
        self.assertEqual(ahead[0], cart.neighbors[1])       # no memory in common

    def test_at_different_pace(self):
        cart = self.comm.cart(1, True)
        for i in range(50):
            want = [(r, i) for r in cart.neighbors]
            self.assertEqual(cart.neighbor_allgather((cart.rank, i)), want)

    def test_wrong_items(self):
        cart = self.comm.cart(1)
        for items, error in (([1], ValueError), ([1, 2, 3], ValueError), (5, TypeError)):
            with self.assertRaisesRegex(error, "neighbor_alltoall"):
                cart.neighbor_alltoall(items)
        self.assertEqual(cart.allreduce(1), cart.size)

    def test_a_value_that_cannot_be_sent(self):
        cart = self.comm.cart(1)
        bad = cart.rank == 0
        if bad and cart.size > 1:
            with self.assertRaises(Exception) as caught:
                cart.neighbor_allgather(lambda: None)
            self.assertNotIsInstance(caught.exception, mpi.Error)
        elif cart.rank == 1:
            with self.assertRaises(mpi.Error):
                cart.neighbor_allgather(1)
        else:
            cart.neighbor_allgather(1)
        self.assertEqual(cart.allreduce(1), cart.size)


class Derived(support.Comms):
    def test_sub(self):
        cart = self.comm.cart(2, [True, False])
        row, column = cart.sub([False, True]), cart.sub((True, False))
        self.assertEqual((type(row), row.dims, row.periods), (mpi.Cart, cart.dims[1:], (False,)))
        self.assertEqual((column.dims, column.periods), (cart.dims[:1], (True,)))
        self.assertEqual(row.allgather(cart.coords),
                         [(cart.coords[0], i) for i in range(cart.dims[1])])
        self.assertEqual(column.neighbor_allgather(cart.rank), list(cart.shift(0)))

    def test_sub_of_all(self):
        self.assertEqual(self.comm.cart(2).sub(True).dims, self.comm.cart(2).dims)

    def test_wrong_sub(self):
        cart = self.comm.cart(2)
        for keep, error in ((False, ValueError), ([0, 0], ValueError), ([1], ValueError),
                            (None, TypeError)):
            with self.assertRaisesRegex(error, "sub: keep"):
                cart.sub(keep)

    def test_dup_is_a_grid(self):
        cart = self.comm.cart(2, True)
        copy = cart.dup()
        self.assertEqual((type(copy), copy.dims, copy.periods), (mpi.Cart, cart.dims, cart.periods))
        self.assertNotEqual(copy, cart)
        self.assertEqual(copy.neighbor_allgather(1), [1] * 4)

    def test_slices_and_splits_are_not(self):
        cart = self.comm.cart(1)
        self.assertIs(type(cart[:]), mpi.Comm)
        self.assertIs(type(cart.split(0)), mpi.Comm)

    def test_verbs_and_end(self):
        with self.comm.cart(1) as cart:
            self.assertEqual(cart.allreduce(1), self.comm.size)
            self.assertIn("mpi.Cart", repr(cart))
        for call in (lambda: cart.dims, lambda: cart.neighbors, lambda: cart.shift(0),
                     lambda: cart.neighbor_allgather(1), cart.dup):
            with self.assertRaisesRegex(mpi.Error, "freed"):
                call()

    def test_mpi4py(self):
        try:
            from mpi4py import MPI
        except ImportError:
            self.skipTest("mpi4py is not installed")
        cart = self.comm.cart(2, True)
        theirs = cart.to_mpi4py()
        self.assertIs(type(theirs), MPI.Cartcomm)
        self.assertEqual((tuple(theirs.dims), tuple(theirs.coords)), (cart.dims, cart.coords))
        ours = mpi.from_mpi4py(theirs)
        self.assertEqual((type(ours), ours, ours.dims), (mpi.Cart, cart, cart.dims))
        self.assertEqual(ours.neighbor_allgather(1), [1] * 4)
        ours.free()


support.main()
