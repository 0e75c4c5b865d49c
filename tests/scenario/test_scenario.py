# SPDX-License-Identifier: BSD-2-Clause
"""The scenarios on QEMU; tests/host/test_scenario.c runs them on the model."""
import re
from collections import Counter
from pathlib import Path

import pytest

import run
from language import Scenario, Wrong

HERE = Path(__file__).parent
SCENARIOS = [Scenario(path) for path in sorted(HERE.glob("*.scenario"))]
MACHINES = list(SCENARIOS[0].machines)
WRONG = Scenario(HERE / "wrong/wrong.scenario")


def failures(scenario, tests, machine, qemu, counts):
    """What each of the tests fails with."""
    for test in tests:
        counts["tests"] += 1
        try:
            run.run_test(scenario, machine, test, qemu, counts)
        except (run.Failed, Wrong) as e:
            yield e


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.tests],
                         ids=lambda s: s.path.stem)
@pytest.mark.parametrize("machine", MACHINES)   # the slower: one start each
def test_scenario(scenario, machine, machines):
    tests = [t for t in scenario.tests if t.is_for(machine)]
    failed = list(failures(scenario, tests, machine,
                           machines(scenario, machine), run.totals))
    assert not failed, "\n" + "\n".join(map(str, failed))


# The runner itself

def wrong_line(test):
    """The line of a test of wrong.scenario that QEMU's runner must stop at."""
    for line in test.lines:
        if line.reason in ("wrong", "wrong on QEMU"):
            return line
    return None


@pytest.mark.parametrize("test", WRONG.tests,
                         ids=lambda t: " ".join(t.line.words[1:]))
def test_what_is_wrong_is_noticed(test, machines):
    failed = list(failures(WRONG, [test], MACHINES[0],
                           machines(WRONG, MACHINES[0]), Counter()))
    assert [e.line for e in failed] == [w for w in [wrong_line(test)] if w], \
        failed


@pytest.mark.parametrize("text", [
    "unheard of", "let A B", "let A 1 2", "register A 1", "machine wide",
    "use nothing", "on nothing", "test x\nunheard of", "test x\nwrite GCMD",
    "test x\nwrite GCMD 1 2", "test x\nqemu = 1 # nothing before it",
    "test x\nmemory 0 = 0\nqemu = 1", "test x\nmemory 0 = 0\nqemu 1 # why",
    "test x\non nothing", "test x\nmisuse",
])
def test_a_file_that_is_wrong_is_refused(text, tmp_path):
    path = tmp_path / "x.scenario"
    path.write_text(text)
    with pytest.raises((Wrong, OSError)):
        Scenario(path)


def test_nothing_is_left_out():
    """Each statement is for some machine."""
    for scenario in SCENARIOS:
        for body in scenario.tests + scenario.routines:
            assert body.lines and any(map(body.is_for, scenario.machines))


def test_the_page_shows_a_test_that_there_is():
    page = (HERE.parents[1] / "Documentation/testing.md").read_text()
    shown = re.search(r"^```\n(test .*?)^```", page, re.M | re.S)[1]
    assert shown in (HERE / "caches.scenario").read_text()
