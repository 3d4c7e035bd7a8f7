/*
 * detector_datum.c
 *		Options of detectors from and to jsonb; values given to a detector, and what it refuses.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/memory.h"
#include "base/options_datum.h"
#include "detect/detector_datum.h"
#include "miscadmin.h"
#include "utils/builtins.h"

static void
read_options(DetectorKind kind, Jsonb *jsonb, double *options)
{
	const char *conflict;

	options_from_jsonb("detector", detector_name(kind), detector_option(kind, 0), detector_n_options(kind), jsonb, options);
	conflict = detector_check_options(kind, options);
	if (conflict != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options of detector %s do not go together", detector_name(kind)),
				 errdetail("%s", conflict)));
}

Detector *
detector_from_names(MemoryContext context, const char *name, Jsonb *options)
{
	int			kind = detector_find(name);
	double		values[DETECTOR_MAX_OPTIONS];

	if (kind < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no detector \"%s\"", name),
				 errhint("SELECT detector FROM weir.detectors lists them.")));
	if (options == NULL)
		detector_initial_options(kind, values);
	else
		read_options(kind, options, values);
	return detector_create(allocator_in(context), kind, values);
}

Detector *
detector_from_arguments(MemoryContext context, FunctionCallInfo fcinfo, int number, const char *initial)
{
	for (int i = number; i < PG_NARGS() && i < number + 2; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not be null", i == number ? "detector" : "options")));
	return detector_from_names(context, PG_NARGS() > number ? text_to_cstring(PG_GETARG_TEXT_PP(number)) : initial,
							   PG_NARGS() > number + 1 ? PG_GETARG_JSONB_P(number + 1) : NULL);
}

Jsonb *
detector_options_jsonb(DetectorKind kind, const double *options)
{
	return options_to_jsonb(detector_option(kind, 0), detector_n_options(kind), options);
}

/* ---- values ---- */

void
detector_refuse(const Detector *detector, DetectorStatus status, double value)
{
	const char *name = detector == NULL ? NULL : detector_name(detector_kind(detector));

	switch (status)
	{
		case DETECTOR_NOT_AN_ERROR:
			ereport(
				ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("detector %s takes only 0 and 1", name),
				 errdetail("The value is %.15g.", value),
				 errhint(
					 "Give a boolean, or 1 for an error and 0 for none. SELECT detector, input FROM weir.detectors lists those that take numbers.")));
			break;
		case DETECTOR_OUTSIDE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value %.15g is outside what detector %s takes", value, name),
					 detector_input(detector_kind(detector)) == DETECTOR_SHARE
						 ? errhint("It takes numbers from 0 to 1.")
						 : errhint("Set its options lower and upper to the least and the greatest value that there can be.")));
			break;
		case DETECTOR_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("value %.15g is too large for a detector", value),
					 errdetail("Its square, summed, would overflow."), errhint("Divide the values by a constant.")));
			break;
		case DETECTOR_OTHER_VERSION:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("weir.detector_state of a version that is not known"),
					 errhint("It was written by a later release of weir.")));
			break;
		case DETECTOR_OK:
		case DETECTOR_CORRUPT: break;
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid weir.detector_state")));
}

bool
detector_feed(Detector *detector, double value, bool is_null, DetectorSignal *signal)
{
	DetectorStatus status;
	bool		observed;

	if (is_null)
	{
		detector_skip(detector);
		return false;
	}
	status = detector_advance(detector, value, signal, &observed);
	if (unlikely(status != DETECTOR_OK))
		detector_refuse(detector, status, value);
	return observed;
}

#define NUMBERS_BETWEEN_INTERRUPTS 1024 /* some detectors take tens of microseconds for a value */

Size
detector_feed_numbers(Detector *detector, const double *values, Size n)
{
	size_t		n_done;
	DetectorStatus status;

	CHECK_FOR_INTERRUPTS();
	status = detector_advance_to_drift(detector, values, Min(n, NUMBERS_BETWEEN_INTERRUPTS), &n_done);
	if (status != DETECTOR_OK)
		detector_refuse(detector, status, values[n_done]);
	return n_done;
}
