"""A Slurm of one node: munged, slurmctld and slurmd with files, sockets and ports of their own."""
# SPDX-License-Identifier: MIT

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE = 60       # seconds for the node to come up
GRACE = 10          # seconds for a daemon to end by itself
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "sinfo")

# linuxproc knows a step's processes without control groups. A job of "whole" has all cores. KillWait
# is the grace that Slurm gives.
SETTINGS = """\
ClusterName=pympi
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/{tasks}
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName={host} NodeAddr=127.0.0.1 {node}
PartitionName=whole Nodes={host} Default=YES MaxTime=10 OverSubscribe=EXCLUSIVE
PartitionName=shared Nodes={host} MaxTime=10 OverSubscribe=NO
"""


def missing():
    """The programs that are not here."""
    return [name for name in PROGRAMS if not find(name)]


def find(name):
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _free_ports(count):
    """Numbers that nobody listens to now; nothing keeps them for us."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            s = stack.enter_context(socket.socket())
            s.bind(("127.0.0.1", 0))
            found.append(s.getsockname()[1])
        return found


def _end_with_parent():
    """In the child: SIGTERM comes when whoever started it dies, however that was."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Node:
    """The daemons between start() and stop(); folder has their files, variables lead clients there.

    tasks is the task plugin: "affinity" binds what srun starts, "none" leaves it alone.
    """

    def __init__(self, env, tasks="none"):
        self.folder = tempfile.mkdtemp(prefix="slurm.", dir=os.environ.get("TMPDIR", "/tmp"))
        os.chmod(self.folder, 0o755)
        self.variables = {"SLURM_CONF": f"{self.folder}/slurm.conf"}
        self._env = env | self.variables
        self._tasks = tasks
        self._daemons = []

    def start(self):
        try:
            self._write_key()
            self._write_settings()
            self._run("munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key",
                      f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munge.pid",
                      f"--log-file={self.folder}/munge.log", f"--seed-file={self.folder}/munge.seed")
            self._wait("munged", lambda: os.path.exists(f"{self.folder}/munge.socket"))
            self._run("slurmctld", "-D", "-i")
            self._run("slurmd", "-D")
            self._wait("the node", self._is_idle)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        """Jobs first, then the daemons, the last started first."""
        if len(self._daemons) == 3:
            self.client("scancel", "--quiet", "--full", "--signal=KILL", "--user=root")
            self.client("scancel", "--quiet", "--user=root")
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(GRACE)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons = []
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, *words):
        """What a Slurm command prints on stdout."""
        return subprocess.run(words, env=self._env, stdout=subprocess.PIPE, timeout=30, text=True,
                              stderr=subprocess.DEVNULL, check=False).stdout

    def _write_key(self):
        with open(f"{self.folder}/munge.key", "wb", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(secrets.token_bytes(128))

    def _write_settings(self):
        host = socket.gethostname().partition(".")[0]
        said = subprocess.run([find("slurmd"), "-C"], stdout=-1, text=True, check=True).stdout
        node = " ".join(word for word in said.split()
                        if word.startswith(("CPUs=", "Boards=", "Sockets", "Cores", "Threads")))
        controller, daemon = _free_ports(2)
        with open(f"{self.folder}/slurm.conf", "w", encoding="utf-8") as f:
            f.write(SETTINGS.format(host=host, folder=self.folder, tasks=self._tasks, node=node,
                                    controller=controller, daemon=daemon))
        with open(f"{self.folder}/cgroup.conf", "w", encoding="utf-8") as f:
            f.write(f"CgroupPlugin={self._cgroups()}\n")
        for name in ("state", "spool"):
            os.mkdir(f"{self.folder}/{name}")

    @staticmethod
    def _cgroups():
        """No control groups: 22.05 has no word for that, but its v1 does nothing until used."""
        said = subprocess.run([find("slurmd"), "-V"], stdout=-1, text=True, check=True).stdout
        return "cgroup/v1" if " 22." in said else "disabled"

    def _run(self, name, *words):
        with open(f"{self.folder}/{name}.out", "wb") as out:
            self._daemons.append(subprocess.Popen(
                [find(name), *words], env=self._env, stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, preexec_fn=_end_with_parent, start_new_session=True))

    def _is_idle(self):
        return set(self.client("sinfo", "--noheader", "--format=%t").split()) == {"idle"}

    def _wait(self, what, ready):
        end = time.monotonic() + PATIENCE
        while not ready():
            if time.monotonic() > end or any(d.poll() is not None for d in self._daemons):
                raise RuntimeError(f"{what} does not start:\n{self._logs()}")
            time.sleep(0.1)

    def _logs(self):
        text = ""
        for name in sorted(os.listdir(self.folder)):
            if name.endswith((".log", ".out")):
                with open(f"{self.folder}/{name}", encoding="utf-8", errors="replace") as f:
                    text += f"--- {name}\n{f.read()[-2000:]}"
        return text
