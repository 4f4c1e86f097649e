"""The bundle on several nodes, which want it unasked: one copy a node, and one reader."""
# SPDX-License-Identifier: MIT
# timeout: 300

import ast
import collections
import os
import unittest

import bundles
import nodes
import support
import traced

WHERE = """
    import mpi, os, sys, wheel.ext
    with open("/proc/self/maps") as f:
        lines = [line.split() for line in f]
    copies = {(line[3], line[4]) for line in lines if line[5:6] == ["/memfd:pympi-bundle"]}
    staged = {line[-1][:-len(wheel.ext.__file__)] for line in lines
              if line[-1].endswith(wheel.ext.__file__)}
    mpi.print((mpi.rank, os.uname().nodename, sorted(copies), sorted(staged)), ordered=True)
    """


@nodes.needs_nodes
@bundles.needs_compiler
class Nodes(bundles.Case):
    def setUp(self):
        super().setUp()
        bundles.make_wheel(self)
        self.program = self.write("program.py", WHERE)
        self.age()

    def on_nodes(self, count, ranks, *args):
        program, words, variables = nodes.command(count, ranks, self.folder, args)
        r = support.run(words, program=program, env=self.env | variables, timeout=60)
        r.err = nodes.NOISE.sub("", support.NOTE.sub("", r.err))
        self.assertEqual((r.status, r.err), (0, ""), r.out)
        return [ast.literal_eval(line) for line in r.out.splitlines()]

    def test_one_copy_a_node(self):
        for _ in range(2):
            copies, folders = collections.defaultdict(set), collections.defaultdict(set)
            for rank, node, views, staged in self.on_nodes(2, 3, self.program):
                if rank:
                    self.assertEqual((len(views), len(staged)), (1, 1))
                    self.assertRegex(staged[0], "^/dev/shm/pympi-")
                    copies[node].update(views)
                    folders[node].update(staged)
            self.assertEqual({node: (len(copies[node]), len(folders[node])) for node in copies},
                             {"n0": (1, 1), "n1": (1, 1)})

    def test_off(self):
        for _, _, views, staged in self.on_nodes(2, 1, "--no-bundle", self.program):
            self.assertEqual((views, staged), ([], [""]))

    @traced.needs_strace
    def test_only_rank_0_reads(self):
        """Whatever the number of nodes and of ranks, the job asks as often for what lies on the path."""
        self.write("pack/__init__.py", "import json, email.message, wheel.ext")
        program = self.write("plain.py", "import pack")
        self.age()
        for _ in range(2):      # the first run has no record, the second writes .pyc files
            self.on_nodes(2, 1, program)
        counts = set()
        for count, ranks in ((2, 1), (2, 2), (4, 1), (4, 2)):
            launcher, words, variables = nodes.command(count, ranks, self.folder, [program])
            counts.add(traced.count_on([launcher, *words], traced.python_path(self.folder + "/wheel",
                                       self.folder + "/wheel.libs", self.folder + "/pack"),
                                       env=self.env | variables))
        self.assertEqual(len(counts), 1, counts)


if __name__ == "__main__":
    unittest.main()
