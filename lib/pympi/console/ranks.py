"""Sets of ranks in words: "0,2-3", and back. SPDX-License-Identifier: MIT"""
from pympi import statements


def numbers(text):
    """The set of ranks that a text like "0,2-3" names."""
    return {n for first, last in statements.spans(text) for n in range(first, last + 1)} if text else set()


def name(ranks):
    """The text for a set of ranks."""
    spans = []
    for rank in sorted(ranks):
        if spans and spans[-1][1] == rank - 1:
            spans[-1][1] = rank
        else:
            spans.append([rank, rank])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
