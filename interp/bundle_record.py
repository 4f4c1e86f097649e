"""What the last run of a program searched the path for, in a file of the user's own.

SPDX-License-Identifier: MIT

Frozen into the executable, for rank 0. A record holds names, never what they lead to: every name is
searched anew, by python3's own finders and loaders, so an old or a damaged record costs an ordinary
import at worst.
"""
import marshal
import posix
import sys
import zlib

FORMAT = 3
RECORDS_MOST = 200


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
        """(names, path, time of that run), or None."""
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

    def write(self, names, path, since):
        """Replaces the record. What cannot be written is not kept."""
        data = self.head + marshal.dumps((names, path, since))
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
