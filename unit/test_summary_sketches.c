/*
 * test_summary_sketches.c
 *		Distinct values and frequent categories past the budget: estimates within their stated errors.
 */
#include "summary/distinct_sketch.h"
#include "summary_bytes.h"
#include "summary_data.h"

/* ---- distinct numbers ---- */

static void
test_distinct(void)
{
	static const int sizes[] = {1600, 3000, 10000, 100000, 1000000};

	for (int i = 0; i < 5; i++)
	{
		int			rounds = unit_rounds(sizes[i] > 100000 ? 6 : 60);
		double		squares = 0;
		double		worst = 0;

		for (int round = 0; round < rounds; round++)
		{
			Summary	   *summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 0);
			double		offset = (double) unit_random_below(1 << 30);
			double		step = round % 2 == 0 ? 1 : unit_random_uniform();
			double		estimate;
			double		stated;
			double		error;

			for (int j = 0; j < sizes[i]; j++)
				summary_add_number(summary, offset + j * step);
			for (int j = 0; j < 1000; j++)
				summary_add_number(summary, offset + (double) unit_random_below((uint64_t) sizes[i]) * step);
			summary_distinct(summary, &estimate, &stated);
			error = estimate / sizes[i] - 1;
			squares += error * error;
			worst = fmax(worst, fabs(error) / stated);
			summary_free(summary);
		}
		CHECK(sqrt(squares / rounds) < 1.6 * DISTINCT_STANDARD_ERROR && worst < 5,
			  "%d distinct numbers: standard error %.4f, stated %.4f, worst %.1f of it", sizes[i], sqrt(squares / rounds),
			  DISTINCT_STANDARD_ERROR, worst);
	}
}

static void
test_distinct_retraction(void)
{
	Summary	   *summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 16);
	double		estimate;
	double		error;

	for (int i = 0; i < 16; i++)
		summary_add_number(summary, i);
	summary_add_number(summary, NAN);
	CHECK(summary_distinct(summary, &estimate, &error) && estimate == 17 && error == 0, "exact while all are kept");
	summary_remove_number(summary, 3);
	CHECK(!summary_distinct_stale(summary), "and not stale while exact");
	for (int i = 0; i < 1000; i++)
		summary_add_number(summary, i);
	summary_distinct(summary, &estimate, &error);
	CHECK(!summary_distinct_stale(summary) && fabs(estimate - 1001) < 200, "%g of 1001", estimate);
	summary_remove_number(summary, 500);
	CHECK(summary_distinct_stale(summary), "stale once something was taken back");
	for (int i = 0; i < 1000; i++)
		if (i != 500)
			summary_remove_number(summary, i);
	CHECK(summary_distinct_stale(summary) && summary_distinct(summary, &estimate, &error) &&
			  estimate <= (double) summary_n(summary),
		  "never more than there are values");
	summary_free(summary);
}

/* ---- frequent categories ---- */

typedef struct Skewed
{
	int			n_categories;
	double	   *cumulated;
	int64_t	   *counts;
	Summary	   *summary;
} Skewed;

static size_t
name_of(int category, char *buffer)
{
	return (size_t) sprintf(buffer, "https://example.org/%d", category);
}

/* Zipf's law with this exponent. */
static Skewed
draw_skewed(int n_categories, double exponent, int n)
{
	Skewed		skewed = {.n_categories = n_categories};
	double		total = 0;

	skewed.cumulated = malloc(sizeof(double) * (size_t) n_categories);
	skewed.counts = calloc((size_t) n_categories, sizeof(int64_t));
	skewed.summary = summary_create(unit_allocator(), SUMMARY_CATEGORY, SUMMARY_PLAIN, 256);
	for (int i = 0; i < n_categories; i++)
		skewed.cumulated[i] = total += pow(i + 1, -exponent);
	for (int i = 0; i < n; i++)
	{
		double		at = unit_random_uniform() * total;
		int			low = 0;
		int			high = n_categories - 1;
		char		name[60];

		while (low < high)
		{
			int			middle = (low + high) / 2;

			if (skewed.cumulated[middle] < at)
				low = middle + 1;
			else
				high = middle;
		}
		skewed.counts[low]++;
		summary_add_category(skewed.summary, name, name_of(low, name));
	}
	return skewed;
}

static void
free_skewed(Skewed skewed)
{
	free(skewed.cumulated);
	free(skewed.counts);
	summary_free(skewed.summary);
}

static void
test_frequent(void)
{
	int			n_within = 0;
	int			n_asked = 0;
	int			n_false = 0;
	int			n_wide = 0;
	int			n_missed = 0;
	int			n_heavy = 0;

	for (int round = 0; round < unit_rounds(12); round++)
	{
		Skewed		skewed = draw_skewed(20000, 1.3 - 0.1 * (round % 5), 60000);
		int64_t		other = summary_other_count(skewed.summary);
		FrequentCategory frequent[SKETCH_MOST_FREQUENT];
		size_t		n_frequent = summary_frequent_others(skewed.summary, frequent, SKETCH_MOST_FREQUENT);

		for (size_t i = 0; i < n_frequent; i++)
		{
			char		name[60];
			int			category;

			snprintf(name, sizeof(name), "%.*s", (int) frequent[i].length, frequent[i].bytes);
			if (sscanf(name, "https://example.org/%d", &category) != 1 || category >= skewed.n_categories ||
				skewed.counts[category] == 0)
				n_false++;
			else if (llabs(frequent[i].count - skewed.counts[category]) > 2 * frequent[i].error)
				n_wide++;
		}
		for (int i = 0; i < 300; i++)
		{
			char		name[60];
			size_t		length = name_of(i, name);
			int64_t		count;
			int64_t		error;

			summary_category_count(skewed.summary, name, length, &count, &error);
			n_asked++;
			n_within += llabs(count - skewed.counts[i]) <= error;

			/* What has a tenth of the others' rows has most of its bucket. */
			if (error > 0 && skewed.counts[i] > other / 10)
			{
				bool		found = false;

				n_heavy++;
				for (size_t j = 0; j < n_frequent; j++)
					found |= frequent[j].length == length && memcmp(frequent[j].bytes, name, length) == 0;
				n_missed += !found;
			}
		}
		free_skewed(skewed);
	}
	CHECK(n_within >= 0.97 * n_asked, "%d of %d counts within three standard errors", n_within, n_asked);
	CHECK(n_false == 0 && n_wide <= 2, "%d categories found that there are not, %d with a count far off", n_false, n_wide);
	CHECK(n_heavy > 0 && n_missed == 0, "%d of %d heavy categories missed", n_missed, n_heavy);
}

static void
test_distinct_categories(void)
{
	Skewed		skewed = draw_skewed(20000, 0.5, 60000);
	int			n_distinct = 0;
	double		estimate;
	double		error;
	bool		known;

	for (int i = 0; i < skewed.n_categories; i++)
		n_distinct += skewed.counts[i] > 0;
	known = summary_distinct(skewed.summary, &estimate, &error);
	CHECK(known && fabs(estimate / n_distinct - 1) < 5 * error, "%g distinct categories of %d, stated error %.3f", estimate,
		  n_distinct, error);
	free_skewed(skewed);
}

int
main(void)
{
	test_distinct();
	test_distinct_retraction();
	test_frequent();
	test_distinct_categories();
	CHECK(unit_allocated() == 0, "all memory given back");
	return unit_summary();
}
