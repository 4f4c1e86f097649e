"""The terminal's side of a session: the process, the frames to and from it.

Frames are read while the front waits for them, and also while it waits for the keyboard: then SIGIO
tells that some came, and its handler runs inside input(). SPDX-License-Identifier: MIT
"""
import collections
import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import time

from pympi import frames


class Ended(Exception):
    """The session is over: it said so, or it is gone."""


class Link:
    """A session and what it has sent that nobody has looked at yet (`frames`)."""

    def __init__(self, command):
        # On a terminal what it says itself is output like the ranks', lest it falls into a line in place.
        stderr = subprocess.PIPE if os.isatty(2) else None
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=stderr, bufsize=0, start_new_session=True)
        self.frames = collections.deque()
        self.gone = False
        self.interrupted = False    # ^C came while nothing was read from the keyboard
        self.missed = False         # ^C came while no exception could get out
        self._fds = [f.fileno() for f in (self.process.stdout, self.process.stderr) if f]
        self._reader = frames.Reader()
        self._woken, self._waker = os.pipe()
        self._signalled = False
        self.arrived = None         # called when frames come while the keyboard is read
        self._reads = None          # whether it may be, in a frame
        signal.signal(signal.SIGIO, self._on_io)
        signal.signal(signal.SIGALRM, self._on_io)
        signal.signal(signal.SIGCHLD, self._on_child)
        for fd in self._fds:
            fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())

    def send(self, kind, head=None, body=b""):
        """One frame to the session; if it is gone, reading finds that out."""
        data = memoryview(frames.pack(kind, head, body))
        with contextlib.suppress(BrokenPipeError):
            while data:
                data = data[self.process.stdin.write(data):]

    def interrupt(self):
        """What a handler of SIGINT does while the front waits for frames."""
        self.interrupted = True
        os.write(self._waker, b".")

    def wait(self, until, keyboard=False):
        """Wait for a frame, ^C, or a key; until: a time of the monotonic clock, or None.

        Raises Ended when nothing more can come.
        """
        if self.frames or self.interrupted:
            return
        if self.gone:
            raise Ended
        seconds = None if until is None else max(0, until - time.monotonic())
        if not self._take(self._select(seconds, [0] * keyboard)) and self.process.poll() is not None:
            self._take_rest()

    def look(self):
        """Take what has come already."""
        while self._take(select.select(self._fds, [], [], 0)[0]):
            pass

    def next(self, until=None):
        """The next frame, or None when there was something else to wait() for."""
        self.wait(until)
        return self.frames.popleft() if self.frames else None

    def take(self, *kinds):
        """The frames of these kinds, in order; the others stay."""
        found = [frame for frame in self.frames if frame[0] in kinds]
        if found:
            self.frames = collections.deque(f for f in self.frames if f[0] not in kinds)
        return found

    def has(self, *kinds):
        return any(frame[0] in kinds for frame in self.frames)

    @contextlib.contextmanager
    def while_typing(self, arrived, reads):
        """Inside, arrived() is called whenever frames have come, and once at the beginning.

        reads(frame) says whether what it raises would get out of that frame to who reads.
        """
        self.arrived, self.missed, self._reads = arrived, False, reads
        self._signal_input(os.O_ASYNC)
        # A signal between two waits for a key would be heeded at the next key: one more comes.
        signal.setitimer(signal.ITIMER_REAL, 0.05, 1.0)
        try:
            self._on_io()
            yield
        finally:
            self.arrived = None
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._signal_input(0)

    @contextlib.contextmanager
    def not_while_typing(self):
        """Inside, in what readline calls: frames are waited for, and no exception would get out."""
        arrived, self.arrived = self.arrived, None
        try:
            yield
        finally:
            self.arrived = arrived
            if self.missed:
                self.interrupt_soon()

    def interrupt_soon(self):
        """KeyboardInterrupt as soon as it gets out: readline forgets what its callbacks raise."""
        self.missed = True
        signal.setitimer(signal.ITIMER_REAL, 0.01, 1.0)

    def abort(self):
        """End the job, whatever the ranks do."""
        self.process.terminate()

    def end(self, show):
        """Close our side and wait for the process; returns its status as Popen gives it.

        What it says still is given to show(kind, head, body).
        """
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        while self.process.poll() is None:
            self._take(self._select(None))
        self._take_rest()
        for frame in self.frames:
            if frame[0] == frames.OUTPUT:
                show(*frame)
        return self.process.returncode

    def _signal_input(self, flag):
        for fd in self._fds:
            flags = fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_ASYNC
            fcntl.fcntl(fd, fcntl.F_SETFL, flags | flag)

    def _on_io(self, _=None, frame=None):
        """Frames may have come. Not inside itself, where one call would lose what another has taken, and
        not while what it has raised is on its way out of input()."""
        self._signalled = True
        if not self.arrived:        # whoever waits for a frame takes it
            return
        if frame and not self._reads(frame):
            signal.setitimer(signal.ITIMER_REAL, 0.01, 1.0)
            return
        arrived, self.arrived = self.arrived, None
        if self.missed:
            self.missed = False
            raise KeyboardInterrupt
        while self._signalled:
            self._signalled = False
            self.look()
            if self.process.poll() is not None:
                self._take_rest()
            if self.frames or self.gone:
                arrived()
        self.arrived = arrived
        if self.missed:
            self.interrupt_soon()

    def _on_child(self, number, frame):
        """Its end may not be seen on the pipe: what a rank has started may hold that."""
        os.write(self._waker, b".")
        self._on_io(number, frame)

    def _select(self, seconds, others=()):
        """Wait for the session, for a signal or for others; what is ready."""
        ready, _, _ = select.select([*self._fds, self._woken, *others], [], [], seconds)
        if self._woken in ready:
            os.read(self._woken, 4096)
        return ready

    def _take_rest(self):
        self.look()
        self.gone = True

    def _take(self, ready):
        """Read once what is there; false when that was none of the session's."""
        found = [fd for fd in self._fds if fd in ready]
        for fd in found:
            data = os.read(fd, 1 << 20)
            if not data:
                self._fds.remove(fd)
            if fd == self.process.stdout.fileno():
                self._take_frames(data)
            elif data:
                self.frames.append((frames.OUTPUT, {"stream": "stderr", "all": True}, data))
        return bool(found)

    def _take_frames(self, data):
        try:
            self.frames += self._reader.feed(data)
            if not data and not self._reader.empty:
                raise frames.Damaged("it ended inside a frame")
        except frames.Damaged as e:
            self.frames += e.frames
            data = b""
            print(f"pympi: what came from the session is damaged: {e}", file=sys.stderr)
        self.gone = not data
