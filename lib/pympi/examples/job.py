"""What the jobs of several examples share: what they are told, and errors that every rank learns of.

SPDX-License-Identifier: MIT
"""

import argparse

import mpi


class DataError(Exception):
    """The data cannot be had; the text tells the user why."""


def agree(error):
    """Raise the error of the first rank that has one, on every rank. Collective over world."""
    text = mpi.allreduce(error and str(error), op=lambda first, second: first or second)
    if text:
        raise DataError(text)


class Arguments(argparse.ArgumentParser):
    """A parser whose help and complaints are said once, though every rank parses."""

    def _print_message(self, message, file=None):
        mpi.print(message, end="", file=file)
        mpi.barrier()           # said before any rank leaves
