"""A notebook's cells on all ranks: results, output, errors, displays, input, interrupts."""
# SPDX-License-Identifier: MIT
# timeout: 400

import re
import time

import kernel
import support
from harness import leftover

FIGURE = """
%matplotlib inline
import matplotlib.pyplot as plt
plt.plot([1, {}])
plt.title("a line")
"""


@kernel.needs
class Cells(support.Case):
    """One kernel for all methods of the class: they do not disturb each other."""
    RANKS = 3

    @classmethod
    def setUpClass(cls):
        cls.kernel = kernel.Kernel(cls.RANKS)
        cls.addClassCleanup(cls.kernel.__exit__)

    def given(self, code, *results, **options):
        outcome = self.kernel.run(code, **options)
        self.assertEqual((outcome.results, outcome.errors), (list(results), []))
        self.assertEqual(outcome.status, "ok")
        return outcome

    def fails(self, code, *errors, **options):
        outcome = self.kernel.run(code, **options)
        self.assertEqual(outcome.errors, list(errors))
        self.assertEqual(outcome.status, "error")
        return outcome

    # --- results and output

    def test_equal_results_are_one(self):
        self.given("1 + 1", "2")

    def test_results_that_differ(self):
        self.given("max(mpi.rank, 1)", "[0-1] 1\n[2] 2")

    def test_results_of_several_lines(self):
        self.given("import numpy\nnumpy.full((2, 2), mpi.rank // 2)",
                   "[0-1] array([[0, 0],\n[0-1]        [0, 0]])\n[2] array([[1, 1],\n[2]        [1, 1]])")

    def test_addresses_are_no_difference(self):
        self.given("object()", "<object at 0x...>")

    def test_counts_and_last_values(self):
        count = self.given("20 + 1", "21").reply["execution_count"]
        self.given("_ + 1", "22")
        self.given(f"Out[{count}], In[{count}]", "(21, '20 + 1')")

    def test_semicolon(self):
        self.given("5;")

    def test_output(self):
        outcome = self.given("print('same'); print('own', mpi.rank // 2); print('end')")
        self.assertEqual(outcome.out, "same\n[0-1] own 0\n[2] own 1\nend\n")

    def test_results_behind_output_that_differs(self):
        """Who printed something else may have the same result."""
        outcome = self.given("print('own', mpi.rank)\nmpi.rank // 2", "[0-1] 0\n[2] 1")
        self.assertEqual(outcome.out, "[0] own 0\n[1] own 1\n[2] own 2\n")

    def test_unfinished_line(self):
        self.assertEqual(self.given("print('a', end='')").out, "a")
        self.assertEqual(self.given("print('b')").out, "b\n")

    def test_order(self):
        outcome = self.given("print('one'); display('two'); print('three')\n'four'", "'four'")
        self.assertEqual(outcome.kinds, ["stream", "display_data", "stream", "execute_result"])

    def test_output_comes_while_it_runs(self):
        seen = []
        self.given("import time\nprint('early')\ntime.sleep(2)\nprint('late')",
                   when=lambda kind, content: kind == "stream" and seen.append(time.monotonic()))
        self.assertGreater(seen[-1] - seen[0], 1)

    def test_a_megabyte(self):
        outcome = self.given("for i in range(40_000): print('a line of twenty', i)")
        lines = outcome.out.splitlines()
        self.assertEqual((len(lines), lines[-1]), (40_000, "a line of twenty 39999"))

    def test_many_groups(self):
        """Of more than eight groups the middle is left out."""
        outcome = self.given("for i in range(20): print('a', mpi.rank, i)")
        self.assertEqual(outcome.out.count("[1] a 1"), 20)

    # --- IPython

    def test_magics(self):
        self.given("%env PYMPI_X=1")
        self.given("import os; os.environ['PYMPI_X']", "'1'")
        outcome = self.given("%%writefile a.txt\nab\n")
        self.assertIn("a.txt", outcome.out)
        self.given("%cd -q .\n%pycat a.txt")

    def test_command(self):
        outcome = self.given("!echo $PAGER\nx = !echo a; echo b\nx", "['a', 'b']")
        self.assertEqual(outcome.out, "cat\n")
        self.given("!exit 3\n_exit_code", "3")

    def test_command_of_each_rank(self):
        self.assertEqual(self.given("!echo {mpi.rank // 2}").out, "[0-1] 0\n[2] 1\n")

    def test_await(self):
        self.given("import asyncio\nawait asyncio.sleep(0.01, 'slept')", "'slept'")

    def test_time(self):
        outcome = self.given("%%time\nimport time\ntime.sleep(mpi.rank / 10)\n7", "7")
        self.assertRegex(outcome.out, r"^wall time [\d.]+ m?s \(rank \d; fastest .*, rank \d\)\n$")
        self.given("%time 1 + 1", "2")
        self.assertEqual(self.given("%time x = 1\n%time x = 2").out.count("wall time"), 2)
        self.given("%%time\nimport asyncio\nx = await asyncio.sleep(0, 3)\nawait asyncio.sleep(0, x + 1)", "4")

    def test_timeit_repeats_equally_often(self):
        """Or a collective call would wait for ever."""
        outcome = self.given("x = 1\n%timeit mpi.world.allreduce(1)")
        self.assertRegex(outcome.out, r"^\d.* each, the best of 5 turns of \d+ .*slowest rank counts\)\n$")
        self.assertIn("loops", self.given("%timeit -r 2 -n 5 mpi.world.allreduce(1)").out)
        self.given("%%timeit value = 3\nassert value == 3")
        self.fails("%timeit -r 3 1", "UsageError: %timeit -r 3 1: give -n too, for all ranks repeat it equally often")

    def test_capture(self):
        outcome = self.given("%%capture kept\nprint('inside')\ndisplay('d')\n5")
        self.assertEqual(outcome.kinds, [])
        self.given("kept.stdout", "'inside\\n'")

    def test_help(self):
        outcome = self.given("len?")
        page = outcome.reply["payload"][0]
        self.assertEqual(page["source"], "page")
        self.assertIn("Return the number of items", page["data"]["text/plain"])

    def test_silent(self):
        before = self.given("1", "1").reply["execution_count"]
        outcome = self.kernel.run("hidden = 5\nhidden", silent=True)
        self.assertEqual(outcome.kinds, [])
        self.assertEqual(self.given("hidden", "5").reply["execution_count"], before + 1)

    def test_expressions(self):
        outcome = self.given("y = 3", user_expressions={"a": "y + mpi.rank", "b": "1/0"})
        found = outcome.reply["user_expressions"]
        self.assertEqual(found["a"]["data"]["text/plain"], "3")
        self.assertEqual(found["b"]["ename"], "ZeroDivisionError")

    def test_names_are_of_main(self):
        self.given("__name__, mpi.world.allreduce(mpi.rank)", "('__main__', 3)")

    # --- ranks

    def test_chosen_ranks(self):
        self.assertEqual(self.given("%%ranks 0,2\nprint('here')\nchosen = mpi.rank").out, "[0,2] here\n")
        self.given("'chosen' in globals()", "[0,2] True\n[1] False")
        self.given("@1 mpi.rank", "[1] 1")
        self.given("@0-1:\n    mpi.size", "[0-1] 3")

    def test_ranks_that_are_not_there(self):
        self.fails("%%ranks 1-3\n1", "@1-3: there is no rank 3; the ranks are 0 to 2")
        self.fails("%%ranks\n1", "%%ranks names no ranks; write %%ranks 0, %%ranks 1-3 or %%ranks 0,2-3")

    def test_number_of_ranks(self):
        self.assertEqual(self.given("%ranks").out, "3 ranks; %ranks N starts anew with N\n")

    # --- errors

    def test_all_fail_alike(self):
        outcome = self.fails("kept = 9\n1 / 0", "ZeroDivisionError: division by zero")
        self.assertEqual((outcome.reply["ename"], outcome.reply["evalue"]),
                         ("ZeroDivisionError", "division by zero"))
        self.assertRegex(outcome.tracebacks[0], r"Cell In ?\[\d+\], line 2")
        self.given("kept", "9")

    def test_one_fails_and_the_others_wait(self):
        outcome = self.fails("if mpi.rank == 1: [][5]\nmpi.world.barrier()",
                             "[0,2] PeerError: barrier: rank 1 failed in this statement",
                             "[1] IndexError: list index out of range")
        self.assertEqual(outcome.reply["ename"], "IndexError")
        self.given("mpi.world.allreduce(1)", "3")

    def test_no_frames_of_ours(self):
        outcome = self.fails("def f():\n    raise ValueError('so')\nf()", "ValueError: so")
        for name in "loop.py", "runner.py", "cells.py", "interactiveshell.py":
            self.assertNotIn(name, outcome.tracebacks[0])

    def test_deadlock(self):
        outcome = self.kernel.run("mpi.world.recv(0) if mpi.rank else None")
        self.assertEqual(outcome.reply["ename"], "DeadlockError")
        self.assertIn("[1-2] ranks 1-2: recv from rank 0 (<cell ", outcome.tracebacks[0])
        self.given("mpi.world.allreduce(1)", "3")

    def test_syntax(self):
        outcome = self.fails("x = = 1", "SyntaxError: invalid syntax")
        self.assertEqual(outcome.reply["ename"], "SyntaxError")

    def test_unknown_magic(self):
        self.fails("%nosuch", "UsageError: Line magic function `%nosuch` not found.")

    def test_exit_is_an_error(self):
        self.fails("import sys; sys.exit(3)", "SystemExit: 3")
        self.given("2", "2")

    def test_what_follows_an_error_is_given_up(self):
        numbers = [self.kernel.begin(code, stop_on_error=True) for code in ("1 / 0", "5")]
        self.assertEqual(self.kernel.end(numbers[0]).status, "error")
        self.assertEqual(self.kernel.reply(numbers[1])["status"], "aborted")

    # --- displays

    def test_html_of_groups(self):
        outcome = self.kernel.run("class H:\n    def _repr_html_(self): return f'<b>{mpi.rank // 2}</b>'\n"
                                  "    def __repr__(self): return 'H'\nH()")
        labels = [data["text/plain"] for data in outcome.displays]
        self.assertEqual(labels, ["[0-1]", "[2]"])
        self.assertEqual([c["data"]["text/html"] for k, c in outcome.messages if k == "execute_result"],
                         ["<b>0</b>", "<b>1</b>"])

    def figure(self, code):
        outcome = self.kernel.run(code, timeout=120)
        self.assertEqual(outcome.errors, [], outcome.tracebacks)
        return outcome

    @support.needs("matplotlib")
    def test_figure_of_all(self):
        outcome = self.figure(FIGURE.format(2))
        self.assertEqual([sorted(data) for data in outcome.displays], [["image/png", "text/plain"]])
        self.assertTrue(outcome.displays[0]["image/png"].startswith("iVBOR"))

    @support.needs("matplotlib")
    def test_figure_with_names_by_chance(self):
        outcome = self.figure("%config InlineBackend.figure_format = 'svg'\n" + FIGURE.format(2))
        self.kernel.run("%config InlineBackend.figure_format = 'png'")
        svg, = [data["image/svg+xml"] for data in outcome.displays]
        names = re.findall(r'"#(\w+)"|\(#(\w+)\)', svg)
        self.assertTrue(names)
        for name in filter(None, sum(names, ())):
            self.assertEqual(svg.count(f'id="{name}"'), 1, name)

    @support.needs("matplotlib")
    def test_figures_of_groups(self):
        outcome = self.figure(FIGURE.format("mpi.rank // 2"))
        self.assertEqual([data["text/plain"][:7] for data in outcome.displays],
                         ["[0-1]", "<Figure", "[2]", "<Figure"])

    def test_display_that_changes(self):
        outcome = self.given("h = display('a', display_id=True)\nh.update('b')\nh.update(mpi.rank // 2)")
        self.assertEqual(outcome.kinds, ["display_data", "update_display_data"] + ["display_data"] * 4)
        ids = [c["transient"].get("display_id") for k, c in outcome.messages if "display" in k]
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(len({ids[0], ids[3], ids[5]}), 3)

    def test_display_of_who_is_late(self):
        outcome = self.given("import time\ntime.sleep(mpi.rank / 2)\ndisplay('same')\nprint(mpi.size)")
        self.assertEqual((outcome.kinds, outcome.out), (["display_data", "stream"], "3\n"))

    def test_display_of_one_that_goes_on(self):
        """Nobody else can have the same: it comes at once."""
        began, seen = time.monotonic(), []
        self.given("%%ranks 1\nimport time\ndisplay('x')\ntime.sleep(2)",
                   when=lambda kind, _: kind == "display_data" and seen.append(time.monotonic()))
        self.assertLess(seen[0] - began, 1.5)

    def test_clear(self):
        outcome = self.given("from IPython.display import clear_output\nprint(1)\nclear_output()\nprint(2)")
        self.assertEqual(outcome.kinds, ["stream", "clear_output", "stream"])
        code = "from IPython.display import clear_output\nif mpi.rank == {}: clear_output()"
        self.assertEqual(self.given(code.format(0)).kinds, ["clear_output"])
        self.assertEqual(self.given(code.format(1)).kinds, [])
        self.assertEqual(self.given("%%ranks 1-2\n" + code.format(1)).kinds, ["clear_output"])

    # --- input

    def test_input(self):
        outcome = self.given("input('name? ')", "'Ann'", answers=["Ann"])
        self.assertEqual(outcome.questions, [("name? ", False)])

    def test_input_of_groups(self):
        outcome = self.given("x = input(f'of {mpi.rank // 2}: ')\nx", "[0] 'b'\n[1] 'c'\n[2] 'd'",
                             answers=["@2 no", "@0 b", "c", "d"])
        self.assertEqual([text for text, _ in outcome.questions],
                         ["[0-1] of 0: ", "[0-1] of 0: ", "[1] of 0: ", "[2] of 1: "])
        self.assertIn("@2: only 0-1 is asked for\n", outcome.err)

    def test_secret(self):
        outcome = self.given("import getpass\ngetpass.getpass('key: ')", "'k'", answers=["k"])
        self.assertEqual(outcome.questions, [("key: ", True)])

    def test_nobody_to_ask(self):
        self.fails("input()", "EOFError: EOF when reading a line")

    def test_breakpoint_of_a_rank(self):
        code = "def f(a):\n    if mpi.rank == 1: breakpoint()\n    return a\nf(5)"
        outcome = self.kernel.run(code, answers=["p a + 1", "c"])
        self.assertEqual(outcome.status, "ok")
        self.assertRegex(outcome.questions[0][0], r"^\[1\] .*db.*[>)] $")
        self.assertIn("[1] 6\n", outcome.out)

    def test_debug(self):
        self.kernel.run("def g(b): return b / 0\ng(4)")
        outcome = self.given("%debug", answers=["p b", "q"])
        self.assertIn("4\n", outcome.out)

    # --- interrupts

    def interrupted(self, code, **options):
        """Interrupt a cell when all ranks have said that they run it."""
        began = []

        def interrupt(kind, content):
            if kind == "stream" and "now" in content["text"]:
                began.append(time.monotonic())
                self.kernel.manager.interrupt_kernel()
        outcome = self.kernel.run(code, when=interrupt, **options)
        self.assertLess(time.monotonic() - began[0], 10 * support.SLOW)
        return outcome

    def test_interrupt_of_a_loop(self):
        outcome = self.interrupted("print('now')\nwhile True: pass")
        self.assertEqual({line.rpartition("] ")[2] for line in outcome.errors}, {"KeyboardInterrupt: "})
        self.given("mpi.world.allreduce(1)", "3")

    def test_interrupt_of_a_deadlock(self):
        """One that is not found: nobody waits in MPI."""
        outcome = self.interrupted("print('now')\nwhile mpi.rank and not mpi.world.iprobe(): pass")
        self.assertEqual(outcome.reply["ename"], "KeyboardInterrupt")
        self.given("mpi.world.allreduce(1)", "3")

    def test_interrupt_of_a_question(self):
        number = self.kernel.begin("input('? ')", allow_stdin=True)
        asked = self.kernel.client.get_stdin_msg(timeout=self.kernel.timeout)
        self.assertEqual(asked["content"]["prompt"], "? ")
        self.kernel.manager.interrupt_kernel()
        self.assertEqual(self.kernel.end(number).reply["ename"], "KeyboardInterrupt")

    def test_interrupt_of_a_command(self):
        """What the shell has started ends too: at the end no process may be left."""
        outcome = self.interrupted("!echo now; sleep 1000; true")
        self.assertEqual(outcome.reply["ename"], "KeyboardInterrupt")
        self.assertNotIn("subprocess.py", outcome.tracebacks[0])
        left = leftover.processes(self.kernel.env["PYMPI_TEST_ID"])
        self.assertEqual([line for line in map(leftover.command, left) if "sleep 1000" in line], [])

    def test_progress(self):
        code = "import time\nif mpi.rank != 1: time.sleep(4)"
        outcome = self.given(code)
        self.assertRegex(outcome.progress[0], r"^ranks 0,2 still in <cell \d+>:2, for \d+ s$")
        self.assertEqual(outcome.progress[-1], "")

    def test_half_a_letter(self):
        """What no message can carry."""
        self.fails("raise ValueError('a\\ud800')", "ValueError: a\\ud800")
        self.given("display({'text/plain': 'b\\ud83d'}, raw=True)")

    def test_help_on_other_ranks(self):
        outcome = self.given("%%ranks 1\nlen?")
        self.assertIn("number of items", outcome.reply["payload"][0]["data"]["text/plain"])

    # --- what is asked between cells

    def test_complete(self):
        self.given("alphabet = 1")
        found = self.kernel.ask("complete", "x = alphab + 1", 10)
        self.assertEqual((found["matches"], found["cursor_start"], found["cursor_end"]), (["alphabet"], 4, 10))
        found = self.kernel.ask("complete", "mpi.allr")
        self.assertEqual("mpi.allr"[:found["cursor_start"]] + found["matches"][0], "mpi.allreduce")
        self.assertIn("%%ranks", self.kernel.ask("complete", "%%ran")["matches"])

    def test_complete_imports_nothing(self):
        """A module that communicates at its import would wait for ranks that do not come."""
        self.given("%%ranks 0\nopen('alone.py', 'w').write('import mpi\\nmpi.world.barrier()\\nname = 1\\n');")
        self.given("import sys; sys.path.insert(0, '.')")
        self.assertEqual(self.kernel.ask("complete", "from alone import ")["matches"], [])
        self.assertEqual(self.kernel.ask("complete", "import alo")["matches"], ["alone"])
        self.given("'alone' in sys.modules", "False")

    def test_inspect(self):
        found = self.kernel.ask("inspect", "mpi.world.allreduce(1)", 15)
        self.assertTrue(found["found"])
        self.assertIn("allreduce", found["data"]["text/plain"])
        self.assertFalse(self.kernel.ask("inspect", "nosuch_name", 3)["found"])

    def test_is_complete(self):
        for code, status in (("1", "complete"), ("for i in x:", "incomplete"), ("a b", "invalid"),
                             ("%%ranks 0\nfor i in x:", "incomplete"), ("@0 1", "complete"), ("@x y", "invalid")):
            self.assertEqual(self.kernel.ask("is_complete", code)["status"], status, code)

    def test_history(self):
        self.given("'remember this'", "'remember this'")
        found = self.kernel.ask("history")["history"]
        self.assertEqual(found[-1][2], "'remember this'")

    def test_info(self):
        found = self.kernel.ask("kernel_info")
        self.assertEqual((found["implementation"], found["language_info"]["name"]), ("pympi", "python"))
        self.assertIn("ranks", found["banner"])

    # --- comms

    def to_page(self, kind, **content):
        """Send a comm's message as the notebook's page does; what comes of it, as Outcome."""
        message = self.kernel.client.session.msg(kind, content)
        self.kernel.client.shell_channel.send(message)
        found, end = [], time.monotonic() + self.kernel.timeout
        while not (found and found[-1] == ("status", {"execution_state": "idle"})):
            one = self.kernel.message(end)
            if one["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                found.append((one["msg_type"], one["content"]))
        return kernel.Outcome(found, [], {"status": "ok"})

    def test_comm(self):
        outcome = self.given("import warnings\nwarnings.simplefilter('ignore')\nfrom ipykernel.comm import Comm\n"
                             "c, got = Comm(target_name='t', data={'a': 1}), []\n"
                             "c.on_msg(lambda m: (got.append(m['content']['data']), c.send({'back': mpi.rank})))")
        self.assertEqual(outcome.kinds, ["comm_open"])      # one, though all ranks have made it
        opened = dict(outcome.messages)["comm_open"]
        self.assertEqual((opened["target_name"], opened["data"]), ("t", {"a": 1}))
        self.given("len(set(mpi.world.allgather(c.comm_id)))", "1")
        found = self.kernel.ask("comm_info")["comms"]
        self.assertEqual(found[opened["comm_id"]], {"target_name": "t"})
        outcome = self.to_page("comm_msg", comm_id=opened["comm_id"], data={"x": 5})
        self.assertEqual([c["data"] for k, c in outcome.messages if k == "comm_msg"], [{"back": 0}])
        self.given("got", "[0] [{'x': 5}]\n[1-2] []")
        self.assertEqual(self.given("c.close()").kinds, ["comm_close"])
        self.assertNotIn(opened["comm_id"], self.kernel.ask("comm_info")["comms"])

    def test_comm_that_nobody_awaits(self):
        outcome = self.to_page("comm_open", comm_id="unknown", target_name="nothing", data={})
        self.assertIn("comm_close", outcome.kinds)

    def move(self, number, value):
        """What a slider's page says when its user moves it."""
        old = self.given("print(ipywidgets.__version__)").out.startswith("6.")
        data = {"method": "backbone" if old else "update", "sync_data" if old else "state": {"value": value}}
        return self.to_page("comm_msg", comm_id=number, data=data | {"buffer_paths": []})

    @support.needs("ipywidgets")
    def test_widget(self):
        outcome = self.kernel.run("import ipywidgets\nw = ipywidgets.IntSlider(3)\ndisplay(w)", timeout=120)
        self.assertEqual(outcome.status, "ok")      # ipywidgets 6 warns where it has no page yet
        views = [data for data in outcome.displays if "application/vnd.jupyter.widget-view+json" in data]
        self.assertEqual(len(views), 1)
        number = views[0]["application/vnd.jupyter.widget-view+json"]["model_id"]
        self.assertIn(number, [c["comm_id"] for k, c in outcome.messages if k == "comm_open"])
        self.move(number, 8)
        self.given("w.value", "[0] 8\n[1-2] 3")

    @support.needs("ipywidgets")
    def test_output_in_a_widget(self):
        """The page shows there what comes between two words of rank 0's."""
        code = "%%ranks 0\nimport ipywidgets\no = ipywidgets.Output()\nwith o: print('inside')\nprint('behind')"
        outcome = self.kernel.run(code, timeout=120)
        found = [content["data"]["state"]["msg_id"] if kind == "comm_msg" else kernel.COLOUR.sub("", content["text"])
                 for kind, content in outcome.messages if kind == "comm_msg" or content.get("name") == "stdout"]
        self.assertRegex(found.pop(0), "^[0-9a-f-]+")
        self.assertEqual(found, ["[0] inside\n", "", "[0] behind\n"])

    @support.needs("ipywidgets")
    def test_interact(self):
        code = "import ipywidgets\ns = ipywidgets.IntSlider(3)\nipywidgets.interact(lambda a: print('a is', a), a=s);"
        self.assertEqual(self.kernel.run(code, timeout=120).out, "a is 3\n")
        number = self.given("print(s.comm.comm_id)").out.strip()
        outcome = self.move(number, 8)
        self.assertEqual(outcome.out, "a is 8\n")       # of rank 0, which need not be said

    def test_comm_is_not_held_back(self):
        """The other ranks have none, and go on."""
        seen = []
        self.given("import warnings, time\nwarnings.simplefilter('ignore')\nfrom ipykernel.comm import Comm\n"
                   "c = Comm(target_name='t')\ntime.sleep(2)\nc.close()",
                   when=lambda kind, _: kind.startswith("comm_") and seen.append(time.monotonic()))
        self.assertGreater(seen[1] - seen[0], 1)
