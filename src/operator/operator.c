#include "base/compiler.h"
#include "operator/operator.h"
#include "base/error.h"
#include "base/math.h"
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

/* What a result holds before the call: a NaN that arithmetic does not make. */
static const uint64_t unwritten = UINT64_C(0x7ff8d00d5eed1e55);

static size_t first_bad(const double *v, size_t n)
{
	size_t i = 0;
	while (i < n && dmi_is_finite(v[i]))
		i++;
	return i;
}

/* The call, and an error where numbers go in or come out that are none. */
static dm_status checked(const dm_operator *op, int adjoint, const double *in, double *out, dm_error *err)
{
	const char *name = adjoint ? "operator adjoint" : "operator apply";
	size_t n_in = adjoint ? op->n_out : op->n_in, n_out = adjoint ? op->n_in : op->n_out;
	for (size_t i = 0; i < n_out; i++)
		memcpy(&out[i], &unwritten, sizeof *out);
	dm_status st = call(op, adjoint, in, out, err);
	size_t i = st == DM_OK ? first_bad(out, n_out) : n_out;
	if (i == n_out)
		return st;
	size_t given = first_bad(in, n_in);
	if (!memcmp(&out[i], &unwritten, sizeof *out))
		st = dmi_fail(err, DM_ERR_NOT_WRITTEN, "%s callback reported success but did not write element %z", name, i);
	else if (given < n_in)
		st = dmi_fail(err, DM_ERR_NOT_FINITE, "%s: element %z of what it is applied to is not finite", name, given);
	else
		st = dmi_fail(err, DM_ERR_NOT_FINITE, "%s: element %z of its result is not finite", name, i);
	if (err)
		err->element = (int64_t)i;
	return st;
}

dm_status dmi_operator_apply(const dm_operator *op, const double *in, double *out, dm_error *err)
{
	return checked(op, 0, in, out, err);
}

dm_status dmi_operator_adjoint(const dm_operator *op, const double *in, double *out, dm_error *err)
{
	return checked(op, 1, in, out, err);
}
