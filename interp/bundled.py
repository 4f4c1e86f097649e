"""Imports from the bundle: modules of rank 0 that a rank finds in its node's memory.

SPDX-License-Identifier: MIT

Frozen into the executable, and run before Python has a path to search: what the interpreter imports to
start comes from here too. A rank's search is python3's own. Only what a folder of the path would say is
known beforehand, for the names that rank 0 expects, and each answer is given once: who asks again gets
the folder's own. Nothing here communicates.
"""
import sys
import _frozen_importlib as bootstrap
import _frozen_importlib_external as external
import _imp

ABSENT, SOURCE, EXTENSION, PORTION = range(4)
EXTERNAL = external.SourceFileLoader.get_filename.__code__.co_filename


class SourceFileLoader(external.SourceFileLoader):
    """Gives a module's code from the bundle, and is python3's own loader from then on."""

    def get_code(self, fullname):
        bundle, answers = self.__dict__.pop("bundle"), self.__dict__.pop("answers")
        self.__class__ = external.SourceFileLoader
        answers.pop(fullname, None)
        data = bundle.take(self.path)
        if data is None:
            return self.get_code(fullname)
        return external._compile_bytecode(data, name=fullname, source_path=self.path,
                                          bytecode_path=external.cache_from_source(self.path))


class ExtensionFileLoader(external.ExtensionFileLoader):
    """Loads an extension from the node's memory, and is python3's own loader from then on."""

    def create_module(self, spec):
        bundle, answers = self.__dict__.pop("bundle"), self.__dict__.pop("answers")
        self.__class__ = external.ExtensionFileLoader
        answers.pop(spec.name, None)
        staged = bundle.stage(self.path)
        if staged is None:
            return self.create_module(spec)
        spec.origin = staged    # what is opened
        try:
            module = self.create_module(spec)
        except ImportError:
            spec.origin = self.path
            return self.create_module(spec)
        finally:
            spec.origin = self.path
        if getattr(module, "__file__", None) == staged:
            module.__file__ = self.path
        return module


class CtypesLoader(ExtensionFileLoader):
    """Lets ctypes open what lies in the node's memory when it is asked for the original."""

    def create_module(self, spec):
        bundle = self.bundle
        module = super().create_module(spec)
        self.__class__, self.bundle = CtypesLoader, bundle
        return module

    def exec_module(self, module):
        bundle = self.__dict__.pop("bundle")
        self.__class__ = external.ExtensionFileLoader
        self.exec_module(module)
        real = module.dlopen

        def dlopen(name, *mode):
            return real(bundle.place(name), *mode)

        module.dlopen = dlopen


class Folder(external.FileFinder):
    """What one folder of the path has for the names that are in the bundle."""

    def known(self, bundle, answers):
        self.bundle, self.answers = bundle, answers
        return self

    def find_spec(self, fullname, target=None):
        kind, name = self.answers.get(fullname, (None, None))
        if kind == ABSENT:
            if self.bundle.started:    # name is how often it may be said
                self.answers[fullname] = (ABSENT, name - 1) if name > 1 else (None, None)
            return None
        if kind == SOURCE:
            return self.bundle.spec(SourceFileLoader, fullname, f"{self.path}/{name}", self.answers)
        if kind == EXTENSION:
            loads_staged = fullname == "_ctypes" and self.bundle.folder
            loader = CtypesLoader if loads_staged else ExtensionFileLoader
            return self.bundle.spec(loader, fullname, f"{self.path}/{name}", self.answers)
        if kind == PORTION:
            spec = bootstrap.ModuleSpec(fullname, None)
            spec.submodule_search_locations = [f"{self.path}/{name}"]
            return spec
        self.bundle.outside.setdefault(fullname)
        return super().find_spec(fullname, target)

    def invalidate_caches(self):
        self.answers.clear()
        super().invalidate_caches()


class Bundle:
    """The map in the node's memory: view of all of it, index, and what is left to be taken."""

    def __init__(self, view, index, folder, open_library):
        self.folder, self.open_library, self.opened = folder, open_library, {}
        self.extensions = index["extensions"]
        self.started = False
        self.outside = {}   # names that folders were asked for all the same
        self.view = view    # of the modules' code alone
        self.sources = index["sources"]
        self.calls = index["calls"]
        self.stdlib = index["stdlib"]
        loaders = external._get_supported_file_loaders()
        for path, answers in index["folders"].items():
            sys.path_importer_cache[path] = Folder(path, *loaders).known(self, answers)
        for path in index["nowhere"]:
            sys.path_importer_cache[path] = None

    def take(self, path):
        """The marshalled code of a file, the first time; else None."""
        place = self.sources.pop(path, None)
        return place and self.view[place[0]:place[0] + place[1]]

    def spec(self, loader_class, fullname, path, answers):
        loader = loader_class(fullname, path)
        loader.bundle, loader.answers = self, answers
        folder, _, name = path.rpartition("/")
        return external.spec_from_file_location(
            fullname, path, loader=loader,
            submodule_search_locations=[folder] if name.startswith("__init__.") else None)

    def report(self):
        names = ", ".join(self.outside) or "nothing"
        print(f"pympi: bundle: rank 1 searched the path for {names}", file=sys.stderr)

    def stage(self, path):
        """Where the node's memory has an extension, with the libraries it needs opened; or None."""
        if not self.folder or path not in self.extensions:
            return None
        file, libraries = self.extensions[path]
        for name, library in libraries:
            if name not in self.opened:
                self.opened[name] = library
                self.open_library(self.folder + library)
        return self.folder + file

    def place(self, name):
        """Where a library is that a program names by its path: in the node's memory, if it is open there."""
        path = name if isinstance(name, str) and "/" in name else ""
        if path.rpartition("/")[2] not in self.opened:
            return name
        import os
        path = os.path.realpath(path)
        return self.folder + path if path in self.opened.values() else name


def configuration():
    """What the interpreter has worked out by the file system, before `site` changes it; in the order of
    list_fields in bundle.c, then sys.path."""
    return [sys.executable, sys._base_executable, sys.prefix, sys.base_prefix, sys.exec_prefix,
            sys._stdlib_dir, sys.base_exec_prefix, sys.platlibdir, *sys.path]


class SiteFinder:
    """Lets `site` run with what it asks the file system remembered, or answered from memory.

    `site` decides by the file system what sys.path will be. It runs as it is, on every rank; its own
    questions, and those of lines in .pth files, have the answers that rank 0 got.
    """

    def __init__(self, bundle, replays):
        self.bundle, self.calls, self.replays = bundle, bundle.calls, replays
        self.configuration = None    # under -S there is no `site`

    def find_spec(self, name, path=None, target=None):
        if self.replays and getattr(sys, "_stdlib_dir", None) is None:
            sys._stdlib_dir = self.bundle.stdlib    # 3.11 forgets what it is given with a home
        if name != "site":
            return None
        sys.meta_path.remove(self)
        self.configuration = configuration()
        spec = bootstrap._find_spec(name, path, target)
        if spec:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        import builtins
        import io
        import os
        import _io
        module.__loader__ = module.__spec__.loader = self.loader
        self.site = module.__dict__
        places = [(os, "listdir"), (os, "lstat"), (io, "open_code"), (_io, "open_code"),
                  (builtins, "open"), (os.path, "isdir"), (os.path, "isfile"),
                  (os.path, "exists"), (os.path, "getsize")]
        kept = [(owner, name, getattr(owner, name)) for owner, name in places]
        for owner, name, real in kept:
            setattr(owner, name, self.stand_in(name, real))
        try:
            self.loader.exec_module(module)
        finally:
            for owner, name, real in kept:
                setattr(owner, name, real)
            self.site, self.bundle.started = None, True

    def stand_in(self, name, real):
        def ask(*args, **options):
            if sys._getframe(1).f_globals is not self.site:
                return real(*args, **options)
            key = repr((name, args, options))
            if not self.replays:
                self.calls.setdefault(key, outcome(name, real, args, options))
                return real(*args, **options)
            known = self.calls.get(key)
            return replay(name, known) if known else real(*args, **options)
        return ask


TEXT_MOST = 1 << 20


def outcome(name, real, args, options):
    """What a call gave, as marshal can keep it: ("value", x), ("error", number) or None."""
    try:
        if name in ("open", "open_code"):
            mode = args[1] if len(args) > 1 else options.get("mode", "r")
            if mode not in ("r", "rb", "rt"):
                return None
            with real(*args, **options) as file:
                data = file.read(TEXT_MOST)
            return ("value", data) if len(data) < TEXT_MOST else None
        value = real(*args, **options)
        return "value", tuple(value) if name == "lstat" else value
    except OSError as error:
        return "error", error.errno, error.strerror, args[0]


def replay(name, known):
    import io
    import os
    if known[0] == "error":
        raise OSError(*known[1:])
    value = known[1]
    if name in ("open", "open_code"):
        return io.StringIO(value) if isinstance(value, str) else io.BytesIO(value)
    return os.stat_result(value) if name == "lstat" else value


class Listener:
    """Hears on rank 0 for which names the path is searched, and how often; finds nothing itself."""

    def __init__(self):
        self.names = {}
        self.calls = {}
        self.site = SiteFinder(self, False)

    def find_spec(self, name, path=None, target=None):
        self.names[name] = self.names.get(name, 0) + 1
        return None

    def configuration(self):
        return self.site.configuration or configuration()


def listen():
    """On rank 0, before it has a path. Gives the listener."""
    listener = Listener()
    sys.meta_path.append(listener)
    sys.meta_path.insert(0, listener.site)
    return listener


def share(code, index):
    """On rank 0, which has no need of files in its memory: it imports what the others will."""
    Bundle(memoryview(code), index, "", None).started = True


def serve(view, start, end, code, folder, open_library, reports):
    """On the other ranks, likewise. The index is view[start:end]; staged files are below folder."""
    import marshal
    bundle = Bundle(view[code:], marshal.loads(view[start:end]), folder, open_library)
    sys.meta_path.insert(0, SiteFinder(bundle, True))
    if reports:
        import atexit
        atexit.register(bundle.report)
    return bundle


def hide(*classes):
    """Lets classes pass for the import system's own, whose lines Python leaves out of tracebacks."""
    for owner in classes:
        owner.__module__ = external.__name__
        for name, member in list(vars(owner).items()):
            if hasattr(member, "__code__"):
                member.__code__ = member.__code__.replace(co_filename=EXTERNAL)


hide(SourceFileLoader, ExtensionFileLoader, CtypesLoader, Folder, Bundle, SiteFinder, Listener)
