/* SPDX-License-Identifier: BSD-2-Clause */
/* Does nothing, without success. */
int main(void);

int main(void)
{
	return 1;
}
