/*
 * subset_scan_sql.c
 *		Searches for the subgroup that is treated most unlike the others, over the groups of a fairness table: subset_scan and
 *		fairness_subgroups.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/memory.h"
#include "catalog/pg_type.h"
#include "fairness/fairness_datum.h"
#include "fairness/fairness_named.h"
#include "fairness/fairness_subgroup.h"
#include "fairness/subset_scan_datum.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_subset_scan);
PG_FUNCTION_INFO_V1(weir_fairness_subgroups);

#define MAX_PERMUTATIONS 1000000

/* ---- columns and their values ---- */

GroupColumns *
group_columns_create(int n_columns)
{
	GroupColumns *columns = palloc(sizeof(GroupColumns));

	columns->n_columns = n_columns;
	columns->n_values = palloc0(mul_size(n_columns + 1, sizeof(int)));
	columns->names = palloc0(mul_size(n_columns + 1, sizeof(char **)));
	return columns;
}

static bool
is_name(const char *name, const char *value, size_t length)
{
	if (name == NULL || value == NULL)
		return name == value;
	return strlen(name) == length && memcmp(name, value, length) == 0;
}

int
group_columns_value(GroupColumns *columns, int column, const char *value, size_t length)
{
	int			n = columns->n_values[column];
	char	  **names = columns->names[column];

	for (int i = 0; i < n; i++)
		if (is_name(names[i], value, length))
			return i;
	/* Room is doubled whenever it is full. */
	if (n == 0)
		names = palloc(sizeof(char *));
	else if ((n & (n - 1)) == 0)
		names = repalloc(names, mul_size(2 * (Size) n, sizeof(char *)));
	columns->names[column] = names;
	names[n] = value == NULL ? NULL : pnstrdup(value, length);
	columns->n_values[column]++;
	return n;
}

/* Unknown after known, then by byte order: it must not matter which came first. */
static int
compare_names(const void *a, const void *b)
{
	const char *x = *(const char *const *) a;
	const char *y = *(const char *const *) b;

	if (x == NULL || y == NULL)
		return (x == NULL) - (y == NULL);
	return strcmp(x, y);
}

static void
push_name(JsonbInState *state, const char *name)
{
	JsonbValue	value = {.type = jbvNull};

	if (name != NULL)
	{
		value.type = jbvString;
		value.val.string.val = unconstify(char *, name);
		value.val.string.len = (int) strlen(name);
	}
	pushJsonbValue(state, WJB_ELEM, &value);
}

Jsonb *
group_columns_subset(const GroupColumns *columns, const bool *included)
{
	JsonbInState state = {0};

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < columns->n_columns; included += columns->n_values[i++])
	{
		JsonbValue	key = {.type = jbvString};
		const char **names = palloc(mul_size(columns->n_values[i] + 1, sizeof(char *)));
		int			n = 0;

		for (int j = 0; j < columns->n_values[i]; j++)
			if (included[j])
				names[n++] = columns->names[i][j];
		if (n == columns->n_values[i])
			continue;
		qsort(names, n, sizeof(char *), compare_names);
		key.val.string.val = psprintf("%d", i + 1);
		key.val.string.len = (int) strlen(key.val.string.val);
		pushJsonbValue(&state, WJB_KEY, &key);
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		for (int j = 0; j < n; j++)
			push_name(&state, names[j]);
		pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	}
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(state.result);
}

static int
read_permutations(FunctionCallInfo fcinfo, int argument, int preset)
{
	int			permutations = PG_ARGISNULL(argument) ? preset : PG_GETARG_INT32(argument);

	if (permutations < 0 || permutations > MAX_PERMUTATIONS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("permutations must lie between 0 and %d", MAX_PERMUTATIONS)));
	return permutations;
}

static void
pause_for_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

int
subset_scan_options(FunctionCallInfo fcinfo, int first, ScanProblem *problem)
{
	problem->pause = pause_for_interrupts;
	problem->penalty = PG_ARGISNULL(first) ? 0 : PG_GETARG_FLOAT8(first);
	problem->n_restarts = PG_ARGISNULL(first + 1) ? 10 : PG_GETARG_INT32(first + 1);
	problem->seed = PG_ARGISNULL(first + 3) ? 1 : (uint64) PG_GETARG_INT64(first + 3);
	if (!(problem->penalty >= 0 && isfinite(problem->penalty)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("penalty must be a number from 0")));
	if (problem->n_restarts < 0 || problem->n_restarts > 10000)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("restarts must lie between 0 and 10000")));
	return read_permutations(fcinfo, first + 2, 199);
}

/* The columns of a table, and each group's value in each of them. */
static GroupColumns *
columns_of(const NamedGroup *groups, size_t n, int n_columns, int ***values)
{
	GroupColumns *columns = group_columns_create(n_columns);

	*values = palloc(mul_size(n + 1, sizeof(int *)));
	for (size_t i = 0; i < n; i++)
	{
		size_t		offset = 0;

		CHECK_FOR_INTERRUPTS();
		(*values)[i] = palloc0(mul_size(n_columns + 1, sizeof(int)));
		for (int j = 0; j < n_columns; j++)
		{
			const char *value;
			size_t		length;

			if (!fairness_key_next(groups[i].group.key, groups[i].group.length, &offset, &value, &length))
				elog(ERROR, "a group has fewer values than its table has columns");
			(*values)[i][j] = group_columns_value(columns, j, value, length);
		}
	}
	return columns;
}

static FairnessRate
read_rate(FunctionCallInfo fcinfo, int argument, const char *preset)
{
	const char *name = PG_ARGISNULL(argument) ? preset : text_to_cstring(PG_GETARG_TEXT_PP(argument));

	const NamedRate *rate = fairness_rate_find(name);

	if (rate != NULL)
		return rate->rate;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no rate \"%s\"", name),
			 errhint("SELECT rate FROM weir.fairness_spread(f) lists them.")));
	return RATE_SELECTION;		/* not reached */
}

/* ---- subset scan ---- */

void
subset_scan_rows(ReturnSetInfo *result, const GroupColumns *columns, const ScanProblem *problem, int permutations,
				 bool conserve_total)
{
	SubsetScan *scan = scan_create(allocator_in(CurrentMemoryContext), problem);

	for (int direction = 0; direction < 2; direction++)
	{
		ScanResult	found = *scan_find(scan, direction == 0);
		Jsonb	   *subset = group_columns_subset(columns, found.included);
		bool		is_defined = found.n > 0 && found.expected > 0 && found.expected < (double) found.n;
		int			n_as_far = 0;
		Datum		values[11];
		bool		nulls[11] = {false};

		for (int i = 0; is_defined && i < permutations; i++)
		{
			CHECK_FOR_INTERRUPTS();
			n_as_far += scan_simulate(scan, direction == 0, conserve_total) >= found.score - 1e-9 * fmax(1, found.score);
		}
		values[0] = CStringGetTextDatum(direction == 0 ? "higher" : "lower");
		values[1] = JsonbPGetDatum(subset);
		values[2] = Float8GetDatum(found.score);
		values[3] = Float8GetDatum(found.odds);
		values[4] = Int64GetDatum(found.n);
		values[5] = Int64GetDatum(found.observed);
		values[6] = Float8GetDatum(found.expected);
		values[7] = Float8GetDatum((double) (n_as_far + 1) / (double) (permutations + 1));
		values[8] = Int32GetDatum(permutations);
		values[9] = BoolGetDatum(found.is_exact);
		values[10] = CStringGetTextDatum(is_defined ? "ok" : "undefined");
		nulls[2] = nulls[3] = nulls[6] = !is_defined;
		nulls[7] = !is_defined || permutations == 0;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	scan_free(scan);
}

Datum
weir_subset_scan(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	FairnessRate rate = read_rate(fcinfo, 1, "selection_rate");
	ScanProblem problem = {0};
	int			permutations = subset_scan_options(fcinfo, 2, &problem);
	GroupColumns *columns;
	NamedGroup *groups;
	ScanCell   *cells;
	ScanExpectation *expectations;
	Proportion	all = {0, 0};
	int		  **values;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	groups = fairness_named_groups(PG_GETARG_DATUM(0), &n);
	columns = columns_of(groups, n, fairness_datum_columns(PG_GETARG_DATUM(0)), &values);
	cells = palloc(mul_size(n + 1, sizeof(ScanCell)));
	expectations = palloc(mul_size(n + 1, sizeof(ScanExpectation)));
	for (size_t i = 0; i < n; i++)
	{
		Proportion	own = fairness_rate(&groups[i].group, rate);

		all = (Proportion){all.successes + own.successes, all.trials + own.trials};
		expectations[i].n = own.trials;
		cells[i] =
			(ScanCell){.values = values[i], .observed = own.successes, .n_expectations = 1, .expectations = &expectations[i]};
	}
	for (size_t i = 0; i < n; i++)
		expectations[i].probability = all.trials == 0 ? 0 : (double) all.successes / (double) all.trials;
	problem.n_attributes = columns->n_columns;
	problem.n_values = columns->n_values;
	problem.n_cells = n;
	problem.cells = cells;
	if (n > 0)
		subset_scan_rows(result, columns, &problem, permutations, true);
	return (Datum) 0;
}

/* ---- subgroups ---- */

static Datum
member_names(const NamedGroup *groups, size_t n, const bool *members)
{
	Datum	   *names = palloc(mul_size(n + 1, sizeof(Datum)));
	int			n_names = 0;

	for (size_t i = 0; i < n; i++)
		if (members[i])
			names[n_names++] = CStringGetTextDatum(groups[i].name);
	return PointerGetDatum(construct_array(names, n_names, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The values that a conjunction names. */
static Jsonb *
conjunction_subset(const GroupColumns *columns, const Subgroup *found, int *const *values)
{
	int			n = 0;
	bool	   *included;

	for (int i = 0; i < columns->n_columns; i++)
		n += columns->n_values[i];
	included = palloc0(mul_size(n + 1, sizeof(bool)));
	n = 0;
	for (int i = 0; i < columns->n_columns; i++)
		for (int j = 0; j < columns->n_values[i]; j++)
			included[n++] = (found->named >> i & 1) == 0 || values[found->example][i] == j;
	return group_columns_subset(columns, included);
}

static double
value_of(Proportion rate)
{
	return rate.trials == 0 ? NAN : (double) rate.successes / (double) rate.trials;
}

static void
put_subgroup(ReturnSetInfo *result, SubgroupFamily family, const Subgroup *found, Proportion all, const NamedGroup *groups,
			 const GroupColumns *columns, int *const *group_values, const SubgroupProblem *problem, double p_value)
{
	static const char *const families[] = {"conjunction", "linear", "any"};
	bool		is_found = found->rate.trials > 0;
	double		rate = value_of(found->rate);
	double		overall = value_of(all);
	Datum		values[11];
	bool		nulls[11] = {false};

	values[0] = CStringGetTextDatum(families[family]);
	values[1] = Float8GetDatum(found->gamma);
	nulls[1] = isnan(found->gamma) || all.trials == 0;
	values[2] = Float8GetDatum(rate);
	values[3] = Float8GetDatum(overall);
	values[4] = Float8GetDatum(rate - overall);
	values[5] = Int64GetDatum(found->rate.trials);
	values[6] = Float8GetDatum((double) found->rate.trials / (double) problem->n_rows);
	nulls[2] = nulls[4] = nulls[6] = !is_found;
	nulls[3] = all.trials == 0;
	nulls[7] = !is_found || family != SUBGROUP_CONJUNCTION;
	values[7] = nulls[7] ? (Datum) 0 : JsonbPGetDatum(conjunction_subset(columns, found, group_values));
	values[8] = member_names(groups, problem->n_cells, found->members);
	values[9] = Float8GetDatum(p_value);
	nulls[9] = isnan(p_value) || nulls[1];
	values[10] = CStringGetTextDatum(nulls[1] ? "undefined" : "ok");
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Rows whose outcome of this kind is known: what a subgroup's share is a share of. */
static FairnessRate
rate_of_all_rows(FairnessRate rate)
{
	return rate == RATE_SELECTION || rate == RATE_BASE ? rate : RATE_ACCURACY;
}

Datum
weir_fairness_subgroups(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	FairnessRate rate = read_rate(fcinfo, 1, "false_positive_rate");
	int			permutations = read_permutations(fcinfo, 3, 999);
	uint64_t	state = PG_ARGISNULL(4) ? 1 : (uint64) PG_GETARG_INT64(4);
	SubgroupProblem problem = {.pause = pause_for_interrupts};
	SubgroupSearch *search;
	GroupColumns *columns;
	NamedGroup *groups;
	Proportion *rates;
	Proportion	all = {0, 0};
	int		  **values;
	double		gammas[SUBGROUP_N_FAMILIES];
	int64		n_as_far[SUBGROUP_N_FAMILIES] = {0};
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(2) && PG_GETARG_INT32(2) < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("depth must be at least 1")));
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	groups = fairness_named_groups(PG_GETARG_DATUM(0), &n);
	if (n == 0)
		return (Datum) 0;
	columns = columns_of(groups, n, fairness_datum_columns(PG_GETARG_DATUM(0)), &values);
	rates = palloc(mul_size(n + 1, sizeof(Proportion)));
	for (size_t i = 0; i < n; i++)
	{
		rates[i] = fairness_rate(&groups[i].group, rate);
		all = (Proportion){all.successes + rates[i].successes, all.trials + rates[i].trials};
		problem.n_rows += fairness_rate(&groups[i].group, rate_of_all_rows(rate)).trials;
	}
	problem.n_attributes = columns->n_columns;
	problem.n_values = columns->n_values;
	problem.n_cells = n;
	problem.values = (const int *const *) values;
	problem.rates = rates;
	problem.depth = PG_ARGISNULL(2) ? columns->n_columns : Min(columns->n_columns, PG_GETARG_INT32(2));
	if (subgroup_n_candidates(&problem) > SUBGROUP_MAX_CANDIDATES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many subgroups"),
				 errdetail("Conjunctions of %d of %d columns over %zu groups.", problem.depth, columns->n_columns, n),
				 errhint("Give a smaller depth, or keep fewer columns with weir.fairness_project.")));
	search = subgroup_create(allocator_in(CurrentMemoryContext), &problem);
	for (int family = 0; family < SUBGROUP_N_FAMILIES; family++)
		gammas[family] = subgroup_find(search, (SubgroupFamily) family)->gamma;
	for (int i = 0; all.trials > 0 && i < permutations; i++)
	{
		double		dealt[SUBGROUP_N_FAMILIES];

		CHECK_FOR_INTERRUPTS();
		subgroup_simulate(search, &state, dealt);
		for (int family = 0; family < SUBGROUP_N_FAMILIES; family++)
			n_as_far[family] += dealt[family] >= gammas[family] * (1 - 1e-12);
	}
	for (int family = 0; family < SUBGROUP_N_FAMILIES; family++)
		put_subgroup(result, (SubgroupFamily) family, subgroup_find(search, (SubgroupFamily) family), all, groups, columns, values,
					 &problem, permutations == 0 ? NAN : (double) (n_as_far[family] + 1) / (double) (permutations + 1));
	subgroup_free(search);
	return (Datum) 0;
}
