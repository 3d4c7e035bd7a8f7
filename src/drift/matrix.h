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

#endif
