"""The ranks' side of a prompt: one statement at a time, on all ranks or some, and all meet again.

`loop` is what a rank runs; `interp/README.md` ("The session") has the frames between it and a front.
SPDX-License-Identifier: MIT
"""
