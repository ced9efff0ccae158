// SPDX-License-Identifier: GPL-2.0-only
/* The host itself being recorded; see host.h. */
#include "host/host.h"

#include <string.h>

#include "clock.h"
#include "host/cpu.h"
#include "host/cpus.h"
#include "host/instance.h"
#include "host/metadata.h"

/* How fast a CPU may fill its buffer: one byte in that time. */
#define FILL_NS_PER_BYTE	10
#define MIN_PAUSE_NS		5000000ULL
#define MAX_PAUSE_NS		250000000ULL

/* CPUs that came online are looked for this often. */
#define CPUS_NS			1000000000ULL

#define ONLINE_CPUS		"/sys/devices/system/cpu/online"

/**
 * struct host - see host.h
 * @out: the directory
 * @generation: the recorder's run on this recording
 * @cpus: struct host_cpu *, by number; NULL for those that were never online
 * @online: what the kernel said last of the CPUs that are
 * @online_ns: when
 * @is_begun: it is being traced
 * @summaries: made on demand
 */
struct host {
	struct host_instance *instance;
	struct writer_vm *out;
	uint32_t generation;
	struct host_pipe pipe;
	bool has_pipe;
	struct host_metadata *metadata;
	GPtrArray *cpus;
	char *online;
	uint64_t online_ns;
	bool is_begun;
	GPtrArray *summaries;
};

static void summary_free(gpointer data)
{
	struct tap_summary *summary = data;

	g_free(summary->name);
	g_free(summary);
}

static void cpu_free(gpointer data)
{
	host_cpu_free(data);
}

struct host *host_new(const char *globs, uint64_t buffer_size, GError **error)
{
	struct host_instance *instance = host_instance_new(globs, buffer_size, error);
	struct host *host;

	if (!instance)
		return NULL;
	host = g_new0(struct host, 1);
	host->instance = instance;
	host->cpus = g_ptr_array_new_with_free_func(cpu_free);
	host->summaries = g_ptr_array_new_with_free_func(summary_free);
	host->has_pipe = host_pipe_init(&host->pipe, host_instance_layout(instance), error);
	if (host->has_pipe)
		return host;
	host_free(host);
	return NULL;
}

void host_free(struct host *host)
{
	if (!host)
		return;
	g_ptr_array_unref(host->cpus);
	host_metadata_free(host->metadata);
	/* the kernel keeps an instance as long as a file of it is open */
	host_instance_free(host->instance);
	if (host->has_pipe)
		host_pipe_fini(&host->pipe);
	writer_vm_free(host->out);
	g_ptr_array_unref(host->summaries);
	g_free(host->online);
	g_free(host);
}

/**
 * add_cpus - begin with the CPUs that came online
 * Return: false with @error set.
 */
static bool add_cpus(struct host *host, GError **error)
{
	g_autofree char *online = NULL;
	g_autoptr(GArray) cpus = NULL;
	guint i;

	host->online_ns = clock_mono_ns();
	if (!g_file_get_contents(ONLINE_CPUS, &online, NULL, NULL))
		online = g_strdup("0");
	if (!g_strcmp0(online, host->online))
		return true;
	cpus = host_cpus_parse(online);
	for (i = 0; i < cpus->len; i++) {
		guint cpu = g_array_index(cpus, guint, i);

		if (cpu >= host->cpus->len)
			g_ptr_array_set_size(host->cpus, cpu + 1);
		if (host->cpus->pdata[cpu])
			continue;
		host->cpus->pdata[cpu] = host_cpu_new(host->instance, cpu, host->out,
						      host->generation, error);
		if (!host->cpus->pdata[cpu])
			return false;
	}
	g_free(host->online);
	host->online = g_steal_pointer(&online);
	return true;
}

bool host_begin(struct host *host, struct writer *writer, GError **error)
{
	host->out = writer_host_new(writer, &host->generation, error);
	if (!host->out)
		return false;
	host->metadata = host_metadata_new(host->instance, host->out, host->generation, error);
	if (!host->metadata || !add_cpus(host, error) ||
	    !host_instance_trace(host->instance, true, error))
		return false;
	host->is_begun = true;
	return true;
}

enum session_result host_pass(struct host *host, GError **error)
{
	enum session_result result;
	guint i;

	if (!host->is_begun)
		return SESSION_IDLE;
	if (clock_mono_ns() - host->online_ns >= CPUS_NS && !add_cpus(host, error))
		return SESSION_FAILED;
	result = host_metadata_pass(host->metadata, error);
	for (i = 0; i < host->cpus->len && result != SESSION_FAILED; i++) {
		enum session_result one;

		if (!host->cpus->pdata[i])
			continue;
		one = host_cpu_pass(host->cpus->pdata[i], &host->pipe, error);
		result = MAX(result, one);
	}
	return result;
}

uint64_t host_pause_ns(const struct host *host)
{
	uint64_t pause_ns;

	if (!host->is_begun)
		return MAX_PAUSE_NS;
	pause_ns = host_instance_buffer_size(host->instance) * FILL_NS_PER_BYTE;
	return CLAMP(pause_ns, MIN_PAUSE_NS, MAX_PAUSE_NS);
}

/**
 * add_summary - keep the line of a stream that is done
 */
static void add_summary(struct host *host, const struct host_stream *stream)
{
	g_ptr_array_add(host->summaries, host_stream_summary(stream));
}

bool host_finish(struct host *host, GError **error)
{
	bool ok = true;
	guint i;

	if (!host->is_begun)
		return true;
	host->is_begun = false;
	ok = host_instance_trace(host->instance, false, error);
	for (i = 0; i < host->cpus->len; i++) {
		struct host_cpu *cpu = host->cpus->pdata[i];

		if (cpu && !host_cpu_finish(cpu, &host->pipe, ok ? error : NULL))
			ok = false;
		if (cpu)
			add_summary(host, cpu->stream);
	}
	if (!host_metadata_finish(host->metadata, ok ? error : NULL))
		ok = false;
	add_summary(host, host_metadata_stream(host->metadata));
	g_ptr_array_set_size(host->cpus, 0);
	g_clear_pointer(&host->metadata, host_metadata_free);
	g_clear_pointer(&host->instance, host_instance_free);
	return ok;
}

const char *host_dir_name(const struct host *host)
{
	return writer_vm_dir_name(host->out);
}

static void add_stream(struct session_totals *out, const struct host_stream *stream)
{
	out->stats.packets += stream->stats.packets;
	out->stats.bytes += stream->stats.bytes;
	out->stats.events += stream->entry.events;
	out->stats.lost += stream->entry.events_lost;
}

void host_totals(const struct host *host, struct session_totals *out)
{
	guint i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < host->cpus->len; i++) {
		const struct host_cpu *cpu = host->cpus->pdata[i];

		if (cpu)
			add_stream(out, cpu->stream);
	}
	if (host->metadata)
		add_stream(out, host_metadata_stream(host->metadata));
	for (i = 0; i < host->summaries->len; i++) {
		const struct tap_summary *summary = host->summaries->pdata[i];

		out->stats.packets += summary->stats.packets;
		out->stats.bytes += summary->stats.bytes;
		out->stats.events += summary->stats.events;
		out->stats.lost += summary->stats.lost;
	}
}

GPtrArray *host_summaries(struct host *host)
{
	return host->summaries;
}

const char *host_instance_label(const struct host *host)
{
	return host_instance_name(host->instance);
}
