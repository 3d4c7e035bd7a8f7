/*
 * data_quality.c
 *		Checks of data quality that one pair of summaries can answer.
 *
 * Expectations come from the baseline.  A share is expected to be the baseline's; its standard error is that of the difference of
 * two proportions, with the baseline's share smoothed by half a row (so that nothing in a small baseline does not mean never).
 * Categories not seen before are expected as often as Good and Turing say (1953): the share of those that the baseline saw once.
 * The number of distinct values grows with the number of rows: it is expected as so many rows drawn from the baseline have it
 * (rarefaction, Hurlbert 1971), or, of more rows than the baseline has, as extrapolated from its rare values (Chao and Jost 2012).
 */
#include "quality/data_quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "summary/categories.h"

static const char *const check_names[] = {
	[QUALITY_NULL_SHARE] = "null_share",           [QUALITY_NAN_SHARE] = "nan_share",
	[QUALITY_INFINITE_SHARE] = "infinite_share",   [QUALITY_OUT_OF_RANGE_SHARE] = "out_of_range_share",
	[QUALITY_OUTLIER_SHARE] = "outlier_share",     [QUALITY_UNSEEN_SHARE] = "unseen_share",
	[QUALITY_DISTINCT_COUNT] = "distinct_count",   [QUALITY_CONSTANT] = "constant",
	[QUALITY_DUPLICATE_SHARE] = "duplicate_share",
};

const char *
quality_check_name(QualityCheck check)
{
	return check_names[check];
}

static void *
allocate(Allocator allocator, size_t size)
{
	return allocator.resize(allocator.context, NULL, 0, size);
}

/* ---- shares ---- */

static void
expect_share(QualityMeasure *measure, double count, int64_t n_baseline)
{
	double		smoothed = (count + 0.5) / ((double) n_baseline + 1);

	measure->n_baseline = n_baseline;
	if (n_baseline == 0)
		return;
	measure->has_expected = true;
	measure->expected = count / (double) n_baseline;
	if (measure->n > 0)
		measure->standard_error = sqrt(smoothed * (1 - smoothed) * (1 / (double) measure->n + 1 / (double) n_baseline));
}

static QualityMeasure *
measure_share(QualityReport *report, QualityCheck check, double count, int64_t n)
{
	QualityMeasure *measure = &report->measures[check];

	measure->applies = true;
	measure->n = n;
	measure->has_value = n > 0;
	if (n > 0)
		measure->value = count / (double) n;
	return measure;
}

static void
count_share(QualityReport *report, QualityCheck check, int64_t count, int64_t n, bool has_baseline, int64_t baseline_count,
			int64_t n_baseline)
{
	QualityMeasure *measure = measure_share(report, check, (double) count, n);

	if (has_baseline)
		expect_share(measure, (double) baseline_count, n_baseline);
}

static int64_t
infinite_count(const Summary *summary)
{
	return summary_positive_infinity_count(summary) + summary_negative_infinity_count(summary);
}

/* Values that have a place in the order. */
static int64_t
ordered_count(const Summary *summary)
{
	return summary_n(summary) - summary_nan_count(summary);
}

/* How many values lie outside; a bin that a bound cuts is divided as if its values were spread evenly. */
static double
count_outside(const Summary *summary, const QualityRange *range)
{
	double		below = 0;
	double		at_most = 1;

	if (ordered_count(summary) == 0)
		return 0;
	if (range->low > -INFINITY)
		summary_cdf(summary, nextafter(range->low, -INFINITY), &below);
	if (range->high < INFINITY)
		summary_cdf(summary, range->high, &at_most);
	return (double) ordered_count(summary) * (below + (1 - at_most));
}

static void
measure_outside(QualityReport *report, QualityCheck check, const QualityRange *range, const Summary *baseline,
				const Summary *current)
{
	QualityMeasure *measure = measure_share(report, check, count_outside(current, range), ordered_count(current));

	if (baseline != NULL)
		expect_share(measure, count_outside(baseline, range), ordered_count(baseline));
}

/*
 * Of as many values as the baseline has, drawn anew, some lie beyond its extremes, too: 2 / (n + 1) of them, as a beta variable. It
 * is skewed, hence the half that is added to its error.
 */
static void
expect_beyond_extremes(QualityMeasure *measure)
{
	double		n = (double) measure->n_baseline;
	double		mean = 2 / (n + 1);

	if (!measure->has_expected || measure->n == 0 || n < 2)
		return;
	measure->expected = mean;
	measure->standard_error = 1.5 * sqrt(mean * (n - 1) / ((n + 1) * (n + 2)) + mean * (1 - mean) / (double) measure->n);
}

static void
measure_no_range(QualityReport *report, QualityCheck check, const Summary *current, const char *reason)
{
	QualityMeasure *measure = &report->measures[check];

	measure->applies = true;
	measure->n = ordered_count(current);
	measure->reason = reason;
}

static void
measure_ranges(QualityReport *report, const Summary *baseline, const Summary *current, const QualityExpectation *expectation)
{
	bool		moves_on = summary_unit(current) == SUMMARY_TIME; /* times are later than those of the baseline */
	bool		has_values = baseline != NULL && summary_finite_count(baseline) > 0 && !moves_on;

	report->range = expectation->range;
	report->band = expectation->band;
	if (expectation->has_range || has_values)
	{
		if (!expectation->has_range)
			summary_finite_extremes(baseline, &report->range.low, &report->range.high);
		measure_outside(report, QUALITY_OUT_OF_RANGE_SHARE, &report->range, baseline, current);
		if (!expectation->has_range)
			expect_beyond_extremes(&report->measures[QUALITY_OUT_OF_RANGE_SHARE]);
	}
	else if (!moves_on)
		measure_no_range(report, QUALITY_OUT_OF_RANGE_SHARE, current, "no range is known");
	if (expectation->has_band || has_values)
	{
		if (!expectation->has_band)
		{
			summary_quantile(baseline, expectation->band_quantiles[0], &report->band.low);
			summary_quantile(baseline, expectation->band_quantiles[1], &report->band.high);
		}
		measure_outside(report, QUALITY_OUTLIER_SHARE, &report->band, baseline, current);
	}
	else if (!moves_on)
		measure_no_range(report, QUALITY_OUTLIER_SHARE, current, "no range is known");
}

/* ---- counts of distinct values ---- */

/* How often each value occurs, as far as it is known of each by itself. */
typedef struct Frequencies
{
	SummaryCategory *categories; /* of a summary of categories: those that it keeps */
	int64_t	   *counts;
	size_t		n;
	bool		known;			/* false: the values are in bins */
	double		kept_share;		/* of all possible values, those that were kept; 1: all */
} Frequencies;

/* Of categories those up to the threshold, or the summary's own where that is lower. */
static void
read_frequencies(Allocator allocator, const Summary *summary, uint64_t threshold, Frequencies *result)
{
	*result = (Frequencies){.known = true, .kept_share = 1};
	if (summary_kind(summary) == SUMMARY_CATEGORY)
	{
		size_t		n = summary_categories(summary, NULL, 0);

		if (summary_hash_threshold(summary) < threshold)
			threshold = summary_hash_threshold(summary);

		result->categories = allocate(allocator, sizeof(SummaryCategory) * (n + 1));
		summary_categories(summary, result->categories, n);
		result->counts = allocate(allocator, sizeof(int64_t) * (n + 1));
		if (threshold != UINT64_MAX)
			result->kept_share = ldexp((double) threshold + 1, -64);
		for (size_t i = 0; i < n; i++)
			if (result->categories[i].hash <= threshold)
			{
				result->categories[result->n] = result->categories[i];
				result->counts[result->n++] = result->categories[i].count;
			}
	}
	else if (summary_kind(summary) == SUMMARY_NUMERIC && summary_level(summary) == 0)
	{
		size_t		n = summary_bins(summary, 0, NULL, 0);
		SummaryBin *bins = allocate(allocator, sizeof(SummaryBin) * (n + 1));

		summary_bins(summary, 0, bins, n);
		result->counts = allocate(allocator, sizeof(int64_t) * (n + 2));
		for (size_t i = 0; i < n; i++)
			result->counts[result->n++] = bins[i].count;
		if (summary_nan_count(summary) > 0)
			result->counts[result->n++] = summary_nan_count(summary);
	}
	else
		result->known = false;
}

static int64_t
sum_of_counts(const Frequencies *frequencies)
{
	int64_t		sum = 0;

	for (size_t i = 0; i < frequencies->n; i++)
		sum += frequencies->counts[i];
	return sum;
}

/* Chance that of n rows drawn from total without putting back none is among the count of one value. */
static double
chance_of_absence(int64_t total, int64_t n, int64_t count)
{
	double		chance = 1;

	if (count > total - n)
		return 0;
	if (count > 1000)
		return exp(lgamma((double) (total - count) + 1) - lgamma((double) (total - count - n) + 1) - lgamma((double) total + 1) +
				   lgamma((double) (total - n) + 1));
	for (int64_t j = 0; j < count && chance > 1e-18; j++)
		chance *= (double) (total - n - j) / (double) (total - j);
	return chance;
}

/* How many distinct values n rows have that are like those of the baseline, and the variance of that at most. */
static void
expect_distinct(const Frequencies *baseline, int64_t total, int64_t n, double *expected, double *variance)
{
	double		once = 0;
	double		twice = 0;

	*expected = *variance = 0;
	if (n <= total)
	{
		for (size_t i = 0; i < baseline->n; i++)
		{
			double		absence = chance_of_absence(total, n, baseline->counts[i]);

			*expected += 1 - absence;
			*variance += absence * (1 - absence);
		}
	}
	else
	{
		double		unseen;

		for (size_t i = 0; i < baseline->n; i++)
		{
			once += baseline->counts[i] == 1;
			twice += baseline->counts[i] == 2;
		}
		unseen = twice > 0 ? once * once / (2 * twice) : once * (once - 1) / 2;
		*expected = (double) baseline->n;
		if (unseen > 0)
			*variance = unseen * -expm1((double) (n - total) * log1p(-once / ((double) total * unseen + once)));
		*expected += *variance;
	}
	*expected /= baseline->kept_share;
	*variance /= baseline->kept_share * baseline->kept_share;
}

static void
measure_distinct(QualityReport *report, const Summary *baseline, const Summary *current, const Frequencies *of_baseline)
{
	QualityMeasure *measure = &report->measures[QUALITY_DISTINCT_COUNT];
	double		relative_error = 0;
	double		variance;

	measure->applies = true;
	measure->n = summary_n(current);
	measure->has_value = measure->n > 0 && summary_distinct(current, &measure->value, &relative_error);
	if (measure->n > 0 && !measure->has_value)
		measure->reason = "distinct values were not counted";
	if (baseline == NULL || !measure->has_value)
		return;
	measure->n_baseline = summary_n(baseline);
	if (!of_baseline->known)
		measure->reason = "the baseline has too many values to know how often each occurs";
	else if (measure->n_baseline > 0)
	{
		measure->has_expected = true;
		expect_distinct(of_baseline, measure->n_baseline, measure->n, &measure->expected, &variance);
		measure->standard_error = sqrt(variance + measure->value * relative_error * measure->value * relative_error);
	}
}

static bool
is_constant(const Summary *summary)
{
	double		minimum;
	double		maximum;

	if (summary_distinct_exact(summary) == 1)
		return true;
	/* In a coarse bin of its own a value still has extremes. */
	return summary_kind(summary) == SUMMARY_NUMERIC && summary_finite_count(summary) == summary_n(summary) &&
		summary_finite_extremes(summary, &minimum, &maximum) && !summary_extremes_stale(summary) && minimum == maximum;
}

static void
measure_constant(QualityReport *report, const Summary *baseline, const Summary *current)
{
	QualityMeasure *measure = &report->measures[QUALITY_CONSTANT];

	measure->applies = true;
	measure->n = summary_n(current);
	measure->has_value = measure->n > 0;
	measure->value = measure->n > 0 && is_constant(current);
	measure->has_expected = baseline != NULL && summary_n(baseline) > 0;
	if (measure->has_expected)
	{
		measure->n_baseline = summary_n(baseline);
		measure->expected = is_constant(baseline);
	}
}

/* Rows that repeat a value, as a share of the rows with a value; exact where all values are known. */
static bool
duplicate_share(const Summary *summary, const Frequencies *frequencies, double *share, double *standard_error)
{
	double		distinct;
	double		relative_error;
	int64_t		n = frequencies->known ? sum_of_counts(frequencies) : summary_n(summary);

	*standard_error = 0;
	if (n == 0)
		return false;
	if (frequencies->known)
	{
		*share = 1 - (double) frequencies->n / (double) n;
		return true;
	}
	if (!summary_distinct(summary, &distinct, &relative_error))
		return false;
	*share = 1 - distinct / (double) n;
	*standard_error = relative_error * distinct / (double) n;
	return true;
}

static void
measure_duplicates(QualityReport *report, const Summary *baseline, const Summary *current, const Frequencies *of_baseline,
				   const Frequencies *of_current)
{
	QualityMeasure *measure = &report->measures[QUALITY_DUPLICATE_SHARE];
	double		baseline_error;

	measure->applies = true;
	measure->n = summary_n(current);
	measure->has_value = measure->n > 0 && duplicate_share(current, of_current, &measure->value, &measure->standard_error);
	if (measure->n > 0 && !measure->has_value)
		measure->reason = "distinct values were not counted";
	if (baseline == NULL || !duplicate_share(baseline, of_baseline, &measure->expected, &baseline_error))
		return;
	measure->n_baseline = summary_n(baseline);
	measure->has_expected = true;
	measure->standard_error = hypot(measure->standard_error, baseline_error);
	/* Where n rows have shown no two alike, chance can still give some among more (by the rule of three, of pairs). */
	measure->standard_error =
		hypot(measure->standard_error, (double) measure->n / (double) measure->n_baseline / (double) measure->n_baseline);
}

/* ---- categories ---- */

static int
compare_categories(const void *a, const void *b)
{
	const SummaryCategory *first = a;
	const SummaryCategory *second = b;
	size_t		shorter = first->length < second->length ? first->length : second->length;
	int			order;

	if (first->hash != second->hash)
		return first->hash < second->hash ? -1 : 1;
	order = shorter == 0 ? 0 : memcmp(first->bytes, second->bytes, shorter);
	return order != 0 ? order : (first->length > second->length) - (first->length < second->length);
}

static bool
contains(const SummaryCategory *sorted, size_t n, const SummaryCategory *category)
{
	return n > 0 && sorted != NULL && bsearch(category, sorted, n, sizeof(SummaryCategory), compare_categories) != NULL;
}

/* Rows of categories that are not among the sorted ones; remembers them where there is a report. */
static double
count_unseen(const Frequencies *frequencies, const SummaryCategory *sorted, size_t n, QualityReport *report)
{
	double		rows = 0;

	for (size_t i = 0; frequencies->categories != NULL && i < frequencies->n; i++)
	{
		if (contains(sorted, n, &frequencies->categories[i]))
			continue;
		rows += (double) frequencies->counts[i];
		if (report == NULL)
			continue;
		report->n_unseen++;
		if (report->n_shown < QUALITY_MAX_UNSEEN) /* they come by descending count */
			report->unseen[report->n_shown++] = frequencies->categories[i];
	}
	return rows;
}

static double
rows_seen_once(const Frequencies *frequencies)
{
	double		n = 0;

	for (size_t i = 0; i < frequencies->n; i++)
		n += frequencies->counts[i] == 1;
	return n;
}

/* The categories that are given, as a summary keeps them: long ones are shortened. */
static void
read_given(Allocator allocator, const QualityExpectation *expectation, SummaryCategory *known)
{
	for (size_t i = 0; i < expectation->n_categories; i++)
	{
		char	   *buffer = allocate(allocator, CATEGORY_MAX_LENGTH);

		known[i].length = expectation->categories[i].length;
		known[i].bytes = category_as_kept(expectation->categories[i].bytes, &known[i].length, buffer);
		known[i].hash = category_hash(known[i].bytes, known[i].length);
	}
}

/* Both sides at the smaller threshold, so that what one of them did not keep is not taken for new. */
static void
measure_unseen(Allocator allocator, QualityReport *report, const Summary *baseline, const Summary *current,
			   const QualityExpectation *expectation)
{
	bool		has_baseline = baseline != NULL && summary_n(baseline) > 0;
	uint64_t	threshold = summary_hash_threshold(current);
	Frequencies of_baseline = {0};
	Frequencies of_current;
	SummaryCategory *known;
	size_t		n_known;
	QualityMeasure *measure = &report->measures[QUALITY_UNSEEN_SHARE];

	if (has_baseline && !expectation->has_categories && summary_hash_threshold(baseline) < threshold)
		threshold = summary_hash_threshold(baseline);
	read_frequencies(allocator, current, threshold, &of_current);
	if (has_baseline)
		read_frequencies(allocator, baseline, expectation->has_categories ? UINT64_MAX : threshold, &of_baseline);
	measure->applies = true;
	measure->n = sum_of_counts(&of_current);
	if (!expectation->has_categories && !has_baseline)
	{
		measure->reason = "no categories are known";
		return;
	}
	n_known = expectation->has_categories ? expectation->n_categories : of_baseline.n;
	known = allocate(allocator, sizeof(SummaryCategory) * (n_known + 1));
	if (expectation->has_categories)
		read_given(allocator, expectation, known);
	else if (n_known > 0 && of_baseline.categories != NULL)
		memcpy(known, of_baseline.categories, sizeof(SummaryCategory) * n_known);
	qsort(known, n_known, sizeof(SummaryCategory), compare_categories);
	measure_share(report, QUALITY_UNSEEN_SHARE, count_unseen(&of_current, known, n_known, report), measure->n);
	if (has_baseline)
		expect_share(measure,
					 expectation->has_categories ? count_unseen(&of_baseline, known, n_known, NULL) : rows_seen_once(&of_baseline),
					 sum_of_counts(&of_baseline));
}

/* ---- all checks ---- */

static void
measure_numbers(QualityReport *report, const Summary *baseline, const Summary *current)
{
	bool		has_baseline = baseline != NULL;

	count_share(report, QUALITY_NAN_SHARE, summary_nan_count(current), summary_n(current), has_baseline,
				has_baseline ? summary_nan_count(baseline) : 0, has_baseline ? summary_n(baseline) : 0);
	count_share(report, QUALITY_INFINITE_SHARE, infinite_count(current), summary_n(current), has_baseline,
				has_baseline ? infinite_count(baseline) : 0, has_baseline ? summary_n(baseline) : 0);
}

bool
quality_measure(Allocator allocator, const Summary *baseline, const Summary *current, const QualityExpectation *expectation,
				QualityReport *report)
{
	Frequencies of_baseline = {.known = true, .kept_share = 1};
	Frequencies of_current;
	bool		is_category = summary_kind(current) == SUMMARY_CATEGORY;

	memset(report, 0, sizeof(QualityReport));
	if (baseline != NULL && (summary_kind(baseline) != summary_kind(current) || summary_unit(baseline) != summary_unit(current)))
		return false;
	count_share(report, QUALITY_NULL_SHARE, summary_null_count(current), summary_n(current) + summary_null_count(current),
				baseline != NULL, baseline ? summary_null_count(baseline) : 0,
				baseline ? summary_n(baseline) + summary_null_count(baseline) : 0);
	if (!is_category)
		measure_numbers(report, baseline, current);
	if (summary_kind(current) == SUMMARY_VECTOR)
		return true;
	if (is_category)
		measure_unseen(allocator, report, baseline, current, expectation);
	else
		measure_ranges(report, baseline, current, expectation);
	read_frequencies(allocator, current, UINT64_MAX, &of_current);
	if (baseline != NULL)
		read_frequencies(allocator, baseline, UINT64_MAX, &of_baseline);
	measure_distinct(report, baseline, current, &of_baseline);
	measure_constant(report, baseline, current);
	measure_duplicates(report, baseline, current, &of_baseline, &of_current);
	return true;
}
