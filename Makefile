# SPDX-License-Identifier: GPL-2.0-only
#
# The commands of the README. This builds nothing itself: meson builds the
# host tools and their tests, build-aux/* the rest, each doing nothing where
# its result is in the cache.
#
#   make            build everything
#   make demo       trace a stock kernel from boot to shutdown, show the result
#   make check      the test suite
#   make check-lab  of these, those under KVM, in the lab
#   make lab        a shell on a KVM host in QEMU, with a traced guest: docs/lab.md
#   make bench      the figures of docs/benchmarks.md
#   make install    the host tools, under PREFIX (default /usr/local)
#   make clean      remove build/; the cache stays
#
# KERNEL=6.12|6.1   the guest's kernel for `make demo`
# LTTNG=1           in `make demo`, let LTTng trace in the guest, too
# V=1               show what is run
KERNEL ?= 6.12
PREFIX ?= /usr/local
LTTNG ?=
V ?=
Q := $(if $(V),,@)
KERNELS := 6.12 6.1

all: build/ready

# Later parts need what earlier ones leave in build/: one recipe, in order.
.PHONY: all demo check check-lab lab bench install clean build/ready
build/ready:
	$(Q)build-aux/all $(if $(V),-v) $(KERNELS)

demo:
	$(Q)build-aux/all $(if $(V),-v) $(KERNEL)
	$(Q)LTTNG=$(LTTNG) build-aux/demo $(KERNEL)

check: build/ready
	$(Q)tests/run

lab:
	$(Q)build-aux/all $(if $(V),-v) 6.12
	$(Q)tests/lab/lab

check-lab: build/ready
	$(Q)tests/run -j 1 tests/lab/*.t

bench: build/ready
	$(Q)tests/bench/run

install: build/ready
	$(Q)/usr/bin/meson configure build/host -Dprefix=$(PREFIX)
	$(Q)/usr/bin/meson install -C build/host

clean:
	$(Q)rm -rf build
