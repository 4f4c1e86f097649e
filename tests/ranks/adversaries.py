"""Numbers that sums go wrong on, and what their exact sums are, by Python's integers.

SPDX-License-Identifier: MIT
"""
import math
import struct

TINY = 2.0 ** -1074
HUGE = 1.7976931348623157e308
SCALE = 1074            # every double is an integer over 2**1074


def uniform(rng, count):
    return [rng.uniform(-1, 1) for _ in range(count)]


def normal(rng, count):
    return [rng.gauss(0, 1) for _ in range(count)]


def harmonic(rng, count):
    """Anderson 1999: 1/k."""
    return [1 / (k + 1) for k in range(count)]


def anderson(rng, count):
    """Anderson 1999, ill-conditioned: numbers less their mean."""
    values = uniform(rng, count)
    mean = math.fsum(values) / max(count, 1)
    return [x - mean for x in values]


def wide(rng, count):
    """Of all sizes."""
    return [math.ldexp(rng.uniform(-1, 1), rng.randint(-1074, 1023)) for _ in range(count)]


def cancelling(rng, count):
    """Pairs that cancel, of all sizes, and one small number: a condition of up to 1e300 and beyond."""
    values = wide(rng, count // 2)
    return values + [-x for x in values] + [rng.uniform(-1, 1) * 10.0 ** -rng.randint(0, 300)]


def residues(rng, count):
    """Zhu and Hayes 2010: sums that are nearly halfway between two doubles."""
    values = [1.0, 2.0 ** -53, rng.choice((TINY, -TINY, 2.0 ** -106, 0.0))]
    exponent = rng.randint(-900, 900)
    return [math.ldexp(x, exponent) * rng.choice((1, 1, -1)) for x in values] * max(count // 9, 1)


def denormal(rng, count):
    return [rng.randint(-10, 10) * TINY * 2.0 ** rng.randint(0, 52) for _ in range(count)]


def large(rng, count):
    """Near the largest: sums that would overflow on their way."""
    return [rng.choice((HUGE, -HUGE, HUGE / 2, -HUGE / 2, 2.0 ** 1023, 2.0 ** 970, -1.0))
            for _ in range(count)]


def not_finite(rng, count):
    few = rng.sample((math.inf, -math.inf, math.nan, 1.0, -0.0, HUGE), 2)
    return [rng.choice(few + [rng.random()]) for _ in range(count)]


def zeros(rng, count):
    few = rng.choice(((0.0, -0.0), (-0.0,)))
    return [rng.choice(few) for _ in range(count)]


def ogita(rng, count):
    """Ogita, Rump, Oishi 2005, GenDot's first half: sizes up to a chosen condition."""
    most = rng.randint(0, 500)
    return [math.ldexp(rng.uniform(-1, 1), rng.randint(0, most)) for _ in range(count)]


def one_outlier(rng, count):
    return normal(rng, count) + [rng.choice((1e300, -1e300, TINY, 1e-200))]


KINDS = (uniform, normal, harmonic, anderson, wide, cancelling, residues, denormal, large, not_finite,
         zeros, ogita, one_outlier)


def case(rng):
    """Values of one kind, shuffled: mostly few of them."""
    count = rng.choice((0, 1, 2, 3, 7, 20, 31, 32, 33, 60, 200)) if rng.random() < 0.95 else \
        rng.choice((1023, 1024, 1025, 3000))
    values = rng.choice(KINDS)(rng, count)
    rng.shuffle(values)
    return values


def deal(rng, values, ranks):
    """The values dealt out to the ranks, in any order; some ranks get none."""
    parts = [[] for _ in range(ranks)]
    some = rng.sample(range(ranks), rng.randint(1, ranks))
    for x in values:
        parts[rng.choice(some)].append(x)
    return parts


def whole(x):
    """A finite double as an integer over 2**SCALE."""
    over, under = x.as_integer_ratio()
    return over * ((1 << SCALE) // under)


def quotient(over, under):
    """An integer over another one as a double, as Python rounds it: once."""
    try:
        return over / under
    except OverflowError:
        return math.inf if over > 0 else -math.inf


def specials(values):
    """The sum of values that are not all finite; None where they are."""
    if all(map(math.isfinite, values)):
        return None
    if math.nan in values or any(map(math.isnan, values)) or {math.inf, -math.inf} <= set(values):
        return math.nan
    return math.inf if math.inf in values else -math.inf


def is_minus_zero(x):
    return x == 0 and math.copysign(1, x) < 0


def exact_sum(values):
    """The exact sum rounded once; of nothing but -0.0 it is -0.0."""
    special = specials(values)
    if special is not None:
        return special
    if values and all(map(is_minus_zero, values)):
        return -0.0
    return quotient(sum(map(whole, values)), 1 << SCALE)


def exact_mean(values):
    special = specials(values)
    if special is not None or not values:
        return math.nan if special is None else special
    if all(map(is_minus_zero, values)):
        return -0.0
    return quotient(sum(map(whole, values)), len(values) << SCALE)


def exact_dot(xs, ys):
    products = [x * y for x, y in zip(xs, ys)]
    if not all(map(math.isfinite, xs)) or not all(map(math.isfinite, ys)):
        finite = [0.0 if math.isfinite(x) and math.isfinite(y) else p
                  for x, y, p in zip(xs, ys, products)]
        return specials(finite)
    if products and all(x == 0 or y == 0 for x, y in zip(xs, ys)):
        return -0.0 if all(map(is_minus_zero, products)) else 0.0
    return quotient(sum(whole(x) * whole(y) for x, y in zip(xs, ys)), 1 << 2 * SCALE)


def squares(values):
    """The sum of squares, an integer over 2**(2*SCALE)."""
    return sum(whole(x) ** 2 for x in values)


def is_root(root, square):
    """Whether a double is the root of an integer over 2**(2*SCALE), rounded to the nearest."""
    if root == math.inf:
        return square >= (whole(HUGE) + whole(math.ulp(HUGE)) // 2) ** 2
    below = whole(root) + whole(math.nextafter(root, 0))        # twice the middle
    above = 2 * whole(root) + whole(math.ulp(root))
    return below ** 2 <= 4 * square <= above ** 2


def is_float32(value, over, under):
    """Whether a double is an integer over another one rounded to the nearest float32, ties to even."""
    import numpy as np
    own = np.float32(value)
    if not math.isfinite(value):
        return abs(over) >= (2 ** 128 - 2 ** 103) * under and (value > 0) == (over > 0)
    beside = [np.nextafter(own, np.float32(way)) for way in (-math.inf, math.inf)]
    exact = over * 2 ** 1074
    distance = abs(exact - whole(float(own)) * under)
    for other in beside:
        there = abs(exact - whole(float(other)) * under) if np.isfinite(other) else \
            abs(exact - whole(math.copysign(2.0 ** 128, other)) * under)
        if there < distance or (there == distance and own.view("u4") & 1):
            return False
    return float(own) == value


def bits(x):
    """A double's bits; all NaN are alike."""
    return "nan" if x != x else struct.pack("<d", x)
