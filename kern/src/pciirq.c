/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of PCI functions (pciirq.h): counted for whoever reads, each with
 * a vector and, where its unit remaps interrupts, an entry of its own.
 *
 * A counter lives as long as the machine, since readers may hold on to one when
 * its device goes to somebody else; its vector lives from open to revoke.
 *
 * Lock order: a counter's q.lock is taken last.
 */
#include <error.h>
#include <irq.h>
#include <kmalloc.h>
#include <lock.h>
#include <log.h>
#include <timer.h>

#include "pciirq.h"

struct pci_irq {
	struct waitq q;
	struct pci_device *dev;
	unsigned n;
	uint64_t count;		/* the rest under q.lock */
	uint64_t window;	/* when the present second began */
	uint64_t in_window;
	unsigned revoked;	/* how often the device was taken away */
	int vector;		/* 0: not open since */
	bool masked;
};

/* q.lock held.  true: this one is too many. */
static bool is_storm(struct pci_irq *irq)
{
	uint64_t now = nsec();

	if (now - irq->window >= NSEC_PER_MSEC * 1000) {
		irq->window = now;
		irq->in_window = 0;
	}
	return ++irq->in_window == PCI_IRQ_STORM;
}

static void count_irq(void *arg)
{
	struct pci_irq *irq = arg;
	bool storm;

	spin_lock(&irq->q.lock);
	irq->count++;
	storm = is_storm(irq);
	irq->masked |= storm;
	spin_unlock(&irq->q.lock);
	if (storm) {
		pci_irq_disable(irq->dev, irq->n);
		klog(LOG_WARN, "pci: %s: irq%u is masked: more than %u "
		     "interrupts in a second", irq->dev->name, irq->n,
		     PCI_IRQ_STORM);
	}
	wake_all(&irq->q);
}

static bool is_open(const struct pci_device *d, unsigned n)
{
	return d->irqs[n] && d->irqs[n]->vector;
}

unsigned pciirq_in_use(const struct pci_device *d)
{
	unsigned used = 0;

	for (unsigned n = 0; n < PCI_MAX_IRQS; n++)
		used += is_open(d, n);
	return used;
}

static struct pci_irq *counter(struct pci_device *d, unsigned n)
{
	struct pci_irq *irq = d->irqs[n];

	if (irq)
		return irq;
	irq = kmalloc(sizeof(*irq));
	if (!irq) {
		error(ENOMEM, "no memory");
		return NULL;
	}
	waitq_init(&irq->q, "pci irq");
	irq->dev = d;
	irq->n = n;
	d->irqs[n] = irq;
	return irq;
}

/* The device may send it from here on. */
static int enable(struct pci_device *d, unsigned n)
{
	struct msi_message m;
	int err = irq_message(d->irqs[n]->vector, d->iommu, &m);

	return err ? err : pci_irq_enable(d, n, &m);
}

static void close_one(struct pci_device *d, unsigned n)
{
	struct pci_irq *irq = d->irqs[n];

	pci_irq_disable(d, n);
	irq_free(irq->vector);
	spin_lock(&irq->q.lock);
	irq->revoked++;
	irq->vector = 0;
	spin_unlock(&irq->q.lock);
	wake_all(&irq->q);
}

static int open_one(struct pci_device *d, unsigned n)
{
	struct pci_irq *irq = counter(d, n);
	int vector, err;

	if (!irq)
		return -ENOMEM;
	vector = irq_alloc(count_irq, irq, d->name);
	if (vector < 0)
		return vector;
	spin_lock(&irq->q.lock);
	irq->vector = vector;
	irq->count = 0;
	irq->in_window = 0;
	irq->masked = false;
	spin_unlock(&irq->q.lock);
	err = enable(d, n);
	if (err)
		close_one(d, n);
	return err;
}

int pciirq_open(struct pci_device *d, unsigned n, unsigned end, unsigned quota)
{
	uint64_t made = 0;
	int err = 0;

	if (end > pci_irq_count(d))
		return error(ENODEV, "%s has no interrupt %u", d->name,
			     end - 1);
	for (; n < end && !err; n++) {
		if (is_open(d, n))
			continue;
		if (!quota--)
			err = error(EBUSY, "%s: no interrupt left of the "
				    "process's share", d->name);
		else
			err = open_one(d, n);
		if (!err)
			made |= 1ull << n;
	}
	for (n = 0; err && n < PCI_MAX_IRQS; n++)
		if (made & 1ull << n)
			close_one(d, n);
	return err;
}

int pciirq_mask(struct pci_device *d, unsigned n, bool masked)
{
	struct pci_irq *irq;

	if (n >= PCI_MAX_IRQS || !is_open(d, n))
		return error(EINVAL, "%s: irq %u is not open", d->name, n);
	irq = d->irqs[n];
	spin_lock(&irq->q.lock);
	irq->masked = masked;
	irq->in_window = 0;
	spin_unlock(&irq->q.lock);
	if (!masked)
		return enable(d, n);
	pci_irq_disable(d, n);
	return 0;
}

int pciirq_restore(struct pci_device *d)
{
	int err = 0;

	for (unsigned n = 0; n < PCI_MAX_IRQS && !err; n++)
		if (is_open(d, n) && !READ_ONCE(d->irqs[n]->masked))
			err = enable(d, n);
	return err;
}

void pciirq_revoke(struct pci_device *d)
{
	for (unsigned n = 0; n < PCI_MAX_IRQS; n++)
		if (is_open(d, n))
			close_one(d, n);
}

unsigned pciirq_revoked(struct pci_device *d, unsigned n)
{
	return READ_ONCE(d->irqs[n]->revoked);
}

/* What comes after it was taken away is somebody else's. */
bool pciirq_take(struct pci_device *d, unsigned n, unsigned revoked,
		 uint64_t *count)
{
	struct pci_irq *irq = d->irqs[n];
	bool gone;

	spin_lock(&irq->q.lock);
	gone = irq->revoked != revoked || !irq->vector;
	*count = gone ? 0 : irq->count;
	if (!gone)
		irq->count = 0;
	spin_unlock(&irq->q.lock);
	return *count || gone;
}

struct waitq *pciirq_queue(struct pci_device *d, unsigned n)
{
	return &d->irqs[n]->q;
}

bool pciirq_ready(struct pci_device *d, unsigned n)
{
	return READ_ONCE(d->irqs[n]->count) || !READ_ONCE(d->irqs[n]->vector);
}
