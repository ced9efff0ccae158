// SPDX-License-Identifier: GPL-2.0-only
/* A VM's vCPUs; see vcpus.h. */
#include "vcpus.h"

#include <stdlib.h>
#include <string.h>

/* More than any VMM makes, with changes. */
#define MAX_ENTRIES	16384
/* CPUs of all drivers together. */
#define MAX_CPU_IDS	65536

/* One key's entries (of an index, a thread, a kvm_id), by time. */
struct key_entries {
	uint32_t key;
	bool is_shared;		/* two vCPUs had it at one time */
	GPtrArray *entries;	/* struct vcpu * */
};

struct cpu_id {
	uint32_t epoch;
	uint32_t generation;
	uint32_t cpu;
	uint64_t id;
};

struct vcpu_map {
	GPtrArray *entries;	/* struct vcpu *, by index, then time */
	GArray *indexes;	/* uint32_t: all that there are, rising */
	GHashTable *by_index;	/* of struct key_entries */
	GHashTable *by_thread;
	GHashTable *by_kvm_id;
	GHashTable *by_arch_id;	/* uint64_t -> struct vcpu *, the last one */
	GArray *ids;		/* struct cpu_id, sorted */
};

static void key_entries_free(void *data)
{
	struct key_entries *key = data;

	g_ptr_array_unref(key->entries);
	g_free(key);
}

static GHashTable *key_table_new(void)
{
	return g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, key_entries_free);
}

static struct key_entries *find_key(GHashTable *table, uint32_t key)
{
	return g_hash_table_lookup(table, GUINT_TO_POINTER(key));
}

static void add_key(GHashTable *table, uint32_t key, struct vcpu *vcpu)
{
	struct key_entries *found = find_key(table, key);

	if (!found) {
		found = g_new0(struct key_entries, 1);
		found->key = key;
		found->entries = g_ptr_array_new();
		g_hash_table_insert(table, GUINT_TO_POINTER(key), found);
	}
	g_ptr_array_add(found->entries, vcpu);
}

static gint compare_times(gconstpointer a, gconstpointer b)
{
	const struct vcpu *left = *(const struct vcpu *const *)a;
	const struct vcpu *right = *(const struct vcpu *const *)b;

	if (left->from_ns != right->from_ns)
		return left->from_ns < right->from_ns ? -1 : 1;
	return (left->index > right->index) - (left->index < right->index);
}

static gint compare_entries(gconstpointer a, gconstpointer b)
{
	const struct vcpu *left = *(const struct vcpu *const *)a;
	const struct vcpu *right = *(const struct vcpu *const *)b;

	if (left->index != right->index)
		return left->index < right->index ? -1 : 1;
	return compare_times(a, b);
}

/* Two vCPUs that have one key at one time: nobody can say which one is meant. */
static void find_shared(void *key, void *value, void *data)
{
	struct key_entries *entries = value;
	const struct vcpu *longest = NULL;

	(void)key;
	(void)data;
	g_ptr_array_sort(entries->entries, compare_times);
	for (guint i = 0; i < entries->entries->len; i++) {
		const struct vcpu *vcpu = entries->entries->pdata[i];

		if (longest && longest->index != vcpu->index && vcpu->from_ns < longest->to_ns)
			entries->is_shared = true;
		if (!longest || vcpu->to_ns > longest->to_ns)
			longest = vcpu;
	}
}

static bool is_same(const struct vcpu *vcpu, const struct vcpu_record *record)
{
	return vcpu->arch_id == record->arch_id && vcpu->kvm_id == record->kvm_id &&
	       vcpu->thread_id == record->thread_id;
}

/**
 * take_record - what one record changes
 * @current: uint32_t index -> struct vcpu *, those that are there
 */
static void take_record(struct vcpu_map *map, GHashTable *current,
			const struct vcpu_record *record)
{
	void *key = GUINT_TO_POINTER(record->index);
	struct vcpu *vcpu = g_hash_table_lookup(current, key);

	if (vcpu && record->state == VHT_VCPU_PRESENT && is_same(vcpu, record))
		return;
	if (vcpu) {
		vcpu->to_ns = MAX(record->mono_ns, vcpu->from_ns);
		g_hash_table_remove(current, key);
	}
	if (record->state != VHT_VCPU_PRESENT)
		return;
	vcpu = g_new0(struct vcpu, 1);
	vcpu->index = record->index;
	vcpu->arch_id = record->arch_id;
	vcpu->kvm_id = record->kvm_id;
	vcpu->thread_id = record->thread_id;
	vcpu->from_ns = record->mono_ns;
	vcpu->to_ns = UINT64_MAX;
	g_hash_table_insert(current, key, vcpu);
	g_ptr_array_add(map->entries, vcpu);
}

static void read_records(struct vcpu_map *map, const struct recording_vm *vm)
{
	GHashTable *current = g_hash_table_new(g_direct_hash, g_direct_equal);
	struct recording_records it;
	struct vcpu_record record;

	recording_records_init(&it, vm->vmm_stream);
	while (map->entries->len < MAX_ENTRIES && recording_next_vcpu(&it, &record))
		if (record.index != VHT_CPU_NONE)
			take_record(map, current, &record);
	g_hash_table_unref(current);
}

static void make_tables(struct vcpu_map *map)
{
	g_ptr_array_sort(map->entries, compare_entries);
	for (guint i = 0; i < map->entries->len; i++) {
		struct vcpu *vcpu = map->entries->pdata[i];

		if (!find_key(map->by_index, vcpu->index))
			g_array_append_val(map->indexes, vcpu->index);
		add_key(map->by_index, vcpu->index, vcpu);
		if (vcpu->thread_id)
			add_key(map->by_thread, vcpu->thread_id, vcpu);
		if (vcpu->kvm_id != VHT_CPU_NONE)
			add_key(map->by_kvm_id, vcpu->kvm_id, vcpu);
		g_hash_table_replace(map->by_arch_id, &vcpu->arch_id, vcpu);
	}
	g_hash_table_foreach(map->by_index, find_shared, NULL);
	g_hash_table_foreach(map->by_thread, find_shared, NULL);
	g_hash_table_foreach(map->by_kvm_id, find_shared, NULL);
}

/* A line "cpu.N.id=ID". */
static bool parse_cpu_id(const char *line, uint32_t *cpu, uint64_t *id)
{
	char *end;
	guint64 number;

	if (strncmp(line, "cpu.", 4) || !g_ascii_isdigit(line[4]))
		return false;
	number = g_ascii_strtoull(line + 4, &end, 10);
	if (number >= VHT_CPU_NONE || strncmp(end, ".id=", 4))
		return false;
	*cpu = (uint32_t)number;
	return g_ascii_string_to_unsigned(end + 4, 10, 0, G_MAXUINT64, id, NULL);
}

static void read_ids(struct vcpu_map *map, const struct recording_generation *generation)
{
	struct recording_records it;
	struct meta_record record;

	recording_records_init(&it, generation->metadata);
	while (recording_next_meta(&it, &record)) {
		g_autofree char *text = NULL;
		g_auto(GStrv) lines = NULL;

		if (record.type != VHT_META_ENV)
			continue;
		text = g_strndup(record.payload, record.size);
		lines = g_strsplit(text, "\n", -1);
		for (guint i = 0; lines[i] && map->ids->len < MAX_CPU_IDS; i++) {
			struct cpu_id id = { generation->epoch, generation->generation, 0, 0 };

			if (parse_cpu_id(lines[i], &id.cpu, &id.id))
				g_array_append_val(map->ids, id);
		}
	}
}

static gint compare_ids(gconstpointer a, gconstpointer b)
{
	const struct cpu_id *left = a, *right = b;

	if (left->epoch != right->epoch)
		return left->epoch < right->epoch ? -1 : 1;
	if (left->generation != right->generation)
		return left->generation < right->generation ? -1 : 1;
	return (left->cpu > right->cpu) - (left->cpu < right->cpu);
}

/* Of several lines about a CPU the last one counts; the sort keeps their order. */
static void sort_ids(GArray *ids)
{
	struct cpu_id *id = (struct cpu_id *)ids->data;
	guint kept = 0;

	g_array_sort(ids, compare_ids);
	for (guint i = 0; i < ids->len; i++) {
		if (kept && !compare_ids(&id[kept - 1], &id[i]))
			kept--;
		id[kept++] = id[i];
	}
	g_array_set_size(ids, kept);
}

struct vcpu_map *vcpu_map_new(const struct recording_vm *vm)
{
	struct vcpu_map *map = g_new0(struct vcpu_map, 1);

	map->entries = g_ptr_array_new_with_free_func(g_free);
	map->indexes = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	map->by_index = key_table_new();
	map->by_thread = key_table_new();
	map->by_kvm_id = key_table_new();
	map->by_arch_id = g_hash_table_new(g_int64_hash, g_int64_equal);
	map->ids = g_array_new(FALSE, FALSE, sizeof(struct cpu_id));
	read_records(map, vm);
	make_tables(map);
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *generation = vm->generations->pdata[i];

		/* a window's metadata is a profile: of a kernel, not of this machine */
		if (generation->generation)
			read_ids(map, generation);
	}
	sort_ids(map->ids);
	return map;
}

void vcpu_map_free(struct vcpu_map *map)
{
	if (!map)
		return;
	g_hash_table_unref(map->by_index);
	g_hash_table_unref(map->by_thread);
	g_hash_table_unref(map->by_kvm_id);
	g_hash_table_unref(map->by_arch_id);
	g_ptr_array_unref(map->entries);
	g_array_unref(map->indexes);
	g_array_unref(map->ids);
	g_free(map);
}

uint32_t vcpu_map_count(const struct vcpu_map *map)
{
	return map->entries->len;
}

const struct vcpu *vcpu_map_at(const struct vcpu_map *map, uint32_t number)
{
	return map->entries->pdata[number];
}

/* Of a key's entries the one at a time; before the first the first. */
static const struct vcpu *at_time(GHashTable *table, uint32_t key, uint64_t mono_ns)
{
	const struct key_entries *found = find_key(table, key);
	const struct vcpu *vcpu;
	guint low = 0, high;

	if (!found || found->is_shared)
		return NULL;
	high = found->entries->len;
	while (low < high) {
		guint middle = (low + high) / 2;

		vcpu = found->entries->pdata[middle];
		if (vcpu->from_ns <= mono_ns)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return found->entries->pdata[0];
	vcpu = found->entries->pdata[low - 1];
	return mono_ns < vcpu->to_ns ? vcpu : NULL;
}

const struct vcpu *vcpu_map_of_index(const struct vcpu_map *map, uint32_t index,
				     uint64_t mono_ns)
{
	return at_time(map->by_index, index, mono_ns);
}

const struct vcpu *vcpu_map_of_thread(const struct vcpu_map *map, uint32_t thread_id,
				      uint64_t mono_ns)
{
	return at_time(map->by_thread, thread_id, mono_ns);
}

const struct vcpu *vcpu_map_of_kvm_id(const struct vcpu_map *map, uint32_t kvm_id,
				      uint64_t mono_ns)
{
	return at_time(map->by_kvm_id, kvm_id, mono_ns);
}

/* What a driver called a CPU. */
static bool find_id(const struct vcpu_map *map, uint32_t epoch, uint32_t generation, uint32_t cpu,
		    uint64_t *id)
{
	const struct cpu_id wanted = { epoch, generation, cpu, 0 };
	guint at;

	if (!g_array_binary_search(map->ids, &wanted, compare_ids, &at))
		return false;
	*id = g_array_index(map->ids, struct cpu_id, at).id;
	return true;
}

/* What any driver of an epoch called a CPU. */
static bool find_any_id(const struct vcpu_map *map, uint32_t epoch, uint32_t cpu, uint64_t *id)
{
	for (guint i = 0; i < map->ids->len; i++) {
		const struct cpu_id *known = &g_array_index(map->ids, struct cpu_id, i);

		if (known->epoch == epoch && known->cpu == cpu) {
			*id = known->id;
			return true;
		}
	}
	return false;
}

enum vcpu_source vcpu_map_of_cpu(const struct vcpu_map *map, uint32_t epoch, uint32_t generation,
				 uint32_t cpu, uint32_t *index)
{
	const struct vcpu *vcpu;
	uint64_t id;

	if (cpu == VHT_CPU_NONE)
		return VCPU_UNKNOWN;
	if (map->indexes->len && (generation ? find_id(map, epoch, generation, cpu, &id) :
				  find_any_id(map, epoch, cpu, &id))) {
		vcpu = g_hash_table_lookup(map->by_arch_id, &id);
		if (!vcpu)
			return VCPU_UNKNOWN;
		*index = vcpu->index;
		return VCPU_KNOWN;
	}
	if (map->indexes->len && cpu >= map->indexes->len)
		return VCPU_UNKNOWN;
	*index = map->indexes->len ? g_array_index(map->indexes, uint32_t, cpu) : cpu;
	return VCPU_ASSUMED;
}

const char *vcpu_source_word(enum vcpu_source source)
{
	return source == VCPU_KNOWN ? "known" : source == VCPU_ASSUMED ? "assumed" : "unknown";
}
