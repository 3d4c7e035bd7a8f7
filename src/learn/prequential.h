/*
 * prequential.h
 *		How good predictions were that were made before the label was known, one after the other, beside what needs no model: the
 *		class that was most frequent so far (of numbers their mean), and the label that came last.
 *
 * Plain C. Over all rows, over the latest ones, and with older ones fading (Gama, Sebastião and Rodrigues 2013). A state can be
 *stored, and going on gives what one run would have given.
 */
#ifndef WEIR_PREQUENTIAL_H
#define WEIR_PREQUENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "learn/present_label.h"

#define PREQUENTIAL_WINDOW 1000 /* rows of the sliding scope */
#define PREQUENTIAL_FADING 0.999

typedef enum PrequentialScope
{
	PREQUENTIAL_ALL,
	PREQUENTIAL_SLIDING,
	PREQUENTIAL_FADED,
	PREQUENTIAL_N_SCOPES
} PrequentialScope;

/* Whose predictions. */
typedef enum PrequentialSource
{
	PREQUENTIAL_MODEL,
	PREQUENTIAL_MAJORITY,		/* of numbers: the mean so far */
	PREQUENTIAL_LAST,			/* the label of the row before */
	PREQUENTIAL_N_SOURCES
} PrequentialSource;

typedef enum PrequentialMetric
{
	PREQUENTIAL_ACCURACY,		/* of classes */
	PREQUENTIAL_KAPPA,			/* Cohen's */
	PREQUENTIAL_KAPPA_TEMPORAL, /* against the last label (Zliobaite et al. 2015) */
	PREQUENTIAL_KAPPA_MAJORITY, /* against the majority (Bifet et al. 2015) */
	PREQUENTIAL_MEAN_ABSOLUTE_ERROR, /* of numbers */
	PREQUENTIAL_ROOT_MEAN_SQUARED_ERROR,
	PREQUENTIAL_R2,				/* against the mean of the labels of the scope */
	PREQUENTIAL_N_METRICS
} PrequentialMetric;

typedef struct Prequential Prequential;

extern Prequential *prequential_create(Allocator allocator, bool of_numbers);
extern void prequential_free(Prequential *state);
extern bool prequential_of_numbers(const Prequential *state);

/* A labelled row. has_prediction false: the model said nothing, which is wrong, or of numbers left out. */
extern void prequential_add_class(Prequential *state, const char *label, size_t label_length, const char *prediction,
								  size_t prediction_length, bool has_prediction);
extern void prequential_rename_classes(Prequential *state, PresentLabel present, void *context);
extern void prequential_add_number(Prequential *state, double label, double prediction, bool has_prediction);

/* Rows that count: the first has no label before it, and does not. */
extern int64_t prequential_n(const Prequential *state, PrequentialScope scope);

/* Whether the metric is one of this kind of label; and its value, NaN where it is not defined. */
extern bool prequential_has(const Prequential *state, PrequentialMetric metric);
extern double
prequential_value(const Prequential *state, PrequentialScope scope, PrequentialMetric metric, PrequentialSource source);
extern const char *prequential_metric_name(PrequentialMetric metric);
extern const char *prequential_scope_name(PrequentialScope scope);

extern size_t prequential_encoded_size(const Prequential *state);
extern void prequential_encode(const Prequential *state, uint8_t *bytes);

/* NULL for bytes that prequential_encode has not written. */
extern Prequential *prequential_decode(Allocator allocator, const uint8_t *bytes, size_t size);

#endif
