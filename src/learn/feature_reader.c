/*
 * feature_reader.c
 *		Rows and labels of the server as learners take them.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type_d.h"
#include "learn/feature_reader.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* Features that an error names. */
#define LISTED 10

static bool
is_record(Oid type)
{
	return type == RECORDOID || type_is_rowtype(type);
}

void
feature_reader_init(FeatureReader *reader, MemoryContext context, Learner *learner, Oid type)
{
	Oid			element = get_element_type(getBaseType(type));

	*reader = (FeatureReader){.context = context, .learner = learner, .type = type};
	if (is_record(type))
		return;
	reader->readers = MemoryContextAllocZero(context, sizeof(ValueReader));
	if (!OidIsValid(element) || !value_reader_init(reader->readers, element, SUMMARY_NUMERIC, context))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("features cannot be of type %s", format_type_be(type)),
				 errhint("Give a row, such as ROW(a, b) or a subquery's, or an array of numbers.")));
	reader->element = element;
	get_typlenbyvalalign(element, &reader->element_length, &reader->element_by_value, &reader->element_alignment);
}

/* A number unless the type reads as a category alone. A literal in ROW('a', NULL) has no type yet: its text is there. */
static bool
read_as_feature(ValueReader *reader, Oid type, MemoryContext context)
{
	if (type == UNKNOWNOID)
	{
		*reader = (ValueReader){.type = type, .base_type = type, .kind = SUMMARY_CATEGORY};
		return true;
	}
	return value_reader_init(reader, type, SUMMARY_NUMERIC, context) || value_reader_init(reader, type, SUMMARY_CATEGORY, context);
}

static void
name_features(FeatureReader *reader, int n, bool (*is_categorical)(const FeatureReader *, int))
{
	if (n == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a learner needs at least one feature")));
	if (n > LEARNER_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a learner can have at most %d features", LEARNER_MAX_FEATURES),
				 errdetail("The row has %d.", n)));
	for (int i = 0; i < n; i++)
	{
		char		number[16];
		const char *name = number;

		snprintf(number, sizeof(number), "x%d", i + 1);
		if (reader->description != NULL)
			name = NameStr(TupleDescAttr(reader->description, reader->columns[i])->attname);
		if (learner_add_feature(reader->learner, name, strlen(name), is_categorical(reader, i)) != i)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("the features have two columns called \"%s\"", name),
					 errhint("Give one of them another name in a subquery.")));
	}
	learner_require_steps(reader->learner);
}

/* Those that come from outside, the first of them. */
static const char *
features_listed(const Learner *learner)
{
	StringInfoData list;
	int			n = learner_n_inputs(learner);

	initStringInfo(&list);
	for (int i = 0; i < n && i < LISTED; i++)
	{
		size_t		length;
		const char *name = learner_feature_name(learner, i, &length);

		appendStringInfo(&list, "%s%.*s", i == 0 ? "" : ", ", (int) length, name);
	}
	if (n > LISTED)
		appendStringInfo(&list, ", and %d more", n - LISTED);
	return list.data;
}

void
learner_require_steps(Learner *learner)
{
	int			number;
	const char *conflict = learner_bind_steps(learner, &number);
	double		max_memory = learner_options(learner)[learner_find_option(learner_kind(learner), "max_memory")];

	if (conflict == NULL)
	{
		size_t		needed = learner_first_memory(learner);

		if ((double) needed > max_memory)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("max_memory of %.0f bytes does not suffice for learner %s", max_memory,
							learner_name(learner_kind(learner))),
					 errdetail("With these features and options it takes %zu before its first row.", needed),
					 errhint("Give it more, or options that ask for less.")));
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("step %d of the pipeline, %s, does not go with the features", number + 1,
					step_kinds[learner_pipeline(learner)->steps[number].kind]),
			 errdetail("%s", conflict), errhint("The features are %s.", features_listed(learner))));
}

static bool
array_is_categorical(const FeatureReader *reader, int feature)
{
	return false;
}

static bool
column_is_categorical(const FeatureReader *reader, int feature)
{
	int			column = reader->columns[feature];
	Form_pg_attribute attribute = TupleDescAttr(reader->description, column);

	if (!OidIsValid(reader->readers[column].type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be a feature", NameStr(attribute->attname),
						format_type_be(attribute->atttypid)),
				 errhint("Leave it out in a subquery, or take numbers or text out of it.")));
	return reader->readers[column].kind == SUMMARY_CATEGORY;
}

static void
make_room(FeatureReader *reader)
{
	Size		n = Max(learner_n_features(reader->learner), 1);

	if (reader->row == NULL)
		reader->row = MemoryContextAllocZero(reader->context, n * sizeof(double));
}

/* ---- records ---- */

static int
column_named(TupleDesc description, const char *name, size_t length)
{
	for (int i = 0; i < description->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(description, i);

		if (!attribute->attisdropped && strlen(NameStr(attribute->attname)) == length &&
			memcmp(NameStr(attribute->attname), name, length) == 0)
			return i;
	}
	return -1;
}

/* ROW(...) names its columns f1, f2 and so on: then they stand for the learner's features in order. */
static bool
is_unnamed(TupleDesc description)
{
	for (int i = 0; i < description->natts; i++)
	{
		char		number[16];

		snprintf(number, sizeof(number), "f%d", i + 1);
		if (strcmp(NameStr(TupleDescAttr(description, i)->attname), number) != 0)
			return false;
	}
	return true;
}

static void
match_columns(FeatureReader *reader)
{
	Learner	   *learner = reader->learner;
	TupleDesc	description = reader->description;
	int			n = learner_n_inputs(learner);
	bool		by_place = description->natts == n && is_unnamed(description);

	for (int i = 0; i < n; i++)
	{
		size_t		length;
		const char *name = learner_feature_name(learner, i, &length);

		reader->columns[i] = by_place ? i : column_named(description, name, length);
		if (reader->columns[i] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("the row has no feature \"%.*s\"", (int) length, name),
					 errdetail("The learner has %d features; SELECT * FROM weir.learner_features(model) lists them.", n)));
		if (column_is_categorical(reader, i) != learner_feature_is_categorical(learner, i) &&
			reader->readers[reader->columns[i]].type != UNKNOWNOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("feature \"%.*s\" is not of the kind that was learned", (int) length, name),
					 errdetail("It was learned as a %s.", learner_feature_is_categorical(learner, i) ? "category" : "number"),
					 errhint("Cast it to the type it had.")));
	}
}

/* Learns how rows of this type are read. */
static void
describe_record(FeatureReader *reader, Oid type, int32 typmod, bool learning)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	int			n_columns = 0;
	int			n;

	reader->description = lookup_rowtype_tupdesc_copy(type, typmod);
	n = Max(reader->description->natts, 1);
	reader->record_type = type;
	reader->record_typmod = typmod;
	reader->readers = palloc0((Size) n * sizeof(ValueReader));
	reader->values = palloc((Size) n * sizeof(Datum));
	reader->nulls = palloc((Size) n * sizeof(bool));
	reader->columns = palloc((Size) Max(n, learner_n_features(reader->learner)) * sizeof(int));
	for (int i = 0; i < reader->description->natts; i++)
		if (!TupleDescAttr(reader->description, i)->attisdropped)
		{
			if (!read_as_feature(&reader->readers[i], TupleDescAttr(reader->description, i)->atttypid, reader->context))
				reader->readers[i].type = InvalidOid;
			reader->columns[n_columns++] = i;
		}
	if (learner_n_features(reader->learner) == 0 && learning)
		name_features(reader, n_columns, column_is_categorical);
	else
		match_columns(reader);
	MemoryContextSwitchTo(old);
}

static double
number_or_missing(double value)
{
	return isfinite(value) && fabs(value) <= LEARNER_LARGEST ? value : NAN;
}

static double
read_column(FeatureReader *reader, int feature, Datum value, bool learning)
{
	const ValueReader *column = &reader->readers[reader->columns[feature]];
	CategoryText text;
	double		code;

	if (column->kind == SUMMARY_NUMERIC)
		return number_or_missing(value_reader_number(column, value));
	if (column->type == UNKNOWNOID)
	{
		if (!learner_feature_is_categorical(reader->learner, feature))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("feature %d was learned as a number, and is \"%s\"", feature + 1, DatumGetCString(value)),
					 errhint("Write it without quotes.")));
		text = (CategoryText){.bytes = DatumGetCString(value), .length = strlen(DatumGetCString(value))};
	}
	else
		value_reader_get_text(column, value, &text);
	code = learning ? learner_category_add(reader->learner, feature, text.bytes, text.length)
					: learner_category(reader->learner, feature, text.bytes, text.length);
	category_text_free(&text);
	return code;
}

static void
read_record(FeatureReader *reader, Datum features, bool learning)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(features);
	Oid			type = HeapTupleHeaderGetTypeId(header);
	int32		typmod = HeapTupleHeaderGetTypMod(header);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	int			n;

	ItemPointerSetInvalid(&tuple.t_self);
	if (reader->description == NULL || type != reader->record_type || typmod != reader->record_typmod)
		describe_record(reader, type, typmod, learning);
	make_room(reader);
	heap_deform_tuple(&tuple, reader->description, reader->values, reader->nulls);
	n = learner_n_inputs(reader->learner);
	for (int i = 0; i < n; i++)
	{
		int			column = reader->columns[i];

		reader->row[i] = reader->nulls[column] ? NAN : read_column(reader, i, reader->values[column], learning);
	}
}

/* ---- arrays ---- */

/* The elements of an array as numbers, into the row. */
static void
read_elements(FeatureReader *reader, ArrayType *array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, reader->element, reader->element_length, reader->element_by_value, reader->element_alignment,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		reader->row[i] = nulls[i] ? NAN : number_or_missing(value_reader_number(reader->readers, elements[i]));
	pfree(elements);
	pfree(nulls);
}

static void
read_array(FeatureReader *reader, Datum features, bool learning)
{
	ArrayType  *array = DatumGetArrayTypeP(features);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (learner_n_features(reader->learner) == 0 && learning)
		name_features(reader, n, array_is_categorical);
	if (n != learner_n_inputs(reader->learner))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an array of %d features, where the learner has %d", n, learner_n_inputs(reader->learner))));
	make_room(reader);
	for (int i = 0; i < n; i++)
		if (learner_feature_is_categorical(reader->learner, i))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("feature %d was learned as a category", i + 1),
					 errhint("Give a row instead of an array.")));
	if (reader->element == FLOAT8OID && !ARR_HASNULL(array))
		for (int i = 0; i < n; i++)
			reader->row[i] = number_or_missing(((const float8 *) ARR_DATA_PTR(array))[i]);
	else
		read_elements(reader, array);
}

void
feature_reader_read(FeatureReader *reader, Datum features, bool learning)
{
	if (is_record(reader->type))
		read_record(reader, features, learning);
	else
		read_array(reader, features, learning);
}

/* ---- labels ---- */

void
feature_reader_init_label(FeatureReader *reader, Oid type)
{
	bool		is_number = learner_task(learner_kind(reader->learner)) == LEARNER_REGRESSION;

	if (!learner_needs_label(learner_kind(reader->learner)))
		return;
	if (!value_reader_init(&reader->label, type, is_number ? SUMMARY_NUMERIC : SUMMARY_CATEGORY, reader->context))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("learner %s cannot learn a label of type %s", learner_name(learner_kind(reader->learner)),
						format_type_be(type)),
				 type == UNKNOWNOID ? errhint("A literal has no type here: write 'yes'::text, or NULL::boolean.")
					 : is_number    ? errhint("It learns numbers.")
									: errhint("It learns classes: boolean, integers, text, enums.")));
	reader->has_label = true;
}

bool
feature_reader_target(FeatureReader *reader, Datum label, double *target)
{
	LearnerKind kind = learner_kind(reader->learner);
	CategoryText text;

	*target = 0;
	if (!learner_needs_label(kind))
		return true;
	if (learner_task(kind) == LEARNER_REGRESSION)
	{
		*target = value_reader_number(&reader->label, label);
		return !isnan(number_or_missing(*target));
	}
	value_reader_get_text(&reader->label, label, &text);
	*target = learner_class_add(reader->learner, text.bytes, text.length);
	category_text_free(&text);
	if (*target >= 0)
		return true;
	if (learner_n_classes(reader->learner) < (learner_task(kind) == LEARNER_BINARY ? 2 : LEARNER_MAX_CLASSES))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("learner %s has no memory for a class more than its %d", learner_name(kind),
						learner_n_classes(reader->learner)),
				 errhint("Give it more with the option max_memory.")));
	if (learner_task(kind) == LEARNER_BINARY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("learner %s can tell two classes apart, and the labels have a third", learner_name(kind)),
				 errhint("softmax_regression, gaussian_naive_bayes and the trees take more.")));
	ereport(
		ERROR,
		(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a learner can have at most %d classes", LEARNER_MAX_CLASSES),
		 errhint(
			 "If the label is a number, use a learner of numbers: SELECT learner FROM weir.learners WHERE task = 'regression'.")));
}
