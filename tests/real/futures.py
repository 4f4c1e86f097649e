"""Prime numbers counted by a pool of workers; run by -m mpi4py.futures."""
# SPDX-License-Identifier: MIT

from mpi4py import MPI
from mpi4py.futures import MPIPoolExecutor

import fail


def count(start, stop):
    """How many numbers in [start, stop) are prime, and that a worker has counted them."""
    fail.here(MPI.COMM_WORLD.rank)
    found = sum(all(n % d for d in range(2, int(n ** 0.5) + 1)) for n in range(max(start, 2), stop))
    return found, MPI.COMM_WORLD.rank > 0


if __name__ == "__main__":
    with MPIPoolExecutor() as pool:
        starts = range(0, 20000, 1000)
        for start, (found, elsewhere) in zip(starts, pool.map(
                count, starts, [s + 1000 for s in starts])):
            print(start, found, elsewhere)
