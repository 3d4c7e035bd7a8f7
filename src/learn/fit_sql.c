/*
 * fit_sql.c
 *		Models made from summaries, such as those of windows: no row is read.
 */
#include "postgres.h"

#include <math.h>

#include "base/aggregate.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "learn/fit.h"
#include "learn/learner_datum.h"
#include "nodes/pg_list.h"
#include "summary/summary_datum.h"
#include "summary/summary_object.h"
#include "summary/summary_vector.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(weir_fit_bayes_row);
PG_FUNCTION_INFO_V1(weir_fit_bayes_final);
PG_FUNCTION_INFO_V1(weir_fit_discriminant_row);
PG_FUNCTION_INFO_V1(weir_fit_discriminant_final);
PG_FUNCTION_INFO_V1(weir_fit_ridge);

/* What is known of a class, and of numbers of one of its features. */
typedef struct Cell
{
	char	   *label;
	char	   *feature;		/* NULL: a vector of all */
	Summary	   *summary;
} Cell;

typedef struct Fitting
{
	List	   *cells;			/* of Cell */
	char	  **features;		/* of vectors */
	int			n_features;
} Fitting;

/* ---- gathering ---- */

static void
gather(Fitting *fitting, MemoryContext context, const char *label, const char *feature, Datum datum, SummaryKind kind)
{
	const Summary *summary = summary_borrow(datum);
	MemoryContext old;
	ListCell   *cell;
	Cell	   *found = NULL;

	if (summary_kind(summary) != kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the summary%s%s is one of kind %s", feature ? " of feature " : "", feature ? feature : "",
						summary_kind_name(summary_kind(summary))),
				 errhint("What is fitted here needs kind %s.", summary_kind_name(kind))));
	foreach(cell, fitting->cells)
	{
		Cell	   *known = lfirst(cell);

		if (strcmp(known->label, label) == 0 && (feature == NULL || strcmp(known->feature, feature) == 0))
			found = known;
	}
	old = MemoryContextSwitchTo(context);
	if (found != NULL)
		summary_check_status(summary_merge(found->summary, summary));
	else
	{
		found = palloc(sizeof(Cell));
		found->label = pstrdup(label);
		found->feature = feature == NULL ? NULL : pstrdup(feature);
		found->summary = summary_copy(allocator_in(context), summary);
		fitting->cells = lappend(fitting->cells, found);
	}
	MemoryContextSwitchTo(old);
}

static int
compare_labels(const ListCell *a, const ListCell *b)
{
	return strcmp(((const Cell *) lfirst(a))->label, ((const Cell *) lfirst(b))->label);
}

/* The learner with the classes of the cells, in the order of their names. */
static Learner *
learner_with(const char *name, const char *options, char **features, int n_features)
{
	Learner	   *learner =
		learner_from_names(CurrentMemoryContext, name, DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(options))));

	for (int i = 0; i < n_features; i++)
		if (learner_add_feature(learner, features[i], strlen(features[i]), false) != i)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("feature \"%s\" is named twice, or there are too many", features[i])));
	return learner;
}

static int
add_class(Learner *learner, const char *label)
{
	int			class = learner_class_add(learner, label, strlen(label));

	if (class < 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a learner can have at most %d classes", LEARNER_MAX_CLASSES)));
	return class;
}

static void
refuse_singular(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION), errmsg("the covariance of the features is singular"),
			 errhint("One of them follows from others, or is constant: leave it out; for ridge regression, alpha above 0 helps.")));
}

/* ---- fit_gaussian_naive_bayes(label, feature, summary) ---- */

Datum
weir_fit_bayes_row(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Fitting	   *fitting = PG_ARGISNULL(0) ? MemoryContextAllocZero(context, sizeof(Fitting)) : (Fitting *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3))
		gather(fitting, context, text_to_cstring(PG_GETARG_TEXT_PP(1)), text_to_cstring(PG_GETARG_TEXT_PP(2)), PG_GETARG_DATUM(3),
			   SUMMARY_NUMERIC);
	PG_RETURN_POINTER(fitting);
}

Datum
weir_fit_bayes_final(PG_FUNCTION_ARGS)
{
	Fitting	   *fitting = PG_ARGISNULL(0) ? NULL : (Fitting *) PG_GETARG_POINTER(0);
	List	   *cells;
	ListCell   *cell;
	Learner	   *learner;
	double	   *weights;
	double		total = 0;

	if (fitting == NULL || fitting->cells == NIL)
		PG_RETURN_NULL();
	cells = list_copy(fitting->cells);
	list_sort(cells, compare_labels);
	learner = learner_with("gaussian_naive_bayes", "{}", NULL, 0);
	foreach(cell, fitting->cells)
	{
		const Cell *known = lfirst(cell);

		if (learner_find_feature(learner, known->feature, strlen(known->feature)) < 0 &&
			learner_add_feature(learner, known->feature, strlen(known->feature), false) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a learner can have at most %d features", LEARNER_MAX_FEATURES)));
	}
	/* A class has as many rows as a feature has values, missing ones included. */
	weights = palloc0(sizeof(double) * list_length(cells));
	foreach(cell, cells)
	{
		const Cell *known = lfirst(cell);
		int			class = add_class(learner, known->label);

		weights[class] = Max(weights[class], (double) (summary_n(known->summary) + summary_null_count(known->summary)));
	}
	for (int class = 0; class < learner_n_classes(learner); class ++)
	{
		fit_bayes_class(learner, class, weights[class]);
		total += weights[class];
	}
	foreach(cell, cells)
	{
		const Cell *known = lfirst(cell);
		double		n = (double) summary_finite_count(known->summary);
		double		mean;
		double		variance;

		if (!summary_mean(known->summary, &mean) || !isfinite(mean))
			continue;
		if (!summary_variance(known->summary, &variance))
			variance = 0;
		fit_bayes_number(learner, learner_class(learner, known->label, strlen(known->label)),
						 learner_find_feature(learner, known->feature, strlen(known->feature)), n, mean, variance * (n - 1));
	}
	fit_rows(learner, (int64) total);
	return learner_to_datum(learner);
}

/* ---- vectors ---- */

static char **
feature_names(ArrayType *array, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	char	  **names;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, n);
	names = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a feature must not be null")));
		names[i] = TextDatumGetCString(values[i]);
	}
	return names;
}

/* Mean and covariance of so many elements. */
static void
read_moments(const Summary *summary, int dimension, double *mean, double *covariance)
{
	if (summary_vector_dimension(summary) != dimension)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the summary is of vectors of %d elements, where %d are expected", summary_vector_dimension(summary),
						dimension)));
	if (!summary_vector_has_covariance(summary))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the covariance of more than %d elements is not kept", VECTOR_FULL_COVARIANCE)));
	(void) summary_vector_mean(summary, mean);
	for (int i = 0; i < dimension; i++)
		for (int j = 0; j < dimension; j++)
			if (!summary_vector_covariance(summary, i, j, &covariance[i * dimension + j]))
				covariance[i * dimension + j] = 0;
}

/* Sums near the largest double have no moments. */
static bool
are_finite(const double *numbers, int n)
{
	for (int i = 0; i < n; i++)
		if (!isfinite(numbers[i]))
			return false;
	return true;
}

/* ---- fit_ridge(summary, features, alpha) ---- */

Datum
weir_fit_ridge(PG_FUNCTION_ARGS)
{
	const Summary *summary = summary_borrow(PG_GETARG_DATUM(0));
	int			n;
	char	  **features = feature_names(PG_GETARG_ARRAYTYPE_P(1), &n);
	double		alpha = PG_GETARG_FLOAT8(2);
	Learner	   *learner = learner_with("linear_regression", "{\"scale\": false}", features, n);
	int			width = n + 1;
	double	   *mean = palloc(sizeof(double) * width);
	double	   *scatter = palloc(sizeof(double) * width * width);
	double	   *coefficients = palloc(sizeof(double) * Max(n, 1));
	double		intercept;

	if (!(alpha >= 0) || isinf(alpha))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("alpha must be 0 or more")));
	if (summary_kind(summary) != SUMMARY_VECTOR || n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("a ridge regression needs a summary of vectors, and features"),
				 errhint("Summarize an array of the features and, last, the label.")));
	if (summary_vector_count(summary) < 2)
		PG_RETURN_NULL();
	read_moments(summary, width, mean, scatter);
	for (int i = 0; i < width * width; i++)
		scatter[i] *= (double) (summary_vector_count(summary) - 1);
	if (!fit_ridge(n, scatter, mean, alpha, palloc(sizeof(double) * n * n), coefficients, &intercept) ||
		!are_finite(coefficients, n) || !isfinite(intercept))
		refuse_singular();
	fit_linear_output(learner, 0, 1, coefficients, intercept);
	fit_rows(learner, summary_vector_count(summary));
	return learner_to_datum(learner);
}

/* ---- fit_linear_discriminant(label, summary, features) ---- */

Datum
weir_fit_discriminant_row(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Fitting	   *fitting = PG_ARGISNULL(0) ? MemoryContextAllocZero(context, sizeof(Fitting)) : (Fitting *) PG_GETARG_POINTER(0);

	if (PG_ARGISNULL(3))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"features\" must not be null")));
	if (fitting->features == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		fitting->features = feature_names(PG_GETARG_ARRAYTYPE_P(3), &fitting->n_features);
		MemoryContextSwitchTo(old);
	}
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		gather(fitting, context, text_to_cstring(PG_GETARG_TEXT_PP(1)), NULL, PG_GETARG_DATUM(2), SUMMARY_VECTOR);
	PG_RETURN_POINTER(fitting);
}

Datum
weir_fit_discriminant_final(PG_FUNCTION_ARGS)
{
	Fitting	   *fitting = PG_ARGISNULL(0) ? NULL : (Fitting *) PG_GETARG_POINTER(0);
	int			n;
	int			n_classes = 0;
	List	   *cells;
	ListCell   *cell;
	Learner	   *learner;
	double	   *pooled;
	double	   *covariance;
	double	   *means;
	double	   *shares;
	double	   *coefficients;
	double	   *intercepts;
	double		total = 0;

	if (fitting == NULL || fitting->cells == NIL)
		PG_RETURN_NULL();
	n = fitting->n_features;
	cells = list_copy(fitting->cells);
	list_sort(cells, compare_labels);
	learner = learner_with("softmax_regression", "{\"scale\": false}", fitting->features, n);
	pooled = palloc0(sizeof(double) * n * n);
	covariance = palloc(sizeof(double) * n * n);
	means = palloc0(sizeof(double) * n * list_length(cells));
	shares = palloc(sizeof(double) * list_length(cells));
	coefficients = palloc(sizeof(double) * n * list_length(cells));
	intercepts = palloc(sizeof(double) * list_length(cells));
	foreach(cell, cells)
	{
		const Cell *known = lfirst(cell);
		double		count = (double) summary_vector_count(known->summary);

		if (count == 0)
			continue;
		read_moments(known->summary, n, &means[n_classes * n], covariance);
		for (int i = 0; i < n * n; i++)
			pooled[i] += (count - 1) * covariance[i];
		shares[n_classes++] = count;
		total += count;
		(void) add_class(learner, known->label);
	}
	if (n_classes < 2 || total <= n_classes)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("a linear discriminant needs two classes, and more rows than classes"),
				 errdetail("There are %d classes with rows.", n_classes)));
	for (int i = 0; i < n * n; i++)
		pooled[i] /= total;
	for (int i = 0; i < n_classes; i++)
		shares[i] /= total;
	if (!fit_discriminant(n, n_classes, pooled, means, shares, coefficients, intercepts) ||
		!are_finite(coefficients, n * n_classes) || !are_finite(intercepts, n_classes))
		refuse_singular();
	for (int i = 0; i < n_classes; i++)
		fit_linear_output(learner, i, n_classes, &coefficients[i * n], intercepts[i]);
	fit_rows(learner, (int64) total);
	return learner_to_datum(learner);
}
