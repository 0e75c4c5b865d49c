/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The services of iommu_os.h at their barest, for tests of single functions of
 * one unit's driver: memory is the host's, physical addresses are what a test
 * says, register accesses are noted and a unit obeys at once.
 */
#ifndef BARE_H
#define BARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <vtd/vtd.h>

/* The physical address of that object, or of what os_alloc gives next, instead
 * of its own; until another 8 have been named. */
void bare_address(const volatile void *p, physaddr_t pa);
void bare_next_address(physaddr_t pa);

/* Registers: what was last written, until bare_register says otherwise.  Bits
 * by which software asks for something are clear when read. */
#define BARE_REGS 0x4000
uint64_t bare_written(unsigned off, unsigned width);
void bare_register(unsigned off, uint64_t v);

/* What os_irq hands out. */
extern uint64_t bare_irq_addr;
extern uint32_t bare_irq_data;

/* A unit with those capabilities, tables and, where it has one, a queue. */
void bare_unit(struct vtd *u, uint64_t cap, uint64_t ecap);
void bare_unit_free(struct vtd *u);

uint64_t bare_random(void);		/* 64 bits, the same in each run */
uint64_t bare_setting(const char *name, uint64_t otherwise);

#endif
