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

#include "base/compat.h"
#include "base/sql.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

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

typedef enum RuleLevel
{
	LEVEL_NONE,
	LEVEL_WARNING,
	LEVEL_ALERT
} RuleLevel;

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
	char	   *family;
	char	   *metric;
	char	   *column_name;	/* NULL: any */
	char	   *segment;		/* NULL: all rows; "*": every segment */
	int			windows;
	int			out_of;
	RuleLevel	severity;
	char	   *action;
	char	   *trainer;
	Interval   *cooldown;
	bool		auto_resolve;
	bool		is_silent;		/* its alerts are told to nobody */
	bool		is_composite;
	bool		is_share;		/* of subjects, which are looked at together */
	bool		is_learnt;
} Rule;

extern const char *rule_level_name(RuleLevel level);
extern RuleLevel rule_level_of(const char *name);

/* Reads the rule of that name (or, name NULL, of that id) inside an SQL scope; NULL when there is none. */
extern Rule *rule_load(const char *name, int rule_id);

/* The action's functions; run is NULL for "notify". False when nobody registered it. */
extern bool rule_find_action(const char *name, RuleActionCheck *check, RuleActionRun *run);

typedef enum RuleReading
{
	READING_OK,					/* within bounds, or beyond the first one only */
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
	bool		has_threshold;
	double		threshold;		/* the bound that was crossed, else one that was not */
	bool		has_p_adjusted;
	double		p_adjusted;		/* of a rule with a false discovery rate */
	int64		n;
	RuleReading reading;
	bool		is_warned;		/* beyond the first bound at least */
	int			n_breached;		/* of the last out_of windows, this one included */
	int			n_warned;
	bool		is_clear;		/* none of the last clear_windows is beyond the bound for clearing */
	RuleLevel	level;			/* at which the rule holds */
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
	RuleLevel	level;			/* the highest that it has reached */
	TimestampTz first_window;
	TimestampTz last_window;	/* begin of the last one in which the condition held */
	TimestampTz window_end;		/* its end */
	TimestampTz quiet_until;	/* window_end + cooldown */
	bool		is_written;		/* in this replay */
} RuleAlert;

typedef enum RuleEvent
{
	EVENT_NONE,
	EVENT_OPENED,
	EVENT_ESCALATED,			/* a warning became an alert */
	EVENT_RESOLVED
} RuleEvent;

/* What a replay does with what it finds; NULL members: nothing. */
typedef struct RuleSink
{
	void		(*window)(const Rule *rule, const RuleWindow *window, RuleEvent event, void *argument);
	int64		(*open)(const Rule *rule, const RuleWindow *window, void *argument);
	void		(*update)(const Rule *rule, const RuleWindow *window, RuleAlert *alert, bool escalates, void *argument);
	void		(*resolve)(const Rule *rule, const RuleWindow *window, RuleAlert *alert, void *argument);
	void	   *argument;
} RuleSink;

/* ---- rule_check.c: arguments of create_rule and create_composite_rule; all inside an SQL scope but those that say so ---- */

/* Raises 22023 with message and hint (which may be NULL). */
pg_noreturn extern void rule_refuse(const char *message, const char *hint);

/* 1 <= windows <= out_of <= 1000, and clear_windows within the same; outside of a scope, like the next three. */
extern void rule_check_windows(int32 windows, bool has_out_of, int32 out_of, int32 clear_windows);
extern void rule_check_cooldown(Datum cooldown);
extern void rule_check_severity(const char *severity);

/* Arguments that must not be NULL. */
typedef struct RequiredArgument
{
	int			number;
	const char *name;
} RequiredArgument;

extern void rule_require_arguments(FunctionCallInfo fcinfo, const RequiredArgument *required, size_t n);

/* Only options that mean something, with values of the right kind; outside of a scope. */
extern void rule_check_options(Jsonb *options);

/* The action, and that user may have the trainer run; outside of a scope. */
extern void rule_check_action(const char *action, const char *trainer, Oid user);

/*
 * The family and the name under which weir._all_scores has the metric; raises 22023 when the monitor does not have it.  family may
 * be NULL: the first that knows it.
 */
extern void rule_find_metric(int monitor_id, const char *monitor, const char *metric, const char *family, char **found_family,
							 char **found_metric);

/* The subject of the rule must be one that the monitor has, and that scores of the family have. */
extern void rule_check_subject(int monitor_id, const char *monitor, const char *family, const char *metric, const char *column);

/* A NOTICE when the latest final window has nothing that the rule would look at. */
extern void rule_notice_nothing(int rule_id, const char *name);

/* Raises 22023 for a segment (NULL: none) that the monitor cannot have; inside an SQL scope. */
extern void rule_check_segment(int monitor_id, const char *monitor, const char *family, const char *segment);

/* ---- rule_learn.c ---- */

/* The argument learn, with every member that was left out at its default. */
extern Jsonb *rule_check_learn(Jsonb *learn, bool is_drift, bool has_above, bool has_below);

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

/* The row is there, its number is the last result: what starts with it, returning the name. Inside an SQL scope, which it ends. */
extern Datum rule_begin(SqlScope *scope, const char *name);

extern void rule_refuse_name_taken(const char *name);

/* Gives a rule its state when it has none, inside an SQL scope: it begins with the latest window that is final now. */
extern void rule_begin_state(int rule_id);

/* Evaluates one rule as far as there is something new. Raises an error when it cannot; inside a transaction. */
extern void rule_evaluate(int rule_id);

/* Keeps a rule from being evaluated before enable_rule. Outside of a scope. */
extern void rule_disable(int rule_id, const char *reason);

/* The scheduler's task. */
extern void rule_task(void);

/* ---- renames.c ---- */

/*
 * Rules, their states, alerts and baselines take the names that columns and labels of enums have now: those of labels once the
 * monitor's panes have them, too.  What somebody has locked is tried again in the next turn.  Outside of a scope.
 */
extern void renames_follow(void);

/*
 * In a query with a monitor's number: columns or labels were renamed, and its rules and alerts do not have all the names, or its
 * panes.  It is no time to evaluate any.
 */
#define NAMES_ARE_BEHIND(monitor_id) \
	"(EXISTS (SELECT FROM weir.label_rename n WHERE n.monitor_id = " monitor_id ") " \
	"OR EXISTS (SELECT FROM weir.column_rename n WHERE n.monitor_id = " monitor_id "))"

/* ---- alert.c, inside an SQL scope ---- */

/* Alerts of the rule that are open or whose cooldown reaches beyond since. */
extern List *alert_list(const Rule *rule, TimestampTz since);

/* Opens an alert; returns its number. */
extern int64 alert_open(const Rule *rule, const RuleWindow *window);

/* True when there was something to write. */
extern bool alert_update(const Rule *rule, const RuleWindow *window, const RuleAlert *alert);

/* Looks up what stands behind the window that the alert tells of, where that is not known yet. */
extern void alert_explain(int64 alert_id);

/* Resolves by itself (by InvalidOid) or by hand; verdict and note may be NULL. */
extern void alert_resolve(int64 alert_id, Oid by, const char *verdict, const char *note);

/* ---- alert_event.c, inside an SQL scope ---- */

/* Writes an event; event is opened, escalated, acknowledged, reminded or resolved. */
extern void alert_write_event(int64 alert_id, const char *event);

/*
 * Tells of an alert whose severity nobody was told of yet, unless it is silenced or snoozed; takes the rule's action with it, if
 * the alert has reached the rule's severity and the cooldown of the last action is over.
 */
extern void alert_announce(int64 alert_id);

/* Tasks of the scheduler: tells of what was kept back and is to be any more; numbers events and notifies; gives up old events. */
extern void alert_event_init(void);
extern void alert_event_task(void);

/* ---- alert_people.c ---- */

/*
 * True when the current user may see scores of this family, subject and segment (each may be NULL: not one, but any).  Called
 * outside of an SQL scope.
 */
extern bool rule_may_see_scores(Oid source, const char *time_column, bool has_filter, const char *family, const char *subject,
								const char *segment);

#endif
