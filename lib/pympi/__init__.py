"""pympi: N ranks, one Python.

The parts are modules of this package: ``pympi.mpi`` (also ``import mpi``) has communicators, messages
and collectives. SPDX-License-Identifier: MIT
"""
