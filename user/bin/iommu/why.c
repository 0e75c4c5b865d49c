/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu why: why a device has its unit, its group and its owner, and whether it
 * may be attached.  The reasons are the kernel's (units, devices, acpi); the
 * kernel alone decides, when it is asked.
 */
#include "iommu.h"

#define MAX_BRIDGES	256	/* above each other, if the file has a circle */

struct question {
	struct file devices, units, acpi;
	const struct record *d, *unit, *scopes;	/* NULL: none */
};

/* "ioapic:0:1e.1" is an I/O APIC's; a bus has no such letters. */
static const char *without_kind(const char *scope)
{
	size_t kind = strcspn(scope, ":");

	for (size_t i = 0; i < kind; i++)
		if (!strchr("0123456789abcdef", scope[i]))
			return scope + kind + (scope[kind] == ':');
	return scope;
}

static bool names(const struct record *scopes, const char *bdf)
{
	const char *list = record_text(scopes, "scopes");
	char scope[64];

	while (list_next(&list, scope, sizeof(scope)))
		if (!strcmp(without_kind(scope), bdf))
			return true;
	return false;
}

/* The device, or the nearest bridge above it, that the unit's scopes name. */
static const char *named_by(const struct question *q)
{
	const struct record *d = q->d;

	for (unsigned i = 0; d && i < MAX_BRIDGES; i++) {
		if (names(q->scopes, d->subject))
			return d->subject;
		d = find_record(&q->devices, record_text(d, "above"));
	}
	return NULL;
}

static void print_reason_of_unit(const struct question *q)
{
	const char *named = q->scopes ? named_by(q) : NULL;

	if (!q->scopes)
		print("the table's records do not have it\n");
	else if (named == q->d->subject)
		print("its scopes name %s\n", named);
	else if (named)
		print("its scopes name %s, a bridge above\n", named);
	else if (record_is(q->scopes, "all", "yes"))
		print("it has what no other unit of its segment names\n");
	else
		print("its scopes name what shares a requester id with it\n");
}

static void print_unit(const struct question *q)
{
	print("unit\t\t");
	if (!q->unit) {
		print("none: no unit of the table covers it\n");
		return;
	}
	print("%s at %s: ", q->unit->subject, record_text(q->unit, "base"));
	print_reason_of_unit(q);
	if (!record_is(q->unit, "state", "on"))
		print("\t\tstate %s: %s%s\n", record_text(q->unit, "state"),
		      record_get(q->unit, "failure") ?
		      record_text(q->unit, "failure") : "",
		      record_get(q->unit, "reason") ?
		      record_text(q->unit, "reason") : "");
}

static void print_ids(const struct question *q)
{
	const char *ids = record_text(q->d, "ids");

	print("requester ids\t%s: %s\n", ids,
	      strcmp(ids, q->d->subject) ?
	      "bridges above put theirs in its place" : "its own");
}

static bool share_an_id(const struct record *a, const struct record *b)
{
	const char *list = record_text(a, "ids");
	char id[BDF_LEN];

	while (list_next(&list, id, sizeof(id)))
		if (list_has(record_text(b, "ids"), id))
			return true;
	return false;
}

static bool in_group(const struct record *a, const struct record *b)
{
	return record_is(a, "group", record_text(b, "group"));
}

/* The others of which that holds, on one line. */
static void print_others(const struct question *q, const char *title,
			 bool (*with)(const struct record *,
				      const struct record *),
			 const char *nobody)
{
	bool any = false;

	print("%s", title);
	for (size_t i = 0; i < q->devices.n; i++) {
		const struct record *o = &q->devices.r[i];

		if (o == q->d || !with(o, q->d))
			continue;
		print("%s%s", any ? ", " : "with ", o->subject);
		any = true;
	}
	print("%s\n", any ? "" : nobody);
}

static void print_group(const struct question *q)
{
	print_others(q, "same id\t\t", share_an_id,
		     "nobody: it is handed over alone");
	print_others(q, "group\t\t", in_group,
		     "alone: it reaches no other function past the unit");
}

static bool is_owned(const struct record *d)
{
	const char *owner = record_get(d, "owner");

	return owner && strcmp(owner, "-");
}

static void print_owner(const struct record *d)
{
	if (is_owned(d))
		print("owner\t\tpid %s, domain %s, reaches %s\n",
		      owner_text(record_text(d, "owner")).s,
		      record_text(d, "domain"), size_of(d, "reachable").s);
	else if (record_is(d, "state", "firmware"))
		print("owner\t\tnobody: the firmware has %s reserved for it\n",
		      record_text(d, "reserved"));
	else
		print("owner\t\tnobody: all of its DMA is blocked\n");
}

/* Who has one of those that must have the same owner; NULL: nobody. */
static const struct record *owned_relative(const struct question *q)
{
	for (size_t i = 0; i < q->devices.n; i++) {
		const struct record *o = &q->devices.r[i];

		if (o != q->d && is_owned(o) &&
		    (in_group(o, q->d) || share_an_id(o, q->d)))
			return o;
	}
	return NULL;
}

/* What stands in the way whoever asks; NULL: nothing. */
static const char *obstacle(const struct question *q)
{
	const char *reason = record_get(q->d, "reason");

	if (record_is(q->d, "state", "refused"))
		return reason ? reason : "it is for nobody";
	if (!q->unit)
		return "no remapping unit covers it";
	if (record_is(q->unit, "state", "off"))
		return "the iommu is off";
	if (!record_is(q->unit, "state", "on"))
		return "its unit cannot be used";
	if (record_is(q->d, "state", "firmware") && !may_drop_reserved(q->d))
		return "it has memory reserved by the firmware";
	return NULL;
}

static void print_attach(const struct question *q)
{
	const struct record *relative = owned_relative(q);
	const char *why = obstacle(q);

	print("attach\t\t");
	if (is_owned(q->d))
		print("no: pid %s owns it\n", record_text(q->d, "owner"));
	else if (why)
		print("no: %s\n", why);
	else if (relative)
		print("only to pid %s, which owns %s\n",
		      record_text(relative, "owner"), relative->subject);
	else if (record_is(q->d, "state", "firmware"))
		print("only with the word rmrr\n");
	else if (needs_unsafe(q->d))
		print("only with the word unsafe\n");
	else
		print("yes: echo %s PID >'%s/attach'\n", q->d->subject, FOLDER);
	if (record_is(q->d, "fenced", "yes"))
		print("fenced\t\tyes%s%s\n",
		      record_get(q->d, "reason") ? ": " : "",
		      record_get(q->d, "reason") ?
		      record_text(q->d, "reason") : "");
}

static const struct record *scopes_of(const struct question *q)
{
	for (size_t i = 0; q->unit && i < q->acpi.n; i++)
		if (!strcmp(q->acpi.r[i].subject, "unit") &&
		    record_is(&q->acpi.r[i], "base",
			      record_text(q->unit, "base")))
			return &q->acpi.r[i];
	return NULL;
}

int why(int argc, char **argv)
{
	struct question q = { .d = NULL };
	char bdf[BDF_LEN];

	(void)argc;
	need_bdf("why", argv[0], bdf);
	q.devices = read_records("devices");
	q.d = need_device(&q.devices, "why", bdf);
	q.units = read_records("units");
	q.acpi = read_records("acpi");
	q.unit = find_record(&q.units, record_text(q.d, "unit"));
	q.scopes = scopes_of(&q);
	print("%s\t\tid %s, class %s, %s\n", bdf, record_text(q.d, "id"),
	      record_text(q.d, "class"), record_text(q.d, "state"));
	print_unit(&q);
	print_ids(&q);
	print_group(&q);
	print_owner(q.d);
	print_attach(&q);
	print_words(q.d, q.unit);
	return 0;
}
