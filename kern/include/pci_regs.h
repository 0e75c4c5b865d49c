/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Places and bits of a PCI function's configuration space: PCI Local Bus 3.0,
 * 6.1, 6.2 and appendix D; PCI-to-PCI Bridge 1.2, 3.2; PCI Power Management
 * 1.2, 3.2; Advanced Capabilities ECN; PCI Express 4.0, 7.5 to 7.7 and 10.5.
 */
#ifndef PCI_REGS_H
#define PCI_REGS_H

#define PCI_VENDOR	0x00
#define PCI_DEVICE	0x02
#define PCI_COMMAND	0x04
#define  PCI_COMMAND_IO		0x1u
#define  PCI_COMMAND_MEM	0x2u
#define  PCI_COMMAND_MASTER	0x4u
#define  PCI_COMMAND_NO_INTX	0x400u
#define PCI_STATUS	0x06
#define  PCI_STATUS_CAPS	0x10u
#define PCI_CLASS	0x08	/* 32 bits: class, subclass, interface, rev */
#define PCI_HEADER	0x0e
#define  PCI_HEADER_TYPE	0x7fu
#define  PCI_HEADER_BRIDGE	0x01u
#define  PCI_HEADER_MULTI	0x80u
#define PCI_BAR(n)	(0x10 + 4 * (n))
#define PCI_SECONDARY	0x19	/* a bridge's lower bus, and the last below */
#define PCI_SUBORDINATE	0x1a
#define PCI_BRIDGE_PREF_LO	0x24	/* base and limit, 16 bits each */
#define PCI_BRIDGE_PREF_BASE_HI	0x28
#define PCI_BRIDGE_PREF_LIMIT_HI 0x2c
#define PCI_CAPS	0x34
#define PCI_BRIDGE_CTRL	0x3e
#define  PCI_BRIDGE_RESET	0x40u	/* of the secondary bus */

/* Base classes, and with subclass. */
#define PCI_BASE_DISPLAY	0x03
#define PCI_BASE_BRIDGE		0x06
#define PCI_CLASS_AUDIO		0x0403
#define PCI_CLASS_USB		0x0c03

#define PCI_CAP_PM	0x01
#define PCI_CAP_MSI	0x05
#define PCI_CAP_VENDOR	0x09
#define PCI_CAP_PCIE	0x10
#define PCI_CAP_MSIX	0x11
#define PCI_CAP_AF	0x13

#define PCI_PM_CTRL	0x04
#define  PCI_PM_STATE		0x3u
#define  PCI_PM_D3HOT		0x3u
#define  PCI_PM_NO_RESET	0x8u	/* D3hot to D0 keeps all state */

#define PCI_AF_CAPS	0x03
#define  PCI_AF_CAPS_FLR	0x2u
#define PCI_AF_CTRL	0x04
#define  PCI_AF_CTRL_FLR	0x1u
#define PCI_AF_STATUS	0x05
#define  PCI_AF_PENDING		0x1u

#define PCIE_CAPS	0x02
#define  PCIE_TYPE(caps)	((caps) >> 4 & 15u)
enum pcie_type {
	PCIE_ROOT_PORT = 4,
	PCIE_UPSTREAM_PORT = 5,
	PCIE_DOWNSTREAM_PORT = 6,
	PCIE_TO_PCI = 7,
	PCIE_FROM_PCI = 8,
};
#define PCIE_DEVCAP	0x04
#define  PCIE_DEVCAP_FLR	(1u << 28)
#define PCIE_DEVCTL	0x08
#define  PCIE_DEVCTL_NO_SNOOP	0x800u
#define  PCIE_DEVCTL_FLR	0x8000u
#define PCIE_DEVSTA	0x0a
#define  PCIE_DEVSTA_PENDING	0x20u

/* The extended ones. */
#define PCIE_EXT_CAPS	0x100
#define PCIE_EXT_NEXT(h)	((h) >> 20 & 0xffcu)
#define PCIE_CAP_ACS	0x0d
#define PCIE_CAP_ATS	0x0f

#define PCIE_ACS_CAPS	0x04
#define PCIE_ACS_CTRL	0x06	/* bits are the same in both */
#define  PCIE_ACS_SOURCE	0x01u	/* validation of source ids */
#define  PCIE_ACS_REQUESTS	0x04u	/* redirected upwards */
#define  PCIE_ACS_COMPLETIONS	0x08u	/* likewise */
#define  PCIE_ACS_FORWARD	0x10u	/* upstream */
#define  PCIE_ACS_EGRESS	0x20u	/* control */
#define  PCIE_ACS_TRANSLATED	0x40u	/* may go directly */
#define PCIE_ATS_CTRL	0x06
#define  PCIE_ATS_ON		0x8000u

#endif
