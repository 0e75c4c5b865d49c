# SPDX-License-Identifier: BSD-2-Clause
"""The image that `make iso` makes: started by BIOS and UEFI from a CD, a disk
and a USB stick, on machines with no serial port; the screen, the keyboard, and
which consoles are used."""
import subprocess

import pytest

from machine import KERNEL, SMALL, TOP, UNIT
from screen import FIRMWARE, MEDIA, NO_SERIAL, NONE, ScreenMachine

FILES = set("attach check detach faults info mappings power quarantine".split())
QUICK = [("bios", "cd"), ("uefi", "usb")]
SCREEN_AND_SERIAL = f"{SMALL} -vga std {UNIT}"


@pytest.fixture
def start():
    """Starts machines from the image; they end with the test."""
    started = []

    def begin(*args, **more):
        m = ScreenMachine(*args, **more)
        started.append(m)
        return m

    yield begin
    for m in started:
        m.close()


@pytest.fixture
def image(tmp_path):
    """Makes images with words for the kernel, or another screen mode."""
    def make(*args):
        iso = tmp_path / "iso"
        subprocess.run([TOP / "tools/iso", KERNEL, iso, *args], check=True)
        return iso
    return make


@pytest.mark.parametrize("firmware,medium", [
    pytest.param(f, m, marks=[] if (f, m) in QUICK else pytest.mark.slow)
    for f in FIRMWARE for m in MEDIA])
def test_starts_without_a_serial_port(start, firmware, medium):
    m = start(firmware, medium)
    lines = m.await_screen_prompt()
    assert any("iommu: unit 0xfed90000: version 1.0" in s for s in lines)
    assert NONE not in "".join(lines)
    assert FILES <= set(" ".join(m.run_on_screen("ls '#iommu'")).split())
    assert all(": ok" in s for s in m.run_on_screen("cat '#iommu/check'"))
    irqs = m.run_on_screen("cat '#cons/irqs'")
    assert any(" keyboard " in s for s in irqs), irqs
    assert not any(" serial " in s for s in irqs), irqs


def test_screen_and_keyboard(start):
    """One machine for what the two can: all keys, the line editor, Ctrl-C,
    long lines and scrolling."""
    m = start("bios", "cd")
    m.await_screen_prompt()
    every = "".join(map(chr, range(0x20, 0x7f))).replace("'", "")
    assert m.run_on_screen(f"echo '{every}'") == [every]
    assert m.run_on_screen("echo \"'\"") == ["'"]

    m.press_for("ecoh")
    m.press("left"), m.press("backspace")
    m.press_for("h")
    m.press("delete")
    m.press("home"), m.press("end")
    m.press_for("o corrected\n")
    lines = m.await_screen_prompt("corrected")
    assert lines[-3] == "$ echo corrected"
    m.press("up"), m.press("ret")
    m.await_lines(lambda lines: lines[-5:] == [
        "$ echo corrected", "corrected", "$ echo corrected", "corrected", "$"])

    m.press("caps_lock")
    m.press_for("abcdefg")
    m.press("caps_lock")
    m.press("ctrl", "c")
    m.await_lines(lambda lines: lines[-2:] == ["$ ABCDEFG^C", "$"])
    m.press_for("sleep 1000\n")
    m.await_lines(lambda lines: lines[-1] == "$ sleep 1000")
    m.press("ctrl", "c")
    m.await_screen_prompt("^C")

    long = "echo " + "0123456789" * 14
    m.press_for(long)
    m.await_lines(lambda lines: "".join(lines[-2:]) == "$ " + long)
    for _ in range(20):
        m.press("backspace")
    m.await_lines(lambda lines: lines[-1] == "$ " + long[:125])
    m.press("ctrl", "c")

    m.press_for("ls -l /bin; ls -l /bin\n")
    lines = m.await_lines(lambda lines: len(lines) == 48 and lines[-1] == "$")
    names = [s.split()[-1] for s in lines[:-1]]
    assert names[-1] == "wc" and names.index("ls") < names.index("lspci")
    assert NONE not in "".join(lines)
    assert m.run_on_screen("echo below") == ["below"]


def test_both_consoles_are_used_together(start):
    m = start("bios", "cd", SCREEN_AND_SERIAL)
    m.expect_prompt()
    m.await_screen_prompt()
    assert m.run("echo from the serial line") == "from the serial line\n"
    m.await_lines(lambda lines: "from the serial line" in lines)
    m.idle = None
    assert m.run_on_screen("echo from the keyboard") == ["from the keyboard"]
    m.expect("from the keyboard\r\n")
    m.expect_prompt()


@pytest.mark.slow
def test_the_serial_line_alone(start, image):
    m = start("bios", "cd", SCREEN_AND_SERIAL, iso=image("console=serial"))
    m.expect_prompt()
    assert m.run("cat '#cons/cmdline'") == "console=serial\n"
    assert not any("$" in line or "iommu" in line for line in m.lines())
    assert " keyboard " not in m.run("cat '#cons/irqs'")


@pytest.mark.slow
def test_the_screen_alone(start, image):
    m = start("bios", "cd", SCREEN_AND_SERIAL, iso=image("console=screen"))
    m.await_screen_prompt()
    irqs = m.run_on_screen("cat '#cons/irqs'")
    assert not any(" serial " in s for s in irqs), irqs
    m.drain()
    assert "iommu" not in m.seen and "$ " not in m.seen


def test_a_console_that_is_not_there(boot):
    m = boot(SMALL, cmdline="console=screen,teletype")
    log = m.run("cat '#cons/kmesg' | grep console")
    assert "console=screen: there is no such console" in m.logged + log
    assert "console=teletype: there is no such console" in m.logged + log


@pytest.mark.slow
@pytest.mark.parametrize("firmware,mode", [
    ("bios", (1024, 768, 24)), ("bios", (640, 480, 32)),
    ("uefi", (1280, 1024, 32))])
def test_other_screen_modes(start, image, firmware, mode):
    m = start(firmware, "cd", iso=image("", "%dx%dx%d" % mode))
    lines = m.await_screen_prompt()
    assert any("screen: %d by %d pixels of %d bits" % mode in s for s in lines)
    assert FILES <= set(" ".join(m.run_on_screen("ls '#iommu'")).split())


@pytest.mark.slow
def test_much_memory(start):
    """More than what lies behind the image under UEFI has room to describe."""
    m = start("uefi", "cd", NO_SERIAL.replace("-m 512", "-m 6144"))
    lines = m.await_screen_prompt()
    total = next(s for s in lines if "memory: " in s).split()
    assert int(total[total.index("memory:") + 1]) > 6000, total
