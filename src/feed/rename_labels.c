/*
 * rename_labels.c
 *		Labels of enums that were renamed, in what a learner has learned: they are the same categories and classes.
 */
#include "postgres.h"

#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "feed/fed_learner.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* Those of one place. */
typedef struct LabelsOfPlace
{
	const LearnerRow *row;
	int			place;
} LabelsOfPlace;

static bool
next_of_place(const LabelsOfPlace *labels, int *position, RenamedLearnerLabel *label)
{
	while (learner_row_next_label(labels->row, position, label))
		if (label->place == labels->place)
			return true;
	return false;
}

static const char *
present_label(void *context, const char *name, size_t length, size_t *present_length)
{
	int32		hash = capture_label_hash(name, length);
	RenamedLearnerLabel label;

	for (int position = 0; next_of_place(context, &position, &label);)
		if (label.hash == hash)
		{
			*present_length = label.length;
			return label.name;
		}
	return NULL;
}

static void
rename_remembered(FedLearner *fed, LabelsOfPlace *labels)
{
	int			n = 0;
	RenamedLearnerLabel label;
	Datum	   *hashes;
	Datum	   *names;

	for (int position = 0; next_of_place(labels, &position, &label);)
		n++;
	if (n == 0)
		return;
	hashes = palloc(sizeof(Datum) * n);
	names = palloc(sizeof(Datum) * n);
	n = 0;
	for (int position = 0; next_of_place(labels, &position, &label); n++)
	{
		hashes[n] = Int32GetDatum(label.hash);
		names[n] = PointerGetDatum(cstring_to_text_with_len(label.name, label.length));
	}
	remembered_rename(fed, present_label, labels,
					  PointerGetDatum(construct_array(hashes, n, INT4OID, sizeof(int32), true, TYPALIGN_INT)),
					  PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT)));
}

static void
rename_in(Learner *learner, int n_features, LabelsOfPlace *labels)
{
	if (learner == NULL)
		return;
	if (labels->place < n_features)
		learner_rename_categories(learner, labels->place, present_label, labels);
	else
		learner_rename_classes(learner, present_label, labels);
}

void
fed_learner_rename_labels(FedLearner *fed)
{
	LabelsOfPlace labels = {.row = &fed->change};

	for (labels.place = 0; labels.place <= fed->n_features; labels.place++)
	{
		rename_in(fed->learner, fed->n_features, &labels);
		rename_in(fed->successor, fed->n_features, &labels);
	}
	if (fed->is_regression || !fed->needs_label)
		return;
	labels.place = fed->n_features;
	prequential_rename_classes(fed->evaluation, present_label, &labels);
	rename_remembered(fed, &labels);
}
