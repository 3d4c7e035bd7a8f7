/*
 * states_sql.c
 *		weir.state_summary in SQL: type, aggregates, how long and when a state held.
 */
#include "postgres.h"

#include "base/base64.h"
#include "base/memory.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "series/series_sql.h"
#include "series/states.h"
#include "summary/summary_datum.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

/* ---- type ---- */

static Datum
states_datum(const States *states)
{
	Size		size = VARHDRSZ + states_encode(states, NULL);
	struct varlena *result = palloc(size);

	SET_VARSIZE(result, size);
	states_encode(states, (uint8_t *) VARDATA(result));
	return PointerGetDatum(result);
}

static States *
decode(const char *bytes, Size size)
{
	States	   *states = states_decode(allocator_in(CurrentMemoryContext), (const uint8_t *) bytes, size);

	for (int i = 0; states != NULL && i < states->n_states; i++)
		if (!pg_verify_mbstr(GetDatabaseEncoding(), states->states[i].bytes, (int) states->states[i].length, true))
			states = NULL;
	if (states == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid weir.state_summary"),
				 errdetail("The bytes are damaged, or were written by a newer version of weir.")));
	return states;
}

static States *
states_of(Datum datum)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(datum);

	return decode(VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat));
}

PG_FUNCTION_INFO_V1(weir_states_in);
Datum
weir_states_in(PG_FUNCTION_ARGS)
{
	Size		size;
	char	   *bytes = base64_bytes(PG_GETARG_CSTRING(0), "state_summary", &size);

	return states_datum(decode(bytes, size));
}

PG_FUNCTION_INFO_V1(weir_states_recv);
Datum
weir_states_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	int			size = buffer->len - buffer->cursor;

	return states_datum(decode(pq_getmsgbytes(buffer, size), (Size) size));
}

/* ---- aggregates ---- */

typedef struct StateRange
{
	int64		since;
	int64		until;
} StateRange;

typedef struct StatesAggregate
{
	States	   *states;
	char	   *wanted;			/* of duration_in; NULL: none */

	/* merge: what ranges there are, for they must not overlap */
	Size		n_ranges;
	Size		capacity;
	StateRange *ranges;
} StatesAggregate;

typedef struct StatesCache
{
	ValueReader state;
	TimeReader	time;
} StatesCache;

static StatesAggregate *
aggregate_create(MemoryContext context)
{
	StatesAggregate *aggregate = MemoryContextAllocZero(context, sizeof(StatesAggregate));

	aggregate->states = states_create(allocator_in(context));
	return aggregate;
}

static const StatesCache *
call_cache(FunctionCallInfo fcinfo)
{
	StatesCache *cache = fcinfo->flinfo->fn_extra;
	Oid			type;

	if (cache != NULL)
		return cache;
	type = argument_type(fcinfo, 1);
	cache = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(StatesCache));
	if (!value_reader_init(&cache->state, type, SUMMARY_CATEGORY, fcinfo->flinfo->fn_mcxt))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("values of type %s cannot be states", format_type_be(type)),
				 errhint("Cast the value to text.")));
	time_reader_init(&cache->time, argument_type(fcinfo, 2));
	if (!cache->time.seconds)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("the times of states must be timestamps or dates"),
				 errhint("Of integers that count seconds, to_timestamp(x) makes timestamps.")));
	fcinfo->flinfo->fn_extra = cache;
	return cache;
}

PG_FUNCTION_INFO_V1(weir_states_transition);
Datum
weir_states_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	const StatesCache *cache = call_cache(fcinfo);
	StatesAggregate *aggregate;
	int64		time;

	if (PG_ARGISNULL(0))
	{
		aggregate = aggregate_create(context);
		if (PG_NARGS() > 3 && !PG_ARGISNULL(3))
			aggregate->wanted = MemoryContextStrdup(context, text_to_cstring(PG_GETARG_TEXT_PP(3)));
	}
	else
		aggregate = (StatesAggregate *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && time_read(&cache->time, PG_GETARG_DATUM(2), &time))
	{
		CategoryText text;

		value_reader_get_text(&cache->state, PG_GETARG_DATUM(1), &text);
		states_add(aggregate->states, text.bytes, text.length, time);
		category_text_free(&text);
	}
	PG_RETURN_POINTER(aggregate);
}

static void
append_range(StatesAggregate *aggregate, MemoryContext context, StateRange range)
{
	if (aggregate->n_ranges == aggregate->capacity)
	{
		Allocator	allocator = allocator_in(context);
		Size		capacity = Max(2 * aggregate->capacity, 8);

		aggregate->ranges = allocator.resize(allocator.context, aggregate->ranges, aggregate->capacity * sizeof(StateRange),
											 mul_size(capacity, sizeof(StateRange)));
		aggregate->capacity = capacity;
	}
	aggregate->ranges[aggregate->n_ranges++] = range;
}

PG_FUNCTION_INFO_V1(weir_states_merge_transition);
Datum
weir_states_merge_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	StatesAggregate *aggregate = PG_ARGISNULL(0) ? aggregate_create(context) : (StatesAggregate *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		const States *from = states_of(PG_GETARG_DATUM(1));

		states_append(aggregate->states, from);
		if (from->n_runs > 0)
			append_range(aggregate, context, (StateRange){from->runs[0].since, from->until});
	}
	PG_RETURN_POINTER(aggregate);
}

PG_FUNCTION_INFO_V1(weir_states_combine);
Datum
weir_states_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	StatesAggregate *into;

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	into = PG_ARGISNULL(0) ? aggregate_create(context) : (StatesAggregate *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
	{
		StatesAggregate *from = (StatesAggregate *) PG_GETARG_POINTER(1);

		states_append(into->states, from->states);
		for (Size i = 0; i < from->n_ranges; i++)
			append_range(into, context, from->ranges[i]);
		if (into->wanted == NULL && from->wanted != NULL)
			into->wanted = MemoryContextStrdup(context, from->wanted);
	}
	PG_RETURN_POINTER(into);
}

/* Between processes of one server: in its own byte order. */
PG_FUNCTION_INFO_V1(weir_states_serialize);
Datum
weir_states_serialize(PG_FUNCTION_ARGS)
{
	const StatesAggregate *aggregate = (StatesAggregate *) PG_GETARG_POINTER(0);
	const States *states = aggregate->states;
	StringInfoData buffer;

	aggregate_context(fcinfo);
	pq_begintypsend(&buffer);
	pq_sendint64(&buffer, states->n_states);
	for (int i = 0; i < states->n_states; i++)
	{
		pq_sendint64(&buffer, (int64) states->states[i].length);
		pq_sendbytes(&buffer, states->states[i].bytes, (int) states->states[i].length);
	}
	pq_sendint64(&buffer, (int64) states->n_runs);
	for (Size i = 0; i < states->n_runs; i++)
	{
		pq_sendint64(&buffer, states->runs[i].since);
		pq_sendint32(&buffer, (uint32) states->runs[i].state);
	}
	pq_sendint64(&buffer, (int64) aggregate->n_ranges);
	for (Size i = 0; i < aggregate->n_ranges; i++)
	{
		pq_sendint64(&buffer, aggregate->ranges[i].since);
		pq_sendint64(&buffer, aggregate->ranges[i].until);
	}
	pq_sendbyte(&buffer, aggregate->wanted != NULL);
	if (aggregate->wanted != NULL)
		pq_sendbytes(&buffer, aggregate->wanted, (int) strlen(aggregate->wanted));
	return PointerGetDatum(pq_endtypsend(&buffer));
}

PG_FUNCTION_INFO_V1(weir_states_deserialize);
Datum
weir_states_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StatesAggregate *aggregate;
	StringInfoData buffer;
	int64		n;
	int64		n_texts;
	StateText  *texts;

	aggregate_context(fcinfo);
	aggregate = aggregate_create(CurrentMemoryContext);
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes), (int) VARSIZE_ANY_EXHDR(bytes));
	n = pq_getmsgint64(&buffer);
	if (n < 0 || n > buffer.len)
		damaged_state();
	n_texts = n;
	texts = palloc(mul_size(sizeof(StateText), (Size) Max(n, 1)));
	for (int64 i = 0; i < n; i++)
	{
		texts[i].length = (Size) pq_getmsgint64(&buffer);
		if (texts[i].length > (Size) (buffer.len - buffer.cursor))
			damaged_state();
		texts[i].bytes = unconstify(char *, pq_getmsgbytes(&buffer, (int) texts[i].length));
	}
	n = pq_getmsgint64(&buffer);
	for (int64 i = 0; i < n; i++)
	{
		int64		since = pq_getmsgint64(&buffer);
		uint32		number = pq_getmsgint(&buffer, 4);

		if (number >= n_texts)
			damaged_state();
		states_add(aggregate->states, texts[number].bytes, texts[number].length, since);
	}
	n = pq_getmsgint64(&buffer);
	for (int64 i = 0; i < n; i++)
	{
		StateRange	range;

		range.since = pq_getmsgint64(&buffer);
		range.until = pq_getmsgint64(&buffer);
		append_range(aggregate, CurrentMemoryContext, range);
	}
	if (pq_getmsgbyte(&buffer) != 0)
	{
		int			length = buffer.len - buffer.cursor;

		aggregate->wanted = pnstrdup(pq_getmsgbytes(&buffer, length), length);
	}
	PG_RETURN_POINTER(aggregate);
}

static int
compare_ranges(const void *a, const void *b)
{
	const StateRange *first = a;
	const StateRange *second = b;

	if (first->since != second->since)
		return first->since < second->since ? -1 : 1;
	return first->until < second->until ? -1 : first->until > second->until;
}

/* A compressed copy: in a frame that grows further rows come to the state. NULL without rows. */
static States *
finished(FunctionCallInfo fcinfo)
{
	const StatesAggregate *aggregate;
	States	   *result;

	aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		return NULL;
	aggregate = (StatesAggregate *) PG_GETARG_POINTER(0);
	if (aggregate->states->n_runs == 0)
		return NULL;
	if (aggregate->n_ranges > 0)
		qsort(aggregate->ranges, aggregate->n_ranges, sizeof(StateRange), compare_ranges);
	for (Size i = 1; i < aggregate->n_ranges; i++)
		if (aggregate->ranges[i].since < aggregate->ranges[i - 1].until)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("summaries of ranges that overlap cannot be combined"),
					 errhint("Summarize each series by itself, by windows of time that do not overlap.")));
	result = states_create(allocator_in(CurrentMemoryContext));
	states_append(result, aggregate->states);
	states_compress(result);
	return result;
}

PG_FUNCTION_INFO_V1(weir_states_final);
Datum
weir_states_final(PG_FUNCTION_ARGS)
{
	const States *states = finished(fcinfo);

	if (states == NULL)
		PG_RETURN_NULL();
	return states_datum(states);
}

/* ---- what they say ---- */

/* The part of the summary that is asked about. */
typedef struct Extent
{
	Size		n_runs;			/* those that begin later are left out */
	int64		until;			/* where the last of them ends */
} Extent;

/* Up to argument number, when it is given, else to the last row. */
static Extent
extent_of(FunctionCallInfo fcinfo, int number, const States *states)
{
	Extent		extent = {states->n_runs, states->until};

	if (PG_NARGS() <= number || PG_ARGISNULL(number))
		return extent;
	extent.until = PG_GETARG_TIMESTAMPTZ(number);
	if (TIMESTAMP_NOT_FINITE(extent.until))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("until must be finite"),
				 errhint("Leave it out to end with the last row.")));
	while (extent.n_runs > 0 && states->runs[extent.n_runs - 1].since > extent.until)
		extent.n_runs--;
	return extent;
}

static int64
end_of_run(const States *states, Size i, const Extent *extent)
{
	return i + 1 < extent->n_runs ? states->runs[i + 1].since : extent->until;
}

static Datum
interval_datum(int64 microseconds)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = microseconds;
	return IntervalPGetDatum(interval);
}

static int64
duration_of(const States *states, const char *wanted, Extent extent)
{
	int64		duration = 0;

	for (Size i = 0; i < extent.n_runs; i++)
	{
		const StateText *text = &states->states[states->runs[i].state];

		if (text->length == strlen(wanted) && memcmp(text->bytes, wanted, text->length) == 0)
			duration += end_of_run(states, i, &extent) - states->runs[i].since;
	}
	return duration;
}

PG_FUNCTION_INFO_V1(weir_duration_in_final);
Datum
weir_duration_in_final(PG_FUNCTION_ARGS)
{
	const States *states = finished(fcinfo);
	const char *wanted = states == NULL ? NULL : ((StatesAggregate *) PG_GETARG_POINTER(0))->wanted;

	if (wanted == NULL)
		PG_RETURN_NULL();
	return interval_datum(duration_of(states, wanted, (Extent){states->n_runs, states->until}));
}

PG_FUNCTION_INFO_V1(weir_duration_in);
Datum
weir_duration_in(PG_FUNCTION_ARGS)
{
	const States *states;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	states = states_of(PG_GETARG_DATUM(0));
	return interval_datum(duration_of(states, text_to_cstring(PG_GETARG_TEXT_PP(1)), extent_of(fcinfo, 2, states)));
}

static Datum
text_datum(const StateText *text)
{
	return PointerGetDatum(cstring_to_text_with_len(text->bytes == NULL ? "" : text->bytes, (int) text->length));
}

PG_FUNCTION_INFO_V1(weir_state_durations);
Datum
weir_state_durations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const States *states;
	int64	   *durations;
	int64	   *counts;
	Extent		extent;
	int64		total;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	states = states_of(PG_GETARG_DATUM(0));
	extent = extent_of(fcinfo, 1, states);
	durations = palloc0(sizeof(int64) * (Size) Max(states->n_states, 1));
	counts = palloc0(sizeof(int64) * (Size) Max(states->n_states, 1));
	total = extent.n_runs > 0 ? extent.until - states->runs[0].since : 0;
	for (Size i = 0; i < extent.n_runs; i++)
	{
		durations[states->runs[i].state] += end_of_run(states, i, &extent) - states->runs[i].since;
		counts[states->runs[i].state]++;
	}
	for (int i = 0; i < states->n_states; i++)
	{
		Datum		values[4] = {text_datum(&states->states[i]), interval_datum(durations[i]),
						   Float8GetDatum((double) durations[i] / (double) total), Int64GetDatum(counts[i])};
		bool		nulls[4] = {false, false, total == 0, false};

		if (counts[i] == 0)
			continue;			/* it begins later */
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(weir_state_timeline);
Datum
weir_state_timeline(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const States *states;
	Extent		extent;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	states = states_of(PG_GETARG_DATUM(0));
	extent = extent_of(fcinfo, 1, states);
	for (Size i = 0; i < extent.n_runs; i++)
	{
		Datum		values[3] = {text_datum(&states->states[states->runs[i].state]), TimestampTzGetDatum(states->runs[i].since),
						   TimestampTzGetDatum(end_of_run(states, i, &extent))};
		bool		nulls[3] = {false, false, false};

		CHECK_FOR_INTERRUPTS();
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(weir_state_at);
Datum
weir_state_at(PG_FUNCTION_ARGS)
{
	const States *states = states_of(PG_GETARG_DATUM(0));
	TimestampTz time = PG_GETARG_TIMESTAMPTZ(1);
	Size		low = 0;
	Size		high = states->n_runs;

	/* The last that begins at or before the time. */
	while (low < high)
	{
		Size		middle = low + (high - low) / 2;

		if (states->runs[middle].since <= time)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		PG_RETURN_NULL();
	return text_datum(&states->states[states->runs[low - 1].state]);
}
