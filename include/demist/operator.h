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
 *   DM_OPERATOR_NORMAL      A^T (r^2 A A^T + s^2)^-1 A x */
enum {
	DM_OPERATOR_RESIDUAL = 1,
	DM_OPERATOR_GRAM = 2,
	DM_OPERATOR_PSEUDO = 3,
	DM_OPERATOR_POSTERIOR = 4,
	DM_OPERATOR_NORMAL = 5
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
DM_API void dm_operator_free(dm_operator *op);

/* out[n_out] = A in[n_in]; out[n_in] = A^T in[n_out]. */
DM_API dm_status dm_operator_apply(const dm_operator *op, const double *in, double *out, dm_error *err);
DM_API dm_status dm_operator_adjoint(const dm_operator *op, const double *in, double *out, dm_error *err);

/* Whether <A x, y> = <x, A^T y> for a few random x and y; *mismatch (may be NULL) receives the largest relative
 * difference. DM_ERR_ARGUMENT, naming it, above 1e-6. */
DM_API dm_status dm_operator_check(const dm_operator *op, double *mismatch, dm_error *err);

#endif
