#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Loads the driver, where the machine has the device. Sourced by dracut's init.

modprobe -q virtio_pci
for modalias in /sys/bus/virtio/devices/*/modalias; do
	[ -r "$modalias" ] || continue
	read -r alias < "$modalias"
	case $alias in
	virtio:d0000003Fv*)
		modprobe virtio_hypertrace
		break ;;
	esac
done
unset modalias alias
