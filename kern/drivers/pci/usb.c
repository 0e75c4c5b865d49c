/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking USB host controllers over from the firmware, which may be driving
 * them by system-management interrupts for a keyboard: xHCI 1.2, 7.1; EHCI 1.0,
 * 5.1; UHCI 1.1, 5.2.1; OHCI 1.0a, 5.1.1.3.3.  Bounded: firmware that does not
 * let go is overruled.
 */
#include <arch.h>
#include <log.h>
#include <pci.h>
#include <timer.h>
#include <x86.h>

#define CLASS_UHCI	0x0c0300
#define CLASS_OHCI	0x0c0310
#define CLASS_EHCI	0x0c0320
#define CLASS_XHCI	0x0c0330

#define LEGSUP_ID	1u
#define LEGSUP_BIOS	(1u << 16)
#define LEGSUP_OS	(1u << 24)
#define LETS_GO_WITHIN	(1000 * NSEC_PER_MSEC)

#define XHCI_HCCPARAMS1	0x10
#define XHCI_XECP(p)	(((p) >> 16) * 4)
#define XHCI_NEXT(c)	(((c) >> 8 & 0xff) * 4)
#define XHCI_SMI_CTRL	4
#define XHCI_SMI_OFF	0xe0000000u	/* status bits, cleared by ones */

#define EHCI_HCCPARAMS	0x08
#define EHCI_EECP(p)	((p) >> 8 & 0xff)

#define UHCI_LEGSUP	0xc0
#define UHCI_LEGSUP_OFF	0x8f00u

#define OHCI_CONTROL	0x04
#define OHCI_STATUS	0x08
#define OHCI_ROUTED	0x100u		/* to system management */
#define OHCI_REQUEST	0x008u

static void not_let_go(const struct pci_device *d)
{
	klog(LOG_WARN, "pci: %s: the firmware does not let go of the USB "
	     "controller", d->name);
}

static void xhci_legsup(const struct pci_device *d, uint8_t *cap)
{
	uint64_t end = nsec() + LETS_GO_WITHIN;

	mmio_write32(cap, mmio_read32(cap) | LEGSUP_OS);
	while ((mmio_read32(cap) & LEGSUP_BIOS) && nsec() < end)
		cpu_pause();
	if (mmio_read32(cap) & LEGSUP_BIOS) {
		not_let_go(d);
		mmio_write32(cap, LEGSUP_OS | LEGSUP_ID);
	}
	mmio_write32(cap + XHCI_SMI_CTRL, XHCI_SMI_OFF);
}

static void xhci(struct pci_device *d)
{
	size_t len = d->bars[0].len;
	uint8_t *regs = mmio_map(d->bars[0].pa, len);
	uint32_t at, cap, next;

	if (!regs || len < PGSIZE)
		return;
	at = XHCI_XECP(mmio_read32(regs + XHCI_HCCPARAMS1));
	for (unsigned n = 0; at && at + 8 <= len && n < 256; n++) {
		cap = mmio_read32(regs + at);
		if ((cap & 0xff) == LEGSUP_ID)
			xhci_legsup(d, regs + at);
		next = XHCI_NEXT(cap);
		if (!next)
			return;
		at += next;
	}
}

static void ehci(struct pci_device *d)
{
	uint8_t *regs = mmio_map(d->bars[0].pa, PGSIZE);
	uint64_t end = nsec() + LETS_GO_WITHIN;
	uint32_t at;

	if (!regs)
		return;
	at = EHCI_EECP(mmio_read32(regs + EHCI_HCCPARAMS));
	if (at < 0x40 || (pci_get(d, at, 4) & 0xff) != LEGSUP_ID)
		return;
	pci_set(d, at, 4, pci_get(d, at, 4) | LEGSUP_OS);
	while ((pci_get(d, at, 4) & LEGSUP_BIOS) && nsec() < end)
		cpu_pause();
	if (pci_get(d, at, 4) & LEGSUP_BIOS) {
		not_let_go(d);
		pci_set(d, at, 4, LEGSUP_OS | LEGSUP_ID);
	}
	pci_set(d, at + 4, 4, 0);
}

static void ohci(struct pci_device *d)
{
	uint8_t *regs = mmio_map(d->bars[0].pa, PGSIZE);
	uint64_t end = nsec() + LETS_GO_WITHIN;

	if (!regs || !(mmio_read32(regs + OHCI_CONTROL) & OHCI_ROUTED))
		return;
	mmio_write32(regs + OHCI_STATUS, OHCI_REQUEST);
	while ((mmio_read32(regs + OHCI_CONTROL) & OHCI_ROUTED) &&
	       nsec() < end)
		cpu_pause();
	if (mmio_read32(regs + OHCI_CONTROL) & OHCI_ROUTED)
		not_let_go(d);
}

/* Registers are looked at with memory decoding on, as firmware leaves it; a
 * controller that it has not set up is not in its hands. */
void pci_usb_handoff(struct pci_device *d)
{
	bool mapped = (pci_get(d, PCI_COMMAND, 2) & PCI_COMMAND_MEM) &&
		d->bars[0].len && !d->bars[0].io;

	if (d->class == CLASS_UHCI)
		pci_set(d, UHCI_LEGSUP, 2, UHCI_LEGSUP_OFF);
	else if (d->class == CLASS_XHCI && mapped)
		xhci(d);
	else if (d->class == CLASS_EHCI && mapped)
		ehci(d);
	else if (d->class == CLASS_OHCI && mapped)
		ohci(d);
}
