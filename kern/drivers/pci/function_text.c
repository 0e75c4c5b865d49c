/* SPDX-License-Identifier: BSD-2-Clause */
/* A PCI function in the words of a record (pci_function.h); pure. */
#include <fmt.h>
#include <pci_function.h>

void pci_format_ids(struct text *t, const struct pci_function *f)
{
	bool some = false;

	text_add(t, " id=%04x:%04x class=0x%06x ids=", f->vendor, f->device,
		 f->class);
	for (unsigned i = 0; i < f->nrids; i++)
		text_item(t, &some, "%s",
			  bdf_text(f->segment, f->rids[i].sid).s);
}

void pci_format_above(struct text *t, const struct pci_function *f)
{
	const struct pci_function *b = f->above;

	text_add(t, " above=%s", b ? bdf_text(b->segment, b->sid).s : "-");
}

void pci_format_reset(struct text *t, const struct pci_function *f)
{
	const char *how = pci_reset_text(f->reset);

	text_add(t, " reset=");
	for (how = how ? how : "none"; *how; how++)
		text_add(t, "%c", *how == ' ' ? '-' : *how);
}
