# SPDX-License-Identifier: BSD-2-Clause
"""The files of #iommu that show units, devices and spaces, the firmware's table
and what a device reaches: each against the others, against `info`, `mappings`
and #pci, against the monitor, and before and after what changes them."""
import re
import struct

import pytest

from machine import EDU, ICOUNT, SMALL, UNIT, wait_for

STATES = {"free", "attached", "firmware", "refused", "fenced"}
RESETS = {"function-level", "advanced-features", "power-state",
          "secondary-bus", "none"}
MASTER = 4


def records(text):
    """{subject: {key: value}}, in order."""
    found = {}
    for line in text.splitlines():
        subject, _, rest = line.partition(" ")
        fields = re.findall(r'(\w+)=("[^"]*"|\S+)', rest)
        assert " ".join(f"{k}={v}" for k, v in fields) == rest, line
        assert len(dict(fields)) == len(fields) and subject not in found, line
        found[subject] = dict(fields)
    return found


def read(m, name):
    return records(m.run(f"cat '#iommu/{name}'"))


def statuses(m, devices):
    """{device: {field: value}}, and {device: the first bytes of `config`}; a few
    at a time."""
    status, config = {}, {}
    for at in range(0, len(devices), 6):
        some = devices[at:at + 6]
        text = m.run("cat " + " ".join(f"'#pci/{d}/status'" for d in some))
        for name, part in zip(some, re.findall(r"owner [^\n]*\n(?:(?!owner )"
                                               r"[^\n]*\n)*", text)):
            status[name] = dict(re.findall(
                r"^(requester ids|reserved memory|device tlb|\w+) (.*)$", part,
                re.M))
        text = m.run("; ".join(f"hexdump -n 12 '#pci/{d}/config'"
                               for d in some))
        for name, line in zip(some, text.splitlines()[::2]):
            config[name] = line.split()[1:13]
    return status, config


def walk(m, *words):
    return m.run(f"see walk {' '.join(words)}").splitlines()


def by_address(name):
    return [int(part, 16) for part in re.split("[:.]", name)]


def in_list(value):
    return [] if value == "-" else value.split(",")


def info_of_units(m):
    """What `info` says of each unit: {field: value}."""
    return [dict(re.findall(r"^\t+([^=:\n]+?)(?: =|:) (.*)$", part, re.M))
            for part in m.run("cat '#iommu/info'").split("\niommu@")[1:]]


def mappings(m):
    return {(int(pid), device) for pid, devices in re.findall(
        r"\tpid = (\d+)\n((?:\t\t.*\n)+)", m.run("cat '#iommu/mappings'"))
            for device in re.findall(r"device = (\S+)", devices)}


def pages_of(m, pid):
    """{address: frame} of a process."""
    text = m.run(f"cat '#proc/{pid}/pages'")
    return {int(va, 16): int(pa, 16) for va, pa in
            re.findall(r"^([0-9a-f]+) ([0-9a-f]+) ", text, re.M)}


def table(m, pa):
    raw = m.memory(pa)
    return [int.from_bytes(raw[i:i + 8], "little") for i in range(0, 4096, 8)]


def all_agree(m):
    """Units, devices and spaces, with each other and with older files."""
    units, devices = read(m, "units"), read(m, "devices")
    spaces = read(m, "spaces")
    assert list(units) == [f"unit{i}" for i in range(len(units))]
    for unit, old in zip(units.values(), info_of_units(m)):
        assert int(unit["base"], 16) == int(old["rba"], 16)
        assert int(unit["cap"], 16) == int(old["capabilities"], 16)
        assert int(unit["ecap"], 16) == int(old["ext. capabilities"], 16)
        assert unit["devices"] == old["num_assigned_devs"]
        assert unit["domains"] == old["num domains"]
        assert (unit["state"] == "on") == (old["translation"] == "enabled")
        assert ("caching" in unit["can"]) == ("yes" in old["caching mode"])
        assert ("coherent" in unit["can"]) == (old["coherency"] == "yes")
        assert unit["queued"] == "0" and unit["queue"] == "256"
    names = m.run("ls '#pci'").split()
    assert set(devices) == set(names)
    assert list(devices) == sorted(names, key=by_address)
    attached = set()
    status, configs = statuses(m, list(devices))
    for name, device in devices.items():
        now, config = status[name], configs[name]
        assert device["state"] in STATES and device["reset"] in RESETS
        assert now["owner"] == device["owner"].replace("-", "0")
        assert now["domain"] == device["domain"].replace("-", "0")
        assert now["requester ids"].split() == in_list(device["ids"])
        assert now["group"] == device["group"]
        assert now["faults"] == device["faults"]
        assert now["fenced"] == device["fenced"]
        assert now["reset"].replace(" ", "-") == device["reset"]
        assert now["reaches"].split()[0] == device["reachable"]
        assert (now["covered"] == "yes") == (device["unit"] != "-")
        if device["unit"] != "-":
            assert now["unit"] == units[device["unit"]]["base"]
        assert f"0x{config[11]}{config[10]}{config[9]}" == device["class"]
        assert f"{config[1]}{config[0]}:{config[3]}{config[2]}" == device["id"]
        assert (int(config[4], 16) & MASTER != 0) == (device["master"] == "on")
        assert (device["state"] == "refused") <= ("reason" in device)
        assert device["above"] == "-" or device["above"] in devices
        if device["owner"] != "-":
            attached.add((int(device["owner"]), name))
    assert attached == mappings(m)
    assert list(spaces) == [f"pid{pid}" for pid in
                            sorted({pid for pid, _ in attached})]
    for subject, space in spaces.items():
        pid = int(subject[3:])
        mine = {n: d for n, d in devices.items() if d["owner"] == str(pid)}
        assert in_list(space["devices"]) == list(mine)
        assert set(in_list(space["domains"])) == {
            f"{d['unit']}:{d['domain']}" for d in mine.values()}
        reached = (int(space["4k"]) + int(space["2m"]) * 512 +
                   int(space["1g"]) * 512 * 512) * 4096
        assert {d["reachable"] for d in mine.values()} == {str(reached)}
        assert reached == 4096 * len(pages_of(m, pid))
        assert space["quarantined"] == "0"
    for n, unit in units.items():
        assert int(unit["devices"]) == \
            sum(d["unit"] == n and d["owner"] != "-" for d in devices.values())
        assert int(unit["used"]) == 2 + len({
            d["domain"] for d in devices.values()
            if d["unit"] == n and d["domain"] != "-"})
    return units, devices, spaces


def walks_are_true(m, device, pid):
    """All that it reaches is its process's memory, entry by entry; each entry
    as it stands in memory, seen from outside."""
    have = pages_of(m, pid)
    ranges = records("".join(f"r{i} {line.partition(' ')[2]}\n" for i, line in
                             enumerate(walk(m, device))))
    found = []
    for r in ranges.values():
        lo, hi = int(r["from"], 16), int(r["to"], 16)
        assert r["size"] in ("4k", "2m", "1g") and r["rights"] in ("r", "rw")
        found += range(lo, hi + 1, 4096)
    assert sorted(found) == sorted(have)
    for va in found[::max(1, len(found) // 3)]:
        lines = walk(m, device, f"{va + 0x123:x}")
        entries = {line.split()[0]: dict(re.findall(r"(\w+)=(\S+)", line))
                   for line in lines}
        at = entries["root"]
        for name in list(entries)[1:-1]:
            assert int(at["entry" if "entry" in at else "low"], 16) & \
                ~0xfff & (1 << 52) - 1 == int(at["table"], 16)
            words = table(m, int(at["table"], 16))
            at = entries[name]
            index = int(at["index"])
            if name == "context":
                assert words[index * 2] == int(at["low"], 16)
                assert words[index * 2 + 1] == int(at["high"], 16)
            else:
                assert words[index] == int(at["entry"], 16), (name, lines)
        assert lines[-1].startswith(f"frame addr=0x{have[va] + 0x123:x} ")


def test_the_plain_machine(boot):
    m = boot(f"{SMALL} {ICOUNT} {UNIT} {EDU}")
    units, devices, _ = all_agree(m)
    assert units["unit0"]["width"] == "48"
    assert units["unit0"]["levels"] == "3,4"
    assert devices["0:3.0"]["id"] == "1234:11e8"
    assert {d["state"] for d in devices.values()} == {"free"}
    pid = m.spawn("clean 3 100000")
    wait_for(lambda: len(pages_of(m, pid)) > 3 * 256)
    m.run(f"echo 0:3.0 {pid} >'#iommu/attach'")
    units, devices, spaces = all_agree(m)
    assert devices["0:3.0"]["state"] == "attached"
    assert devices["0:3.0"]["master"] == "on"
    assert spaces[f"pid{pid}"]["levels"] == "4"
    walks_are_true(m, "0:3.0", pid)
    m.run(f"kill {pid}; wait {pid}", status=None)
    units, devices, spaces = all_agree(m)
    assert devices["0:3.0"]["state"] == "free" and spaces == {}


@pytest.mark.parametrize("bits", [39, 48])
def test_before_and_after_each_step(boot, bits):
    m = boot(f"{SMALL} {ICOUNT} {UNIT.replace('48', str(bits))} {EDU}")
    text = m.run("see steps 0:3.0")
    steps = {}
    for part in text.split("=== ")[1:]:
        name, _, rest = part.partition("\n")
        files = re.split(r"^== (.*)\n", rest, flags=re.M)[1:]
        steps[name] = dict(zip(files[::2], files[1::2]))
    assert list(steps) == ["before", "attached", "mapped", "protected",
                           "unmapped", "off", "on", "detached"]

    def device(step):
        return records(steps[step]["devices"])["0:3.0"]

    def reached(step):
        ranges = re.findall(r"range from=0x(\w+) to=0x(\w+) rights=(\w+)",
                            steps[step]["walk"])
        return sum(int(hi, 16) + 1 - int(lo, 16) for lo, hi, _ in ranges)

    for step, files in steps.items():
        assert reached(step) == int(device(step)["reachable"]), step
        spaces = records(files["spaces"])
        if step in ("before", "detached"):
            assert spaces == {} and device(step)["state"] == "free"
            assert device(step)["domain"] == "-"
            assert records(files["units"])["unit0"]["used"] == "2"
        else:
            space, = spaces.values()
            assert space["levels"] == ("3" if bits == 39 else "4")
            assert int(space["4k"]) * 4096 == reached(step)
            assert device(step)["state"] == "attached"
            assert records(files["units"])["unit0"]["used"] == "3"
            assert "device = 0:3.0" in files["mappings"]
    more = reached("mapped") - reached("attached")
    assert 5 * 4096 <= more <= 7 * 4096     # and tables of its own
    assert reached("protected") == reached("mapped")
    assert reached("unmapped") == reached("mapped") - 5 * 4096
    for step in steps:
        on = step not in ("before", "off", "detached")
        assert device(step)["master"] == ("on" if on else "off"), step
        assert records(steps[step]["units"])["unit0"]["state"] == \
            ("off" if step == "off" else "on")

    def page(step):
        return next(text for name, text in steps[step].items()
                    if name.startswith("page"))

    levels = ["level3", "level2", "level1"]
    assert [line.split()[0] for line in page("mapped").splitlines()] == [
        "root", "context", *(["level4"] if bits == 48 else []), *levels,
        "frame"]
    frame = page("mapped").splitlines()[-1]
    assert frame.endswith("rights=rw size=4k")
    assert page("protected").splitlines()[-1] == frame.replace("rw", "r")
    assert re.search(r'blocked reason="level \d is absent"\n$',
                     page("unmapped"))


ROOT_PORT = "-device pcie-root-port,id={0},bus={1},chassis={2},addr={3} "
MANY = (f"{SMALL} {ICOUNT} {UNIT} "
        "-device pxb-pcie,bus_nr=0x40,id=x,bus=pcie.0,addr=8 "
        "-device pxb-pcie,bus_nr=0x80,id=y,bus=pcie.0,addr=9 "
        + ROOT_PORT.format("a", "pcie.0", 1, 5)
        + ROOT_PORT.format("b", "x", 2, 0) + ROOT_PORT.format("c", "y", 3, 0)
        + "-device pcie-pci-bridge,id=p,bus=pcie.0,addr=6 "
        + "".join(f"-device edu,bus={bus},addr={addr},dma_mask=0xffffffffffffffff "
                  for bus, addr in [("a", 0), ("b", 0), ("c", 0), ("p", 2),
                                    ("p", 3), ("p", 4)])
        + "".join(f"-device {kind},bus=pcie.0,addr={addr} " for addr, kind in
                  enumerate(["e1000e", "VGA", "qemu-xhci", "ich9-ahci", "e1000",
                             "edu", "virtio-rng-pci"], 10)))


def test_bridges_two_further_root_buses_and_twelve_devices(boot):
    m = boot(MANY, limit=300)
    units, devices, _ = all_agree(m)
    edus = [n for n, d in devices.items() if d["id"] == "1234:11e8"]
    bridges = [n for n, d in devices.items() if d["class"][2:6] == "0604"]
    endpoints = [n for n, d in devices.items() if d["class"][2:4] != "06"]
    assert len(edus) == 7 and len(bridges) == 4 and len(endpoints) >= 12
    for name in bridges:
        assert devices[name]["state"] == "refused"
        assert devices[name]["reason"] == '"is a bridge to another bus"'
    shared = [n for n in edus if "," in devices[n]["ids"]]
    assert len(shared) == 3
    assert len({devices[n]["above"] for n in shared}) == 1
    assert len({devices[n]["group"] for n in shared}) == 1
    assert {by_address(devices[n]["above"])[0] for n in edus
            if devices[n]["above"] != "-"} >= {0, 0x40, 0x80}
    pids = [m.spawn("sleep 100000") for _ in range(2)]
    alone = [n for n in edus if n not in shared]
    m.run(f"echo {alone[0]} {pids[0]} >'#iommu/attach'")
    m.run(f"echo {alone[1]} {pids[0]} >'#iommu/attach'")
    m.run(f"echo {shared[0]} {pids[1]} >'#iommu/attach'")
    units, devices, spaces = all_agree(m)
    assert in_list(spaces[f"pid{pids[0]}"]["devices"]) == alone[:2]
    assert in_list(spaces[f"pid{pids[1]}"]["devices"]) == shared
    for name in alone[:2]:
        walks_are_true(m, name, pids[0])
    walks_are_true(m, shared[1], pids[1])
    assert walk(m, bridges[0], "1000")[-1].startswith("blocked reason=")
    m.run("echo off >'#iommu/power'")
    units, devices, _ = all_agree(m)
    assert {d["master"] for n, d in devices.items() if n in edus} == {"off"}
    assert walk(m, alone[0], f"{min(pages_of(m, pids[0])):x}")[-1] == \
        'blocked reason="translation is off"'
    m.run("echo on >'#iommu/power'")
    all_agree(m)
    m.run(f"echo {alone[0]} >'#iommu/detach'")
    units, devices, spaces = all_agree(m)
    assert in_list(spaces[f"pid{pids[0]}"]["devices"]) == [alone[1]]
    assert walk(m, alone[0]) == []
    for pid in pids:
        m.run(f"kill {pid}; wait {pid}", status=None)
    units, devices, spaces = all_agree(m)
    assert spaces == {} and units["unit0"]["used"] == "2"


def test_the_firmwares_table(boot):
    """Each unit and scope that QEMU says, as the kernel's log does."""
    m = boot(f"{SMALL} {ICOUNT} {UNIT} {EDU}")
    lines = m.run("cat '#iommu/acpi'").splitlines()
    head = dict(re.findall(r"(\w+)=(\S+)", lines[0]))
    assert lines[0].startswith("dmar ") and head["checksum"] == "ok"
    assert head["width"] == "48"
    unit, = (line for line in lines if line.startswith("unit "))
    assert "base=0xfed90000 segment=0 " in unit
    assert "0:3.0" in re.search(r"scopes=(\S+)", unit)[1].split(",")
    assert "ioapic:ff:0.0" in unit
    assert not [line for line in lines if line.startswith("dropped")]
    assert "dropped" not in m.seen
    table = bytes.fromhex("".join(
        line.split("hex=")[1] for line in lines if line.startswith("bytes ")))
    assert table[:4] == b"DMAR" and sum(table) % 256 == 0
    assert len(table) == int(head["length"])
    assert struct.unpack_from("<Q", table, 0x38)[0] == 0xfed90000


def test_without_a_unit(boot):
    m = boot(f"{SMALL} {ICOUNT} {EDU}")
    assert m.run("cat '#iommu/units'") == m.run("cat '#iommu/spaces'") == ""
    assert m.run("cat '#iommu/acpi'") == \
        'dmar missing="this machine has no DMAR table"\n'
    device = read(m, "devices")["0:3.0"]
    assert device["state"] == "refused" and device["unit"] == "-"
    assert device["reason"] == '"no remapping unit covers it"'
    assert walk(m, "0:3.0", "1000") == [
        'blocked reason="no remapping unit covers it"']


def test_faults_are_counted(boot):
    m = boot(f"{SMALL} {ICOUNT} {UNIT} {EDU}")
    m.run("edu -a fed90000")
    assert "iommu: fault: 0:3.0" in m.seen
    faults = int(read(m, "devices")["0:3.0"]["faults"])
    assert faults > 0
    assert read(m, "units")["unit0"]["faults"] == str(faults)


def test_what_walk_refuses(boot):
    m = boot(f"{SMALL} {ICOUNT} {UNIT} {EDU}")
    assert m.run("cat '#iommu/walk'") == "BUS:DEV.FN [ADDRESS]\n"
    for text, why in [
            ("0:40.0", "0:40.0: no device beyond 1f"),
            ("0:7.0 1", "0:7.0: no such device"),
            ("0:3.0 fish", "0:3.0 fish: not an address, which is a "
             "hexadecimal number"),
            ("0:3.0 1 2", "0:3.0 1: nothing may follow the address")]:
        assert m.fails(f"echo {text} >'#iommu/walk'") == \
            f"echo: iommu: walk {why}"
