"""Shows pympi's own library to the import system; frozen into the executable.

SPDX-License-Identifier: MIT

No entry is added to sys.path: what a program sees there is what python3 shows it. The package
``pympi`` is found before the path is searched, as the standard library's own names are; the short
name ``mpi`` is looked for last, so that a user's own ``mpi.py`` wins.
"""
import sys
import _frozen_importlib as bootstrap
import _frozen_importlib_external as external


class PackageFinder:
    """Finds the package ``pympi`` in the library folder beside the executable."""

    def __init__(self, folder):
        self.folder = folder + "/python"
        self.package = self.folder + "/pympi"

    def find_spec(self, name, path=None, target=None):
        if name != "pympi":
            return None
        bundled = sys.path_importer_cache.get(self.folder)
        return bundled.find_spec(name) if bundled else external.spec_from_file_location(
            name, self.package + "/__init__.py", submodule_search_locations=[self.package])


class ShortNameFinder:
    """Gives the module object of ``pympi.mpi`` under the name ``mpi``; it is also the loader."""

    def find_spec(self, name, path=None, target=None):
        return bootstrap.ModuleSpec(name, self) if name == "mpi" else None

    def create_module(self, spec):
        import pympi.mpi
        self.own_spec = pympi.mpi.__spec__
        return pympi.mpi

    def exec_module(self, module):
        module.__spec__ = self.own_spec  # the import system has just put that of "mpi" there

    def get_code(self, name):
        return None  # `-m mpi`: there is nothing to run


class NoLibraryFinder:
    """Says why there is no ``pympi`` and no ``mpi``, where neither is found otherwise."""

    def __init__(self, reason):
        self.reason = reason

    def find_spec(self, name, path=None, target=None):
        if name in ("pympi", "mpi"):
            raise ModuleNotFoundError(f"No module named {name!r}: {self.reason}", name=name)
        return None


def install(folder, reason):
    if folder is None:  # an executable without its library is still a Python
        sys.meta_path.append(NoLibraryFinder(reason))
        return
    at = sys.meta_path.index(external.PathFinder)
    sys.meta_path.insert(at, PackageFinder(folder))
    sys.meta_path.append(ShortNameFinder())


def write_lines():
    """Lets a rank's output leave in whole lines, as on a terminal.

    PYTHONUNBUFFERED and -u would write a line in pieces, between which those of other ranks come.
    """
    for stream in sys.stdout, sys.stderr:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(line_buffering=True, write_through=False)


def tell_before_missing(tell):
    """Calls tell() before runpy says that there is no such module to run."""
    import runpy

    class Missing(runpy._Error):
        def __str__(self):
            tell()
            return super().__str__()

    runpy._Error = Missing
