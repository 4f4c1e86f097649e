"""A terminal that can be looked at: a program in tmux, keys typed, what is on the screen then.

And the files of tests/prompt: a sentence, `env:` and `size:` lines, then sections. `--- keys` are typed,
`<Enter>`, `<Up>`, `<C-c>` and the like being keys; `--- paste` is pasted; `--- screen` is what must then
be seen, `{n}` standing for any number. SPDX-License-Identifier: MIT
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
have_tmux = bool(shutil.which("tmux"))


class Screen:
    """A program on tmux's terminal; a context manager. At the end every process of it is gone."""

    def __init__(self, command, env=None, size="80x24", timeout=15):
        self.timeout = timeout * support.SLOW
        self.env = support.environment({"TERM": "xterm", "TMUX": None, "LC_ALL": "C.UTF-8",
                                        "TMUX_TMPDIR": os.environ["TMPDIR"]})
        width, height = size.split("x")
        words = [f"{k}={v}" for k, v in (env or {}).items()]
        shell = ["sh", "-c", 'trap : INT; "$@"; echo "status $?"; read x', "sh", "env", *words, *command]
        self.tmux("new-session", "-d", "-x", width, "-y", height, shlex.join(shell))

    def tmux(self, *words):
        r = subprocess.run(["tmux", "-L", "t", "-f", "/dev/null", *words], env=self.env, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        if r.returncode:
            raise AssertionError(f"tmux {words[0]}: {r.stdout}")
        return r.stdout

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self.tmux("kill-server")
        finally:
            leftover.wait_gone(self.env["PYMPI_TEST_ID"], 2)
            leftover.kill_all(self.env["PYMPI_TEST_ID"])
            shutil.rmtree(os.path.join(os.environ["TMPDIR"], f"tmux-{os.getuid()}"), ignore_errors=True)

    def keys(self, text):
        """Type as a user would, who waits for the next prompt, and for what ^C would take away."""
        for part in _KEY.split(text):
            if part == "<C-c>":
                self.settle()
            if _KEY.fullmatch(part):
                self.tmux("send-keys", part[1:-1])
                if part == "<Enter>":
                    self.settle()
            elif part:
                self.tmux("send-keys", "-l", "--", part)

    def paste(self, text):
        self.tmux("set-buffer", "--", text)
        self.tmux("paste-buffer", "-p")

    def settle(self):
        """Wait until nothing changes any more, for a second at most."""
        seen, end = [], time.monotonic() + 1
        while len(seen) < 5 or len(set(seen[-5:])) > 1 and time.monotonic() < end:
            seen.append(self.look())
            time.sleep(0.02)

    def look(self):
        """What is to be seen, without blanks at the ends of lines and empty lines at the end."""
        text = self.tmux("capture-pane", "-p")
        return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")

    def until(self, expected):
        """Wait until the screen shows the expected; AssertionError with both if it does not."""
        self.wait_for(re.escape(expected.rstrip("\n")).replace(re.escape("{n}"), "[0-9]+"), expected)

    def wait_for(self, pattern, expected=None):
        end = time.monotonic() + self.timeout
        while not re.fullmatch(pattern, seen := self.look()):
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
        head, *parts = re.split(r"^--- (\w+)\n", f.read(), flags=re.M)
    settings = dict(re.findall(r"^(env|size|args): (.*)$", head, re.M))
    return settings, [(what, text.removesuffix("\n")) for what, text in zip(parts[::2], parts[1::2])]
