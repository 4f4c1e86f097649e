"""The ranks that have a file open to write.

SPDX-License-Identifier: MIT
"""
from pympi import _agree, mpi


class Team(_agree.Team):
    """Ranks that change a file alike, each in its own memory."""
    store = None        # the file's, whose end is compared

    def mark(self):
        return self.serial, self.store and self.store.end

    def check(self, call):
        if self.broken:
            raise mpi.Error(f"{call}: {self.broken}; what was flushed is on the disk")
