# SPDX-License-Identifier: BSD-2-Clause
"""Commands for gdb on the kernel, which tools/gdb loads:

    iommu-units          each unit, its queue and the devices that it serves
    iommu-walk BDF ADDR  how its unit translates a device's address, entry by
                         entry, to the frame or the reason why not
    ps                   the processes

They read memory and nothing else, so they may be given wherever the kernel
stands, also in the middle of a change; its page tables must be in use.
"""
import gdb

DIRECT_BASE = 0xffff800000000000    # kern/arch/x86/include/mmu.h
ADDRESS = ((1 << 52) - 1) & ~0xfff
SL_PS, SL_SNP, SL_TOMB = 1 << 7, 1 << 11, 1 << 52
STATES = "ready", "running", "sleeping", "zombie"


def variable(name):
    """One of the kernel's, static or not."""
    symbol = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if not symbol:
        raise gdb.GdbError(f"there is no {name} in this program")
    return symbol.value()


def entry(table_pa, index, words=1):
    """An entry of a table, by the table's physical address."""
    pointer = gdb.lookup_type("unsigned long").pointer()
    at = gdb.Value(DIRECT_BASE + table_pa).cast(pointer) + index * words
    got = [int(at[i]) for i in range(words)]
    return got[0] if words == 1 else got


def linked(first, link="next"):
    while first:
        yield first
        first = first[link]


def embedding(pointer, type_name, member):
    """The struct that has as that member what is pointed to."""
    kind = gdb.lookup_type(f"struct {type_name}")
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == member)
    return (pointer.cast(gdb.lookup_type("char").pointer()) -
            offset).cast(kind.pointer())


def on_list(head, type_name, member):
    """The objects on a ring of struct list."""
    at = head["next"]
    while at != head.address:
        yield embedding(at, type_name, member)
        at = at["next"]


def units():
    iommu = variable("iommu")
    return [iommu["units"][i] for i in range(int(iommu["nunits"]))]


def bdf(device):
    sid, segment = (int(device["pci"][f]) for f in ("sid", "segment"))
    return (f"{segment:x}:" if segment else "") + \
        f"{sid >> 8:x}:{sid >> 3 & 31:x}.{sid & 7}"


def find_device(text):
    known = [embedding(f, "iommu_dev", "pci")
             for f in linked(variable("iommu")["pci"]["first"])]
    for device in known:
        if bdf(device) == text:
            return device
    raise gdb.GdbError(f"{text}: no such device; there are " +
                       " ".join(sorted(map(bdf, known))))


def state(unit):
    if unit["unsupported"]:
        return "not used: " + unit["unsupported"].string()
    if unit["broken"]:
        return "failed: " + unit["failure"].string()
    return "translating" if unit["translating"] else "off"


def owner(device):
    space = device["space"]
    if not space:
        return "nobody's"
    who = f"pid {int(space['pid'])}" if space["owner"] else "the firmware's"
    return f"{who}, domain {int(device['su']['did'])}"


class Units(gdb.Command):
    """iommu-units: each unit, its queue, and the devices that it serves."""

    def __init__(self):
        super().__init__("iommu-units", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        iommu = variable("iommu")
        for i, unit in enumerate(units()):
            queue = unit["queue"]
            print(f"unit {int(unit['base']):#x}: {state(unit)}, "
                  f"{int(unit['levels'])} levels, "
                  f"{int(unit['address_bits'])} bits")
            if queue["ring"]:
                print(f"  queue: {int(queue['tail'])} put in, "
                      f"{int(queue['status'].dereference())} completed")
            for device in linked(iommu["unit_devs"][i], "next_in_unit"):
                print(f"  {bdf(device)}: {owner(device)}"
                      f"{', fenced' if device['fenced'] else ''}")


class Walk(gdb.Command):
    """iommu-walk BDF ADDR: how a device's address is translated."""

    def __init__(self):
        super().__init__("iommu-walk", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) != 2:
            raise gdb.GdbError("usage: iommu-walk BDF ADDR")
        device = find_device(words[0])
        address = int(gdb.parse_and_eval(words[1])) & (1 << 64) - 1
        if not device["unit"]:
            raise gdb.GdbError(f"{words[0]}: no unit covers it")
        print(self.walk(device, address))

    def walk(self, device, address):
        """Prints each entry; what becomes of the address."""
        sid, unit = int(device["pci"]["sid"]), device["unit"]
        if not unit["root"]:
            return "the unit has no tables"
        root = int(unit["root"][sid >> 8]["lo"])
        print(f"root    {sid >> 8:02x}  {root:#018x}")
        if not root & 1:
            return "root entry not present"
        low, high = entry(root & ADDRESS, sid & 0xff, 2)
        levels, domain = (high & 7) + 2, high >> 8 & 0xffff
        print(f"context {sid & 0xff:02x}  {low:#018x} {high:#018x}"
              f"  {levels} levels, domain {domain}")
        if not low & 1:
            return "context entry not present"
        if address >> min(12 + 9 * levels, int(unit["address_bits"])):
            return "address beyond the unit's width"
        return self.second_level(low & ADDRESS, levels, address)

    def second_level(self, table, levels, address):
        rights = 3
        for level in range(levels, 0, -1):
            shift = 3 + 9 * level
            index = address >> shift & 511
            value = entry(table, index)
            names = [name for bit, name in
                     ((1, "read"), (2, "write"), (SL_SNP, "snoop"),
                      (SL_TOMB, "taken out")) if value & bit]
            leaf = level == 1 or value & SL_PS
            names += ["leaf"] if leaf and value & 3 else []
            print(f"level {level} {index:3}  {value:#018x}  "
                  f"{' '.join(names) or 'absent'}")
            rights &= value
            if not rights:
                return "no read permission, no write permission"
            if leaf:
                inside = (1 << shift) - 1
                return (f"memory {value & ADDRESS & ~inside | address & inside:#x}"
                        f", {('', 'read', 'write', 'read and write')[rights]}")
            table = value & ADDRESS


class Ps(gdb.Command):
    """ps: the processes."""

    def __init__(self):
        super().__init__("ps", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        print("  PID  PPID STATE     DEVICES NAME")
        for p in on_list(variable("procs")["all"], "proc", "link"):
            thread, parent = p["kthread"], p["parent"]
            doing = "zombie" if p["zombie"] else STATES[int(thread["state"])]
            devices = len(list(on_list(p["devices"], "pci_device", "owned")))
            print(f"{int(p['pid']):5} {int(parent['pid']) if parent else 0:5} "
                  f"{doing:9} {devices:7} {p['name'].string()}")


Units()
Walk()
Ps()
