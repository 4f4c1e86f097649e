"""The energy and the forces of a hydrogen molecule, in plane waves (gpaw)."""
# SPDX-License-Identifier: MIT

from ase import Atoms
from gpaw import GPAW, PW
from gpaw.mpi import world

import fail

h2 = Atoms("H2", positions=[[2.5, 2.5, 2.13], [2.5, 2.5, 2.87]], cell=[5, 5, 5], pbc=True)
h2.calc = GPAW(mode=PW(200), xc="PBE", txt=None)
energy = h2.get_potential_energy()
fail.here(world.rank)
forces = h2.get_forces()
if world.rank == 0:
    print(f"{energy:.6f}", *(f"{round(x, 5) + 0.0:.5f}" for x in forces.ravel()))
