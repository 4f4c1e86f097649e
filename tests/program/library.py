"""The parts of lib/pympi that need no MPI, for tests under the system's Python."""
# SPDX-License-Identifier: MIT

import importlib
import os
import sys

FOLDER = os.path.join(os.environ["PYMPI_BUILD"], "lib", "pympi", "python")


def load(name):
    """The module pympi.NAME, as it stands in the build that is tested."""
    if FOLDER not in sys.path:
        sys.path.append(FOLDER)
    return importlib.import_module(f"pympi.{name}")
