"""What is wrong on one rank is an exception on all of them, and what has to be equal is compared.

SPDX-License-Identifier: MIT

    attempt = Attempt()
    with attempt:
        ...                         # what this rank does by itself
    meet(comm, "save", attempt, values)
"""
import pickle

from pympi import mpi


class Disagreement(mpi.Error):
    """Ranks gave a collective call different arguments that have to be equal; raised on every rank."""


class Attempt:
    """What a rank does by itself: a `with` block, whose exception all ranks are told of behind it."""

    def __init__(self):
        self.wrong = None

    def __enter__(self):
        return self

    def __exit__(self, kind, wrong, traceback):
        self.wrong = wrong if self.wrong is None else self.wrong
        return isinstance(wrong, Exception)

    def pop(self):
        """Return the exception or None, and forget it: it holds on to all that was there."""
        wrong, self.wrong = self.wrong, None
        return wrong


def meet(comm, call, attempt=None, values=()):
    """Return when every rank's attempt went well and all gave equal values.

    Collective over comm. values: text, numbers, None and tuples of them, in pairs of a name and a value.
    Raises this rank's own exception, else that of the first rank that has one; Disagreement, which
    names the values and who differs, where nobody has. What is raised is raised on every rank.
    """
    wrong = attempt.pop() if attempt else None
    own = "" if wrong is not None else "=" + repr(values)
    if comm.allreduce(own, _common):
        return
    everyone = comm.allgather((_portable(wrong), values))
    if wrong is not None:
        raise wrong
    for rank, (theirs, _) in enumerate(everyone):
        if theirs is not None:
            raise _received(theirs, rank)
    raise Disagreement(f"{call}: {_difference([given for _, given in everyone])}")


def _common(one, other):
    return one if one == other else ""


def _portable(wrong):
    """The exception as bytes and as text, for other ranks."""
    if wrong is None:
        return None
    text = f"{type(wrong).__name__}: {wrong}"
    try:
        pickled = pickle.dumps(wrong)
        pickle.loads(pickled)
    except Exception:
        pickled = None
    return pickled, text


def _received(portable, rank):
    """Another rank's exception, which says whose it is."""
    pickled, text = portable
    try:
        wrong = pickle.loads(pickled) if pickled else mpi.Error(text)
    except Exception:
        wrong = mpi.Error(text)
    wrong.add_note(f"(on rank {rank})")
    return wrong


def _difference(everyone):
    """The first of the values that is not the same on all ranks, and who has which."""
    for place, (name, first) in enumerate(everyone[0]):
        groups = {}
        for rank, values in enumerate(everyone):
            groups.setdefault(repr(values[place][1]), []).append(rank)
        if len(groups) > 1:
            said = ", ".join(f"{value} on {_ranks(ranks)}" for value, ranks in groups.items())
            return f"{name} is {said}"
    return "ranks gave different arguments"


def _ranks(ranks):
    """"rank 2", "ranks 0-1,3"."""
    parts = []
    for rank in ranks:
        if parts and parts[-1][1] == rank - 1:
            parts[-1][1] = rank
        else:
            parts.append([rank, rank])
    text = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
    return f"rank {text}" if len(ranks) == 1 else f"ranks {text}"
