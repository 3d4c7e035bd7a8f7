/*
 * adjust_sql.c
 *		adjust_p_values of an array, and adjusted_p_value over a partition.
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "drift/adjust.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

PG_FUNCTION_INFO_V1(weir_adjust_p_values);
PG_FUNCTION_INFO_V1(weir_adjusted_p_value);

static Adjustment
read_adjustment(Datum name)
{
	char	   *word = TextDatumGetCString(name);
	int			adjustment = adjustment_find(word);

	if (adjustment < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no adjustment \"%s\"", word),
				 errhint("It is none, bonferroni, holm, benjamini_hochberg or benjamini_yekutieli.")));
	return (Adjustment) adjustment;
}

static double
read_p_value(Datum value, bool is_null)
{
	double		p = is_null ? NAN : DatumGetFloat8(value);

	if (!is_null && !(p >= 0 && p <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a p-value must be between 0 and 1"),
				 errdetail("One is %g.", p)));
	return p;
}

Datum
weir_adjust_p_values(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Adjustment	adjustment = read_adjustment(PG_GETARG_DATUM(1));
	Datum	   *values;
	bool	   *nulls;
	double	   *p_values;
	int			n;

	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, &nulls, &n);
	p_values = palloc(sizeof(double) * Max(n, 1));
	for (int i = 0; i < n; i++)
		p_values[i] = read_p_value(values[i], nulls[i]);
	adjust_p_values(allocator_in(CurrentMemoryContext), p_values, n, adjustment);
	for (int i = 0; i < n; i++)
		values[i] = Float8GetDatum(p_values[i]);
	PG_RETURN_ARRAYTYPE_P(construct_md_array(values, nulls, ARR_NDIM(array), ARR_DIMS(array), ARR_LBOUND(array), FLOAT8OID,
											 sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* All of a partition are corrected when its first row is asked for. */
Datum
weir_adjusted_p_value(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	int64		n = WinGetPartitionRowCount(window);
	double	   *adjusted;
	bool		is_null;

	if (n > MaxAllocHugeSize / sizeof(double) - 1)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many p-values in one partition")));
	adjusted = WinGetPartitionLocalMemory(window, sizeof(double) * (n + 1));
	if (adjusted[0] == 0)
	{
		double	   *p_values = adjusted + 1;
		Datum		method = WinGetFuncArgCurrent(window, 1, &is_null);

		if (is_null)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the method of adjustment must not be null")));
		for (int64 i = 0; i < n; i++)
		{
			Datum		value;
			bool		is_outside;

			CHECK_FOR_INTERRUPTS();
			value = WinGetFuncArgInPartition(window, 0, (int) i, WINDOW_SEEK_HEAD, false, &is_null, &is_outside);
			p_values[i] = read_p_value(value, is_null);
		}
		adjust_p_values(allocator_in(CurrentMemoryContext), p_values, (size_t) n, read_adjustment(method));
		adjusted[0] = 1;
	}
	if (isnan(adjusted[1 + WinGetCurrentPosition(window)]))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(adjusted[1 + WinGetCurrentPosition(window)]);
}
