"""Makes the bundle on rank 0: from what the program's last run searched for, or from a walk of its code.

SPDX-License-Identifier: MIT

Frozen into the executable; nothing here is left in sys.modules. Every name is searched for by python3's
own finders and read by its loaders.
"""
import sys

BEFORE = set(sys.modules)

import _frozen_importlib_external as external
import _imp
import _warnings
import marshal
import posix
import time

ABSENT, SOURCE, EXTENSION, PORTION = range(4)    # as in bundled.py
MAGIC = b"pympiB1\0"
BYTES_MOST = 256 << 20
SCRIPT_MOST = 16 << 20
REGULAR = 8    # of a file's mode
PAGE = 1 << 16
HEADER = 64    # bytes
NAMES_MOST = 20000
SECONDS_MOST = 5
SLACK = 2    # seconds between a file server's clock and ours


class Maker:
    """Searches for names as the ranks will, and keeps what each folder of the path says to each."""

    def __init__(self, path, library, since, caches):
        self.path, self.caches = path, caches
        self.library = [library + "/python"]    # where the package pympi is
        self.since = since    # what has changed since then the program itself may change
        self.folders = {}     # of the path, or of a package: {name: answer}
        self.nowhere = {}     # entries of the path that lead nowhere
        self.listings, self.finders = {}, {}    # of folders
        self.inside = {}      # a package's name: where its modules are
        self.sources = {}
        self.extensions = {}
        self.unread = []      # names of modules that are there
        self.blobs = []
        self.fresh = []       # (name, is_package, data) not walked yet
        self.size = 0
        self.loaders = external._get_supported_file_loaders()
        self.suffixes = [""] + [s for _, suffixes in self.loaders for s in suffixes]

    def search(self, name, absent):
        """Notes what the path says to a name; that it is nowhere may be said so often as absent is.
        Gives whether it leads somewhere."""
        parent, _, tail = name.rpartition(".")
        if parent and parent not in self.inside:
            self.search(parent, absent)
        places = (self.inside.get(parent, ()) if parent else
                  self.library if name == "pympi" else self.path)
        if name in self.inside or name in sys.builtin_module_names or _imp.is_frozen(name):
            return True
        asked = self.follow(name, tail, places)
        for place in asked or ():
            if absent:
                self.folders[place][name] = ABSENT, absent
            else:
                self.folders[place].pop(name, None)
        return asked is None

    def follow(self, name, tail, places):
        """Asks the places in their order. None when that leads somewhere, else those that said no."""
        asked, portions = [], []
        for place in places:
            answer = self.ask(place, name, tail)
            if not answer:
                return None
            if answer[0] is not None:
                self.folders.setdefault(place, {})[name] = answer
                asked.append(place)
            if answer[0] in (SOURCE, EXTENSION):
                return None
            if answer[0] == PORTION:
                portions.append(answer[1])
        if portions:
            self.inside[name] = portions
        return None if portions else asked

    def listing(self, folder):
        if folder not in self.listings:
            try:
                self.listings[folder] = set(posix.listdir(folder))
            except OSError:
                self.listings[folder] = None
        return self.listings[folder]

    def ask(self, place, name, tail):
        """What a folder has for a name: (kind, path); (None, None) when it is no folder; None when it has
        something that is not for the bundle."""
        listing = self.listing(place)
        if listing is None:
            if sys.path_importer_cache.get(place, self) is None:
                self.nowhere[place] = None
            return None, None
        if not any(tail + suffix in listing for suffix in self.suffixes):
            return ABSENT, 1
        if place not in self.finders:
            self.finders[place] = external.FileFinder(place, *self.loaders)
        spec = self.finders[place].find_spec(name)
        if spec is None:
            return ABSENT, 1
        if spec.loader is None:
            return PORTION, spec.submodule_search_locations[0]
        if spec.submodule_search_locations is not None:
            self.inside[name] = list(spec.submodule_search_locations)
        if type(spec.loader) is external.SourceFileLoader and self.read(name, spec):
            return SOURCE, spec.origin
        if type(spec.loader) is external.ExtensionFileLoader:
            self.extensions[spec.origin] = None
            return EXTENSION, spec.origin
        return None

    def read(self, name, spec):
        """Takes a module's code as python3 would; False when it is not for the bundle."""
        try:
            stats = spec.loader.path_stats(spec.origin)
            if stats["mtime"] >= self.since or self.size > BYTES_MOST:
                return False
            data = compiled(name, spec, stats, self.caches)
        except OSError:
            self.unread.append(name)
            return False
        except (ImportError, SyntaxError, ValueError, EOFError, TypeError):
            return False    # as it will be told to whoever imports it
        if spec.origin not in self.sources:
            self.sources[spec.origin] = self.add(data)
            self.fresh.append((name, spec.submodule_search_locations is not None, data))
        return True

    def add(self, data):
        self.blobs.append(data)
        self.size += len(data)
        return self.size - len(data), len(data)


def compiled(name, spec, stats, caches):
    """The marshalled code of a module, out of its .pyc when that is right. caches: else one is written."""
    try:
        data = spec.loader.get_data(external.cache_from_source(spec.origin))
        if not external._classify_pyc(data, name, {}):
            external._validate_timestamp_pyc(data, int(stats["mtime"]), stats["size"], name, {})
            return data[16:]
    except (OSError, ImportError, EOFError, NotImplementedError):
        pass
    if caches:
        return marshal.dumps(spec.loader.get_code(name))
    return marshal.dumps(spec.loader.source_to_code(spec.loader.get_data(spec.origin), spec.origin))


def read_program(name):
    """The source of a script; None when it is no plain file, which may be read once only."""
    try:
        if posix.stat(name).st_mode >> 12 != REGULAR:
            return None
        with open(name, "rb") as file:
            return file.read(SCRIPT_MOST)
    except (OSError, ValueError):
        return None


def code_of(kind, name):
    """The code of the program; None when it is no plain source."""
    try:
        if kind == "command":
            return compile(name, "<string>", "exec", dont_inherit=True)
        if kind == "file":
            return compile(read_program(name) or b"", name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        pass
    return None


def first_place(kind, name):
    """The entry that Python will put in front of the path for this program."""
    if sys.flags.safe_path or sys.flags.isolated:
        return []
    if kind == "file":
        import os
        return [os.path.dirname(os.path.realpath(name))]
    return [posix.getcwd()]


def make(*wishes):
    """The bundle as bytes, for the ranks; and notes what this run searches for, for the next one."""
    # Whoever runs the code will be told. The module `warnings` may not have been imported yet.
    filters = sys.modules.get("warnings", _warnings).filters
    filters.insert(0, ("ignore", None, Warning, None, 0))
    _warnings._filters_mutated()
    try:
        return make_all(*wishes)
    finally:
        del filters[0]
        _warnings._filters_mutated()
        for name in set(sys.modules) - BEFORE:
            del sys.modules[name]


def make_all(parts, listener, kind, name, strings, preload, library, reports, verbose):
    since, begun = time.time(), time.monotonic()
    bundled, libraries, records, walks = parts
    record = records.Record((kind, name, posix.getcwd()))
    last = record.read()
    maker = search_all(listener, kind, name, library, last)
    walk_program(walks, maker, last, kind, name, preload, begun + SECONDS_MOST)
    searched = time.monotonic()
    stage, extensions = libraries.stage(maker.extensions, maker.since)
    keep(listener, record, since)
    found = listener.configuration()
    index = {"folders": maker.folders, "nowhere": list(maker.nowhere), "sources": maker.sources,
             "visited": [*sys.path_importer_cache, *maker.library], "calls": listener.calls,
             "extensions": extensions, "stdlib": found[5]}
    executable, environment, home = strings
    home = home or f"{found[3]}:{found[6]}"    # with a home Python looks for none
    program, source = program_of(kind, name)
    folder = (first_place(kind, name) or [""])[0] if source else ""
    config = [executable, environment, program, folder, home, *found]
    place = maker.add(source) if source else None
    if verbose and maker.unread:
        print("pympi: bundle: rank 0 could not read", ", ".join(maker.unread), file=sys.stderr)
    if reports:
        tell(maker, stage, last, searched - begun, time.monotonic() - searched)
    data = marshal.dumps(index)
    code = b"".join(maker.blobs)
    bundled.share(listener, code, index)
    return join(b"".join([encode(string) + b"\0" for string in config]), data, stage.table(), code,
                stage.blobs, place)


def search_all(listener, kind, name, library, last):
    """A maker that has searched for what this run has searched for so far, and the last one."""
    names, path, since = last or ((), (), time.time())
    path = [p for p in [*first_place(kind, name), *sys.path, *path] if p.startswith("/")]
    maker = Maker(list(dict.fromkeys(path)), library, since - SLACK, last is not None)
    wanted = dict.fromkeys(sys.modules, 0)
    wanted |= {each: 0 if each in sys.modules else 1 for each in listener.names}
    for each, times in (wanted | dict(names)).items():
        maker.search(each, times)
    return maker


def tell(maker, stage, last, searching, staging):
    way = "the record of the last run" if last else "a walk of the program"
    print(f"pympi: bundle: {len(maker.sources)} modules of {maker.size / 1e6:.1f} MB, by {way}, in "
          f"{searching:.3f} s; {len(stage.files)} libraries of {stage.size / 1e6:.1f} MB, in "
          f"{staging:.3f} s", file=sys.stderr)


def program_of(kind, name):
    """(whole name, source) of a script; no source when it is another kind of program."""
    source = b""
    if kind == "file":
        source = read_program(name) or b""
        if not name.startswith("/"):
            name = posix.getcwd() + "/" + name.removeprefix("./")
    plain = len(source) < SCRIPT_MOST and b"\0" not in source
    return name, source if plain else b""


def join(config, index, table, code, files, program):
    """The bundle, as bundle.c reads it."""
    sizes = [len(config), len(index), len(table)]
    before = sum(sizes) + HEADER
    python = sys.hexversion >> 16 << 8 | (8 if sys.maxsize > 1 << 32 else 4)
    begin = before + len(code)
    gap = -begin % PAGE
    sizes += [begin + gap, *((before + program[0], program[1]) if program else (0, 0))]
    head = b"".join([number.to_bytes(8, "little") for number in (python, *sizes)])
    return b"".join([MAGIC, head, config, index, table, code, bytes(gap), *files])


def encode(string):
    return (string or "").encode(sys.getfilesystemencoding(), "surrogateescape")


def walk_program(walks, maker, last, kind, name, preload, end):
    """The first run has no record, and names to preload need none."""
    names = [n for n in preload.split(",") if n]
    if not last and kind == "module":
        names += ["runpy", name, name + ".__main__"]
    if last and not names:
        return
    code = None if last else code_of(kind, name)
    if last:
        maker.fresh.clear()
    for wanted in names:
        if not maker.search(wanted, 0) and wanted in preload.split(","):
            print(f"pympi: --preload {wanted}: the folders of the path have no such module",
                  file=sys.stderr)
    walks.follow(maker, code or compile("", "", "exec"), "", end)


def found(name):
    """Whether a name has led to a module of that name; `mpi`, for one, is another's."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return getattr(spec, "name", None) == name


def keep(listener, record, since):
    import atexit
    process = posix.getpid()

    def write():
        if posix.getpid() == process and record.file:
            path = [p for p in sys.path if isinstance(p, str)]
            names = [(name, 0 if found(name) else times)
                     for name, times in listener.heard().items()]
            record.write(names[:NAMES_MOST], path, since)

    atexit.register(write)
