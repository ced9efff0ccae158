/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the versions of QEMU that we build with: 10.0 (Debian
 * 13) and later. Remove a line when its "before" version is no longer built.
 */
#ifndef HW_HYPERTRACE_COMPAT_H
#define HW_HYPERTRACE_COMPAT_H

/* before 10.1: exec/ */
#if __has_include("system/memory.h")
#include "system/address-spaces.h"
#include "system/memory.h"
#include "system/ramblock.h"
/* before 10.1: class_init() gets a pointer to what is not const */
typedef const void VirtIOHypertraceClassData;
#else
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "exec/ramblock.h"
typedef void VirtIOHypertraceClassData;
#endif

/* before 11.0: hw/ */
#if __has_include("hw/core/qdev-properties.h")
#include "hw/core/qdev-properties.h"
#else
#include "hw/qdev-properties.h"
#endif
#if __has_include("hw/core/boards.h")
#include "hw/core/boards.h"
#else
#include "hw/boards.h"
#endif
#if __has_include("hw/core/resettable.h")
#include "hw/core/resettable.h"
#else
#include "hw/resettable.h"
#endif

#endif
