"""Extensions and the libraries they need, where the dynamic linker would find them.

SPDX-License-Identifier: MIT

Frozen into the executable, for rank 0. The linker cannot be asked without opening what it finds, so its
rules are followed here: ld.so(8), and the format of its cache in glibc's dl-cache.h. Wherever they leave
more than one answer an extension is not given, and every rank loads it from where it is.
"""
import posix
import struct
import sys

MOST = 1 << 30      # bytes of a node's memory
CACHE = "/etc/ld.so.cache"
CACHE_MAGIC = b"glibc-ld.so.cache1.1"
NEEDED, STRTAB, SONAME, RPATH, RUNPATH = 1, 5, 14, 15, 29    # of a dynamic section
LOAD, DYNAMIC = 1, 2                                         # of a program header


class File:
    """A shared library as it lies on the path."""

    def __init__(self, path, data):
        self.path, self.data = path, data
        self.machine = data[:6], data[18:20]
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("no ELF of 64 bits")
        try:
            texts = list(self.strings())
        except (TypeError, struct.error) as error:
            raise ValueError("no shared library") from error
        self.name = next((text for tag, text in texts if tag == SONAME), None)
        self.needed = [text for tag, text in texts if tag == NEEDED]
        self.rpath, self.runpath = ([folder for tag, text in texts if tag == wanted
                                     for folder in text.split(":")] for wanted in (RPATH, RUNPATH))

    def strings(self):
        """Yields (tag, text) of the dynamic section."""
        data = self.data
        start, = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
        parts = [struct.unpack_from("<IIQQQQ", data, start + i * size) for i in range(count)]
        dynamic = next(((offset, length) for kind, _, offset, _, _, length in parts if kind == DYNAMIC),
                       None)
        entries = list(struct.iter_unpack("<qQ", data[dynamic[0]:sum(dynamic)]))
        table = next((value for tag, value in entries if tag == STRTAB), None)
        begin = next((table - address + offset for kind, _, offset, address, _, length in parts
                      if kind == LOAD and address <= table < address + length), None)
        for tag, value in entries:
            if tag in (NEEDED, SONAME, RPATH, RUNPATH):
                yield tag, data[begin + value:data.index(b"\0", begin + value)].decode()


class Linker:
    """Where the dynamic linker finds a library. It knows of those that are open, as every rank's does."""

    def __init__(self):
        wish = posix.environ.get(b"LD_LIBRARY_PATH", b"").decode(errors="surrogateescape")
        self.preset = [f or posix.getcwd() for f in wish.replace(";", ":").split(":")] if wish else []
        self.open = libraries()
        self.cache = self.read_cache()
        self.found = {}     # {(name, folders): what was found}
        self.beside = {}    # folders that files name, where something was found: None
        self.listings = {}  # {folder: what is in it}

    def find(self, name, folders):
        """(path, the same without links) of a library; None when that is not sure."""
        key = name, tuple(folders)
        if key not in self.found:
            import os
            path = self.search(name, folders)
            self.found[key] = path and (path, os.path.realpath(path))
        return self.found[key]

    def search(self, name, folders):
        for folder in folders:
            names = self.listing(folder)
            if not folder.startswith("/") or "$" in folder or "glibc-hwcaps" in names:
                return None
            if name in names:
                if folder not in self.preset:
                    self.beside[folder] = None
                return f"{folder}/{name}"
        found = self.cache.get(name, ())
        return found[0] if len(found) == 1 else None

    def listing(self, folder):
        if folder not in self.listings:
            try:
                self.listings[folder] = set(posix.listdir(folder))
            except OSError:
                self.listings[folder] = ()
        return self.listings[folder]

    def system_folders(self):
        """Those that the linker's cache is made of."""
        import os
        folders = {os.path.dirname(path) for paths in self.cache.values() for path in paths}
        return {os.path.realpath(folder) for folder in folders}

    def read_cache(self):
        """{name: [paths]} of libraries of the kind that this process has open."""
        import os
        try:
            with open(CACHE, "rb") as file:
                data = file.read()
            count, = struct.unpack_from("<I", data, len(CACHE_MAGIC))
            entries = [struct.unpack_from("<iIIIQ", data, 48 + 24 * i) for i in range(count)]
        except (OSError, struct.error):
            return {}
        if not data.startswith(CACHE_MAGIC):
            return {}

        def text(at):
            return data[at:data.index(b"\0", at)].decode(errors="surrogateescape")

        kinds = {flags for flags, name, path, _, _ in entries
                 if text(name) == "libc.so.6" and os.path.realpath(text(path)) in self.open}
        found = {}
        for flags, name, path, _, _ in entries:
            if flags in kinds:
                found.setdefault(text(name), []).append(text(path))
        return found if len(kinds) == 1 else {}


def libraries():
    """The shared libraries that this process has open."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        lines = [line.rstrip("\n").split(maxsplit=5) for line in maps]
    return dict.fromkeys(line[5] for line in lines
                         if len(line) == 6 and "x" in line[1] and line[5].startswith("/"))


def own_machine():
    with open("/proc/self/exe", "rb") as file:
        data = file.read(20)
    return data[:6], data[18:20]


class Stage:
    """The files that go to the nodes' memory."""

    def __init__(self, since):
        self.since = since     # what has changed since then the program itself may change
        self.linker = Linker()
        self.machine = own_machine()
        self.read = {}         # {path without links: File, or None when it is not for the bundle}
        self.files = {}        # {path without links: (offset, size)} of those that are given
        self.near = {}         # those that find others by $ORIGIN: None
        self.blobs = []
        self.size = 0

    def give(self, path):
        """Takes an extension and what it needs: (its path without links, [(name, path) of libraries]), each
        library behind those that it needs itself. None when every rank must load it from where it is."""
        import os
        file, needs = self.look(os.path.realpath(path)), {}
        if not file or file.path in self.linker.open or not self.follow(file, path, (), needs):
            return None
        paths = [*needs.values(), file.path]
        if self.size + sum(len(self.read[p].data) for p in paths if p not in self.files) > MOST:
            return None
        for taken in paths:
            self.take(taken)
            if any("$" in folder for folder in self.read[taken].rpath + self.read[taken].runpath):
                self.near[taken] = None
        return file.path, list(needs.items())

    def follow(self, file, path, inherited, needs):
        """Adds to {name: path} what a file needs that was found under this path; False when that is not
        sure."""
        import os
        origin = os.path.dirname(path)
        own, inherited = placed(file.runpath or file.rpath, origin), list(inherited)
        if not file.runpath:
            inherited = own + inherited
        folders = self.linker.preset + own if file.runpath else inherited + self.linker.preset
        for name in file.needed:
            if name in needs:
                continue
            found = self.linker.find(name, folders)
            if found and found[1] in self.linker.open:
                continue
            other = found and self.look(found[1])
            if not other or other.name != name:
                return False
            needs[name] = None    # two may need each other
            if not self.follow(other, found[0], inherited, needs):
                return False
            del needs[name]
            needs[name] = other.path
        return True

    def look(self, path):
        """The file of that path without links, or None."""
        if path not in self.read:
            self.read[path] = None
            try:
                about = posix.stat(path)
                if about.st_mtime < self.since and about.st_size <= MOST:
                    with open(path, "rb") as file:
                        found = File(path, file.read())
                    self.read[path] = found if found.machine == self.machine else None
            except (OSError, ValueError):
                pass
        return self.read[path]

    def take(self, path):
        if path not in self.files:
            data = self.read[path].data
            self.files[path] = self.size, len(data)
            self.blobs += [data, bytes(-len(data) % 64)]
            self.size += len(data) + -len(data) % 64

    def links(self):
        """What else is in the folders of files that find others by $ORIGIN, and in the folders around them.
        Such files may look for it there. The system's own are left out where no such file lies in them."""
        import os
        near = dict.fromkeys(os.path.dirname(path) for path in self.near)
        beside = dict.fromkeys(os.path.realpath(folder) for folder in self.linker.beside)
        around = dict.fromkeys(os.path.dirname(folder) for folder in near | beside)
        system = self.linker.system_folders()
        folders = near | {folder: None for folder in beside | around if folder not in system}
        folders = sorted(folders, key=len, reverse=True)    # a folder of its own before a link to it
        return [f"{folder.rstrip('/')}/{name}" for folder in folders for name in self.linker.listing(folder)]

    def table(self):
        """The files and links, as stage.h has them."""
        coding = sys.getfilesystemencoding(), "surrogateescape"
        files = [b"%d %d %s\0" % (*place, path.encode(*coding)) for path, place in self.files.items()]
        return b"".join(files + [path.encode(*coding) + b"\0" for path in self.links()])


def placed(folders, origin):
    return [f.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for f in folders]


def stage(extensions, since):
    """(what goes to the nodes' memory, {extension: what Stage.give says of it})"""
    staged = Stage(since)
    given = {path: staged.give(path) for path in extensions}
    return staged, {path: files for path, files in given.items() if files}
