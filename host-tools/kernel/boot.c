// SPDX-License-Identifier: GPL-2.0-only
/* Running a kernel with profile-init; see boot.h. */
#include "kernel/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "kernel/initramfs.h"
#include "kernel/profile-image.h"
#include "wire/text.h"

/* Of the console and of QEMU's words, what is looked at. */
#define LOG_MAX		(1 << 20)

/* What a guest may write to a file of ours: more than the shared memory. */
#define FILE_MAX	(4ULL * PROFILE_IMAGE_MAX)

/* KASLR off: the addresses are those that the kernel was linked for. */
#define COMMAND_LINE	"console=ttyS0 nokaslr quiet panic=-1 no_timer_check"

/**
 * struct run - one life of a QEMU
 * @image_path: what profile-init fills: the shared memory or the serial port's file
 */
struct run {
	const struct kernel_boot *boot;
	GMainLoop *loop;
	GPid pid;
	int status;
	bool is_over;
	bool is_late;
	bool is_interrupted;
	char *initramfs_path;
	char *console_path;
	char *messages_path;
	char *image_path;
};

/* A comma ends a value of QEMU's options, two are one in it. */
static char *option_text(const char *text)
{
	char **parts = g_strsplit(text, ",", -1);
	char *doubled = g_strjoinv(",,", parts);

	g_strfreev(parts);
	return doubled;
}

/* In the child, before QEMU: it is not to outlive us or to fill the disk. */
static void child_setup(gpointer data)
{
	const struct rlimit limit = { .rlim_cur = FILE_MAX, .rlim_max = FILE_MAX };

	(void)data;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_FSIZE, &limit);
}

/**
 * has_ivshmem - see whether a QEMU has the device
 * @has: set to the answer
 * @error: the QEMU cannot be run at all
 */
static bool has_ivshmem(const char *qemu, bool *has, GError **error)
{
	const char *argv[] = { qemu, "-device", "ivshmem-plain,help", NULL };
	GError *cause = NULL;
	int status;

	if (!g_spawn_sync(NULL, (char **)argv, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
			  G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status, &cause)) {
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND,
			    "cannot run QEMU: qemu=%s: %s; name one with --qemu", qemu,
			    cause->message);
		g_error_free(cause);
		return false;
	}
	*has = WIFEXITED(status) && !WEXITSTATUS(status);
	return true;
}

static void add_file_port(GPtrArray *argv, const char *id, const char *path)
{
	g_autofree char *option = option_text(path);

	g_ptr_array_add(argv, g_strdup("-chardev"));
	g_ptr_array_add(argv, g_strdup_printf("file,id=%s,path=%s", id, option));
	g_ptr_array_add(argv, g_strdup("-serial"));
	g_ptr_array_add(argv, g_strdup_printf("chardev:%s", id));
}

static GPtrArray *make_argv(const struct run *run, bool is_shared)
{
	const char *const head[] = {
		run->boot->qemu, "-accel", "tcg", "-machine", "pc", "-m", "512M", "-smp", "1",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
	};
	const char *const tail[] = {
		"-kernel", run->boot->image, "-initrd", run->initramfs_path,
		"-append", COMMAND_LINE,
	};
	GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *memory = option_text(run->image_path);
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(head); i++)
		g_ptr_array_add(argv, g_strdup(head[i]));
	add_file_port(argv, "console", run->console_path);
	if (is_shared) {
		g_ptr_array_add(argv, g_strdup("-object"));
		g_ptr_array_add(argv, g_strdup_printf("memory-backend-file,id=profile,share=on,"
						      "mem-path=%s,size=%d", memory,
						      PROFILE_IMAGE_MAX));
		g_ptr_array_add(argv, g_strdup("-device"));
		g_ptr_array_add(argv, g_strdup("ivshmem-plain,memdev=profile"));
	} else {
		add_file_port(argv, "profile", run->image_path);
	}
	for (i = 0; i < G_N_ELEMENTS(tail); i++)
		g_ptr_array_add(argv, g_strdup(tail[i]));
	g_ptr_array_add(argv, NULL);
	return argv;
}

static void on_exit_of_qemu(GPid pid, gint status, gpointer data)
{
	struct run *run = data;

	g_spawn_close_pid(pid);
	run->status = status;
	run->is_over = true;
	g_main_loop_quit(run->loop);
}

static gboolean on_timeout(gpointer data)
{
	struct run *run = data;

	run->is_late = true;
	kill(run->pid, SIGKILL);
	return G_SOURCE_CONTINUE;
}

static gboolean on_interrupt(gpointer data)
{
	struct run *run = data;

	run->is_interrupted = true;
	kill(run->pid, SIGKILL);
	return G_SOURCE_CONTINUE;
}

/**
 * run_qemu - run it to its end
 * @error: it could not be started
 */
static bool run_qemu(struct run *run, GError **error)
{
	guint sources[3];
	GPtrArray *argv;
	bool is_shared, ok;
	int messages;
	size_t i;

	if (!has_ivshmem(run->boot->qemu, &is_shared, error))
		return false;
	messages = open(run->messages_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (messages < 0) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make file: path=%s: %s",
			    run->messages_path, g_strerror(errno));
		return false;
	}
	argv = make_argv(run, is_shared);
	ok = g_spawn_async_with_fds(NULL, (char **)argv->pdata, NULL,
				    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, child_setup,
				    NULL, &run->pid, -1, messages, messages, error);
	g_ptr_array_unref(argv);
	close(messages);
	if (!ok)
		return false;
	run->loop = g_main_loop_new(NULL, FALSE);
	g_child_watch_add(run->pid, on_exit_of_qemu, run);
	sources[0] = g_timeout_add_seconds(run->boot->timeout_s, on_timeout, run);
	sources[1] = g_unix_signal_add(SIGINT, on_interrupt, run);
	sources[2] = g_unix_signal_add(SIGTERM, on_interrupt, run);
	while (!run->is_over)
		g_main_loop_run(run->loop);
	for (i = 0; i < G_N_ELEMENTS(sources); i++)
		g_source_remove(sources[i]);
	g_main_loop_unref(run->loop);
	return true;
}

/**
 * read_log - the end of a file that the guest or QEMU wrote, printable
 * Return: text with newlines, to be freed; "" without a file.
 */
static char *read_log(const char *path)
{
	g_autofree char *bytes = g_malloc(LOG_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n = fd < 0 ? 0 : pread(fd, bytes, LOG_MAX, MAX(0, end - LOG_MAX));
	GString *text = g_string_new(NULL);
	char *line, *rest;

	if (fd >= 0)
		close(fd);
	for (line = bytes; line < bytes + MAX(n, 0); line = rest + 1) {
		size_t size = bytes + n - line;
		char *safe;

		rest = memchr(line, '\n', size);
		rest = rest ? rest : line + size;
		size = rest - line;
		while (size && (line[size - 1] == '\r' || line[size - 1] == ' '))
			size--;
		/* a NUL would end it */
		for (char *p = line; p < line + size; p++)
			*p = *p ? *p : '?';
		safe = g_malloc(size + 1);
		text_copy(safe, (const uint8_t *)line, size);
		if (*safe)
			g_string_append_printf(text, "%s\n", safe);
		g_free(safe);
	}
	return g_string_free(text, FALSE);
}

/* The last line of a text. Return: to be freed. */
static char *last_line(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	guint count = g_strv_length(lines);

	return g_strdup(count > 1 ? lines[count - 2] : "");
}

/* The words of a panic. Return: to be freed, or NULL. */
static char *find_panic(const char *console)
{
	const char *panic = strstr(console, "Kernel panic - not syncing: ");

	return panic ? g_strndup(panic, strcspn(panic, "\n")) : NULL;
}

/**
 * explain - why nothing came from the guest
 */
static void explain(const struct run *run, GError **error)
{
	g_autofree char *console = read_log(run->console_path);
	g_autofree char *messages = read_log(run->messages_path);
	g_autofree char *panic = find_panic(console);
	g_autofree char *said = last_line(console);
	g_autofree char *words = last_line(messages);
	const char *image = run->boot->image;

	if (run->is_interrupted)
		g_set_error_literal(error, HT_ERROR, HT_ERROR_FAILED, "interrupted");
	else if (panic)
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
			    "cannot run kernel: path=%s: %s", image, panic);
	else if (run->is_late)
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
			    "cannot run kernel: path=%s: it did not come to its end in %u s (--timeout); the last it said: %s",
			    image, run->boot->timeout_s, *said ? said : "nothing");
	else if (!WIFEXITED(run->status) || WEXITSTATUS(run->status))
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
			    "cannot run kernel: path=%s: QEMU failed: %s", image,
			    *words ? words : "it said nothing");
	else
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
			    "cannot run kernel: path=%s: it ended without a profile; the last it said: %s",
			    image, *said ? said : "nothing");
}

/**
 * take_image - what profile-init handed over
 *
 * The guest is gone: the file does not change any more.
 */
static uint8_t *take_image(const struct run *run, size_t *size, GError **error)
{
	int fd = open(run->image_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct profile_image header;
	char said[sizeof(header.error) + 1];
	uint8_t *bytes = NULL;

	if (fd < 0 || pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    GUINT64_FROM_LE(header.magic) != PROFILE_IMAGE_MAGIC) {
		explain(run, error);
		goto out;
	}
	header.size = GUINT64_FROM_LE(header.size);
	if (!header.size) {
		text_copy(said, (const uint8_t *)header.error, sizeof(header.error));
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
			    "cannot make kernel profile: path=%s: %s", run->boot->image, said);
		goto out;
	}
	if (header.size > PROFILE_IMAGE_MAX - sizeof(header)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "cannot make kernel profile: path=%s: the guest claims %" G_GUINT64_FORMAT
			    " bytes", run->boot->image, header.size);
		goto out;
	}
	bytes = g_malloc(header.size);
	if (pread(fd, bytes, header.size, sizeof(header)) != (ssize_t)header.size) {
		g_clear_pointer(&bytes, g_free);
		explain(run, error);
		goto out;
	}
	*size = header.size;

out:
	if (fd >= 0)
		close(fd);
	return bytes;
}

uint8_t *kernel_boot_run(const struct kernel_boot *boot, size_t *size, GError **error)
{
	struct run run = {
		.boot = boot,
		.initramfs_path = g_build_filename(boot->scratch, "initramfs", NULL),
		.console_path = g_build_filename(boot->scratch, "console", NULL),
		.messages_path = g_build_filename(boot->scratch, "messages", NULL),
		.image_path = g_build_filename(boot->scratch, "image", NULL),
	};
	uint8_t *bytes = NULL;

	if (initramfs_write(boot->init, run.initramfs_path, error) && run_qemu(&run, error))
		bytes = take_image(&run, size, error);
	g_free(run.initramfs_path);
	g_free(run.console_path);
	g_free(run.messages_path);
	g_free(run.image_path);
	return bytes;
}
