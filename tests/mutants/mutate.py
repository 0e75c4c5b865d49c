# SPDX-License-Identifier: BSD-2-Clause
"""The mutants of the driver: one fault each, at each place where the sources
show one of the kinds below.  Places are found by the driver's own words, so a
new call of a known kind gets its mutants by itself."""
import hashlib
import re
from pathlib import Path

import csource

SOURCES = ["kern/arch/x86/iommu*.c", "kern/arch/x86/os.c",
           "kern/arch/x86/vtd/*.c",
           "kern/arch/x86/vtd/*.h", "kern/include/iommu_os.h",
           "kern/drivers/pci/function.c", "kern/drivers/pci/isolation.c",
           "kern/mm/quarantine.c", "kern/mm/lazy.c", "kern/mm/aspace.c",
           "kern/mm/pages.c", "kern/mm/unmap.c", "kern/arch/x86/pt.c"]
# Where peers have faults, and no place of another kind is.
ONLY_PEERS = ["kern/drivers/acpi/dmar.c", "kern/drivers/acpi/dmar_path.c",
              "kern/drivers/dev/iommu_text.c",
              "kern/drivers/pci/bdf.c"]
KINDS = ["flush", "drain", "fence", "barrier", "line", "deadline", "reserved",
         "order", "quarantine", "peer"]

# The kernel's own services: of these only what the driver relies on.
KERNELS = "os.c"
HARDWARE = ("barrier", "line")
# The memory manager: of these only what its devices could notice.
MANAGERS = ("lazy.c", "aspace.c", "pages.c", "unmap.c", "pt.c")
DEVICES = ("flush", "quarantine", "order")

# kind, function, what stands for its call ("" where it is a statement)
CALLS = [
    ("flush", "batch_add", ""), ("flush", "batch_run", ""),
    ("flush", "vtd_invalidate", "0"), ("flush", "vtd_wait", "0"),
    ("flush", "queue_wait", "0"), ("flush", "regs_invalidate", "0"),
    ("flush", "flush_all", "0"), ("flush", "flush_units", "0"),
    ("flush", "vtd_flush_write_buffer", "0"), ("flush", "iommu_flush", "0"),
    ("flush", "context", "true"), ("flush", "iotlb", "true"),
    ("flush", "sl_note", ""), ("flush", "sl_reap", ""),
    ("flush", "forget", "0"), ("flush", "invalidate", "0"), ("flush", "show", "0"),
    ("flush", "ask_again", ""), ("flush", "join_ats", ""),
    ("flush", "start_ats", "0"),
    ("fence", "bus_master", "true"), ("fence", "pci_set_master", "true"),
    ("fence", "pci_cut_off", ""),
    ("fence", "silence", ""), ("fence", "fence", ""), ("fence", "quiesce", ""),
    ("fence", "fence_all", ""), ("fence", "master_all_attached", ""),
    ("fence", "still_mastering", "NULL"), ("fence", "drain_attached", ""),
    ("fence", "wait_for_transactions", ""),
    ("fence", "pci_wait_for_transactions", "true"),
    ("fence", "pci_function_reset", "true"),
    ("fence", "leave_ats", "d->ats_in"), ("fence", "pci_ats_enable", ""),
    ("fence", "start_reset", ""), ("fence", "pci_acs_enable", ""),
    ("fence", "pci_no_snoop_off", ""), ("fence", "vtd_protect", "0"),
    ("flush", "sl_clean_tables", ""), ("line", "write_back", ""),
    ("line", "os_flush", ""), ("line", "os_flush_line", ""),
    ("line", "sl_clean", ""), ("line", "os_fill", ""),
    ("deadline", "deadline_over", "false"),
    ("quarantine", "enter", ""), ("quarantine", "leave", ""),
    ("quarantine", "quarantine_flush", "0"),
    ("quarantine", "list_remove", ""), ("quarantine", "list_append", ""),
    ("quarantine", "lazy_flush", ""), ("quarantine", "set_alarm", ""),
    ("quarantine", "touches_closed", "false"),
]

MASK = r"(?:~?field_mask\(\w+\)|~?[A-Z][A-Z0-9_]+|~?0x[0-9a-f]+u?|" \
       r"~?\([A-Z_0-9]+(?: \| [A-Z_0-9]+)+\))"
CHANGE = r"\bc(?:hange)?->(?:added|removed|upper|tombs) \|?= "

# kind, pattern, what stands for it, and the file if it is for one alone
PATTERNS = [
    # Less is flushed than was asked for, or not what was asked for.
    ("flush", r"\bGRAN_GLOBAL\b", "GRAN_DOMAIN"),
    ("flush", r"\bGRAN_DOMAIN\b", "GRAN_PAGES"),
    ("flush", r"GRAN_DEVICE, did\b", "0, did"),
    ("flush", r" \| field_make\(QI_\w+, \w+\)(?! \?)", "", "inv.c"),
    ("flush", r"= addr \|", "=", "inv.c"),
    ("flush", r"\bd\.lo \|= field_make\(QI_SID, sid\);", ";"),
    ("flush", r"\(leaves \?", "(1 ?"),
    ("flush", r"\(leaves \?", "(0 ?"),
    ("flush", r"!c->upper", "true"),
    ("flush", CHANGE, ""),
    ("flush", r"\bremoved \|= sl_present[^;]*;", ";"),
    ("flush", r"c->(added|removed) \|\| ", ""),
    ("flush", r" \|\| (?:c->removed|u->cap & CAP_CM)(?=;)", ""),
    ("flush", r" \|\| \(c->added && [^;]*?\)\)\)", ")"),
    ("flush", r"\bsu->did, c->lo\b", "su->did, c->lo + PGSIZE"),
    ("flush", r"\bc->lo, c->hi\b", "c->lo, c->hi - PGSIZE"),
    ("flush", r"(?<== )ROUNDDOWN\((\w+), [^;]*\);", r"\1;", "inv.c",
     "table_life.c"),
    ("flush", r"\bROUNDDOWN\(lo, PGSIZE << am\)", "lo"),
    ("flush", r"\(hi - 1\)", "hi"),
    ("flush", r"\(hi - lo - 1\)", "(hi - lo)"),
    ("flush", r"\bMIN\(inv_mask\(lo, hi\), most\)", "inv_mask(lo, hi)"),
    ("flush", r">= INV_RANGE_MAX", "> INV_RANGE_MAX"),
    ("flush", r"\blo \+= block\b", "lo += 2 * block"),
    ("flush", r"\bdevtlb_twice \? 2", "devtlb_twice ? 1"),
    ("flush", r"\b0, 52\)", "0, 0)"),
    ("flush", r"\b(inv_\w+)\((?:su->)?did\b", r"\1(DID_KERNEL"),
    ("flush", r"\b[dp]->pci\.nrids; i\+\+", "1; i++", "iommu_attach.c"),
    ("flush", r"used &= used - 1", "used = 0"),
    ("flush", r"\breplace\([^;]*;", ";", "inv_queue.c"),
    ("flush", r"READ_ONCE\(g->space->eager\)", "false"),
    # What waits is let go too early, waits too long, or is forgotten.
    ("quarantine", r"(int err = iommu_flush[^;]*;)(\s+if [^;]*;)"
     r"(\s+q->let_go\()q, err < 0\);",
     r"int err;\n\tif (q->pages)\3q, false);\n\terr = "
     r"iommu_flush(&q->gather);\2"),
    ("quarantine", r"q->let_go\(q, err < 0\)", "q->let_go(q, false)"),
    ("quarantine", r"q->let_go\([^;]*;", ";", "quarantine.c"),
    ("quarantine", r"q->since = [^;]*;", ";"),
    ("quarantine", r"q->pages (?:\+= n|= 0);", ";", "quarantine.c"),
    ("quarantine", r"q && q->since <= before", "q && before"),
    ("quarantine", r"(?<=now )- MIN\([^;]*;", "+ 0 * ms;"),
    ("quarantine", r"(?<=now )- MIN\([^;]*;", "* 0 * ms;"),
    ("quarantine", r" \+ all\.state\.mode\.ms \* NSEC_PER_MSEC", ""),
    ("quarantine", r"q->since \+ (?=all)", ""),
    ("quarantine", r"READ_ONCE\(all\.state\.mode\.lazy\) &&", ""),
    ("quarantine", r" &&\s+n <= [^;]*;", " && n;", "quarantine.c"),
    ("quarantine", r"!READ_ONCE\(mode->lazy\)", "0"),
    ("quarantine", r"sum >= READ_ONCE\(mode->pages\)", "!sum"),
    ("quarantine", r"q->pages >= READ_ONCE\(mode->share\)", "0"),
    ("quarantine", r"__atomic_fetch_sub\(&all\.pages[^;]*;", ";"),
    ("quarantine", r"WRITE_ONCE\([^;]*;", ";", "quarantine.c"),
    ("quarantine", r" &&\s+low->quarantined == high->quarantined", "",
     "aspace.c"),
    ("quarantine", r" \|\| READ_ONCE\(pg->refs\) != 1", "", "unmap.c"),
    ("quarantine", r"gone->shared\[gone->nshared\+\+\] = page_of\(pte\);",
     "page_put(page_of(pte));", "unmap.c"),
    ("quarantine", r"as->waiting = 0;", ";", "lazy.c"),
    ("quarantine", r"if \(r->quarantined\)(?=\s+region_free)", "if (0)",
     "lazy.c"),
    ("quarantine", r"\.start = start, \.end = end,",
     ".start = first->start, .end = first->end,", "lazy.c"),
    ("quarantine", r"low->end = end;", ";", "lazy.c"),
    ("quarantine", r"\n(\s+)err = quarantine_add\(q, n\);",
     r"\n\1page_put_list(as->waiting);\1as->waiting = 0;"
     r"\1err = quarantine_add(q, n);", "lazy.c"),
    ("drain", r"u->cap & CAP_D[RW]D \?", "0 ?"),
    ("fence", r"on && iommu\.powered", "on"),
    ("fence", r" &&\s+vtd_alive\(d->unit\)", ""),
    ("fence", r"iommu\.powered && !d->fenced", "iommu.powered"),
    ("fence", r"\b[dp]->fenced = (?:true|!vtd_alive\(p->unit\));", ";"),
    ("fence", r"\bset\(\w+, PCI_COMMAND, [^;]*;", ";"),
    ("fence", r"\biommu\.powered = (?:on|false);", ";"),
    ("fence", r"(?<=;)(\s+)command = get\(f, PCI_COMMAND, 2\);\n(?=\s+return)",
     r"\1command = want;\n"),
    ("barrier", r"__ATOMIC_(?:ACQUIRE|RELEASE|ACQ_REL)", "__ATOMIC_RELAXED"),
    ("line", r"(os_flush\([^,;]*, )PGSIZE\);", r"\1PGSIZE / 2);"),
    ("line", r"\bclflush\([^;]*;", ";", "os.c"),
    ("barrier", r"\bmfence\(\);", ";", "os.c"),
    ("line", r"\.flush_lines = !vtd_coherent\(u\)", ".flush_lines = false"),
    ("line", r"a\.flush_lines \|\| ", ""),
    ("line", r" \|\| b\.flush_lines", ""),
    ("deadline", r"\bd->late = os_clock\(\) > d->end;", "d->late = false;"),
    ("deadline", r"\bif \(d->late\b", "if (d->late || os_clock() > d->end"),
    ("deadline", r"\bdeadline_over\(&(\w+)\)", r"(\g<0> || \1.late)"),
    ("deadline", r"\bos_clock\(\) < end\b", "0"),
    ("deadline", r" && n < (?:48|480)\b", ""),
    ("deadline", r"> MAX_TRIES\b", "> ~0u"),
    ("reserved", r" & " + MASK + r"(?=[^\w(])", ""),
    ("reserved", r"\bvtd_set32\(u, FSTS, [^;]*;", ";"),
    ("reserved", r"\bvtd_set32\(u, REG32\([^;]*;", ";"),
    ("reserved", r"\bif \((\w+) == ~0u(?:ll)?\)", "if (0)"),
    ("reserved", r"\bu->version == ~0u \|\| ", ""),
    ("reserved", r"\(u->cap == ~0ull && u->ecap == ~0ull\) \|\|\s+", ""),
    ("reserved", r" \|\|\s+\(!u->cap && !u->ecap\)", ""),
    ("reserved", r"\bformat\.snoop \?", "1 ?"),
    ("reserved", r"header == 0xffffffff", "0"),
    ("reserved", r"command != 0xffff && ", ""),
    ("reserved", r" \|\| get\(f, PCI_COMMAND, 2\) == 0xffff", ""),
]

# The functions whose steps stand in an order that matters.
ORDERED = """
    hand_over forget invalidate install new_owner quiesce silence fence join_ats
    leave_ats start_ats reset_attached
    devtlb_timeout no_owner join_unit leave_unit iommu_attach iommu_detach
    iommu_reset adapt new_presence fence_all iommu_start start_unit
    master_all_attached power_off power_on iommu_stop
    iommu_flush flush flush_units unlink_unit submit context_set context_clear
    vtd_store
    context_prepare
    sl_store sl_split sl_adapt adapt_table sl_map sl_keep map_leaves
    sl_put_leaf sl_store_list sl_clean_tables store replace new_under keep_pages
    sl_take_out os_fill os_fill_lines reap_entry
    sl_free_under reap_table sl_reap
    vtd_fail vtd_command set_root flush_all protect vtd_protect vtd_prepare
    vtd_start vtd_translation
    queue_start queue_submit wait_for_room ask_again clear_errors recover
    find_guilty may_try
    queue_wait wait_on reset_bus put ring_tail vtd_submit vtd_invalidate
    iotlb context regs_invalidate
    bus_master pci_set_master start_reset pci_function_reset
    irt_alloc irt_start irt_set irt_clear show
    quarantine_add quarantine_flush
    fault_start take_one take_some fault_take count_fault handle service
    iommu_service_faults fault_event did_alloc
""".split()
# Those of the memory manager.
MANAGED = """
    take_away unmap_late lazy_unmap flush_before set_mode
    pages_remove flush_gone let_go take install pages_narrow pages_forked
    break_copy drop_table pages_cut pt_make pt_split pt_take_out
    unmap aspace_revoke_device aspace_io_drop
""".split()


class Mutant:
    """`edits`: (path, start, end, text), of one file, ascending; `within`: where
    the function begins and ends that they are in."""
    def __init__(self, name, kind, edits, texts, within=None):
        self.name, self.kind, self.edits = name, kind, edits
        self.path = edits[0][0]
        old = texts[self.path]
        self.source = apply(old, edits)
        self.says = "; ".join(
            f"{one_line(old[start:end])} -> {one_line(new) or 'nothing'}"
            for _, start, end, new in edits)
        self.lines = [(old.count("\n", 0, start) + 1,
                       old.count("\n", 0, end) + 1)
                      for _, start, end, _ in edits]
        self.test = None        # the one that must kill it
        start, end = within or (edits[0][1], edits[-1][2])
        # Wherever it stands: other functions may change, and files.
        self.digest = hashlib.sha1(one_line(f"{kind} {self.says} " + apply(
            old[start:end], [(path, a - start, b - start, new)
                             for path, a, b, new in edits])).encode()
        ).hexdigest()[:12]


def one_line(text):
    return " ".join(text.split())


def apply(text, edits):
    for _, start, end, new in sorted(edits, key=lambda e: -e[1]):
        text = text[:start] + new + text[end:]
    return text


def call_sites(code, start, end):
    for kind, name, value in CALLS:
        for a, b, _ in csource.calls(code, name, start, end):
            yield kind, a, b, value
    for a, b, args in csource.calls(code, "vtd_submit", start, end):
        yield "flush", *args[2], " 0"
    for a, b, args in csource.calls(code, "os_store", start, end):
        yield ("barrier", a, b, f"*({code[slice(*args[0])]}) ="
               f"{code[slice(*args[1])]}")


def pattern_sites(file, code, start, end):
    for kind, pattern, new, *only in PATTERNS:
        if only and file not in only:
            continue
        for m in re.compile(pattern).finditer(code, start, end):
            yield kind, m.start(), m.end(), m.expand(new)


# What only counts and traces is no step of a transaction: its neighbours are
# each other's.
TELLS = re.compile(
    r"(?:if \([^;{}]*?\)\s*)?(?:count|unit_event|trace_event|happened|"
    r"inv_waited|changes)\([^;]*;|u->stats\.\w+(?:\[[^;=]*\])?\+\+;")


def order_sites(code, start, end):
    for block in csource.blocks_of(code, start, end):
        block = [s for s in block if not TELLS.fullmatch(code[slice(*s)])]
        for (a, b), (c, d) in zip(block, block[1:]):
            if csource.is_step(code[a:b]) and csource.is_step(code[c:d]):
                yield a, b, c, d


def early_sites(code, start, end):
    """What is held to the end of its block, and the last step there."""
    for block in csource.blocks_of(code, start, end):
        steps = [(a, b) for a, b in block if csource.is_step(code[a:b]) and
                 not re.fullmatch(r"return\s+\w+;", code[a:b])]
        for n, (a, b) in enumerate(steps[:-2]):
            if re.match(r"\w+_hold\(", code[a:b]):
                yield a, b, *steps[-1]


def chain_sites(code, start, end):
    """Neighbours in "a ?: b ?: c", which go on only as each gives 0."""
    for m in re.compile(r"(?:return|=)\s((?:[^;{}]*?\?:)+[^;{}]*);").finditer(
            code, start, end):
        found, at = [], m.start(1)
        for part in m[1].split("?:"):
            stop = at + len(part.rstrip())
            found.append((at + len(part) - len(part.lstrip()), stop))
            at += len(part) + 2
        yield from (a + b for a, b in zip(found, found[1:]))


def of_function(path, name, code, text, start, end):
    """(kind, edits), in the order of the text."""
    file = Path(path).name
    sites = [(kind, [(path, a, b, new)]) for kind, a, b, new in
             sorted({*call_sites(code, start, end),
                     *pattern_sites(file, code, start, end)},
                    key=lambda s: (s[1], s[2], s[3]))]
    if name in (MANAGED if file in MANAGERS else ORDERED):
        sites += [("order", [(path, a, b, text[c:d]), (path, c, d, text[a:b])])
                  for a, b, c, d in sorted({
                      *order_sites(code, start, end),
                      *chain_sites(code, start, end)})]
        sites += [("order", [(path, a, b, "{ " + text[a:b]),
                             (path, c, d, "} " + text[c:d])])
                  for a, b, c, d in early_sites(code, start, end)]
    return sites


def of_file(path, texts):
    text = texts[path]
    code = csource.bare(text)
    file = Path(path).name
    seen = {}
    for name, start, end in csource.functions(code):
        for kind, edits in of_function(path, name, code, text, start, end):
            key = f"{file}:{name}:{kind}"
            seen[key] = seen.get(key, 0) + 1
            m = Mutant(f"{key}:{seen[key]}", kind, edits, texts, (start, end))
            if file in MANAGERS and kind not in DEVICES:
                continue
            if m.source != text and (file != KERNELS or kind in HARDWARE):
                yield m


def peers(path, texts):
    """Patches: "== TEST FILE", then lines behind "-", which stand in the file
    once, and lines behind "+", which stand for them; as often as need be."""
    seen = {}
    for chunk in re.split(r"^== ", path.read_text(), flags=re.M)[1:]:
        head, _, rest = chunk.partition("\n")
        test, file = head.split()
        edits = []
        for old, new in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)*)", rest, re.M):
            old, new = (re.sub("^.", "", s, flags=re.M) for s in (old, new))
            at = texts[file].find(old)
            if texts[file].count(old) != 1:
                raise SystemExit(f"{path.name}: {test}: this does not stand "
                                 f"once in {file}:\n{old}")
            edits.append((file, at, at + len(old), new))
        seen[test] = seen.get(test, 0) + 1
        m = Mutant(f"{Path(file).name}:{test}:peer:{seen[test]}", "peer", edits,
                   texts)
        m.test = test
        yield m


def all_mutants(top):
    paths = sorted(str(p.relative_to(top)) for s in SOURCES
                   for p in top.glob(s))
    texts = {p: (top / p).read_text() for p in [*paths, *ONLY_PEERS]}
    found = list(peers(top / "tests/mutants/peers", texts))
    for path in paths:
        found += of_file(path, texts)
    names = [m.name for m in found]
    assert len(names) == len(set(names))
    return sorted(found, key=lambda m: KINDS.index(m.kind))
