# SPDX-License-Identifier: BSD-2-Clause
"""Starts and ends the machines of the boot tests, and shows all of their output
with each failure."""
import pytest

import machine


def pytest_runtest_setup(item):
    machine.machines[:] = [m for m in machine.machines if not m.ended]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for m in machine.machines:
            report.sections.append(("machine", m.report()))


def nothing_told(machines):
    told = "".join(m.checkers() for m in machines)
    assert not told, told


@pytest.fixture(autouse=True)
def checkers():
    """What a checking kernel has found wrong is a failure of the test."""
    yield
    nothing_told(machine.machines)


@pytest.fixture
def boot():
    """Boots machines; they end with the test."""
    started = []

    def start(options, **more):
        m = machine.Machine(options, prompt=False, **more)
        started.append(m)
        m.expect(r"\$ ")
        return m

    yield start
    for m in started:
        m.close()


@pytest.fixture(scope="module")
def kept():
    """Boots machines that the tests of a module share, as long as they do what
    is expected."""
    machines = {}

    def get(options, **more):
        m = machines.get(options)
        if not m or not m.good:
            if m:
                m.close()
            m = machines[options] = machine.Machine(options, **more)
        return m

    yield get
    for m in machines.values():
        m.close()
    nothing_told(machines.values())
