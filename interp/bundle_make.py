"""Makes the bundle on rank 0: from what the program's last run searched for, or from a walk of its code.

SPDX-License-Identifier: MIT

Frozen into the executable; nothing here is left in sys.modules. A record holds names, never what they
lead to: every name is searched anew, by python3's own finders and loaders, so an old or a damaged record
costs an ordinary import at worst.
"""
import sys

BEFORE = set(sys.modules)

import _frozen_importlib_external as external
import _imp
import marshal
import posix
import time
import zlib

ABSENT, SOURCE, EXTENSION, PORTION = range(4)    # as in bundled.py
MAGIC = b"pympiB1\0"
BYTES_MOST = 256 << 20
STAGED_MOST = 1 << 30
SCRIPT_MOST = 16 << 20
PAGE = 1 << 16
HEADER = 56    # bytes
NAMES_MOST = 20000
SECONDS_MOST = 5
FORMAT = 2    # of a record
RECORDS_MOST = 200
SLACK = 2    # seconds between a file server's clock and ours
NEVER = float("inf")


class Maker:
    """Searches for names as the ranks will, and keeps what each folder of the path says to each."""

    def __init__(self, path, library, since):
        self.path = path
        self.library = [library + "/python"]    # where the package pympi is
        self.since = since    # what has changed since then the program itself may change
        self.folders = {}     # of the path, or of a package: {name: answer}
        self.nowhere = {}     # entries of the path that lead nowhere
        self.listings = {}
        self.inside = {}      # a package's name: where its modules are
        self.sources = {}
        self.extensions = {}
        self.blobs = []
        self.fresh = []       # (name, is_package, data) not walked yet
        self.size = 0
        self.loaders = external._get_supported_file_loaders()
        self.suffixes = [""] + [s for _, suffixes in self.loaders for s in suffixes]

    def search(self, name, absent):
        """Notes what the path says to a name; that it is nowhere may be said so often as absent is."""
        parent, _, tail = name.rpartition(".")
        if parent and parent not in self.inside:
            self.search(parent, absent)
        places = (self.inside.get(parent, ()) if parent else
                  self.library if name == "pympi" else self.path)
        if name in self.inside or name in sys.builtin_module_names or _imp.is_frozen(name):
            return
        asked = self.follow(name, tail, places)
        for place in asked or ():
            if absent:
                self.folders[place][name] = ABSENT, absent
            else:
                self.folders[place].pop(name, None)

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
                portions.append(f"{place}/{answer[1]}")
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
        """What a folder has for a name: (kind, file); (None, None) when it is none; None when it has
        something that is not for the bundle."""
        listing = self.listing(place)
        if listing is None:
            if sys.path_importer_cache.get(place, self) is None:
                self.nowhere[place] = None
            return None, None
        if not any(tail + suffix in listing for suffix in self.suffixes):
            return ABSENT, 1
        spec = external.FileFinder(place, *self.loaders).find_spec(name)
        if spec is None:
            return ABSENT, 1
        if spec.loader is None:
            return PORTION, tail
        if spec.submodule_search_locations is not None:
            self.inside[name] = list(spec.submodule_search_locations)
        if type(spec.loader) is external.SourceFileLoader and self.read(name, spec):
            return SOURCE, spec.origin[len(place) + 1:]
        if type(spec.loader) is external.ExtensionFileLoader:
            self.extensions[spec.origin] = None
            return EXTENSION, spec.origin[len(place) + 1:]
        return None

    def read(self, name, spec):
        """Takes a module's code as python3 would; False when it is not for the bundle."""
        try:
            stats = spec.loader.path_stats(spec.origin)
            if stats["mtime"] >= self.since or self.size > BYTES_MOST:
                return False
            data = compiled(name, spec, stats)
        except (OSError, ImportError, SyntaxError, ValueError, EOFError, TypeError):
            return False
        if spec.origin not in self.sources:
            self.sources[spec.origin] = self.add(data)
            self.fresh.append((name, spec.submodule_search_locations is not None, data))
        return True

    def add(self, data):
        self.blobs.append(data)
        self.size += len(data)
        return self.size - len(data), len(data)


def compiled(name, spec, stats):
    """The marshalled code of a module, out of its .pyc when that is right."""
    try:
        data = spec.loader.get_data(external.cache_from_source(spec.origin))
        if not external._classify_pyc(data, name, {}):
            external._validate_timestamp_pyc(data, int(stats["mtime"]), stats["size"], name, {})
            return data[16:]
    except (OSError, ImportError, EOFError, NotImplementedError):
        pass
    return marshal.dumps(spec.loader.get_code(name))


class Stage:
    """The files that go to the nodes' memory: extensions, and the libraries that they need."""

    def __init__(self, since):
        self.since = since
        self.files = {}        # {path without links: (offset, size)}
        self.blobs = []
        self.size = 0
        self.needs = {}        # {path: (name that others know it by, [names it needs], [folders])}
        self.named = {}        # {name: path}

    def add(self, path):
        """Takes a file, and what lies beside it for its sake. Gives its path without links, or None."""
        import os
        path = os.path.realpath(path)
        if path in self.files:
            return path
        try:
            about = posix.stat(path)
            if about.st_mtime >= self.since or self.size + about.st_size > STAGED_MOST:
                return None
            with open(path, "rb") as file:
                data = file.read()
            name, needed, folders = needs(data)
        except (OSError, ValueError):
            return None
        self.files[path] = self.size, len(data)
        self.blobs += [data, bytes(-len(data) % 64)]
        self.size += len(data) + -len(data) % 64
        self.needs[path] = needed
        self.named.setdefault(name or os.path.basename(path), path)
        for folder in folders:
            for other in needed:
                beside = folder.replace("$ORIGIN", os.path.dirname(path)) + "/" + other
                if other not in self.named and os.path.isfile(beside):
                    self.add(beside)
        return path

    def order(self, path, done):
        """The libraries a file needs, each behind those that it needs itself."""
        for name in self.needs[path]:
            other = self.named.get(name)
            if other and other not in done and other != path:
                done[other] = None    # two may need each other
                self.order(other, done)
                done[other] = done.pop(other)
        return list(done)

    def table(self):
        return b"".join([b"%d %d %s\0" % (*place, encode(path))
                         for path, place in self.files.items()])


def needs(data):
    """(name, names of needed libraries, folders by $ORIGIN) of a shared library, or ValueError."""
    import struct
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no ELF of 64 bits")
    start, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    parts = [struct.unpack_from("<IIQQQQ", data, start + i * size) for i in range(count)]
    try:
        entries = []
        for kind, _, offset, _, _, length in parts:
            if kind == 2:    # PT_DYNAMIC
                entries = list(struct.iter_unpack("<qQ", data[offset:offset + length]))
        table = next(value for tag, value in entries if tag == 5)    # DT_STRTAB
        strings = next(table - address + offset for kind, _, offset, address, _, length in parts
                       if kind == 1 and address <= table < address + length)
        texts = [(tag, data[strings + value:data.index(b"\0", strings + value)].decode())
                 for tag, value in entries if tag in (1, 14, 15, 29)]
    except (StopIteration, struct.error) as error:
        raise ValueError("no shared library") from error
    folders = [f for tag, text in texts if tag in (15, 29) for f in text.split(":")]
    return (next((text for tag, text in texts if tag == 14), None),
            [text for tag, text in texts if tag == 1],
            [f.replace("${ORIGIN}", "$ORIGIN") for f in folders if f.startswith("$")])


def libraries():
    """The shared libraries that this process has open."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        lines = [line.rstrip("\n").split(maxsplit=5) for line in maps]
    return dict.fromkeys(line[5] for line in lines
                         if len(line) == 6 and "x" in line[1] and line[5].startswith("/"))


class Walk:
    """The imports that the code of a module makes when it is run, without those in functions."""

    def __init__(self):
        before = set(sys.modules)
        import opcode
        self.opmap = opcode.opmap
        for name in set(sys.modules) - before:
            del sys.modules[name]

    def imports(self, code):
        """Yields (name, level, names behind `from`, whether a `try` stands around it)."""
        word, extended, arguments = code.co_code, 0, []
        guarded = guards(code)
        for at in range(0, len(word), 2):
            argument = word[at + 1] | extended << 8
            extended = argument if word[at] == self.opmap["EXTENDED_ARG"] else 0
            if extended or word[at] == self.opmap["CACHE"]:
                continue
            if word[at] == self.opmap["LOAD_CONST"]:
                arguments = (arguments + [code.co_consts[argument]])[-2:]
            elif word[at] == self.opmap["IMPORT_NAME"] and len(arguments) == 2:
                level, names = arguments
                tried = any(start <= at < end for start, end in guarded)
                yield code.co_names[argument], level, names or (), tried

    def follow(self, maker, code, package, end):
        """Searches for what code imports, and for what that imports, until the time is over."""
        self.search_all(maker, code, package)
        while maker.fresh and time.monotonic() < end:
            name, is_package, data = maker.fresh.pop()
            self.search_all(maker, marshal.loads(data),
                            name if is_package else name.rpartition(".")[0])

    def search_all(self, maker, code, package):
        for name, level, names, tried in self.imports(code):
            if level:
                base = package.rsplit(".", level - 1)[0] if level > 1 else package
                name = f"{base}.{name}" if name else base
            if name and not name.startswith("."):
                maker.search(name, int(tried))
                for more in names:
                    if more != "*" and name in maker.inside:
                        maker.search(f"{name}.{more}", 0)


def guards(code):
    """The stretches of bytecode that a handler of exceptions stands around."""
    table, found = iter(code.co_exceptiontable), []

    def number():
        byte = next(table)
        value = byte & 63
        while byte & 64:
            byte = next(table)
            value = value << 6 | byte & 63
        return value

    try:
        while True:
            start, length = number() * 2, number() * 2
            number(), number()
            found.append((start, start + length))
    except StopIteration:
        return found


class Record:
    """The names that a program's last run searched for, in a file of the user's own."""

    def __init__(self, program):
        environ = posix.environ    # of bytes
        cache = environ.get(b"XDG_CACHE_HOME") or environ.get(b"HOME", b"") + b"/.cache"
        self.head = marshal.dumps((FORMAT, program, sys.version, sys.executable, sys.prefix))
        number = zlib.crc32(self.head), zlib.adler32(self.head)
        self.folder = cache + b"/pympi/imports"
        self.file = self.folder + b"/%08x%08x" % number if cache.startswith(b"/") else None

    def read(self):
        """(names, path, libraries, time of that run), or None."""
        try:
            with open(self.file, "rb") as file:
                owner, data = posix.fstat(file.fileno()), file.read()
            size = len(self.head)
            if (owner.st_uid == posix.geteuid() and data[8:8 + size] == self.head
                    and int.from_bytes(data[:8], "little") == zlib.crc32(data[8:])):
                return marshal.loads(data[8 + size:])
        except (OSError, TypeError, ValueError, EOFError):
            pass
        return None

    def write(self, names, path, libraries, since):
        """Replaces the record. What cannot be written is not kept."""
        data = self.head + marshal.dumps((names, path, libraries, since))
        fresh = self.file + b".%d" % posix.getpid()
        try:
            make_folders(self.folder)
            file = posix.open(fresh, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL, 0o600)
            try:
                posix.write(file, zlib.crc32(data).to_bytes(8, "little") + data)
            finally:
                posix.close(file)
            posix.rename(fresh, self.file)
            self.remove_old()
        except OSError:
            pass

    def remove_old(self):
        """Of very many records the oldest go, and with them what a killed rank has left half written."""
        files = [self.folder + b"/" + name for name in posix.listdir(self.folder)]
        files.sort(key=lambda file: posix.stat(file).st_mtime)
        for file in files[:-RECORDS_MOST]:
            posix.unlink(file)


def make_folders(folder):
    try:
        posix.mkdir(folder, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folders(folder.rpartition(b"/")[0])
        posix.mkdir(folder, 0o700)


def code_of(kind, name):
    """The code of the program; None when it is no plain source."""
    try:
        if kind == "command":
            return compile(name, "<string>", "exec", dont_inherit=True)
        if kind == "file":
            with open(name, "rb") as file:
                return compile(file.read(), name, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
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
    try:
        return make_all(*wishes)
    finally:
        for name in set(sys.modules) - BEFORE:
            del sys.modules[name]


def make_all(listener, kind, name, strings, preload, library, reports):
    since, begun = time.time(), time.monotonic()
    record = Record((kind, name, posix.getcwd()))
    last = record.read()
    maker = search_all(listener, kind, name, library, last)
    walk_program(maker, last, kind, name, preload, begun + SECONDS_MOST)
    stage, extensions = stage_all(maker, last[2] if last else ())
    keep(listener, record, since)
    found = listener.configuration()
    index = marshal.dumps({"folders": maker.folders, "nowhere": list(maker.nowhere),
                           "sources": maker.sources, "calls": listener.calls,
                           "extensions": extensions, "stdlib": found[5]})
    executable, environment, home = strings
    home = home or f"{found[3]}:{found[6]}"    # with a home Python looks for none
    program, source = program_of(kind, name)
    folder = (first_place(kind, name) or [""])[0] if source else ""
    config = [executable, environment, program, folder, home, *found]
    place = maker.add(source) if source else None
    if reports:
        tell(maker, stage, last, time.monotonic() - begun)
    return join(b"".join([encode(string) + b"\0" for string in config]), index, stage.table(),
                maker.blobs, stage.blobs, place)


def search_all(listener, kind, name, library, last):
    """A maker that has searched for what this run has searched for so far, and the last one."""
    path = [p for p in first_place(kind, name) + sys.path if p.startswith("/")]
    maker = Maker(list(dict.fromkeys(path + list(last[1] if last else ()))), library,
                  last[3] - SLACK if last else NEVER)
    names = dict.fromkeys(sys.modules, 0)
    names |= {wanted: 0 if wanted in sys.modules else 1 for wanted in listener.names}
    names |= dict(last[0] if last else ())
    for wanted, times in names.items():
        maker.search(wanted, times)
    return maker


def tell(maker, stage, last, seconds):
    print(f"pympi: bundle: {len(maker.sources)} modules of {maker.size / 1e6:.1f} MB and "
          f"{len(stage.files)} libraries of {stage.size / 1e6:.1f} MB, by "
          f"{'the record of the last run' if last else 'a walk of the program'}, in {seconds:.3f} s",
          file=sys.stderr)


def program_of(kind, name):
    """(whole name, source) of a script; no source when it is another kind of program."""
    source = b""
    if kind == "file":
        try:
            with open(name, "rb") as file:
                source = file.read(SCRIPT_MOST)
        except OSError:
            pass
        if not name.startswith("/"):
            name = posix.getcwd() + "/" + name.removeprefix("./")
    plain = len(source) < SCRIPT_MOST and b"\0" not in source
    return name, source if plain else b""


def join(config, index, table, code, files, program):
    """The bundle, as bundle.c reads it."""
    sizes = [len(config), len(index), len(table)]
    before = sum(sizes) + HEADER
    begin = before + sum(map(len, code))
    gap = -begin % PAGE
    sizes += [begin + gap, *((before + program[0], program[1]) if program else (0, 0))]
    head = b"".join([size.to_bytes(8, "little") for size in sizes])
    return b"".join([MAGIC, head, config, index, table, *code, bytes(gap), *files])


def stage_all(maker, opened):
    """(Stage, {extension: (file, libraries)}), of the extensions found and the libraries of the last
    run. What is open here is open on every rank."""
    stage, here = Stage(maker.since), libraries()
    found = {path: stage.add(path) for path in maker.extensions if path not in here}
    for path in opened:
        if path not in here:
            stage.add(path)
    return stage, {path: (file, stage.order(file, {})) for path, file in found.items() if file}


def encode(string):
    return (string or "").encode(sys.getfilesystemencoding(), "surrogateescape")


def walk_program(maker, last, kind, name, preload, end):
    """The first run has no record, and names to preload need none."""
    names = [n for n in preload.split(",") if n]
    if not last and kind == "module":
        names += ["runpy", name, name + ".__main__"]
    if last and not names:
        return
    code = None if last else code_of(kind, name)
    walk = Walk()
    if last:
        maker.fresh.clear()
    for wanted in names:
        maker.search(wanted, 0)
    walk.follow(maker, code or compile("", "", "exec"), "", end)


def found(name):
    """Whether a name has led to a module of that name; `mpi`, for one, is another's."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return getattr(spec, "name", None) == name


def keep(listener, record, since):
    import atexit
    process, before = posix.getpid(), libraries()

    def write():
        if posix.getpid() == process and record.file:
            path = [p for p in sys.path if isinstance(p, str)]
            more = [p for p in libraries() if p not in before]
            names = [(name, 0 if found(name) else times)
                     for name, times in listener.names.items()]
            record.write(names[:NAMES_MOST], path, more, since)

    atexit.register(write)
