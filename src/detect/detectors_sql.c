/*
 * detectors_sql.c
 *		The catalogue of detectors as rows.
 */
#include "postgres.h"

#include "detect/detector_datum.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_detector_catalogue);

static const char *
input_text(DetectorInput input)
{
	switch (input)
	{
		case DETECTOR_NUMBER: return "number";
		case DETECTOR_SHARE: return "number in [0, 1], 1 = error";
		case DETECTOR_ERROR: return "0 or 1, 1 = error";
		case DETECTOR_BOUNDED: return "number between options lower and upper";
	}
	return NULL;
}

Datum
weir_detector_catalogue(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int kind = 0; kind < DETECTOR_N_KINDS; kind++)
	{
		double		options[DETECTOR_MAX_OPTIONS];
		Datum		values[4];
		bool		nulls[4] = {false};

		detector_initial_options(kind, options);
		values[0] = CStringGetTextDatum(detector_name(kind));
		values[1] = CStringGetTextDatum(input_text(detector_input(kind)));
		values[2] = JsonbPGetDatum(detector_options_jsonb(kind, options));
		values[3] = CStringGetTextDatum(detector_reference(kind));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
