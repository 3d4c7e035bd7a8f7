/*
 * promotion.c
 *		Recorded evaluations of versions, and the policy that says which may become champion.
 */
#include "postgres.h"

#include <math.h>

#include "base/arguments.h"
#include "base/audit.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "model/evaluation.h"
#include "model/model.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(weir_set_promotion_policy);
PG_FUNCTION_INFO_V1(weir_drop_promotion_policy);
PG_FUNCTION_INFO_V1(weir_evaluate_model);
PG_FUNCTION_INFO_V1(weir_run_evaluation);

/* What a version has to show. Without a policy of the model, what these say is told, and nothing is refused. */
typedef struct PromotionPolicy
{
	char	   *metric;			/* NULL: the primary one */
	bool		must_be_better; /* else: not worse */
	double		tolerance;
	int64		min_n;
	double		fairness_tolerance;
	bool		automatic;
} PromotionPolicy;

/* ---- policies ---- */

Datum
weir_set_promotion_policy(PG_FUNCTION_ARGS)
{
	enum
	{
		MODEL,
		METRIC,
		REQUIREMENT,
		TOLERANCE,
		MIN_N,
		FAIRNESS_TOLERANCE,
		MAX_AGE,
		AUTOMATIC
	};
	static const char *const names[] = {"model",   "metric",   "requirement", "tolerance", "min_n", "fairness_tolerance",
										"max_age", "automatic"};
	char	   *name = required_text(fcinfo, MODEL, "model");
	char	   *requirement = required_text(fcinfo, REQUIREMENT, "requirement");
	Oid			user = GetUserId();
	SqlScope	scope;
	Model		model;

	for (int i = TOLERANCE; i <= AUTOMATIC; i++)
		require_argument(fcinfo, i, names[i]);
	if (strcmp(requirement, "better") != 0 && strcmp(requirement, "not_worse") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown requirement \"%s\"", requirement),
				 errhint("The requirement is better or not_worse.")));
	if (!(PG_GETARG_FLOAT8(TOLERANCE) >= 0) || !(PG_GETARG_FLOAT8(FAIRNESS_TOLERANCE) >= 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("tolerances must not be negative")));
	if (PG_GETARG_INT64(MIN_N) < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("min_n must be at least 1")));
	if (model_interval_seconds(PG_GETARG_INTERVAL_P(MAX_AGE)) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_age must be above zero")));

	sql_begin(&scope);
	model = model_find(name, true);
	model_require_owner(user, model.owner, "model", name);
	sql_execute("INSERT INTO weir.promotion_policy (model_id, metric, requirement, tolerance, min_n, fairness_tolerance, max_age,"
				" automatic, set_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::regrole)"
				" ON CONFLICT (model_id) DO UPDATE SET metric = $2, requirement = $3, tolerance = $4, min_n = $5,"
				" fairness_tolerance = $6, max_age = $7, automatic = $8, set_by = $9::regrole, set_at = now()",
				9, (Oid[]){INT4OID, TEXTOID, TEXTOID, FLOAT8OID, INT8OID, FLOAT8OID, INTERVALOID, BOOLOID, OIDOID},
				(Datum[]){Int32GetDatum(model.model_id), PG_ARGISNULL(METRIC) ? (Datum) 0 : PG_GETARG_DATUM(METRIC),
						  CStringGetTextDatum(requirement), PG_GETARG_DATUM(TOLERANCE), PG_GETARG_DATUM(MIN_N),
						  PG_GETARG_DATUM(FAIRNESS_TOLERANCE), PG_GETARG_DATUM(MAX_AGE), PG_GETARG_DATUM(AUTOMATIC),
						  ObjectIdGetDatum(user)},
				PG_ARGISNULL(METRIC) ? " n       " : NULL);
	audit_write_row("set", "promotion policy", name, "promotion_policy", "model_id", model.model_id);
	sql_end(&scope);
	PG_RETURN_VOID();
}

Datum
weir_drop_promotion_policy(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "model");
	Oid			user = GetUserId();
	SqlScope	scope;
	Model		model;

	sql_begin(&scope);
	model = model_find(name, true);
	model_require_owner(user, model.owner, "model", name);
	audit_write_row("drop", "promotion policy", name, "promotion_policy", "model_id", model.model_id);
	if (sql_execute("DELETE FROM weir.promotion_policy WHERE model_id = $1", 1, (Oid[]){INT4OID},
					(Datum[]){Int32GetDatum(model.model_id)}, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" has no promotion policy", name)));
	sql_end(&scope);
	PG_RETURN_VOID();
}

static PromotionPolicy
policy_of(int model_id, MemoryContext memory)
{
	PromotionPolicy policy = {.must_be_better = true, .min_n = 100, .fairness_tolerance = 0.02};
	bool		is_null;

	if (sql_execute("SELECT metric, requirement = 'better', tolerance, min_n, fairness_tolerance, automatic"
					" FROM weir.promotion_policy WHERE model_id = $1",
					1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(model_id)}, NULL) > 0)
	{
		char	   *metric = sql_text(0, 1);

		policy.metric = metric ? MemoryContextStrdup(memory, metric) : NULL;
		policy.must_be_better = DatumGetBool(sql_value(0, 2, &is_null));
		policy.tolerance = DatumGetFloat8(sql_value(0, 3, &is_null));
		policy.min_n = DatumGetInt64(sql_value(0, 4, &is_null));
		policy.fairness_tolerance = DatumGetFloat8(sql_value(0, 5, &is_null));
		policy.automatic = DatumGetBool(sql_value(0, 6, &is_null));
	}
	return policy;
}

void
promotion_require_passed(int model_id, const char *model, int version, int current)
{
	bool		is_null;

	if (current == 0 ||
		sql_execute("SELECT FROM weir.promotion_policy WHERE model_id = $1", 1, (Oid[]){INT4OID},
					(Datum[]){Int32GetDatum(model_id)}, NULL) == 0)
		return;
	if (sql_execute(
			"SELECT e.passed, e.evaluation_id, array_to_string(e.reasons, '; '), e.evaluated_at < clock_timestamp() - p.max_age"
			" FROM weir.evaluation e JOIN weir.promotion_policy p USING (model_id)"
			" WHERE e.model_id = $1 AND e.version = $2 AND e.against = $3 ORDER BY e.evaluation_id DESC LIMIT 1",
			3, (Oid[]){INT4OID, INT4OID, INT4OID},
			(Datum[]){Int32GetDatum(model_id), Int32GetDatum(version), Int32GetDatum(current)}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" was not evaluated against version %d, which it would replace", version, model,
						current),
				 errhint("SELECT weir.evaluate_model(%s, %d, query => ...);", quote_literal_cstr(model), version)));
	if (!DatumGetBool(sql_value(0, 1, &is_null)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" did not pass its evaluation against version %d", version, model, current),
				 errdetail("Evaluation %s: %s.", sql_text(0, 2), sql_text(0, 3))));
	if (DatumGetBool(sql_value(0, 4, &is_null)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the evaluation of version %d of model \"%s\" is older than its promotion policy allows", version, model),
				 errhint("Evaluate it once more.")));
}

/* ---- the verdict ---- */

static bool
is_wanted(const EvaluationScore *score, const PromotionPolicy *policy)
{
	return policy->metric ? strcmp(policy->metric, score->metric) == 0 : score->is_primary;
}

/* Why the challenger does not pass, as a list of texts; has_champion false: there is nothing to compare with. */
static List *
find_reasons(const List *scores, const PromotionPolicy *policy, bool has_champion)
{
	List	   *reasons = NIL;
	bool		found = false;
	ListCell   *cell;

	foreach(cell, scores)
	{
		const EvaluationScore *score = lfirst(cell);
		double		gain = score->lower_is_better ? -score->result.difference : score->result.difference;

		if (score->is_gap)
		{
			if (has_champion && score->result.difference > policy->fairness_tolerance)
				reasons = lappend(reasons,
								  psprintf("%s of %s is %.4g, of the champion %.4g", score->metric, score->group,
										   score->result.challenger, score->result.champion));
			continue;
		}
		if (!is_wanted(score, policy))
			continue;
		if (score->group != NULL)
		{
			if (has_champion && score->outcome != NULL && strcmp(score->status, "ok") == 0 && strcmp(score->outcome, "worse") == 0)
				reasons = lappend(reasons,
								  psprintf("%s is worse for %s: %.4g, of the champion %.4g (p = %.2g)", score->metric, score->group,
										   score->result.challenger, score->result.champion, score->result.p_value));
			continue;
		}
		found = true;
		if (score->result.n < policy->min_n)
			reasons = lappend(reasons, psprintf(INT64_FORMAT " rows are fewer than " INT64_FORMAT, score->result.n, policy->min_n));
		if (strcmp(score->status, "ok") != 0)
			reasons = lappend(reasons, psprintf("%s is %s", score->metric, score->status));
		else if (!has_champion)
			continue;
		else if (policy->must_be_better
					 ? (score->outcome == NULL || strcmp(score->outcome, "better") != 0 || gain <= policy->tolerance)
					 : (!(gain >= -policy->tolerance) ||
						(policy->tolerance == 0 && score->outcome != NULL && strcmp(score->outcome, "worse") == 0)))
			reasons = lappend(reasons,
							  psprintf("%s is %.4g, of the champion %.4g (p = %.2g), which is not %s", score->metric,
									   score->result.challenger, score->result.champion, score->result.p_value,
									   policy->must_be_better ? "better" : "as good"));
	}
	if (!found)
		reasons = lappend(reasons, psprintf("%s is not among the metrics", policy->metric ? policy->metric : "a primary metric"));
	return reasons;
}

static Datum
text_array(const List *texts)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(texts), 1));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, texts)
		values[n++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* ---- evaluations ---- */

typedef struct Evaluation
{
	char	   *model;
	int			version;
	const char *against_alias;
	char	   *note;			/* may be NULL */
	int64		job_id;			/* 0: none */
	EvaluationRequest request;

	/* results */
	int64		evaluation_id;
	int			against;		/* 0: none */
	bool		passed;
	bool		automatic;
	int			approvals;
	const char *outcome;		/* of the metric that decides */
} Evaluation;

static void
store_scores(int64 evaluation_id, const List *scores)
{
	ListCell   *cell;
	int			ordinal = 0;

	foreach(cell, scores)
	{
		Datum		values[EVALUATION_COLUMNS + 2];
		bool		is_null[EVALUATION_COLUMNS];
		char		nulls[EVALUATION_COLUMNS + 3];

		evaluation_row(lfirst(cell), values + 2, is_null);
		values[0] = Int64GetDatum(evaluation_id);
		values[1] = Int32GetDatum(++ordinal);
		memset(nulls, ' ', sizeof(nulls));
		for (int i = 0; i < EVALUATION_COLUMNS; i++)
			nulls[i + 2] = is_null[i] ? 'n' : ' ';
		nulls[EVALUATION_COLUMNS + 2] = '\0';
		sql_execute(
			"INSERT INTO weir.evaluation_score (evaluation_id, ordinal, group_name, metric, champion_value, challenger_value,"
			" difference, low, high, p_value, method, n, outcome, is_primary, status)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
			EVALUATION_COLUMNS + 2,
			(Oid[]){INT8OID, INT4OID, TEXTOID, TEXTOID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, TEXTOID,
					INT8OID, TEXTOID, BOOLOID, TEXTOID},
			values, nulls);
	}
}

/* Evaluates as the current user and records what was found. */
static void
evaluate(Evaluation *evaluation)
{
	MemoryContext memory = CurrentMemoryContext;
	Oid			user = GetUserId();
	SqlScope	scope;
	Model		model;
	PromotionPolicy policy;
	List	   *scores;
	List	   *reasons;
	ListCell   *cell;
	int64		n = 0;
	bool		has_champion;
	bool		is_null;

	sql_begin(&scope);
	model = model_find(evaluation->model, false);
	model_require_owner(user, model.owner, "model", evaluation->model);
	if (sql_execute("SELECT FROM weir.model_version WHERE model_id = $1 AND version = $2", 2, (Oid[]){INT4OID, INT4OID},
					(Datum[]){Int32GetDatum(model.model_id), Int32GetDatum(evaluation->version)}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" has no version %d", evaluation->model, evaluation->version)));
	evaluation->against = model_alias_version(model.model_id, evaluation->against_alias);
	if (evaluation->against == evaluation->version)
		evaluation->against = 0;
	policy = policy_of(model.model_id, memory);
	sql_end(&scope);

	if (evaluation->against == 0)
		evaluation->request.champion = NULL;
	has_champion = evaluation->request.champion != NULL;
	if (!has_champion)
		evaluation->against = 0;
	evaluation->request.n_versions = 2;
	evaluation->request.versions[0] = evaluation->against;
	evaluation->request.version_is_null[0] = evaluation->against == 0;
	evaluation->request.versions[1] = evaluation->version;
	scores = evaluation_scores(&evaluation->request);
	reasons = find_reasons(scores, &policy, has_champion);
	evaluation->passed = reasons == NIL;
	evaluation->automatic = policy.automatic;
	evaluation->approvals = model.approvals;
	foreach(cell, scores)
	{
		const EvaluationScore *score = lfirst(cell);

		n = Max(n, score->result.n);
		if (score->group == NULL && is_wanted(score, &policy))
			evaluation->outcome = score->outcome;
	}

	sql_begin(&scope);
	sql_execute("INSERT INTO weir.evaluation (model_id, version, against, query, n, passed, reasons, note, job_id, evaluated_by)"
				" VALUES ($1, $2, nullif($3, 0), $4, $5, $6, $7, $8, nullif($9, 0), $10::regrole) RETURNING evaluation_id",
				10, (Oid[]){INT4OID, INT4OID, INT4OID, TEXTOID, INT8OID, BOOLOID, TEXTARRAYOID, TEXTOID, INT8OID, OIDOID},
				(Datum[]){Int32GetDatum(model.model_id), Int32GetDatum(evaluation->version), Int32GetDatum(evaluation->against),
						  CStringGetTextDatum(evaluation->request.query), Int64GetDatum(n), BoolGetDatum(evaluation->passed),
						  text_array(reasons), evaluation->note ? CStringGetTextDatum(evaluation->note) : (Datum) 0,
						  Int64GetDatum(evaluation->job_id), ObjectIdGetDatum(user)},
				evaluation->note ? NULL : "       n  ");
	evaluation->evaluation_id = DatumGetInt64(sql_value(0, 1, &is_null));
	store_scores(evaluation->evaluation_id, scores);
	audit_write("evaluate", "model_version", psprintf("%s/%d", evaluation->model, evaluation->version), "evaluation",
				psprintf(INT64_FORMAT, evaluation->evaluation_id), "passed", evaluation->passed ? "true" : "false");
	sql_end(&scope);
}

/* An automatic policy: the version that passed becomes champion, or people are asked. */
static void
act_on(const Evaluation *evaluation)
{
	char	   *reason = psprintf("evaluation " INT64_FORMAT " passed", evaluation->evaluation_id);

	if (!evaluation->automatic || !evaluation->passed || evaluation->against == 0 ||
		strcmp(evaluation->against_alias, "champion") != 0)
		return;
	if (evaluation->approvals == 0)
	{
		model_promote(evaluation->model, evaluation->version, "champion", reason);
		return;
	}
	sql_connect();
	sql_execute("SELECT weir.request_review('model_version', $1, approvals => $2, note => $3)"
				" WHERE NOT EXISTS (SELECT FROM weir.reviews WHERE kind = 'model_version' AND subject = $1 AND state = 'open')",
				3, (Oid[]){TEXTOID, INT4OID, TEXTOID},
				(Datum[]){CStringGetTextDatum(psprintf("%s/%d", evaluation->model, evaluation->version)),
						  Int32GetDatum(evaluation->approvals), CStringGetTextDatum(reason)},
				NULL);
	SPI_finish();
}

Datum
weir_evaluate_model(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation = {
		.model = required_text(fcinfo, 0, "model"),
		.request.query = required_text(fcinfo, 2, "query"),
		.against_alias = required_text(fcinfo, 3, "against"),
		.note = argument_text(fcinfo, 13),
	};

	require_argument(fcinfo, 1, "version");
	evaluation.version = PG_GETARG_INT32(1);
	evaluation_arguments(fcinfo, 4, &evaluation.request);
	evaluate(&evaluation);
	act_on(&evaluation);
	PG_RETURN_INT64(evaluation.evaluation_id);
}

/* ---- as a job ---- */

/* A member of the configuration as text; NULL where it is not there. */
static char *
config_text(Jsonb *config, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&config->root, key, strlen(key), &buffer);

	if (value == NULL || value->type == jbvNull)
		return NULL;
	if (value->type == jbvString)
		return pnstrdup(value->val.string.val, value->val.string.len);
	if (value->type == jbvNumeric)
		return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	if (value->type == jbvBool)
		return pstrdup(value->val.boolean ? "true" : "false");
	return JsonbToCString(NULL, value->val.binary.data, value->val.binary.len);
}

static double
config_number(Jsonb *config, const char *key, double otherwise)
{
	char	   *text = config_text(config, key);

	return text == NULL ? otherwise : DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(text)));
}

static bool
config_flag(Jsonb *config, const char *key)
{
	char	   *text = config_text(config, key);

	return text != NULL && strcmp(text, "true") == 0;
}

static ArrayType *
config_names(Jsonb *config, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&config->root, key, strlen(key), &buffer);
	JsonbIterator *iterator;
	JsonbValue	element;
	JsonbIteratorToken token;
	List	   *names = NIL;

	if (value == NULL || value->type != jbvBinary)
		return NULL;
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, false)) != WJB_DONE)
		if (token == WJB_ELEM && element.type == jbvString)
			names = lappend(names, pnstrdup(element.val.string.val, element.val.string.len));
	return DatumGetArrayTypeP(text_array(names));
}

/* Which version the job is to evaluate: an alias, a number, or "previous"; 0: there is none. Sets the name of the model. */
static int
version_to_evaluate(int64 job_id, const char *which, char **model_name)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			user = GetUserId();
	SqlScope	scope;
	Model		model;
	int			version;
	bool		is_null;

	sql_begin(&scope);
	if (sql_execute("SELECT model, owner::oid FROM weir.job WHERE job_id = $1", 1, (Oid[]){INT8OID},
					(Datum[]){Int64GetDatum(job_id)}, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("job " INT64_FORMAT " does not exist", job_id)));
	if (!has_privs_of_role(user, DatumGetObjectId(sql_value(0, 2, &is_null))))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of job " INT64_FORMAT, job_id)));
	*model_name = MemoryContextStrdup(caller, sql_text(0, 1));
	model = model_find(*model_name, false);
	if (strspn(which, "0123456789") == strlen(which))
		version = pg_strtoint32(which);
	else if (strcmp(which, "previous") != 0)
		version = model_alias_version(model.model_id, which);
	else
		version = sql_execute("SELECT p.version FROM weir.model_alias c JOIN weir.model_alias p ON p.alias_id = c.previous"
							  " WHERE c.model_id = $1 AND c.alias = 'champion' AND c.until IS NULL",
							  1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(model.model_id)}, NULL) > 0
			? DatumGetInt32(sql_value(0, 1, &is_null))
			: 0;
	sql_end(&scope);
	return version;
}

Datum
weir_run_evaluation(PG_FUNCTION_ARGS)
{
	Evaluation	evaluation = {0};
	Jsonb	   *config;
	const char *which;

	require_argument(fcinfo, 0, "job_id");
	require_argument(fcinfo, 1, "config");
	config = PG_GETARG_JSONB_P(1);
	which = config_text(config, "version");
	if (which == NULL)
		which = "challenger";
	evaluation.request.query = config_text(config, "query");
	if (evaluation.request.query == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the configuration of an evaluation names no query"),
				 errhint("create_trainer(..., procedure => 'weir.run_evaluation', config => '{\"query\": \"SELECT ...\"}')")));
	evaluation.job_id = PG_GETARG_INT64(0);
	evaluation.version = version_to_evaluate(evaluation.job_id, which, &evaluation.model);
	if (evaluation.version == 0)
	{
		ereport(NOTICE, (errmsg("model \"%s\" has no %s version to evaluate", evaluation.model, which)));
		PG_RETURN_VOID();
	}
	evaluation.against_alias = "champion";
	evaluation.note = config_text(config, "note");
	evaluation.request.label = config_text(config, "label");
	evaluation.request.champion = config_text(config, "champion");
	evaluation.request.challenger = config_text(config, "challenger");
	if (evaluation.request.label == NULL)
		evaluation.request.label = "label";
	if (evaluation.request.champion == NULL)
		evaluation.request.champion = "champion";
	if (evaluation.request.challenger == NULL)
		evaluation.request.challenger = "challenger";
	evaluation.request.protected = config_names(config, "protected");
	evaluation_set_options(&evaluation.request, config_number(config, "threshold", 0.5), config_number(config, "confidence", 0.95),
						   config_number(config, "min_group_size", 30), config_number(config, "rounds", 2000),
						   (int64) config_number(config, "seed", 0));
	evaluate(&evaluation);
	ereport(NOTICE,
			(errmsg("evaluation " INT64_FORMAT " of version %d %s", evaluation.evaluation_id, evaluation.version,
					evaluation.passed ? "passed" : "did not pass")));
	if (strcmp(which, "previous") == 0)
	{
		/* The version that was replaced would do better: the promotion was a mistake, or the world has changed. */
		if (config_flag(config, "roll_back") && evaluation.outcome != NULL && strcmp(evaluation.outcome, "better") == 0)
		{
			sql_connect();
			sql_execute("SELECT weir.roll_back_model($1, $2)", 2, (Oid[]){TEXTOID, TEXTOID},
						(Datum[]){CStringGetTextDatum(evaluation.model),
								  CStringGetTextDatum(psprintf("evaluation " INT64_FORMAT ": version %d does better",
															   evaluation.evaluation_id, evaluation.version))},
						NULL);
			SPI_finish();
		}
	}
	else
		act_on(&evaluation);
	PG_RETURN_VOID();
}
