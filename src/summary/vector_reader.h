/*
 * vector_reader.h
 *		From the server's arrays, and the values of pgvector's type vector, to vectors of doubles.
 */
#ifndef WEIR_VECTOR_READER_H
#define WEIR_VECTOR_READER_H

#include "postgres.h"

#include "summary/moving_summary.h"
#include "summary/summary_vector.h"

/* Whether values of this type, no domain, can be read as vectors: arrays of numbers, pgvector's vector. Needs catalog access. */
extern bool is_vector_type(Oid type);

/*
 * Reads a value of such a type; the elements stay valid until the next call.  A NULL element is NaN.  Raises 22000 for a vector
 * without elements, 2202E for arrays of several dimensions, 54000 beyond VECTOR_MAX_DIMENSION.
 */
extern const double *read_vector(Oid type, Datum value, int *dimension);

/* The same, but NULL for what would raise. */
extern const double *read_vector_if_any(Oid type, Datum value, int *dimension);

/* Reads the value and adds it to the summary, or takes it back; raises 22000 when its dimension is another than that of others. */
extern void add_vector(Summary *summary, Oid type, Datum value, bool remove);

/* The same for a frame that slides. */
extern void enter_vector(MovingSummary *moving, Oid type, Datum value);
extern bool leave_vector(MovingSummary *moving, Oid type, Datum value);

#endif
