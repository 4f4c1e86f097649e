"""Values of every kind that a message may carry, and what it means for two of them to be equal."""
# SPDX-License-Identifier: MIT

import array
import collections
import datetime
import decimal
import enum
import fractions
import math
import uuid


class Plain:
    """An ordinary object with attributes."""

    def __init__(self, **kw):
        self.__dict__.update(kw)

    def __eq__(self, other):
        return type(other) is type(self) and vars(other) == vars(self)


class Slots:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b

    def __eq__(self, other):
        return type(other) is Slots and (self.a, self.b) == (other.a, other.b)


class Int(int):
    """A subclass of a plain type must arrive as itself."""


class Dict(dict):
    pass


class Colour(enum.Enum):
    RED = 1


class Flag(enum.IntFlag):
    A = 1
    B = 2


Point = collections.namedtuple("Point", "x y")


class Trouble(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code


def numbers():
    edges = [0, 1, -1, 127, 128, 255, 256, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**63 - 1, 2**63,
             -2**63, -2**63 - 1, 2**64 - 1, 2**64, -2**64, 10**40, -10**400, 1 << 5000]
    return [None, True, False, Ellipsis, NotImplemented, *edges,
            0.0, -0.0, 1.5, -1e308, 5e-324, math.inf, -math.inf, math.nan,
            1 + 2j, complex(math.nan, -0.0), complex(-math.inf, 1)]


def texts():
    return ["", "a", "\0", "a\0b", "Grüße", "漢字", "😀", "\ud800", "x\udcffy", "\uffff", "k" * 255,
            "k" * 256, "é" * 70_000, b"", b"\0", b"a\0b", bytes(range(256)) * 300,
            bytearray(), bytearray(b"abc" * 1000)]


def containers():
    deep = []
    for _ in range(200):
        deep = [deep]
    return [(), [], {}, set(), frozenset(), (1,), [1], (1, (2, [3, {"a": (4, None)}])),
            [[], [[]], ((),)], list(range(1000)), tuple("abc"), deep,
            {"b": 1, "a": 2, "c": {3: [4.5, None]}}, {1: "int", "1": "str", (1, 2): "tuple"},
            {None: None, True: False, 2.5: b"x"}, {1, 2, 3}, frozenset("abc"),
            {f"key{i}": i for i in range(500)}, [None] * 300, [True, 1, 1.0],
            collections.OrderedDict(b=1, a=2), collections.Counter("abca"),
            collections.deque([1, 2], maxlen=5), collections.defaultdict(int, a=1)]


def objects():
    return [Plain(a=1, b=[2, 3]), Slots(1, "x"), Point(1, 2), Int(7), Dict(a=1), Colour.RED,
            Flag.A | Flag.B, range(3, 30, 4), slice(1, None, -2), array.array("d", [1, 2, 3]),
            datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc),
            decimal.Decimal("1.10"), fractions.Fraction(1, 3), uuid.UUID(int=5),
            int, len, Plain, math.sin, collections.OrderedDict]


def all_values():
    return numbers() + texts() + containers() + objects()


def arrays(np):
    """NumPy arrays of every kind that a message treats differently."""
    a = np.arange(24, dtype="f8").reshape(4, 6)
    frozen = np.arange(5)
    frozen.flags.writeable = False
    out = [np.arange(10, dtype=d) for d in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8",
                                            "f2", "f4", "f8", "g", "F", "D", "G")]
    out += [np.arange(6, dtype=d) for d in (">i4", ">f8", ">c16", "<i2")]
    out += [np.array(3.5), np.array(7, dtype="i2"), np.array("text"), np.empty(0),
            np.empty((0, 3)), np.empty((3, 0, 2), dtype="i4"), np.zeros((1, 1, 1, 1))]
    out += [np.array([True, False, True]), np.array(["a", "bcd", ""]), np.array([b"x", b"yz"]),
            np.array(["2024-02-29", "NaT"], dtype="M8[D]"), np.array([1, -5], dtype="m8[us]")]
    out += [np.array([(1, 2.5, b"ab")], dtype=[("i", "i4"), ("f", ">f8"), ("s", "S3")]),
            np.zeros(3, dtype=[("p", "f4", (2, 2)), ("q", [("r", "u1")])]),
            np.zeros(2, dtype=np.dtype([("a", "u1"), ("b", "f8")], align=True))]
    out += [np.asfortranarray(a), a.T, a[::2, ::-3], a[:, 1], a[::-1], frozen,
            np.broadcast_to(np.arange(3), (4, 3)), a[1:1], np.array([math.nan, -0.0, math.inf])]
    out += [np.arange(300_000, dtype="f8"), np.ones((700, 801), dtype="f4")[::2]]
    out += [np.array([None, "a", (1, 2)], dtype=object), np.float32(2.5), np.int64(-3),
            np.bool_(True), np.datetime64("2024-02-29"), np.dtype("f4,i2")]
    return out


def same(a, b, np=None):
    """Whether a and b have the same type and value: nan is nan, -0.0 is not 0.0, order counts."""
    if type(a) is not type(b):
        return False
    if np and isinstance(a, (np.ndarray, np.generic)):
        return _same_array(a, b, np)
    if isinstance(a, float):
        return a.hex() == b.hex()
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()), np)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y, np) for x, y in zip(a, b))
    return a == b


def _same_array(a, b, np):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype == object:
        return same(a.tolist(), b.tolist(), np)
    if a.dtype.char in "gG" or a.dtype.names:       # these have bytes between that mean nothing
        return bool((a == b).all())
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def show(value):
    """A short text that names the value."""
    text = f"{type(value).__name__} {value!r:.60}"
    return text.encode("ascii", "backslashreplace").decode()
