/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot2's information (Multiboot2 Specification 2.0, 3.6) into struct
 * loader_info: tags, each with type and size, on multiples of 8 bytes.  Called
 * once, before any page is given out: it lies in memory that it reports as
 * usable.  A tag that does not hold what it should is passed over.  Pure.
 */
#include <loader.h>
#include <multiboot2.h>
#include <start.h>
#include <string.h>

#define RAM		1		/* the type of an entry of the map */
#define DIRECT_COLOUR	1

struct tag {
	uint32_t type, size;
};

struct map_tag {
	struct tag tag;
	uint32_t entry_size, entry_version;
};

struct map_entry {
	uint64_t addr, len;
	uint32_t type, reserved;
};

struct framebuffer_tag {
	struct tag tag;
	uint64_t addr;
	uint32_t pitch, width, height;
	uint8_t bits, type;
	uint16_t reserved;
	struct {
		uint8_t at, bits;
	} colour[3];
};
_Static_assert(sizeof(struct map_tag) == 16, "3.6.8");
_Static_assert(sizeof(struct map_entry) == 24, "3.6.8");
_Static_assert(offsetof(struct framebuffer_tag, colour) == 32, "3.6.12");
#define FRAMEBUFFER_LEN	38

static void take_memory_map(const struct tag *tag)
{
	const struct map_tag *map = (const void *)tag;
	const uint8_t *end = (const uint8_t *)tag + tag->size;
	const uint8_t *at = (const uint8_t *)(map + 1);
	const struct map_entry *e;

	if (tag->size < sizeof(*map) || map->entry_size < sizeof(*e))
		return;
	for (; at < end && map->entry_size <= (size_t)(end - at);
	     at += map->entry_size) {
		e = (const void *)at;
		if (e->type == RAM)
			loader_add_ram(e->addr, e->len);
	}
}

/* Whether the colours lie in the pixel. */
static bool colours_ok(const struct framebuffer_tag *fb)
{
	for (unsigned i = 0; i < 3; i++)
		if (!fb->colour[i].bits || fb->colour[i].bits > fb->bits ||
		    fb->colour[i].at > fb->bits - fb->colour[i].bits)
			return false;
	return true;
}

/* Text mode and palettes are no screen; nor is what is larger than its memory
 * could be. */
static void take_framebuffer(const struct tag *tag)
{
	const struct framebuffer_tag *fb = (const void *)tag;
	uint64_t white = 0;

	if (tag->size < FRAMEBUFFER_LEN || fb->type != DIRECT_COLOUR ||
	    (fb->bits != 24 && fb->bits != 32) || !colours_ok(fb) ||
	    (uint64_t)fb->width * fb->bits / 8 > fb->pitch ||
	    (uint64_t)fb->height * fb->pitch > GIB)
		return;
	for (unsigned i = 0; i < 3; i++)
		white |= ((1ull << fb->colour[i].bits) - 1) << fb->colour[i].at;
	loader.screen = (struct framebuffer){
		.pa = fb->addr, .pitch = fb->pitch, .width = fb->width,
		.height = fb->height, .bytes = fb->bits / 8u,
		.white = (uint32_t)white,
	};
}

/* A newer RSDP is not replaced by an old one. */
static void take_rsdp(const struct tag *tag)
{
	size_t len = tag->size - sizeof(*tag);

	if (loader.has_rsdp_copy && tag->type == MB2_RSDP_V1)
		return;
	memcpy(loader.rsdp_copy, tag + 1, MIN(len, sizeof(loader.rsdp_copy)));
	loader.has_rsdp_copy = true;
}

static void take(const struct tag *tag)
{
	switch (tag->type) {
	case MB2_CMDLINE:
		loader_set_cmdline((const char *)(tag + 1),
				   tag->size - sizeof(*tag));
		break;
	case MB2_MEMORY_MAP:
		take_memory_map(tag);
		break;
	case MB2_FRAMEBUFFER:
		take_framebuffer(tag);
		break;
	case MB2_RSDP_V1:
	case MB2_RSDP_V2:
		take_rsdp(tag);
		break;
	}
}

bool multiboot2_copy_info(const void *info, size_t limit)
{
	size_t len = *(const uint32_t *)info;
	const struct tag *tag;

	if (len > limit)
		return false;
	for (size_t at = 8; at + sizeof(*tag) <= len;
	     at += ROUNDUP((size_t)tag->size, 8)) {
		tag = (const void *)((const uint8_t *)info + at);
		if (tag->type == MB2_END || tag->size < sizeof(*tag) ||
		    tag->size > len - at)
			break;
		take(tag);
	}
	return loader.nram > 0;
}
