/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI addresses from text; pure, also compiled for the host. */
#include <drv.h>

#define PART_LEN 8

/* The parts between ":" and ".", which go to sep; how many, 0: it is none. */
static unsigned split(const char *s, uint64_t part[4], char sep[4])
{
	char digits[PART_LEN];
	size_t len;

	for (unsigned n = 0; n < 4; n++) {
		len = strcspn(s, ":.");
		if (len >= sizeof(digits))
			return 0;
		memcpy(digits, s, len);
		digits[len] = '\0';
		if (strchr(digits, 'x') ||
		    parse_number(digits, 16, UINT32_MAX, &part[n]) < 0)
			return 0;
		sep[n] = s[len];
		if (!s[len])
			return n + 1;
		s += len + 1;
	}
	return 0;
}

const char *drv_bdf(const char *text, char bdf[BDF_LEN])
{
	uint64_t part[4] = { 0 }, *p = part;
	char sep[4] = "";
	unsigned n = split(text, part, sep);
	int len = 0;

	if (n == 4 && sep[0] == ':' && sep[1] == ':' && sep[2] == '.')
		p++;
	else if (n != 3 || sep[0] != ':')
		return "not a device, which is BUS:DEV.FN in hexadecimal";
	if (p > part && part[0] > 0xffff)
		return "no segment beyond ffff";
	if (p[0] > 0xff)
		return "no bus beyond ff";
	if (p[1] > 0x1f)
		return "no device beyond 1f";
	if (p[2] > 7)
		return "no function beyond 7";
	if (p > part && part[0])
		len = snprint(bdf, BDF_LEN, "%lx:", part[0]);
	snprint(bdf + len, (size_t)(BDF_LEN - len), "%lx:%lx.%lx", p[0], p[1],
		p[2]);
	return NULL;
}
