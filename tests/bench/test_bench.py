# SPDX-License-Identifier: BSD-2-Clause
"""That make bench measures what it says, and that bench-check fails when it
must."""
import copy
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench                                                # noqa: E402
import counting                                             # noqa: E402
from counting import RUNS                                   # noqa: E402

CALLS = RUNS[0]
KEPT = bench.read(bench.CSV)
LINUX = bench.read(bench.HERE / "linux.csv")


@pytest.fixture(scope="module")
def twice():
    counting.DIR.mkdir(parents=True, exist_ok=True)
    return [counting.measure(CALLS, times=3) for _ in range(2)]


@pytest.fixture(scope="module")
def counted():
    counting.DIR.mkdir(parents=True, exist_ok=True)
    return counting.count(CALLS)


def test_runs_repeat_to_the_instruction(twice):
    assert len(twice[0]) > 80
    assert twice[0] == twice[1]


def test_counter_and_qemu_agree(twice, counted):
    data = bench.combine(twice[0], counted, twice[0], counted)
    for (name, pages), figures in data.items():
        if "instructions" in figures:
            seen = counted[name, pages].instructions - \
                counted[bench.empty_of(name)].instructions
            assert abs(seen - figures["instructions"]) <= max(
                16, bench.AGREE * seen), (name, pages)


def test_a_strict_unmap_is_seen_by_the_unit(counted):
    """Whatever it costs: one flush, one wait, one tail write; and the line that
    held the entry, since this unit does not snoop."""
    figures = counted["unmap-unaligned", 1].figures
    assert [figures.get(k) for k in ("iotlb", "wait", "tails", "lines")] == \
        [1, 1, 1, 1]
    assert "iotlb" not in counted["unmap-unseen", 1].figures


def test_each_row_that_is_measured_is_kept(twice):
    measured = {key for key in twice[0] if "empty" not in key[0]}
    assert measured == {(name, pages) for name, pages in KEPT if "." not in name
                        and not name.startswith(("boot", "nvme", "reach-",
                                                 "undo-"))}


def test_a_profile_adds_up(counted):
    sample, empty = counted["unmap-unaligned", 1], counted["empty-undo", 0]
    profile = bench.Profile(sample, empty)
    assert profile.total == sample.instructions - empty.instructions
    assert sum(profile.functions.values()) == profile.total
    assert profile.calls["queue_submit", "kern/arch/x86/vtd/inv_queue.c"] == 1


def planted(key, figure, change):
    was = copy.deepcopy(KEPT)
    was[key][figure] = change(was[key].get(figure, 0))
    return list(bench.worse(was, KEPT))


def test_what_is_as_it_was_is_not_worse():
    assert list(bench.worse(KEPT, KEPT)) == []


@pytest.mark.parametrize("figure, was", [
    ("instructions", lambda n: int(n / 1.04)), ("iotlb", lambda n: n - 1),
    ("wait", lambda n: n - 1), ("tails", lambda n: 0),
    ("lines", lambda n: 0)])
def test_what_is_worse_is_named(figure, was):
    lines = planted(("unmap-unaligned", 1), figure, was)
    assert len(lines) == 1
    assert lines[0].startswith("unmap-unaligned-1: ") and figure in lines[0]


def test_what_was_not_there_is_named():
    was = copy.deepcopy(KEPT)
    del was["map-unaligned", 1]["lines"]
    assert len(list(bench.worse(was, KEPT))) == 1


@pytest.mark.parametrize("figure, was", [
    ("instructions", lambda n: int(n / 1.02)), ("tails", lambda n: n + 1),
    ("instructions", lambda n: n * 2), ("samples", lambda n: 1)])
def test_a_little_more_or_less_is_not_worse(figure, was):
    assert planted(("unmap-unaligned", 1), figure, was) == []


def test_a_row_that_is_gone_is_named():
    now = copy.deepcopy(KEPT)
    del now["attach", 0]
    assert list(bench.worse(KEPT, now)) == [
        "attach-0: is not measured any more"]


def test_the_page_says_what_is_kept():
    text = bench.PAGE.read_text()
    assert bench.page_of(text, KEPT, LINUX) == text
