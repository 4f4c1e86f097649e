"""Several nodes on one machine: each has its own name and its own /dev/shm, and mpirun starts its daemon.

Only root can make them. SPDX-License-Identifier: MIT
"""
import os
import re
import shutil
import unittest

import support
from harness import job

_AGENT = """#!/bin/sh
host=$1
shift
exec unshare -m -u sh -c "hostname $host && mount -t tmpfs -o size=1g tmpfs /dev/shm && $*"
"""
# mpirun and its child both set the child's process group, and one of them comes too late.
NOISE = re.compile(r"^.*plm:\w+: Warning: setpgid.*\n", re.M)
_PROBE = ["unshare", "-m", "-u", "sh", "-c", "hostname a && mount -t tmpfs tmpfs /dev/shm"]


def needs_nodes(test):
    able = shutil.which("unshare") and job.execute(_PROBE, support._Place, support.environment(),
                                                   timeout=30).status == 0
    return unittest.skipUnless(able, "no rights to make nodes")(test)


def command(nodes, ranks, folder, args, launcher="mpirun"):
    """(program, args, variables) of a job on so many nodes with so many ranks each."""
    agent = os.path.join(folder, "agent")
    with open(agent, "w", encoding="ascii") as f:
        f.write(_AGENT)
    os.chmod(agent, 0o700)
    hosts = ",".join(f"n{i}:{ranks}" for i in range(nodes))
    variables = {"OMPI_MCA_plm_rsh_agent": agent, "PRTE_MCA_plm_ssh_agent": agent,
                 "PRTE_MCA_plm_rsh_agent": agent, "OMPI_MCA_btl_tcp_if_include": "lo",
                 "OMPI_MCA_btl_vader_backing_directory": None,
                 "OMPI_MCA_osc_sm_backing_directory": None,
                 "OMPI_MCA_osc_rdma_backing_directory": None,
                 "OMPI_MCA_btl_sm_backing_directory": None}
    words = ["--host", hosts, "--map-by", f"ppr:{ranks}:node:oversubscribe", "-n", str(nodes * ranks)]
    return launcher, [*words, support.PYMPI, *args], variables
