/*
 * matrix.h
 *		Small dense matrices, row by row.  Plain C.
 */
#ifndef WEIR_DRIFT_MATRIX_H
#define WEIR_DRIFT_MATRIX_H

#include <stdbool.h>

/*
 * Eigenvalues of a symmetric n x n matrix, descending, and its eigenvectors as rows; by Jacobi's rotations. The matrix is
 * destroyed.
 */
extern void matrix_eigen(int n, double *matrix, double *values, double *vectors);

/*
 * The lower triangle L with L L' = matrix of a symmetric positive definite matrix, in its place.  False where it is singular, as
 * far as rounding lets one see.
 */
extern bool matrix_cholesky(int n, double *matrix);

/* Solves L x = vector, in place. */
extern void matrix_forward(int n, const double *lower, double *vector);

#endif
