// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KernelShark's own library makes of trace.dat files opened together, host first,
 * as its GUI opens them: who is whose guest, and all events in the order it plots them.
 *
 *	kshark HOST.dat [GUEST.dat...]
 *
 *	map GUEST-STREAM HOST-STREAM NAME PID[,PID...]
 *	event NS STREAM CPU PID NAME
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <libkshark.h>
#include <libkshark-tepdata.h>

static void print_map(void)
{
	struct kshark_host_guest_map *map = NULL;
	int count = kshark_tracecmd_get_hostguest_mapping(&map);

	for (int i = 0; i < count; i++) {
		printf("map %d %d %s ", map[i].guest_id, map[i].host_id, map[i].guest_name);
		for (int j = 0; j < map[i].vcpu_count; j++)
			printf("%s%d", j ? "," : "", map[i].cpu_pid[j]);
		putchar('\n');
	}
	if (count > 0)
		kshark_tracecmd_free_hostguest_map(map, count);
}

static int print_events(struct kshark_context *context)
{
	struct kshark_entry **entries = NULL;
	ssize_t count = kshark_load_all_entries(context, &entries);

	if (count < 0)
		return 1;
	for (ssize_t i = 0; i < count; i++) {
		char *name = kshark_get_event_name(entries[i]);

		printf("event %" PRId64 " %d %d %d %s\n", entries[i]->ts, entries[i]->stream_id,
		       entries[i]->cpu, entries[i]->pid, name ? name : "?");
		free(name);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

int main(int argc, char **argv)
{
	struct kshark_context *context = NULL;
	int status;

	if (argc < 2 || !kshark_instance(&context))
		return 1;
	for (int i = 1; i < argc; i++)
		if (kshark_open(context, argv[i]) < 0) {
			fprintf(stderr, "kshark: cannot open %s\n", argv[i]);
			return 1;
		}
	print_map();
	status = print_events(context);
	kshark_close_all(context);
	kshark_free(context);
	return status;
}
