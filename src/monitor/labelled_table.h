/*
 * labelled_table.h
 *		Tables of predictions with their labels: what SQL makes and keeps them.  Inside this room only.
 */
#ifndef WEIR_LABELLED_TABLE_H
#define WEIR_LABELLED_TABLE_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct LabelledTable
{
	int			join_id;
	Oid			relation;
	Oid			predictions;
	Oid			labels;
	Oid			owner;
	List	   *key;			/* of char *: columns of predictions, and of relation */
	List	   *label_key;		/* of labels */
	List	   *columns;		/* of predictions, in the order of relation */
	List	   *label_columns;
} LabelledTable;

/* Its definition; false when the relation is none. Inside an SPI scope; result in the context. */
extern bool labelled_table_load(Oid relation, LabelledTable *table, MemoryContext context);

/* Raises 0A000: a copy of the rows would have no policies. */
extern void labelled_table_refuse_row_security(Oid source);

/* Whose equality is the server's own: integers, text, numeric, uuid, and domains over them. */
extern bool labelled_table_is_key_type(Oid type);

/*
 * Locks both tables and raises 42804, 42809 unless their columns still are of the types that the kept table has: nothing is cast,
 * for a cast is a function of whoever owns the type, and would run as the owner of the kept table.
 */
extern void labelled_table_check(const LabelledTable *table);

/* "SELECT columns FROM predictions LEFT JOIN labels ON key": what the relation should hold. */
extern char *labelled_table_query(const LabelledTable *table);

/*
 * "WITH ... SELECT key AS a jsonb of texts": keys whose rows differ from that.
 */
extern char *labelled_table_differences(const LabelledTable *table);

/* Makes the rows of the keys, $1 a jsonb array of jsonb arrays of texts, what they should be. */
extern char *labelled_table_update(const LabelledTable *table);

/* The task that starts the worker, and the worker. */
extern void labelled_table_task(void);
extern void labelled_table_main(int64 argument);

#endif
