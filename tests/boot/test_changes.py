# SPDX-License-Identifier: BSD-2-Clause
"""Changes by chance, with #iommu/check behind each (make soak-check makes more of
them); and that each thing that it can complain of has been seen complained of."""
import os
import re

import pytest

from changes import MACHINE, run
from machine import TOP

CHANGES = 500
SEED = int(os.environ.get("SEED") or 1)

# Where the words of #iommu/check are.
CHECKS = {
    "kern/arch/x86/iommu_check.c": ["check_device", "check_ids", "check_unit"],
    "kern/arch/x86/vtd/table_life.c": ["check_leaf", "check_table", "sl_check"],
    "kern/mm/check.c": ["aspace_check"],
    "kern/mm/lazy.c": ["lazy_check"],
}


def test_changes_by_chance_leave_all_as_it_must_be(boot):
    m = boot(MACHINE, limit=300)
    made = run(m, CHANGES, SEED)
    assert min(made[kind] for kind in ("attached", "detached", "fork", "reset",
                                       "exec", "end", "lazy", "power")) > 0
    assert made["memory"] > CHANGES / 4


def words(file, function):
    """The texts in a function, but those that say that all is well."""
    text = re.sub(r"/\*.*?\*/", "", (TOP / file).read_text(), flags=re.S)
    body = re.search(rf"^[\w *]*?\b{function}\((?:[^;{{]*)\n{{\n(.*?)^}}", text,
                     re.M | re.S)[1]
    return [w for w in re.findall(r'"([^"]*)"', body)
            if not re.match(r"ok\b", w)]


@pytest.mark.parametrize("file,function", [
    (file, function) for file, functions in CHECKS.items()
    for function in functions])
def test_each_kind_of_corruption_is_planted_by_a_test(file, function):
    planted = "".join(p.read_text() for p in
                      (TOP / "tests/host").glob("test_*.c"))
    missing = [w for w in words(file, function)
               if f'{w}"' not in planted]
    assert not missing, f"no test plants what {function} calls {missing}"


def test_no_words_of_a_check_are_overlooked():
    """All that iommu_check.c and check.c can say stands in those functions."""
    for file in ("kern/arch/x86/iommu_check.c", "kern/mm/check.c"):
        text = re.sub(r'/\*.*?\*/|#include [^\n]*', "",
                      (TOP / file).read_text(), flags=re.S)
        said = {w for w in re.findall(r'"([^"]*)"', text)
                if "%" not in w and not re.match(r"ok\b", w)}
        assert said == {w for f in CHECKS[file] for w in words(file, f)}
