// SPDX-License-Identifier: GPL-2.0-only
/*
 * Only the threads that a VM named are in a table; of each event of the host its
 * task is looked up there, and of a few kinds one more task, which they name.
 */
#include "place.h"

#include <string.h>

#include "value.h"
#include "vcpus.h"

/* What an event of the host means here. */
enum host_event {
	HOST_OTHER,
	HOST_SWITCH,
	HOST_ENTRY,
	HOST_EXIT,
	HOST_FORK,
	HOST_TASK_EXIT,
};

/* A class of the host's events, looked at once. */
struct host_class {
	bool is_known;
	enum host_event event;
	const struct event_field *thread;	/* another task than the running one, or NULL */
	const struct event_field *vcpu_id;	/* KVM's number of the vCPU it is about, or NULL */
};

struct place_kernel {
	GArray *classes;	/* struct host_class, by index of the event class */
};

/* A vCPU, whatever thread runs it. */
struct place_vcpu {
	uint32_t host_cpu;	/* where it was last seen, or VHT_CPU_NONE */
	bool is_inside;		/* nothing was seen since that could have led it elsewhere */
};

struct place_vm {
	const struct recording_vm *vm;
	struct vcpu_map *map;
	GHashTable *vcpus;	/* index -> struct place_vcpu * */
	uint64_t end_ns;	/* of the VM */
};

/* What a VM said of a thread. */
struct thread_owner {
	struct place_vm *vm;
	uint32_t index;		/* of the vCPU it runs, VHT_CPU_NONE for the VM's first thread */
	bool is_shared;		/* it runs others too, at one time or one after the other */
};

/* A thread that some VM named. */
struct place_thread {
	GArray *owners;		/* struct thread_owner */
	bool is_exiting;
	bool has_died;
	uint64_t died_ns;	/* what a VM said before is of another thread */
};

struct places {
	GPtrArray *vms;		/* struct place_vm *, without the host */
	GHashTable *threads;	/* id -> struct place_thread * */
	GPtrArray *kernels;
	const struct place_kernel *kernel;	/* of the event before */
	uint64_t lost_until;
	struct decoder_place other;
};

/* A thread's vCPU; @vm is NULL for none, @vcpu for the VM's first thread and a shared one. */
struct found {
	struct place_thread *thread;
	struct place_vm *vm;
	const struct vcpu *vcpu;
};

static const struct decoder_place nowhere = {
	.vcpu = VHT_CPU_NONE, .host_cpu = VHT_CPU_NONE,
};

static void vm_free(void *data)
{
	struct place_vm *vm = data;

	vcpu_map_free(vm->map);
	g_hash_table_unref(vm->vcpus);
	g_free(vm);
}

static void thread_free(void *data)
{
	struct place_thread *thread = data;

	g_array_unref(thread->owners);
	g_free(thread);
}

static void kernel_free(void *data)
{
	struct place_kernel *kernel = data;

	g_array_unref(kernel->classes);
	g_free(kernel);
}

static void add_thread(struct places *places, uint32_t id, struct place_vm *vm, uint32_t index)
{
	const struct thread_owner owner = { .vm = vm, .index = index };
	void *key = GUINT_TO_POINTER(id);
	struct place_thread *thread = g_hash_table_lookup(places->threads, key);
	struct thread_owner *last = NULL;

	if (!id)
		return;
	if (!thread) {
		thread = g_new0(struct place_thread, 1);
		thread->owners = g_array_new(FALSE, FALSE, sizeof(struct thread_owner));
		g_hash_table_insert(places->threads, key, thread);
	}
	/* A VM's threads are added together. */
	if (thread->owners->len)
		last = &g_array_index(thread->owners, struct thread_owner,
				      thread->owners->len - 1);
	if (!last || last->vm != vm)
		g_array_append_val(thread->owners, owner);
	else if (last->index != index)
		last->is_shared = true;
}

static struct place_vcpu *add_vcpu(struct place_vm *vm, uint32_t index)
{
	void *key = GUINT_TO_POINTER(index);
	struct place_vcpu *vcpu = g_hash_table_lookup(vm->vcpus, key);

	if (!vcpu) {
		vcpu = g_new0(struct place_vcpu, 1);
		vcpu->host_cpu = VHT_CPU_NONE;
		g_hash_table_insert(vm->vcpus, key, vcpu);
	}
	return vcpu;
}

static uint64_t vm_end(const struct recording_vm *vm)
{
	struct recording_records it;
	struct vmm_event event;
	uint64_t end = UINT64_MAX;

	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_vmm_event(&it, &event))
		if (event.type == VHT_VMM_ENDED)
			end = event.mono_ns;
	return end;
}

static void add_vm(struct places *places, const struct recording_vm *recorded)
{
	struct place_vm *vm = g_new0(struct place_vm, 1);

	vm->vm = recorded;
	vm->map = vcpu_map_new(recorded);
	vm->vcpus = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	vm->end_ns = vm_end(recorded);
	g_ptr_array_add(places->vms, vm);
	add_thread(places, recorded->pid, vm, VHT_CPU_NONE);
	for (uint32_t i = 0; i < vcpu_map_count(vm->map); i++) {
		const struct vcpu *vcpu = vcpu_map_at(vm->map, i);

		add_thread(places, vcpu->thread_id, vm, vcpu->index);
		add_vcpu(vm, vcpu->index);
	}
}

struct places *places_new(const struct recording *recording)
{
	struct places *places = g_new0(struct places, 1);

	places->vms = g_ptr_array_new_with_free_func(vm_free);
	places->threads = g_hash_table_new_full(NULL, NULL, NULL, thread_free);
	places->kernels = g_ptr_array_new_with_free_func(kernel_free);
	for (guint i = 0; i < recording->vms->len; i++) {
		const struct recording_vm *vm = recording->vms->pdata[i];

		if (!vm->is_host)
			add_vm(places, vm);
	}
	return places;
}

void places_free(struct places *places)
{
	if (!places)
		return;
	g_ptr_array_unref(places->kernels);
	g_hash_table_unref(places->threads);
	g_ptr_array_unref(places->vms);
	g_free(places);
}

struct place_kernel *places_add_kernel(struct places *places)
{
	struct place_kernel *kernel = g_new0(struct place_kernel, 1);

	kernel->classes = g_array_new(FALSE, TRUE, sizeof(struct host_class));
	g_ptr_array_add(places->kernels, kernel);
	return kernel;
}

const uint32_t *places_of_cpu(struct places *places, const struct recording_vm *recorded,
			      uint32_t epoch, uint32_t generation, uint32_t cpu,
			      struct decoder_place *place)
{
	*place = nowhere;
	place->vm = recorded;
	for (guint i = 0; i < places->vms->len; i++) {
		struct place_vm *vm = places->vms->pdata[i];
		enum vcpu_source source;

		if (vm->vm != recorded)
			continue;
		source = vcpu_map_of_cpu(vm->map, epoch, generation, cpu, &place->vcpu);
		if (source == VCPU_UNKNOWN)
			break;
		place->is_assumed = source == VCPU_ASSUMED;
		return &add_vcpu(vm, place->vcpu)->host_cpu;
	}
	return NULL;
}

static const struct event_field *find_field(const struct event_class *class, const char *name)
{
	for (uint32_t i = 0; i < class->field_count; i++)
		if (class->fields[i].kind == FIELD_NUMBER &&
		    !strcmp(class->fields[i].raw_name, name))
			return &class->fields[i];
	return NULL;
}

static void know_class(struct host_class *known, const struct event_class *class)
{
	known->is_known = true;
	if (!strcmp(class->system, "kvm")) {
		known->vcpu_id = find_field(class, "vcpu_id");
		/* Of an interrupt; x86's KVM has one number for both. */
		if (!known->vcpu_id)
			known->vcpu_id = find_field(class, "apicid");
		if (!strcmp(class->raw_name, "kvm_entry"))
			known->event = HOST_ENTRY;
		else if (!strcmp(class->raw_name, "kvm_exit"))
			known->event = HOST_EXIT;
	} else if (!strcmp(class->system, "sched")) {
		known->thread = find_field(class, "pid");
		if (!strcmp(class->raw_name, "sched_switch")) {
			known->event = HOST_SWITCH;
			known->thread = find_field(class, "next_pid");
		} else if (!strcmp(class->raw_name, "sched_process_fork")) {
			known->event = HOST_FORK;
			known->thread = find_field(class, "child_pid");
		} else if (!strcmp(class->raw_name, "sched_process_exit")) {
			known->event = HOST_TASK_EXIT;
		}
	}
}

static const struct host_class *get_class(struct place_kernel *kernel,
					  const struct event_class *class)
{
	struct host_class *known;

	if (G_UNLIKELY(class->index >= kernel->classes->len))
		g_array_set_size(kernel->classes, class->index + 1);
	known = &g_array_index(kernel->classes, struct host_class, class->index);
	if (G_UNLIKELY(!known->is_known))
		know_class(known, class);
	return known;
}

unsigned int places_rank(struct place_kernel *kernel, const struct event_class *class)
{
	if (class && get_class(kernel, class)->event == HOST_EXIT)
		return PLACE_RANK_GUEST + 1;
	return PLACE_RANK_GUEST - 1;
}

static bool was_said_of(const struct place_thread *thread, uint64_t said_ns)
{
	return !thread->has_died || said_ns > thread->died_ns;
}

/* Of VMs that name the same thread the last one to do so is meant. */
static struct found find_thread(const struct places *places, int64_t id, uint64_t time)
{
	struct found found = { 0 };
	uint64_t newest = 0;

	if (id <= 0 || id > G_MAXINT32)
		return found;
	found.thread = g_hash_table_lookup(places->threads, GUINT_TO_POINTER((guint)id));
	if (G_LIKELY(!found.thread))
		return found;
	for (guint i = 0; i < found.thread->owners->len; i++) {
		const struct thread_owner *owner =
			&g_array_index(found.thread->owners, struct thread_owner, i);
		const struct recording_vm *vm = owner->vm->vm;
		const struct vcpu *vcpu;
		uint64_t said;

		if (time < vm->start_mono_ns || time > owner->vm->end_ns)
			continue;
		vcpu = vcpu_map_of_thread(owner->vm->map, (uint32_t)id, time);
		if (!vcpu && owner->index != VHT_CPU_NONE && !owner->is_shared)
			continue;
		said = vcpu ? vcpu->from_ns : vm->start_mono_ns;
		if (!was_said_of(found.thread, said) || (found.vm && said < newest))
			continue;
		found.vm = owner->vm;
		found.vcpu = vcpu;
		newest = said;
	}
	return found;
}

static struct place_vcpu *vcpu_of(const struct found *found)
{
	if (!found->vcpu)
		return NULL;
	return g_hash_table_lookup(found->vm->vcpus, GUINT_TO_POINTER(found->vcpu->index));
}

static void set_place(struct decoder_place *place, const struct found *found)
{
	const struct place_vcpu *vcpu = vcpu_of(found);

	place->vm = found->vm->vm;
	place->vcpu = found->vcpu ? found->vcpu->index : VHT_CPU_NONE;
	place->host_cpu = vcpu ? vcpu->host_cpu : VHT_CPU_NONE;
	place->is_assumed = false;
}

/* KVM's events can be about another vCPU than the running one, of the same VM. */
static struct found find_vcpu_id(const struct found *running, const struct host_class *class,
				 const struct decoder_item *item)
{
	struct found found = { 0 };
	uint64_t id = field_number(class->vcpu_id, item->data, item->size);

	if (!running->vm || id >= VHT_CPU_NONE)
		return found;
	found.vcpu = vcpu_map_of_kvm_id(running->vm->map, (uint32_t)id, item->time);
	found.vm = found.vcpu ? running->vm : NULL;
	return found;
}

static void leave(const struct places *places, struct place_vcpu *vcpu, uint64_t time)
{
	vcpu->is_inside = false;
	if (time < places->lost_until)
		vcpu->host_cpu = VHT_CPU_NONE;
}

/* Where a running thread's vCPU is after an event. */
static void move_running(const struct places *places, struct place_vcpu *vcpu,
			 const struct host_class *class, const struct decoder_item *item)
{
	vcpu->host_cpu = item->stream->cpu;
	vcpu->is_inside = true;
	if (class->event == HOST_EXIT || class->event == HOST_SWITCH)
		leave(places, vcpu, item->time);
}

/* A thread's id is used for a new one: what a VM told of it before is old. */
static void take_birth(struct places *places, int64_t id, uint64_t time)
{
	struct place_thread *thread;

	if (id <= 0 || id > G_MAXINT32)
		return;
	thread = g_hash_table_lookup(places->threads, GUINT_TO_POINTER((guint)id));
	if (!thread)
		return;
	thread->is_exiting = false;
	thread->has_died = true;
	thread->died_ns = time;
}

/* A thread that said it ends is gone with the next switch away from it. */
static void take_end(struct place_thread *thread, const struct host_class *class, uint64_t time)
{
	if (class->event == HOST_TASK_EXIT) {
		thread->is_exiting = true;
	} else if (class->event == HOST_SWITCH && thread->is_exiting) {
		thread->is_exiting = false;
		thread->has_died = true;
		thread->died_ns = time;
	}
}

static void forget_vcpus(struct places *places, bool all, uint32_t host_cpu)
{
	for (guint i = 0; i < places->vms->len; i++) {
		struct place_vm *vm = places->vms->pdata[i];
		GHashTableIter iter;
		void *value;

		g_hash_table_iter_init(&iter, vm->vcpus);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			struct place_vcpu *vcpu = value;

			if (!all && vcpu->is_inside && vcpu->host_cpu != host_cpu)
				continue;
			vcpu->is_inside = false;
			vcpu->host_cpu = VHT_CPU_NONE;
		}
	}
}

/* Whom an event concerns: the task or vCPU that it is about, and the running vCPU. */
static void set_places(struct places *places, struct decoder_item *item,
		       const struct found *running, const struct found *named)
{
	if (!named->vm) {
		if (running->vm)
			set_place(&item->place, running);
		return;
	}
	set_place(&item->place, named);
	if (running->vm && (running->vm != named->vm ||
			    (running->vcpu && running->vcpu != named->vcpu))) {
		set_place(&places->other, running);
		item->other = &places->other;
	}
}

static void take_event(struct places *places, const struct host_class *class,
		       struct decoder_item *item)
{
	struct found running, named = { 0 };
	struct place_vcpu *vcpu;
	int64_t id = 0;

	if (class->thread)
		id = (int64_t)field_number(class->thread, item->data, item->size);
	if (class->event == HOST_FORK)
		take_birth(places, id, item->time);
	running = find_thread(places, item->pid, item->time);
	if (id)
		named = find_thread(places, id, item->time);
	else if (class->vcpu_id)
		named = find_vcpu_id(&running, class, item);
	vcpu = vcpu_of(&running);
	if (vcpu)
		move_running(places, vcpu, class, item);
	vcpu = vcpu_of(&named);
	if (vcpu && class->event == HOST_SWITCH) {
		vcpu->host_cpu = item->stream->cpu;
		vcpu->is_inside = true;
	}
	if (running.thread)
		take_end(running.thread, class, item->time);
	set_places(places, item, &running, &named);
}

void places_take(struct places *places, struct place_kernel *kernel, struct decoder_item *item)
{
	item->place = nowhere;
	item->other = NULL;
	if (G_UNLIKELY(places->kernel != kernel)) {
		places->kernel = kernel;
		forget_vcpus(places, true, 0);
	}
	if (item->kind == DECODER_LOST) {
		places->lost_until = MAX(places->lost_until, item->end_time);
		forget_vcpus(places, false, item->stream->cpu);
	} else {
		take_event(places, get_class(kernel, item->class), item);
	}
}
