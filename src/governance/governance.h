/*
 * governance.h
 *		People and accountability: stewards, complaints, labelling, periodic audits, erasure, cards, record matching.
 */
#ifndef WEIR_GOVERNANCE_H
#define WEIR_GOVERNANCE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "model/review.h"

/* Called by init.c. */
extern void governance_init(void);

/* ---- inside this room only ---- */

/* What this room needs of a monitor, in the caller's memory. */
typedef struct GovernedMonitor
{
	int			monitor_id;
	char	   *name;
	Oid			owner;
	Oid			source;
	char	   *relation;		/* the source, qualified and quoted; NULL when it was dropped */
	char	   *key_column;		/* its primary key of one column; NULL when it has none */
	char	   *time_column;	/* the following may be NULL */
	char	   *model;
	char	   *prediction;
	char	   *score;
	char	   *label;
	char	  **protected_columns;
	int			n_protected;
} GovernedMonitor;

/* Raises 42704 when there is none, 55000 when its source is gone or has no primary key of one column. Outside of an SQL scope. */
extern GovernedMonitor *governed_monitor(const char *name);

/* The primary key of a table, when it is one column; else NULL. */
extern char *single_key_column(Oid relation);

/* A relation, qualified and quoted. */
extern char *qualified_relation(Oid relation);

/*
 * The number, in column key of a table of weir's, of what has that name and belongs to the current user; what ("audit") names its
 * kind. Raises 42704 when there is none, 42501 when it is somebody else's. Outside of an SQL scope.
 */
extern int	governance_owned(const char *what, const char *table, const char *key, const char *name);

/* Raises 22023 when a text says nothing. */
extern void require_words(const char *text, const char *what);

/* A task of the scheduler: audits that are due, and what else is due by the clock. */
extern void periodic_audit_task(void);

/* Audits are reviewed, too. */
extern const ReviewKind audit_kind;

/* Gives up what the retention of a class of columns no longer allows; inside an SQL scope. */
extern void retention_of_classes(void);

#endif
