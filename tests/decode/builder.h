/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recordings for tests, written packet by packet into the scratch directory as
 * docs/specs/recording.md says.
 */
#ifndef HYPERTRACE_TESTS_BUILDER_H
#define HYPERTRACE_TESTS_BUILDER_H

#include <stdint.h>

#include "../host/scratch.h"
#include "virtio_hypertrace.h"

/* Of all that is built. */
static uint32_t builder_epoch = 1;

struct builder_file {
	GByteArray *bytes;
	struct vht_stream state;
	uint64_t sequence;
	uint64_t events;
	uint64_t discarded;
};

static inline void builder_packet(struct builder_file *file, uint16_t type, const void *content,
				  size_t size, uint32_t flags, uint64_t clock, uint64_t counter)
{
	struct vht_packet packet = {
		.magic = GUINT32_TO_LE(VHT_PACKET_MAGIC),
		.header_size = GUINT16_TO_LE(sizeof(packet)),
		.type = GUINT16_TO_LE(type),
		.stream_id = file->state.id,
		.cpu = file->state.cpu,
		.epoch = GUINT32_TO_LE(builder_epoch),
		.generation = GUINT32_TO_LE(1),
		.flags = GUINT32_TO_LE(flags),
		.sequence = GUINT64_TO_LE(file->sequence),
		.content_size = GUINT64_TO_LE(size),
		.events = GUINT64_TO_LE(file->events),
		.events_discarded = GUINT64_TO_LE(file->discarded),
		.clock = GUINT64_TO_LE(clock),
		.counter = GUINT64_TO_LE(counter),
		.timestamp_begin = type == VHT_PACKET_STATE ? GUINT64_TO_LE(77) : 0,
	};
	size_t whole = (sizeof(packet) + size + VHT_PACKET_ALIGN - 1) & ~(VHT_PACKET_ALIGN - 1ULL);
	guint at = file->bytes->len;

	packet.packet_size = GUINT64_TO_LE(whole);
	g_byte_array_set_size(file->bytes, at + whole);
	memset(file->bytes->data + at, 0, whole);
	memcpy(file->bytes->data + at, &packet, sizeof(packet));
	memcpy(file->bytes->data + at + sizeof(packet), content, size);
	if (type != VHT_PACKET_STATE)
		file->sequence++;
}

static inline void builder_state(struct builder_file *file)
{
	file->state.events_lost = GUINT64_TO_LE(file->discarded);
	file->state.events = GUINT64_TO_LE(file->events);
	builder_packet(file, VHT_PACKET_STATE, &file->state, sizeof(file->state), 0, 0, 0);
}

static inline struct builder_file builder_file(uint32_t id, uint16_t source, uint32_t cpu,
					       uint32_t clock)
{
	struct builder_file file = { .bytes = g_byte_array_new() };

	file.state.id = GUINT32_TO_LE(id);
	file.state.source = GUINT16_TO_LE(source);
	file.state.cpu = GUINT32_TO_LE(cpu);
	file.state.clock = GUINT32_TO_LE(clock);
	memcpy(file.state.name, "hypertrace", 10);
	builder_state(&file);
	return file;
}

static inline void builder_write(struct builder_file *file, const char *name)
{
	scratch_put(name, file->bytes->data, file->bytes->len);
	g_byte_array_unref(file->bytes);
}

static inline void builder_meta(struct builder_file *file, uint32_t type, const void *payload,
				size_t size)
{
	struct vht_meta meta = { .type = GUINT32_TO_LE(type), .size = GUINT32_TO_LE(size) };
	GByteArray *content = g_byte_array_new();

	g_byte_array_append(content, (const guint8 *)&meta, sizeof(meta));
	g_byte_array_append(content, payload, size);
	builder_packet(file, VHT_PACKET_METADATA, content->data, content->len, 0, 0, 0);
	g_byte_array_unref(content);
}

static inline void builder_vmm(struct builder_file *file, uint64_t mono, uint32_t type,
			       uint64_t arg, const char *text)
{
	struct vht_vmm_event event = {
		.mono_ns = GUINT64_TO_LE(mono), .type = GUINT32_TO_LE(type),
		.epoch = GUINT32_TO_LE(builder_epoch), .arg = GUINT64_TO_LE(arg),
	};

	memcpy(event.text, text, strnlen(text, sizeof(event.text)));
	builder_packet(file, VHT_PACKET_VMM, &event, sizeof(event), 0, 0, 0);
}

static inline void builder_clock(struct builder_file *file, uint64_t counter, uint64_t mono,
				 uint16_t reason)
{
	struct vht_clock_record record = {
		.mono_ns = GUINT64_TO_LE(mono), .counter = GUINT64_TO_LE(counter),
		.reason = GUINT16_TO_LE(reason), .epoch = GUINT32_TO_LE(builder_epoch),
		.error_ns = GUINT32_TO_LE(10), .cpu = VHT_CPU_NONE,
	};

	builder_packet(file, VHT_PACKET_CLOCK, &record, sizeof(record), 0, 0, 0);
}

static inline void builder_vcpu(struct builder_file *file, uint64_t mono, uint32_t index,
				uint64_t arch_id, uint32_t kvm_id, uint32_t thread_id,
				uint32_t state)
{
	struct vht_vcpu_record record = {
		.mono_ns = GUINT64_TO_LE(mono), .epoch = GUINT32_TO_LE(builder_epoch),
		.index = GUINT32_TO_LE(index), .arch_id = GUINT64_TO_LE(arch_id),
		.kvm_id = GUINT32_TO_LE(kvm_id), .thread_id = GUINT32_TO_LE(thread_id),
		.state = GUINT32_TO_LE(state),
	};

	builder_packet(file, VHT_PACKET_VCPU, &record, sizeof(record), 0, 0, 0);
}

#define BUILDER_TICK	1000	/* of the source's clock, between two events of a page */

/*
 * A sub-buffer of events of id 100, { u64 number }, from @first on, the first at
 * @time, the others BUILDER_TICK apart.
 */
static inline void builder_page(struct builder_file *file, uint64_t time, uint64_t first,
				unsigned int count, uint32_t flags, uint64_t counter)
{
	struct {
		uint64_t time;
		uint64_t commit;
		struct {
			uint32_t head;
			uint16_t type;
			uint8_t flags, preempt;
			int32_t pid;
			uint32_t number[2];
		} __attribute__((packed)) events[64];
	} page = { GUINT64_TO_LE(time), GUINT64_TO_LE(count * sizeof(page.events[0])), { { 0 } } };

	assert(count <= G_N_ELEMENTS(page.events));
	for (unsigned int i = 0; i < count; i++) {
		page.events[i].head = GUINT32_TO_LE((i ? BUILDER_TICK : 0) << 5 | 4);
		page.events[i].type = GUINT16_TO_LE(100);
		page.events[i].pid = GINT32_TO_LE(42);
		page.events[i].number[0] = GUINT32_TO_LE((uint32_t)(first + i));
	}
	file->events += count;
	builder_packet(file, VHT_PACKET_FTRACE, &page, 16 + count * sizeof(page.events[0]), flags,
		       counter ? time : 0, counter);
}

#define BUILDER_FORMAT							\
	"test\0name: numbered\nID: 100\nformat:\n"			\
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"	\
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"	\
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"	\
	"\tfield:u64 number;\toffset:8;\tsize:8;\tsigned:0;\n\n"	\
	"print fmt: \"%llu\", REC->number\n"

/* The metadata file of a driver's life with that one event. */
static inline void builder_metadata(const char *name)
{
	struct builder_file file = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);

	builder_meta(&file, VHT_META_ENV, "long_size=8\nsource.hypertrace.clock=local\n", 43);
	builder_meta(&file, VHT_META_FORMAT, BUILDER_FORMAT, sizeof(BUILDER_FORMAT) - 1);
	builder_meta(&file, VHT_META_TASKS, "42 answer\n", 10);
	builder_write(&file, name);
}

/* recording.ini and vm.ini; the counter runs at 2 GHz. */
static inline void builder_begin(const char *vm)
{
	g_autofree char *ini = g_strdup_printf("%s/vm.ini", vm);

	scratch_put("recording.ini",
		    "[recording]\nversion=1\ntool=test\nboot_id=\nhostname=h\nrelease=r\n"
		    "start_mono_ns=1\nstart_real_ns=1000000001\n", -1);
	scratch_put(ini, "[vm]\nname=guest\nuuid=\nvmm=none\npid=1\nstart_mono_ns=1\n"
		    "start_real_ns=1\ncounter_kind=1\ncounter_hz=2000000000\nregion_size=1\n", -1);
}

#endif
