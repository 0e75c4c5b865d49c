/* SPDX-License-Identifier: BSD-2-Clause */
/* Files read by a test (see_bench.h). */
#include "see_bench.h"

char text[65536];
static struct text out;
struct machines x;

/* The kernel's. */
size_t pciown_quarantined(int pid)
{
	return pid == 7 ? 3 : 0;
}

struct text *begin(void)
{
	out = (struct text){ .buf = text, .size = sizeof(text) };
	text[0] = '\0';
	if (model_machine)
		model_call(model_machine);
	return &out;
}

const char *file(void (*make)(struct text *t))
{
	make(begin());
	assert_false(out.full);
	return text;
}

const char *line(void (*make)(struct text *t), const char *subject)
{
	static char found[1024];
	const char *at = file(make), *end;
	size_t len = strlen(subject);

	for (; *at; at = end + 1) {
		end = strchr(at, '\n');
		assert_non_null(end);
		if (!strncmp(at, subject, len) && at[len] == ' ') {
			memcpy(found, at, (size_t)(end - at));
			found[end - at] = '\0';
			return found;
		}
	}
	fail_msg("no line of %s in:\n%s", subject, text);
	return NULL;
}

void has(void (*make)(struct text *t), const char *subject, const char *field)
{
	const char *l = line(make, subject), *at = strstr(l, field);

	if (!at || at[-1] != ' ' ||
	    (at[strlen(field)] != ' ' && at[strlen(field)] != '\0'))
		fail_msg("no \"%s\" in \"%s\"", field, l);
}

void lacks(void (*make)(struct text *t), const char *subject, const char *part)
{
	const char *l = line(make, subject);

	if (strstr(l, part))
		fail_msg("\"%s\" in \"%s\"", part, l);
}

const char *way(struct function *f, const char *addr)
{
	struct iommu_command cmd;
	char command[64], subject[256];
	struct text t = { .buf = subject, .size = sizeof(subject) };

	snprintf(command, sizeof(command), "%s %s",
		 bdf_text(f->segment, f->sid).s, addr);
	assert_null(iommu_parse_walk(command, &cmd, &t));
	cmd.dev = dev(f);
	iommu_format_walk(&cmd, begin());
	return text;
}

void blocked(struct function *f, const char *addr, const char *why)
{
	char want[200];
	const char *got = way(f, addr);
	size_t len;

	snprintf(want, sizeof(want), "blocked reason=\"%s\"\n", why);
	len = strlen(want);
	if (strlen(got) < len || strcmp(got + strlen(got) - len, want))
		fail_msg("not %s at the end of:\n%s", want, got);
}

void open_machine(void)
{
	bench_bare(&x.b, 1);
	x.u[0] = model_unit(x.b.m, 0xfed00000, 0, 0x10, THREE_CAP, POOR_ECAP);
	x.u[1] = model_unit(x.b.m, 0xfed01000, 0, 0x21, RICH_CAP, RICH_ECAP);
	x.u[2] = model_unit(x.b.m, 0xfed02000, 2, 0x10, RICH_CAP | 1 << 7,
			    RICH_ECAP & ~2ul);
	x.b.u = x.u[0];
	x.three = model_function(x.b.m, 0, 0, 2, 0, FN_FLR, x.u[0]);
	x.rich = model_function(x.b.m, 0, 0, 3, 0, FN_AF, x.u[1]);
	x.other = model_function(x.b.m, 2, 0, 4, 0, FN_PM | FN_PCIE, x.u[2]);
	x.alone = model_function(x.b.m, 3, 0, 1, 0, FN_FLR, NULL);
	bench_boot(&x.b);
}
