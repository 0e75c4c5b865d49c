# SPDX-License-Identifier: BSD-2-Clause
"""The pictures of make picture, of a machine that runs, name what is there.
tests/picture has what can be tested without one."""
import re
import sys
import xml.etree.ElementTree as xml

import pytest

from machine import TOP

sys.path.insert(0, str(TOP / "tools/picture"))
import boot as pictured  # noqa: E402
import main  # noqa: E402
import state  # noqa: E402
import structure  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def words(path):
    return [t.text for t in xml.parse(path).iter(SVG + "text")]


def titles(path):
    return [t.text for t in xml.parse(path).iter(SVG + "title")]


@pytest.fixture
def m(boot):
    m = boot(pictured.OPTIONS)
    pictured.start_programs(m)
    return m


def test_pictures_of_a_machine_at_work(m, tmp_path):
    pictured.save(m, tmp_path)
    s = state.load(tmp_path)
    pids = {s.names[int(r.subject[3:])]: int(r.subject[3:])
            for r in s.spaces}
    assert set(pids) == {"nvme", "lab"}
    main.draw(tmp_path, tmp_path)

    shown = titles(tmp_path / "structure.svg")
    functions = re.findall(r"^(\S+) ", m.run("lspci"), re.M)
    assert {"0:3.0", "0:4.0", "1:0.0", "2:1.0", "2:2.0"} <= set(functions)
    assert set(functions) | {"unit0", "faults 2:0.0"} <= set(shown)
    for program, devices in [("nvme", ["1:0.0"]), ("lab", ["2:1.0", "2:2.0"])]:
        pid = f"pid{pids[program]}"
        assert {f"space {pid}", pid, f"space {pid}->{pid}"} <= set(shown)
        for device in devices:
            assert f"{device}->space {pid}" in shown
    # Each function is reached from the table, through its unit and group.
    text = structure.text(s)
    for function in functions:
        group = re.search(rf'"(group \S+ unit0)" -> "{function}"', text)[1]
        assert f'"unit0" -> "{group}"' in text
    assert re.search(r'"acpi\d" -> "unit0"', text)

    text = words(tmp_path / "reach.svg")
    assert [t for t in text if t.startswith(("pid", "device"))] == [
        line for program, devices in sorted(
            [("nvme", ["1:0.0"]), ("lab", ["2:1.0", "2:2.0"])],
            key=lambda p: pids[p[0]])
        for line in [f"pid {pids[program]} {program}",
                     *(f"device {d}" for d in devices)]]
    assert any(t.startswith("Nothing that one owner") for t in text)
    assert any(t.startswith("No device reaches anything") for t in text)


def test_the_map_shows_the_frames_of_a_buffer(m, tmp_path):
    """Lab's buffer is where QEMU finds the bytes that it was filled with."""
    pictured.save(m, tmp_path)
    main.draw(tmp_path, tmp_path)
    found = 0
    for title in titles(tmp_path / "reach.svg"):
        reach = re.fullmatch(r"device 2:1.0: 0x(\w+) to 0x(\w+), read and "
                             r"write, .*", title)
        if reach:
            start, last = (int(n, 16) for n in reach.groups())
            found += m.memory(start, last + 1 - start).count(b"\x11" * 4096)
    assert found >= 3           # of its four pages the device wrote one
