/*
 * fuzz_fairness_decode.c
 *		libFuzzer: hostile bytes into fairness_decode are refused, or give a table that every reader takes, whose sums overflow
 *		nowhere, and that is written as it was read; and the stored form of a table of rows with bytes of it changed, which gets
 *		past the checks more often.
 */
#include "unit.h"

#include "fairness/fairness.h"
#include "fairness/fairness_audit.h"
#include "fairness/fairness_metrics.h"

#define MAX_COMPARED 12 /* groups: every metric looks at every pair */

extern int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

static void
write_again(const FairnessTable *table, const uint8_t *bytes, size_t size)
{
	uint8_t	   *again = malloc(size + 1);

	require(fairness_encoded_size(table) == size && fairness_encode(table, again) == size && memcmp(again, bytes, size) == 0);
	free(again);
}

static void
read_keys(const FairnessGroup *group, int n_columns)
{
	size_t		offset = 0;
	size_t		length;
	size_t		shown = fairness_key_display(group->key, group->length, NULL, 0);
	const char *value;
	char	   *display = malloc(shown + 1);
	int			n = 0;

	while (fairness_key_next(group->key, group->length, &offset, &value, &length))
		n++;
	require(n == n_columns && offset == group->length);
	require(fairness_key_display(group->key, group->length, display, shown) == shown);
	free(display);
}

static void
read_groups(const FairnessGroup *groups, size_t n)
{
	FairnessScore score;
	double		clarify[CLARIFY_N_METRICS];
	Inequality	inequality;
	DifferentialFairness differential;

	for (int metric = 0; metric < fairness_metric_count(); metric++)
	{
		size_t		best = fairness_best_group(metric, groups, n, 1);

		for (size_t i = 0; i < n; i++)
		{
			fairness_compare(metric, &groups[i], best < n ? &groups[best] : NULL, 1, 0.95, &score);
			if (score.status == SCORE_OK)
				fairness_judge(metric, fairness_rule(metric % fairness_rule_count()), score.p_value, 0.95, &score);
		}
		fairness_compare_all(metric, groups, n, 1, 0.95, unit_allocator(), &score);
	}
	for (size_t i = 0; i < n; i++)
		fairness_clarify(&groups[0], &groups[i], clarify);
	for (int alpha = 0; alpha <= 2; alpha++)
		fairness_inequality(groups, n, alpha, &inequality);
	fairness_differential(groups, n, RATE_SELECTION, 1, &differential);
}

static void
read_table(const FairnessTable *table)
{
	size_t		n = fairness_groups(table, NULL, 0);
	FairnessGroup *groups = malloc(sizeof(FairnessGroup) * (n + 1));
	int64_t		size = 0;

	require(fairness_groups(table, groups, n) == n);
	for (size_t i = 0; i < n; i++)
	{
		read_keys(&groups[i], fairness_n_columns(table));
		for (int j = 0; j < 9; j++)
			size += llabs(groups[i].counts[j / 3][j % 3]);
		require(size <= FAIRNESS_MAX_COUNT && llabs(fairness_group_size(&groups[i])) <= size);
	}
	if (n > 0)
		read_groups(groups, n < MAX_COMPARED ? n : MAX_COMPARED);
	free(groups);
}

/* Twice as much may be too much, and leaves it as it was; none of it is nothing. */
static void
combine(const FairnessTable *table)
{
	FairnessTable *copy = fairness_copy(unit_allocator(), table);
	bool		is_double;

	require(fairness_equal(copy, table));
	fairness_set_max_groups(copy, 0);
	is_double = fairness_merge(copy, table) == FAIRNESS_OK;
	require(is_double || fairness_equal(copy, table));
	require(!is_double || fairness_subtract(copy, table) == FAIRNESS_OK);
	require(fairness_equal(copy, table));
	require(fairness_subtract(copy, table) == FAIRNESS_OK && fairness_groups(copy, NULL, 0) == 0);
	require(fairness_subtract(copy, table) == FAIRNESS_OK && fairness_merge(copy, table) == FAIRNESS_OK);
	require(fairness_groups(copy, NULL, 0) == 0);
	fairness_free(copy);
}

static void
decode_and_use(const uint8_t *bytes, size_t size)
{
	FairnessTable *table;

	if (fairness_decode(unit_allocator(), bytes, size, &table) != FAIRNESS_OK)
		return;
	write_again(table, bytes, size);
	read_table(table);
	combine(table);
	fairness_free(table);
}

static void
change_and_use(const uint8_t *bytes, size_t size)
{
	static const char *const names[] = {"F", "M", "", "25-40", "\xc3\xa9t\xc3\xa9", NULL};
	FairnessTable *table = fairness_create(unit_allocator(), 2, 0);
	uint8_t	   *stored;
	size_t		stored_size;

	for (int i = 0; i < bytes[0] % 64; i++)
	{
		const char *values[] = {names[unit_random_below(6)], names[unit_random_below(6)]};
		size_t		lengths[] = {values[0] == NULL ? 0 : strlen(values[0]), values[1] == NULL ? 0 : strlen(values[1])};
		char		key[64];
		size_t		length = fairness_key(2, values, lengths, key);

		require(fairness_add(table, key, length, (Outcome) unit_random_below(3), (Outcome) unit_random_below(3),
							 (int64_t) (unit_random() >> unit_random_below(64)) >> 12) != FAIRNESS_TOO_MANY_GROUPS);
	}
	stored_size = fairness_encoded_size(table);
	stored = malloc(stored_size);
	require(fairness_encode(table, stored) == stored_size);
	fairness_free(table);
	for (size_t i = 1; i + 3 <= size; i += 3)
		stored[(size_t) (bytes[i] << 8 | bytes[i + 1]) % stored_size] = bytes[i + 2];
	decode_and_use(stored, stored_size);
	free(stored);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	/* Rows are drawn from a fixed seed, so that a finding repeats. */
	unit_seed(1);
	decode_and_use(bytes, size);
	if (size >= 1)
		change_and_use(bytes, size);
	if (unit_allocated() != 0)
		abort();
	return 0;
}
