/*
 * prequential.c
 *		How good predictions were that were made before the label was known, beside what needs no model.
 */
#include "learn/prequential.h"

#include <math.h>

#include "learn/archive.h"
#include "learn/names.h"

#define MOST_CLASSES 1000
#define NO_CLASS (-1) /* the model said nothing, or a class past the limit */

/* What a row said: codes of classes, or numbers. */
typedef struct Outcome
{
	double		label;
	double		said[PREQUENTIAL_N_SOURCES];
} Outcome;

/* Weights of classes: rows that were counted, or fading ones. */
typedef struct ClassWeights
{
	double	   *labels;
	double	   *said[PREQUENTIAL_N_SOURCES];
} ClassWeights;

typedef struct Scope
{
	double		n;
	int64_t		n_rows;
	double		hits[PREQUENTIAL_N_SOURCES];
	ClassWeights weights;		/* of numbers: not used */
	double		absolute[PREQUENTIAL_N_SOURCES];
	double		squared[PREQUENTIAL_N_SOURCES];
	double		counted[PREQUENTIAL_N_SOURCES]; /* of numbers: rows with a prediction */
	double		label_mean;		/* of numbers: weighted, by Welford's recurrence */
	double		label_squares;
} Scope;

struct Prequential
{
	Allocator	allocator;
	bool		of_numbers;
	Names		classes;
	int			capacity;		/* of arrays per class */
	int64_t	   *label_counts;	/* of every row, the first too */
	int			majority;
	int64_t		n_labels;
	double		mean;			/* of the labels */
	double		last;			/* label; NO_CLASS or NaN before the first */
	Scope		all;
	Scope		faded;
	int			n_window;
	int			window_start;
	Outcome	   *window;			/* a ring */
};

Prequential *
prequential_create(Allocator allocator, bool of_numbers)
{
	Prequential *state = allocator.resize(allocator.context, NULL, 0, sizeof(Prequential));

	*state = (Prequential){.allocator = allocator, .of_numbers = of_numbers, .last = of_numbers ? NAN : NO_CLASS};
	state->window = allocator.resize(allocator.context, NULL, 0, PREQUENTIAL_WINDOW * sizeof(Outcome));
	memset(state->window, 0, PREQUENTIAL_WINDOW * sizeof(Outcome));
	return state;
}

static void
resize_weights(Allocator allocator, double **weights, int old_n, int n)
{
	*weights = allocator.resize(allocator.context, *weights, (size_t) old_n * sizeof(double), (size_t) n * sizeof(double));
	for (int i = old_n; i < n; i++)
		(*weights)[i] = 0;
}

static void
resize_scope(Allocator allocator, Scope *scope, int old_n, int n)
{
	resize_weights(allocator, &scope->weights.labels, old_n, n);
	for (int i = 0; i < PREQUENTIAL_N_SOURCES; i++)
		resize_weights(allocator, &scope->weights.said[i], old_n, n);
}

static void
set_capacity(Prequential *state, int n)
{
	Allocator	allocator = state->allocator;

	state->label_counts = allocator.resize(allocator.context, state->label_counts, (size_t) state->capacity * sizeof(int64_t),
										   (size_t) n * sizeof(int64_t));
	for (int i = state->capacity; i < n; i++)
		state->label_counts[i] = 0;
	resize_scope(allocator, &state->all, state->capacity, n);
	resize_scope(allocator, &state->faded, state->capacity, n);
	state->capacity = n;
}

void
prequential_free(Prequential *state)
{
	Allocator	allocator = state->allocator;

	if (state->capacity > 0)
		set_capacity(state, 0);
	names_free(allocator, &state->classes);
	allocator.resize(allocator.context, state->window, PREQUENTIAL_WINDOW * sizeof(Outcome), 0);
	allocator.resize(allocator.context, state, sizeof(Prequential), 0);
}

bool
prequential_of_numbers(const Prequential *state)
{
	return state->of_numbers;
}

/* ---- adding ---- */

static int
code_of(Prequential *state, const char *name, size_t length)
{
	int			code = names_add(state->allocator, &state->classes, name, length, MOST_CLASSES);

	if (code >= state->capacity)
		set_capacity(state, 2 * code + 4);
	return code;
}

void
prequential_rename_classes(Prequential *state, PresentLabel present, void *context)
{
	names_rename(state->allocator, &state->classes, present, context);
}

static void
fade_weights(double *weights, int n)
{
	for (int i = 0; i < n; i++)
		weights[i] *= PREQUENTIAL_FADING;
}

static void
fade(Prequential *state)
{
	Scope	   *scope = &state->faded;

	scope->n *= PREQUENTIAL_FADING;
	scope->label_squares *= PREQUENTIAL_FADING;
	fade_weights(scope->hits, PREQUENTIAL_N_SOURCES);
	fade_weights(scope->absolute, PREQUENTIAL_N_SOURCES);
	fade_weights(scope->squared, PREQUENTIAL_N_SOURCES);
	fade_weights(scope->counted, PREQUENTIAL_N_SOURCES);
	if (state->of_numbers)
		return;
	fade_weights(scope->weights.labels, state->classes.n);
	for (int i = 0; i < PREQUENTIAL_N_SOURCES; i++)
		fade_weights(scope->weights.said[i], state->classes.n);
}

static void
count_label(Scope *scope, double label)
{
	double		off = label - scope->label_mean;

	scope->label_mean += off / scope->n;
	scope->label_squares += off * (label - scope->label_mean);
}

static void
count(Scope *scope, const Outcome *outcome, bool of_numbers)
{
	scope->n += 1;
	scope->n_rows++;
	if (of_numbers)
		count_label(scope, outcome->label);
	else if (outcome->label >= 0)
		scope->weights.labels[(int) outcome->label] += 1;
	for (int i = 0; i < PREQUENTIAL_N_SOURCES; i++)
	{
		double		said = outcome->said[i];

		if (of_numbers && !isnan(said))
		{
			double		error = said - outcome->label;

			scope->counted[i] += 1;
			scope->absolute[i] += fabs(error);
			scope->squared[i] += error * error;
		}
		else if (!of_numbers && said >= 0)
		{
			scope->weights.said[i][(int) said] += 1;
			scope->hits[i] += said == outcome->label;
		}
	}
}

static void
add(Prequential *state, const Outcome *outcome)
{
	fade(state);
	count(&state->all, outcome, state->of_numbers);
	count(&state->faded, outcome, state->of_numbers);
	if (state->n_window == PREQUENTIAL_WINDOW)
	{
		state->window[state->window_start] = *outcome;
		state->window_start = (state->window_start + 1) % PREQUENTIAL_WINDOW;
	}
	else
		state->window[state->n_window++] = *outcome;
}

void
prequential_add_class(Prequential *state, const char *label, size_t label_length, const char *prediction, size_t prediction_length,
					  bool has_prediction)
{
	int			code = code_of(state, label, label_length);
	Outcome		outcome = {.label = code, .said = {NO_CLASS, state->majority, state->last}};

	if (has_prediction)
		outcome.said[PREQUENTIAL_MODEL] = code_of(state, prediction, prediction_length);
	if (state->n_labels++ > 0)
		add(state, &outcome);
	state->last = code;
	if (code >= 0 && (++state->label_counts[code] > state->label_counts[state->majority] || state->n_labels == 1))
		state->majority = code;
}

void
prequential_add_number(Prequential *state, double label, double prediction, bool has_prediction)
{
	Outcome		outcome = {.label = label, .said = {has_prediction ? prediction : NAN, state->mean, state->last}};

	if (state->n_labels++ > 0)
		add(state, &outcome);
	state->last = label;
	state->mean += (label - state->mean) / (double) state->n_labels;
}

/* ---- reading ---- */

int64_t
prequential_n(const Prequential *state, PrequentialScope scope)
{
	return scope == PREQUENTIAL_SLIDING ? state->n_window : state->all.n_rows;
}

static const char *const metric_names[PREQUENTIAL_N_METRICS] =
	{"accuracy", "kappa", "kappa_temporal", "kappa_majority", "mean_absolute_error", "root_mean_squared_error", "r2"};

const char *
prequential_metric_name(PrequentialMetric metric)
{
	return metric_names[metric];
}

const char *
prequential_scope_name(PrequentialScope scope)
{
	static const char *const names[] = {"all", "sliding", "fading"};

	return names[scope];
}

bool
prequential_has(const Prequential *state, PrequentialMetric metric)
{
	return (metric >= PREQUENTIAL_MEAN_ABSOLUTE_ERROR) == state->of_numbers;
}

static double
quotient(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

static double
above_chance(double observed, double expected)
{
	return expected < 1 ? (observed - expected) / (1 - expected) : NAN;
}

static double
value_of(const Scope *scope, int n_classes, PrequentialMetric metric, PrequentialSource source)
{
	double		accuracy = quotient(scope->hits[source], scope->n);
	double		agreement = 0;

	switch (metric)
	{
		case PREQUENTIAL_ACCURACY: return accuracy;
		case PREQUENTIAL_KAPPA:
			for (int i = 0; i < n_classes && scope->weights.labels != NULL; i++)
				agreement += scope->weights.labels[i] / scope->n * (scope->weights.said[source][i] / scope->n);
			return above_chance(accuracy, agreement);
		case PREQUENTIAL_KAPPA_TEMPORAL: return above_chance(accuracy, quotient(scope->hits[PREQUENTIAL_LAST], scope->n));
		case PREQUENTIAL_KAPPA_MAJORITY: return above_chance(accuracy, quotient(scope->hits[PREQUENTIAL_MAJORITY], scope->n));
		case PREQUENTIAL_MEAN_ABSOLUTE_ERROR: return quotient(scope->absolute[source], scope->counted[source]);
		case PREQUENTIAL_ROOT_MEAN_SQUARED_ERROR: return sqrt(quotient(scope->squared[source], scope->counted[source]));
		case PREQUENTIAL_R2:
			return scope->label_squares > 0
				? 1 - quotient(scope->squared[source], scope->counted[source]) / (scope->label_squares / scope->n)
				: NAN;
		case PREQUENTIAL_N_METRICS: break;
	}
	return NAN;
}

double
prequential_value(const Prequential *state, PrequentialScope scope, PrequentialMetric metric, PrequentialSource source)
{
	Scope		window = {0};
	double		value;

	if (scope == PREQUENTIAL_ALL)
		return value_of(&state->all, state->classes.n, metric, source);
	if (scope == PREQUENTIAL_FADED)
		return value_of(&state->faded, state->classes.n, metric, source);
	if (!state->of_numbers)
		resize_scope(state->allocator, &window, 0, state->capacity);
	for (int i = 0; i < state->n_window; i++)
		count(&window, &state->window[(state->window_start + i) % PREQUENTIAL_WINDOW], state->of_numbers);
	value = value_of(&window, state->classes.n, metric, source);
	if (!state->of_numbers && state->capacity > 0)
		resize_scope(state->allocator, &window, state->capacity, 0);
	return value;
}

/* ---- the stored form ---- */

#define WIRE_VERSION 1

static void
archive_numbers(Archive *archive, double *values, int n)
{
	for (int i = 0; i < n; i++)
		archive_double(archive, &values[i]);
}

static void
archive_scope(Archive *archive, Scope *scope, int n_classes, bool of_numbers)
{
	archive_double(archive, &scope->n);
	archive_integer(archive, &scope->n_rows, 0, INT64_C(1) << 60);
	if (of_numbers)
	{
		archive_numbers(archive, scope->absolute, PREQUENTIAL_N_SOURCES);
		archive_numbers(archive, scope->squared, PREQUENTIAL_N_SOURCES);
		archive_numbers(archive, scope->counted, PREQUENTIAL_N_SOURCES);
		archive_double(archive, &scope->label_mean);
		archive_double(archive, &scope->label_squares);
		return;
	}
	archive_numbers(archive, scope->hits, PREQUENTIAL_N_SOURCES);
	archive_numbers(archive, scope->weights.labels, n_classes);
	for (int i = 0; i < PREQUENTIAL_N_SOURCES; i++)
		archive_numbers(archive, scope->weights.said[i], n_classes);
}

static void
archive_code(Archive *archive, double *code, int n_classes)
{
	int			number = (int) *code;

	archive_count(archive, &number, NO_CLASS, n_classes - 1);
	*code = number;
}

static void
archive_window(Archive *archive, Prequential *state)
{
	archive_count(archive, &state->n_window, 0, PREQUENTIAL_WINDOW);
	archive_count(archive, &state->window_start, 0, PREQUENTIAL_WINDOW - 1);
	for (int i = 0; i < state->n_window && !archive_is_corrupt(archive); i++)
	{
		Outcome	   *outcome = &state->window[i];

		if (state->of_numbers)
		{
			archive_double(archive, &outcome->label);
			archive_numbers(archive, outcome->said, PREQUENTIAL_N_SOURCES);
			continue;
		}
		archive_code(archive, &outcome->label, state->classes.n);
		for (int k = 0; k < PREQUENTIAL_N_SOURCES; k++)
			archive_code(archive, &outcome->said[k], state->classes.n);
	}
}

static void
archive_state(Archive *archive, Prequential *state)
{
	archive_names(archive, &state->classes, MOST_CLASSES);
	if (archive_is_corrupt(archive))
		return;
	if (archive_reads(archive) && state->classes.n > 0)
		set_capacity(state, 2 * state->classes.n + 4);
	for (int i = 0; i < state->classes.n; i++)
		archive_integer(archive, &state->label_counts[i], 0, INT64_C(1) << 60);
	archive_count(archive, &state->majority, 0, state->classes.n > 0 ? state->classes.n - 1 : 0);
	archive_integer(archive, &state->n_labels, 0, INT64_C(1) << 60);
	archive_double(archive, &state->mean);
	if (state->of_numbers)
		archive_double(archive, &state->last);
	else
		archive_code(archive, &state->last, state->classes.n);
	archive_scope(archive, &state->all, state->classes.n, state->of_numbers);
	archive_scope(archive, &state->faded, state->classes.n, state->of_numbers);
	archive_window(archive, state);
}

static size_t
walk(const Prequential *state, ArchivePurpose mode, uint8_t *bytes)
{
	Archive		archive = {.mode = mode, .buffer = bytes, .position = 2};

	if (bytes != NULL)
	{
		bytes[0] = WIRE_VERSION;
		bytes[1] = state->of_numbers;
	}
	/* Only reading changes what is walked over. */
	archive_state(&archive, (Prequential *) state);
	return archive.position;
}

size_t
prequential_encoded_size(const Prequential *state)
{
	return walk(state, ARCHIVE_MEASURE, NULL);
}

void
prequential_encode(const Prequential *state, uint8_t *bytes)
{
	walk(state, ARCHIVE_WRITE, bytes);
}

Prequential *
prequential_decode(Allocator allocator, const uint8_t *bytes, size_t size)
{
	Archive		archive = {.mode = ARCHIVE_READ, .allocator = allocator, .reader = {.bytes = bytes, .size = size, .position = 2}};
	Prequential *state;

	if (size < 2 || bytes[0] != WIRE_VERSION || bytes[1] > 1)
		return NULL;
	state = prequential_create(allocator, bytes[1] != 0);
	archive_state(&archive, state);
	if (!archive.reader.corrupt && archive.reader.position == size)
		return state;
	prequential_free(state);
	return NULL;
}
