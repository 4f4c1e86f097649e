"""A cell under way: what the ranks say of it becomes the notebook's messages.

SPDX-License-Identifier: MIT
"""
import asyncio
import base64
import json
import re
import textwrap
import time
import types

from pympi import displays, frames
from pympi.console import ranks as _ranks
from pympi.console import screen as _screen

QUIET = 2.0         # seconds without output until it is said who still runs
LOOK = 1.0          # between two looks from then on
_FOLDERS = re.compile(r"[^\s(]*/(?=[^/\s]+:\d)")      # of a place's file
_LABEL = '<div style="color: #888; font-family: monospace">%s</div>'


class Stream(_screen.Stream):
    """A stream of a cell: groups of ranks write lines to it, each with its tag."""

    def __init__(self, name, publish):
        super().__init__(None, colours=True)
        self.name, self._publish, self._said = name, publish, b""

    def write(self, data):
        self._said += bytes(data)

    def publish(self):
        """Hand over what was written since."""
        if self._said:
            self._publish("stream", {"name": self.name, "text": self._said.decode("utf-8", "replace")})
        self._said = b""


class Shown:
    """What came out of cells so far: streams, results, displays that may change later.

    publish(type, content) sends a message to all who look at the notebook.
    """

    def __init__(self, publish):
        self._publish = publish
        self.streams = {name: Stream(name, publish) for name in ("stdout", "stderr")}
        self.count = 0          # of the cell
        self.bare = False       # whose it is need not be said
        self._parts = {}        # by stream and ranks: what has come of a line of displays
        self._results = []      # (tag, data) of results that are text, of several groups: shown together
        self.comms = {}         # by their ids: those of rank 0, with target_name
        self._ids = {}          # of a display: the groups of ranks that have one

    def begin(self, count, ranks, bare):
        """A cell for these ranks (None: all); bare: whose it is what comes is known."""
        self.count, self.ranks, self.bare = count, ranks, bare
        self._forget_lines()

    def forget(self):
        """The ranks are gone, and what they had named."""
        self.comms.clear()
        self._ids.clear()

    def end(self):
        """What was held back is shown."""
        for (name, _), (head, data) in self._parts.items():
            self._put(self.streams[name], self._tag(head), data)
        self._forget_lines()

    def _tag(self, head):
        return "" if self.bare else _screen.tag(head)

    def _forget_lines(self):
        self._flush()
        self._parts = {}
        for stream in self.streams.values():
            stream.open, stream.partial = None, b""

    def output(self, head, body):
        """Text of a group of ranks, with displays among its lines."""
        name = "stderr" if head.get("stream") == "stderr" else "stdout"
        key = name, head.get("ranks")
        if key in self._parts:
            body = self._parts.pop(key)[1] + body
        parts, rest = displays.split(body)
        if rest:
            self._parts[key] = head, rest
        self._left_out(self.streams[name], head)
        for part in parts:
            if isinstance(part, bytes):
                self._put(self.streams[name], self._tag(head), part)
            else:
                self._display(head, *part)
        self.streams[name].publish()

    def error(self, head, body):
        """A traceback of a group of ranks; returns what Jupyter has of an error."""
        self._flush()
        text = body.decode("utf-8", "replace").rstrip("\n")
        if head.get("peer"):
            text = text.splitlines()[-1]
        tag = self._tag(head)
        if tag:
            text = self.streams["stderr"].tagged(tag, text.encode()).decode()
        if head.get("more"):
            text = f"{_more(head)}\n{text}"
        value = head.get("value", "").encode("utf-8", "backslashreplace").decode()     # which may be half a letter
        error = {"ename": head.get("name", ""), "evalue": value, "traceback": text.split("\n")}
        self._publish("error", error)
        return error

    def text(self, head, body):
        """A result that is the session's own, as of %timeit."""
        self._put(self.streams["stdout"], self._tag(head), body.rstrip(b"\n") + b"\n")
        self.streams["stdout"].publish()

    def say(self, text):
        """A line of the kernel's own."""
        stream = self.streams["stderr"]
        self._put(stream, "", text.encode() + b"\n")
        stream.publish()

    # --- displays

    def _put(self, stream, tag, data):
        self._flush_results()
        other = self.streams["stdout" if stream.name == "stderr" else "stderr"]
        other.publish()
        stream.put(tag, data)

    def _left_out(self, stream, head):
        if head.get("more"):
            stream.fresh()
            self._put(stream, "", f"{_more(head)}\n".encode())

    def _display(self, head, word, content):
        for stream in self.streams.values():
            stream.publish()
        if word == displays.RESULT:
            self._result(head, content)
            return
        self._flush_results()
        if word == displays.DISPLAY:
            self._show(head, content)
        elif word == displays.COMM:
            self._comm(content)
        elif word == displays.CLEAR and self._leads(head):
            self._publish("clear_output", {"wait": bool(content.get("wait"))})
            for stream in self.streams.values():
                stream.open, stream.partial = None, b""

    def _comm(self, content):
        """A message of rank 0's to its comm's other side."""
        kind, inside = content["type"], content["content"]
        if kind == "comm_open":
            self.comms[inside["comm_id"]] = types.SimpleNamespace(target_name=inside.get("target_name"))
        elif kind == "comm_close":
            self.comms.pop(inside["comm_id"], None)
        self._publish(kind, inside, metadata=content["metadata"],
                      buffers=[base64.b64decode(one) for one in content["buffers"]] or None)

    def _leads(self, head):
        """Whether the first of the ranks that run the cell says so: the others' output is not theirs to clear."""
        return head.get("all") or min(self.ranks or {0}) in _ranks.numbers(head["ranks"])

    def _result(self, head, content):
        """Texts of several groups become one result, with a tag before each line."""
        data, tag = content["data"], self._tag(head)
        if tag and set(data) == {"text/plain"}:
            self._results.append(textwrap.indent(data["text/plain"], tag, lambda line: True))
            return
        self._flush_results()
        self._label(tag)
        self._publish("execute_result", content | {"execution_count": self.count})

    def _flush_results(self):
        if self._results:
            text, self._results = "\n".join(self._results), []
            self._publish("execute_result", {"execution_count": self.count, "metadata": {},
                                             "data": {"text/plain": text}})

    def _flush(self):
        self._flush_results()
        for stream in self.streams.values():
            stream.publish()

    def _show(self, head, content):
        """A group that changes a display which it shares with others gets one of its own."""
        name, group = content.get("id"), "" if head.get("all") or self.bare else head.get("ranks", "")
        message = {"data": content["data"], "metadata": content["metadata"], "transient": {}}
        if name is None:
            self._label(self._tag(head))
            self._publish("display_data", message)
            return
        message["transient"]["display_id"] = f"{name} {group}".strip()
        groups = self._ids.setdefault(name, set())
        if content.get("update") and group in groups:
            self._publish("update_display_data", message)
            return
        groups.add(group)
        self._label(self._tag(head))
        self._publish("display_data", message)

    def _label(self, tag):
        """Whose the next display is."""
        if tag:
            data = {"text/plain": tag.strip(), "text/html": _LABEL % tag.strip()}
            self._publish("display_data", {"data": data, "metadata": {}, "transient": {}})


class Progress:
    """One display below a cell that takes long: where its ranks are."""

    def __init__(self, publish, send):
        self._publish, self._send = publish, send
        self._began = self._last = time.monotonic()
        self._id = None

    def heard(self):
        """Something came."""
        self._last = time.monotonic()

    async def watch(self):
        """Asks the ranks, again and again."""
        while True:
            await asyncio.sleep(LOOK)
            if self._id or time.monotonic() - self._last >= QUIET:
                self._send(frames.STATUS)

    def show(self, running):
        """What they answer."""
        if running and (self._id or time.monotonic() - self._last >= QUIET):
            self._put(f"{places(running)}, for {time.monotonic() - self._began:.0f} s")

    def end(self):
        """It is taken away."""
        if self._id:
            self._put("")

    def _put(self, text):
        message = {"data": {"text/plain": text}, "metadata": {}}
        if text:
            message["data"]["text/html"] = _LABEL % text.replace("&", "&amp;").replace("<", "&lt;")
        kind = "update_display_data" if self._id else "display_data"
        self._id = self._id or f"pympi progress {id(self)} {self._began}"
        self._publish(kind, message | {"transient": {"display_id": self._id}})


def places(running):
    """places(running) -> str

    "ranks 1,3 still in heat.py:31" for the list of a status frame. Local.
    """
    texts = []
    for group in running:
        ranks, place = group["ranks"], _FOLDERS.sub("", group.get("place", "")).replace(" in <module>", "")
        who = f"rank{'' if ranks.isdecimal() else 's'} {ranks}"
        texts.append(f"{who} still in {place}" if place else f"{who} still running")
    return "; ".join(texts)


def answers_of(body):
    """answers_of(body) -> dict

    What a `done` says besides: values of expressions, payload. Local.
    """
    try:
        return displays.loads(body) if body else {}
    except ValueError:
        return {}


def _more(head):
    return f"... and {head['more']} more group{'s' * (head['more'] != 1)} (_out has all)"
