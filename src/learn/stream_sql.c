/*
 * stream_sql.c
 *		Streams made by rule, as rows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/arguments.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "funcapi.h"
#include "learn/stream.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_generate_stream);

enum
{
	GENERATOR,
	N_ROWS,
	SEED,
	CONCEPT,
	DRIFT_AT,
	DRIFT_WIDTH,
	NOISE
};

static char *
stream_names(void)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int kind = 0; kind < STREAM_N_KINDS; kind++)
		appendStringInfo(&text, "%s%s", kind == 0 ? "" : ", ", stream_name(kind));
	return text.data;
}

static Stream *
stream_of_arguments(FunctionCallInfo fcinfo, MemoryContext context)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(GENERATOR));
	int			kind = stream_find(name);
	int			concept = PG_GETARG_INT32(CONCEPT);
	int64		drift_at = PG_ARGISNULL(DRIFT_AT) ? -1 : PG_GETARG_INT64(DRIFT_AT);
	double		noise = PG_GETARG_FLOAT8(NOISE);

	if (kind < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no generator \"%s\"", name),
				 errhint("There are %s.", stream_names())));
	if (concept < 0 || concept >= stream_n_concepts(kind))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("generator %s has no concept %d", name, concept),
				 errhint("Its concepts are 0 to %d.", stream_n_concepts(kind) - 1)));
	if (!PG_ARGISNULL(DRIFT_AT) && drift_at < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"drift_at\" must not be negative")));
	if (PG_GETARG_INT64(DRIFT_WIDTH) < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"drift_width\" must be at least 1")));
	if (!(noise >= 0 && noise <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"noise\" must be between 0 and 1")));
	return stream_create(allocator_in(context), kind, (uint64_t) PG_GETARG_INT64(SEED), concept, drift_at,
						 PG_GETARG_INT64(DRIFT_WIDTH), noise);
}

Datum
weir_generate_stream(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"generator", "n_rows", "seed", "concept", "drift_at", "drift_width", "noise"};
	FuncCallContext *call;
	double		row[STREAM_MAX_FEATURES];
	Datum		elements[STREAM_MAX_FEATURES];
	Datum		values[3];
	bool		nulls[3] = {false};
	int			n_features;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	description;

		for (int i = GENERATOR; i <= NOISE; i++)
			if (i != DRIFT_AT)
				require_argument(fcinfo, i, names[i]);
		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		(void) get_call_result_type(fcinfo, NULL, &description);
		Assert(description != NULL);
		call->tuple_desc = BlessTupleDesc(description);
		call->user_fctx = stream_of_arguments(fcinfo, call->multi_call_memory_ctx);
		call->max_calls = (uint64) Max(PG_GETARG_INT64(N_ROWS), 0);
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	if (call->call_cntr >= call->max_calls)
		SRF_RETURN_DONE(call);
	values[0] = Int64GetDatum((int64) call->call_cntr);
	values[2] = Int32GetDatum(stream_next(call->user_fctx, row));
	n_features = stream_n_features(stream_find(text_to_cstring(PG_GETARG_TEXT_PP(GENERATOR))));
	for (int i = 0; i < n_features; i++)
		elements[i] = Float8GetDatum(row[i]);
	values[1] = PointerGetDatum(construct_array(elements, n_features, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SRF_RETURN_NEXT(call, HeapTupleGetDatum(heap_form_tuple(call->tuple_desc, values, nulls)));
}
