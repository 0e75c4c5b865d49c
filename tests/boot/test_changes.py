# SPDX-License-Identifier: BSD-2-Clause
"""Changes by chance, with #iommu/check behind each; make soak-check makes more of
them."""
import os

from changes import MACHINE, run

CHANGES = 500
SEED = int(os.environ.get("SEED", "1"))


def test_changes_by_chance_leave_all_as_it_must_be(boot):
    m = boot(MACHINE, limit=300)
    made = run(m, CHANGES, SEED)
    assert min(made[kind] for kind in ("attached", "detached", "fork", "reset",
                                       "exec", "end", "lazy", "power")) > 0
    assert made["memory"] > CHANGES / 4
