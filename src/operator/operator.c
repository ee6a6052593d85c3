#include "base/compiler.h"
#include "operator/operator.h"
#include "base/error.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

static void finish(void *object)
{
	dm_operator *op = object;
	if (op->ops.destroy)
		op->ops.destroy(op->user);
}

static dm_status check_arguments(dm_operator **out, size_t n_in, size_t n_out, const dm_operator_ops *ops,
                                 dm_error *err)
{
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "operator: out is NULL");
	if (n_in == 0 || n_out == 0 || n_in > SIZE_MAX / 64 || n_out > SIZE_MAX / 64)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "operator: n_in = %z and n_out = %z must be at least 1 and fit into memory", n_in, n_out);
	if (!ops->apply || !ops->adjoint)
		return dmi_fail(err, DM_ERR_ARGUMENT, "operator: ops need %s", ops->apply ? "adjoint" : "apply");
	return DM_OK;
}

dm_status dm_operator_create_custom(dm_operator **out, size_t n_in, size_t n_out, const dm_operator_ops *ops,
                                    void *user, const dm_allocator *allocator, dm_error *err)
{
	dm_operator_ops own;
	dm_error local;
	if (!err)
		err = &local;
	if (out)
		*out = NULL;
	dm_status st = dmi_struct_copy(&own, sizeof own, ops, offsetof(dm_operator_ops, destroy) + sizeof own.destroy,
	                               "operator ops", err);
	if (st == DM_OK)
		st = check_arguments(out, n_in, n_out, &own, err);
	dm_operator *op = st == DM_OK ? dmi_object_new(sizeof *op, allocator, finish, err) : NULL;
	if (!op) {
		if (own.destroy)
			own.destroy(user);
		return err->status;
	}
	op->ops = own;
	op->user = user;
	op->n_in = n_in;
	op->n_out = n_out;
	*out = op;
	return DM_OK;
}

/* The memory follows the object, aligned for any number. */
dm_status dmi_operator_new(dm_operator **out, size_t n_in, size_t n_out, const dm_operator_ops *ops, size_t bytes,
                           const dm_allocator *allocator, dm_error *err)
{
	size_t own = (sizeof(dm_operator) + 15) / 16 * 16;
	dm_error local;
	if (!err)
		err = &local;
	dm_status st = check_arguments(out, n_in, n_out, ops, err);
	if (st == DM_OK && bytes > SIZE_MAX - own)
		st = dmi_fail(err, DM_ERR_OVERFLOW, "operator: %z bytes do not fit into memory", bytes);
	dm_operator *op = st == DM_OK ? dmi_object_new(own + bytes, allocator, finish, err) : NULL;
	if (!op)
		return err->status;
	op->ops = *ops;
	op->user = (char *)op + own;
	op->n_in = n_in;
	op->n_out = n_out;
	*out = op;
	return DM_OK;
}

dm_status dmi_operator_picture(const char *name, size_t width, size_t height, size_t channels, size_t *n, dm_error *err)
{
	size_t plane;
	if (width == 0 || height == 0 || channels == 0 || !dmi_multiply(width, height, &plane) ||
	    !dmi_multiply(plane, channels, n) || *n > SIZE_MAX / 64)
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "operator %s: width = %z, height = %z and channels = %z must be at least 1 and their product fit "
		    "into memory",
		    name, width, height, channels);
	return DM_OK;
}

void dm_operator_free(dm_operator *op)
{
	dmi_object_release(op);
}

size_t dm_operator_n_in(const dm_operator *op)
{
	return op ? op->n_in : 0;
}

size_t dm_operator_n_out(const dm_operator *op)
{
	return op ? op->n_out : 0;
}

static dm_status call(const dm_operator *op, int adjoint, const double *in, double *out, dm_error *err)
{
	dm_status code = adjoint ? op->ops.adjoint(op->user, in, out) : op->ops.apply(op->user, in, out);
	return code ? dmi_fail_callback(err, adjoint ? "operator adjoint" : "operator apply", code, NULL) : DM_OK;
}

dm_status dm_operator_apply(const dm_operator *op, const double *in, double *out, dm_error *err)
{
	if (!op || !in || !out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "operator apply: op, in and out must not be NULL");
	return call(op, 0, in, out, err);
}

dm_status dm_operator_adjoint(const dm_operator *op, const double *in, double *out, dm_error *err)
{
	if (!op || !in || !out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "operator adjoint: op, in and out must not be NULL");
	return call(op, 1, in, out, err);
}

/* ------------------------------------------------------------------------------------------------ what methods need */

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static void add(double *to, double factor, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] += factor * v[i];
}

/* The numbers of working memory by name. */
struct work {
	double *in, *rest, *direction, *product, *solution; /* n_in; then n_out each */
};

/* product = (r2 A A^T + s2) direction. */
static dm_status covariance(const dm_operator *op, double r2, double s2, const struct work *w, dm_error *err)
{
	dm_status st = call(op, 1, w->direction, w->in, err);
	if (st == DM_OK)
		st = call(op, 0, w->in, w->product, err);
	for (size_t i = 0; st == DM_OK && i < op->n_out; i++)
		w->product[i] = r2 * w->product[i] + s2 * w->direction[i];
	return st;
}

/* Conjugate gradients for (r2 A A^T + s2) solution = rest, in at most n_out rounds; without s2 it ends at the
 * least-squares solution in the range of A A^T. */
static dm_status solve(const dm_operator *op, double r2, double s2, const struct work *w, dm_error *err)
{
	size_t n = op->n_out;
	double size = dot(w->rest, w->rest, n), target = size * 1e-24;
	memset(w->solution, 0, n * sizeof *w->solution);
	memcpy(w->direction, w->rest, n * sizeof *w->direction);
	for (size_t round = 0; round < 2 * n + 10 && size > target && size > 0; round++) {
		dm_status st = covariance(op, r2, s2, w, err);
		if (st != DM_OK)
			return st;
		double curvature = dot(w->direction, w->product, n);
		if (!(curvature > 0)) /* what is left lies outside the range of A */
			return DM_OK;
		double step = size / curvature, before = size;
		add(w->solution, step, w->direction, n);
		add(w->rest, -step, w->product, n);
		size = dot(w->rest, w->rest, n);
		for (size_t i = 0; i < n; i++)
			w->direction[i] = w->rest[i] + size / before * w->direction[i];
	}
	return DM_OK;
}

/* v / |v|, or 0. */
static void normalise(double *v, size_t n)
{
	double size = sqrt(dot(v, v, n));
	for (size_t i = 0; i < n; i++)
		v[i] = size > 0 ? v[i] / size : 0;
}

size_t dmi_operator_work(const dm_operator *op)
{
	return op->n_in + 4 * op->n_out;
}

dm_status dmi_operator_make(const dm_operator *op, int32_t what, const double parameter[4], const double *x,
                            const double *y, double *out, double *work, dm_error *err)
{
	size_t n = op->n_out;
	struct work w = {work, work + op->n_in, work + op->n_in + n, work + op->n_in + 2 * n, work + op->n_in + 3 * n};
	int of_x = what == DM_OPERATOR_GRAM || what == DM_OPERATOR_NORMAL || what == DM_OPERATOR_PROJECT;
	int least_norm = what == DM_OPERATOR_PSEUDO || what == DM_OPERATOR_PROJECT;
	dm_status st = call(op, 0, x, w.rest, err);
	for (size_t i = 0; st == DM_OK && !of_x && i < n; i++)
		w.rest[i] = y[i] - w.rest[i];
	if (st != DM_OK)
		return st;
	if (what == DM_OPERATOR_DIRECTION)
		normalise(w.rest, n);
	if (what == DM_OPERATOR_RESIDUAL || what == DM_OPERATOR_GRAM || what == DM_OPERATOR_DIRECTION)
		return call(op, 1, w.rest, out, err);
	double r = parameter[0], s = parameter[1];
	st = least_norm ? solve(op, 1, 0, &w, err) : solve(op, r * r, s * s, &w, err);
	return st == DM_OK ? call(op, 1, w.solution, out, err) : st;
}
