/*
 * fingerprint.h
 *		A hash of 128 bits over a multiset of rows: neither their order nor who counted them shows, a row that is there twice does.
 *
 * Each row is hashed by itself, the hashes are added modulo 2^128.  So fingerprints of parts add up to that of the whole.  A row is
 * bytes (model/fingerprint_row.h), so that most can be hashed where they lie.  It finds changes and mistakes; it is not made to
 * withstand somebody who looks for collisions.  Plain C.
 */
#ifndef WEIR_MODEL_FINGERPRINT_H
#define WEIR_MODEL_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

typedef struct Fingerprint
{
	uint64_t	high;
	uint64_t	low;
} Fingerprint;

/*
 * Adds a row: the number of its columns, which of them are NULL (a bit for each, in as many words as that takes, at least one) and
 * the bytes of the others.
 */
extern void fingerprint_add_row(Fingerprint *fingerprint, int columns, const uint64_t *nulls, const char *bytes, size_t length);

/* Adds another fingerprint. */
extern void fingerprint_add(Fingerprint *fingerprint, Fingerprint other);

#endif
