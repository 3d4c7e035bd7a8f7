/*
 * node.h
 *		Panes that come from other databases: a monitor with option nodes puts together what monitors of that name publish there.
 *		Inside this room only.
 *
 * At a node, a task keeps weir.node and weir.node_pane what the panes are (node_publish.c); logical replication carries these two
 * tables; where they arrive, triggers put them into weir.pane in the same transaction (node_merge.c).  So panes of nodes are read
 *as any others, and what a node takes back goes.
 */
#ifndef WEIR_MONITOR_NODE_H
#define WEIR_MONITOR_NODE_H

#include "postgres.h"

#include "monitor/definition.h"

/* From monitor_init. */
extern void node_publish_init(void);

extern bool merges_nodes(const MonitorDefinition *definition);

/* Raises 22023 for what cannot be had of a monitor without a table, and unless column node is in segment_by. */
extern void check_nodes(const MonitorDefinition *definition);

/* The columns but node, of which panes of nodes have no summary. */
extern List *columns_of_nodes(List *columns);

/* Inside an SPI scope: takes the panes that nodes have published so far; merge_anew in place of those that it had. */
extern void start_merging(int monitor_id);
extern void merge_anew(int monitor_id);

/* Inside an SPI scope, after the definition went: where no capture runs, nobody else sweeps. */
extern void drop_orphaned_node_panes(int monitor_id);

#endif
