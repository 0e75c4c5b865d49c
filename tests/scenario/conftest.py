# SPDX-License-Identifier: BSD-2-Clause
"""Tells at the end how much was run, and what became of it."""
import sys
from pathlib import Path

import pytest

import qtest
import run

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "boot"))
from machine import unknown_to_qemu  # noqa: E402


@pytest.fixture(scope="module")
def machines():
    """Starts each machine once; those that have ended, again."""
    running = {}

    def get(scenario, name):
        qemu = running.get(name)
        if not qemu or not qemu.alive():
            for other in running.values():
                other.close()
            running.clear()
            options = scenario.machines[name].options
            if unknown_to_qemu(options):
                pytest.skip(f"no {', '.join(unknown_to_qemu(options))} in "
                            "this QEMU")
            qemu = running[name] = qtest.Qemu(options, scenario.devices)
            run.prepare(qemu)
        return qemu

    yield get
    for qemu in running.values():
        qemu.close()


def pytest_terminal_summary(terminalreporter):
    n = run.totals
    if not n["steps"]:
        return
    lines = sum(isinstance(key, tuple) for key in n)
    terminalreporter.write_line(
        f"scenarios on QEMU: {n['tests']} tests, {n['steps']} steps, "
        f"{n['expectations']} expectations: {n['the same']} the same, "
        f"{n['QEMU chose otherwise']} where the specification leaves a choice "
        f"and QEMU chose otherwise, {n['QEMU differs']} where QEMU differs "
        f"(at {lines} lines)")
