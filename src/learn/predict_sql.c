/*
 * predict_sql.c
 *		Asking a model: its prediction, probabilities, and what each feature contributes.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "learn/learner_datum.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_predict);
PG_FUNCTION_INFO_V1(weir_predict_number);
PG_FUNCTION_INFO_V1(weir_predict_proba);
PG_FUNCTION_INFO_V1(weir_predict_proba_of);
PG_FUNCTION_INFO_V1(weir_predict_interval);
PG_FUNCTION_INFO_V1(weir_explain);

static bool
says_number(const Learner *learner)
{
	return !learner_tells_classes(learner_kind(learner));
}

Datum
learner_prediction(const FeatureReader *reader, bool *is_known)
{
	const Learner *learner = reader->learner;
	double		probabilities[LEARNER_MAX_CLASSES];
	size_t		length;
	const char *name;
	int			class;

	if (says_number(learner))
	{
		char		text[DOUBLE_SHORTEST_DECIMAL_LEN];
		double		number = learner_number(learner, reader->row);

		*is_known = !isnan(number);
		double_to_shortest_decimal_buf(number, text);
		return *is_known ? CStringGetTextDatum(text) : (Datum) 0;
	}
	learner_probabilities(learner, reader->row, probabilities);
	class = learner_most_probable(learner, probabilities);
	*is_known = class >= 0;
	if (class < 0)
		return (Datum) 0;
	name = learner_class_name(learner, class, &length);
	return PointerGetDatum(cstring_to_text_with_len(name, (int) length));
}

/* The reader with the row of the call; NULL where there is nothing to ask. */
static FeatureReader *
read_call(FunctionCallInfo fcinfo)
{
	FeatureReader *reader;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return NULL;
	reader = cached_reader(fcinfo);
	if (learner_n_rows(reader->learner) == 0)
		return NULL;
	feature_reader_read(reader, PG_GETARG_DATUM(1), false);
	return reader;
}

Datum
weir_predict(PG_FUNCTION_ARGS)
{
	FeatureReader *reader = read_call(fcinfo);
	bool		is_known = false;
	Datum		prediction = reader == NULL ? (Datum) 0 : learner_prediction(reader, &is_known);

	if (!is_known)
		PG_RETURN_NULL();
	return prediction;
}

Datum
said_number(FunctionCallInfo fcinfo, const FeatureReader *reader)
{
	double		number;

	if (reader == NULL)
		PG_RETURN_NULL();
	if (!says_number(reader->learner))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("learner %s predicts classes", learner_name(learner_kind(reader->learner))),
				 errhint("predict and predict_with give the class, predict_proba and predict_proba_with probabilities.")));
	number = learner_number(reader->learner, reader->row);
	if (isnan(number))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(number);
}

Datum
weir_predict_number(PG_FUNCTION_ARGS)
{
	return said_number(fcinfo, read_call(fcinfo));
}

static void
require_classes(const Learner *learner)
{
	if (says_number(learner))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("learner %s predicts numbers, which have no probabilities", learner_name(learner_kind(learner))),
				 errhint("Use predict_number or predict_number_with.")));
}

static char *
class_text(const Learner *learner, int class)
{
	size_t		length;
	const char *name = learner_class_name(learner, class, &length);

	return pnstrdup(name, length);
}

Datum
class_numbers(const Learner *learner, const double *numbers)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (int i = 0; i < learner_n_classes(learner); i++)
	{
		appendStringInfoString(&text, i == 0 ? "" : ", ");
		escape_json(&text, class_text(learner, i));
		appendStringInfo(&text, ": %s", isfinite(numbers[i]) ? double_to_shortest_decimal(numbers[i]) : "null");
	}
	appendStringInfoChar(&text, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

Datum
weir_predict_proba(PG_FUNCTION_ARGS)
{
	FeatureReader *reader = read_call(fcinfo);
	double		probabilities[LEARNER_MAX_CLASSES];

	if (reader == NULL)
		PG_RETURN_NULL();
	require_classes(reader->learner);
	learner_probabilities(reader->learner, reader->row, probabilities);
	return class_numbers(reader->learner, probabilities);
}

/* The code of a class named by an argument; -1 where the learner has not met it. */
static int
class_argument(FunctionCallInfo fcinfo, const Learner *learner, int number)
{
	text	   *name = PG_GETARG_TEXT_PP(number);

	return learner_class(learner, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
}

Datum
said_probability(FunctionCallInfo fcinfo, const FeatureReader *reader, int number)
{
	double		probabilities[LEARNER_MAX_CLASSES];
	int			class;

	if (reader == NULL || PG_ARGISNULL(number))
		PG_RETURN_NULL();
	require_classes(reader->learner);
	class = class_argument(fcinfo, reader->learner, number);
	if (class < 0)
		PG_RETURN_FLOAT8(0);
	learner_probabilities(reader->learner, reader->row, probabilities);
	PG_RETURN_FLOAT8(probabilities[class]);
}

Datum
weir_predict_proba_of(PG_FUNCTION_ARGS)
{
	return said_probability(fcinfo, read_call(fcinfo), 2);
}

/* Low and high about the number; nulls where too few errors are known. */
Datum
weir_predict_interval(PG_FUNCTION_ARGS)
{
	FeatureReader *reader = read_call(fcinfo);
	double		coverage = PG_ARGISNULL(2) ? NAN : PG_GETARG_FLOAT8(2);
	double		number;
	double		width;
	TupleDesc	description;
	Datum		values[2];
	bool		nulls[2];

	if (!isnan(coverage) && !(coverage > 0 && coverage < 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("coverage must be above 0 and below 1")));
	if (reader == NULL)
		PG_RETURN_NULL();
	width = learner_interval(reader->learner, coverage);
	if (isnan(width))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the model keeps no errors to tell intervals from"),
				 errhint("Train a learner of regression with the option intervals, such as {\"intervals\": 500}.")));
	number = learner_number(reader->learner, reader->row);
	nulls[0] = nulls[1] = isnan(number) || isinf(width);
	values[0] = Float8GetDatum(number - width);
	values[1] = Float8GetDatum(number + width);
	(void) get_call_result_type(fcinfo, NULL, &description);
	Assert(description != NULL);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

/* ---- explanation ---- */

static void
put_contribution(ReturnSetInfo *result, Datum name, double contribution)
{
	Datum		values[2];
	bool		nulls[2] = {false};

	values[0] = name;
	values[1] = Float8GetDatum(contribution);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The class to explain: the one asked for, or the predicted one. */
static int
explained_class(FunctionCallInfo fcinfo, const FeatureReader *reader)
{
	const Learner *learner = reader->learner;
	double		probabilities[LEARNER_MAX_CLASSES];
	int			class;

	if (says_number(learner))
		return 0;
	if (!PG_ARGISNULL(2))
	{
		class = class_argument(fcinfo, learner, 2);
		if (class < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the learner has no class \"%s\"", text_to_cstring(PG_GETARG_TEXT_PP(2))),
					 errhint("SELECT weir.learner_classes(model) lists its classes.")));
		return class;
	}
	learner_probabilities(learner, reader->row, probabilities);
	return learner_most_probable(learner, probabilities);
}

Datum
weir_explain(PG_FUNCTION_ARGS)
{
	FeatureReader *reader = read_call(fcinfo);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		by_value = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	const Learner *learner;
	double		bias;
	double	   *contributions;

	InitMaterializedSRF(fcinfo, 0);
	if (reader == NULL)
		return (Datum) 0;
	learner = reader->learner;
	if (!learner_explains(learner_kind(learner)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("learner %s has no contributions of features", learner_name(learner_kind(learner)))));
	contributions = palloc((Size) learner_n_features(learner) * sizeof(double));
	if (by_value)
		learner_parts(learner, reader->row, explained_class(fcinfo, reader), &bias, contributions);
	else
		learner_contributions(learner, reader->row, explained_class(fcinfo, reader), &bias, contributions);
	put_contribution(result, CStringGetTextDatum("(bias)"), bias);
	for (int i = 0; i < learner_n_features(learner); i++)
		/* Room for values that were never met adds nothing. */
		if (learner_feature_source(learner, i) == i ||
			(by_value && (contributions[i] != 0 || learner_feature_value(learner, i) >= 0)))
			put_contribution(result, feature_label(learner, i), contributions[i]);
	return (Datum) 0;
}
