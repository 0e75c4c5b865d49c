/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has which function and what it reaches, as text (pciown_text.h): a
 * snapshot of one device or one space is taken at a time, and put into words
 * with nothing held, so that no reader keeps a device or a process waiting.
 * Also compiled for the host.
 */
#include <pciown_text.h>
#include <pci_function.h>

/* The least pid above `after` that has a device, behind that unit if n >= 0; 0:
 * there is none. */
static int next_pid(int after, int n)
{
	struct iommu_device_info i;
	struct iommu_dev *d = NULL;
	int least = 0;

	while ((d = iommu_next_device(d))) {
		iommu_device_info(d, &i);
		if (i.pid > after && (!least || i.pid < least) &&
		    (n < 0 || i.unit_index == n))
			least = i.pid;
	}
	return least;
}

/* The next device of that pid, behind that unit if n >= 0. */
static struct iommu_dev *next_of(int pid, int n, struct iommu_dev *d,
				 struct iommu_device_info *i)
{
	while ((d = iommu_next_device(d))) {
		iommu_device_info(d, i);
		if (i->pid == pid && (n < 0 || i->unit_index == n))
			break;
	}
	return d;
}

void pciown_mappings_text(struct text *t)
{
	struct iommu_device_info i;
	struct iommu_unit_info u;

	for (int n = 0; iommu_unit_info((unsigned)n, &u); n++) {
		text_add(t, "Mappings for iommu@%p\n", u.unit);
		for (int pid = 0; (pid = next_pid(pid, n));) {
			text_add(t, "\tpid = %d\n", pid);
			for (struct iommu_dev *d = NULL;
			     (d = next_of(pid, n, d, &i));)
				text_add(t, "\t\tdevice = %s\n",
					 bdf_text(i.pci->segment, i.pci->sid).s);
		}
	}
}

static void format_reserved(struct text *t, const struct iommu_dev *d)
{
	bool some = false;
	uint64_t lo, hi;

	text_add(t, " reserved=");
	for (unsigned n = 0; iommu_reserved(d, n, &lo, &hi); n++)
		text_item(t, &some, "0x%lx-0x%lx", lo, hi);
	text_list_end(t, some);
}

/* " key=N", or "-" where it is not one. */
static void add_number(struct text *t, const char *key, const char *before,
		       int n, bool is)
{
	text_add(t, is ? " %s=%s%d" : " %s=-", key, before, n);
}

static void format_device(struct text *t, struct iommu_dev *d)
{
	struct iommu_device_info i;
	struct iommu_space_info s;

	iommu_device_info(d, &i);
	iommu_space_info(d, &s);
	text_add(t, "%s", bdf_text(i.pci->segment, i.pci->sid).s);
	pci_format_ids(t, i.pci);
	add_number(t, "unit", "unit", i.unit_index, i.unit_index >= 0);
	text_add(t, " group=%s", bdf_text(i.group->segment, i.group->sid).s);
	pci_format_above(t, i.pci);
	add_number(t, "owner", "", i.pid, i.pid);
	add_number(t, "domain", "", i.did, i.did);
	text_add(t, " master=%s fenced=%s ats=%s", i.master ? "on" : "off",
		 i.fenced ? "yes" : "no", i.ats ? "on" : "off");
	pci_format_reset(t, i.pci);
	format_reserved(t, d);
	text_add(t, " faults=%lu reachable=%lu state=%s", i.faults, s.bytes,
		 i.state);
	text_reason(t, "reason", i.why);
	text_add(t, "\n");
}

void pciown_devices_text(struct text *t)
{
	for (struct iommu_dev *d = NULL; (d = iommu_next_device(d));)
		format_device(t, d);
}

/* The next device of the space that `first` is in, which is that pid's; 0: it is
 * the firmware's, for that device alone. */
static struct iommu_dev *next_in_space(struct iommu_dev *first, int pid,
				       struct iommu_dev *d,
				       struct iommu_device_info *i)
{
	if (pid)
		return next_of(pid, -1, d, i);
	iommu_device_info(first, i);
	return d ? NULL : first;
}

static void format_space(struct text *t, struct iommu_dev *first, int pid,
			 size_t quarantined)
{
	struct iommu_device_info i;
	struct iommu_space_info s;
	uint32_t units = 0;
	bool some = false;

	iommu_space_info(first, &s);
	text_add(t, " levels=%u 4k=%lu 2m=%lu 1g=%lu tables=%lu domains=",
		 s.levels, s.leaves[0], s.leaves[1], s.leaves[2], s.tables);
	for (struct iommu_dev *d = NULL;
	     (d = next_in_space(first, pid, d, &i));) {
		if (units >> i.unit_index & 1)
			continue;
		units |= 1u << i.unit_index;
		text_item(t, &some, "unit%d:%u", i.unit_index, i.did);
	}
	text_list_end(t, some);
	some = false;
	text_add(t, " devices=");
	for (struct iommu_dev *d = NULL;
	     (d = next_in_space(first, pid, d, &i));)
		text_item(t, &some, "%s",
			  bdf_text(i.pci->segment, i.pci->sid).s);
	text_list_end(t, some);
	text_add(t, " quarantined=%lu\n", quarantined);
}

/* A process whose devices go meanwhile has no line. */
void pciown_spaces_text(struct text *t)
{
	struct iommu_device_info i;
	struct iommu_dev *d;

	for (int pid = 0; (pid = next_pid(pid, -1));) {
		d = next_of(pid, -1, NULL, &i);
		if (!d)
			continue;
		text_add(t, "pid%d", pid);
		format_space(t, d, pid, pciown_quarantined(pid));
	}
	for (d = NULL; (d = iommu_next_device(d));) {
		iommu_device_info(d, &i);
		if (i.pid || !i.did)
			continue;
		text_add(t, "firmware-%s",
			 bdf_text(i.pci->segment, i.pci->sid).s);
		format_space(t, d, 0, 0);
	}
}
