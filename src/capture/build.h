/*
 * build.h
 *		Shadow generations: read from the source under a cut, completed by capture, swapped in or compared.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_BUILD_H
#define WEIR_CAPTURE_BUILD_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "capture/definition.h"

/* The one-off worker that reads sources. */
extern void builder_main(int64 argument);

/* True while a builder runs in this database. */
extern bool build_has_builder(void);

/*
 * When the builder waits for a cut, takes one at the present position and hands it over.  Everything decoded must be flushed.
 * Outside any transaction. Returns true when a cut was taken: builds must be loaded again.
 */
extern bool build_hand_over_cut(List *monitors);

/*
 * Finishes the builds that are read and whose cut lies behind position; starts those again whose builder died.  Within the flush
 * transaction and an SPI scope, after the panes were written.  has_builder was asked before the builds were loaded, so that a
 * builder that ended in between has told its outcome.  Returns true when something changed: builds must be loaded again.
 */
extern bool build_advance(List *monitors, XLogRecPtr position, bool has_builder);

#endif
