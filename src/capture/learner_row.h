/*
 * learner_row.h
 *		A change of a row as learners take it, in bytes: what waits in weir.learner_change.
 *
 * Values are what learn/feature_reader.h would make of them: a number, or the text of a category.  So they outlive the types of the
 * table, and learning them needs neither the table nor its catalogs.  Written by capture, and by whoever reads the rows that were
 *there before; read in the room of those who feed learners.
 */
#ifndef WEIR_LEARNER_ROW_H
#define WEIR_LEARNER_ROW_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "summary/summary_datum.h"

typedef enum LearnerRowKind
{
	LEARNER_ROW_NEW = 'n',		/* with its label, or without */
	LEARNER_ROW_LABELLED = 'l', /* the label has come: there was none */
	LEARNER_ROW_MAYBE_LABELLED = 'm', /* there is a label; whether there was one before, only who remembers the row knows */
	LEARNER_ROW_CORRECTED = 'c', /* another label; no values follow */
	LEARNER_ROW_WITHDRAWN = 'w', /* the label was taken back: there is none any more; no values follow */
	LEARNER_ROW_REKEYED = 'k',	/* the row has another key now, the text that follows */
	LEARNER_ROW_GONE = 'g',		/* the row, which had a label or may have had one, is no longer there; no values follow */
	LEARNER_ROW_GONE_UNLABELLED = 'u', /* likewise, and it had none */
	LEARNER_ROW_RENAMED = 'e'	/* of no row: labels of enums have other names from here on; these follow instead of values */
} LearnerRowKind;

typedef struct LearnerValue
{
	bool		is_missing;
	bool		is_number;
	double		number;
	const char *text;			/* not terminated */
	int			length;
} LearnerValue;

typedef struct LearnerRow
{
	uint64		xid;			/* whose change it is */
	LearnerRowKind kind;
	TimestampTz at;				/* the row's time */
	const char *key;			/* of the row, not terminated */
	int			key_length;		/* 0: it has none */
	int			n_values;		/* features, then the label; or none */
	LearnerValue *values;
	const char *labels;			/* those that are renamed, see learner_row_next_label */
	int			labels_length;
} LearnerRow;

/* A label that is renamed. */
typedef struct RenamedLearnerLabel
{
	int			place;			/* whose it is: a feature, or behind them the label */
	int32		hash;			/* of the former name, as weir.source_relation has it */
	const char *name;			/* not terminated */
	int			length;
} RenamedLearnerLabel;

/* Begins a change; values follow in the order of the features, then the label. key may be NULL. */
extern void learner_row_begin(StringInfo bytes, LearnerRowKind kind, TimestampTz at, const char *key);
extern void learner_row_add_text(StringInfo bytes, const char *text, int length);
/* Of a value that is not there no reader is needed. */
extern void learner_row_add(StringInfo bytes, const ValueReader *reader, Datum value, bool is_null);

/* name: of the server's, so shorter than texts may be. */
extern void learner_row_add_label(StringInfo bytes, int place, int32 hash, const char *name);

/* Reads the next one of the row, from *position, 0 at first; false: there is none. Raises XX001 as learner_row_read does. */
extern bool learner_row_next_label(const LearnerRow *row, int *position, RenamedLearnerLabel *label);

/* Puts a change that was begun and added to behind others, as they are stored. */
extern void learner_row_append(StringInfo changes, uint64 xid, const char *bytes, int length);

/*
 * Reads the change at the position and moves on; false at the end. Texts point into the bytes; row->values has room for
 * most_values. Raises XX001 for what learner_row_append has not written.
 */
extern bool learner_row_read(const char *changes, Size size, Size *position, LearnerRow *row, int most_values);

/* A key as it is remembered: the column's text, or of several a JSON array of texts. */
extern char *learner_row_key(int n, char **texts);

#endif
