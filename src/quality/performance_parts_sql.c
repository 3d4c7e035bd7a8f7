/*
 * performance_parts_sql.c
 *		weir._performance_of: a performance put together from the summaries that panes keep of its parts.
 */
#include "postgres.h"

#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "quality/performance_datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(weir_performance_of);

static int
find_part(PerformanceKind kind, const char *name)
{
	const char *part;

	for (int i = 0; (part = performance_part_name(kind, i)) != NULL; i++)
		if (strcmp(part, name) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a performance of this kind has no part \"%s\"", name),
			 errhint("Its parts are those of the columns that weir derives for it.")));
}

static int
elements(ArrayType *array, Datum **values, bool **nulls)
{
	int16		length;
	bool		by_value;
	char		alignment;
	int			n;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment, values, nulls, &n);
	return n;
}

/* NULL when a part is: panes do not have it yet. */
Datum
weir_performance_of(PG_FUNCTION_ARGS)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	Summary	   *parts[PERFORMANCE_MAX_PARTS] = {NULL};
	PerformanceKind kind;
	Performance *performance;
	Datum	   *names;
	Datum	   *summaries;
	bool	   *name_nulls;
	bool	   *nulls;
	int			n;

	if (!performance_kind_of_derivation(text_to_cstring(PG_GETARG_TEXT_PP(0)), &kind))
		PG_RETURN_NULL();
	n = elements(PG_GETARG_ARRAYTYPE_P(2), &names, &name_nulls);
	if (elements(PG_GETARG_ARRAYTYPE_P(3), &summaries, &nulls) != n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("a performance needs as many summaries as parts"),
				 errhint("Give one summary, or NULL, for each part.")));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i] || name_nulls[i])
			PG_RETURN_NULL();
		parts[find_part(kind, TextDatumGetCString(names[i]))] = summary_from_datum(allocator, summaries[i]);
	}
	performance_check_status(performance_of_parts(allocator, kind, PG_GETARG_INT64(1), parts, &performance));
	PG_RETURN_DATUM(performance_to_datum(performance));
}
