/*
 * bundle.c
 *		What panes and windows hold: counts, summaries of columns, fairness tables.
 */
#include "postgres.h"

#include "base/memory.h"
#include "monitor/windows.h"
#include "utils/memutils.h"

Bundle *
bundle_create(MemoryContext parent, int n_summaries, int n_fairness)
{
	MemoryContext context = AllocSetContextCreate(parent, "weir bundle", ALLOCSET_SMALL_SIZES);
	Bundle	   *bundle = MemoryContextAllocZero(parent, sizeof(Bundle));

	bundle->context = context;
	bundle->n_summaries = n_summaries;
	bundle->n_fairness = n_fairness;
	bundle_reset(bundle);
	return bundle;
}

void
bundle_reset(Bundle *bundle)
{
	MemoryContextReset(bundle->context);
	bundle->n = bundle->n_labelled = bundle->n_late = 0;
	bundle->marks = 0;
	bundle->updated_at = DT_NOBEGIN;
	bundle->summaries = MemoryContextAllocZero(bundle->context, sizeof(Summary *) * Max(bundle->n_summaries, 1));
	bundle->unknown = MemoryContextAllocZero(bundle->context, sizeof(bool) * Max(bundle->n_summaries, 1));
	bundle->fairness = MemoryContextAllocZero(bundle->context, sizeof(FairnessTable *) * Max(bundle->n_fairness, 1));
}

void
bundle_free(Bundle *bundle)
{
	MemoryContextDelete(bundle->context);
	pfree(bundle);
}

static void
merge_summary(Bundle *into, int column, const Summary *from)
{
	if (into->summaries[column] == NULL)
		into->summaries[column] = summary_copy(allocator_in(into->context), from);
	else
		summary_check_status(summary_merge(into->summaries[column], from));
}

void
bundle_add(Bundle *into, const Bundle *from)
{
	into->n += from->n;
	into->n_labelled += from->n_labelled;
	into->n_late += from->n_late;
	into->marks |= from->marks;
	into->updated_at = Max(into->updated_at, from->updated_at);
	for (int i = 0; i < into->n_summaries; i++)
	{
		if (from->summaries[i] != NULL)
			merge_summary(into, i, from->summaries[i]);
		into->unknown[i] |= from->unknown[i] || (from->summaries[i] == NULL && from->n > 0);
	}
	for (int i = 0; i < into->n_fairness; i++)
	{
		if (from->fairness[i] == NULL)
			continue;
		if (into->fairness[i] == NULL)
		{
			into->fairness[i] = fairness_copy(allocator_in(into->context), from->fairness[i]);
			/* The limit is of rows that come; panes that each keep to it can have other groups. */
			fairness_set_max_groups(into->fairness[i], 0);
		}
		else
			fairness_check_status(fairness_merge(into->fairness[i], from->fairness[i]));
	}
}

void
bundle_add_packed(Bundle *into, const Datum *packed)
{
	for (int i = 0; i < into->n_summaries; i++)
	{
		if (packed[i] == (Datum) 0)
			continue;
		if (into->summaries[i] == NULL)
			into->summaries[i] = summary_from_datum(allocator_in(into->context), packed[i]);
		else
		{
			Summary	   *from = summary_from_datum(allocator_in(into->context), packed[i]);

			summary_check_status(summary_merge(into->summaries[i], from));
			summary_free(from);
		}
	}
	into->marks |= packed_marks(packed, into->n_summaries);
}

Datum *
packed_create(int n)
{
	return palloc0(sizeof(Datum) * (n + 1));
}

int
packed_marks(const Datum *packed, int n)
{
	return DatumGetInt32(packed[n]);
}

Datum *
bundle_pack(const Bundle *bundle, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum	   *packed = packed_create(bundle->n_summaries);

	for (int i = 0; i < bundle->n_summaries; i++)
		if (bundle->summaries[i] != NULL && !bundle->unknown[i])
			packed[i] = summary_to_datum(bundle->summaries[i]);
	packed[bundle->n_summaries] = Int32GetDatum(bundle->marks);
	MemoryContextSwitchTo(old);
	return packed;
}

void
packed_free(Datum *packed, int n)
{
	if (packed == NULL)
		return;
	for (int i = 0; i < n; i++)
		if (packed[i] != (Datum) 0)
			pfree(DatumGetPointer(packed[i]));
	pfree(packed);
}
