/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of #iommu (kern/drivers/dev/iommu_text.c,
 * kern/drivers/pci/bdf.c): what may be written and
 * what is answered to all else, and what the files show, line for line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "iommu_text.h"
#include "pci_function.h"

static char subject[2 * IOMMU_COMMAND_MAX];
static struct iommu_command cmd;

/* The reason, and the word that it is about; NULL: accepted. */
static const char *attach(const char *s)
{
	struct text t = { .buf = subject, .size = sizeof(subject) };
	const char *why;

	memset(subject, 0, sizeof(subject));
	why = iommu_parse_attach(s, &cmd, &t);
	subject[t.len] = '\0';
	return why;
}

static const char *detach(const char *s)
{
	struct text t = { .buf = subject, .size = sizeof(subject) };

	memset(subject, 0, sizeof(subject));
	return iommu_parse_detach(s, &cmd, &t);
}

static void attaches(const char *s, unsigned segment, unsigned sid, int pid,
		     unsigned words)
{
	assert_null(attach(s));
	assert_int_equal(cmd.segment, segment);
	assert_int_equal(cmd.sid, sid);
	assert_int_equal(cmd.pid, pid);
	assert_int_equal(cmd.words, words);
	assert_string_equal(subject, "");
}

static void test_attach_as_in_the_session(void **state)
{
	(void)state;
	attaches("0:3.0 1", 0, 0x18, 1, 0);
	attaches("0:0.0 22", 0, 0, 22, 0);
	attaches("0:1:0 22", 0, 8, 22, 0);
	attaches("0:1f.2 26", 0, 0xfa, 26, 0);
	attaches("1:ff:1F.7 2147483647", 1, 0xffff, INT32_MAX, 0);
	attaches("ffff:0:0.0 3", 0xffff, 0, 3, 0);
	attaches(" \t00:03.0\t007  ", 0, 0x18, 7, 0);
	attaches("0:3.0 1 unsafe", 0, 0x18, 1, IOMMU_UNSAFE);
	attaches("0:3.0 1 ats", 0, 0x18, 1, IOMMU_ATS);
	attaches("0:3.0 1 rmrr ats unsafe", 0, 0x18, 1,
		 IOMMU_RMRR | IOMMU_ATS | IOMMU_UNSAFE);
}

static void refuses(const char *s, const char *about, const char *why)
{
	const char *got = attach(s);

	assert_non_null(got);
	assert_string_equal(subject, about);
	assert_non_null(strstr(got, why));
}

static void test_attach_of_everything_else(void **state)
{
	(void)state;
	refuses("", "", "nothing written; the form is BUS:DEV.FN PID");
	refuses(" \t ", "", "nothing written");
	refuses("foo", "foo", "not a device");
	refuses("foo 1", "foo", "not a device");
	refuses("0:3.0", "0:3.0", "no pid");
	refuses("0:3.0  ", "0:3.0", "no pid");
	refuses("0:40.0 1", "0:40.0", "no device beyond 1f");
	refuses("0:20.0 1", "0:20.0", "no device beyond 1f");
	refuses("0:3.9 1", "0:3.9", "no function beyond 7");
	refuses("0:3.8 1", "0:3.8", "no function beyond 7");
	refuses("100:3.0 1", "100:3.0", "no bus beyond ff");
	refuses("10000:0:3.0 1", "10000:0:3.0", "no segment beyond ffff");
	refuses("0:3.0 foo", "0:3.0 foo", "not a process id");
	refuses("0:3.0 -1", "0:3.0 -1", "not a process id");
	refuses("0:3.0 +1", "0:3.0 +1", "not a process id");
	refuses("0:3.0 0x1", "0:3.0 0x1", "not a process id");
	refuses("0:3.0 1a", "0:3.0 1a", "not a process id");
	refuses("0:3.0 2147483648", "0:3.0 2147483648", "not a process id");
	refuses("0:3.0 18446744073709551617", "0:3.0 18446744073709551617",
		"not a process id");
	refuses("0:3.0 1 ATS", "0:3.0 1 ATS", "an unknown word");
	refuses("0:3.0 1 rmrr ats rmrr", "0:3.0 1 rmrr", "an unknown word");
	refuses("0:3.0 1 Unsafe", "0:3.0 1 Unsafe", "an unknown word");
	refuses("0:3.0 1 unsafely", "0:3.0 1 unsafely", "an unknown word");
	refuses("0:3.0 1 unsafe unsafe", "0:3.0 1 unsafe", "an unknown word");
	refuses("0:3.0 1 2", "0:3.0 1 2", "an unknown word");
}

/* The first word that is wrong is the one that is named; as it was written. */
static void test_the_subject_of_a_refusal(void **state)
{
	(void)state;
	refuses("1:00:1f.07 x y z", "1:0:1f.7 x", "not a process id");
	refuses("0:3.0 08 bar unsafe", "0:3.0 8 bar", "an unknown word");
}

static void test_addresses_that_are_none(void **state)
{
	static const char *const bad[] = {
		"", "0", "0:", ":0.0", "0:3", "0.3.0", "0.3:0", "0:3.", "0:.0",
		"0:3.0.", "0:3.0:", "0:3.0x", "x0:3.0", "0:3,0", "0:3:0:0",
		"0:0:3:0", "0.0:3.0", "0:0.3.0", "0:0:0:3.0", "1000000:3.0",
		"0:3.0 ", "-1:3.0", "0x0:3.0", "::.", "0:3.00000000",
		"fffffff:0:3.0",
	};
	uint16_t segment = 1, sid = 2;
	const char *why;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		why = bdf_parse(bad[i], &segment, &sid);
		if (!why && strcmp(bad[i], "0:3.00000000"))
			fail_msg("\"%s\" is taken for %x", bad[i], sid);
	}
}

/* All 65,536 of them, in each form, and back. */
static void test_every_address_there_and_back(void **state)
{
	static const char *const forms[] = { "%x:%x.%x", "%X:%X:%X",
					     "%02x:%02x.%x" };
	uint16_t segment, sid;
	char text[32], out[64];

	(void)state;
	for (unsigned id = 0; id < 0x10000; id++)
		for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
			sprintf(text, forms[i], id >> 8, id >> 3 & 31, id & 7);
			assert_null(bdf_parse(text, &segment, &sid));
			assert_int_equal(segment, 0);
			assert_int_equal(sid, id);
			sprintf(out, "%x:%s", id, text);
			if (i != 1) {
				assert_null(bdf_parse(out, &segment, &sid));
				assert_int_equal(segment, id);
			} else {
				assert_non_null(bdf_parse(out, &segment,
							  &sid));
			}
			if (i == 0)
				assert_string_equal(bdf_text(0,
						    (uint16_t)id).s, text);
		}
}

static void test_the_segment_is_shown_where_there_is_one(void **state)
{
	(void)state;
	assert_string_equal(bdf_text(0xabc, 0xfa).s, "abc:0:1f.2");
}

/* Peers took the one for pid 0, which was the machine's own memory, and the
 * other for 00:03.0. */
static void test_bypass_through_the_interface(void **state)
{
	(void)state;
	refuses("0:3.0 foo", "0:3.0 foo", "not a process id");
	refuses("100:23.8 1", "100:23.8", "no bus beyond ff");
	refuses("0:23.8 1", "0:23.8", "no device beyond 1f");
}

static void test_detach(void **state)
{
	(void)state;
	assert_null(detach("0:2.0"));
	assert_int_equal(cmd.sid, 0x10);
	assert_null(detach(" 2:0:1:0 ") ? NULL : "accepted");
	assert_null(detach("\t0:1:0 "));
	assert_int_equal(cmd.sid, 8);
	assert_string_equal(detach(""), "nothing written; the form is "
			    "BUS:DEV.FN");
	assert_non_null(strstr(detach("0:2.0 22"), "an unknown word"));
	assert_string_equal(subject, "0:2.0 22");
	assert_non_null(strstr(detach("0:2.8"), "no function beyond 7"));
	assert_string_equal(subject, "0:2.8");
	assert_non_null(strstr(detach("foo"), "not a device"));
}

static void test_power(void **state)
{
	static const char *const bad[] = {
		"", " ", "maybe", "on off", "on on", "onn", "o", "On", "OFF",
		"enabled", "disabled", "1", "0", "on\n",
	};
	bool on = false;

	(void)state;
	assert_null(iommu_parse_power("on", &on));
	assert_true(on);
	assert_null(iommu_parse_power("off", &on));
	assert_false(on);
	assert_null(iommu_parse_power("\tenable ", &on));
	assert_true(on);
	assert_null(iommu_parse_power("disable", &on));
	assert_false(on);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_string_equal(iommu_parse_power(bad[i], &on),
				    "write enable, disable, on or off");
}

static void test_what_can_be_a_line(void **state)
{
	char to[IOMMU_COMMAND_MAX], *from = malloc(10000);

	(void)state;
	memset(from, 'a', 10000);
	assert_null(command_text(to, IOMMU_COMMAND_MAX, "0:3.0 1\n", 8));
	assert_string_equal(to, "0:3.0 1");
	assert_null(command_text(to, IOMMU_COMMAND_MAX, "0:3.0 1", 7));
	assert_string_equal(to, "0:3.0 1");
	assert_null(command_text(to, IOMMU_COMMAND_MAX, "", 0));
	assert_string_equal(to, "");
	assert_null(command_text(to, IOMMU_COMMAND_MAX, "\n", 1));
	assert_string_equal(to, "");
	assert_null(command_text(to, IOMMU_COMMAND_MAX, "a\tb ~", 5));
	assert_non_null(command_text(to, IOMMU_COMMAND_MAX, "on\n\n", 4));
	assert_non_null(command_text(to, IOMMU_COMMAND_MAX, "on\0", 3));
	assert_non_null(command_text(to, IOMMU_COMMAND_MAX, "on\r\n", 4));
	assert_non_null(command_text(to, IOMMU_COMMAND_MAX, "\x7f", 1));
	assert_non_null(command_text(to, IOMMU_COMMAND_MAX, "\xc3\xa9", 2));
	assert_null(command_text(to, IOMMU_COMMAND_MAX, from, IOMMU_COMMAND_MAX - 1));
	assert_int_equal(strlen(to), IOMMU_COMMAND_MAX - 1);
	assert_string_equal(command_text(to, IOMMU_COMMAND_MAX, from, IOMMU_COMMAND_MAX),
			    "longer than any command");
	assert_string_equal(command_text(to, IOMMU_COMMAND_MAX, from, 10000),
			    "longer than any command");
	from[IOMMU_COMMAND_MAX - 1] = '\n';
	assert_null(command_text(to, IOMMU_COMMAND_MAX, from, IOMMU_COMMAND_MAX));
	free(from);
}

/* The longest words there can be fit everywhere. */
static void test_one_long_word(void **state)
{
	char line[IOMMU_COMMAND_MAX];
	bool on;

	(void)state;
	memset(line, 'f', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_non_null(attach(line));
	assert_string_equal(subject, line);
	assert_non_null(detach(line));
	assert_non_null(iommu_parse_power(line, &on));
	memcpy(line, "0:3.0 1 ", 8);
	assert_non_null(attach(line));
	assert_string_equal(subject, line);
	memcpy(line, "0:3.0 ", 6);
	assert_non_null(attach(line));
}

/* Whatever the bytes are, there is an answer: some changes to what is right. */
static void test_bytes_by_chance(void **state)
{
	static const char alphabet[] = "0123456789abcdefF:.. \t unsafe-x";
	char line[IOMMU_COMMAND_MAX] = "";
	unsigned taken = 0;
	bool on;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		strcpy(line, i % 2 ? "0:3.0 22 unsafe" : "1:0:1f.2 22");
		for (int k = rand() % 6; k > 0; k--)
			line[rand() % 16] = alphabet[(size_t)rand() %
						     (sizeof(alphabet) - 1)];
		taken += !attach(line);
		detach(line);
		iommu_parse_power(line, &on);
	}
	assert_in_range(taken, 40000, 160000);
}

static char shown[8192];

static struct text *begin(void)
{
	static struct text t;

	t = (struct text){ .buf = shown, .size = sizeof(shown) };
	return &t;
}

#define UNIT_AT	((const void *)0xffff8001090acce8)

static const struct iommu_unit_info qemu = {
	.unit = UNIT_AT, .base = 0xfed90000, .regs = (void *)0xfffffff000000000,
	.dmar_width = 48, .version = 0x10, .cap = 0x00d2008c222f0686,
	.ecap = 0xf00f46, .gsts = 0xc4000000, .root = 0x1090aa000,
	.root_va = (void *)0xffff8001090aa000, .devices = 2,
};

static void test_info_of_posted_interrupts(void **state)
{
	struct iommu_unit_info unit = qemu;

	(void)state;
	iommu_format_unit(begin(), &unit);
	assert_null(strstr(shown, "posted"));
	unit.cap |= 1ull << 59;
	iommu_format_unit(begin(), &unit);
	assert_non_null(strstr(shown, "\n\t\tposted interrupts: yes\n"));
}

static void test_info_as_in_the_session(void **state)
{
	struct text *t = begin();

	(void)state;
	iommu_format_driver(t, true, NULL);
	iommu_format_unit(t, &qemu);
	assert_string_equal(shown,
		"driver info:\n"
		"\tdefault did = 1\n"
		"\tstatus = enabled\n"
		"\n"
		"iommu@0xffff8001090acce8\n"
		"\trba = 0x00000000fed90000\n"
		"\tsupported = yes\n"
		"\tnum_assigned_devs = 2\n"
		"\tregspace = 0xfffffff000000000\n"
		"\thost addr width (dmar) = 48\n"
		"\thost addr width (cap[mgaw]) = 48\n"
		"\tversion = 0x10\n"
		"\tcapabilities = 0x00d2008c222f0686\n"
		"\t\tmgaw: 48\n"
		"\t\tsagaw (paging level): 0x6\n"
		"\t\tcaching mode: yes (1)\n"
		"\t\tzlr: 0x0\n"
		"\t\trwbf: not required\n"
		"\t\tnum domains: 65536\n"
		"\t\tsupports protected high-memory region: no\n"
		"\t\tsupports Protected low-memory region: no\n"
		"\text. capabilities = 0x0000000000f00f46\n"
		"\t\tpass through: yes\n"
		"\t\tdevice iotlb: yes\n"
		"\t\tiotlb register offset: 0xf0\n"
		"\t\tsnoop control: no\n"
		"\t\tcoherency: no\n"
		"\t\tqueue invalidation support: yes\n"
		"\t\tinterrupt remapping support: no\n"
		"\t\textended interrupt mode: 0x0\n"
		"\tglobal status = 0xc4000000\n"
		"\t\ttranslation: enabled\n"
		"\t\troot table: set\n"
		"\troot entry table = 0x00000001090aa000 (phy) or "
		"0xffff8001090aa000 (vir)\n");
}

/* The oldest real unit and one that nobody has: the other words. */
static void test_info_in_the_other_words(void **state)
{
	struct iommu_unit_info u = {
		.unit = UNIT_AT, .version = 0x67, .cap = 0xc9008020e30272,
		.ecap = 0x10df, .unsupported = "it offers nothing",
		.failure = "queue error", .dmar_width = 36,
	};
	struct text *t = begin();

	(void)state;
	iommu_format_driver(t, false, "this machine has no DMAR table");
	iommu_format_unit(t, &u);
	assert_non_null(strstr(shown, "\tstatus = disabled\n\tmissing = this "
			       "machine has no DMAR table\n\niommu@"));
	assert_non_null(strstr(shown, "\tsupported = no\n\treason = it offers "
			       "nothing\n\tfailed = queue error\n"));
	assert_non_null(strstr(shown, "\t\tmgaw: 36\n"));
	assert_non_null(strstr(shown, "caching mode: no (0)\n\t\tzlr: 0x1\n"
			       "\t\trwbf: required\n\t\tnum domains: 256\n"));
	assert_non_null(strstr(shown, "high-memory region: yes\n"));
	assert_non_null(strstr(shown, "low-memory region: yes\n"));
	assert_non_null(strstr(shown, "offset: 0x100\n\t\tsnoop control: yes\n"
			       "\t\tcoherency: yes\n\t\tqueue invalidation "
			       "support: yes\n\t\tinterrupt remapping support: "
			       "yes\n\t\textended interrupt mode: 0x1\n"));
	assert_non_null(strstr(shown, "translation: disabled\n\t\troot table: "
			       "not set\n"));
	assert_non_null(strstr(shown, "0x0000000000000000 (phy) or "
			       "0x0000000000000000 (vir)\n"));
}

static void test_domains_for_each_nd(void **state)
{
	static const unsigned domains[] = {
		16, 64, 256, 1024, 4096, 16384, 65536, 65536,
	};
	struct iommu_unit_info u = qemu;
	char line[40];

	(void)state;
	for (unsigned nd = 0; nd < 8; nd++) {
		u.cap = nd;
		iommu_format_unit(begin(), &u);
		sprintf(line, "num domains: %u\n", domains[nd]);
		assert_non_null(strstr(shown, line));
	}
}

static void test_power_as_in_the_session(void **state)
{
	static const char form[] = "Write 'enable' or 'disable' OR 'on' or "
		"'off' to change status\n";
	char want[256];

	(void)state;
	iommu_format_power(begin(), true, NULL);
	sprintf(want, "IOMMU status: enabled\n%s", form);
	assert_string_equal(shown, want);
	iommu_format_power(begin(), false, NULL);
	sprintf(want, "IOMMU status: disabled\n%s", form);
	assert_string_equal(shown, want);
	iommu_format_power(begin(), false, "nothing there");
	sprintf(want, "IOMMU status: disabled (nothing there)\n%s", form);
	assert_string_equal(shown, want);
}

/* A reader's buffer of any size is not overrun. */
static void test_info_in_too_little_room(void **state)
{
	struct text t;
	size_t whole;

	(void)state;
	iommu_format_unit(begin(), &qemu);
	whole = strlen(shown);
	for (size_t size = 1; size < whole + 10; size++) {
		t = (struct text){ .buf = malloc(size), .size = size };
		iommu_format_unit(&t, &qemu);
		assert_true(strlen(t.buf) < size);
		assert_int_equal(t.full, size <= whole);
		free(t.buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attach_as_in_the_session),
		cmocka_unit_test(test_attach_of_everything_else),
		cmocka_unit_test(test_the_subject_of_a_refusal),
		cmocka_unit_test(test_addresses_that_are_none),
		cmocka_unit_test(test_every_address_there_and_back),
		cmocka_unit_test(test_the_segment_is_shown_where_there_is_one),
		cmocka_unit_test(test_bypass_through_the_interface),
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_what_can_be_a_line),
		cmocka_unit_test(test_one_long_word),
		cmocka_unit_test(test_bytes_by_chance),
		cmocka_unit_test(test_info_as_in_the_session),
		cmocka_unit_test(test_info_of_posted_interrupts),
		cmocka_unit_test(test_info_in_the_other_words),
		cmocka_unit_test(test_domains_for_each_nd),
		cmocka_unit_test(test_power_as_in_the_session),
		cmocka_unit_test(test_info_in_too_little_room),
	};

	return cmocka_run_group_tests_name("#iommu's words", tests, NULL,
					   NULL);
}
