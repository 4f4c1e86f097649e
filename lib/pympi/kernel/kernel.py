"""The kernel that Jupyter talks to: requests become frames of a session, and frames its messages.

All of it runs in the main thread's loop but what comes on Jupyter's control channel: a cell under way is
waited for there, so that the ranks' output, an interrupt and an answer are heard meanwhile.
SPDX-License-Identifier: MIT
"""
import asyncio
import base64
import concurrent.futures
import json
import re
import signal
import sys
import types

sys.modules.setdefault("debugpy", None)     # a fifth of a second, for a debugger of this process

import zmq  # noqa: E402
from ipykernel.kernelapp import IPKernelApp  # noqa: E402
from ipykernel.kernelbase import Kernel  # noqa: E402
from IPython.core.inputtransformer2 import TransformerManager  # noqa: E402
from IPython.utils.tokenutil import token_at_cursor  # noqa: E402

from pympi import displays, frames, statements  # noqa: E402
from pympi.console import ranks as _numbers  # noqa: E402
from pympi.console import screen as _screen  # noqa: E402
from pympi.kernel import cell as _cell  # noqa: E402

_RANKS = re.compile(r"%ranks\b[ \t]*(?P<rest>[^\n]*)\s*$")
_CHOSEN = re.compile(r"@([0-9][-,0-9]*) (.*)", re.S)
TURN = 0.02         # seconds between looks at the channel that answers come on
REMEMBERED = 1000   # cells


class Ended(Exception):
    """The ranks are gone; the text says why."""


class Asked(Exception):
    """What was asked need not be answered any more."""


class RanksKernel(Kernel):
    """One notebook; its ranks."""
    implementation = "pympi"
    language_info = {
        "name": "python", "version": sys.version.split()[0], "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": 3}, "pygments_lexer": "ipython3",
        "nbconvert_exporter": "python", "file_extension": ".py",
    }
    ranks = None        # set before the kernel is made
    _execute_sleep = 0  # ipykernel waits before each answer, for output that we know to be there

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.number = 0             # of the last request to the session
        self.ready = None           # the head of its first frame, as a future
        self.cell = None            # (number, future) of the cell under way
        self.origin = {}            # the request that what ranks show belongs to
        self.errors = []            # of it: (whether another rank's failure is the cause, error)
        self.replies = {}           # number: future
        self.questions = None       # of the ranks, while they are asked
        self.interrupts = 0
        self.inputs = []            # (cell's number, source)
        self.shown = _cell.Shown(self.publish)
        self.progress = self.prepared = None
        self.lost = ""              # what is said of ranks that went while no cell ran
        self.transformer = TransformerManager()
        self.comm_manager = types.SimpleNamespace(comms=self.shown.comms)   # whom Jupyter asks for their names
        for kind in "comm_open", "comm_msg", "comm_close":
            self.shell_handlers[kind] = self.comm_request

    @property
    def implementation_version(self):
        return self._ready_head().get("pympi", "")

    @property
    def banner(self):
        head = self._ready_head()
        parts = [f"pympi {head['pympi']}", f"Python {head['python']}", head["mpi"]] if head else ["pympi"]
        return f"{', '.join(parts)}\nevery cell runs on all ranks; %%ranks 0,2 at its beginning chooses some\n"

    def _ready_head(self):
        done = self.ready and self.ready.done() and not self.ready.exception()
        return self.ready.result() if done else {}

    def start(self):
        super().start()
        self.loop = self.io_loop.asyncio_loop
        self._expect()
        self.ranks.watch(self.loop, self.take)
        signal.signal(signal.SIGINT, lambda *_: self._interrupt_soon())

    def pre_handler_hook(self):
        """^C is the ranks', whoever sends it."""

    def post_handler_hook(self):
        pass

    def publish(self, kind, content, **more):
        """To all who look at the notebook: of the last cell, also what its threads print later."""
        self.session.send(self.iopub_socket, kind, content, self.origin, ident=self._topic(kind), **more)

    # --- frames

    def _expect(self):
        """Ranks are starting."""
        self.ready, self.prepared = self.loop.create_future(), self.loop.create_future()
        for future in self.ready, self.prepared:
            future.add_done_callback(lambda f: f.exception())       # looked at when a cell comes, or never

    def take(self, kind, head, body):
        """A frame of the session."""
        if self.progress and kind != frames.RUNNING:
            self.progress.heard()
        if kind == frames.OUTPUT:
            self.shown.output(head, body)
        elif kind == frames.ERROR:
            if head.get("id", 0) > 0:
                self.errors.append((head.get("peer"), self.shown.error(head, body)))
        elif kind == frames.RESULT:
            self.shown.text(head, body)
        elif kind == frames.DONE:
            self._take_done(head, body)
        elif kind == frames.INPUT:
            self._take_question(head, body.decode("utf-8", "replace"))
        elif kind == frames.RUNNING and self.progress:
            self.progress.show(head.get("running", []))
        elif kind in (frames.COMPLETED, frames.INSPECTED):
            self._give(self.replies.pop(head.get("id"), None), (head, body))
        elif kind == frames.READY:
            self._give(self.ready, head)
        elif kind == frames.ENDED:
            self._take_end(head["status"], body.decode("utf-8", "replace"))

    def _give(self, future, value):
        if future and not future.done():
            future.set_result(value)

    def _take_done(self, head, body):
        if self.cell and self.cell[0] == head.get("id"):
            self._give(self.cell[1], (head, body))
        elif head.get("id", 0) < 0:
            self._give(self.prepared, None)

    def _take_end(self, status, said):
        """The session is over, and not by us."""
        why = "\n".join(line for line in said.splitlines() if not _is_remark(line)) or _end_of(status)
        waiting = [self.ready, self.prepared, *self.replies.values(), *([self.cell[1]] if self.cell else [])]
        started = self.prepared.done()
        self.replies.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(Ended(why))
        self.shown.forget()
        if started:
            self.lost = "" if self.cell else why
            self._begin_anew()

    def _begin_anew(self):
        self._expect()
        self.ranks.start()

    async def _need_ranks(self):
        """The ranks are there when this returns; those that did not start are started again."""
        interrupts = self.interrupts
        if not self.ranks.lives:
            self._begin_anew()
        for future in self.ready, self.prepared:
            while not future.done():
                await asyncio.wait([future], timeout=0.1)
                if self.interrupts != interrupts:
                    raise Asked
            future.result()

    # --- cells

    async def do_execute(self, code, silent, store_history=True, user_expressions=None, allow_stdin=False,
                         *, cell_id=None, **_):
        self._allow_stdin, self.origin = allow_stdin, self.get_parent("shell")
        own = _RANKS.match(code.strip())
        try:
            if own:
                outcome = await self._change_ranks(own["rest"].strip())
            elif not code.strip() and not user_expressions:
                outcome = {}
            else:
                outcome = await self._run(code, silent, store_history, user_expressions)
        except Ended as e:
            outcome = self._fail("RanksEnded", str(e))
        except Asked:
            outcome = self._fail("KeyboardInterrupt", "")
        if "ename" in outcome:
            return {"status": "error", "execution_count": self.execution_count, **outcome}
        return {"status": "ok", "execution_count": self.execution_count, "payload": outcome.get("payload", []),
                "user_expressions": outcome.get("expressions", {})}

    def _fail(self, name, why):
        """An error of no rank's."""
        lines = why.splitlines() if name == "RanksEnded" else [f"{name}: {why}".rstrip(": ")]
        error = {"ename": name, "evalue": why, "traceback": lines}
        self.publish("error", error)
        return error

    async def _run(self, code, silent, store, expressions):
        """A cell on the ranks; its error, or what else is answered."""
        await self._need_ranks()
        if self.lost:
            self.shown.say(f"{self.lost}\npympi: the ranks were started anew; what they had is gone")
            self.lost = ""
        if store and not silent:
            self.inputs = [*self.inputs[1 - REMEMBERED:], (self.execution_count, code)]
        body = await self._statement({"cell": {
            "count": self.execution_count, "store": store, "silent": silent, "expressions": expressions or {},
            "request": self.origin["header"]["msg_id"]}}, code, _chosen(code))
        own = [error for peer, error in self.errors if not peer] or [error for _, error in self.errors]
        return own[0] if own else _cell.answers_of(body)

    async def _statement(self, head, body, ranks):
        """Have the ranks run it; what is answered at its end. Raises Ended."""
        self.number += 1
        self.errors = []
        self.shown.begin(self.execution_count, ranks, bare="comm" in head)
        self.cell = self.number, self.loop.create_future()
        self.progress = _cell.Progress(self.publish, self.ranks.send)
        watch = self.loop.create_task(self.progress.watch())
        self.ranks.send(frames.EXECUTE, {"id": self.number, **head}, body)
        try:
            return (await self.cell[1])[1]
        except Ended as e:
            raise Ended(f"{e}\npympi: the ranks are started anew; what they had is gone") from None
        finally:
            watch.cancel()
            self._withdraw()
            self.shown.end()
            self.progress.end()
            self.cell = self.progress = None

    async def comm_request(self, stream, ident, parent):
        """What the page tells a widget: rank 0 runs what is to be done then, as it runs a cell."""
        self.origin, content = parent, parent["content"]
        kind = parent["header"]["msg_type"]
        if kind == "comm_close":
            self.shown.comms.pop(content["comm_id"], None)
        message = {"type": kind, "content": content, "metadata": parent.get("metadata", {}),
                   "request": parent["header"]["msg_id"],
                   "buffers": [base64.b64encode(bytes(one)).decode() for one in parent.get("buffers", ())]}
        try:
            await self._need_ranks()
            await self._statement({"comm": True}, json.dumps(message), {0})
        except Ended as e:
            self._fail("RanksEnded", str(e))
        except Asked:
            pass

    # --- another number of ranks

    async def _change_ranks(self, text):
        """%ranks, %ranks 8, %ranks 8 -y"""
        words = text.split()
        if not words:
            await self._need_ranks()
            head = self.ready.result()
            text = f"{head['ranks']} ranks; %ranks N starts anew with N\n"
            self.publish("stream", {"name": "stdout", "text": text})
            return {}
        if not words[0].isdecimal() or int(words[0]) < 1 or words[1:] not in ([], ["-y"]):
            return self._fail("UsageError", f"%ranks {text}: write %ranks 8, or %ranks 8 -y not to be asked")
        if not words[1:] and not self._allow_stdin:
            return self._fail("UsageError", f"nobody can be asked here; %ranks {words[0]} -y does it")
        if not words[1:] and not await self._is_sure(words[0]):
            return {}
        self.ranks.end(busy=not self.prepared.done())
        self.ranks.words = with_ranks(self.ranks.words, words[0])
        self.execution_count, self.inputs = 0, []
        self.shown.forget()
        self._begin_anew()
        await self._need_ranks()
        self.publish("stream", {"name": "stdout", "text": f"{words[0]} ranks, started anew\n"})
        return {}

    async def _is_sure(self, number):
        answer = await self._ask(f"Start anew with {number} ranks, and lose all variables? [y/N] ", False)
        return answer.strip().lower() in ("y", "yes")

    # --- input

    def _take_question(self, head, prompt):
        self._withdraw()
        self.questions = self.loop.create_task(self._answer_ranks(head, prompt))

    def _withdraw(self):
        if self.questions:
            self.questions.cancel()
            self.questions = None

    async def _answer_ranks(self, head, prompt):
        """Ask the user what these ranks ask; `@1 text` answers one of them, and the rest ask again."""
        if not self._allow_stdin:
            self.ranks.send(frames.ANSWER, {"ranks": head["ranks"], "end": True})
            return
        asking = _numbers.numbers(head["ranks"])
        while True:
            try:
                line = await self._ask(f"{_screen.tag(head)}{prompt}", bool(head.get("secret")))
            except Asked:
                return
            meant, line, wrong = _meant(line, asking, head.get("secret"))
            if not wrong:
                break
            self.shown.say(wrong)
        self.progress.heard()
        self.ranks.send(frames.ANSWER, {"ranks": _numbers.name(meant)}, line)

    async def _ask(self, prompt, secret):
        """A line that the notebook's user types. Raises Asked at an interrupt."""
        while self._answer_waits():     # of somebody who was asked before
            self.stdin_socket.recv_multipart()
        interrupts = self.interrupts
        parent = self.get_parent("shell")
        self.session.send(self.stdin_socket, "input_request", {"prompt": prompt, "password": secret}, parent,
                          ident=self._parent_ident["shell"])
        while self.interrupts == interrupts:
            if not self._answer_waits():
                await asyncio.sleep(TURN)
                if self.progress:
                    self.progress.heard()
                continue
            _, reply = self.session.recv(self.stdin_socket)
            value = reply["content"].get("value", "") if reply else ""
            return value if isinstance(value, str) else ""
        raise Asked

    def _answer_waits(self):
        return self.stdin_socket.getsockopt(zmq.EVENTS) & zmq.POLLIN

    # --- interrupt, shutdown: on the control channel, which has a thread of its own

    async def interrupt_request(self, stream, ident, parent):
        self._interrupt_soon()
        self.session.send(stream, "interrupt_reply", {"status": "ok"}, parent, ident=ident)

    def _interrupt_soon(self):
        self.loop.call_soon_threadsafe(self._interrupt)

    def _interrupt(self):
        """Who waits for ranks that start is answered; they go on, for half an import is there for ever."""
        self.interrupts += 1
        if self.prepared.done():
            self.ranks.interrupt()

    async def do_shutdown(self, restart):
        over = concurrent.futures.Future()
        self.loop.call_soon_threadsafe(self._end_ranks, over)
        await asyncio.wrap_future(over)
        return {"status": "ok", "restart": restart}

    def _end_ranks(self, over):
        try:
            self.ranks.end(busy=self.cell is not None or not self.prepared.done())
        finally:
            over.set_result(None)

    # --- what is asked between cells

    async def _reply_to(self, kind, text):
        """(head, body) of the session's answer; None where there is none."""
        if not self._ready_head() or not self.prepared.done() or not self.ranks.lives:
            return None
        self.number += 1
        future = self.replies[self.number] = self.loop.create_future()
        self.ranks.send(kind, {"id": self.number, "cell": True}, text)
        try:
            return await future
        except Ended:
            return None

    async def do_complete(self, code, cursor_pos):
        reply = await self._reply_to(frames.COMPLETE, code[:cursor_pos])
        head, body = reply or ({"start": cursor_pos}, b"")
        return {"status": "ok", "matches": body.decode("utf-8", "replace").split("\n") if body else [],
                "cursor_start": head["start"], "cursor_end": cursor_pos, "metadata": {}}

    async def do_inspect(self, code, cursor_pos, detail_level=0, omit_sections=()):
        name = token_at_cursor(code, cursor_pos)
        reply = await self._reply_to(frames.INSPECT, name + "?" * bool(detail_level)) if name else None
        data = displays.loads(reply[1]) if reply and reply[1] else {}
        return {"status": "ok", "found": bool(data), "data": data, "metadata": {}}

    def do_is_complete(self, code):
        try:
            code = statements.cell(code)[1]
            status, indent = self.transformer.check_complete(code)
        except ValueError:
            return {"status": "invalid"}
        return {"status": status} | ({"indent": " " * (indent or 0)} if status == "incomplete" else {})

    def do_history(self, hist_access_type, output=False, raw=True, session=None, start=None, stop=None, n=None,
                   pattern=None, unique=False, **_):
        import fnmatch
        found = [(0, number, source) for number, source in self.inputs]
        if hist_access_type == "range":
            last = len(found) + 1 if stop is None else stop
            found = [one for one in found if (start or 0) <= one[1] < last]
        elif hist_access_type == "search":
            found = [one for one in found if fnmatch.fnmatch(one[2], pattern or "*")]
        if unique:
            found = list({one[2]: one for one in found}.values())
        if hist_access_type != "range" and n:
            found = found[-n:]
        if output:
            found = [(session, number, (source, None)) for session, number, source in found]
        return {"status": "ok", "history": found}


class KernelApp(IPKernelApp):
    """Jupyter's connection to one kernel; this process has no program of its own to look after."""
    name = "pympi-kernel"

    def init_path(self):
        """The notebook's folder is no place to import this process's modules from."""

    def init_pdb(self):
        pass

    def init_io(self):
        """What this process prints is for whoever started it."""
        self.displayhook = types.SimpleNamespace()


def run(file, ranks):
    """run(file, ranks)

    A kernel of these ranks for the connection that Jupyter's file describes, to its end. Local.
    """
    RanksKernel.ranks = ranks
    app = KernelApp.instance(kernel_class=RanksKernel, connection_file=file)
    app.initialize([])
    app.start()


def with_ranks(words, number):
    """with_ranks(words, number) -> list

    The words of a command line with another number behind -n. Local.
    """
    found, words = [], iter(words)
    for word in words:
        if word in ("-n", "-np"):
            next(words, None)
        elif not re.match(r"-np?=?[0-9]+$", word):
            found.append(word)
    return ["-n", str(number), *found]


def _chosen(code):
    """The set of ranks that a cell names, or None."""
    try:
        ranks = statements.cell(code)[0]
    except ValueError:
        return None
    return _numbers.numbers(ranks) if ranks else None


def _meant(line, asking, secret):
    """(ranks, line, "") that an answer is for; or what is wrong with it."""
    m = None if secret else _CHOSEN.fullmatch(line)
    if not m:
        return asking, line, ""
    try:
        meant = _numbers.numbers(m[1])
    except ValueError as e:
        return asking, line, str(e)
    if meant - asking:
        return asking, line, f"@{m[1]}: only {_numbers.name(asking)} is asked for"
    return meant, m[2], ""


def _end_of(status):
    """What is said of a session that said nothing itself."""
    how = f"ended with status {status}"
    if status < 0:
        how = f"was ended by signal {-status} ({signal.strsignal(-status)})"
    return f"pympi: the process in front of the ranks {how}"


def _is_remark(line):
    """What pympi says of every job that shares cores."""
    return re.match(r"pympi: \d+ ranks share \d+ cores?$", line)
