/*
 * first_last_sql.c
 *		first(x, ts) and last(x, ts): the value of the earliest and of the latest time, of any type.
 *
 * Of several values at one time, first takes the least and last the greatest, so that the order of rows does not show; of a type
 * that has no order, whichever comes first.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "series/end_state.h"
#include "series/series_sql.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
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
	else if (from != NULL && from->type != into->type)
		damaged_state();
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

/* Whether values of the type can be written for others; the few that cannot go as they lie in memory. */
static bool
has_binary_form(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Form_pg_type form;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		damaged_state();
	form = (Form_pg_type) GETSTRUCT(tuple);
	result = form->typtype != TYPTYPE_PSEUDO && OidIsValid(form->typsend) && OidIsValid(form->typreceive);
	ReleaseSysCache(tuple);
	return result;
}

static void
write_value(StringInfo buffer, const EndState *state)
{
	Oid			function;
	bool		is_varlena;

	if (has_binary_form(state->type))
	{
		bytea *volatile value;
		int			client = pg_get_client_encoding();

		getTypeBinaryOutputInfo(state->type, &function, &is_varlena);
		/* Texts as the database has them: the other process may have another client, or none. */
		SetClientEncoding(GetDatabaseEncoding());
		PG_TRY();
		{
			value = OidSendFunctionCall(function, state->value);
		}
		PG_FINALLY();
		{
			SetClientEncoding(client);
		}
		PG_END_TRY();
		pq_sendbytes(buffer, VARDATA(value), (int) (VARSIZE(value) - VARHDRSZ));
	}
	else
	{
		Size		size = datumEstimateSpace(state->value, false, state->by_value, state->length);
		char	   *bytes = palloc(size);
		char	   *next = bytes;

		datumSerialize(state->value, false, state->by_value, state->length, &next);
		pq_sendbytes(buffer, bytes, (int) size);
	}
}

static void
read_value(StringInfo buffer, EndState *state)
{
	int			size = buffer->len - buffer->cursor;
	Oid			function;
	Oid			parameter;

	get_typlenbyval(state->type, &state->length, &state->by_value);
	if (has_binary_form(state->type))
	{
		StringInfoData value;
		int			client;

		initStringInfo(&value);
		appendBinaryStringInfo(&value, pq_getmsgbytes(buffer, size), size);
		getTypeBinaryInputInfo(state->type, &function, &parameter);
		client = pg_get_client_encoding();
		SetClientEncoding(GetDatabaseEncoding());
		PG_TRY();
		{
			state->value = OidReceiveFunctionCall(function, &value, parameter, -1);
		}
		PG_FINALLY();
		{
			SetClientEncoding(client);
		}
		PG_END_TRY();
	}
	else
	{
		char	   *bytes = palloc(Max(size, 1));
		bool		is_null;

		memcpy(bytes, pq_getmsgbytes(buffer, size), (Size) size);
		state->value = datumRestore(&bytes, &is_null);
	}
}

PG_FUNCTION_INFO_V1(weir_end_deserialize);

bool
end_state_is_of(PGFunction read, const char *bytes, Size size, Oid type)
{
	uint32		sent;

	if (read != weir_end_deserialize)
		return true;
	if (size < sizeof(sent) || !has_binary_form(type))
		return false;
	memcpy(&sent, bytes, sizeof(sent));
	return pg_ntoh32(sent) == type;
}

/* For other processes, and other servers: of a type that every server has. */
PG_FUNCTION_INFO_V1(weir_end_serialize);
Datum
weir_end_serialize(PG_FUNCTION_ARGS)
{
	const EndState *state = (EndState *) PG_GETARG_POINTER(0);
	StringInfoData buffer;

	aggregate_context(fcinfo);
	pq_begintypsend(&buffer);
	pq_sendint32(&buffer, state->type);
	pq_sendint32(&buffer, state->collation);
	pq_sendint64(&buffer, state->time);
	write_value(&buffer, state);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

Datum
weir_end_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	EndState   *state = palloc(sizeof(EndState));
	StringInfoData buffer;

	aggregate_context(fcinfo);
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes), (int) VARSIZE_ANY_EXHDR(bytes));
	state->type = (Oid) pq_getmsgint(&buffer, 4);
	state->collation = (Oid) pq_getmsgint(&buffer, 4);
	state->time = pq_getmsgint64(&buffer);
	read_value(&buffer, state);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(weir_end_final);
Datum
weir_end_final(PG_FUNCTION_ARGS)
{
	const EndState *state;

	aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (EndState *) PG_GETARG_POINTER(0);
	if (state->type != get_fn_expr_rettype(fcinfo->flinfo))
		damaged_state();
	return state->value;
}
