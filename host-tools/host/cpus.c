// SPDX-License-Identifier: GPL-2.0-only
/* A list of CPUs as sysfs has it; see cpus.h. */
#include "host/cpus.h"

GArray *host_cpus_parse(const char *text)
{
	GArray *cpus = g_array_new(FALSE, FALSE, sizeof(guint));

	while (g_ascii_isdigit(*text)) {
		guint64 first = g_ascii_strtoull(text, (char **)&text, 10), last = first;

		if (*text == '-' && g_ascii_isdigit(text[1]))
			last = g_ascii_strtoull(text + 1, (char **)&text, 10);
		for (; first <= last && first < HOST_MAX_CPUS; first++) {
			guint cpu = (guint)first;

			g_array_append_val(cpus, cpu);
		}
		if (*text == ',')
			text++;
	}
	return cpus;
}
