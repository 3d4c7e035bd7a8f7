/*
 * wire_format.h
 *		The stored form of a summary: the same bytes for the same state, on every machine.  Plain C, private to this room.
 *
 * Version 2 is written, versions 1 and 2 are read.  Integers are unsigned LEB128 unless said otherwise; bits are the adaptive
 * codes of wire_buffer.h.
 *
 *		byte	version
 *		byte	flags: 1 category, 2 and 4 unit, 8 inexact, 16 minimum stale, 32 maximum stale,
 *				64 (numeric, vector) NaN or infinities follow, (category) not every category is kept, 128 vector
 *		int		budget
 *		int		NULLs
 *
 * numeric:
 *		int * 3 NaN, positive infinities, negative infinities	(only with flag 64)
 *		byte	level
 *		int		bins
 *	  and if there are bins:
 *		byte	zero bits that all keys end with; keys are stored without them
 *		int		key of the first bin
 *		bits	per bin: key - previous key - 1 (not for the first), count - previous count (of the first: - 0)
 *	  and if the level is above 0:
 *		8 + 8	keys of minimum and maximum, most significant byte first
 *		per power 1 ... 4:
 *		  int	2 * bytes of the magnitude of the sum + (1 if negative)
 *		  int	zero bytes below it, and the bytes, least significant first	(only if there are any)
 *		byte	0: distinct values were not counted; else 1 + the rank that the registers are written relative to, and 128 when
 *		stale bits	per register: its difference from that rank	(only when counted)
 *
 * vector: the norms as numbers, then, if there are bins, the sums of the vectors (vector_wire.c)
 *
 * category:
 *		8		threshold, most significant byte first	(only with flag 64)
 *		int		rows of categories not kept	(only with flag 64)
 *		byte	0: they are not in a sketch, 1: they are	(only with flag 64)
 *		bits	per bucket: rows; if there are any, per bit of the identity: rows that have it, less half of all (rounded down)
 *				(only with a sketch)
 *		int		categories
 *		per category, by hash, then bytes:
 *		  int	length, the bytes
 *		  int	count
 *
 * Version 1 had neither distinct registers nor a sketch, and per bin the integers 2 * count + (1 if the key is not one above the
 * previous) and, only then, key - previous key - 2.
 */
#ifndef WEIR_WIRE_FORMAT_H
#define WEIR_WIRE_FORMAT_H

#include "summary/distinct_sketch.h"

#define WIRE_VERSION_1 1
#define WIRE_VERSION 2

#define FLAG_CATEGORY 1
#define FLAG_UNIT_SHIFT 1
#define FLAG_INEXACT 8
#define FLAG_MINIMUM_STALE 16
#define FLAG_MAXIMUM_STALE 32
#define FLAG_MORE 64
#define FLAG_VECTOR 128

/* The rank relative to which the registers take the fewest bits: part of the form, so that it is unique. */
extern int	wire_central_rank(const DistinctSketch *sketch);

#define WIRE_DISTINCT_STALE 128

/* A register's difference from the central rank as a small number, most frequent first. */
#define WIRE_RANK_ORDER 1

#endif
