# SPDX-License-Identifier: BSD-2-Clause
"""tests/attack/table, for whoever reads it in Python."""
from collections import namedtuple
from pathlib import Path

FILE = Path(__file__).with_name("table")
MODES = "strict", "lazy"        # of unmapping
Row = namedtuple("Row", "id target way moment guard reported shown control "
                 "mode")


def lines(path):
    for line in path.read_text().splitlines():
        if "|" in line and not line.startswith("#"):
            yield [field.strip() for field in line.split("|")]


def read(path=FILE, mode="strict"):
    """The rows, as they are in that mode."""
    rows = [Row(*fields, "strict") for fields in lines(path)
            if fields[0] != "lazy"]
    for unique in (lambda r: r.id, lambda r: (r.target, r.way, r.moment)):
        seen = [unique(r) for r in rows]
        twice = {s for s in seen if seen.count(s) > 1}
        assert not twice, f"{path}: twice there: {twice}"
    return rows if mode == "strict" else lazily(path, rows)


def lazily(path, rows):
    rows = {r.id: r._replace(mode="lazy") for r in rows}
    for first, *fields in lines(path):
        if first == "lazy":
            name, moment, guard, reported, control = fields
            rows[name] = rows[name]._replace(moment=moment, guard=guard,
                                             reported=reported,
                                             control=control)
    return list(rows.values())


def shown(where, mode="strict"):
    """Those that are shown in qemu, or in the model."""
    return [r for r in read(mode=mode) if r.shown in (where, "both")]
