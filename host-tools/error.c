// SPDX-License-Identifier: GPL-2.0-only
/* The error domain of the host tools; see error.h. */
#include "error.h"

GQuark ht_error_quark(void)
{
	return g_quark_from_static_string("hypertrace");
}

int ht_error_exit_code(const GError *error)
{
	if (error->domain == HT_ERROR)
		return error->code;
	if (error->domain == G_OPTION_ERROR)
		return HT_ERROR_USAGE;
	return HT_ERROR_FAILED;
}
