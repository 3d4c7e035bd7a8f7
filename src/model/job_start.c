/*
 * job_start.c
 *		Which procedures may start now: limits, order between owners, and whether the owner may still run them.
 *
 * The scheduler, which launches workers, and the workers, which take the next job themselves, ask the same questions here, one at a
 * time.
 */
#include "postgres.h"

#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "model/model.h"
#include "storage/lmgr.h"

/* Beside the extension itself, which nobody else locks by such a number. */
#define STARTS_LOCK 1

void
job_lock_starts(void)
{
	LockDatabaseObject(ExtensionRelationId, extension_oid(false), STARTS_LOCK, ExclusiveLock);
}

/*
 * As many as may start, in the order in which they should.  The first of each owner come before the second of any, counting those
 * that run, so that nobody's long queue, or high priorities, keep all the others waiting.
 */
List *
job_candidates(void)
{
	List	   *candidates = NIL;
	uint64		n;

	n = sql_execute(
		"WITH running AS MATERIALIZED (SELECT trainer_id, owner FROM weir.job WHERE state = 'running' AND kind = 'procedure')"
		" SELECT job_id, owner::oid FROM"
		" (SELECT c.*, row_number() OVER (PARTITION BY c.owner ORDER BY c.priority DESC, c.run_after, c.job_id)"
		"  + (SELECT count(*) FROM running r WHERE r.owner = c.owner) AS turn"
		"  FROM weir.trainer t LEFT JOIN weir.trainer_state s USING (trainer_id) CROSS JOIN LATERAL"
		"  (SELECT j.job_id, j.owner, j.priority, j.run_after FROM weir.job j WHERE j.trainer_id = t.trainer_id"
		"   AND j.state = 'queued' AND j.kind = 'procedure' AND j.run_after <= clock_timestamp()"
		"   ORDER BY j.priority DESC, j.run_after, j.job_id"
		"   LIMIT greatest(t.max_running - (SELECT count(*) FROM running r WHERE r.trainer_id = t.trainer_id), 0)) c"
		"  WHERE t.procedure_name IS NOT NULL AND (s.rests_until IS NULL OR s.rests_until <= clock_timestamp())) q"
		" ORDER BY turn, priority DESC, run_after, job_id LIMIT greatest($1 - (SELECT count(*) FROM running), 0)",
		1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(model_max_running_jobs)}, NULL);
	for (uint64 row = 0; row < n; row++)
	{
		JobCandidate *candidate = palloc(sizeof(JobCandidate));
		bool		is_null;

		candidate->job_id = DatumGetInt64(sql_value(row, 1, &is_null));
		candidate->owner = DatumGetObjectId(sql_value(row, 2, &is_null));
		candidates = lappend(candidates, candidate);
	}
	return candidates;
}

bool
job_lock_queued(int64 job_id)
{
	return sql_execute("SELECT FROM weir.job WHERE job_id = $1 AND state = 'queued' FOR NO KEY UPDATE SKIP LOCKED", 1,
					   (Oid[]){INT8OID}, (Datum[]){Int64GetDatum(job_id)}, NULL) > 0;
}

char *
job_obstacle(int64 job_id, Oid *procedure, Oid *procedure_owner)
{
	bool		is_null;

	if (sql_execute(
			"SELECT CASE"
			" WHEN r.oid IS NULL THEN 'the role that owns the trainer does not exist any more'"
			" WHEN j.owner <> t.owner THEN 'its trainer has another owner than when the job was queued'"
			" WHEN NOT r.rolcanlogin THEN format('the trainer''s owner \"%s\" is not permitted to log in', r.rolname)"
			" WHEN NOT has_database_privilege(r.oid, d.oid, 'CONNECT') THEN"
			" format('the trainer''s owner \"%s\" may not connect to database \"%s\"', r.rolname, d.datname)"
			" WHEN p.oid IS NULL OR p.prokind <> 'p' THEN"
			" format('procedure %I.%I(bigint, jsonb) does not exist any more', t.procedure_schema, t.procedure_name)"
			" WHEN p.proowner <> t.procedure_owner AND p.proowner <> t.owner THEN"
			" format('procedure %I.%I(bigint, jsonb) has another owner than when the trainer was made', t.procedure_schema,"
			" t.procedure_name)"
			" WHEN NOT has_schema_privilege(r.oid, p.pronamespace, 'USAGE') OR NOT has_function_privilege(r.oid, p.oid, 'EXECUTE') THEN"
			" format('the trainer''s owner \"%s\" may not execute procedure %I.%I', r.rolname, t.procedure_schema, t.procedure_name)"
			" END, p.oid, p.proowner FROM weir.job j JOIN weir.trainer t USING (trainer_id) CROSS JOIN pg_database d"
			" LEFT JOIN pg_roles r ON r.oid = t.owner"
			" LEFT JOIN pg_proc p ON p.oid = to_regprocedure(format('%I.%I(bigint, jsonb)', t.procedure_schema, t.procedure_name))"
			" WHERE j.job_id = $1 AND d.datname = current_database()",
			1, (Oid[]){INT8OID}, (Datum[]){Int64GetDatum(job_id)}, NULL) == 0)
		return pstrdup("its trainer does not exist any more");
	*procedure = DatumGetObjectId(sql_value(0, 2, &is_null));
	*procedure_owner = DatumGetObjectId(sql_value(0, 3, &is_null));
	return sql_text(0, 1);
}
