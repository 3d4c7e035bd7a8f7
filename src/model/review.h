/*
 * review.h
 *		Reviews: people decide about a subject, none about his own.
 *
 * What can be reviewed is registered by kind: versions of models and alerts here, others by the rooms below.
 */
#ifndef WEIR_REVIEW_H
#define WEIR_REVIEW_H

#include "postgres.h"

#include "utils/array.h"

/* What a kind tells about one subject. */
typedef struct ReviewSubject
{
	char	   *subject;		/* as it is stored: one text per subject */
	Oid			owner;			/* whose members may request a review, and decide when no reviewers are named */
	Oid			makers[5];		/* roles that may not decide; InvalidOid: none */
	int			approvals;		/* the least that is asked for */
} ReviewSubject;

typedef struct ReviewKind
{
	const char *name;
	const char *positive;		/* decisions, and the states that they lead to */
	const char *positive_state;
	const char *negative;
	const char *negative_state;
	bool		one_negative_decides; /* a single rejection; otherwise negative decisions are counted, too */

	/* Finds the subject, inside an SQL scope; raises 42704 or 22023. */
	void		(*find)(const char *subject, ReviewSubject *found);

	/* After the decision, inside an SQL scope and in its transaction; NULL: nothing. */
	void		(*decided)(const char *subject, const char *state, Oid by, const char *reason);
} ReviewKind;

extern void review_register_kind(const ReviewKind *kind);

/*
 * Requests a review on behalf of a role, inside an SQL scope, as weir.request_review without its check of privileges; returns its
 * number. reviewers: a regrole[], or NULL.
 */
extern int64 review_request(const ReviewKind *kind, const ReviewSubject *subject, Oid user, Datum reviewers, int approvals,
							const char *note, Datum due_at);

/* Names of roles (text[]) as a regrole[], each once; raises 42704 or 22023. */
extern Datum review_roles(ArrayType *names);

/* Tells listeners, once each, of open reviews that are overdue; inside an SQL scope. */
extern void review_remind(void);

/* Called by model_init. */
extern void review_init(void);

/* Raises 55000 unless the last decided review of the version approved it, with as many people as that; inside an SQL scope. */
extern void review_require_approval(const char *model, int version, int approvals);

#endif
