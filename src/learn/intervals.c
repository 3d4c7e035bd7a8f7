/*
 * intervals.c
 *		Conformal intervals of regression (Vovk, Gammerman and Shafer 2005; Papadopoulos et al. 2002): a quantile of the errors of
 *		late about what is said. Adapted as in Gibbs and Candes (2021): after each miss the interval is wider, after each hit a
 *		little narrower, so that coverage holds in the long run whatever the stream does.
 */
#include "learn/intervals.h"

#include <math.h>

void
intervals_start(Allocator allocator, Intervals *intervals, int window, double coverage, double adaptation)
{
	size_t		size = (size_t) window * sizeof(double);

	*intervals = (Intervals){.window = window, .coverage = coverage, .adaptation = adaptation, .miss = 1 - coverage};
	if (window == 0)
		return;
	intervals->errors = allocator.resize(allocator.context, NULL, 0, size);
	intervals->sorted = allocator.resize(allocator.context, NULL, 0, size);
	memset(intervals->errors, 0, size);
	memset(intervals->sorted, 0, size);
}

void
intervals_free(Allocator allocator, Intervals *intervals)
{
	size_t		size = (size_t) intervals->window * sizeof(double);

	if (intervals->window == 0)
		return;
	allocator.resize(allocator.context, intervals->errors, size, 0);
	allocator.resize(allocator.context, intervals->sorted, size, 0);
}

/* The first place in the sorted errors that does not hold less. */
static int
find(const Intervals *intervals, double error)
{
	int			low = 0;
	int			high = intervals->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (intervals->sorted[middle] < error)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
insert(Intervals *intervals, double error)
{
	int			at = find(intervals, error);

	memmove(intervals->sorted + at + 1, intervals->sorted + at, (size_t) (intervals->n - at) * sizeof(double));
	intervals->sorted[at] = error;
	intervals->n++;
}

static void
take_out(Intervals *intervals, double error)
{
	int			at = find(intervals, error);

	intervals->n--;
	memmove(intervals->sorted + at, intervals->sorted + at + 1, (size_t) (intervals->n - at) * sizeof(double));
}

void
intervals_add(Intervals *intervals, double said, double target)
{
	double		error = fabs(said - target);

	if (intervals->window == 0 || !isfinite(error))
		return;
	if (intervals->n > 0)
	{
		bool		is_miss = error > intervals_width(intervals, NAN);

		intervals->miss += intervals->adaptation * (1 - intervals->coverage - is_miss);
	}
	if (intervals->n == intervals->window)
		take_out(intervals, intervals->errors[intervals->next]);
	insert(intervals, error);
	intervals->errors[intervals->next] = error;
	intervals->next = (intervals->next + 1) % intervals->window;
}

/* The smallest error that is not below the share of errors asked for, with the row itself among them. */
double
intervals_width(const Intervals *intervals, double coverage)
{
	double		share = isnan(coverage) ? 1 - intervals->miss : coverage;
	double		rank = ceil(share * (intervals->n + 1));

	if (rank < 1)
		return 0;
	return rank <= intervals->n ? intervals->sorted[(int) rank - 1] : INFINITY;
}

void
archive_intervals(Archive *archive, Intervals *intervals)
{
	int			n = intervals->n;

	if (intervals->window == 0)
		return;
	archive_count(archive, &n, 0, intervals->window);
	archive_count(archive, &intervals->next, 0, intervals->window - 1);
	archive_double(archive, &intervals->miss);
	if (archive_reads(archive) && ((n < intervals->window && intervals->next != n) || !isfinite(intervals->miss)))
		archive_refuse(archive);
	if (!archive_reads(archive))
		for (int i = 0; i < n; i++)
			archive_double(archive, &intervals->errors[i]);
	else
		for (int i = 0; i < n && !archive_is_corrupt(archive); i++)
		{
			archive_double(archive, &intervals->errors[i]);
			if (!(intervals->errors[i] >= 0))
				archive_refuse(archive);
			else
				insert(intervals, intervals->errors[i]);
		}
}
