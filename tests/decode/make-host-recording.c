// SPDX-License-Identifier: GPL-2.0-only
/* Write the recording of host-recording.h into the directory that is named: for commands.t. */
#include "host-recording.h"

int main(int argc, char **argv)
{
	assert(argc == 2);
	scratch_dir = argv[1];
	put_host_recording();
	return 0;
}
