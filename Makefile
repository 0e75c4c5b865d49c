# SPDX-License-Identifier: BSD-2-Clause
#
# make            the kernel with the user programs in it: obj/kern/akaros-kernel
# make run        boots it under QEMU (ARGS="..." adds QEMU options,
#                 CMDLINE="..." is the kernel's command line)
# make iso        obj/akaros.iso: a CD or USB stick that starts the kernel through
#                 GRUB under BIOS or UEFI (CMDLINE="..." as above;
#                 SCREEN=WIDTHxHEIGHTxBITS asks for a screen mode)
# make screenshot Documentation/screen.png, from the image's screen
# make picture    Documentation/structure.svg and reach.svg, of a machine at work
#                 (PICTURE=FOLDER: of one whose files are there)
# make session    the session in Documentation/session.md, recorded anew
# make gdb        the kernel under QEMU, stopped, with gdb attached
# make test       all tests: test-host, test-port, then test-boot (on the ordinary
#                 kernel, and the quick ones on those that check themselves)
# make test-port  the driver in another, very small program (ports/bare)
# make bench-nvme what a read of an NVMe disk costs, beside Linux's
# make test-attack  all attacks of a hostile driver, and each without its guard
# make mutants    faults planted in the driver: does the host's suite see them?
# make fuzz       the DMAR parser under libFuzzer (RUNS=... executions)
# make prove      the DMAR parser proved to stay in the table, and to end
# make bench      what calls of the driver cost; make bench-check: does it still?
# make scale      does an operation cost the same among thousands of devices?
# make menuconfig changes .config (without one, kern/defconfig holds); make
#                 defconfig and savedefconfig make it from a file, and back
#
# Each target installs the Debian packages that it needs (tools/need).

O	:= obj
KERNEL	:= $(O)/kern/akaros-kernel
CC	:= $(if $(filter default,$(origin CC)),gcc,$(CC))
QEMU	?= qemu-system-x86_64
OBJCOPY	?= objcopy
STRIP	?= strip
CONFIG	:= $(firstword $(wildcard .config) kern/defconfig)
include $(CONFIG)

MACHINE	:= -smp 8 -m 4096 -machine q35 -nographic -net nic,model=e1000 \
	-net user -device \
	intel-iommu,intremap=off,caching-mode=on,device-iotlb=on,aw-bits=48 \
	-device edu,addr=3,dma_mask=0xffffffffffffffff

WARN	:= -Wall -Wextra -Wshadow -Wconversion -Werror -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla
CBASE	:= -std=gnu17 -O2 -g -ffreestanding -fno-strict-aliasing -fno-common \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
	-MMD -MP $(WARN)
KCFLAGS	:= $(CBASE) -fno-pic -mcmodel=kernel -mno-red-zone \
	-mgeneral-regs-only -Ikern/include -Ikern/arch/x86/include -Ikern/arch/x86 \
	-I$(O)/include
UBSAN	:= $(if $(CONFIG_UBSAN),-fsanitize=undefined \
	$(if $(findstring clang,$(CC)),,-fsanitize=bounds-strict))
UCFLAGS	:= $(CBASE) -Os -fPIE -ffunction-sections -fdata-sections \
	-fvisibility=hidden -Iuser/include -Ikern/include
KLDFLAGS := -nostdlib -static -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--fatal-warnings -Wl,-T,kern/arch/x86/kernel.ld
ULDFLAGS := -nostdlib -static-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,-z,norelro -Wl,--gc-sections -Wl,--no-dynamic-linker \
	-Wl,--hash-style=gnu

# The kernel's sources: all but those of choices that were not made.
NOTCHOSEN := $(if $(CONFIG_UBSAN),,kern/src/ubsan.c) \
	$(if $(CONFIG_LOCK_ORDER),,kern/src/lockorder.c kern/src/lockwatch.c) \
	$(if $(CONFIG_UBSAN)$(CONFIG_LOCK_ORDER),,kern/src/planted.c)
KSRC	:= $(filter-out $(NOTCHOSEN),\
	$(sort $(shell find kern -name '*.c' -o -name '*.S')))
KOBJ	:= $(patsubst %,$(O)/%.o,$(basename $(KSRC)))
# Programs: user/bin/NAME.c and user/drv/NAME.c, or a folder NAME of sources.
ULIBOBJ	:= $(patsubst %,$(O)/%.o,$(basename $(wildcard user/lib/*.c user/lib/*.S)))
UMAIN	:= $(wildcard user/bin/*.c user/drv/*.c)
UDIRS	:= $(patsubst %/,%,$(wildcard user/bin/*/ user/drv/*/))
UPROG	:= $(sort $(notdir $(basename $(UMAIN)) $(UDIRS)))
UOBJ	:= $(patsubst %.c,$(O)/%.o,$(UMAIN) $(wildcard tests/boot/prog/*.c) $(foreach d,$(UDIRS),$(wildcard $d/*.c)))

MAKEFLAGS += --no-print-directory
.PHONY: FORCE all run gdb test test-host test-boot boot-time menuconfig defconfig \
	savedefconfig clean
# make V=1 shows each command.
Q	:= $(if $(V),,@)
say	= $(if $(V),@:,@printf '  %-4s %s\n' $1 $@)

.DELETE_ON_ERROR:
.SECONDARY:
all: $(KERNEL)

# The kernel that boot tests use where they need programs of their own: the
# same objects, with the programs of tests/boot/prog in /bin too.
TESTKERNEL := $(O)/kern/akaros-kernel-test
TMAIN	:= $(wildcard tests/boot/prog/*.c)
TPROG	:= $(notdir $(basename $(TMAIN)))
$(TESTKERNEL): $(KOBJ) $(O)/kern/rootfs-test.o kern/arch/x86/kernel.ld
	$(call say,LD)
	$(Q)$(CC) $(KLDFLAGS) -o $@ $(KOBJ) $(O)/kern/rootfs-test.o -lgcc

$(KERNEL): $(KOBJ) $(O)/kern/rootfs.o kern/arch/x86/kernel.ld
	$(call say,LD)
	$(Q)$(CC) $(KLDFLAGS) -o $@ $(KOBJ) $(O)/kern/rootfs.o -lgcc

$(O)/kern/%.o: kern/%.c $(O)/include/config.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(KCFLAGS) $(UBSAN) -c -o $@ $<
$(O)/kern/src/ubsan.o: UBSAN :=
$(O)/kern/%.o: kern/%.S $(O)/include/config.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(KCFLAGS) -D__ASSEMBLER__ -c -o $@ $<

# Made each time and kept where it is the same: which file CONFIG is may change.
$(O)/include/config.h: FORCE
	@mkdir -p $(@D)
	@sed -n -e 's/^\(CONFIG_[A-Z0-9_]*\)=y$$/#define \1 1/p' \
		-e 's/^\(CONFIG_[A-Z0-9_]*\)=\([^y].*\)$$/#define \1 \2/p' \
		$(CONFIG) >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# The root file system: each program at /bin/NAME, in the image's read-only data.
$(O)/kern/rootfs.S: Makefile tools/rootfs $(UPROG:%=$(O)/user/%)
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)sh tools/rootfs $(O)/user $(UPROG) >$@
$(O)/kern/rootfs-test.S: Makefile tools/rootfs $(UPROG:%=$(O)/user/%) \
		$(TPROG:%=$(O)/user/%)
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)sh tools/rootfs $(O)/user $(UPROG) $(TPROG) >$@
$(O)/kern/rootfs.o $(O)/kern/rootfs-test.o: %.o: %.S
	$(Q)$(CC) $(KCFLAGS) -c -o $@ $<

$(O)/user/%.o: user/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(UCFLAGS) -c -o $@ $<
$(O)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(UCFLAGS) -c -o $@ $<
$(O)/user/%.o: user/%.S
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(UCFLAGS) -c -o $@ $<
$(O)/user/lib.a: $(ULIBOBJ)
	$(call say,AR)
	$(Q)rm -f $@; ar rcs $@ $^

define program
$(O)/user/$(notdir $1): $$(patsubst %.c,$(O)/%.o,$2) $(O)/user/lib.a
	$$(call say,LD)
	$(Q)$(CC) $(ULDFLAGS) -o $$@.debug $$^ -lgcc
	$(Q)$(STRIP) -o $$@ $$@.debug
endef
$(foreach s,$(UMAIN) $(TMAIN),$(eval $(call program,$(basename $s),$s)))
$(foreach d,$(UDIRS),$(eval $(call program,$d,$(wildcard $d/*.c))))

run: all
	@tools/need $(QEMU):qemu-system-x86
	@echo "Starting QEMU: leave with Ctrl-A X, its monitor is at Ctrl-A C, Ctrl-C goes to the guest"
	@$(QEMU) $(MACHINE) -kernel $(KERNEL) $(if $(CMDLINE),-append "$(CMDLINE)") $(ARGS)

ISO	:= $(O)/akaros.iso
.PHONY: iso iso-tools
iso: $(ISO)
iso-tools:
	@tools/need grub-mkrescue:grub-common xorriso:xorriso mformat:mtools \
		/usr/lib/grub/i386-pc/multiboot2.mod:grub-pc-bin \
		/usr/lib/grub/x86_64-efi/multiboot2.mod:grub-efi-amd64-bin
$(ISO): $(KERNEL) FORCE | iso-tools
	$(call say,ISO)
	$(Q)tools/iso $(KERNEL) $@ "$(CMDLINE)" "$(SCREEN)"

# A picture of the image's screen, for the documentation.
.PHONY: screenshot
screenshot: $(ISO) boot-tools
	@QEMU="$(QEMU)" KERNELS="$(O)" PYTHONDONTWRITEBYTECODE=1 \
		tools/screenshot Documentation/screen.png

gdb: all
	@tools/need $(QEMU):qemu-system-x86 gdb:gdb
	@QEMU="$(QEMU)" GDBARGS="$(GDBARGS)" tools/gdb $(KERNEL) $(MACHINE) \
		$(if $(CMDLINE),-append "$(CMDLINE)") $(ARGS)

# From QEMU's start to the prompt, five times.
boot-time: all
	@tools/need $(QEMU):qemu-system-x86
	@tools/boot-time 5 $(QEMU) $(MACHINE) -kernel $(KERNEL)

menuconfig:
	@[ -t 0 ] || { echo "menuconfig: needs a terminal" >&2; exit 1; }
	@tools/need kconfig-mconf:kconfig-frontends-nox
	[ -e .config ] || cp kern/defconfig .config
	kconfig-mconf Kconfig

# .config from a file of choices; what the file leaves open is as in Kconfig.
DEFCONFIG ?= kern/defconfig
defconfig:
	@tools/need kconfig-conf:kconfig-frontends-nox
	@kconfig-conf --defconfig=$(DEFCONFIG) Kconfig >/dev/null
	@echo "  GEN  .config from $(DEFCONFIG)"

# The other way: what differs from Kconfig, into the file `defconfig`.
savedefconfig:
	@tools/need kconfig-conf:kconfig-frontends-nox
	@KCONFIG_CONFIG=$(CONFIG) kconfig-conf --savedefconfig=defconfig Kconfig
	@echo "  GEN  defconfig from $(CONFIG)"

clean:
	rm -rf $(O)

-include $(KOBJ:.o=.d) $(UOBJ:.o=.d) $(ULIBOBJ:.o=.d)
include tests/host/Makefile
include tests/host/fuzz/Makefile
include tests/host/prove/Makefile
include tests/boot/Makefile
include tests/bench/Makefile
include tests/mutants/Makefile
include tests/attack/Makefile
include ports/bare/Makefile
include tools/picture/Makefile

test:
	$(MAKE) test-host
	$(MAKE) mutants MUTANTS_LIST=1 >/dev/null
	$(MAKE) test-attack ATTACK=list >/dev/null
	$(MAKE) test-port
	$(MAKE) test-boot
