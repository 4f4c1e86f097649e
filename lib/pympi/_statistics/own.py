"""Reductions of one's own: by a function of two values, or by a class that takes in what comes.

SPDX-License-Identifier: MIT
"""
import functools
import pickle
from itertools import islice

from pympi import mpi
from pympi._statistics import stream
from pympi._statistics.tree import settle

MISSING = object()


class Operator:
    """A function of two values as an operator of reductions; made by `operator`."""

    def __init__(self, function, identity):
        self.function, self.identity = function, identity
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, left, right):
        return self.function(left, right)

    def __repr__(self):
        return f"reductions.operator({self.__name__})"

    def reduce(self, x, comm=mpi.world):
        """All ranks' items made one by the function, in rank order: functools.reduce over all of them.

        Collective over comm: one reduction. x: a list or iterator of anything that pickle takes, or an array,
        whose items are its rows. The function has to associate; it need not commute. Without any items the
        identity, or ValueError on every rank when there is none. What the function or the iterator
        raises on one rank is raised on every rank.
        """
        call = f"{self.__name__}.reduce"

        def fill(part):
            part.state.value = self.fold(x)
            check_travels(part.state.value)

        value = settle(call, Fold(self.function), comm, fill).state.value
        if value:
            return value[0]
        if self.identity is MISSING:
            raise ValueError(f"{call}: there are no items, and the operator has no identity")
        return self.identity

    def fold(self, x):
        """This rank's value in a list; an empty one when it has no items."""
        if stream.has_memory(x):
            x = stream.native(stream.np.asarray(x))
            if isinstance(self.function, stream.np.ufunc) and len(x):
                return [self.function.reduce(x)]
        items = iter(x)
        return [functools.reduce(self.function, items, first) for first in islice(items, 1)]


class Fold:
    """The value of a run of ranks, in a list, which may be empty. The function stays at home."""

    def __init__(self, function):
        self.function, self.value = function, []

    def __reduce__(self):
        return Behind, (self.value,)

    def merge(self, other):
        if self.value and other.value:
            self.value = [self.function(self.value[0], other.value[0])]
        else:
            self.value = self.value or other.value


class Behind:
    """A value that came from another rank, to be merged into a Fold or to be the result."""

    def __init__(self, value):
        self.value = value


def check_travels(value):
    """Raise what pickle raises for it; large memory is not copied."""
    pickle.dumps(value, 5, buffer_callback=lambda memory: None)


def operator(function, identity=MISSING):
    """An operator of reductions out of a function of two values, which has to associate.

    Local. It may be given to comm.allreduce(x, op) and the like, where it is the function; op.reduce(x, comm)
    reduces all items of all ranks, to the identity where there are none.
    """
    if not callable(function):
        raise TypeError(f"operator: {function!r} cannot be called with two values")
    return Operator(function, identity)


class Accumulator:
    """What `accumulate` runs: derive from it, or have its methods.

    An object of the class takes in this rank's items, then what other ranks have taken in, and makes a
    result. It has to be something that pickle takes.
    """

    def init(self):
        """Begin: there is nothing yet."""

    def update(self, items):
        """Take in items, an array's rows or a list, in their order."""
        raise NotImplementedError(f"{type(self).__name__}.update")

    def merge(self, other):
        """Take in what another has, whose items come behind one's own."""
        raise NotImplementedError(f"{type(self).__name__}.merge")

    def finish(self):
        """The result."""
        return self


class Taken:
    """An accumulator on its way."""

    def __init__(self, accumulator):
        self.accumulator = accumulator

    def merge(self, other):
        self.accumulator.merge(other.accumulator)


def accumulate(make, x, comm=mpi.world):
    """What an accumulator makes of all ranks' items, on every rank: make() with init, update, merge, finish.

    Collective over comm: one reduction, in which the accumulators travel. On each rank make() makes one, which
    gets the rank's items by update: of an array its rows, as arrays of about 65,536 elements; of a list or
    iterator lists of at most that many. Accumulators are merged in rank order, and finish() of the last is called on
    every rank. A rank without items has one that was only begun. What is raised on one rank is raised on
    every rank.
    """
    def fill(part):
        part.state = Taken(make())
        begin = getattr(part.state.accumulator, "init", None)
        if begin:
            begin()
        for items in items_of(x):
            part.state.accumulator.update(items)
        check_travels(part.state)

    return settle("accumulate", None, comm, fill).state.accumulator.finish()


def items_of(x):
    """Yield x a few items at a time."""
    if stream.has_memory(x):
        for rows, _ in stream.rows_of(stream.np.asanyarray(x)):
            yield rows
        return
    items = iter(x)
    while some := list(islice(items, stream.BLOCK)):
        yield some
