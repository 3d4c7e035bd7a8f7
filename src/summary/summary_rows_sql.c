/*
 * summary_rows_sql.c
 *		What a summary says as rows: histogram and top.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/sparkline.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "summary/summary_object.h"
#include "summary/summary_sql.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_histogram);
PG_FUNCTION_INFO_V1(weir_shape);
PG_FUNCTION_INFO_V1(weir_top);
PG_FUNCTION_INFO_V1(weir_frequency);

#define MAX_BUCKETS 65536
#define SHAPE_BARS 20

static SummaryBin *
all_bins(const Summary *summary, size_t *n)
{
	SummaryBin *bins;

	*n = summary_bins(summary, 0, NULL, 0);
	bins = palloc(mul_size(sizeof(SummaryBin), Max(*n, 1)));
	summary_bins(summary, 0, bins, *n);
	return bins;
}

/* ---- histogram ---- */

/* How many of a bin's values lie below a bound inside it, as if they were spread evenly over it. */
static double
count_below(const SummaryBin *bin, double minimum, double maximum, double bound)
{
	double		lower = Max(bin->lower, minimum);
	double		upper = Min(bin->upper, maximum);

	double		width = upper - lower;

	if (lower == upper)
		return 0;

	/* Halves where the difference itself is beyond the range. */
	return (double) bin->count * (isinf(width) ? (bound / 2 - lower / 2) / (upper / 2 - lower / 2) : (bound - lower) / width);
}

static double
bucket_bound(double minimum, double maximum, int bucket, int n_buckets)
{
	double		share = (double) bucket / n_buckets;

	if (bucket == n_buckets)
		return maximum;
	return minimum * (1 - share) + maximum * share;
}

typedef struct HistogramBucket
{
	double		lower;
	double		upper;
	int64		count;
} HistogramBucket;

/* The finite values in buckets of equal width; one when all are equal, none without any. */
static HistogramBucket *
histogram_buckets(const Summary *summary, int n_buckets, int *n_result, int64 *total)
{
	HistogramBucket *result = palloc(mul_size(sizeof(HistogramBucket), (Size) n_buckets));
	size_t		n_bins;
	SummaryBin *bins = all_bins(summary, &n_bins);
	size_t		first = 0;
	int64		before = 0;		/* in bins that lie wholly below the end of the bucket */
	int64		counted = 0;	/* in the buckets so far */
	double		minimum;
	double		maximum;

	*n_result = 0;
	*total = 0;
	if (n_bins > 0 && isinf(bins[n_bins - 1].upper) && bins[n_bins - 1].upper > 0)
		n_bins--;
	if (n_bins > 0 && isinf(bins[0].lower))
		first++;
	if (first >= n_bins || !summary_finite_extremes(summary, &minimum, &maximum))
		return result;
	*n_result = minimum == maximum ? 1 : n_buckets;
	for (size_t i = first; i < n_bins; i++)
		*total += bins[i].count;
	for (int bucket = 0; bucket < *n_result; bucket++)
	{
		HistogramBucket *next = &result[bucket];
		double		below;

		CHECK_FOR_INTERRUPTS();
		next->lower = bucket_bound(minimum, maximum, bucket, *n_result);
		next->upper = bucket_bound(minimum, maximum, bucket + 1, *n_result);

		/* What lies below the bucket's end, less what lay below its beginning: so the counts add up to the total. */
		while (first < n_bins && bins[first].upper < next->upper)
			before += bins[first++].count;
		below = (double) before;
		if (first < n_bins && bins[first].lower < next->upper)
			below += count_below(&bins[first], minimum, maximum, next->upper);
		next->count = (bucket == *n_result - 1 ? *total : (int64) rint(below)) - counted;
		counted += next->count;
	}
	return result;
}

Datum
weir_histogram(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	SummaryUnit unit = summary_unit(summary);
	int			n_buckets = PG_GETARG_INT32(1);
	HistogramBucket *buckets;
	int64		total;

	if (summary_kind(summary) == SUMMARY_CATEGORY)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("a summary of categories has no histogram"),
				 errhint("weir.top(summary, k) lists its categories.")));
	if (n_buckets < 1 || n_buckets > MAX_BUCKETS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("number of buckets must be between 1 and %d", MAX_BUCKETS)));
	InitMaterializedSRF(fcinfo, 0);
	buckets = histogram_buckets(summary, n_buckets, &n_buckets, &total);
	for (int bucket = 0; bucket < n_buckets; bucket++)
	{
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = Int32GetDatum(bucket + 1);
		values[1] = Float8GetDatum(shown_value(unit, buckets[bucket].lower));
		values[2] = Float8GetDatum(shown_value(unit, buckets[bucket].upper));
		values[3] = Int64GetDatum(buckets[bucket].count);
		values[4] = Float8GetDatum((double) buckets[bucket].count / (double) total);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

/* The shape as a line of bars: of numbers a histogram, of categories their counts. */
Datum
weir_shape(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	double		counts[SHAPE_BARS];
	int			n_bars = 0;
	StringInfoData out;

	if (summary_kind(summary) == SUMMARY_CATEGORY)
	{
		SummaryCategory categories[SHAPE_BARS];

		n_bars = (int) Min(summary_categories(summary, categories, SHAPE_BARS), SHAPE_BARS);
		for (int i = 0; i < n_bars; i++)
			counts[i] = (double) categories[i].count;
	}
	else
	{
		int64		total;
		HistogramBucket *buckets = histogram_buckets(summary, SHAPE_BARS, &n_bars, &total);

		for (int i = 0; i < n_bars; i++)
			counts[i] = (double) buckets[i].count;
	}
	if (n_bars == 0)
		PG_RETURN_NULL();
	initStringInfo(&out);
	sparkline_append(&out, counts, n_bars, 0);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* ---- top ---- */

static void
put_top(ReturnSetInfo *result, text *value, int64 count, int64 error, int64 n)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = PointerGetDatum(value);
	values[1] = Int64GetDatum(count);
	values[2] = Float8GetDatum((double) count / (double) n);
	values[3] = Int64GetDatum(error);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Text as this database can hold it: what came from another encoding, or from forged bytes, is shown in hexadecimal digits. */
static text *
category_text(const char *bytes, size_t length, const char *suffix)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	if (pg_verify_mbstr(GetDatabaseEncoding(), bytes, (int) length, true))
		appendBinaryStringInfo(&buffer, bytes, (int) length);
	else
	{
		appendStringInfoString(&buffer, "\\x");
		for (size_t i = 0; i < length; i++)
			appendStringInfo(&buffer, "%02x", (unsigned char) bytes[i]);
	}
	appendStringInfoString(&buffer, suffix);
	return cstring_to_text_with_len(buffer.data, buffer.len);
}

/* A category in the list: one that is kept, with its count, or one that was read off the sketch of the others. */
typedef struct TopCategory
{
	const char *bytes;
	size_t		length;
	bool		is_whole;
	int64		count;
	int64		error;
} TopCategory;

static int
compare_top(const void *a, const void *b)
{
	const TopCategory *first = a;
	const TopCategory *second = b;
	size_t		shorter = Min(first->length, second->length);
	int			order;

	if (first->count != second->count)
		return first->count > second->count ? -1 : 1;
	order = shorter == 0 ? 0 : memcmp(first->bytes, second->bytes, shorter);
	if (order != 0)
		return order;
	return first->length < second->length ? -1 : first->length > second->length;
}

static void
top_categories(ReturnSetInfo *result, const Summary *summary, int64 k)
{
	size_t		n_kept = summary_categories(summary, NULL, 0);
	SummaryCategory *kept = palloc(mul_size(sizeof(SummaryCategory), Max(n_kept, 1)));
	FrequentCategory *frequent = palloc(sizeof(FrequentCategory) * SKETCH_MOST_FREQUENT);
	size_t		n_frequent = summary_frequent_others(summary, frequent, SKETCH_MOST_FREQUENT);
	size_t		n = n_kept + n_frequent;
	TopCategory *all = palloc(mul_size(sizeof(TopCategory), Max(n, 1)));

	summary_categories(summary, kept, n_kept);
	for (size_t i = 0; i < n_kept; i++)
		all[i] = (TopCategory){kept[i].bytes, kept[i].length, true, kept[i].count, 0};
	for (size_t i = 0; i < n_frequent; i++)
		all[n_kept + i] =
			(TopCategory){frequent[i].bytes, frequent[i].length, frequent[i].is_whole, frequent[i].count, frequent[i].error};
	qsort(all, n, sizeof(TopCategory), compare_top);
	for (size_t i = 0; i < n && (int64) i < k; i++)
	{
		/* The beginning of a text may end within a character. */
		size_t		length =
			all[i].is_whole ? all[i].length : (size_t) pg_mbcliplen(all[i].bytes, (int) all[i].length, (int) all[i].length);

		put_top(result, category_text(all[i].bytes, length, all[i].is_whole ? "" : "..."), all[i].count, all[i].error,
				summary_n(summary));
	}
}

static int
compare_bins(const void *a, const void *b)
{
	const SummaryBin *first = a;
	const SummaryBin *second = b;

	if (first->count != second->count)
		return first->count > second->count ? -1 : 1;
	return first->key < second->key ? -1 : first->key > second->key;
}

static void
top_numbers(ReturnSetInfo *result, const Summary *summary, int64 k)
{
	size_t		n;
	SummaryBin *bins;

	/* Above level 0 the values themselves are not known. */
	if (summary_level(summary) > 0)
		return;
	bins = all_bins(summary, &n);
	qsort(bins, n, sizeof(SummaryBin), compare_bins);
	for (size_t i = 0; i < n && (int64) i < k; i++)
	{
		char		buffer[DOUBLE_SHORTEST_DECIMAL_LEN];
		double		value = shown_value(summary_unit(summary), bins[i].lower);

		if (isinf(value))
			strcpy(buffer, value > 0 ? "Infinity" : "-Infinity");
		else
			double_to_shortest_decimal_buf(value, buffer);
		put_top(result, cstring_to_text(buffer), bins[i].count, 0, summary_n(summary));
	}
}

Datum
weir_top(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	int			k = PG_GETARG_INT32(1);

	if (k < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("number of values must not be negative")));
	InitMaterializedSRF(fcinfo, 0);
	if (summary_kind(summary) == SUMMARY_CATEGORY)
		top_categories(result, summary, k);
	else
		top_numbers(result, summary, k);
	PG_RETURN_NULL();
}

/* ---- frequency ---- */

/* Rows of a number: known only at level 0. */
static bool
number_frequency(const Summary *summary, const char *text, int64 *count)
{
	double		value = DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(text)));
	double		stored = stored_value(summary_unit(summary), value);
	size_t		n;
	SummaryBin *bins;

	if (isnan(value))
	{
		*count = summary_nan_count(summary);
		return true;
	}
	if (summary_level(summary) > 0)
		return false;
	bins = all_bins(summary, &n);
	*count = 0;
	for (size_t i = 0; i < n; i++)
		if (bins[i].lower == stored)
			*count = bins[i].count;
	return true;
}

Datum
weir_frequency(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	text	   *value = PG_GETARG_TEXT_PP(1);
	int64		count = 0;
	int64		error = 0;
	TupleDesc	descriptor;
	Datum		values[4];
	bool		nulls[4] = {false};
	bool		known;

	get_call_result_type(fcinfo, NULL, &descriptor);
	Assert(descriptor->natts == lengthof(values));
	if (summary_kind(summary) == SUMMARY_CATEGORY)
		known = summary_category_count(summary, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &count, &error);
	else
		known = number_frequency(summary, text_to_cstring(value), &count);
	nulls[0] = nulls[1] = nulls[2] = !known;
	nulls[3] = !known || summary_n(summary) == 0;
	values[0] = Int64GetDatum(count);
	values[1] = Int64GetDatum(Max(count - error, 0));
	values[2] = Int64GetDatum(Min(count + error, summary_n(summary)));
	values[3] = Float8GetDatum((double) count / (double) Max(summary_n(summary), 1));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
