"""The imports that code makes when it is run: what goes into a bundle that has no record of a last run.

SPDX-License-Identifier: MIT

Frozen into the executable, for rank 0.
"""
import marshal
import opcode
import time


def imports(code):
    """Yields (name, level, names behind `from`, whether a `try` stands around it)."""
    word, extended, arguments = code.co_code, 0, []
    guarded = guards(code)
    for at in range(0, len(word), 2):
        argument = word[at + 1] | extended << 8
        extended = argument if word[at] == opcode.opmap["EXTENDED_ARG"] else 0
        if extended or word[at] == opcode.opmap["CACHE"]:
            continue
        if word[at] == opcode.opmap["LOAD_CONST"]:
            arguments = (arguments + [code.co_consts[argument]])[-2:]
        elif word[at] == opcode.opmap["IMPORT_NAME"] and len(arguments) == 2:
            level, names = arguments
            tried = any(start <= at < end for start, end in guarded)
            yield code.co_names[argument], level, names or (), tried


def follow(maker, code, package, end):
    """Searches for what code imports, and for what that imports, until the time is over."""
    search_all(maker, code, package)
    while maker.fresh and time.monotonic() < end:
        name, is_package, data = maker.fresh.pop()
        search_all(maker, marshal.loads(data),
                   name if is_package else name.rpartition(".")[0])


def search_all(maker, code, package):
    for name, level, names, tried in imports(code):
        if level:
            base = package.rsplit(".", level - 1)[0] if level > 1 else package
            name = f"{base}.{name}" if name else base
        if name and not name.startswith("."):
            maker.search(name, int(tried))
            for more in names:
                if more != "*" and name in maker.inside:
                    maker.search(f"{name}.{more}", 0)


def guards(code):
    """The stretches of bytecode that a handler of exceptions stands around."""
    table, found = iter(code.co_exceptiontable), []

    def number():
        byte = next(table)
        value = byte & 63
        while byte & 64:
            byte = next(table)
            value = value << 6 | byte & 63
        return value

    try:
        while True:
            start, length = number() * 2, number() * 2
            number(), number()
            found.append((start, start + length))
    except StopIteration:
        return found
