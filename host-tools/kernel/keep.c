// SPDX-License-Identifier: GPL-2.0-only
/* Profiles and recordings; see keep.h. */
#include "kernel/keep.h"

#include "recording/reader.h"
#include "wire/window.h"

/**
 * find_window - what a life's window says of where its kernel lay
 * @out: of the first CPU that says it
 * Return: false if the life has no window, or nothing was understood of it.
 */
static bool find_window(const struct recording_generation *life, struct window_meta *out)
{
	for (guint i = 0; !life->generation && i < life->streams->len; i++) {
		struct recording_cursor cursor;
		struct recording_packet packet;

		recording_cursor_init(&cursor, life->streams->pdata[i]);
		while (recording_cursor_next(&cursor, &packet)) {
			if (packet.header.type == VHT_PACKET_WINDOW_META &&
			    window_meta_parse(packet.content, packet.header.content_size, out) &&
			    out->text_addr && out->text_symbol[0])
				return true;
			/* it comes before the data */
			if (packet.header.type == VHT_PACKET_WINDOW)
				break;
		}
	}
	return false;
}

/**
 * has_driver - did a driver of the same epoch tell all of the kernel?
 *
 * It knows more than a profile does: tasks, and what modules brought.
 */
static bool has_driver(const struct recording_vm *vm, uint32_t epoch)
{
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *life = vm->generations->pdata[i];
		struct recording_records it;
		struct meta_record record;

		if (life->epoch != epoch || !life->generation)
			continue;
		recording_records_init(&it, life->metadata);
		while (recording_next_meta(&it, &record))
			if (record.type == VHT_META_COMPLETE)
				return true;
	}
	return false;
}

/**
 * keep_one - put a profile into one life of a window
 */
static bool keep_one(const struct recording_generation *life, const struct kernel_profile *named,
		     bool must_fit, unsigned int *kept, GError **error)
{
	g_autofree char *path = g_build_filename(life->path, "metadata", NULL);
	struct kernel_profile *chosen = NULL;
	struct window_meta window;
	uint64_t shift;
	bool ok;

	if (!find_window(life, &window))
		return true;
	if (named) {
		ok = kernel_profile_fits(named, window.text_symbol, window.text_addr, NULL, 0,
					 &shift, error);
	} else {
		chosen = kernel_profile_choose(window.text_symbol, window.text_addr, NULL, 0,
					       &shift, must_fit ? error : NULL);
		if (!chosen)
			return !must_fit;
		ok = true;
	}
	ok = ok && kernel_profile_copy(named ? named : chosen, life->epoch, path, error);
	*kept += ok;
	kernel_profile_free(chosen);
	return ok;
}

bool kernel_profile_keep(const char *path, const struct kernel_profile *named, bool must_fit,
			 unsigned int *kept, GError **error)
{
	struct recording *recording = recording_open(path, error);
	bool ok = recording != NULL;

	*kept = 0;
	for (guint i = 0; ok && i < recording->vms->len; i++) {
		const struct recording_vm *vm = recording->vms->pdata[i];

		for (guint j = 0; ok && j < vm->generations->len; j++) {
			const struct recording_generation *life = vm->generations->pdata[j];

			if (!life->metadata && !has_driver(vm, life->epoch))
				ok = keep_one(life, named, must_fit, kept, error);
		}
	}
	recording_free(recording);
	return ok;
}
