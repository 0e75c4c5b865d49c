/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel above asks of the processor architecture. */
#ifndef ARCH_H
#define ARCH_H

#include <types.h>

struct aspace;
struct proc;

/* Interrupts of this processor. */
#if __has_include(<arch_inline.h>)
#include <arch_inline.h>
#else
bool irq_disable(void);			/* whether they were on */
void irq_enable(void);
void cpu_pause(void);			/* inside a spinning loop */
#endif
void irq_enable_and_halt(void);		/* waits for one; no gap */

/* Kernel threads. */
#define KSTACK_SIZE 0x4000
uintptr_t kstack_alloc(void);		/* lowest address; 0: no memory */
void kstack_free(uintptr_t stack);
struct trapframe;
/* Where a thread's user registers stand whenever it is in the kernel. */
struct trapframe *kthread_user_frame(uintptr_t stack);
/* Makes a new stack begin in kthread_begin, below the user registers. */
uintptr_t kthread_first_frame(uintptr_t stack);
void kthread_switch(uintptr_t *save_rsp, uintptr_t rsp);
void fpu_init(void *area);
void fpu_save(void *area);
void fpu_restore(const void *area);

/* Goes to user mode, to the registers in the process's frame. */
noreturn void user_enter(void);

/* Device registers, mapped uncached for good; NULL: no room. */
void *mmio_map(physaddr_t pa, size_t len);
/* Those of a memory that is only written, so that writes may be combined. */
void *mmio_map_combining(physaddr_t pa, size_t len);
/* Memory of the firmware, read-only, for good. */
const void *firmware_map(physaddr_t pa, size_t len);

/* User memory: 0, or -EFAULT where the process may not, or has nothing. */
int copy_from_user(void *to, uintptr_t from, size_t n) must_check;
int copy_to_user(uintptr_t to, const void *from, size_t n) must_check;
/* A string of at most size bytes with its NUL; its length, or an error. */
ssize_t copy_string_from_user(char *to, uintptr_t from, size_t size) must_check;

/* Ends the machine's run. */
noreturn void machine_halt(void);
noreturn void machine_reboot(void);

#endif
