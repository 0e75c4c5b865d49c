/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin for QEMU: counts, for each sample (tests/bench/mark.h), how often
 * each instruction of the kernel's was executed, and how many of programs'.
 *
 *	-plugin obj/bench/count.so,base=ADDRESS,size=BYTES -d plugin -D FILE
 *
 * base and size are those of the kernel's code.  Writes to FILE, between what
 * QEMU's trace events write there: "sample begins", and "sample ends USER
 * ADDRESS=N ...".  One processor.
 *
 * What of the plugin interface (version 1 of QEMU's) is used is declared here:
 * Debian has no header of it.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void tb_fn(uint64_t id, struct qemu_plugin_tb *tb);
typedef void exec_fn(unsigned cpu, void *arg);
enum { CB_NO_REGS };
enum { INLINE_ADD_U64 };
#define EXPORT __attribute__((visibility("default")))

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, tb_fn *fn);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(
	const struct qemu_plugin_tb *tb, size_t n);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    exec_fn *fn, int flags, void *arg);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						int op, void *at, uint64_t n);
void qemu_plugin_outs(const char *text);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc,
			       char **argv);

static const uint8_t begin_mark[] = { 0x0f, 0x1f, 0x80, 'b', 'e', 'g', 'n' };
static const uint8_t end_mark[] = { 0x0f, 0x1f, 0x80, 'e', 'n', 'd', ' ' };

static uint64_t base, size, user;
static uint64_t *counts;	/* by byte of the kernel's code */

static void begin(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	user = 0;
	memset(counts, 0, size * sizeof(*counts));
	qemu_plugin_outs("sample begins\n");
}

static void end(unsigned cpu, void *arg)
{
	char text[64];

	(void)cpu;
	(void)arg;
	snprintf(text, sizeof(text), "sample ends %" PRIu64, user);
	qemu_plugin_outs(text);
	for (uint64_t i = 0; i < size; i++) {
		if (!counts[i])
			continue;
		snprintf(text, sizeof(text), " %" PRIx64 "=%" PRIu64, base + i,
			 counts[i]);
		qemu_plugin_outs(text);
	}
	qemu_plugin_outs("\n");
}

static bool is_mark(const struct qemu_plugin_insn *insn, const uint8_t *mark)
{
	return qemu_plugin_insn_size(insn) == sizeof(begin_mark) &&
		!memcmp(qemu_plugin_insn_data(insn), mark, sizeof(begin_mark));
}

static void call_at(struct qemu_plugin_insn *insn, const uint8_t *mark,
		    exec_fn *fn)
{
	if (is_mark(insn, mark))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, fn, CB_NO_REGS,
						       NULL);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	struct qemu_plugin_insn *insn;
	uint64_t at;

	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		at = qemu_plugin_insn_vaddr(insn);
		qemu_plugin_register_vcpu_insn_exec_inline(
			insn, INLINE_ADD_U64,
			at - base < size ? &counts[at - base] : &user, 1);
		call_at(insn, begin_mark, begin);
		call_at(insn, end_mark, end);
	}
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "base=", 5))
			base = strtoull(argv[i] + 5, NULL, 0);
		if (!strncmp(argv[i], "size=", 5))
			size = strtoull(argv[i] + 5, NULL, 0);
	}
	counts = calloc(size, sizeof(*counts));
	if (!counts || !size)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
