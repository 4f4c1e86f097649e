"""How collectives on objects and on files grow with the ranks: messages and bytes of the busiest, counted.

SPDX-License-Identifier: MIT

A rank's messages are those that it sends or those that it receives, whichever are more: all that MPI
sends, also inside its own collectives. Nothing is timed, so more ranks than cores do no harm.
"""

import json
import subprocess
import sys
from math import log2
from pathlib import Path

import bench

RANKS = Path(__file__).with_name("growth_rank.py")
# May grow with the number of ranks; rows that are brought together are a part of all ranks' columns.
LINEAR = ("gather", "scatter", "alltoall", "h5.write columns")
COLOURS = {"number": "#b2182b", "object": "#ef8a62", "array": "#2166ac",
           "rows": "#b2182b", "columns": "#ef8a62", "packed": "#2166ac"}
LEGEND = "number; of a file: rows", "object; columns", "array; packed", "as log2 of the ranks"


def busiest(ranks, what):
    """The most that one of the ranks sends, or receives."""
    sent = [sum(rank[what]) for rank in ranks]
    received = [sum(rank[what][i] for rank in ranks) for i in range(len(ranks))]
    return max(sent + received)


def run(build, library, ranks):
    """{"verb kind": what each rank did} of a job of so many ranks."""
    words = [build.mpirun, "-n", str(ranks), "--bind-to", "none", "--oversubscribe",
             "--mca", "pml_monitoring_enable", "1", "-x", f"LD_PRELOAD={library}",
             build.pympi, str(RANKS), library, build.results]
    done = subprocess.run(words, env=bench.environment(), check=True, timeout=600, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def measure(build, quick):
    """{"verb kind": {number of ranks: what each rank did}}."""
    library, counted = build.compile("growth.c", "-shared", "-fPIC"), {}
    for ranks in (2, 4, 8) if quick else (2, 4, 8, 16, 32):
        for case, did in run(build, library, ranks).items():
            counted.setdefault(case, {})[ranks] = did
    if not any(busiest(did, "messages") for did in counted["bcast number"].values()):
        sys.exit("growth.py: this MPI has no pml/monitoring: nothing was counted")
    return counted


def per_log2(by_ranks):
    """How many messages the busiest of four ranks, the least that have to pass on, has a step."""
    return busiest(by_ranks[4], "messages") / log2(4)


def verdict(case, by_ranks):
    """Whether messages grow no faster than the logarithm from four ranks on."""
    most = per_log2(by_ranks)
    if all(busiest(did, "messages") <= most * log2(ranks)
           for ranks, did in by_ranks.items() if ranks >= 4):
        return "met"
    return "linear, as it may" if {case, case.split()[0]} & set(LINEAR) else "MISSED"


def print_counts(counted):
    sizes = list(next(iter(counted.values())))
    for what in ("messages", "bytes"):
        rows = []
        for case, by_ranks in counted.items():
            cells = [f"{busiest(did, what):.10g}" for did in by_ranks.values()]
            rows.append([case, *cells])
            if what == "messages":
                called = [sum(rank["called"][i] for rank in by_ranks[sizes[-1]]) for i in range(3)]
                rows[-1] += [*[f"{n:.10g}" for n in called], verdict(case, by_ranks)]
        head = [f"{what} of the busiest rank, by ranks", *map(str, sizes)]
        if what == "messages":
            head += [f"all {sizes[-1]}: sends", "native", "inside them", "<= log2 P"]
        bench.print_table(head, rows)


def plot(build, counted):
    """A panel for each verb, with the line that it may reach."""
    figure = bench.new_figure(f"Messages of the busiest rank — {build.title()}", (10, 8.4))
    if figure is None:
        return
    verbs = list(dict.fromkeys(case.split()[0] for case in counted))
    grid = figure.subplots(len(verbs) // 4 + 1, 4, squeeze=False)
    for axes, verb in zip(grid.flat, verbs):
        plot_verb(axes, verb, counted)
    for axes in grid.flat[len(verbs):]:
        axes.axis("off")
    lines, _ = grid.flat[1].get_legend_handles_labels()
    grid.flat[-1].legend(lines, LEGEND, loc="center", fontsize=8, frameon=False)
    figure.supxlabel("ranks", fontsize=8)
    bench.save(figure, build.results / "growth.png")


def plot_verb(axes, verb, counted):
    kinds = {case.split()[1]: by for case, by in counted.items() if case.split()[0] == verb}
    for shift, (kind, by_ranks) in enumerate(kinds.items()):
        counts = [busiest(did, "messages") for did in by_ranks.values()]
        axes.plot(list(by_ranks), counts, "o-", color=COLOURS[kind], label=kind, linewidth=1.2,
                  markersize=7 - 2 * shift)
    ranks = list(by_ranks)
    most = max(map(per_log2, kinds.values()))
    axes.plot(ranks, [most * log2(n) for n in ranks], "--", color="#22252b", linewidth=1,
              label="as log2 of the ranks")
    axes.set_xscale("log", base=2)
    axes.set_xticks(ranks, list(map(str, ranks)))
    axes.set_ylim(0)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_title(verb + (" (may be linear)" if verb in LINEAR else ""), fontsize=9, loc="left",
                   color="#22252b")
    axes.tick_params(labelsize=7, length=0)
    bench.tidy(axes)
    axes.grid(axis="y", color="#eceef1")


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    try:
        counted = measure(build, quick)
    except subprocess.CalledProcessError as error:
        sys.exit(f"growth.py: status {error.returncode} of: {' '.join(map(str, error.cmd))}")
    print_counts(counted)
    plot(build, counted)


if __name__ == "__main__":
    main()
