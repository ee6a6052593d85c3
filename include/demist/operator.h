/* demist/operator.h: linear measurements y = A x + noise, for inverse problems. */
#ifndef DEMIST_OPERATOR_H
#define DEMIST_OPERATOR_H

#include "base.h"

typedef struct dm_operator dm_operator;

/* What an operator makes of a sample x of n_in numbers, given its measurement y of n_out numbers:
 *   DM_OPERATOR_RESIDUAL    A^T (y - A x)
 *   DM_OPERATOR_GRAM        A^T A x
 *   DM_OPERATOR_PSEUDO      A^+ (y - A x), the least-squares solution of least norm
 *   DM_OPERATOR_POSTERIOR   A^T (r^2 A A^T + s^2)^-1 (y - A x), r and s = parameter[0], parameter[1]
 *   DM_OPERATOR_NORMAL      A^T (r^2 A A^T + s^2)^-1 A x
 *   DM_OPERATOR_DIRECTION   A^T (y - A x) / |y - A x|, 0 where the residual is 0
 *   DM_OPERATOR_PROJECT     A^+ A x, the part of x that A sees; no measurement is needed
 *   DM_OPERATOR_ONES        A^T 1, whatever x is; no measurement is needed
 *   DM_OPERATOR_DIVIDED     A^T ((y - A x) / (max(r^2 A w, 0) + s^2)), element by element (0 where that is 0), of a second
 *                           value w, r and s as above: dm_emit_operator_by */
enum {
	DM_OPERATOR_RESIDUAL = 1,
	DM_OPERATOR_GRAM = 2,
	DM_OPERATOR_PSEUDO = 3,
	DM_OPERATOR_POSTERIOR = 4,
	DM_OPERATOR_NORMAL = 5,
	DM_OPERATOR_DIRECTION = 6,
	DM_OPERATOR_PROJECT = 7,
	DM_OPERATOR_ONES = 8,
	DM_OPERATOR_DIVIDED = 9
};

/* A linear map of the caller's, one sample at a time, in double. apply: out[n_out] = A in[n_in]; adjoint: out[n_in] =
 * A^T in[n_out]. Both must be pure and may be called from any thread that drives a run. */
typedef struct dm_operator_ops {
	size_t struct_size;
	dm_status (*apply)(void *user, const double *in, double *out);
	dm_status (*adjoint)(void *user, const double *in, double *out);
	void (*destroy)(void *user);
} dm_operator_ops;

/* The caller's own, from n_in to n_out numbers. */
DM_API dm_status dm_operator_create_custom(dm_operator **out, size_t n_in, size_t n_out, const dm_operator_ops *ops,
                                           void *user, const dm_allocator *allocator, dm_error *err);

/* Operators of the library. Arrays are copied. Pictures are planes of rows, element (channel, row, column) at (channel *
 * height + row) * width + column; a line of numbers is a picture of height 1.
 *
 * identity      y = x, n numbers: for noise alone
 * mask          y = the elements of x where mask[n] is 1, in their order; the mask holds 0 and 1, and at least one 1
 * matrix        y[n_out] = a x, a[n_out][n_in] row by row, not all of them 0
 * convolution   every channel with kernel[kernel_height][kernel_width], whose middle is element (kernel_height / 2, kernel_width
 *               / 2), rounded down: y[i][j] = sum kernel[k][l] x[i - k + middle][j - l + middle]; n_out = n_in. The kernel
 *               may not be larger than the picture, and not be 0 everywhere. What x is outside of it, boundary says:
 *                 DM_BOUNDARY_ZERO      0
 *                 DM_BOUNDARY_PERIODIC  x again, from the other side
 *                 DM_BOUNDARY_REFLECT   x mirrored in its outermost elements, which are not repeated: c b | a b c
 * average_pool  means over squares of factor x factor elements, over factor elements where height = 1; factor must divide
 *               width and (but for 1) height */
enum { DM_BOUNDARY_ZERO = 0, DM_BOUNDARY_PERIODIC = 1, DM_BOUNDARY_REFLECT = 2 };
DM_API dm_status dm_operator_create_identity(dm_operator **out, size_t n, const dm_allocator *allocator, dm_error *err);
DM_API dm_status dm_operator_create_mask(dm_operator **out, const double *mask, size_t n, const dm_allocator *allocator,
                                         dm_error *err);
DM_API dm_status dm_operator_create_matrix(dm_operator **out, const double *a, size_t n_out, size_t n_in,
                                           const dm_allocator *allocator, dm_error *err);
DM_API dm_status dm_operator_create_convolution(dm_operator **out, size_t width, size_t height, size_t channels,
                                                const double *kernel, size_t kernel_width, size_t kernel_height,
                                                int32_t boundary, const dm_allocator *allocator, dm_error *err);
DM_API dm_status dm_operator_create_average_pool(dm_operator **out, size_t width, size_t height, size_t channels,
                                                 size_t factor, const dm_allocator *allocator, dm_error *err);
DM_API void dm_operator_free(dm_operator *op);

/* How many numbers go in and come out; 0 for NULL. */
DM_API size_t dm_operator_n_in(const dm_operator *op);
DM_API size_t dm_operator_n_out(const dm_operator *op);

/* out[n_out] = A in[n_in]; out[n_in] = A^T in[n_out]. */
DM_API dm_status dm_operator_apply(const dm_operator *op, const double *in, double *out, dm_error *err);
DM_API dm_status dm_operator_adjoint(const dm_operator *op, const double *in, double *out, dm_error *err);

/* Whether <A x, y> = <x, A^T y> for a few random x and y; *mismatch (may be NULL) receives the largest difference, relative
 * to sum |(A x)_i y_i| + sum |x_i (A^T y)_i|. DM_ERR_ARGUMENT, naming it, above 1e-6, and where A x and A^T y are
 * all 0: such an operator measures nothing. */
DM_API dm_status dm_operator_check(const dm_operator *op, double *mismatch, dm_error *err);

#endif
