/* What methods need of an operator. The solutions of least norm are by conjugate gradients for the least squares
 *
 *     z = argmin |b - A z|^2 + d |z|^2        (CGLS, Hestenes 1952, with the damping d)
 *
 * which also holds where A A^T is singular and b lies outside the range of A; A^T (r^2 A A^T + s^2)^-1 b is z / r^2 with
 * d = s^2 / r^2. */
#include "base/compiler.h"
#include "operator/operator.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>
#include <string.h>

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

static void scale(double *v, double factor, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] *= factor;
}

static dm_status too_large(dm_error *err)
{
	return dmi_fail(err, DM_ERR_NOT_FINITE, "operator: the squares of the residual or of what it makes overflow");
}

/* The numbers of working memory by name. */
struct work {
	double *gradient, *direction; /* n_in each */
	double *rest, *image;         /* n_out each */
};

/* gradient = A^T rest - d z */
static dm_status descend(const dm_operator *op, double d, const double *z, const struct work *w, dm_error *err)
{
	dm_status st = dmi_operator_adjoint(op, w->rest, w->gradient, err);
	if (st == DM_OK && d > 0)
		add(w->gradient, -d, z, op->n_in);
	return st;
}

/* z for b in w->rest. It ends where the gradient is as small as rounding lets it be. */
static dm_status solve(const dm_operator *op, double d, double *z, const struct work *w, dm_error *err)
{
	memset(z, 0, op->n_in * sizeof *z);
	dm_status st = descend(op, d, z, w, err);
	double size = st == DM_OK ? dot(w->gradient, w->gradient, op->n_in) : 0, target = size * 1e-24;
	memcpy(w->direction, w->gradient, op->n_in * sizeof *z);
	if (st == DM_OK && !dmi_is_finite(size + dot(w->rest, w->rest, op->n_out)))
		return too_large(err);
	size_t least = op->n_in < op->n_out ? op->n_in : op->n_out;
	for (size_t round = 0; st == DM_OK && round < 2 * least + 10 && size > target; round++) {
		st = dmi_operator_apply(op, w->direction, w->image, err);
		if (st != DM_OK)
			return st;
		double along = dot(w->direction, w->direction, op->n_in), image = dot(w->image, w->image, op->n_out);
		if (!dmi_is_finite(image + d * along))
			return too_large(err);
		if (!(image + d * along > 0) || size <= 1e-30 * (image / along + d) * dot(w->rest, w->rest, op->n_out))
			return DM_OK;
		double step = size / (image + d * along), before = size;
		add(z, step, w->direction, op->n_in);
		add(w->rest, -step, w->image, op->n_out);
		st = descend(op, d, z, w, err);
		if (st != DM_OK)
			return st;
		size = dot(w->gradient, w->gradient, op->n_in);
		scale(w->direction, size / before, op->n_in);
		add(w->direction, 1, w->gradient, op->n_in);
	}
	return st;
}

/* out = A^T (r2 A A^T + s2)^-1 rest */
static dm_status invert(const dm_operator *op, double r2, double s2, double *out, const struct work *w, dm_error *err)
{
	dm_status st = r2 > 0 ? solve(op, s2 / r2, out, w, err) : dmi_operator_adjoint(op, w->rest, out, err);
	scale(out, 1 / (r2 > 0 ? r2 : s2), op->n_in);
	return st;
}

/* v / |v|, or 0. */
static dm_status normalise(double *v, size_t n, dm_error *err)
{
	double size = sqrt(dot(v, v, n));
	if (!dmi_is_finite(size))
		return too_large(err);
	scale(v, size > 0 ? 1 / size : 0, n);
	return DM_OK;
}

/* v /= max(r2 A by, 0) + s2, and 0 where that is 0. */
static dm_status divide(const dm_operator *op, double r2, double s2, const double *by, double *v, double *image,
                        dm_error *err)
{
	dm_status st = dmi_operator_apply(op, by, image, err);
	for (size_t i = 0; st == DM_OK && i < op->n_out; i++) {
		double size = fmax(r2 * image[i], 0) + s2;
		v[i] = size > 0 ? v[i] / size : 0;
	}
	return st;
}

static dm_status of_ones(const dm_operator *op, double *out, double *ones, dm_error *err)
{
	for (size_t i = 0; i < op->n_out; i++)
		ones[i] = 1;
	return dmi_operator_adjoint(op, ones, out, err);
}

size_t dmi_operator_work(const dm_operator *op)
{
	return 2 * (op->n_in + op->n_out);
}

dm_status dmi_operator_make(const dm_operator *op, int32_t what, const double parameter[4], const double *x,
                            const double *y, double *out, double *work, dm_error *err)
{
	const struct work w = {work, work + op->n_in, work + 2 * op->n_in, work + 2 * op->n_in + op->n_out};
	int of_x = what == DM_OPERATOR_GRAM || what == DM_OPERATOR_NORMAL || what == DM_OPERATOR_PROJECT;
	if (what == DM_OPERATOR_ONES)
		return of_ones(op, out, w.rest, err);
	dm_status st = dmi_operator_apply(op, x, w.rest, err);
	for (size_t i = 0; st == DM_OK && !of_x && i < op->n_out; i++)
		w.rest[i] = y[i] - w.rest[i];
	if (st != DM_OK)
		return st;
	if (what == DM_OPERATOR_PSEUDO || what == DM_OPERATOR_PROJECT)
		return invert(op, 1, 0, out, &w, err);
	if (what == DM_OPERATOR_POSTERIOR || what == DM_OPERATOR_NORMAL)
		return invert(op, parameter[0] * parameter[0], parameter[1] * parameter[1], out, &w, err);
	if (what == DM_OPERATOR_DIRECTION)
		st = normalise(w.rest, op->n_out, err);
	if (what == DM_OPERATOR_DIVIDED)
		st = divide(op, parameter[0] * parameter[0], parameter[1] * parameter[1], x + op->n_in, w.rest, w.image, err);
	return st != DM_OK ? st : dmi_operator_adjoint(op, w.rest, out, err);
}
