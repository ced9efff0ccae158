#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# dracut module: puts the driver, and the transport it needs, into the initramfs.
# load-hypertrace.sh loads it there.

# called by dracut
check() {
	# A kernel that the driver was not built for does without.
	grep -q '/virtio_hypertrace\.ko[.a-z]*:' "${srcmods:?}/modules.dep"
}

# called by dracut
depends() {
	return 0
}

# called by dracut
installkernel() {
	hostonly='' instmods virtio_pci virtio_hypertrace
}

# called by dracut
install() {
	# The first hook there is, before udev's.
	inst_hook cmdline 01 "${moddir:?}/load-hypertrace.sh"
}
