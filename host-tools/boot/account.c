// SPDX-License-Identifier: GPL-2.0-only
/* Time, added up between boundaries; see account.h. */
#include "account.h"

#include <glib.h>
#include <string.h>

#define MAX_BINS	1024

struct bin {
	uint64_t start;
	int64_t sums[ACCOUNT_COUNT];
};

struct account {
	uint32_t count;
	struct bin bins[MAX_BINS];	/* the first begins at 0, the last has no end */
};

struct account *account_new(void)
{
	struct account *account = g_new0(struct account, 1);

	account->count = 1;
	return account;
}

void account_free(struct account *account)
{
	g_free(account);
}

bool account_cut(struct account *account, uint64_t time)
{
	struct bin *last = &account->bins[account->count - 1];

	if (time <= last->start)
		return true;
	if (account->count == MAX_BINS)
		return false;
	memset(&account->bins[account->count], 0, sizeof(struct bin));
	account->bins[account->count++].start = time;
	return true;
}

void account_uncut(struct account *account, uint64_t time)
{
	struct bin *last = &account->bins[account->count - 1];

	if (account->count < 2 || last->start != time)
		return;
	for (int i = 0; i < ACCOUNT_COUNT; i++)
		last[-1].sums[i] += last->sums[i];
	account->count--;
}

void account_add(struct account *account, enum account_kind kind, uint64_t start, uint64_t end)
{
	for (uint32_t i = account->count; i-- > 0 && end > start;) {
		struct bin *bin = &account->bins[i];
		uint64_t from = MAX(start, bin->start);

		if (from >= end)
			continue;
		bin->sums[kind] += end - from;
		end = from;
	}
}

void account_sum(const struct account *account, uint64_t start, uint64_t end, int64_t *sums)
{
	memset(sums, 0, ACCOUNT_COUNT * sizeof(*sums));
	for (uint32_t i = 0; i < account->count; i++) {
		const struct bin *bin = &account->bins[i];

		if (bin->start < start || bin->start >= end)
			continue;
		for (int kind = 0; kind < ACCOUNT_COUNT; kind++)
			sums[kind] += bin->sums[kind];
	}
}
