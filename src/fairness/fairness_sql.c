/*
 * fairness_sql.c
 *		The aggregates that make fairness tables, and their operators.
 */
#include "postgres.h"

#include "base/aggregate.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fairness/fairness_expanded.h"
#include "fairness/fairness_seen.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(weir_fairness_accumulate);
PG_FUNCTION_INFO_V1(weir_fairness_positive_accumulate);
PG_FUNCTION_INFO_V1(weir_fairness_combine);
PG_FUNCTION_INFO_V1(weir_fairness_merge_accumulate);
PG_FUNCTION_INFO_V1(weir_fairness_add);
PG_FUNCTION_INFO_V1(weir_fairness_subtract);
PG_FUNCTION_INFO_V1(weir_fairness_tables_equal);

/* How to read one call's arguments; lives in fn_extra. */
typedef struct RowReader
{
	OutcomeReader label;
	OutcomeReader prediction;
	int			n_groups;
	ValueReader *groups;		/* of an untyped literal: type is UNKNOWNOID */
	char	  **values;
	size_t	   *lengths;
	char	   *key;
	size_t		key_capacity;
	text	   *positive;		/* what the outcome readers were made for; NULL: boolean or 0/1 */
	SeenGroups *seen;			/* NULL: of these types none are remembered */
} RowReader;

static const char *
type_name(Oid type)
{
	return OidIsValid(type) ? format_type_be(type) : "unknown";
}

static void
init_outcome(OutcomeReader *reader, Oid type, const char *what, const char *positive, MemoryContext context)
{
	if (!OidIsValid(type) || type == UNKNOWNOID || !outcome_reader_init(reader, type, positive, context))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("%s of type %s cannot be read as an outcome", what, type_name(type)),
				 errhint("Pass a boolean or a number that is 0 or 1: for a score write score >= 0.5, "
						 "for a category write category = 'value'.")));
}

static bool
same_text(const text *a, const text *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) && memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

/* first is the number of the label's argument. */
static RowReader *
row_reader(FunctionCallInfo fcinfo, int first, text *positive)
{
	RowReader  *reader = fcinfo->flinfo->fn_extra;
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	MemoryContext previous;
	char	   *positive_text;

	if (reader != NULL && (positive == NULL || same_text(positive, reader->positive)))
		return reader;
	if (get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("fairness does not take its groups as a VARIADIC array"),
				 errhint("Pass the protected columns one by one.")));
	if (PG_NARGS() - first - 2 > FAIRNESS_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS), errmsg("fairness takes at most %d group columns", FAIRNESS_MAX_COLUMNS)));
	previous = MemoryContextSwitchTo(context);
	reader = palloc0(sizeof(RowReader));
	positive_text = positive == NULL ? NULL : text_to_cstring(positive);
	init_outcome(&reader->label, get_fn_expr_argtype(fcinfo->flinfo, first), "label", positive_text, context);
	init_outcome(&reader->prediction, get_fn_expr_argtype(fcinfo->flinfo, first + 1), "prediction", positive_text, context);
	reader->n_groups = PG_NARGS() - first - 2;
	reader->groups = palloc0(sizeof(ValueReader) * reader->n_groups);
	reader->values = palloc0(sizeof(char *) * reader->n_groups);
	reader->lengths = palloc0(sizeof(size_t) * reader->n_groups);
	for (int i = 0; i < reader->n_groups; i++)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, first + 2 + i);

		if (type == UNKNOWNOID)
			reader->groups[i].type = UNKNOWNOID;
		else if (!OidIsValid(type) || !value_reader_init(&reader->groups[i], type, SUMMARY_CATEGORY, context))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("group of type %s cannot be read as a category", type_name(type)),
					 errhint("Cast it to text, or put numbers into classes with width_bucket.")));
	}
	if (positive != NULL)
		reader->positive = cstring_to_text(positive_text);
	reader->seen = seen_groups_create(reader->n_groups, reader->groups, context);
	MemoryContextSwitchTo(previous);
	fcinfo->flinfo->fn_extra = reader;
	return reader;
}

static Outcome
read_outcome(FunctionCallInfo fcinfo, const OutcomeReader *reader, int argument, const char *what)
{
	bool		valid;
	Outcome		outcome =
		outcome_reader_read(reader, PG_ARGISNULL(argument) ? (Datum) 0 : PG_GETARG_DATUM(argument), PG_ARGISNULL(argument), &valid);

	if (!valid)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is neither 0 nor 1", what),
				 errhint("For a score, choose the cut: write score >= 0.5.")));
	return outcome;
}

/* The key of this row's group, in reader->key; returns its length. */
static size_t
read_key(FunctionCallInfo fcinfo, RowReader *reader, int first)
{
	size_t		size;

	for (int i = 0; i < reader->n_groups; i++)
	{
		Datum		value = fcinfo->args[first + i].value;

		if (PG_ARGISNULL(first + i))
			reader->values[i] = NULL;
		else if (reader->groups[i].type == UNKNOWNOID)
			reader->values[i] = DatumGetCString(value);
		else
			reader->values[i] = value_reader_text(&reader->groups[i], value);
		reader->lengths[i] = reader->values[i] == NULL ? 0 : strlen(reader->values[i]);
	}
	size = fairness_key_size(reader->n_groups, (const char *const *) reader->values, reader->lengths);
	if (size > FAIRNESS_MAX_KEY_BYTES)
		fairness_check_status(FAIRNESS_TOO_MANY_GROUPS);
	if (size > reader->key_capacity)
	{
		if (reader->key != NULL)
			pfree(reader->key);
		reader->key_capacity = size + 64;
		reader->key = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, reader->key_capacity);
	}
	return fairness_key(reader->n_groups, (const char *const *) reader->values, reader->lengths, reader->key);
}

/* The aggregate's state, ready to be changed. */
static Datum
writable_state(FunctionCallInfo fcinfo, MemoryContext context, int n_columns)
{
	if (PG_ARGISNULL(0))
		return fairness_expanded_create(context, n_columns);
	if (fairness_expanded_writable(PG_GETARG_DATUM(0)) != NULL)
		return PG_GETARG_DATUM(0);
	return fairness_expanded_copy(context, PG_GETARG_DATUM(0));
}

/* Where this row's group is counted. */
static size_t
find_place(FunctionCallInfo fcinfo, RowReader *reader, int first, FairnessTable *table)
{
	SeenGroup  *seen = reader->seen == NULL ? NULL : seen_groups_find(reader->seen, &fcinfo->args[first], reader->n_groups);
	size_t		length;
	size_t		place;

	if (seen != NULL && seen->places == fairness_places(table))
		return seen->place;
	length = read_key(fcinfo, reader, first);
	fairness_check_status(fairness_place(table, reader->key, length, &place));
	if (seen != NULL)
	{
		seen->places = fairness_places(table);
		seen->place = place;
	}
	return place;
}

static Datum
accumulate(FunctionCallInfo fcinfo, int first, text *positive)
{
	MemoryContext context = aggregate_context(fcinfo);
	RowReader  *reader = row_reader(fcinfo, first, positive);
	Datum		state = writable_state(fcinfo, context, reader->n_groups);
	FairnessTable *table = fairness_expanded_writable(state);
	Outcome		label = read_outcome(fcinfo, &reader->label, first, "label");
	Outcome		prediction = read_outcome(fcinfo, &reader->prediction, first + 1, "prediction");
	size_t		place = find_place(fcinfo, reader, first + 2, table);

	fairness_check_status(fairness_add_at(table, place, prediction, label, 1));
	return state;
}

Datum
weir_fairness_accumulate(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(accumulate(fcinfo, 1, NULL));
}

Datum
weir_fairness_positive_accumulate(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the positive value must not be null")));
	PG_RETURN_DATUM(accumulate(fcinfo, 2, PG_GETARG_TEXT_PP(1)));
}

static void
merge_datum(FairnessTable *into, Datum from, bool subtract)
{
	const FairnessTable *table = fairness_expanded_readable(from);
	FairnessTable *copy = NULL;

	if (table == NULL)
		table = copy = fairness_from_datum(allocator_in(CurrentMemoryContext), from);
	fairness_check_status(subtract ? fairness_subtract(into, table) : fairness_merge(into, table));
	fairness_free(copy);
}

static Datum
merge_into_state(FunctionCallInfo fcinfo, bool unlimited)
{
	MemoryContext context = aggregate_context(fcinfo);
	Datum		state;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_ARGISNULL(0))
		state = fairness_expanded_copy(context, PG_GETARG_DATUM(1));
	else
	{
		state = writable_state(fcinfo, context, 0);
		if (unlimited)
			fairness_set_max_groups(fairness_expanded_writable(state), 0);
		merge_datum(fairness_expanded_writable(state), PG_GETARG_DATUM(1), false);
	}
	PG_RETURN_DATUM(state);
}

/* Joins what parallel workers counted: the limit on groups is that of the whole. */
Datum
weir_fairness_combine(PG_FUNCTION_ARGS)
{
	return merge_into_state(fcinfo, false);
}

/* Tables that exist can always be merged: the limit guards against grouping rows by a wrong column. */
Datum
weir_fairness_merge_accumulate(PG_FUNCTION_ARGS)
{
	return merge_into_state(fcinfo, true);
}

static Datum
combine_two(FunctionCallInfo fcinfo, bool subtract)
{
	FairnessTable *result = fairness_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));
	Datum		datum;

	fairness_set_max_groups(result, 0);
	merge_datum(result, PG_GETARG_DATUM(1), subtract);
	datum = fairness_to_datum(result);
	fairness_free(result);
	return datum;
}

Datum
weir_fairness_add(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(combine_two(fcinfo, false));
}

Datum
weir_fairness_subtract(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(combine_two(fcinfo, true));
}

Datum
weir_fairness_tables_equal(PG_FUNCTION_ARGS)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	FairnessTable *a = fairness_from_datum(allocator, PG_GETARG_DATUM(0));
	FairnessTable *b = fairness_from_datum(allocator, PG_GETARG_DATUM(1));
	bool		equal = fairness_equal(a, b);

	fairness_free(a);
	fairness_free(b);
	PG_RETURN_BOOL(equal);
}
