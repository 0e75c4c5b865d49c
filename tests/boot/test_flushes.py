# SPDX-License-Identifier: BSD-2-Clause
"""Which invalidations reach QEMU's unit: its own trace of the descriptors that
it takes from the queue."""
import re

import pytest

from lab import Lab
from machine import EDU, ICOUNT, SMALL, UNIT

TRACE = "-trace vtd_inv_desc_*"


@pytest.fixture
def traced(boot):
    return boot(f"{SMALL} {UNIT} {EDU} {ICOUNT} {TRACE}", limit=100)


class Since:
    """What has been invalidated since this was made."""

    def __init__(self, m):
        self.m = m
        self.mark = self.text().rfind("\n")

    def text(self):
        self.m.complaints.seek(0)
        return self.m.complaints.read()

    def found(self, what):
        return re.findall(rf"vtd_inv_desc_{what} ([^\n]*)",
                          self.text()[self.mark:])


def test_one_page_is_flushed_as_one_page(traced):
    lab = Lab(traced, "a")
    x = lab.map("a", "x", 0x11)
    assert lab("a dma read x") == "done"
    since = Since(traced)
    assert lab("a unmap x; pause 30") == "paused"   # where it is lazy
    pages = since.found("iotlb_pages")
    assert [line for line in pages if f"0x{x:x}" in line
            and "mask 0x0" in line], pages
    assert not since.found("iotlb_global")
    assert not since.found("cc_global")


def test_many_pages_are_flushed_as_one_domain_or_one_mask(traced):
    """Whatever is cheaper, it is no descriptor a page."""
    lab = Lab(traced, "a")
    lab.map("a", "x", 0x11, pages=300)
    since = Since(traced)
    assert lab("a unmap x") == "unmapped"
    flushes = since.found("iotlb_pages") + since.found("iotlb_domain")
    assert 1 <= len(flushes) <= 5, flushes
    assert not since.found("iotlb_global")


def test_detach_flushes_a_device_and_a_domain(traced):
    lab = Lab(traced, "a")
    lab.map("a", "x", 0x11)
    since = Since(traced)
    assert lab("detach") == "detached"
    assert since.found("cc_device")
    assert since.found("iotlb_domain")
    assert not since.found("cc_global") and not since.found("iotlb_global")
