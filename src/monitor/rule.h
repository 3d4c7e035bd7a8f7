/*
 * rule.h
 *		Rules over scores, and the alerts they open.
 *
 * A rule looks at the final windows of one metric, per subject (column, protected group, …) and segment.  Its replay over a range
 * of windows is one piece of code for the scheduler, which writes what it finds, and for weir.test_rule, which does not.
 */
#ifndef WEIR_RULE_H
#define WEIR_RULE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* Called by init.c. */
extern void rule_init(void);

/* ---- actions: offered to the rooms below ---- */

/* What an action is told when an alert opens. */
typedef struct RuleFiring
{
	int64		alert_id;
	const char *monitor;
	const char *rule;
	Oid			rule_owner;
	const char *trainer;
	const char *metric;
	const char *subject;		/* may be NULL, as may segment */
	const char *segment;
	TimestampTz window_start;
	TimestampTz window_end;
} RuleFiring;

/* At create_rule: raises an error unless user may have the trainer run. trainer is not NULL. Inside an SQL scope. */
typedef void (*RuleActionCheck)(const char *trainer, Oid user);

/* In the transaction that opens the alert, inside an SQL scope: returns the number of the job it queued, 0 for none. */
typedef int64 (*RuleActionRun)(const RuleFiring *firing);

/* Makes create_rule(action => name) possible. "notify" is always there and does nothing more. */
extern void rule_register_action(const char *name, RuleActionCheck check, RuleActionRun run);

/*
 * Ends an open alert by somebody's decision, or gives a verdict to one that is over; verdict (confirmed, dismissed) and note may be
 * NULL. Inside an SQL scope, after privileges were checked.
 */
extern void alert_judge(int64 alert_id, Oid by, const char *verdict, const char *note);

/* ---- inside this room only ---- */

/* A task of the scheduler: keeps what rules watch of capture. */
extern void capture_watch_task(void);

typedef struct Rule
{
	int			rule_id;
	char	   *name;
	Oid			owner;
	int			monitor_id;
	char	   *monitor;
	Oid			source;
	char	   *time_column;
	bool		has_filter;
	char	   *time_zone;
	char	   *metric;
	bool		has_above;
	bool		has_below;
	double		above;
	double		below;
	char	   *column_name;	/* NULL: any */
	char	   *segment;		/* NULL: all rows; "*": every segment */
	int			windows;
	int			out_of;
	int64		min_n;
	char	   *severity;
	char	   *action;
	char	   *trainer;
	Interval   *cooldown;
	bool		auto_resolve;
	const char *family;			/* NULL: any */
} Rule;

/* Reads the rule of that name (or, name NULL, of that id) inside an SQL scope; NULL when there is none. */
extern Rule *rule_load(const char *name, int rule_id);

/* The action's functions; run is NULL for "notify". False when nobody registered it. */
extern bool rule_find_action(const char *name, RuleActionCheck *check, RuleActionRun *run);

typedef enum RuleReading
{
	READING_OK,					/* within bounds */
	READING_BREACH,
	READING_INSUFFICIENT,
	READING_NO_DATA
} RuleReading;

/* One final window of one subject and segment, as the rule sees it. */
typedef struct RuleWindow
{
	TimestampTz start;
	TimestampTz end;
	TimestampTz quiet_until;	/* end + cooldown */
	char	   *period;			/* '2026-03-02 00:00 to 2026-03-03 00:00' */
	char	   *family;
	char	   *subject;
	char	   *segment;
	bool		has_value;
	double		value;
	int64		n;
	RuleReading reading;
	int			n_breached;		/* of the last out_of windows, this one included */
	bool		holds;			/* n_breached reaches windows */
	const char *state;
} RuleWindow;

/* An alert as the replay needs it. */
typedef struct RuleAlert
{
	int64		alert_id;		/* 0 in a test */
	char	   *family;
	char	   *subject;
	char	   *segment;
	bool		is_open;
	TimestampTz first_window;
	TimestampTz last_window;	/* begin of the last one in which the condition held */
	TimestampTz window_end;		/* its end */
	TimestampTz quiet_until;	/* window_end + cooldown */
} RuleAlert;

/* What a replay does with what it finds; NULL members: nothing. */
typedef struct RuleSink
{
	void		(*window)(const Rule *rule, const RuleWindow *window, bool fires, void *argument);
	int64		(*open)(const Rule *rule, const RuleWindow *window, void *argument);
	void		(*update)(const Rule *rule, const RuleWindow *window, RuleAlert *alert, void *argument);
	void		(*resolve)(const Rule *rule, const RuleWindow *window, RuleAlert *alert, void *argument);
	void	   *argument;
} RuleSink;

/* Metrics of groups, which have no row over all groups: a text[]. */
extern Datum rule_rate_metrics(void);

/* ---- rule_subjects.c: a place for one pointer per subject and segment, NULL at first ---- */

typedef struct RuleSubjects RuleSubjects;

extern RuleSubjects *rule_subjects_create(void);

/* Any text but family may be NULL. The place stays valid until the next call. */
extern void **rule_subjects_find(RuleSubjects *subjects, const char *family, const char *subject, const char *segment);

/*
 * Goes through the final windows that begin in [since, until), oldest first, inside an SQL scope. alerts are those that may matter
 * (List of RuleAlert); returns the list with those it opened.
 */
extern List *rule_replay(const Rule *rule, TimestampTz since, TimestampTz until, List *alerts, const RuleSink *sink);

/* Gives a rule its state when it has none, inside an SQL scope: it begins with the latest window that is final now. */
extern void rule_begin_state(int rule_id);

/* Evaluates one rule as far as there is something new. Raises an error when it cannot; inside a transaction. */
extern void rule_evaluate(int rule_id);

/* The scheduler's task. */
extern void rule_task(void);

/* Rules, their states and alerts take the present names of columns that were renamed. Within an SPI scope. */
extern void rule_follow_renames(void);

/* ---- alerts, inside an SQL scope ---- */

/* Alerts of the rule that are open or whose cooldown reaches beyond since. */
extern List *alert_list(const Rule *rule, TimestampTz since);

/* Opens an alert, takes the rule's action when acts, and notifies; returns its number. */
extern int64 alert_open(const Rule *rule, const RuleWindow *window, bool acts);
extern void alert_update(const Rule *rule, const RuleWindow *window, const RuleAlert *alert);

/*
 * True when the current user may see scores of this family, subject and segment (each may be NULL: not one, but any).  Called
 * outside of an SQL scope.
 */
extern bool rule_may_see_scores(Oid source, const char *time_column, bool has_filter, const char *family, const char *subject,
								const char *segment);

/* Resolves by itself (by InvalidOid) or by hand; verdict and note may be NULL. Notifies. */
extern void alert_resolve(int64 alert_id, Oid by, const char *verdict, const char *note);

#endif
