/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LTTng's names for the kernel's events and fields, so that a guest's trace
 * reads like an LTTng kernel trace and the analyses made for those work on it.
 */
#ifndef HYPERTRACE_DECODE_NAMES_H
#define HYPERTRACE_DECODE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/**
 * lttng_event_name - LTTng's name for an event
 * @system: the event's system in the kernel
 * @name: its name in the kernel
 * @buffer: for a name that has to be put together
 * @size: bytes of @buffer, at least 1
 * Return: @name, a constant or @buffer. What LTTng does not have, or calls as
 * the kernel does, keeps its name.
 */
const char *lttng_event_name(const char *system, const char *name, char *buffer, size_t size);

/**
 * lttng_field_name - LTTng's name for a field
 * @system: the event's system
 * @name: the field's name in the kernel
 * Return: @name or a constant.
 */
const char *lttng_field_name(const char *system, const char *name);

/**
 * lttng_field_is_hidden - LTTng's event does not have this field
 * @system: the event's system
 * @name: the field's name in the kernel
 * Return: true if the event's name says already what the field says.
 */
bool lttng_field_is_hidden(const char *system, const char *name);

#endif
