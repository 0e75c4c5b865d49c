# SPDX-License-Identifier: BSD-2-Clause
"""As much of C as the kernel's house style needs: the functions of a file, the
statements in them, and calls with their arguments.  Positions are those of the
file's text; `bare` is that text with comments and the insides of strings blank,
so that patterns meet code alone."""
import re

BLANK = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\]|\\.)*\'',
                   re.S)
FUNCTION = re.compile(r"^(?![#{}/ \t])([^;{}#]*?\b(\w+)\([^;{}]*\)[^;{}()]*)\n"
                      r"\{\n(.*?)^\}", re.M | re.S)
HEAD = re.compile(r"(?:else\s+)?(?:if|for|while|switch|for_each_\w+)\s*\(")
LABEL = re.compile(r"(?:case\b[^:]*|default\s*):")
DECLARATION = re.compile(r"(?:static |const |struct |enum |unsigned |bool |int "
                         r"|size_t |u?int\d+_t |physaddr_t |uintptr_t |char )")


def bare(text):
    return BLANK.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def functions(code):
    """(name, start, end) of each body."""
    return [(m[2], m.start(3), m.end(3)) for m in FUNCTION.finditer(code)]


def closing(code, at):
    """Position behind the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(code)):
        if code[i] in "([{":
            depth += 1
        elif code[i] in ")]}":
            depth -= 1
            if not depth:
                return i + 1
    raise ValueError("a bracket that nothing closes")


def skip_space(code, at):
    while code[at].isspace():
        at += 1
    return at


def statement(code, at, blocks):
    """The end of the statement at `at`; the lists of neighbouring statements
    within it are added to `blocks`.  A pragma goes with what it stands before."""
    if code[at] == "#":
        return statement(code, skip_space(code, code.index("\n", at)), blocks)
    if code[at] == "{":
        end = closing(code, at)
        siblings(code, at + 1, end - 1, blocks)
        return end
    label = LABEL.match(code, at)
    if label:
        return label.end()
    head = HEAD.match(code, at)
    if head:
        inner = skip_space(code, closing(code, head.end() - 1))
        end = statement(code, inner, blocks)
        behind = re.compile(r"\s*else\b\s*").match(code, end)
        if behind and code[at:head.end()].lstrip().startswith("if"):
            end = statement(code, behind.end(), blocks)
        return end
    while code[at] != ";":
        at = closing(code, at) if code[at] in "([{" else at + 1
    return at + 1


def siblings(code, at, end, blocks):
    """Adds the list of (start, end) of the statements that stand side by side
    from `at` to `end`, and the lists within them."""
    found = []
    while code[at:end].strip():
        at = skip_space(code, at)
        stop = statement(code, at, blocks)
        found.append((at, stop))
        at = stop
    blocks.append(found)


def blocks_of(code, start, end):
    blocks = []
    siblings(code, start, end, blocks)
    return blocks


def is_step(code):
    """Whether a statement does something that can come too early or late."""
    if LABEL.match(code) or re.match(r"(break|continue|goto)\b", code):
        return False
    return not DECLARATION.match(code) or re.search(r"=.*\w\(", code, re.S)


def calls(code, name, start, end):
    """(start, end, [(start, end) of each argument]) of the calls of `name`."""
    for m in re.compile(r"(?<![\w.>])%s\(" % name).finditer(code, start, end):
        stop = closing(code, m.end() - 1)
        args, at, first = [], m.end(), m.end()
        while at < stop - 1:
            if code[at] in "([{":
                at = closing(code, at)
                continue
            if code[at] == ",":
                args.append((first, at))
                first = at + 1
            at += 1
        args.append((first, stop - 1))
        yield m.start(), stop, args
