/*
 * sparkline.c
 *		Numbers as a line of small bars.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_sparkline);

#define N_BARS 8

static bool
is_shown(Datum element, bool is_null)
{
	return !is_null && isfinite(DatumGetFloat8(element));
}

/* In a database that is not UTF-8 the digits 1 to 8 stand for the bars. */
static void
append_bar(StringInfo out, int height)
{
	static const char *const bars[N_BARS] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84",
											 "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88"};

	if (GetDatabaseEncoding() == PG_UTF8)
		appendStringInfoString(out, bars[height]);
	else
		appendStringInfoChar(out, (char) ('1' + height));
}

Datum
weir_sparkline(PG_FUNCTION_ARGS)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	double		smallest = INFINITY;
	double		largest = -INFINITY;
	StringInfoData out;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (is_shown(elements[i], nulls[i]))
		{
			smallest = fmin(smallest, DatumGetFloat8(elements[i]));
			largest = fmax(largest, DatumGetFloat8(elements[i]));
		}
	initStringInfo(&out);
	for (int i = 0; i < n; i++)
	{
		double		height = 0;

		if (!is_shown(elements[i], nulls[i]))
		{
			appendStringInfoChar(&out, ' ');
			continue;
		}
		/* halves, because the difference of two finite numbers may be infinite */
		if (largest > smallest)
			height = (DatumGetFloat8(elements[i]) / 2 - smallest / 2) / (largest / 2 - smallest / 2) * N_BARS;
		append_bar(&out, (int) fmin(N_BARS - 1, fmax(0, floor(height))));
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
