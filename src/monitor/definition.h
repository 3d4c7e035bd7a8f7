/*
 * definition.h
 *		A monitor's definition in memory, between the arguments of create_monitor or alter_monitor and the tables.  Inside this room
 *		only.
 */
#ifndef WEIR_MONITOR_DEFINITION_H
#define WEIR_MONITOR_DEFINITION_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "summary/summary.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

typedef struct MonitorColumn
{
	char	   *name;
	Oid			type;
	SummaryKind kind;
} MonitorColumn;

typedef struct MonitorDefinition
{
	int			monitor_id;		/* 0 before it is stored */
	char	   *name;
	Oid			source;
	Oid			owner;
	char	   *time_column;
	Interval	window_size;
	Interval	slide;
	Interval	pane_size;
	Interval	lateness;
	char	   *time_zone;		/* NULL: UTC */
	List	   *segment_by;		/* of char * */
	List	   *protected_columns; /* of char * */
	char	   *model;
	char	   *prediction;
	char	   *score;
	char	   *label;
	char	   *positive;
	ArrayType  *metrics;		/* NULL: all that apply */
	char	   *filter;
	bool		backfill;
	Interval   *retention;		/* NULL: for ever */
	char	   *on_delete;
	Jsonb	   *options;
	List	   *columns;		/* of MonitorColumn, as panes will have them */
} MonitorDefinition;

/* ---- check_source.c: does the table have what the definition names ---- */

/* Opens the source, or raises an error for what cannot be monitored and for a caller who is not its owner. Close it with NoLock. */
extern Relation open_source(Oid source);

/* Time, segment, protected, prediction, score and label columns, and the filter. */
extern void check_source_columns(MonitorDefinition *definition, Relation source);

/* Fills definition->columns. wanted: of char *, NIL with all_columns; kinds: {"column": "numeric" | "category" | "ignore"}. */
extern void choose_columns(MonitorDefinition *definition, Relation source, bool all_columns, List *wanted, Jsonb *kinds);

/* 'amount numeric, status category' */
extern char *describe_columns(List *columns);

/* ---- derive.c ---- */

/* What the model does whose performance is watched. */
typedef enum MonitorTask
{
	TASK_NONE,
	TASK_BINARY,
	TASK_CLASS,
	TASK_REGRESSION
} MonitorTask;

extern bool task_is_known(const char *name);

/* Option task, or what columns and their kinds say; 22023 when the option lacks its columns. After choose_columns. */
extern MonitorTask monitor_task(const MonitorDefinition *definition, Relation source);

/* How many classes option classes names. */
extern int	monitor_n_classes(const MonitorDefinition *definition);

/* From which score on a row counts as chosen for fairness, where there is a score and no prediction; NaN: it does not decide. */
extern double monitor_deciding_threshold(const MonitorDefinition *definition);

/* Raises 42804 unless label, prediction and score can be read as the task has them. */
extern void check_task_columns(const MonitorDefinition *definition, Relation source, MonitorTask task);

/* Puts the derived columns of performance in the place of those that the monitor had, at positions of their own.  Inside an SPI
 * scope. */
extern void store_derived_columns(const MonitorDefinition *definition, MonitorTask task);

/* ---- check_settings.c: do the settings make sense in themselves ---- */

/* Window, slide, lateness, retention; sets pane_size unless keep_pane_size, when window and slide must fit it. */
extern void check_sizes(MonitorDefinition *definition, bool keep_pane_size);

/* Raises 22023 unless windows of this size and slide are unions of panes. */
extern void
check_window_of_panes(const Interval *window_size, const Interval *slide, const Interval *pane_size, const char *time_zone);

/* Option names and the types of their values. */
extern void check_options(Jsonb *options);

/* Option sources, where it differs from before (NULL: new): 42704 for a monitor that is not there, 22023 for segments without any.
 */
extern void check_sources(const MonitorDefinition *definition, Jsonb *options_before);

/* on_delete, metrics, name. */
extern void check_words(const MonitorDefinition *definition);

/* A string option's text, NULL when it is not there. */
extern char *option_text(Jsonb *options, const char *name);

/* Raises 22023 for an interval above ten years, or infinite; what names it. */
extern void check_not_too_long(const Interval *interval, const char *what);

/* Microseconds, months counted as 30 days; saturates. */
extern int64 interval_length(const Interval *interval);
extern char *interval_text(const Interval *interval);

/* Whether fairness or a rate has that name. */
extern bool is_score_metric(const char *name);

/* ---- check_detectors.c ---- */

/* Whether option detectors is an array of such objects; errors of its own for what is in them. */
extern bool check_detectors(JsonbValue *value);

/* Raises 42703 when a detector of the stored monitor names a column that it does not have; those over rows begin. */
extern void check_detector_columns(int monitor_id);

/* ---- check_performance.c ---- */

/* Whether option performance is such an object; an error of its own for a metric that there is not. */
extern bool performance_options_are_valid(const JsonbValue *value);

/* ---- roll_up.c ---- */

extern bool roll_up_is_array(const JsonbValue *value);

/* Raises 22023 unless the steps of option roll_up ascend in age and size, each size a multiple of the one before. */
extern void check_roll_up(const MonitorDefinition *definition);

/* ---- arguments.c ---- */

/* A text[] as a list of char *; an element that is NULL raises 22004 naming the argument. */
extern List *text_array_list(ArrayType *array, const char *argument);
extern ArrayType *text_list_array(List *list);

#endif
