// SPDX-License-Identifier: GPL-2.0-only
/* Where vCPUs run, and whom the host's events concern. */
#include "../host/tap.h"

#include "decode/decoder.h"
#include "host-recording.h"

static struct decoder *open_scratch(const struct decoder_options *options)
{
	GError *error = NULL;
	struct decoder *decoder = decoder_open(scratch_dir, options, &error);

	if (!decoder)
		printf("# %s\n", error->message);
	assert(decoder);
	return decoder;
}

static void wipe(void)
{
	nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert(g_mkdir_with_parents(scratch_dir, 0700) == 0);
}

static void add_number(GString *string, char before, uint32_t number)
{
	g_string_append_c(string, before);
	if (number == VHT_CPU_NONE)
		g_string_append_c(string, '-');
	else
		g_string_append_printf(string, "%u", number);
}

/* "web:0@3", with a ? if assumed. */
static void add_place(GString *string, const struct decoder_place *place)
{
	g_string_append_c(string, ' ');
	if (!place->vm) {
		g_string_append_c(string, '-');
		return;
	}
	g_string_append(string, place->vm->name);
	add_number(string, ':', place->vcpu);
	add_number(string, '@', place->host_cpu);
	if (place->is_assumed)
		g_string_append_c(string, '?');
}

/* "TIME SYSTEM/CPU EVENT PLACE [OTHER]" */
static char *describe(const struct decoder_item *item)
{
	GString *string = g_string_new(NULL);

	g_string_append_printf(string, "%lu %s", (unsigned long)(item->time - HOST_BEGIN),
			       item->stream->vm->is_host ? "host" : item->stream->vm->name);
	add_number(string, '/', item->stream->cpu);
	g_string_append_printf(string, " %s", item->class ? item->class->raw_name : "lost");
	add_place(string, &item->place);
	if (item->other)
		add_place(string, item->other);
	return g_string_free(string, FALSE);
}

static bool compare(struct decoder *decoder, const char *const *want, size_t count)
{
	struct decoder_item item;
	bool good = true;
	size_t got = 0;

	while (decoder_next(decoder, &item)) {
		g_autofree char *text = describe(&item);

		if (got >= count || strcmp(text, want[got])) {
			printf("# item %zu: %s, not %s\n", got, text,
			       got < count ? want[got] : "the end");
			good = false;
		}
		got++;
	}
	decoder_free(decoder);
	return good && got == count;
}

static const char *const all[] = {
	"5 web/0 numbered web:0@-",
	"10 host/1 sched_switch web:0@1",
	"11 host/3 sched_switch db:0@3",
	/* one time: entry, guest */
	"12 host/1 kvm_entry web:0@1",
	"12 web/0 numbered web:0@1",
	/* an id that no vCPU has */
	"13 host/3 kvm_entry db:0@3",
	"14 db/0 numbered db:0@3?",
	"17 host/3 kvm_exit db:0@3",
	/* one time: guest, exit */
	"20 web/0 numbered web:0@1",
	"20 host/1 kvm_exit web:0@1",
	"21 host/1 kvm_entry web:0@1",
	"30 host/1 kvm_exit web:0@1",
	"31 host/1 sched_switch web:0@1",
	"33 web/0 numbered web:0@1",
	/* from one CPU to another, where another VM's vCPU has to go */
	"35 host/3 sched_switch web:0@3 db:0@3",
	"36 host/3 kvm_entry web:0@3",
	"37 web/0 numbered web:0@3",
	/* an interrupt for another */
	"40 host/3 kvm_apic_accept_irq web:1@- web:0@3",
	"50 host/3 sched_wakeup web:1@- web:0@3",
	/* a loss elsewhere: who was not inside may have gone there */
	"60 host/2 other -",
	"60 host/2 lost -",
	"70 host/2 other -",
	"75 db/0 numbered db:0@-?",
	"75 web/0 numbered web:0@3",
	"80 host/3 other web:0@3",
	"80 host/3 lost -",
	"85 web/0 numbered web:0@-",
	"90 host/3 other -",
	"95 host/3 kvm_entry web:0@3",
	"96 web/0 numbered web:0@3",
	/* of the VM's first thread, about a vCPU and about none */
	"100 host/0 kvm_pi_irte_update web:1@-",
	"101 host/0 other web:-@-",
	"102 host/0 sched_wakeup -",
	/* a vCPU comes, and goes */
	"490 host/0 sched_process_fork web:2@-",
	"495 host/0 sched_switch web:2@0",
	"510 host/0 kvm_entry web:2@0",
	"515 web/2 numbered web:2@0",
	"650 host/0 other -",
	/* a thread's id is used again after its end, and after an end that was not seen */
	"690 host/0 sched_switch web:1@0",
	"700 host/0 sched_process_exit web:1@0",
	"701 host/0 sched_switch web:1@0",
	"705 host/0 sched_switch -",
	"710 host/0 sched_process_fork -",
	"715 host/0 sched_switch -",
	"720 host/1 sched_switch web:3@1",
	"730 web/3 numbered web:3@1",
	/* the VM ends */
	"790 host/3 other db:0@3",
	"800 db/- vmm_ended db:-@-",
	"850 host/3 other -",
	/* another run of the recorder */
	"900 host/0 other -",
	"905 web/3 numbered web:3@-",
};

static bool compare_where(const struct decoder_options *options,
			  bool (*is_wanted)(const char *text))
{
	GPtrArray *want = g_ptr_array_new();
	bool good;

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		if (is_wanted(all[i]))
			g_ptr_array_add(want, (char *)all[i]);
	good = compare(open_scratch(options), (const char *const *)want->pdata, want->len);
	g_ptr_array_unref(want);
	return good;
}

static bool is_web(const char *text)
{
	return strstr(text, " web/");
}

static bool is_guest(const char *text)
{
	return !strstr(text, " host/");
}

static bool is_host(const char *text)
{
	return strstr(text, " host/");
}

static bool concerns_web(const char *text)
{
	return strstr(text, " web/") || strstr(text, " web:") || strstr(text, " lost ");
}

static void test_all(void)
{
	struct decoder *decoder;

	wipe();
	put_host_recording();
	ok(compare(open_scratch(NULL), all, G_N_ELEMENTS(all)), "vCPUs are followed over the host");
	decoder = open_scratch(NULL);
	ok(decoder_vm_count(decoder) == 3 && decoder_has_host(decoder) &&
	   !decoder_warnings(decoder)->len, "the host is one of three, its times need no relation");
	decoder_free(decoder);
	decoder = open_scratch(&(struct decoder_options) { .is_raw = true });
	ok(decoder_stream_at(decoder, 0)->vm->is_host &&
	   decoder_stream_at(decoder, 0)->has_host_time, "not even raw ones");
	decoder_free(decoder);
}

static void test_choice(void)
{
	struct decoder_options options = { .vm = "web", .host = DECODER_HOST_CONCERNED };
	struct decoder *decoder;

	ok(compare_where(&options, concerns_web), "a VM and what of the host concerns it");
	options.host = DECODER_HOST_SILENT;
	ok(compare_where(&options, is_web), "a VM, and where it ran");
	decoder = open_scratch(&options);
	ok(decoder_vm_count(decoder) == 1 && decoder_has_host(decoder), "which is one VM");
	decoder_free(decoder);
	options.vm = NULL;
	ok(compare_where(&options, is_guest), "all but the host");
	options.host = DECODER_HOST_CONCERNED;
	ok(compare(open_scratch(&options), all, G_N_ELEMENTS(all)), "all VMs, all of the host");
	options = (struct decoder_options) { .vm = "host" };
	ok(compare_where(&options, is_host), "the host by its name");
	options.vm = "web";
	decoder = open_scratch(&options);
	ok(decoder_vm_count(decoder) == 1 && !decoder_has_host(decoder), "a VM by its name");
	decoder_free(decoder);
	options = (struct decoder_options) { .host = DECODER_HOST_NONE };
	decoder = open_scratch(&options);
	ok(decoder_vm_count(decoder) == 2 && !decoder_has_host(decoder), "the host left alone");
	decoder_free(decoder);
}

/* Take all that goes before a guest's event. Return: the last of it, as a text. */
static char *take_before(struct decoder *decoder, uint64_t time)
{
	struct decoder_item item;
	char *last = NULL;

	while (decoder_next_before(decoder, HOST_BEGIN + time, &item)) {
		g_free(last);
		last = describe(&item);
	}
	return last;
}

/* Where a guest's CPU is, of which nothing more is known than its number. */
static uint32_t where_is(const struct decoder *decoder, uint32_t cpu, bool has_host_time)
{
	const GPtrArray *vms = decoder_recording(decoder)->vms;
	struct decoder_stream stream = { .epoch = 1, .cpu = cpu, .has_host_time = has_host_time };
	struct decoder_place place;

	for (guint i = 0; i < vms->len; i++)
		if (!strcmp(((const struct recording_vm *)vms->pdata[i])->name, "web"))
			stream.vm = vms->pdata[i];
	decoder_find_place(decoder, &stream, &place);
	assert(place.vm == stream.vm && place.vcpu == cpu);
	return place.host_cpu;
}

/* Events of a guest that somebody else has, put among the others. */
static void test_from_elsewhere(void)
{
	const struct decoder_options silent = { .vm = "web", .host = DECODER_HOST_SILENT };
	struct decoder *decoder = open_scratch(NULL);
	struct decoder_item item;
	g_autofree char *guest = take_before(decoder, 20), *again = take_before(decoder, 20);
	g_autofree char *exit = NULL, *quiet = NULL;

	ok(!strcmp(guest, "20 web/0 numbered web:0@1") && !again,
	   "what goes before a guest's event: others of its time, and not the exit");
	exit = decoder_next(decoder, &item) ? describe(&item) : NULL;
	ok(!g_strcmp0(exit, "20 host/1 kvm_exit web:0@1"), "which comes next");
	decoder_free(decoder);

	decoder = open_scratch(&silent);
	quiet = take_before(decoder, 34);
	ok(!strcmp(quiet, "33 web/0 numbered web:0@1") && where_is(decoder, 0, true) == 1,
	   "where it is then, not where the next event of its VM will be");
	ok(where_is(decoder, 0, false) == VHT_CPU_NONE, "with times that are not the host's nobody knows");
	decoder_free(decoder);
}

/* A thread that leaves a CPU while another CPU's events are being lost. */
static void test_leave(void)
{
	static const char *const want[] = {
		"10 host/0 sched_switch web:0@0",
		"60 host/2 other -",
		"60 host/2 lost -",
		"62 web/0 numbered web:0@0",
		"65 host/0 sched_switch web:0@-",
		"67 web/0 numbered web:0@-",
		"70 host/2 other -",
	};
	struct builder_file vmm = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE,
					       VHT_CLOCK_HOST_MONOTONIC);
	struct builder_file guest = guest_cpu_file(0), cpu0 = host_cpu_file(0),
		cpu2 = host_cpu_file(2);

	wipe();
	host_ini();
	vm_ini("web", 100);
	guest_metadata("web/1.1/metadata", "cpu.0.id=0\n");
	builder_vcpu(&vmm, HOST_BEGIN - 10, 0, 0, 0, 101, VHT_VCPU_PRESENT);
	builder_write(&vmm, "web/vmm");
	guest_event(&guest, 62);
	guest_event(&guest, 67);
	builder_write(&guest, "web/1.1/ftrace.hypertrace-cpu0");
	host_switch(&cpu0, 10, 0, 101);
	host_switch(&cpu0, 65, 101, 0);
	builder_write(&cpu0, "@host/1.1/ftrace.hypertrace-cpu0");
	host_event(&cpu2, 60, HOST_OTHER_EVENT, 5, 0, 0);
	host_lose(&cpu2, 1);
	host_event(&cpu2, 70, HOST_OTHER_EVENT, 5, 0, 0);
	builder_write(&cpu2, "@host/1.1/ftrace.hypertrace-cpu2");
	ok(compare(open_scratch(NULL), want, G_N_ELEMENTS(want)), "where it went was lost");
}

/* One thread runs all vCPUs in turns, as TCG with icount does. */
static void test_shared(void)
{
	static const char *const want[] = {
		"10 host/0 sched_switch web:-@-",
		"12 web/1 numbered web:1@-?",
	};
	struct builder_file vmm = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE,
					       VHT_CLOCK_HOST_MONOTONIC);
	struct builder_file guest = guest_cpu_file(1), cpu0 = host_cpu_file(0);

	wipe();
	host_ini();
	vm_ini("web", 100);
	guest_metadata("web/1.1/metadata", "");
	for (uint32_t i = 0; i < 2; i++)
		builder_vcpu(&vmm, HOST_BEGIN - 10, i, i, VHT_CPU_NONE, 101, VHT_VCPU_PRESENT);
	builder_write(&vmm, "web/vmm");
	guest_event(&guest, 12);
	builder_write(&guest, "web/1.1/ftrace.hypertrace-cpu1");
	host_switch(&cpu0, 10, 0, 101);
	builder_write(&cpu0, "@host/1.1/ftrace.hypertrace-cpu0");
	ok(compare(open_scratch(NULL), want, G_N_ELEMENTS(want)), "the VM of a shared thread");
}

int main(void)
{
	scratch_init();
	test_all();
	test_choice();
	test_from_elsewhere();
	test_leave();
	test_shared();
	return tap_done();
}
