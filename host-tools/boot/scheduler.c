// SPDX-License-Identifier: GPL-2.0-only
/* The guest's scheduler; see scheduler.h. */
#include "scheduler.h"

#include <string.h>

#define MAX_TASKS	65536
#define MAX_CPUS	4096
#define MAX_NAPS	(1 << 20)
#define MAX_SLICES	20000
#define ALL_SLICES	(1 << 20)	/* of all vCPUs together */
#define MAX_NESTING	8
#define MIN_NAP		1000		/* ns: the first that are forgotten are shorter */

/* Bits of sched_switch's prev_state, the same since Linux 4.14. */
#define PREV_UNINTERRUPTIBLE	0x2
#define PREV_DEAD		0x30	/* a zombie, or gone */
#define PREV_ASLEEP		0xcf	/* any of the states in which a task waits */

/* Numbers of softirqs. */
enum { SOFTIRQ_TIMER = 1, SOFTIRQ_NET_TX, SOFTIRQ_NET_RX, SOFTIRQ_BLOCK, SOFTIRQ_IRQ_POLL,
       SOFTIRQ_HRTIMER = 8 };

/* Something that interrupts what a CPU does. */
struct context {
	enum boot_kind kind;	/* of the event that began it */
	enum state cause;
	const char *detail;	/* interned, or NULL */
};

struct cpu {
	uint32_t number;
	bool is_known;		/* what runs is known */
	bool has_switched;	/* from now on pid 0 is the idle task */
	uint64_t first;		/* its first event */
	int32_t current;	/* index of the task */
	bool is_idle;
	uint64_t since;		/* what it does, for the account and the slices */
	uint32_t nesting;
	uint32_t irqs;		/* of these, interrupts */
	struct context contexts[MAX_NESTING];
	struct slices slices;
};

struct sched {
	struct account *account;
	GPtrArray *tasks;
	GHashTable *by_pid;	/* pid -> index + 1 */
	GPtrArray *cpus;
	GHashTable *by_number;	/* cpu -> struct cpu */
	int32_t busy;		/* CPUs known to run a task */
	int32_t lost;		/* CPUs of which that is not known any more */
	int32_t idle;		/* CPUs known to idle */
	uint64_t wall_since;	/* what the guest as a whole does, since then */
	enum state idle_cause;	/* what ends the present idleness; STATE_COUNT: not yet known */
	bool has_switches;
	bool has_wakings;
	bool has_timer_exits;
	bool is_quiet;
	uint64_t omitted;
	uint64_t naps;
	uint64_t nap_resolution;
};

static void task_free(void *data)
{
	struct task *task = data;

	g_free(task->exec);
	if (task->naps)
		g_array_unref(task->naps);
	g_free(task);
}

static void cpu_free(void *data)
{
	struct cpu *cpu = data;

	slices_fini(&cpu->slices);
	g_free(cpu);
}

struct sched *sched_new(struct account *account)
{
	struct sched *sched = g_new0(struct sched, 1);

	sched->account = account;
	sched->tasks = g_ptr_array_new_with_free_func(task_free);
	sched->by_pid = g_hash_table_new(NULL, NULL);
	sched->cpus = g_ptr_array_new_with_free_func(cpu_free);
	sched->by_number = g_hash_table_new(NULL, NULL);
	sched->idle_cause = STATE_COUNT;
	return sched;
}

void sched_free(struct sched *sched)
{
	if (!sched)
		return;
	g_ptr_array_unref(sched->tasks);
	g_hash_table_unref(sched->by_pid);
	g_ptr_array_unref(sched->cpus);
	g_hash_table_unref(sched->by_number);
	g_free(sched);
}

int32_t sched_task_count(const struct sched *sched)
{
	return sched->tasks->len;
}

struct task *sched_task(const struct sched *sched, int32_t index)
{
	return index >= 0 && (guint)index < sched->tasks->len ?
		g_ptr_array_index(sched->tasks, index) : NULL;
}

int32_t sched_find(const struct sched *sched, int32_t pid)
{
	return GPOINTER_TO_INT(g_hash_table_lookup(sched->by_pid, GINT_TO_POINTER(pid))) - 1;
}

/* Kernel threads whose fork was not seen. */
static bool is_kernel_name(const char *comm)
{
	static const char *const prefixes[] = {
		"kworker/", "ksoftirqd/", "migration/", "rcu_", "cpuhp/", "idle_inject/", "irq/",
		"kthreadd", "kswapd", "kcompactd", "jbd2/", "scsi_eh_", "watchdogd", "kauditd",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++)
		if (g_str_has_prefix(comm, prefixes[i]))
			return true;
	return false;
}

static struct task *task_new(struct sched *sched, int32_t pid, const char *comm, uint64_t time)
{
	struct task *task;

	if (sched->tasks->len >= MAX_TASKS) {
		sched->omitted++;
		g_hash_table_remove(sched->by_pid, GINT_TO_POINTER(pid));
		return NULL;
	}
	task = g_new0(struct task, 1);
	task->index = sched->tasks->len;
	task->pid = pid;
	if (comm)
		g_strlcpy(task->comm, comm, sizeof(task->comm));
	task->parent = SCHED_NO_TASK;
	task->start = time;
	task->end = UINT64_MAX;
	task->state = STATE_UNKNOWN;
	task->since = time;
	task->unit = -1;
	task->is_kernel = pid == 0 || pid == 2 || (comm && is_kernel_name(comm));
	g_ptr_array_add(sched->tasks, task);
	g_hash_table_insert(sched->by_pid, GINT_TO_POINTER(pid), GINT_TO_POINTER(task->index + 1));
	return task;
}

static struct task *get_task(struct sched *sched, int32_t pid, const char *comm, uint64_t time)
{
	struct task *task;

	if (pid < 0)
		return NULL;
	task = sched_task(sched, sched_find(sched, pid));
	if (!task)
		return task_new(sched, pid, comm, time);
	if (comm && *comm && pid)
		g_strlcpy(task->comm, comm, sizeof(task->comm));
	return task;
}

static struct cpu *get_cpu(struct sched *sched, uint32_t number, uint64_t time)
{
	struct cpu *cpu = g_hash_table_lookup(sched->by_number, GUINT_TO_POINTER(number));

	if (cpu || number == BOOT_CPU_NONE || sched->cpus->len >= MAX_CPUS)
		return cpu;
	cpu = g_new0(struct cpu, 1);
	cpu->number = number;
	cpu->first = time;
	cpu->current = SCHED_NO_TASK;
	slices_init(&cpu->slices, sched->cpus->len < ALL_SLICES / MAX_SLICES ? MAX_SLICES : 256);
	g_ptr_array_add(sched->cpus, cpu);
	g_hash_table_insert(sched->by_number, GUINT_TO_POINTER(number), cpu);
	return cpu;
}

/* The guest as a whole */

static enum account_kind wall_kind(enum state cause)
{
	switch (cause) {
	case STATE_DISK:
		return ACCOUNT_WALL_DISK;
	case STATE_DEVICE:
		return ACCOUNT_WALL_DEVICE;
	case STATE_TIMER:
		return ACCOUNT_WALL_TIMER;
	case STATE_TASK:
		return ACCOUNT_WALL_TASK;
	default:
		return ACCOUNT_WALL_IDLE;
	}
}

/* Count what the guest did up to now; call it before @busy, @idle or @lost change. */
static void wall_settle(struct sched *sched, uint64_t time)
{
	if (sched->busy)
		account_add(sched->account, ACCOUNT_WALL_RUNNING, sched->wall_since, time);
	else if (sched->idle && !sched->lost)
		account_add(sched->account, wall_kind(sched->idle_cause), sched->wall_since, time);
	sched->wall_since = time;
}

static void wall_change(struct sched *sched, int32_t *count, int change, uint64_t time)
{
	wall_settle(sched, time);
	*count += change;
	if (sched->busy)
		sched->idle_cause = STATE_COUNT;
}

/* One vCPU */

static enum slice_state cpu_state(const struct cpu *cpu)
{
	return cpu->irqs ? SLICE_IRQ : cpu->is_idle ? SLICE_IDLE : SLICE_TASK;
}

static void cpu_settle(struct sched *sched, struct cpu *cpu, uint64_t time)
{
	static const enum account_kind kinds[] = {
		[SLICE_IDLE] = ACCOUNT_CPU_IDLE, [SLICE_TASK] = ACCOUNT_CPU_TASK,
		[SLICE_IRQ] = ACCOUNT_CPU_IRQ,
	};

	if (cpu->is_known) {
		enum slice_state state = cpu_state(cpu);
		struct raw_slice slice = {
			.start = cpu->since, .end = time, .state = state, .task = cpu->current,
		};

		account_add(sched->account, kinds[state], cpu->since, time);
		if (!sched->is_quiet)
			slices_add(&cpu->slices, &slice);
	}
	cpu->since = time;
}

static void task_settle(struct sched *sched, struct task *task, uint64_t time)
{
	if (!task->is_asleep && !task->is_dead) {
		if (time > task->since)
			task->totals[task->state] += time - task->since;
		if (task->state == STATE_RUNNABLE)
			account_add(sched->account, ACCOUNT_RUNNABLE, task->since, time);
		task->since = time;
	}
}

static void task_set(struct sched *sched, struct task *task, enum state state, uint64_t time)
{
	task_settle(sched, task, time);
	task->is_asleep = false;
	task->state = state;
	task->since = time;
}

/* Naps */

/* Forget the shorter ones; the chain then takes them as time on the CPU. */
static void forget_naps(struct sched *sched)
{
	sched->nap_resolution = MAX(2 * sched->nap_resolution, MIN_NAP);
	sched->naps = 0;
	for (guint i = 0; i < sched->tasks->len; i++) {
		struct task *task = g_ptr_array_index(sched->tasks, i);
		guint to = 0;

		for (guint j = 0; task->naps && j < task->naps->len; j++) {
			struct nap *nap = &g_array_index(task->naps, struct nap, j);

			if (nap->run - nap->start >= sched->nap_resolution)
				g_array_index(task->naps, struct nap, to++) = *nap;
		}
		if (task->naps)
			g_array_set_size(task->naps, to);
		sched->naps += to;
	}
}

static void nap_begin(struct sched *sched, struct task *task, uint64_t time)
{
	struct nap nap = { .start = time, .wake = time, .run = UINT64_MAX,
			   .cause = STATE_UNKNOWN, .waker = SCHED_NO_TASK };

	if (sched->is_quiet || !task->pid)
		return;
	while (sched->naps >= MAX_NAPS)
		forget_naps(sched);
	if (!task->naps)
		task->naps = g_array_new(FALSE, FALSE, sizeof(struct nap));
	g_array_append_val(task->naps, nap);
	sched->naps++;
}

static struct nap *open_nap(const struct task *task)
{
	struct nap *nap;

	if (!task->naps || !task->naps->len)
		return NULL;
	nap = &g_array_index(task->naps, struct nap, task->naps->len - 1);
	return nap->run == UINT64_MAX ? nap : NULL;
}

/* A task that slept can run. */
static void wake(struct sched *sched, struct task *task, uint64_t time, const struct nap *by)
{
	struct nap *nap = open_nap(task);
	enum state cause = by->cause;

	if (cause == STATE_UNKNOWN && task->is_uninterruptible && !by->detail)
		cause = STATE_DISK;
	if (time > task->since)
		task->totals[cause] += time - task->since;
	task->since = time;
	task_set(sched, task, STATE_RUNNABLE, time);
	if (!nap)
		return;
	nap->wake = time;
	nap->cause = cause;
	nap->waker = by->waker;
	nap->detail = by->detail;
}

/* What interrupts a CPU */

static bool is_disk(const char *irq_name)
{
	static const char *const words[] = {
		"-req", "ata", "ahci", "nvme", "ide", "scsi", "mmc", "sdhci", "blk", "mpt",
		"megasas", "pvscsi", "xhci-ums",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (strstr(irq_name, words[i]))
			return true;
	return false;
}

static struct context irq_context(const struct boot_event *event)
{
	struct context context = { .kind = event->kind, .cause = STATE_UNKNOWN };

	switch (event->kind) {
	case BOOT_IRQ_ENTRY:
		context.cause = is_disk(event->text[0]) ? STATE_DISK : STATE_DEVICE;
		/* the legacy timer is an interrupt line like others */
		if (!strcmp(event->text[0], "timer") || g_str_has_prefix(event->text[0], "hpet"))
			context.cause = STATE_TIMER;
		context.detail = g_intern_string(event->text[0]);
		break;
	case BOOT_SOFTIRQ_ENTRY:
		switch (event->number[0]) {
		case SOFTIRQ_TIMER:
		case SOFTIRQ_HRTIMER:
			context.cause = STATE_TIMER;
			break;
		case SOFTIRQ_BLOCK:
		case SOFTIRQ_IRQ_POLL:
			context.cause = STATE_DISK;
			break;
		case SOFTIRQ_NET_TX:
		case SOFTIRQ_NET_RX:
			context.cause = STATE_DEVICE;
			context.detail = "network";
			break;
		default:
			break;
		}
		break;
	case BOOT_HRTIMER_ENTRY:
	case BOOT_TIMER_ENTRY:
		context.detail = g_intern_string(event->text[0]);
		/* fall through */
	case BOOT_TICK_ENTRY:
		context.cause = STATE_TIMER;
		break;
	default:
		break;
	}
	return context;
}

/* An interrupt proper, not a timer's function inside of one. */
static bool is_interrupt(enum boot_kind kind)
{
	return kind == BOOT_IRQ_ENTRY || kind == BOOT_SOFTIRQ_ENTRY || kind == BOOT_TICK_ENTRY;
}

static bool is_timer(enum boot_kind kind)
{
	return kind == BOOT_HRTIMER_ENTRY || kind == BOOT_TIMER_ENTRY;
}

/* An event in which a timer's function may still run, or which its function made. */
static bool may_be_in_timer(enum boot_kind kind)
{
	return kind == BOOT_WAKING || kind == BOOT_WAKEUP || is_timer(kind) ||
	       kind == BOOT_HRTIMER_EXIT || kind == BOOT_TIMER_EXIT;
}

/* What an event says of the contexts that began before it: that they have ended. */
static void context_check(struct sched *sched, struct cpu *cpu, const struct boot_event *event)
{
	if (!cpu->nesting)
		return;
	if (event->flags & BOOT_HAS_CONTEXT) {
		if (event->flags & BOOT_IN_IRQ)
			return;
		if (cpu->irqs)
			cpu_settle(sched, cpu, event->time);
		cpu->nesting = 0;
		cpu->irqs = 0;
	} else if (!sched->has_timer_exits && !may_be_in_timer(event->kind) &&
		   is_timer(cpu->contexts[cpu->nesting - 1].kind)) {
		cpu->nesting--;
	}
}

static void context_enter(struct sched *sched, struct cpu *cpu, const struct boot_event *event)
{
	if (is_interrupt(event->kind) && !cpu->irqs)
		cpu_settle(sched, cpu, event->time);
	/* Where timers' ends are not traced, the next one's begin is the end of one. */
	if (is_timer(event->kind) && !sched->has_timer_exits && cpu->nesting &&
	    is_timer(cpu->contexts[cpu->nesting - 1].kind))
		cpu->nesting--;
	/* Deeper than any kernel nests: an exit was lost, begin anew. */
	if (cpu->nesting == MAX_NESTING) {
		cpu->nesting = 0;
		cpu->irqs = 0;
	}
	cpu->contexts[cpu->nesting++] = irq_context(event);
	cpu->irqs += is_interrupt(event->kind);
}

static void context_leave(struct sched *sched, struct cpu *cpu, enum boot_kind entry,
			  uint64_t time)
{
	uint32_t at = cpu->nesting;

	sched->has_timer_exits |= is_timer(entry);
	while (at > 0 && cpu->contexts[at - 1].kind != entry)
		at--;
	if (!at)
		return;		/* it began before the trace did */
	if (cpu->irqs)
		cpu_settle(sched, cpu, time);
	while (cpu->nesting >= at)
		cpu->irqs -= is_interrupt(cpu->contexts[--cpu->nesting].kind);
}

/* Who wakes, by the context of the waking event. */
static struct nap waker(struct sched *sched, struct cpu *cpu, const struct boot_event *event)
{
	struct nap by = { .cause = STATE_UNKNOWN, .waker = SCHED_NO_TASK };
	struct task *task;

	for (uint32_t i = cpu ? cpu->nesting : 0; i-- > 0;) {
		if (cpu->contexts[i].cause == STATE_UNKNOWN)
			continue;
		by.cause = cpu->contexts[i].cause;
		by.detail = cpu->contexts[i].detail;
		return by;
	}
	if ((cpu && cpu->irqs) || event->flags & BOOT_IN_IRQ) {
		by.detail = "an interrupt that was not traced";
		return by;
	}
	task = sched_task(sched, sched_find(sched, event->pid));
	if (!task || (cpu && cpu->is_known && cpu->is_idle)) {
		by.detail = "something that was not traced";
		return by;
	}
	by.cause = STATE_TASK;
	by.waker = task->index;
	return by;
}

/* Events */

static void on_waking(struct sched *sched, struct cpu *cpu, const struct boot_event *event)
{
	struct task *task = get_task(sched, event->number[0], event->text[0], event->time);
	struct nap by;

	if (!task)
		return;
	if (event->kind == BOOT_WAKING)
		sched->has_wakings = true;
	else if (sched->has_wakings && !task->is_asleep)
		return;
	/* Where there are both, wakeup may come from another CPU than who woke. */
	if (event->kind == BOOT_WAKEUP && sched->has_wakings && task->wake.start >= task->since &&
	    task->is_asleep) {
		wake(sched, task, event->time, &task->wake);
		return;
	}
	by = waker(sched, cpu, event);
	if (!sched->busy && sched->idle_cause == STATE_COUNT)
		sched->idle_cause = by.cause;
	by.start = event->time;
	task->wake = by;
	if (task->is_asleep)
		wake(sched, task, event->time, &by);
}

static void on_fork(struct sched *sched, const struct boot_event *event)
{
	struct task *parent = get_task(sched, event->number[0], NULL, event->time);
	struct task *task;

	/* pid 1 may have been seen before its fork is, never another */
	task = task_new(sched, event->number[1], event->text[0], event->time);
	if (!task)
		return;
	task->is_forked = true;
	task->parent = parent ? parent->index : SCHED_NO_TASK;
	/* What kthreadd forks is a kernel thread; what pid 0 forks is pid 1 and 2. */
	task->is_kernel = parent && (parent->pid == 2 || (parent->is_kernel && task->pid != 1));
	task->unit = parent ? parent->unit : -1;
	task->state = STATE_RUNNABLE;
}

static void on_exec(struct sched *sched, const struct boot_event *event)
{
	struct task *task = get_task(sched, event->number[0], event->comm, event->time);

	if (!task)
		return;
	g_free(task->exec);
	task->exec = g_strndup(event->text[0], 256);
	task->is_kernel = false;
	task->is_thread = false;
}

static void on_task_exit(struct sched *sched, const struct boot_event *event)
{
	struct task *task = sched_task(sched, sched_find(sched, event->number[0]));

	if (task)
		task->end = event->time;
}

static void on_newtask(struct sched *sched, const struct boot_event *event)
{
	const int64_t clone_thread = 0x10000;
	struct task *task = sched_task(sched, sched_find(sched, event->number[0]));

	if (task && event->number[1] & clone_thread)
		task->is_thread = true;
}

/* The state of a CPU became known by its first switch: so it was since its first event. */
static void cpu_first_switch(struct sched *sched, struct cpu *cpu, const struct boot_event *event)
{
	struct task *prev = get_task(sched, event->number[0], event->text[0], event->time);
	bool is_boot = !event->number[0] && !cpu->has_switched && cpu->number == 0;

	cpu->current = prev ? prev->index : SCHED_NO_TASK;
	cpu->is_idle = !event->number[0] && !is_boot;
	cpu->since = cpu->first;
	cpu->is_known = true;
	if (cpu->is_idle || sched->busy || cpu->has_switched) {
		/* The others are known better than this one's past. */
		cpu_settle(sched, cpu, event->time);
	} else {
		account_add(sched->account, ACCOUNT_WALL_RUNNING,
			    MAX(cpu->since, sched->wall_since), event->time);
		cpu_settle(sched, cpu, event->time);
		sched->wall_since = event->time;
	}
	if (prev && !cpu->is_idle) {
		prev->start = MIN(prev->start, cpu->first);
		prev->state = STATE_RUNNING;
		prev->since = MAX(prev->start, cpu->first);
	}
	if (cpu->is_idle)
		wall_change(sched, &sched->idle, 1, event->time);
	else
		wall_change(sched, &sched->busy, 1, event->time);
}

static void switch_from(struct sched *sched, struct task *task, const struct boot_event *event)
{
	int64_t state = event->number[1];

	if (!task)
		return;
	if (!task->pid) {
		/* What it did before there were others was more than to idle. */
		task_set(sched, task, STATE_UNKNOWN, event->time);
		return;
	}
	if (task->state != STATE_RUNNING || task->is_asleep) {
		/* It ran without our seeing it begin. */
		task->is_asleep = false;
		task->since = event->time;
	}
	task_set(sched, task, STATE_RUNNABLE, event->time);
	nap_begin(sched, task, event->time);
	if (state & PREV_DEAD) {
		task->state = STATE_UNKNOWN;
		task->is_dead = true;
	}
	if (!(state & PREV_ASLEEP) || task->is_dead)
		return;
	task->is_asleep = true;
	task->is_uninterruptible = state & PREV_UNINTERRUPTIBLE;
}

static void switch_to(struct sched *sched, struct task *task, uint64_t time)
{
	struct nap *nap;

	if (!task)
		return;
	if (task->is_asleep) {
		/* The waking came before it was off the CPU, or was not traced. */
		struct nap by = { .cause = STATE_UNKNOWN, .waker = SCHED_NO_TASK,
				  .detail = "something that was not traced" };

		if (task->wake.start && task->wake.start + 1000000 > task->since)
			by = task->wake;
		wake(sched, task, time, &by);
	}
	task_set(sched, task, STATE_RUNNING, time);
	nap = open_nap(task);
	if (!nap)
		return;
	nap->run = time;
	/* Nothing was lost by it. */
	if (nap->run == nap->start || nap->run - nap->start < sched->nap_resolution) {
		g_array_set_size(task->naps, task->naps->len - 1);
		sched->naps--;
	}
}

static void on_switch(struct sched *sched, struct cpu *cpu, const struct boot_event *event)
{
	struct task *prev = get_task(sched, event->number[0], event->text[0], event->time);
	struct task *next = get_task(sched, event->number[2], event->text[1], event->time);
	bool is_idle = !event->number[2];

	sched->has_switches = true;
	if (!cpu->is_known) {
		if (cpu->has_switched)
			wall_change(sched, &sched->lost, -1, event->time);
		cpu_first_switch(sched, cpu, event);
	}
	cpu->has_switched = true;
	/* No interrupt lasts across a switch. */
	cpu_settle(sched, cpu, event->time);
	cpu->nesting = 0;
	cpu->irqs = 0;
	switch_from(sched, prev, event);
	if (is_idle != cpu->is_idle) {
		wall_settle(sched, event->time);
		sched->busy += is_idle ? -1 : 1;
		sched->idle += is_idle ? 1 : -1;
		sched->idle_cause = STATE_COUNT;
	}
	cpu->is_idle = is_idle;
	cpu->current = next ? next->index : SCHED_NO_TASK;
	switch_to(sched, is_idle ? NULL : next, event->time);
}

/* Of a CPU with a gap in its events nothing is known until its next switch. */
static void on_lost(struct sched *sched, struct cpu *cpu, const struct boot_event *event)
{
	struct task *task = sched_task(sched, cpu->current);

	cpu->nesting = 0;
	cpu->irqs = 0;
	if (!cpu->is_known) {
		cpu->first = UINT64_MAX;
		return;
	}
	cpu_settle(sched, cpu, event->time);
	wall_settle(sched, event->time);
	if (cpu->is_idle)
		sched->idle--;
	else
		sched->busy--;
	sched->lost++;
	cpu->is_known = false;
	cpu->first = UINT64_MAX;
	if (task && task->pid)
		task_set(sched, task, STATE_UNKNOWN, event->time);
	cpu->current = SCHED_NO_TASK;
}

void sched_event(struct sched *sched, const struct boot_event *event)
{
	struct cpu *cpu = get_cpu(sched, event->cpu, event->time);

	if (cpu && cpu->first == UINT64_MAX && event->kind != BOOT_LOST)
		cpu->first = event->time;
	if (cpu)
		context_check(sched, cpu, event);
	if (cpu && event->pid >= 0 && event->kind != BOOT_SWITCH)
		get_task(sched, event->pid, event->comm, event->time);
	switch (event->kind) {
	case BOOT_SWITCH:
		if (cpu)
			on_switch(sched, cpu, event);
		break;
	case BOOT_LOST:
		if (cpu)
			on_lost(sched, cpu, event);
		break;
	case BOOT_WAKING:
	case BOOT_WAKEUP:
	case BOOT_WAKEUP_NEW:
		on_waking(sched, cpu, event);
		break;
	case BOOT_FORK:
		on_fork(sched, event);
		break;
	case BOOT_EXEC:
		on_exec(sched, event);
		break;
	case BOOT_EXIT:
		on_task_exit(sched, event);
		break;
	case BOOT_NEWTASK:
		on_newtask(sched, event);
		break;
	case BOOT_IRQ_ENTRY:
	case BOOT_SOFTIRQ_ENTRY:
	case BOOT_TICK_ENTRY:
	case BOOT_HRTIMER_ENTRY:
	case BOOT_TIMER_ENTRY:
		if (cpu)
			context_enter(sched, cpu, event);
		break;
	case BOOT_IRQ_EXIT:
	case BOOT_SOFTIRQ_EXIT:
	case BOOT_TICK_EXIT:
	case BOOT_HRTIMER_EXIT:
	case BOOT_TIMER_EXIT:
		/* each entry's kind stands just before its exit's */
		if (cpu)
			context_leave(sched, cpu, event->kind - 1, event->time);
		break;
	case BOOT_BLOCK_COMPLETE:
		if (cpu && cpu->nesting)
			cpu->contexts[0].cause = STATE_DISK;
		break;
	default:
		break;
	}
}

void sched_settle(struct sched *sched, uint64_t time)
{
	wall_settle(sched, time);
	for (guint i = 0; i < sched->cpus->len; i++)
		cpu_settle(sched, g_ptr_array_index(sched->cpus, i), time);
	for (guint i = 0; i < sched->tasks->len; i++)
		task_settle(sched, g_ptr_array_index(sched->tasks, i), time);
}

void sched_restart(struct sched *sched, uint64_t time)
{
	sched_settle(sched, time);
	sched->naps = 0;
	sched->nap_resolution = 0;
	for (guint i = 0; i < sched->cpus->len; i++)
		slices_clear(&((struct cpu *)g_ptr_array_index(sched->cpus, i))->slices);
	for (guint i = 0; i < sched->tasks->len; i++) {
		struct task *task = g_ptr_array_index(sched->tasks, i);

		if (task->naps)
			g_array_set_size(task->naps, 0);
		memcpy(task->base, task->totals, sizeof(task->base));
		/* What sleeps does so from here on, as far as this counts. */
		if (task->is_asleep || task->state == STATE_RUNNABLE) {
			task->since = MAX(task->since, time);
			nap_begin(sched, task, task->since);
		}
	}
}

void sched_set_quiet(struct sched *sched, bool is_quiet)
{
	sched->is_quiet = is_quiet;
}

uint32_t sched_cpu_count(const struct sched *sched)
{
	return sched->cpus->len;
}

uint32_t sched_cpu_number(const struct sched *sched, uint32_t index)
{
	return ((struct cpu *)g_ptr_array_index(sched->cpus, index))->number;
}

const struct slices *sched_cpu_slices(const struct sched *sched, uint32_t index)
{
	return &((struct cpu *)g_ptr_array_index(sched->cpus, index))->slices;
}

int32_t sched_current(const struct sched *sched, uint32_t number)
{
	const struct cpu *cpu = g_hash_table_lookup(sched->by_number, GUINT_TO_POINTER(number));

	return cpu ? cpu->current : SCHED_NO_TASK;
}

bool sched_has_switches(const struct sched *sched)
{
	return sched->has_switches;
}

uint64_t sched_tasks_omitted(const struct sched *sched)
{
	return sched->omitted;
}

uint64_t sched_nap_resolution(const struct sched *sched)
{
	return sched->nap_resolution;
}

void task_split(const struct task *task, uint64_t time, int64_t *states)
{
	for (int i = 0; i < TASK_STATES; i++)
		states[i] = task->totals[i] - task->base[i];
	/* What it waits for is not known before it is woken. */
	if (time > task->since && !task->is_dead)
		states[task->is_asleep ? STATE_UNKNOWN : task->state] += time - task->since;
}
