/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the metadata stream of a driver's life says about its kernel.
 */
#ifndef HYPERTRACE_DECODE_GUEST_H
#define HYPERTRACE_DECODE_GUEST_H

#include "decoder.h"

/**
 * guest_new - read a generation's metadata
 * @generation: the driver's life; must stay as long as the result
 * @naming: of events and fields
 * Return: the guest, to be freed with guest_free().
 */
struct decoder_guest *guest_new(const struct recording_generation *generation,
				enum naming naming);

/**
 * guest_set_text - the kernel's addresses are not those of the metadata
 * @guest: the guest
 * @symbol: whose address is known
 * @address: its address in the guest; KASLR put it there
 */
void guest_set_text(struct decoder_guest *guest, const char *symbol, uint64_t address);

/** guest_free - free what guest_new() made; NULL is fine */
void guest_free(struct decoder_guest *guest);

/**
 * printk_formats_find - the text that a format pointer points to
 * @formats: of a guest
 * @address: the pointer
 * Return: the text, or NULL.
 */
const char *printk_formats_find(const struct printk_formats *formats, uint64_t address);

/**
 * printk_formats_foreach - all texts that format pointers point to, in no order
 * @formats: of a guest
 * @visit: called for each
 * @data: for @visit
 */
void printk_formats_foreach(const struct printk_formats *formats,
			    void (*visit)(uint64_t address, const char *text, void *data),
			    void *data);

#endif
