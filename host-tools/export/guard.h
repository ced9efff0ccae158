/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work on what a guest wrote, done in a process of its own: a length that a guest
 * made up can end babeltrace2 (it aborts where there is no memory), or keep it busy for ever.
 */
#ifndef HT_EXPORT_GUARD_H
#define HT_EXPORT_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * enum guard_result - how guarded work ended
 * @GUARD_TRUE: it returned true
 * @GUARD_FALSE: it returned false
 * @GUARD_DIED: it was ended: by itself, or by the limits of memory and time
 */
enum guard_result {
	GUARD_TRUE,
	GUARD_FALSE,
	GUARD_DIED,
};

/**
 * guard_alloc - memory that guarded work can write to for all
 * @size: bytes, zeroed
 * Return: to be freed with guard_free(); NULL without memory.
 */
void *guard_alloc(size_t size);

/** guard_free - free what guard_alloc() gave, or NULL */
void guard_free(void *memory, size_t size);

/**
 * guard_run - do work in a process of its own
 * @work: does it; what it changes is lost, but for memory of guard_alloc() and files
 * @data: for @work
 * @size: bytes of the trace it reads: the more the longer it may take
 * Return: how it ended.
 */
enum guard_result guard_run(bool (*work)(void *data), void *data, uint64_t size);

/**
 * struct guard - work that goes on beside us, and tells what it finds
 * @pid: its process
 * @fd: what it writes comes out here
 */
struct guard {
	pid_t pid;
	int fd;
};

/**
 * guard_start - begin such work
 * @guard: set on success
 * @work: does it, and writes to @fd
 * @data: for @work
 * @size: as for guard_run()
 * Return: false if no process can be made; else guard_end() or guard_stop() is due.
 */
bool guard_start(struct guard *guard, bool (*work)(void *data, int fd), void *data,
		 uint64_t size);

/** guard_end - let go of work that has told all: the end of @guard->fd was read */
enum guard_result guard_end(struct guard *guard);

/** guard_stop - end work, whatever it has still to tell */
void guard_stop(struct guard *guard);

#endif
