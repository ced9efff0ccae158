// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work for a test guest, made so that the events it causes can be counted or
 * recognised. Static: it is put into an initramfs as it is.
 *
 * usage: workload mix ROUNDS            processes, files and timers
 *        workload pingpong ROUNDS       a byte to and fro between CPUs 0 and 1
 *        workload syscalls COUNT [CPU...]  COUNT getppid() calls on each CPU
 *        workload marker FILE COUNT     COUNT numbered lines into a trace_marker
 *        workload witness FILE CPU      numbered lines into a trace_marker on a CPU,
 *                                       for ever, and for each of them, when it is
 *                                       made, a byte to the I/O port 0x400 + CPU
 *        workload crash FILE COUNT      like marker; then the kernel is made to crash
 *        workload kexec KERNEL INITRD CMDLINE  start another kernel
 *        workload reboot COMMAND        reboot(2) with it: restart, halt, power-off
 *        workload spin COUNT            COUNT turns of a loop in user space
 *        workload tsc-syscalls COUNT    like syscalls on CPU 0; prints the
 *                                       counter's ticks that the calls took
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/reboot.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

static void die(const char *what)
{
	fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot pin to CPU");
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("cannot fork");
	return pid;
}

static void reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status)) {
		fprintf(stderr, "workload: child failed\n");
		exit(1);
	}
}

static void mix(long rounds)
{
	for (long i = 0; i < rounds; i++) {
		struct itimerspec when = { .it_value = { 0, 2000000 } };
		char path[64], buf[512];
		uint64_t ticks;
		pid_t pid = child();
		int fd;

		if (!pid) {
			execl("/bin/busybox", "true", (char *)NULL);
			_exit(1);
		}
		reap(pid);

		snprintf(path, sizeof(path), "/tmp/work.%ld", i);
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (fd < 0)
			die(path);
		memset(buf, (int)i, sizeof(buf));
		if (write(fd, buf, sizeof(buf)) != sizeof(buf) ||
		    pread(fd, buf, sizeof(buf), 0) != sizeof(buf))
			die(path);
		close(fd);
		unlink(path);

		fd = timerfd_create(CLOCK_MONOTONIC, 0);
		if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) ||
		    read(fd, &ticks, sizeof(ticks)) != sizeof(ticks))
			die("timer");
		close(fd);
	}
}

static void pingpong(long rounds)
{
	int there[2], back[2];
	char byte = 'p';
	pid_t pid;

	if (pipe(there) || pipe(back))
		die("cannot make a pipe");
	pid = child();
	if (!pid) {
		pin(1);
		for (long i = 0; i < rounds; i++)
			if (read(there[0], &byte, 1) != 1 ||
			    write(back[1], &byte, 1) != 1)
				_exit(1);
		_exit(0);
	}
	pin(0);
	for (long i = 0; i < rounds; i++)
		if (write(there[1], &byte, 1) != 1 ||
		    read(back[0], &byte, 1) != 1)
			die("pipe");
	reap(pid);
}

static void calls(long count)
{
	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
}

static void syscalls(long count, int cpus, char **cpu)
{
	pid_t pids[64];

	if (cpus > 64)
		cpus = 64;
	for (int i = 0; i < cpus; i++) {
		pids[i] = child();
		if (!pids[i]) {
			pin(atoi(cpu[i]));
			calls(count);
			_exit(0);
		}
	}
	for (int i = 0; i < cpus; i++)
		reap(pids[i]);
}

static void marker(const char *file, long count)
{
	int fd = open(file, O_WRONLY);
	char line[64];

	if (fd < 0)
		die(file);
	for (long i = 0; i < count; i++) {
		int len = snprintf(line, sizeof(line), "number %ld\n", i);

		if (write(fd, line, len) != len)
			die(file);
	}
	close(fd);
}

static void witness(const char *file, int cpu)
{
	unsigned short port = 0x400 + cpu;
	int fd = open(file, O_WRONLY);
	char line[64];

	if (fd < 0)
		die(file);
	if (ioperm(port, 1, 1))
		die("cannot use I/O port");
	pin(cpu);
	for (unsigned int i = 0; ; i++) {
		int len = snprintf(line, sizeof(line), "cpu %d number %u\n", cpu, i);

		if (write(fd, line, len) != len)
			die(file);
		outb(0, port);
	}
}

static void crash(const char *file, long count)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	if (fd < 0)
		die("cannot open sysrq-trigger");
	marker(file, count);
	if (write(fd, "c", 1) != 1)
		die("cannot crash");
}

static void start_kernel(const char *kernel, const char *initrd, const char *line)
{
	int kernel_fd = open(kernel, O_RDONLY);
	int initrd_fd = open(initrd, O_RDONLY);

	if (kernel_fd < 0 || initrd_fd < 0)
		die("cannot open kernel or initrd");
	if (syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, strlen(line) + 1, line, 0L))
		die("cannot load kernel");
	reboot(LINUX_REBOOT_CMD_KEXEC);
	die("cannot start kernel");
}

static void end(const char *how)
{
	if (!strcmp(how, "restart"))
		reboot(LINUX_REBOOT_CMD_RESTART);
	else if (!strcmp(how, "halt"))
		reboot(LINUX_REBOOT_CMD_HALT);
	else if (!strcmp(how, "power-off"))
		reboot(LINUX_REBOOT_CMD_POWER_OFF);
	die(how);
}

static void spin(long count)
{
	for (volatile long i = 0; i < count; i++)
		;
}

static void tsc_syscalls(long count)
{
	uint64_t begin;

	pin(0);
	calls(1000);
	begin = __rdtsc();
	calls(count);
	printf("ticks=%llu\n", (unsigned long long)(__rdtsc() - begin));
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "mix"))
		mix(atol(argv[2]));
	else if (!strcmp(what, "pingpong"))
		pingpong(atol(argv[2]));
	else if (!strcmp(what, "syscalls"))
		syscalls(atol(argv[2]), argc - 3, argv + 3);
	else if (!strcmp(what, "marker") && argc > 3)
		marker(argv[2], atol(argv[3]));
	else if (!strcmp(what, "witness") && argc > 3)
		witness(argv[2], atoi(argv[3]));
	else if (!strcmp(what, "crash") && argc > 3)
		crash(argv[2], atol(argv[3]));
	else if (!strcmp(what, "kexec") && argc > 4)
		start_kernel(argv[2], argv[3], argv[4]);
	else if (!strcmp(what, "reboot"))
		end(argv[2]);
	else if (!strcmp(what, "spin"))
		spin(atol(argv[2]));
	else if (!strcmp(what, "tsc-syscalls"))
		tsc_syscalls(atol(argv[2]));
	else {
		fprintf(stderr, "workload: unknown or incomplete command\n");
		return 2;
	}
	return 0;
}
