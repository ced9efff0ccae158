/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The chain of a span from begin to end: before there are tasks it is of phases, then
 * of what chain.h finds; and what of the span is on it.
 */
#ifndef HYPERTRACE_BOOT_LIFE_CHAIN_H
#define HYPERTRACE_BOOT_LIFE_CHAIN_H

#include "extent.h"
#include "life.h"
#include "report.h"

/**
 * life_chain - make the chain of a span
 * @life: settled at the end of @extent; its tasks on the chain are marked
 * @extent: of the span
 * @span: has its initcalls and units already; gets the chain and its causes
 */
void life_chain(const struct life *life, const struct extent *extent, struct span *span);

#endif
