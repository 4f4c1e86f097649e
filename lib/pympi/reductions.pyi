"""Types of pympi.reductions.

SPDX-License-Identifier: MIT
"""

from collections.abc import Iterable
from typing import Any, Final, SupportsIndex, TypeAlias

from pympi._statistics import (
    Accumulator as Accumulator,
    accumulate as accumulate,
    all as all,
    allclose as allclose,
    any as any,
    argmax as argmax,
    argmin as argmin,
    array_equal as array_equal,
    bincount as bincount,
    corrcoef as corrcoef,
    count_nonzero as count_nonzero,
    cov as cov,
    histogram as histogram,
    kurtosis as kurtosis,
    max as max,
    median as median,
    min as min,
    minmax as minmax,
    nanargmax as nanargmax,
    nanargmin as nanargmin,
    nanmax as nanmax,
    nanmedian as nanmedian,
    nanmin as nanmin,
    nanminmax as nanminmax,
    nanquantile as nanquantile,
    nanstd as nanstd,
    nanvar as nanvar,
    operator as operator,
    quantile as quantile,
    skew as skew,
    std as std,
    top_k as top_k,
    unique as unique,
    value_counts as value_counts,
    var as var,
)
from pympi.mpi import Comm, Operator

# An array or anything else with a buffer, a number, a list of numbers, or an iterator of any of these.
_Values: TypeAlias = Any | complex | Iterable[Any]
_Axis: TypeAlias = SupportsIndex | tuple[SupportsIndex, ...] | None

SUM_EXACT: Final[Operator]

def sum(
    x: _Values,
    axis: _Axis = None,
    comm: Comm = ...,
    *,
    dtype: Any = None,
    keepdims: bool = False,
    exact: bool = True,
) -> Any: ...
def mean(
    x: _Values, axis: _Axis = None, comm: Comm = ..., *, dtype: Any = None, keepdims: bool = False
) -> Any: ...
def dot(x: _Values, y: _Values, comm: Comm = ..., *, exact: bool = True) -> Any: ...
def norm(x: _Values, comm: Comm = ...) -> Any: ...
def cumsum(x: _Values, comm: Comm = ..., *, dtype: Any = None) -> Any: ...
