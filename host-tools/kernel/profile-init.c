// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only process of the guest in which `hypertrace kernel add` looks at a
 * kernel: it reads what the driver of that kernel would read, puts it into the
 * same records, hands them to the host and restarts, which ends the VM.
 *
 * The kernel brings no modules: what is used here is built into any kernel for
 * PCs. The host is reached through the memory of QEMU's ivshmem-plain (PCI
 * alone is needed for that), or else the second serial port.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#include "profile-image.h"
#include "virtio_hypertrace.h"

#define TRACEFS		"/sys/kernel/tracing"
#define SERIAL		"/dev/ttyS1"

/* As the driver makes them. */
#define PACKET_CONTENT	65536

static struct profile_image header = { .magic = PROFILE_IMAGE_MAGIC };

/* The image without its header. */
static char *image;
static size_t image_size;

/* The records of the packet that is being filled. */
static char content[PACKET_CONTENT];
static size_t content_size;
static struct vht_meta *open_record;
static uint64_t sequence;

/* Shared memory of the host, NULL: the serial port is to be used. */
static char *shared;
static size_t shared_size;

static void restart(void) __attribute__((noreturn));
static void fail(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

static void restart(void)
{
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static bool write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		size -= n;
	}
	return true;
}

/* A serial port that changes nothing on its way. Return: its fd, or -1. */
static int open_serial(void)
{
	struct termios settings;
	int fd = open(SERIAL, O_RDWR | O_NOCTTY);

	if (fd < 0 || tcgetattr(fd, &settings) < 0)
		return -1;
	cfmakeraw(&settings);
	settings.c_cflag |= CLOCAL;
	cfsetspeed(&settings, B115200);
	return tcsetattr(fd, TCSANOW, &settings) < 0 ? -1 : fd;
}

static void hand_over(void)
{
	if (shared && sizeof(header) + image_size <= shared_size) {
		memcpy(shared + sizeof(header), image, image_size);
		memcpy(shared + sizeof(header.magic), (char *)&header + sizeof(header.magic),
		       sizeof(header) - sizeof(header.magic));
		__atomic_store_n((uint64_t *)shared, header.magic, __ATOMIC_RELEASE);
	} else if (!shared) {
		int fd = open_serial();

		if (fd < 0 || !write_all(fd, (char *)&header, sizeof(header)) ||
		    !write_all(fd, image, image_size) || tcdrain(fd) < 0)
			printf("hypertrace: no way to the host: neither ivshmem nor %s\n", SERIAL);
	}
}

static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(header.error, sizeof(header.error), format, args);
	va_end(args);
	printf("hypertrace: %s\n", header.error);
	image_size = 0;
	header.size = 0;
	hand_over();
	restart();
}

/* Files. */

/**
 * read_file - the whole of a file whose size nobody knows before
 * @path: of the file
 * @size: set to its bytes
 * Return: its text with a NUL behind, or NULL.
 */
static char *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	size_t room = 65536, used = 0;
	char *text = malloc(room + 1);

	if (fd < 0 || !text)
		goto none;
	for (;;) {
		ssize_t n = read(fd, text + used, room - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto none;
		if (!n)
			break;
		used += n;
		if (used == room) {
			char *more = realloc(text, 2 * room + 1);

			if (!more)
				goto none;
			text = more;
			room *= 2;
		}
	}
	close(fd);
	text[used] = '\0';
	*size = used;
	return text;

none:
	if (fd >= 0)
		close(fd);
	free(text);
	return NULL;
}

static unsigned long read_number(const char *directory, const char *name)
{
	unsigned long number = 0;
	char path[512];
	size_t size;
	char *text;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	text = read_file(path, &size);
	if (text)
		number = strtoul(text, NULL, 16);
	free(text);
	return number;
}

/* The packets, as guest-driver/vht_metadata.c makes them. */

static void flush_records(void)
{
	size_t size = sizeof(struct vht_packet) + content_size;
	struct vht_packet packet = {
		.magic = VHT_PACKET_MAGIC,
		.header_size = sizeof(packet),
		.type = VHT_PACKET_METADATA,
		.stream_id = VHT_STREAM_ID_GUEST,
		.cpu = VHT_CPU_NONE,
		.sequence = sequence,
		.content_size = content_size,
	};

	open_record = NULL;
	if (!content_size)
		return;
	size = (size + VHT_PACKET_ALIGN - 1) & ~(size_t)(VHT_PACKET_ALIGN - 1);
	packet.packet_size = size;
	if (image_size + size > PROFILE_IMAGE_MAX - sizeof(header))
		fail("the profile is too large");
	image = realloc(image, image_size + size);
	if (!image)
		fail("no memory for the profile");
	memset(image + image_size, 0, size);
	memcpy(image + image_size, &packet, sizeof(packet));
	memcpy(image + image_size + sizeof(packet), content, content_size);
	image_size += size;
	content_size = 0;
	sequence++;
}

/* Return: room for @size bytes of payload, or NULL if no packet has that much. */
static void *begin_record(uint32_t type, uint64_t arg, size_t size)
{
	size_t at = (content_size + 7) & ~(size_t)7;
	struct vht_meta *record;

	if (sizeof(*record) + size > PACKET_CONTENT)
		return NULL;
	if (at + sizeof(*record) + size > PACKET_CONTENT) {
		flush_records();
		at = 0;
	}
	memset(content + content_size, 0, at - content_size);
	record = (struct vht_meta *)(content + at);
	record->type = type;
	record->size = size;
	record->arg = arg;
	content_size = at + sizeof(*record) + size;
	open_record = NULL;
	return record + 1;
}

/* Adds a line to the record of lines, or begins another. */
static void add_line(uint32_t type, const char *line, size_t size)
{
	if (size >= PACKET_CONTENT - sizeof(struct vht_meta))
		return;
	if (!open_record || open_record->type != type || content_size + size + 1 > PACKET_CONTENT) {
		struct vht_meta *record = begin_record(type, 0, size + 1);

		record--;
		record->size = 0;
		content_size -= size + 1;
		open_record = record;
	}
	memcpy(content + content_size, line, size);
	content[content_size + size] = '\n';
	content_size += size + 1;
	open_record->size += size + 1;
}

/**
 * add_lines - add the lines of a file that are wanted
 * @type: VHT_META_*
 * @path: of the file
 * @wants: says whether a line is wanted; NULL: all are
 * Return: how many there were.
 */
static size_t add_lines(uint32_t type, const char *path, bool (*wants)(const char *, size_t))
{
	size_t size, count = 0;
	char *text = read_file(path, &size), *line, *end;

	for (line = text; text && line < text + size; line = end + 1) {
		end = strchrnul(line, '\n');
		if (end == line || (wants && !wants(line, end - line)))
			continue;
		add_line(type, line, end - line);
		count++;
	}
	free(text);
	return count;
}

static bool is_text_symbol(const char *line, size_t size)
{
	const char *space = memchr(line, ' ', size);

	return space && line + size - space > 2 && strchr("tTwW", space[1]);
}

/* The environment. */

static void add_env(const char *key, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_env(const char *key, const char *format, ...)
{
	char line[4096];
	int at = snprintf(line, sizeof(line), "%s=", key);
	va_list args;

	va_start(args, format);
	vsnprintf(line + at, sizeof(line) - at, format, args);
	va_end(args);
	add_line(VHT_META_ENV, line, strcspn(line, "\n"));
}

/* Return: was there a build id among the kernel's notes? */
static bool add_build_id(void)
{
	size_t size, at = 0;
	char *notes = read_file("/sys/kernel/notes", &size);
	bool found = false;

	while (notes && !found && size - at >= sizeof(Elf64_Nhdr)) {
		const Elf64_Nhdr *note = (const Elf64_Nhdr *)(notes + at);
		size_t name = at + sizeof(*note);
		size_t desc = name + ((note->n_namesz + 3) & ~3U);
		char hex[2 * 64 + 1];

		if (desc > size || note->n_descsz > size - desc)
			break;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4) && note->n_descsz <= 64) {
			for (unsigned int i = 0; i < note->n_descsz; i++)
				sprintf(hex + 2 * i, "%02x", (unsigned char)notes[desc + i]);
			add_env("kernel.build_id", "%s", hex);
			found = true;
		}
		at = desc + ((note->n_descsz + 3) & ~3U);
		if (at > size)
			break;
	}
	free(notes);
	return found;
}

static void add_environment(void)
{
	struct utsname host;

	uname(&host);
	add_env("kernel.release", "%s", host.release);
	add_env("kernel.version", "%s", host.version);
	add_env("kernel.machine", "%s", host.machine);
	if (!add_build_id())
		fail("the kernel has no build id (/sys/kernel/notes)");
	/* no command line: it is this guest's, not that of those to come */
	add_env("page_size", "%ld", sysconf(_SC_PAGESIZE));
	add_env("long_size", "%zu", sizeof(long));
}

/* Formats. */

static void add_text(uint32_t type, const char *path)
{
	size_t size;
	char *text = read_file(path, &size);
	void *payload = text ? begin_record(type, 0, size) : NULL;

	if (payload)
		memcpy(payload, text, size);
	free(text);
}

/* Return: 1 if the event has a format. */
static int add_format(const char *system, const char *event)
{
	size_t size, name = strlen(system) + 1;
	char path[512], *text, *payload = NULL;

	snprintf(path, sizeof(path), TRACEFS "/events/%s/%s/format", system, event);
	text = read_file(path, &size);
	if (text)
		payload = begin_record(VHT_META_FORMAT, 0, name + size);
	if (payload) {
		memcpy(payload, system, name);
		memcpy(payload + name, text, size);
	}
	free(text);
	return payload != NULL;
}

static int add_formats(void)
{
	size_t size;
	DIR *directory = opendir(TRACEFS "/events/ftrace");
	char *events = read_file(TRACEFS "/available_events", &size), *event, *rest = events;
	struct dirent *entry;
	int count = 0;

	/* ftrace's own entries are not in the list of events */
	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			add_format("ftrace", entry->d_name);
	if (directory)
		closedir(directory);
	while ((event = strsep(&rest, "\n"))) {
		char *name = strchr(event, ':');

		if (!name)
			continue;
		*name++ = '\0';
		count += add_format(event, name);
	}
	free(events);
	return count;
}

/* Devices. */

/* Maps the memory of an ivshmem device, if there is one. */
static void find_shared(void)
{
	static const char bus[] = "/sys/bus/pci/devices";
	DIR *directory = opendir(bus);
	struct dirent *entry;

	while (directory && !shared && (entry = readdir(directory))) {
		char device[300], path[320];
		struct stat info;
		void *memory;
		int fd;

		snprintf(device, sizeof(device), "%s/%s", bus, entry->d_name);
		if (entry->d_name[0] == '.' || read_number(device, "vendor") != 0x1af4 ||
		    read_number(device, "device") != 0x1110)
			continue;
		snprintf(path, sizeof(path), "%s/enable", device);
		fd = open(path, O_WRONLY);
		if (fd >= 0) {
			if (write(fd, "1", 1) < 0)
				printf("hypertrace: cannot enable the shared memory\n");
			close(fd);
		}
		snprintf(path, sizeof(path), "%s/resource2", device);
		fd = open(path, O_RDWR);
		if (fd < 0 || fstat(fd, &info) < 0)
			continue;
		memory = mmap(NULL, info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (memory == MAP_FAILED)
			continue;
		shared = memory;
		shared_size = info.st_size;
	}
	if (directory)
		closedir(directory);
}

static void mount_at(const char *type, const char *path)
{
	mkdir(path, 0700);
	if (mount(type, path, type, 0, NULL) < 0 && errno != EBUSY)
		fail("cannot mount %s: %s", type, strerror(errno));
}

static void allow_addresses(void)
{
	int fd = open("/proc/sys/kernel/kptr_restrict", O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) < 0)
		printf("hypertrace: cannot set kptr_restrict\n");
	close(fd);
}

int main(void)
{
	setlinebuf(stdout);
	/* First what errors are told through. */
	mkdir("/dev", 0700);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount_at("sysfs", "/sys");
	find_shared();
	mount_at("proc", "/proc");
	mount_at("tracefs", TRACEFS);
	allow_addresses();

	begin_record(VHT_META_BEGIN, 1, 0);
	add_environment();
	add_text(VHT_META_HEADER_PAGE, TRACEFS "/events/header_page");
	add_text(VHT_META_HEADER_EVENT, TRACEFS "/events/header_event");
	if (!add_formats())
		fail("the kernel has no trace events");
	add_lines(VHT_META_PRINTK_FORMATS, TRACEFS "/printk_formats", NULL);
	if (!add_lines(VHT_META_SYMBOLS, "/proc/kallsyms", is_text_symbol))
		fail("the kernel has no symbols (/proc/kallsyms)");
	begin_record(VHT_META_COMPLETE, 1, 0);
	flush_records();

	header.size = image_size;
	hand_over();
	restart();
}
