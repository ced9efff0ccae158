// SPDX-License-Identifier: GPL-2.0-only
/* A machine's identity in traces; see machine.h. */
#include "recording/machine.h"

#include <string.h>

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
	unsigned int count = 0;

	for (; text && *text && count < 32; text++) {
		int digit = g_ascii_xdigit_value(*text);

		if (*text == '-')
			continue;
		if (digit < 0)
			return false;
		uuid[count / 2] = count % 2 ? uuid[count / 2] | digit : digit << 4;
		count++;
	}
	return count == 32;
}

bool machine_uuid(const struct recording *recording, const struct recording_vm *vm,
		  uint8_t uuid[16])
{
	g_autofree char *name = NULL;
	GChecksum *checksum;
	uint8_t digest[20];
	gsize size = sizeof(digest);

	if (vm->is_host)
		return parse_uuid(recording->boot_id, uuid);
	name = g_strdup_printf("%s/%s/%s/%u/%" G_GUINT64_FORMAT, recording->boot_id, vm->name,
			       vm->uuid, vm->pid, vm->start_mono_ns);
	checksum = g_checksum_new(G_CHECKSUM_SHA1);
	g_checksum_update(checksum, (const guchar *)name, -1);
	g_checksum_get_digest(checksum, digest, &size);
	g_checksum_free(checksum);
	memcpy(uuid, digest, 16);
	uuid[6] = (uuid[6] & 0x0f) | 0x50;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return true;
}
