# SPDX-License-Identifier: BSD-2-Clause
"""A machine that is started from the ISO image, looked at through pictures of
its screen and typed at through its keyboard.

The text is read back out of the picture by the kernel's own letters
(kern/drivers/screen/font.c): a cell that is none of them, or not quite one, is
read as NONE.
"""
import re
import time

from machine import CHECKER, KERNELS, PATIENCE, TOP, UNIT, Machine, wait_for

ISO = KERNELS / "akaros.iso"
WIDTH, HEIGHT = 8, 16           # of a cell
NONE = "\N{REPLACEMENT CHARACTER}"
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"

FIRMWARE = {
    "bios": "",
    "uefi": f"-drive if=pflash,format=raw,readonly=on,file={OVMF}",
}
# How the image is in the machine; {iso} is the image.
MEDIA = {
    "cd": "-cdrom {iso}",
    "disk": "-drive file={iso},format=raw,if=none,id=stick "
            "-device ide-hd,drive=stick",
    "usb": "-device qemu-xhci -drive file={iso},format=raw,if=none,id=stick "
           "-device usb-storage,drive=stick",
}
NO_SERIAL = ("-machine q35 -nodefaults -display none -vga std -smp 2 -m 512 "
             f"{UNIT}")

# Keys of the US layout, as QEMU calls them.
PLAIN = dict(zip("-=[];'`\\,./ \n", "minus equal bracket_left bracket_right "
                 "semicolon apostrophe grave_accent backslash comma dot slash "
                 "spc ret".split()))
SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./"))


def letters():
    """The kernel's letters and those with all pixels turned round, as the rows
    of a cell with a byte a pixel."""
    source = (TOP / "kern/drivers/screen/font.c").read_text()
    rows = re.findall(r'^\t"([.#]{64})",$', source, re.M)
    assert len(rows) == 12 * 14
    found = {}
    for i in range(96):
        band, at = rows[i // 8 * 14:][:14], i % 8 * WIDTH
        cell = "." * WIDTH + "".join(r[at:at + WIDTH] for r in band) \
            + "." * WIDTH
        lit = bytes(c == "#" for c in cell)
        for key in (lit, bytes(1 - b for b in lit)):
            assert key not in found, (chr(32 + i), found[key])
            found[key] = chr(32 + i)
    return found


LETTERS = letters()
LIT = bytes([0] + [1] * 255)    # what is not black


def read_ppm(data):
    """Width and height, and a byte for each pixel: whether it is lit."""
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    pixels = data[head.end():]
    return int(head[1]), int(head[2]), pixels[1::3].translate(LIT)


def read_text(data):
    """The lines of text in a picture, without blanks at their ends."""
    width, height, pixels = read_ppm(data)
    lines = []
    for y in range(0, height - HEIGHT + 1, HEIGHT):
        rows = [pixels[r * width:][:width] for r in range(y, y + HEIGHT)]
        lines.append("".join(
            LETTERS.get(b"".join(r[x:x + WIDTH] for r in rows), NONE)
            for x in range(0, width - WIDTH + 1, WIDTH)).rstrip())
    return lines


def keys_for(c):
    if c in SHIFTED:
        return ["shift", *keys_for(SHIFTED[c])]
    if c.isupper():
        return ["shift", c.lower()]
    return [PLAIN.get(c, c)]


class ScreenMachine(Machine):
    """One that is started by firmware and GRUB."""
    def __init__(self, firmware, medium, options=NO_SERIAL, iso=ISO, limit=100,
                 more=""):
        self.shown_complaints = set()
        media = MEDIA[medium].format(iso=iso)
        super().__init__(f"{options} {FIRMWARE[firmware]} {media} {more}",
                         kernel=None, limit=limit, prompt=False)
        wait_for(self.connects)

    def connects(self):
        """Whether QEMU has come so far as to listen to its monitor."""
        try:
            self.qmp("query-status")
        except OSError:
            self.monitor = None
        return self.monitor

    def picture(self):
        path = self.dir / "screen"
        self.qmp("screendump", filename=str(path))
        return path.read_bytes()

    def lines(self):
        """The screen's text down to the last line that has any."""
        text = read_text(self.picture())
        while text and not text[-1]:
            text.pop()
        self.shown_complaints.update(
            CHECKER.findall("\n".join(text) + "\n"))
        return text

    def checkers(self):
        return super().checkers() + "".join(sorted(self.shown_complaints))

    def close(self):
        if not self.ended and self.connects():
            self.lines()
        super().close()

    def report(self):
        if not self.ended and self.connects():
            shown = "\n".join(self.lines()).replace(NONE * 3, "")
            return f"{super().report()}\n--- screen\n{shown}"
        return super().report()

    def await_lines(self, condition, timeout=60):
        """Until the screen's text is as it should be; that text."""
        end = time.monotonic() + timeout * PATIENCE
        while not condition(lines := self.lines()):
            assert time.monotonic() < end, "the screen never shows that"
            assert self.process.poll() is None, "the machine ended"
            time.sleep(0.1)
        return lines

    def await_screen_prompt(self, above="help lists the programs"):
        """Until the last line is a prompt, below one that begins so."""
        return self.await_lines(
            lambda lines: len(lines) > 1 and lines[-1] == "$" and
            lines[-2].startswith(above))

    def press(self, *keys):
        self.qmp("send-key", keys=[{"type": "qcode", "data": k} for k in keys],
                 **{"hold-time": 20})

    def press_for(self, text):
        for c in text:
            self.press(*keys_for(c))

    def run_on_screen(self, command):
        """What it prints, once the next prompt is there."""
        typed = f"$ {command}; echo =$?="
        before = self.lines().count(typed)
        self.press_for(typed[2:] + "\n")
        lines = self.await_lines(   # the last command's end may still be there
            lambda lines: lines.count(typed) > before and lines[-1] == "$" and
            re.fullmatch(r"=\d+=", lines[-2]))
        assert lines[-2] == "=0=", lines
        begin = len(lines) - 1 - lines[::-1].index(typed)
        return lines[begin + 1:-2]
