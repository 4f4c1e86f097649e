"""Pictures of distributed data, with VTK and ParaView over all ranks.

``show(array)`` draws what the ranks have; ``write_image`` and its kin write one VTKHDF file that ParaView opens in
parallel. Import this before ``paraview.simple``, or start with ``pympi -n 4 --pv script.py``: pvbatch's scripts then
run on all ranks, and one picture is composed of what they draw. Where a node has no X server, one of the
job's own is started when a view is made. SPDX-License-Identifier: MIT
"""
from pympi._agree import Disagreement
from pympi._vis.batch import prepare as _prepare
from pympi._vis.display import NoDisplay, ensure as display

# What needs NumPy comes when it is asked for.
_LATER = {"Image": "image", "Series": "vtkhdf", "controller": "show", "show": "show", "write_image": "vtkhdf",
          "write_poly": "vtkhdf", "write_unstructured": "vtkhdf"}

__all__ = ["Disagreement", "NoDisplay", "display", *_LATER]


def __getattr__(name):
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module
    return getattr(import_module("pympi._vis." + _LATER[name]), name)


def __dir__():
    return sorted([*globals(), *_LATER])


_prepare()
