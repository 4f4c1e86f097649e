"""Files.

SPDX-License-Identifier: MIT
"""
import atexit
import contextlib
import io
import os
import sys
import warnings
import weakref

import _pympi_h5 as _h5

from pympi import mpi
from pympi._agree import Attempt, meet
from pympi._h5 import store as _store
from pympi._h5.groups import Group
from pympi._h5.report import Counts
from pympi._h5.together import Team

_CACHE = 16 << 20       # of chunks, where files are read
_open = {}              # files that are written, in the order of their opening
_REFUSED = {"swmr": (False, None), "userblock_size": (0, None), "fs_strategy": (None,),
            "fs_persist": (False, None), "fs_threshold": (1, None), "fs_page_size": (None,)}
_IDLE = {"libver", "locking", "rdcc_nslots", "rdcc_nbytes", "rdcc_w0", "page_buf_size", "min_meta_keep",
         "min_raw_keep", "alignment_threshold", "alignment_interval", "meta_block_size", "info"}
_MODES = {"r": "read", "r+": "place", "a": "either", "w": "new", "w-": "fresh", "x": "fresh"}


class _Token:
    """See State.held."""


class State:
    """What a file's objects have in common."""

    def __init__(self, path, mode, comm):
        self.path, self.mode = path, mode
        self.comm = comm            # the program's
        self.team = None            # of a file that is written
        self.place = self.store = self.id = None
        self.number = None          # HDF5's, by which it tells files apart
        self.scratch = None         # a file in memory, where chunks are compressed
        self.writes = mode != "read"
        self.dropped, self._token = False, None
        self.fresh = False          # made by us: where nothing was written there are zeros
        self.freed = False          # space was, since the last publishing
        self.counts = Counts(path, comm)
        self.checks = comm.checked

    def held(self):
        """What each of the file's objects keeps; when it goes nobody refers to the file any more."""
        token = self._token and self._token()
        if token is None:
            token = _Token()
            self.dropped, self._token = False, weakref.ref(token, self._drop)
        return token

    def _drop(self, token):
        self.dropped = token is self._token

    @property
    def is_open(self):
        return self.id is not None and self.id.valid

    # ---- opening ----

    def open_to_read(self):
        if not os.path.exists(self.path):
            about = _store.about_partial(self.path)
            more = f"; an earlier job began it: {about}" if about else ""
            raise FileNotFoundError(2, f"{self.path} is not there{more}")
        _store.settle(self.path)
        if mpi.rank == 0:
            _store.tell_of_partial(self.path)
        try:
            self.id = _h5.file_read(os.fsencode(self.path), _CACHE)
        except OSError as e:
            if "lock" in str(e):
                raise BlockingIOError(11, f"{self.path} is being written, here or by another job") from None
            raise
        self._note_number()

    def file(self):
        """The file as an object of its own."""
        self.need_open("file")
        made = File.__new__(File)
        Group.__init__(made, self, _h5.object_open(self.id, b"/"), "/")
        return made

    def beside(self, id):
        """The state of the file that an object belongs to, which a link has led to: HDF5 has it open to read."""
        file, path = _h5.object_file(id)
        state = State(os.fsdecode(path), "read", self.comm)
        state.id = file
        state._note_number()
        return state

    def _note_number(self):
        self.number = _h5.object_about(_h5.object_open(self.id, b"/"))[2]

    def open_to_write(self, wanted, track_order):
        """Collective, behind an agreement."""
        self.team = Team(self.comm.dup() if self.comm.size > 1 else self.comm)
        team = self.team
        close_dropped(self.comm)
        self.mode = team.first("File", lambda: self._take_place(wanted))
        work = self.path if self.mode == "place" else _store.partial_of(self.path)
        try:
            team.run("File", (), lambda: self._open_store(work, track_order))
        except BaseException:
            if self.place:
                self.place.drop()
            raise
        _open[id(self)] = self

    def _take_place(self, wanted):
        if wanted == "either":
            wanted = "place" if os.path.exists(self.path) else "fresh"
        if wanted == "place":
            self.place = _store.Place.open(self.path)
        else:
            self.place = _store.Place.create(self.path, wanted == "fresh")
        return "place" if wanted == "place" else "new"

    def _open_store(self, work, track_order):
        fd = os.open(work, os.O_RDWR | os.O_CLOEXEC)
        try:
            self.store = _h5.Store(fd, self.team.rank == 0)
        finally:
            os.close(fd)
        self.team.store = self.store
        if self.mode == "place":
            self.id = _h5.file_open(os.fsencode(work), self.store)
        else:
            self.fresh = True
            self.id = _h5.file_create(os.fsencode(work), self.store, track_order)
            self._publish(sync=False)
        self._note_number()

    # ---- changes ----

    def change(self, call, words, act, fills=False, last=False):
        """act() on all ranks, alike: of what all of them write the same, only one writes. Collective.

        fills: what is written are fill values, in new space. last: it reads what it changes, so the one that
        writes comes last.
        """
        self.need_write(call)
        if last and self.team.size > 1:
            act = self._in_turn(act)

        def muted():
            if self.freed and self.store.reuses:
                self._publish(sync=False)
            self.store.mute = self.team.rank != 0
            self.store.fills = fills and self.fresh
            try:
                return act()
            finally:
                self.store.mute = self.store.fills = False
        return self.team.run(call, words, muted)

    def _in_turn(self, act):
        def turn():
            if self.team.rank == 0:
                self.team.comm.barrier()
                return act()
            try:
                return act()
            finally:
                self.team.comm.barrier()
        return turn

    def fail(self, call, error):
        """Raises what went wrong here before a collective call, on all ranks."""
        if self.team is not None and self.is_open:
            self.team.agree(call, (), error)
        raise error

    @contextlib.contextmanager
    def prepared(self, call):
        """Around what a rank does by itself before a collective call: its exception is all ranks'."""
        try:
            yield
        except BaseException as e:
            self.fail(call, e)

    def need_write(self, call):
        self.need_open(call)
        if not self.writes:
            raise io.UnsupportedOperation(f"{call}: {self.path} is open to read only")
        self.team.check(call)

    def need_open(self, call):
        if not self.is_open:
            raise ValueError(f"{call}: the file is closed")

    def _publish(self, sync):
        _h5.file_flush(self.id)
        if self.team.rank == 0:
            self.place.publish(self.store, sync)
        self.freed = False

    def flush(self):
        self.need_write("flush")
        self.team.run("flush", (), self._settle)
        self.team.run("flush", (), self._publish_flushed)

    def _settle(self):
        """What this rank wrote is on the disk before anything refers to it."""
        _h5.file_flush(self.id)
        self.store.sync()

    def _publish_flushed(self):
        self._publish(sync=True)
        if self.team.rank == 0:
            self.place.published = True

    # ---- the end ----

    def close(self):
        if not self.is_open:
            return
        if not self.writes:
            self.counts.close(None)
            _h5.file_close(self.id)
            return
        try:
            self.team.run("close", (), self._settle)
        except BaseException:
            if self.team.broken:
                self.leave()    # there is no second try
            raise
        try:
            self.team.run("close", (), self._commit)
        finally:
            self.leave()

    def _commit(self):
        _h5.file_close(self.id)
        if self.team.rank == 0:
            self.place.publish(self.store)
            self.store.trim()
            self.place.commit()
            self.place.close()      # behind this any rank may open it

    def leave(self):
        """Closes the file as it was flushed. Local."""
        _open.pop(id(self), None)
        self.counts.close(self.store)
        if self.id is not None:
            _h5.file_close(self.id)
        if self.place:
            self.place.close()

    def abandon(self, error):
        """An exception leaves the file: tells the others, and where its work is. Local.

        sys.exit() ends the job by itself, with its status.
        """
        if not isinstance(error, SystemExit) and not self.team.broken:
            self.team.give_up("close", error)
        self.leave_behind(error)

    def leave_behind(self, error):
        """Closes the file as it was flushed, and says in the exception where it is. Local."""
        self.leave()
        where = self.path if self.mode == "place" else _store.partial_of(self.path)
        if hasattr(error, "add_note"):
            error.add_note(f"{self.path} was not finished: what had been flushed is in {where}")


def _checked(name, mode, driver, options):
    """A file's name, when all arguments of File fit. Local."""
    if mode not in _MODES:
        raise ValueError(f"Invalid mode; must be one of r, r+, w, w-, x, a, not {mode!r}")
    if driver not in (None, "mpio", "sec2", "stdio"):
        raise ValueError(f'Unknown driver type "{driver}": there are "mpio" and None')
    _refuse(options)
    return os.fsdecode(name)


def _refuse(options):
    """Raises for arguments of h5py's File that cannot be as they are meant."""
    for name, value in options.items():
        if name in _REFUSED:
            if value not in _REFUSED[name]:
                raise ValueError(f"File: {name}={value!r} is not to be had")
        elif name == "locking" and value not in (None, True, False, "best-effort", "false", "true"):
            raise ValueError(f"File: locking={value!r} is neither True nor False nor 'best-effort'")
        elif name not in _IDLE:
            raise TypeError(f"File: there is no argument {name!r}")


class File(Group):
    """File(name, mode="r", driver=None, *, comm=mpi.world, track_order=False)

    A file of HDF5. mode: "r" reads; "r+" changes a file, "w" makes one in place of any that is there, "w-" or
    "x" one that is not there; "a" is "r+" where it is there and "x" otherwise.
    Local with mode "r", else collective over comm. driver ("mpio" or None) makes no difference.

    Reading is local whatever the mode. Everything that changes the file is collective: all ranks
    make the same calls with equal arguments, but for the elements that they write. An exception on one
    rank is one on all, and what ranks do not agree on is not done.

    A new file is written beside the target, as NAME.partial, and takes its place in close(). If the
    job ends otherwise NAME is as before, and NAME.partial holds what was flushed last. A file that is changed
    in place ("r+", "a") holds after any death what was flushed last; elements that were overwritten since may be
    old or new. In a file that other programs made HDF5 uses freed space again: where things were deleted since, it
    holds some later state, and compressed chunks that were overwritten since may be lost. It is locked:
    while one job changes a file no other opens it.

    Other arguments of h5py's File change nothing (libver, locking, rdcc_…, page_buf_size, alignment_…,
    meta_block_size) or are refused (swmr, userblock_size, fs_…).

    Raises FileNotFoundError, FileExistsError, BlockingIOError (another job has it), OSError; ValueError and
    TypeError for arguments that do not fit.
    """

    def __init__(self, name, mode="r", driver=None, *, comm=mpi.world, track_order=False, **options):
        if hasattr(comm, "Get_rank") and not isinstance(comm, mpi.Comm):
            comm = mpi.from_mpi4py(comm)
        if not isinstance(comm, mpi.Comm):
            raise TypeError(f"File: comm is {comm!r}, and no communicator")
        attempt, path = Attempt(), None
        with attempt:
            path = _checked(name, mode, driver, options)
        if mode != "r":
            meet(comm, "File", attempt, (("name", path), ("mode", mode), ("track_order", bool(track_order))))
        elif attempt.wrong is not None:
            raise attempt.pop()
        state = State(path, _MODES[mode], comm)
        if mode == "r":
            state.open_to_read()
        else:
            state.open_to_write(_MODES[mode], bool(track_order))
        state.counts.open()
        self._atomic = False
        super().__init__(state, _h5.object_open(state.id, b"/"), "/")

    @property
    def filename(self):
        """The file's name, as it was given."""
        return self._state.path

    @property
    def mode(self):
        """"r", or "r+" where it may be changed."""
        return "r+" if self._state.writes else "r"

    @property
    def driver(self):
        return "mpio" if self._state.writes and self._state.comm.size > 1 else "sec2"

    @property
    def libver(self):
        return ("earliest", f"v{_h5.VERSION[0]}{_h5.VERSION[1]}")

    @property
    def userblock_size(self):
        """The bytes before HDF5's own: none, in files that are made here."""
        self._state.need_open("userblock_size")
        return _h5.file_userblock(self._state.id)

    @property
    def swmr_mode(self):
        """False: readers see what was flushed, without a mode for it."""
        return False

    @property
    def atomic(self):
        """What one rank has written the others read behind its call, always."""
        return True

    @atomic.setter
    def atomic(self, value):
        pass

    def flush(self):
        """flush(): makes what was written so far readable after any death.

        Collective over the file's comm. All of it or, if this rank dies meanwhile, all that the last flush
        had.
        """
        self._state.flush()

    def close(self):
        """close(): closes the file; a new one takes its name now.

        Collective over the file's comm; local where it was opened to read.
        """
        self._state.close()

    def __enter__(self):
        return self

    def __exit__(self, cls, error, trace):
        if error is None or isinstance(error, SystemExit) and not error.code:
            try:
                self.close()
            except BaseException as e:      # there is no second try
                if self._state.writes and self._state.is_open:
                    self._state.leave_behind(e)
                raise
        elif not self._state.writes:
            self._state.close()
        elif self._state.is_open:
            self._state.abandon(error)

    def __bool__(self):
        return self._state.is_open

    def __repr__(self):
        if not self:
            return "<Closed HDF5 file>"
        return f'<HDF5 file "{os.path.basename(self.filename)}" (mode {self.mode})>'


def close_dropped(comm):
    """Closes files that no rank refers to any more: an agreed point. Collective over comm."""
    mine = [s for s in _open.values() if s.comm is comm]
    if not mine and comm.size == 1:
        return
    ready = [s.path for s in mine if s.dropped]
    everywhere = [ready]
    if comm.size > 1:
        everywhere = comm.allgather(ready)
    for state in mine:
        if all(state.path in paths for paths in everywhere):
            try:
                state.close()
            except Exception as e:
                state.leave()
                warnings.warn(f"{state.path}, which nobody had closed, could not be: {e}", stacklevel=4)


def _close_all():
    """At the end of the program, when it has not failed: files that are still open are closed."""
    failed = hasattr(sys, "last_type") and not hasattr(sys, "ps1")
    for state in list(_open.values()):
        try:
            if failed:
                state.leave()
            else:
                state.close()
        except Exception as e:
            print(f"{state.path}: not closed: {e}", file=sys.stderr)


atexit.register(_close_all)


def is_hdf5(path):
    """is_hdf5(path): whether there is a file of HDF5. Local."""
    try:
        with open(path, "rb") as f:
            size = os.fstat(f.fileno()).st_size
            at = 0
            while at < size:
                f.seek(at)
                if f.read(8) == b"\x89HDF\r\n\x1a\n":
                    return True
                at = 512 if at == 0 else 2 * at
    except OSError:
        pass
    return False
