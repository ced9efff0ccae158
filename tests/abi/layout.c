// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout of every structure of the ABI header, field by field, as numbers:
 * a change of it breaks the compilation of this file. It compiles as C, as
 * C++ and in the kernel (abi.t does all three).
 */
#ifdef __KERNEL__
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif
#include "virtio_hypertrace.h"

/* An array of negative size stops any compiler, of any age. */
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define CHECK(good) extern char JOIN(check_, __LINE__)[(good) ? 1 : -1]
#define SIZE(type, size) CHECK(sizeof(struct type) == (size))
#define FIELD(type, field, offset, size)                                  \
	CHECK(offsetof(struct type, field) == (offset) &&                 \
	      sizeof(((struct type *)0)->field) == (size))

SIZE(virtio_hypertrace_config, 16);
FIELD(virtio_hypertrace_config, version, 0, 4);
FIELD(virtio_hypertrace_config, reserved, 4, 4);
FIELD(virtio_hypertrace_config, region_size, 8, 8);

SIZE(vht_host_header, 512);
FIELD(vht_host_header, magic, 0, 8);
FIELD(vht_host_header, version, 8, 4);
FIELD(vht_host_header, header_size, 12, 4);
FIELD(vht_host_header, features, 16, 8);
FIELD(vht_host_header, region_size, 24, 8);
FIELD(vht_host_header, guest_offset, 32, 8);
FIELD(vht_host_header, host_stream_offset, 40, 8);
FIELD(vht_host_header, host_stream_count, 48, 4);
FIELD(vht_host_header, stream_size, 52, 4);
FIELD(vht_host_header, consumer_offset, 56, 8);
FIELD(vht_host_header, consumer_count, 64, 4);
FIELD(vht_host_header, consumer_size, 68, 4);
FIELD(vht_host_header, pid, 72, 4);
FIELD(vht_host_header, counter_kind, 76, 4);
FIELD(vht_host_header, counter_hz, 80, 8);
FIELD(vht_host_header, start_mono_ns, 88, 8);
FIELD(vht_host_header, start_real_ns, 96, 8);
FIELD(vht_host_header, uuid, 104, 16);
FIELD(vht_host_header, boot_id, 120, 16);
FIELD(vht_host_header, name, 136, 64);
FIELD(vht_host_header, vmm, 200, 64);
FIELD(vht_host_header, epoch, 264, 4);
FIELD(vht_host_header, reader, 268, 4);
FIELD(vht_host_header, reader_pid, 272, 4);
FIELD(vht_host_header, alive, 276, 4);
FIELD(vht_host_header, guest_end, 280, 8);
FIELD(vht_host_header, window_addr, 288, 8);
FIELD(vht_host_header, window_size, 296, 8);
FIELD(vht_host_header, window_offset, 304, 16);
FIELD(vht_host_header, window_epoch, 320, 8);
FIELD(vht_host_header, clock_line, 328, 104);
FIELD(vht_host_header, reserved, 432, 80);

SIZE(vht_clock_segment, 24);
FIELD(vht_clock_segment, counter, 0, 8);
FIELD(vht_clock_segment, mono_ns, 8, 8);
FIELD(vht_clock_segment, mult, 16, 8);

SIZE(vht_clock_line, 104);
FIELD(vht_clock_line, sequence, 0, 4);
FIELD(vht_clock_line, reserved, 4, 4);
FIELD(vht_clock_line, segments, 8, 96);

SIZE(vht_consumer, 64);
FIELD(vht_consumer, tail, 0, 8);
FIELD(vht_consumer, reserved, 8, 56);

SIZE(vht_guest_header, 192);
FIELD(vht_guest_header, magic, 0, 8);
FIELD(vht_guest_header, version, 8, 4);
FIELD(vht_guest_header, header_size, 12, 4);
FIELD(vht_guest_header, features, 16, 8);
FIELD(vht_guest_header, epoch, 24, 4);
FIELD(vht_guest_header, generation, 28, 4);
FIELD(vht_guest_header, state, 32, 4);
FIELD(vht_guest_header, stream_count, 36, 4);
FIELD(vht_guest_header, stream_offset, 40, 8);
FIELD(vht_guest_header, stream_size, 48, 4);
FIELD(vht_guest_header, slice_count, 52, 4);
FIELD(vht_guest_header, slice_offset, 56, 8);
FIELD(vht_guest_header, end_reason, 64, 4);
FIELD(vht_guest_header, end_stage, 68, 4);
FIELD(vht_guest_header, end_counter, 72, 8);
FIELD(vht_guest_header, end_text, 80, 112);

SIZE(vht_stream, 128);
FIELD(vht_stream, id, 0, 4);
FIELD(vht_stream, source, 4, 2);
FIELD(vht_stream, flags, 6, 2);
FIELD(vht_stream, cpu, 8, 4);
FIELD(vht_stream, clock, 12, 4);
FIELD(vht_stream, ring_offset, 16, 8);
FIELD(vht_stream, ring_size, 24, 8);
FIELD(vht_stream, name, 32, 32);
FIELD(vht_stream, head, 64, 8);
FIELD(vht_stream, begin, 72, 8);
FIELD(vht_stream, packets, 80, 8);
FIELD(vht_stream, events, 88, 8);
FIELD(vht_stream, events_lost, 96, 8);
FIELD(vht_stream, overwritten, 104, 8);
FIELD(vht_stream, drain_counter, 112, 8);
FIELD(vht_stream, reserved, 120, 8);

SIZE(vht_packet, 128);
FIELD(vht_packet, magic, 0, 4);
FIELD(vht_packet, header_size, 4, 2);
FIELD(vht_packet, type, 6, 2);
FIELD(vht_packet, stream_id, 8, 4);
FIELD(vht_packet, cpu, 12, 4);
FIELD(vht_packet, epoch, 16, 4);
FIELD(vht_packet, generation, 20, 4);
FIELD(vht_packet, flags, 24, 4);
FIELD(vht_packet, counter_width, 28, 4);
FIELD(vht_packet, sequence, 32, 8);
FIELD(vht_packet, packet_size, 40, 8);
FIELD(vht_packet, content_size, 48, 8);
FIELD(vht_packet, timestamp_begin, 56, 8);
FIELD(vht_packet, timestamp_end, 64, 8);
FIELD(vht_packet, events, 72, 8);
FIELD(vht_packet, events_discarded, 80, 8);
FIELD(vht_packet, clock, 88, 8);
FIELD(vht_packet, counter, 96, 8);
FIELD(vht_packet, skip, 104, 4);
FIELD(vht_packet, subbufs_lost, 108, 4);
FIELD(vht_packet, seen_after, 112, 8);
FIELD(vht_packet, seen_before, 120, 8);

SIZE(vht_meta, 16);
FIELD(vht_meta, type, 0, 4);
FIELD(vht_meta, size, 4, 4);
FIELD(vht_meta, arg, 8, 8);

SIZE(vht_heartbeat, 16);
FIELD(vht_heartbeat, number, 0, 8);
FIELD(vht_heartbeat, counter, 8, 8);

SIZE(vht_vmm_event, 128);
FIELD(vht_vmm_event, mono_ns, 0, 8);
FIELD(vht_vmm_event, counter, 8, 8);
FIELD(vht_vmm_event, type, 16, 4);
FIELD(vht_vmm_event, epoch, 20, 4);
FIELD(vht_vmm_event, arg, 24, 8);
FIELD(vht_vmm_event, text, 32, 96);

SIZE(vht_clock_record, 64);
FIELD(vht_clock_record, mono_ns, 0, 8);
FIELD(vht_clock_record, counter, 8, 8);
FIELD(vht_clock_record, counter_hz, 16, 8);
FIELD(vht_clock_record, error_ns, 24, 4);
FIELD(vht_clock_record, kind, 28, 2);
FIELD(vht_clock_record, reason, 30, 2);
FIELD(vht_clock_record, cpu, 32, 4);
FIELD(vht_clock_record, epoch, 36, 4);
FIELD(vht_clock_record, offset, 40, 8);
FIELD(vht_clock_record, scale, 48, 8);
FIELD(vht_clock_record, host_counter, 56, 8);

SIZE(vht_vcpu_record, 64);
FIELD(vht_vcpu_record, mono_ns, 0, 8);
FIELD(vht_vcpu_record, epoch, 8, 4);
FIELD(vht_vcpu_record, index, 12, 4);
FIELD(vht_vcpu_record, arch_id, 16, 8);
FIELD(vht_vcpu_record, kvm_id, 24, 4);
FIELD(vht_vcpu_record, thread_id, 28, 4);
FIELD(vht_vcpu_record, state, 32, 4);
FIELD(vht_vcpu_record, reserved, 36, 28);

SIZE(vht_kallsyms, 24);
FIELD(vht_kallsyms, count, 0, 8);
FIELD(vht_kallsyms, base, 8, 8);
FIELD(vht_kallsyms, flags, 16, 4);
FIELD(vht_kallsyms, reserved, 20, 4);

SIZE(vht_lttng_text, 32);
FIELD(vht_lttng_text, uuid, 0, 16);
FIELD(vht_lttng_text, version, 16, 4);
FIELD(vht_lttng_text, reserved, 20, 4);
FIELD(vht_lttng_text, offset, 24, 8);

SIZE(vht_spool, 32);
FIELD(vht_spool, file, 0, 8);
FIELD(vht_spool, offset, 8, 8);
FIELD(vht_spool, size, 16, 8);
FIELD(vht_spool, path_size, 24, 4);
FIELD(vht_spool, flags, 28, 4);

SIZE(vht_message, 24);
FIELD(vht_message, type, 0, 4);
FIELD(vht_message, size, 4, 4);
FIELD(vht_message, cookie, 8, 8);
FIELD(vht_message, arg, 16, 8);

/* The producer's fields of a stream lie in a cache line that no other one writes. */
CHECK(offsetof(struct vht_stream, head) == 64);
CHECK(VHT_PACKET_ALIGN % 64 == 0);
/* Packets and tables are placed by these. */
CHECK(sizeof(struct vht_packet) == VHT_PACKET_ALIGN);
CHECK(sizeof(struct vht_guest_header) % 64 == 0);
CHECK(VHT_REGION_MIN_SIZE % VHT_REGION_ALIGN == 0);
CHECK(VHT_REGION_DEFAULT_SIZE % VHT_REGION_ALIGN == 0);
CHECK(VHT_PACKET_MAX_SIZE % VHT_PACKET_ALIGN == 0);
CHECK(VHT_WINDOW_ALIGN % VHT_REGION_ALIGN == 0);
CHECK(sizeof(struct vht_message) < VHT_MESSAGE_MAX_SIZE);
CHECK(VHT_MARK_PORT(VHT_MARK(0xfff0, 4, 0x89abcdef)) == 0xfff0);
CHECK(VHT_MARK_SIZE(VHT_MARK(0xfff0, 4, 0x89abcdef)) == 4);
CHECK(VHT_MARK_VALUE(VHT_MARK(0xfff0, 4, 0x89abcdef)) == 0x89abcdef);
CHECK(VHT_MAX_HOST_STREAMS < VHT_MAX_STREAMS);
CHECK(VHT_KALLSYMS_TABLE(VHT_KALLSYMS(VHT_KALLSYMS_OFFSETS, (__u64)0x12345678 << 8)) == VHT_KALLSYMS_OFFSETS);
CHECK(VHT_KALLSYMS_OFFSET(VHT_KALLSYMS(VHT_KALLSYMS_OFFSETS, (__u64)0x12345678 << 8)) == (__u64)0x12345678 << 8);
