/*
 * moves.h
 *		Rows that moved from one partition to another.  Inside this room only.
 *
 * An update that moves a row is written as a delete and an insert, and decoded as such; only the record of the delete says that it
 *is half of an update, and decoding does not hand that on.  So it is noted while records are read, and found again by the record's
 *position.
 */
#ifndef WEIR_CAPTURE_MOVES_H
#define WEIR_CAPTURE_MOVES_H

#include "postgres.h"

#include "access/xlogreader.h"

typedef enum MoveAnswer
{
	MOVE_NO,
	MOVE_YES,
	MOVE_UNKNOWN				/* too many moved at once to remember */
} MoveAnswer;

/* Takes note of a record that is about to be decoded. */
extern void moves_note(XLogReaderState *reader);

/* Is the delete whose record begins here half of an update? */
extern MoveAnswer moves_find(XLogRecPtr lsn);

/* Nothing before this will be asked for any more. */
extern void moves_forget_before(XLogRecPtr lsn);

#endif
