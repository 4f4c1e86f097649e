"""spawn: a job that starts another, which is one of its own; both ends, and what is refused."""
# SPDX-License-Identifier: MIT

import support

WORKER = """
    import mpi, os, sys
    assert mpi.world.size == mpi.size and mpi.world.node.size == mpi.size
    assert (mpi.parent.rank, mpi.parent.size) == (mpi.rank, mpi.size)
    job = mpi.parent.recv(0)
    mpi.parent.send((mpi.rank, mpi.allreduce(1), len(job), sys.argv[1:], os.getcwd()), 0)
    mpi.parent.free()
    """
PARENT = """
    import mpi, os, sys
    os.chdir(sys.argv[1])
    kids = mpi.spawn([sys.argv[2], "a", "b c", ""], ranks=3)
    assert isinstance(kids, mpi.Inter) and kids.remote_size == 3 and kids.size == mpi.size
    if mpi.rank == 0:
        for r in range(3):
            kids.send(b"x" * 200_000, r)
        for r in range(3):
            got = kids.recv(r)
            assert got == (r, 3, 200_000, ["a", "b c", ""], os.getcwd()), got
    kids.free()
    mpi.print("all answered")
    """


def with_open_mpi_5():
    """5.0.7 has faults of its own here, which python3 with mpi4py shows too: a rank without a launcher
    cannot send to the job it spawned (MPI_ERR_INTERN), and a spawned job ends alone."""
    return "v5." in support.run(["-c", "import mpi; print(mpi.library)"]).out


class Spawn(support.Case):
    def test_a_job_of_its_own(self):
        worker = self.write("worker.py", WORKER)
        parent = self.write("parent.py", PARENT)
        alone = [] if with_open_mpi_5() else [[]]
        for options in (*alone, ["-n", "1"], ["-n", "2"], ["-n", "3"]):
            with self.subTest(options):
                r = support.run([*options, parent, self.folder, worker])
                self.assertEqual((r.status, r.out, support.NOTE.sub("", r.err)),
                                 (0, "all answered\n", ""))

    def test_without_the_testers_environment(self):
        worker = self.write("worker.py", WORKER)
        parent = self.write("parent.py", PARENT)
        alone = [] if with_open_mpi_5() else [[]]
        for options in (*alone, ["-n", "2"]):
            with self.subTest(options):
                r = support.run([*options, parent, self.folder, worker], launcher=False)
                self.assertEqual((r.status, r.out), (0, "all answered\n"), r.err)

    def test_merged(self):
        worker = self.write("worker.py", """
            import mpi
            with mpi.parent.merge(high=True) as all:
                assert all.bcast(None) == "y" * 100_000
                assert all.allgather(mpi.rank) == [0, 1, 0, 1], all
            mpi.parent.free()
            """)
        self.ok(support.run_ranks(2, """
            import mpi, sys
            with mpi.spawn(sys.argv[1], 2) as kids, kids.merge() as all:
                all.bcast("y" * 100_000)
                assert all.allgather(mpi.rank) == [0, 1, 0, 1]
            """, args=[worker]))

    def test_ends_without_free(self):
        for n in (1, 2):
            self.ok(support.run_ranks(n, """
                import mpi
                kids = mpi.spawn(["-c", "import mpi; mpi.parent.send(mpi.rank, 0)"], ranks=2)
                if mpi.rank == 0:
                    assert sorted(kids.recv() for _ in range(2)) == [0, 1]
                """))

    def test_twice_and_by_a_part(self):
        self.ok(support.run_ranks(2, """
            import mpi
            half = mpi.world.split(mpi.rank)
            for comm, sizes in ((mpi.world, (2, 1)), (half, (1, 2))):
                with comm.spawn(["-c", "import mpi; mpi.parent.free()"], sizes[1]) as kids:
                    assert (kids.size, kids.remote_size) == sizes
            """))

    def test_only_roots_arguments_count(self):
        self.ok(support.run_ranks(2, """
            import mpi
            args = (["-c", "import mpi; mpi.parent.free()"], 2) if mpi.rank == 1 else (7, "x", 9)
            mpi.world.spawn(*args, root=1).free()
            """))

    def test_a_failing_child_ends_both(self):
        if with_open_mpi_5():
            self.skipTest("Open MPI 5.0 ends the spawned job alone")
        r = support.run_ranks(2, """
            import mpi
            kids = mpi.spawn(["-c", "import mpi\\nif mpi.rank: 1 / 0\\nmpi.parent.recv()"], ranks=2)
            kids.recv()
            """)
        self.assertEqual(r.status, 1, r.err)
        self.assertIn("ZeroDivisionError", r.err)

    def test_refused(self):
        self.ok(support.run_ranks(2, r"""
            import mpi, re
            for arguments, error, text in (
                    (dict(command="/no/such/program"), FileNotFoundError, "'/no/such/program'"),
                    (dict(command="nosuchprogram"), FileNotFoundError, "'nosuchprogram'"),
                    (dict(command=7), TypeError, "command 7"),
                    (dict(args=7), TypeError, "args must be a sequence of arguments, not 7"),
                    (dict(args=["a", 7]), TypeError, "argument 7"),
                    (dict(args=["a\0b"]), ValueError, "null byte"),
                    (dict(ranks=0), ValueError, "ranks 0"),
                    (dict(ranks=1.5), TypeError, "ranks must be a whole number, not 1.5")):
                for root in range(2):
                    try:
                        mpi.world.spawn(**arguments, root=root)
                    except Exception as e:
                        want = error if mpi.rank == root else mpi.Error
                        assert type(e) is want and re.search(text, str(e)), (arguments, e)
                    else:
                        raise AssertionError(arguments)
            try:
                mpi.spawn(root=2)
            except ValueError as e:
                assert "root 2 is not a rank" in str(e)
            assert mpi.allreduce(1) == 2
            """))

    @support.needs("mpi4py")
    def test_another_program(self):
        """The other side is python3 with mpi4py, which knows nothing of ours."""
        worker = self.write("worker.py", """
            from mpi4py import MPI
            parent = MPI.Comm.Get_parent()
            parent.send([parent.recv(source=0), MPI.COMM_WORLD.size], 0)
            parent.Disconnect()
            """)
        self.ok(support.run_ranks(2, """
            import mpi, sys
            with mpi.spawn([sys.argv[2]], 2, command=sys.argv[1]) as kids:
                theirs = kids.to_mpi4py()
                if mpi.rank == 0:
                    for r in range(2):
                        theirs.send("hello", r)
                    assert [theirs.recv(source=r) for r in range(2)] == [["hello", 2]] * 2
            """, args=[support.python3, worker]))
