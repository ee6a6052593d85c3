/* A dense matrix, y = a x. */
#include "base/compiler.h"
#include "operator/operator.h"
#include "base/error.h"
#include "base/math.h"
#include <string.h>

struct matrix {
	size_t n_out, n_in;
	double a[]; /* [n_out][n_in] */
};

static dm_status apply(void *user, const double *in, double *out)
{
	const struct matrix *m = user;
	for (size_t i = 0; i < m->n_out; i++) {
		out[i] = 0;
		for (size_t j = 0; j < m->n_in; j++)
			out[i] += m->a[i * m->n_in + j] * in[j];
	}
	return DM_OK;
}

static dm_status adjoint(void *user, const double *in, double *out)
{
	const struct matrix *m = user;
	memset(out, 0, m->n_in * sizeof *out);
	for (size_t i = 0; i < m->n_out; i++)
		for (size_t j = 0; j < m->n_in; j++)
			out[j] += m->a[i * m->n_in + j] * in[i];
	return DM_OK;
}

static dm_status check(const double *a, size_t n_out, size_t n_in, size_t *n, dm_error *err)
{
	if (!a)
		return dmi_fail(err, DM_ERR_ARGUMENT, "operator matrix: a is NULL");
	if (!dmi_multiply(n_out, n_in, n) || *n > SIZE_MAX / 16)
		return dmi_fail(err, DM_ERR_ARGUMENT, "operator matrix: n_out = %z rows of n_in = %z do not fit into memory",
		                n_out, n_in);
	int is_zero = 1;
	for (size_t i = 0; i < *n; i++) {
		is_zero &= a[i] == 0;
		if (!dmi_is_finite(a[i]))
			return dmi_fail(err, DM_ERR_ARGUMENT, "operator matrix: a[%z][%z] = %g must be finite", i / n_in, i % n_in,
			                a[i]);
	}
	return is_zero && *n
	           ? dmi_fail(err, DM_ERR_ARGUMENT, "operator matrix: all elements of a are 0, at least one must differ")
	           : DM_OK;
}

dm_status dm_operator_create_matrix(dm_operator **out, const double *a, size_t n_out, size_t n_in,
                                    const dm_allocator *allocator, dm_error *err)
{
	static const dm_operator_ops ops = {sizeof ops, apply, adjoint, NULL};
	size_t n;
	if (out)
		*out = NULL;
	dm_status st = check(a, n_out, n_in, &n, err);
	if (st == DM_OK)
		st = dmi_operator_new(out, n_in, n_out, &ops, sizeof(struct matrix) + n * sizeof *a, allocator, err);
	if (st != DM_OK)
		return st;
	struct matrix *own = (*out)->user;
	own->n_out = n_out;
	own->n_in = n_in;
	memcpy(own->a, a, n * sizeof *a);
	return DM_OK;
}
