/*
 * test_summary_moving.c
 *		A frame that slides says what a summary made anew of its rows says: the same bytes, quantiles and statistics.
 */
#include "summary/moving_summary.h"
#include "summary/ordered_multiset.h"
#include "summary_bytes.h"
#include "summary_data.h"

#define IS_NULL(value) ((value) == 4.25e-77)

static double
draw_row(const DataSet *set)
{
	switch (unit_random_below(40))
	{
		case 0: return NAN;
		case 1: return INFINITY;
		case 2: return -INFINITY;
		case 3: return 4.25e-77;
		case 4: return 0.0;
		case 5: return -0.0;
		default: return set->draw();
	}
}

static void
enter(MovingSummary *moving, double value)
{
	if (IS_NULL(value))
		moving_add_null(moving);
	else
		moving_add_number(moving, value);
}

static bool
leave(MovingSummary *moving, double value)
{
	return IS_NULL(value) ? moving_remove_null(moving) : moving_remove_number(moving, value);
}

static bool
same_number(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static bool
same_statistics(const SummaryStatistics *a, const SummaryStatistics *b)
{
	return a->n == b->n && a->n_finite == b->n_finite && a->null_count == b->null_count &&
		a->moments.has_sum == b->moments.has_sum && a->moments.has_standard_deviation == b->moments.has_standard_deviation &&
		a->moments.has_skewness == b->moments.has_skewness && a->moments.has_kurtosis == b->moments.has_kurtosis &&
		(!a->moments.has_sum || (same_number(a->moments.sum, b->moments.sum) && same_number(a->moments.mean, b->moments.mean))) &&
		(!a->moments.has_standard_deviation || same_number(a->moments.standard_deviation, b->moments.standard_deviation)) &&
		(!a->moments.has_skewness || same_number(a->moments.skewness, b->moments.skewness)) &&
		(!a->moments.has_kurtosis || same_number(a->moments.kurtosis, b->moments.kurtosis)) && a->has_extremes == b->has_extremes &&
		(!a->has_extremes || (same_number(a->minimum, b->minimum) && same_number(a->maximum, b->maximum)));
}

static void
compare_frame(bool *good, const char *name, const MovingSummary *moving, const double *frame, size_t n, int budget)
{
	Summary	   *fresh = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, budget);
	Summary	   *snapshot = moving_snapshot(moving, unit_allocator());
	SummaryStatistics expected;
	SummaryStatistics found;

	for (size_t i = 0; i < n; i++)
		if (IS_NULL(frame[i]))
			summary_add_null(fresh);
		else
			summary_add_number(fresh, frame[i]);
	EXPECT(good, same_bytes(fresh, snapshot), "%s: snapshot of %zu rows, level %d and %d", name, n, summary_level(fresh),
		   summary_level(snapshot));
	for (int i = 0; i <= 20; i++)
	{
		double		p = i < 2 ? i : unit_random_uniform();
		double		a = 0;
		double		b = 0;
		bool		defined = summary_quantile(fresh, p, &a);

		EXPECT(good, moving_quantile(moving, p, &b) == defined && same_number(a, b), "%s: quantile %g of %zu rows: %g for %g", name,
			   p, n, b, a);
	}
	summary_statistics(fresh, &expected);
	moving_statistics(moving, &found);
	EXPECT(good, same_statistics(&expected, &found), "%s: statistics of %zu rows", name, n);
	summary_free(fresh);
	summary_free(snapshot);
}

static void
test_numbers(void)
{
	for (int i = 0; i < N_DATA_SETS; i++)
	{
		bool		good = true;

		for (int round = 0; round < unit_rounds(6); round++)
		{
			int			budget = round % 2 == 0 ? 16 + (int) unit_random_below(50) : 1024;
			size_t		n = 1 + (size_t) unit_random_below(round % 3 == 0 ? 4000 : 300);
			double	   *rows = malloc(sizeof(double) * n);
			MovingSummary *moving = moving_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, budget, true);
			size_t		first = 0;
			size_t		end = 0;

			for (size_t j = 0; j < n; j++)
				rows[j] = draw_row(&data_sets[i]);
			while (first < n)
			{
				size_t		grow = (size_t) unit_random_below(n - end + 1);
				size_t		shrink;

				for (; grow > 0; grow--)
					enter(moving, rows[end++]);
				shrink = (size_t) unit_random_below(end - first + 1);
				for (; shrink > 0; shrink--)
					EXPECT(&good, leave(moving, rows[first++]), "what entered can leave");
				compare_frame(&good, data_sets[i].name, moving, rows + first, end - first, budget);
			}
			EXPECT(&good, !moving_remove_number(moving, 17) && !moving_remove_number(moving, NAN) && !moving_remove_null(moving),
				   "what is not there cannot leave");
			moving_free(moving);
			free(rows);
		}
		CHECK(good, "%s: a sliding frame equals a fresh summary", data_sets[i].name);
	}
}

static void
test_categories(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(40); round++)
	{
		int			budget = 16 + (int) unit_random_below(40);
		uint64_t	n_categories = 1 + unit_random_below(round % 2 == 0 ? 20 : 400);
		int			n = 1 + (int) unit_random_below(1500);
		char(*rows)[300] = malloc(sizeof(*rows) * (size_t) n);
		MovingSummary *moving = moving_create(unit_allocator(), SUMMARY_CATEGORY, SUMMARY_PLAIN, budget, true);
		int			first = 0;
		int			end = 0;

		for (int i = 0; i < n; i++)
		{
			uint64_t	category = unit_random_below(n_categories);

			memset(rows[i], 'x', sizeof(rows[i]));
			sprintf(rows[i] + (category % 7 == 0 ? 280 : 0), "c%d", (int) category);
		}
		while (first < n)
		{
			Summary	   *fresh = summary_create(unit_allocator(), SUMMARY_CATEGORY, SUMMARY_PLAIN, budget);
			Summary	   *snapshot;

			for (int grow = (int) unit_random_below((uint64_t) (n - end) + 1); grow > 0; grow--, end++)
				moving_add_category(moving, rows[end], strlen(rows[end]));
			for (int shrink = (int) unit_random_below((uint64_t) (end - first) + 1); shrink > 0; shrink--, first++)
				EXPECT(&good, moving_remove_category(moving, rows[first], strlen(rows[first])), "what entered can leave");
			for (int i = first; i < end; i++)
				summary_add_category(fresh, rows[i], strlen(rows[i]));
			snapshot = moving_snapshot(moving, unit_allocator());
			EXPECT(&good, same_bytes(fresh, snapshot), "%d rows, budget %d", end - first, budget);
			summary_free(fresh);
			summary_free(snapshot);
		}
		EXPECT(&good, !moving_remove_category(moving, "nowhere", 7), "what is not there cannot leave");
		moving_free(moving);
		free(rows);
	}
	CHECK(good, "a sliding frame of categories equals a fresh summary");
}

static void
test_memory(void)
{
	OrderedMultiset set;
	size_t		peak;

	multiset_init(&set);
	for (int i = 0; i < 1000; i++)
		multiset_add(&set, unit_allocator(), unit_random());
	peak = unit_allocated();
	multiset_free(&set, unit_allocator());
	multiset_init(&set);
	for (int i = 0; i < 100000; i++)
	{
		multiset_add(&set, unit_allocator(), (uint64_t) i * UINT64_C(0x9e3779b97f4a7c15));
		if (i >= 1000)
			multiset_remove(&set, (uint64_t) (i - 1000) * UINT64_C(0x9e3779b97f4a7c15));
	}
	CHECK(multiset_total(&set) == 1000 && set.n_distinct == 1000 && unit_allocated() <= 2 * peak,
		  "sliding on takes no more memory: %zu bytes, %zu for one frame", unit_allocated(), peak);
	multiset_free(&set, unit_allocator());
}

int
main(void)
{
	test_numbers();
	test_categories();
	test_memory();
	CHECK(unit_allocated() == 0, "all memory given back");
	return unit_summary();
}
