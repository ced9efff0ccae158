// SPDX-License-Identifier: GPL-2.0-only
/*
 * What copying costs here: memcpy() of the first BYTES of a file that is mapped,
 * once into fresh memory (as a recording's pages are) and once into memory
 * that was touched before. Prints seconds for each.
 *
 * usage: memcpy FILE BYTES
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *map(int fd, size_t size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | (fd < 0 ? PROT_WRITE : 0), flags, fd, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "memcpy: cannot map: %s\n", strerror(errno));
		exit(1);
	}
	return p;
}

int main(int argc, char **argv)
{
	size_t size = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	int fd = size ? open(argv[1], O_RDONLY) : -1;
	void *from, *to;
	double begin;

	if (fd < 0) {
		fprintf(stderr, "usage: memcpy FILE BYTES\n");
		return 2;
	}
	from = map(fd, size, MAP_SHARED);
	to = map(-1, size, MAP_PRIVATE | MAP_ANONYMOUS);

	begin = now();
	memcpy(to, from, size);
	printf("fresh %.6f\n", now() - begin);
	begin = now();
	memcpy(to, from, size);
	printf("touched %.6f\n", now() - begin);
	return 0;
}
