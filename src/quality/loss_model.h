/*
 * loss_model.h
 *		Direct loss estimation: one set of trees per kind of loss, and their stored form.  Plain C.
 */
#ifndef WEIR_LOSS_MODEL_H
#define WEIR_LOSS_MODEL_H

#include "quality/loss_trees.h"

typedef enum LossKind
{
	LOSS_ABSOLUTE,
	LOSS_SQUARED,
	LOSS_PERCENTAGE,			/* absolute error by the size of the label; only where no label is 0 */
	LOSS_SQUARED_LOGARITHMIC,	/* only where labels and predictions are above -1 */
	LOSS_N_KINDS
} LossKind;

extern const char *const loss_names[LOSS_N_KINDS];

typedef struct LossModel
{
	Allocator	allocator;
	LossBins   *bins;			/* the prediction is the first feature */
	int64_t		n;				/* rows it was fitted on */
	LossTrees  *trees[LOSS_N_KINDS]; /* NULL: not fitted */
} LossModel;

/* NaN where the loss does not exist. */
extern double loss_of_row(LossKind kind, double label, double prediction);

/* rows: n times label, prediction, features. */
extern LossModel *loss_model_fit(Allocator allocator, const double *rows, size_t n, int n_features, void (*interrupt)(void));
extern void loss_model_free(LossModel *model);

/* features: the prediction first. NaN when the kind was not fitted. */
extern void loss_model_bins(const LossModel *model, const double *features, uint8_t *row);

extern size_t loss_model_encode(const LossModel *model, uint8_t *buffer); /* NULL: the size alone */
extern LossModel *loss_model_decode(Allocator allocator, const uint8_t *bytes, size_t size); /* NULL: corrupt */

#endif
