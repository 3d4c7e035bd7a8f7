/*
 * predict_with.c
 *		Asking a version of a model by name: read once per query.
 */
#include "postgres.h"

#include <math.h>

#include "base/arguments.h"
#include "base/sql.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "feed/named_model.h"
#include "fmgr.h"
#include "learn/learner_datum.h"
#include "miscadmin.h"
#include "model/model.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(weir_model_learner);
PG_FUNCTION_INFO_V1(weir_predict_with);
PG_FUNCTION_INFO_V1(weir_predict_number_with);
PG_FUNCTION_INFO_V1(weir_predict_proba_with);

/* ---- reading a version ---- */

/* The number of a version, where an alias is one; 0: it is a name. */
static int
version_of(const char *alias)
{
	char	   *end;
	long		number = strtol(alias, &end, 10);

	return alias[0] != '\0' && *end == '\0' && number > 0 && number <= INT_MAX ? (int) number : 0;
}

bytea *
named_model_read(const char *name, const char *alias, MemoryContext context)
{
	Oid			user = GetUserId();
	SqlScope	scope;
	Model		model;
	int			version = version_of(alias);
	bool		is_current = strcmp(alias, "current") == 0;
	bool		is_null;
	Datum		value;
	bytea	   *bytes;
	MemoryContext old;

	sql_begin(&scope);
	model = model_find(name, false);
	if (!has_privs_of_role(user, ROLE_PG_READ_ALL_DATA))
		model_require_owner(user, model.owner, "model", name);
	if (!is_current && version == 0 && (version = model_alias_version(model.model_id, alias)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" has no %s", name, alias),
				 errhint("SELECT weir.promote_model(%s, version, %s), or ask with alias => 'current' for its learner as it is now.",
						 quote_literal_cstr(name), quote_literal_cstr(alias))));
	if (is_current
			? sql_execute("SELECT s.model FROM weir.monitor_learner l JOIN weir.learner_state s USING (learner_id) "
						  "WHERE l.model_id = $1 AND s.model IS NOT NULL",
						  1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(model.model_id)}, NULL) == 0
			: sql_execute("SELECT artifact FROM weir.model_version WHERE model_id = $1 AND version = $2", 2,
						  (Oid[]){INT4OID, INT4OID}, (Datum[]){Int32GetDatum(model.model_id), Int32GetDatum(version)}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 is_current ? errmsg("model \"%s\" has no learner that has begun", name)
							: errmsg("model \"%s\" has no version %d", name, version)));
	value = sql_value(0, 1, &is_null);
	if (is_null)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("version %d of model \"%s\" is kept elsewhere, and cannot be asked here", version, name)));
	old = MemoryContextSwitchTo(context);
	bytes = (bytea *) PG_DETOAST_DATUM_COPY(value);
	MemoryContextSwitchTo(old);
	sql_end(&scope);
	return bytes;
}

Datum
weir_model_learner(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	bytes = named_model_read(argument_text(fcinfo, 0), argument_text(fcinfo, 1), CurrentMemoryContext);
	/* What others stored is checked. */
	learner_free(learner_from_bytes(CurrentMemoryContext, VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ));
	PG_RETURN_POINTER(bytes);
}

/* ---- kept between calls ---- */

typedef struct Cached
{
	MemoryContext context;
	text	   *model;
	text	   *alias;
	FeatureReader reader;
} Cached;

static bool
is_same(const text *kept, const text *given)
{
	return VARSIZE_ANY(kept) == VARSIZE_ANY(given) && memcmp(kept, given, VARSIZE_ANY(kept)) == 0;
}

static text *
copy_text(MemoryContext context, const text *value)
{
	text	   *copy = MemoryContextAlloc(context, VARSIZE_ANY(value));

	memcpy(copy, value, VARSIZE_ANY(value));
	return copy;
}

/* The reader with the row of the call; NULL where there is nothing to ask. */
static FeatureReader *
read_call(FunctionCallInfo fcinfo, int alias_number)
{
	Cached	   *cached = fcinfo->flinfo->fn_extra;
	text	   *model;
	text	   *alias;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(alias_number))
		return NULL;
	model = PG_GETARG_TEXT_PP(0);
	alias = PG_GETARG_TEXT_PP(alias_number);
	if (cached == NULL)
	{
		cached = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Cached));
		cached->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "weir model", ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = cached;
	}
	if (cached->model == NULL || !is_same(cached->model, model) || !is_same(cached->alias, alias))
	{
		bytea	   *bytes;
		Learner	   *learner;

		cached->model = NULL;
		MemoryContextReset(cached->context);
		bytes = named_model_read(text_to_cstring(model), text_to_cstring(alias), cached->context);
		learner = learner_from_bytes(cached->context, VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
		pfree(bytes);
		feature_reader_init(&cached->reader, cached->context, learner, get_fn_expr_argtype(fcinfo->flinfo, 1));
		cached->alias = copy_text(cached->context, alias);
		cached->model = copy_text(cached->context, model);
	}
	if (learner_n_rows(cached->reader.learner) == 0)
		return NULL;
	feature_reader_read(&cached->reader, PG_GETARG_DATUM(1), false);
	return &cached->reader;
}

Datum
weir_predict_with(PG_FUNCTION_ARGS)
{
	FeatureReader *reader = read_call(fcinfo, 2);
	bool		is_known = false;
	Datum		prediction = reader == NULL ? (Datum) 0 : learner_prediction(reader, &is_known);

	if (!is_known)
		PG_RETURN_NULL();
	return prediction;
}

Datum
weir_predict_number_with(PG_FUNCTION_ARGS)
{
	return said_number(fcinfo, read_call(fcinfo, 2));
}

Datum
weir_predict_proba_with(PG_FUNCTION_ARGS)
{
	return said_probability(fcinfo, read_call(fcinfo, 3), 2);
}
