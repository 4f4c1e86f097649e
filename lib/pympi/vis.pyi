"""Types of pympi.vis.

SPDX-License-Identifier: MIT
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypeAlias

from numpy.typing import ArrayLike

from pympi._agree import Disagreement as Disagreement
from pympi.mpi import Comm, Error

_Path: TypeAlias = str | PathLike[str]
_Fields: TypeAlias = Mapping[str, ArrayLike]
_Cells: TypeAlias = ArrayLike | tuple[ArrayLike, ArrayLike]

class NoDisplay(Error):
    """There is no X server to draw with, and none could be started; raised on every rank."""

def display(comm: Comm = ...) -> None: ...

class Image:
    """A picture; its bytes are on rank 0."""

    png: bytes | None
    size: tuple[int, int]
    def __init__(self, png: bytes | None, size: tuple[int, int]) -> None: ...
    def save(self, path: _Path) -> None: ...

def show(
    fields: ArrayLike | _Fields,
    split: int = 0,
    comm: Comm = ...,
    *,
    extent: Sequence[int] | None = None,
    dimensions: int | None = None,
    color: str | None = None,
    of: str | None = None,
    kind: Literal["surface", "slice", "contour", "volume", "arrows"] | None = None,
    at: Sequence[float] | None = None,
    values: float | Sequence[float] | None = None,
    range: tuple[float, float] | None = None,
    colors: str | Sequence[tuple[float, str | Sequence[float]]] | None = None,
    lift: float | None = None,
    lines: tuple[ArrayLike, _Cells] | None = None,
    line_color: Sequence[float] = (0.1, 0.1, 0.1),
    spacing: Sequence[float] = (1, 1, 1),
    origin: Sequence[float] = (0, 0, 0),
    size: tuple[int, int] = (800, 600),
    title: str | None = None,
    label: str | None = None,
    scalar_bar: bool = True,
    background: Sequence[float] = (1, 1, 1),
    camera: Sequence[float] | None = None,
    file: _Path | None = None,
) -> Image: ...
def controller() -> Any: ...
def write_image(
    path: _Path,
    fields: _Fields,
    split: int = 0,
    comm: Comm = ...,
    *,
    extent: Sequence[int] | None = None,
    dimensions: int | None = None,
    spacing: Sequence[float] = (1, 1, 1),
    origin: Sequence[float] = (0, 0, 0),
    direction: Sequence[float] = (1, 0, 0, 0, 1, 0, 0, 0, 1),
) -> None: ...
def write_unstructured(
    path: _Path,
    points: ArrayLike,
    cells: _Cells,
    types: ArrayLike,
    point_data: _Fields | None = None,
    cell_data: _Fields | None = None,
    comm: Comm = ...,
) -> None: ...
def write_poly(
    path: _Path,
    points: ArrayLike,
    polys: _Cells | None = None,
    point_data: _Fields | None = None,
    cell_data: _Fields | None = None,
    comm: Comm = ...,
    *,
    lines: _Cells | None = None,
    surface: bool = False,
) -> None: ...

class Series:
    """Files of one format at moments of time."""

    stem: str
    extension: str
    comm: Comm
    steps: list[dict[str, Any]]
    def __init__(self, path: _Path, comm: Comm = ...) -> None: ...
    def write_image(self, time: float, fields: _Fields, *args: Any, **options: Any) -> None: ...
    def write_unstructured(self, time: float, *args: Any, **options: Any) -> None: ...
    def write_poly(self, time: float, *args: Any, **options: Any) -> None: ...
