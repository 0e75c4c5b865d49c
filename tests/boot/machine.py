# SPDX-License-Identifier: BSD-2-Clause
"""QEMU with our kernel in it: its serial line over pipes, its monitor (QMP)
over a socket.

Each machine ends by itself after `limit` seconds, whatever happens to the
tests.  What QEMU itself complains about is kept apart from the serial line, and
shown with it when a test fails.
"""
import functools
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from pexpect import EOF, TIMEOUT, fdpexpect

TOP = Path(__file__).resolve().parents[2]
QEMU = os.environ.get("QEMU") or "qemu-system-x86_64"
KERNELS = TOP / os.environ.get("KERNELS", "obj")
KERNEL = KERNELS / "kern/akaros-kernel"
TEST_KERNEL = KERNELS / "kern/akaros-kernel-test"
# All times are for the ordinary kernel; others may take longer.
PATIENCE = 1 if KERNELS.parent == TOP else 3

# Small machines for tests that need no more.  With -icount, time goes by as
# instructions do, and at once while the processor halts.
SMALL = "-machine q35 -nographic -nodefaults -serial stdio -smp 2 -m 512"
UNIT = "-device intel-iommu,intremap=off,caching-mode=on,device-iotlb=on,aw-bits=48"
EDU = "-device edu,addr=3,dma_mask=0xffffffffffffffff"
ICOUNT = "-icount shift=4,sleep=off"

LOG_LINE = re.compile(r"\[ *\d+\.\d{6}\] [^\n]*\n")
PANIC = r"panic: [^\n]*\n"
CHECKER = re.compile(r"error: (?:ubsan|lock): [^\n]*\n")

# LAZY=1: each kernel that is not told how to unmap does so lazily; but for
# tests marked `strict`, which conftest.py sees to.
LAZY = bool(os.environ.get("LAZY"))
lazy = LAZY     # in the present test

machines = []   # that live, or ended during the present test; for conftest.py


def clean_environment():
    """As it is outside of make."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MAKE")
            and k != "MFLAGS"}


def make_run_machine():
    """The options that `make run` gives to QEMU."""
    text = subprocess.run(["make", "-s", "--no-print-directory", "-C", TOP,
                           "print-machine"], env=clean_environment(),
                          check=True, capture_output=True, text=True).stdout
    return text.strip()


@functools.cache
def qemu_version():
    """Major and minor number."""
    text = subprocess.run([QEMU, "--version"], check=True, capture_output=True,
                          text=True).stdout
    return tuple(int(n) for n in re.search(r"(\d+)\.(\d+)", text).groups())


@functools.cache
def unknown_to_qemu(unit_options):
    """Those of the unit's options, as in "pt=off,aw-bits=39", that this QEMU
    does not have: some come and go."""
    known = subprocess.run([QEMU, "-device", "intel-iommu,help"], check=True,
                           capture_output=True, text=True).stdout
    return [option for option in unit_options.split(",")
            if f"  {option.partition('=')[0]}=<" not in known]


def in_mode(cmdline):
    if not lazy or re.search(r"(^| )iommu=", cmdline or ""):
        return cmdline
    return f"{cmdline or ''} iommu=lazy".strip()


class Machine:
    def __init__(self, options, kernel=TEST_KERNEL, cmdline=None, limit=60,
                 prompt=True):
        self.dir = Path(tempfile.mkdtemp(prefix="ak"))
        self.kernel = kernel
        argv = [QEMU, *shlex.split(options), "-no-reboot",
                "-qmp", f"unix:{self.dir}/q,server,nowait"]
        if kernel:
            argv += ["-kernel", str(kernel)]
            cmdline = in_mode(cmdline)
        if cmdline is not None:
            argv += ["-append", cmdline]
        self.start(argv, limit)
        self.monitor = None
        if prompt:
            self.expect_prompt()

    def start(self, argv, limit):
        self.argv = argv
        self.good = True        # it did what was expected last
        self.idle = None        # who waits for a command: "shell", or a lab
        self.seen = ""          # all that came over the serial line
        self.logged = ""        # the kernel's lines during the last run()
        self.checked = 0        # how much of `seen` checkers() has looked at
        self.complaints = open(self.dir / "stderr", "w+")
        self.process = subprocess.Popen(
            ["timeout", "-k", "5", str(limit * PATIENCE), *argv], cwd=TOP,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.complaints, env=clean_environment())
        self.serial = fdpexpect.fdspawn(self.process.stdout, encoding="utf-8",
                                        codec_errors="replace", timeout=20)
        self.serial.logfile_read = self
        self.ended = None       # the report, once it is gone
        machines.append(self)

    # The log file that pexpect writes to.
    def write(self, text):
        self.seen += text

    def flush(self):
        pass

    def close(self):
        if self.monitor:
            self.monitor.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.set_blocking(self.process.stdout.fileno(), False)
        self.seen += (self.process.stdout.read() or b"").decode(
            errors="replace")
        self.ended = self.report()
        self.process.stdin.close()
        self.process.stdout.close()
        self.complaints.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def report(self):
        """All that is known about it, for a failed test."""
        if self.ended:
            return self.ended
        self.complaints.seek(0)
        return (f"{shlex.join(map(str, self.argv))}\n--- serial line\n"
                f"{self.seen}\n--- QEMU's own words\n{self.complaints.read()}")

    def checkers(self):
        """What the checkers of CONFIG_UBSAN and CONFIG_LOCK_ORDER have told of
        since the last call, and where the addresses are in the sources."""
        text = self.seen[self.checked:self.seen.rfind("\n") + 1]
        self.checked += len(text)
        lines = "".join(CHECKER.findall(text))
        places = re.findall(r"0xffffffff[0-9a-f]{8}", lines)
        if places:
            lines += subprocess.run(
                ["addr2line", "-afpe", str(self.kernel), *places],
                capture_output=True, text=True).stdout
        return lines

    # The serial line

    def type(self, text):
        self.idle = None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def expect(self, pattern, timeout=20):
        """Waits for the pattern; the match.  What came before it: before()."""
        found = self.serial.expect([PANIC, EOF, TIMEOUT, pattern],
                                   timeout=timeout * PATIENCE)
        self.good = found == 3
        if found == 0:
            self.drain()
        assert found != 0, "the kernel panicked"
        assert found != 1, f"the machine ended before {pattern!r}"
        assert found != 2, f"no {pattern!r} within {timeout} seconds"
        return self.serial.match

    def expect_prompt(self):
        self.expect(r"\$ ")
        self.idle = "shell"

    def before(self):
        return self.serial.before.replace("\r\n", "\n")

    def drain(self):
        """Takes what still comes, for the report."""
        self.serial.expect([EOF, TIMEOUT], timeout=0.5)

    def expect_end(self, timeout=20):
        found = self.serial.expect([PANIC, EOF, TIMEOUT],
                                   timeout=timeout * PATIENCE)
        assert found == 1, "the machine does not end"
        return self.process.wait(10)

    # The shell

    def line(self, line):
        """Types the line, as it stands, and gives what comes before the
        prompt."""
        self.type(line + "\n")
        self.expect(re.escape(line) + "\r\n")
        self.expect(r"(^|\r\n)\$ ")
        self.idle = "shell"
        text = self.before()
        return text + "\n" if text or self.serial.after != "$ " else ""

    def run(self, command, status=0, timeout=20):
        """Runs a command line in the shell, checks how it ended (None: any
        way), and gives what it printed, without the kernel's log."""
        self.type(command + "; echo =$?=\n")
        got = int(self.expect(r"=(\d+)=\r\n", timeout)[1])
        text = self.before()
        self.logged = "".join(LOG_LINE.findall(text))
        self.expect_prompt()
        assert status is None or got == status, f"{command}: status {got}"
        return LOG_LINE.sub("", text).partition("\n")[2]

    def fails(self, command):
        """Likewise for one that must fail; its one line."""
        text = self.run(command, status=None)
        assert not text.endswith("=0="), command
        assert text.count("\n") == 1, f"{command}: not one line: {text!r}"
        return text.strip()

    def spawn(self, command):
        """Starts it in the background; its pid, once it is that program: an
        exec takes devices away."""
        text = self.run(command + " & echo pid $!")
        pid = int(re.search(r"pid (\d+)", text)[1])
        wait_for(lambda: command.startswith("sh ") or not self.run(
            f"cat '#proc/{pid}/status'", status=None)
            .startswith(("sh ", "none ")))
        return pid

    def await_jobs(self):
        """Until each job that was typed with & is the program that it was to be,
        and sleeps: an exec takes devices away."""
        def busy(line):
            pid, _, _, state, *_, name = line.split()
            return pid != "2" and name != "ps" and \
                (state != "sleeping" or name == "sh")

        wait_for(lambda: not any(map(busy, LOG_LINE.sub(
            "", self.line("ps")).splitlines()[1:])))

    def check(self):
        """What the kernel itself finds wrong with devices and their tables;
        whoever waits for commands is asked."""
        if self.idle == "shell":
            text = self.run("cat '#iommu/check'", status=None)
            return [line for line in text.splitlines()
                    if not re.search(r": ok( |$)", line) and line != "=0="]
        if self.idle:
            answer = self.idle("check")
            return [] if answer == "all ok" else [answer]
        return []

    # The monitor

    def qmp(self, command, **arguments):
        if not self.monitor:
            self.monitor = socket.socket(socket.AF_UNIX)
            self.monitor.settimeout(20)
            self.monitor.connect(str(self.dir / "q"))
            self.answers = self.monitor.makefile()
            self.qmp("qmp_capabilities")
        request = {"execute": command, "arguments": arguments}
        self.monitor.sendall(json.dumps(request).encode() + b"\n")
        while True:             # events, and the greeting, may come before
            answer = json.loads(self.answers.readline())
            if not {"event", "QMP"} & set(answer):
                break
        assert "return" in answer, answer
        return answer["return"]

    def memory(self, pa, length=4096):
        """Physical memory, as it is outside of all translation."""
        path = self.dir / "memory"
        self.qmp("pmemsave", val=pa, size=length, filename=str(path))
        return path.read_bytes()


def wait_for(condition, timeout=20):
    """Until the condition holds, which it gives; for what the machine does not
    tell."""
    end = time.monotonic() + timeout * PATIENCE
    while not (held := condition()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
    return held
