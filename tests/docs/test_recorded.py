# SPDX-License-Identifier: BSD-2-Clause
"""What was recorded for the pages: that the recorders record, and that the
screen in Documentation/screen.png is what a machine prints."""
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/boot"), str(Path(__file__).parent)]

from machine import EDU, KERNEL, SMALL, UNIT, Machine  # noqa: E402
from screen import read_text  # noqa: E402
from test_docs import pattern_of  # noqa: E402


def test_a_session_is_recorded_anew(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n```akaros run\n$ a=12\nwrong\n$ echo $a\n"
                    "$ cat /none\nall\n...\nwrong\n```\nmore\n"
                    "```sh run\n$ echo no\n```\n"
                    "```akaros run\n$ echo a$a\na\nb\n```\n")
    run = subprocess.run([TOP / "tools/session", page], capture_output=True,
                         text=True)
    assert run.returncode == 0, run.stderr
    assert page.read_text() == \
        "text\n```akaros run\n$ a=12\n$ echo $a\n12\n" \
        "$ cat /none\nall\n...\nwrong\n```\nmore\n" \
        "```sh run\n$ echo no\n```\n" \
        "```akaros run\n$ echo a$a\na12\n```\n"


def typed():
    """The commands of tools/screenshot."""
    text = (TOP / "tools/screenshot").read_text()
    return re.findall(r'"([^"]*)"', re.search(r"^TYPED = \[(.*?)\]", text,
                                             re.M | re.S)[1])


def ppm(png):
    """What tools/screenshot makes of a screen, the other way."""
    width, height = struct.unpack(">II", png[16:24])
    at = png.index(b"IDAT")
    rows = zlib.decompress(png[at + 4:])
    step = width // 8 + 1
    bits = "".join(f"{byte:08b}" for y in range(height)
                   for byte in rows[y * step + 1:(y + 1) * step])
    return (f"P6 {width} {height} 255\n".encode() +
            b"".join(b"\xff\xff\xff" if b == "1" else b"\0\0\0" for b in bits))


def lines_behind(lines, command):
    """What stands between a command and the next prompt."""
    begin = lines.index(f"$ {command}") + 1
    end = next(n for n in range(begin, len(lines))
               if lines[n].startswith("$"))
    return lines[begin:end]


def test_the_screen_shows_what_the_machine_prints():
    """On the serial line, with the devices of the machine that was pictured."""
    shown = read_text(ppm((TOP / "Documentation/screen.png").read_bytes()))
    with Machine(f"{SMALL} -vga std -device qemu-xhci {UNIT} {EDU}",
                 kernel=KERNEL) as m:
        assert len(typed()) > 3
        for command in typed():
            pattern = "".join(pattern_of(line) + r"\n" for line
                              in lines_behind(shown, command))
            assert re.fullmatch(pattern, m.line(command).expandtabs()), \
                command
            if command.endswith("&"):
                m.await_jobs()
