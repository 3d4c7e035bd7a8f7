/*
 * forest.h
 *		The trees of a forest; internal to this room.
 */
#ifndef WEIR_FOREST_H
#define WEIR_FOREST_H

#include "learn/tree_options.h"

/* Beyond the options of trees. */
enum
{
	N_MODELS,
	SEED,
	LAMBDA,						/* of all but online and ADWIN bagging, where it is 1 */
	DRIFT_DELTA,
	WARNING_DELTA,				/* of forests and patches */
	FEATURES,					/* forests: features that a leaf observes; patches: the share that a tree may use */
};

typedef struct Member
{
	Tree		tree;
	bool	   *allowed;		/* of patches: the features that the tree may use */
	Tree		background;		/* grown since a warning */
	bool	   *background_allowed;
	double		n;				/* rows since the tree took its place */
	double		n_correct;		/* of regression: the sum of squared errors */
	Detector   *drift;
	Detector   *warning;
} Member;

typedef struct Forest
{
	TreeSettings settings;
	int			n_members;
	Member	   *members;
	/* where the worst tree is replaced, of regression: of all trees' errors, so that these can be told by one measure */
	double		n_errors;
	double		squared_errors;
} Forest;

static inline bool
forest_is_regression(const Learner *learner)
{
	return learner->method->task == LEARNER_REGRESSION;
}

static inline double
forest_option(const Learner *learner, int number)
{
	return learner->options[number + (forest_is_regression(learner) ? N_TARGET_TREE_OPTIONS : N_TREE_OPTIONS)];
}

/* Leaves observe some features alone, drawn when they are made. */
static inline bool
forest_draws_features(const Learner *learner)
{
	return learner->kind == LEARNER_ADAPTIVE_RANDOM_FOREST || learner->kind == LEARNER_ADAPTIVE_RANDOM_FOREST_REGRESSION;
}

/* Trees use some features alone. */
static inline bool
forest_draws_patches(const Learner *learner)
{
	return learner->kind == LEARNER_STREAMING_RANDOM_PATCHES || learner->kind == LEARNER_STREAMING_RANDOM_PATCHES_REGRESSION;
}

/* Each tree looks after itself and, of classes, votes with the weight of its accuracy. */
static inline bool
forest_replaces_itself(const Learner *learner)
{
	return forest_draws_features(learner) || forest_draws_patches(learner);
}

static inline bool
forest_leverages(const Learner *learner)
{
	return learner->kind == LEARNER_LEVERAGING_BAGGING || learner->kind == LEARNER_LEVERAGING_BAGGING_REGRESSION;
}

static inline bool
forest_replaces_worst(const Learner *learner)
{
	return learner->kind == LEARNER_ADWIN_BAGGING || learner->kind == LEARNER_ADWIN_BAGGING_REGRESSION || forest_leverages(learner);
}

/* ---- forest_member.c ---- */

/* A member of a zeroed state gets its tree and detectors. */
extern void member_start(Learner *learner, Member *member, const TreeSettings *settings);
extern void member_finish(Learner *learner, Member *member);

/* A new tree takes the place of the member's, and is watched anew. */
extern void member_renew(Learner *learner, Member *member);

/* Learns a row; whether the tree has become worse, where the forest is to replace the worst. */
extern bool member_learn(Learner *learner, Forest *forest, Member *member, const double *row, double target, double weight);
extern void archive_member(Learner *learner, Archive *archive, Member *member);

#endif
