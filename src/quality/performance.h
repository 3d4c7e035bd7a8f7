/*
 * performance.h
 *		How good a model's predictions are: the mergeable state behind every performance metric.  Plain C.
 *
 * The state is a handful of summaries of what each row says of the model, so it merges, can be taken back and does not depend on
 * order, as summaries do:
 *
 *	binary		scores of rows labelled negative, of rows labelled positive, of rows without a label; losses -ln p(label)
 *	class		pairs of label and prediction, as categories
 *	regression	errors (prediction - label), their sizes, labels, predictions, percentage errors, squared logarithmic errors
 *
 * What is read from moments (means, Brier score, mean squared error…) is exact.  What needs the order of scores (ROC-AUC, counts
 * at a threshold…) is exact while the distinct scores fit the budget, or for a threshold that is a power of two; beyond that it
 * carries a bound.
 */
#ifndef WEIR_PERFORMANCE_H
#define WEIR_PERFORMANCE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "base/verdict.h"
#include "summary/summary.h"

typedef enum PerformanceKind
{
	PERFORMANCE_BINARY = 1,
	PERFORMANCE_CLASS = 2,
	PERFORMANCE_REGRESSION = 3
} PerformanceKind;

/* Parts of the binary state. */
enum
{
	BINARY_NEGATIVES,
	BINARY_POSITIVES,
	BINARY_UNLABELLED,
	BINARY_LOSSES,
	BINARY_N_PARTS
};

enum
{
	CLASS_PAIRS,
	CLASS_N_PARTS
};

enum
{
	REGRESSION_ERRORS,
	REGRESSION_SIZES,
	REGRESSION_LABELS,
	REGRESSION_PREDICTIONS,
	REGRESSION_PERCENTAGES,
	REGRESSION_SYMMETRIC_PERCENTAGES,
	REGRESSION_LOGARITHMS,
	REGRESSION_N_PARTS
};

#define PERFORMANCE_MAX_PARTS REGRESSION_N_PARTS
#define PERFORMANCE_MAX_CLASS_LENGTH 120 /* bytes of a class's name in a pair; longer ones are shortened by the caller */
#define PERFORMANCE_MAX_PAIR_LENGTH (2 + 2 * PERFORMANCE_MAX_CLASS_LENGTH)

typedef struct Performance
{
	Allocator	allocator;
	PerformanceKind kind;
	int			n_parts;
	int64_t		n_unlabelled;	/* rows whose label is unknown */
	int64_t		n_unpredicted;	/* rows with a label but without a prediction (NULL or NaN) */
	Summary	   *parts[PERFORMANCE_MAX_PARTS];
} Performance;

typedef enum PerformanceStatus
{
	PERFORMANCE_OK = 0,
	PERFORMANCE_KIND_MISMATCH,
	PERFORMANCE_CORRUPT
} PerformanceStatus;

extern Performance *performance_create(Allocator allocator, PerformanceKind kind);
extern Performance *performance_copy(Allocator allocator, const Performance *performance);
extern void performance_free(Performance *performance);

/* label: 0 negative, 1 positive, -1 unknown; score: higher is more positive, NaN is none. */
extern void performance_add_binary(Performance *performance, int label, double score);

/* NULL is unknown; neither longer than PERFORMANCE_MAX_CLASS_LENGTH. */
extern void performance_add_class(Performance *performance, const char *label, size_t label_length, const char *prediction,
								  size_t prediction_length);

/* has_label false: not there yet. A prediction or a label that is NaN or infinite counts as missing. */
extern void performance_add_regression(Performance *performance, bool has_label, double label, double prediction);

extern PerformanceStatus performance_merge(Performance *into, const Performance *from);
extern PerformanceStatus performance_subtract(Performance *into, const Performance *from);
extern bool performance_equal(const Performance *a, const Performance *b);

/* Rows with both label and prediction. */
extern int64_t performance_n(const Performance *performance);

/* Steps a pair of the class state apart; false when the bytes are no pair. */
extern bool performance_pair(const char *bytes, size_t length, const char **label, size_t *label_length, const char **prediction,
							 size_t *prediction_length);

/* ---- the parts apart, for who keeps them as summaries of their own ---- */

/* How a part of the state is called; NULL when the kind has no such part. */
extern const char *performance_part_name(PerformanceKind kind, int part);
extern Summary *performance_part_create(Allocator allocator, PerformanceKind kind, int part);

/* What the parts of one row hold, as performance_add_* has it. */
extern double performance_loss(int label, double score);
extern size_t performance_make_pair(char *pair, const char *label, size_t label_length, const char *prediction,
									size_t prediction_length); /* pair: of PERFORMANCE_MAX_PAIR_LENGTH */
extern void performance_regression_values(double label, double prediction, double values[REGRESSION_N_PARTS]);

/*
 * A performance of such parts, any of which may be NULL for an empty one.  NULLs in the part of a label are rows without a
 * prediction; what is missing of n_rows has no label.
 */
extern PerformanceStatus
performance_of_parts(Allocator allocator, PerformanceKind kind, int64_t n_rows, Summary *const *parts, Performance **result);

extern size_t performance_encoded_size(const Performance *performance);
extern size_t performance_encode(const Performance *performance, uint8_t *buffer);
extern PerformanceStatus performance_decode(Allocator allocator, const uint8_t *bytes, size_t size, Performance **result);

/* ---- metrics ---- */

typedef struct PerformanceScore
{
	const char *name;
	ScoreStatus status;
	bool		has_value;
	double		value;
	bool		has_interval;
	double		low;
	double		high;
	int64_t		n;				/* rows in the denominator */
	double		error_bound;	/* how far value may be from the truth, as scores are kept in bins */
} PerformanceScore;

/* A row of results for every metric of the kind; told one by one. */
typedef void (*PerformanceSink)(void *context, const PerformanceScore *score);

/* What metrics depend on beside the rows.  Of those with a NaN or below 0 there is no metric. */
typedef struct PerformanceOptions
{
	double		threshold;		/* of a binary model: score >= threshold is predicted positive */
	double		z;				/* the two-sided normal quantile of the confidence */
	int64_t		min_n;			/* rows below which a metric is insufficient */
	double		beta;			/* how much more recall counts than precision in F-beta; NaN: not asked for */
	int			n_features;		/* of a regression, for adjusted R2; -1: not known */
	double		quantile;		/* that a regression forecasts, for the pinball loss; NaN: not asked for */
} PerformanceOptions;

#define PERFORMANCE_OPTIONS(of_threshold, of_z) \
	{ \
		.threshold = (of_threshold), .z = (of_z), .min_n = 1, .beta = NAN, .n_features = -1, .quantile = NAN \
	}

extern void
performance_binary_scores(const Performance *performance, const PerformanceOptions *options, PerformanceSink sink, void *context);
extern void
performance_class_scores(const Performance *performance, const PerformanceOptions *options, PerformanceSink sink, void *context);
extern void performance_regression_scores(const Performance *performance, const PerformanceOptions *options, PerformanceSink sink,
										  void *context);

/* ---- the binary state, in order of scores ---- */

/* Scores in [lower, upper] that cannot be told apart. */
typedef struct ScoreCell
{
	double		lower;
	double		upper;
	int64_t		negatives;
	int64_t		positives;
} ScoreCell;

/* Where the scores of a cell are taken to lie. */
static inline double
score_cell_middle(const ScoreCell *cell)
{
	return cell->lower == cell->upper ? cell->lower : cell->lower + (cell->upper - cell->lower) / 2;
}

/* Ascending; the caller frees n cells with the allocator. */
extern ScoreCell *performance_cells(const Performance *performance, Allocator allocator, size_t *n);

/*
 * Area under the ROC curve, and its variance (DeLong et al. 1988): NaN where a class has no row, the variance where one has fewer
 * than two.
 */
extern double score_cells_area(const ScoreCell *cells, size_t n, double *variance);

typedef struct Confusion
{
	int64_t		true_positives;
	int64_t		false_positives;
	int64_t		true_negatives;
	int64_t		false_negatives;
	int64_t		uncertain;		/* rows in the cell that the threshold cuts through, divided by their share of the cell's width */
} Confusion;

/* score >= threshold is predicted positive. */
extern void confusion_at(const ScoreCell *cells, size_t n, double threshold, Confusion *confusion);

typedef struct ScoreMoments
{
	bool		is_probability; /* every score in [0, 1]; the rest holds only then */
	double		brier;
	double		brier_variance; /* of one row's squared error */
	double		mean_score;
	double		base_rate;
} ScoreMoments;

/* Exact, from the moments. There must be labelled rows. */
extern void performance_score_moments(const Performance *performance, ScoreMoments *moments);

#endif
