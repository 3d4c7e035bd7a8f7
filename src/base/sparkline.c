/*
 * sparkline.c
 *		Numbers as a line of small bars.
 */
#include "postgres.h"

#include <math.h>

#include "base/sparkline.h"
#include "mb/pg_wchar.h"

#define N_BARS 8

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

void
sparkline_append(StringInfo out, const double *values, int n, double smallest)
{
	double		largest = -INFINITY;

	for (int i = 0; i < n; i++)
		if (isfinite(values[i]))
			largest = fmax(largest, values[i]);
	for (int i = 0; i < n; i++)
	{
		double		height = 0;

		if (!isfinite(values[i]))
		{
			appendStringInfoChar(out, ' ');
			continue;
		}
		/* halves, because the difference of two finite numbers may be infinite */
		if (largest > smallest)
			height = (values[i] / 2 - smallest / 2) / (largest / 2 - smallest / 2) * N_BARS;
		append_bar(out, (int) fmin(N_BARS - 1, fmax(0, floor(height))));
	}
}

void
bar_append(StringInfo out, double value, double largest, int width)
{
	bool		unicode = GetDatabaseEncoding() == PG_UTF8;
	double		share = largest > 0 ? fmin(1, fmax(0, value / largest)) : 0;
	int			eighths = (int) lround(share * width * N_BARS);

	/* An infinite value divided by an infinite one: it is the largest. */
	if (isinf(value) && value > 0)
		eighths = width * N_BARS;
	/* What is there can be seen. */
	if (eighths == 0 && value > 0)
		eighths = 1;
	for (; eighths >= N_BARS; eighths -= N_BARS)
		appendStringInfoString(out, unicode ? "\xe2\x96\x88" : "#");
	if (eighths > 0 && unicode)
	{
		appendStringInfoString(out, "\xe2\x96");
		appendStringInfoChar(out, (char) (0x90 - eighths));
	}
	else if (eighths > 0)
		appendStringInfoChar(out, eighths > N_BARS / 2 ? '#' : '|');
}
