"""An X server for who draws: the one that there is, or one of the job's own on each node.

SPDX-License-Identifier: MIT

Debian's VTK and ParaView draw through X only, and abort the process where there is none. A server of ours
is started with -noreset: without it, it starts anew when its last client leaves, and a client that comes
in that moment dies. Only who has its cookie may connect. It ends when the rank that started it has, however
that ends: not before, for a client whose server goes dies of it, and ranks end together in MPI. Nothing of it
is in a file: the cookie is in memory that the node's ranks reach through /proc.
"""
import ctypes
import os
import secrets
import select
import shutil
import socket
import struct
import subprocess

from pympi import mpi
from pympi._agree import Attempt, meet

PATIENCE = 120      # seconds that a server may take to start, on a machine that is busy
TRIES = 10
FIRST = 1000        # hwloc, in every start of Open MPI, knocks at the displays 0 to 9 and says when it is not let in
NUMBERS = 50_000
SCREEN = "1280x1024x24"
FAMILY_LOCAL = 256  # of Xauthority: the name is the host's

_state = {}         # whether there is a display, and the server that this rank has started


class NoDisplay(mpi.Error):
    """There is no X server to draw with, and none could be started; raised on every rank."""


def ensure(comm=mpi.world):
    """Give every rank a display that works: DISPLAY, or a server of the job's own.

    Collective over comm, the first time; then local. Raises NoDisplay on every rank.
    """
    if _state.get("ready"):
        return
    node = comm.split(mpi.host)
    attempt, given = Attempt(), None
    with attempt:
        given = _start() if node.rank == 0 and not _all_right() else None
    meet(comm, "vis", attempt)
    given = node.bcast(given)
    with attempt:
        if given:
            os.environ["DISPLAY"], os.environ["XAUTHORITY"] = given
        if node.rank != 0 and not _all_right():
            raise NoDisplay(f"vis: rank {mpi.rank} cannot reach the X server {os.environ.get('DISPLAY')!r} of "
                            f"{mpi.host}, which rank 0 of the node can")
    meet(comm, "vis", attempt)
    node.free()
    _state["ready"] = True


def _all_right():
    """Whether there is a display that lets us in."""
    if not os.environ.get("DISPLAY"):
        return False
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return False
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    display = x11.XOpenDisplay(None)
    if display:
        x11.XCloseDisplay(display)
    return bool(display)


def _start():
    """Start a server; return its DISPLAY and the file with its cookie."""
    program = shutil.which("Xvfb")
    if program is None:
        given = os.environ.get("DISPLAY")
        there = f"the X server {given!r} does not answer" if given else "there is no X server"
        raise NoDisplay(f"vis: {there} on {mpi.host}, and no Xvfb to start one: install the package xvfb, or "
                        "set DISPLAY")
    cookie = os.memfd_create("cookie")
    os.write(cookie, _authority(secrets.token_bytes(16)))
    path = f"/proc/{os.getpid()}/fd/{cookie}"
    for _ in range(TRIES):
        number = FIRST + secrets.randbelow(NUMBERS)
        process, why = _run(program, number, path)
        if process:
            _state["process"] = process
            return f":{number}", path
        if "already active" not in why:
            break
    raise NoDisplay(f"vis: {program} does not start on {mpi.host}: {why}")


def _run(program, number, cookie):
    """A server that is ready, and None; or None, and why there is none."""
    said = os.memfd_create("said")
    reading, writing = os.pipe()
    words = ["setpriv", "--pdeathsig", "TERM", program, f":{number}", "-displayfd", str(writing), "-noreset",
             "-nolisten", "tcp", "-screen", "0", SCREEN, "-auth", cookie]
    process = subprocess.Popen(words, pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                               start_new_session=True)
    os.close(writing)
    ready = _is_ready(reading)
    os.close(reading)
    if not ready:
        process.kill()
        process.wait()
    lines = os.pread(said, 4096, 0).decode(errors="replace").split("\n")
    os.close(said)
    errors = [line.strip() for line in lines if "rror" in line or "erver is" in line] or [*filter(None, lines)]
    return (process, None) if ready else (None, errors[0] if errors else "it says nothing")


def _authority(secret):
    """What xauth writes for any display of this host."""
    parts = (socket.gethostname().encode(), b"", b"MIT-MAGIC-COOKIE-1", secret)
    return struct.pack(">H", FAMILY_LOCAL) + b"".join(struct.pack(">H", len(part)) + part for part in parts)


def _is_ready(fd):
    """Whether the server writes its number, which it does when it can be reached."""
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([fd], [], [], PATIENCE)
        piece = os.read(fd, 64) if ready else b""
        if not piece:
            return False
        text += piece
    return True
