"""Exact sums under pympi.reductions: values of every kind into them, and out again, each rounded once.

A ``Sums`` is this rank's part, then that of all ranks. What goes wrong while values are taken in is kept,
for all ranks to raise together. SPDX-License-Identifier: MIT
"""
import math
import sys
from array import array
from itertools import islice

from _pympi_reductions import (
    LOWEST_BIT, PR_EXACT_NAN, PR_EXACT_NEGATIVE, PR_EXACT_POSITIVE, SUM_BYTES, add, add_integer,
    add_products, add_rows, allreduce, exact, merge, round_into)

NOTHING, INTEGERS, FLOATS, COMPLEX = range(4)
NOT_FINITE = PR_EXACT_NAN | PR_EXACT_POSITIVE | PR_EXACT_NEGATIVE
BLOCK = 1 << 16         # elements of an iterator that are in memory at once
LETTERS = {INTEGERS: "int", FLOATS: "float", COMPLEX: "complex"}
FAMILIES = {"b": INTEGERS, "i": INTEGERS, "u": INTEGERS, "f": FLOATS, "c": COMPLEX}
SINGLE = (24, 149)      # bits of a float32, and the place of its last behind the point
DOUBLE = (53, 1074)


def numpy():
    """Return NumPy, where it has been imported: nothing can be an array before. Local."""
    return sys.modules.get("numpy")


def as_array(x):
    """Return x as an array when it is one or offers memory; else None. Local."""
    np = numpy()
    if np is not None and isinstance(x, np.ndarray):
        return x
    if isinstance(x, (memoryview, array, bytearray, bytes)) or hasattr(x, "__array__"):
        import numpy as np
        return np.asarray(x)
    return None


def is_piece(item):
    """Whether an item of a list or an iterator holds many numbers. Local."""
    np = numpy()
    return isinstance(item, (list, tuple)) or (
        not (np is not None and isinstance(item, np.generic)) and as_array(item) is not None)


def native(x):
    """Return an array of the machine's own integers, floats, doubles or complex ones. Local.

    Raises TypeError for all others, and for one with masked elements.
    """
    if x.dtype.kind not in FAMILIES or (x.dtype.kind in "fc" and x.dtype.char not in "fdFD"):
        raise TypeError(f"elements of type {x.dtype} have no exact sum: give float32, float64, "
                        "complex64, complex128, integers or bool")
    np = numpy()
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise TypeError("an array has masked elements: give x.compressed()")
    return np.asarray(x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("=")))


def family_of(kind):
    """Return the family of a class of numbers in a list. Local. Raises TypeError for other classes."""
    for base, family in ((int, INTEGERS), (float, FLOATS), (complex, COMPLEX)):
        if issubclass(kind, base):
            return family
    np = numpy()
    if np is not None and issubclass(kind, np.generic) and np.dtype(kind).char in "?bhilqBHILQfdFD":
        return FAMILIES[np.dtype(kind).kind]
    raise TypeError(f"an element is of class {kind.__name__}, which has no exact sum: give int, float "
                    "or complex")


class Sums:
    """Exact sums of `count` numbers a piece, each of two where they are complex."""

    def __init__(self, count=1, family=FLOATS):
        self.parts = 2 if family == COMPLEX or count == 1 else 1
        self.memory = bytearray(count * self.parts * SUM_BYTES)
        self.count = 0          # elements
        self.family = NOTHING
        self.weak = True        # Python's own numbers, which have no width
        self.what = ""          # what the ranks have to agree on

    def take(self, x):
        """Add all elements of an array, a number, a list of them, or an iterator of any of these."""
        given = as_array(x)
        if given is not None:
            self.take_array(given)
        elif isinstance(x, (int, float, complex)) or hasattr(x, "dtype"):
            self.take_numbers([x])
        else:
            self.take_items(x)

    def take_array(self, x):
        """Add all elements of an array; of one with a mask those that it leaves."""
        x = native(x.compressed() if isinstance(x, numpy().ma.MaskedArray) else x)
        self.note_array(x)
        self.count += x.size
        add(self.memory, x)

    def note_array(self, x, shape=""):
        """Keep of which type the elements are. Raises TypeError where there have been others."""
        what = f"{x.dtype}{shape}"
        if not self.weak and self.what != what:
            raise TypeError(f"an array of {what} comes behind one of {self.what}")
        if self.weak and self.family > FAMILIES[x.dtype.kind]:
            raise TypeError(f"an array of {what} comes behind numbers of class {self.what}")
        self.what, self.family, self.weak = what, FAMILIES[x.dtype.kind], False

    def take_items(self, items):
        """Add the items of a list or an iterator, some at a time: numbers, or arrays of them."""
        if isinstance(items, (str, dict, set)) or not hasattr(items, "__iter__"):
            raise TypeError(f"an object of class {type(items).__name__} has no exact sum: give an array, a "
                            "list of numbers, or an iterator")
        iterator = iter(items)
        while block := list(islice(iterator, 1 if self.of_arrays() else BLOCK)):
            if is_piece(block[0]):
                for item in block:
                    self.take(item)
            else:
                self.take_numbers(block)

    def of_arrays(self):
        """Whether arrays have come so far, which are large: then they are taken one by one."""
        return self.family == NOTHING or not self.weak

    def take_numbers(self, block):
        """Add the numbers of a list: integers as such, of any size."""
        kinds = {kind: family_of(kind) for kind in set(map(type, block))}
        sorted_ = {family: [x for x in block if kinds[type(x)] == family] if len(kinds) > 1 else block
                   for family in set(kinds.values())}
        self.note_numbers(max(sorted_))
        self.count += len(block)
        if INTEGERS in sorted_:
            self.take_integer(sum(map(int, sorted_[INTEGERS])))
        if FLOATS in sorted_:
            add(self.memory, array("d", sorted_[FLOATS]))
        if COMPLEX in sorted_:
            add(self.memory, array("d", (x.real for x in sorted_[COMPLEX])))
            add(memoryview(self.memory)[SUM_BYTES:], array("d", (x.imag for x in sorted_[COMPLEX])))

    def note_numbers(self, family):
        """Keep the widest family of Python's numbers."""
        if not self.weak and family > self.family:
            raise TypeError(f"numbers of class {LETTERS[family]} come behind an array of {self.what}")
        if self.weak and family > self.family:
            self.family, self.what = family, LETTERS[family]

    def take_integer(self, whole):
        """Add one integer of any size."""
        size = abs(whole)
        add_integer(self.memory, size.to_bytes((size.bit_length() + 7) // 8, "little"), whole < 0)

    def take_products(self, x, y):
        """Add the products of two vectors of equal length, arrays or lists."""
        x, y = vector(x), vector(y)
        self.note_products(x, y)
        self.count += len(x)
        if self.family == INTEGERS:
            self.take_integer_products(x, y)
        else:
            add_products(self.memory, as_floats(x), as_floats(y))

    def take_integer_products(self, x, y):
        """Add the products of integers: of halves, which are doubles."""
        for left in halves(x):
            for right in halves(y):
                add_products(self.memory, left, right)

    def note_products(self, x, y):
        """Keep the type of the products. Raises ValueError for vectors of different lengths."""
        if len(x) != len(y):
            raise ValueError(f"vectors of {len(x)} and {len(y)} elements have no product")
        self.what = str(numpy().result_type(x, y))
        self.family, self.weak = max(FAMILIES[x.dtype.kind], FAMILIES[y.dtype.kind]), False

    def take_rows(self, rows, what):
        """Add the rows of an array of two dimensions, each to a sum of its own."""
        self.what, self.family, self.weak = what, FAMILIES[rows.dtype.kind], False
        self.count += rows.size
        add_rows(self.memory, rows)

    def take_squares(self, x):
        """Add the squares of all elements; of complex ones those of both parts."""
        given = as_numbers(x)
        given = native(given.compressed() if isinstance(given, numpy().ma.MaskedArray) else given)
        given = given.reshape(-1)
        self.note_array(given)
        self.count += given.size
        if self.family == INTEGERS:
            self.take_integer_products(given, given)
        else:
            for part in (given.real, given.imag) if self.family == COMPLEX else (given,):
                add_products(self.memory, part, part)

    def share(self, comm, call, attempt):
        """Make these the sums of all ranks; raise what went wrong on one of them. Collective over comm."""
        self.memory, self.family, self.what, self.count = allreduce(
            comm, call, self.memory, self.what, self.family, self.weak, self.count, attempt.pop())

    # ---- results --------------------------------------------------------------------------

    def integer(self, index=0):
        """Return the sum of integers."""
        return int.from_bytes(exact(self.memory, index)[1], "little", signed=True) >> -LOWEST_BIT

    def ratio(self, index=0):
        """Return the sum as an integer over a power of two; None where it is not finite."""
        flags, digits = exact(self.memory, index)
        if flags & NOT_FINITE:
            return None
        return int.from_bytes(digits, "little", signed=True), 1 << -LOWEST_BIT

    def value(self, dtype=None):
        """Return the only sum as a number: one of NumPy's where arrays were added or dtype says so."""
        if dtype is None and (self.weak_result() or self.family == NOTHING):
            return self.plain()
        return self.values((), dtype)[()]

    def weak_result(self):
        """Whether the ranks had Python's numbers only."""
        return self.what in LETTERS.values() or not self.what

    def plain(self):
        """Return the only sum as a number of Python's; 0.0 where there was none."""
        if self.family == INTEGERS:
            return self.integer()
        rounded = array("d", bytes(8 * self.parts))
        round_into(self.memory, rounded)
        return complex(*rounded) if self.family == COMPLEX else rounded[0]

    def real(self, index=0):
        """Return one sum, or one part of it, as a float."""
        rounded_ = array("d", bytes(8))
        round_into(memoryview(self.memory)[index * SUM_BYTES:(index + 1) * SUM_BYTES], rounded_)
        return rounded_[0]

    def mean_at(self, index, length, precision):
        """Return one sum, or one part of it, over a number of elements, as a float."""
        ratio = self.ratio(index)
        if not length:
            return math.nan
        if not ratio or not ratio[0]:
            return self.real(index)
        return rounded(ratio[0], ratio[1] * length, *precision)

    def mean(self, dtype=None):
        """Return the only sum over the number of elements, as a number as value() does."""
        if dtype is not None or not self.weak_result():
            return self.means((), self.count, dtype)[()]
        if self.family == COMPLEX:
            return complex(self.mean_at(0, self.count, DOUBLE), self.mean_at(1, self.count, DOUBLE))
        return self.mean_at(0, self.count, DOUBLE)

    def means(self, shape, length, dtype=None):
        """Return the sums over a number of elements as an array of this shape."""
        import numpy as np
        dtype = np.dtype(float) if dtype is None and self.family == INTEGERS else self.dtype(dtype)
        if dtype.char not in "fdFD" or (self.family == COMPLEX and dtype.kind != "c"):
            raise TypeError(f"a mean of {self.what} cannot be rounded to {dtype}")
        precision = SINGLE if dtype.char in "fF" else DOUBLE
        parts = np.array([self.mean_at(i, length, precision)
                          for i in range(len(self.memory) // SUM_BYTES)]).reshape(*shape, self.parts)
        result = np.zeros(shape, dtype)
        result.real = parts[..., 0]
        if self.family == COMPLEX:
            result.imag = parts[..., 1]
        return result

    def dtype(self, dtype=None):
        """Return the type that NumPy would give the sum."""
        import numpy as np
        if dtype is not None:
            return np.dtype(dtype)
        if self.weak_result():
            return np.dtype({INTEGERS: np.int64, COMPLEX: np.complex128}.get(self.family, float))
        own = np.dtype(self.what.partition("[")[0])
        if self.family != INTEGERS:
            return own
        return np.dtype(np.uint64 if own.kind == "u" else np.int64)

    def values(self, shape, dtype=None):
        """Return the sums as an array of this shape."""
        import numpy as np
        dtype = self.dtype(dtype)
        if dtype.kind in "iu":
            return self.integers(shape, dtype)
        if dtype.char not in "fdFD":
            raise TypeError(f"a sum cannot be rounded to {dtype}: float32, float64, complex64 or "
                            "complex128 are there")
        parts, wanted = self.parts, 2 if dtype.kind == "c" else 1
        rounded = np.empty((*shape, parts), "f" if dtype.char in "fF" else "d")
        round_into(self.memory, rounded)
        if wanted == 1 and self.family == COMPLEX:
            raise TypeError(f"a sum of complex numbers cannot be rounded to {dtype}")
        if wanted > parts:
            return rounded[..., 0].astype(dtype)
        return rounded.view(dtype)[..., 0] if wanted == 2 else rounded[..., 0].copy()

    def integers(self, shape, dtype):
        """Return sums of integers. Raises OverflowError, on every rank, where one does not fit."""
        import numpy as np
        if self.family != INTEGERS and self.family != NOTHING:
            raise TypeError(f"a sum of {self.what} cannot be rounded to {dtype}")
        whole = [self.integer(i) for i in range(0, len(self.memory) // SUM_BYTES, self.parts)]
        limits = np.iinfo(dtype)
        for sum_ in whole:
            if not limits.min <= sum_ <= limits.max:
                raise OverflowError(f"the sum {sum_} does not fit {dtype}")
        return np.array(whole, dtype).reshape(shape)


# ---- one sum an element, as an operator of reductions ---------------------------------------------

def lift(value):
    """Return what SUM_EXACT combines: type, family, whether that is weak, shape, and the exact sums."""
    given = as_array(value)
    sums = Sums()
    if given is None:
        sums.take(value)
        if sums.count != 1 or hasattr(value, "__len__"):
            raise TypeError(f"SUM_EXACT: {value!r:.80} is no number and no array")
        return sums.what, sums.family, sums.weak, (), bytes(sums.memory)
    given = native(given)
    sums = Sums(given.size, FAMILIES[given.dtype.kind])
    sums.take_rows(given.reshape(-1, 1), str(given.dtype))
    return sums.what, sums.family, False, given.shape, bytes(sums.memory)


def combine(left, right):
    """Return the sums of both. Raises TypeError or ValueError where they do not go together."""
    if left[3] != right[3]:
        raise ValueError(f"SUM_EXACT: arrays of shapes {left[3]} and {right[3]} have no sum")
    if left[2] and right[2]:
        what = max(left, right, key=lambda one: one[1])
    else:
        what, other = (right, left) if left[2] else (left, right)
        if other[1] > what[1] or (not other[2] and other[0] != what[0]):
            raise TypeError(f"SUM_EXACT: {left[0]} and {right[0]} do not go together")
    return *what[:4], bytes(merge(left[4], right[4]))


def finish(whole):
    """Return the result: a number, or an array of the elements' shape."""
    sums = Sums(0)
    sums.what, sums.family, sums.weak, shape, memory = whole
    sums.memory = bytearray(memory)
    sums.parts = len(memory) // SUM_BYTES // max(math.prod(shape), 1)
    return sums.values(shape) if shape else sums.value()


def as_numbers(x):
    """Return x as an array. Local."""
    given = as_array(x)
    if given is not None:
        return given
    import numpy as np
    return np.asarray(x if hasattr(x, "__len__") or not hasattr(x, "__iter__") else list(x))


def vector(x):
    """Return x as an array of one dimension. Local. Raises ValueError for more dimensions."""
    x = native(as_numbers(x))
    if x.ndim != 1:
        raise ValueError(f"an operand has {x.ndim} dimensions and not one")
    return x


def as_floats(x):
    """Return an array of integers as float64, as NumPy has it beside floats; others as they are. Local."""
    return x.astype("d") if x.dtype.kind in "biu" else x


def halves(x):
    """Return arrays of doubles that add up to an array of integers. Local."""
    if x.dtype.itemsize < 8:
        return (x.astype("d"),)
    return (x >> 32).astype("d") * 2.0 ** 32, (x & 0xffffffff).astype("d")


def rounded(numerator, denominator, bits, last):
    """Return a quotient of integers rounded once, half to even: so many bits, none below 2**-last. Local."""
    size, negative = abs(numerator), numerator < 0
    place = max(size.bit_length() - denominator.bit_length() - bits, -last)
    for place in (place, place + 1):
        over, under = (size << -place, denominator) if place < 0 else (size, denominator << place)
        kept, rest = divmod(over, under)
        kept += 2 * rest > under or (2 * rest == under and kept & 1)
        if kept.bit_length() <= bits or kept == 1 << bits:
            break
    try:
        value = math.ldexp(kept, place)
    except OverflowError:
        value = math.inf
    return -value if negative else value


def root(numerator, denominator, bits, last):
    """Return the square root of a quotient of integers rounded once; denominator is 4**k. Local.

    The integer below the root has more bits than are kept; one behind them says that it is not all.
    """
    more = max(0, 2 * bits + 6 - numerator.bit_length())
    more += (denominator.bit_length() - 1 + more) & 1
    whole = math.isqrt(numerator << more)
    inexact = whole * whole != numerator << more
    half = (denominator.bit_length() - 1 + more) // 2
    return rounded(2 * whole + inexact, 1 << (half + 1), bits, last)
