/*
 * review.c
 *		Reviews: requested, decided by several people, withdrawn.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/person.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "model/review.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(weir_request_review);
PG_FUNCTION_INFO_V1(weir_review);
PG_FUNCTION_INFO_V1(weir_withdraw_review);

#define MAX_KINDS 8
#define MAX_APPROVALS 100

static const ReviewKind *kinds[MAX_KINDS];
static int	n_kinds = 0;

void
review_register_kind(const ReviewKind *kind)
{
	Assert(n_kinds < MAX_KINDS);
	kinds[n_kinds++] = kind;
}

static const ReviewKind *
find_kind(const char *name)
{
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < n_kinds; i++)
	{
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", kinds[i]->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown kind of review \"%s\"", name),
			 errhint("It is one of: %s.", known.data)));
}

/* Anybody may listen: what it is about is told by the view. */
static void
notify(int64 review_id, const char *event, const char *state)
{
	SqlParameters parameters = {0};

	sql_add_int(&parameters, review_id);
	sql_add_text(&parameters, event);
	sql_add_text(&parameters, state);
	sql_run("SELECT pg_notify('weir_reviews', jsonb_build_object('event', $2, 'review_id', $1, 'state', $3)::text)", &parameters);
}

/* ---- requesting ---- */

/* Names of roles as a regrole[], each once; raises 42704 or 22023. */
Datum
review_roles(ArrayType *names)
{
	Datum	   *elements;
	bool	   *nulls;
	Datum	   *roles;
	int			n;
	int			n_roles = 0;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	roles = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		Oid			role;
		bool		is_new = true;

		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a reviewer must not be null")));
		role = get_role_oid(TextDatumGetCString(elements[i]), false);
		for (int j = 0; j < n_roles; j++)
			is_new = is_new && DatumGetObjectId(roles[j]) != role;
		if (is_new)
			roles[n_roles++] = ObjectIdGetDatum(role);
	}
	if (n_roles == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there are no reviewers"),
				 errhint("Leave them out, and members of the owning role may decide.")));
	return PointerGetDatum(construct_array(roles, n_roles, REGROLEOID, sizeof(Oid), true, TYPALIGN_INT));
}

int64
review_request(const ReviewKind *kind, const ReviewSubject *subject, Oid user, Datum reviewers, int approvals, const char *note,
			   Datum due_at)
{
	SqlParameters parameters = {0};
	int64		review_id;
	bool		is_null;

	sql_add_text(&parameters, kind->name);
	sql_add_text(&parameters, subject->subject);
	sql_add_role(&parameters, subject->owner);
	sql_add_role(&parameters, user);
	sql_add_role(&parameters, person());
	sql_add(&parameters, get_array_type(REGROLEOID), reviewers, reviewers == (Datum) 0);
	sql_add(&parameters, INT4OID, Int32GetDatum(Max(approvals, subject->approvals)), false);
	sql_add_text(&parameters, note);
	sql_add(&parameters, TIMESTAMPTZOID, due_at, due_at == (Datum) 0);
	if (sql_run(
			"INSERT INTO weir.review (kind, subject, owner, requested_by, requested_by_person, reviewers, approvals, note, due_at)"
			" VALUES ($1, $2, $3::regrole, $4::regrole, $5::regrole, $6, $7, $8, $9)"
			" ON CONFLICT (kind, subject) WHERE state = 'open' DO NOTHING RETURNING review_id",
			&parameters) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("a review of %s \"%s\" is open already", kind->name, subject->subject),
				 errhint("SELECT * FROM weir.reviews WHERE state = 'open';")));
	review_id = DatumGetInt64(sql_value(0, 1, &is_null));
	audit_write("request", "review", psprintf(INT64_FORMAT, review_id), "of", kind->name, "subject", subject->subject, "note",
				note);
	notify(review_id, "requested", "open");
	return review_id;
}

Datum
weir_request_review(PG_FUNCTION_ARGS)
{
	const ReviewKind *kind = find_kind(required_text(fcinfo, 0, "kind"));
	char	   *subject = required_text(fcinfo, 1, "subject");
	char	   *note = argument_text(fcinfo, 4);
	Datum		reviewers = (Datum) 0;
	Datum		due_at = (Datum) 0;
	Oid			user = GetUserId();
	ReviewSubject found = {0};
	SqlScope	scope;
	int64		review_id;
	int			approvals;

	require_argument(fcinfo, 3, "approvals");
	approvals = PG_GETARG_INT32(3);
	if (approvals < 1 || approvals > MAX_APPROVALS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("approvals must be between 1 and %d", MAX_APPROVALS)));
	if (!PG_ARGISNULL(2))
		reviewers = review_roles(PG_GETARG_ARRAYTYPE_P(2));
	if (!PG_ARGISNULL(5))
	{
		TimestampTz due = PG_GETARG_TIMESTAMPTZ(5);

		if (TIMESTAMP_NOT_FINITE(due) || due <= GetCurrentTimestamp())
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("due_at must be in the future")));
		due_at = PG_GETARG_DATUM(5);
	}

	sql_begin(&scope);
	kind->find(subject, &found);
	if (!has_privs_of_role(user, found.owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of %s \"%s\"", kind->name, found.subject),
				 errhint("Ask its owner to request the review, or to grant you membership in the owning role.")));
	review_id = review_request(kind, &found, user, reviewers, approvals, note, due_at);
	sql_end(&scope);
	PG_RETURN_INT64(review_id);
}

/* ---- deciding ---- */

typedef struct Review
{
	char	   *kind;
	char	   *subject;
	char	   *state;
	Oid			owner;
	Oid			requested_by;
	Oid			requested_by_person;
	ArrayType  *reviewers;		/* NULL: members of the owner */
	int			approvals;
} Review;

/* Locks the review, so that decisions follow each other; raises 42704. */
static Review
load_review(int64 review_id)
{
	SqlParameters parameters = {0};
	Review		review;
	Datum		reviewers;
	bool		is_null;

	sql_add_int(&parameters, review_id);
	if (sql_run("SELECT kind, subject, state, owner::oid, requested_by::oid, requested_by_person::oid, reviewers, approvals"
				" FROM weir.review WHERE review_id = $1 FOR UPDATE",
				&parameters) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("review " INT64_FORMAT " does not exist", review_id),
				 errhint("SELECT * FROM weir.reviews;")));
	review.kind = sql_text(0, 1);
	review.subject = sql_text(0, 2);
	review.state = sql_text(0, 3);
	review.owner = DatumGetObjectId(sql_value(0, 4, &is_null));
	review.requested_by = DatumGetObjectId(sql_value(0, 5, &is_null));
	review.requested_by_person = DatumGetObjectId(sql_value(0, 6, &is_null));
	reviewers = sql_value(0, 7, &is_null);
	review.reviewers = is_null ? NULL : DatumGetArrayTypePCopy(reviewers);
	review.approvals = DatumGetInt32(sql_value(0, 8, &is_null));
	return review;
}

static void
require_open(int64 review_id, const Review *review)
{
	if (strcmp(review->state, "open") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("review " INT64_FORMAT " is %s already", review_id, review->state), errhint("Request another one.")));
}

/*
 * Membership as it was granted: a superuser who is not among the reviewers is none. Where none are named, the owner's members are,
 * superusers among them.
 */
static bool
is_reviewer(const Review *review, Oid user)
{
	Datum	   *roles;
	int			n;

	if (review->reviewers == NULL)
		return has_privs_of_role(user, review->owner);
	deconstruct_array(review->reviewers, REGROLEOID, sizeof(Oid), true, TYPALIGN_INT, &roles, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		if (is_member_of_role_nosuper(user, DatumGetObjectId(roles[i])))
			return true;
	}
	return false;
}

/* Neither who requested it nor who made the subject; as a role, or as the person behind it. */
static void
require_four_eyes(const Review *review, const ReviewSubject *subject, Oid user, Oid decider)
{
	const Oid  *makers = subject->makers;
	Oid			own[] = {review->requested_by, review->requested_by_person, makers[0], makers[1], makers[2], makers[3], makers[4]};

	for (int i = 0; i < lengthof(own); i++)
	{
		if (OidIsValid(own[i]) && (own[i] == user || own[i] == decider))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("%s cannot decide in a review of their own", role_name(own[i])),
					 i < 2 ? errdetail("They requested it.") : errdetail("They made %s \"%s\".", review->kind, review->subject),
					 errhint("Somebody else has to decide; SET ROLE makes nobody somebody else.")));
	}
}

static int
count_decisions(int64 review_id, const char *decision)
{
	SqlParameters parameters = {0};
	bool		is_null;

	sql_add_int(&parameters, review_id);
	sql_add_text(&parameters, decision);
	sql_run("SELECT count(*) FROM weir.review_decision WHERE review_id = $1 AND decision = $2", &parameters);
	return (int) DatumGetInt64(sql_value(0, 1, &is_null));
}

static void
set_state(int64 review_id, const char *state)
{
	SqlParameters parameters = {0};

	sql_add_int(&parameters, review_id);
	sql_add_text(&parameters, state);
	sql_run("UPDATE weir.review SET state = $2, decided_at = clock_timestamp() WHERE review_id = $1", &parameters);
}

/* A reason that says something. */
static char *
required_reason(FunctionCallInfo fcinfo, int number)
{
	char	   *reason = required_text(fcinfo, number, "reason");

	if (reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a reason is required"),
				 errhint("Say why: it is kept with the decision.")));
	return reason;
}

Datum
weir_review(PG_FUNCTION_ARGS)
{
	Oid			user = GetUserId();
	Oid			decider = person();
	const char *state = "open";
	MemoryContext caller = CurrentMemoryContext;
	const ReviewKind *kind;
	ReviewSubject subject = {0};
	SqlParameters parameters = {0};
	SqlScope	scope;
	Review		review;
	char	   *decision = required_text(fcinfo, 1, "decision");
	char	   *reason = required_reason(fcinfo, 2);
	int64		review_id;
	bool		is_positive;
	int			n_alike;

	require_argument(fcinfo, 0, "review_id");
	review_id = PG_GETARG_INT64(0);
	sql_begin(&scope);
	review = load_review(review_id);
	kind = find_kind(review.kind);
	if (!is_reviewer(&review, user))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be a reviewer of review " INT64_FORMAT, review_id),
				 review.reviewers != NULL
					 ? errdetail("Its reviewers are named in weir.reviews.")
					 : errdetail("It is for members of the role that owns %s \"%s\".", kind->name, review.subject)));
	require_open(review_id, &review);
	is_positive = strcmp(decision, kind->positive) == 0;
	if (!is_positive && strcmp(decision, kind->negative) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown decision \"%s\"", decision),
				 errhint("A review of kind %s is decided by %s or %s.", kind->name, kind->positive, kind->negative)));
	kind->find(review.subject, &subject);
	require_four_eyes(&review, &subject, user, decider);

	sql_add_int(&parameters, review_id);
	sql_add_role(&parameters, decider);
	sql_add_role(&parameters, user);
	sql_add_text(&parameters, decision);
	sql_add_text(&parameters, reason);
	if (sql_run("INSERT INTO weir.review_decision (review_id, person, role, decision, reason)"
				" VALUES ($1, $2::regrole, $3::regrole, $4, $5) ON CONFLICT (review_id, person) DO NOTHING",
				&parameters) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s has decided in review " INT64_FORMAT " already", role_name(decider), review_id)));

	n_alike = count_decisions(review_id, decision);
	if (is_positive)
		state = n_alike >= Max(review.approvals, subject.approvals) ? kind->positive_state : "open";
	else
		state = kind->one_negative_decides || n_alike >= review.approvals ? kind->negative_state : "open";
	audit_write(decision, "review", psprintf(INT64_FORMAT, review_id), "of", kind->name, "subject", review.subject, "state", state,
				"reason", reason);
	if (strcmp(state, "open") != 0)
	{
		set_state(review_id, state);
		if (kind->decided != NULL)
			kind->decided(review.subject, state, user, reason);
	}
	notify(review_id, "decided", state);
	state = MemoryContextStrdup(caller, state);
	sql_end(&scope);
	PG_RETURN_TEXT_P(cstring_to_text(state));
}

void
review_remind(void)
{
	uint64		n =
		sql_execute("UPDATE weir.review SET reminded_at = now() WHERE state = 'open' AND due_at < now() AND reminded_at IS NULL"
					" RETURNING review_id",
					0, NULL, NULL, NULL);
	SPITupleTable *table = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;

		notify(DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &is_null)), "overdue", "open");
	}
}

Datum
weir_withdraw_review(PG_FUNCTION_ARGS)
{
	Oid			user = GetUserId();
	SqlScope	scope;
	Review		review;
	char	   *reason = required_reason(fcinfo, 1);
	int64		review_id;

	require_argument(fcinfo, 0, "review_id");
	review_id = PG_GETARG_INT64(0);
	sql_begin(&scope);
	review = load_review(review_id);
	if (!has_privs_of_role(user, review.requested_by) && !has_privs_of_role(user, review.owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only who requested review " INT64_FORMAT " can withdraw it, or the owner of what it is of", review_id)));
	require_open(review_id, &review);
	set_state(review_id, "withdrawn");
	audit_write("withdraw", "review", psprintf(INT64_FORMAT, review_id), "of", review.kind, "subject", review.subject, "reason",
				reason);
	notify(review_id, "withdrawn", "withdrawn");
	sql_end(&scope);
	PG_RETURN_VOID();
}
