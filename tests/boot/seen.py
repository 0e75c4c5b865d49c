# SPDX-License-Identifier: BSD-2-Clause
"""What tests of /bin/iommu share: what it prints, and the records it reads."""
import re


def fits_a_screen(text):
    lines = text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 79


def records(m, name):
    """Subject and fields of each line of a file of #iommu."""
    text = m.run(f"cat '#iommu/{name}'")
    return [(line.split()[0], dict(re.findall(r'(\S+?)=("[^"]*"|\S*)', line)))
            for line in text.splitlines()]


def answers(m, bdf, options=""):
    """What `iommu why` says, by heading."""
    text = m.run(f"iommu {options} why {bdf}")
    return dict(re.findall(r"^(\S.*?)\t+((?:[^\n]*\n\t\t)*[^\n]*)", text,
                           re.M))
