// SPDX-License-Identifier: GPL-2.0-only
/* The part of a guest's life that a span is of; see extent.h. */
#include "extent.h"

#include "report.h"

int64_t extent_time(const struct extent *extent, uint64_t time)
{
	return time > extent->origin ? time - extent->origin : 0;
}

int64_t extent_time_or_none(const struct extent *extent, uint64_t time)
{
	return time && time <= extent->end ? extent_time(extent, time) : NO_TIME;
}
