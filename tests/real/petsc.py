"""Poisson's equation on a square, by conjugate gradients (petsc4py)."""
# SPDX-License-Identifier: MIT

import sys

import petsc4py

petsc4py.init(sys.argv)
from petsc4py import PETSc  # noqa: E402

import fail  # noqa: E402

N = 24
comm = PETSc.COMM_WORLD
grid = PETSc.DMDA().create([N, N], stencil_width=1, comm=comm)
a, x, b = grid.createMatrix(), grid.createGlobalVec(), grid.createGlobalVec()
(x0, x1), (y0, y1) = grid.getRanges()
row, column = PETSc.Mat.Stencil(), PETSc.Mat.Stencil()
for j in range(y0, y1):
    for i in range(x0, x1):
        row.index = (i, j)
        for (k, m), value in (((i, j), 4.0), ((i - 1, j), -1.0), ((i + 1, j), -1.0),
                              ((i, j - 1), -1.0), ((i, j + 1), -1.0)):
            if 0 <= k < N and 0 <= m < N:
                column.index = (k, m)
                a.setValueStencil(row, column, value)
a.assemble()
fail.here(comm.rank)
b.set(1.0)
ksp = PETSc.KSP().create(comm)
ksp.setOperators(a)
ksp.setType("cg")
ksp.getPC().setType("jacobi")
ksp.setTolerances(rtol=1e-10)
ksp.solve(b, x)
norm, most = x.norm(), x.max()[1]
if comm.rank == 0:
    print(ksp.getConvergedReason(), ksp.getIterationNumber(), f"{norm:.8f} {most:.8f}")
