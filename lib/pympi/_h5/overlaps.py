"""Under --check: do ranks write the same elements in one call?

SPDX-License-Identifier: MIT
"""
import os
import sys

import numpy as np

from pympi._agree import Disagreement
from pympi._h5.attributes import Fingerprint

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def refuse(dataset, chosen, array):
    """Raises where two ranks write the same element, unless they write the same elements alike. Collective."""
    team = dataset._state.team
    where = (chosen.axes if chosen.points is None else np.asarray(chosen.points)) if chosen.count else None
    team.agree("write", (("to", dataset.name),))
    told = team.comm.allgather((where, repr(Fingerprint(np.asarray(array))), _line()))
    for b, (other, other_value, other_line) in enumerate(told):
        for a, (one, value, line) in enumerate(told[:b]):
            at = None if one is None or other is None else common(one, other)
            if at is not None and not (value == other_value and repr(one) == repr(other)):
                raise Disagreement(f"write: rank {a} at {line} and rank {b} at {other_line} both write "
                                   f"{dataset.name}[{', '.join(map(str, at))}]; nothing was done")


def common(one, other):
    """The first element that is in both selections, or None. Local. They are axes, or points."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        found = [_on_axis(a, b) for a, b in zip(one, other)]
        return None if any(index is None for index in found) else tuple(found)
    if isinstance(one, tuple):
        one, other = other, one
    if isinstance(other, tuple):
        both = one[np.logical_and.reduce([_is_in(column, axis) for column, axis in zip(one.T, other)])]
    else:
        rows, times = np.unique(np.concatenate([np.unique(one, axis=0), np.unique(other, axis=0)]), axis=0,
                                return_counts=True)
        both = rows[times > 1]
    return tuple(int(i) for i in both[0]) if len(both) else None


def _on_axis(one, other):
    """The first index that both have, or None."""
    if isinstance(one, range) and isinstance(other, range):
        first = one[max(0, -((one.start - other.start) // one.step)):][:other.step]
        return next((i for i in first if i in other), None)
    if isinstance(one, range):
        one, other = other, one
    both = one[_is_in(one, other)]
    return int(both[0]) if len(both) else None


def _is_in(indices, axis):
    if isinstance(axis, range):
        return (indices >= axis.start) & (indices < axis.stop) & ((indices - axis.start) % axis.step == 0)
    return np.isin(indices, axis)


def _line():
    """Where the program is."""
    frame = sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
