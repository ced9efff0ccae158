/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * virtio-hypertrace: everything that two of the three sides (device, guest
 * driver, host tools) must agree on, and nothing else.
 *
 * The prose to this header is docs/specs/virtio-hypertrace.md; words in
 * brackets such as [R3] name the clause there. Every field is little-endian.
 * A place in the region is an offset in bytes from the start of the region,
 * never a pointer. A position in a ring is a count of bytes since the ring was
 * made; it never wraps, and its place in the ring is position % ring size.
 *
 * The header compiles as C99, as C++ and in the kernel.
 */
#ifndef VIRTIO_HYPERTRACE_H
#define VIRTIO_HYPERTRACE_H

#include <linux/types.h>

/* Experimental: outside the table of the VIRTIO specification. */
#define VIRTIO_ID_HYPERTRACE		63

/* The one shared memory region of the device (VIRTIO shared memory ID). */
#define VIRTIO_HYPERTRACE_SHM_REGION	0

/* Virtqueues. */
#define VIRTIO_HYPERTRACE_VQ_CONTROL	0	/* driver to device */
#define VIRTIO_HYPERTRACE_VQ_EVENT	1	/* device to driver */
#define VIRTIO_HYPERTRACE_VQ_COUNT	2

#define VHT_VERSION			1

/* struct virtio_hypertrace_config: device configuration space, read-only. */
struct virtio_hypertrace_config {
	__le32 version;			/* VHT_VERSION */
	__le32 reserved;
	__le64 region_size;		/* bytes; equals the shared memory's length */
};

/*
 * The region.
 *
 *   0                      struct vht_host_header        \
 *   host_stream_offset     struct vht_stream[]            | host pages:
 *   consumer_offset        struct vht_consumer[]          | read-only for
 *   ...                    rings of the host's streams   /  the guest
 *   guest_offset           struct vht_guest_header       \
 *   stream_offset          struct vht_stream[]            | guest part
 *   ...                    rings of the guest's streams  /
 *   guest_end              the window's two places, where there is one
 *
 * One writer per page [R1]: the host writes only below guest_offset, the guest
 * only from there on.
 */
#define VHT_REGION_ALIGN		0x200000	/* of guest_offset and of the size */
#define VHT_REGION_MIN_SIZE		0x400000
#define VHT_REGION_MAX_SIZE		0x1000000000ULL	/* 64 GiB */
#define VHT_REGION_DEFAULT_SIZE		0x4000000

#define VHT_MAX_HOST_STREAMS		32
#define VHT_MAX_STREAMS			4096		/* ids, host and guest together */

/* "HYPTRACE" and "HYPGUEST" as they lie in memory. */
#define VHT_HOST_MAGIC			0x4543415254505948ULL
#define VHT_GUEST_MAGIC			0x5453455547505948ULL
#define VHT_PACKET_MAGIC		0x54485650U	/* "PVHT" */

/* vht_host_header.reader */
#define VHT_READER_NONE			0	/* streams keep the newest packets */
#define VHT_READER_ATTACHED		1	/* streams are lossless until full */

/*
 * struct vht_clock_line - the guest counter as host's CLOCK_MONOTONIC [D12]
 *
 * Line number @sequence is @segments[@sequence & 1]: the next one is written into the
 * other place, so that there is always a whole one. Of its two segments the second is
 * the one to take if value - counter there is not negative, as a signed number, else
 * the first. With it, in 128 bits:
 * ns = mono_ns + (((value - counter) * mult) >> 32).
 */
struct vht_clock_segment {
	__le64 counter;			/* guest counter where it begins ... */
	__le64 mono_ns;			/* ... and CLOCK_MONOTONIC of the host there */
	__le64 mult;			/* ns for a tick, times 2^32 */
};

struct vht_clock_line {
	__le32 sequence;		/* one more with each line; 0: nothing there yet */
	__le32 reserved;
	struct vht_clock_segment segments[2][2];
};

/*
 * struct vht_host_header - what the host says about the region and the VM
 *
 * Writer: the device. All but the fields marked "live" are constant while the
 * device exists; a live field is written with one aligned store.
 */
struct vht_host_header {
	__le64 magic;			/* VHT_HOST_MAGIC, stored last */
	__le32 version;			/* VHT_VERSION */
	__le32 header_size;		/* sizeof this struct, for growth */
	__le64 features;		/* VHT_FEATURE_* */
	__le64 region_size;
	__le64 guest_offset;
	__le64 host_stream_offset;
	__le32 host_stream_count;
	__le32 stream_size;		/* bytes from one vht_stream to the next */
	__le64 consumer_offset;
	__le32 consumer_count;
	__le32 consumer_size;		/* bytes from one vht_consumer to the next */
	__le32 pid;			/* of the VMM on the host */
	__le32 counter_kind;		/* VHT_COUNTER_* */
	__le64 counter_hz;		/* of the guest counter, 0 if unknown */
	__le64 start_mono_ns;		/* CLOCK_MONOTONIC when the device was made */
	__le64 start_real_ns;		/* CLOCK_REALTIME at the same moment */
	__u8 uuid[16];			/* of the VM, zero if it has none */
	__u8 boot_id[16];		/* of the host's kernel */
	__u8 name[64];			/* of the VM, UTF-8, NUL-padded */
	__u8 vmm[64];			/* e.g. "QEMU 10.0.13", NUL-padded */
	__le32 epoch;			/* live: 1, then one more at each reset */
	__le32 reader;			/* live: VHT_READER_* */
	__le32 reader_pid;		/* live: of the attached reader, or 0 */
	__le32 alive;			/* live: 1, and 0 once the VMM ended by itself */
	__le64 guest_end;		/* the driver's part ends here */
	__le64 window_addr;		/* guest-physical, of the window */
	__le64 window_size;		/* bytes, 0: there is no window */
	__le64 window_offset[2];	/* its two places, which take turns [W3] */
	__le32 window_epoch[2];		/* live: the epoch that lies there, 0: none */
	struct vht_clock_line clock_line; /* live */
	__u8 reserved[80];
};

/* vht_host_header.features */
#define VHT_FEATURE_WINDOW		(1 << 0) /* there is a window */
#define VHT_FEATURE_CLOCK_LINE		(1 << 1) /* clock_line is kept up to date */

#define VHT_WINDOW_ALIGN		0x200000	/* of its address and of its size */

/* vht_host_header.counter_kind: what the guest's counter is. */
#define VHT_COUNTER_UNKNOWN		0
#define VHT_COUNTER_X86_TSC		1
#define VHT_COUNTER_ARM64_CNTVCT	2

/*
 * struct vht_consumer - how far the host has read one stream
 *
 * Writer: the attached reader. Entry i belongs to the stream with id i.
 */
struct vht_consumer {
	__le64 tail;			/* position: all before it was taken */
	__u8 reserved[56];
};

/* vht_guest_header.state */
#define VHT_GUEST_NONE			0	/* no driver yet in this epoch */
#define VHT_GUEST_INIT			1	/* tables are being written */
#define VHT_GUEST_READY			2
#define VHT_GUEST_GONE			3	/* driver said goodbye; rings stay valid */

/*
 * struct vht_guest_header - what the guest driver says
 *
 * Writer: the driver. Filled in while @state is VHT_GUEST_INIT; constant but
 * for @state once it is VHT_GUEST_READY. (@epoch, @generation) never repeats
 * in the life of a region, so a reader that finds both unchanged after a copy
 * knows that the tables were the same throughout [R6].
 */
struct vht_guest_header {
	__le64 magic;			/* VHT_GUEST_MAGIC */
	__le32 version;
	__le32 header_size;
	__le64 features;
	__le32 epoch;			/* vht_host_header.epoch when the driver started */
	__le32 generation;		/* one more at each start of a driver */
	__le32 state;			/* VHT_GUEST_*, stored last */
	__le32 stream_count;
	__le64 stream_offset;
	__le32 stream_size;		/* bytes from one vht_stream to the next */
	__le32 slice_count;		/* slices lent to nested guests: 0 for now */
	__le64 slice_offset;		/* of the slice table, 0 for none */
	/* live, each time the driver learns that the end is near [G5] */
	__le32 end_reason;		/* VHT_END_*, stored last */
	__le32 end_stage;		/* VHT_STAGE_*: how far that has come */
	__le64 end_counter;		/* guest counter when @end_reason was stored */
	__u8 end_text[112];		/* what the kernel said of it; UTF-8, NUL-padded */
};

/* vht_guest_header.end_reason: why the guest, or the driver, ends. */
#define VHT_END_NONE			0
#define VHT_END_UNBOUND			1	/* the driver alone */
#define VHT_END_SUSPEND			2
#define VHT_END_POWER_OFF		3
#define VHT_END_HALT			4
#define VHT_END_RESTART			5
#define VHT_END_KEXEC			6
#define VHT_END_PANIC			7

/* vht_guest_header.end_stage: after which step the rings hold all there was. */
#define VHT_STAGE_NONE			0
#define VHT_STAGE_NOTIFIED		1	/* the kernel's notifiers were called */
#define VHT_STAGE_DEVICES_DOWN		2	/* devices are shut down: the last one */

/* vht_stream.source */
#define VHT_SOURCE_VMM			1	/* the device itself */
#define VHT_SOURCE_METADATA		2
#define VHT_SOURCE_FTRACE		3
#define VHT_SOURCE_HEARTBEAT		4
#define VHT_SOURCE_LTTNG		5	/* LTTng's kernel tracer */
#define VHT_SOURCE_WINDOW		6	/* in recordings only: recording.md */
#define VHT_SOURCE_SPOOL		7	/* files that programs of the guest write */

/* vht_stream.clock: what the timestamps in the stream's packets count. */
#define VHT_CLOCK_HOST_MONOTONIC	1	/* ns */
#define VHT_CLOCK_COUNTER		2	/* ticks of the guest counter */
#define VHT_CLOCK_SOURCE		3	/* the source's own; metadata names it */

/* vht_stream.flags */
#define VHT_STREAM_KEEP_OLDEST		(1 << 0) /* never overwrites, reader or not */

#define VHT_CPU_NONE			0xffffffffU

/*
 * struct vht_stream - one ring of packets
 *
 * The first 64 bytes are constant from VHT_GUEST_READY on. The second 64 are
 * the producer's, live, each written with a single aligned 64-bit store.
 *
 * Packets in [begin, head) are whole, but for what the producer overwrites
 * while they are read: it moves @begin first [S4].
 */
struct vht_stream {
	__le32 id;			/* index of its vht_consumer */
	__le16 source;			/* VHT_SOURCE_* */
	__le16 flags;			/* VHT_STREAM_* */
	__le32 cpu;			/* guest CPU, or VHT_CPU_NONE */
	__le32 clock;			/* VHT_CLOCK_* */
	__le64 ring_offset;		/* a multiple of VHT_PACKET_ALIGN */
	__le64 ring_size;		/* bytes, a multiple of VHT_PACKET_ALIGN */
	__u8 name[32];			/* of the source, e.g. the ftrace instance */

	__le64 head;			/* position after the newest whole packet */
	__le64 begin;			/* position of the oldest whole packet */
	__le64 packets;			/* made since the stream began */
	__le64 events;			/* in those packets, 0 where not counted */
	__le64 events_lost;		/* before they reached the ring [S7] */
	__le64 overwritten;		/* packets that begin has passed unread */
	__le64 drain_counter;		/* guest counter at the last look at the source */
	__le64 reserved;
};

/* First id of the guest's streams; smaller ids are the host's. */
#define VHT_STREAM_ID_GUEST		VHT_MAX_HOST_STREAMS
#define VHT_STREAM_ID_VMM		0

/*
 * Packets. A packet begins on a multiple of VHT_PACKET_ALIGN and does not wrap
 * around the end of its ring: what is left there is a VHT_PACKET_PAD.
 */
#define VHT_PACKET_ALIGN		128
#define VHT_PACKET_MAX_SIZE		0x1000000	/* 16 MiB */

/* vht_packet.type: what the content is. */
#define VHT_PACKET_PAD			0	/* nothing: skip; takes no sequence number */
#define VHT_PACKET_FTRACE		1	/* one ftrace sub-buffer, as ftrace lays it out */
#define VHT_PACKET_METADATA		2	/* struct vht_meta records */
#define VHT_PACKET_HEARTBEAT		3	/* struct vht_heartbeat records */
#define VHT_PACKET_VMM			4	/* struct vht_vmm_event records */
#define VHT_PACKET_CLOCK		5	/* struct vht_clock_record records */
#define VHT_PACKET_LTTNG		6	/* one packet of LTTng's, as LTTng made it */
#define VHT_PACKET_VCPU			8	/* struct vht_vcpu_record records */
#define VHT_PACKET_SPOOL		9	/* struct vht_spool, path and data */
/* made by the recorder: recording.md */
#define VHT_PACKET_WINDOW		7	/* a sub-buffer of the window */
#define VHT_PACKET_STATE		0x100
#define VHT_PACKET_WINDOW_META		0x101

/* vht_packet.flags */
/* events were lost just before this packet, perhaps not yet in events_discarded */
#define VHT_PACKET_LOST_BEFORE		(1 << 0)
#define VHT_PACKET_LAST			(1 << 1) /* the driver closed the stream */

/*
 * struct vht_packet - the header of a packet
 *
 * Follows LTTng's kernel packet header in content and meaning; sizes are in
 * bytes here.
 */
struct vht_packet {
	__le32 magic;			/* VHT_PACKET_MAGIC */
	__le16 header_size;		/* content begins here; at least 128 */
	__le16 type;			/* VHT_PACKET_* */
	__le32 stream_id;
	__le32 cpu;
	__le32 epoch;
	__le32 generation;
	__le32 flags;
	__le32 counter_width;		/* ticks around @counter in which @clock was read */
	__le64 sequence;		/* 0, 1, 2... in this generation of the stream */
	__le64 packet_size;		/* header, content and padding */
	__le64 content_size;
	__le64 timestamp_begin;		/* in vht_stream.clock: none is earlier */
	__le64 timestamp_end;		/* none is later */
	__le64 events;			/* in the stream up to the end of this packet */
	__le64 events_discarded;	/* lost in the stream before its end, as known then */
	__le64 clock;			/* the source's clock and ... */
	__le64 counter;			/* ... the guest counter at the same moment; 0, 0 if none */
	/* VHT_PACKET_WINDOW only, else 0: recording.md */
	__le32 skip;			/* bytes of data that an earlier packet has had */
	__le32 subbufs_lost;		/* overwritten unread just before this one */
	__le64 seen_after;		/* CLOCK_MONOTONIC: the newest event was not there then ... */
	__le64 seen_before;		/* ... and was there then; 0, 0: not known */
};

/* struct vht_meta - a record of the metadata stream; the next begins 8-aligned. */
struct vht_meta {
	__le32 type;			/* VHT_META_* */
	__le32 size;			/* of the payload, without padding */
	__le64 arg;
	/* payload follows */
};

#define VHT_META_BEGIN			1	/* arg: a new set begins, number arg */
#define VHT_META_ENV			2	/* text: key=value lines; a later one wins */
#define VHT_META_HEADER_PAGE		3	/* text: events/header_page */
#define VHT_META_HEADER_EVENT		4	/* text: events/header_event */
#define VHT_META_FORMAT			5	/* system, NUL, text of its format file */
#define VHT_META_SYMBOLS		6	/* text: lines as in /proc/kallsyms */
#define VHT_META_TASKS			7	/* text: lines as in saved_cmdlines */
#define VHT_META_PRINTK_FORMATS		8	/* text: printk_formats */
#define VHT_META_COMPLETE		9	/* arg: set number arg is whole */
#define VHT_META_KALLSYMS		10	/* a piece of a kernel table; arg: VHT_KALLSYMS() */
#define VHT_META_LTTNG_SESSION		11	/* __u8 uuid[16], text: key=value lines */
#define VHT_META_LTTNG_TEXT		12	/* struct vht_lttng_text, a piece of text */

/*
 * arg of VHT_META_KALLSYMS: which table, and where in it the payload belongs.
 * Apart from the first they are Linux's own (kernel/kallsyms.c), as they lie in
 * its memory, of a kernel with relative addresses: the metadata stream's section
 * in the specification says how they make symbols.
 */
#define VHT_KALLSYMS(table, offset)	(((__u64)(table) << 56) | (offset))
#define VHT_KALLSYMS_TABLE(arg)		((__u8)((arg) >> 56))
#define VHT_KALLSYMS_OFFSET(arg)	((arg) & (((__u64)1 << 56) - 1))

#define VHT_KALLSYMS_HEADER		1	/* struct vht_kallsyms */
#define VHT_KALLSYMS_NAMES		2	/* kallsyms_names */
#define VHT_KALLSYMS_TOKENS		3	/* kallsyms_token_table */
#define VHT_KALLSYMS_TOKEN_INDEX	4	/* kallsyms_token_index: __le16[256] */
#define VHT_KALLSYMS_OFFSETS		5	/* kallsyms_offsets: __le32[count] */

struct vht_kallsyms {
	__le64 count;			/* symbols */
	__le64 base;			/* kallsyms_relative_base */
	__le32 flags;			/* VHT_KALLSYMS_* */
	__le32 reserved;
};

/* vht_kallsyms.flags: an offset >= 0 is an address itself, another is base - 1 - offset */
#define VHT_KALLSYMS_PERCPU		(1 << 0)

/*
 * struct vht_lttng_text - a piece of the metadata of an LTTng session
 *
 * The pieces of one version come in order. A version is as long as what came of it;
 * it grows while the session has it, and a higher one takes its place.
 */
struct vht_lttng_text {
	__u8 uuid[16];			/* of the trace, as in LTTng's packets */
	__le32 version;			/* LTTng's count of regenerations */
	__le32 reserved;
	__le64 offset;			/* of the piece, bytes */
};

/*
 * struct vht_spool - content of a VHT_PACKET_SPOOL: something done to a file
 *
 * The path follows (UTF-8, no NUL, relative, without "." and ".." in it), then,
 * 8-aligned, the data. A packet holds what one write() wrote, or a part of that.
 */
struct vht_spool {
	__le64 file;			/* its number: never used twice in a generation */
	__le64 offset;			/* of the data in the file, bytes */
	__le64 size;			/* of the data */
	__le32 path_size;		/* bytes */
	__le32 flags;			/* VHT_SPOOL_* */
};

#define VHT_SPOOL_CREATED		(1 << 0) /* the file is new, and empty but for this */
#define VHT_SPOOL_CLOSED		(1 << 1) /* whoever wrote it has closed it */
#define VHT_SPOOL_REMOVED		(1 << 2)
#define VHT_SPOOL_TRUNCATED		(1 << 3) /* it ends at offset, before the data */
#define VHT_SPOOL_MORE			(1 << 4) /* the same write() goes on in the next packet */

/* struct vht_heartbeat - a record of the test source */
struct vht_heartbeat {
	__le64 number;			/* 0, 1, 2... on this CPU */
	__le64 counter;			/* guest counter when it was made */
};

/* struct vht_vmm_event - something that happened to the VM, on the host clock */
struct vht_vmm_event {
	__le64 mono_ns;			/* CLOCK_MONOTONIC of the host */
	__le64 counter;			/* guest counter then, 0 if not known */
	__le32 type;			/* VHT_VMM_* */
	__le32 epoch;
	__le64 arg;			/* see VHT_VMM_* */
	__u8 text[96];			/* NUL-padded; see VHT_VMM_* */
};

#define VHT_VMM_CREATED			1	/* the device was made; arg: VMM's pid */
#define VHT_VMM_RUNNING			2	/* vCPUs run; text: run state */
#define VHT_VMM_STOPPED			3	/* vCPUs stopped; text: run state, as QMP names it */
#define VHT_VMM_RESET			4	/* a new epoch; text: cause */
#define VHT_VMM_SHUTDOWN		5	/* text: cause */
#define VHT_VMM_DRIVER_UP		6	/* arg: generation; text: kernel release */
#define VHT_VMM_DRIVER_GONE		7	/* arg: generation; text: "unbound" or "reset" */
#define VHT_VMM_READER_ATTACHED		8	/* arg: reader's pid */
#define VHT_VMM_READER_DETACHED		9	/* arg: reader's pid */
#define VHT_VMM_ENDED			10	/* the device goes away: the last event */
#define VHT_VMM_PROCESS			11	/* the VMM's process began; arg: +- ns of the time */
#define VHT_VMM_MACHINE_READY		12	/* all devices are made, no vCPU has run */
#define VHT_VMM_MARK			13	/* a write to a watched port; arg: VHT_MARK() */
#define VHT_VMM_MARKS_LOST		14	/* arg: writes since that were too many to keep */

/* arg of VHT_VMM_MARK: the I/O port, the bytes written (1, 2, 4) and their value */
#define VHT_MARK(port, size, value) \
	(((__u64)(port) << 48) | ((__u64)(size) << 32) | (__u32)(value))
#define VHT_MARK_PORT(arg)		((__u16)((arg) >> 48))
#define VHT_MARK_SIZE(arg)		((__u8)((arg) >> 32))
#define VHT_MARK_VALUE(arg)		((__u32)(arg))

/*
 * struct vht_clock_record - guest counter and host clock at one moment
 *
 * Where @host_counter is not 0: counter = ((host_counter * scale) >> 48) + offset,
 * modulo 2^64, with the product in 128 bits; scale 0 stands for 1 << 48.
 */
struct vht_clock_record {
	__le64 mono_ns;			/* CLOCK_MONOTONIC of the host */
	__le64 counter;			/* guest counter at that moment */
	__le64 counter_hz;		/* its rate while the VM runs, 0 if unknown */
	__le32 error_ns;		/* the true moment lies within +- this */
	__le16 kind;			/* VHT_CLOCK_KIND_* */
	__le16 reason;			/* VHT_CLOCK_REASON_* */
	__le32 cpu;			/* vht_vcpu_record.index, VHT_CPU_NONE: all */
	__le32 epoch;
	__le64 offset;			/* x86: the TSC's; arm64: minus CNTVOFF; 0: none, or not known */
	__le64 scale;			/* guest ticks in a host tick, times 2^48; 0 for none */
	__le64 host_counter;		/* the host's own counter then, 0 if not known */
};

/* Between two records with no stop between them the relation is a line ... */
#define VHT_CLOCK_KIND_LINEAR		1
/* ... or nothing is known but the points themselves (icount). */
#define VHT_CLOCK_KIND_POINT		2

#define VHT_CLOCK_REASON_START		1
#define VHT_CLOCK_REASON_RESUME		2	/* first of a running phase */
#define VHT_CLOCK_REASON_STOP		3	/* last of a running phase */
#define VHT_CLOCK_REASON_PERIODIC	4
#define VHT_CLOCK_REASON_RESET		5
#define VHT_CLOCK_REASON_MIGRATION	6
#define VHT_CLOCK_REASON_CHANGED	7	/* found to be another since the record before */

/*
 * struct vht_vcpu_record - a vCPU, and which thread of the host runs it
 *
 * Written for each vCPU before the VM first runs, when one comes or goes, and
 * again when a reader attaches.
 */
struct vht_vcpu_record {
	__le64 mono_ns;			/* CLOCK_MONOTONIC of the host */
	__le32 epoch;
	__le32 index;			/* the VMM's number of it */
	__le64 arch_id;			/* x86: APIC id; arm64: MPIDR */
	__le32 kvm_id;			/* vcpu_id in the host's kvm events, VHT_CPU_NONE without KVM */
	__le32 thread_id;		/* on the host; vCPUs may share one; 0 if not known */
	__le32 state;			/* VHT_VCPU_* */
	__u8 reserved[28];
};

#define VHT_VCPU_PRESENT		1
#define VHT_VCPU_GONE			2	/* unplugged */

/*
 * Control messages: on the virtqueues between device and driver, and, with the
 * same header, on the control socket between recorder and device (one message
 * a SOCK_SEQPACKET record). [C1]
 */
#define VHT_MESSAGE_MAX_SIZE		4096	/* header and payload */

struct vht_message {
	__le32 type;			/* VHT_MSG_* */
	__le32 size;			/* header and payload, bytes */
	__le64 cookie;			/* chosen by who asks, copied by who replies */
	__le64 arg;			/* see VHT_MSG_* */
	/* payload follows: UTF-8 text without NUL unless said otherwise */
};

/* driver to device, on the control queue; GONE goes on to the recorder */
#define VHT_MSG_DRIVER_UP		0x01	/* arg: generation; payload: kernel release */
#define VHT_MSG_DRIVER_GONE		0x02	/* arg: generation */
#define VHT_MSG_REPLY			0x03	/* arg: 0 or a VHT_E*; payload: words for a person */
/* device to driver, on the event queue */
#define VHT_MSG_READER_ATTACHED		0x10	/* send the metadata from the start */
#define VHT_MSG_READER_DETACHED		0x11	/* undo what SELECT did */
/* recorder to device to driver; the driver's REPLY goes back the same way */
#define VHT_MSG_SELECT			0x20	/* payload: event globs, comma-separated */
#define VHT_MSG_FLUSH			0x21	/* put all that is buffered into the rings */
/* recorder to device */
#define VHT_MSG_ATTACH			0x30	/* arg: VHT_VERSION; makes the sender the reader */
/* device to recorder */
#define VHT_MSG_WELCOME			0x31	/* reply to ATTACH; SCM_RIGHTS: the region's fd; arg: where in it */
/* reply to ATTACH; arg: VHT_E* in the lower half, the other reader's pid in the upper */
#define VHT_MSG_REFUSED			0x32

/* Error numbers in messages: Linux's, spelled out so that they are an ABI. */
#define VHT_ENOENT			2	/* no event matches */
#define VHT_EIO				5
#define VHT_ENOMEM			12
#define VHT_EBUSY			16	/* there is another reader */
#define VHT_ENODEV			19	/* no driver in the guest */
#define VHT_EINVAL			22
#define VHT_EPROTO			71	/* another version */
#define VHT_ETIMEDOUT			110

#endif /* VIRTIO_HYPERTRACE_H */
