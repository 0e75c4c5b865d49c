#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make test-attack: each row of the table, in the model and on QEMU, strictly
and lazily, and again with its guard taken away.

    run.py TOP OUT      OUT: a folder for the copy of the tree that is changed
    ATTACK=PATTERN      only rows whose ids match (a regular expression)
    ATTACK=list         only whether table and controls fit each other and the
                        sources

A row counts as blocked if it is so wherever it is shown, and its control has
succeeded wherever it is shown; in each mode for itself.  The last line is
blocked/attempted, the sum of both modes.
"""
import os
import re
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(sys.argv[1]).resolve()
sys.path[:0] = [str(TOP / "tests/attack"), str(TOP / "tests/mutants")]
sys.dont_write_bytecode = True
import mutate  # noqa: E402
import rows  # noqa: E402

COPIED = ["Makefile", "Kconfig", "kern", "ports", "tests", "tools", "user"]
PATTERN = os.environ.get("ATTACK", "")
OUTSIDE = "outside:"            # the test takes the guard away itself
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q", "-rA", "-p",
          "no:cacheprovider"]
BOOT = "tests/boot/test_attack.py"
HOST, KERNEL = "obj/host/test_attack", "obj/kern/akaros-kernel-test"


def say(text):
    print(text, flush=True)


def follow(source, copy):
    """Makes the copy the same; what is so already stays, for make's sake."""
    for path in [source, *sorted(source.rglob("*"))]:
        to = copy / path.relative_to(source)
        if path.is_dir():
            to.mkdir(parents=True, exist_ok=True)
        elif not to.exists() or to.read_bytes() != path.read_bytes():
            to.write_bytes(path.read_bytes())
            to.chmod(path.stat().st_mode)
    for path in sorted(copy.rglob("*"), reverse=True):
        if not (source / path.relative_to(copy)).exists():
            path.rmdir() if path.is_dir() else path.unlink()


def controls(table):
    """{name: changes}; each is of one file."""
    found = {}
    text = (TOP / "tests/attack/controls").read_text()
    files = set(re.findall(r"^== \S+ (\S+)$", text, re.M))
    texts = {f: (TOP / f).read_text() for f in files}
    for change in mutate.peers(TOP / "tests/attack/controls", texts):
        found.setdefault(change.test, []).append(change)
    named = {r.control for r in table if not r.control.startswith(OUTSIDE)}
    assert named == set(found), f"controls: {named ^ set(found)}"
    return found


class Copy:
    """Of the tree, in which guards are taken away."""
    def __init__(self, at):
        self.at = at
        for name in COPIED:
            if (TOP / name).is_dir():
                follow(TOP / name, at / name)
            else:
                at.mkdir(parents=True, exist_ok=True)
                if not (at / name).exists() or (at / name).read_bytes() != \
                        (TOP / name).read_bytes():
                    (at / name).write_bytes((TOP / name).read_bytes())

    def run(self, words, **env):
        return subprocess.run(words, cwd=self.at, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL,
                              env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1",
                                   "KERNELS": "obj", "ATTACK": "", **env})

    def make(self, *targets):
        env = {k: "" for k in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        done = self.run(["make", "--no-print-directory", "O=obj",
                         "WARN=-Werror=uninitialized", *targets], **env)
        if done.returncode:
            raise SystemExit(done.stdout[-3000:])

    def without(self, changes):
        for c in changes:
            (self.at / c.path).write_text(c.source)

    def as_it_was(self, changes):
        for c in changes:
            (self.at / c.path).write_bytes((TOP / c.path).read_bytes())


def in_model(copy, wanted, succeeds):
    """{(mode, id): whether it went as it should}"""
    went = {}
    for r in wanted:
        done = copy.run([HOST, r.mode, r.id])
        through = re.search(rf"^{r.id} got through: .*", done.stdout, re.M)
        went[key(r)] = bool(through) if succeeds else not done.returncode
        say(done.stdout if not went[key(r)] else
            f"{r.mode}: {through[0]}" if through else
            f"{r.mode}: {r.id} is blocked in the model")
    return went


def on_qemu(copy, wanted, succeeds):
    if not wanted:
        return {}
    done = copy.run([*PYTEST, *(f"{BOOT}::test_row[{r.mode}-{r.id}]"
                                for r in wanted)],
                    **({"ATTACK": "succeeds"} if succeeds else {}))
    went = {key(r): bool(re.search(rf"^PASSED .*\[{r.mode}-{r.id}\]$",
                                   done.stdout, re.M))
            for r in wanted}
    if not all(went.values()):
        say(done.stdout)
    return went


HOW = {"model": in_model, "qemu": on_qemu}


def key(r):
    return r.mode, r.id


def shown(wanted, where):
    return [r for r in wanted if r.shown in (where, "both")]


def tried(copy, wanted, succeeds, results):
    for where, how in HOW.items():
        for k, good in how(copy, shown(wanted, where), succeeds).items():
            results.setdefault(k, {})[where, succeeds] = good


def with_controls(copy, wanted, changes, results):
    for name in dict.fromkeys(r.control for r in wanted):
        began = time.time()
        those = [r for r in wanted if r.control == name]
        taken = changes.get(name, [])
        copy.without(taken)
        copy.make(*([HOST] if shown(those, "model") else []),
                  *([KERNEL] if shown(those, "qemu") else []))
        tried(copy, those, True, results)
        copy.as_it_was(taken)
        say(f"control {name}: "
            f"{', '.join(dict.fromkeys(r.id for r in those))}, "
            f"{time.time() - began:.0f} s")


def word(results, r, succeeds, good):
    return ", ".join(f"{good if ok else 'NOT ' + good} ({where})"
                     for (where, s), ok in results[key(r)].items()
                     if s == succeeds)


def report(wanted, results):
    """Of each mode, and of both."""
    blocked = {mode: 0 for mode in rows.MODES}
    for r in wanted:
        say(f"{r.mode:6} {r.id:22} {word(results, r, False, 'blocked')}; "
            f"without {r.control}: {word(results, r, True, 'gets through')}")
        blocked[r.mode] += all(results[key(r)].values())
    only = [r.id for r in wanted if r.shown == "model" and r.mode == "strict"]
    say(f"in the model alone: {', '.join(only)}")
    for mode, n in blocked.items():
        say(f"{mode}: {n}/{len([r for r in wanted if r.mode == mode])}")
    say(f"{sum(blocked.values())}/{len(wanted)}")
    return sum(blocked.values()) == len(wanted) > 0


def main():
    os.nice(max(10 - os.nice(0), 0))
    table = [r for mode in rows.MODES for r in rows.read(mode=mode)]
    changes = controls(table)
    if PATTERN == "list":
        say(f"{len(table)} rows, {len(changes)} controls")
        return 0
    wanted = [r for r in table if re.search(PATTERN, r.id)]
    copy = Copy(Path(sys.argv[2]).resolve())
    copy.make(HOST, KERNEL)
    results = {}
    tried(copy, wanted, False, results)
    with_controls(copy, wanted, changes, results)
    return 0 if report(wanted, results) else 1


sys.exit(main())
