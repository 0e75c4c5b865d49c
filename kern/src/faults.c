/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last faults, as lines (faults.h).  They are numbered from 1 on; an
 * opener's aux points to the number that it reads next.  Who falls behind by
 * more than the ring holds is told how many lines he has missed.
 */
#include <faults.h>
#include <fmt.h>
#include <kmalloc.h>
#include <lock.h>
#include <pci_function.h>
#include <proc.h>
#include <string.h>

#define LINE_MAX	112

struct line {
	int pid;		/* the device's owner; 0: nobody */
	char text[LINE_MAX];
};

static struct {
	struct waitq q;
	uint64_t end;		/* the number of the next one; under q.lock */
	struct line lines[FAULT_LINES];
} faults = { .q = WAITQ(faults.q, "iommu faults file"), .end = 1 };

void faults_add(const struct iommu_fault *f)
{
	struct line l = { .pid = f->pid };
	struct text t = { .buf = l.text, .size = sizeof(l.text) };

	text_add(&t, "%s pid=%d %s 0x%lx: %s (reason 0x%x)\n",
		 bdf_text(f->segment, f->sid).s, f->pid, f->access, f->addr,
		 f->text, f->reason);
	spin_lock(&faults.q.lock);
	faults.lines[faults.end++ % FAULT_LINES] = l;
	spin_unlock(&faults.q.lock);
	wake_all(&faults.q);
}

static bool is_for_reader(const struct line *l)
{
	const struct proc *p = current_proc();

	return p->user == EVE || l->pid == p->pid;
}

/* The next line for this reader from *at on, which moves behind it.  q.lock
 * held; false: there is none yet. */
static bool next_line(uint64_t *at, struct line *l)
{
	uint64_t oldest = faults.end > FAULT_LINES ?
		faults.end - FAULT_LINES : 1;
	struct text t = { .buf = l->text, .size = sizeof(l->text) };

	if (*at < oldest) {
		text_add(&t, "%lu faults missed\n", oldest - *at);
		*at = oldest;
		return true;
	}
	while (*at < faults.end) {
		*l = faults.lines[(*at)++ % FAULT_LINES];
		if (is_for_reader(l))
			return true;
	}
	return false;
}

/* As many whole lines as there are and as fit; one does. */
static size_t take_lines(uint64_t *at, char *buf, size_t n)
{
	struct line l;
	size_t done = 0, len;
	uint64_t before;

	spin_lock(&faults.q.lock);
	for (before = *at; next_line(at, &l); before = *at) {
		len = strlen(l.text);
		if (done + len > n) {
			*at = before;
			break;
		}
		memcpy(buf + done, l.text, len);
		done += len;
	}
	spin_unlock(&faults.q.lock);
	return done;
}

/* Begins with the oldest line that there is. */
int faults_open(struct chan *c)
{
	uint64_t *at = kmalloc(sizeof(*at));

	if (!at)
		return error(ENOMEM, "no memory");
	spin_lock(&faults.q.lock);
	*at = faults.end > FAULT_LINES ? faults.end - FAULT_LINES : 1;
	spin_unlock(&faults.q.lock);
	c->aux = at;
	c->stream = true;
	return 0;
}

void faults_close(struct chan *c)
{
	kfree(c->aux);
	c->aux = NULL;
}

ssize_t faults_read(struct chan *c, char *buf, size_t n)
{
	size_t done = 0;
	int err;

	if (n < LINE_MAX)
		return error(EINVAL, "%s: a line has up to %u bytes", c->path,
			     LINE_MAX);
	err = wait_until(&faults.q, (done = take_lines(c->aux, buf, n)),
			 NO_DEADLINE);
	return err ? err : (ssize_t)done;
}

short faults_poll(struct chan *c, struct waitq **q)
{
	uint64_t at = *(uint64_t *)c->aux;
	struct line l;
	bool some;

	spin_lock(&faults.q.lock);
	some = next_line(&at, &l);
	spin_unlock(&faults.q.lock);
	*q = &faults.q;
	return some ? POLLIN : 0;
}
