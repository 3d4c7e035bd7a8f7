/*
 * create_learner.c
 *		The function that begins to feed a learner with the rows of a monitor.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/person.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "detect/detector_datum.h"
#include "feed/fed_learner.h"
#include "fmgr.h"
#include "learn/learner_datum.h"
#include "miscadmin.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_create_learner);

enum
{
	MONITOR,
	MODEL,
	LEARNER,
	FEATURES,
	LABEL,
	OPTIONS,
	BACKFILL,
	VERSION,
	SNAPSHOT_INTERVAL,
	SNAPSHOT_ROWS,
	ON_DRIFT,
	DETECTOR,
	DETECTOR_OPTIONS,
	KEEP_PREDICTIONS,
	PREDICTION_RETENTION,
	KEEP_VERSIONS
};

/* What is to be fed. */
typedef struct Definition
{
	int			monitor_id;
	Oid			source;
	char	   *monitor;
	char	   *label;			/* NULL: none, or none is needed */
	List	   *features;		/* of char * */
	Oid			label_type;
	LearnerKind kind;
	Jsonb	   *options;
} Definition;

/* ---- columns ---- */

/* The type of a column that the caller may read. */
static Oid
column_type(const Definition *definition, const char *column, const char *what)
{
	AttrNumber	number = get_attnum(definition->source, column);
	SqlScope	scope;
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(definition->source), CStringGetTextDatum(column)};
	char	   *class;

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("%s \"%s\" is no column of \"%s\"", what, column, get_rel_name(definition->source))));
	if (!may_read_column(definition->source, column))
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for column \"%s\" of \"%s\"", column, get_rel_name(definition->source)),
			 errhint(
				 "A learner keeps something of what it learns: its owner must be able to read it, without row-level security.")));
	sql_begin(&scope);
	sql_execute("SELECT weir.column_class($1, $2::name)", 2, types, values, NULL);
	class = sql_text(0, 1);
	if (class != NULL && strcmp(class, "personal") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("column \"%s\" is personal, and cannot be learned", column),
				 errhint("Values of personal columns leave in no form; see weir.classify_column.")));
	sql_end(&scope);
	return get_atttype(definition->source, number);
}

/* What the monitor summarizes, but for what says who a row is about, and what is to be known. */
static void
find_columns(Definition *definition)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(definition->monitor_id);
	SqlScope	scope;
	bool		is_null;
	uint64		n;

	sql_begin(&scope);
	sql_execute("SELECT source::oid, label::text FROM weir.monitor WHERE monitor_id = $1", 1, &type, &id, NULL);
	definition->source = DatumGetObjectId(sql_value(0, 1, &is_null));
	old = MemoryContextSwitchTo(context);
	definition->label = sql_text(0, 2);
	MemoryContextSwitchTo(old);
	n = sql_execute(
		"SELECT c.column_name::text FROM weir.monitor m JOIN weir.monitor_column c USING (monitor_id) WHERE m.monitor_id = $1 "
		"AND c.retired_at IS NULL AND c.kind IN ('numeric', 'category') AND coalesce(c.class NOT IN ('personal', 'sensitive'), true) "
		"AND c.column_name IS DISTINCT FROM m.label AND c.column_name IS DISTINCT FROM m.prediction AND c.column_name IS DISTINCT FROM m.score "
		"AND c.column_name <> ALL (m.protected) AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a "
		"ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = m.source AND i.indisprimary AND a.attname = c.column_name) "
		"ORDER BY c.ordinal",
		1, &type, &id, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		old = MemoryContextSwitchTo(context);
		definition->features = lappend(definition->features, sql_text(i, 1));
		MemoryContextSwitchTo(old);
	}
	sql_end(&scope);
}

static List *
given_features(ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
	List	   *features = NIL;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a feature must not be null")));
		features = lappend(features, TextDatumGetCString(values[i]));
	}
	return features;
}

static List *
without(List *names, const char *name)
{
	ListCell   *cell;

	foreach(cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			names = foreach_delete_current(names, cell);
	return names;
}

/* ---- learner ---- */

static bool
is_continuous(Oid type)
{
	switch (getBaseType(type))
	{
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case INTERVALOID: return true;
		default: return false;
	}
}

/* The column to be learned, and the learner. given NULL: the monitor's label. */
static char *
settle_label(Definition *definition, char *learner, char *given)
{
	int			kind = learner == NULL ? -1 : learner_find(learner);

	/* One that does not exist is told of with its options. */
	if (kind >= 0 && !learner_needs_label((LearnerKind) kind))
	{
		if (given != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("learner %s learns no label", learner),
					 errhint("Leave label out: each row is learned as it comes.")));
		definition->label = NULL;
		return learner;
	}
	if (given != NULL)
		definition->label = given;
	if (definition->label == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("monitor \"%s\" has no label", definition->monitor),
				 errhint("Name the column to be learned with label => .")));
	definition->label_type = column_type(definition, definition->label, "label");
	if (learner != NULL)
		return learner;
	return pstrdup(is_continuous(definition->label_type) ? "linear_regression" : "adaptive_random_forest");
}

static void
check_label(const Definition *definition, const char *name)
{
	ValueReader reader;
	bool		is_regression = learner_task(definition->kind) == LEARNER_REGRESSION;

	if (!value_reader_init(&reader, definition->label_type, is_regression ? SUMMARY_NUMERIC : SUMMARY_CATEGORY,
						   CurrentMemoryContext))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("learner %s cannot learn a label of type %s", name, format_type_be(definition->label_type)),
				 is_regression ? errhint("It learns numbers.") : errhint("It learns classes: boolean, integers, text, enums.")));
}

static void
check_learner(Definition *definition, const char *name)
{
	ListCell   *cell;
	Learner	   *learner = learner_from_names(CurrentMemoryContext, name, definition->options);

	definition->kind = learner_kind(learner);
	if (definition->label != NULL)
		check_label(definition, name);
	if (definition->features == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a learner needs at least one feature"),
				 errhint("Name columns with features => '{...}'.")));
	foreach(cell, definition->features)
	{
		char	   *feature = lfirst(cell);
		Oid			type = column_type(definition, feature, "feature");
		ValueReader reader;
		bool		is_categorical = !value_reader_init(&reader, type, SUMMARY_NUMERIC, CurrentMemoryContext);

		if (is_categorical && !value_reader_init(&reader, type, SUMMARY_CATEGORY, CurrentMemoryContext))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of type %s cannot be a feature", feature, format_type_be(type))));
		if (definition->label != NULL && strcmp(feature, definition->label) == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the label \"%s\" cannot be a feature", feature)));
		if (learner_add_feature(learner, feature, strlen(feature), is_categorical) != foreach_current_index(cell))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("feature \"%s\" is named twice, or there are too many", feature)));
	}
	learner_require_steps(learner);
}

static void
check_drift(const Definition *definition, const char *on_drift, const char *detector, Jsonb *options)
{
	Detector   *made = detector_from_names(CurrentMemoryContext, detector, options);

	if (strcmp(on_drift, "keep") != 0 && strcmp(on_drift, "reset") != 0 && strcmp(on_drift, "replace") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown value \"%s\" of on_drift", on_drift),
				 errhint("It is keep, reset or replace.")));
	if (definition->label == NULL && strcmp(on_drift, "keep") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("learner %s makes no errors that a detector could watch", learner_name(definition->kind)),
				 errhint("Leave on_drift at keep.")));
	if (learner_task(definition->kind) == LEARNER_REGRESSION && detector_input(detector_kind(made)) != DETECTOR_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("detector %s cannot watch the errors of numbers", detector),
				 errhint("Those that can: SELECT detector FROM weir.detectors WHERE input = 'number'.")));
	detector_free(made);
}

/* ---- create ---- */

/* The model, made where it is not there. Inside an SPI scope. */
static int
settle_model(const char *name, Oid user)
{
	bool		is_null;
	Model		model;

	if (sql_execute(
			"INSERT INTO weir.model (name, owner, purpose, risk, approvals) VALUES ($1, $2::oid::regrole, NULL, 'normal', 0) "
			"ON CONFLICT (name) DO NOTHING RETURNING model_id",
			2, (Oid[]){TEXTOID, OIDOID}, (Datum[]){CStringGetTextDatum(name), ObjectIdGetDatum(user)}, NULL) == 1)
	{
		int			model_id = DatumGetInt32(sql_value(0, 1, &is_null));

		audit_write("create", "model", name, "risk", "normal", "approvals", "0");
		return model_id;
	}
	model = model_find(name, true);
	model_require_owner(user, model.owner, "model", name);
	return model.model_id;
}

static Datum
text_array(List *texts)
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(texts) + 1));
	ListCell   *cell;

	foreach(cell, texts)
		values[foreach_current_index(cell)] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(values, list_length(texts), TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
type_array(const Definition *definition)
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(definition->features) + 1));
	ListCell   *cell;

	foreach(cell, definition->features)
		values[foreach_current_index(cell)] =
			ObjectIdGetDatum(get_atttype(definition->source, get_attnum(definition->source, lfirst(cell))));
	return PointerGetDatum(construct_array(values, list_length(definition->features), OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

/* Inside an SPI scope. */
static int
store(FunctionCallInfo fcinfo, const Definition *definition, int model_id, Oid user)
{
	SqlParameters parameters = {0};
	bool		is_null;

	if (!PG_ARGISNULL(VERSION) &&
		sql_execute("SELECT FROM weir.model_version WHERE model_id = $1 AND version = $2", 2, (Oid[]){INT4OID, INT4OID},
					(Datum[]){Int32GetDatum(model_id), PG_GETARG_DATUM(VERSION)}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" has no version %d", argument_text(fcinfo, MODEL), PG_GETARG_INT32(VERSION))));
	sql_add(&parameters, INT4OID, Int32GetDatum(definition->monitor_id), false);
	sql_add(&parameters, INT4OID, Int32GetDatum(model_id), false);
	sql_add_role(&parameters, user);
	sql_add_role(&parameters, person());
	sql_add_text(&parameters, learner_name(definition->kind));
	sql_add(&parameters, JSONBOID, JsonbPGetDatum(definition->options), false);
	sql_add(&parameters, TEXTARRAYOID, text_array(definition->features), false);
	sql_add(&parameters, OIDARRAYOID, type_array(definition), false);
	sql_add_text(&parameters, definition->label);
	sql_add(&parameters, OIDOID, ObjectIdGetDatum(definition->label_type), definition->label == NULL);
	sql_add(&parameters, BOOLOID, BoolGetDatum(learner_task(definition->kind) == LEARNER_REGRESSION), false);
	sql_add(&parameters, INT4OID, PG_ARGISNULL(VERSION) ? (Datum) 0 : PG_GETARG_DATUM(VERSION), PG_ARGISNULL(VERSION));
	sql_add(&parameters, BOOLOID, PG_GETARG_DATUM(BACKFILL), false);
	sql_add(&parameters, INTERVALOID, PG_ARGISNULL(SNAPSHOT_INTERVAL) ? (Datum) 0 : PG_GETARG_DATUM(SNAPSHOT_INTERVAL),
			PG_ARGISNULL(SNAPSHOT_INTERVAL));
	sql_add(&parameters, INT8OID, PG_ARGISNULL(SNAPSHOT_ROWS) ? (Datum) 0 : PG_GETARG_DATUM(SNAPSHOT_ROWS),
			PG_ARGISNULL(SNAPSHOT_ROWS));
	sql_add_text(&parameters, argument_text(fcinfo, ON_DRIFT));
	sql_add_text(&parameters, argument_text(fcinfo, DETECTOR));
	sql_add(&parameters, JSONBOID, PG_GETARG_DATUM(DETECTOR_OPTIONS), false);
	sql_add(&parameters, BOOLOID, PG_GETARG_DATUM(KEEP_PREDICTIONS), false);
	sql_add(&parameters, INTERVALOID, PG_GETARG_DATUM(PREDICTION_RETENTION), false);
	sql_add(&parameters, INT4OID, PG_ARGISNULL(KEEP_VERSIONS) ? (Datum) 0 : PG_GETARG_DATUM(KEEP_VERSIONS),
			PG_ARGISNULL(KEEP_VERSIONS));
	if (sql_run(
			"INSERT INTO weir.monitor_learner (monitor_id, model_id, owner, person, learner, options, features, feature_names, "
			"feature_types, label, label_type, is_regression, from_version, backfill, snapshot_interval, snapshot_rows, on_drift, "
			"detector, detector_options, keep_predictions, prediction_retention, keep_versions) VALUES ($1, $2, $3::oid::regrole, $4::oid::regrole, $5, $6, "
			"$7::name[], $7, $8::regtype[], $9::name, $10::oid::regtype, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) "
			"ON CONFLICT (model_id) DO NOTHING RETURNING learner_id",
			&parameters) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("model \"%s\" has a learner already", argument_text(fcinfo, MODEL)),
				 errhint("SELECT weir.drop_learner(%s) first, or choose another model.",
						 quote_literal_cstr(argument_text(fcinfo, MODEL)))));
	return DatumGetInt32(sql_value(0, 1, &is_null));
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"monitor",  "model",    "learner",          "features",          "label",
										"options",  "backfill", "version",          "snapshot_interval", "snapshot_rows",
										"on_drift", "detector", "detector_options", "keep_predictions",  "prediction_retention"};

	for (int i = MONITOR; i <= PREDICTION_RETENTION; i++)
		if (i != LEARNER && i != FEATURES && i != LABEL && i != VERSION && i != SNAPSHOT_INTERVAL && i != SNAPSHOT_ROWS)
			require_argument(fcinfo, i, names[i]);
	if (!PG_ARGISNULL(SNAPSHOT_INTERVAL) && model_interval_seconds(PG_GETARG_INTERVAL_P(SNAPSHOT_INTERVAL)) < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("snapshot_interval must be at least a second")));
	if (!PG_ARGISNULL(SNAPSHOT_ROWS) && PG_GETARG_INT64(SNAPSHOT_ROWS) < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("snapshot_rows must be at least 1")));
	if (!PG_ARGISNULL(KEEP_VERSIONS) && PG_GETARG_INT32(KEEP_VERSIONS) < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("keep_versions must be at least 1")));
	if (model_interval_seconds(PG_GETARG_INTERVAL_P(PREDICTION_RETENTION)) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("prediction_retention must be longer than zero")));
}

Datum
weir_create_learner(PG_FUNCTION_ARGS)
{
	Definition	definition = {0};
	char	   *model;
	char	   *name;
	Oid			user = GetUserId();
	SqlScope	scope;
	int			learner_id;

	check_arguments(fcinfo);
	definition.monitor = argument_text(fcinfo, MONITOR);
	model = required_name(fcinfo, MODEL, "model", "model");
	definition.monitor_id = monitor_require_owner(definition.monitor);
	definition.options = PG_GETARG_JSONB_P(OPTIONS);
	find_columns(&definition);
	if (!PG_ARGISNULL(FEATURES))
		definition.features = given_features(PG_GETARG_ARRAYTYPE_P(FEATURES));
	name = settle_label(&definition, argument_text(fcinfo, LEARNER), argument_text(fcinfo, LABEL));
	if (PG_ARGISNULL(FEATURES) && definition.label != NULL)
		definition.features = without(definition.features, definition.label);
	check_learner(&definition, name);
	check_drift(&definition, argument_text(fcinfo, ON_DRIFT), argument_text(fcinfo, DETECTOR), PG_GETARG_JSONB_P(DETECTOR_OPTIONS));

	sql_begin(&scope);
	learner_id = store(fcinfo, &definition, settle_model(model, user), user);
	sql_execute("INSERT INTO weir.learner_state (learner_id) VALUES ($1)", 1, (Oid[]){INT4OID},
				(Datum[]){Int32GetDatum(learner_id)}, NULL);
	audit_write_row("create", "learner", model, "monitor_learner", "learner_id", learner_id);
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(model)));
}
