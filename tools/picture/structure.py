# SPDX-License-Identifier: BSD-2-Clause
"""The first picture, for graphviz: the firmware's structures, units, groups,
devices, spaces and processes, from left to right; faults in red.

The text for dot depends on the state alone, and what dot makes of it is kept
without dot's own version, so that the same state gives the same picture."""
import re
import subprocess
from html import escape

RED, GREY = "#c00000", "#555555"
FILL = {                        # of a device, by its state
    "attached": "#cfe3ff", "firmware": "#e6d5f5", "refused": "#dddddd",
    "fenced": "#ffd9d2", "free": "white",
}
CLASSES = {                     # base classes (PCI Code and ID, 1)
    1: "disk", 2: "network", 3: "display", 4: "sound", 5: "memory",
    6: "bridge", 7: "serial", 8: "system", 9: "input", 0xc: "bus controller",
    0xd: "wireless",
}
HEAD = """digraph iommu {
	rankdir=LR; ranksep=0.55; nodesep=0.12; bgcolor=white; ordering=out;
	node [shape=box, style="filled", fillcolor=white, fontsize=10,
		fontname="Helvetica", margin="0.09,0.04", height=0.1];
	edge [arrowsize=0.5, color="#555555", fontsize=9, fontname="Helvetica"];
"""


def quote(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') \
        .replace("\n", "\\n") + '"'


def node(name, lines, **more):
    more = {"label": "\n".join(filter(None, lines)), **more}
    return f"\t{quote(name)} [" + ", ".join(
        f"{k}={v if v.startswith('<') else quote(v)}"
        for k, v in more.items()) + "];\n"


def edge(a, b, **more):
    return f"\t{quote(a)} -> {quote(b)} [" + ", ".join(
        f"{k}={quote(v)}" for k, v in more.items()) + "];\n"


# Firmware's structures

ACPI_NAMES = {
    "unit": "remapping unit (DRHD)", "reserved": "reserved memory (RMRR)",
    "ats": "device TLBs (ATSR)", "satc": "device TLBs (SATC)",
    "affinity": "near to memory (RHSA)", "dropped": "dropped",
}


def rows_of(record):
    """What a structure says, and then its scopes, a line each."""
    if record.subject == "dropped":
        return [f"offset {record['at']}", record["text"]]
    rows = [f"{record['base']} - {record['limit']}" if record["limit"] else
            record["base"] or ""]
    if record.number("segment"):
        rows.append(f"segment {record['segment']}")
    if record["node"]:
        rows.append(f"node {record['node']}")
    rows += record.list("scopes")
    if record["all"] == "yes":
        rows.append("all ports" if record.subject == "ats" else
                    "all that no other names")
    return list(filter(None, rows))


def structures(state):
    for n, record in enumerate(state.acpi):
        if record.subject in ("dmar", "bytes"):
            continue
        dropped = record.subject == "dropped"
        style = ' STYLE="dashed"' if dropped else ""
        title = ACPI_NAMES.get(record.subject, record.subject)
        rows = "".join(f"<TR><TD ALIGN=\"LEFT\">{escape(row)}</TD></TR>"
                       for row in rows_of(record))
        yield node(f"acpi{n}", [], shape="plain", fillcolor="transparent",
                   label="<<TABLE BORDER=\"1\" CELLBORDER=\"0\" "
                   "CELLSPACING=\"0\" CELLPADDING=\"2\" "
                   f"BGCOLOR=\"{'#eeeeee' if dropped else '#fff6d5'}\""
                   f"{style}>"
                   f"<TR><TD ALIGN=\"LEFT\"><B>{escape(title)}</B></TD></TR>"
                   f"{rows}</TABLE>>")
        for unit in state.units:
            if record.subject == "unit" and record["base"] == unit["base"]:
                yield edge(f"acpi{n}", unit.subject)
        for device in state.devices:
            if record.subject == "reserved" and \
                    device.subject in record.list("scopes"):
                yield edge(f"acpi{n}", device.subject, style="dashed",
                           constraint="false", color="#7a4fa3")


# Units, groups, devices

def bad(record):
    return record["state"] in ("failed", "unsupported")


def units(state):
    for unit in state.units:
        words = unit.list("can")
        yield node(unit.subject, [
            f"{unit.subject} {unit['base']}",
            f"{unit['state']}; version {unit['version']}",
            f"levels {unit['levels']}; {unit['width']} bits",
            *("  ".join(words[i:i + 2]) for i in range(0, len(words), 2)),
            f"domains {unit['used']} of {unit['domains']}",
            unit["failure"] or unit["reason"]],
            fillcolor="#ffd9d2" if bad(unit) else "#d9f2d9",
            color=RED if bad(unit) else "black")
    if not all(d["unit"] for d in state.devices):
        yield node("no unit", ["behind no unit"], color=RED,
                   style="filled,dashed")


def accused(state):
    """By the id under which faults were seen, the devices that have it; and
    those whose faults nobody was told of."""
    found = {}
    for source in dict.fromkeys(f.device for f in state.faults):
        found[source] = [d for d in state.devices
                         if source in (d.subject, *d.list("ids"))]
    known = {d.subject for devices in found.values() for d in devices}
    for d in state.devices:
        if d.number("faults") and d.subject not in known:
            found[d.subject] = [d]
    return found


def faulty(state):
    return {d.subject for devices in accused(state).values() for d in devices}


def group_of(device):
    return device["group"] or device.subject


def groups(state):
    """Who can reach each other past the unit, behind the unit of each."""
    members = {}
    for device in state.devices:
        members.setdefault((device["unit"], group_of(device)), []).append(
            device)
    bad_ones = faulty(state)
    for (unit, group), devices in members.items():
        name = f"group {group} {unit}"
        colour = RED if any(d.subject in bad_ones for d in devices) else GREY
        yield node(name, [f"group {group}"], shape="ellipse",
                   fillcolor="#f5f5f5", color=colour)
        yield edge(unit or "no unit", name, color=colour)
        for d in devices:
            yield edge(name, d.subject,
                       color=RED if d.subject in bad_ones else GREY)


def kind_of(device):
    return CLASSES.get(device.number("class") >> 16, "device")


def device_lines(device):
    yield f"{device.subject}  {device['id']}  {kind_of(device)}"
    ids = [i for i in device.list("ids") if i != device.subject]
    if ids:
        yield f"seen as {' '.join(ids)}"
    if device["above"]:
        yield f"below {device['above']}"
    words = [device["state"]] if device["state"] not in ("free",
                                                         "attached") else []
    words += ["masters the bus"] if device["master"] == "on" else []
    words += [f"device TLB {device['ats']}"] \
        if device["ats"] not in (None, "off") else []
    yield ", ".join(words)
    yield device["reason"]


def devices(state):
    bad_ones = faulty(state)
    for d in state.devices:
        wrong = d.subject in bad_ones or d["fenced"] == "yes" or not d["unit"]
        yield node(d.subject, device_lines(d),
                   fillcolor=FILL.get(d["state"], "white"),
                   color=RED if wrong else "black",
                   penwidth="2" if wrong else "1")


# Spaces, processes, faults

def space_lines(space):
    yield f"space of {space.subject}"
    sizes = [f"{space[size]} x {size}" for size in ("4k", "2m", "1g")
             if space.number(size)]
    yield ", ".join(sizes) or "empty"
    yield f"{space['levels']} levels, {space['tables']} tables"
    for domain in space.list("domains"):
        unit, _, number = domain.partition(":")
        yield f"domain {number} of {unit}"
    if space.number("quarantined"):
        yield f"{space['quarantined']} pages in quarantine"


def process_name(state, pid):
    return "\n".join(filter(None, [f"pid {pid}", state.names.get(pid)]))


def spaces(state):
    bad_ones = faulty(state)
    for space in state.spaces:
        name = f"space {space.subject}"
        there = space.list("devices")
        yield node(name, space_lines(space), fillcolor="#fff0dd")
        for d in there:
            yield edge(d, name, color=RED if d in bad_ones else GREY)
        if re.fullmatch(r"pid\d+", space.subject):
            yield node(space.subject,
                       [process_name(state, int(space.subject[3:]))],
                       style="rounded,filled", fillcolor="#e8e8ff")
            yield edge(name, space.subject,
                       color=RED if bad_ones & set(there) else GREY)


def faults(state):
    """How many there were, and what the last one was."""
    for source, devices in accused(state).items():
        told = [f for f in state.faults if f.device == source]
        count = max(sum(d.number("faults") for d in devices), len(told))
        lines = [f"{count} fault{'s' * (count > 1)} of {source}"]
        if told:
            lines += [f"{told[-1].how} {told[-1].where}", told[-1].why]
            lines += [f"pid {told[-1].pid}"] if told[-1].pid else []
        yield node(f"faults {source}", lines, shape="note", color=RED,
                   fontcolor=RED, fillcolor="#fff0ee")
        for d in devices:
            yield edge(d.subject, f"faults {source}", color=RED,
                       style="dashed", arrowhead="none")


def text(state):
    """The graph, in dot's language."""
    parts = (structures, units, groups, devices, spaces, faults)
    return HEAD + "".join(line for part in parts
                          for line in part(state)) + "}\n"


def draw(state):
    svg = subprocess.run(["dot", "-Tsvg"], input=text(state), check=True,
                         capture_output=True, encoding="utf-8").stdout
    return re.sub(r"<!--.*?-->\n?", "", svg, flags=re.S)
