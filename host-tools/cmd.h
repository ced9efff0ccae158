/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands of `hypertrace`, one file each: cmd-NAME.c. A command gets its
 * own arguments (argv[0] is its name), prints its results to stdout and its
 * troubles to stderr, and returns the exit code (error.h).
 */
#ifndef HYPERTRACE_CMD_H
#define HYPERTRACE_CMD_H

#include <glib.h>

int cmd_list(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_view(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_boot(int argc, char **argv);
int cmd_kernel(int argc, char **argv);
int cmd_params(int argc, char **argv);

/**
 * cmd_parse - parse a command's options
 * @argc: number of arguments, updated to what is left
 * @argv: the arguments, updated; argv[0] stays
 * @operands: what follows the options in the usage line, e.g. "DIR"
 * @summary: one sentence for --help
 * @entries: the options
 *
 * Prints what is wrong, if anything is.
 *
 * Return: true if the command is to go on.
 */
gboolean cmd_parse(int *argc, char ***argv, const char *operands, const char *summary,
		   const GOptionEntry *entries);

/**
 * cmd_fail - report an error of a command
 * @command: the command's name
 * @error: the error; freed
 * Return: the exit code that belongs to it.
 */
int cmd_fail(const char *command, GError *error);

/**
 * cmd_usage - report a wrong command line
 * @command: the command's name
 * @format: printf-like, what is wrong
 * Return: the exit code for it.
 */
int cmd_usage(const char *command, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
