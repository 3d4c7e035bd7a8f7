/*
 * labelling.h
 *		Labelling queues. Inside this room only.
 */
#ifndef WEIR_LABELLING_H
#define WEIR_LABELLING_H

#include "postgres.h"

#include "governance/governance.h"
#include "utils/array.h"

#define LABELLING_MAX_LABELS 9

typedef struct LabellingQueue
{
	int			queue_id;
	char	   *name;
	Oid			owner;
	GovernedMonitor *monitor;
	ArrayType  *labellers;		/* regrole[]; NULL: members of the owner */
	int			labels_per_item;
	double		uncertain;
	double		disagreeing;
	double		random_share;
	double		threshold;
	char	   *challenger_score; /* NULL: none */
	char	   *challenger;		/* an alias of the monitor's model, or NULL */
	Oid			label_table;
	char	   *label_key;
	char	   *label_column;
} LabellingQueue;

/* By name, or by number where that is NULL; raises 42704. Outside of an SQL scope. */
extern LabellingQueue *labelling_queue_find(const char *name, int queue_id);

#endif
