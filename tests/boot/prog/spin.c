/* SPDX-License-Identifier: BSD-2-Clause */
/* spin: uses a processor, and never asks the kernel for anything. */
int main(void)
{
	for (;;)
		__asm__ volatile("");
}
