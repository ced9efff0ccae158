// SPDX-License-Identifier: GPL-2.0-only
/* Write the recording of guest-recording.h into the directory that is named: for guest.t. */
#include "guest-recording.h"

int main(int argc, char **argv)
{
	assert(argc == 2);
	scratch_dir = argv[1];
	put_guest_recording();
	return 0;
}
