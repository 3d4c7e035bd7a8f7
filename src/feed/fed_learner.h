/*
 * fed_learner.h
 *		A learner of a monitor in the memory of the worker that feeds it.  Inside this room only.
 */
#ifndef WEIR_FED_LEARNER_H
#define WEIR_FED_LEARNER_H

#include "postgres.h"

#include "capture/learner_row.h"
#include "detect/detector.h"
#include "learn/learner.h"
#include "learn/prequential.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

/* Transactions that had ended when the rows of before were read: these are not learned again. */
typedef struct LearnerCut
{
	uint64		xmin;			/* all below had ended */
	uint64		xmax;			/* all from here on had not */
	int			n_running;
	uint64	   *running;		/* those in between that had not, ascending */
} LearnerCut;

typedef enum OnDrift
{
	ON_DRIFT_KEEP,
	ON_DRIFT_RESET,
	ON_DRIFT_REPLACE
} OnDrift;

typedef struct FedLearner
{
	MemoryContext context;		/* of all of this */
	int			learner_id;
	int			epoch;
	char	   *version;		/* of the definition */

	/* The definition. */
	int			monitor_id;
	int			model_id;
	char	   *model;
	char	   *name;			/* of the learner */
	Jsonb	   *options;
	int			n_features;
	char	  **feature_names;
	bool	   *feature_is_categorical;
	bool		is_regression;
	bool		needs_label;
	bool		tells_classes;	/* else it says a number */
	int			from_version;	/* 0: none */
	bool		backfill;
	int64		snapshot_us;	/* 0: not by time */
	int64		snapshot_rows;	/* 0: not by rows */
	int			keep_versions;	/* of those made by itself; 0: all */
	OnDrift		on_drift;
	char	   *detector_name;
	Jsonb	   *detector_options;
	bool		keeps_predictions;

	/* The state. */
	bool		has_begun;
	LearnerCut	cut;
	char	   *cut_text;
	Learner	   *learner;
	Learner	   *successor;
	Detector   *detector;
	Prequential *evaluation;
	int64		applied;
	int64		n_seen;
	int64		n_learned;
	int64		n_corrected;
	int64		n_retracted;
	int64		n_warnings;
	int64		n_drifts;
	TimestampTz last_drift_at;	/* DT_NOBEGIN: none */
	TimestampTz latest_at;		/* DT_NOBEGIN: none */
	int64		learned_at_snapshot;
	TimestampTz snapshot_at;

	/* Of a turn. */
	double	   *row;
	LearnerRow	change;
	HTAB	   *remembered;		/* by key, see remembered.c */
	MemoryContext remembered_context;
	Size		state_size;		/* as written last */
	TimestampTz next_turn;
} FedLearner;

/* ---- fed_learner.c: what is stored ---- */

/* One learner with its definition and state, in a context below parent; NULL when it is gone, disabled or not followed. Inside an
 * SPI scope. */
extern FedLearner *fed_learner_load(int learner_id, MemoryContext parent);
extern void fed_learner_free(FedLearner *fed);

/* A learner as it begins: untrained, or a version of the model. Inside an SPI scope. */
extern Learner *fed_learner_untrained(const FedLearner *fed);
extern void fed_learner_begin(FedLearner *fed);

/* Writes the state, unless somebody else has changed or locked it meanwhile: then false. Inside an SPI scope. */
extern bool fed_learner_store(FedLearner *fed);
extern void fed_learner_set_cut(FedLearner *fed, const char *text);

/* True when the transaction had ended for the cut. */
extern bool fed_learner_has_read(const FedLearner *fed, uint64 xid);

/* ---- apply.c: one change ---- */

/* fed->change is what happens to a row. Inside an SPI scope. */
extern void fed_learner_apply(FedLearner *fed);

/* ---- rename_labels.c ---- */

/* fed->change tells of labels of enums that have other names from here on. Inside an SPI scope. */
extern void fed_learner_rename_labels(FedLearner *fed);

/* ---- remembered.c: predictions of rows whose label is not there yet ---- */

typedef struct Prediction
{
	bool		is_known;		/* the model said something */
	char	   *text;			/* class or number */
	double		number;			/* of regression; of classes the probability of the one predicted */
} Prediction;

/* Reads what is remembered of the keys in these changes. Inside an SPI scope. */
extern void remembered_read(FedLearner *fed, const char *changes, Size size);

/* The prediction that was made of the row, while its label is not known; NULL: none is remembered. */
extern const Prediction *remembered_find(FedLearner *fed, const char *key, int length);

/* Remembers a prediction; label NULL: it is not known yet. */
extern void
remembered_add(FedLearner *fed, const char *key, int length, TimestampTz at, const Prediction *prediction, const char *label);

/* The label has come. */
extern void remembered_label(FedLearner *fed, const char *key, int length, const char *label);

/* The label, which was learned, has been taken back: if it comes again, it is not to be learned again. */
extern void remembered_withdraw(FedLearner *fed, const char *key, int length, TimestampTz at);

/* It has come again: true. False when it was not taken back, as far as is remembered. */
extern bool remembered_restore(FedLearner *fed, const char *key, int length, const char *label);

/* The row has another key now. */
extern void remembered_rekey(FedLearner *fed, const char *key, int length, const char *new_key, int new_length);

/* The row has gone. True when its label was waited for. */
extern bool remembered_forget(FedLearner *fed, const char *key, int length);

/* Predictions and labels that are remembered have these names, former ones by their hashes. Inside an SPI scope. */
extern void remembered_rename(FedLearner *fed, PresentLabel present, void *context, Datum hashes, Datum names);

/* Writes what has changed and forgets it in memory. Inside an SPI scope. */
extern void remembered_write(FedLearner *fed);

/* Now and then: what is older than it is to be kept. Inside an SPI scope. */
extern void remembered_expire(void);

/* ---- backfill.c ---- */

/* Sets the cut, and puts the rows that it sees in front of those that wait to be learned. */
extern void fed_learner_backfill(FedLearner *fed);

/* ---- learner_reader.c: the worker that begins learners ---- */

/* Begins a learner: untrained, or from a version, with the rows of before waiting. False when another process does so, or has.
 * In a transaction, outside any SPI scope. Raises 55P03 when somebody changes it meanwhile. */
extern bool learner_reader_begin(FedLearner *fed);

/* Starts the worker unless it is running. False when there is no room for it. */
extern bool learner_reader_start(void);
extern void learner_reader_init(void);

/* Learners whose owner is gone, and their models, belong to whom their tables belong to. Inside an SPI scope. */
extern void fed_learner_follow_owners(void);

/*
 * What a learner failed to do, after "weir could not": told once, until something else fails.  One that cannot go on is set aside,
 * with its reason; true when it is to be tried again.
 */
extern bool fed_learner_fail(int learner_id, const char *what, const ErrorData *error);

/* ---- snapshot.c: versions of the model ---- */

extern bool snapshot_is_due(const FedLearner *fed);

/*
 * Makes a version of the model as it is; 0 when the model is locked by somebody.  is_automatic: nobody has asked for it, so only
 * the latest of such are kept.  Inside an SPI scope.
 */
extern int	snapshot_make(FedLearner *fed, const char *note, bool is_automatic);

#endif
