/*
 * detector.c
 *		The catalogue of detectors; making one, and advancing it by a value.
 */
#include "detect/detector.h"

#include <string.h>

#include "detect/detector_method.h"

const char *const detector_modes[4] = {"both", "up", "down", NULL};
const char *const detector_variants[3] = {"paper", "river", NULL};

/* By DetectorKind. */
static const DetectorMethod *const methods[] = {
	&adwin_method,  &page_hinkley_method, &ddm_method,   &eddm_method,      &rddm_method,     &hddm_a_method,
	&hddm_w_method, &kswin_method,        &cusum_method, &ewma_method,      &shewhart_method, &ecdd_method,
	&stepd_method,  &wstd_method,         &fhddm_method, &fhddms_method,    &mddm_a_method,   &mddm_e_method,
	&mddm_g_method, &glr_method,          &bocd_method,  &e_process_method,
};

_Static_assert(sizeof(methods) / sizeof(methods[0]) == DETECTOR_N_KINDS, "a method for each kind");

/* ---- the catalogue ---- */

const DetectorMethod *
detector_method(DetectorKind kind)
{
	return methods[kind];
}

const char *
detector_name(DetectorKind kind)
{
	return methods[kind]->name;
}

int
detector_find(const char *name)
{
	for (int kind = 0; kind < DETECTOR_N_KINDS; kind++)
		if (strcmp(methods[kind]->name, name) == 0)
			return kind;
	return -1;
}

const char *
detector_reference(DetectorKind kind)
{
	return methods[kind]->reference;
}

DetectorInput
detector_input(DetectorKind kind)
{
	return methods[kind]->input;
}

int
detector_n_options(DetectorKind kind)
{
	return methods[kind]->n_options;
}

const Option *
detector_option(DetectorKind kind, int number)
{
	return &methods[kind]->options[number];
}

int
detector_find_option(DetectorKind kind, const char *name)
{
	return option_find(methods[kind]->options, methods[kind]->n_options, name);
}

const char *
detector_signal_name(DetectorSignal signal)
{
	return signal == DETECTOR_DRIFT ? "drift" : signal == DETECTOR_WARNING ? "warning" : "stable";
}

void
detector_initial_options(DetectorKind kind, double *options)
{
	options_initial(methods[kind]->options, methods[kind]->n_options, options);
}

const char *
detector_check_options(DetectorKind kind, const double *options)
{
	return methods[kind]->check == NULL ? NULL : methods[kind]->check(options);
}

/* ---- a detector ---- */

static void
set_range(Detector *detector)
{
	int			lower;

	detector->low = -DETECTOR_LARGEST;
	detector->high = DETECTOR_LARGEST;
	if (detector->method->input == DETECTOR_ERROR || detector->method->input == DETECTOR_SHARE)
	{
		detector->low = 0;
		detector->high = 1;
	}
	else if (detector->method->input == DETECTOR_BOUNDED)
	{
		lower = detector_find_option(detector->kind, "lower");
		detector->low = detector->options[lower];
		detector->high = detector->options[lower + 1];
	}
}

/* Derived numbers are behind it, aligned as doubles are. */
#define DETECTOR_HEAD ((sizeof(Detector) + 7) / 8 * 8)

static size_t
head_size(const DetectorMethod *method, const double *options)
{
	return DETECTOR_HEAD + 8 * (method->n_derived == NULL ? 0 : method->n_derived(options));
}

static size_t
first_words(const DetectorMethod *method, const double *options)
{
	return method->growth == NULL ? method->n_words(options) : method->growth->first_words(options);
}

size_t
detector_memory(DetectorKind kind, const double *options)
{
	return head_size(methods[kind], options) + 8 * first_words(methods[kind], options);
}

void
detector_fit(Detector *detector, size_t n_words)
{
	Allocator	allocator = detector->allocator;
	size_t		n_before = detector->n_words;

	if (n_words == n_before)
		return;
	detector->state = allocator.resize(allocator.context, detector->state, 8 * n_before, 8 * n_words);
	detector->n_words = n_words;
	if (n_words > n_before)
		memset((char *) detector->state + 8 * n_before, 0, 8 * (n_words - n_before));
}

/* As many members as the state has use for. */
static void
fit_state(Detector *detector)
{
	if (detector->method->growth != NULL)
		detector_fit(detector, detector->method->growth->words(detector->options, detector->state));
}

Detector *
detector_create(Allocator allocator, DetectorKind kind, const double *options)
{
	const DetectorMethod *method = methods[kind];
	size_t		size = head_size(method, options);
	Detector   *detector = allocator.resize(allocator.context, NULL, 0, size);
	double	   *derived;

	memset(detector, 0, size);
	detector->allocator = allocator;
	detector->method = method;
	detector->kind = kind;
	detector->last_drift = -1;
	detector->size = size;
	detector_fit(detector, first_words(method, options));
	memcpy(detector->options, options, (size_t) method->n_options * sizeof(double));
	derived = (void *) ((char *) detector + DETECTOR_HEAD);
	if (method->derive != NULL)
		method->derive(detector->options, derived);
	detector->settings = (DetectorSettings){.options = detector->options, .derived = derived};
	set_range(detector);
	method->start(&detector->settings, detector->state);
	return detector;
}

void
detector_free(Detector *detector)
{
	detector->allocator.resize(detector->allocator.context, detector->state, 8 * detector->n_words, 0);
	detector->allocator.resize(detector->allocator.context, detector, detector->size, 0);
}

/* Why the detector does not take a finite value. */
static DetectorStatus
refusal(const Detector *detector)
{
	switch (detector->method->input)
	{
		case DETECTOR_ERROR: return DETECTOR_NOT_AN_ERROR;
		case DETECTOR_NUMBER: return DETECTOR_TOO_LARGE;
		case DETECTOR_SHARE:
		case DETECTOR_BOUNDED: break;
	}
	return DETECTOR_OUTSIDE;
}

static void
restart(Detector *detector)
{
	if (detector->method->restart != NULL)
		detector->method->restart(&detector->settings, detector->state);
	else
	{
		memset(detector->state, 0, 8 * detector->n_words);
		detector->method->start(&detector->settings, detector->state);
	}
	fit_state(detector);
}

DetectorStatus
detector_advance_to_drift(Detector *detector, const double *values, size_t n, size_t *n_done)
{
	DetectorSignal (*update)(const DetectorSettings *, void *, double) = detector->method->update;
	const DetectorGrowth *growth = detector->method->growth;
	bool		is_error = detector->method->input == DETECTOR_ERROR;
	double		low = detector->low;
	double		high = detector->high;
	size_t		n_missing = 0;
	DetectorStatus status = DETECTOR_OK;
	size_t		i = 0;

	while (i < n)
	{
		double		x = values[i];

		if (!(x >= low && x <= high) || (is_error && x != 0 && x != 1))
		{
			if (isfinite(x))
			{
				status = refusal(detector);
				break;
			}
			n_missing++;
			i++;
			continue;
		}
		if (detector->signal == DETECTOR_DRIFT)
			restart(detector);
		if (growth != NULL && growth->is_full(detector->options, detector->state))
			detector_fit(detector, detector->n_words + growth->step(detector->options));
		detector->signal = update(&detector->settings, detector->state, x);
		i++;
		if (detector->signal == DETECTOR_DRIFT)
		{
			fit_state(detector);
			detector->n_drifts++;
			detector->last_drift = detector->n_rows + (int64_t) i - 1;
			break;
		}
	}
	detector->n_rows += (int64_t) i;
	detector->n_values += (int64_t) (i - n_missing);
	*n_done = i;
	return status;
}

DetectorStatus
detector_advance(Detector *detector, double value, DetectorSignal *signal, bool *observed)
{
	size_t		n_done;

	*observed = isfinite(value);
	*signal = detector->signal;
	if (!*observed)
	{
		detector_skip(detector);
		return DETECTOR_OK;
	}
	if (detector_advance_to_drift(detector, &value, 1, &n_done) != DETECTOR_OK)
		return refusal(detector);
	*signal = detector->signal;
	return DETECTOR_OK;
}

void
detector_skip(Detector *detector)
{
	detector->n_rows++;
}

size_t
detector_growth(const Detector *detector)
{
	const DetectorGrowth *growth = detector->method->growth;

	return growth != NULL && growth->is_full(detector->options, detector->state) ? 8 * growth->step(detector->options) : 0;
}

void
detector_narrow(Detector *detector)
{
	const DetectorGrowth *growth = detector->method->growth;

	if (growth == NULL)
		return;
	growth->narrow(&detector->settings, detector->state);
	fit_state(detector);
}

DetectorKind
detector_kind(const Detector *detector)
{
	return detector->kind;
}

const double *
detector_options(const Detector *detector)
{
	return detector->options;
}

DetectorSignal
detector_signal(const Detector *detector)
{
	return detector->signal;
}

int64_t
detector_n_rows(const Detector *detector)
{
	return detector->n_rows;
}

int64_t
detector_n_values(const Detector *detector)
{
	return detector->n_values;
}

int64_t
detector_n_drifts(const Detector *detector)
{
	return detector->n_drifts;
}

int64_t
detector_last_drift(const Detector *detector)
{
	return detector->last_drift;
}
