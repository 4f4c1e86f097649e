"""What a notebook shows that is no text, as a line among the lines that a rank prints.

Such a line is a string for whoever shows the output (APC of ECMA-48: terminals pass it over) with a
word and a JSON object. So a display keeps its place in the output, comes while the cell runs, and what
all ranks show alike is folded like any line. Importing this starts no MPI. SPDX-License-Identifier: MIT
"""
import base64
import json
import re

DISPLAY = "display"     # data, metadata, id (of display_id or None), update
RESULT = "result"       # data, metadata
CLEAR = "clear"         # wait
COMM = "comm"           # type, content, metadata, buffers: of a message to the notebook's other side

_BEGIN, _END = b"\x1b_pympi:", b"\x1b\\"
_WHOLE = re.compile(re.escape(_BEGIN) + rb"(\w+) ([^\x1b]*)" + re.escape(_END) + rb"\n")
_PART = re.compile(re.escape(_BEGIN) + rb"[^\x1b]*(?:\x1b\\?)?\Z")


def pack(word, **content):
    """pack(word, **content) -> bytes

    The line. Local.

    content is what JSON can carry; bytes become base64, as Jupyter has them.
    """
    text = json.dumps(content, separators=(",", ":"), default=plain)
    return _BEGIN + word.encode() + b" " + text.encode() + _END + b"\n"


def plain(value):
    """plain(value) -> str

    What JSON has of a value that it does not know. Local.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    return str(value)


def split(data):
    """split(data) -> (list, bytes)

    The parts of a piece of output, each bytes or (word, content), and what at its end may be the
    beginning of one. Local.

    What begins like a line of ours and is none, as another thread wrote into it, is text.
    """
    parts, at = [], 0
    for m in _WHOLE.finditer(data):
        parts += [data[at:m.start()], _read(m)]
        at = m.end()
    rest = _beginning(data, at)
    parts.append(data[at:rest])
    return [part for part in parts if part], data[rest:]


def as_text(data):
    """as_text(data) -> bytes

    The same for who shows text alone: of displays and results what they are as text. Local.
    """
    return _WHOLE.sub(_text_of, data)


def loads(text):
    """loads(text) -> object

    What JSON says. Halves of letters (lone surrogates), which no message can carry, become question marks. Local.
    """
    content = json.loads(text)
    if b"\\ud" in text:
        content = json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))
    return content


def _text_of(m):
    read = _read(m)
    if isinstance(read, bytes):
        return read
    word, content = read
    text = content.get("data", {}).get("text/plain", "") if word in (DISPLAY, RESULT) else ""
    return text.encode() + b"\n" if text else b""


def _read(m):
    try:
        return m[1].decode(), loads(m[2])
    except ValueError:
        return m[0]


def _beginning(data, at):
    """Where a line begins whose end has not come, or the end."""
    m = _PART.search(data, at)
    if m:
        return m.start()
    for length in range(len(_BEGIN) - 1, 0, -1):
        if data.endswith(_BEGIN[:length], at):
            return len(data) - length
    return len(data)
