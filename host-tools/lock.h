/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Advisory locks on what only one process may have: a recording that is being
 * written, the region of a dead VM.
 */
#ifndef HYPERTRACE_LOCK_H
#define HYPERTRACE_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * lock_take - lock a file or directory (flock) for as long as @fd stays open
 * @fd: of it
 * @owner: if it is locked already: who has it, 0 if that cannot be found out
 * Return: false if somebody else has it.
 */
bool lock_take(int fd, pid_t *owner);

#endif
