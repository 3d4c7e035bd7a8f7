/*
 * performance.c
 *		The state of a model's performance: filling, merging, bytes.
 */
#include "quality/performance.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define PERFORMANCE_VERSION 1
#define HEADER_SIZE 18
#define SMALL_BUDGET 16 /* parts of which only the moments are read */
#define PAIR_HEADER 2

static int
n_parts_of(PerformanceKind kind)
{
	return kind == PERFORMANCE_BINARY ? BINARY_N_PARTS : kind == PERFORMANCE_CLASS ? CLASS_N_PARTS : REGRESSION_N_PARTS;
}

Summary *
performance_part_create(Allocator allocator, PerformanceKind kind, int part)
{
	int			budget = SUMMARY_DEFAULT_BUDGET;

	if (kind == PERFORMANCE_CLASS)
		return summary_create(allocator, SUMMARY_CATEGORY, SUMMARY_PLAIN, SUMMARY_MAX_BUDGET);
	if (kind == PERFORMANCE_BINARY ? part == BINARY_LOSSES : part >= REGRESSION_LABELS && part != REGRESSION_PREDICTIONS)
		budget = SMALL_BUDGET;
	return summary_create(allocator, SUMMARY_NUMERIC, SUMMARY_PLAIN, budget);
}

static Performance *
create_empty(Allocator allocator, PerformanceKind kind)
{
	Performance *performance = allocator.resize(allocator.context, NULL, 0, sizeof(Performance));

	memset(performance, 0, sizeof(Performance));
	performance->allocator = allocator;
	performance->kind = kind;
	performance->n_parts = n_parts_of(kind);
	return performance;
}

Performance *
performance_create(Allocator allocator, PerformanceKind kind)
{
	Performance *performance = create_empty(allocator, kind);

	for (int i = 0; i < performance->n_parts; i++)
		performance->parts[i] = performance_part_create(allocator, kind, i);
	return performance;
}

Performance *
performance_copy(Allocator allocator, const Performance *from)
{
	Performance *performance = create_empty(allocator, from->kind);

	performance->n_unlabelled = from->n_unlabelled;
	performance->n_unpredicted = from->n_unpredicted;
	for (int i = 0; i < performance->n_parts; i++)
		performance->parts[i] = summary_copy(allocator, from->parts[i]);
	return performance;
}

void
performance_free(Performance *performance)
{
	Allocator	allocator;

	if (performance == NULL)
		return;
	allocator = performance->allocator;
	for (int i = 0; i < performance->n_parts; i++)
		if (performance->parts[i] != NULL)
			summary_free(performance->parts[i]);
	allocator.resize(allocator.context, performance, sizeof(Performance), 0);
}

/* ---- filling ---- */

/* As scikit-learn has it: a probability of 0 or 1 is moved inside by the distance of doubles around 1. */
double
performance_loss(int label, double score)
{
	double		p = label == 1 ? score : 1 - score;

	if (score < 0 || score > 1)
		return NAN;				/* not a probability: no loss of any row is then meaningful, see the metric */
	return -log(fmax(p, DBL_EPSILON));
}

void
performance_add_binary(Performance *performance, int label, double score)
{
	if (label < 0)
	{
		performance->n_unlabelled++;
		if (!isnan(score))
			summary_add_number(performance->parts[BINARY_UNLABELLED], score);
		return;
	}
	if (isnan(score))
	{
		performance->n_unpredicted++;
		return;
	}
	summary_add_number(performance->parts[label == 1 ? BINARY_POSITIVES : BINARY_NEGATIVES], score);
	summary_add_number(performance->parts[BINARY_LOSSES], performance_loss(label, score));
}

/* The length of the label in two hexadecimal digits, the label, the prediction: text, as categories are. */
size_t
performance_make_pair(char *pair, const char *label, size_t label_length, const char *prediction, size_t prediction_length)
{
	pair[0] = "0123456789abcdef"[label_length >> 4];
	pair[1] = "0123456789abcdef"[label_length & 15];
	memcpy(pair + PAIR_HEADER, label, label_length);
	memcpy(pair + PAIR_HEADER + label_length, prediction, prediction_length);
	return PAIR_HEADER + label_length + prediction_length;
}

void
performance_add_class(Performance *performance, const char *label, size_t label_length, const char *prediction,
					  size_t prediction_length)
{
	char		pair[PERFORMANCE_MAX_PAIR_LENGTH];

	if (label == NULL)
	{
		performance->n_unlabelled++;
		return;
	}
	if (prediction == NULL)
	{
		performance->n_unpredicted++;
		return;
	}
	summary_add_category(performance->parts[CLASS_PAIRS], pair,
						 performance_make_pair(pair, label, label_length, prediction, prediction_length));
}

static int
hexadecimal(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
performance_pair(const char *bytes, size_t length, const char **label, size_t *label_length, const char **prediction,
				 size_t *prediction_length)
{
	if (length < PAIR_HEADER || hexadecimal(bytes[0]) < 0 || hexadecimal(bytes[1]) < 0)
		return false;
	*label_length = (size_t) (hexadecimal(bytes[0]) * 16 + hexadecimal(bytes[1]));
	if (*label_length > length - PAIR_HEADER)
		return false;
	*label = bytes + PAIR_HEADER;
	*prediction = *label + *label_length;
	*prediction_length = length - PAIR_HEADER - *label_length;
	return true;
}

void
performance_regression_values(double label, double prediction, double values[REGRESSION_N_PARTS])
{
	double		error = prediction - label;
	double		scale = fabs(label) + fabs(prediction);
	double		logarithm = label > -1 && prediction > -1 ? log1p(prediction) - log1p(label) : NAN;

	values[REGRESSION_ERRORS] = error;
	values[REGRESSION_SIZES] = fabs(error);
	values[REGRESSION_LABELS] = label;
	values[REGRESSION_PREDICTIONS] = prediction;
	/* As scikit-learn has it: a label of 0 divides by the distance of doubles around 1. */
	values[REGRESSION_PERCENTAGES] = fabs(error) / fmax(fabs(label), DBL_EPSILON);
	values[REGRESSION_SYMMETRIC_PERCENTAGES] = scale == 0 ? 0 : 2 * fabs(error) / scale;
	values[REGRESSION_LOGARITHMS] = logarithm * logarithm;
}

void
performance_add_regression(Performance *performance, bool has_label, double label, double prediction)
{
	double		values[REGRESSION_N_PARTS];

	if (!has_label || !isfinite(label))
	{
		performance->n_unlabelled++;
		return;
	}
	if (!isfinite(prediction))
	{
		performance->n_unpredicted++;
		return;
	}
	performance_regression_values(label, prediction, values);
	for (int i = 0; i < REGRESSION_N_PARTS; i++)
		summary_add_number(performance->parts[i], values[i]);
}

/* ---- parts ---- */

const char *
performance_part_name(PerformanceKind kind, int part)
{
	static const char *const names[][PERFORMANCE_MAX_PARTS] = {[PERFORMANCE_BINARY] = {"negatives", "positives", "unlabelled",
																					   "losses"},
															   [PERFORMANCE_CLASS] = {"pairs"},
															   [PERFORMANCE_REGRESSION] = {"errors", "sizes", "labels",
																						   "predictions", "percentages",
																						   "symmetric percentages", "logarithms"}};

	return part >= 0 && part < n_parts_of(kind) ? names[kind][part] : NULL;
}

/* A part must be what this version would have made: its kind and unit, and in a class only pairs. */
static bool
part_is_valid(const Performance *performance, int part)
{
	const Summary *summary = performance->parts[part];
	const char *label;
	const char *prediction;
	size_t		lengths[2];
	size_t		n;
	SummaryCategory *categories;
	bool		valid = true;

	if (summary_unit(summary) != SUMMARY_PLAIN)
		return false;
	if (performance->kind != PERFORMANCE_CLASS)
		return summary_kind(summary) == SUMMARY_NUMERIC;
	if (summary_kind(summary) != SUMMARY_CATEGORY)
		return false;
	n = summary_categories(summary, NULL, 0);
	categories = performance->allocator.resize(performance->allocator.context, NULL, 0, (n + 1) * sizeof(SummaryCategory));
	summary_categories(summary, categories, n);
	for (size_t i = 0; i < n && valid; i++)
		valid = performance_pair(categories[i].bytes, categories[i].length, &label, &lengths[0], &prediction, &lengths[1]);
	performance->allocator.resize(performance->allocator.context, categories, (n + 1) * sizeof(SummaryCategory), 0);
	return valid;
}

PerformanceStatus
performance_of_parts(Allocator allocator, PerformanceKind kind, int64_t n_rows, Summary *const *parts, Performance **result)
{
	Performance *performance = create_empty(allocator, kind);
	/* In these each row with a label has a value, or a NULL. */
	int			n_labelled_parts = kind == PERFORMANCE_BINARY ? BINARY_POSITIVES + 1 : 1;

	performance->n_unlabelled = n_rows;
	for (int i = 0; i < performance->n_parts; i++)
	{
		performance->parts[i] = parts[i] != NULL ? summary_copy(allocator, parts[i]) : performance_part_create(allocator, kind, i);
		if (!part_is_valid(performance, i))
		{
			performance_free(performance);
			return PERFORMANCE_KIND_MISMATCH;
		}
		if (i >= n_labelled_parts)
			continue;
		performance->n_unlabelled -= summary_n(performance->parts[i]) + summary_null_count(performance->parts[i]);
		performance->n_unpredicted += summary_null_count(performance->parts[i]);
		summary_forget_nulls(performance->parts[i]);
	}
	if (performance->n_unlabelled < 0)
		performance->n_unlabelled = 0;
	*result = performance;
	return PERFORMANCE_OK;
}

/* ---- merging ---- */

static PerformanceStatus
combine(Performance *into, const Performance *from, int sign)
{
	if (into->kind != from->kind)
		return PERFORMANCE_KIND_MISMATCH;
	into->n_unlabelled += sign * from->n_unlabelled;
	into->n_unpredicted += sign * from->n_unpredicted;
	for (int i = 0; i < into->n_parts; i++)
		if ((sign > 0 ? summary_merge(into->parts[i], from->parts[i]) : summary_subtract(into->parts[i], from->parts[i])) !=
			SUMMARY_OK)
			return PERFORMANCE_KIND_MISMATCH;
	return PERFORMANCE_OK;
}

PerformanceStatus
performance_merge(Performance *into, const Performance *from)
{
	return combine(into, from, 1);
}

PerformanceStatus
performance_subtract(Performance *into, const Performance *from)
{
	return combine(into, from, -1);
}

bool
performance_equal(const Performance *a, const Performance *b)
{
	if (a->kind != b->kind || a->n_unlabelled != b->n_unlabelled || a->n_unpredicted != b->n_unpredicted)
		return false;
	for (int i = 0; i < a->n_parts; i++)
		if (!summary_equal(a->parts[i], b->parts[i]))
			return false;
	return true;
}

int64_t
performance_n(const Performance *performance)
{
	switch (performance->kind)
	{
		case PERFORMANCE_BINARY:
			return summary_n(performance->parts[BINARY_NEGATIVES]) + summary_n(performance->parts[BINARY_POSITIVES]);
		case PERFORMANCE_CLASS: return summary_n(performance->parts[CLASS_PAIRS]);
		case PERFORMANCE_REGRESSION: break;
	}
	return summary_n(performance->parts[REGRESSION_ERRORS]);
}

/* ---- bytes: version, kind, n_unlabelled, n_unpredicted, then each part after its size; most significant byte first ---- */

static void
put(uint8_t *buffer, uint64_t value, int n_bytes)
{
	for (int i = 0; i < n_bytes; i++)
		buffer[i] = (uint8_t) (value >> 8 * (n_bytes - 1 - i));
}

static uint64_t
take(const uint8_t *bytes, int n_bytes)
{
	uint64_t	value = 0;

	for (int i = 0; i < n_bytes; i++)
		value = value << 8 | bytes[i];
	return value;
}

size_t
performance_encoded_size(const Performance *performance)
{
	size_t		size = HEADER_SIZE;

	for (int i = 0; i < performance->n_parts; i++)
		size += 4 + summary_encoded_size(performance->parts[i]);
	return size;
}

size_t
performance_encode(const Performance *performance, uint8_t *buffer)
{
	size_t		used = HEADER_SIZE;

	buffer[0] = PERFORMANCE_VERSION;
	buffer[1] = (uint8_t) performance->kind;
	put(buffer + 2, (uint64_t) performance->n_unlabelled, 8);
	put(buffer + 10, (uint64_t) performance->n_unpredicted, 8);
	for (int i = 0; i < performance->n_parts; i++)
	{
		size_t		size = summary_encode(performance->parts[i], buffer + used + 4);

		put(buffer + used, size, 4);
		used += 4 + size;
	}
	return used;
}

PerformanceStatus
performance_decode(Allocator allocator, const uint8_t *bytes, size_t size, Performance **result)
{
	Performance *performance;
	size_t		used = HEADER_SIZE;

	*result = NULL;
	if (size < HEADER_SIZE || bytes[0] != PERFORMANCE_VERSION || bytes[1] < PERFORMANCE_BINARY || bytes[1] > PERFORMANCE_REGRESSION)
		return PERFORMANCE_CORRUPT;
	performance = create_empty(allocator, (PerformanceKind) bytes[1]);
	performance->n_unlabelled = (int64_t) take(bytes + 2, 8);
	performance->n_unpredicted = (int64_t) take(bytes + 10, 8);
	for (int i = 0; i < performance->n_parts; i++)
	{
		uint64_t	part_size;

		if (size - used < 4 || (part_size = take(bytes + used, 4)) > size - used - 4 ||
			summary_decode(allocator, bytes + used + 4, (size_t) part_size, &performance->parts[i]) != SUMMARY_OK ||
			!part_is_valid(performance, i))
		{
			performance_free(performance);
			return PERFORMANCE_CORRUPT;
		}
		used += 4 + (size_t) part_size;
	}
	if (used != size)
	{
		performance_free(performance);
		return PERFORMANCE_CORRUPT;
	}
	*result = performance;
	return PERFORMANCE_OK;
}
