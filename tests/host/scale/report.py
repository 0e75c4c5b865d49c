#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""report.py ONE MANY: adds up what callgrind counted (ONE.out, MANY.out) of the
driver's own instructions, without what it calls, for each sample of scale.c;
prints the table of both, and that of memory (MANY.memory).  Fails if an
operation's median or worst sample is more than LIMIT of the median with one of
each, or if memory does not come back."""
import collections
import csv
import statistics
import sys

LIMIT = 1.2
DRIVER = ('kern/arch/x86/iommu', 'kern/arch/x86/vtd/',
          'kern/drivers/pci/function', 'kern/drivers/pci/isolation')


def samples(path):
    """{operation: [instructions of the driver's functions, a sample each]}"""
    found = collections.defaultdict(list)
    total, ours, calls = 0, False, False
    with open(path) as lines:
        for line in lines:
            if line.startswith('desc: Trigger: Client Request: '):
                found[line.split(': ', 3)[3].strip()].append(0)
                total = found[line.split(': ', 3)[3].strip()]
            elif line.startswith('fl='):
                ours = any(part in line for part in DRIVER)
            elif line.startswith('calls='):
                calls = True
            elif line[:1].isdigit():
                if ours and not calls:
                    total[-1] += int(line.split()[1])
                calls = False
    return found


def show_cost(one, many):
    bad = []
    print('%-12s %10s %10s %10s %8s' % (
        'operation', 'one', 'many', 'worst', 'ratio'))
    for name in one:
        base = statistics.median(one[name])
        cost = statistics.median(many[name])
        worst = max(many[name])
        print('%-12s %10d %10d %10d %8.2f' % (
            name, base, cost, worst, worst / base))
        if not base or worst > LIMIT * base:
            bad.append(name)
    return bad


def show_memory(path):
    print('\n%-14s %12s %14s %10s %14s' % (
        '', 'table pages', 'context tables', 'domain ids', 'allocations'))
    rows = {}
    with open(path) as lines:
        for _, when, *figures in csv.reader(lines):
            print('%-14s %12s %14s %10s %14s' % (when, *figures))
            rows[when] = [int(figure) for figure in figures]
    gone, again, start = (rows[when] for when in (
        'all gone', 'gone again', 'started'))
    contexts = gone[1] - start[1]
    back = gone == again and gone[0] == start[0] and gone[2] == start[2] \
        and gone[3] == start[3] + contexts
    return [] if back else ['memory']


def main():
    one, many = sys.argv[1:]
    bad = show_cost(samples(one + '.out'), samples(many + '.out'))
    bad += show_memory(many + '.memory')
    if bad:
        sys.exit('scale: more than %.1f times, or not given back: %s' % (
            LIMIT, ', '.join(bad)))
    print('scale: within %.1f times, and all given back' % LIMIT)


main()
