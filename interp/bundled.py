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
        bundle.opened[bundle.extensions[self.path][0]] = staged
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
        module.dlopen = bundle.tools.lead(bundle.place, module.dlopen)


class Folder(external.FileFinder):
    """What one folder of the path has for the names that are in the bundle."""

    def known(self, bundle, answers):
        self.bundle, self.answers = bundle, answers
        return self

    def find_spec(self, fullname, target=None):
        kind, what = self.answers.get(fullname, (None, None))
        self.bundle.hear(self.path, fullname)
        if kind == ABSENT:
            if self.bundle.started:    # what is how often it may be said
                self.answers[fullname] = (ABSENT, what - 1) if what > 1 else (None, None)
            return None
        if kind == SOURCE:
            return self.bundle.spec(SourceFileLoader, fullname, what, self.answers)
        if kind == EXTENSION:
            loads_staged = fullname == "_ctypes" and self.bundle.folder
            loader = CtypesLoader if loads_staged else ExtensionFileLoader
            return self.bundle.spec(loader, fullname, what, self.answers)
        if kind == PORTION:
            del self.answers[fullname]
            spec = bootstrap.ModuleSpec(fullname, None)
            spec.submodule_search_locations = [what]
            return spec
        self.bundle.outside.setdefault(fullname)
        return super().find_spec(fullname, target)

    def invalidate_caches(self):
        self.answers.clear()
        self.bundle.folders.clear()
        super().invalidate_caches()


class Bundle:
    """The map in the node's memory: view of all of it, index, and what is left to be taken.

    Whom Python has asked when a program begins are in sys.path_importer_cache from the start. The others
    come by a hook, behind those that the program puts before it.
    """

    def __init__(self, view, index, folder, tools):
        self.folder, self.tools = folder, tools
        self.names, self.opened = set(), {}     # of staged files that are open; {path: where it is staged}
        self.extensions = index["extensions"]
        self.started = False
        self.heard = None   # on rank 0: {(folder, name): how often it was asked}
        self.outside = {}   # names that folders were asked for all the same
        self.view = view    # of the modules' code alone
        self.sources = index["sources"]
        self.calls = index["calls"]
        self.stdlib = index["stdlib"]
        self.folders = index["folders"]
        self.loaders = external._get_supported_file_loaders()
        for path in index["visited"]:
            if path in self.folders:
                sys.path_importer_cache[path] = self.hook(path)
        for path in index["nowhere"]:
            sys.path_importer_cache[path] = None

    def begin(self):
        """Python has started: from here on the program decides."""
        self.started = True
        state = external.__spec__.loader_state
        if not state.filename and sys._stdlib_dir:    # it was imported before that was known
            state.filename = external.__file__ = f"{sys._stdlib_dir}/importlib/_bootstrap_external.py"
        self.loaders = external._get_supported_file_loaders()
        sys.path_hooks.insert(0, self.hook)
        sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, (SiteFinder, Listener))]

    def hook(self, path):
        """A finder for a folder, which has its answers the first time."""
        answers = self.folders.pop(path, None)
        if answers is None and (self.heard is None or not external._path_isdir(path)):
            raise ImportError("none of the bundle's", path=path)
        return Folder(path, *self.loaders).known(self, answers or {})

    def hear(self, folder, name):
        if self.heard is not None:
            self.heard[folder, name] = self.heard.get((folder, name), 0) + 1

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
            if name not in self.names:
                self.names.add(name)
                if self.tools.open_library(self.folder + library):
                    self.opened[library] = self.folder + library
        return self.folder + file

    def place(self, name):
        """Where a library is that a program names by its path: in the node's memory, if it is open there."""
        if not self.opened or not isinstance(name, str) or "/" not in name:
            return name
        import os
        return self.opened.get(os.path.realpath(name), name)


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
        self.stand_ins = []

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
                if getattr(owner, name) in self.stand_ins:    # else somebody has put his own there
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
        self.stand_ins.append(ask)
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
    """Hears on rank 0 for which names the path is searched as Python starts; finds nothing itself."""

    def __init__(self):
        self.names = {}
        self.calls = {}
        self.site = SiteFinder(self, False)
        self.bundle = None    # which hears the rest

    def heard(self):
        """{name: how often it was searched} since Python began."""
        times = dict(self.names)
        for (_, name), count in self.bundle.heard.items():
            times[name] = max(times.get(name, 0), count)
        return times

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


def share(listener, code, index):
    """On rank 0, which has no need of files in its memory: it imports what the others will."""
    listener.bundle = Bundle(memoryview(code), index, "", None)
    listener.bundle.heard = {}
    listener.bundle.begin()


def leave(listener):
    """On rank 0, when there will be no bundle."""
    sys.meta_path[:] = [f for f in sys.meta_path if f not in (listener, listener.site)]


def serve(view, start, end, code, folder, tools, reports):
    """On the other ranks, likewise. The index is view[start:end]; staged files are below folder."""
    import marshal
    bundle = Bundle(view[code:], marshal.loads(view[start:end]), folder, tools)
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
