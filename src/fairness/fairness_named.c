/*
 * fairness_named.c
 *		The groups of a fairness table with their names for people, the one that others are compared with, and what SQL asks for.
 */
#include "postgres.h"

#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fairness/fairness_datum.h"
#include "fairness/fairness_metrics.h"
#include "fairness/fairness_named.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"

const NamedRate fairness_named_rates[] = {
	{"selection_rate", RATE_SELECTION},
	{"base_rate", RATE_BASE},
	{"accuracy", RATE_ACCURACY},
	{"true_positive_rate", RATE_TRUE_POSITIVE},
	{"false_positive_rate", RATE_FALSE_POSITIVE},
	{"true_negative_rate", RATE_TRUE_NEGATIVE},
	{"false_negative_rate", RATE_FALSE_NEGATIVE},
	{"positive_predictive_value", RATE_POSITIVE_PREDICTIVE},
	{"negative_predictive_value", RATE_NEGATIVE_PREDICTIVE},
	{"false_discovery_rate", RATE_FALSE_DISCOVERY},
	{"false_omission_rate", RATE_FALSE_OMISSION},
};

const int	fairness_n_named_rates = lengthof(fairness_named_rates);

const NamedRate *
fairness_rate_find(const char *name)
{
	for (int i = 0; i < fairness_n_named_rates; i++)
		if (strcmp(fairness_named_rates[i].name, name) == 0)
			return &fairness_named_rates[i];
	return NULL;
}

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

int
fairness_datum_columns(Datum datum)
{
	FairnessTable *table = fairness_from_datum(allocator_in(CurrentMemoryContext), datum);
	int			n = fairness_n_columns(table);

	fairness_free(table);
	return n;
}

FairnessGroup *
fairness_bare_groups(const NamedGroup *groups, size_t n)
{
	FairnessGroup *bare = palloc(mul_size(n + 1, sizeof(FairnessGroup)));

	for (size_t i = 0; i < n; i++)
		bare[i] = groups[i].group;
	return bare;
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

static const NamedGroup *
largest_group(const NamedGroup *groups, size_t n)
{
	const NamedGroup *largest = NULL;

	for (size_t i = 0; i < n; i++)
	{
		const FairnessGroup *group = &groups[i].group;

		if (largest == NULL || (is_known(group) && !is_known(&largest->group)) ||
			(is_known(group) == is_known(&largest->group) && fairness_group_size(group) > fairness_group_size(&largest->group)))
			largest = &groups[i];
	}
	return largest;
}

const NamedGroup *
fairness_reference_group(const NamedGroup *groups, size_t n, const char *name, int metric, int64 min_group_size)
{
	size_t		best;

	for (size_t i = 0; name != NULL && i < n; i++)
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	if (name == NULL || strcmp(name, "largest") == 0)
		return largest_group(groups, n);
	if (strcmp(name, "best") != 0)
		return NULL;
	best = fairness_best_group(metric, fairness_bare_groups(groups, n), n, min_group_size);
	return best == n ? NULL : &groups[best];
}

int *
fairness_read_metrics(FunctionCallInfo fcinfo, int argument, int *n)
{
	int		   *metrics;
	Datum	   *names;
	bool	   *nulls;

	if (PG_ARGISNULL(argument))
	{
		*n = fairness_metric_count();
		metrics = palloc(sizeof(int) * *n);
		for (int i = 0; i < *n; i++)
			metrics[i] = i;
		return metrics;
	}
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, n);
	metrics = palloc(sizeof(int) * (*n + 1));
	for (int i = 0; i < *n; i++)
	{
		const char *name;

		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a metric's name must not be null")));
		name = TextDatumGetCString(names[i]);
		metrics[i] = fairness_metric_find(name);
		if (metrics[i] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no fairness metric \"%s\"", name),
					 errhint("See SELECT weir.fairness_metric_names().")));
	}
	return metrics;
}
