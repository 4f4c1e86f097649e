"""Messages where MPI cannot fetch them from its sender's memory, as between nodes."""
# SPDX-License-Identifier: MIT

import unittest

import support

# As Open MPI 4.1 and as 5.0 call it.
ALONE = {"OMPI_MCA_btl_vader_single_copy_mechanism": "none", "OMPI_MCA_smsc": "^cma,knem,xpmem"}


class Broken(support.Case):
    def test_a_receive_in_the_midst_of_a_message(self):
        """Pickle and array are behind the envelope; the rest is received for nobody, and its sender
        is let go."""
        self.ok(support.run_ranks(2, """
            import signal, sys, time
            import mpi

            def alarm(*_):
                raise TimeoutError

            signal.signal(signal.SIGALRM, alarm)
            value = [{"number": str(i)} for i in range(100_000)] + [bytearray(30_000_000)]
            if mpi.rank == 0:
                sent = mpi.world.isend(value, 1)
                time.sleep(0.5)     # nothing moves meanwhile
                sent.wait()
            else:
                mpi.world.probe(0)
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                try:
                    mpi.recv(0)
                except TimeoutError:
                    print("broken")
            mpi.barrier()
            if mpi.rank == 0:
                mpi.send("next", 1)
            else:
                print(mpi.recv(0))
            """, env=ALONE), "broken\nnext\n")


if __name__ == "__main__":
    unittest.main()
