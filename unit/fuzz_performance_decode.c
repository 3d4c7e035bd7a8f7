/*
 * fuzz_performance_decode.c
 *		libFuzzer: hostile bytes into performance_decode are refused, or give a state that every reader takes and that is written as
 *		it was read.
 */
#include "quality/estimate.h"
#include "unit.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
ignore(void *context, const PerformanceScore *score)
{
	*(double *) context += score->value;
}

static void
read_binary(const Performance *performance, double *sum)
{
	CalibrationBin bins[10];
	CalibrationScores scores;
	size_t		n;
	ScoreCell  *cells = performance_cells(performance, unit_allocator(), &n);

	performance_binary_scores(performance, &(PerformanceOptions){.threshold = 0.3, .z = 1.96, .min_n = 1, .beta = 2}, ignore, sum);
	for (int binning = 0; binning < 2; binning++)
	{
		int			n_bins = calibration_bins(cells, n, (CalibrationBinning) binning, 10, bins);

		calibration_scores(cells, n, bins, n_bins, &scores);
	}
	*sum += calibration_spiegelhalter(performance);
	for (int method = CALIBRATOR_ISOTONIC; method <= CALIBRATOR_BETA; method++)
	{
		Calibrator	calibrator;

		if (!calibrator_fit(&calibrator, (CalibratorMethod) method, cells, n, unit_allocator()))
			continue;
		performance_estimate(performance, &calibrator, 0.5, 1.96, 1, ignore, sum);
		calibrator_free(&calibrator, unit_allocator());
	}
	unit_resize(NULL, cells, (n + 1) * sizeof(ScoreCell), 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	Performance *performance;
	double		sum = 0;

	if (performance_decode(unit_allocator(), bytes, size, &performance) == PERFORMANCE_OK)
	{
		uint8_t	   *again = malloc(size + 1);

		if (performance_encoded_size(performance) != size || performance_encode(performance, again) != size ||
			memcmp(again, bytes, size) != 0)
			abort();
		free(again);
		if (performance->kind == PERFORMANCE_BINARY)
			read_binary(performance, &sum);
		else if (performance->kind == PERFORMANCE_CLASS)
			performance_class_scores(performance,
									 &(PerformanceOptions){.z = 1.96, .min_n = 1, .beta = 2, .n_features = 2, .quantile = 0.9},
									 ignore, &sum);
		else
			performance_regression_scores(performance,
										  &(PerformanceOptions){.z = 1.96, .min_n = 1, .beta = 2, .n_features = 2, .quantile = 0.9},
										  ignore, &sum);
		performance_free(performance);
	}
	if (unit_allocated() != 0)
		abort();
	return 0;
}
