/*
 * fairness_named.c
 *		The groups of a fairness table with their names for people, and the one that others are compared with.
 */
#include "postgres.h"

#include "base/memory.h"
#include "fairness/fairness_datum.h"
#include "fairness/fairness_metrics.h"
#include "fairness/fairness_named.h"
#include "storage/shmem.h"

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const NamedGroup *) a)->name, ((const NamedGroup *) b)->name);
}

NamedGroup *
fairness_named_groups(Datum datum, size_t *n)
{
	FairnessTable *table = fairness_from_datum(allocator_in(CurrentMemoryContext), datum);
	FairnessGroup *groups;
	NamedGroup *result;

	*n = fairness_groups(table, NULL, 0);
	groups = palloc(mul_size(*n + 1, sizeof(FairnessGroup)));
	result = palloc(mul_size(*n + 1, sizeof(NamedGroup)));
	fairness_groups(table, groups, *n);
	for (size_t i = 0; i < *n; i++)
	{
		size_t		length = fairness_key_display(groups[i].key, groups[i].length, NULL, 0);

		result[i].name = palloc(add_size(length, 1));
		fairness_key_display(groups[i].key, groups[i].length, result[i].name, length);
		result[i].name[length] = '\0';
		result[i].group = groups[i];
	}
	if (*n > 1)
		qsort(result, *n, sizeof(NamedGroup), compare_names);
	return result;
}

void
fairness_check_options(int32 min_group_size, double confidence)
{
	if (min_group_size < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("min_group_size must not be negative")));
	if (!(confidence > 0 && confidence < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("confidence must lie between 0 and 1"),
				 errhint("0.95 is usual.")));
}

static bool
is_known(const FairnessGroup *group)
{
	size_t		offset = 0;
	const char *value;
	size_t		length;

	while (fairness_key_next(group->key, group->length, &offset, &value, &length))
		if (value == NULL)
			return false;
	return true;
}

const NamedGroup *
fairness_reference_group(const NamedGroup *groups, size_t n, const char *name)
{
	const NamedGroup *best = NULL;

	for (size_t i = 0; i < n; i++)
	{
		const FairnessGroup *group = &groups[i].group;

		if (name != NULL)
		{
			if (strcmp(groups[i].name, name) == 0)
				return &groups[i];
			continue;
		}
		if (best == NULL || (is_known(group) && !is_known(&best->group)) ||
			(is_known(group) == is_known(&best->group) && fairness_group_size(group) > fairness_group_size(&best->group)))
			best = &groups[i];
	}
	return best;
}
