/*
 * apply.c
 *		What a change of a row means to a learner: predict, then, when its label is there, learn.
 *
 * The order is that of commits, and nothing but the changes themselves and what is remembered decides: so the model is the same,
 * bit for bit, however many changes came at once, and wherever the worker was stopped.
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"
#include "common/shortest_dec.h"
#include "detect/detector_datum.h"
#include "feed/fed_learner.h"
#include "utils/memutils.h"

/* As learn/feature_reader.c reads them: categories become known only by rows that are learned. */
static void
read_features(FedLearner *fed, const LearnerRow *change, Learner *learner, bool learning, double *row)
{
	if (change->n_values != fed->n_features + 1)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row that waits to be learned has other features")));
	for (int i = 0; i < fed->n_features; i++)
	{
		const LearnerValue *value = &change->values[i];

		row[i] = NAN;
		if (value->is_missing || value->is_number == learner_feature_is_categorical(learner, i))
			continue;
		if (value->is_number)
			row[i] = isfinite(value->number) && fabs(value->number) <= LEARNER_LARGEST ? value->number : NAN;
		else if (learning)
			row[i] = learner_category_add(learner, i, value->text, value->length);
		else
			row[i] = learner_category(learner, i, value->text, value->length);
	}
}

/* What the learner says of fed->row. Texts live as long as the caller's context. */
static Prediction
ask(const FedLearner *fed)
{
	const Learner *learner = fed->learner;
	Prediction	prediction = {0};
	double		probabilities[LEARNER_MAX_CLASSES];
	size_t		length;
	int			class;

	if (learner_n_rows(learner) == 0)
		return prediction;
	if (!fed->tells_classes)
	{
		prediction.number = learner_number(learner, fed->row);
		prediction.is_known = isfinite(prediction.number);
		if (prediction.is_known)
			prediction.text = double_to_shortest_decimal(prediction.number);
		return prediction;
	}
	learner_probabilities(learner, fed->row, probabilities);
	class = learner_most_probable(learner, probabilities);
	prediction.is_known = class >= 0;
	if (class >= 0)
	{
		const char *name = learner_class_name(learner, class, &length);

		prediction.text = pnstrdup(name, length);
		prediction.number = probabilities[class];
	}
	return prediction;
}

/* The target of a label for a learner; false when it is none. */
static bool
target_of(const FedLearner *fed, Learner *learner, const LearnerValue *label, double *target)
{
	*target = 0;
	if (!fed->needs_label)
		return true;
	if (fed->is_regression)
	{
		*target = label->number;
		return label->is_number && isfinite(label->number) && fabs(label->number) <= LEARNER_LARGEST;
	}
	if (label->is_number)
		return false;
	*target = learner_class_add(learner, label->text, label->length);
	if (*target >= 0)
		return true;
	if (learner_n_classes(learner) < (learner_task(learner_kind(learner)) == LEARNER_BINARY ? 2 : LEARNER_MAX_CLASSES))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("learner %s has no memory for a class more than its %d", fed->name, learner_n_classes(learner)),
				 errhint("Create it again with more max_memory.")));
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("learner %s can tell %d classes apart, and the labels have more", fed->name, learner_n_classes(learner)),
			 errhint("Create a learner that takes more: SELECT learner FROM weir.learners WHERE task = 'classes'.")));
	return false;				/* not reached */
}

/* ---- drift ---- */

static void
free_learner(Learner **learner)
{
	if (*learner != NULL)
		learner_free(*learner);
	*learner = NULL;
}

static void
drifted(FedLearner *fed, TimestampTz at)
{
	fed->n_drifts++;
	fed->last_drift_at = at;
	if (fed->on_drift == ON_DRIFT_KEEP)
		return;
	/* What it had become is kept: the change may not last. */
	if (fed->n_learned > fed->learned_at_snapshot)
		(void) snapshot_make(fed, "as it was when drift was found", true);
	free_learner(&fed->learner);
	fed->learner = fed->successor != NULL ? fed->successor : fed_learner_untrained(fed);
	fed->successor = NULL;
}

/* The error of the prediction, in the order of labels. */
static void
watch(FedLearner *fed, double error, TimestampTz at)
{
	DetectorSignal signal;

	if (!detector_feed(fed->detector, error, false, &signal))
		return;
	fed->n_warnings += signal == DETECTOR_WARNING;
	if (signal == DETECTOR_DRIFT)
		drifted(fed, at);
	else if (signal == DETECTOR_WARNING && fed->on_drift == ON_DRIFT_REPLACE && fed->successor == NULL)
		fed->successor = fed_learner_untrained(fed);
	else if (signal == DETECTOR_STABLE)
		free_learner(&fed->successor);
}

/* ---- learning ---- */

static void
evaluate(FedLearner *fed, const LearnerValue *label, const Prediction *prediction)
{
	if (fed->is_regression)
		prequential_add_number(fed->evaluation, label->number, prediction->number, prediction->is_known);
	else
		prequential_add_class(fed->evaluation, label->text, label->length, prediction->is_known ? prediction->text : "",
							  prediction->is_known ? strlen(prediction->text) : 0, prediction->is_known);
}

static double
error_of(const FedLearner *fed, const LearnerValue *label, const Prediction *prediction)
{
	if (fed->is_regression)
		return fabs(label->number - prediction->number);
	return strlen(prediction->text) != (size_t) Min(label->length, LEARNER_MAX_NAME) ||
		memcmp(prediction->text, label->text, strlen(prediction->text)) != 0;
}

/*
 * A row with its label, if one is needed. said: what was predicted when it came; NULL: it is predicted now, before it is learned.
 * The learner that drift put away has not seen the row; the one that follows it has.
 */
static void
learn(FedLearner *fed, const LearnerRow *change, const Prediction *said)
{
	const LearnerValue *label = &change->values[fed->n_features];
	Prediction	prediction = {0};
	double		target;

	read_features(fed, change, fed->learner, true, fed->row);
	if (said == NULL)
		prediction = ask(fed);
	else
		prediction = *said;
	if (!target_of(fed, fed->learner, label, &target))
		return;
	if (fed->needs_label)
		evaluate(fed, label, &prediction);
	fed->n_learned++;
	if (prediction.is_known && fed->needs_label)
		watch(fed, error_of(fed, label, &prediction), change->at);
	/* Another learner knows classes and categories by other codes. */
	read_features(fed, change, fed->learner, true, fed->row);
	if (target_of(fed, fed->learner, label, &target))
		learner_learn(fed->learner, fed->row, target, 1);
	if (fed->successor != NULL)
	{
		read_features(fed, change, fed->successor, true, fed->row);
		if (target_of(fed, fed->successor, label, &target))
			learner_learn(fed->successor, fed->row, target, 1);
	}
	/* Where somebody has the model locked, the end of the turn tries again. */
	if (fed->snapshot_rows > 0 && (fed->n_learned - fed->learned_at_snapshot) % fed->snapshot_rows == 0)
		(void) snapshot_make(fed, "on schedule", true);
}

static char *
label_text(const FedLearner *fed, const LearnerValue *label)
{
	return label->is_number ? double_to_shortest_decimal(label->number) : pnstrdup(label->text, label->length);
}

static void
see_new(FedLearner *fed, const LearnerRow *change)
{
	bool		has_label = change->n_values > 0 && !change->values[change->n_values - 1].is_missing;
	bool		is_learned = has_label || !fed->needs_label;
	Prediction	prediction;

	fed->n_seen++;
	if (is_learned && !fed->keeps_predictions)
	{
		learn(fed, change, NULL);
		return;
	}
	read_features(fed, change, fed->learner, is_learned, fed->row);
	prediction = ask(fed);
	if (change->key_length > 0)
		remembered_add(fed, change->key, change->key_length, change->at, &prediction,
					   has_label ? label_text(fed, &change->values[fed->n_features]) : NULL);
	if (is_learned)
		learn(fed, change, &prediction);
}

static void
see_label(FedLearner *fed, const LearnerRow *change)
{
	const Prediction *said = change->key_length > 0 ? remembered_find(fed, change->key, change->key_length) : NULL;

	if (change->key_length > 0 &&
		remembered_restore(fed, change->key, change->key_length, label_text(fed, &change->values[fed->n_features])))
		return;
	/* Nobody knows whether this row was learned before: only what is remembered was not. */
	if (said == NULL && change->kind == LEARNER_ROW_MAYBE_LABELLED)
		return;
	learn(fed, change, said);
	if (said != NULL)
		remembered_label(fed, change->key, change->key_length, label_text(fed, &change->values[fed->n_features]));
}

void
fed_learner_apply(FedLearner *fed)
{
	const LearnerRow *change = &fed->change;
	bool		has_waited;

	switch (change->kind)
	{
		case LEARNER_ROW_NEW: see_new(fed, change); break;
		case LEARNER_ROW_LABELLED:
		case LEARNER_ROW_MAYBE_LABELLED: see_label(fed, change); break;
		case LEARNER_ROW_CORRECTED: fed->n_corrected++; break;
		case LEARNER_ROW_RENAMED: fed_learner_rename_labels(fed); break;
		case LEARNER_ROW_REKEYED:
			if (change->key_length > 0 && change->n_values == 1 && change->values[0].length > 0)
				remembered_rekey(fed, change->key, change->key_length, change->values[0].text, change->values[0].length);
			break;
		case LEARNER_ROW_WITHDRAWN:
			fed->n_corrected++;
			if (change->key_length > 0)
				remembered_withdraw(fed, change->key, change->key_length, change->at);
			break;
		case LEARNER_ROW_GONE:
		case LEARNER_ROW_GONE_UNLABELLED:
			has_waited = change->key_length > 0 && remembered_forget(fed, change->key, change->key_length);
			/* Where no label is needed, every row was learned. */
			if ((change->kind == LEARNER_ROW_GONE && !has_waited) || !fed->needs_label)
				fed->n_retracted++;
			break;
	}
	fed->latest_at = Max(fed->latest_at, change->at);
}
