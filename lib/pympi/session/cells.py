"""A notebook's cells on a rank: IPython without its terminal, its history file and its sockets.

All ranks have the same shell, and run a cell as any statement of the session. What it shows goes out as
lines among the rank's output (`pympi.displays`), so that order and folding are those of printed text.
Needs IPython; imported only behind a front that is a notebook. SPDX-License-Identifier: MIT
"""
import ast
import io
import itertools
import json
import linecache
import os
import re
import sys
import time
from inspect import CO_COROUTINE

from IPython.core import display_functions, page, payloadpage
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.core.magics import ExecutionMagics
from traitlets import Type
from traitlets.config import Config

from pympi import displays, mpi
from pympi.session import answers as _answers
from pympi.session import comms
from pympi.session import runner as _runner

_JOB = os.environ.get("PYMPI_RANK", "").rpartition(":")[0]
_ADDRESS = re.compile(r"(?<=\bat )0x[0-9a-f]{6,}\b")
_HAS_NUMBER = re.compile(r"(?:-(?!n)\w+\s*\d*\s+)*-n")      # of %timeit's options
_SVG_DATE = re.compile(r"<dc:date>[^<]*</dc:date>")
_SVG_NAME = re.compile(r"(?<=[#\"])([A-Za-z]\w*?)[0-9a-f]{10}(?=[\")])")    # with a hash behind a word


class Compiler(CachingCompiler):
    """Names cells `<cell 3>`, which is short enough for who asks where a rank is."""

    def get_code_name(self, raw_code, transformed_code, number):
        name, count = f"<cell {number}>", 2
        while name in linecache.cache and not _is_cached(name, transformed_code):
            name, count = f"<cell {number}, {count}>", count + 1
        return name


def _is_cached(name, code):
    return "".join(linecache.cache[name][2]).rstrip() == code.rstrip()


def _alike(data):
    """The data of a display without what ranks have of their own where it is alike otherwise: addresses, and
    the names and the date in a figure of matplotlib's."""
    cleaned = {kind: clean(data[kind]) for kind, clean in _CLEAN.items() if isinstance(data.get(kind), str)}
    return data | cleaned if mpi.size > 1 else data


def _without_addresses(text):
    return _ADDRESS.sub("0x...", text)


def _with_plain_names(svg):
    names = {}
    return _SVG_NAME.sub(lambda m: names.setdefault(m[0], f"{m[1]}{len(names)}"), _SVG_DATE.sub("", svg))


_CLEAN = {"text/plain": _without_addresses, "image/svg+xml": _with_plain_names}


class Hook(DisplayHook):
    """The value of a cell's last line."""

    def start_displayhook(self):
        pass

    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        self.shell.show(displays.RESULT, data=_alike(format_dict), metadata=md_dict or {})

    def finish_displayhook(self):
        pass


class Publisher(DisplayPublisher):
    """Where display() leads, and what is shown by it."""

    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **kwargs):
        self.shell.show(displays.DISPLAY, data=_alike(data), metadata=metadata or {},
                        id=(transient or {}).get("display_id"), update=update)

    def clear_output(self, wait=False):
        self.shell.show(displays.CLEAR, wait=wait)


@magics_class
class Timing(Magics):
    """%time and %timeit of all ranks: they repeat a statement equally often, and the slowest counts."""

    @line_cell_magic
    def time(self, line="", cell=None):
        """%time statement, %%time: how long it takes on the slowest rank, and on the fastest."""
        shell = self.shell
        began = time.perf_counter()
        try:
            return shell.value_of(cell if cell is not None else line)
        finally:
            shell.report.say_time(time.perf_counter() - began)

    @line_cell_magic
    def timeit(self, line="", cell=None):
        """%timeit statement, %%timeit: the best of some turns, as long on all ranks.

        Behind %%timeit stands what is run before. Options are IPython's, -n among them.
        """
        shell = self.shell
        if line.startswith("-"):
            if not _HAS_NUMBER.match(line):
                raise UsageError(f"%timeit {line}: give -n too, for all ranks repeat it equally often")
            return ExecutionMagics(shell).timeit(line, cell)
        code, setup = (line, "") if cell is None else (cell, line)
        shell.runner.time_it(shell.report, shell.transform_cell(code), shell.ranks, shell.transform_cell(setup))
        return None

    @line_cell_magic
    def ranks(self, line="", cell=None):
        """%ranks: how many there are. %ranks 8: start anew with so many. %%ranks 0,2-3: a cell for some."""
        raise UsageError("%%ranks 0,2 is the first line of a cell, %ranks 8 the only one")


class Shell(InteractiveShell):
    """IPython on one rank."""
    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    compiler_class = Type(Compiler)
    runner = report = ranks = _kernel = None
    number, ids, request = 0, itertools.count(1), None

    def attach(self, runner):
        """What it needs of the rank."""
        self.runner = runner
        self.out = os.dup(1)        # a program may lead its own output elsewhere
        self.said = False           # the cell's error is in the report
        self.register_magics(Timing)
        self.set_hook("show_in_pager", page.as_hook(payloadpage.page), 99)     # help has a place of its own
        display_functions._new_id = self.new_id
        comms.Finder(self).watch()

    # --- cells

    def _begin(self, report, number, ranks, request):
        self.report, self.ranks, self.said = report, ranks, False
        self.number, self.ids = number, itertools.count(1)
        self.request = {"header": {"msg_id": request}} if request else {}
        comms.begin(self._kernel, self.request)

    def run(self, report, number, source, ranks, head):
        """One cell, of which head has count, store, silent, request. What it fails with is in the report."""
        count, store, silent = head.get("count", 1), head.get("store", True), head.get("silent", False)
        self._begin(report, number, ranks, head.get("request"))
        self.execution_count = count
        if store and not silent:
            self._count_on(count)
        result = self.run_cell(source, store_history=store, silent=silent)
        error = result.error_before_exec or result.error_in_exec
        if error is not None and not self.said:     # ^C while it was being shown
            self._showtraceback(type(error), error, [f"{type(error).__name__}: {error}"])

    def _count_on(self, count):
        """In[n] is the n-th cell on all ranks, also on those that it was not for."""
        history = self.history_manager
        for cells in history.input_hist_parsed, history.input_hist_raw:
            del cells[count:]
            cells += [""] * (count - len(cells))

    def answers(self, expressions):
        """What the notebook asked besides: values of expressions, and what is to be done with its page."""
        payload = self.payload_manager.read_payload()
        self.payload_manager.clear_payload()
        return {"expressions": self.user_expressions(expressions) if not self.said else {},
                "payload": payload}

    def value_of(self, source):
        """Run a source among the user's names; the value of its last line, if that is an expression."""
        code = self.transform_cell(source)
        name = self.compile.cache(code, self.execution_count, source)
        tree = self.transform_ast(self.compile.ast_parse(code, name))
        body, last = _runner.apart(tree)
        with self.compile.extra_flags(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if self.autoawait else 0):
            self._evaluated(self.compile(body, name, "exec"))
            return self._evaluated(self.compile(last, name, "eval")) if last else None

    def _evaluated(self, code):
        """Its value; awaited, where the user wrote `await`."""
        value = eval(code, self.user_ns)
        return self.loop_runner(value) if code.co_flags & CO_COROUTINE else value

    # --- what is shown

    def show(self, word, **content):
        """A line among the output, behind what was printed."""
        _runner.flush()
        data, interrupt = displays.pack(word, **content), None
        out = io.BufferedWriter(io.FileIO(self.out, "w", closefd=False), len(data) + 1)
        out.write(data)     # it knows how much of it went out, whatever comes between
        while True:
            try:
                out.flush()
                break
            except KeyboardInterrupt as e:
                interrupt = e       # a part of a line would be shown as text
        if interrupt:
            raise interrupt

    def new_id(self):
        """For what a program wants to find again: the same on ranks that do the same in the cell."""
        return f"{_JOB}-{self.number}-{next(self.ids)}"

    @property
    def kernel(self):
        """What programs have comms of; None without ipykernel."""
        if self._kernel is None:
            try:
                self._kernel = comms.make(self)
            except ImportError:
                pass
        return self._kernel

    def take(self, report, number, message):
        """A message of the page's to a comm."""
        self._begin(report, number, {0}, message.get("request"))
        comms.take(self, self._kernel, message)

    def ask_exit(self):
        self.payload_manager.write_payload({"source": "ask_exit", "keepkernel": False})

    def set_next_input(self, text, replace=False):
        self.payload_manager.write_payload({"source": "set_next_input", "text": text, "replace": replace})

    # --- errors

    def showtraceback(self, exc_tuple=None, *args, **kwargs):
        """Without our own frames at the end; one line where another rank is the cause."""
        try:
            kind, value, trace = self._get_exc_info(exc_tuple)
        except ValueError:
            return super().showtraceback(exc_tuple, *args, **kwargs)
        if isinstance(value, mpi.PeerError):
            return self._showtraceback(kind, value, self.InteractiveTB.get_exception_only(kind, value))
        _runner.cut_end(trace)
        return super().showtraceback((kind, value, trace), *args, **kwargs)

    def show_usage_error(self, exc):
        self._showtraceback(type(exc), exc, [f"UsageError: {exc}"])

    def _showtraceback(self, etype, evalue, stb):
        if self.report is None:
            super()._showtraceback(etype, evalue, stb)
            return
        self.said = True
        self.report.broken = True
        peer = isinstance(evalue, mpi.PeerError)
        self.report.say_error("\n".join(stb), etype.__name__, peer, str(evalue))

    # --- what IPython does otherwise, for a terminal or for one process

    def system(self, cmd):
        """!command, on every rank that runs the cell."""
        self.user_ns["_exit_code"] = _runner.run_command(self.var_expand(cmd, depth=1))

    system_piped = system_raw = system

    def init_virtualenv(self):
        """pympi has done it."""

    def init_environment(self):
        """Programs that are started have no keyboard and no page to turn."""
        os.environ.update(PAGER="cat", GIT_PAGER="cat")

    def enable_gui(self, gui=None):
        if gui not in (None, "inline"):
            raise UsageError(f"ranks have no screen for the windows of {gui}")


# Programs tell a notebook from a terminal by this name, or by the configuration's IPKernelApp.
Shell.__name__ = "ZMQInteractiveShell"


def prepare():
    """prepare() -> Shell

    The rank's, made at the first call. Local.
    """
    if Shell.initialized():
        return Shell.instance()
    config = Config()
    config.HistoryManager.enabled = False       # many ranks, one file
    config.Completer.use_jedi = False           # a second and more for a name
    config.IPKernelApp = Config()
    main = sys.modules["__main__"]
    return Shell.instance(config=config, user_module=main, user_ns=main.__dict__)


def attach(runner):
    """attach(runner)

    The rank's shell, ready for cells. Local.
    """
    shell = prepare()
    if shell.runner is None:
        shell.attach(runner)


def run(report, number, kind, code, ranks):
    """run(report, number, kind, code, ranks)

    Runs a "cell": (source, what the notebook says of it); or a "comm": what its page tells a widget. What
    comes of it goes into the report. Collective over the ranks, as far as the cell is.
    """
    shell = Shell.instance()
    if kind == "comm":
        shell.take(report, number, code)
        return
    source, head = code
    shell.run(report, number, source, ranks, head)
    report.answers = shell.answers(head.get("expressions") or {})


def complete(names, text):
    """complete(names, text) -> (start, list of str)

    Names that the end of the text may become, and where in the text they go. Local.
    """
    line = text.rpartition("\n")[2]
    if line.split(None, 1)[:1] in (["import"], ["from"], ["%aimport"]):
        return _answers.complete(names, text)       # IPython would import it, on this rank alone
    matched, found = Shell.instance().complete("", line, len(line))
    return len(text) - len(matched), found[:_answers.MOST]


def inspect(names, text):
    """inspect(names, text) -> str

    What the notebook shows of a name, as JSON by type; with its source behind `name?`. "" of none. Local.
    """
    name = text.rstrip("?")
    try:
        return json.dumps(Shell.instance().object_inspect_mime(name, detail_level=int(name != text)))
    except KeyError:
        return ""
