// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program with LTTng events of its own, for guests of the tests.
 *
 * usage: spool-app STEPS [wait]
 * Makes so many events "step", and a "mark" for each 100 of them. With "wait" it
 * says "ready" then and stands still, until somebody ends it.
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE

#include "spool-app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	uint64_t steps = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;

	for (uint64_t i = 0; i < steps; i++) {
		lttng_ust_tracepoint(spool_app, step, i, "a step of the program");
		if (i % 100 == 0)
			lttng_ust_tracepoint(spool_app, mark, i / 100);
	}
	puts("ready");
	fflush(stdout);
	while (argc > 2 && !strcmp(argv[2], "wait"))
		pause();
	return 0;
}
