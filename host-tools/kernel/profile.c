// SPDX-License-Identifier: GPL-2.0-only
/* The store of kernel profiles, and the choice among them; see profile.h. */
#include "kernel/profile.h"

#include <string.h>

#include "error.h"
#include "kernel/stream.h"
#include "wire/text.h"

#define MACHINE_STORE	"/var/lib/hypertrace/kernels"

/* Fewer digits of a build id than this are not taken for one. */
#define MIN_PREFIX	8

/* x86-64: where KASLR can put the kernel, and in which steps. */
#define IMAGE_BEGIN	0xffffffff80000000ULL
#define IMAGE_SIZE	0x40000000ULL
#define KASLR_STEP	0x200000ULL

void kernel_profile_free(struct kernel_profile *profile)
{
	if (!profile)
		return;
	g_free(profile->path);
	g_free(profile->metadata_path);
	g_free(profile->build_id);
	g_free(profile->release);
	g_free(profile->version);
	g_free(profile->machine);
	g_free(profile->made);
	g_free(profile->made_by);
	g_free(profile->made_from);
	g_free(profile);
}

char *kernel_profiles_store(void)
{
	const char *named = g_getenv("HYPERTRACE_KERNELS");

	if (named && *named)
		return g_strdup(named);
	return g_build_filename(g_get_user_data_dir(), "hypertrace", "kernels", NULL);
}

static char *safe_value(GKeyFile *ini, const char *key)
{
	g_autofree char *value = g_key_file_get_string(ini, "profile", key, NULL);
	size_t size = value ? strlen(value) : 0;
	char *safe = g_malloc0(size + 1);

	text_copy(safe, (const uint8_t *)value, size);
	return safe;
}

/**
 * profile_open - read a profile's key file
 * @path: of its directory
 * Return: the profile, or NULL if there is none.
 */
static struct kernel_profile *profile_open(const char *path)
{
	g_autofree char *ini_path = g_build_filename(path, "profile.ini", NULL);
	g_autofree char *text = NULL;
	struct kernel_profile *profile;
	GKeyFile *ini = g_key_file_new();

	if (!g_key_file_load_from_file(ini, ini_path, G_KEY_FILE_NONE, NULL) ||
	    g_key_file_get_integer(ini, "profile", "format", NULL) != 1) {
		g_key_file_free(ini);
		return NULL;
	}
	profile = g_new0(struct kernel_profile, 1);
	profile->path = g_strdup(path);
	profile->metadata_path = g_build_filename(path, "metadata", NULL);
	profile->build_id = safe_value(ini, "build_id");
	profile->release = safe_value(ini, "release");
	profile->version = safe_value(ini, "version");
	profile->machine = safe_value(ini, "machine");
	profile->made = safe_value(ini, "made");
	profile->made_by = safe_value(ini, "made_by");
	profile->made_from = safe_value(ini, "made_from");
	text = safe_value(ini, "text_address");
	profile->text_address = g_ascii_strtoull(text, NULL, 16);
	g_key_file_free(ini);
	if (!profile->build_id[0] || !profile->text_address ||
	    !g_file_test(profile->metadata_path, G_FILE_TEST_IS_REGULAR)) {
		kernel_profile_free(profile);
		return NULL;
	}
	return profile;
}

static bool has_build_id(const GPtrArray *profiles, const char *build_id)
{
	for (guint i = 0; i < profiles->len; i++) {
		const struct kernel_profile *profile = profiles->pdata[i];

		if (!strcmp(profile->build_id, build_id))
			return true;
	}
	return false;
}

static void add_store(GPtrArray *profiles, const char *store)
{
	GDir *directory = g_dir_open(store, 0, NULL);
	const char *name;

	while (directory && (name = g_dir_read_name(directory))) {
		g_autofree char *path = g_build_filename(store, name, NULL);
		struct kernel_profile *profile;

		/* one that is being written has a name with a dot in front */
		if (name[0] == '.' || has_build_id(profiles, name))
			continue;
		profile = profile_open(path);
		if (profile && !strcmp(profile->build_id, name))
			g_ptr_array_add(profiles, profile);
		else
			kernel_profile_free(profile);
	}
	if (directory)
		g_dir_close(directory);
}

static gint compare_profiles(gconstpointer a, gconstpointer b)
{
	const struct kernel_profile *left = *(struct kernel_profile *const *)a;
	const struct kernel_profile *right = *(struct kernel_profile *const *)b;
	int order = strcmp(left->release, right->release);

	return order ? order : strcmp(left->build_id, right->build_id);
}

static void free_profile(gpointer profile)
{
	kernel_profile_free(profile);
}

GPtrArray *kernel_profiles_list(void)
{
	GPtrArray *profiles = g_ptr_array_new_with_free_func(free_profile);
	g_autofree char *store = kernel_profiles_store();

	add_store(profiles, store);
	add_store(profiles, MACHINE_STORE);
	g_ptr_array_sort(profiles, compare_profiles);
	return profiles;
}

static bool is_named(const struct kernel_profile *profile, const char *what)
{
	return !strcmp(profile->release, what) ||
	       (strlen(what) >= MIN_PREFIX && g_str_has_prefix(profile->build_id, what));
}

struct kernel_profile *kernel_profile_load(const char *what, GError **error)
{
	struct kernel_profile *found = NULL;
	GPtrArray *profiles;
	guint i, index = 0, count = 0;

	if (strchr(what, '/')) {
		found = profile_open(what);
		if (!found)
			g_set_error(error, HT_ERROR,
				    g_file_test(what, G_FILE_TEST_EXISTS) ?
				    HT_ERROR_FORMAT : HT_ERROR_NOT_FOUND,
				    "cannot load kernel profile: path=%s: there is none", what);
		return found;
	}
	profiles = kernel_profiles_list();
	for (i = 0; i < profiles->len; i++) {
		if (is_named(profiles->pdata[i], what)) {
			index = i;
			count++;
		}
	}
	if (count == 1)
		found = g_ptr_array_steal_index(profiles, index);
	else if (count)
		g_set_error(error, HT_ERROR, HT_ERROR_USAGE,
			    "cannot load kernel profile: kernel=%s: %u have this name; give more of the build id (hypertrace kernel list)",
			    what, count);
	else
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND,
			    "cannot load kernel profile: kernel=%s: there is none; hypertrace kernel add makes one",
			    what);
	g_ptr_array_unref(profiles);
	return found;
}

/* The choice. */

/**
 * struct fitting - a profile's symbols, and how far they may have moved
 * @symbols: uint64_t, sorted
 * @anchor: address of the anchor's symbol, 0: none
 */
struct fitting {
	GArray *symbols;
	uint64_t anchor;
};

static bool is_kernel_address(uint64_t address)
{
	return address - IMAGE_BEGIN < IMAGE_SIZE;
}

static bool has_symbol(const GArray *symbols, uint64_t address)
{
	guint low = 0, high = symbols->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;
		uint64_t each = g_array_index(symbols, uint64_t, middle);

		if (each == address)
			return true;
		if (each < address)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool fits_at(const struct fitting *fitting, const uint64_t *functions, size_t count,
		    uint64_t shift)
{
	for (size_t i = 0; i < count; i++)
		if (is_kernel_address(functions[i]) &&
		    !has_symbol(fitting->symbols, functions[i] - shift))
			return false;
	return true;
}

/**
 * count_shifts - by how many distances can the profile have moved?
 * @shift: set to one of them if there are any
 * Return: how many.
 */
static unsigned int count_shifts(const struct fitting *fitting, bool has_anchor,
				 uint64_t anchor_address, const uint64_t *functions, size_t count,
				 uint64_t *shift)
{
	unsigned int found = 0;

	if (has_anchor) {
		uint64_t distance = anchor_address - fitting->anchor;

		if (!fitting->anchor || distance >= IMAGE_SIZE || distance % KASLR_STEP ||
		    !fits_at(fitting, functions, count, distance))
			return 0;
		*shift = distance;
		return 1;
	}
	for (uint64_t distance = 0; distance < IMAGE_SIZE; distance += KASLR_STEP) {
		if (fits_at(fitting, functions, count, distance)) {
			*shift = distance;
			found++;
		}
	}
	return found;
}

/**
 * profile_shifts - the same for a profile on disk
 * @shifts: set to the number of distances
 * @error: an I/O error
 * Return: false with @error set.
 */
static bool profile_shifts(const struct kernel_profile *profile, const char *anchor_symbol,
			   uint64_t anchor_address, const uint64_t *functions, size_t count,
			   unsigned int *shifts, uint64_t *shift, GError **error)
{
	struct recording_stream *stream = recording_stream_open(profile->metadata_path, error);
	struct fitting fitting = { 0 };

	if (!stream)
		return false;
	fitting.symbols = kernel_stream_symbols(stream, anchor_symbol, &fitting.anchor);
	*shifts = count_shifts(&fitting, anchor_symbol != NULL, anchor_address, functions, count,
			       shift);
	g_array_unref(fitting.symbols);
	recording_stream_free(stream);
	return true;
}

static size_t count_kernel_addresses(const uint64_t *functions, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += is_kernel_address(functions[i]);
	return found;
}

static bool is_known_enough(const char *anchor_symbol, const uint64_t *functions, size_t count,
			    GError **error)
{
	if (anchor_symbol || count_kernel_addresses(functions, count))
		return true;
	g_set_error_literal(error, HT_ERROR, HT_ERROR_USAGE,
			    "cannot choose a kernel profile: the trace holds no address of the kernel; name the profile with --kernel");
	return false;
}

struct kernel_profile *kernel_profile_choose(const char *anchor_symbol, uint64_t anchor_address,
					     const uint64_t *functions, size_t count,
					     uint64_t *shift, GError **error)
{
	unsigned int fitting = 0, all = 0;
	uint64_t found_shift = 0;
	GPtrArray *profiles;
	struct kernel_profile *found = NULL;
	guint i, index = 0;

	if (!is_known_enough(anchor_symbol, functions, count, error))
		return NULL;
	profiles = kernel_profiles_list();
	for (i = 0; i < profiles->len; i++) {
		unsigned int shifts;
		uint64_t each = 0;

		/* one that cannot be read fits nothing */
		if (!profile_shifts(profiles->pdata[i], anchor_symbol, anchor_address, functions,
				    count, &shifts, &each, NULL) || !shifts)
			continue;
		index = i;
		found_shift = each;
		fitting++;
		all += shifts;
	}
	if (all == 1) {
		found = g_ptr_array_steal_index(profiles, index);
		*shift = found_shift;
	} else if (all) {
		g_set_error(error, HT_ERROR, HT_ERROR_USAGE,
			    "cannot choose a kernel profile: %u of %u profiles fit the guest's addresses, in %u ways; name one with --kernel",
			    fitting, profiles->len, all);
	} else {
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND,
			    "cannot choose a kernel profile: none of %u fits the guest's addresses; hypertrace kernel add VMLINUZ makes one",
			    profiles->len);
	}
	g_ptr_array_unref(profiles);
	return found;
}

bool kernel_profile_fits(const struct kernel_profile *profile, const char *anchor_symbol,
			 uint64_t anchor_address, const uint64_t *functions, size_t count,
			 uint64_t *shift, GError **error)
{
	unsigned int shifts;
	uint64_t found = 0;

	if (!is_known_enough(anchor_symbol, functions, count, error) ||
	    !profile_shifts(profile, anchor_symbol, anchor_address, functions, count, &shifts,
			    &found, error))
		return false;
	if (shifts == 1) {
		*shift = found;
		return true;
	}
	if (shifts)
		g_set_error(error, HT_ERROR, HT_ERROR_USAGE,
			    "cannot use kernel profile: kernel=%s: the guest's addresses fit it in %u ways",
			    profile->release, shifts);
	else
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND,
			    "cannot use kernel profile: kernel=%s build_id=%s: the guest's addresses do not fit it",
			    profile->release, profile->build_id);
	return false;
}

bool kernel_profile_copy(const struct kernel_profile *profile, uint32_t epoch, const char *path,
			 GError **error)
{
	struct recording_stream *stream = recording_stream_open(profile->metadata_path, error);
	struct kernel_facts facts;
	bool ok = false;

	if (!stream)
		return false;
	if (!kernel_stream_check(stream, &facts, error)) {
		g_prefix_error(error, "cannot use kernel profile: path=%s: ", profile->path);
	} else {
		kernel_facts_fini(&facts);
		ok = kernel_stream_write(stream, epoch, path, error);
	}
	recording_stream_free(stream);
	return ok;
}
