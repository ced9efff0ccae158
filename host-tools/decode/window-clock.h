/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clocks of windows, which have no pairs: what the looks of the recorder say of them,
 * or, without those, when the epoch was.
 */
#ifndef HYPERTRACE_DECODE_WINDOW_CLOCK_H
#define HYPERTRACE_DECODE_WINDOW_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "recording/reader.h"

struct window_clocks;

/** window_clocks_new - none yet; @vm must stay; to be freed with window_clocks_free() */
struct window_clocks *window_clocks_new(const struct recording_vm *vm);

/** window_clocks_free - free them; NULL is fine */
void window_clocks_free(struct window_clocks *windows);

/** window_clocks_add - take what the recorder's looks in a window's stream say */
void window_clocks_add(struct window_clocks *windows, uint32_t epoch,
		       const struct recording_stream *stream);

/** window_clocks_finish - make the maps; nothing is added after that */
void window_clocks_finish(struct window_clocks *windows);

/**
 * window_clocks_map - the map of a window's clock under one of its kernels
 * @windows: finished
 * @epoch: of the window
 * @kernel: as in struct window_meta
 * Return: source clock -> CLOCK_MONOTONIC in ns, or NULL if nothing is known.
 */
const struct clock_map *window_clocks_map(const struct window_clocks *windows, uint32_t epoch,
					  uint32_t kernel);

/** window_clocks_has - see whether a window had so many kernels */
bool window_clocks_has(const struct window_clocks *windows, uint32_t epoch, uint32_t kernel);

#endif
