// SPDX-License-Identifier: GPL-2.0-only
/* Clock maps: lines between points, outliers, breaks, composition. */
#include "../host/tap.h"

#include "decode/clock.h"

#define SECOND	1000000000ULL

static void add(struct clock_map *map, uint64_t from, uint64_t to, uint64_t error, bool is_break)
{
	const struct clock_point point = {
		.from = from, .to = to, .error = error,
		.joint = is_break ? CLOCK_BREAK : CLOCK_LINE,
	};

	clock_map_add(map, &point);
}

static uint64_t map_one(const struct clock_map *map, uint64_t from)
{
	struct clock_cursor hint = { 0 };

	return clock_map_apply(map, from, &hint);
}

static bool is_near(uint64_t value, uint64_t want, uint64_t distance)
{
	return value + distance >= want && value <= want + distance;
}

static void test_lines(void)
{
	struct clock_map *map = clock_map_new(0, 0);

	clock_map_finish(map, NULL);
	ok(clock_map_is_empty(map), "no points: no map");
	clock_map_free(map);

	map = clock_map_new(0.5, 0);
	add(map, 1000, 5000, 0, false);
	ok(!clock_map_finish(map, NULL) && map_one(map, 1000) == 5000 && map_one(map, 3000) == 6000 &&
	   map_one(map, 400) == 4700, "one point: the expected slope, to both sides");
	ok(map_one(map, 0) == 4500, "back to the beginning of the first clock");
	clock_map_free(map);

	map = clock_map_new(10, 0);
	add(map, 1000, 50, 0, false);
	clock_map_finish(map, NULL);
	ok(map_one(map, 10) == 0, "never before 0");
	clock_map_free(map);

	map = clock_map_new(0, 0);
	add(map, 2 * SECOND, 100 * SECOND + 2, 1, false);
	add(map, 0, 99 * SECOND, 1, false);
	add(map, SECOND, 99 * SECOND + SECOND / 2 + 1, 1, false);
	clock_map_finish(map, NULL);
	ok(is_near(map_one(map, SECOND / 2), 99 * SECOND + SECOND / 4, 2) &&
	   is_near(map_one(map, 3 * SECOND / 2), 99 * SECOND + 3 * SECOND / 4, 4),
	   "points in any order: lines between neighbours");
	ok(is_near(map_one(map, 4 * SECOND), 101 * SECOND, 8), "the last line goes on");
	clock_map_free(map);
}

/* 1,000 points on a line with some noise, and wrong ones among them. */
static void test_outliers(void)
{
	struct clock_map *map = clock_map_new(2, 0);
	uint32_t dropped;
	uint64_t worst = 0;
	struct clock_cursor hint = { 0 };

	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t from = i * 10000000, noise = i * 7919 % 100;

		add(map, from, 2 * from + 5 * SECOND + noise, 50, false);
	}
	add(map, 1234567890, 2 * 1234567890ULL + 5 * SECOND + 700000, 50, false);
	add(map, 2345678901, 2 * 2345678901ULL + 5 * SECOND - 900000, 50, false);
	add(map, 3000000001, 17, 50, false);
	add(map, 4000000001, UINT64_MAX, 50, false);
	dropped = clock_map_finish(map, NULL);
	ok(dropped == 4, "four wrong points among 1,000 are dropped: %u", dropped);
	for (uint64_t from = 0; from < 9990000000; from += 999983) {
		uint64_t to = clock_map_apply(map, from, &hint), want = 2 * from + 5 * SECOND;
		uint64_t off = to > want ? to - want : want - to;

		worst = MAX(worst, off);
	}
	ok(worst <= 100, "they bend nothing: worst error %lu", (unsigned long)worst);
	clock_map_free(map);

	map = clock_map_new(1, 0);
	for (uint64_t i = 0; i < 100; i++)
		add(map, i * 1000000, (100 - i) * 1000000, 1, false);
	clock_map_finish(map, NULL);
	hint = (struct clock_cursor){ 0 };
	worst = 0;
	for (uint64_t from = 0, last = 0; from < 200000000; from += 99991) {
		uint64_t to = clock_map_apply(map, from, &hint);

		worst += to < last;
		last = to;
	}
	ok(!worst, "of a clock that runs backwards a map is made that does not");
	clock_map_free(map);
}

static void test_breaks(void)
{
	struct clock_map *map = clock_map_new(1, 0);

	/* Runs for 2 s, stands for 10 s, runs again. */
	add(map, 1 * SECOND, 101 * SECOND, 10, true);
	add(map, 2 * SECOND, 102 * SECOND, 10, false);
	add(map, 3 * SECOND, 103 * SECOND, 10, false);
	add(map, 3 * SECOND + 10, 113 * SECOND, 10, true);
	add(map, 4 * SECOND + 10, 114 * SECOND, 10, false);
	ok(clock_map_finish(map, NULL) == 0, "a clock that stood still contradicts nothing");
	ok(map_one(map, 5 * SECOND / 2) == 102 * SECOND + SECOND / 2 &&
	   map_one(map, 3 * SECOND) == 103 * SECOND, "before it stood still");
	ok(map_one(map, 3 * SECOND + 5) == 103 * SECOND + 5, "at its edge");
	ok(map_one(map, 3 * SECOND + 10 + 1000) == 113 * SECOND + 1000, "after it went on");
	clock_map_free(map);

	map = clock_map_new(1, 0);
	add(map, 1 * SECOND, 101 * SECOND, 10, true);
	add(map, 3 * SECOND, 103 * SECOND, 10, false);
	add(map, 30 * SECOND, 105 * SECOND, 10, true);
	clock_map_finish(map, NULL);
	ok(map_one(map, 20 * SECOND) == 105 * SECOND && map_one(map, 30 * SECOND) == 105 * SECOND,
	   "a clock that ran ahead meanwhile does not make time go back");
	clock_map_free(map);
}

static void test_compose(void)
{
	/* ns -> ticks at 2.5 GHz from a boot at tick 1000; ticks -> host. */
	struct clock_map *first = clock_map_new(2.5, 0), *second = clock_map_new(0.4, 0), *map;
	struct clock_cursor hint = { 0 };
	bool good = true;
	uint64_t last = 0;

	for (uint64_t i = 0; i < 20; i++)
		add(first, i * SECOND / 3, 1000 + i * SECOND / 3 * 5 / 2, 10, false);
	for (uint64_t i = 0; i < 10; i++)
		add(second, i * 5 * SECOND / 2, 70 * SECOND + i * SECOND, 10, false);
	clock_map_finish(first, NULL);
	clock_map_finish(second, NULL);
	map = clock_map_compose(&first, second);
	for (uint64_t from = 0; from < 12 * SECOND; from += 777777) {
		uint64_t to = clock_map_apply(map, from, &hint);

		good = good && is_near(to, 70 * SECOND + from + 400, 3) && to >= last;
		last = to;
	}
	ok(good, "a map through a map is right everywhere, and never goes back");
	clock_map_free(map);
	clock_map_free(first);

	/* The VM ran for 10 s before the guest's clock began, its driver came at 15 s. */
	first = clock_map_new(2.5, 0);
	for (uint64_t i = 0; i < 5; i++)
		add(first, 15 * SECOND + i * SECOND / 10,
			      25 * SECOND / 2 * 5 + i * SECOND / 4, 10, false);
	clock_map_finish(first, NULL);
	map = clock_map_compose(&first, second);
	ok(is_near(map_one(map, 0), 80 * SECOND, 100) &&
	   is_near(map_one(map, 1), 80 * SECOND, 100) &&
	   is_near(map_one(map, 3 * SECOND / 2), 81 * SECOND + SECOND / 2, 100) &&
	   is_near(map_one(map, 15 * SECOND), 95 * SECOND, 100),
	   "the second clock may be older than the first");
	clock_map_free(map);
	clock_map_free(first);
	first = clock_map_new(1, 0);
	clock_map_finish(first, NULL);
	map = clock_map_compose(&first, second);
	ok(clock_map_is_empty(map), "through nothing there is nothing");
	clock_map_free(map);
	clock_map_free(first);
	clock_map_free(second);
}

static void test_many(void)
{
	struct clock_map *map = clock_map_new(1, 1000000);

	for (uint64_t i = 0; i < 1000000; i++)
		add(map, i * 1000, 5000 + i * 1000 + (i % 7 ? 900 : 0),
			      i % 7 ? 1000 : 1, false);
	clock_map_finish(map, NULL);
	ok(is_near(map_one(map, 500000123), 500005123, 2),
	   "of points close together the best ones count");
	clock_map_free(map);
}

int main(void)
{
	test_lines();
	test_outliers();
	test_breaks();
	test_compose();
	test_many();
	return tap_done();
}
