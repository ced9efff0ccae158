// SPDX-License-Identifier: GPL-2.0-only
/* Phases, waits, chain and shutdown of small hand-made boots. */
#include "../host/tap.h"

#include "events.h"

static int64_t duration(const struct span *span, const char *id)
{
	const struct phase *phase = span_phase(span, id);

	return phase->is_seen ? phase->end - phase->start : -1;
}

/* What docs/specs/boot-report.md promises of every span. */
static bool adds_up(const struct report *report, const struct span *span)
{
	int64_t time = span->start;

	for (guint i = 0; i < span->phases->len; i++) {
		const struct phase *phase = &g_array_index(span->phases, struct phase, i);
		const struct wall_split *wall = &phase->wall;
		int64_t sum = 0, length = phase->end - phase->start;

		if (phase->start != time || phase->end < phase->start ||
		    (!phase->is_seen && (!phase->merged_into || !phase->reason || length)))
			return false;
		time = phase->end;
		for (int j = 0; j < STATE_COUNT; j++)
			sum += phase->chain[j];
		if (sum != length || wall->unknown < 0 || phase->cpu.unknown < 0 ||
		    wall->running + wall->disk + wall->device + wall->timer + wall->task +
		    wall->idle + wall->unknown != length ||
		    phase->cpu.task + phase->cpu.irq + phase->cpu.idle + phase->cpu.unknown !=
		    length * report->vcpu_count)
			return false;
	}
	if (time != span->end)
		return false;
	time = span->start;
	for (guint i = 0; i < span->chain->len; i++) {
		const struct link *link = g_ptr_array_index(span->chain, i);

		if (link->start != time || link->end <= link->start)
			return false;
		time = link->end;
	}
	return time == span->end;
}

static const struct cause *first_cause(const struct span *span)
{
	return span->causes->len ? g_ptr_array_index(span->causes, 0) : NULL;
}

static bool is_cause(const struct cause *cause, enum owner_kind kind, const char *owner,
		     enum state state)
{
	return cause && cause->owner_kind == kind && !strcmp(cause->owner, owner) &&
	       cause->state == state;
}

static const struct process *find_process(const struct span *span, int32_t pid)
{
	for (guint i = 0; i < span->processes->len; i++) {
		const struct process *process = g_ptr_array_index(span->processes, i);

		if (process->pid == pid)
			return process;
	}
	return NULL;
}

static void test_phases(void)
{
	static const struct { const char *id; int64_t ms; } want[] = {
		{ "qemu.start", 50 }, { "qemu.machine", 10 }, { "firmware", 140 },
		{ "loader", -1 }, { "decompress", -1 }, { "kernel.start", 100 },
		{ "initcall.console", 40 }, { "initcall.early", 20 }, { "initcall.device", 20 },
		{ "initcall.late", 50 }, { "kernel.end", 50 }, { "initramfs", 80 },
		{ "pivot", 20 }, { "userspace.sysinit", 100 }, { "userspace.basic", 10 },
		{ "userspace.multi-user", 20 }, { "userspace.graphical", 30 },
		{ "userspace.finish", 40 },
	};
	struct report *report;
	bool good = true;

	begin(NULL);
	until_systemd();
	reach_targets(800 * MS);
	report = finish();
	for (size_t i = 0; i < G_N_ELEMENTS(want); i++) {
		int64_t ms = want[i].ms < 0 ? -1 : want[i].ms * (int64_t)MS;

		good &= duration(report->boot, want[i].id) == ms;
	}
	ok(good, "each phase lies between its boundaries");
	ok(report->boot->end - report->boot->start == 900 * MS && adds_up(report, report->boot),
	   "they add up to the total");
	ok(report->is_marker_found && report->marker_time == 900 * MS &&
	   report->origin == BASE, "the boot ends when systemd says so");
	ok(span_total(report->boot, "kernel") == 400 * MS &&
	   span_total(report->boot, "initrd") == 100 * MS &&
	   span_total(report->boot, "userspace") == 200 * MS, "totals are sums of phases");
	ok(!strcmp(span_phase(report->boot, "loader")->merged_into, "firmware"),
	   "a phase that is not seen is in its neighbour");
	ok(report->boot->initcalls->len == 2 && report->warnings->len == 0 && !report->shutdown,
	   "initcalls are there, and no warnings");
	report_free(report);
}

static void test_marks(void)
{
	struct report *report;

	begin(NULL);
	vmm(VHT_VMM_PROCESS, 0);
	vmm(VHT_VMM_RUNNING, 60 * MS);
	mark(61 * MS, 0xf5, 1);
	mark(100 * MS, 0xf5, 5);
	mark(120 * MS, 0xf5, 3);
	mark(200 * MS, 0xf4, 6);
	level(300 * MS, "console");
	vmm(VHT_VMM_SHUTDOWN, 400 * MS);
	report = finish();
	ok(duration(report->boot, "firmware") == 40 * MS &&
	   duration(report->boot, "loader") == 20 * MS &&
	   duration(report->boot, "decompress") == 80 * MS &&
	   duration(report->boot, "kernel.start") == 100 * MS && adds_up(report, report->boot),
	   "qboot's codes on the ports 0xf4 and 0xf5 are boundaries");
	report_free(report);

	begin(NULL);
	vmm(VHT_VMM_RUNNING, 60 * MS);
	mark(70 * MS, 0x80, 0x01);
	mark(100 * MS, 0x80, 0x20);
	mark(120 * MS, 0x80, 0x40);
	level(300 * MS, "console");
	mark(310 * MS, 0x80, 0x21);
	report = finish();
	ok(duration(report->boot, "firmware") == 40 * MS &&
	   duration(report->boot, "loader") == 20 * MS &&
	   duration(report->boot, "decompress") == 180 * MS,
	   "Cloud Hypervisor's ranges on port 0x80, as long as there is no kernel");
	report_free(report);
}

/* pid 1 sleeps 20 ms for each: a timer, a disk, a network card, a task. */
static void test_waits(void)
{
	struct report *report;
	const struct process *init;
	const struct phase *phase;

	begin("exec:done");
	until_systemd();
	switch_to(710 * MS, 1, 0, "swapper/0");
	waking_by_timer(730 * MS, 1);
	switch_to(732 * MS, 0, 1, "systemd");
	switch_to(740 * MS, 2, 0, "swapper/0");
	waking_by_irq(760 * MS, 1, "virtio1-req.0");
	switch_to(761 * MS, 0, 1, "systemd");
	switch_to(770 * MS, 1, 0, "swapper/0");
	waking_by_irq(790 * MS, 1, "virtio0-input.0");
	switch_to(791 * MS, 0, 1, "systemd");
	fork_task(795 * MS, 50, "worker");
	switch_to(800 * MS, 1, 50, "worker");
	waking(820 * MS, 1);
	switch_to(821 * MS, 0x10, 1, "systemd");
	exec(830 * MS, "/bin/done");
	report = finish();
	init = find_process(report->boot, 1);
	ok(init && init->states[STATE_TIMER] == 20 * MS + 1000 &&
	   init->states[STATE_DISK] == 20 * MS + 1000 &&
	   init->states[STATE_DEVICE] == 20 * MS + 1000 && init->states[STATE_TASK] == 20 * MS,
	   "what a task waits for is told by who woke it");
	phase = span_phase(report->boot, "userspace.finish");
	ok(phase->wall.timer == 22 * MS && phase->wall.disk == 21 * MS &&
	   phase->wall.device == 21 * MS && phase->wall.running == 66 * MS,
	   "an idle guest waits for what ends that");
	ok(phase->cpu.irq == 4000 && phase->cpu.idle == 64 * MS - 4000,
	   "the time of interrupts is theirs");
	ok(phase->chain[STATE_TASK] == 0 && phase->chain[STATE_RUNNING] == 65 * MS &&
	   phase->chain[STATE_TIMER] == 20 * MS + 1000,
	   "on the chain the waking task explains a wait for it");
	ok(adds_up(report, report->boot), "all splits add up");
	report_free(report);
}

/* Without the ends of timers in the trace a later waking is no timer's. */
static void test_open_context(void)
{
	struct report *report;

	begin("exec:done");
	until_systemd();
	fork_task(701 * MS, 50, "worker");
	switch_to(702 * MS, 1, 50, "worker");
	current_flags = BOOT_IN_IRQ;
	event(BOOT_HRTIMER_ENTRY, 710 * MS, 0, 0, 0, "tick_nohz_handler", "");
	current_flags = 0;
	waking(720 * MS, 1);
	switch_to(721 * MS, 1, 1, "systemd");
	exec(730 * MS, "/bin/done");
	report = finish();
	ok(find_process(report->boot, 1)->states[STATE_TASK] == 18 * MS &&
	   find_process(report->boot, 1)->states[STATE_TIMER] == 0,
	   "a timer whose end is not traced ends with its interrupt");
	report_free(report);
}

static void test_slow_initcall(void)
{
	struct report *report;
	const struct initcall *slow;

	begin("init");
	until_late();
	initcall(500 * MS, "fast");
	initcall_end(510 * MS, "fast");
	initcall(510 * MS, "slow");
	switch_to(515 * MS, 1, 0, "swapper/0");
	waking_by_timer(1015 * MS, 1);
	switch_to(1016 * MS, 0, 1, "swapper/0");
	initcall_end(1020 * MS, "slow");
	exec(1030 * MS, "/init");
	exec(1040 * MS, "/sbin/init");
	report = finish();
	slow = g_ptr_array_index(report->boot->initcalls, 1);
	ok(is_cause(first_cause(report->boot), OWNER_INITCALL, "slow", STATE_TIMER) &&
	   first_cause(report->boot)->duration == 500 * MS + 1000,
	   "an initcall that sleeps is the first cause");
	ok(slow->end - slow->start == 510 * MS && slow->states[STATE_TIMER] == 500 * MS + 1000 &&
	   slow->is_on_chain && !strcmp(slow->level, "late"), "its times are its own");
	ok(adds_up(report, report->boot), "the sums hold");
	report_free(report);
}

/* pid 1 starts a unit whose process sleeps in a child, while another wakes pid 1 now and then. */
static void slow_unit(uint64_t sleep)
{
	uint64_t time = 750 * MS;

	until_systemd();
	say(705 * MS, "systemd[1]: Expecting device dev-x.device - /dev/x...");
	event(BOOT_CGROUP_MKDIR, 710 * MS, 0, 0, 0, "/system.slice/slow.service", "");
	fork_task(711 * MS, 60, "(sleep)");
	say(712 * MS, "systemd[1]: Starting slow.service - Slow...");
	event(BOOT_CGROUP_MKDIR, 713 * MS, 0, 0, 0, "/system.slice/busy.service", "");
	fork_task(714 * MS, 61, "(busy)");
	say(715 * MS, "systemd[1]: Started busy.service - Busy.");
	switch_to(720 * MS, 1, 60, "(sleep)");
	exec(721 * MS, "/bin/sleep");
	switch_to(722 * MS, 1, 61, "busy");
	exec(723 * MS, "/bin/busy");
	for (; time < 750 * MS + sleep; time += 100 * MS) {
		waking(time, 1);
		switch_to(time + MS, 1, 1, "systemd");
		switch_to(time + 2 * MS, 1, 0, "swapper/0");
		waking_by_timer(time + 90 * MS, 61);
		switch_to(time + 91 * MS, 0, 61, "busy");
	}
	say(time - MS, "systemd[1]: Found device dev-x.device - /dev/x.");
	waking_by_timer(time, 60);
	switch_to(time + MS, 1, 60, "sleep");
	event(BOOT_EXIT, time + 2 * MS, 60, 0, 0, "sleep", "");
	waking(time + 3 * MS, 1);
	switch_to(time + 4 * MS, 0x10, 1, "systemd");
	say(time + 5 * MS, "systemd[1]: Finished slow.service - Slow.");
	reach_targets(time + 6 * MS);
}

static void test_slow_unit(void)
{
	struct report *report;
	const struct unit *unit = NULL;

	begin(NULL);
	slow_unit(2000 * MS);
	report = finish();
	for (guint i = 0; i < report->boot->units->len; i++) {
		unit = g_ptr_array_index(report->boot->units, i);
		if (!strcmp(unit->name, "slow.service"))
			break;
	}
	ok(is_cause(first_cause(report->boot), OWNER_UNIT, "slow.service", STATE_TIMER) &&
	   first_cause(report->boot)->duration > (int64_t)(2000 * MS),
	   "a unit that sleeps is the first cause, whoever wakes systemd meanwhile");
	ok(unit && unit->start == 710 * MS && unit->active == 2755 * MS && unit->is_on_chain &&
	   unit->is_from_log && !strcmp(unit->description, "Slow"),
	   "a unit begins with its control group and is up when systemd says so");
	ok(!g_strcmp0(find_process(report->boot, 60)->unit, "slow.service"),
	   "its processes are known");
	ok(adds_up(report, report->boot), "the sums hold");
	report_free(report);
}

static void test_shutdown(void)
{
	struct report *report;

	begin(NULL);
	until_systemd();
	reach_targets(800 * MS);
	say(5000 * MS, "systemd[1]: Stopping foo.service - Foo...");
	say(9000 * MS, "systemd[1]: Stopping session-1.scope - Session 1 of User root...");
	say(9010 * MS, "systemd[1]: Stopped target graphical.target - Graphical Interface.");
	exec(9200 * MS, "/usr/lib/systemd/systemd-shutdown");
	event(BOOT_REBOOT, 9300 * MS, 0x4321fedc, 0, 0, "", "");
	vmm(VHT_VMM_SHUTDOWN, 9350 * MS);
	vmm(VHT_VMM_ENDED, 9360 * MS);
	report = finish();
	ok(report->boot->end == 900 * MS && report->shutdown &&
	   report->shutdown->start == 9000 * MS && report->shutdown->end == 9360 * MS,
	   "a shutdown begins with the first unit that is stopped for it");
	ok(report->shutdown && duration(report->shutdown, "shutdown.units") == 200 * MS &&
	   duration(report->shutdown, "shutdown.final") == 100 * MS &&
	   duration(report->shutdown, "shutdown.kernel") == 50 * MS &&
	   duration(report->shutdown, "shutdown.vmm") == 10 * MS &&
	   adds_up(report, report->shutdown), "its phases add up");
	report_free(report);
}

static void test_missing(void)
{
	struct report *report;

	begin(NULL);
	report = finish();
	ok(report->boot && adds_up(report, report->boot) && report->warnings->len,
	   "no events at all: a report and a warning");
	report_free(report);

	begin(NULL);
	vmm(VHT_VMM_CREATED, 0);
	vmm(VHT_VMM_RUNNING, 10 * MS);
	vmm(VHT_VMM_SHUTDOWN, 500 * MS);
	vmm(VHT_VMM_ENDED, 501 * MS);
	report = finish();
	ok(report->boot->end == 500 * MS && adds_up(report, report->boot) && report->shutdown &&
	   adds_up(report, report->shutdown) && duration(report->boot, "firmware") == 490 * MS &&
	   span_phase(report->boot, "qemu.start")->reason,
	   "the VMM's events alone: what they tell, and why not more");
	report_free(report);

	begin(NULL);
	event(BOOT_VMM, 10 * MS, VHT_VMM_RESET, 0, 0, "guest-reset", "");
	level(300 * MS, "console");
	event(BOOT_VMM, 900 * MS, VHT_VMM_RESET, 0, 1, "guest-reset", "");
	report = finish();
	ok(report->boot->end == 890 * MS && duration(report->boot, "firmware") == 290 * MS &&
	   duration(report->boot, "qemu.start") == -1 && report->shutdown,
	   "a later life begins with a reset and ends with the next");
	report_free(report);

	begin("exec:never");
	until_systemd();
	event(BOOT_LOST, 750 * MS, 7, 0, 0, "", "");
	switch_to(760 * MS, 0, 50, "worker");
	switch_to(770 * MS, 0, 1, "systemd");
	reach_targets(800 * MS);
	report = finish();
	ok(report->lost_events == 7 && !report->is_marker_found && adds_up(report, report->boot) &&
	   report->warnings->len >= 2, "losses and a marker that does not come are told");
	report_free(report);
}

static void test_two_buffers(void)
{
	struct report *report;
	struct boot_event twin;

	begin("init");
	until_late();
	initcall(500 * MS, "one");
	twin = (struct boot_event){
		.kind = BOOT_INITCALL_START, .system = "initcall", .name = "initcall_start",
		.time = BASE + 500 * MS, .pid = 1, .origin = 2, .text = { "one", "" },
	};
	model_take(&twin, model);
	initcall_end(510 * MS, "one");
	exec(600 * MS, "/sbin/init");
	report = finish();
	ok(report->boot->initcalls->len == 1, "what was traced into two buffers counts once");
	report_free(report);
}

/* Nonsense of any kind must not harm; the sums must hold all the same. */
static void test_hostile(void)
{
	static const char *const texts[] = {
		"", "systemd[1]: Starting ", "systemd[1]: Reached target \xff.target - x.",
		"/system.slice/a.service", "late", "/init", "/sbin/init",
		"systemd[1]: Startup finished in",
		"systemd[1]: Stopped target graphical.target - x.",
	};
	uint32_t seed = 1;
	bool good = true;

	for (int round = 0; round < 200; round++) {
		struct report *report;
		uint64_t time = 0;

		begin(round % 3 ? NULL : "unit:a.service");
		for (int i = 0; i < 2000; i++) {
			int64_t numbers[3];

			for (int j = 0; j < 3; j++) {
				seed = seed * 1664525 + 1013904223;
				numbers[j] = (seed >> 24) & 7 ? seed >> 28 :
					     (int64_t)(int32_t)seed;
			}
			seed = seed * 1664525 + 1013904223;
			time += (seed >> 20) * 1000;
			current_cpu = (seed >> 16) & 3;
			current_pid = (seed >> 12) & 15;
			current_flags = seed & 0x800 ? BOOT_IN_IRQ : 0;
			event((seed >> 4) % BOOT_KIND_COUNT, time, numbers[0], numbers[1],
			      numbers[2], texts[(seed >> 8) % G_N_ELEMENTS(texts)],
			      texts[(seed >> 9) % G_N_ELEMENTS(texts)]);
		}
		report = finish();
		good &= adds_up(report, report->boot);
		if (report->shutdown)
			good &= adds_up(report, report->shutdown);
		report_free(report);
	}
	ok(good, "nonsense gives a report whose sums hold");
}

int main(void)
{
	test_phases();
	test_marks();
	test_waits();
	test_open_context();
	test_slow_initcall();
	test_slow_unit();
	test_shutdown();
	test_missing();
	test_two_buffers();
	test_hostile();
	return tap_done();
}
