/* SPDX-License-Identifier: BSD-2-Clause */
/* attack: what its parts share. */
#ifndef ATTACK_H
#define ATTACK_H

#include <drv.h>
#include <edu.h>

#define PAGE	4096
#define THEIRS	0x5a		/* in each byte of the victim's memory */
#define OURS	0x66		/* in each byte that the attacker writes */
#define LEN	EDU_MOST

enum device { EDU, NVME, VIRTIO, HOST_BRIDGE, SDHCI };

struct row {
	const char *name;
	void (*run)(const struct row *r, uint64_t addr);
	enum device device;
	int asks;		/* for an address, and waits before the end */
};

/* memory.c, files.c: what the attacker does; NULL at the end. */
extern const struct row memory_rows[], file_rows[];

/* main.c, for the attacker: what it had to say, and that it has succeeded. */
void said(const char *fmt, ...);
void through(const char *fmt, ...);
/* Asks the victim to do something: what comes of it, as a number; tell does not
 * wait for it, told does. */
uint64_t ask(const char *what, uint64_t arg);
void tell(const char *what, uint64_t arg);
uint64_t told(void);
extern char mine[BDF_LEN], theirs[BDF_LEN];
extern volatile uint8_t *regs;		/* of mine */
extern uint8_t *victims;		/* the victim's page; here, a copy */

/* edu.c: its DMA engine. */
void edu_start(uint64_t addr, unsigned len, bool to_memory);
void edu_finish(void);
void edu_dma(uint64_t addr, unsigned len, bool to_memory);

/* virtio.c: a device past the unit. */
void virtio_write(const struct row *r, uint64_t addr);

/* victim.c: memory that somebody else has, and whether it is as he left it. */
void victim_init(void);
void victim_is_set(void);	/* needs no more memory of its own */
uint64_t victim_answers(int pid, const char *line);
bool victim_unchanged(void);
void victim_takes_frame(void);

#endif
