/* SPDX-License-Identifier: BSD-2-Clause */
/* Does nothing, with success. */
int main(void);

int main(void)
{
	return 0;
}
