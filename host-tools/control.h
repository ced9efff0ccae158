/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The recorder's end of a VM's control socket: messages of the ABI, each one a
 * SOCK_SEQPACKET record [C3].
 */
#ifndef HYPERTRACE_CONTROL_H
#define HYPERTRACE_CONTROL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio_hypertrace.h"

/**
 * enum control_result - how an attempt to reach a VMM ended
 * @CONTROL_OK: it did what was asked
 * @CONTROL_DEAD: nobody listens: the VMM has ended, or has not begun yet
 * @CONTROL_FAILED: the error says why
 */
enum control_result {
	CONTROL_OK,
	CONTROL_DEAD,
	CONTROL_FAILED,
};

/**
 * control_is_alive - see whether a VMM listens
 * @path: of its control socket
 * Return: true if it does.
 */
bool control_is_alive(const char *path);

/**
 * control_attach - become the reader of a VM
 * @path: of its control socket
 * @fd: the connection; the reader is attached until it is closed
 * @region_fd: the region's memory
 * @region_offset: bytes, where in it the region begins; not checked
 * @error: set for %CONTROL_FAILED; %HT_ERROR_BUSY with the other reader's pid,
 *	%HT_ERROR_FORMAT for a VMM of another version, else an I/O error
 * Return: how it ended; the outputs are set for %CONTROL_OK.
 */
enum control_result control_attach(const char *path, int *fd, int *region_fd,
				   uint64_t *region_offset, GError **error);

/**
 * control_send - send a message
 * @fd: the connection
 * @type: VHT_MSG_*
 * @cookie: comes back with the reply
 * @payload: text, or NULL
 * @error: an I/O error, or a text that is too long
 * Return: false with @error set.
 */
bool control_send(int fd, uint32_t type, uint64_t cookie, const char *payload, GError **error);

/**
 * struct control_message - a message that came in
 * @text: the payload, printable, never NULL
 */
struct control_message {
	uint32_t type;
	uint64_t cookie;
	uint64_t arg;
	char text[VHT_MESSAGE_MAX_SIZE];
};

/**
 * enum control_input - what control_receive() found
 * @CONTROL_INPUT_NONE: nothing, for now
 * @CONTROL_INPUT_MESSAGE: a message
 * @CONTROL_INPUT_END: the VMM has closed the connection
 */
enum control_input {
	CONTROL_INPUT_NONE,
	CONTROL_INPUT_MESSAGE,
	CONTROL_INPUT_END,
};

/**
 * control_receive - take a message without waiting; malformed ones are skipped [C1]
 * @fd: the connection
 * @out: the message, written only if there is one
 * Return: what there was.
 */
enum control_input control_receive(int fd, struct control_message *out);

/**
 * control_error_text - an error number of the ABI in words
 * @number: VHT_E*
 * Return: a constant string.
 */
const char *control_error_text(uint32_t number);

#endif
