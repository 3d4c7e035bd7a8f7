/*
 * sparkline.c
 *		weir.sparkline: numbers as a line of small bars.
 */
#include "postgres.h"

#include <math.h>

#include "base/sparkline.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_sparkline);

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
