"""Types of pympi.io.

SPDX-License-Identifier: MIT
"""

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from pympi._agree import Disagreement as Disagreement
from pympi.h5 import File
from pympi.mpi import Comm

_Path: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]
_Counts: TypeAlias = Sequence[int] | None
_Owners: TypeAlias = ArrayLike | None
_Halo: TypeAlias = int | tuple[int, int]

def load(
    path: _Path,
    split: int | None = 0,
    comm: Comm = ...,
    *,
    halo: _Halo = 0,
    counts: _Counts = None,
    cyclic: int | None = None,
    owners: _Owners = None,
) -> NDArray[Any]: ...
def fromfile(
    path: _Path,
    dtype: DTypeLike = ...,
    shape: int | Sequence[int] = -1,
    offset: int = 0,
    split: int | None = 0,
    comm: Comm = ...,
    *,
    order: Literal["C", "F"] = "C",
    halo: _Halo = 0,
    counts: _Counts = None,
    cyclic: int | None = None,
    owners: _Owners = None,
) -> NDArray[Any]: ...
def save(
    path: _Path,
    local: ArrayLike,
    split: int | None = 0,
    comm: Comm = ...,
    *,
    cyclic: int | None = None,
    owners: _Owners = None,
) -> None: ...
def tofile(
    path: _Path,
    local: ArrayLike,
    split: int | None = 0,
    comm: Comm = ...,
    *,
    cyclic: int | None = None,
    owners: _Owners = None,
) -> None: ...
def loadtxt(
    path: _Path,
    dtype: DTypeLike = ...,
    comm: Comm = ...,
    *,
    comments: str | Sequence[str] | None = "#",
    delimiter: str | None = None,
    converters: Mapping[int, Callable[[str], Any]] | Callable[[str], Any] | None = None,
    skiprows: int = 0,
    usecols: int | Sequence[int] | None = None,
    encoding: str = "utf-8",
    quotechar: str | None = None,
) -> NDArray[Any]: ...
def read_csv(
    path: _Path,
    comm: Comm = ...,
    *,
    delimiter: str | None = None,
    names: Sequence[str] | None = None,
    usecols: Sequence[str] | None = None,
    dtypes: Mapping[str, DTypeLike] | None = None,
    skiprows: int = 0,
    encoding: str = "utf-8",
    quotechar: str | None = '"',
) -> dict[str, NDArray[Any]]: ...
def netcdf(path: _Path, comm: Comm = ...) -> NetCDF | File: ...

class NetCDF:
    """A netCDF classic file; made by netcdf()."""

    path: str
    comm: Comm
    version: int
    attrs: dict[str, Any]
    dimensions: dict[str, int]
    unlimited: str | None
    variables: dict[str, Variable]
    def __init__(self, path: str, comm: Comm, header: Any) -> None: ...
    def __getitem__(self, name: str) -> Variable: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, name: object) -> bool: ...
    def keys(self) -> KeysView[str]: ...
    def items(self) -> ItemsView[str, Variable]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, *exception: type[BaseException] | BaseException | TracebackType | None
    ) -> None: ...
    def close(self) -> None: ...

class Variable:
    """A variable of a netCDF classic file."""

    name: str
    dimensions: tuple[str, ...]
    attrs: dict[str, Any]
    shape: tuple[int, ...]
    ndim: int
    dtype: np.dtype[Any]
    size: int
    def __init__(self, file: NetCDF, about: Any) -> None: ...
    def __len__(self) -> int: ...
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]: ...
    def __getitem__(self, key: Any) -> Any: ...
    def mine(self) -> NDArray[Any]: ...
    def read(
        self,
        split: int | None = 0,
        *,
        halo: _Halo = 0,
        counts: _Counts = None,
        cyclic: int | None = None,
        owners: _Owners = None,
    ) -> NDArray[Any]: ...
