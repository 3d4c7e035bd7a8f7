/*
 * range_sql.c
 *		weir.time_weighted_summary and weir.counter_summary in SQL: types, aggregates that make and merge them, accessors.
 *
 * Both are summaries of a range of time.  merge gathers those of ranges in any order and puts them together when the result is
 * asked for.
 */
#include "postgres.h"

#include <math.h>

#include "base/base64.h"
#include "base/memory.h"
#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "series/counter.h"
#include "series/range_wire.h"
#include "series/series_sql.h"
#include "series/time_weighted.h"
#include "utils/builtins.h"

typedef union Range
{
	TimeWeighted weighted;
	Counter		counter;
} Range;

typedef struct RangeKind
{
	const char *type;
	Size		wire_size;
} RangeKind;

static const RangeKind weighted_kind = {"time_weighted_summary", TIME_WEIGHTED_SIZE};
static const RangeKind counter_kind = {"counter_summary", COUNTER_SIZE};

/* ---- values ---- */

static void
encode(const RangeKind *kind, const Range *range, uint8_t *bytes)
{
	if (kind == &weighted_kind)
		time_weighted_encode(&range->weighted, bytes);
	else
		counter_encode(&range->counter, bytes);
}

static Datum
range_datum(const RangeKind *kind, const Range *range)
{
	struct varlena *result = palloc(VARHDRSZ + kind->wire_size);

	SET_VARSIZE(result, VARHDRSZ + kind->wire_size);
	encode(kind, range, (uint8_t *) VARDATA(result));
	return PointerGetDatum(result);
}

static Range
decode(const RangeKind *kind, const char *bytes, Size size)
{
	Range		range;

	if (!(kind == &weighted_kind ? time_weighted_decode((const uint8_t *) bytes, size, &range.weighted)
								 : counter_decode((const uint8_t *) bytes, size, &range.counter)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid weir.%s", kind->type),
				 errdetail("The bytes are damaged, or were written by a newer version of weir.")));
	return range;
}

static Range
range_of(const RangeKind *kind, Datum datum)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(datum);

	return decode(kind, VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat));
}

static Datum
read_text_form(FunctionCallInfo fcinfo, const RangeKind *kind)
{
	Size		size;
	char	   *bytes = base64_bytes(PG_GETARG_CSTRING(0), kind->type, &size);
	Range		range = decode(kind, bytes, size);

	return range_datum(kind, &range);
}

static Datum
read_binary_form(FunctionCallInfo fcinfo, const RangeKind *kind)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	int			size = buffer->len - buffer->cursor;
	Range		range = decode(kind, pq_getmsgbytes(buffer, size), (Size) size);

	return range_datum(kind, &range);
}

PG_FUNCTION_INFO_V1(weir_time_weighted_in);
Datum
weir_time_weighted_in(PG_FUNCTION_ARGS)
{
	return read_text_form(fcinfo, &weighted_kind);
}

PG_FUNCTION_INFO_V1(weir_time_weighted_recv);
Datum
weir_time_weighted_recv(PG_FUNCTION_ARGS)
{
	return read_binary_form(fcinfo, &weighted_kind);
}

PG_FUNCTION_INFO_V1(weir_counter_in);
Datum
weir_counter_in(PG_FUNCTION_ARGS)
{
	return read_text_form(fcinfo, &counter_kind);
}

PG_FUNCTION_INFO_V1(weir_counter_recv);
Datum
weir_counter_recv(PG_FUNCTION_ARGS)
{
	return read_binary_form(fcinfo, &counter_kind);
}

PG_FUNCTION_INFO_V1(weir_range_out);
Datum
weir_range_out(PG_FUNCTION_ARGS)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));

	PG_RETURN_CSTRING(base64_text(VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat)));
}

PG_FUNCTION_INFO_V1(weir_range_send);
Datum
weir_range_send(PG_FUNCTION_ARGS)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendbytes(&buffer, VARDATA_ANY(flat), (int) VARSIZE_ANY_EXHDR(flat));
	return PointerGetDatum(pq_endtypsend(&buffer));
}

/* ---- from rows ---- */

PG_FUNCTION_INFO_V1(weir_time_weighted_final);
Datum
weir_time_weighted_final(PG_FUNCTION_ARGS)
{
	SeriesState *state = series_sorted(fcinfo);
	Range		range;

	if (state == NULL)
		PG_RETURN_NULL();
	time_weighted_of_points(&range.weighted, points_without_ties(&state->points), state->linear, state->seconds);
	return range_datum(&weighted_kind, &range);
}

static Datum
counter_summary(FunctionCallInfo fcinfo, bool gauge)
{
	SeriesState *state = series_sorted(fcinfo);
	Range		range;

	if (state == NULL)
		PG_RETURN_NULL();
	counter_of_points(&range.counter, &state->points, gauge, state->seconds);
	return range_datum(&counter_kind, &range);
}

PG_FUNCTION_INFO_V1(weir_counter_final);
Datum
weir_counter_final(PG_FUNCTION_ARGS)
{
	return counter_summary(fcinfo, false);
}

PG_FUNCTION_INFO_V1(weir_gauge_final);
Datum
weir_gauge_final(PG_FUNCTION_ARGS)
{
	return counter_summary(fcinfo, true);
}

/* ---- merging ---- */

typedef struct RangeList
{
	const RangeKind *kind;
	Size		n;
	Size		capacity;
	Range	   *ranges;
} RangeList;

static void
list_append(RangeList *list, MemoryContext context, const Range *ranges, Size n)
{
	Allocator	allocator = allocator_in(context);

	if (list->n + n > list->capacity)
	{
		Size		capacity = Max(Max(list->capacity * 2, list->n + n), 8);

		list->ranges =
			allocator.resize(allocator.context, list->ranges, list->capacity * sizeof(Range), mul_size(capacity, sizeof(Range)));
		list->capacity = capacity;
	}
	if (n > 0)
		memcpy(list->ranges + list->n, ranges, n * sizeof(Range));
	list->n += n;
}

static Datum
merge_transition(FunctionCallInfo fcinfo, const RangeKind *kind)
{
	MemoryContext context = aggregate_context(fcinfo);
	RangeList  *list = PG_ARGISNULL(0) ? MemoryContextAllocZero(context, sizeof(RangeList)) : (RangeList *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		Range		range = range_of(kind, PG_GETARG_DATUM(1));

		list->kind = kind;
		list_append(list, context, &range, 1);
	}
	PG_RETURN_POINTER(list);
}

PG_FUNCTION_INFO_V1(weir_time_weighted_merge_transition);
Datum
weir_time_weighted_merge_transition(PG_FUNCTION_ARGS)
{
	return merge_transition(fcinfo, &weighted_kind);
}

PG_FUNCTION_INFO_V1(weir_counter_merge_transition);
Datum
weir_counter_merge_transition(PG_FUNCTION_ARGS)
{
	return merge_transition(fcinfo, &counter_kind);
}

PG_FUNCTION_INFO_V1(weir_range_combine);
Datum
weir_range_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	RangeList  *into;

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	into = PG_ARGISNULL(0) ? MemoryContextAllocZero(context, sizeof(RangeList)) : (RangeList *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
	{
		const RangeList *from = (RangeList *) PG_GETARG_POINTER(1);

		if (from->n > 0)
			into->kind = from->kind;
		list_append(into, context, from->ranges, from->n);
	}
	PG_RETURN_POINTER(into);
}

/* For other processes, and other servers: the kind, then the stored form of each. */
PG_FUNCTION_INFO_V1(weir_range_serialize);
Datum
weir_range_serialize(PG_FUNCTION_ARGS)
{
	const RangeList *list = (RangeList *) PG_GETARG_POINTER(0);
	Size		wire_size = list->n == 0 ? 0 : list->kind->wire_size;
	Size		size = add_size(VARHDRSZ + 1, mul_size(list->n, wire_size));
	bytea	   *result;
	uint8_t	   *next;

	aggregate_context(fcinfo);
	result = palloc(size);
	SET_VARSIZE(result, size);
	next = (uint8_t *) VARDATA(result);
	*next++ = list->n > 0 && list->kind == &counter_kind;
	for (Size i = 0; i < list->n; i++, next += wire_size)
		encode(list->kind, &list->ranges[i], next);
	PG_RETURN_BYTEA_P(result);
}

PG_FUNCTION_INFO_V1(weir_range_deserialize);
Datum
weir_range_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	const char *next = VARDATA_ANY(bytes);
	RangeList  *list = palloc0(sizeof(RangeList));
	Size		n;

	aggregate_context(fcinfo);
	require_state_size(bytes, 1, true);
	list->kind = *next++ != 0 ? &counter_kind : &weighted_kind;
	n = (VARSIZE_ANY_EXHDR(bytes) - 1) / list->kind->wire_size;
	require_state_size(bytes, 1 + n * list->kind->wire_size, false);
	list->ranges = palloc_extended(Max(n, 1) * sizeof(Range), MCXT_ALLOC_HUGE);
	list->n = list->capacity = n;
	for (Size i = 0; i < n; i++, next += list->kind->wire_size)
		list->ranges[i] = decode(list->kind, next, list->kind->wire_size);
	PG_RETURN_POINTER(list);
}

static int
compare_times(int64 first_a, int64 last_a, int64 first_b, int64 last_b)
{
	if (first_a != first_b)
		return first_a < first_b ? -1 : 1;
	return last_a < last_b ? -1 : last_a > last_b;
}

static int
compare_weighted(const void *a, const void *b)
{
	const TimeWeighted *first = &((const Range *) a)->weighted;
	const TimeWeighted *second = &((const Range *) b)->weighted;

	return compare_times(first->first_time, first->last_time, second->first_time, second->last_time);
}

static int
compare_counters(const void *a, const void *b)
{
	const Counter *first = &((const Range *) a)->counter;
	const Counter *second = &((const Range *) b)->counter;

	return compare_times(first->first_time, first->last_time, second->first_time, second->last_time);
}

static void
cannot_append(bool same_kind)
{
	if (!same_kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("summaries of different kinds cannot be combined"),
				 errdetail("They differ in method (step, linear; counter, gauge) or in the type of their times."),
				 errhint("Summarize all of them with the same function and the same method.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("summaries of ranges that overlap cannot be combined"),
			 errhint("Summarize each series by itself, by windows of time that do not overlap.")));
}

static Datum
merge_final(FunctionCallInfo fcinfo, const RangeKind *kind)
{
	RangeList  *list;
	Range		result;

	aggregate_context(fcinfo);
	list = PG_ARGISNULL(0) ? NULL : (RangeList *) PG_GETARG_POINTER(0);
	if (list == NULL || list->n == 0)
		PG_RETURN_NULL();
	if (list->kind != kind)
		damaged_state();
	qsort(list->ranges, list->n, sizeof(Range), kind == &weighted_kind ? compare_weighted : compare_counters);
	result = list->ranges[0];
	for (Size i = 1; i < list->n; i++)
	{
		const Range *next = &list->ranges[i];

		CHECK_FOR_INTERRUPTS();
		if (kind == &weighted_kind)
		{
			if (!time_weighted_append(&result.weighted, &next->weighted))
				cannot_append(result.weighted.linear == next->weighted.linear && result.weighted.seconds == next->weighted.seconds);
		}
		else if (!counter_append(&result.counter, &next->counter))
			cannot_append(result.counter.gauge == next->counter.gauge && result.counter.seconds == next->counter.seconds);
	}
	return range_datum(kind, &result);
}

PG_FUNCTION_INFO_V1(weir_time_weighted_merge_final);
Datum
weir_time_weighted_merge_final(PG_FUNCTION_ARGS)
{
	return merge_final(fcinfo, &weighted_kind);
}

PG_FUNCTION_INFO_V1(weir_counter_merge_final);
Datum
weir_counter_merge_final(PG_FUNCTION_ARGS)
{
	return merge_final(fcinfo, &counter_kind);
}

/* ---- accessors ---- */

PG_FUNCTION_INFO_V1(weir_time_weighted_mean);
Datum
weir_time_weighted_mean(PG_FUNCTION_ARGS)
{
	Range		range = range_of(&weighted_kind, PG_GETARG_DATUM(0));

	PG_RETURN_FLOAT8(time_weighted_mean(&range.weighted));
}

PG_FUNCTION_INFO_V1(weir_time_integral);
Datum
weir_time_integral(PG_FUNCTION_ARGS)
{
	Range		range = range_of(&weighted_kind, PG_GETARG_DATUM(0));

	PG_RETURN_FLOAT8(time_weighted_integral(&range.weighted));
}

/* Arguments since and until, which must be of the type of the summary's times, and finite. */
static void
read_bounds(FunctionCallInfo fcinfo, bool seconds, int64 *since, int64 *until)
{
	TimeReader	reader;

	time_reader_init(&reader, get_fn_expr_argtype(fcinfo->flinfo, 1));
	if (reader.seconds != seconds)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("the times of the summary are %s", seconds ? "timestamps" : "integers"),
				 errhint("Give the range in the same type.")));
	if (!time_read(&reader, PG_GETARG_DATUM(1), since) || !time_read(&reader, PG_GETARG_DATUM(2), until) || *since > *until)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the range must be finite and end no sooner than it begins")));
}

PG_FUNCTION_INFO_V1(weir_time_weighted_between);
Datum
weir_time_weighted_between(PG_FUNCTION_ARGS)
{
	Range		range;
	Range		previous;
	Range		following;
	int64		since;
	int64		until;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	range = range_of(&weighted_kind, PG_GETARG_DATUM(0));
	read_bounds(fcinfo, range.weighted.seconds, &since, &until);
	if (!PG_ARGISNULL(3))
		previous = range_of(&weighted_kind, PG_GETARG_DATUM(3));
	if (!PG_ARGISNULL(4))
		following = range_of(&weighted_kind, PG_GETARG_DATUM(4));
	time_weighted_extend(&range.weighted, since, until, PG_ARGISNULL(3) ? NULL : &previous.weighted,
						 PG_ARGISNULL(4) ? NULL : &following.weighted);
	return range_datum(&weighted_kind, &range);
}

static Datum
counter_number(FunctionCallInfo fcinfo, bool (*read)(const Counter *counter, double *result))
{
	Range		range = range_of(&counter_kind, PG_GETARG_DATUM(0));
	double		value;

	if (!read(&range.counter, &value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

PG_FUNCTION_INFO_V1(weir_increase);
Datum
weir_increase(PG_FUNCTION_ARGS)
{
	return counter_number(fcinfo, counter_increase);
}

PG_FUNCTION_INFO_V1(weir_rate);
Datum
weir_rate(PG_FUNCTION_ARGS)
{
	return counter_number(fcinfo, counter_rate);
}

PG_FUNCTION_INFO_V1(weir_instant_rate);
Datum
weir_instant_rate(PG_FUNCTION_ARGS)
{
	return counter_number(fcinfo, counter_instant_rate);
}

PG_FUNCTION_INFO_V1(weir_resets);
Datum
weir_resets(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(range_of(&counter_kind, PG_GETARG_DATUM(0)).counter.resets);
}

PG_FUNCTION_INFO_V1(weir_changes);
Datum
weir_changes(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(range_of(&counter_kind, PG_GETARG_DATUM(0)).counter.changes);
}

/* False when undefined. */
static bool
extrapolated_increase(FunctionCallInfo fcinfo, const Counter *counter, int64 *since, int64 *until, double *increase)
{
	read_bounds(fcinfo, counter->seconds, since, until);
	if (counter->first_time < *since || counter->last_time > *until)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the summary has rows outside of the range"),
				 errhint("Summarize by windows, and give the bounds of the window.")));
	return counter_extrapolated_increase(counter, *since, *until, increase);
}

PG_FUNCTION_INFO_V1(weir_extrapolated_increase);
Datum
weir_extrapolated_increase(PG_FUNCTION_ARGS)
{
	Range		range = range_of(&counter_kind, PG_GETARG_DATUM(0));
	int64		since;
	int64		until;
	double		value;

	if (!extrapolated_increase(fcinfo, &range.counter, &since, &until, &value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

PG_FUNCTION_INFO_V1(weir_extrapolated_rate);
Datum
weir_extrapolated_rate(PG_FUNCTION_ARGS)
{
	Range		range = range_of(&counter_kind, PG_GETARG_DATUM(0));
	int64		since;
	int64		until;
	double		value;

	if (!extrapolated_increase(fcinfo, &range.counter, &since, &until, &value))
		PG_RETURN_NULL();
	value /= (double) ((__int128) until - since);
	PG_RETURN_FLOAT8(range.counter.seconds ? value * USECS_PER_SEC : value);
}
