"""Where the processes of a test are: Python stacks where there are any, a line for others."""
# SPDX-License-Identifier: MIT

import os
import signal
import time

from harness import leftover


def _rank(pid):
    """The rank of a process in its job as text, or None."""
    v = leftover.variables(pid)
    rank = v.get(b"OMPI_COMM_WORLD_RANK", v.get(b"PMIX_RANK", v.get(b"SLURM_PROCID")))
    return None if rank is None else rank.decode()


def _status(pid, key):
    """One field of /proc/PID/status, or an empty string."""
    for line in leftover._read(f"/proc/{pid}/status").decode().splitlines():
        if line.startswith(key + ":"):
            return line.partition(":")[2].strip()
    return ""


def _catches_usr2(pid):
    mask = _status(pid, "SigCgt")
    return bool(mask) and bool(int(mask, 16) >> (signal.SIGUSR2 - 1) & 1)


def _settled(files, seconds=2.0):
    """Wait until all files have text and none has grown for 0.1 s, at most so long."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        sizes = [os.path.getsize(f) for f in files]
        if all(sizes) and sizes == last:
            return
        last = sizes
        time.sleep(0.1)


def _python_stacks(place, pids):
    """Ask those of the processes that can answer; return {pid: text}."""
    asked = {}
    for pid in pids:
        file = os.path.join(place.stacks, str(pid))
        if os.path.exists(file) and _catches_usr2(pid):
            os.kill(pid, signal.SIGUSR2)
            asked[pid] = file
    _settled(list(asked.values()))
    texts = {}
    for pid, file in asked.items():
        with open(file, encoding="utf-8", errors="replace") as f:
            texts[pid] = f.read().replace("\0", "")
    return texts


def _waiting(pid):
    """What the kernel says of a process without a Python stack."""
    where = leftover._read(f"/proc/{pid}/wchan").decode()
    return f"  {_status(pid, 'State')}, in {where if where not in ('', '0') else 'user code'}\n"


def show(place, marker):
    """The text on all processes that carry the marker, ranks first and in rank order."""
    pids = leftover.processes(marker)
    texts = _python_stacks(place, pids)
    ranks = {pid: _rank(pid) for pid in pids}
    pids.sort(key=lambda p: (p not in texts, int(ranks[p] or -1), p))
    said = []
    for pid in pids:
        who = f"rank {ranks[pid]}, process {pid}" if ranks[pid] is not None else f"process {pid}"
        said.append(f"--- {who}: {leftover.command(pid)}\n{texts.get(pid) or _waiting(pid)}")
    return "".join(said)
