/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files iommu*.c of this folder share.
 *
 * iommu.lock guards each device's state and its command register, and the list
 * of devices; it is never held while waiting for hardware.  A space's lock
 * guards its list of units.  Order: iommu.lock, then nothing but the services'
 * own locks and what events.fault takes; a space's lock likewise.
 */
#ifndef IOMMU_IMPL_H
#define IOMMU_IMPL_H

#include <iommu.h>
#include <vtd/table.h>
#include <vtd/vtd.h>

#define MAX_UNITS	32
#define DEV_BUCKETS	256

/* A space's presence in a unit: shared by its devices behind it. */
struct space_unit {
	struct space_unit *next;
	struct vtd *unit;
	uint16_t did;
	unsigned devices;
};

struct iommu_space {
	struct sl_table table;
	struct os_lock lock;
	struct space_unit *units;
	unsigned devices;
	bool lost;		/* a unit failed with it */
	void *owner;
	int pid;
	uint64_t serial;
};

enum reset_how { RESET_NONE, RESET_FLR, RESET_AF, RESET_PM };

struct iommu_dev {
	struct iommu_dev *next;		/* in its bucket */
	struct iommu_dev *next_in_unit;
	uint16_t segment, sid;
	struct vtd *unit;		/* NULL: none covers it */
	const char *refused;		/* why it is for nobody; NULL: it is */
	bool bridge;			/* class 06: its command stays as it is */
	uint8_t pcie, af, pm;		/* capabilities; 0: none */
	enum reset_how reset;

	struct iommu_space *space;	/* NULL: free */
	struct space_unit *su;
	bool fenced;			/* may not master the bus */
	uint64_t used_by;		/* serial of who used it since it was
					 * reset; 0: nobody */
	uint64_t faults;
	uint64_t window;		/* when the present second began */
	unsigned in_window;
};

/* Of a device scope of the DMAR table, once bus numbers are known. */
struct scope {
	struct scope *next;
	uint16_t segment, sid;
	bool bridge;
	uint8_t secondary, subordinate;
	struct vtd *unit;		/* NULL: a reserved region's */
};

struct iommu {
	struct os_lock lock;
	struct vtd *units[MAX_UNITS];
	struct iommu_dev *unit_devs[MAX_UNITS];
	unsigned nunits;
	struct vtd *all_of_segment[MAX_UNITS];	/* INCLUDE_PCI_ALL */
	unsigned nall;
	struct scope *scopes;
	struct iommu_dev *devs[DEV_BUCKETS];
	unsigned dmar_width;
	const char *missing;
	bool powered;
	struct iommu_events events;
	uint64_t lost_pages;
};
extern struct iommu iommu;

/* "B:D.F" or "S:B:D.F", in hexadecimal. */
struct bdf_text {
	char s[16];
};
struct bdf_text bdf_text(uint16_t segment, uint16_t sid);

/* iommu.c */
struct iommu_dev *find_device(uint16_t segment, uint16_t sid);
unsigned unit_index(const struct vtd *u);

/* iommu_scope.c */
struct dmar_table;
struct dmar_entry;
void scopes_add(const struct dmar_table *t, const struct dmar_entry *e,
		struct vtd *u);
struct vtd *scope_unit(uint16_t segment, uint16_t sid);
bool scope_reserved(uint16_t segment, uint16_t sid);
/* The bridge under whose id, *alias, the unit sees the device's requests; NULL:
 * it sees them under the device's own. */
struct iommu_dev *scope_alias(const struct iommu_dev *d, uint16_t *alias);

/* iommu_pci.c: one function's configuration space */
void pci_function_init(struct iommu_dev *d);
/* iommu.lock held.  Sets or clears bus mastering as far as power and fence
 * allow; false: it did not obey. */
bool bus_master(struct iommu_dev *d, bool on);
void wait_for_transactions(struct iommu_dev *d);
bool function_reset(struct iommu_dev *d);
bool function_gone(struct iommu_dev *d);

/* iommu_attach.c */
/* iommu.lock held. */
void fence(struct iommu_dev *d, const char *why);

#endif
