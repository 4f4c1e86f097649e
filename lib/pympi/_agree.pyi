"""Types of what of pympi._agree is public: other modules give it their names.

SPDX-License-Identifier: MIT
"""
from pympi.mpi import Error

class Disagreement(Error):
    """Ranks gave a collective call different arguments that have to be equal; raised on every rank."""
