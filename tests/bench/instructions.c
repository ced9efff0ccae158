// SPDX-License-Identifier: GPL-2.0-only
/*
 * A TCG plugin that counts what guests execute: the file that its argument out=FILE
 * names says "instructions=N", exact at the end of QEMU, and before it at most STEP
 * for each vCPU behind. A halted vCPU executes nothing, so idle time does not count.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* A write for each costs QEMU little beside running as many. */
#define STEP 10000

static qemu_plugin_u64 count, untold;
static int out;

/* The number only grows, so the text is never shorter than the one before. */
static void tell(void)
{
	char text[64];
	int size = snprintf(text, sizeof(text), "instructions=%" PRIu64 "\n", qemu_plugin_u64_sum(count));

	if (pwrite(out, text, size, 0) != size)
		fprintf(stderr, "instructions: cannot write\n");
}

static void stepped(unsigned int vcpu, void *data)
{
	(void)data;
	qemu_plugin_u64_set(untold, vcpu, 0);
	tell();
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t size = qemu_plugin_tb_n_insns(tb);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, count, size);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, untold, size);
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, stepped, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_GE,
						  untold, STEP, NULL);
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	tell();
	close(out);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "instructions: wanted out=FILE\n");
		return -1;
	}
	out = open(argv[0] + 4, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (out < 0) {
		fprintf(stderr, "instructions: cannot open %s: %m\n", argv[0] + 4);
		return -1;
	}
	count = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
	untold = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
