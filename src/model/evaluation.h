/*
 * evaluation.h
 *		Two models on the rows of a query: values, differences, tests, by protected group.  Inside this room only.
 */
#ifndef WEIR_MODEL_EVALUATION_H
#define WEIR_MODEL_EVALUATION_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "quality/paired.h"
#include "utils/array.h"

/* What is compared, and how. Names are of columns of the query. */
typedef struct EvaluationRequest
{
	char	   *query;
	int			n_versions;		/* values of $1 and $2 in the query: champion, challenger; 0: it has no parameters */
	int			versions[2];
	bool		version_is_null[2];
	const char *label;
	const char *champion;		/* NULL: the challenger alone is evaluated */
	const char *challenger;
	ArrayType  *protected;
	double		threshold;
	int64		min_group_size;
	PairedOptions options;
} EvaluationRequest;

/* A line of the result. */
typedef struct EvaluationScore
{
	char	   *group;			/* 'sex=F'; NULL: all rows; of a gap the column */
	const char *metric;
	bool		lower_is_better;
	bool		is_primary;
	bool		is_gap;
	PairedResult result;
	const char *status;			/* ok, insufficient, undefined */
	const char *outcome;		/* better, worse, no_difference; NULL unless ok with a test */
} EvaluationScore;

#define EVALUATION_COLUMNS 13

/* Runs the query as the current user; a list of EvaluationScore. Rows without label or prediction are left out. */
extern List *evaluation_scores(const EvaluationRequest *request);

/* As a row of weir.compare_models. */
extern void evaluation_row(const EvaluationScore *score, Datum *values, bool *nulls);

/* Reads the arguments that compare_models and evaluate_model share, from first: label, champion, challenger, protected, threshold,
 * confidence, min_group_size, rounds, seed. */
extern void evaluation_arguments(FunctionCallInfo fcinfo, int first, EvaluationRequest *request);

/* How it is done; raises 22023 where something is out of its range. */
extern void evaluation_set_options(EvaluationRequest *request, double threshold, double confidence, double min_group_size,
								   double rounds, int64 seed);

/* ---- recorded evaluations, and what they allow: promotion.c ---- */

/*
 * Raises 55000 unless the model's policy, where it has one, lets the version replace what the alias means now; inside an SQL scope.
 * current 0: nothing.
 */
extern void promotion_require_passed(int model_id, const char *model, int version, int current);

#endif
