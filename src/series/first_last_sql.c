/*
 * first_last_sql.c
 *		first(x, ts) and last(x, ts): the value of the earliest and of the latest time, of any type.
 *
 * Of several values at one time, first takes the least and last the greatest, so that the order of rows does not show; of a type
 * that has no order, whichever comes first.
 */
#include "postgres.h"

#include "base/compat.h"
#include "fmgr.h"
#include "series/series_sql.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

typedef struct EndState
{
	Oid			type;			/* of the value */
	Oid			collation;
	int16		length;
	bool		by_value;
	int64		time;
	Datum		value;
} EndState;

/* What a call site needs. */
typedef struct EndCache
{
	TimeReader	reader;
	Oid			type;
	FmgrInfo   *compare;		/* NULL: the type has no order */
} EndCache;

static EndCache *
call_cache(FunctionCallInfo fcinfo, Oid value_type)
{
	EndCache   *cache = fcinfo->flinfo->fn_extra;
	TypeCacheEntry *entry;

	if (cache != NULL && cache->type == value_type)
		return cache;
	cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(EndCache));
	cache->type = value_type;
	entry = lookup_type_cache(value_type, TYPECACHE_CMP_PROC_FINFO);
	if (OidIsValid(entry->cmp_proc_finfo.fn_oid))
		cache->compare = &entry->cmp_proc_finfo;
	fcinfo->flinfo->fn_extra = cache;
	return cache;
}

/* Whether the value takes the place of the one that the state holds. */
static bool
replaces(const EndCache *cache, const EndState *state, int64 time, Datum value, bool latest)
{
	int			order;

	if (time != state->time)
		return (time > state->time) == latest;
	if (cache->compare == NULL)
		return false;
	order = DatumGetInt32(FunctionCall2Coll(cache->compare, state->collation, value, state->value));
	return latest ? order > 0 : order < 0;
}

static void
keep(EndState *state, MemoryContext context, int64 time, Datum value, bool replace)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	Datum		copy = datumCopy(value, state->by_value, state->length);

	if (replace && !state->by_value)
		pfree(DatumGetPointer(state->value));
	state->time = time;
	state->value = copy;
	MemoryContextSwitchTo(caller);
}

static Datum
transition(FunctionCallInfo fcinfo, bool latest)
{
	MemoryContext context = aggregate_context(fcinfo);
	EndState   *state = PG_ARGISNULL(0) ? NULL : (EndState *) PG_GETARG_POINTER(0);
	EndCache   *cache = fcinfo->flinfo->fn_extra;
	int64		time;

	if (cache == NULL)
	{
		cache = call_cache(fcinfo, argument_type(fcinfo, 1));
		time_reader_init(&cache->reader, argument_type(fcinfo, 2));
	}
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && time_read(&cache->reader, PG_GETARG_DATUM(2), &time))
	{
		Datum		value = PG_GETARG_DATUM(1);

		if (state == NULL)
		{
			state = MemoryContextAllocZero(context, sizeof(EndState));
			state->type = cache->type;
			state->collation = PG_GET_COLLATION();
			get_typlenbyval(state->type, &state->length, &state->by_value);
			if (state->length == -1)
				value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
			keep(state, context, time, value, false);
		}
		else if (replaces(cache, state, time, value, latest))
		{
			if (state->length == -1)
				value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
			keep(state, context, time, value, true);
		}
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(weir_first_transition);
Datum
weir_first_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, false);
}

PG_FUNCTION_INFO_V1(weir_last_transition);
Datum
weir_last_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, true);
}

static Datum
combine(FunctionCallInfo fcinfo, bool latest)
{
	MemoryContext context = aggregate_context(fcinfo);
	EndState   *into = PG_ARGISNULL(0) ? NULL : (EndState *) PG_GETARG_POINTER(0);
	const EndState *from = PG_ARGISNULL(1) ? NULL : (EndState *) PG_GETARG_POINTER(1);

	if (from != NULL && into == NULL)
	{
		into = MemoryContextAlloc(context, sizeof(EndState));
		*into = *from;
		keep(into, context, from->time, from->value, false);
	}
	else if (from != NULL && replaces(call_cache(fcinfo, from->type), into, from->time, from->value, latest))
		keep(into, context, from->time, from->value, true);
	if (into == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(into);
}

PG_FUNCTION_INFO_V1(weir_first_combine);
Datum
weir_first_combine(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, false);
}

PG_FUNCTION_INFO_V1(weir_last_combine);
Datum
weir_last_combine(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, true);
}

/* Between processes of one server: in its own byte order. */
PG_FUNCTION_INFO_V1(weir_end_serialize);
Datum
weir_end_serialize(PG_FUNCTION_ARGS)
{
	EndState   *state = (EndState *) PG_GETARG_POINTER(0);
	Size		value_size = datumEstimateSpace(state->value, false, state->by_value, state->length);
	Size		size = add_size(VARHDRSZ + sizeof(EndState), value_size);
	bytea	   *result = palloc0(size);
	char	   *next = VARDATA(result) + sizeof(EndState);

	aggregate_context(fcinfo);
	SET_VARSIZE(result, size);
	memcpy(VARDATA(result), state, sizeof(EndState));
	datumSerialize(state->value, false, state->by_value, state->length, &next);
	PG_RETURN_BYTEA_P(result);
}

PG_FUNCTION_INFO_V1(weir_end_deserialize);
Datum
weir_end_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	EndState   *state = palloc(sizeof(EndState));
	char	   *next = VARDATA_ANY(bytes) + sizeof(EndState);
	bool		is_null;

	aggregate_context(fcinfo);
	require_state_size(bytes, sizeof(EndState), true);
	memcpy(state, VARDATA_ANY(bytes), sizeof(EndState));
	state->value = datumRestore(&next, &is_null);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(weir_end_final);
Datum
weir_end_final(PG_FUNCTION_ARGS)
{
	aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	return ((EndState *) PG_GETARG_POINTER(0))->value;
}
