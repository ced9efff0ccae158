/* SPDX-License-Identifier: GPL-2.0-only */
/* A list of CPUs as sysfs has it: "0-3,8". */
#ifndef HYPERTRACE_HOST_CPUS_H
#define HYPERTRACE_HOST_CPUS_H

#include <glib.h>

/* More than any kernel can be built for. */
#define HOST_MAX_CPUS	8192

/**
 * host_cpus_parse - understand a list of CPUs
 * @text: the list
 * Return: guint[], the CPUs below %HOST_MAX_CPUS as far as it is understood.
 */
GArray *host_cpus_parse(const char *text);

#endif
