/*
 * learner_datum.c
 *		Learners made from the server's values, stored as such, and kept between calls.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/memory.h"
#include "base/options_datum.h"
#include "learn/learner_datum.h"
#include "lib/stringinfo.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

Learner *
learner_from_names(MemoryContext context, const char *name, Jsonb *options)
{
	int			kind = learner_find(name);
	double		values[LEARNER_MAX_OPTIONS];
	const char *conflict;
	JsonbValue *pipeline = options == NULL ? NULL : pipeline_value(options);
	Learner	   *learner;

	if (kind < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no learner \"%s\"", name),
				 errhint("SELECT learner FROM weir.learners lists them.")));
	if (options == NULL)
		learner_initial_options(kind, values);
	else
		options_from_jsonb("learner", name, learner_option(kind, 0), learner_n_options(kind),
						   pipeline == NULL ? options : without_pipeline(options), values);
	conflict = learner_check_options(kind, values);
	if (conflict != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options of learner %s do not go together", name),
				 errdetail("%s", conflict)));
	learner = learner_create(allocator_in(context), kind, values);
	if (pipeline != NULL)
		pipeline_from_jsonb(learner, pipeline);
	return learner;
}

Jsonb *
learner_options_jsonb(LearnerKind kind, const double *options)
{
	return options_to_jsonb(learner_option(kind, 0), learner_n_options(kind), options);
}

Datum
feature_label(const Learner *learner, int feature)
{
	int			value = learner_feature_value(learner, feature);
	int			source = learner_feature_source(learner, feature);
	size_t		length;
	const char *name = learner_feature_name(learner, value < 0 ? feature : source, &length);
	StringInfoData text;

	initStringInfo(&text);
	appendBinaryStringInfo(&text, name, (int) length);
	if (value >= 0)
	{
		name = learner_category_name(learner, source, value, &length);
		appendStringInfoChar(&text, '=');
		appendBinaryStringInfo(&text, name, (int) length);
	}
	return PointerGetDatum(cstring_to_text_with_len(text.data, text.len));
}

Datum
learner_to_datum(const Learner *learner)
{
	Size		size = learner_encoded_size(learner);
	struct varlena *result;

	if (size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the learner is too large to be stored"),
				 errdetail("It takes %zu bytes; the limit is %zu.", size, (Size) MaxAllocSize),
				 errhint("Give it less with the option max_memory.")));
	result = palloc(add_size(size, VARHDRSZ));
	SET_VARSIZE(result, size + VARHDRSZ);
	learner_encode(learner, (uint8_t *) VARDATA(result));
	return PointerGetDatum(result);
}

Learner *
learner_from_bytes(MemoryContext context, const char *bytes, Size size)
{
	Learner	   *learner = NULL;
	LearnerStatus status = learner_decode(allocator_in(context), (const uint8_t *) bytes, size, &learner);

	if (status == LEARNER_OTHER_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("weir.learner of a version that is not known"),
				 errhint("It was written by a later release of weir.")));
	if (status != LEARNER_OK)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid weir.learner")));
	return learner;
}

Learner *
learner_from_datum(MemoryContext context, Datum datum)
{
	struct varlena *value = pg_detoast_datum_packed((struct varlena *) DatumGetPointer(datum));

	return learner_from_bytes(context, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/* ---- kept between calls ---- */

typedef struct Cached
{
	MemoryContext context;		/* of the learner and its reader, made anew with each */
	Size		size;
	char	   *raw;			/* the argument as it came: a value stored outside is known by its pointer */
	Learner	   *learner;
	bool		has_reader;
	FeatureReader reader;
} Cached;

static bool
is_same(FunctionCallInfo fcinfo, const Cached *cached, const struct varlena *raw)
{
	if (cached->learner == NULL)
		return false;
	/* A constant or parameter; comparing a large one with every row would cost more than asking it. */
	if (get_fn_expr_arg_stable(fcinfo->flinfo, 0))
		return true;
	return VARSIZE_ANY(raw) == cached->size && memcmp(raw, cached->raw, cached->size) == 0;
}

static Cached *
cached_argument(FunctionCallInfo fcinfo)
{
	Cached	   *cached = fcinfo->flinfo->fn_extra;
	struct varlena *raw = (struct varlena *) PG_GETARG_POINTER(0);

	if (cached == NULL)
	{
		cached = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Cached));
		cached->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "weir learner", ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = cached;
	}
	if (is_same(fcinfo, cached, raw))
		return cached;
	cached->learner = NULL;
	cached->has_reader = false;
	MemoryContextReset(cached->context);
	cached->size = VARSIZE_ANY(raw);
	cached->raw = MemoryContextAllocHuge(cached->context, cached->size);
	memcpy(cached->raw, raw, cached->size);
	cached->learner = learner_from_datum(cached->context, PG_GETARG_DATUM(0));
	return cached;
}

Learner *
cached_learner(FunctionCallInfo fcinfo)
{
	return cached_argument(fcinfo)->learner;
}

FeatureReader *
cached_reader(FunctionCallInfo fcinfo)
{
	Cached	   *cached = cached_argument(fcinfo);

	if (!cached->has_reader)
	{
		feature_reader_init(&cached->reader, cached->context, cached->learner, get_fn_expr_argtype(fcinfo->flinfo, 1));
		cached->has_reader = true;
	}
	return &cached->reader;
}
