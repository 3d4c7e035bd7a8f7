/*
 * definition.h
 *		What to capture: monitors and pending builds, as the capture worker holds them in memory.  Inside this room only.
 *
 * Loaded from the tables between transactions of the stream, at a position where everything decoded so far is flushed: a definition
 *takes effect exactly there.
 */
#ifndef WEIR_CAPTURE_DEFINITION_H
#define WEIR_CAPTURE_DEFINITION_H

#include "postgres.h"

#include "access/attnum.h"
#include "access/xlogdefs.h"
#include "fairness/fairness_datum.h"
#include "nodes/pg_list.h"
#include "quality/performance_datum.h"
#include "summary/summary_datum.h"
#include "utils/rel.h"
#include "window/window.h"

/* A snapshot in the form that decoding needs: which top-level transactions had ended when it was taken. */
typedef struct Cut
{
	uint64		xmin;			/* all below had ended */
	uint64		xmax;			/* all from here on had not */
	int			n_running;
	uint64	   *running;		/* those in between that had not, ascending */
} Cut;

typedef enum BuildKind
{
	BUILD_INITIAL,
	BUILD_AGAIN,				/* rebuild: the live panes go on until the swap */
	BUILD_HEAL,					/* the same after a gap: what was deleted meanwhile is not known */
	BUILD_VERIFY,
	BUILD_COLUMNS				/* columns that were added: only their summaries are built, and put into the live panes */
} BuildKind;

typedef enum BuildState
{
	BUILD_REQUESTED,
	BUILD_READING,
	BUILD_READ
} BuildState;

/*
 * A slice of a build that is not over: read, or being read, under its cut.  The slices of a build that nobody has begun are held
 * together, as one for each stretch of time, without a cut.
 */
typedef struct ActiveBuild
{
	int			number;			/* weir.build.build_id */
	int			slice;
	int			generation;		/* of the slice's panes */
	int			monitor_id;
	int			attempt;
	BuildKind	kind;
	BuildState	state;
	TimestampTz since;
	TimestampTz until;
	bool		has_cut;
	Cut			cut;
	XLogRecPtr	cut_lsn;
	bool		heals;			/* until it is over, live panes of the range miss rows */
	int64		segment_limit;	/* under which it was read */
	bool		skips_transaction; /* the transaction being decoded is inside the cut */
	int			kept;			/* generation of the rows that are kept for it, see build_kept.c; 0: none are */
} ActiveBuild;

typedef struct CapturedColumn
{
	struct Dictionary *dictionary; /* see batch.h */
	int			place;			/* of its value in a row of a batch, see batch.h */
	ValueReader reader;
	NameData	name;
	AttrNumber	attribute;		/* of the monitored table itself */
	Oid			type;			/* what the reader is made for: follows the stream, see relation_map.c */
	int			position;		/* in the arrays of panes, ascending; positions are never used again */
	bool		retired;		/* the table has it no more: its summaries stay as they are */
	bool		is_derived;		/* of several columns: attribute is 0, see derived.h */
	PerformanceKind performance; /* derived, of such a state: its part */
	int			part;
} CapturedColumn;

/* The parts of two binary states for each class: of labels, and of predictions. */
#define DERIVED_MAX_PARTS (2 * BINARY_N_PARTS * PERFORMANCE_MAX_CLASSES)

/* Summaries of what several columns of a row say together, see derived.h. */
typedef struct CapturedDerivation
{
	const struct DerivationMethod *method;
	int			columns[DERIVED_MAX_PARTS]; /* by part, positions in CapturedMonitor.columns; -1: not kept */
} CapturedDerivation;

/* A column of the source as it was when the definition was loaded. */
typedef struct FilterColumn
{
	AttrNumber	attribute;
	Oid			type;
} FilterColumn;

/* A size of older panes, see level.h. */
typedef struct PaneLevel
{
	WindowClock clock;
	TimestampTz before;
} PaneLevel;

/* The bounds of a pane. */
typedef struct PaneBounds
{
	TimestampTz start;
	TimestampTz end;
} PaneBounds;

#define RECENT_BOUNDS 64

typedef struct CapturedMonitor
{
	int			monitor_id;
	char	   *name;
	Oid			source;
	Oid			owner;
	bool		backfill;
	TimestampTz begins;			/* of panes before, its table has more than they should; DT_NOBEGIN with backfill */
	XLogRecPtr	loaded_lsn;		/* what was written before has older catalogs than the definition, or the same */
	bool		retracts_deletes;
	char	   *filter;			/* NULL: none */
	int			n_filter_columns;
	FilterColumn *filter_columns; /* that it reads */
	int			n_attributes;
	char	  **attribute_names; /* of the source by number - 1, as the filter calls them; NULL: none */

	CapturedColumn time;		/* its reader is not set */
	Oid			time_type;
	char	   *pane_size;		/* as text, for the builder's query */
	char	   *time_zone;
	WindowClock pane_clock;
	int			n_levels;
	PaneLevel  *levels;			/* the coarsest first */
	WindowClock slide_clock;
	int64		lateness;		/* microseconds */

	int			n_columns;
	CapturedColumn *columns;
	int			missing_words;	/* of a row of a batch */
	int			row_size;		/* of a row of a batch */
	int			max_groups;		/* segments that a pane may have, without SEGMENT_OTHER */
	int64		segment_limit;	/* the highest hash of those that are kept; it only falls until everything is built anew */
	bool		has_many_segments; /* more than that are in memory: a builder looks */
	int			n_segments;
	CapturedColumn *segments;
	int			n_protected;	/* 0 when there is neither a prediction nor a score */
	bool		decides_by_score; /* fairness is of score >= threshold: there is no prediction */
	double		threshold;
	CapturedColumn *protected_columns;
	int			first_protected; /* position in the arrays of panes of the first */
	bool		has_label;
	CapturedColumn label_column;
	OutcomeReader label;
	CapturedColumn prediction_column;
	OutcomeReader prediction;
	char	   *positive;
	bool		reads_outcomes; /* of label and prediction, by these readers */
	bool		reads_values;	/* of both, by those below */
	SummaryKind value_kind;
	ValueReader label_value;
	ValueReader prediction_value;
	bool		needs_prediction;
	bool		needs_score;
	bool		reads_probabilities;
	CapturedColumn score_column; /* attribute 0: the table has it no more */
	int			n_classes;		/* whose probabilities the score holds, as an array */
	char	  **classes;
	int			n_derivations;
	CapturedDerivation *derivations;

	List	   *learners;		/* CapturedLearner, see learner_change.h */
	List	   *builds;			/* ActiveBuild, those of this monitor that are not over */
	int			vain_ms;		/* so long nothing is tried for their sake after it came to nothing; 0: it did not */
	TimestampTz next_try;		/* when it is again */

	/* What monitor_state will be told at the next flush. */
	bool		state_changed;
	bool		state_written;	/* in the transaction of the flush */
	TimestampTz expired_before; /* DT_NOBEGIN: nothing is */
	TimestampTz watermark;		/* DT_NOBEGIN: nothing seen */
	TimestampTz pending_watermark; /* of the transaction being decoded */
	TimestampTz last_change_at;
	TimestampTz inexact_since;	/* 0: not inexact, or told already */
	int64		n_untimed;		/* since the last flush */
	List	   *unfolded;		/* ranges (TouchedRange) that miss rows of a transaction which was not folded; to be rebuilt */
	bool		truncated;		/* since the last flush; panes folded afterwards count */
	List	   *truncated_parts; /* since the last flush: children that were emptied, by OID */
	char	   *failure;		/* why it cannot go on; nothing is folded for it any more */
	char	   *logged_failure; /* the same without values of rows */
	XLogRecPtr	source_change_lsn; /* of DDL that is noticed and the stream has not reached: no build ends before; 0: none */

	/* Panes that rows fell into lately, see level_place. */
	TimestampTz bounds_origin;
	uint64		bounds_reciprocal; /* 2^64 / the length of a pane, about */
	PaneBounds	recent_bounds[RECENT_BOUNDS];
} CapturedMonitor;

/*
 * A text that changes whenever a definition does. Inside a transaction, with an SPI scope open.
 */
extern char *definition_fingerprint(void);

/* Reads all definitions into the given context. A monitor that cannot be captured is disabled with its reason and left out. */
extern List *definition_load(MemoryContext context);

/* NULL when there is none. */
extern CapturedMonitor *definition_find(List *monitors, int monitor_id);

/*
 * Prepares a column, the label's or the prediction's reader for a type; the time column only takes note of it.  False when the type
 * cannot be read as the definition says.
 */
extern bool definition_read_as(CapturedMonitor *monitor, CapturedColumn *column, Oid type, MemoryContext context);

/* A column of the source that is read as this kind; retired where the source does not have it, or not so any more. */
extern void definition_find_column(CapturedMonitor *monitor, CapturedColumn *column, const char *name, SummaryKind kind, Oid type);

/* Names of the source's columns by number, as they were when capture last looked: what the definition calls them. */
extern void definition_load_attributes(CapturedMonitor *monitor);

/* The monitor's filter over the relation, which may be a child of the source, or have other names by now. Takes no lock. */
extern Node *definition_filter(CapturedMonitor *monitor, Relation relation);

/*
 * The monitor cannot go on, for this reason: nothing is folded for it any more, and the next flush disables it.  logged is what the
 * server's log may tell of it.
 */
extern void definition_fail(CapturedMonitor *monitor, const char *reason, const char *logged);

/* The monitor that is being worked for, 0 when none: who is to blame for an error, while folding and while writing. */
extern void definition_blame(int monitor_id);
extern int	definition_blamed(void);

/* Keeps the answer there instead. */
extern void definition_blame_in(volatile int *place);

/* Message and hint of an error: why a monitor is set aside, and what to do. */
extern char *definition_reason(const ErrorData *error);

/* Sets a monitor aside with the reason. Inside a transaction and an SPI scope. */
extern void definition_disable(int monitor_id, const char *reason);

/* Reads the builds that are not over and hangs them on their monitors; frees the old lists. */
extern void definition_load_builds(List *monitors, MemoryContext context);

/* Parses the text form of pg_snapshot. */
extern void cut_parse(Cut *cut, const char *text, MemoryContext context);

/* True when the transaction had ended for the snapshot. near is some 64-bit id of about the same time. */
extern bool cut_contains(const Cut *cut, TransactionId xid);

/* "ts" as timestamptz: timestamp and date count as UTC. False when infinite. */
extern bool definition_time(Oid type, Datum value, TimestampTz *result);

#endif
