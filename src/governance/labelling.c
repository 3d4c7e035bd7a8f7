/*
 * labelling.c
 *		Labelling queues: which rows people should label, who labels which, and where their labels go.
 */
#include "postgres.h"

#include <math.h>

#include "base/arguments.h"
#include "base/audit.h"
#include "base/person.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "governance/governance.h"
#include "governance/labelling.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(weir_create_labelling_queue);
PG_FUNCTION_INFO_V1(weir_drop_labelling_queue);
PG_FUNCTION_INFO_V1(weir_fill_labelling_queue);

#define MAX_FILL 1000000

LabellingQueue *
labelling_queue_find(const char *name, int queue_id)
{
	LabellingQueue *queue = palloc0(sizeof(LabellingQueue));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inside;
	SqlParameters parameters = {0};
	SqlScope	scope;
	char	   *monitor = NULL;
	bool		is_null;

	sql_begin(&scope);
	sql_add_text(&parameters, name);
	sql_add_int(&parameters, queue_id);
	if (sql_run("SELECT queue_id, q.name, q.owner::oid, m.name, labels_per_item, uncertain, disagreeing, random_share, threshold,"
				" challenger_score::text, label_table::oid, label_key::text, label_column::text, labellers, challenger"
				" FROM weir.labelling_queue q JOIN weir.monitor m USING (monitor_id) WHERE q.name = $1 OR queue_id = $2",
				&parameters) > 0)
	{
		Datum		labellers = sql_value(0, 14, &is_null);

		inside = MemoryContextSwitchTo(caller);
		queue->labellers = is_null ? NULL : DatumGetArrayTypePCopy(labellers);
		queue->queue_id = DatumGetInt32(sql_value(0, 1, &is_null));
		queue->name = pstrdup(sql_text(0, 2));
		queue->owner = DatumGetObjectId(sql_value(0, 3, &is_null));
		monitor = pstrdup(sql_text(0, 4));
		queue->labels_per_item = DatumGetInt32(sql_value(0, 5, &is_null));
		queue->uncertain = DatumGetFloat8(sql_value(0, 6, &is_null));
		queue->disagreeing = DatumGetFloat8(sql_value(0, 7, &is_null));
		queue->random_share = DatumGetFloat8(sql_value(0, 8, &is_null));
		queue->threshold = DatumGetFloat8(sql_value(0, 9, &is_null));
		queue->challenger_score = sql_text(0, 10);
		queue->label_table = DatumGetObjectId(sql_value(0, 11, &is_null));
		queue->label_key = sql_text(0, 12);
		queue->label_column = sql_text(0, 13);
		queue->challenger = sql_text(0, 15);
		MemoryContextSwitchTo(inside);
	}
	sql_end(&scope);
	if (monitor == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("labelling queue \"%s\" does not exist", name != NULL ? name : psprintf("number %d", queue_id)),
				 errhint("Create it with weir.create_labelling_queue().")));
	queue->monitor = governed_monitor(monitor);
	return queue;
}

static void
require_queue_owner(const LabellingQueue *queue)
{
	require_role(queue->owner, psprintf("labelling queue \"%s\"", queue->name));
}

static void
require_column(Oid relation, const char *column, AclMode privilege)
{
	AttrNumber	attribute = get_attnum(relation, column);

	if (attribute <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column, get_rel_name(relation))));
	if (pg_class_aclcheck(relation, GetUserId(), privilege) != ACLCHECK_OK &&
		pg_attribute_aclcheck(relation, attribute, GetUserId(), privilege) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relation));
}

static double
required_share(FunctionCallInfo fcinfo, int number, const char *name)
{
	double		share;

	require_argument(fcinfo, number, name);
	share = PG_GETARG_FLOAT8(number);
	if (!(share >= 0 && share <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"%s\" must be between 0 and 1", name)));
	return share;
}

/* Predictions are read through the view when rows are chosen: only who sees the model may have them. */
static void
check_challenger(const GovernedMonitor *monitor, const char *alias, bool has_column)
{
	SqlParameters parameters = {0};
	SqlScope	scope;
	bool		may_see;

	if (has_column)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("challenger_score and challenger exclude each other"),
				 errhint("The one names a column, the other an alias whose predictions weir keeps.")));
	if (monitor->model == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("monitor \"%s\" is of no model", monitor->name),
				 errhint("Say which with weir.alter_monitor(%s, model => ...).", quote_literal_cstr(monitor->name))));
	sql_begin_as(&scope, GetUserId());
	sql_add_text(&parameters, monitor->model);
	may_see = sql_run("SELECT FROM weir.models WHERE model = $1", &parameters) > 0;
	sql_end(&scope);
	if (!may_see)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist, or is somebody else's", monitor->model),
				 errhint("SELECT model FROM weir.models;")));
	require_words(alias, "challenger");
}

Datum
weir_create_labelling_queue(PG_FUNCTION_ARGS)
{
	enum
	{
		NAME,
		MONITOR,
		LABELLERS,
		LABELS_PER_ITEM,
		UNCERTAIN,
		DISAGREEING,
		RANDOM_SHARE,
		THRESHOLD,
		CHALLENGER_SCORE,
		LABEL_TABLE,
		LABEL_KEY,
		LABEL_COLUMN,
		CHALLENGER
	};
	char	   *name = required_name(fcinfo, NAME, "name", "labelling queue");
	GovernedMonitor *monitor = governed_monitor(required_text(fcinfo, MONITOR, "monitor"));
	double		uncertain = required_share(fcinfo, UNCERTAIN, "uncertain");
	double		disagreeing = required_share(fcinfo, DISAGREEING, "disagreeing");
	double		random_share = required_share(fcinfo, RANDOM_SHARE, "random_share");
	char	   *challenger = PG_ARGISNULL(CHALLENGER_SCORE) ? NULL : NameStr(*PG_GETARG_NAME(CHALLENGER_SCORE));
	Oid			label_table = PG_ARGISNULL(LABEL_TABLE) ? monitor->source : PG_GETARG_OID(LABEL_TABLE);
	char	   *label_key = PG_ARGISNULL(LABEL_KEY) ? monitor->key_column : NameStr(*PG_GETARG_NAME(LABEL_KEY));
	char	   *label_column = PG_ARGISNULL(LABEL_COLUMN) ? monitor->label : NameStr(*PG_GETARG_NAME(LABEL_COLUMN));
	char	   *alias = argument_text(fcinfo, CHALLENGER);
	Datum		labellers = (Datum) 0;
	Oid			user = GetUserId();
	SqlParameters parameters = {0};
	SqlScope	scope;

	require_argument(fcinfo, LABELS_PER_ITEM, "labels_per_item");
	if (PG_GETARG_INT32(LABELS_PER_ITEM) < 1 || PG_GETARG_INT32(LABELS_PER_ITEM) > LABELLING_MAX_LABELS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("labels_per_item must be between 1 and %d", LABELLING_MAX_LABELS)));
	require_argument(fcinfo, THRESHOLD, "threshold");
	if (!isfinite(PG_GETARG_FLOAT8(THRESHOLD)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("threshold must be finite")));
	require_table_owner(monitor->source);
	if (alias != NULL)
		check_challenger(monitor, alias, challenger != NULL);
	if (challenger == NULL && alias == NULL)
		disagreeing = 0;
	if (challenger != NULL)
		require_column(monitor->source, challenger, ACL_SELECT);
	if (monitor->score == NULL)
	{
		if (challenger != NULL || alias != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("monitor \"%s\" has no score column", monitor->name),
					 errhint("Without one only random rows can be labelled.")));
		uncertain = 0;
	}
	if (uncertain + disagreeing + random_share <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no kind of row has a share above zero"),
				 errdetail("Uncertain rows need a score column, disagreeing ones challenger_score or challenger, too.")));
	if (label_column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("monitor \"%s\" has no label column", monitor->name),
				 errhint("Name where labels go: label_table, label_key, label_column.")));
	require_column(label_table, label_key, ACL_SELECT);
	require_column(label_table, label_column, ACL_UPDATE);
	if (label_table != monitor->source)
	{
		require_column(label_table, label_column, ACL_INSERT);
		require_column(label_table, label_key, ACL_INSERT);
	}
	if (!PG_ARGISNULL(LABELLERS))
	{
		Datum	   *elements;
		bool	   *nulls;
		int			n;

		deconstruct_array(PG_GETARG_ARRAYTYPE_P(LABELLERS), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
		if (n == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there are no labellers")));
		for (int i = 0; i < n; i++)
		{
			if (nulls[i])
				ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a labeller must not be null")));
			elements[i] = ObjectIdGetDatum(get_role_oid(TextDatumGetCString(elements[i]), false));
		}
		labellers = PointerGetDatum(construct_array(elements, n, REGROLEOID, sizeof(Oid), true, TYPALIGN_INT));
	}

	sql_begin(&scope);
	sql_add_text(&parameters, name);
	sql_add_role(&parameters, user);
	sql_add(&parameters, INT4OID, Int32GetDatum(monitor->monitor_id), false);
	sql_add(&parameters, get_array_type(REGROLEOID), labellers, labellers == (Datum) 0);
	sql_add(&parameters, INT4OID, PG_GETARG_DATUM(LABELS_PER_ITEM), false);
	sql_add(&parameters, FLOAT8OID, Float8GetDatum(uncertain), false);
	sql_add(&parameters, FLOAT8OID, Float8GetDatum(disagreeing), false);
	sql_add(&parameters, FLOAT8OID, Float8GetDatum(random_share), false);
	sql_add(&parameters, FLOAT8OID, PG_GETARG_DATUM(THRESHOLD), false);
	sql_add_text(&parameters, challenger);
	sql_add_role(&parameters, label_table);
	sql_add_text(&parameters, label_key);
	sql_add_text(&parameters, label_column);
	sql_add_text(&parameters, alias);
	if (sql_run(
			"INSERT INTO weir.labelling_queue (name, owner, monitor_id, labellers, labels_per_item, uncertain, disagreeing, random_share,"
			" threshold, challenger_score, label_table, label_key, label_column, challenger)"
			" VALUES ($1, $2::regrole, $3, $4, $5, $6, $7, $8, $9, $10, $11::regclass, $12, $13, $14)"
			" ON CONFLICT (name) DO NOTHING RETURNING queue_id",
			&parameters) == 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("labelling queue \"%s\" already exists", name)));
	{
		bool		is_null;

		audit_write_row("create", "labelling_queue", name, "labelling_queue", "queue_id", DatumGetInt32(sql_value(0, 1, &is_null)));
	}
	sql_end(&scope);
	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(name)));
}

Datum
weir_drop_labelling_queue(PG_FUNCTION_ARGS)
{
	LabellingQueue *queue = labelling_queue_find(required_text(fcinfo, 0, "queue"), 0);
	SqlParameters parameters = {0};
	SqlScope	scope;

	require_queue_owner(queue);
	sql_begin(&scope);
	sql_add_int(&parameters, queue->queue_id);
	audit_write_row("drop", "labelling_queue", queue->name, "labelling_queue", "queue_id", queue->queue_id);
	sql_run("DELETE FROM weir.labelling_queue WHERE queue_id = $1", &parameters);
	sql_end(&scope);
	PG_RETURN_VOID();
}

/* ---- filling ---- */

/* Keys of the rows that the queue has already, as a text[]. */
static Datum
known_keys(const LabellingQueue *queue)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inside;
	SqlParameters parameters = {0};
	SqlScope	scope;
	Datum		keys;
	bool		is_null;

	sql_begin(&scope);
	sql_add_int(&parameters, queue->queue_id);
	sql_run("SELECT coalesce(array_agg(row_key), '{}') FROM weir.labelling_item WHERE queue_id = $1", &parameters);
	inside = MemoryContextSwitchTo(caller);
	keys = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 1, &is_null)));
	MemoryContextSwitchTo(inside);
	sql_end(&scope);
	return keys;
}

typedef struct Candidate
{
	const char *reason;
	const char *condition;		/* of rows */
	char	   *order;			/* the first are taken */
	double		share;
} Candidate;

/* Rows that have no label yet, of one kind; read as the current user, put into the queue. Returns how many. */
static int64
add_candidates(const LabellingQueue *queue, const Candidate *candidate, int64 n, FunctionCallInfo fcinfo, int64 seed)
{
	const GovernedMonitor *monitor = queue->monitor;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inside;
	StringInfoData query;
	SqlParameters parameters = {0};
	SqlScope	scope;
	Datum		keys;
	Datum		scores;
	int64		n_added;
	bool		is_null;

	initStringInfo(&query);
	appendStringInfo(
		&query,
		"SELECT coalesce(array_agg(k), '{}'), coalesce(array_agg(s), '{}') FROM (SELECT %s::text AS k, %s AS s FROM %s r WHERE",
		quote_identifier(monitor->key_column),
		monitor->score ? psprintf("%s::float8", quote_identifier(monitor->score)) : "NULL::float8", monitor->relation);
	appendStringInfo(&query, " %s::text <> ALL ($1) AND ($2 IS NULL OR %s >= $2) AND ($3 IS NULL OR %s < $3)",
					 quote_identifier(monitor->key_column), quote_identifier(monitor->time_column),
					 quote_identifier(monitor->time_column));
	if (queue->label_table == monitor->source)
		appendStringInfo(&query, " AND %s IS NULL", quote_identifier(queue->label_column));
	else
		appendStringInfo(&query, " AND NOT EXISTS (SELECT FROM %s l WHERE l.%s = r.%s AND l.%s IS NOT NULL)",
						 qualified_relation(queue->label_table), quote_identifier(queue->label_key),
						 quote_identifier(monitor->key_column), quote_identifier(queue->label_column));
	appendStringInfo(&query, " AND %s ORDER BY %s, %s LIMIT $4) x", candidate->condition, candidate->order,
					 quote_identifier(monitor->key_column));
	sql_add(&parameters, TEXTARRAYOID, known_keys(queue), false);
	sql_add(&parameters, TIMESTAMPTZOID, PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2), PG_ARGISNULL(2));
	sql_add(&parameters, TIMESTAMPTZOID, PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3), PG_ARGISNULL(3));
	sql_add_int(&parameters, n);
	sql_add(&parameters, FLOAT8OID, Float8GetDatum(queue->threshold), false);
	sql_add_int(&parameters, seed);
	sql_begin_as(&scope, GetUserId());
	sql_run(query.data, &parameters);
	inside = MemoryContextSwitchTo(caller);
	keys = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 1, &is_null)));
	scores = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 2, &is_null)));
	MemoryContextSwitchTo(inside);
	sql_end(&scope);

	memset(&parameters, 0, sizeof(parameters));
	sql_add_int(&parameters, queue->queue_id);
	sql_add(&parameters, TEXTARRAYOID, keys, false);
	sql_add(&parameters, FLOAT8ARRAYOID, scores, false);
	sql_add_text(&parameters, candidate->reason);
	sql_add(&parameters, INT4OID, Int32GetDatum(queue->labels_per_item), false);
	sql_begin(&scope);
	n_added = (int64) sql_run("INSERT INTO weir.labelling_item (queue_id, row_key, reason, score, place, wanted)"
							  " SELECT $1, u.k, $4, u.s, u.place, $5 FROM unnest($2, $3) WITH ORDINALITY u (k, s, place)"
							  " ON CONFLICT (queue_id, row_key) DO NOTHING",
							  &parameters);
	sql_end(&scope);
	return n_added;
}

/* The challenger's score of a row, as SQL. */
static const char *
challenger_of(const LabellingQueue *queue)
{
	if (queue->challenger_score != NULL)
		return quote_identifier(queue->challenger_score);
	if (queue->challenger == NULL || queue->monitor->model == NULL)
		return "NULL";
	return psprintf(
		"(SELECT p.score FROM weir.predictions p WHERE p.model = %s AND p.version = (SELECT a.version FROM weir.model_aliases a"
		" WHERE a.model = %s AND a.alias = %s AND a.until IS NULL) AND p.subject = r.%s::text ORDER BY p.predicted_at DESC LIMIT 1)",
		quote_literal_cstr(queue->monitor->model), quote_literal_cstr(queue->monitor->model), quote_literal_cstr(queue->challenger),
		quote_identifier(queue->monitor->key_column));
}

Datum
weir_fill_labelling_queue(PG_FUNCTION_ARGS)
{
	LabellingQueue *queue = labelling_queue_find(required_text(fcinfo, 0, "queue"), 0);
	const char *score = queue->monitor->score ? quote_identifier(queue->monitor->score) : "NULL";
	const char *challenger = challenger_of(queue);
	Candidate	candidates[] = {
		{"disagreeing", psprintf("(%s >= $5) <> (%s >= $5)", score, challenger), psprintf("abs(%s - %s) DESC", score, challenger),
		 queue->disagreeing},
		{"uncertain", psprintf("%s IS NOT NULL AND %s::float8 <> 'NaN'", score, score), psprintf("abs(%s - $5)", score),
		 queue->uncertain},
		{"random", "true", psprintf("hashtextextended(%s::text, $6)", quote_identifier(queue->monitor->key_column)),
		 queue->random_share},
	};
	double		total = queue->uncertain + queue->disagreeing + queue->random_share;
	int64		n_added = 0;
	double		wanted = 0;
	int			n;

	require_argument(fcinfo, 1, "n");
	require_argument(fcinfo, 4, "seed");
	n = PG_GETARG_INT32(1);
	if (n < 1 || n > MAX_FILL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("n must be between 1 and %d", MAX_FILL)));
	require_queue_owner(queue);
	/* Where there are too few of one kind, the next ones make up for them. */
	for (int i = 0; i < lengthof(candidates); i++)
	{
		wanted += n * candidates[i].share / total;
		if (candidates[i].share > 0 && (int64) rint(wanted) > n_added)
			n_added += add_candidates(queue, &candidates[i], (int64) rint(wanted) - n_added, fcinfo, PG_GETARG_INT64(4));
	}
	audit_write("fill", "labelling_queue", queue->name, "n", psprintf(INT64_FORMAT, n_added));
	PG_RETURN_INT64(n_added);
}
