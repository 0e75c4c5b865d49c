# SPDX-License-Identifier: BSD-2-Clause
"""Starts and ends the machines of the boot tests, and shows all of their output
with each failure."""
import pytest

import machine


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left to make test-boot-all")
    config.addinivalue_line("markers", "strict(why): what it looks at is not "
                            "so with lazy unmapping; LAZY=1 leaves it strict")


# Before the fixtures that start machines.
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    machine.lazy = machine.LAZY and not item.get_closest_marker("strict")
    machine.machines[:] = [m for m in machine.machines if not m.ended]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for m in machine.machines:
            report.sections.append(("machine", m.report()))


def all_wrong(machines):
    """What their kernels find wrong, after each test: when asked, and, those
    that check themselves, by themselves."""
    asked = [line for m in machines
             if not m.ended and m.good and m.process.poll() is None
             for line in m.check()]
    return asked + list(filter(None, (m.checkers() for m in machines)))


@pytest.fixture(autouse=True)
def all_as_it_must_be():
    """Of the machines that live on; boot() sees to its own."""
    yield
    assert all_wrong(machine.machines) == []


@pytest.fixture
def boot():
    """Boots machines; they end with the test."""
    started = []

    def start(options, **more):
        m = machine.Machine(options, prompt=False, **more)
        started.append(m)
        m.expect_prompt()
        return m

    yield start
    wrong = all_wrong(started)
    for m in started:
        m.close()
    assert wrong == []


@pytest.fixture(scope="module")
def kept():
    """Boots machines that the tests of a module share, as long as they do what
    is expected."""
    machines = {}

    def get(options, **more):
        key = options, more.get("cmdline"), machine.lazy
        m = machines.get(key)
        if not m or not m.good:
            if m:
                m.close()
            m = machines[key] = machine.Machine(options, **more)
        return m

    yield get
    for m in machines.values():
        m.close()
    assert all_wrong(machines.values()) == []
