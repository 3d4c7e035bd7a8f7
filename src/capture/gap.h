/*
 * gap.h
 *		Stretches of the stream that capture did not see: recorded, and healed from the tables.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_GAP_H
#define WEIR_CAPTURE_GAP_H

#include "postgres.h"

#include "access/xlogdefs.h"

/* Records a gap and has every monitor built again from its table. Outside any transaction. */
extern void gap_record(const char *reason, XLogRecPtr from, XLogRecPtr to);

#endif
