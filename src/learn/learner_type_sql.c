/*
 * learner_type_sql.c
 *		weir.learner: a model that can be stored, asked and gone on with; its text form is the stored form in base64. And what it
 *		says of itself.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/base64.h"
#include "funcapi.h"
#include "learn/learner_datum.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_learner_in);
PG_FUNCTION_INFO_V1(weir_learner_out);
PG_FUNCTION_INFO_V1(weir_learner_recv);
PG_FUNCTION_INFO_V1(weir_learner_send);
PG_FUNCTION_INFO_V1(weir_untrained_learner);
PG_FUNCTION_INFO_V1(weir_learner_catalogue);
PG_FUNCTION_INFO_V1(weir_learner_stats);
PG_FUNCTION_INFO_V1(weir_learner_features);
PG_FUNCTION_INFO_V1(weir_learner_classes);
PG_FUNCTION_INFO_V1(weir_model_memory);

/* ---- input and output: decoding is the check ---- */

static Datum
checked(const char *bytes, Size size)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "weir learner", ALLOCSET_DEFAULT_SIZES);
	bytea	   *result = palloc(size + VARHDRSZ);

	(void) learner_from_bytes(context, bytes, size);
	MemoryContextDelete(context);
	SET_VARSIZE(result, size + VARHDRSZ);
	memcpy(VARDATA(result), bytes, size);
	return PointerGetDatum(result);
}

Datum
weir_learner_in(PG_FUNCTION_ARGS)
{
	Size		size;
	char	   *bytes = base64_bytes(PG_GETARG_CSTRING(0), "learner", &size);

	return checked(bytes, size);
}

Datum
weir_learner_out(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_CSTRING(base64_text(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)));
}

Datum
weir_learner_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;

	return checked(pq_getmsgbytes(message, size), (Size) size);
}

Datum
weir_learner_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}

Datum
weir_untrained_learner(PG_FUNCTION_ARGS)
{
	return learner_to_datum(learner_from_names(CurrentMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_JSONB_P(1)));
}

/* ---- the catalogue ---- */

static const char *
task_name(LearnerKind kind)
{
	switch (learner_task(kind))
	{
		case LEARNER_BINARY: return "two classes";
		case LEARNER_CLASSES: return "classes";
		case LEARNER_REGRESSION: return "regression";
		case LEARNER_CLUSTERS: return "clusters";
		case LEARNER_ANOMALIES: return "anomalies";
	}
	return NULL;
}

Datum
weir_learner_catalogue(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int kind = 0; kind < LEARNER_N_KINDS; kind++)
	{
		double		options[LEARNER_MAX_OPTIONS];
		Datum		values[4];
		bool		nulls[4] = {false};

		learner_initial_options(kind, options);
		values[0] = CStringGetTextDatum(learner_name(kind));
		values[1] = CStringGetTextDatum(task_name(kind));
		values[2] = JsonbPGetDatum(learner_options_jsonb(kind, options));
		values[3] = CStringGetTextDatum(learner_reference(kind));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- what a model says of itself ---- */

Datum
weir_learner_stats(PG_FUNCTION_ARGS)
{
	Learner	   *learner = cached_learner(fcinfo);
	TupleDesc	description;
	Datum		values[7];
	bool		nulls[7] = {false};

	(void) get_call_result_type(fcinfo, NULL, &description);
	Assert(description != NULL);
	values[0] = CStringGetTextDatum(learner_name(learner_kind(learner)));
	values[1] = CStringGetTextDatum(task_name(learner_kind(learner)));
	values[2] = JsonbPGetDatum(learner_all_options(learner));
	values[3] = Int64GetDatum(learner_n_rows(learner));
	values[4] = Int32GetDatum(learner_n_features(learner));
	values[5] = Int32GetDatum(learner_n_classes(learner));
	values[6] = Int64GetDatum((int64) learner_memory(learner));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

Datum
weir_model_memory(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) learner_memory(cached_learner(fcinfo)));
}

/* A feature that contributes no more than this share of what the largest one does, over so many rows, need not be there. */
#define NIL_SHARE 0.001
#define ENOUGH_ROWS 5000

Datum
weir_learner_features(PG_FUNCTION_ARGS)
{
	Learner	   *learner = cached_learner(fcinfo);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	double		largest = 0;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < learner_n_features(learner); i++)
		largest = fmax(largest, learner_mean_contribution(learner, i));
	for (int i = 0; i < learner_n_features(learner); i++)
	{
		Datum		values[7];
		bool		nulls[7] = {false};
		int			source = learner_feature_source(learner, i);
		double		contribution = learner_mean_contribution(learner, i);
		bool		is_categorical = learner_feature_is_categorical(learner, i);

		values[0] = feature_label(learner, i);
		values[1] = CStringGetTextDatum(is_categorical ? "category" : "number");
		nulls[2] = !is_categorical;
		values[2] = Int32GetDatum(learner_n_categories(learner, i));
		values[3] = BoolGetDatum(i >= learner_n_inputs(learner));
		values[4] = Float8GetDatum(contribution);
		/* Too little to matter, over many rows. */
		values[5] = BoolGetDatum(contribution <= NIL_SHARE * largest);
		nulls[4] = isnan(contribution);
		nulls[5] = isnan(contribution) || learner_n_rows(learner) < ENOUGH_ROWS;
		nulls[6] = source == i;
		values[6] = feature_label(learner, source);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
weir_learner_classes(PG_FUNCTION_ARGS)
{
	Learner	   *learner = cached_learner(fcinfo);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int i = 0; i < learner_n_classes(learner); i++)
	{
		size_t		length;
		const char *name = learner_class_name(learner, i, &length);
		Datum		value = PointerGetDatum(cstring_to_text_with_len(name, (int) length));
		bool		is_null = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &is_null);
	}
	return (Datum) 0;
}
