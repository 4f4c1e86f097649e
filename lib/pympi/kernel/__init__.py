"""The notebook's front of a session: a Jupyter kernel whose cells run on all ranks.

Run by ``pympi --kernel FILE -n N`` in a Python alone, FILE being Jupyter's. No rank and no MPI is here:
`interp/README.md` ("The session") says what the processes tell each other. Needs ipykernel, which is
imported while the ranks start. SPDX-License-Identifier: MIT
"""
import sys

from pympi.kernel import ranks as _ranks


def main(words=None):
    """main(words=None) -> status

    Runs the kernel for the words of a command line, `--kernel FILE` among them, to its end. Local.
    """
    file, words = _taken(sys.argv[1:] if words is None else words)
    ranks = _ranks.Ranks(words)
    ranks.start()
    try:
        from pympi.kernel import kernel
    except ImportError as e:
        ranks.end()
        print(f"pympi: the notebook's kernel needs ipykernel (Debian: python3-ipykernel): {e}", file=sys.stderr)
        return 1
    try:
        kernel.run(file, ranks)
    finally:
        ranks.end()
    return 0


def _taken(words):
    """(the file, the words for the ranks)."""
    at = next(i for i, word in enumerate(words) if word.partition("=")[0] == "--kernel")
    _, equals, file = words[at].partition("=")
    return (file, words[:at] + words[at + 1:]) if equals else (words[at + 1], words[:at] + words[at + 2:])
