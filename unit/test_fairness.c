/*
 * test_fairness.c
 *		Fairness tables: any order, split or merge tree gives the same bytes; retraction undoes; hostile bytes; metrics.
 */
#include "unit.h"

#include "fairness/fairness.h"
#include "fairness/fairness_metrics.h"
#include "fairness/fairness_permutation.h"
#include "fairness/neighbours.h"

typedef struct Row
{
	char		key[64];
	size_t		length;
	Outcome		prediction;
	Outcome		label;
} Row;

static Row
random_row(int n_columns)
{
	static const char *const names[] = {"F", "M", "", "25-40", "a | b", "\xc3\xa9t\xc3\xa9"};
	const char *values[3];
	size_t		lengths[3];
	Row			row;

	for (int i = 0; i < n_columns; i++)
	{
		values[i] = unit_random_below(7) == 0 ? NULL : names[unit_random_below(6)];
		lengths[i] = values[i] == NULL ? 0 : strlen(values[i]);
	}
	row.length = fairness_key(n_columns, values, lengths, row.key);
	row.prediction = (Outcome) unit_random_below(3);
	row.label = (Outcome) unit_random_below(3);
	return row;
}

static void
add_row(FairnessTable *table, const Row *row, int64_t count)
{
	if (fairness_add(table, row->key, row->length, row->prediction, row->label, count) != FAIRNESS_OK)
		abort();
}

typedef struct Bytes
{
	uint8_t	   *data;
	size_t		size;
} Bytes;

static Bytes
encode(const FairnessTable *table)
{
	Bytes		bytes;

	bytes.size = fairness_encoded_size(table);
	bytes.data = malloc(bytes.size);
	if (fairness_encode(table, bytes.data) != bytes.size)
		abort();
	return bytes;
}

/* Compares and frees. */
static bool
same_bytes(Bytes a, Bytes b)
{
	bool		same = a.size == b.size && memcmp(a.data, b.data, a.size) == 0;

	free(a.data);
	free(b.data);
	return same;
}

static void
shuffle(Row *rows, size_t n)
{
	for (size_t i = n; i > 1; i--)
	{
		size_t		j = unit_random_below(i);
		Row			row = rows[i - 1];

		rows[i - 1] = rows[j];
		rows[j] = row;
	}
}

static void
test_any_order(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(200); round++)
	{
		int			n_columns = (int) unit_random_below(4);
		size_t		n = unit_random_below(300);
		Row		   *rows = malloc((n + 1) * sizeof(Row));
		FairnessTable *whole = fairness_create(unit_allocator(), n_columns, 0);
		FairnessTable *parts[5];

		for (size_t i = 0; i < n; i++)
		{
			rows[i] = random_row(n_columns);
			add_row(whole, &rows[i], 1);
		}
		shuffle(rows, n);
		for (int i = 0; i < 5; i++)
			parts[i] = fairness_create(unit_allocator(), n_columns, 0);
		for (size_t i = 0; i < n; i++)
			add_row(parts[unit_random_below(5)], &rows[i], 1);
		/* a random merge tree, some leaves through bytes */
		for (int left = 5; left > 1; left--)
		{
			int			from = (int) unit_random_below(left);
			int			into = (from + 1) % left;
			FairnessTable *source = parts[from];

			if (unit_random_below(2) == 0)
			{
				Bytes		bytes = encode(source);

				fairness_free(source);
				EXPECT(&good, fairness_decode(unit_allocator(), bytes.data, bytes.size, &source) == FAIRNESS_OK, "decode");
				free(bytes.data);
			}
			EXPECT(&good, fairness_merge(parts[into], source) == FAIRNESS_OK, "merge");
			fairness_free(source);
			parts[from] = parts[left - 1];
		}
		EXPECT(&good, fairness_equal(whole, parts[0]), "equal, round %d", round);
		EXPECT(&good, same_bytes(encode(whole), encode(parts[0])), "bytes, round %d", round);
		fairness_free(whole);
		fairness_free(parts[0]);
		free(rows);
	}
	CHECK(good, "any order, split and merge tree gives the same bytes");
}

static void
test_retraction(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(200); round++)
	{
		size_t		n = 1 + unit_random_below(200);
		size_t		kept = unit_random_below(n + 1);
		Row		   *rows = malloc(n * sizeof(Row));
		FairnessTable *all = fairness_create(unit_allocator(), 2, 0);
		FairnessTable *first = fairness_create(unit_allocator(), 2, 0);
		FairnessTable *rest = fairness_create(unit_allocator(), 2, 0);
		FairnessTable *copy;

		for (size_t i = 0; i < n; i++)
		{
			rows[i] = random_row(2);
			/* a removal may arrive before what it removes */
			if (i >= kept)
				add_row(all, &rows[i], -1);
			add_row(i < kept ? first : rest, &rows[i], 1);
		}
		for (size_t i = 0; i < n; i++)
			add_row(all, &rows[i], 1);
		copy = fairness_copy(unit_allocator(), all);
		EXPECT(&good, fairness_merge(copy, rest) == FAIRNESS_OK, "merge");
		EXPECT(&good, fairness_subtract(copy, rest) == FAIRNESS_OK, "subtract");
		EXPECT(&good, same_bytes(encode(all), encode(first)), "taken back by row");
		EXPECT(&good, same_bytes(encode(copy), encode(first)), "taken back by table");
		EXPECT(&good, fairness_subtract(copy, first) == FAIRNESS_OK, "subtract");
		EXPECT(&good, fairness_groups(copy, NULL, 0) == 0, "nothing left");
		fairness_free(all);
		fairness_free(first);
		fairness_free(rest);
		fairness_free(copy);
		free(rows);
	}
	CHECK(good, "retraction undoes insertion, in any order");
}

static void
test_corruption(void)
{
	bool		good = true;
	int			accepted = 0;

	for (int round = 0; round < unit_rounds(20000); round++)
	{
		FairnessTable *table = fairness_create(unit_allocator(), 2, 0);
		FairnessTable *decoded = NULL;
		Bytes		bytes;
		size_t		size;
		uint8_t	   *exact;

		for (int i = 0; i < 6; i++)
		{
			Row			row = random_row(2);

			add_row(table, &row, (int64_t) unit_random_below(1000) - 300);
		}
		bytes = encode(table);
		size = unit_random_below(4) == 0 ? unit_random_below(bytes.size + 1) : bytes.size;
		exact = malloc(size > 0 ? size : 1); /* its own block, so that the sanitizer sees a read past the end */
		memcpy(exact, bytes.data, size);
		for (uint64_t i = unit_random_below(4); i > 0 && size > 0; i--)
			exact[unit_random_below(size)] = (uint8_t) unit_random();
		if (fairness_decode(unit_allocator(), exact, size, &decoded) == FAIRNESS_OK)
		{
			Bytes		again = encode(decoded);

			accepted++;
			EXPECT(&good, again.size == size && memcmp(again.data, exact, size) == 0, "what decodes is canonical");
			free(again.data);
			fairness_free(decoded);
		}
		free(exact);
		free(bytes.data);
		fairness_free(table);
	}
	CHECK(good && accepted > 0, "hostile bytes are refused or mean exactly what they say (%d meant something)", accepted);
}

static void
test_limits(void)
{
	FairnessTable *table = fairness_create(unit_allocator(), 1, 10);
	FairnessTable *other = fairness_create(unit_allocator(), 1, 0);
	FairnessTable *wider = fairness_create(unit_allocator(), 2, 0);
	char		key[64];
	char		name[16];
	bool		good = true;

	for (int i = 0; i < 11; i++)
	{
		const char *value = name;
		size_t		value_length = (size_t) snprintf(name, sizeof(name), "%d", i);
		size_t		length = fairness_key(1, &value, &value_length, key);
		FairnessStatus status = fairness_add(table, key, length, OUTCOME_POSITIVE, OUTCOME_POSITIVE, 1);

		EXPECT(&good, status == (i < 10 ? FAIRNESS_OK : FAIRNESS_TOO_MANY_GROUPS), "group %d", i);
		fairness_add(other, key, length, OUTCOME_POSITIVE, OUTCOME_POSITIVE, 1);
		if (i == 10)
		{
			EXPECT(&good, fairness_merge(table, other) == FAIRNESS_TOO_MANY_GROUPS, "merge beyond the limit");
			EXPECT(&good, fairness_groups(table, NULL, 0) == 10, "left as it was");
			/* a group that goes makes room */
			value_length = (size_t) snprintf(name, sizeof(name), "%d", 3);
			length = fairness_key(1, &value, &value_length, key);
			EXPECT(&good, fairness_add(table, key, length, OUTCOME_POSITIVE, OUTCOME_POSITIVE, -1) == FAIRNESS_OK, "remove");
			value_length = (size_t) snprintf(name, sizeof(name), "%d", 99);
			length = fairness_key(1, &value, &value_length, key);
			EXPECT(&good, fairness_add(table, key, length, OUTCOME_POSITIVE, OUTCOME_POSITIVE, 1) == FAIRNESS_OK, "add");
			EXPECT(&good,
				   fairness_add(table, key, length, OUTCOME_POSITIVE, OUTCOME_POSITIVE, FAIRNESS_MAX_COUNT) == FAIRNESS_CORRUPT,
				   "a count beyond the limit");
		}
	}
	EXPECT(&good, fairness_merge(table, wider) == FAIRNESS_COLUMNS_DIFFER, "columns differ");
	fairness_free(table);
	fairness_free(other);
	fairness_free(wider);
	CHECK(good, "limits on groups and counts leave the table as it was");
}

/* No sum of the counts of a table is beyond the limit: neither of those that are added, nor of those that are read. */
static void
test_sum_of_counts(void)
{
	const char *names[] = {"F", "M"};
	size_t		lengths[] = {1, 1};
	char		keys[2][16];
	size_t		length = fairness_key(1, &names[0], &lengths[0], keys[0]);
	FairnessTable *table = fairness_create(unit_allocator(), 1, 0);
	FairnessTable *other = fairness_create(unit_allocator(), 1, 0);
	FairnessTable *decoded = NULL;
	Bytes		bytes;
	int64_t		counts[3][3] = {{FAIRNESS_MAX_COUNT - 1, 0, 0}, {0, 0, 0}, {0, 0, 0}};
	bool		good = true;

	fairness_key(1, &names[1], &lengths[1], keys[1]);
	EXPECT(&good, fairness_add_counts(table, keys[0], length, counts) == FAIRNESS_OK, "one below the limit");
	EXPECT(&good, fairness_add(table, keys[1], length, OUTCOME_POSITIVE, OUTCOME_POSITIVE, 2) == FAIRNESS_CORRUPT, "two more");
	EXPECT(&good, fairness_add(table, keys[1], length, OUTCOME_POSITIVE, OUTCOME_POSITIVE, -2) == FAIRNESS_CORRUPT, "two less");
	EXPECT(&good, fairness_groups(table, NULL, 0) == 1, "left as it was");
	EXPECT(&good, fairness_add(table, keys[1], length, OUTCOME_POSITIVE, OUTCOME_POSITIVE, 1) == FAIRNESS_OK, "one more");
	EXPECT(&good, fairness_merge(other, table) == FAIRNESS_OK && fairness_merge(other, table) == FAIRNESS_CORRUPT, "merged twice");
	EXPECT(&good, fairness_equal(other, table), "left as it was");
	EXPECT(&good, fairness_subtract(other, table) == FAIRNESS_OK && fairness_subtract(other, table) == FAIRNESS_OK, "below zero");
	EXPECT(&good, fairness_subtract(other, table) == FAIRNESS_CORRUPT, "twice");
	bytes = encode(table);
	EXPECT(&good, fairness_decode(unit_allocator(), bytes.data, bytes.size, &decoded) == FAIRNESS_OK, "decoded");
	EXPECT(&good, fairness_add(decoded, keys[0], length, OUTCOME_POSITIVE, OUTCOME_POSITIVE, 1) == FAIRNESS_CORRUPT,
		   "it counts on");
	/* M, the last count but four, which is of one row: 1 as zigzag is 2. */
	EXPECT(&good, bytes.data[bytes.size - 5] == 2, "where it stands");
	fairness_free(decoded);
	bytes.data[bytes.size - 5] = 4;
	EXPECT(&good, fairness_decode(unit_allocator(), bytes.data, bytes.size, &decoded) == FAIRNESS_CORRUPT, "one more in bytes");
	bytes.data[bytes.size - 5] = 3;
	EXPECT(&good, fairness_decode(unit_allocator(), bytes.data, bytes.size, &decoded) == FAIRNESS_CORRUPT, "two less in bytes");
	free(bytes.data);
	fairness_free(table);
	fairness_free(other);
	CHECK(good, "the counts of a table come to no more than the limit together");
}

static void
test_keys(void)
{
	const char *values[] = {"F", NULL, "25-40"};
	size_t		lengths[] = {1, 0, 5};
	char		key[64];
	char		display[64];
	size_t		length = fairness_key(3, values, lengths, key);
	size_t		shown = fairness_key_display(key, length, display, sizeof(display));

	CHECK(length == fairness_key_size(3, values, lengths), "size of a key");
	CHECK(shown == 21 && memcmp(display, "F | (unknown) | 25-40", 21) == 0, "display of a key: %.*s", (int) shown, display);
	CHECK(fairness_key_display(key, length, NULL, 0) == 21, "length of the display");
	CHECK(fairness_key_valid(key, length, 3) && !fairness_key_valid(key, length, 2) && !fairness_key_valid(key, length - 1, 3),
		  "validity of a key");
}

static FairnessGroup
group_of(int64_t true_negative, int64_t false_negative, int64_t false_positive, int64_t true_positive)
{
	FairnessGroup group = {.key = "", .length = 0};

	group.counts[OUTCOME_NEGATIVE][OUTCOME_NEGATIVE] = true_negative;
	group.counts[OUTCOME_NEGATIVE][OUTCOME_POSITIVE] = false_negative;
	group.counts[OUTCOME_POSITIVE][OUTCOME_NEGATIVE] = false_positive;
	group.counts[OUTCOME_POSITIVE][OUTCOME_POSITIVE] = true_positive;
	return group;
}

static FairnessScore
compare(const char *metric, FairnessGroup group, FairnessGroup reference)
{
	FairnessScore score;

	fairness_compare(fairness_metric_find(metric), &group, &reference, 30, 0.95, &score);
	score.threshold = fairness_rule_threshold(fairness_rule_find("four_fifths"), fairness_metric_find(metric));
	fairness_judge(fairness_metric_find(metric), fairness_rule_find("four_fifths"), score.p_value, 0.95, &score);
	return score;
}

/* Expected numbers: statsmodels' proportion_confint, confint_proportions_2indep; scipy's fisher_exact. */
static void
test_metrics(void)
{
	FairnessGroup women = group_of(40, 20, 10, 30);
	FairnessGroup men = group_of(20, 10, 20, 50);
	FairnessGroup nobody = group_of(0, 0, 0, 0);
	FairnessGroup odd = group_of(-1, 5, 5, 5);
	FairnessScore score;
	double		low;
	double		high;

	wilson_interval((Proportion){40, 100}, 1.959963984540054, &low, &high);
	CHECK(unit_close(low, 0.3094013, 1e-6) && unit_close(high, 0.4979974, 1e-6), "Wilson interval of 40 of 100: %.7f %.7f", low,
		  high);
	score = compare("demographic_parity_difference", women, men);
	CHECK(unit_close(score.value, -0.3, 1e-12) && score.verdict == VERDICT_ALERT, "a difference is group minus reference");
	CHECK(unit_close(score.p_value, 2.00787e-05, 1e-3), "its p-value: %g", score.p_value);
	CHECK(score.low < -0.3 && score.high > -0.3 && score.high < 0, "its interval: %f %f", score.low, score.high);
	score = compare("demographic_parity_ratio", women, men);
	CHECK(unit_close(score.value, 4.0 / 7, 1e-12) && score.verdict == VERDICT_ALERT, "a ratio is group by reference");
	score = compare("demographic_parity_ratio", men, women);
	CHECK(unit_close(score.value, 7.0 / 4, 1e-12) && score.verdict == VERDICT_ALERT, "and alerts above the inverse too");
	score = compare("equal_opportunity_difference", women, men);
	CHECK(unit_close(score.value, 0.6 - 50.0 / 60, 1e-12) && score.n == 50 && score.n_reference == 60, "equal opportunity");
	score = compare("equalized_odds_difference", women, men);
	CHECK(unit_close(score.value, 0.2 - 0.5, 1e-12), "equalized odds is the worse of the two: %f", score.value);
	score = compare("demographic_parity_ratio", women, nobody);
	CHECK(score.status == SCORE_UNDEFINED && !score.has_value && score.verdict == VERDICT_NONE,
		  "an empty denominator is undefined");
	score = compare("demographic_parity_ratio", women, group_of(50, 50, 0, 0));
	CHECK(score.status == SCORE_UNDEFINED && !score.has_value, "a ratio to a rate of 0 is undefined");
	score = compare("demographic_parity_difference", odd, men);
	CHECK(score.status == SCORE_UNDEFINED && !score.has_value, "a negative count is undefined");
	score = compare("demographic_parity_difference", group_of(10, 0, 0, 10), men);
	CHECK(score.status == SCORE_INSUFFICIENT && score.has_value && score.verdict == VERDICT_NONE, "few rows are insufficient");
	score = compare("demographic_parity_difference", group_of(0, 0, 20, 20), group_of(0, 0, 20, 20));
	CHECK(score.value == 0 && score.p_value == 1 && score.verdict == VERDICT_OK, "nothing to tell apart");
	CHECK(fairness_metric_find("no_such_metric") < 0, "an unknown name is not found");
}

static void
test_overall(void)
{
	FairnessGroup groups[4] = {group_of(40, 20, 10, 30), group_of(20, 10, 20, 50), group_of(5, 0, 0, 1), group_of(30, 15, 25, 30)};
	FairnessScore score;
	bool		good = true;

	fairness_compare_all(fairness_metric_find("demographic_parity_difference"), groups, 4, 30, 0.95, unit_allocator(), &score);
	CHECK(unit_close(score.value, 0.3, 1e-12) && score.n == 300, "the largest difference, without the small group");
	CHECK(score.low > 0 && score.low < 0.3 && score.high > 0.3, "its simultaneous interval: %f %f", score.low, score.high);
	fairness_compare_all(fairness_metric_find("demographic_parity_ratio"), groups, 4, 30, 0.95, unit_allocator(), &score);
	CHECK(unit_close(score.value, 4.0 / 7, 1e-12) && score.low < 4.0 / 7 && score.high > 4.0 / 7, "the smallest ratio");
	fairness_compare_all(fairness_metric_find("demographic_parity_ratio"), groups, 1, 30, 0.95, unit_allocator(), &score);
	CHECK(score.status == SCORE_UNDEFINED && !score.has_value, "one group has nothing to be compared with");
	fairness_compare_all(fairness_metric_find("demographic_parity_ratio"), groups, 0, 30, 0.95, unit_allocator(), &score);
	CHECK(score.status == SCORE_UNDEFINED && !score.has_value, "nor has none");
	fairness_compare_all(fairness_metric_find("demographic_parity_ratio"), groups + 1, 2, 30, 0.95, unit_allocator(), &score);
	CHECK(score.status == SCORE_INSUFFICIENT && !score.has_value, "one group beside a small one is insufficient");
	for (int round = 0; round < unit_rounds(2000); round++)
	{
		FairnessGroup some[5];
		size_t		n = unit_random_below(6);

		for (size_t i = 0; i < n; i++)
		{
			some[i] = group_of(unit_random_below(9), unit_random_below(9), unit_random_below(9), unit_random_below(9));
			if (unit_random_below(4) == 0)
				some[i] = group_of(0, 0, unit_random_below(3), 0);
		}
		for (int metric = 0; metric < fairness_metric_count(); metric++)
		{
			fairness_compare_all(metric, some, n, 0, 0.9, unit_allocator(), &score);
			if (!score.has_value)
				continue;
			/* Odds have no upper end. */
			EXPECT(&good,
				   score.value >= 0 &&
					   (score.value <= 1 || strcmp(fairness_metric_name(metric), "treatment_equality_difference") == 0),
				   "%s: %f", fairness_metric_name(metric), score.value);
			EXPECT(&good, score.p_value >= 0 && score.p_value <= 1, "%s: p %f", fairness_metric_name(metric), score.p_value);
			/* The mean size of two differences alone has no interval. */
			EXPECT(&good, score.has_interval == (strcmp(fairness_metric_name(metric), "average_absolute_odds_difference") != 0),
				   "%s", fairness_metric_name(metric));
			EXPECT(&good, !score.has_interval || (score.low <= score.value + 1e-12 && score.value <= score.high + 1e-12),
				   "%s: %f in %f..%f", fairness_metric_name(metric), score.value, score.low, score.high);
		}
	}
	CHECK(good, "overall values, p-values and intervals are in range");
}

static void
test_rules(void)
{
	FairnessScore score = compare("demographic_parity_ratio", group_of(300, 300, 210, 190), group_of(250, 250, 250, 250));
	int			metric = fairness_metric_find("demographic_parity_ratio");

	CHECK(score.verdict == VERDICT_OK && score.p_value < 1e-4, "0.8 is within four fifths");
	score.threshold = fairness_rule_threshold(fairness_rule_find("nine_tenths"), metric);
	fairness_judge(metric, fairness_rule_find("nine_tenths"), score.p_value, 0.95, &score);
	CHECK(score.verdict == VERDICT_ALERT, "but not within nine tenths");
	fairness_judge(metric, fairness_rule_find("nine_tenths"), 0.2, 0.95, &score);
	CHECK(score.verdict == VERDICT_WARNING, "which is a warning where chance explains it");
	fairness_judge(metric, fairness_rule_find("practical"), 0.2, 0.95, &score);
	CHECK(score.verdict == VERDICT_ALERT, "and an alert where nobody asks chance");
	score.threshold = fairness_rule_threshold(fairness_rule_find("two_standard_deviations"), metric);
	fairness_judge(metric, fairness_rule_find("two_standard_deviations"), score.p_value, 0.95, &score);
	CHECK(isnan(score.threshold) && score.verdict == VERDICT_ALERT, "significance alone");
	CHECK(fairness_rule_find("three_fifths") == NULL, "no such rule");
}

static void
test_best(void)
{
	FairnessGroup groups[] = {group_of(50, 50, 0, 0), group_of(40, 10, 40, 10), group_of(10, 40, 0, 50), group_of(0, 0, 1, 1)};

	CHECK(fairness_best_group(fairness_metric_find("demographic_parity_ratio"), groups, 4, 30) == 1,
		  "the highest selection rate, of groups large enough");
	CHECK(fairness_best_group(fairness_metric_find("demographic_parity_ratio"), groups, 4, 1) == 3, "or of all");
	CHECK(fairness_best_group(fairness_metric_find("false_positive_rate_ratio"), groups, 3, 1) == 0,
		  "the lowest false positive rate; the first of equals");
	CHECK(fairness_best_group(fairness_metric_find("equalized_odds_difference"), groups, 3, 1) == 2,
		  "of both the largest difference");
	CHECK(fairness_best_group(fairness_metric_find("equalized_odds_difference"), groups, 3, 1000) == 3, "none is large enough");
}

static double
permuted(const char *metric, const FairnessGroup *groups, size_t n, int n_permutations, ScoreStatus *status)
{
	FairnessPermutation test;
	double		p_value;

	fairness_permutation_start(&test, fairness_metric_find(metric), groups, n, 1, 42, unit_allocator());
	for (int i = 0; i < n_permutations && test.status == SCORE_OK; i++)
		fairness_permutation_step(&test);
	*status = test.status;
	p_value = fairness_permutation_p_value(&test);
	fairness_permutation_free(&test);
	return p_value;
}

static void
test_permutation(void)
{
	FairnessGroup tables[][2] = {{group_of(7, 0, 3, 0), group_of(3, 0, 9, 0)},
								 {group_of(40, 0, 60, 0), group_of(52, 0, 48, 0)},
								 {group_of(4000, 0, 6000, 0), group_of(4100, 0, 5900, 0)}};
	ScoreStatus status;

	/* Two-sided by the size of the difference; of equal sizes Fisher's test looks at the same tables. */
	for (int i = 0; i < 3; i++)
	{
		Proportion	a = fairness_rate(&tables[i][0], RATE_SELECTION);
		Proportion	b = fairness_rate(&tables[i][1], RATE_SELECTION);
		double		p = permuted("demographic_parity_difference", tables[i], 2, 20000, &status);
		double		exact = 0;

		/* The sum over all tables with these margins whose difference is as large. */
		for (int64_t x = 0; x <= a.trials; x++)
		{
			int64_t		y = a.successes + b.successes - x;

			if (y < 0 || y > b.trials ||
				fabs((double) x / (double) a.trials - (double) y / (double) b.trials) <
					fabs((double) a.successes / (double) a.trials - (double) b.successes / (double) b.trials) - 1e-12)
				continue;
			exact += exp(lgamma((double) a.trials + 1) - lgamma((double) x + 1) - lgamma((double) (a.trials - x) + 1) +
						 lgamma((double) b.trials + 1) - lgamma((double) y + 1) - lgamma((double) (b.trials - y) + 1) -
						 lgamma((double) (a.trials + b.trials) + 1) + lgamma((double) (x + y) + 1) +
						 lgamma((double) (a.trials + b.trials - x - y) + 1));
		}
		CHECK(status == SCORE_OK && fabs(p - exact) < 7 * sqrt(exact * (1 - exact) / 20000) + 1e-4, "permutation p %f, exactly %f",
			  p, exact);
	}
	(void) permuted("demographic_parity_difference", tables[0], 1, 10, &status);
	CHECK(status == SCORE_UNDEFINED, "one group cannot be permuted");
}

static void
test_neighbours(void)
{
	bool		good = true;

	for (int round = 0; round < 30; round++)
	{
		size_t		n = 1 + unit_random_below(300);
		int			dimension = 1 + (int) unit_random_below(4);
		size_t		k = 1 + unit_random_below(8);
		double	   *points = malloc(n * (size_t) dimension * sizeof(double));
		NeighbourTree *tree;

		/* Few different coordinates, so that distances tie. */
		for (size_t i = 0; i < n * (size_t) dimension; i++)
			points[i] = round % 2 == 0 ? (double) unit_random_below(4) : unit_random_uniform();
		tree = neighbours_create(unit_allocator(), points, n, dimension);
		for (int query = 0; query < 20; query++)
		{
			double		point[4];
			Neighbour	found[8];
			size_t		n_found;

			for (int i = 0; i < dimension; i++)
				point[i] = round % 2 == 0 ? (double) unit_random_below(4) : unit_random_uniform();
			n_found = neighbours_find(tree, point, k, found);
			EXPECT(&good, n_found == (k < n ? k : n), "%zu of %zu", n_found, n);
			for (size_t i = 0; i < n; i++)
			{
				double		distance = 0;
				size_t		before = 0;
				bool		is_found = false;

				for (int j = 0; j < dimension; j++)
					distance += (points[i * (size_t) dimension + (size_t) j] - point[j]) *
						(points[i * (size_t) dimension + (size_t) j] - point[j]);
				for (size_t j = 0; j < n_found; j++)
				{
					is_found = is_found || found[j].row == i;
					before += found[j].distance < distance || (found[j].distance == distance && found[j].row < i);
				}
				EXPECT(&good, is_found == (before < k), "row %zu of %zu", i, n);
			}
		}
		neighbours_free(tree);
		free(points);
	}
	CHECK(good, "the nearest rows are those of a search through all");
}

int
main(void)
{
	test_any_order();
	test_retraction();
	test_corruption();
	test_limits();
	test_sum_of_counts();
	test_keys();
	test_metrics();
	test_overall();
	test_rules();
	test_best();
	test_permutation();
	test_neighbours();
	CHECK(unit_allocated() == 0, "no memory is left");
	return unit_summary();
}
