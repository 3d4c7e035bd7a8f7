/*
 * snapshot.c
 *		Versions of the model that a learner makes as it goes.
 */
#include "postgres.h"

#include "base/audit.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "feed/fed_learner.h"
#include "learn/learner_datum.h"
#include "learn/prequential_datum.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

bool
snapshot_is_due(const FedLearner *fed)
{
	int64		n = fed->n_learned - fed->learned_at_snapshot;

	return n > 0 &&
		((fed->snapshot_rows > 0 && n >= fed->snapshot_rows) ||
		 (fed->snapshot_us > 0 && GetCurrentTimestamp() - fed->snapshot_at >= fed->snapshot_us));
}

/* {"learner": ..., "features": {"a": "number"}, "classes": [...]} */
static Jsonb *
signature(const FedLearner *fed)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "{\"learner\": ");
	escape_json(&text, fed->name);
	appendStringInfoString(&text, ", \"features\": {");
	for (int i = 0; i < fed->n_features; i++)
	{
		appendStringInfoString(&text, i == 0 ? "" : ", ");
		escape_json(&text, fed->feature_names[i]);
		appendStringInfo(&text, ": \"%s\"", fed->feature_is_categorical[i] ? "category" : "number");
	}
	appendStringInfoString(&text, "}, \"classes\": [");
	for (int i = 0; i < learner_n_classes(fed->learner); i++)
	{
		size_t		length;
		const char *name = learner_class_name(fed->learner, i, &length);

		appendStringInfoString(&text, i == 0 ? "" : ", ");
		escape_json(&text, pnstrdup(name, length));
	}
	appendStringInfoString(&text, "]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

/* Versions that were made without being asked for, and mattered to nobody, go when there are too many. Under the model's lock. */
static void
remove_old(const FedLearner *fed)
{
	Oid			types[] = {INT4OID, INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(fed->model_id), Int32GetDatum(fed->keep_versions), CStringGetTextDatum(fed->model)};
	SPITupleTable *rows;
	uint64		n;

	if (fed->keep_versions == 0)
		return;
	n = sql_execute(
		"DELETE FROM weir.model_version v WHERE v.model_id = $1 AND v.config @> '{\"is_automatic\": true}' AND v.version <= "
		"(SELECT o.version FROM weir.model_version o WHERE o.model_id = $1 AND o.config @> '{\"is_automatic\": true}' "
		"ORDER BY o.version DESC OFFSET $2 LIMIT 1) "
		"AND NOT EXISTS (SELECT FROM weir.model_alias a WHERE a.model_id = $1 AND a.version = v.version) "
		"AND NOT EXISTS (SELECT FROM weir.evaluation e WHERE e.model_id = $1 AND v.version IN (e.version, e.against)) "
		"AND NOT EXISTS (SELECT FROM weir.prediction p WHERE p.model_id = $1 AND p.version = v.version) "
		"AND NOT EXISTS (SELECT FROM weir.monitor_learner l WHERE l.model_id = $1 AND l.from_version = v.version) "
		"AND NOT EXISTS (SELECT FROM weir.review r WHERE r.kind = 'model_version' AND r.subject = $3 || '/' || v.version) "
		"AND NOT EXISTS (SELECT FROM weir.complaint c WHERE c.model = $3 AND c.model_version = v.version) RETURNING version::text",
		3, types, values, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		SPI_tuptable = rows;
		audit_write("expire", "model_version", psprintf("%s/%s", fed->model, sql_text(i, 1)), "keep_versions",
					psprintf("%d", fed->keep_versions));
	}
}

int
snapshot_make(FedLearner *fed, const char *note, bool is_automatic)
{
	SqlParameters parameters = {0};
	bool		is_null;
	int			version;
	Datum		model_id = Int32GetDatum(fed->model_id);
	Oid			type = INT4OID;
	char	   *hash;

	/* The lock makes versions follow each other; whoever has it may keep it for long. */
	if (sql_execute("SELECT FROM weir.model WHERE model_id = $1 FOR NO KEY UPDATE SKIP LOCKED", 1, &type, &model_id, NULL) == 0)
		return 0;
	sql_add(&parameters, INT4OID, model_id, false);
	sql_add(&parameters, BYTEAOID, learner_to_datum(fed->learner), false);
	sql_add(&parameters, JSONBOID, JsonbPGetDatum(prequential_to_jsonb(fed->evaluation)), false);
	sql_add(&parameters, JSONBOID, JsonbPGetDatum(signature(fed)), false);
	sql_add_text(&parameters, note);
	sql_add(&parameters, INT4OID, Int32GetDatum(fed->learner_id), false);
	sql_add(&parameters, BOOLOID, BoolGetDatum(is_automatic), false);
	sql_run(
		"INSERT INTO weir.model_version (model_id, version, artifact, artifact_hash, metrics, signature, code_version, created_by, "
		"created_by_person, note, config) SELECT $1, 1 + coalesce((SELECT pg_catalog.max(version) FROM weir.model_version WHERE model_id = $1), 0), "
		"$2, pg_catalog.encode(pg_catalog.sha256($2), 'hex'), $3, $4, "
		"(SELECT 'weir ' || extversion FROM pg_catalog.pg_extension WHERE extname = 'weir'), l.owner, l.person, $5, "
		"pg_catalog.jsonb_build_object('learner', l.learner, 'options', l.options, 'monitor', m.name, 'is_automatic', $7) "
		"FROM weir.monitor_learner l JOIN weir.monitor m USING (monitor_id) WHERE l.learner_id = $6 RETURNING version, artifact_hash",
		&parameters);
	version = DatumGetInt32(sql_value(0, 1, &is_null));
	hash = sql_text(0, 2);
	audit_write("create", "model_version", psprintf("%s/%d", fed->model, version), "artifact_hash", hash, "note", note);
	fed->learned_at_snapshot = fed->n_learned;
	fed->snapshot_at = GetCurrentTimestamp();
	remove_old(fed);
	return version;
}
