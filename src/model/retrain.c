/*
 * retrain.c
 *		The action "retrain" of rules: a job of the trainer, queued in the transaction that opens the alert.
 */
#include "postgres.h"

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "model/model.h"
#include "monitor/rule.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

void
retrain_check(const char *trainer_name, Oid user)
{
	Trainer		trainer = trainer_find(trainer_name);

	model_require_owner(user, trainer.owner, "trainer", trainer_name);
}

/* What the procedure gets to know about why it runs. */
static Jsonb *
describe_firing(const RuleFiring *firing)
{
	bool		is_null;
	char		nulls[] = "        ";

	if (firing->subject == NULL)
		nulls[4] = 'n';
	if (firing->segment == NULL)
		nulls[5] = 'n';
	sql_execute("SELECT jsonb_build_object('monitor', $1, 'rule', $2, 'alert_id', $3, 'metric', $4, 'subject', $5, 'segment', $6,"
				" 'window_start', $7, 'window_end', $8)",
				8, (Oid[]){TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
				(Datum[]){CStringGetTextDatum(firing->monitor), CStringGetTextDatum(firing->rule), Int64GetDatum(firing->alert_id),
						  CStringGetTextDatum(firing->metric), firing->subject ? CStringGetTextDatum(firing->subject) : (Datum) 0,
						  firing->segment ? CStringGetTextDatum(firing->segment) : (Datum) 0,
						  TimestampTzGetDatum(firing->window_start), TimestampTzGetDatum(firing->window_end)},
				nulls);
	return DatumGetJsonbP(sql_value(0, 1, &is_null));
}

int64
retrain_run(const RuleFiring *firing)
{
	Trainer		trainer = trainer_find(firing->trainer);

	/* Memberships change: what was allowed when the rule was made may not be now. */
	model_require_owner(firing->rule_owner, trainer.owner, "trainer", firing->trainer);
	return job_enqueue(&trainer, describe_firing(firing), NULL, 0, psprintf("rule %s", firing->rule), firing->alert_id,
					   firing->rule_owner);
}
