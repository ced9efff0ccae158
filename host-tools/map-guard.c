// SPDX-License-Identifier: GPL-2.0-only
/* Surviving the truncation of a mapped file; see map-guard.h. */
#include "map-guard.h"

#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/**
 * struct map_guard - one guarded mapping
 * @base: start; 0 while the entry is free
 * @size: bytes
 * @has_fired: set by the signal handler
 * @next: the next of all entries ever made
 *
 * The handler may run at any time in any thread and walks the list without a
 * lock: entries are put at the front and never taken out, only reused.
 */
struct map_guard {
	uintptr_t base;
	size_t size;
	int has_fired;
	struct map_guard *next;
};

static struct map_guard *guards;
static GMutex guards_lock;	/* for those who add and free */
static uintptr_t page_size;

static void handle_sigbus(int signal_number, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	struct map_guard *guard;

	(void)context;
	for (guard = __atomic_load_n(&guards, __ATOMIC_ACQUIRE); guard; guard = guard->next) {
		uintptr_t base = __atomic_load_n(&guard->base, __ATOMIC_ACQUIRE);
		uintptr_t from = at & ~(page_size - 1);

		if (!base || at < base || at - base >= guard->size)
			continue;
		__atomic_store_n(&guard->has_fired, 1, __ATOMIC_RELEASE);
		/* all that follows is gone too; mmap() is a plain system call here */
		if (mmap((void *)from, guard->size - (from - base), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
			return;
		/* memory of huge pages can only be replaced as a whole */
		if (mmap((void *)base, guard->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
			return;
	}
	/* not ours: let the access fault again and end the program as usual */
	signal(signal_number, SIG_DFL);
}

static void install_handler(void)
{
	struct sigaction action = {
		.sa_sigaction = handle_sigbus,
		.sa_flags = SA_SIGINFO,
	};

	page_size = sysconf(_SC_PAGESIZE);
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

struct map_guard *map_guard_new(void *base, size_t size)
{
	struct map_guard *guard;

	g_mutex_lock(&guards_lock);
	if (!page_size)
		install_handler();
	for (guard = guards; guard; guard = guard->next)
		if (!guard->base)
			break;
	if (guard) {
		guard->size = size;
		guard->has_fired = 0;
		__atomic_store_n(&guard->base, (uintptr_t)base, __ATOMIC_RELEASE);
	} else {
		guard = g_new0(struct map_guard, 1);
		guard->base = (uintptr_t)base;
		guard->size = size;
		guard->next = guards;
		__atomic_store_n(&guards, guard, __ATOMIC_RELEASE);
	}
	g_mutex_unlock(&guards_lock);
	return guard;
}

void map_guard_free(struct map_guard *guard)
{
	if (!guard)
		return;
	g_mutex_lock(&guards_lock);
	__atomic_store_n(&guard->base, 0, __ATOMIC_RELEASE);
	g_mutex_unlock(&guards_lock);
}

bool map_guard_has_fired(const struct map_guard *guard)
{
	return __atomic_load_n(&guard->has_fired, __ATOMIC_ACQUIRE);
}
