"""Bytes between files and memory: each rank reads and writes by itself, in pieces that ^C can come between.

SPDX-License-Identifier: MIT
"""
import os
import secrets

from pympi import _agree

PIECE = 16 << 20    # bytes of one call of the system's: signals are looked at behind each


def read_into(fd, memory, offset, name):
    """Fill the memory (bytes, contiguous) from the file's bytes at offset. Local.

    Raises EOFError where the file ends early.
    """
    view = memoryview(memory).cast("B")
    done = 0
    while done < len(view):
        count = os.preadv(fd, [view[done:done + PIECE]], offset + done)
        if count == 0:
            raise EOFError(f"{name} ends at byte {offset + done}: {len(view) - done} more are needed")
        done += count


def read(fd, size, offset, name):
    """Return `size` bytes of the file at offset. Local."""
    memory = bytearray(size)
    read_into(fd, memory, offset, name)
    return memory


def write_from(fd, memory, offset):
    """Write the memory (contiguous) at the file's offset. Local."""
    view = memoryview(memory).cast("B")
    done = 0
    while done < len(view):
        done += os.pwritev(fd, [view[done:done + PIECE]], offset + done)


class Opened:
    """A `with` block around a file that is open for reading. Local."""

    def __init__(self, path):
        self.path = os.fspath(path)

    def __enter__(self):
        self.fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return self.fd

    def __exit__(self, *exception):
        os.close(self.fd)


class Replaced:
    """A file that all ranks write beside its name, which it gets when all of it is on the disk.

    Its methods are collective over comm. The name always leads to a whole file, the old or the new; after
    a failure the new one is gone.
    """

    def __init__(self, comm, call, path, size, head=b""):
        """Begin a file of `size` bytes that starts with `head`; path and size are equal on all ranks."""
        self.comm, self.call, self.target = comm, call, path
        self.fd = self.name = None
        attempt = _agree.Attempt()
        with attempt:
            if comm.rank == 0:
                self._create(size, head)
        self._meet(attempt)
        self.name = comm.bcast(self.name)
        with attempt:
            if comm.rank != 0:
                self.fd = os.open(self.name, os.O_WRONLY | os.O_CLOEXEC)
        self._meet(attempt)

    def _create(self, size, head):
        self.target = os.path.realpath(self.target)
        name = f"{self.target}.{secrets.token_hex(4)}.partial"
        self.fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self.name = name
        if os.path.exists(self.target):
            os.fchmod(self.fd, os.stat(self.target).st_mode & 0o7777)
        os.ftruncate(self.fd, size)
        write_from(self.fd, head, 0)

    def finish(self, attempt):
        """Give the file its name when every rank's attempt to write went well."""
        with attempt:
            if attempt.wrong is None:
                os.fsync(self.fd)
        self._close(attempt)
        self._meet(attempt)
        with attempt:
            if self.comm.rank == 0:
                os.rename(self.name, self.target)
                sync_folder(self.target)
        self._meet(attempt)

    def _close(self, attempt):
        with attempt:
            if self.fd is not None:
                fd, self.fd = self.fd, None
                os.close(fd)

    def _meet(self, attempt):
        try:
            _agree.meet(self.comm, self.call, attempt)
        except BaseException:
            self.abandon()
            raise

    def abandon(self):
        """Remove what there is of the file. Local."""
        self._close(_agree.Attempt())
        if self.comm.rank == 0 and self.name is not None and os.path.exists(self.name):
            os.unlink(self.name)


def sync_folder(path):
    """Make the names in a file's folder last. Local."""
    fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
