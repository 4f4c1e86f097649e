"""The project's own files, for the checks on the code; git need not be there.

SPDX-License-Identifier: MIT
"""
import os

SKIPPED = ("__pycache__", "build", ".git")


def files():
    """The names of the files below the current folder, less what is built, in order."""
    found = []
    for folder, below, names in os.walk("."):
        below[:] = [b for b in below if b not in SKIPPED and not b.startswith("build-")]
        paths = (os.path.normpath(os.path.join(folder, name)) for name in names)
        found += [p for p in paths if os.path.isfile(p) and not os.path.islink(p)]
    return sorted(found)
