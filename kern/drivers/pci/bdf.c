/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of PCI functions as text; pure. */
#include <pci_function.h>

struct bdf_text bdf_text(uint16_t segment, uint16_t sid)
{
	static const char hex[] = "0123456789abcdef";
	unsigned part[] = { segment, sid >> 8, sid >> 3 & 31u, sid & 7u };
	struct bdf_text t = { 0 };
	unsigned at = 0;

	for (unsigned i = segment ? 0 : 1; i < 4; i++) {
		for (int shift = 12; shift >= 0; shift -= 4)
			if (part[i] >> shift || !shift)
				t.s[at++] = hex[part[i] >> shift & 15];
		if (i < 3)
			t.s[at++] = i < 2 ? ':' : '.';
	}
	return t;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ?
		c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* false: no number there, or one of more than six digits that count. */
static bool hex_number(const char **s, uint32_t *n)
{
	const char *start = *s;

	for (*n = 0; digit(**s) >= 0; (*s)++) {
		*n = *n << 4 | (uint32_t)digit(**s);
		if (*n > 0xffffff)
			return false;
	}
	return *s != start;
}

/* The parts of an address: numbers, each behind one of ":" and "." but the
 * first; how many, 0: it is none. */
static unsigned split(const char *s, uint32_t part[4], char sep[4])
{
	unsigned n = 0;

	for (;;) {
		if (n == 4 || !hex_number(&s, &part[n]))
			return 0;
		n++;
		if (!*s)
			return n;
		if (*s != ':' && *s != '.')
			return 0;
		sep[n - 1] = *s++;
	}
}

const char *bdf_parse(const char *word, uint16_t *segment, uint16_t *sid)
{
	uint32_t part[4] = { 0 }, *bdf = part;
	char sep[4] = "";
	unsigned n = split(word, part, sep);
	bool short_form = n == 3 && sep[0] == ':';
	bool long_form = n == 4 && sep[0] == ':' && sep[1] == ':' &&
		sep[2] == '.';

	if (!short_form && !long_form)
		return "not a device, which is BUS:DEV.FN in hexadecimal";
	if (long_form)
		bdf++;
	if (long_form && part[0] > 0xffff)
		return "no segment beyond ffff";
	if (bdf[0] > 0xff)
		return "no bus beyond ff";
	if (bdf[1] > 0x1f)
		return "no device beyond 1f";
	if (bdf[2] > 7)
		return "no function beyond 7";
	*segment = (uint16_t)(long_form ? part[0] : 0);
	*sid = pci_sid(bdf[0], bdf[1], bdf[2]);
	return NULL;
}
