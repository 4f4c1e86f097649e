"""A session's process, as a kernel has it: started, spoken to, ended, and started anew.

It has no thread of its own: who owns an event loop asks for `watch`.
SPDX-License-Identifier: MIT
"""
import contextlib
import os
import signal
import subprocess
import sys
import threading
import traceback

from pympi import frames

# What ranks run before the first cell: IPython takes half a second to import.
_READY = "__import__('pympi.session.cells').session.cells.prepare()"
_INLINE = "module://matplotlib_inline.backend_inline"
POLITE = 1.0                # seconds for a session to end when told to
FIRM = 25.0                 # when its job is ended: it uses force itself after 5 s, after 20 s on other nodes
MOST_SAID = 1 << 14         # bytes of what it says of itself that are kept


class Ranks:
    """One session after another, with the same words of a command line but for their number."""

    def __init__(self, words):
        self.words = words
        self.process = None
        self.said = b""         # by the session's process, on its standard error
        self._reader = self._loop = self._take = None

    def start(self):
        """Begin a session; `frames` tell when the ranks are there."""
        env = os.environ | {"MPLBACKEND": os.environ.get("MPLBACKEND") or _INLINE}
        self.said, self._reader = b"", frames.Reader()
        command = [sys.executable, "--session", *self.words, "-c", _READY]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env,
                                        stderr=subprocess.PIPE, bufsize=0, start_new_session=True)
        for stream in self.process.stdout, self.process.stderr:
            os.set_blocking(stream.fileno(), False)
        if self._loop:
            self._watch()

    def watch(self, loop, take):
        """From now on frames are given to take(kind, head, body) by the loop; ENDED comes last, once,
        however the session ended."""
        self._loop, self._take = loop, take
        self._watch()

    def _watch(self):
        process = self.process
        self._loop.add_reader(process.stdout.fileno(), self._on_frames, process)
        self._loop.add_reader(process.stderr.fileno(), self._on_said, process)

    @property
    def lives(self):
        return self.process is not None

    def send(self, kind, head=None, body=b""):
        """One frame to the session; if it is gone, reading finds that out."""
        data = memoryview(frames.pack(kind, head, body))
        with contextlib.suppress(OSError, ValueError):
            while data and self.process:
                data = data[self.process.stdin.write(data):]

    def interrupt(self):
        """KeyboardInterrupt on the ranks that run something."""
        if self.process:
            self.send(frames.INTERRUPT)

    def end(self, busy=True):
        """No process of the session is left when this returns; busy: a cell runs, which is not waited for."""
        process = self.process
        if not process:
            return
        if not busy:
            self.send(frames.SHUTDOWN, {"status": 0})
        self._forget(process)
        os.set_blocking(process.stdout.fileno(), True)
        drain = threading.Thread(target=_drain, args=(process,), daemon=True)
        drain.start()
        for wait, number in ((POLITE * (not busy), signal.SIGTERM), (FIRM, signal.SIGKILL), (None, None)):
            try:
                process.wait(wait)
                break
            except subprocess.TimeoutExpired:
                process.send_signal(number)
        self._close(process)

    # --- what comes

    def _on_frames(self, process):
        data = os.read(process.stdout.fileno(), 1 << 20)
        try:
            for frame in self._reader.feed(data):
                self._give(process, frame)
        except frames.Damaged as e:
            for frame in e.frames:
                self._give(process, frame)
            self.said += f"pympi: what came from the session is damaged: {e}\n".encode()
            process.terminate()
            data = b""
        if not data and self.process is process:
            self._over(process)

    def _give(self, process, frame):
        """Not what comes behind the end of this session. What fails at one frame is said on standard error, and
        those behind it come all the same."""
        try:
            if self.process is process and frame[0] != frames.ENDED:
                self._take(*frame)
        except Exception:
            traceback.print_exc()

    def _on_said(self, process):
        data = os.read(process.stderr.fileno(), 1 << 16)
        self.said = (self.said + data)[-MOST_SAID:]
        if not data:
            self._loop.remove_reader(process.stderr.fileno())

    def _over(self, process):
        """It is gone, or says no more."""
        self._forget(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(FIRM)
        process.kill()
        process.wait()
        with contextlib.suppress(OSError):
            self.said = (self.said + (process.stderr.read() or b""))[-MOST_SAID:]
        self._close(process)
        self._take(frames.ENDED, {"status": process.returncode}, self.said)

    def _forget(self, process):
        self.process = None
        if self._loop and not self._loop.is_closed():
            self._loop.remove_reader(process.stdout.fileno())
            self._loop.remove_reader(process.stderr.fileno())

    def _close(self, process):
        for stream in process.stdin, process.stdout, process.stderr:
            with contextlib.suppress(OSError):
                stream.close()


def _drain(process):
    """Lets it end which has much to say."""
    with contextlib.suppress(OSError, ValueError):
        while process.stdout.read(1 << 16):
            pass
