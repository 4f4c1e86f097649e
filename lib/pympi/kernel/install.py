"""``pympi --install-kernel``: a kernelspec, by which notebooks find a kernel of N ranks.

SPDX-License-Identifier: MIT
"""
import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile

WORDS = "--install-kernel"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_KEPT = {       # options of pympi: what stands for the value, if there is one, and the help
    "--threads": ("N", "threads of BLAS and OpenMP a rank may use"),
    "--launcher": ("NAME", "start the ranks with this program"),
    "--launcher-args": ("WORDS", "hand these words to the launcher"),
    "--mpi-threads": ("LEVEL", "single, funneled, serialized or multiple"),
    "--no-intercept": (None, "MPI's blocking calls wait in MPI"),
    "--check": (None, "collectives in which ranks disagree, and deadlocks, are exceptions"),
}


def main(words=None):
    """main(words=None) -> status

    Writes the kernelspec that the words of a command line ask for, and says where. Local.
    """
    words = [word for word in (sys.argv[1:] if words is None else words) if word != WORDS]
    options = _parser().parse_args(words)
    wrong = _wrong_with(options)
    if wrong:
        print(f"pympi: {WORDS}: {wrong}", file=sys.stderr)
        return 2
    try:
        folder = write(options)
    except ImportError as e:
        print(f"pympi: {WORDS} needs ipykernel (Debian: python3-ipykernel): {e}", file=sys.stderr)
        return 1
    except OSError as e:
        hint = "" if options.user else "; --user writes into your own folder"
        print(f"pympi: {WORDS}: cannot write {e.filename}: {e.strerror}{hint}", file=sys.stderr)
        return 1
    print(f"{options.title}: {folder}")
    return 0


def write(options):
    """write(options) -> folder

    The kernelspec, in the place where Jupyter looks. Local.
    """
    if not importlib.util.find_spec("ipykernel"):
        raise ImportError("there is no module of this name")
    from jupyter_client.kernelspec import KernelSpecManager
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "kernel.json"), "w", encoding="utf-8") as file:
            json.dump(spec(options), file, indent=1, ensure_ascii=False)
        return KernelSpecManager().install_kernel_spec(folder, options.name, user=options.user,
                                                       prefix=options.prefix)


def spec(options):
    """spec(options) -> dict

    What a kernel.json has. Local.
    """
    words = ["-n", str(options.ranks), *_kept(options)]
    return {"argv": [sys.executable, "--kernel", "{connection_file}", *words],
            "display_name": options.title, "language": "python", "interrupt_mode": "message",
            "metadata": {"debugger": False}}


def _parser():
    parser = argparse.ArgumentParser(
        prog=f"pympi {WORDS}", allow_abbrev=False, usage="%(prog)s [-n N] [option] ...",
        description="Makes JupyterLab, Notebook and jupyter console show a kernel whose cells run on N ranks.")
    parser.add_argument("-n", "-np", dest="ranks", type=int, default=2, metavar="N", help="so many ranks (2)")
    parser.add_argument("--name", help="of its folder (pympi-N)")
    parser.add_argument("--display-name", dest="title", help='what is shown ("pympi (N ranks)")')
    parser.add_argument("--user", action="store_true", help="for you alone, not for all users of this machine")
    parser.add_argument("--prefix", help="in PREFIX/share/jupyter/kernels")
    kept = parser.add_argument_group("kept for the ranks")
    for option, (metavar, text) in _KEPT.items():
        given = {"metavar": metavar} if metavar else {"action": "store_true"}
        kept.add_argument(option, help=text, **given)
    return parser


def _kept(options):
    """The words of those options that were given."""
    words = []
    for option, (metavar, _) in _KEPT.items():
        value = getattr(options, option[2:].replace("-", "_"))
        if value:
            words += [option, value] if metavar else [option]
    return words


def _wrong_with(options):
    """A sentence, or None; fills in what follows from the number of ranks."""
    if options.ranks < 1:
        return f"-n takes a whole number from 1 up, not '{options.ranks}'"
    if options.user and options.prefix:
        return "--user and --prefix name two places"
    options.name = (options.name or f"pympi-{options.ranks}").lower()
    options.title = options.title or f"pympi ({options.ranks} rank{'s' * (options.ranks != 1)})"
    if not _NAME.fullmatch(options.name):
        return f"--name takes letters, digits, '.', '_' and '-', not '{options.name}'"
    answer = subprocess.run([sys.executable, *_kept(options), "--info"], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True)
    return answer.stderr.strip().removeprefix("pympi: ") if answer.returncode else None
