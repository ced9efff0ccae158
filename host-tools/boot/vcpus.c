// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs of a span; see vcpus.h. */
#include "vcpus.h"

/**
 * use_task - the number of a task among those of a vCPU
 * @vcpu: gets the task if it has not got it
 * @known: the scheduler's index + 1 -> number + 1
 * @task: or NULL
 * Return: the number, -1 without a task.
 */
static int32_t use_task(struct vcpu *vcpu, GHashTable *known, const struct task *task)
{
	struct vcpu_task entry;
	int32_t number;

	if (!task)
		return -1;
	number = GPOINTER_TO_INT(g_hash_table_lookup(known, GINT_TO_POINTER(task->index + 1))) - 1;
	if (number >= 0)
		return number;
	entry.pid = task->pid;
	entry.comm = task->pid ? g_strndup(task->comm, sizeof(task->comm)) :
				 g_strdup_printf("swapper/%u", vcpu->cpu);
	g_array_append_val(vcpu->tasks, entry);
	g_hash_table_insert(known, GINT_TO_POINTER(task->index + 1),
			    GINT_TO_POINTER((int)vcpu->tasks->len));
	return vcpu->tasks->len - 1;
}

static void add_to_split(struct cpu_split *split, const struct slice *slice)
{
	int64_t duration = slice->end - slice->start;

	if (slice->state == SLICE_TASK)
		split->task += duration;
	else if (slice->state == SLICE_IRQ)
		split->irq += duration;
	else
		split->idle += duration;
}

static struct vcpu *vcpu_new(const struct sched *sched, uint32_t index,
			     const struct extent *extent)
{
	const struct slices *slices = sched_cpu_slices(sched, index);
	g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
	struct vcpu *vcpu = g_new0(struct vcpu, 1);

	vcpu->cpu = sched_cpu_number(sched, index);
	vcpu->resolution = slices->resolution;
	vcpu->tasks = g_array_new(FALSE, FALSE, sizeof(struct vcpu_task));
	vcpu->slices = g_array_new(FALSE, FALSE, sizeof(struct slice));
	for (guint i = 0; i < slices->array->len; i++) {
		const struct raw_slice *raw = &g_array_index(slices->array, struct raw_slice, i);
		struct slice slice = {
			.start = extent_time(extent, raw->start),
			.end = extent_time(extent, MIN(raw->end, extent->end)),
			.state = raw->state,
		};

		slice.task = raw->state == SLICE_IDLE ? -1 :
			     use_task(vcpu, known, sched_task(sched, raw->task));
		add_to_split(&vcpu->split, &slice);
		g_array_append_val(vcpu->slices, slice);
	}
	return vcpu;
}

static gint by_cpu(gconstpointer a, gconstpointer b)
{
	const struct vcpu *left = *(void *const *)a, *right = *(void *const *)b;

	return left->cpu < right->cpu ? -1 : left->cpu > right->cpu;
}

void vcpus_report(const struct sched *sched, const struct extent *extent, struct span *span)
{
	for (uint32_t i = 0; i < sched_cpu_count(sched); i++) {
		struct vcpu *vcpu = vcpu_new(sched, i, extent);

		vcpu->split.unknown = span->end - span->start - vcpu->split.task -
				      vcpu->split.irq - vcpu->split.idle;
		g_ptr_array_add(span->vcpus, vcpu);
	}
	g_ptr_array_sort(span->vcpus, by_cpu);
}
