# SPDX-License-Identifier: BSD-2-Clause
"""tests/attack/table, for whoever reads it in Python."""
from collections import namedtuple
from pathlib import Path

FILE = Path(__file__).with_name("table")
Row = namedtuple("Row", "id target way moment guard reported shown control")


def read(path=FILE):
    rows = [Row(*(field.strip() for field in line.split("|")))
            for line in path.read_text().splitlines()
            if "|" in line and not line.startswith("#")]
    for unique in (lambda r: r.id, lambda r: (r.target, r.way, r.moment)):
        seen = [unique(r) for r in rows]
        twice = {s for s in seen if seen.count(s) > 1}
        assert not twice, f"{path}: twice there: {twice}"
    return rows


def shown(where):
    """Those that are shown in qemu, or in the model."""
    return [r for r in read() if r.shown in (where, "both")]
