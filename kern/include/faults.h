/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #iommu/faults: a line a fault that was told, the last FAULT_LINES of them.
 * A read gives lines that this opener has not had, and waits while there are
 * none.  eve sees all, other users those of the reading process's devices.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <chan.h>
#include <iommu.h>

#define FAULT_LINES	256

/* Any context but those that hold the console's or a wait queue's lock. */
void faults_add(const struct iommu_fault *f);

int faults_open(struct chan *c) must_check;
void faults_close(struct chan *c);
ssize_t faults_read(struct chan *c, char *buf, size_t n);
short faults_poll(struct chan *c, struct waitq **q);

#endif
