// SPDX-License-Identifier: GPL-2.0-only
/* Words for the end of a guest; see end.h. */
#include "wire/end.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const reasons[] = {
	[VHT_END_NONE] = "none",
	[VHT_END_UNBOUND] = "unbound",
	[VHT_END_SUSPEND] = "suspend",
	[VHT_END_POWER_OFF] = "power-off",
	[VHT_END_HALT] = "halt",
	[VHT_END_RESTART] = "restart",
	[VHT_END_KEXEC] = "kexec",
	[VHT_END_PANIC] = "panic",
};

static const char *const stages[] = {
	[VHT_STAGE_NONE] = "none",
	[VHT_STAGE_NOTIFIED] = "notified",
	[VHT_STAGE_DEVICES_DOWN] = "devices-down",
};

#define COUNT(words)	(sizeof(words) / sizeof((words)[0]))

static const char *to_word(const char *const *words, size_t count, uint32_t value, char *out)
{
	if (value < count)
		snprintf(out, END_WORD_SIZE, "%s", words[value]);
	else
		snprintf(out, END_WORD_SIZE, "%u", value);
	return out;
}

static uint32_t from_word(const char *const *words, size_t count, const char *word)
{
	unsigned long long number;
	uint32_t i;
	char *end;

	for (i = 0; i < count; i++)
		if (!strcmp(word, words[i]))
			return i;
	if (*word < '0' || *word > '9')
		return 0;
	errno = 0;
	number = strtoull(word, &end, 10);
	return *end || errno || number > UINT32_MAX ? 0 : (uint32_t)number;
}

const char *end_reason_word(uint32_t reason, char *out)
{
	return to_word(reasons, COUNT(reasons), reason, out);
}

uint32_t end_reason_parse(const char *word)
{
	return from_word(reasons, COUNT(reasons), word);
}

const char *end_stage_word(uint32_t stage, char *out)
{
	return to_word(stages, COUNT(stages), stage, out);
}

uint32_t end_stage_parse(const char *word)
{
	return from_word(stages, COUNT(stages), word);
}
