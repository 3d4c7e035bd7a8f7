/*
 * prequential_datum.h
 *		What a prequential state says, as the server's values.
 */
#ifndef WEIR_PREQUENTIAL_DATUM_H
#define WEIR_PREQUENTIAL_DATUM_H

#include "postgres.h"

#include "learn/prequential.h"
#include "utils/jsonb.h"

/* weir.prequential_metric[] */
extern Datum prequential_to_array(const Prequential *state);

/* {"n": rows, "accuracy": ..., "majority_accuracy": ..., ...}: over all rows, and the latest ones (sliding_...). */
extern Jsonb *prequential_to_jsonb(const Prequential *state);

/* As it is stored, and back; raises XX001 for what is not one. */
extern bytea *prequential_to_bytes(const Prequential *state);
extern Prequential *prequential_from_bytes(MemoryContext context, bytea *bytes);

#endif
