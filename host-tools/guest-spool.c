// SPDX-License-Identifier: GPL-2.0-only
/* What commands print of the files that programs of a guest wrote; see guest-spool.h. */
#include "guest-spool.h"

#include <inttypes.h>
#include <stdio.h>

#include "format.h"
#include "guest-lttng.h"
#include "spool/traces.h"
#include "spool/tree.h"

static void print_tree(const char *indent, const struct spool_tree *tree)
{
	g_autofree char *bytes = format_bytes((double)tree->known);

	printf("%sspool: %u files, %s", indent, tree->count, bytes);
	if (tree->holed)
		printf("; %" PRIu64 " bytes did not come, of %u files", tree->size - tree->known,
		       tree->holed);
	if (tree->refused + tree->too_many)
		printf("; packets refused: %" PRIu64, tree->refused + tree->too_many);
	printf("\n");
}

static void print_totals(const char *indent, const struct lttng_guest_session *session)
{
	struct lttng_guest_totals totals;
	g_autofree char *bytes = NULL;

	lttng_guest_totals(session, &totals);
	bytes = format_bytes((double)totals.bytes);
	printf("%s%" PRIu64 " packets, %s; lost: %" PRIu64 " events discarded, %" PRIu64
	       " packets missing, %" PRIu64 " packets before\n", indent, totals.packets, bytes,
	       totals.discarded, totals.missing, totals.before);
}

static void print_incomplete(const char *indent, const struct spool_traces *traces)
{
	if (traces->incomplete)
		printf("%sspool: LTTng's packets of which a part did not come: %" PRIu64 "\n",
		       indent, traces->incomplete);
}

/* Calls a function for each spool of a VM. */
static void for_each_tree(const struct recording_vm *vm,
			  void (*call)(const struct recording_vm *vm,
				       const struct spool_tree *tree, void *context),
			  void *context)
{
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *gen = vm->generations->pdata[i];

		for (guint j = 0; j < gen->streams->len; j++) {
			const struct recording_stream *stream = gen->streams->pdata[j];
			struct spool_tree *tree;

			if (stream->source != VHT_SOURCE_SPOOL)
				continue;
			tree = spool_tree_new(stream);
			if (tree->packets)
				call(vm, tree, context);
			spool_tree_free(tree);
		}
	}
}

static void print_one(const struct recording_vm *vm, const struct spool_tree *tree, void *context)
{
	(void)vm;
	(void)context;
	print_tree("  ", tree);
}

void guest_spool_print(const struct recording *recording, const struct recording_vm *vm,
		       const struct timebase *timebase)
{
	GError *error = NULL;
	struct spool_traces *traces;

	for_each_tree(vm, print_one, NULL);
	traces = spool_traces_read(vm, &error);
	if (!traces) {
		printf("  spool: %s\n", error->message);
		g_error_free(error);
		return;
	}
	for (guint i = 0; i < traces->guest->sessions->len; i++) {
		const struct lttng_guest_session *session = traces->guest->sessions->pdata[i];

		guest_lttng_print_session("  ", session);
		print_totals("    ", session);
		guest_lttng_print_clock("    ", recording, vm, timebase, session);
	}
	print_incomplete("  ", traces);
	spool_traces_free(traces);
}

/* What the check of a VM's spools has found. */
struct findings {
	uint64_t defects;
	bool *has_loss;
};

static void check_one(const struct recording_vm *vm, const struct spool_tree *tree, void *context)
{
	struct findings *findings = context;

	printf("%s: ", vm->name);
	print_tree("", tree);
	findings->defects += tree->refused + tree->too_many;
	*findings->has_loss |= tree->holed;
}

static void check_session(const struct recording_vm *vm, const struct lttng_guest_session *session,
			  struct findings *findings)
{
	struct lttng_guest_totals totals;

	lttng_guest_totals(session, &totals);
	*findings->has_loss |= totals.missing || totals.discarded;
	findings->defects += session->defect_count;
	printf("%s: ", vm->name);
	guest_lttng_print_session("", session);
	print_totals("    ", session);
	for (guint i = 0; i < session->defects->len; i++)
		printf("    defect: %s\n", (const char *)session->defects->pdata[i]);
}

uint64_t guest_spool_check(const struct recording_vm *vm, bool *has_loss)
{
	struct findings findings = { .has_loss = has_loss };
	struct spool_traces *traces;
	GError *error = NULL;

	for_each_tree(vm, check_one, &findings);
	traces = spool_traces_read(vm, &error);
	if (!traces) {
		printf("%s: spool: cannot be checked: %s\n", vm->name, error->message);
		g_error_free(error);
		return findings.defects + 1;
	}
	for (guint i = 0; i < traces->guest->sessions->len; i++)
		check_session(vm, traces->guest->sessions->pdata[i], &findings);
	print_incomplete("", traces);
	*has_loss |= traces->incomplete;
	spool_traces_free(traces);
	return findings.defects;
}
