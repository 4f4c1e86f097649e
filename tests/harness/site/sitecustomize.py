"""Lets the test runner ask a Python process for its stacks: SIGUSR2 writes them to a file."""
# SPDX-License-Identifier: MIT

import faulthandler
import os
import signal

_folder = os.environ.get("PYMPI_TEST_STACKS")
if _folder and os.path.isdir(_folder):
    # One file a process, so that ranks do not mix; its presence says that SIGUSR2 is safe to send.
    _file = open(os.path.join(_folder, str(os.getpid())), "w", encoding="utf-8")
    faulthandler.register(signal.SIGUSR2, file=_file, all_threads=True)
