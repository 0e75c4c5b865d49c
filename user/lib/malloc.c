/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * malloc: blocks of a power of two bytes, 32 to 32768, cut from chunks and
 * kept on a list for each size once they are freed; larger ones are mappings
 * of their own.  Before each block stands its size and, while it is in use, a
 * seal, so that freeing what is not in use ends the program with a message
 * instead of damage.
 */
#include <lib.h>

#define SEAL	0x5ea1ed0ff1ce5ea1ul
#define CHUNK	(128ul << 10)

enum { MIN_SHIFT = 5, MAX_SHIFT = 15, PAGE_BYTES = 4096 };

struct header {
	size_t size;			/* of the block, with this header */
	union {
		uintptr_t seal;
		struct header *next_free;
	};
};
_Static_assert(sizeof(struct header) == 16, "blocks are aligned to 16");

static struct header *free_blocks[MAX_SHIFT + 1];
static char *chunk, *chunk_end;

static uintptr_t seal_of(const struct header *h)
{
	return (uintptr_t)h ^ SEAL;
}

static void *map(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANON, -1, 0);
}

static struct header *cut(size_t size)
{
	struct header *h;

	if ((size_t)(chunk_end - chunk) < size) {
		char *more = map(CHUNK);

		if (!more)
			return NULL;
		chunk = more;
		chunk_end = more + CHUNK;
	}
	h = (struct header *)chunk;
	chunk += size;
	return h;
}

/* The size is below SIZE_MAX / 2. */
static struct header *new_block(size_t size)
{
	unsigned shift = MIN_SHIFT;
	struct header *h;

	while (shift <= MAX_SHIFT && (1ul << shift) < size)
		shift++;
	if (shift > MAX_SHIFT) {
		size = (size + PAGE_BYTES - 1) & -(size_t)PAGE_BYTES;
		h = map(size);
	} else if ((h = free_blocks[shift])) {
		size = h->size;
		free_blocks[shift] = h->next_free;
	} else {
		size = 1ul << shift;
		h = cut(size);
	}
	if (h)
		*h = (struct header){ .size = size, .seal = seal_of(h) };
	return h;
}

static struct header *header_of(void *p)
{
	struct header *h = (struct header *)p - 1;

	if ((uintptr_t)p % 16 != 0 || h->seal != seal_of(h))
		fatal("free: %p is not an allocated block", p);
	return h;
}

void *malloc(size_t n)
{
	struct header *h;

	if (n > SIZE_MAX / 4)
		return NULL;
	h = new_block(n + sizeof(*h));
	return h ? h + 1 : NULL;
}

void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	p = malloc(bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

void free(void *p)
{
	struct header *h;

	if (!p)
		return;
	h = header_of(p);
	h->seal = 0;
	if (h->size > 1ul << MAX_SHIFT) {
		munmap(h, h->size);
		return;
	}
	unsigned shift = (unsigned)__builtin_ctzl(h->size);

	h->next_free = free_blocks[shift];
	free_blocks[shift] = h;
}

void *realloc(void *p, size_t n)
{
	size_t room = p ? header_of(p)->size - sizeof(struct header) : 0;
	void *q;

	if (p && n <= room)
		return p;
	q = malloc(n);
	if (q && p) {
		memcpy(q, p, room);
		free(p);
	}
	return q;
}
