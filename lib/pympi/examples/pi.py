"""Pi as the area under 4 / (1 + x²) between 0 and 1: every rank adds up its share of the strips.

SPDX-License-Identifier: MIT
"""

import mpi

STRIPS = 1_000_000

middles = ((strip + 0.5) / STRIPS for strip in range(mpi.rank, STRIPS, mpi.size))
area = sum(4 / (1 + x * x) for x in middles) / STRIPS
pi = mpi.allreduce(area)
mpi.print(f"pi is about {pi:.10f}, says a job of {mpi.size}")
