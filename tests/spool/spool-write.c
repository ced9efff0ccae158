// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways to write to a file that a shell has not, for guests of the tests.
 *
 * usage: spool-write FILE
 * Prints how a write() ends whose second page cannot be read, and one of which nothing
 * can. Then the file has a page of 'a', and behind it "gathered", "spliced" and "placed".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE	4096

int main(int argc, char **argv)
{
	struct iovec parts[] = { { "gath", 4 }, { "", 0 }, { "ered", 4 } };
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_EXCL, 0600) : -1;
	int ends[2];
	ssize_t first, second;

	if (pages == MAP_FAILED || fd < 0 || pipe(ends) < 0) {
		perror("spool-write");
		return 1;
	}
	memset(pages, 'a', 2 * PAGE);
	mprotect(pages + PAGE, PAGE, PROT_NONE);
	first = write(fd, pages, 2 * PAGE);
	second = write(fd, pages + PAGE, 1);
	printf("%zd %s\n", first, second < 0 ? strerrorname_np(errno) : "0");
	if (writev(fd, parts, 3) != 8 || write(ends[1], "spliced", 7) != 7 ||
	    splice(ends[0], NULL, fd, NULL, 7, 0) != 7 ||
	    pwrite(fd, "placed", 6, PAGE + 15) != 6 || close(fd) < 0) {
		perror("spool-write");
		return 1;
	}
	return 0;
}
