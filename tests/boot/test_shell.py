# SPDX-License-Identifier: BSD-2-Clause
"""The shell and the programs, over the serial line as a person has it: words and
quotes, redirection, editing, Ctrl-C, and what is typed ahead."""
import re
import time

import pytest

from machine import EDU, SMALL, UNIT


@pytest.fixture
def m(kept):
    return kept(f"{SMALL} {UNIT} {EDU}", limit=250)


# Words

@pytest.mark.parametrize("command,output", [
    ("echo a   b", "a b"),
    ("echo 'a   b'", "a   b"),
    ('echo "a   b"', "a   b"),
    (r"echo a\ \ b", "a  b"),
    (r"echo \#iommu", "#iommu"),
    ("echo '#iommu'", "#iommu"),
    ('echo "#iommu"', "#iommu"),
    ("echo a#b", "a#b"),
    ("echo a #b", "a"),
    ("echo a # ; echo b", "a"),
    ("# nothing", ""),
    ("echo 'a'\"b\"c", "abc"),
    ("echo 'a\"b'", 'a"b'),
    ('echo "a\'b"', "a'b"),
    (r'echo "a\"b"', 'a"b'),
    ("echo '$HOME;|&<>'", "$HOME;|&<>"),
    (r"echo \; \| \& \< \>", "; | & < >"),
    ("echo ''", "\n"),
    ("echo '' a", " a"),
    ("echo -n a; echo b", "ab"),
    ("echo; echo", "\n\n"),
    ("x=1; echo $x", "1"),
    ("x='a  b'; echo \"$x\"", "a  b"),
    ("x=1; y=$x$x; echo $y", "11"),
    ("echo $nothing.", "."),
    ("x=2; echo '$x'", "$x"),
    ("echo $", "$"),
    ("true; echo $?", "0"),
    ("false; echo $?", "1"),
    ("sh -c 'exit 7'; echo $?", "7"),
    ("/bin/echo a", "a"),
    ("cd /bin; ./echo a; cd", "a"),
    ("echo a; echo b; echo c", "a\nb\nc"),
    ("true && echo a", "a"),
    ("false && echo a || echo b", "b"),
    ("true || echo a", ""),
    ("cd /tmp; pwd; cd; pwd", "/tmp\n/"),
    ("cd /bin; cd ../tmp; pwd; cd", "/tmp"),
    ("cd '#iommu'; pwd; cat ../detach; cd", "#iommu\nBUS:DEV.FN"),
    ("sh -c 'echo $1$2' x y", "xy"),
])
def test_words(m, command, output):
    got = m.line(command)
    m.line("cd")
    assert got == (output if not output.strip() else output + "\n")


def test_the_shells_own_numbers(m):
    assert m.run("echo $$") == "2\n"
    pid = m.spawn("sleep 1000")
    assert m.run("echo $!") == f"{pid}\n"
    assert m.run(f"cat /proc/{pid}/args") == "sleep 1000\n"
    m.run(f"kill {pid}; wait {pid}", status=None)


@pytest.mark.parametrize("command,message", [
    ("echo 'a", "sh: syntax error: quote not closed"),
    ("echo a |", "sh: syntax error"),
    ("| echo", "sh: syntax error"),
    ("echo a && && echo", "sh: syntax error"),
    ("echo >", "sh: syntax error"),
    ("; ;", "sh: syntax error"),
    ("nothing", "sh: nothing: not found"),
    ("/nothing", "sh: /nothing: not found"),
    ("/tmp", "sh: /tmp: "),
    ("cd /nothing", "sh: cd: /nothing: "),
    ("cd /bin/echo", "sh: cd: /bin/echo: "),
    ("cat <nothing", "sh: nothing: "),
    ("echo >/nothing/x", "sh: /nothing/x: "),
    ("wait 77777", "sh: wait: 77777: no such job"),
    ("exit foo", "sh: exit: foo: not a number"),
])
def test_errors_of_the_shell(m, command, message):
    m.type(command + "\n")
    m.expect(re.escape(command) + "\r\n" + re.escape(message))
    m.expect(r"\n\$ ")
    assert m.run("echo here") == "here\n"


# Redirection, pipes, jobs

def test_redirection(m):
    m.run("cd /tmp")
    m.run("echo one >f; echo two >>f")
    assert m.run("cat f") == "one\ntwo\n"
    assert m.run("cat <f") == "one\ntwo\n"
    assert m.run("wc <f >g; cat g").split() == ["2", "2", "8"]
    m.run("echo three >f")
    assert m.run("cat f") == "three\n"
    assert m.run("cat nothing 2>e; cat e").startswith("cat: nothing: ")
    assert m.run("cat nothing >f 2>&1; cat f").startswith("cat: nothing: ")
    assert m.run(">f; wc f").split()[:3] == ["0", "0", "0"]
    m.run("rm f g e; cd")


def test_redirection_of_the_shells_own_commands_ends_with_them(m):
    m.run("cd /nothing 2>/tmp/e", status=1)
    assert "cd: /nothing" in m.run("cat /tmp/e; rm /tmp/e")
    m.run("cd /nothing 2>&1 >/tmp/e", status=1)
    m.run("rm /tmp/e")
    assert m.run("echo here") == "here\n"


def test_pipes(m):
    assert m.run("echo a b c | wc").split() == ["1", "3", "6"]
    assert m.run("lspci | grep bridge | grep -v ISA | wc").split()[0] == "1"
    assert m.run("cat /bin/sh | cat | cat | wc") == \
        m.run("cat /bin/sh | wc")
    assert m.run("false | true; echo $?") == "0\n"
    assert m.run("true | false; echo $?") == "1\n"
    assert m.run("cat '#cons/zero' | hexdump -n 32").startswith("00000000")


def test_background(m):
    assert m.run("sh -c 'sleep 0.2; echo late' & echo early; wait") == \
        "early\nlate\n"
    assert m.run("sleep 0.1 & sleep 0.1 & wait; echo done") == "done\n"
    assert m.run("sh -c 'exit 3' & wait $!; echo $?") == "3\n"
    assert m.run("cat & wait $!; echo $?") == "0\n"     # its input is empty


def test_program_that_faults_is_named(m):
    text = m.run("memory nothing; notes nothing", status=1)
    assert "no such test" in text
    pid = m.spawn("spin")
    m.run(f"kill -note 'my own words' {pid}")
    assert m.run(f"wait {pid}; echo $?") == "128\n"


# Programs

def test_failed_writes_show_the_kernels_text(m):
    m.run("echo 0:3.0 2 >'#iommu/attach'")
    assert m.fails("echo 0:3.0 1 >'#iommu/attach'") == \
        "echo: iommu: attach 0:3.0: owned by pid 2"
    m.run("echo 0:3.0 >'#iommu/detach'")
    assert m.fails("echo >'#cons/reboot'").startswith("echo: reboot: ")
    assert m.fails("echo dance >/proc/1/ctl") == "echo: ctl: kill, not 'dance'"


@pytest.mark.parametrize("command,message", [
    ("cat nothing", "cat: nothing: "),
    ("cat /nothing", "cat: /nothing: "),
    ("ls nothing", "ls: nothing: "),
    ("ls -x", "usage: ls [-l] [FILE...]"),
    ("rm nothing", "rm: nothing: "),
    ("rm /bin", "rm: /bin: "),
    ("rm", "usage: rm "),
    ("mkdir /bin", "mkdir: /bin: exists"),
    ("mkdir /a/b", "mkdir: /a/b: "),
    ("mkdir", "usage: mkdir [-p] DIR..."),
    ("bind a", "usage: bind [-b|-a|-c] NEW OLD"),
    ("bind nothing /tmp", "bind: nothing /tmp: "),
    ("bind -x /bin /tmp", "usage: bind "),
    ("unmount /tmp", "unmount: "),
    ("kill", "usage: kill [-note TEXT] PID..."),
    ("kill foo", "kill: foo: not a process number"),
    ("kill 77777", "kill: 77777: "),
    ("sleep", "usage: sleep SECONDS"),
    ("sleep -1", "usage: sleep SECONDS"),
    ("sleep foo", "usage: sleep SECONDS"),
    ("sleep 1e3", "usage: sleep SECONDS"),
    ("lspci 0:9.0", "lspci: 0:9.0: "),
    ("lspci foo", "lspci: foo: "),
    ("hexdump nothing", "hexdump: nothing: "),
    ("cp nothing /tmp/x", "cp: nothing: "),
    ("none", "usage: none COMMAND [WORD...]"),
    ("none nothing", "none: nothing: "),
    ("edu -x", "usage: edu [-u] [-a ADDR [-r]]"),
    ("edu -a foo", "usage: edu [-u] [-a ADDR [-r]]"),
    ("none shutdown", "shutdown: "),
])
def test_errors_of_programs(m, command, message):
    assert m.fails(command).startswith(message)


def test_programs(m):
    m.run("mkdir -p /tmp/p/q/r; mkdir -p /tmp/p/q/r")
    m.run("echo hello >/tmp/p/q/r/f; cp /tmp/p/q/r/f /tmp/p/g")
    assert m.run("cat /tmp/p/g /tmp/p/q/r/f") == "hello\nhello\n"
    assert m.run("ls /tmp/p") == "g q\n"
    assert re.search(r"-rw-rw-rw- eve +6 g\n", m.run("ls -l /tmp/p"))
    m.run("rm -r /tmp/p")
    assert m.run("ls /tmp") == ""
    assert m.run("echo -n 0123456789abcdefXYZ | hexdump") == (
        "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66"
        "  |0123456789abcdef|\n"
        "00000010  58 59 5a" + " " * 42 + "|XYZ|\n00000013\n")
    assert m.run("echo a >/tmp/x; none rm /tmp/x", status=1) != ""
    m.run("rm /tmp/x")
    assert "iommu: unit 0xfed90000" in m.run("dmesg") + m.logged


def test_bind_and_unmount(m):
    m.run("mkdir /tmp/u; bind /bin /tmp/u; ls /tmp/u >/tmp/l")
    assert m.run("cat /tmp/l") == m.run("ls /bin")
    m.run("unmount /tmp/u; rm /tmp/u /tmp/l")


# Editing

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
HOME, END, DELETE, BACKSPACE = "\x1b[H", "\x1b[F", "\x1b[3~", "\x7f"


def typed(m, keys):
    """What the shell does with the keys and Enter: the command's output."""
    m.type(keys + "; echo =$?=\n")
    m.expect(r"=\d+=\r\n")
    text = m.before()
    m.expect(r"\$ ")
    return text.rpartition("echo =$?=\n")[2]


@pytest.mark.parametrize("keys,output", [
    ("echo ac" + LEFT + "b" + END, "abc\n"),
    ("echo abX" + BACKSPACE + "c", "abc\n"),
    ("echo abX" + "\b" + "c", "abc\n"),
    ("echo aXb" + LEFT + LEFT + DELETE + END, "ab\n"),
    ("cho a" + HOME + "e" + END, "a\n"),
    ("cho a" + "\x01" + "e" + "\x05", "a\n"),
    ("echo b" + LEFT + LEFT + RIGHT + "a" + END, "ab\n"),
    ("xxx\x15echo a", "a\n"),
    ("echo a bcd\x17e", "a e\n"),
    ("echo aXYZ" + LEFT * 3 + "\x0b", "a\n"),
    (LEFT * 5 + RIGHT * 5 + "echo a", "a\n"),
    ("echo \xe4\xf6\xfc" + BACKSPACE + "u", "\xe4\xf6u\n"),
    ("echo a\x1b[99~b\x1b[1;5Cc\x1bOd", "abc\n"),
    ("echo a\tb", "a b\n"),
])
def test_keys(m, keys, output):
    assert typed(m, keys) == output


def test_history(m):
    """Each line that was typed, the last one first; arrows down come back."""
    for word in "one", "two", "three":
        m.type(f"echo {word}\n")
        m.expect(f"\r\n{word}\r\n")
    m.expect(r"\$ ")
    m.type(UP * 2 + "\n")
    m.expect("\r\ntwo\r\n")
    m.expect(r"\$ ")
    m.type("echo d" + UP + UP + DOWN * 5 + "raft\n")
    m.expect("\r\ndraft\r\n")
    m.expect(r"\$ ")
    m.type(UP * 3 + " four\n")
    m.expect("\r\nthree four\r\n")
    m.expect(r"\$ ")
    m.type(UP * 500 + DOWN * 500 + "echo end\n")
    m.expect("\r\nend\r\n")
    m.expect(r"\$ ")


def test_ctrl_d_does_not_end_the_first_shell(m):
    m.type("\4")
    m.expect("This shell stays; shutdown turns the machine off.\r\n")
    m.expect(r"\$ ")
    m.type("sh\n")
    m.expect(r"sh\r\n\$ ")
    m.type("\4")
    m.expect(r"\n\$ ")
    assert m.run("echo $$") == "2\n"


def test_input_of_a_program_is_edited_by_the_kernel(m):
    m.type("cat\n")
    m.expect("cat\r\n")
    m.type("abX\x7fc\n")
    m.expect("\nabc\r\n")
    m.type("gone\x15here\n")
    m.expect("\nhere\r\n")
    m.type("\4")
    m.expect(r"\$ ")
    assert m.run("echo $?") == "0\n"


# Ctrl-C

def test_ctrl_c_ends_a_program(m):
    m.type("sleep 1000\n")
    m.expect("sleep 1000\r\n")
    m.type("\3")
    m.expect(r"\^C\r\n\$ ")
    m.type("cat\n")
    m.expect("cat\r\n")
    m.type("half a line\3")
    m.expect(r"\^C\r\n\$ ")
    m.type("spin\n")
    m.expect("spin\r\n")
    m.type("\3")
    m.expect(r"\^C\r\n\$ ")
    assert m.run("echo here") == "here\n"


def test_ctrl_c_right_behind_the_line(m):
    """Typed at once, when the console is still raw: it was lost, or only kept
    for the next line."""
    for command in "sleep 1000", "spin", "cat | cat", "sh -c 'sleep 1000'":
        m.type(command + "\n\3")
        m.expect(r"\^C\r\n\$ ", timeout=5)
        assert m.run("echo here") == "here\n"


def test_ctrl_c_ends_a_pipeline_and_a_list(m):
    m.type("sleep 1000 | cat | cat\n")
    m.expect("cat\r\n")
    m.type("\3")
    m.expect(r"\^C\r\n\$ ")
    m.type("sleep 1000; echo not here\n")
    m.expect("not here\r\n")
    m.type("\3")
    m.expect(r"\^C\r\n\$ ")
    assert "not here" not in m.before()
    assert " sleep\n" not in m.run("ps")


def test_ctrl_c_drops_the_line_that_is_typed(m):
    m.type("echo dropped\3")
    m.expect(r"\^C\r\n\$ ")
    m.type("\n")
    m.expect(r"\$ ")
    assert m.run("echo here") == "here\n"


def test_ctrl_c_leaves_background_programs_alone(m):
    pid = m.spawn("sleep 1000")
    m.type("\3")
    m.expect(r"\^C\r\n\$ ")
    m.type("sleep 1000\n")
    m.expect("1000\r\n")
    m.type("\3")
    m.expect(r"\^C\r\n\$ ")
    assert f"\n{pid:5} " in m.run("ps")
    m.run(f"kill {pid}; wait {pid}", status=None)


def test_ctrl_c_many_times(m):
    for _ in range(50):
        m.type("sleep 1000\n\3")
        m.expect(r"\^C\r\n\$ ", timeout=5)
    for _ in range(50):
        m.type("echo a\n\3")
    assert m.run("echo here") .endswith("here\n")


def test_ctrl_c_while_a_pipeline_is_started(m):
    """Each of its processes hears of it, or is not started."""
    for i in range(100):
        m.type("sleep 1000 | cat | cat | cat\n")
        m.expect("cat\r\n")
        time.sleep(i % 20 / 1000)
        m.type("\3")
        m.expect(r"\^C\r\n\$ ", timeout=5)
    assert " sleep\n" not in m.run("ps")


def test_ctrl_c_ends_wait(m):
    pid = m.spawn("sleep 1000")
    m.type("wait\n")
    m.expect("wait\r\n")
    m.type("\3")
    m.expect(r"\^C\r\n\$ ")
    m.run(f"kill {pid}; wait {pid}", status=None)


# What is typed ahead

def test_nothing_that_is_typed_ahead_is_lost(m):
    """Many lines at once, while a program runs that does not read."""
    m.type("sleep 0.5\n" + "".join(f"echo line {n}\n" for n in range(300)))
    for n in range(300):
        m.expect(rf"\nline {n}\r\n")
    m.expect(r"\$ ")
    assert m.run("echo here") == "here\n"


def test_nothing_of_a_long_line_is_lost(m):
    word = "0123456789" * 400
    assert m.run(f"echo {word}") == word + "\n"


def test_a_program_reads_all_that_was_typed_for_it(m):
    m.type("wc\n" + "0123456789\n" * 2000 + "\4")
    m.expect(r"(?m)^ *2000 +2000 +22000\b", timeout=30)
    m.expect(r"\$ ")


def test_a_program_and_the_shell_share_what_was_typed(m):
    m.type("cat\none\ntwo\n\4echo three\n")
    m.expect("one\r\n")
    m.expect("two\r\n")
    m.expect("\nthree\r\n")
    m.expect(r"\$ ")
