/*
 * gap.h
 *		Stretches of the stream that capture did not see: recorded, and healed from the tables.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_GAP_H
#define WEIR_CAPTURE_GAP_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Why changes were missed: a word for programs, in weir.gap.kind, and a sentence for people. */
typedef struct GapReason
{
	const char *kind;			/* NULL: there is no gap */
	const char *text;
	bool		over_budget;	/* weir let go by itself: next time it waits before it begins again */
} GapReason;

/*
 * Records a gap from the stored position on, which is stored no more, and asks for every monitor to be healed from its table: a
 * build of its whole range. A gap of that kind that is open already is prolonged. Inside a transaction and an SPI scope.
 */
extern void gap_write(const GapReason *reason);

/* The same in a transaction of its own. */
extern void gap_record(const GapReason *reason);

/* When capture may begin again; 0 when at once. Inside a transaction and an SPI scope. */
extern TimestampTz gap_retry_at(void);

/* Notes that gaps are healed for which no build is waiting any more. Inside a transaction and an SPI scope. */
extern void gap_close_healed(void);

#endif
