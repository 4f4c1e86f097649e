"""A terminal that can be looked at: a program in tmux, keys typed, what is on the screen then.

And the files of tests/prompt, whose format its README has. SPDX-License-Identifier: MIT
"""
import os
import re
import shlex
import shutil
import subprocess
import time

import support
from harness import leftover

_KEY = re.compile(r"(<(?:Enter|Tab|Up|Down|Left|Right|Home|End|BSpace|Escape|C-.)>)")
_PROMPT = re.compile(r"(^|\n)(\[[-,0-9]+\] )?(>>>|\.\.\.|\(Pdb\))$")
have_tmux = bool(shutil.which("tmux"))

# What a line of an expected screen may have in place of what is never twice the same.
_VARYING = {"{n}": "[0-9]+", "{v}": r"[0-9]+(\.[0-9]+)*", "{t}": r"[0-9.]+(e\+[0-9]+)? (s|ms|us|ns)",
            "{text}": ".+", "{numbers}": r"[-+.,e0-9\s]+"}
# The marks below a traceback's lines: CPython 3.13 has more of them.
_MARKS = re.compile(r"^(\[[-,0-9]+\])? +[~^]+\n", re.M)
# The program, again whenever Enter is typed at its end: how it ended, and how it left the terminal.
_SHELL = """trap : INT
before=$(stty -g)
while "$@"; status=$?; [ "$(stty -g)" = "$before" ] || echo "the terminal is not as it was"
      echo "status $status"; read line; do :; done"""


class Screen:
    """A program on tmux's terminal; a context manager. At the end every process of it is gone."""

    def __init__(self, command, env=None, size="80x24", timeout=15, folder="."):
        self.timeout = timeout * support.SLOW
        self.env = support.environment({"TERM": "xterm", "TMUX": None, "LC_ALL": "C.UTF-8",
                                        "TMUX_TMPDIR": os.environ["TMPDIR"]})
        width, height = size.split("x")
        words = [f"{k}={v}" for k, v in (env or {}).items()]
        shell = ["sh", "-c", _SHELL, "sh", "env", *words, *command]
        self.tmux("new-session", "-d", "-x", width, "-y", height, "-c", folder, shlex.join(shell))

    def tmux(self, *words):
        r = subprocess.run(["tmux", "-L", "t", "-f", "/dev/null", *words], env=self.env, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        if r.returncode:
            raise AssertionError(f"tmux {words[0]}: {r.stdout}")
        return r.stdout

    def __enter__(self):
        return self

    def __exit__(self, *error):
        left = []
        try:
            self.tmux("kill-server")
        finally:
            marker = self.env["PYMPI_TEST_ID"]
            left = [leftover.command(pid) for pid in leftover.wait_gone(marker, 5 * support.SLOW)]
            leftover.kill_all(marker)
            shutil.rmtree(os.path.join(os.environ["TMPDIR"], f"tmux-{os.getuid()}"), ignore_errors=True)
        if left and not any(error):
            raise AssertionError("behind the closed terminal there are still:\n" + "\n".join(left))

    def keys(self, text):
        """Type as a user would, who waits for the next prompt, and for what ^C would take away."""
        parts = [part for part in _KEY.split(text) if part]
        for part, following in zip(parts, [*parts[1:], ""]):
            if part == "<C-c>":
                self.settle(5)
            if _KEY.fullmatch(part):
                self.tmux("send-keys", part[1:-1])
                if part == "<Enter>" and following != "<C-c>":
                    self.settle(25)
            else:
                self.tmux("send-keys", "-l", "--", part)

    def paste(self, text):
        self.tmux("set-buffer", "--", text)
        self.tmux("paste-buffer", "-p")

    def settle(self, most):
        """Wait until so many looks are alike, few where there is a prompt; for 3 s at most."""
        seen, enough, end = [], 5, time.monotonic() + 3
        while len(seen) < enough or len(set(seen[-enough:])) > 1 and time.monotonic() < end:
            seen.append(self.look())
            enough = 5 if _PROMPT.search(seen[-1]) else most
            time.sleep(0.02)

    def look(self):
        """What is to be seen, without blanks at the ends of lines and empty lines at the end."""
        text = support.NOTE.sub("", self.tmux("capture-pane", "-p"))
        return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")

    def until(self, expected):
        """Wait until the screen shows the expected; AssertionError with both if it does not."""
        pattern = re.escape(_MARKS.sub("", expected.rstrip("\n") + "\n").rstrip("\n"))
        for word, meaning in _VARYING.items():
            pattern = pattern.replace(re.escape(word), meaning)
        self.wait_for(pattern, expected)

    def wait_for(self, pattern, expected=None):
        end = time.monotonic() + self.timeout
        while not re.fullmatch(pattern, _MARKS.sub("", seen := self.look())):
            if time.monotonic() > end:
                raise AssertionError(f"expected:\n{expected or pattern}\nseen:\n{seen}")
            time.sleep(0.03)

    def play(self, sections):
        """Do what a file says, from the first prompt on."""
        if sections[0][0] != "screen":
            self.wait_for(r"(.*\n)*>>>")
        for what, text in sections:
            {"keys": self.keys, "paste": self.paste, "screen": self.until}[what](text)


def read(path):
    """(settings, sections) of a file: {"env": …, "size": …}, [(what, text)]."""
    with open(path, encoding="utf-8") as f:
        head, *parts = re.split(r"^--- (\w+(?: \S+)?)\n", f.read(), flags=re.M)
    settings = dict(re.findall(r"^(env|size|args|ranks|needs): (.*)$", head, re.M))
    return settings, [(what, text.removesuffix("\n")) for what, text in zip(parts[::2], parts[1::2])]
