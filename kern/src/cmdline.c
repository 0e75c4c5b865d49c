/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's command line: blank-separated words, NAME or NAME=VALUE. */
#include <loader.h>
#include <log.h>
#include <planted.h>
#include <string.h>

struct loader_info loader;

static struct {
	const char *name, *value;
} words[] = {
	{ "console", NULL },	/* console=serial,screen: where to */
	{ "init", NULL },	/* init=PATH: the first program */
	{ "iommu", NULL },	/* iommu=off|on|strict|lazy: DMA remapping at
				 * boot, and when it is flushed */
	{ "iommu.quarantine", NULL },	/* PAGES,MS,SHARE: lazy's bounds */
	{ "loglevel", NULL },	/* loglevel=0..3: to the console */
	{ "selftest", NULL },	/* of the remapping units, at boot */
	PLANTED_WORD
};

static void keep(char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i].name, word)) {
			words[i].value = value ? value : "";
			return;
		}
	klog(LOG_WARN, "command line: unknown word '%s'", word);
}

static void set_log_level(void)
{
	const char *level = cmdline_get("loglevel");

	if (!level)
		return;
	if (level[0] < '0' || level[0] > '3' || level[1])
		klog(LOG_WARN, "command line: loglevel=%s: 0 to 3", level);
	else
		log_set_console_level((enum log_level)(level[0] - '0'));
}

void cmdline_parse(void)
{
	static char copy[CMDLINE_LEN];
	char *p = copy;
	char *word;

	strlcpy(copy, loader.cmdline, sizeof(copy));
	if (loader.cmdline_cut)
		klog(LOG_WARN, "command line: longer than %u bytes, the rest "
		     "is ignored", CMDLINE_LEN - 1);
	for (;;) {
		while (*p == ' ')
			p++;
		if (!*p)
			break;
		word = p;
		while (*p && *p != ' ')
			p++;
		if (*p)
			*p++ = '\0';
		keep(word);
	}
	set_log_level();
	if (cmdline_get("console"))
		sinks_choose(cmdline_get("console"));
}

const char *cmdline_get(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i].name, name))
			return words[i].value;
	return NULL;
}
