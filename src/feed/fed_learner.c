/*
 * fed_learner.c
 *		A learner of a monitor: its definition and state, read and written.
 */
#include "postgres.h"

#include "base/memory.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "base/withhold.h"
#include "capture/fault.h"
#include "catalog/pg_type.h"
#include "detect/detector_datum.h"
#include "feed/fed_learner.h"
#include "learn/learner_datum.h"
#include "learn/prequential_datum.h"
#include "monitor/boundary.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* ---- cuts ---- */

void
fed_learner_set_cut(FedLearner *fed, const char *text)
{
	LearnerCut *cut = &fed->cut;
	char	   *rest;
	int			capacity = 1;

	fed->cut_text = MemoryContextStrdup(fed->context, text);
	cut->xmin = strtou64(text, &rest, 10);
	cut->xmax = strtou64(rest + 1, &rest, 10);
	cut->n_running = 0;
	for (const char *c = rest; *c != '\0'; c++)
		capacity += *c == ',';
	cut->running = MemoryContextAlloc(fed->context, capacity * sizeof(uint64));
	while (*rest != '\0' && rest[1] != '\0')
		cut->running[cut->n_running++] = strtou64(rest + 1, &rest, 10);
	fed->has_begun = true;
}

bool
fed_learner_has_read(const FedLearner *fed, uint64 xid)
{
	const LearnerCut *cut = &fed->cut;

	if (xid < cut->xmin || xid >= cut->xmax)
		return xid < cut->xmin;
	for (int i = 0; i < cut->n_running; i++)
		if (cut->running[i] == xid)
			return false;
	return true;
}

/* ---- reading ---- */

static char **
read_texts(Datum array, int *n)
{
	Datum	   *values;
	char	  **texts;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, n);
	texts = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		texts[i] = TextDatumGetCString(values[i]);
	return texts;
}

/* A number where the type reads as such, as in learn/feature_reader.c. */
static bool
is_categorical(Oid type)
{
	ValueReader reader;

	return !value_reader_init(&reader, type, SUMMARY_NUMERIC, CurrentMemoryContext);
}

static int64
read_int(int column)
{
	bool		is_null;
	Datum		value = sql_value(0, column, &is_null);

	return is_null ? 0 : DatumGetInt64(value);
}

static TimestampTz
read_time(int column)
{
	bool		is_null;
	Datum		value = sql_value(0, column, &is_null);

	return is_null ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

static OnDrift
on_drift_of(const char *name)
{
	return strcmp(name, "reset") == 0 ? ON_DRIFT_RESET : strcmp(name, "replace") == 0 ? ON_DRIFT_REPLACE : ON_DRIFT_KEEP;
}

#define DEFINITION \
	"SELECT l.monitor_id::bigint, l.model_id::bigint, m.name, l.learner, l.options, l.feature_names, " \
	"ARRAY(SELECT t::oid FROM pg_catalog.unnest(l.feature_types) WITH ORDINALITY u (t, i) ORDER BY i), l.is_regression, " \
	"l.from_version::bigint, l.backfill, (extract(epoch FROM l.snapshot_interval) * 1000000)::bigint, l.snapshot_rows, l.on_drift, " \
	"l.detector, l.detector_options, l.keep_predictions, s.epoch::bigint, l.xmin::text || (s.cut IS NULL), s.cut::text, s.applied, s.n_seen, " \
	"s.n_learned, s.n_corrected, s.n_retracted, s.n_warnings, s.n_drifts, s.last_drift_at, s.latest_at, s.learned_at_snapshot, " \
	"s.snapshot_at, l.keep_versions::bigint FROM weir.monitor_learner l JOIN weir.learner_state s USING (learner_id) JOIN weir.model m USING (model_id) " \
	"WHERE l.learner_id = $1 AND s.disabled_reason IS NULL"

static void
read_definition(FedLearner *fed)
{
	bool		is_null;
	LearnerKind kind;
	Datum	   *types;
	int			n;

	fed->monitor_id = (int) read_int(1);
	fed->model_id = (int) read_int(2);
	fed->model = sql_text(0, 3);
	fed->name = sql_text(0, 4);
	fed->options = DatumGetJsonbPCopy(sql_value(0, 5, &is_null));
	fed->feature_names = read_texts(sql_value(0, 6, &is_null), &fed->n_features);
	deconstruct_array(DatumGetArrayTypeP(sql_value(0, 7, &is_null)), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &types, NULL, &n);
	fed->feature_is_categorical = palloc(sizeof(bool) * Max(n, 1));
	for (int i = 0; i < n; i++)
		fed->feature_is_categorical[i] = is_categorical(DatumGetObjectId(types[i]));
	fed->is_regression = DatumGetBool(sql_value(0, 8, &is_null));
	kind = (LearnerKind) learner_find(fed->name);
	fed->needs_label = learner_needs_label(kind);
	fed->tells_classes = learner_tells_classes(kind);
	fed->from_version = (int) read_int(9);
	fed->backfill = DatumGetBool(sql_value(0, 10, &is_null));
	fed->snapshot_us = read_int(11);
	fed->snapshot_rows = read_int(12);
	fed->on_drift = on_drift_of(sql_text(0, 13));
	fed->detector_name = sql_text(0, 14);
	fed->detector_options = DatumGetJsonbPCopy(sql_value(0, 15, &is_null));
	fed->keeps_predictions = DatumGetBool(sql_value(0, 16, &is_null));
	fed->epoch = (int) read_int(17);
	fed->version = sql_text(0, 18);
	fed->applied = read_int(20);
	fed->n_seen = read_int(21);
	fed->n_learned = read_int(22);
	fed->n_corrected = read_int(23);
	fed->n_retracted = read_int(24);
	fed->n_warnings = read_int(25);
	fed->n_drifts = read_int(26);
	fed->last_drift_at = read_time(27);
	fed->latest_at = read_time(28);
	fed->learned_at_snapshot = read_int(29);
	fed->snapshot_at = read_time(30);
	fed->keep_versions = (int) read_int(31);
	if (sql_text(0, 19) != NULL)
		fed_learner_set_cut(fed, sql_text(0, 19));
	fed->row = palloc(sizeof(double) * Max(fed->n_features, 1));
	fed->change.values = palloc(sizeof(LearnerValue) * (fed->n_features + 1));
}

/* What has been learned so far. */
static void
read_state(FedLearner *fed)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(fed->learner_id);
	bool		is_null;
	Datum		value;
	struct varlena *bytes;

	sql_execute("SELECT model, successor, detector, evaluation FROM weir.learner_state WHERE learner_id = $1", 1, &type, &id, NULL);
	value = sql_value(0, 1, &is_null);
	if (!is_null)
		fed->learner = learner_from_datum(fed->context, value);
	value = sql_value(0, 2, &is_null);
	if (!is_null)
		fed->successor = learner_from_datum(fed->context, value);
	value = sql_value(0, 3, &is_null);
	if (!is_null)
	{
		bytes = pg_detoast_datum_packed((struct varlena *) DatumGetPointer(value));
		if (detector_decode(allocator_in(fed->context), (const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes),
							&fed->detector) != DETECTOR_OK)
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("the detector of learner %d cannot be read", fed->learner_id)));
	}
	value = sql_value(0, 4, &is_null);
	if (!is_null)
		fed->evaluation = prequential_from_bytes(fed->context, DatumGetByteaPP(value));
}

FedLearner *
fed_learner_load(int learner_id, MemoryContext parent)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(learner_id);
	MemoryContext context;
	MemoryContext old;
	FedLearner *fed;

	if (sql_execute(DEFINITION, 1, &type, &id, NULL) == 0)
		return NULL;
	/* Where it cannot be read, it goes with the scope. */
	context = AllocSetContextCreate(CurrentMemoryContext, "weir fed learner", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	fed = palloc0(sizeof(FedLearner));
	fed->context = context;
	fed->learner_id = learner_id;
	read_definition(fed);
	MemoryContextSwitchTo(old);
	if (fed->has_begun)
		read_state(fed);
	FAULT(FAULT_LEARNER_READ);
	MemoryContextSetParent(context, parent);
	return fed;
}

void
fed_learner_free(FedLearner *fed)
{
	MemoryContextDelete(fed->context);
}

/* Neither waits for anybody who has a row locked. */
void
fed_learner_follow_owners(void)
{
	sql_execute(
		"UPDATE weir.monitor_learner l SET owner = o.relowner::regrole FROM (SELECT k.learner_id, c.relowner FROM weir.monitor_learner k "
		"JOIN weir.monitor m USING (monitor_id) JOIN pg_catalog.pg_class c ON c.oid = m.source "
		"WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = k.owner) FOR NO KEY UPDATE OF k SKIP LOCKED) o "
		"WHERE l.learner_id = o.learner_id",
		0, NULL, NULL, NULL);
	sql_execute(
		"UPDATE weir.model m SET owner = o.owner FROM (SELECT k.model_id, l.owner FROM weir.model k JOIN weir.monitor_learner l "
		"USING (model_id) WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = k.owner) "
		"AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = l.owner) FOR NO KEY UPDATE OF k SKIP LOCKED) o "
		"WHERE m.model_id = o.model_id",
		0, NULL, NULL, NULL);
}

bool
fed_learner_fail(int learner_id, const char *what, const ErrorData *error)
{
	bool		lasts = error_is_lasting(error->sqlerrcode);
	SqlParameters parameters = {0};
	SqlScope	scope;
	bool		is_told;

	sql_add(&parameters, INT4OID, Int32GetDatum(learner_id), false);
	sql_add_text(&parameters, error->hint != NULL ? psprintf("%s. %s", error->message, error->hint) : error->message);
	sql_add(&parameters, BOOLOID, BoolGetDatum(lasts), false);
	sql_begin(&scope);
	/* Nobody who has it locked is waited for: it is tried again. */
	is_told =
		sql_run(
			"UPDATE weir.learner_state s SET disabled_reason = CASE WHEN $3 THEN $2 END, "
			"waiting_reason = CASE WHEN NOT $3 THEN $2 END, epoch = epoch + $3::int FROM (SELECT learner_id "
			"FROM weir.learner_state WHERE learner_id = $1 AND disabled_reason IS NULL AND ($3 OR waiting_reason IS DISTINCT FROM $2) "
			"FOR UPDATE SKIP LOCKED) k WHERE s.learner_id = k.learner_id",
			&parameters) > 0;
	sql_end(&scope);
	if (is_told)
		ereport(
			LOG,
			(errmsg("weir could not %s: %s", what, message_without_values(error)),
			 lasts
				 ? errhint(
					   "It is set aside: once this is mended, weir.resume_learner goes on with it, or weir.reset_learner begins anew.")
				 : errhint("It is tried again: see waiting_reason in weir.monitor_learners.")));
	return !lasts || !is_told;
}

/* ---- beginning ---- */

Learner *
fed_learner_untrained(const FedLearner *fed)
{
	Learner	   *learner = learner_from_names(fed->context, fed->name, fed->options);

	for (int i = 0; i < fed->n_features; i++)
		if (learner_add_feature(learner, fed->feature_names[i], strlen(fed->feature_names[i]), fed->feature_is_categorical[i]) != i)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("the features have two columns called \"%s\"", fed->feature_names[i])));
	learner_require_steps(learner);
	return learner;
}

/* The model's version that it goes on from: its features must be these. */
static Learner *
learner_of_version(const FedLearner *fed)
{
	Datum		values[] = {Int32GetDatum(fed->model_id), Int32GetDatum(fed->from_version)};
	bool		is_null;
	bytea	   *bytes;
	Learner	   *learner;
	bool		is_same;

	if (sql_execute("SELECT artifact FROM weir.model_version WHERE model_id = $1 AND version = $2", 2, (Oid[]){INT4OID, INT4OID},
					values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" has no version %d", fed->model, fed->from_version)));
	bytes = DatumGetByteaPP(sql_value(0, 1, &is_null));
	learner = learner_from_bytes(fed->context, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	if ((int) learner_kind(learner) != learner_find(fed->name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("version %d of model \"%s\" is not a %s", fed->from_version, fed->model, fed->name)));
	is_same = learner_n_inputs(learner) == fed->n_features;
	for (int i = 0; i < fed->n_features && is_same; i++)
		is_same = learner_find_feature(learner, fed->feature_names[i], strlen(fed->feature_names[i])) == i &&
			learner_feature_is_categorical(learner, i) == fed->feature_is_categorical[i];
	if (!is_same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("version %d of model \"%s\" has other features than the learner", fed->from_version, fed->model)));
	return learner;
}

void
fed_learner_begin(FedLearner *fed)
{
	fed->learner = fed->from_version > 0 ? learner_of_version(fed) : fed_learner_untrained(fed);
	fed->successor = NULL;
	fed->detector = detector_from_names(fed->context, fed->detector_name, fed->detector_options);
	fed->evaluation = prequential_create(allocator_in(fed->context), fed->is_regression);
	fed->n_seen = fed->n_learned = fed->n_corrected = fed->n_retracted = fed->n_warnings = fed->n_drifts = 0;
	fed->learned_at_snapshot = 0;
	fed->last_drift_at = fed->latest_at = DT_NOBEGIN;
	fed->snapshot_at = GetCurrentTimestamp();
}

/* ---- writing ---- */

static Datum
detector_to_datum(const Detector *detector)
{
	Size		size = detector_encoded_size(detector);
	bytea	   *bytes = palloc(size + VARHDRSZ);

	SET_VARSIZE(bytes, size + VARHDRSZ);
	detector_encode(detector, (uint8_t *) VARDATA(bytes));
	return PointerGetDatum(bytes);
}

bool
fed_learner_store(FedLearner *fed)
{
	SqlParameters parameters = {0};
	Oid			learner_type = extension_type("learner");
	Datum		model = learner_to_datum(fed->learner);
	size_t		memory = learner_memory(fed->learner);

	if (fed->successor != NULL)
		memory += learner_memory(fed->successor);
	fed->state_size = VARSIZE_ANY(DatumGetPointer(model));
	sql_add(&parameters, INT4OID, Int32GetDatum(fed->learner_id), false);
	sql_add(&parameters, INT4OID, Int32GetDatum(fed->epoch), false);
	sql_add_text(&parameters, fed->cut_text);
	sql_add(&parameters, learner_type, model, false);
	sql_add(&parameters, learner_type, fed->successor == NULL ? (Datum) 0 : learner_to_datum(fed->successor),
			fed->successor == NULL);
	sql_add(&parameters, extension_type("detector_state"), detector_to_datum(fed->detector), false);
	sql_add(&parameters, BYTEAOID, PointerGetDatum(prequential_to_bytes(fed->evaluation)), false);
	sql_add_int(&parameters, fed->applied);
	sql_add_int(&parameters, fed->n_seen);
	sql_add_int(&parameters, fed->n_learned);
	sql_add_int(&parameters, fed->n_corrected);
	sql_add_int(&parameters, fed->n_retracted);
	sql_add_int(&parameters, fed->n_warnings);
	sql_add_int(&parameters, fed->n_drifts);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(fed->last_drift_at), fed->last_drift_at == DT_NOBEGIN);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(fed->latest_at), fed->latest_at == DT_NOBEGIN);
	sql_add_int(&parameters, fed->learned_at_snapshot);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(fed->snapshot_at), false);
	sql_add_int(&parameters, (int64) memory);
	if (sql_run(
			"UPDATE weir.learner_state s SET cut = $3::pg_catalog.pg_snapshot, model = $4, successor = $5, detector = $6, "
			"evaluation = $7, applied = $8, n_seen = $9, n_learned = $10, n_corrected = $11, n_retracted = $12, n_warnings = $13, "
			"n_drifts = $14, waiting_reason = NULL, last_drift_at = $15, latest_at = $16, learned_at_snapshot = $17, snapshot_at = $18, memory_bytes = $19, "
			"updated_at = pg_catalog.clock_timestamp() FROM (SELECT learner_id FROM weir.learner_state WHERE learner_id = $1 "
			"AND epoch = $2 AND disabled_reason IS NULL FOR UPDATE SKIP LOCKED) k WHERE s.learner_id = k.learner_id",
			&parameters) != 1)
		return false;
	sql_execute("DELETE FROM weir.learner_change WHERE learner_id = $1 AND change_id <= $2", 2, (Oid[]){INT4OID, INT8OID},
				(Datum[]){Int32GetDatum(fed->learner_id), Int64GetDatum(fed->applied)}, NULL);
	return true;
}
