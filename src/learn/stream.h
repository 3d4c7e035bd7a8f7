/*
 * stream.h
 *		Streams made by rule, to try learners and detectors on: the benchmarks of the field, with drift where it is wanted.
 *
 * Plain C. A stream draws rows of numbers and a class from one concept and, from a row on, from the next: at once, or over a while
 *during which rows of the new one become more likely along a logistic curve. The same seed gives the same rows.
 */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include "learn/random.h"

/* Numbers are not stored. */
typedef enum StreamKind
{
	STREAM_SEA,					/* Street and Kim 2001: 3 numbers, of which two decide; 4 concepts */
	STREAM_AGRAWAL,				/* Agrawal, Imielinski and Swami 1993: 9 numbers of an applicant; 10 concepts */
	STREAM_LED, /* Breiman et al. 1984: 7 segments of a digit and 17 that say nothing; 7 concepts: that many swapped */
	STREAM_RBF,					/* balls around 50 random centres, 10 numbers, 5 classes; concepts are other centres */
	STREAM_HYPERPLANE,			/* Hulten, Spencer and Domingos 2001: 10 numbers; concepts are other planes */
	STREAM_RANDOM_TREE, /* Domingos and Hulten 2000: 10 numbers split by a random tree of depth 5, 2 classes; concepts are other
						   trees */
	STREAM_N_KINDS
} StreamKind;

#define STREAM_MAX_FEATURES 24

typedef struct Stream Stream;

extern const char *stream_name(StreamKind kind);

/* -1 when there is none of that name. */
extern int	stream_find(const char *name);

/* Concepts are numbered from 0 to this, not included; where they are random there are as many as one likes. */
extern int	stream_n_concepts(StreamKind kind);
extern int	stream_n_features(StreamKind kind);

/*
 * drift_at: the row (from 0) in the middle of the change to the next concept, negative for none; drift_width: rows that it takes, 1
 * is at once. noise: the share of rows whose class (LED: of segments that) is drawn anew.
 */
extern Stream *stream_create(Allocator allocator, StreamKind kind, uint64_t seed, int concept, int64_t drift_at,
							 int64_t drift_width, double noise);

/* The next row: its class. */
extern int	stream_next(Stream *stream, double *row);
extern void stream_free(Stream *stream);

#endif
