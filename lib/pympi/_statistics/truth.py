"""What is true: of any or all elements, how often; whether arrays are close or equal.

SPDX-License-Identifier: MIT
"""
import numpy as np

from pympi import mpi
from pympi._statistics.tree import ORDERED, run


class Folded:
    """What a function of rows makes of each column, and a ufunc of two such."""

    def __init__(self, of_rows, both):
        self.of_rows, self.both, self.value = of_rows, both, None

    def __reduce__(self):       # the function stays at home
        return restored, (self.both, self.value)

    def update(self, rows, keep):
        self.take(self.of_rows(rows, keep))

    def take(self, value):
        self.value = value if self.value is None else self.both(self.value, value)

    def merge(self, other):
        if other.value is not None:
            self.take(other.value)

    def end(self):
        pass


def restored(both, value):
    state = Folded(None, both)
    state.value = value
    return state


def any_of(rows, keep):
    return np.any(rows if keep is None else rows.astype(bool) & keep, 0)


def all_of(rows, keep):
    return np.all(rows if keep is None else rows.astype(bool) | ~keep, 0)


def count_of(rows, keep):
    return np.asarray(np.count_nonzero(rows if keep is None else rows.astype(bool) & keep, 0))


def any(x, axis=None, comm=mpi.world, *, keepdims=False):
    """Whether one of all ranks' elements is true, along axis; False where there are none.

    Collective over comm: one reduction. NaN is true; masked elements are left out.
    """
    whole = run("any", Folded(any_of, np.logical_or), x, comm, axis, keepdims, None, ORDERED)
    return whole.shaped(whole.state.value)


def all(x, axis=None, comm=mpi.world, *, keepdims=False):
    """Whether all of all ranks' elements are true, along axis; True where there are none.

    Collective over comm: one reduction. NaN is true; masked elements are left out.
    """
    whole = run("all", Folded(all_of, np.logical_and), x, comm, axis, keepdims, None, ORDERED)
    return whole.shaped(whole.state.value)


def count_nonzero(x, axis=None, comm=mpi.world, *, keepdims=False):
    """How many of all ranks' elements are not zero, along axis.

    Collective over comm: one reduction. NaN is not zero; masked elements are left out.
    """
    whole = run("count_nonzero", Folded(count_of, np.add), x, comm, axis, keepdims, None, ORDERED)
    return whole.shaped(whole.state.value)


class Verdict:
    """Whether all ranks say yes; what is asked of a rank is asked once."""

    def __init__(self):
        self.yes = True

    def update(self, rows, keep):
        self.yes = self.yes and bool(rows.all())

    def merge(self, other):
        self.yes = self.yes and other.yes

    def end(self):
        pass


def asked(call, comm, question, terms):
    """Whether the question, which each rank asks of its own, is answered by yes everywhere."""
    return run(call, Verdict(), Asking(question), comm, terms=lambda: terms).state.yes


class Asking:
    """An iterator whose only item is the answer: what the question raises is raised in the reduction."""

    def __init__(self, question):
        self.question = question

    def __iter__(self):
        yield np.array([self.question()])


def allclose(a, b, comm=mpi.world, *, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether |a - b| <= atol + rtol |b| for all elements of all ranks, as numpy.allclose.

    Collective over comm: one reduction. Each rank has parts of a and b that broadcast together; where
    they do not, ValueError on every rank.
    """
    def question():
        return np.allclose(a, b, rtol, atol, equal_nan)
    return asked("allclose", comm, question, (rtol, atol, equal_nan))


def array_equal(a, b, comm=mpi.world, *, equal_nan=False):
    """Whether on all ranks a and b have the same shape and equal elements, as numpy.array_equal.

    Collective over comm: one reduction. a and b are distributed alike: parts of unlike shapes are unequal.
    """
    def question():
        return np.array_equal(a, b, equal_nan)
    return asked("array_equal", comm, question, (equal_nan,))
