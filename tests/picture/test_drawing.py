# SPDX-License-Identifier: BSD-2-Clause
"""The pictures of make picture, from saved files: no machine is started.

`odd` is a made-up machine that has all that a picture can show: two units, one
of them failed; a reserved region; devices that are refused, behind no unit, or
faulty; a structure that was dropped.  `bridges` is the documentation's, as
make picture has saved it."""
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOP = HERE.parents[1]
sys.path.insert(0, str(TOP / "tools/picture"))

import main  # noqa: E402
import reach  # noqa: E402
import state  # noqa: E402
import structure  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
MACHINES = [p.name for p in HERE.iterdir() if (p / "devices").exists()]


@pytest.fixture
def odd():
    return state.load(HERE / "odd")


@pytest.fixture
def copy(tmp_path):
    """Of `odd`, to be changed."""
    return Path(shutil.copytree(HERE / "odd", tmp_path / "copy"))


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# Reading

def test_a_record():
    r = state.Record('0:3.0 id=1234:11e8 owner=- ids=a,b n=0x10 m=12 '
                     'new=1 reason="a = \'b\', c"')
    assert r.subject == "0:3.0" and r["id"] == "1234:11e8"
    assert r["owner"] is None and r["nothing"] is None
    assert r.list("ids") == ["a", "b"] and r.list("owner") == []
    assert r.number("n") == 16 and r.number("m") == 12
    assert r.number("owner") == 0
    assert r["reason"] == "a = 'b', c"


@pytest.mark.parametrize("line", [
    "unit0 state", 'unit0 reason="never ends', "unit0 a=1 and more", " a=1"])
def test_what_is_no_record(line):
    with pytest.raises(state.Odd):
        state.Record(line)


def test_pages_and_ranges():
    assert state.pages("root 1000\n100000000 5000 r-\n") == \
        {0x100000000: (0x5000, "r-")}
    assert state.walk("range from=0x3000 to=0x4fff rights=rw size=4k\n"
                      'range from=0x1000 to=0x1fff rights=r- size=4k\n'
                      'blocked reason="fenced"\n') == \
        [state.Reach(0x1000, 0x2000, "r-"), state.Reach(0x3000, 0x5000, "rw")]


def test_a_folder_without_devices(tmp_path):
    with pytest.raises(state.Odd, match="no devices there"):
        state.load(tmp_path)
    run = subprocess.run([sys.executable, TOP / "tools/picture/main.py",
                          tmp_path], capture_output=True, text=True)
    assert run.returncode and "no devices there" in run.stderr


def test_a_report(tmp_path):
    """The same machine out of the text of `iommu report`."""
    def section(name, text):
        return f"\n== {name} ==\n{text}"

    source = HERE / "odd"
    text = "iommu report, 1234 ms after boot\n" + "".join(
        section(name, (source / name).read_text()) for name in
        ("units", "acpi", "devices", "spaces")) + \
        section("stats", "iommu attach=3\n")
    text += section("faults", (source / "faults").read_text())
    for path in sorted((source / "walk").iterdir()):
        text += section("what is reached", f"{path.name}, and its way to 0x0\n"
                        "root[2] = 0x1ff34001\n"
                        "FROM               TO                    BYTES RIGHTS PAGES\n")
        for r in state.walk(path.read_text()):
            size = reach.size_text(r.end - r.start).replace(" ", "")
            text += (f"0x{r.start:016x} 0x{r.end - 1:016x} {size:>8} "
                     f"{r.rights.strip('-'):6} {1:8} x 4k\n")
        text += "3 ranges, 12 bytes (12), 4 of them writable; pages: 1 x 4k\n"
    (tmp_path / "report").write_text(text)
    s, whole = state.load(tmp_path / "report"), state.load(source)
    assert s.walks == whole.walks and s.faults == whole.faults
    assert edges(s) == edges(whole)
    assert any("Not known" in w and "pid 14, pid 17" in w for w in words_of(s))
    for pid in whole.pages:
        text += section(f"#proc/{pid}/pages",
                        (source / f"pages/{pid}").read_text())
    (tmp_path / "report").write_text(text)
    s = state.load(tmp_path / "report")
    assert s.pages == whole.pages
    run = subprocess.run([sys.executable, TOP / "tools/picture/main.py",
                          tmp_path / "report"], capture_output=True, text=True)
    assert run.stdout.split() == [str(tmp_path / "structure.svg"),
                                  str(tmp_path / "reach.svg")]


def test_devices_are_enough(tmp_path):
    shutil.copy(HERE / "odd/devices", tmp_path)
    s = state.load(tmp_path)
    assert '"1:0.0" [' in structure.text(s)
    assert "pid 14" in reach.draw(s)


# The structure

def edges(s):
    return set(re.findall(r'^\t"([^"]*)" -> "([^"]*)"', structure.text(s),
                          re.M))


def nodes(s):
    return dict(re.findall(r'^\t"([^"]*)" \[(.*)\];$', structure.text(s),
                           re.M))


def path(s, *names):
    assert set(zip(names, names[1:])) <= edges(s), names


@pytest.mark.parametrize("name", MACHINES)
def test_the_structure_names_all(name):
    s = state.load(HERE / name)
    assert set(nodes(s)) >= {
        r.subject for r in s.units + s.devices} | {
        f"space {r.subject}" for r in s.spaces} | {
        r.subject for r in s.spaces if r.subject.startswith("pid")}
    named = {n for edge in edges(s) for n in edge}
    assert named <= set(nodes(s))


def test_the_way_from_the_table_to_the_process(odd):
    path(odd, "acpi2", "unit0", "group 1:0.0 unit0", "1:0.0", "space pid14",
         "pid14")
    for device in "2:1.0", "2:2.0":
        path(odd, "acpi2", "unit0", "group 2:1.0 unit0", device,
             "space pid17", "pid17")
    path(odd, "acpi1", "unit1", "group 0:2.0 unit1", "0:2.0")
    path(odd, "acpi3", "0:14.0", "space firmware-0:14.0")
    path(odd, "no unit", "group 80:0.0 None", "80:0.0")
    assert not any(a == "0:0.0" for a, _ in edges(odd))
    assert "nvme" in nodes(odd)["pid14"]


def test_what_the_structure_says(odd):
    shown = nodes(odd)
    for name, words in {
            "unit0": "0xfed90000;on;48 bits;device-tlb;domains 4 of 65536",
            "unit1": "failed;invalidation wait",
            "0:2.0": "refused;does not work on this chipset;display",
            "2:1.0": "seen as 2:0.0;below 0:5.0;masters the bus;1234:11e8",
            "space pid14": "11 x 4k, 1 x 2m;domain 3 of unit0;3 tables",
            "space pid17": "2 pages in quarantine",
            "acpi3": "RMRR;0x7d000000 - 0x7d01ffff",
            "acpi2": "ioapic:0:1e.1;all that no other names",
            "acpi5": "offset 0x88;&lt;unknown&gt; &amp; ignored"}.items():
        for word in words.split(";") if name != "acpi5" else [words[:11],
                                                              words[12:]]:
            assert word in shown[name], (name, word)


def test_faults_are_red(odd):
    shown = nodes(odd)
    assert "2 faults" in shown["faults 2:1.0"]
    assert "read 0x100300000" in shown["faults 2:1.0"]     # the last one
    red = {name for name, more in shown.items() if structure.RED in more}
    assert red == {"2:1.0", "faults 2:1.0", "group 2:1.0 unit0",
                   "unit1", "0:2.0", "80:0.0", "no unit"}
    lines = [tuple(re.findall(r'"([^"]*)"', line)[:2])
             for line in structure.text(odd).splitlines()
             if " -> " in line and structure.RED in line]
    assert set(lines) == {
        ("unit0", "group 2:1.0 unit0"), ("group 2:1.0 unit0", "2:1.0"),
        ("2:1.0", "space pid17"), ("space pid17", "pid17"),
        ("2:1.0", "faults 2:1.0")}


def test_faults_under_an_id_that_is_shared(copy):
    """Nobody knows which of them it was."""
    change(copy / "faults", "2:1.0 ", "2:0.0 ")
    s = state.load(copy)
    path(s, "2:1.0", "faults 2:0.0")
    path(s, "2:2.0", "faults 2:0.0")
    assert "2 faults of 2:0.0" in nodes(s)["faults 2:0.0"]
    assert "faults 2:1.0" not in nodes(s)


def test_faults_that_nobody_was_told_of(copy):
    (copy / "faults").unlink()
    assert "2 faults of 2:1.0" in nodes(state.load(copy))["faults 2:1.0"]


def test_faults_of_nobody_known(copy):
    change(copy / "faults", "2:1.0 pid=17", "7f:0.0 pid=0")
    change(copy / "devices", "faults=2", "faults=0")
    assert "2 faults of 7f:0.0" in nodes(state.load(copy))["faults 7f:0.0"]


def test_without_faults_nothing_of_them_is_shown(copy):
    (copy / "faults").unlink()
    change(copy / "devices", "faults=2", "faults=0")
    assert "faults" not in structure.text(state.load(copy))


@pytest.mark.parametrize("name", MACHINES)
def test_the_same_files_give_the_same_pictures(name, tmp_path):
    for n in "12":
        (tmp_path / n).mkdir()
        main.draw(HERE / name, tmp_path / n)
    for picture in "structure.svg", "reach.svg":
        text = (tmp_path / "1" / picture).read_text()
        assert text == (tmp_path / "2" / picture).read_text()
        assert "graphviz version" not in text
        assert xml.fromstring(text).tag == SVG + "svg"


def test_the_pages_pictures_are_those_of_the_files():
    s = state.load(HERE / "bridges")
    shown = TOP / "Documentation"
    assert (shown / "reach.svg").read_text() == reach.draw(s)
    drawn = xml.parse(shown / "structure.svg")  # another dot places otherwise
    for kind in "title", "text":
        assert sorted(t.text or "" for t in drawn.iter(SVG + kind)) == \
            sorted(t.text or "" for t in
                   xml.fromstring(structure.draw(s)).iter(SVG + kind))


def test_graphviz_draws_what_it_is_told(odd):
    drawn = xml.fromstring(structure.draw(odd))
    titles = {t.text for t in drawn.iter(SVG + "title")}
    assert set(nodes(odd)) <= titles
    words = " ".join(t.text or "" for t in drawn.iter(SVG + "text"))
    assert "type 7 <unknown> & ignored" in words.replace("\xa0", " ")


# Who reaches what

def drawn(s):
    """What each rectangle with a title says, and where it is."""
    return [(r.find(SVG + "title").text, float(r.get("x")),
             float(r.get("width")))
            for r in xml.fromstring(reach.draw(s)).iter(SVG + "rect")
            if r.find(SVG + "title") is not None]


def words_of(s):
    return [t.text for t in xml.fromstring(reach.draw(s)).iter(SVG + "text")]


def test_rows_of_the_map(odd):
    assert [row.name for row in reach.rows_of(odd)] == [
        "pid 14 nvme", "device 1:0.0", "pid 17 lab", "device 2:1.0",
        "device 2:2.0", "device 0:14.0"]
    words = words_of(odd)
    assert "5 other functions reach nothing." in words[-1]
    assert "2 faults" in words


def test_who_had_faults_is_red(odd):
    red = {t.text for t in xml.fromstring(reach.draw(odd)).iter(SVG + "text")
           if t.get("fill") == reach.RED}
    assert red == {"device 2:1.0", "2 faults"}


def test_frames_behind_a_device(odd):
    titles = [title for title, *_ in drawn(odd)]
    assert "device 1:0.0: 0x440000 to 0x443fff, read, 16 KiB" in titles
    assert "device 1:0.0: 0x1800000 to 0x19fffff, read and write, 2 MiB" \
        in titles
    assert "device 2:2.0: 0x4100000 to 0x4100fff, read and write, 4 KiB" \
        in titles
    assert "device 0:14.0: 0x7d000000 to 0x7d01ffff, read and write, 128 KiB" \
        in titles
    # What the process has and the device does not see.
    assert "pid 14 nvme: 0x9000000 to 0x9000fff, read and write, 4 KiB" \
        in titles
    assert not any("device 1:0.0: 0x9000000" in t for t in titles)


def test_registers_are_no_memory(copy):
    (copy / "pages/14").write_text("8000000000 fe200000 rw\n")
    titles = [title for title, *_ in drawn(state.load(copy))]
    assert "pid 14 nvme: 0xfe200000 to 0xfe200fff, registers, 4 KiB" in titles
    assert not any("device 1:0.0: 0xfe200000" in t for t in titles)


def test_a_stretch_is_to_scale(odd):
    at = {title.partition(",")[0]: (x, width) for title, x, width
          in drawn(odd)}
    x, width = at["pid 14 nvme: 0x440000 to 0x443fff"]
    x2, width2 = at["pid 14 nvme: 0x444000 to 0x44afff"]
    assert x + width == pytest.approx(x2, abs=0.2)
    assert width2 / width == pytest.approx(7 / 4, rel=0.02)
    assert at["device 1:0.0: 0x440000 to 0x443fff"] == (x, width)


def test_memory_is_cut_into_few_stretches(copy):
    (copy / "pages/14").write_text("".join(
        f"{0x100000000 + n * 4096:x} {n * 0x300000:x} rw\n"
        for n in range(200)))
    (copy / "walk/1:0.0").write_text(
        "range from=0x100000000 to=0x1000c7fff rights=rw size=4k\n")
    rows = list(reach.rows_of(state.load(copy)))
    found = reach.stretches(rows)
    assert len(found) <= reach.MOST
    reach.lay_out(found)
    assert found[-1].x + found[-1].width <= reach.LEFT + reach.WIDE + 1
    for row in rows:
        for r in row.reach:
            assert sum(s.start <= r.start and r.end <= s.end
                       for s in found) == 1


def test_nobody_shares_what_another_writes(odd):
    assert any("Nothing that one owner" in w for w in words_of(odd))
    assert any(w.startswith("No device reaches anything that its process")
               for w in words_of(odd))


def test_memory_of_two_is_told(copy):
    change(copy / "pages/17", "503000 rw", "445000 rw")
    text = " ".join(words_of(state.load(copy)))
    assert "pid 14 nvme and pid 17 lab" in text
    assert "device 1:0.0 and device 2:1.0" in text
    assert "device 2:1.0 and device 2:2.0" not in text


@pytest.mark.parametrize("file, old, new, told", [
    ("walk/2:1.0", "from=0x100106000", "from=0x100105000", "2:1.0 4 KiB"),
    ("walk/1:0.0", "rights=r-", "rights=rw", "1:0.0 16 KiB"),
])
def test_a_device_that_reaches_more_than_its_process_is_told(
        copy, file, old, new, told):
    change(copy / file, old, new)
    assert f"What a device reaches and its process does not: {told}." \
        in words_of(state.load(copy))


def test_sizes():
    assert [reach.size_text(n) for n in (512, 4096, 5 << 19, 3 << 30)] == \
        ["512 bytes", "4 KiB", "2.5 MiB", "3 GiB"]
