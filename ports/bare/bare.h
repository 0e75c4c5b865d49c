/* SPDX-License-Identifier: BSD-2-Clause */
/* What os.c has beside the services of iommu_os.h. */
#include <iommu_os.h>

#define MAPPED		0x100000000ul	/* memory, one to one, up to here */

void os_init(void);			/* clock and interrupts */
noreturn void os_leave(uint8_t how);	/* QEMU's status: 2 * how + 1 */
