/*
 * retention.h
 *		What becomes of old panes: they are merged into coarser ones, and given up.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_RETENTION_H
#define WEIR_CAPTURE_RETENTION_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * Now and then: gives up panes past the retention, and rolls up what the policy says, a little at a time.  Within the flush
 * transaction, when all panes are written.
 */
extern void retention_apply(List *monitors);

#endif
