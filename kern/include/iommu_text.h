/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of #iommu: commands in, states out.  Pure; also compiled for the
 * host.
 */
#ifndef IOMMU_TEXT_H
#define IOMMU_TEXT_H

#include <fmt.h>
#include <iommu.h>
#include <types.h>

#define IOMMU_COMMAND_MAX 128	/* bytes of a command */

struct iommu_command {
	uint16_t segment, sid;
	int pid;
	unsigned words;		/* attach: IOMMU_UNSAFE and others */
	bool has_addr;		/* walk: one is given */
	uint64_t addr;
	struct iommu_dev *dev;	/* walk: the device, for: */
};
/* NULL, or the reason; *subject is then the word that it is about. */
typedef const char *iommu_parse(const char *s, struct iommu_command *cmd,
				struct text *subject);
iommu_parse iommu_parse_attach, iommu_parse_detach, iommu_parse_walk;
const char *iommu_parse_power(const char *s, bool *on);

void iommu_format_driver(struct text *t, bool powered, const char *missing);
void iommu_format_unit(struct text *t, const struct iommu_unit_info *unit);
void iommu_format_power(struct text *t, bool powered, const char *missing);

/* units_text.c: from snapshots that they take themselves */
void iommu_format_units(struct text *t);
void iommu_format_walk(void *command, struct text *t);

#endif
