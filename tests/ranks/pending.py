"""What the tests of requests share: values that go around while nobody waits."""
# SPDX-License-Identifier: MIT

import mpi
import support


class Requests(support.Comms):
    def begin_around(self, value, tag=0):
        """A receive from the left and a send to the right, both under way."""
        receive = self.comm.irecv(self.left(), tag)
        return receive, self.comm.isend(value, self.right(), tag)

    def around(self, value, tag=0):
        receive, send = self.begin_around(value, tag)
        got = receive.wait()
        self.assertIsNone(send.wait())
        return got

    def intact(self):
        self.assertEqual(self.around("intact", 77), "intact")

    def wait_till_it_came(self, tag):
        """Until a message of this tag waits here, which nobody has asked for."""
        self.comm.probe(mpi.ANY_SOURCE, tag)


def _explode():
    raise LookupError("cannot be rebuilt")


class Bomb:
    """Fails when unpickled."""

    def __reduce__(self):
        return _explode, ()
