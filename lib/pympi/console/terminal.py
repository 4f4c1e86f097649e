"""How the terminal's keyboard is set: what is typed is shown while a line is read, and only then.

What is typed ahead would otherwise be shown twice, by the terminal and by who reads it later, and among
the output. SPDX-License-Identifier: MIT
"""
import contextlib
import termios
import tty

_LOCAL = 3          # of what tcgetattr gives: the flags with ECHO


def settings():
    """What the terminal is set to; None where the keyboard is none."""
    try:
        return termios.tcgetattr(0)
    except termios.error:
        return None


def set_to(found):
    """Set the terminal to what settings() gave."""
    if found is not None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSADRAIN, found)


@contextlib.contextmanager
def echo(shown):
    """Whether the terminal shows what is typed."""
    found = settings()
    if found is not None:
        local = found[_LOCAL] | termios.ECHO if shown else found[_LOCAL] & ~termios.ECHO
        set_to([*found[:_LOCAL], local, *found[_LOCAL + 1:]])
    try:
        yield
    finally:
        set_to(found)


def single_keys():
    """Keys come one by one, unshown, and none that was typed before; what was set until then."""
    found = settings()
    if found is not None:
        with contextlib.suppress(termios.error):
            tty.setcbreak(0, termios.TCSAFLUSH)
    return found
