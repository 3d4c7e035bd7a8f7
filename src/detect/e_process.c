/*
 * e_process.c
 *		An anytime-valid detector for bounded values: while their mean stays what it was, whatever it is, the probability of any
 *		false alarm ever is at most alpha.
 *
 * For each mean m that the stream might have had all along, somebody bets against it: that from an unknown time j on the mean is
 * higher, or lower.  With stakes c, wealth multiplies by 1 - c + c x / m (higher) or 1 - c + c (1 - x) / (1 - m) (lower), and the
 * money is spread over stakes, sides and times with weights 1 / (j (j + 1)).  Under m the total is a nonnegative martingale of
 * mean 1: it reaches 1 / alpha with probability at most alpha, ever (Ville 1939).  When every m has been refuted so, the mean has
 * changed: its intersected confidence sequence is empty (Waudby-Smith and Ramdas 2024; Shekhar and Ramdas 2023).
 *
 * The means are taken in cells.  Bets that the mean is higher fall with m, bets that it is lower rise: valued at the upper and the
 * lower end of a cell they are a lower bound for every m in it, so that cells cost power, never validity.
 */
#include <string.h>

#include "detect/detector_method.h"

enum
{
	ALPHA,
	LOWER,						/* detector_advance knows that upper follows lower */
	UPPER,
	CELLS
};

static const Option options_list[] = {
	NUMBER_OPTION("alpha", 0.01, ABOVE_ZERO, BELOW_ONE),
	NUMBER_OPTION("lower", 0, -DETECTOR_LARGEST, DETECTOR_LARGEST),
	NUMBER_OPTION("upper", 1, -DETECTOR_LARGEST, DETECTOR_LARGEST),
	COUNT_OPTION("cells", 64, 2, 1000),
};

#define N_STAKES 5

static const double stakes[N_STAKES] = {1.0 / 32, 1.0 / 16, 1.0 / 8, 1.0 / 4, 1.0 / 2};

typedef struct Cell
{
	double		higher[N_STAKES]; /* wealth of those who bet so */
	double		lower[N_STAKES];
} Cell;

typedef struct EProcess
{
	double		n;
	int64_t		first;			/* cells before it and from end on are refuted */
	int64_t		end;
	Cell		cells[];		/* one inside that is refuted has wealth -1 */
} EProcess;

static const char *
e_process_check(const double *options)
{
	return options[LOWER] < options[UPPER] ? NULL : "lower must be below upper.";
}

static size_t
e_process_n_words(const double *options)
{
	return WORDS_OF(EProcess) + WORDS_OF(Cell) * (size_t) options[CELLS];
}

static void
e_process_start(const DetectorSettings *settings, void *state)
{
	((EProcess *) state)->end = (int64_t) settings->options[CELLS];
}

/* The new bettors' money, and what each wealth is multiplied by: gain is x / m, or its mirror. */
static inline double
bet(double *wealth, double share, double gain)
{
	double		sum = 0;

	for (int i = 0; i < N_STAKES; i++)
	{
		wealth[i] = (wealth[i] + share) * (1 + stakes[i] * (gain - 1));
		sum += wealth[i];
	}
	return sum;
}

static DetectorSignal
e_process_update(const DetectorSettings *settings, void *state, double x)
{
	const double *options = settings->options;
	EProcess   *process = state;
	double		n_cells = options[CELLS];
	double		y = (x - options[LOWER]) / (options[UPPER] - options[LOWER]);
	double		share;
	double		unspent;

	process->n += 1;
	share = 1 / (process->n * (process->n + 1)) / (2 * N_STAKES);
	unspent = 1 / (process->n + 1);
	for (int64_t i = process->first; i < process->end; i++)
	{
		Cell	   *cell = &process->cells[i];
		double		wealth;

		if (cell->higher[0] < 0)
			continue;
		wealth = unspent + bet(cell->higher, share, y * n_cells / (double) (i + 1)) +
			bet(cell->lower, share, (1 - y) * n_cells / (n_cells - (double) i));
		/* It may never reach the bound again, but it has: that is enough. */
		if (wealth * options[ALPHA] >= 1)
			cell->higher[0] = -1;
	}
	while (process->first < process->end && process->cells[process->first].higher[0] < 0)
		process->first++;
	while (process->end > process->first && process->cells[process->end - 1].higher[0] < 0)
		process->end--;
	return process->first == process->end ? DETECTOR_DRIFT : DETECTOR_STABLE;
}

static bool
e_process_is_safe(const double *options, const void *state)
{
	const EProcess *process = state;

	return process->first >= 0 && process->first <= process->end && process->end <= (int64_t) options[CELLS];
}

const DetectorMethod e_process_method = {
	.name = "e_process",
	.reference =
		"Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 2024; Shekhar and Ramdas, Sequential change detection via backward confidence sequences, ICML 2023",
	.input = DETECTOR_BOUNDED,
	.options = options_list,
	.n_options = N_OPTIONS(options_list),
	.check = e_process_check,
	.n_words = e_process_n_words,
	.start = e_process_start,
	.update = e_process_update,
	.is_safe = e_process_is_safe,
};
