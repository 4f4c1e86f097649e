"""Pieces that ranks exchange in rounds, the next under way while one is worked on.

SPDX-License-Identifier: MIT
"""

# Bytes that a rank gets in a round: they stay in a core's cache until they are where they belong.
ROUND = 1 << 20
LEAST = 16 << 10    # bytes of one message


def at_once(size):
    """Bytes for a round of so many ranks. Local."""
    return max(ROUND, size * LEAST)


def exchanged(comm, rounds):
    """Yield for each round what the others have for this rank, a list of one item a rank.

    Collective over comm, in each step. rounds gives for each round a list of what the ranks get: as many lists
    on every rank. Two rounds' items are in memory at once.
    """
    before = None
    for parts in rounds:
        under_way = comm.ialltoall(parts)
        if before is not None:
            yield before.wait()
        before = under_way
    if before is not None:
        yield before.wait()
