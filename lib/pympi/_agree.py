"""What ranks do together they do alike, or not at all; what is wrong on one of them is raised on all.

SPDX-License-Identifier: MIT

    attempt = Attempt()
    with attempt:
        ...                         # what this rank does by itself
    meet(comm, "save", attempt, values)

A ``Team`` is the same for those who meet often: it also knows how far they have come.
"""
import sys

from pympi import mpi

_MASK = (1 << 62) - 1
_SHOWN = 200    # letters of an argument in a message
_FEW = 4        # values of one argument in a message
_left = []      # requests of ranks that went away with an exception


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

    Collective over comm. values: pairs of a name and a value, of which the repr has to be equal. Raises this
    rank's own exception, else that of the first rank that has one; Disagreement where nobody has. What is
    raised is raised on every rank; one that has failed does not wait for the others.
    """
    Team(comm).agree(call, values, attempt and attempt.pop())


def hashed(data):
    """Return a number of 62 bits for bytes, the same on every rank. Local."""
    import hashlib
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little") & _MASK


def named(ranks):
    """Return "rank 2", "ranks 0-1,3". Local."""
    parts = []
    for rank in ranks:
        if parts and parts[-1][1] == rank - 1:
            parts[-1][1] = rank
        else:
            parts.append([rank, rank])
    text = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
    return f"rank {text}" if len(ranks) == 1 else f"ranks {text}"


# ---- exceptions of other ranks --------------------------------------------------------------------

def told(error):
    """Return what other ranks are told of an exception: its classes, number and file, text. Local."""
    classes = [(cls.__module__, cls.__qualname__) for cls in type(error).__mro__]
    classes = classes[:classes.index(("builtins", "BaseException"))]
    if isinstance(error, OSError) and error.errno is not None:
        name = error.filename if isinstance(error.filename, (str, bytes)) else None
        return classes, (error.errno, name), str(error.strerror)
    return classes, None, str(error.args[0] if isinstance(error, KeyError) and error.args else error)


def received(call, ranks, about):
    """Return the exception that `told` was of, for those who did not have it: it says who did. Local.

    It is of the same class, where that can be made of a text, else of the nearest that it is derived from.
    """
    classes, system, text = about
    name = classes[0][1] if classes else "an interrupt"
    said = (text if text.startswith(f"{call}: ") else f"{call}: {text}") + f" (on {named(ranks)})"
    for module, path in classes:
        if (module, path) == ("builtins", "Exception"):
            break
        cls = getattr(sys.modules.get(module), path, None)
        try:
            made = cls(said) if system is None else cls(system[0], said, *([system[1]] if system[1] else []))
            if isinstance(made, Exception) and (said in str(made) or isinstance(made, KeyError)):
                return made
        except Exception:
            pass    # it wants other arguments
    return mpi.PeerError(f"{call}: {name} on {named(ranks)}: {text}")


# ---- what is compared -----------------------------------------------------------------------------

def _both(one, other):
    """What two groups of ranks are known to be like: how many failed, the least and the highest hash."""
    return one[0] + other[0], min(one[1], other[1]), max(one[2], other[2])


def _shown(value):
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({hashed(text.encode()):x})"


def _who(texts):
    """Who has which text: "a on rank 0, b on ranks 1-2"."""
    groups = {}
    for rank, text in enumerate(texts):
        groups.setdefault(text, []).append(rank)
    said = [f"{text} on {named(ranks)}" for text, ranks in groups.items()]
    return ", ".join(said[:_FEW]) + (", …" if len(said) > _FEW else "")


def _difference(calls, words):
    """What of the ranks' calls and arguments is not the same on all, and who has which; "" for nothing."""
    if len(set(calls)) > 1:
        return "ranks are in different calls: " + _who(
            f"{call}({', '.join(map('='.join, own))})" for call, own in zip(calls, words))
    given = [dict(own) for own in words]
    names = dict.fromkeys(name for own in given for name in own)
    differ = [name for name in names if len({own.get(name) for own in given}) > 1]
    return "; ".join(f"{name} is " + _who(own.get(name, "not given") for own in given) for name in differ[:_FEW])


class Team:
    """The ranks of a communicator in what they do together, and how far they have come.

    Its collective calls raise on all ranks what goes wrong on one.
    """

    def __init__(self, comm):
        self.comm, self.rank, self.size = comm, comm.rank, comm.size
        self.serial = 0         # of what has been done together
        self.broken = None      # why nothing can be any more

    def mark(self):
        """What has to be equal beside the arguments. Local."""
        return self.serial

    def check(self, call):
        """Raise when nothing can be done any more. Local."""
        if self.broken:
            raise mpi.Error(f"{call}: {self.broken}")

    def agree(self, call, words=(), error=None):
        """All ranks are here with equal words and without an exception, or all raise. Collective.

        words are (name, value) pairs of which the values' repr has to be equal. A rank with an exception
        raises it without waiting for the others.
        """
        if error is not None:
            self.give_up(call, error)
            raise error
        if self.size == 1:
            return
        words = tuple(words)
        own = hashed(repr((self.mark(), call, words)).encode())
        failed, low, high = self._wait(call, self.comm.iallreduce((0, own, own), _both))
        if failed or low != high:
            shown = [(name, _shown(value)) for name, value in words]
            self._differ(call, self._wait(call, self.comm.iallgather((self.serial, call, shown, None))))

    def _wait(self, call, request):
        """What a request gives. Collective.

        A program may go on when ^C has broken this; the others hear at once that this rank comes to nothing
        any more. (At the prompt it breaks on all ranks, and they agree again.)
        """
        try:
            return request.wait()
        except KeyboardInterrupt as e:
            if not hasattr(sys, "ps1"):
                _left.append(request)
                self.give_up(call, e)
                self.broken = self.broken or f"{call} was interrupted"
            raise

    def give_up(self, call, error):
        """Tells the others of an exception here, when they come, without waiting for them. Local."""
        if self.size > 1:
            _left[:] = [r for r in _left if not r.test()[0]]
            _left.append(self.comm.iallreduce((1, 0, 0), _both))
            _left.append(self.comm.iallgather((self.serial, call, (), told(error))))

    def _differ(self, call, everyone):
        """Raises what the ranks' (serial, call, words, exception) come to."""
        serials, calls, words, errors = zip(*everyone)
        if len(set(serials)) > 1:
            self.broken = "an operation was left by some ranks in its midst"
        failed = [rank for rank, error in enumerate(errors) if error]
        if failed:
            first = errors[failed[0]]
            raise received(call, [rank for rank in failed if errors[rank] == first], first)
        difference = _difference(calls, words)
        if not difference:
            self.broken = self.broken or "the ranks have come to different states"
        raise Disagreement(f"{calls[0]}: {difference or self.broken}; nothing was done")

    def run(self, call, words, act, structural=True):
        """act() on all ranks, between two agreements; what it gives. Collective.

        Where a structural change fails on some ranks only they have come to different states: then nothing can be
        done together any more.
        """
        self.check(call)
        self.agree(call, words)
        if self.size == 1:
            return act()
        result = error = None
        try:
            result = act()
        except BaseException as e:
            error = e
        self.settle(call, error, structural)
        return result

    def settle(self, call, error, structural=True):
        """Behind what all did: all raise when one failed. Collective."""
        try:
            failed, _, _ = self._wait(call, self.comm.iallreduce((int(error is not None), 0, 0), _both))
        except BaseException:
            self.broken = self.broken or "an operation was broken in its midst"
            raise
        self.serial += 1
        if not failed:
            return
        if structural and failed < self.size:
            self.broken = f"{call} failed on {failed} of {self.size} ranks"
        everyone = self._wait(call, self.comm.iallgather((self.serial, call, (), error and told(error))))
        if error is not None:
            raise error
        self._differ(call, everyone)

    def first(self, call, act):
        """What act() gives on rank 0, on all ranks; or its exception. Collective."""
        value = error = None
        if self.rank == 0:
            try:
                value = act()
            except BaseException as e:
                error = e
        if self.size > 1:
            value, about = self.comm.bcast((value, error and told(error)))
            if about and error is None:
                raise received(call, [0], about)
        if error is not None:
            raise error
        return value
