/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec: a static position-independent ELF program into a new address space,
 * which takes the old one's place only when all of it is there.  Devices do
 * not survive exec.
 */
#include <arch.h>
#include <aspace.h>
#include <assert.h>
#include <chan.h>
#include <elf.h>
#include <fmt.h>
#include <kmalloc.h>
#include <mmu.h>
#include <pciown.h>
#include <proc.h>
#include <string.h>
#include <x86.h>

#define MAX_SEGMENTS	16
#define STACK_SIZE	(1 * MIB)
#define COPY_AT_ONCE	(64 * KIB)
#define PROGRAM_MAX	(1 * GIB)

struct image {
	struct chan *file;
	struct elf_header header;
	struct elf_segment seg[MAX_SEGMENTS];
	size_t span;		/* bytes from 0 to the end of the last one */
	uintptr_t base, sp;
};

static int read_exactly(struct chan *c, void *to, size_t n, uint64_t off)
{
	ssize_t got = chan_read(c, to, n, off);

	if (got < 0)
		return (int)got;
	if ((size_t)got != n)
		return error(EINVAL, "exec: %s: cut off", c->path);
	return 0;
}

static int not_ours(const struct image *im, const char *why)
{
	return error(EINVAL, "exec: %s: %s", im->file->path, why);
}

static int check_header(const struct image *im)
{
	const struct elf_header *h = &im->header;

	if (h->magic != ELF_MAGIC)
		return not_ours(im, "not a program");
	if (h->class != ELF_CLASS_64 || h->machine != ELF_X86_64 ||
	    h->type != ELF_DYN)
		return not_ours(im, "not a static PIE for x86-64");
	if (h->phentsize != sizeof(struct elf_segment) ||
	    h->phnum > MAX_SEGMENTS)
		return not_ours(im, "bad program headers");
	return 0;
}

static int check_segments(struct image *im)
{
	const struct elf_segment *s;

	for (unsigned i = 0; i < im->header.phnum; i++) {
		s = &im->seg[i];
		if (s->type != ELF_LOAD)
			continue;
		if (s->filesz > s->memsz || s->vaddr > PROGRAM_MAX ||
		    s->memsz > PROGRAM_MAX || s->vaddr < ROUNDDOWN(im->span,
								   PGSIZE))
			return not_ours(im, "bad segment");
		if ((s->flags & ELF_W) && (s->flags & ELF_X))
			return not_ours(im, "writable code");
		im->span = ROUNDUP(s->vaddr + s->memsz, PGSIZE);
	}
	if (!im->span || im->header.entry >= im->span)
		return not_ours(im, "nothing to run");
	return 0;
}

static int read_headers(struct image *im)
{
	int err = read_exactly(im->file, &im->header, sizeof(im->header), 0);

	if (!err)
		err = check_header(im);
	if (!err)
		err = read_exactly(im->file, im->seg, im->header.phnum *
				   sizeof(im->seg[0]), im->header.phoff);
	return err ? err : check_segments(im);
}

static int copy_segment(struct aspace *as, const struct image *im,
			const struct elf_segment *s, void *buf)
{
	size_t n;
	int err = 0;

	for (uint64_t at = 0; at < s->filesz && !err; at += n) {
		n = MIN(s->filesz - at, COPY_AT_ONCE);
		err = read_exactly(im->file, buf, n, s->offset + at);
		if (!err)
			err = aspace_write(as, im->base + s->vaddr + at, buf,
					   n);
	}
	return err;
}

static int map_segment(struct aspace *as, const struct image *im,
		       const struct elf_segment *s)
{
	uintptr_t start = ROUNDDOWN(im->base + s->vaddr, PGSIZE);
	uintptr_t end = ROUNDUP(im->base + s->vaddr + s->memsz, PGSIZE);
	int prot = (s->flags & ELF_R ? PROT_READ : 0) |
		(s->flags & ELF_W ? PROT_WRITE : 0) |
		(s->flags & ELF_X ? PROT_EXEC : 0);
	long at;

	if (!s->memsz)
		return 0;
	at = aspace_mmap(as, start, end - start, prot, MAP_FIXED);
	return at < 0 ? (int)at : 0;
}

/* Where the whole program fits; nothing is mapped yet. */
static int choose_base(struct aspace *as, struct image *im)
{
	long at = aspace_mmap(as, 0, im->span, PROT_NONE, 0);

	if (at < 0)
		return (int)at;
	im->base = (uintptr_t)at;
	return aspace_munmap(as, im->base, im->span);
}

static int load_segments(struct aspace *as, struct image *im)
{
	void *buf = kmalloc(COPY_AT_ONCE);
	const struct elf_segment *s;
	int err = buf ? choose_base(as, im) : error(ENOMEM, "no memory");

	for (unsigned i = 0; i < im->header.phnum && !err; i++) {
		s = &im->seg[i];
		if (s->type != ELF_LOAD)
			continue;
		err = map_segment(as, im, s);
		if (!err)
			err = copy_segment(as, im, s, buf);
	}
	kfree(buf);
	return err;
}

/* argc, argv[], NULL, and the strings above them (SysV ABI 3.4.1), below an
 * unmapped page's worth of region that catches overflow. */
static int make_stack(struct aspace *as, struct image *im, char *const *argv)
{
	long low = aspace_mmap(as, 0, STACK_SIZE + PGSIZE, PROT_NONE, 0);
	uintptr_t top = (uintptr_t)low + STACK_SIZE + PGSIZE, at = top;
	uint64_t words[MAX_ARGS + 2];
	uint64_t argc = 0;
	int err;

	if (low < 0)
		return (int)low;
	err = aspace_mprotect(as, (uintptr_t)low + PGSIZE, STACK_SIZE,
			      PROT_READ | PROT_WRITE);
	for (; argv[argc] && !err; argc++) {
		size_t n = strlen(argv[argc]) + 1;

		at -= n;
		words[argc + 1] = at;
		err = aspace_write(as, at, argv[argc], n);
	}
	words[0] = argc;
	words[argc + 1] = 0;
	im->sp = ROUNDDOWN(at - (argc + 2) * 8, 16);
	return err ? err : aspace_write(as, im->sp, words, (argc + 2) * 8);
}

/* Comes last: who sees the new name finds the old memory and devices gone. */
static void keep_args(struct proc *p, char *const *argv)
{
	struct text t = { .buf = p->args, .size = sizeof(p->args) };
	const char *name = argv[0];

	for (const char *s = argv[0]; *s; s++)
		if (*s == '/' && s[1])
			name = s + 1;
	strlcpy(p->name, name, sizeof(p->name));
	for (char *s = p->name; *s; s++)
		if (*s <= ' ' || *s > '~')
			*s = '?';
	for (unsigned i = 0; argv[i]; i++)
		text_add(&t, i ? " %s" : "%s", argv[i]);
}

static void become(struct proc *p, const struct image *im, struct aspace *as)
{
	struct aspace *old = pciown_exec(p, as);

	aspace_put(old);
	spin_lock(&p->note_lock);
	p->handler = 0;
	p->in_handler = false;
	spin_unlock(&p->note_lock);
	fpu_init(p->kthread->fpu);
	fpu_restore(p->kthread->fpu);
	*p->tf = (struct trapframe){
		.rip = im->base + im->header.entry, .rsp = im->sp,
		.cs = GDT_UCODE, .ss = GDT_UDATA,
		.rflags = RFLAGS_FIXED | RFLAGS_IF,
	};
}

int proc_exec(const char *path, char *const *argv)
{
	struct image *im = kmalloc(sizeof(*im));
	struct aspace *as = NULL;
	int err = im ? 0 : error(ENOMEM, "no memory");

	if (!err && !(im->file = name_open(path, OEXEC)))
		err = -ENOENT;
	if (!err && im->file->qid.type & QTDIR)
		err = error(EISDIR, "exec: %s: is a directory", path);
	if (!err)
		err = read_headers(im);
	if (!err && !(as = aspace_create()))
		err = -ENOMEM;
	if (!err)
		err = load_segments(as, im);
	if (!err)
		err = make_stack(as, im, argv);
	if (!err) {
		become(current_proc(), im, as);
		keep_args(current_proc(), argv);
	} else {
		aspace_put(as);
	}
	if (im)
		chan_put(im->file);
	kfree(im);
	return err;
}
