/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI topology: under which requester ids a function's requests may come, and
 * which functions can reach each other without coming up to the root complex
 * (pci_function.h).  Called at boot, by one processor; what it makes is only
 * read afterwards.
 *
 * A bridge may put its own id on what passes upwards (PCI Express to PCI Bridge
 * 1.0, 2.3).  Without access control services in the ports above them, or
 * between the functions of one device, requests may be routed that never come
 * up (PCI Express 6.12).
 */
#include <iommu_os.h>
#include <pci_function.h>

#define NOT_EXPRESS	16u

static unsigned express_type(const struct pci_function *f)
{
	if (!f->pcie)
		return NOT_EXPRESS;
	return PCIE_TYPE(os_pci_read(f->segment, f->sid, f->pcie + PCIE_CAPS,
				     2));
}

/* Made with the bus's first function. */
static struct pci_rid ***rids_of_bus(struct pci_functions *all,
				     uint16_t segment, uint16_t sid)
{
	return &all->rids[(sid >> 8 ^ segment << 4) % PCI_BUSES];
}

static bool add_rid(struct pci_functions *all, struct pci_function *f,
		    uint16_t sid)
{
	struct pci_rid **head = *rids_of_bus(all, f->segment, sid) +
		(sid & 0xff);
	struct pci_rid *r = &f->rids[f->nrids];

	for (unsigned i = 0; i < f->nrids; i++)
		if (f->rids[i].sid == sid)
			return true;
	if (f->nrids == PCI_MAX_RIDS)
		return false;
	f->nrids++;
	*r = (struct pci_rid){ .next = *head, .fn = f, .sid = sid };
	*head = r;
	return true;
}

static uint32_t address_of(const struct pci_function *f)
{
	return (uint32_t)f->segment << 16 | f->sid;
}

static void add_by_address(struct pci_functions *all, struct pci_function *f)
{
	struct pci_function **at = &all->lowest;

	while (*at && address_of(*at) < address_of(f))
		at = &(*at)->higher;
	f->higher = *at;
	*at = f;
}

bool pci_function_add(struct pci_functions *all, struct pci_function *f)
{
	struct pci_rid ***bus = rids_of_bus(all, f->segment, f->sid);

	if (!*bus)
		*bus = os_alloc(PCI_RIDS_OF_BUS * sizeof(**bus));
	if (!*bus)
		return false;
	f->peers = f;
	f->next = all->first;
	all->first = f;
	add_by_address(all, f);
	return add_rid(all, f, f->sid);
}

struct pci_function *pci_find_function(const struct pci_functions *all,
				       uint16_t segment, uint16_t sid)
{
	struct pci_function *also = NULL;

	pci_for_each_rid(r, all, segment, sid) {
		if (r->fn->sid == sid)
			return r->fn;
		also = r->fn;
	}
	return also;
}

/* Bridges are found by what stands in them; bus numbers do not change. */
static struct pci_function *find_above(const struct pci_functions *all,
				       const struct pci_function *f)
{
	unsigned bus = f->sid >> 8;

	for (struct pci_function *b = all->first; b; b = b->next)
		if (b->header == PCI_HEADER_BRIDGE &&
		    b->segment == f->segment && b->sid >> 8 < bus &&
		    b->secondary == bus)
			return b;
	return NULL;
}

void pci_find_above(struct pci_functions *all)
{
	for (struct pci_function *f = all->first; f; f = f->next)
		f->above = find_above(all, f);
}

/* A conventional bridge uses its own id, one from PCI Express to PCI that of
 * its secondary bus; the uppermost is what comes up, but a bridge need not
 * rename everything, so all count. */
bool pci_find_rids(struct pci_functions *all, struct pci_function *f)
{
	const struct pci_function *below = f, *b;
	bool kept = true;
	unsigned type;

	while ((b = below->above)) {
		type = express_type(b);
		if (type == PCIE_TO_PCI)
			kept &= add_rid(all, f, (uint16_t)(below->sid & 0xff00));
		else if (type == NOT_EXPRESS || type == PCIE_FROM_PCI)
			kept &= add_rid(all, f, b->sid);
		below = b;
	}
	return kept;
}

/* Two rings become one. */
static void join_peers(struct pci_function *a, struct pci_function *b)
{
	struct pci_function *after = a->peers, *p = a;

	do {
		if (p == b)
			return;
		p = p->peers;
	} while (p != a);
	a->peers = b->peers;
	b->peers = after;
}

/* A bridge is no peer of what is behind it, as it is handed to nobody. */
void pci_join_sharers(const struct pci_functions *all, struct pci_function *f)
{
	if (f->header == PCI_HEADER_BRIDGE)
		return;
	for (unsigned i = 0; i < f->nrids; i++)
		pci_for_each_rid(r, all, f->segment, f->rids[i].sid)
			if (r->fn->header != PCI_HEADER_BRIDGE)
				join_peers(f, r->fn);
}

void pci_find_bus_reset(const struct pci_functions *all,
			struct pci_function *f)
{
	if (f->bridge || f->reset != PCI_RESET_NONE || !f->above)
		return;
	for (struct pci_function *o = all->first; o; o = o->next)
		if (o != f && o->segment == f->segment &&
		    o->sid >> 8 == f->sid >> 8)
			return;
	f->reset = PCI_RESET_BUS;
}

static bool same_slot(const struct pci_function *a,
		      const struct pci_function *b)
{
	return a->segment == b->segment && a->sid >> 3 == b->sid >> 3;
}

/* One function without access control services reaches all of its slot, also
 * those that have them. */
static bool slot_apart(const struct pci_functions *all,
		       const struct pci_function *f)
{
	for (struct pci_function *o = all->first; o; o = o->next)
		if (same_slot(o, f) && !pci_acs_enabled(o))
			return false;
	return true;
}

/* Likewise one port of a switch all that is below the others. */
static bool switch_apart(const struct pci_functions *all,
			 const struct pci_function *up)
{
	for (struct pci_function *o = all->first; o; o = o->next)
		if (o->segment == up->segment && o->sid >> 8 == up->secondary &&
		    !pci_acs_enabled(o))
			return false;
	return true;
}

/* Whether what is below reaches nothing beside it. */
static bool isolates(const struct pci_functions *all,
		     const struct pci_function *f)
{
	switch (express_type(f)) {
	case PCIE_ROOT_PORT:
	case PCIE_DOWNSTREAM_PORT:
		return slot_apart(all, f);
	case PCIE_UPSTREAM_PORT:
		return switch_apart(all, f);
	default:
		return false;
	}
}

static bool path_isolates(const struct pci_functions *all,
			  const struct pci_function *port)
{
	for (; port; port = port->above)
		if (!isolates(all, port))
			return false;
	return true;
}

/* The first function of a slot whose functions may talk to each other. */
static const struct pci_function *slot_first(const struct pci_functions *all,
					     const struct pci_function *f)
{
	const struct pci_function *first = f;

	if (slot_apart(all, f))
		return f;
	for (struct pci_function *o = all->first; o; o = o->next)
		if (same_slot(o, f) && o->sid < first->sid)
			first = o;
	return first;
}

/* Up to the lowest bridge from which on everything is kept apart. */
const struct pci_function *pci_group_of(const struct pci_functions *all,
					const struct pci_function *f)
{
	const struct pci_function *top = f, *b;

	for (b = f->above; b && !path_isolates(all, b); b = b->above)
		top = b;
	return slot_first(all, top);
}
