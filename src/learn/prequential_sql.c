/*
 * prequential_sql.c
 *		The aggregate prequential_performance: how good predictions were that were made before the label was known.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/aggregate.h"
#include "base/memory.h"
#include "base/privileges.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "learn/learner.h"
#include "learn/prequential_datum.h"
#include "lib/stringinfo.h"
#include "summary/summary_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(weir_prequential_class);
PG_FUNCTION_INFO_V1(weir_prequential_number);
PG_FUNCTION_INFO_V1(weir_prequential_final);
PG_FUNCTION_INFO_V1(weir_prequential_metrics);

/* ---- results ---- */

static Datum
metric_row(TupleDesc shape, const Prequential *state, PrequentialScope scope, PrequentialMetric metric)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = CStringGetTextDatum(prequential_scope_name(scope));
	values[1] = CStringGetTextDatum(prequential_metric_name(metric));
	for (int source = 0; source < PREQUENTIAL_N_SOURCES; source++)
	{
		double		value = prequential_value(state, scope, metric, (PrequentialSource) source);

		nulls[2 + source] = isnan(value);
		values[2 + source] = Float8GetDatum(value);
	}
	values[5] = Int64GetDatum(prequential_n(state, scope));
	return HeapTupleGetDatum(heap_form_tuple(shape, values, nulls));
}

Datum
prequential_to_array(const Prequential *state)
{
	Oid			type = extension_type("prequential_metric");
	TupleDesc	shape = lookup_rowtype_tupdesc_copy(type, -1);
	Datum		rows[PREQUENTIAL_N_SCOPES * PREQUENTIAL_N_METRICS];
	int			n = 0;

	for (int scope = 0; scope < PREQUENTIAL_N_SCOPES; scope++)
		for (int metric = 0; metric < PREQUENTIAL_N_METRICS; metric++)
			if (prequential_has(state, (PrequentialMetric) metric))
				rows[n++] = metric_row(shape, state, (PrequentialScope) scope, (PrequentialMetric) metric);
	return PointerGetDatum(construct_array(rows, n, type, -1, false, TYPALIGN_DOUBLE));
}

Jsonb *
prequential_to_jsonb(const Prequential *state)
{
	static const char *const sources[] = {"", "majority_", "last_label_"};
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"n\": " INT64_FORMAT, prequential_n(state, PREQUENTIAL_ALL));
	for (int scope = PREQUENTIAL_ALL; scope <= PREQUENTIAL_SLIDING; scope++)
		for (int metric = 0; metric < PREQUENTIAL_N_METRICS; metric++)
			for (int source = 0; source < PREQUENTIAL_N_SOURCES; source++)
			{
				double		value;

				if (!prequential_has(state, (PrequentialMetric) metric) ||
					(source != PREQUENTIAL_MODEL && metric != PREQUENTIAL_ACCURACY && metric < PREQUENTIAL_MEAN_ABSOLUTE_ERROR))
					continue;
				value = prequential_value(state, (PrequentialScope) scope, (PrequentialMetric) metric, (PrequentialSource) source);
				if (isfinite(value))
					appendStringInfo(&text, ", \"%s%s%s\": %s", scope == PREQUENTIAL_SLIDING ? "sliding_" : "", sources[source],
									 prequential_metric_name((PrequentialMetric) metric), double_to_shortest_decimal(value));
			}
	appendStringInfoChar(&text, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

bytea *
prequential_to_bytes(const Prequential *state)
{
	Size		size = prequential_encoded_size(state);
	bytea	   *bytes = palloc(size + VARHDRSZ);

	SET_VARSIZE(bytes, size + VARHDRSZ);
	prequential_encode(state, (uint8_t *) VARDATA(bytes));
	return bytes;
}

Prequential *
prequential_from_bytes(MemoryContext context, bytea *bytes)
{
	Prequential *state = prequential_decode(allocator_in(context), (const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	if (state == NULL)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("the evaluation of a learner cannot be read")));
	return state;
}

/* What is stored, for weir's own views. */
Datum
weir_prequential_metrics(PG_FUNCTION_ARGS)
{
	return prequential_to_array(prequential_from_bytes(CurrentMemoryContext, PG_GETARG_BYTEA_PP(0)));
}

/* ---- prequential_performance(label, prediction ORDER BY ...) ---- */

typedef struct PrequentialAggregate
{
	Prequential *state;
	ValueReader label;			/* of classes */
} PrequentialAggregate;

static PrequentialAggregate *
aggregate_state(FunctionCallInfo fcinfo, bool of_numbers)
{
	MemoryContext context = aggregate_context(fcinfo);
	PrequentialAggregate *aggregate = PG_ARGISNULL(0) ? NULL : (PrequentialAggregate *) PG_GETARG_POINTER(0);
	Oid			type;

	if (aggregate != NULL)
		return aggregate;
	aggregate = MemoryContextAllocZero(context, sizeof(PrequentialAggregate));
	aggregate->state = prequential_create(allocator_in(context), of_numbers);
	type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	if (!of_numbers && !value_reader_init(&aggregate->label, type, SUMMARY_CATEGORY, context))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("a label of type %s cannot be read as a class", format_type_be(type)),
				 errhint("Classes are booleans, integers, text, enums.")));
	return aggregate;
}

Datum
weir_prequential_class(PG_FUNCTION_ARGS)
{
	PrequentialAggregate *aggregate = aggregate_state(fcinfo, false);
	CategoryText label;
	text	   *prediction = PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2);

	if (!PG_ARGISNULL(1))
	{
		value_reader_get_text(&aggregate->label, PG_GETARG_DATUM(1), &label);
		prequential_add_class(aggregate->state, label.bytes, label.length, prediction == NULL ? "" : VARDATA_ANY(prediction),
							  prediction == NULL ? 0 : VARSIZE_ANY_EXHDR(prediction), prediction != NULL);
		category_text_free(&label);
	}
	PG_RETURN_POINTER(aggregate);
}

static bool
is_number(double value)
{
	return isfinite(value) && fabs(value) <= LEARNER_LARGEST;
}

Datum
weir_prequential_number(PG_FUNCTION_ARGS)
{
	PrequentialAggregate *aggregate = aggregate_state(fcinfo, true);

	if (!PG_ARGISNULL(1) && is_number(PG_GETARG_FLOAT8(1)))
		prequential_add_number(aggregate->state, PG_GETARG_FLOAT8(1), PG_ARGISNULL(2) ? 0 : PG_GETARG_FLOAT8(2),
							   !PG_ARGISNULL(2) && is_number(PG_GETARG_FLOAT8(2)));
	PG_RETURN_POINTER(aggregate);
}

Datum
weir_prequential_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	return prequential_to_array(((PrequentialAggregate *) PG_GETARG_POINTER(0))->state);
}
