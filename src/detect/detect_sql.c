/*
 * detect_sql.c
 *		Detectors over rows: the window function detect, the aggregate detections and its form for arrays.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "detect/detector_datum.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

PG_FUNCTION_INFO_V1(weir_detect_number);
PG_FUNCTION_INFO_V1(weir_detect_boolean);
PG_FUNCTION_INFO_V1(weir_detections_add_number);
PG_FUNCTION_INFO_V1(weir_detections_add_boolean);
PG_FUNCTION_INFO_V1(weir_detections_final);
PG_FUNCTION_INFO_V1(weir_detections_numbers);
PG_FUNCTION_INFO_V1(weir_detections_booleans);

/* ---- detect(x, detector, options) OVER (ORDER BY ...) ---- */

/* Of a partition; all zero at first. */
typedef struct DetectState
{
	Detector   *detector;
	text	   *words[DETECTOR_DRIFT + 1];
} DetectState;

static Detector *
window_detector(WindowObject window, MemoryContext context)
{
	bool		no_detector;
	bool		no_options;
	Datum		detector = WinGetFuncArgCurrent(window, 1, &no_detector);
	Datum		options = WinGetFuncArgCurrent(window, 2, &no_options);

	if (no_detector || no_options)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", no_detector ? "detector" : "options")));
	return detector_from_names(context, TextDatumGetCString(detector), DatumGetJsonbP(options));
}

static DetectState *
detect_state(WindowObject window)
{
	DetectState *state = WinGetPartitionLocalMemory(window, sizeof(DetectState));

	if (state->detector == NULL)
	{
		MemoryContext context = GetMemoryChunkContext(state);
		MemoryContext old = MemoryContextSwitchTo(context);

		for (int signal = DETECTOR_STABLE; signal <= DETECTOR_DRIFT; signal++)
			state->words[signal] = cstring_to_text(detector_signal_name(signal));
		MemoryContextSwitchTo(old);
		state->detector = window_detector(window, context);
	}
	return state;
}

static Datum
detect(FunctionCallInfo fcinfo, bool is_boolean)
{
	WindowObject window = PG_WINDOW_OBJECT();
	DetectState *state = detect_state(window);
	DetectorSignal signal;
	bool		is_null;
	Datum		argument = WinGetFuncArgCurrent(window, 0, &is_null);
	double		value = is_null ? 0 : is_boolean ? (double) DatumGetBool(argument) : DatumGetFloat8(argument);

	/* Rows before this one are not asked for again. */
	WinSetMarkPosition(window, WinGetCurrentPosition(window));
	if (!detector_feed(state->detector, value, is_null, &signal))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(state->words[signal]);
}

Datum
weir_detect_number(PG_FUNCTION_ARGS)
{
	return detect(fcinfo, false);
}

Datum
weir_detect_boolean(PG_FUNCTION_ARGS)
{
	return detect(fcinfo, true);
}

/* ---- detections(x, detector, options ORDER BY ...) ---- */

typedef struct Detections
{
	Detector   *detector;
	int64		n;
	int64		capacity;
	Datum	   *positions;
} Detections;

static Detections *
detections_create(MemoryContext context, FunctionCallInfo fcinfo, int argument, const char *initial)
{
	Detections *detections = MemoryContextAllocZero(context, sizeof(Detections));

	detections->detector = detector_from_arguments(context, fcinfo, argument, initial);
	detections->capacity = 16;
	detections->positions = MemoryContextAlloc(context, (Size) detections->capacity * sizeof(Datum));
	return detections;
}

static void
detections_note_drift(Detections *detections)
{
	if (detections->n == detections->capacity)
	{
		detections->capacity *= 2;
		detections->positions = repalloc_huge(detections->positions, mul_size((Size) detections->capacity, sizeof(Datum)));
	}
	detections->positions[detections->n++] = Int64GetDatum(detector_last_drift(detections->detector));
}

static void
detections_add(Detections *detections, double value, bool is_null)
{
	DetectorSignal signal;

	if (detector_feed(detections->detector, value, is_null, &signal) && signal == DETECTOR_DRIFT)
		detections_note_drift(detections);
}

static ArrayType *
detections_array(const Detections *detections)
{
	if (detections->n > PG_INT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many detections for an array")));
	return construct_array(detections->positions, (int) detections->n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

static Datum
detections_transition(FunctionCallInfo fcinfo, bool is_boolean)
{
	MemoryContext context;
	Detections *detections;
	double		value;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("this function can be called in an aggregate only")));
	detections =
		PG_ARGISNULL(0) ? detections_create(context, fcinfo, 2, is_boolean ? "ddm" : "adwin") : (Detections *) PG_GETARG_POINTER(0);
	value = PG_ARGISNULL(1) ? 0 : is_boolean ? (double) PG_GETARG_BOOL(1) : PG_GETARG_FLOAT8(1);
	detections_add(detections, value, PG_ARGISNULL(1));
	PG_RETURN_POINTER(detections);
}

Datum
weir_detections_add_number(PG_FUNCTION_ARGS)
{
	return detections_transition(fcinfo, false);
}

Datum
weir_detections_add_boolean(PG_FUNCTION_ARGS)
{
	return detections_transition(fcinfo, true);
}

Datum
weir_detections_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(detections_array((Detections *) PG_GETARG_POINTER(0)));
}

/* ---- detections(array, detector, options) ---- */

static void
detections_add_numbers(Detections *detections, const double *values, Size n)
{
	while (n > 0)
	{
		int64		before = detector_n_drifts(detections->detector);
		Size		n_done = detector_feed_numbers(detections->detector, values, n);

		if (detector_n_drifts(detections->detector) > before)
			detections_note_drift(detections);
		values += n_done;
		n -= n_done;
	}
}

Datum
weir_detections_numbers(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	uint8	   *present = ARR_NULLBITMAP(array);
	const double *next = (const double *) ARR_DATA_PTR(array);
	Detections *detections = detections_create(CurrentMemoryContext, fcinfo, 1, "adwin");

	for (int i = 0; i < n;)
	{
		int			run = 0;	/* values without a NULL between them */

		while (i + run < n && (present == NULL || (present[(i + run) / 8] & 1 << (i + run) % 8) != 0))
			run = present == NULL ? n : run + 1;
		detections_add_numbers(detections, next, (Size) run);
		next += run;
		i += run;
		if (i < n)
		{
			detections_add(detections, 0, true);
			i++;
		}
	}
	PG_RETURN_ARRAYTYPE_P(detections_array(detections));
}

Datum
weir_detections_booleans(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	uint8	   *present = ARR_NULLBITMAP(array);
	const char *next = ARR_DATA_PTR(array);
	Detections *detections = detections_create(CurrentMemoryContext, fcinfo, 1, "ddm");

	for (int i = 0; i < n; i++)
	{
		bool		is_null = present != NULL && (present[i / 8] & 1 << i % 8) == 0;

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		detections_add(detections, is_null ? 0 : *next != 0, is_null);
		next += !is_null;
	}
	PG_RETURN_ARRAYTYPE_P(detections_array(detections));
}
