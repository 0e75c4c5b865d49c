/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What begins and ends a sample, in the kernel and in programs: the time-stamp
 * counter, which with QEMU's -icount shift=0 counts instructions, and, outside
 * of it, an instruction without effect that tests/bench/count.c looks for.
 */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

#define BENCH_COUNTER(v) ({						\
	unsigned lo_, hi_;						\
	asm volatile("rdtsc" : "=a"(lo_), "=d"(hi_) : : "memory");	\
	(v) = (unsigned long)hi_ << 32 | lo_; })

/* nopl MARK(%rax) */
#define BENCH_MARK(mark)						\
	asm volatile(".byte 0x0f, 0x1f, 0x80; .long " #mark : : : "memory")

#define BENCH_BEGIN(v)	({ BENCH_MARK(0x6e676562); BENCH_COUNTER(v); })
#define BENCH_END(v)	({ BENCH_COUNTER(v); BENCH_MARK(0x20646e65); })

#endif
