// SPDX-License-Identifier: GPL-2.0-only
/* Choices of CPUs; see cpus.h. A flag for each CPU that there can be. */
#include "view/cpus.h"

#include <glib.h>
#include <string.h>

#define MAX_CPUS	65536

uint8_t *view_cpus_parse(const char *list)
{
	uint8_t *cpus = g_new0(uint8_t, MAX_CPUS);

	for (;;) {
		char *end;
		guint64 first = g_ascii_strtoull(list, &end, 10), last = first;

		if (end == list || !g_ascii_isdigit(*list))
			goto bad;
		if (*end == '-') {
			list = end + 1;
			last = g_ascii_strtoull(list, &end, 10);
			if (end == list || !g_ascii_isdigit(*list))
				goto bad;
		}
		if (last >= MAX_CPUS || first > last)
			goto bad;
		memset(cpus + first, 1, last - first + 1);
		if (!*end)
			return cpus;
		if (*end != ',')
			goto bad;
		list = end + 1;
	}
bad:
	g_free(cpus);
	return NULL;
}

bool view_cpus_has(const uint8_t *cpus, uint32_t cpu)
{
	return cpu < MAX_CPUS && cpus[cpu];
}
