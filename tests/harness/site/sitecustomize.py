"""Lets the test runner ask a Python process for its stacks: SIGUSR2 writes them to a file."""
# SPDX-License-Identifier: MIT

import faulthandler
import os
import signal

_folder = os.environ.get("PYMPI_TEST_STACKS")
if _folder and os.path.isdir(_folder):
    # One file a process, so that ranks do not mix; its presence says that SIGUSR2 is safe to send.
    # A descriptor, not a file object: that would warn at the end under -W and -X dev.
    _fd = os.open(os.path.join(_folder, str(os.getpid())), os.O_WRONLY | os.O_CREAT, 0o600)
    faulthandler.register(signal.SIGUSR2, file=_fd, all_threads=True)
