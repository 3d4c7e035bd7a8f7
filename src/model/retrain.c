/*
 * retrain.c
 *		Actions of rules, in the transaction that opens the alert: "retrain" queues a job of the trainer, "roll_back" takes the
 *		champion of the trainer's model back to the version before.
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

int64
roll_back_run(const RuleFiring *firing)
{
	Trainer		trainer = trainer_find(firing->trainer);
	char	   *model;
	int			version;

	model_require_owner(firing->rule_owner, trainer.owner, "trainer", firing->trainer);
	/* Windows that ended before the champion was one tell about another. */
	if (sql_execute("SELECT m.name FROM weir.trainer t JOIN weir.model m USING (model_id) JOIN weir.model_alias a USING (model_id)"
					" WHERE t.trainer_id = $1 AND a.alias = 'champion' AND a.until IS NULL AND a.since < $2",
					2, (Oid[]){INT4OID, TIMESTAMPTZOID},
					(Datum[]){Int32GetDatum(trainer.trainer_id), TimestampTzGetDatum(firing->window_end)}, NULL) == 0)
		return 0;
	model = sql_text(0, 1);
	model_require_owner(firing->rule_owner, model_find(model, false).owner, "model", model);
	version = model_roll_back(model, "champion", psprintf("rule %s: alert " INT64_FORMAT, firing->rule, firing->alert_id),
							  firing->rule_owner);
	if (version == 0)
		ereport(LOG, (errmsg("rule \"%s\": there is no earlier champion of model \"%s\" to roll back to", firing->rule, model)));
	else
		ereport(LOG, (errmsg("rule \"%s\": model \"%s\" was rolled back to version %d", firing->rule, model, version)));
	return 0;
}
