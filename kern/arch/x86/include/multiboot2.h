/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot2's numbers (Multiboot2 Specification 2.0, 3.1 and 3.6). */
#ifndef MULTIBOOT2_H
#define MULTIBOOT2_H

#define MB2_HEADER_MAGIC	0xe85250d6
#define MB2_LOADER_MAGIC	0x36d76289	/* in EAX */

/* Tags of the header; with MB2_OPTIONAL a loader may not know them. */
#define MB2_WANT_INFO		1
#define MB2_WANT_ENTRY		3
#define MB2_WANT_FRAMEBUFFER	5
#define MB2_OPTIONAL		1

/* Tags of what the loader tells. */
#define MB2_END			0
#define MB2_CMDLINE		1
#define MB2_MEMORY_MAP		6
#define MB2_FRAMEBUFFER		8
#define MB2_RSDP_V1		14
#define MB2_RSDP_V2		15

/* What screen is asked for; the firmware may have another. */
#define SCREEN_WIDTH		1024
#define SCREEN_HEIGHT		768

#endif
