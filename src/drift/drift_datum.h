/*
 * drift_datum.h
 *		Between the server's values and scores: options, and rows of scores.
 */
#ifndef WEIR_DRIFT_DATUM_H
#define WEIR_DRIFT_DATUM_H

#include "postgres.h"

#include "drift/drift.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/jsonb.h"

/* Fills options from {"bins": ..., ...}; raises 22023 for what is not valid. NULL: the defaults. */
extern void drift_read_options(Jsonb *given, SummaryUnit unit, DriftOptions *options);

/* The metrics asked for, each once, in the order of the catalogue; NULL: all. */
extern void drift_read_metrics(ArrayType *names, bool wanted[DRIFT_N_METRICS]);

/* drift_pair_of_summaries; raises an error for summaries of different kinds, or of vectors of different lengths. */
extern DriftPair *
drift_require_pair(Allocator allocator, const DriftOptions *options, const Summary *baseline, const Summary *current);

/* The score after which the SQL function that is called is named. */
extern DriftMetric drift_metric_of_function(FunctionCallInfo fcinfo);

#define DRIFT_ROW_COLUMNS 11

/* A row of drift(): metric, value, p_value, threshold, n_baseline, n_current, error_bound, is_primary, verdict, status, detail. */
extern void drift_row(DriftPair *pair, DriftMetric metric, bool is_primary, DriftScore *score, Datum values[DRIFT_ROW_COLUMNS],
					  bool nulls[DRIFT_ROW_COLUMNS]);

#endif
