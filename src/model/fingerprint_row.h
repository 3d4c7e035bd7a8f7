/*
 * fingerprint_row.h
 *		A row as the bytes that its fingerprint is made of.
 *
 * The bytes are those of a new tuple of the server's: the columns that are not NULL one after the other, each at the alignment of
 * its type, numbers in little endian, of variable length ones neither compressed nor elsewhere, with a header of one byte where
 * that can say how long they are.  So a tuple that lies so is hashed as it is; others are made so.
 *
 * Of types whose bytes hold numbers of this database's catalog (enums, composites, names of objects, arrays of those) and of types
 * that are no part of PostgreSQL, it is the text.
 */
#ifndef WEIR_MODEL_FINGERPRINT_ROW_H
#define WEIR_MODEL_FINGERPRINT_ROW_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "model/fingerprint.h"

typedef struct RowShape RowShape;

/* What is known of rows with these columns, in a context of its own below parent. */
extern RowShape *row_shape_create(TupleDesc columns, MemoryContext parent);
extern void row_shape_free(RowShape *shape);

/* Add a row. */
extern void fingerprint_add_record(Fingerprint *fingerprint, RowShape *shape, HeapTupleHeader record);
extern void fingerprint_add_slot(Fingerprint *fingerprint, RowShape *shape, TupleTableSlot *slot);

#endif
