/*
 * drift_aggregate_sql.c
 *		Each score as an aggregate over (value, is_current): the state is a summary of each side.
 */
#include "postgres.h"

#include "base/memory.h"
#include "drift/drift_datum.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "summary/summary_datum.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(weir_drift_transition);
PG_FUNCTION_INFO_V1(weir_drift_combine);
PG_FUNCTION_INFO_V1(weir_drift_serialize);
PG_FUNCTION_INFO_V1(weir_drift_deserialize);
PG_FUNCTION_INFO_V1(weir_drift_final);

typedef struct DriftState
{
	Summary	   *sides[2];
} DriftState;

static MemoryContext
require_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("this function can be called only as part of an aggregate")));
	return context;
}

/* The reader for argument 1, made at the first call. */
static const ValueReader *
reader_of_values(FunctionCallInfo fcinfo)
{
	ValueReader *reader = fcinfo->flinfo->fn_extra;
	SummaryKind kind;
	Oid			type;

	if (reader != NULL)
		return reader;
	type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	reader = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(ValueReader));
	if (!OidIsValid(type) || !value_kind_of_type(type, &kind) || !value_reader_init(reader, type, kind, fcinfo->flinfo->fn_mcxt))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("values of type %s cannot be compared", format_type_be(type)),
				 errhint("Cast the value to a number, to text or to an array of numbers.")));
	fcinfo->flinfo->fn_extra = reader;
	return reader;
}

Datum
weir_drift_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	const ValueReader *reader = reader_of_values(fcinfo);
	DriftState *state = PG_ARGISNULL(0) ? NULL : (DriftState *) PG_GETARG_POINTER(0);

	if (state == NULL)
	{
		state = MemoryContextAlloc(context, sizeof(DriftState));
		for (int side = 0; side < 2; side++)
			state->sides[side] = value_reader_summary(reader, allocator_in(context), SUMMARY_DEFAULT_BUDGET);
	}
	if (!PG_ARGISNULL(2))
		value_reader_add(reader, state->sides[PG_GETARG_BOOL(2) ? CURRENT : BASELINE], PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	PG_RETURN_POINTER(state);
}

Datum
weir_drift_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	DriftState *state = PG_ARGISNULL(0) ? NULL : (DriftState *) PG_GETARG_POINTER(0);
	DriftState *other = PG_ARGISNULL(1) ? NULL : (DriftState *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
	{
		state = MemoryContextAlloc(context, sizeof(DriftState));
		for (int side = 0; side < 2; side++)
			state->sides[side] = summary_copy(allocator_in(context), other->sides[side]);
	}
	else
		for (int side = 0; side < 2; side++)
			summary_check_status(summary_merge(state->sides[side], other->sides[side]));
	PG_RETURN_POINTER(state);
}

Datum
weir_drift_serialize(PG_FUNCTION_ARGS)
{
	DriftState *state = (DriftState *) PG_GETARG_POINTER(0);
	StringInfoData buffer;

	(void) require_aggregate_context(fcinfo);
	pq_begintypsend(&buffer);
	for (int side = 0; side < 2; side++)
	{
		int			size = (int) summary_encoded_size(state->sides[side]);

		pq_sendint32(&buffer, size);
		enlargeStringInfo(&buffer, size);
		summary_encode(state->sides[side], (uint8_t *) buffer.data + buffer.len);
		buffer.len += size;
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

Datum
weir_drift_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	DriftState *state = palloc(sizeof(DriftState));
	StringInfoData buffer;

	(void) require_aggregate_context(fcinfo);
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	for (int side = 0; side < 2; side++)
	{
		int			size = (int) pq_getmsgint(&buffer, 4);
		const char *encoded = pq_getmsgbytes(&buffer, size);

		summary_check_status(
			summary_decode(allocator_in(CurrentMemoryContext), (const uint8_t *) encoded, size, &state->sides[side]));
	}
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(state);
}

Datum
weir_drift_final(PG_FUNCTION_ARGS)
{
	DriftMetric metric = drift_metric_of_function(fcinfo);
	DriftState *state;
	DriftPair  *pair;
	DriftScore	score = {0};

	(void) require_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (DriftState *) PG_GETARG_POINTER(0);
	pair = drift_require_pair(allocator_in(CurrentMemoryContext), NULL, state->sides[BASELINE], state->sides[CURRENT]);
	if (drift_metric_applies(metric, pair->kind))
		drift_score(pair, metric, &score);
	drift_pair_free(pair);
	if (!score.has_value)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(score.value);
}
