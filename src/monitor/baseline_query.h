/*
 * baseline_query.h
 *		A baseline from a query: its rows, summarized as the monitor's panes are.  Inside this room only.
 */
#ifndef WEIR_MONITOR_BASELINE_QUERY_H
#define WEIR_MONITOR_BASELINE_QUERY_H

#include "postgres.h"

typedef struct BaselineRows BaselineRows;

/*
 * Runs the query as the current user. Its columns are those of the monitor's that have the same name: 42703 when there is none,
 * 42804 when one cannot be read as the monitor reads it.
 */
extern BaselineRows *baseline_query_run(int monitor_id, const char *query);
extern int64 baseline_query_n(const BaselineRows *rows);

/* Stores the summaries, inside an SQL scope; weir.baseline has its row already. */
extern void baseline_query_store(BaselineRows *rows);

#endif
