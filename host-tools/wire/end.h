/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest's driver said of the end: why, how far it had come, and in the
 * kernel's words.
 */
#ifndef HYPERTRACE_WIRE_END_H
#define HYPERTRACE_WIRE_END_H

#include <stdint.h>

#include "virtio_hypertrace.h"

/**
 * struct guest_end - the end_* fields of struct vht_guest_header
 * @reason: VHT_END_*; %VHT_END_NONE: nothing was said
 * @stage: VHT_STAGE_*
 * @counter: the guest's counter when it was said
 * @text: printable ASCII, or empty
 */
struct guest_end {
	uint32_t reason;
	uint32_t stage;
	uint64_t counter;
	char text[sizeof(((struct vht_guest_header *)0)->end_text) + 1];
};

/* Bytes for a word of end_reason_word() and end_stage_word(). */
#define END_WORD_SIZE		24

/**
 * end_reason_word - the word for why a guest ended, e.g. "power-off"
 * @reason: VHT_END_*
 * @out: %END_WORD_SIZE bytes; a number for what is not known
 * Return: @out.
 */
const char *end_reason_word(uint32_t reason, char *out);

/**
 * end_reason_parse - the reason that a word or a number stands for
 * @word: what end_reason_word() gave, or anything else
 * Return: VHT_END_*, or %VHT_END_NONE if it is no word and no number.
 */
uint32_t end_reason_parse(const char *word);

/**
 * end_stage_word - the word for how far an end had come, e.g. "devices-down"
 * @stage: VHT_STAGE_*
 * @out: %END_WORD_SIZE bytes; a number for what is not known
 * Return: @out.
 */
const char *end_stage_word(uint32_t stage, char *out);

/**
 * end_stage_parse - the stage that a word or a number stands for
 * @word: what end_stage_word() gave, or anything else
 * Return: VHT_STAGE_*, or %VHT_STAGE_NONE if it is no word and no number.
 */
uint32_t end_stage_parse(const char *word);

#endif
