/*
 * review_kinds.c
 *		What can be reviewed here: versions of models before they go live, alerts.
 */
#include "postgres.h"

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "model/model.h"
#include "model/review.h"
#include "monitor/rule.h"
#include "utils/builtins.h"

/* ---- versions of models: 'loan_model/2' ---- */

static void
find_version(const char *subject, ReviewSubject *found)
{
	char	   *name = pstrdup(subject);
	char	   *slash = strrchr(name, '/');
	char	   *end = NULL;
	long		version = slash == NULL || slash[1] < '0' || slash[1] > '9' ? 0 : strtol(slash + 1, &end, 10);
	Model		model;
	SqlParameters parameters = {0};
	bool		is_null;

	if (version < 1 || version > PG_INT32_MAX || *end != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" does not name a version of a model", subject),
				 errhint("Write the model, a slash and the version, as in 'loan_model/2'.")));
	*slash = '\0';
	model = model_find(name, false);
	sql_add_int(&parameters, model.model_id);
	sql_add_int(&parameters, version);
	if (sql_run(
			"SELECT created_by::oid, created_by_person::oid, job_person::oid, trainer_person::oid, procedure_owner::oid FROM weir.model_version"
			" WHERE model_id = $1 AND version = $2",
			&parameters) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" has no version %ld", name, version),
				 errhint("SELECT version FROM weir.model_versions WHERE model = %s;", quote_literal_cstr(name))));
	found->subject = psprintf("%s/%ld", name, version);
	found->owner = model.owner;
	for (int i = 0; i < lengthof(found->makers); i++)
		found->makers[i] = DatumGetObjectId(sql_value(0, i + 1, &is_null)); /* NULL reads as InvalidOid */
	found->approvals = Max(model.approvals, 1);
}

static const ReviewKind version_kind = {"model_version", "approve", "approved", "reject", "rejected", true, find_version, NULL};

void
review_require_approval(const char *model, int version, int approvals)
{
	char	   *subject = psprintf("%s/%d", model, version);
	char	   *hint = psprintf("SELECT weir.request_review('model_version', %s);", quote_literal_cstr(subject));
	SqlParameters parameters = {0};
	bool		is_null;
	int64		n;

	if (approvals == 0)
		return;
	sql_add_text(&parameters, subject);
	if (sql_run(
			"SELECT state, (SELECT count(*) FROM weir.review_decision d WHERE d.review_id = r.review_id AND d.decision = 'approve'),"
			" review_id FROM weir.review r WHERE kind = 'model_version' AND subject = $1 AND state IN ('approved', 'rejected')"
			" ORDER BY decided_at DESC, review_id DESC LIMIT 1",
			&parameters) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" needs %d approvals before it goes live and has none", version, model,
						approvals),
				 errhint("%s", hint)));
	n = DatumGetInt64(sql_value(0, 2, &is_null));
	if (strcmp(sql_text(0, 1), "approved") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" was rejected in review %s", version, model, sql_text(0, 3)),
				 errhint("%s", hint)));
	if (n < approvals)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" needs %d approvals before it goes live and has " INT64_FORMAT, version, model,
						approvals, n),
				 errhint("%s", hint)));
}

/* ---- alerts: '17' ---- */

static int64
alert_of_subject(const char *subject)
{
	char	   *end;
	long long	alert_id = strtoll(subject, &end, 10);

	if (*subject < '0' || *subject > '9' || *end != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not the number of an alert", subject),
				 errhint("The subject is alert_id of weir.alerts, as in '17'.")));
	return alert_id;
}

static void
find_alert(const char *subject, ReviewSubject *found)
{
	int64		alert_id = alert_of_subject(subject);
	SqlParameters parameters = {0};
	bool		is_null;

	sql_add_int(&parameters, alert_id);
	if (sql_run("SELECT m.owner::oid FROM weir.alert a JOIN weir.monitor m USING (monitor_id) WHERE alert_id = $1", &parameters) ==
		0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("alert " INT64_FORMAT " does not exist", alert_id)));
	found->subject = psprintf(INT64_FORMAT, alert_id);
	found->owner = DatumGetObjectId(sql_value(0, 1, &is_null));
	found->approvals = 1;
}

/* Resolves the alert, or judges one that is over: its rule's precision follows from such verdicts. */
static void
alert_decided(const char *subject, const char *state, Oid by, const char *reason)
{
	alert_judge(alert_of_subject(subject), by, state, reason);
}

static const ReviewKind alert_kind = {"alert", "confirm", "confirmed", "dismiss", "dismissed", false, find_alert, alert_decided};

void
review_init(void)
{
	review_register_kind(&version_kind);
	review_register_kind(&alert_kind);
}
