/*
 * attribution.h
 *		What features contribute to what models say of the rows of monitors.  Inside this room only.
 */
#ifndef WEIR_ATTRIBUTION_H
#define WEIR_ATTRIBUTION_H

#include "postgres.h"

#include "learn/learner.h"

/*
 * "SELECT time AS at, features AS f FROM source": times without a zone are UTC, as for capture.  columns: of the source, in the
 * order of the learner's inputs; NULL: they are called like these.  with_hash: of
 * the whole row too, AS h, for whoever may read all of it.
 */
extern char *attribution_rows_query(Oid relation, const char *time_column, const char *filter, const Learner *learner,
									char **columns, bool with_hash);

/* Goes on with one model of one monitor, if any has rows to be explained. In the worker that feeds learners, in no transaction. */
extern void attribution_turn(void);

/* Whether there are such models besides those of learners. Inside an SPI scope. */
extern bool attribution_is_wanted(void);

#endif
