// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events come in the order of their times. One of a vCPU that has left the guest
 * waits until the next entry tells how far off it is.
 *
 * Of wake-ups only sched_wakeup counts, which comes when the task is put on a queue:
 * sched_waking of a task that is just going to sleep may come before that. A task
 * can be woken up while it still runs, so a wake-up behind a switch proves nothing
 * by itself: only if the task had slept, and no wake-up came before the switch.
 */
#include "causality.h"

#include <string.h>

#include "timebase.h"

/* Events of all vCPUs that wait for an entry; more are not judged. */
#define MAX_WAITING	1000000
/* Tasks of a driver's life that are remembered. */
#define MAX_TASKS	65536
/* vCPUs of all VMs. */
#define MAX_VCPUS	65536

/* Bits of prev_state: sleeps of some kind; the task's end; it goes on later. */
#define STATE_SLEEPS	0x8f
#define STATE_ENDS	0x30
#define STATE_PREEMPTED	0x100

/* What an event means here. */
enum meaning {
	MEANS_NOTHING,
	MEANS_ENTRY,
	MEANS_EXIT,
	MEANS_SWITCH,
	MEANS_WAKEUP,
};

/* A class of events, looked at once. */
struct known_class {
	enum meaning meaning;
	const struct event_field *fields[3];
};

enum where {
	WHERE_UNKNOWN,
	WHERE_INSIDE,
	WHERE_OUTSIDE,
};

/* An event while its vCPU is outside. */
struct waiting {
	uint64_t time;
	uint64_t bound;
	bool may_be_carried;		/* another vCPU could read the clock then, for this one */
};

struct vcpu_state {
	enum where where;
	uint32_t host_cpu;		/* of the last entry or exit */
	uint64_t exit_time;
	GArray *waiting;		/* struct waiting */
};

/* A VM, and what is known of its vCPUs now. */
struct vm_state {
	struct causality_vm pub;
	struct timebase *timebase;
	GHashTable *vcpus;		/* index -> struct vcpu_state * */
	uint32_t inside_count;		/* of them those in the guest ... */
	uint64_t exit_time;		/* ... and when one left it last */
};

/* What a task did last that matters. */
struct task {
	bool sleeps;			/* and was not woken up since */
	bool is_early;			/* it runs, and nobody woke it up */
	uint32_t cpu;			/* where it was switched to then ... */
	uint64_t time;			/* ... and when */
	uint64_t bound;
	bool has_wakeup;
	uint64_t wakeup_time;		/* the last one */
	uint64_t wakeup_bound;
};

/* A driver's life: its tasks. */
struct life {
	const struct decoder_guest *guest;
	bool has_wakeups;		/* they are traced: one was seen since the last loss */
	GHashTable *tasks;		/* pid -> struct task * */
};

/* A stream of a guest. */
struct guest_stream {
	struct vm_state *vm;
	struct life *life;
	bool has_time;			/* there is a way to the host's clock: */
	const struct clock_map *map;	/* NULL: it is the host's */
	struct clock_cursor place;
	uint64_t shared_ns;		/* since when times may be another CPU's */
};

/* A run of the recorder of the host: from when to when its events are. */
struct host_run {
	uint32_t generation;
	uint64_t begin;
	uint64_t end;
};

struct causality {
	const struct recording *recording;
	GPtrArray *vms;			/* struct vm_state * */
	GHashTable *by_vm;		/* struct recording_vm * -> the same */
	GPtrArray *streams;		/* struct guest_stream *, by decoder_stream.index */
	GPtrArray *lives;		/* struct life * */
	GHashTable *classes;		/* struct event_class * -> struct known_class * */
	GArray *runs;			/* struct host_run */
	uint32_t generation;		/* of the last event of the host ... */
	const struct host_run *run;	/* ... and the run that is */
	uint64_t loss_end;		/* of the host's losses so far */
	uint64_t waiting_count;
	uint32_t vcpu_count;
};

static void vcpu_state_free(void *data)
{
	struct vcpu_state *vcpu = data;

	g_array_unref(vcpu->waiting);
	g_free(vcpu);
}

static void vm_state_free(void *data)
{
	struct vm_state *vm = data;

	timebase_free(vm->timebase);
	g_hash_table_unref(vm->vcpus);
	g_free(vm);
}

static void life_free(void *data)
{
	struct life *life = data;

	g_hash_table_unref(life->tasks);
	g_free(life);
}

static GHashTable *number_table_new(GDestroyNotify free_value)
{
	return g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, free_value);
}

/* When one run of the host's recorder was, by its packets. */
static void add_run(struct causality *causality, const struct recording_generation *generation)
{
	struct host_run run = { generation->generation, UINT64_MAX, 0 };

	for (guint i = 0; i < generation->streams->len; i++) {
		const struct recording_stream *stream = generation->streams->pdata[i];
		struct recording_cursor cursor;
		struct recording_packet packet;

		recording_cursor_init(&cursor, stream);
		while (recording_cursor_next(&cursor, &packet)) {
			if (packet.header.type != VHT_PACKET_FTRACE)
				continue;
			run.begin = MIN(run.begin, packet.header.timestamp_begin);
			run.end = MAX(run.end, packet.header.timestamp_end);
		}
	}
	if (run.begin <= run.end)
		g_array_append_val(causality->runs, run);
}

static void add_vm(struct causality *causality, const struct recording_vm *vm)
{
	struct vm_state *state = g_new0(struct vm_state, 1);

	state->pub.vm = vm;
	state->timebase = timebase_new(vm, NULL);
	state->vcpus = number_table_new(vcpu_state_free);
	g_ptr_array_add(causality->vms, state);
	g_hash_table_insert(causality->by_vm, (void *)vm, state);
}

struct causality *causality_new(const struct recording *recording)
{
	struct causality *causality = g_new0(struct causality, 1);

	causality->recording = recording;
	causality->vms = g_ptr_array_new_with_free_func(vm_state_free);
	causality->by_vm = number_table_new(NULL);
	causality->streams = g_ptr_array_new_with_free_func(g_free);
	causality->lives = g_ptr_array_new_with_free_func(life_free);
	causality->classes = number_table_new(g_free);
	causality->runs = g_array_new(FALSE, FALSE, sizeof(struct host_run));
	for (guint i = 0; i < recording->vms->len; i++) {
		const struct recording_vm *vm = recording->vms->pdata[i];

		if (!vm->is_host) {
			add_vm(causality, vm);
			continue;
		}
		for (guint j = 0; j < vm->generations->len; j++)
			add_run(causality, vm->generations->pdata[j]);
	}
	for (guint i = 0; i < causality->vms->len; i++) {
		struct vm_state *vm = causality->vms->pdata[i];

		vm->pub.has_host = causality->runs->len;
	}
	return causality;
}

void causality_free(struct causality *causality)
{
	if (!causality)
		return;
	g_ptr_array_unref(causality->vms);
	g_hash_table_unref(causality->by_vm);
	g_ptr_array_unref(causality->streams);
	g_ptr_array_unref(causality->lives);
	g_hash_table_unref(causality->classes);
	g_array_unref(causality->runs);
	g_free(causality);
}

static const struct event_field *find_field(const struct event_class *class, const char *name)
{
	for (uint32_t i = 0; i < class->field_count; i++)
		if (!strcmp(class->fields[i].raw_name, name) &&
		    class->fields[i].kind == FIELD_NUMBER)
			return &class->fields[i];
	return NULL;
}

static void know_class(struct known_class *known, const struct event_class *class, bool is_host)
{
	static const struct {
		const char *system;
		const char *name;
		bool is_host;
		enum meaning meaning;
		const char *fields[3];
	} kinds[] = {
		{ "kvm", "kvm_entry", true, MEANS_ENTRY, { NULL } },
		{ "kvm", "kvm_exit", true, MEANS_EXIT, { NULL } },
		{ "sched", "sched_switch", false, MEANS_SWITCH,
		  { "prev_pid", "prev_state", "next_pid" } },
		{ "sched", "sched_wakeup", false, MEANS_WAKEUP, { "pid" } },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (kinds[i].is_host != is_host || strcmp(class->system, kinds[i].system) ||
		    strcmp(class->raw_name, kinds[i].name))
			continue;
		known->meaning = kinds[i].meaning;
		for (size_t j = 0; j < G_N_ELEMENTS(known->fields) && kinds[i].fields[j]; j++) {
			known->fields[j] = find_field(class, kinds[i].fields[j]);
			if (!known->fields[j])
				known->meaning = MEANS_NOTHING;
		}
	}
}

static const struct known_class *get_class(struct causality *causality,
					   const struct decoder_item *item)
{
	struct known_class *known = g_hash_table_lookup(causality->classes, item->class);

	if (!known) {
		known = g_new0(struct known_class, 1);
		if (item->class->system && item->class->raw_name)
			know_class(known, item->class, item->stream->vm->is_host);
		g_hash_table_insert(causality->classes, item->class, known);
	}
	return known;
}

static uint64_t number(const struct known_class *known, uint32_t field,
		       const struct decoder_item *item)
{
	return field_number(known->fields[field], item->data, item->size);
}

static struct vm_state *find_vm(const struct causality *causality, const struct recording_vm *vm)
{
	return g_hash_table_lookup(causality->by_vm, vm);
}

static struct vcpu_state *get_vcpu(struct causality *causality, struct vm_state *vm,
				   uint32_t index)
{
	struct vcpu_state *vcpu = g_hash_table_lookup(vm->vcpus, GUINT_TO_POINTER(index));

	if (vcpu || causality->vcpu_count >= MAX_VCPUS)
		return vcpu;
	vcpu = g_new0(struct vcpu_state, 1);
	vcpu->waiting = g_array_new(FALSE, FALSE, sizeof(struct waiting));
	g_hash_table_insert(vm->vcpus, GUINT_TO_POINTER(index), vcpu);
	causality->vcpu_count++;
	return vcpu;
}

static void judge(struct causality_count *count, uint64_t excess, uint64_t bound, uint64_t time)
{
	count->judged++;
	count->widest_ns = MAX(count->widest_ns, bound);
	if (excess > bound)
		count->violations++;
	/* of those within the bound and those beyond it the worst: the latter first */
	if (excess <= count->largest_ns)
		return;
	count->largest_ns = excess;
	count->bound_ns = bound;
	count->at_ns = time;
}

static void set_where(struct vm_state *vm, struct vcpu_state *vcpu, enum where where)
{
	vm->inside_count -= vcpu->where == WHERE_INSIDE;
	vm->inside_count += where == WHERE_INSIDE;
	vcpu->where = where;
}

/* The next entry is known, so it is known how far off they are; one reading may be carried. */
static void judge_waiting(struct causality *causality, struct vm_state *vm,
			  struct vcpu_state *vcpu, uint64_t entry)
{
	uint64_t carried = 0;

	for (guint i = 0; i < vcpu->waiting->len; i++) {
		const struct waiting *waiting = &g_array_index(vcpu->waiting, struct waiting, i);
		uint64_t after = waiting->time - vcpu->exit_time;
		uint64_t before = entry > waiting->time ? entry - waiting->time : 0;

		if (waiting->may_be_carried && MIN(after, before) > waiting->bound &&
		    (!carried || carried == waiting->time)) {
			carried = waiting->time;
			vm->pub.inside.carried++;
			continue;
		}
		judge(&vm->pub.inside, MIN(after, before), waiting->bound, waiting->time);
	}
	causality->waiting_count -= vcpu->waiting->len;
	g_array_set_size(vcpu->waiting, 0);
}

static void forget_waiting(struct causality *causality, struct vm_state *vm,
			   struct vcpu_state *vcpu)
{
	vm->pub.inside.unjudged += vcpu->waiting->len;
	causality->waiting_count -= vcpu->waiting->len;
	g_array_set_size(vcpu->waiting, 0);
}

/**
 * forget_vcpus - where vCPUs are is not known any more
 * @host_cpu: of which events were lost, or VHT_CPU_NONE: all are
 *
 * One that is in the guest on another CPU had to leave it there first.
 */
static void forget_vcpus(struct causality *causality, uint32_t host_cpu)
{
	for (guint i = 0; i < causality->vms->len; i++) {
		struct vm_state *vm = causality->vms->pdata[i];
		GHashTableIter iter;
		void *value;

		g_hash_table_iter_init(&iter, vm->vcpus);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			struct vcpu_state *vcpu = value;

			if (host_cpu != VHT_CPU_NONE && vcpu->where == WHERE_INSIDE &&
			    vcpu->host_cpu != host_cpu)
				continue;
			forget_waiting(causality, vm, vcpu);
			set_where(vm, vcpu, WHERE_UNKNOWN);
		}
	}
}

static void take_entry(struct causality *causality, struct vm_state *vm, struct vcpu_state *vcpu,
		       const struct decoder_item *item)
{
	judge_waiting(causality, vm, vcpu, item->time);
	if (vcpu->where != WHERE_INSIDE)
		vm->pub.stays++;
	set_where(vm, vcpu, WHERE_INSIDE);
	vcpu->host_cpu = item->stream->cpu;
}

static void take_exit(struct causality *causality, struct vm_state *vm, struct vcpu_state *vcpu,
		      const struct decoder_item *item)
{
	/* an exit that follows an exit: what was between them is where it was */
	if (vcpu->where == WHERE_OUTSIDE)
		return;
	vcpu->host_cpu = item->stream->cpu;
	vcpu->exit_time = vm->exit_time = item->time;
	/* it may go in again where events are being lost */
	set_where(vm, vcpu, item->time < causality->loss_end ? WHERE_UNKNOWN : WHERE_OUTSIDE);
}

/* The recorder of the host began anew: what was in between nobody knows. */
static void begin_run(struct causality *causality, uint32_t generation)
{
	forget_vcpus(causality, VHT_CPU_NONE);
	causality->generation = generation;
	causality->run = NULL;
	for (guint i = 0; i < causality->runs->len; i++) {
		const struct host_run *run = &g_array_index(causality->runs, struct host_run, i);

		if (run->generation == generation)
			causality->run = run;
	}
	causality->loss_end = 0;
}

static void take_host(struct causality *causality, const struct decoder_item *item)
{
	const struct known_class *known;
	struct vcpu_state *vcpu;
	struct vm_state *vm;

	if (item->stream->generation != causality->generation)
		begin_run(causality, item->stream->generation);
	if (item->kind == DECODER_LOST) {
		causality->loss_end = MAX(causality->loss_end, item->end_time);
		forget_vcpus(causality, item->stream->cpu);
		return;
	}
	known = get_class(causality, item);
	if ((known->meaning != MEANS_ENTRY && known->meaning != MEANS_EXIT) || !item->place.vm ||
	    item->place.vcpu == VHT_CPU_NONE)
		return;
	vm = find_vm(causality, item->place.vm);
	vcpu = vm ? get_vcpu(causality, vm, item->place.vcpu) : NULL;
	if (!vcpu)
		return;
	if (known->meaning == MEANS_ENTRY)
		take_entry(causality, vm, vcpu, item);
	else
		take_exit(causality, vm, vcpu, item);
}

/* The stream file of a decoded stream. */
static const struct recording_stream *find_file(const struct decoder_stream *stream)
{
	for (guint i = 0; i < stream->vm->generations->len; i++) {
		const struct recording_generation *generation = stream->vm->generations->pdata[i];

		if (generation->epoch != stream->epoch ||
		    generation->generation != stream->generation)
			continue;
		for (guint j = 0; j < generation->streams->len; j++) {
			const struct recording_stream *file = generation->streams->pdata[j];

			if (file->source == stream->source && file->cpu == stream->cpu &&
			    !strcmp(file->first_state.name, stream->name))
				return file;
		}
	}
	return NULL;
}

static struct life *get_life(struct causality *causality, const struct decoder_guest *guest)
{
	struct life *life;

	for (guint i = 0; i < causality->lives->len; i++) {
		life = causality->lives->pdata[i];
		if (life->guest == guest)
			return life;
	}
	life = g_new0(struct life, 1);
	life->guest = guest;
	life->tasks = number_table_new(g_free);
	g_ptr_array_add(causality->lives, life);
	return life;
}

static struct guest_stream *get_stream(struct causality *causality,
				       const struct decoder_stream *stream)
{
	const struct recording_stream *file;
	struct guest_stream *found;

	if (stream->index >= causality->streams->len)
		g_ptr_array_set_size(causality->streams, stream->index + 1);
	found = causality->streams->pdata[stream->index];
	if (found)
		return found;
	found = g_new0(struct guest_stream, 1);
	found->vm = find_vm(causality, stream->vm);
	found->life = get_life(causality, stream->guest);
	file = find_file(stream);
	if (found->vm && file && file->clock != VHT_CLOCK_HOST_MONOTONIC)
		found->map = timebase_map(found->vm->timebase, stream->epoch, file);
	found->has_time = stream->has_host_time &&
			  (found->map || (file && file->clock == VHT_CLOCK_HOST_MONOTONIC));
	found->shared_ns = found->map ? timebase_shared_ns(found->vm->timebase, stream->epoch, file) :
			   UINT64_MAX;
	causality->streams->pdata[stream->index] = found;
	return found;
}

/* Whether the host was recorded at a time, in the run that its last event is of. */
static bool is_recorded(const struct causality *causality, uint64_t time)
{
	return causality->run && time >= causality->run->begin && time <= causality->run->end;
}

/* Is the event in a stay of its vCPU? */
static void take_place(struct causality *causality, const struct guest_stream *stream,
		       const struct decoder_item *item, uint64_t bound)
{
	struct vm_state *vm = stream->vm;
	const struct waiting waiting = {
		item->time, bound, item->time >= stream->shared_ns &&
		(vm->inside_count || item->time - MIN(vm->exit_time, item->time) <= bound),
	};
	struct vcpu_state *vcpu = NULL;

	if (item->place.vcpu != VHT_CPU_NONE && !item->place.is_assumed &&
	    is_recorded(causality, item->time))
		vcpu = g_hash_table_lookup(vm->vcpus, GUINT_TO_POINTER(item->place.vcpu));
	if (!vcpu || vcpu->where == WHERE_UNKNOWN) {
		vm->pub.inside.unjudged++;
	} else if (vcpu->where == WHERE_INSIDE) {
		judge(&vm->pub.inside, 0, bound, item->time);
	} else if (causality->waiting_count >= MAX_WAITING) {
		vm->pub.inside.unjudged++;
	} else {
		g_array_append_val(vcpu->waiting, waiting);
		causality->waiting_count++;
	}
}

static struct task *get_task(struct life *life, uint64_t pid)
{
	void *key = GUINT_TO_POINTER((uint32_t)pid);
	struct task *task = g_hash_table_lookup(life->tasks, key);

	if (task)
		return task;
	if (g_hash_table_size(life->tasks) >= MAX_TASKS)
		g_hash_table_remove_all(life->tasks);
	task = g_new0(struct task, 1);
	g_hash_table_insert(life->tasks, key, task);
	return task;
}

static void take_switch(struct life *life, const struct known_class *known,
			const struct decoder_item *item, uint64_t bound)
{
	uint64_t prev = number(known, 0, item), state = number(known, 1, item);
	uint64_t next = number(known, 2, item);
	struct task *task;

	if (prev && state & STATE_ENDS) {
		g_hash_table_remove(life->tasks, GUINT_TO_POINTER((uint32_t)prev));
	} else if (prev) {
		task = get_task(life, prev);
		task->is_early = false;
		task->sleeps = life->has_wakeups && state & STATE_SLEEPS &&
			       !(state & STATE_PREEMPTED);
		/* within what is not known of the times the wake-up may be this sleep's */
		if (task->has_wakeup && item->time - task->wakeup_time <= bound + task->wakeup_bound)
			task->sleeps = false;
	}
	if (!next)
		return;
	task = get_task(life, next);
	task->is_early = task->sleeps;
	task->sleeps = false;
	task->cpu = item->stream->cpu;
	task->time = item->time;
	task->bound = bound;
}

static void take_wakeup(struct vm_state *vm, struct life *life, const struct known_class *known,
			const struct decoder_item *item, uint64_t bound)
{
	struct task *task = get_task(life, number(known, 0, item));

	life->has_wakeups = true;
	if (task->is_early && task->cpu != item->stream->cpu)
		judge(&vm->pub.wakeups, item->time - task->time, bound + task->bound, task->time);
	else if (task->sleeps)
		judge(&vm->pub.wakeups, 0, bound, item->time);
	task->is_early = false;
	task->sleeps = false;
	task->has_wakeup = true;
	task->wakeup_time = item->time;
	task->wakeup_bound = bound;
}

static void forget_tasks(struct life *life)
{
	g_hash_table_remove_all(life->tasks);
	life->has_wakeups = false;
}

static void take_guest(struct causality *causality, const struct decoder_item *item)
{
	struct guest_stream *stream = get_stream(causality, item->stream);
	const struct known_class *known;
	uint64_t time = item->raw_time, bound = 0;

	if (item->kind == DECODER_LOST) {
		forget_tasks(stream->life);
		return;
	}
	if (!stream->has_time) {
		stream->vm->pub.inside.unjudged++;
		return;
	}
	if (stream->map) {
		time = clock_map_apply(stream->map, item->raw_time, &stream->place);
		bound = clock_map_bound(stream->map, item->raw_time, &stream->place);
	}
	/* a time that went back is shown as that of the event before it: it tells nothing;
	 * nor does a window under its second kernel, which has another map, and what is from
	 * before the VM's state was loaded */
	if (time != item->time || bound >= CLOCK_NO_BOUND) {
		stream->vm->pub.inside.unjudged++;
		forget_tasks(stream->life);
		return;
	}
	take_place(causality, stream, item, bound);
	known = get_class(causality, item);
	if (known->meaning == MEANS_SWITCH)
		take_switch(stream->life, known, item, bound);
	else if (known->meaning == MEANS_WAKEUP)
		take_wakeup(stream->vm, stream->life, known, item, bound);
}

void causality_take(struct causality *causality, const struct decoder_item *item)
{
	if (item->stream->vm->is_host)
		take_host(causality, item);
	else if (item->stream->guest && find_vm(causality, item->stream->vm))
		take_guest(causality, item);
}

void causality_finish(struct causality *causality)
{
	forget_vcpus(causality, VHT_CPU_NONE);
}

uint32_t causality_vm_count(const struct causality *causality)
{
	return causality->vms->len;
}

const struct causality_vm *causality_vm_at(const struct causality *causality, uint32_t number)
{
	const struct vm_state *vm = causality->vms->pdata[number];

	return &vm->pub;
}
