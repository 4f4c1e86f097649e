"""ParaView in a job: pvbatch's scripts on all ranks.

SPDX-License-Identifier: MIT

ParaView's symmetric batch mode runs a script on every rank, on the MPI that is there. What a script asks
of its data is then answered by each rank for its own part; here it is made global again, as it is in pvbatch
where rank 0 asks for all.
"""
import contextlib
import ctypes
import functools
import importlib.machinery
import importlib.util
import signal
import sys
import warnings

from pympi import mpi
from pympi._vis import display


SIGACTION = 256     # bytes that the C library's struct sigaction has at most


def prepare():
    """Have ParaView take this job for its batch mode when it is imported. Local, and cheap.

    Nothing of ParaView is imported, so that scripts which do not use it run as ever.
    """
    if "paraview.servermanager" in sys.modules:
        if mpi.size > 1 and not _is_symmetric():
            warnings.warn("pympi.vis is imported behind paraview.simple: each rank draws for itself", stacklevel=3)
        return
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _is_symmetric():
    module = sys.modules["paraview.servermanager"].vtkProcessModule.GetProcessModule()
    return bool(module and module.GetSymmetricMPIMode())


class _Finder:
    """Finds two of ParaView's modules as ever, and looks after them: the package, whose options say how
    it starts, and the one in which it starts."""

    def find_spec(self, name, path=None, target=None):
        if name not in ("paraview", "paraview.servermanager", "paraview.simple"):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader:
    """A module's own loader, and what is done behind it."""

    def __init__(self, loader):
        self.loader = loader

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self.loader
        with _kept_signals():
            self.loader.exec_module(module)
        _BEHIND[module.__name__](module)


@contextlib.contextmanager
def _kept_signals():
    """Signals do behind the block what they did before: VTK's logger, when it starts, takes those that end a process,
    ^C among them, and writes a stack of C functions."""
    libc = ctypes.CDLL(None)
    kept = {number: ctypes.create_string_buffer(SIGACTION) for number in signal.valid_signals()}
    for number, action in kept.items():
        libc.sigaction(number, None, action)
    try:
        yield
    finally:
        for number, action in kept.items():
            libc.sigaction(number, action, None)


def _choose_batch(paraview):
    paraview.options.batch = paraview.options.symmetric = True


def _look_after(servermanager):
    """Views want a display; what is asked of data is asked of all ranks' data."""
    from pympi._vis import information
    make = servermanager.ProxyManager.NewProxy

    def NewProxy(self, group, name):
        if group == "views":
            display.ensure()
        return make(self, group, name)
    NewProxy.__doc__ = make.__doc__
    servermanager.ProxyManager.NewProxy = NewProxy
    if mpi.size > 1:
        information.make_global(servermanager)


def _look_after_simple(simple):
    from pympi._vis import information
    information.make_show_global(simple)
    information.make_pictures_whole(simple)
    simple.LoadState = _with_display(simple.LoadState)


def _with_display(call):
    """The call, which makes views without being seen, behind a look for a display."""
    @functools.wraps(call)
    def shown(*args, **params):
        display.ensure()
        return call(*args, **params)
    return shown


_BEHIND = {"paraview": _choose_batch, "paraview.servermanager": _look_after,
           "paraview.simple": _look_after_simple}


def begin(folds):
    """What `pympi --pv` does before the program: prepare(), and a display on every node. Collective over world.

    folds: what all ranks write alike is shown once, so all may say what is wrong.
    """
    prepare()
    wrong = ""
    if importlib.util.find_spec("paraview") is None:
        wrong = "--pv needs ParaView: install the package python3-paraview"
    else:
        try:
            display.ensure()
        except display.NoDisplay as none:
            wrong = str(none)
    wrong = mpi.allreduce(wrong, lambda one, other: one or other)
    if wrong:
        raise SystemExit(f"pympi: {wrong}" if folds or mpi.rank == 0 else 1)
