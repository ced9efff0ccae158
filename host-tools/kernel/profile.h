/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel profiles: what is needed to decode the events of a guest whose own
 * driver never came up, made once for each build of a kernel.
 *
 * A profile is a directory named as the kernel's build id, in the user's store
 * ($HYPERTRACE_KERNELS, else $XDG_DATA_HOME/hypertrace/kernels) or in that of
 * the machine (/var/lib/hypertrace/kernels, only read). It holds
 *
 *	metadata	a stream file of docs/specs/recording.md with what the driver
 *			of that kernel sends, made with KASLR off
 *	profile.ini	what it is the profile of, and how it was made
 *
 * To decode with a profile its addresses and the guest's have to be brought
 * together: KASLR moved the guest's kernel by one distance, found by
 * kernel_profile_choose() from addresses in the guest's trace.
 */
#ifndef HYPERTRACE_KERNEL_PROFILE_H
#define HYPERTRACE_KERNEL_PROFILE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct kernel_profile - one profile
 * @path: of its directory
 * @metadata_path: of its metadata stream file, for recording_stream_open()
 * @build_id: of the kernel, hexadecimal, in lower case
 * @release: e.g. "6.12.117+deb12-amd64"
 * @version: e.g. "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1 (2026-11-12)"
 * @machine: e.g. "x86_64"
 * @made: when, UTC, ISO 8601
 * @made_by: the tool's name and version
 * @made_from: the file it was made from
 * @text_address: of the symbol _text where the profile was made (KASLR off)
 *
 * Texts are printable ASCII; one that is not known is "".
 */
struct kernel_profile {
	char *path;
	char *metadata_path;
	char *build_id;
	char *release;
	char *version;
	char *machine;
	char *made;
	char *made_by;
	char *made_from;
	uint64_t text_address;
};

/** kernel_profile_free - free a profile; NULL is fine */
void kernel_profile_free(struct kernel_profile *profile);

/**
 * kernel_profiles_store - where this user's profiles are written
 * Return: the directory's path, to be freed; it need not exist.
 */
char *kernel_profiles_store(void);

/**
 * kernel_profiles_list - all profiles of the user and of the machine
 *
 * Of two with one build id the user's is taken. What is no profile, or a
 * damaged one, is left out.
 *
 * Return: struct kernel_profile *, by release, then by build id; to be freed
 * with g_ptr_array_unref().
 */
GPtrArray *kernel_profiles_list(void);

/**
 * kernel_profile_load - the profile that a user names
 * @what: a build id or the first eight or more digits of one, a release
 *	(uname -r), or a path with a slash in it: a profile's directory
 * @error: %HT_ERROR_NOT_FOUND; %HT_ERROR_USAGE if @what means several;
 *	%HT_ERROR_FORMAT if the profile is damaged
 * Return: the profile, to be freed with kernel_profile_free(), or NULL.
 */
struct kernel_profile *kernel_profile_load(const char *what, GError **error);

/**
 * kernel_profile_choose - the profile that a guest's addresses fit
 * @anchor_symbol: a symbol whose address in the guest is known, NULL if none is
 * @anchor_address: that address; with a window "rb_meta_init_text_addr" and
 *	text_addr of the ring buffer's own description
 * @functions: addresses in the guest of beginnings of functions, e.g. the
 *	field func of initcall_start; they may repeat. Those outside the kernel's
 *	own 1 GiB (of modules) are passed over
 * @count: of @functions
 * @shift: set to what has to be added to an address of the profile to make it
 *	one of the guest (a multiple of 2 MiB, modulo 2^64)
 * @error: %HT_ERROR_NOT_FOUND: no profile fits; %HT_ERROR_USAGE: several do;
 *	the message says what to do
 *
 * A profile fits if, moved by one distance, all of @functions are addresses of
 * symbols in it, and the anchor is where its symbol is. Without an anchor all
 * distances that KASLR can choose are tried. An anchor alone is enough only if
 * no more than one profile has the symbol at this place; to be sure
 * give four functions or more.
 *
 * Return: the profile, to be freed with kernel_profile_free(), or NULL.
 */
struct kernel_profile *kernel_profile_choose(const char *anchor_symbol, uint64_t anchor_address,
					     const uint64_t *functions, size_t count,
					     uint64_t *shift, GError **error);

/**
 * kernel_profile_fits - does one profile fit a guest's addresses?
 * @profile: the profile
 * @anchor_symbol: as for kernel_profile_choose()
 * @anchor_address: likewise
 * @functions: likewise
 * @count: likewise
 * @shift: likewise
 * @error: %HT_ERROR_NOT_FOUND: it does not fit; %HT_ERROR_USAGE: too little is
 *	known to find one distance
 *
 * For a profile that the user named.
 *
 * Return: true if it does.
 */
bool kernel_profile_fits(const struct kernel_profile *profile, const char *anchor_symbol,
			 uint64_t anchor_address, const uint64_t *functions, size_t count,
			 uint64_t *shift, GError **error);

/**
 * kernel_profile_copy - make a profile's metadata that of a recording
 * @profile: the profile
 * @epoch: that the packets are to name; their generation is 0
 * @path: of the stream file to make; one that is there is replaced
 * @error: an I/O error, or %HT_ERROR_FORMAT if the profile is damaged
 * Return: false with @error set.
 */
bool kernel_profile_copy(const struct kernel_profile *profile, uint32_t epoch, const char *path,
			 GError **error);

#endif
