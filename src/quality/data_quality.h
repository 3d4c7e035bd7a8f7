/*
 * data_quality.h
 *		What two summaries of a column say about the quality of its data: a value per check, what the baseline lets one expect, and
 *		how far chance reaches.  Plain C; whether it is too much is judged elsewhere.
 */
#ifndef WEIR_DATA_QUALITY_H
#define WEIR_DATA_QUALITY_H

#include "summary/summary.h"

typedef enum QualityCheck
{
	QUALITY_NULL_SHARE,
	QUALITY_NAN_SHARE,
	QUALITY_INFINITE_SHARE,
	QUALITY_OUT_OF_RANGE_SHARE,
	QUALITY_OUTLIER_SHARE,
	QUALITY_UNSEEN_SHARE,
	QUALITY_DISTINCT_COUNT,
	QUALITY_CONSTANT,
	QUALITY_DUPLICATE_SHARE,
	QUALITY_N_CHECKS
} QualityCheck;

extern const char *quality_check_name(QualityCheck check);

typedef struct QualityRange
{
	double		low;			/* in stored units; -infinity: no bound */
	double		high;
} QualityRange;

typedef struct QualityText
{
	const char *bytes;
	size_t		length;
} QualityText;

/* What is expected other than what the baseline holds. */
typedef struct QualityExpectation
{
	bool		has_range;		/* out_of_range_share; else the baseline's minimum and maximum */
	QualityRange range;
	bool		has_band;		/* outlier_share; else the baseline's quantiles */
	QualityRange band;
	double		band_quantiles[2];
	bool		has_categories; /* unseen_share; else those of the baseline */
	const QualityText *categories;
	size_t		n_categories;
} QualityExpectation;

typedef struct QualityMeasure
{
	bool		applies;		/* to columns of this kind */
	int64_t		n;				/* rows of which it is a share, values among which it counts */
	int64_t		n_baseline;
	bool		has_value;
	double		value;
	bool		has_expected;	/* something to compare with */
	double		expected;		/* what the baseline lets one expect */
	double		standard_error; /* of value around expected, where nothing has changed */
	const char *reason;			/* why there is no value, or nothing to expect, where there are rows */
} QualityMeasure;

#define QUALITY_MAX_UNSEEN 10

typedef struct QualityReport
{
	QualityMeasure measures[QUALITY_N_CHECKS];
	QualityRange range;			/* outside of which values are out of range; where measured */
	QualityRange band;			/* outside of which they are outliers; where measured */
	int64_t		n_unseen;		/* categories that are not expected, of those that both sides keep */
	int			n_shown;		/* the most frequent of them; they point into current */
	SummaryCategory unseen[QUALITY_MAX_UNSEEN];
} QualityReport;

/*
 * baseline: NULL where there is none. False when the summaries are of different kinds or units.  The report points into memory of
 * the allocator, which is not given back here.
 */
extern bool quality_measure(Allocator allocator, const Summary *baseline, const Summary *current,
							const QualityExpectation *expectation, QualityReport *report);

#endif
