"""The surroundings of one test: environment, own TMPDIR, own folder in shared memory."""
# SPDX-License-Identifier: MIT

import itertools
import os
import shutil
import tempfile
import threading

# What a caller's shell may hold that would change what a test sees.
UNWANTED_PREFIXES = ("PYTHON", "PYMPI", "OMPI_", "PMIX_", "PRTE_", "OMP_", "OPENBLAS_", "MKL_",
                     "SLURM_", "CONDA_", "PYENV_")
UNWANTED = ("VIRTUAL_ENV", "COVERAGE_PROCESS_START", "DISPLAY", "LD_PRELOAD", "COLUMNS", "LINES")
KEPT = ("PYMPI_TEST_ID",)

# What Open MPI 4.1 and 5.0 need to run more ranks than cores, as root, and beside other tests.
LAUNCHER = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
}

RUN_ID = f"{os.environ.get('PYMPI_TEST_ID', 'run')}.{os.getpid()}"
SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")
SHM = "/dev/shm"

_numbers = itertools.count(1)
_lock = threading.Lock()
_root = None


def root():
    """The folder of this run, made at first need; its path is short, for sockets lie under it."""
    global _root
    with _lock:
        if _root is None:
            _root = tempfile.mkdtemp(prefix="pt.", dir="/tmp")
    return _root


def remove_root():
    if _root is not None:
        shutil.rmtree(_root, ignore_errors=True)


class Place:
    """What one test has to itself: marker, TMPDIR, folders for stacks, output and MPI's segments.

    Every process of the test carries the marker in PYMPI_TEST_ID. Open MPI's shared segments go
    to a folder of the test's own, so that what stays there is known to be this test's.
    """

    def __init__(self):
        number = next(_numbers)
        self.marker = f"{RUN_ID}/{number}"
        self.folder = os.path.join(root(), str(number))
        self.tmp = os.path.join(self.folder, "t")
        self.stacks = os.path.join(self.folder, "stacks")
        self.shm = os.path.join(SHM, f"pt.{os.getpid()}.{number}")
        for folder in (self.tmp, self.stacks, self.shm):
            os.makedirs(folder, exist_ok=True)

    def remove(self):
        for folder in (self.folder, self.shm):
            shutil.rmtree(folder, ignore_errors=True)

    def variables(self):
        """The variables that bind a process to this place."""
        return {
            "PYMPI_TEST_ID": self.marker,
            "PYMPI_TEST_STACKS": self.stacks,
            "TMPDIR": self.tmp,
            "OMPI_MCA_btl_vader_backing_directory": self.shm,
            "OMPI_MCA_osc_sm_backing_directory": self.shm,
            "OMPI_MCA_osc_rdma_backing_directory": self.shm,
        }


def unwanted(name):
    return name not in KEPT and (name in UNWANTED or name.startswith(UNWANTED_PREFIXES))


def base(place, build, full=False):
    """The environment of a test in place: the caller's without what disturbs, with what we add."""
    env = {k: v for k, v in os.environ.items() if not unwanted(k)}
    env |= LAUNCHER | place.variables()
    env |= {
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONPATH": SITE,
        "PYMPI": os.path.join(build, "bin", "pympi"),
        "PYMPI_BUILD": build,
        "PYMPI_TEST_SEED": "20240229",
    }
    if full:
        env["PYMPI_TEST_FULL"] = "1"
    if is_sanitized(build):
        env["PYMPI_TEST_SANITIZED"] = "1"
    return env


def is_sanitized(build):
    """Whether what was freed stays for a while, so that resident memory says nothing."""
    try:
        with open(os.path.join(build, "Makefile"), encoding="utf-8") as f:
            return "-fsanitize=address" in f.read()
    except OSError:
        return False
