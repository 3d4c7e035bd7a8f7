/*
 * test_summary_categories.c
 *		Categories: exact counts, a canonical sample past the budget, long values, retraction.
 */
#include "summary/categories.h"
#include "summary_bytes.h"

static size_t
category_name(uint64_t number, char *buffer)
{
	return (size_t) sprintf(buffer, "category %llu", (unsigned long long) number);
}

static void
add(Summary *summary, uint64_t number)
{
	char		buffer[40];

	summary_add_category(summary, buffer, category_name(number, buffer));
}

static Summary *
category_summary(int budget)
{
	return summary_create(unit_allocator(), SUMMARY_CATEGORY, SUMMARY_PLAIN, budget);
}

/* Skewed towards small numbers, so that categories have different counts. */
static uint64_t *
draw_categories(size_t n, uint64_t limit)
{
	uint64_t   *values = calloc(n > 0 ? n : 1, sizeof(uint64_t));

	for (size_t i = 0; i < n; i++)
		values[i] = unit_random_below(1 + unit_random_below(limit));
	return values;
}

static Summary *
merge_tree(const uint64_t *values, size_t n, int budget)
{
	size_t		left;
	Summary	   *first;
	Summary	   *second;

	if (n < 2 || unit_random_below(10) == 0)
	{
		first = category_summary(budget);
		for (size_t i = 0; i < n; i++)
			add(first, values[i]);
		if (unit_random_below(2) == 0)
			return first;
		second = recode(first);
		summary_free(first);
		return second;
	}
	left = (size_t) unit_random_below(n + 1);
	first = merge_tree(values + left, n - left, budget);
	second = merge_tree(values, left, budget);
	summary_merge(first, second);
	summary_free(second);
	return first;
}

static void
test_canonical(void)
{
	bool		merged = true;
	bool		exact = true;
	bool		retracted = true;

	for (int round = 0; round < unit_rounds(80); round++)
	{
		int			budget = 16 + (int) unit_random_below(100);
		uint64_t	limit = 1 + unit_random_below(400);
		size_t		n = (size_t) unit_random_below(4000);
		size_t		kept_n = n == 0 ? 0 : (size_t) unit_random_below(n);
		uint64_t   *values = draw_categories(n, limit);
		int64_t	   *counts = calloc(limit, sizeof(int64_t));
		Summary	   *reference = category_summary(budget);
		Summary	   *kept = category_summary(budget);
		Summary	   *taken = category_summary(budget);
		Summary	   *tree = merge_tree(values, n, budget);
		SummaryCategory categories[200];
		size_t		n_categories;
		int64_t		total = 0;

		for (size_t i = 0; i < n; i++)
		{
			add(reference, values[n - 1 - i]);
			counts[values[i]]++;
			add(i < kept_n ? kept : taken, values[i]);
			if (i % 97 == 0)
				summary_other_count(reference);
		}
		EXPECT(&merged, same_bytes(reference, tree) && summary_equal(reference, tree), "n %zu, budget %d, limit %llu", n, budget,
			   (unsigned long long) limit);

		n_categories = summary_categories(reference, categories, 200);
		EXPECT(&exact, n_categories <= (size_t) budget, "%zu categories, budget %d", n_categories, budget);
		for (size_t i = 0; i < n_categories; i++)
		{
			char		name[60];

			snprintf(name, sizeof(name), "%.*s", (int) categories[i].length, categories[i].bytes);
			EXPECT(&exact, counts[strtoull(name + 9, NULL, 10)] == categories[i].count, "%s: %lld", name,
				   (long long) categories[i].count);
			EXPECT(&exact, categories[i].hash <= summary_hash_threshold(reference), "hash below the threshold");
			EXPECT(&exact, i == 0 || categories[i - 1].count >= categories[i].count, "by count");
			total += categories[i].count;
		}
		EXPECT(&exact, total + summary_other_count(reference) == (int64_t) n && summary_n(reference) == (int64_t) n, "total");
		if (summary_hash_threshold(reference) == UINT64_MAX)
			EXPECT(&exact, summary_distinct_exact(reference) == (int64_t) n_categories, "distinct");
		else
			EXPECT(&exact, summary_distinct_exact(reference) == -1 && n_categories + 1 >= (size_t) budget, "sample of %zu",
				   n_categories);

		summary_subtract(reference, taken);
		EXPECT(&retracted, !summary_is_inexact(reference) && summary_equal(reference, kept) && summary_equal(kept, reference),
			   "subtract, n %zu, budget %d", n, budget);
		for (size_t i = kept_n; i < n; i++)
		{
			char		buffer[40];

			summary_remove_category(tree, buffer, category_name(values[i], buffer));
		}
		EXPECT(&retracted, !summary_is_inexact(tree) && summary_equal(tree, kept), "remove, n %zu, budget %d", n, budget);
		summary_free(taken);
		taken = recode(tree);
		EXPECT(&retracted, same_bytes(taken, tree), "stored after removal");
		summary_subtract(tree, kept);
		summary_free(kept);
		kept = category_summary(budget);
		EXPECT(&retracted, same_bytes(tree, kept), "emptied, n %zu, budget %d", n, budget);
		summary_free(reference);
		summary_free(kept);
		summary_free(taken);
		summary_free(tree);
		free(values);
		free(counts);
	}
	CHECK(merged, "any order and any merge tree give the same bytes");
	CHECK(exact, "kept categories have exact counts, the others are counted together");
	CHECK(retracted, "retraction undoes insertion");
}

static void
test_long_values(void)
{
	Summary	   *summary = category_summary(1024);
	char		text[1000];
	SummaryCategory categories[10];

	memset(text, 'x', sizeof(text));
	summary_add_category(summary, text, 256);
	summary_add_category(summary, text, 257);
	summary_add_category(summary, text, 1000);
	text[999] = 'y';
	summary_add_category(summary, text, 1000);
	summary_add_category(summary, text, 1000);
	CHECK(summary_categories(summary, categories, 10) == 4 && categories[0].count == 2,
		  "long values that differ at the end are different");
	CHECK(categories[0].length == 256 && memcmp(categories[0].bytes, text, CATEGORY_MAX_PREFIX) == 0 &&
			  memcmp(categories[0].bytes + CATEGORY_MAX_PREFIX, "...", 3) == 0,
		  "and are kept as beginning, dots and hash");
	summary_remove_category(summary, text, 1000);
	summary_remove_category(summary, text, 1000);
	CHECK(summary_categories(summary, categories, 10) == 3 && !summary_is_inexact(summary), "and can be taken back");
	summary_free(summary);

	/* Every position of a two-byte character around the cut. */
	for (int i = 0; i < 2; i++)
	{
		bool		good = true;

		summary = category_summary(1024);
		memset(text, 'a', sizeof(text));
		for (int j = i; j + 1 < 600; j += 2)
			memcpy(text + j, "\xc3\xa9", 2);
		summary_add_category(summary, text, 600);
		summary_categories(summary, categories, 10);
		for (size_t j = 0; j < categories[0].length; j++)
			if (((unsigned char) categories[0].bytes[j] & 0xe0) == 0xc0)
				good &= j + 1 < categories[0].length && ((unsigned char) categories[0].bytes[j + 1] & 0xc0) == 0x80;
		CHECK(good, "no character is cut in two");
		summary_free(summary);
	}
}

static void
test_edges(void)
{
	Summary	   *summary = category_summary(16);
	SummaryCategory categories[4];
	double		result;

	summary_add_category(summary, "", 0);
	summary_add_category(summary, NULL, 0);
	summary_add_category(summary, "a\0b", 3);
	summary_add_category(summary, "a\0c", 3);
	CHECK(summary_categories(summary, categories, 4) == 3 && categories[0].count == 2 && categories[0].length == 0,
		  "empty text is a category");
	CHECK(!summary_sum(summary, &result) && !summary_min(summary, &result) && !summary_quantile(summary, 0.5, &result),
		  "no numbers in it");
	summary_remove_category(summary, "nowhere", 7);
	CHECK(summary_is_inexact(summary) && summary_n(summary) == 4, "removing what is not there is noticed");
	summary_free(summary);

	/* The hash is part of the stored form. */
	CHECK(category_hash("", 0) == 1, "hash of nothing");
	CHECK(category_hash("weir", 4) == UINT64_C(0xd5fd991610bc365b), "hash of weir: %llx",
		  (unsigned long long) category_hash("weir", 4));
	CHECK(category_hash("stream of water", 15) == UINT64_C(0xb370a4b952b2aa96), "hash of stream of water: %llx",
		  (unsigned long long) category_hash("stream of water", 15));
}

int
main(void)
{
	test_canonical();
	test_long_values();
	test_edges();
	CHECK(unit_allocated() == 0, "all memory given back");
	return unit_summary();
}
