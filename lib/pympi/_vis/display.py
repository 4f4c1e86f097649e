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

PATIENCE = 60       # seconds that a server may take to start
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
    cookie, said = os.memfd_create("cookie"), os.memfd_create("said")
    os.write(cookie, _authority(secrets.token_bytes(16)))
    path = f"/proc/{os.getpid()}/fd/{cookie}"
    reading, writing = os.pipe()
    words = ["setpriv", "--pdeathsig", "TERM", program, "-displayfd", str(writing), "-noreset", "-nolisten",
             "tcp", "-screen", "0", SCREEN, "-auth", path]
    process = subprocess.Popen(words, pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                               start_new_session=True)
    os.close(writing)
    number = _read_number(reading)
    os.close(reading)
    if number is None:
        process.kill()
        process.wait()
        lines = os.pread(said, 4096, 0).decode(errors="replace").strip().splitlines()
        raise NoDisplay(f"vis: {program} does not start on {mpi.host}: {lines[-1] if lines else 'it says nothing'}")
    _state["process"] = process
    return f":{number}", path


def _authority(secret):
    """What xauth writes for any display of this host."""
    parts = (socket.gethostname().encode(), b"", b"MIT-MAGIC-COOKIE-1", secret)
    return struct.pack(">H", FAMILY_LOCAL) + b"".join(struct.pack(">H", len(part)) + part for part in parts)


def _read_number(fd):
    """The number that the server writes when it is ready; None: it does not."""
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([fd], [], [], PATIENCE)
        piece = os.read(fd, 64) if ready else b""
        if not piece:
            return None
        text += piece
    return int(text)
