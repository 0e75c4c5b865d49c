#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make mutants: plants each fault of mutate.py in a copy of the driver, alone,
and runs the host tests until one of them fails.  What survives is a hole in the
tests, or stands in mutants.equivalent with the reason.

    run.py TOP OUT      OUT: a folder for the copies and the results; what is
                        there already is not run again while the sources stay
                        the same
    MUTANTS=PATTERN     only those whose names hold it (a regular expression),
                        whether they have run already or not
    MUTANTS=survivors   only those that survived and stand in no list of
                        equivalents, and those that never ran
    MUTANTS_QUICK=N     only programs that take less than N seconds: what
                        survives these is left open, as if it had not run
    MUTANTS_PROGRAMS=PATTERN
                        only programs whose names hold it; likewise left open
    MUTANTS_LIST=1      names and changes, without running; fails if the lists
                        beside this file no longer fit the sources
"""
import functools
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import mutate

WORKERS = 2
NICE = 10
# Only what the compiler says of the change itself counts: a result that must be
# looked at, a variable read too early.  What a change leaves unused does not.
WARN = "-Werror=unused-result -Werror=uninitialized"
COPIED = ["Makefile", "Kconfig", "kern", "ports", "tests", "tools", "user"]
LINKING = 0.7                   # seconds for each program
BY_CHANCE = ["test_threads"]    # what a race shows is not the same each time
SAYS = re.compile(r"\[(.{10})\] (test_\w+)$")


def fingerprint(top):
    """Of the driver and its tests."""
    h = hashlib.sha1()
    for path in sorted(p for s in ("kern", "tests/host") for p in
                       (top / s).rglob("*") if p.suffix in (".c", ".h", "")
                       and p.is_file()):
        h.update(str(path.relative_to(top)).encode() + path.read_bytes())
    return h.hexdigest()[:12]


def follow(source, copy):
    """Makes the copy of a file or folder the same, and leaves alone what is, so
    that make has no more to do than it must."""
    if source.is_dir():
        copy.mkdir(exist_ok=True)
        for name in {p.name for p in [*source.iterdir(), *copy.iterdir()]}:
            follow(source / name, copy / name)
    elif not source.exists():
        shutil.rmtree(copy) if copy.is_dir() else copy.unlink()
    elif not copy.exists() or copy.read_bytes() != source.read_bytes():
        shutil.copyfile(source, copy)
        shutil.copymode(source, copy)


class Tree:
    """A copy of the tree, built, and the commands that built it."""
    def __init__(self, top, at):
        self.at = at
        at.mkdir(exist_ok=True)
        for name in COPIED:
            follow(top / name, at / name)
        self.make("-j%d" % WORKERS)
        self.compile, self.link = {}, {}
        for line in self.make("-nB").splitlines():
            words = shlex.split(line) if line.startswith("gcc ") else []
            if words:
                to = self.compile if "-c" in words else self.link
                to[words[words.index("-o") + 1]] = words
        # What each object is made of.
        self.sources = {}
        for obj in self.compile:
            rule = (at / obj).with_suffix(".d").read_text().split("\n\n")[0]
            self.sources[obj] = set(map(os.path.normpath, re.findall(
                r"[^\s\\:]+", rule)))

    def make(self, how, tests=None, out="obj", *more):
        tests = [f"{out}/host/{t}" for t in tests or
                 [t.stem for t in
                  sorted((self.at / "tests/host").glob("test_*.c"))
                  if t.stem not in BY_CHANCE]] + \
            ([] if tests else ["lazy-programs"])
        done = subprocess.run(
            ["make", "--no-print-directory", how, f"O={out}", f"WARN={WARN}",
             *more, *tests],
            cwd=self.at, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        return done.stdout

    def objects(self, path):
        return [o for o, s in self.sources.items() if path in s]

    def tests(self, objects):
        return [t for t, words in self.link.items() if set(objects) &
                set(words)]


class Ran:
    """A test program that has run until a test of it failed, or `wanted` did;
    or until its time was over.  `by`: the test that failed; None: none."""
    def __init__(self, cwd, path, cpu, wanted=None):
        def limits():
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        child = subprocess.Popen([path], cwd=cwd, preexec_fn=limits, text=True,
                                 stdin=subprocess.DEVNULL, errors="replace",
                                 stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
        # Not child.kill(), which may take the result from wait4().
        kill = functools.partial(os.kill, child.pid, signal.SIGKILL)
        timer = threading.Timer(20 * cpu, kill)
        timer.start()
        self.by = running = None
        for line in child.stdout:
            m = SAYS.match(line)
            if m and m[1] == " RUN      ":
                running = m[2]
            elif m and m[1] == "  FAILED  ":
                self.by = m[2]
                if wanted in (None, m[2]):
                    kill()
                    break
        child.stdout.close()
        _, child.returncode, usage = os.wait4(child.pid, 0)
        timer.cancel()
        self.seconds = usage.ru_utime + usage.ru_stime
        self.endless = self.seconds >= cpu
        if not self.by and child.returncode:
            self.by = running or "its start"


class Results:
    """What is known, a line each, so that an interrupted run goes on; by digest,
    as names change with their neighbours."""
    def __init__(self, path, print_of_sources):
        self.path, self.sources = path, print_of_sources
        self.lock = threading.Lock()
        self.of = {}
        if path.exists():
            for line in path.read_text().splitlines():
                r = json.loads(line)
                self.of[r["digest"]] = r

    def add(self, mutant, verdict, **more):
        r = {"name": mutant.name, "digest": mutant.digest,
             "sources": self.sources, "verdict": verdict, **more}
        with self.lock:
            self.of[mutant.digest] = r
            with open(self.path, "a") as f:
                f.write(json.dumps(r) + "\n")
        return r

    def known(self, mutant):
        return self.of.get(mutant.digest)


class Tests:
    """Which programs run a line at all, and which of them to try first: what
    kills soon and costs little.  One that fails on the unchanged sources says
    nothing and is left out."""
    def __init__(self, tree, paths, excused):
        self.tree, self.paths, self.excused = tree, set(paths), excused
        self.seconds, self.kills, self.reached = {}, {}, {}
        self.broken = []
        names = [Path(t).name for t in
                 tree.tests([o for p in paths for o in tree.objects(p)])]
        tree.make("-j%d" % WORKERS, names, "cov", "COVERAGE=--coverage")
        for name in names:
            self.try_out(f"obj/host/{name}", f"cov/host/{name}")

    def try_out(self, t, covering):
        """What it reaches is kept for as long as the program is the same."""
        program = self.tree.at / covering
        kept = program.with_suffix(".reached")
        digest = hashlib.sha1(program.read_bytes()).hexdigest()
        seen = json.loads(kept.read_text()) if kept.exists() else {}
        if seen.get("digest") != digest:
            seen = {"digest": digest, **self.cover(covering)}
            kept.write_text(json.dumps(seen))
        if seen["by"]:
            self.broken.append(f"{t}: left out, as it fails on the unchanged "
                               f"sources: {seen['by']}")
            say(self.broken[-1])
            return
        self.seconds[t] = seen["seconds"] + LINKING
        for path, line, count in seen["lines"]:
            self.reached.setdefault((path, line), set())
            if count:
                self.reached[path, line].add(t)

    def cover(self, covering):
        at = self.tree.at
        for old in (at / "cov").rglob("*.gcda"):
            old.unlink()
        ran = Ran(at, covering, 600)
        data = [str(p.relative_to(at)) for p in (at / "cov").rglob("*.gcda")]
        out = subprocess.run(["gcov", "-j", "-t", *data], cwd=at,
                             capture_output=True, text=True).stdout
        lines = {}
        for unit in out.splitlines():
            for file in json.loads(unit)["files"]:
                path = os.path.normpath(file["file"])
                for n in file["lines"] if path in self.paths else ():
                    key = path, n["line_number"]
                    lines[key] = lines.get(key, 0) + n["count"]
        return {"by": ran.by, "seconds": ran.seconds,
                "lines": [(*key, n) for key, n in lines.items()]}

    def limit(self, t):
        return int(10 + 3 * self.seconds[t])

    def that_reach(self, mutant):
        """A statement of several lines counts where it begins."""
        found = set()
        for first, last in mutant.lines:
            known = [n for n in range(first, last + 1)
                     if (mutant.path, n) in self.reached]
            while not known and first:
                first -= 1
                known = [first] if (mutant.path, first) in self.reached else []
            for n in known:
                found |= self.reached[mutant.path, n]
        return found

    def order(self, mutant):
        """The one that has killed it before goes first.  Those with lazy
        unmapping come behind the same ones without; and what is listed as no
        fault, of which there are hundreds, is tried with one of them."""
        if mutant.test:
            return [self.program(mutant.test)]
        most = float(os.environ.get("MUTANTS_QUICK", "inf"))
        which = os.environ.get("MUTANTS_PROGRAMS", "")
        found = sorted((t for t in self.that_reach(mutant)
                        if self.seconds[t] - LINKING < most and
                        re.search(which, Path(t).name)),
                       key=lambda t: self.seconds[t] /
                       (1000 * self.kills.get((mutant.name, t), 0) +
                        self.kills.get((mutant.path, t), 0) +
                        self.kills.get(t, 0) / 10 + 0.3))
        lazily = [t for t in found if is_lazy(t)]
        if place(mutant) in self.excused:
            del lazily[1:]
        return [t for t in found if not is_lazy(t)] + lazily

    def program(self, test):
        """Of those about peers, the one that holds the test of that name."""
        holders = [p.stem for p in
                   (self.tree.at / "tests/host").glob("test_peers*.c")
                   if f"bench_test({test})" in p.read_text()]
        if len(holders) != 1:
            raise SystemExit(f"{test}: in {len(holders)} programs")
        return f"obj/host/{holders[0]}"

    def killed(self, mutant, t):
        for key in (mutant.name, t), (mutant.path, t), t:
            self.kills[key] = self.kills.get(key, 0) + 1


class Worker(threading.Thread):
    def __init__(self, n, base, out, queue, tests, results):
        super().__init__()
        self.base, self.queue, self.tests = base, queue, tests
        self.results = results
        self.at = out / f"worker{n}"
        shutil.rmtree(self.at, ignore_errors=True)
        shutil.copytree(base.at, self.at, symlinks=True,
                        ignore=shutil.ignore_patterns("cov", "boot"))

    def run(self):
        for mutant in self.queue:
            began = time.time()
            objects = self.base.objects(mutant.path)
            (self.at / mutant.path).write_text(mutant.source)
            r = self.judge(mutant, objects)
            for path in [mutant.path, *objects]:
                shutil.copy2(self.base.at / path, self.at / path)
            say(f"{r['verdict']:9} {mutant.name}  {r.get('by', '')}  "
                f"{time.time() - began:.0f} s")

    def gcc(self, words):
        return subprocess.run(words, cwd=self.at, capture_output=True,
                              text=True)

    def judge(self, mutant, objects):
        for o in objects:
            done = self.gcc(self.base.compile[o])
            if done.returncode:
                why = re.search(r"error: (.*)", done.stderr)
                return self.results.add(mutant, "refused",
                                        by=why[1] if why else done.stderr)
        if all(same_object(self.at / o, self.base.at / o) for o in objects):
            return self.results.add(mutant, "survived")     # no test can tell
        for t in self.tests.order(mutant):
            self.gcc(self.base.link[t]).check_returncode()
            ran = Ran(self.at, t, self.tests.limit(t), mutant.test)
            if ran.by:
                self.tests.killed(mutant, t)
                return self.results.add(mutant, "killed",
                                        by=f"{Path(t).name}: {ran.by}",
                                        endless=ran.endless)
        if {"MUTANTS_QUICK", "MUTANTS_PROGRAMS"} & set(os.environ):
            return {"verdict": "open"}      # not of all tests: not kept
        return self.results.add(mutant, "survived")


def same_object(a, b):
    """But for the lines that the debugger is told."""
    def code(path):
        bare = path.with_suffix(".bare%d" % threading.get_ident())
        subprocess.run(["objcopy", "-g", path, bare], check=True)
        content = bare.read_bytes()
        bare.unlink()
        return content
    return code(a) == code(b)


def is_lazy(program):
    return Path(program).name.startswith("lazy_")


def say(text):
    print(text, flush=True)


def each(mutants):
    """An iterator that several threads may share."""
    lock = threading.Lock()
    rest = iter(mutants)

    def take():
        with lock:
            return next(rest, None)
    return iter(take, None)


def equivalents(path):
    """{(file:function:kind, change): reason}: a line with the first, then
    indented ones: the change as it is printed, then the reason."""
    found = {}
    for block in re.findall(r"^(\S+)\n((?:[ \t]+\S.*\n)+)", path.read_text(),
                            re.M):
        change, *reason = [line.strip() for line in block[1].splitlines()]
        found[block[0], change] = " ".join(reason)
    return found


def machine_code(top, path, text):
    """As the kernel's compiler makes it."""
    flags = ("-std=gnu17 -O2 -ffreestanding -fno-strict-aliasing -fno-pic "
             "-mcmodel=kernel -mno-red-zone -mgeneral-regs-only -Ikern/include "
             "-Ikern/arch/x86/include -Ikern/arch/x86 -Iobj/include -iquote")
    return subprocess.run(["gcc", *flags.split(), str(Path(path).parent), "-xc",
                           "-w", "-S", "-o-", "-"], cwd=top, input=text,
                          check=True, capture_output=True, text=True).stdout


def same_code(top, mutant):
    old = (top / mutant.path).read_text()
    return machine_code(top, mutant.path, old) == \
        machine_code(top, mutant.path, mutant.source)


def choose(mutants, results, excused):
    wanted = os.environ.get("MUTANTS", "")
    if wanted == "survivors":
        return [m for m in mutants if not results.known(m) or
                results.known(m)["verdict"] == "survived" and
                place(m) not in excused]
    if wanted:
        return [m for m in mutants if re.search(wanted, m.name)]
    return [m for m in mutants if not results.known(m) or
            results.known(m)["sources"] != results.sources]


def plant(top, out, mutants, all_of_them, results, excused):
    base = Tree(top, out / "base")
    tests = Tests(base, {m.path for m in all_of_them}, excused)
    for m in all_of_them:
        r = results.known(m)
        if r and r["verdict"] == "killed":
            tests.killed(m, "obj/host/" + r["by"].split(":")[0])
    queue = each(mutants)
    workers = [Worker(n, base, out, queue, tests, results)
               for n in range(WORKERS)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return tests.broken


def place(m):
    return m.name.rpartition(":")[0], m.says


def outdated(mutants, excused):
    """Entries of the list of equivalents that fit no mutant of now."""
    return [f"{name}: listed as equivalent, but there is no such mutant: "
            f"{change}" for name, change in
            excused.keys() - {place(m) for m in mutants}]


def report(top, mutants, results, excused):
    """Counts by kind; what is open; True if nothing is."""
    count = {k: dict.fromkeys(["total", "killed", "refused", "equivalent",
                               "survived", "not run"], 0) for k in mutate.KINDS}
    wrong = outdated(mutants, excused)
    for m in mutants:
        r = results.known(m)
        verdict = r["verdict"] if r else "not run"
        reason = excused.get(place(m))
        if reason and reason.startswith("Same code") and not same_code(top, m):
            wrong.append(f"{m.name}: listed as the same code, and is not")
        if reason:
            if verdict == "survived":
                verdict = "equivalent"
            elif r:
                wrong.append(f"{m.name}: listed as equivalent, but {verdict} "
                             f"by {r['by']}")
        if verdict == "survived":
            wrong.append(f"{m.name}: survived: {m.says}")
        if m.test and r and not r.get("by", "").endswith(": " + m.test):
            wrong.append(f"{m.name}: not caught by {m.test}: {r.get('by')}")
        count[m.kind]["total"] += 1
        count[m.kind][verdict] += 1
    columns = list(count["flush"])
    say(f"\n{'kind':10}" + "".join(f"{c:>11}" for c in columns))
    for kind, row in count.items():
        say(f"{kind:10}" + "".join(f"{row[c]:11}" for c in columns))
    sums = {c: sum(row[c] for row in count.values()) for c in columns}
    say(f"{'all':10}" + "".join(f"{sums[c]:11}" for c in columns))
    for line in wrong:
        say(line)
    return sums, not wrong


def main():
    top, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    began = time.time()
    os.nice(max(NICE - os.nice(0), 0))
    out.mkdir(parents=True, exist_ok=True)
    mutants = mutate.all_mutants(top)
    excused = equivalents(top / "tests/mutants/mutants.equivalent")
    if os.environ.get("MUTANTS_LIST"):
        for m in mutants:
            say(f"{m.name}\n\t{m.says}")
        wrong = outdated(mutants, excused)
        print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
        return 1 if wrong else 0
    results = Results(out / "results", fingerprint(top))
    todo = choose(mutants, results, excused)
    say(f"{len(mutants)} mutants, {len(todo)} to run")
    broken = plant(top, out, todo, mutants, results, excused) if todo else []
    sums, fine = report(top, mutants, results, excused)
    old = sum(1 for m in mutants if results.known(m) and
              results.known(m)["sources"] != results.sources)
    if old:
        say(f"{old} of them ran on earlier sources")
    say(f"took {(time.time() - began) / 60:.0f} minutes")
    killed = sums["killed"] + sums["refused"]
    for line in broken:
        say(line)
    say(f"{killed}/{sums['equivalent']}/{sums['total']}")
    done = killed + sums["equivalent"] == sums["total"]
    return 0 if fine and done and not broken else 1


sys.exit(main())
