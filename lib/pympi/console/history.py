"""What was typed at the prompt, kept from one run to the next.

A statement of several lines is one entry; in the file a line of it that is not the last ends with
\\r\\n, as in python3's own history from 3.13 on. SPDX-License-Identifier: MIT
"""
import contextlib
import os
import tempfile

LIMIT = 10_000


def path(env=os.environ):
    """Where the history is."""
    state = env.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        state = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "pympi", "history")


class History:
    """The entries, oldest first. A file that cannot be read or written is done without."""

    def __init__(self, file):
        self.file = file
        self.entries = self._read()

    def add(self, text):
        """One more entry, in the file at once; False for one that repeats the last."""
        text = text.replace("\r", "").rstrip("\n")
        if not text.strip() or self.entries[-1:] == [text]:
            return False
        self.entries.append(text)
        with contextlib.suppress(OSError):
            self._append(text)
            if len(self.entries) > LIMIT:
                self._trim()
        return True

    def _read(self):
        try:
            with open(self.file, encoding="utf-8", errors="surrogateescape", newline="") as f:
                text = f.read()
        except OSError:
            return []
        entries = text.replace("\r\n", "\r").split("\n")
        return [e.replace("\r", "\n") for e in entries if e.strip()][-LIMIT:]

    def _append(self, text):
        """One write at the file's end: other runs may be adding to it."""
        os.makedirs(os.path.dirname(self.file), mode=0o700, exist_ok=True)
        fd = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, _line(text))
        finally:
            os.close(fd)

    def _trim(self):
        """The newest nine tenths, so that this is rare."""
        kept = self._read()[-LIMIT * 9 // 10:]
        fd, new = tempfile.mkstemp(dir=os.path.dirname(self.file))
        with open(fd, "wb") as f:
            f.writelines(map(_line, kept))
        os.replace(new, self.file)
        self.entries = kept


def _line(text):
    return (text.replace("\n", "\r\n") + "\n").encode("utf-8", "surrogateescape")
