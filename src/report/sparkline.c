/*
 * sparkline.c
 *		weir.sparkline, weir.bar: numbers as bars of characters.
 */
#include "postgres.h"

#include <math.h>

#include "base/sparkline.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_sparkline);
PG_FUNCTION_INFO_V1(weir_bar);

#define MAX_WIDTH 1000

Datum
weir_sparkline(PG_FUNCTION_ARGS)
{
	Datum	   *elements;
	bool	   *nulls;
	double	   *values;
	int			n;
	double		smallest = INFINITY;
	StringInfoData out;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &n);
	values = palloc(mul_size(sizeof(double), (Size) Max(n, 1)));
	for (int i = 0; i < n; i++)
	{
		values[i] = nulls[i] ? NAN : DatumGetFloat8(elements[i]);
		if (isfinite(values[i]))
			smallest = fmin(smallest, values[i]);
	}
	initStringInfo(&out);
	sparkline_append(&out, values, n, smallest);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

Datum
weir_bar(PG_FUNCTION_ARGS)
{
	double		value = PG_GETARG_FLOAT8(0);
	double		largest = PG_GETARG_FLOAT8(1);
	int			width = PG_GETARG_INT32(2);
	StringInfoData out;

	if (width < 1 || width > MAX_WIDTH)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("width must be between 1 and %d", MAX_WIDTH)));
	initStringInfo(&out);
	if (!isnan(value) && !isnan(largest))
		bar_append(&out, value, largest, width);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
