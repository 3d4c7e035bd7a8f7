/*
 * calibration.h
 *		Whether probabilities mean what they say, and how to mend them.  Plain C.
 *
 * Everything is computed from the cells of a binary performance: a cell's score is its midpoint, exact where scores are kept one by
 *one.
 */
#ifndef WEIR_CALIBRATION_H
#define WEIR_CALIBRATION_H

#include "quality/performance.h"

#define CALIBRATION_MAX_BINS 1000

typedef enum CalibrationBinning
{
	CALIBRATION_EQUAL_WIDTH,	/* (low, high] over [0, 1]; 0 is in the first */
	CALIBRATION_EQUAL_MASS		/* the same number of rows, as far as equal scores allow */
} CalibrationBinning;

typedef struct CalibrationBin
{
	double		low;
	double		high;
	double		n;
	double		n_positive;
	double		score_sum;
} CalibrationBin;

/* Bins without rows are there in equal widths only. Returns how many; bins has room for n_bins. */
extern int	calibration_bins(const ScoreCell *cells, size_t n_cells, CalibrationBinning binning, int n_bins, CalibrationBin *bins);

typedef struct CalibrationScores
{
	double		expected_error; /* ECE: mean gap, weighted by rows; Naeini et al. (2015) */
	double		maximum_error;	/* MCE */
	double		root_mean_squared_error;
	double		reliability;	/* Murphy (1973): reliability - resolution + uncertainty = Brier score of the bins' means */
	double		resolution;
	double		uncertainty;
	double		hosmer_lemeshow; /* chi-square with (bins - 2) degrees of freedom; NaN when a bin's expectation is 0 or 1 */
	int			hosmer_lemeshow_bins;
	double		score_bound;	/* how far a mean score of a bin may be from that of the rows, weighted by rows */
} CalibrationScores;

extern void
calibration_scores(const ScoreCell *cells, size_t n_cells, const CalibrationBin *bins, int n_bins, CalibrationScores *scores);

/* Spiegelhalter (1986): normal with mean 0 and variance 1 when calibrated; exact, from the moments. NaN when undefined. */
extern double calibration_spiegelhalter(const Performance *performance);

typedef enum CalibratorMethod
{
	CALIBRATOR_ISOTONIC,		/* Zadrozny and Elkan (2002): pool adjacent violators, linear between the points */
	CALIBRATOR_PLATT,			/* Platt (1999): a logistic curve over the score, with his smoothed targets */
	CALIBRATOR_LOGIT,			/* a logistic curve over the logit of the score: slope and intercept of calibration (Cox 1958) */
	CALIBRATOR_TEMPERATURE,		/* Guo et al. (2017): that with intercept 0 */
	CALIBRATOR_BETA				/* Kull et al. (2017): a logistic curve over ln s and -ln (1 - s) */
} CalibratorMethod;

typedef struct Calibrator
{
	CalibratorMethod method;
	double		coefficients[3]; /* of the curves: intercept, then slopes */
	size_t		n_points;		/* isotonic: scores ascending, values not falling */
	double	   *scores;
	double	   *values;
} Calibrator;

/* False when it cannot be fitted: one class only, or classes that a curve separates wholly. Points come from the allocator. */
extern bool
calibrator_fit(Calibrator *calibrator, CalibratorMethod method, const ScoreCell *cells, size_t n_cells, Allocator allocator);
extern double calibrator_apply(const Calibrator *calibrator, double score);
extern void calibrator_free(Calibrator *calibrator, Allocator allocator);

#endif
