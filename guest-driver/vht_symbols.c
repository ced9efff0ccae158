// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's symbols, as the tables that it keeps itself: to copy them costs a
 * hundredth of what it takes to have /proc/kallsyms printed. What follows in that file,
 * symbols of modules and the like, is in no table of this kind and comes as text.
 *
 * Where the tables lie is in VMCOREINFO since 6.0, for crash dumps. None of this is an
 * interface that is bound to stay, so nothing is taken for granted: all is read with
 * faults in mind, the tables must fit together, and must know where panic() is. If
 * they do not, everything is text.
 */
#include <linux/elf.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/panic.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "vht_internal.h"

/* Larger ones we do not believe in. */
#define VHT_VMCOREINFO_MAX	SZ_64K
#define VHT_SYMBOLS_MAX		SZ_4M
#define VHT_NAMES_MAX		SZ_64M
#define VHT_TOKEN_MAX		512

/* A piece of a table; two of them fill a packet. */
#define VHT_TABLE_PIECE		(VHT_META_PACKET / 2 - sizeof(struct vht_meta))

#define VHT_TOKENS		256

/* A symbol whose address we know otherwise. */
#define VHT_KNOWN_SYMBOL	"panic"
#define VHT_KNOWN_ADDRESS	((unsigned long)panic)

/* The tables, in the kernel's memory, and what was read of them. */
struct vht_tables {
	unsigned long names;
	unsigned long tokens;
	unsigned long token_index;
	unsigned long offsets;
	unsigned int count;		/* of symbols */
	unsigned long base;
	size_t names_size;
	size_t tokens_size;
	u16 index[VHT_TOKENS];
	unsigned int known;		/* number of the first symbol with that address */
	char window[SZ_4K];		/* of the names, from window_at on */
	size_t window_at;
	size_t window_size;
};

static bool vht_read(unsigned long address, void *buf, size_t size)
{
	/* Of the kernel's half, and not past its end. */
	return address >= PAGE_OFFSET && address + size >= address &&
	       !copy_from_kernel_nofault(buf, (const void *)address, size);
}

/* The text of VMCOREINFO. Return: for kvfree(), or NULL. */
static char *vht_read_vmcoreinfo(void)
{
	unsigned long long address;
	size_t note_size, size;
	char place[64] = "";
	const u8 *content;
	u8 *note;

	if (vht_sysfs_read("kernel/vmcoreinfo", place, sizeof(place) - 1) <= 0 ||
	    sscanf(place, "%llx %zx", &address, &note_size) != 2 ||
	    note_size > VHT_VMCOREINFO_MAX)
		return NULL;
	note = kvzalloc(note_size + 1, GFP_KERNEL);
	if (!note)
		return NULL;
	content = vht_read((unsigned long)phys_to_virt(address), note, note_size) ?
		  vht_find_note(note, note_size, "VMCOREINFO", 0, &size) : NULL;
	if (!content) {
		kvfree(note);
		return NULL;
	}
	memmove(note, content, size);
	note[size] = '\0';
	return note;
}

/* Return: the address of a symbol in VMCOREINFO, or 0. */
static unsigned long vht_vmcoreinfo_symbol(const char *text, const char *name)
{
	unsigned long address;
	char key[64];
	char *found;

	/* Not the first line, which has the release. */
	snprintf(key, sizeof(key), "\nSYMBOL(%s)=", name);
	found = strstr(text, key);
	return found && sscanf(found + strlen(key), "%lx", &address) == 1 ? address : 0;
}

static bool vht_find_tables(struct vht_tables *tables)
{
	unsigned long count, base;
	char *text = vht_read_vmcoreinfo();

	if (!text)
		return false;
	tables->names = vht_vmcoreinfo_symbol(text, "kallsyms_names");
	tables->tokens = vht_vmcoreinfo_symbol(text, "kallsyms_token_table");
	tables->token_index = vht_vmcoreinfo_symbol(text, "kallsyms_token_index");
	tables->offsets = vht_vmcoreinfo_symbol(text, "kallsyms_offsets");
	count = vht_vmcoreinfo_symbol(text, "kallsyms_num_syms");
	base = vht_vmcoreinfo_symbol(text, "kallsyms_relative_base");
	kvfree(text);
	return vht_read(count, &tables->count, sizeof(tables->count)) &&
	       vht_read(base, &tables->base, sizeof(tables->base)) &&
	       tables->count && tables->count <= VHT_SYMBOLS_MAX;
}

/* The index says where each token begins; the last one says where all end. */
static bool vht_measure_tokens(struct vht_tables *tables)
{
	size_t end;
	unsigned int i;
	char last;

	if (!vht_read(tables->token_index, tables->index, sizeof(tables->index)) ||
	    tables->index[0])
		return false;
	for (i = 1; i < VHT_TOKENS; i++)
		if (tables->index[i] <= tables->index[i - 1])
			return false;
	end = tables->index[VHT_TOKENS - 1];
	do {
		if (end - tables->index[VHT_TOKENS - 1] >= VHT_TOKEN_MAX ||
		    !vht_read(tables->tokens + end++, &last, 1))
			return false;
	} while (last);
	tables->tokens_size = end;
	return true;
}

static bool vht_symbol_address(const struct vht_tables *tables, unsigned int number,
			       unsigned long *address)
{
	s32 offset;

	if (!vht_read(tables->offsets + number * sizeof(offset), &offset, sizeof(offset)))
		return false;
#ifdef CONFIG_KALLSYMS_ABSOLUTE_PERCPU
	*address = offset >= 0 ? offset : tables->base - 1 - offset;
#else
	*address = tables->base + (u32)offset;
#endif
	return true;
}

/* Finds the first of the symbols that lie where we know one to be. */
static bool vht_find_known(struct vht_tables *tables)
{
	unsigned int low = 0, high = tables->count;
	unsigned long address;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (!vht_symbol_address(tables, middle, &address))
			return false;
		if (address < VHT_KNOWN_ADDRESS)
			low = middle + 1;
		else
			high = middle;
	}
	tables->known = low;
	return low < tables->count;
}

/* Return: a byte of the names, or a negative error number. */
static int vht_name_byte(struct vht_tables *tables, size_t at)
{
	if (at < tables->window_at || at - tables->window_at >= tables->window_size) {
		size_t size = sizeof(tables->window);

		/* Behind the last name there need not be memory. */
		while (!vht_read(tables->names + at, tables->window, size)) {
			size /= 2;
			if (!size)
				return -EFAULT;
		}
		tables->window_at = at;
		tables->window_size = size;
		cond_resched();
	}
	return (u8)tables->window[at - tables->window_at];
}

/* Does a name of @len tokens spell the known one? */
static bool vht_name_is_known(struct vht_tables *tables, size_t at, size_t len)
{
	/* The kind comes first. */
	static const char wanted[] = "T" VHT_KNOWN_SYMBOL;
	size_t matched = 0;

	for (; len; len--, at++) {
		int token = vht_name_byte(tables, at);
		unsigned long p;
		char c;

		if (token < 0)
			return false;
		p = tables->tokens + tables->index[token];
		for (; vht_read(p, &c, 1) && c; p++)
			if (matched >= sizeof(wanted) - 1 || c != wanted[matched++])
				return false;
	}
	return matched == sizeof(wanted) - 1;
}

/* Goes over all names, to know where they end and whether they go with the offsets. */
static bool vht_measure_names(struct vht_tables *tables)
{
	bool is_known = false;
	unsigned long address;
	unsigned int i;
	size_t at = 0;

	for (i = 0; i < tables->count; i++) {
		int len = vht_name_byte(tables, at++);

		if (len > 0 && len & 0x80) {
			int more = vht_name_byte(tables, at++);

			len = more < 0 ? more : (len & 0x7f) | more << 7;
		}
		if (len <= 0 || at > VHT_NAMES_MAX)
			return false;
		if (i >= tables->known && !is_known &&
		    vht_symbol_address(tables, i, &address) && address == VHT_KNOWN_ADDRESS)
			is_known = vht_name_is_known(tables, at, len);
		at += len;
	}
	tables->names_size = at;
	return is_known;
}

static int vht_add_table(struct vht_records *records, unsigned int table, unsigned long address,
			 size_t size)
{
	size_t done, piece;

	for (done = 0; done < size; done += piece) {
		struct vht_meta *meta;

		piece = min_t(size_t, size - done, VHT_TABLE_PIECE);
		meta = vht_records_begin(records, VHT_META_KALLSYMS, VHT_KALLSYMS(table, done),
					 piece);
		if (IS_ERR(meta))
			return PTR_ERR(meta);
		if (!vht_read(address + done, meta + 1, piece)) {
			/* Nothing of the record was there. */
			records->len = (u8 *)meta - records->buf;
			return -EFAULT;
		}
		cond_resched();
	}
	return 0;
}

static int vht_add_tables(struct vht_records *records, const struct vht_tables *tables)
{
	struct vht_kallsyms header = {
		.count = cpu_to_le64(tables->count),
		.base = cpu_to_le64(tables->base),
	};
	int ret;

#ifdef CONFIG_KALLSYMS_ABSOLUTE_PERCPU
	header.flags = cpu_to_le32(VHT_KALLSYMS_PERCPU);
#endif
	ret = vht_records_add(records, VHT_META_KALLSYMS, VHT_KALLSYMS(VHT_KALLSYMS_HEADER, 0),
			      &header, sizeof(header));
	ret = ret ?: vht_add_table(records, VHT_KALLSYMS_TOKENS, tables->tokens,
				   tables->tokens_size);
	ret = ret ?: vht_add_table(records, VHT_KALLSYMS_TOKEN_INDEX, tables->token_index,
				   sizeof(tables->index));
	ret = ret ?: vht_add_table(records, VHT_KALLSYMS_OFFSETS, tables->offsets,
				   tables->count * sizeof(s32));
	return ret ?: vht_add_table(records, VHT_KALLSYMS_NAMES, tables->names,
				    tables->names_size);
}

/* Return: number of symbols that the tables have, or a negative error number. */
static int vht_add_kernel_symbols(struct vht_records *records)
{
	struct vht_tables *tables = kvzalloc(sizeof(*tables), GFP_KERNEL);
	int ret = -ENOENT;

	if (!tables)
		return -ENOMEM;
	/* They are sent as they lie in memory. */
	if (!IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) && vht_find_tables(tables) &&
	    vht_measure_tokens(tables) && vht_find_known(tables) && vht_measure_names(tables))
		ret = vht_add_tables(records, tables) ?: tables->count;
	kvfree(tables);
	return ret;
}

/* A line is an address of fixed width, the type, the name. */
static bool vht_is_text_symbol(const char *line, size_t len)
{
	const size_t type = 2 * sizeof(long) + 1;

	return len > type + 2 && line[type - 1] == ' ' && strchr("tTwW", line[type]);
}

/**
 * vht_symbols_add - add all symbols of functions
 *
 * @records: where to
 *
 * Context: process.
 *
 * Return: 0, or -EINTR: a new set was asked for.
 */
int vht_symbols_add(struct vht_records *records)
{
	int count = vht_add_kernel_symbols(records);

	if (count == -EINTR)
		return count;
	return vht_records_add_file(records, VHT_META_SYMBOLS, vht_proc_read, "kallsyms",
				    max(count, 0), vht_is_text_symbol);
}
