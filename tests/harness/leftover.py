"""What a test left behind, and its removal: processes, files in TMPDIR and in shared memory."""
# SPDX-License-Identifier: MIT

import fcntl
import fnmatch
import os
import signal
import time

from harness import env

# The runner's own test takes another, lest a run beside it blames that on its tests.
SHARED_PREFIX = os.environ.get("PYMPI_TEST_SHARED_PREFIX", "pympi")


def _read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def variables(pid):
    """The environment a process was started with, as a dict of bytes."""
    pairs = (v.partition(b"=") for v in _read(f"/proc/{pid}/environ").split(b"\0"))
    return {k: v for k, _, v in pairs if k}


def command(pid):
    """The process's command line on one line, shortened."""
    words = _read(f"/proc/{pid}/cmdline").rstrip(b"\0").replace(b"\0", b" ")
    text = words.decode("utf-8", "replace").replace("\n", "\\n")
    return text if len(text) <= 120 else text[:117] + "..."


def processes(marker):
    """The ids of the living processes that carry the marker, or one below it (marker/…)."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            own = variables(name).get(b"PYMPI_TEST_ID", b"").decode()
            if own == marker or own.startswith((marker + "/", marker + ".")):
                found.append(int(name))
    return sorted(found)


def wait_gone(marker, seconds):
    """Wait until no process carries the marker, at most so long; return those that are left."""
    end = time.monotonic() + seconds
    while (left := processes(marker)) and time.monotonic() < end:
        time.sleep(0.02)
    return left


def kill_all(marker):
    """Kill every process that carries the marker, until none is left (2 s at most)."""
    end = time.monotonic() + 2
    while (left := processes(marker)) and time.monotonic() < end:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


def shared_names():
    """pympi's own names in shared memory (those of MPI are in a folder of the test's own)."""
    return {n for n in os.listdir(env.SHM) if n.startswith(SHARED_PREFIX)}


def _in_use(names):
    """Those of the names in shared memory that some process has mapped."""
    used = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        maps = _read(f"/proc/{pid}/maps")
        used |= {n for n in names if f"{env.SHM}/{n}".encode() in maps}
    return used | {n for n in names - used if _held(os.path.join(env.SHM, n))}


def _held(path):
    """A front holds the folder of its job by a lock."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _session_folder(path):
    """Open MPI 5.0 leaves the folder, now empty, that held those of its processes."""
    return os.path.basename(path).startswith("ompi.") and os.path.isdir(path) and not any(
        names for _, _, names in os.walk(path))


def _contents(folder):
    """The first few files below a folder, to tell what left it."""
    found = [os.path.relpath(os.path.join(at, name), folder)
             for at, _, names in os.walk(folder) for name in names]
    return " ".join(found[:5])


def files(place, shared_before, allowed=()):
    """Sentences on the files that the test left in its TMPDIR and in shared memory."""
    said = [f"left in TMPDIR: {n} {_contents(os.path.join(place.tmp, n))}"
            for n in sorted(os.listdir(place.tmp))
            if not any(fnmatch.fnmatch(n, a) for a in allowed)
            and not _session_folder(os.path.join(place.tmp, n))]
    said += [f"left in shared memory: {n}" for n in sorted(os.listdir(place.shm))]
    new = shared_names() - shared_before
    new -= _in_use(new)                 # another test's, running beside this one
    if new:
        time.sleep(0.3)                 # made by another test, but not yet mapped by it
        new &= shared_names()
        new -= _in_use(new)
    return said + [f"left in shared memory: {n}" for n in sorted(new)]
