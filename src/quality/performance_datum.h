/*
 * performance_datum.h
 *		weir.performance in memory: an expanded object around a Performance, flattened only when it leaves the process.
 */
#ifndef WEIR_PERFORMANCE_DATUM_H
#define WEIR_PERFORMANCE_DATUM_H

#include "postgres.h"

#include "quality/performance.h"
#include "summary/summary_datum.h"
#include "utils/expandeddatum.h"

/* A new expanded object below parent. */
extern Datum performance_expanded_create(MemoryContext parent, PerformanceKind kind);

/* The same holding a private copy of what datum holds. */
extern Datum performance_expanded_copy(MemoryContext parent, Datum datum);

/* The state inside, when the datum is a read-write expanded one; else NULL. */
extern Performance *performance_writable(Datum datum);

/* The state behind a weir.performance, to be read only: that of a live object, or decoded into the current memory context. */
extern const Performance *performance_borrow(Datum datum);

/* The same where it must be binary, with scores in [0, 1]: raises 42804, 22023. */
extern const Performance *performance_of_probabilities(Datum datum);

/* As a flat varlena, and back. */
extern Datum performance_to_datum(const Performance *performance);
extern Performance *performance_from_datum(Allocator allocator, Datum datum);

/* Raises the error that belongs to a status other than PERFORMANCE_OK. */
extern void performance_check_status(PerformanceStatus status);

/* The two-sided normal quantile; raises 22023 outside of (0, 1). */
extern double performance_normal_of_confidence(double confidence);

/* A class's text cut to what a pair can hold: its beginning and its hash. */
extern char *performance_class_name(char *text, size_t *length);

/* A label, score or prediction that is a number; durations and times in seconds, NaN for NULL. */
extern double performance_number(const ValueReader *reader, Datum value, bool is_null);

/*
 * The state that a derivation of weir.derived_column keeps in parts: binary_performance (label, score), decision_performance
 * (label, prediction: scores of 0 and 1), class_performance, regression_performance.  False when the name is none of these.
 */
extern bool performance_kind_of_derivation(const char *name, PerformanceKind *kind);

#define PERFORMANCE_MAX_CLASSES 16 /* whose probabilities a monitor follows */

/*
 * probability_N_performance (is the label class N?, its probability) and choice_N_performance (is it predicted?, its probability):
 * the number N of the class, from 1; 0: it is another derivation.
 */
extern int	performance_class_of_derivation(const char *name, bool *of_choice);

/* The element of a float8[] with that subscript; NaN where there is none. */
extern double performance_probability(Datum array, bool is_null, int number);

/* NaN is NULL. */
extern Datum performance_float_or_null(double value, bool *is_null);

#endif
