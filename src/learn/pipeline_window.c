/*
 * pipeline_window.c
 *		What the last rows with the same key say of a feature: so many rows, or those of so many seconds.
 *
 * A key that is new when there are as many as may be takes the place of the one that was not learned for the longest time.
 */
#include "learn/pipeline_window.h"

#include <math.h>

enum
{
	STATISTIC,
	ROWS,						/* at most, the row at hand among them */
	SECONDS,					/* NaN: rows of any age */
	MAX_KEYS
};

enum
{
	COUNT,
	SUM,
	MEAN,
	MIN,
	MAX,
	DEVIATION,
	RATE,						/* rows per second */
	LAG,						/* the value of the row before */
	DIFFERENCE,					/* from it */
	GAP							/* seconds since it */
};

static const char *const statistics[] = {"count", "sum", "mean",       "min", "max", "deviation",
										 "rate",  "lag", "difference", "gap", NULL};
static const Option options_list[] = {CHOICE_OPTION("statistic", statistics, MEAN), COUNT_OPTION("rows", 100, 2, 10000),
									  NUMBER_OPTION("seconds", NAN, ABOVE_ZERO, 1e12), COUNT_OPTION("max_keys", 1000, 1, 100000)};

#define MICROSECONDS 1e6

typedef struct Entry
{
	double		value;
	double		time;
} Entry;

/* The last rows of a key. */
struct PipelineSlot
{
	double		key;
	int			chain;			/* the next slot of its bucket; -1: none */
	int			newer;
	int			older;
	int			n;
	int			next;			/* where the next row goes */
	int			capacity;
	Entry	   *entries;
};

const Option *
step_window_options(int *n)
{
	*n = N_OPTIONS(options_list);
	return options_list;
}

static bool
needs_value(const PipelineStep *step)
{
	int			statistic = (int) step->options[STATISTIC];

	return statistic != COUNT && statistic != RATE && statistic != GAP;
}

const char *
step_window_check(const PipelineStep *step)
{
	int			statistic = (int) step->options[STATISTIC];

	if (step->names[STEP_AS][0] == '\0')
		return "It needs a name for the feature that it adds: \"as\".";
	if (needs_value(step) && step->names[STEP_FEATURE][0] == '\0')
		return "This statistic needs a feature.";
	if ((!isnan(step->options[SECONDS]) || statistic == RATE || statistic == GAP) && step->names[STEP_TIME][0] == '\0')
		return "It needs a \"time\" for seconds, rate and gap.";
	return NULL;
}

/* ---- the slot of a key ---- */

static uint64_t
hash_of(double key)
{
	uint64_t	word;

	if (key == 0)
		key = 0;				/* -0 too */
	memcpy(&word, &key, sizeof(word));
	word *= UINT64_C(0x9E3779B97F4A7C15);
	return word ^ word >> 32;
}

static bool
is_same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* Missing keys are one. */
static double
key_of(const PipelineStep *step, const double *row)
{
	double		key = step->places[STEP_BY] < 0 ? 0 : row[step->places[STEP_BY]];

	return isnan(key) ? NAN : key;
}

static int
find_slot(const PipelineStep *step, double key)
{
	if (step->n_buckets == 0)
		return -1;
	for (int i = step->buckets[hash_of(key) & (uint64_t) (step->n_buckets - 1)] - 1; i >= 0; i = step->slots[i].chain)
		if (is_same(step->slots[i].key, key))
			return i;
	return -1;
}

static void
enter(PipelineStep *step, int slot)
{
	int		   *bucket = &step->buckets[hash_of(step->slots[slot].key) & (uint64_t) (step->n_buckets - 1)];

	step->slots[slot].chain = *bucket - 1;
	*bucket = slot + 1;
}

static void
leave(PipelineStep *step, int slot)
{
	int		   *bucket = &step->buckets[hash_of(step->slots[slot].key) & (uint64_t) (step->n_buckets - 1)];

	if (*bucket - 1 == slot)
	{
		*bucket = step->slots[slot].chain + 1;
		return;
	}
	for (int i = *bucket - 1;; i = step->slots[i].chain)
		if (step->slots[i].chain == slot)
		{
			step->slots[i].chain = step->slots[slot].chain;
			return;
		}
}

static void
take_from_list(PipelineStep *step, int slot)
{
	PipelineSlot *this = &step->slots[slot];

	if (this->newer >= 0)
		step->slots[this->newer].older = this->older;
	else
		step->newest = this->older;
	if (this->older >= 0)
		step->slots[this->older].newer = this->newer;
	else
		step->oldest = this->newer;
}

static void
put_first(PipelineStep *step, int slot)
{
	PipelineSlot *this = &step->slots[slot];

	this->newer = -1;
	this->older = step->newest;
	if (step->newest >= 0)
		step->slots[step->newest].newer = slot;
	step->newest = slot;
	if (step->oldest < 0)
		step->oldest = slot;
}

static void
free_entries(Allocator allocator, PipelineSlot *slot)
{
	if (slot->capacity > 0)
		allocator.resize(allocator.context, slot->entries, (size_t) slot->capacity * sizeof(Entry), 0);
	slot->entries = NULL;
	slot->n = slot->next = slot->capacity = 0;
}

static int
enlarged(int capacity, int first, int limit)
{
	capacity = capacity < first ? first : 2 * capacity;
	return capacity < limit ? capacity : limit;
}

/* What slots grow to, and their buckets. */
static int
next_slots(const PipelineStep *step, int *n_buckets)
{
	int			capacity = enlarged(step->slot_capacity, 8, (int) step->options[MAX_KEYS]);

	for (*n_buckets = 8; *n_buckets < 2 * capacity;)
		*n_buckets *= 2;
	return capacity;
}

static size_t
slots_growth(const PipelineStep *step)
{
	int			n_buckets;
	int			capacity = next_slots(step, &n_buckets);

	return (size_t) (capacity - step->slot_capacity) * sizeof(PipelineSlot) + (size_t) (n_buckets - step->n_buckets) * sizeof(int);
}

static void
grow_slots(Allocator allocator, PipelineStep *step)
{
	int			n_buckets;
	int			capacity = next_slots(step, &n_buckets);

	step->slots = allocator.resize(allocator.context, step->slots, (size_t) step->slot_capacity * sizeof(PipelineSlot),
								   (size_t) capacity * sizeof(PipelineSlot));
	memset(step->slots + step->slot_capacity, 0, (size_t) (capacity - step->slot_capacity) * sizeof(PipelineSlot));
	step->slot_capacity = capacity;
	step->buckets = allocator.resize(allocator.context, step->buckets, (size_t) step->n_buckets * sizeof(int),
									 (size_t) n_buckets * sizeof(int));
	step->n_buckets = n_buckets;
	memset(step->buckets, 0, (size_t) n_buckets * sizeof(int));
	for (int i = 0; i < step->n_slots; i++)
		enter(step, i);
}

/* NULL where there is no room for any. */
static PipelineSlot *
slot_for(Allocator allocator, HasRoom has_room, PipelineStep *step, double key)
{
	int			slot = find_slot(step, key);

	if (slot >= 0)
		take_from_list(step, slot);
	else
	{
		bool		may_grow = step->n_slots < (int) step->options[MAX_KEYS] &&
			(step->n_slots < step->slot_capacity || has_room(allocator.context, slots_growth(step)));

		if (!may_grow && step->n_slots == 0)
			return NULL;
		if (may_grow)
		{
			if (step->n_slots == step->slot_capacity)
				grow_slots(allocator, step);
			slot = step->n_slots++;
		}
		else
		{
			slot = step->oldest;
			leave(step, slot);
			take_from_list(step, slot);
			free_entries(allocator, &step->slots[slot]);
		}
		step->slots[slot].key = key;
		enter(step, slot);
	}
	put_first(step, slot);
	return &step->slots[slot];
}

/* ---- its rows ---- */

/* Row number i from the last one back. */
static const Entry *
entry_back(const PipelineSlot *slot, int i)
{
	if (slot->capacity == 0)
		return NULL;
	return &slot->entries[(slot->next - 1 - i + 2 * slot->capacity) % slot->capacity];
}

static void
add_entry(Allocator allocator, HasRoom has_room, const PipelineStep *step, PipelineSlot *slot, Entry entry)
{
	int			limit = (int) step->options[ROWS];
	int			n = slot->n;
	int			capacity = enlarged(slot->capacity, 4, limit);

	/* For a while both are there. */
	if (slot->n == slot->capacity && slot->capacity < limit && has_room(allocator.context, (size_t) capacity * sizeof(Entry)))
	{
		Entry	   *entries = allocator.resize(allocator.context, NULL, 0, (size_t) capacity * sizeof(Entry));

		memset(entries, 0, (size_t) capacity * sizeof(Entry));
		for (int i = 0; i < n && slot->capacity > 0; i++)
			entries[n - 1 - i] = *entry_back(slot, i);
		free_entries(allocator, slot);
		slot->entries = entries;
		slot->n = slot->next = n;
		slot->capacity = capacity;
	}
	if (slot->entries == NULL)
		return;
	slot->entries[slot->next] = entry;
	slot->next = (slot->next + 1) % slot->capacity;
	if (slot->n < slot->capacity)
		slot->n++;
}

static Entry
entry_of(const PipelineStep *step, const double *row)
{
	return (Entry){.value = step->places[STEP_FEATURE] < 0 ? 1 : row[step->places[STEP_FEATURE]],
				   .time = step->places[STEP_TIME] < 0 ? NAN : row[step->places[STEP_TIME]]};
}

void
step_window_add(Allocator allocator, HasRoom has_room, PipelineStep *step, const double *row)
{
	Entry		entry = entry_of(step, row);
	PipelineSlot *slot;

	if (needs_value(step) && isnan(entry.value))
		return;
	slot = slot_for(allocator, has_room, step, key_of(step, row));
	if (slot != NULL)
		add_entry(allocator, has_room, step, slot, entry);
}

double
step_window_value(const PipelineStep *step, const double *row)
{
	int			found = find_slot(step, key_of(step, row));
	const PipelineSlot *slot = found < 0 ? NULL : &step->slots[found];
	Entry		now = entry_of(step, row);
	const Entry *before = slot == NULL || slot->n == 0 ? NULL : entry_back(slot, 0);
	Spread		spread = {0};
	double		low = INFINITY;
	double		high = -INFINITY;
	double		first = now.time;
	double		count = 1;
	int			n = slot == NULL ? 0 : slot->n;

	switch ((int) step->options[STATISTIC])
	{
		case LAG: return before == NULL ? NAN : before->value;
		case DIFFERENCE: return before == NULL ? NAN : now.value - before->value;
		case GAP: return before == NULL ? NAN : (now.time - before->time) / MICROSECONDS;
		default: break;
	}
	if (!isnan(now.value))
	{
		spread_add(&spread, now.value, 1);
		low = high = now.value;
	}
	for (int i = 0; i < n && i + 1 < (int) step->options[ROWS]; i++)
	{
		const Entry *entry = entry_back(slot, i);

		/* A row without a time is of no window of time. */
		if (!isnan(step->options[SECONDS]) && !(now.time - entry->time <= step->options[SECONDS] * MICROSECONDS))
			continue;
		count += 1;
		first = fmin(first, entry->time);
		if (isnan(entry->value))
			continue;
		spread_add(&spread, entry->value, 1);
		low = fmin(low, entry->value);
		high = fmax(high, entry->value);
	}
	switch ((int) step->options[STATISTIC])
	{
		case COUNT: return count;
		case RATE:
			if (!isnan(step->options[SECONDS]))
				return count / step->options[SECONDS];
			return now.time > first ? (count - 1) / ((now.time - first) / MICROSECONDS) : NAN;
		case SUM: return spread.n > 0 ? spread.mean * spread.n : NAN;
		case MEAN: return spread.n > 0 ? spread.mean : NAN;
		case MIN: return spread.n > 0 ? low : NAN;
		case MAX: return spread.n > 0 ? high : NAN;
		default: return spread.n > 0 ? sqrt(spread_variance(&spread)) : NAN;
	}
}

void
step_window_free(Allocator allocator, PipelineStep *step)
{
	for (int i = 0; i < step->n_slots; i++)
		free_entries(allocator, &step->slots[i]);
	if (step->slot_capacity > 0)
		allocator.resize(allocator.context, step->slots, (size_t) step->slot_capacity * sizeof(PipelineSlot), 0);
	if (step->n_buckets > 0)
		allocator.resize(allocator.context, step->buckets, (size_t) step->n_buckets * sizeof(int), 0);
}

/* ---- the stored form: from the key learned least lately on ---- */

static void
archive_slot(Archive *archive, const PipelineStep *step, PipelineSlot *slot)
{
	int			n = slot->n;
	int			capacity = slot->capacity;

	archive_double(archive, &slot->key);
	/* A key for whose rows there was no room has none. */
	archive_count(archive, &n, 0, (int) step->options[ROWS]);
	archive_count(archive, &capacity, n, n == 0 ? 0 : n < 2 ? 4 : 2 * n);
	if (archive_reads(archive))
	{
		if (capacity > (int) step->options[ROWS])
			archive_refuse(archive);
		if ((uint64_t) n * sizeof(Entry) > archive_left(archive))
			archive_refuse(archive);
		slot->entries = NULL;
		if (!archive_is_corrupt(archive) && n > 0)
			slot->entries = archive->allocator.resize(archive->allocator.context, NULL, 0, (size_t) capacity * sizeof(Entry));
		if (slot->entries == NULL)
			return;
		memset(slot->entries, 0, (size_t) capacity * sizeof(Entry));
		slot->n = n;
		slot->capacity = capacity;
		slot->next = n % capacity;
	}
	for (int i = n - 1; i >= 0; i--)
	{
		Entry	   *entry = archive_reads(archive) ? &slot->entries[n - 1 - i] : (Entry *) entry_back(slot, i);

		archive_double(archive, &entry->value);
		archive_double(archive, &entry->time);
	}
}

void
archive_step_window(Archive *archive, PipelineStep *step)
{
	int			n = step->n_slots;
	int			slot = step->oldest;

	archive_count(archive, &n, 0, (int) step->options[MAX_KEYS]);
	if (!archive_reads(archive))
	{
		for (int i = 0; i < n; i++, slot = step->slots[slot].newer)
			archive_slot(archive, step, &step->slots[slot]);
		return;
	}
	for (int i = 0; i < n && !archive_is_corrupt(archive); i++)
	{
		PipelineSlot read = {0};
		int			place;

		archive_slot(archive, step, &read);
		if (archive_is_corrupt(archive) || find_slot(step, read.key) >= 0)
		{
			free_entries(archive->allocator, &read);
			archive_refuse(archive);
			return;
		}
		if (step->n_slots == step->slot_capacity)
			grow_slots(archive->allocator, step);
		place = step->n_slots++;
		step->slots[place] = read;
		enter(step, place);
		put_first(step, place);
	}
}
