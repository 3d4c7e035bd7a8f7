/*
 * test_summary_canonical.c
 *		The same values give the same bytes, in any order, in any batches, over any merge tree; what is taken back leaves no
 *		trace.
 */
#include "summary_bytes.h"
#include "summary_data.h"

/*
 * Splits at random, summarises the parts, merges them in a random tree, some of the parts having been through their stored
 * form.
 */
static Summary *
merge_tree(const double *values, size_t n, int budget)
{
	size_t		left;
	Summary	   *first;
	Summary	   *second;

	if (n < 2 || unit_random_below(12) == 0)
	{
		first = summary_of(values, n, budget);
		if (unit_random_below(2) == 0)
			return first;
		second = recode(first);
		summary_free(first);
		return second;
	}
	left = (size_t) unit_random_below(n + 1);
	first = merge_tree(values, left, budget);
	second = merge_tree(values + left, n - left, budget);
	if (unit_random_below(2) == 0)
	{
		Summary	   *swap = first;

		first = second;
		second = swap;
	}
	if (unit_random_below(3) == 0)
		summary_level(first);	/* a reader in between changes nothing */
	summary_merge(first, second);
	summary_free(second);
	return first;
}

static void
test_order_and_merging(void)
{
	for (int i = 0; i < N_DATA_SETS; i++)
	{
		bool		good = true;

		for (int round = 0; round < unit_rounds(12); round++)
		{
			int			budget = unit_random_below(3) == 0 ? 16 + (int) unit_random_below(50) : 1024;
			size_t		n = (size_t) unit_random_below(round % 4 == 0 ? 6000 : 300);
			double	   *values = draw_values(&data_sets[i], n);
			Summary	   *reference = summary_of(values, n, budget);
			Summary	   *other;

			shuffle(values, n);
			other = summary_of(values, n, budget);
			EXPECT(&good, same_bytes(reference, other), "shuffled, n %zu, budget %d", n, budget);
			EXPECT(&good, summary_equal(reference, other), "shuffled equal, n %zu, budget %d", n, budget);
			summary_free(other);
			other = merge_tree(values, n, budget);
			EXPECT(&good, same_bytes(reference, other), "merged, n %zu, budget %d", n, budget);
			summary_free(other);
			other = recode(reference);
			EXPECT(&good, same_bytes(reference, other), "recoded, n %zu, budget %d", n, budget);
			summary_free(other);
			other = summary_copy(unit_allocator(), reference);
			EXPECT(&good, same_bytes(reference, other), "copied, n %zu, budget %d", n, budget);
			summary_free(other);
			summary_free(reference);
			free(values);
		}
		CHECK(good, "%s: any order and any merge tree give the same bytes", data_sets[i].name);
	}
}

static void
test_retraction(void)
{
	for (int i = 0; i < N_DATA_SETS; i++)
	{
		bool		good = true;

		for (int round = 0; round < unit_rounds(12); round++)
		{
			int			budget = unit_random_below(3) == 0 ? 16 + (int) unit_random_below(50) : 1024;
			size_t		n = 1 + (size_t) unit_random_below(round % 4 == 0 ? 5000 : 200);
			size_t		extra = (size_t) unit_random_below(round % 3 == 0 ? 3000 : 100);
			double	   *values = draw_values(&data_sets[i], n + extra);
			Summary	   *kept = summary_of(values, n, budget);
			Summary	   *all = summary_of(values, n + extra, budget);
			Summary	   *taken = summary_of(values + n, extra, budget);
			Summary	   *one_by_one = summary_copy(unit_allocator(), all);
			Summary	   *empty = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, budget);
			Summary	   *coded;

			shuffle(values + n, extra);
			for (size_t j = n; j < n + extra; j++)
				summary_remove_number(one_by_one, values[j]);
			summary_subtract(all, taken);
			EXPECT(&good, !summary_is_inexact(all) && !summary_is_inexact(one_by_one), "inexact after n %zu + %zu", n, extra);
			EXPECT(&good, summary_equal(all, kept) && summary_equal(kept, all), "subtracted, n %zu + %zu, budget %d", n, extra,
				   budget);
			EXPECT(&good, summary_equal(one_by_one, kept), "removed, n %zu + %zu, budget %d", n, extra, budget);
			if (summary_level(all) == summary_level(kept) && !summary_extremes_stale(all) && !summary_distinct_stale(all))
				EXPECT(&good, same_bytes(all, kept), "subtracted bytes, n %zu + %zu, budget %d", n, extra, budget);
			if (summary_level(one_by_one) == summary_level(kept) && !summary_extremes_stale(one_by_one) &&
				!summary_distinct_stale(one_by_one))
				EXPECT(&good, same_bytes(one_by_one, kept), "removed bytes, n %zu + %zu, budget %d", n, extra, budget);
			coded = recode(one_by_one);
			EXPECT(&good, same_bytes(one_by_one, coded), "stored after removal, n %zu + %zu", n, extra);
			summary_free(coded);

			/* And it goes on being exact. */
			summary_add_numbers(one_by_one, values + n, extra);
			summary_free(taken);
			taken = summary_of(values, n + extra, budget);
			EXPECT(&good, summary_equal(one_by_one, taken), "put back, n %zu + %zu, budget %d", n, extra, budget);

			summary_subtract(all, kept);
			EXPECT(&good, same_bytes(all, empty), "emptied, n %zu + %zu", n, extra);
			summary_free(kept);
			summary_free(all);
			summary_free(taken);
			summary_free(one_by_one);
			summary_free(empty);
			free(values);
		}
		CHECK(good, "%s: retraction undoes insertion", data_sets[i].name);
	}
}

static void
test_differences_are_seen(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(200); round++)
	{
		const DataSet *set = &data_sets[unit_random_below(N_DATA_SETS)];
		size_t		n = 1 + (size_t) unit_random_below(3000);
		double	   *values = draw_values(set, n);
		size_t		changed = (size_t) unit_random_below(n);
		Summary	   *before = summary_of(values, n, 64);
		Summary	   *after;
		double		old = values[changed];

		values[changed] = old == 0 ? 1 : nextafter(old, 0);
		after = summary_of(values, n, 64);

		/* The smallest possible change of one value: the power sums show it even where the bins do not. */
		EXPECT(&good, !summary_equal(before, after) && !same_bytes(before, after), "%s: %a for %a, n %zu", set->name,
			   values[changed], old, n);
		summary_free(before);
		summary_free(after);
		free(values);
	}
	CHECK(good, "one value changed by one unit in its last place is seen");
}

static void
test_special_values(void)
{
	Allocator	allocator = unit_allocator();
	Summary	   *a = summary_create(allocator, SUMMARY_NUMERIC, SUMMARY_PLAIN, 1024);
	Summary	   *b = summary_create(allocator, SUMMARY_NUMERIC, SUMMARY_PLAIN, 1024);
	Summary	   *category = summary_create(allocator, SUMMARY_CATEGORY, SUMMARY_PLAIN, 1024);
	Summary	   *interval = summary_create(allocator, SUMMARY_NUMERIC, SUMMARY_INTERVAL, 1024);
	Summary	   *small = summary_create(allocator, SUMMARY_NUMERIC, SUMMARY_PLAIN, 1);
	double		odd_nan;
	uint64_t	bits = UINT64_C(0xfff8000000012345);

	memcpy(&odd_nan, &bits, sizeof(odd_nan));
	CHECK(same_bytes(a, b) && summary_equal(a, b) && summary_n(a) == 0, "empty summaries are the same");
	CHECK(summary_merge(a, b) == SUMMARY_OK && summary_subtract(a, b) == SUMMARY_OK && same_bytes(a, b),
		  "empty merged with empty is empty");
	summary_add_number(a, 0.0);
	summary_add_number(b, -0.0);
	CHECK(same_bytes(a, b), "-0 is 0");
	summary_add_number(a, NAN);
	summary_add_number(b, odd_nan);
	summary_add_number(a, INFINITY);
	summary_add_number(b, INFINITY);
	summary_add_number(a, -INFINITY);
	summary_add_number(b, -INFINITY);
	summary_add_null(a);
	summary_add_null(b);
	CHECK(same_bytes(a, b), "NaN of any payload is the same");
	CHECK(summary_n(a) == 4 && summary_null_count(a) == 1 && summary_nan_count(a) == 1 && summary_positive_infinity_count(a) == 1 &&
			  summary_negative_infinity_count(a) == 1,
		  "counted apart");
	summary_subtract(a, b);
	CHECK(summary_n(a) == 0 && summary_null_count(a) == 0 && !summary_is_inexact(a), "and taken back");
	summary_remove_null(a);
	CHECK(summary_is_inexact(a) && summary_null_count(a) == 0, "removing what is not there is noticed");
	summary_reset(a);
	CHECK(!summary_is_inexact(a) && summary_n(a) == 0 && summary_budget(a) == 1024, "reset");
	summary_remove_number(a, 5);
	CHECK(summary_is_inexact(a) && summary_n(a) == 0, "removing a value that is not there is noticed");
	CHECK(summary_merge(a, category) == SUMMARY_KIND_MISMATCH && summary_merge(a, interval) == SUMMARY_KIND_MISMATCH &&
			  summary_subtract(category, a) == SUMMARY_KIND_MISMATCH,
		  "kinds and units do not mix");
	CHECK(summary_budget(small) == SUMMARY_MIN_BUDGET, "budgets have a smallest");
	for (int i = 0; i < 100; i++)
		summary_add_number(b, i);
	CHECK(summary_level(b) == 0 && summary_merge(b, small) == SUMMARY_OK && summary_budget(b) == SUMMARY_MIN_BUDGET &&
			  summary_level(b) > 0,
		  "of different budgets the smaller wins");
	summary_free(a);
	summary_free(b);
	summary_free(category);
	summary_free(interval);
	summary_free(small);
}

static void
test_batches(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(60); round++)
	{
		const DataSet *set = &data_sets[unit_random_below(N_DATA_SETS)];
		size_t		n = (size_t) unit_random_below(3000);
		double	   *values = draw_values(set, n);
		Summary	   *together = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 64);
		Summary	   *one_by_one = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 64);

		for (size_t i = unit_random_below(300); i < n; i += 1 + unit_random_below(900))
			values[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
		for (size_t i = 0, now; i < n; i += now)
		{
			now = 1 + unit_random_below(n - i);
			summary_add_numbers(together, values + i, now);
		}
		for (size_t i = 0; i < n; i++)
			summary_add_number(one_by_one, values[i]);
		summary_add_nulls(together, 2);
		summary_add_null(one_by_one);
		summary_add_null(one_by_one);
		EXPECT(&good, same_bytes(together, one_by_one), "%s, n %zu", set->name, n);
		summary_free(together);
		summary_free(one_by_one);
		free(values);
	}
	CHECK(good, "values added together, NaN and infinities among them, give the same bytes as one by one");
}

static void
test_a_million(void)
{
	size_t		n = 1000000;
	double	   *values = draw_values(&data_sets[0], n);
	Summary	   *all = summary_of(values, n, 1024);
	Summary	   *parts = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 1024);

	for (size_t i = 0; i < n; i += 1000)
	{
		Summary	   *part = summary_of(values + i, 1000, 1024);

		summary_merge(parts, part);
		summary_free(part);
	}
	CHECK(same_bytes(all, parts), "a million values in a thousand parts");
	CHECK(summary_memory(all) < 200000, "a million values take %zu bytes", summary_memory(all));
	summary_free(all);
	summary_free(parts);
	free(values);
}

/* The summary with each of its values doubled so many times. */
static void
double_values(Summary *summary, int times)
{
	for (int i = 0; i < times; i++)
	{
		Summary	   *copy = summary_copy(unit_allocator(), summary);

		summary_merge(summary, copy);
		summary_free(copy);
	}
}

/* Windows of bins have short counts, which must not be seen. */
static void
test_billions(void)
{
	size_t		n = 3000;
	double	   *values = draw_values(&data_sets[0], n);
	Summary	   *one = summary_of(values, 1, 1024);
	Summary	   *many = summary_of(values, n, 1024);
	Summary	   *other;

	double_values(one, 30);		/* 1.1 billion, at level 0 */
	double_values(many, 20);	/* 3.1 billion */
	summary_add_numbers(many, values, n);
	other = summary_copy(unit_allocator(), one);
	for (int i = 0; i < 4; i++)
		summary_merge(other, one);
	summary_merge(other, many);
	for (int i = 0; i < 5; i++)
		summary_merge(many, one);
	CHECK(same_bytes(many, other), "a count past 2^32");
	summary_add_numbers(many, values, n);
	for (size_t i = 0; i < n; i++)
		summary_add_number(other, values[i]);
	CHECK(same_bytes(many, other) && summary_n(many) == ((INT64_C(1) << 20) + 2) * (int64_t) n + (INT64_C(5) << 30),
		  "and values added to it");
	for (size_t i = 0; i < n; i++)
		summary_remove_number(other, values[i]);
	summary_add_numbers(other, values, n);
	CHECK(summary_equal(many, other), "and taken back");
	summary_free(one);
	summary_free(many);
	summary_free(other);
	free(values);
}

int
main(void)
{
	test_order_and_merging();
	test_retraction();
	test_differences_are_seen();
	test_special_values();
	test_batches();
	test_a_million();
	test_billions();
	CHECK(unit_allocated() == 0, "all memory given back");
	return unit_summary();
}
