/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies between the kernel and the current process's memory.  The pages are
 * found by the processor; a page that is not there yet is made by the page
 * fault, and one that cannot be had ends the copy.
 */
#include <arch.h>
#include <error.h>
#include <lockorder.h>
#include <mmu.h>
#include <string.h>
#include <uaccess.h>

int user_copy(void *to, const void *from, size_t n);
extern char user_copy_end[], user_copy_failed[];

bool uaccess_has_smap;

bool uaccess_fixup(uint64_t *rip)
{
	if (*rip < (uintptr_t)user_copy || *rip >= (uintptr_t)user_copy_end)
		return false;
	*rip = (uintptr_t)user_copy_failed;
	return true;
}

static int copy(void *to, const void *from, size_t n)
{
	int failed;

	lock_none("touches user memory at", CALLER);
	if (uaccess_has_smap)
		asm volatile("stac" : : : "memory");
	failed = user_copy(to, from, n);
	if (uaccess_has_smap)
		asm volatile("clac" : : : "memory");
	return failed;
}

static bool in_user_half(uintptr_t va, size_t n)
{
	return va >= USER_BASE && va < BAR_END && n <= BAR_END - va;
}

static int bad_pointer(uintptr_t va)
{
	return error(EFAULT, "bad address 0x%lx", va);
}

int copy_from_user(void *to, uintptr_t from, size_t n)
{
	if (n && (!in_user_half(from, n) || copy(to, (void *)from, n)))
		return bad_pointer(from);
	return 0;
}

int copy_to_user(uintptr_t to, const void *from, size_t n)
{
	if (n && (!in_user_half(to, n) || copy((void *)to, from, n)))
		return bad_pointer(to);
	return 0;
}

ssize_t copy_string_from_user(char *to, uintptr_t from, size_t size)
{
	size_t done = 0, step, len;
	int err;

	while (done < size) {
		step = MIN(size - done, PGSIZE - (from + done) % PGSIZE);
		err = copy_from_user(to + done, from + done, step);
		if (err)
			return err;
		len = strnlen(to + done, step);
		done += len;
		if (len < step)
			return (ssize_t)done;
	}
	return error(EINVAL, "text longer than %lu bytes", size - 1);
}
