/* SPDX-License-Identifier: BSD-2-Clause */
/* help: what can be typed. */
#include <lib.h>

static const struct {
	const char *name, *text;
} programs[] = {
	{ "attack", "list | NAME [ADDR]: a hostile driver; user/drv/attack" },
	{ "bind", "[-b|-a|-c] NEW OLD: make NEW appear at OLD" },
	{ "cat", "[FILE...]: print files" },
	{ "cp", "FROM TO: copy a file" },
	{ "dmesg", "print the kernel's log" },
	{ "echo", "[-n] WORD...: print words, in one write" },
	{ "edu", "[-u] [-a ADDR [-r]]: let the edu device copy memory" },
	{ "false", "fail" },
	{ "first", "[unsafe]: the first driver of Documentation/drivers.md" },
	{ "grep", "[-v] TEXT [FILE...]: print the lines with TEXT" },
	{ "help", "print this" },
	{ "hexdump", "[-s SKIP] [-n LENGTH] [FILE]: print bytes" },
	{ "init", "the first process" },
	{ "iommu", "[top | walk | why | dump | report | selftest]: DMA remapping" },
	{ "kill", "[-note TEXT] PID...: end processes, or send a note" },
	{ "lab", "try what a device reaches; see user/drv/lab/main.c" },
	{ "ls", "[-l] [FILE...]: list directories" },
	{ "lspci", "[-v] [BUS:DEV.FN...]: list PCI functions" },
	{ "mkdir", "[-p] DIR...: make directories" },
	{ "net", "[-u] info | arp ADDR | ping ADDR: a virtio network card" },
	{ "none", "COMMAND [WORD...]: run a command as the user none" },
	{ "nvme", "info | read LBA COUNT | write LBA | flush | bench: a disk" },
	{ "ps", "list processes" },
	{ "pwd", "print the current directory" },
	{ "rm", "[-r] FILE...: remove files" },
	{ "sh", "[-c TEXT | FILE [WORD...]]: the shell" },
	{ "shutdown", "[-r]: turn the machine off, or start it anew" },
	{ "sleep", "SECONDS: wait" },
	{ "true", "succeed" },
	{ "unmount", "[NEW] OLD: undo bind" },
	{ "wc", "[FILE...]: count lines, words and bytes" },
};

static const char shell[] =
	"In the shell:\n"
	"  A | B   A && B   A || B   A ; B   A &\n"
	"  < FILE   > FILE   >> FILE   2> FILE   2>&1\n"
	"  'literal'   \"with $NAME\"   \\c   # comment, at a word's start\n"
	"  NAME=VALUE   $NAME   $? status   $! last A &   $$ shell   $1 word\n"
	"  cd [DIR]   exec COMMAND   exit [STATUS]   wait [PID...]\n"
	"Keys: arrows, Ctrl-A E B F D K U W L; up and down for earlier lines;\n"
	"Ctrl-C ends the program or drops the line.\n";

static bool described(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (strcmp(programs[i].name, name) == 0)
			return true;
	return false;
}

int main(void)
{
	size_t n = 0;
	struct dir *d = readdir("/bin", &n);
	bool others = false;

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		print("%-9s %s\n", programs[i].name, programs[i].text);
	for (size_t i = 0; d && i < n; i++) {
		if (described(d[i].name))
			continue;
		print("%s%s", others ? " " : "also: ", d[i].name);
		others = true;
	}
	print("%s%s", others ? "\n" : "", shell);
	return 0;
}
