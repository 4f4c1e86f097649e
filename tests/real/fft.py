"""A parallel Fourier transform there and back, with sums of what is between (mpi4py-fft)."""
# SPDX-License-Identifier: MIT

import numpy as np
from mpi4py import MPI
from mpi4py_fft import PFFT, newDistArray

import fail

comm = MPI.COMM_WORLD
fft = PFFT(comm, [24, 20, 16], dtype=float)
u = newDistArray(fft, False)
where = np.meshgrid(*(np.arange(s.start, s.stop) for s in u.local_slice()), indexing="ij")
u[:] = np.sin(where[0] * 0.7) + where[1] * 0.01 + np.cos(where[2] * where[0] * 0.3)
spectrum = fft.forward(u, newDistArray(fft, True))
fail.here(comm.rank)
back = fft.backward(spectrum, newDistArray(fft, False))
power = comm.allreduce(float((np.abs(spectrum) ** 2).sum()))
shapes = comm.gather((tuple(u.shape), tuple(spectrum.shape)))
error = comm.allreduce(float(np.abs(back - u).max()), MPI.MAX)
if comm.rank == 0:
    print(f"power {power:.9f}", f"error below 1e-13 {error < 1e-13}")
    print(*shapes)
