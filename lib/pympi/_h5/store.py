"""Files on the disk: locks, what is written beside the target, and when it takes the target's place.

Rank 0 does all this for its job. A lock is the kernel's (flock), on the file itself: it goes with the
process, however that ends. SPDX-License-Identifier: MIT
"""
import errno
import fcntl
import os
import time
import warnings

import _pympi_h5 as _h5

_GROUP = 0o666
_PATIENCE = 2.0         # seconds that a journal may be there while others have the file


def partial_of(path):
    return path + ".partial"


def _journal_of(path):
    return path + ".journal"


def _sync_folder(path):
    fd = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _lock(path, flags, how):
    """An open file with a lock on it. Raises BlockingIOError when another job has one."""
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except OSError as e:
        os.close(fd)
        if e.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        raise BlockingIOError(errno.EAGAIN, f"{path} is open elsewhere, here or in another job") from None
    return fd


def _replay(path, fd):
    """Applies a journal that a dead job left, under the file's lock."""
    try:
        journal = os.open(_journal_of(path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _h5.replay(journal, fd)
    finally:
        os.close(journal)


def _drop_journal(path):
    """What it held is in the file, or the file is no more."""
    try:
        os.unlink(_journal_of(path))
    except FileNotFoundError:
        pass


def _recover(path, fd):
    """The same, and the journal is gone."""
    _replay(path, fd)
    _drop_journal(path)


def _settle_now(path):
    """Applies a journal. Raises BlockingIOError when another has the file.

    The lock lets readers in before the journal goes: who does not see it any more can open the file.
    """
    fd = _lock(path, os.O_RDWR, fcntl.LOCK_EX)
    try:
        _replay(path, fd)
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        _drop_journal(path)
    finally:
        os.close(fd)


def settle(path):
    """Makes a file whole that a job left while it was publishing. Local."""
    end = time.monotonic() + _PATIENCE
    while os.path.exists(_journal_of(path)):
        try:
            _settle_now(path)
        except BlockingIOError:     # another rank is at the same, or a job publishes
            if time.monotonic() > end:
                raise
            time.sleep(0.005)


def tell_of_partial(path):
    """Warns of what an earlier job has not finished. Local."""
    about = about_partial(path)
    if about:
        warnings.warn(f"{path}: an earlier job has not finished it; {about}", stacklevel=4)


def about_partial(path):
    """What an earlier job has left beside a file; "" for nothing. Local."""
    partial = partial_of(path)
    try:
        os.close(_lock(partial, os.O_RDONLY, fcntl.LOCK_SH))
    except OSError:
        return ""       # there is none, or a job is at it
    holds = os.path.exists(_journal_of(partial)) or _holds_something(partial)
    if holds is None:
        return f"nothing had been flushed, and {partial} does not open"
    return f"what that had flushed is in {partial}" if holds else ""


def _holds_something(path):
    """Whether somebody had written anything into it; None where it does not open."""
    try:
        if os.path.getsize(path) == 0:
            return False
        file = _h5.file_read(os.fsencode(path), 0)
        root = _h5.object_open(file, b"/")
        return _h5.link_count(root) > 0 or bool(_h5.attribute_names(root))
    except Exception:
        return None


def _keep_aside(partial):
    """What an earlier job has left gets a name that nobody will take."""
    number = 1
    while os.path.exists(f"{partial}.{number}"):
        number += 1
    os.rename(partial, f"{partial}.{number}")
    warnings.warn(f"{partial}, which an earlier job has left, is kept as {partial}.{number}", stacklevel=4)


def _clear_partial(partial):
    try:
        fd = _lock(partial, os.O_RDWR, fcntl.LOCK_EX)
    except FileNotFoundError:
        return
    try:
        _recover(partial, fd)
        fcntl.flock(fd, fcntl.LOCK_SH)      # HDF5 asks for it too
        if _holds_something(partial) is False:
            os.unlink(partial)
        else:
            _keep_aside(partial)
    finally:
        os.close(fd)


def _make_locked(path):
    """A new file with a lock on it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _GROUP)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.exists(path) and os.path.samestat(os.fstat(fd), os.stat(path)):
            return fd
    except BlockingIOError:
        pass
    os.close(fd)    # a job that makes the same file was between the two
    raise BlockingIOError(errno.EAGAIN, f"{path} is being made by another job")


class Place:
    """A file that rank 0 has locked: where it is written, and what it is to become."""

    def __init__(self, path, work, fd, guard=None):
        self.path, self.work, self.fd, self.guard = path, work, fd, guard
        self.published = work == path       # others can read it, so it changes by journal only

    @classmethod
    def create(cls, path, exclusive):
        """Beside the target, which stays as it is until commit()."""
        guard = None
        try:
            settle(path)
            guard = _lock(path, os.O_RDONLY, fcntl.LOCK_SH)
        except FileNotFoundError:
            _drop_journal(path)
        if exclusive and guard is not None:
            os.close(guard)
            raise FileExistsError(errno.EEXIST, f"{path} exists")
        try:
            partial = partial_of(path)
            _clear_partial(partial)
            _drop_journal(partial)
            return cls(path, partial, _make_locked(partial), guard)
        except BaseException:
            if guard is not None:
                os.close(guard)
            raise

    @classmethod
    def open(cls, path):
        """The target itself."""
        fd = _lock(path, os.O_RDWR, fcntl.LOCK_EX)
        try:
            same = os.path.samestat(os.fstat(fd), os.stat(path))
            if not same:
                raise BlockingIOError(errno.EAGAIN, f"{path} was replaced just now by another job")
            _recover(path, fd)
            tell_of_partial(path)
            return cls(path, path, fd)
        except BaseException:
            os.close(fd)
            raise

    def publish(self, store, sync=True):
        """Brings what the store keeps to the disk: all of it or nothing, whenever this process dies."""
        if not store.kept:
            return
        journal = _journal_of(self.work)
        if self.published:
            fd = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _GROUP)
            try:
                store.journal(fd)
            finally:
                os.close(fd)
            _sync_folder(journal)
        store.apply()
        if sync or self.published:
            os.fsync(self.fd)
        if self.published:
            os.unlink(journal)

    def commit(self):
        """The file takes the target's place."""
        os.fsync(self.fd)
        if self.work != self.path:
            os.rename(self.work, self.path)
            _sync_folder(self.path)

    def drop(self):
        """A file that was made and never used."""
        if self.work != self.path and self.fd is not None:
            os.unlink(self.work)
        self.close()

    def close(self):
        """Lets go of the locks."""
        for fd in self.fd, self.guard:
            if fd is not None:
                os.close(fd)
        self.fd = self.guard = None
