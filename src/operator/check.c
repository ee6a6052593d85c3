/* The dot-product test of an adjoint: <A x, y> = <x, A^T y> for all x and y. */
#include "base/compiler.h"
#include "operator/operator.h"
#include "base/error.h"
#include "base/math.h"
#include "demist/noise.h"
#include <math.h>

enum { TRIALS = 4 };

static const double tolerance = 1e-6;

/* <a, b>, and the sum of the sizes of its terms added to *scale. */
static double product(const double *a, const double *b, size_t n, double *scale)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		sum += a[i] * b[i];
		*scale += fabs(a[i] * b[i]);
	}
	return sum;
}

/* The relative difference for the normals of one trial; NaN where the operator makes something that is not finite. The
 * sizes of what both sides are made of are added to *size. */
static dm_status try_once(const dm_operator *op, int64_t trial, double *memory, double *difference, double *size,
                          dm_error *err)
{
	double *x = memory, *transposed = x + op->n_in, *y = transposed + op->n_in, *applied = y + op->n_out, scale = 0;
	dm_status st = dm_normals(0, trial, 0, 0, op->n_in, DM_F64, x, err);
	if (st == DM_OK)
		st = dm_normals(1, trial, 0, 0, op->n_out, DM_F64, y, err);
	if (st == DM_OK)
		st = dm_operator_apply(op, x, applied, err);
	if (st == DM_OK)
		st = dm_operator_adjoint(op, y, transposed, err);
	if (st != DM_OK)
		return st;
	double gap = product(applied, y, op->n_out, &scale) - product(x, transposed, op->n_in, &scale);
	*difference = scale == 0 ? 0 : fabs(gap) / scale;
	*size += scale;
	return DM_OK;
}

dm_status dm_operator_check(const dm_operator *op, double *mismatch, dm_error *err)
{
	double worst = 0, size = 0;
	if (mismatch)
		*mismatch = NAN;
	if (!op)
		return dmi_fail(err, DM_ERR_ARGUMENT, "operator check: op is NULL");
	size_t n = 2 * (op->n_in + op->n_out);
	double *memory = dmi_allocate(&op->object.allocator, n, sizeof *memory, err);
	dm_status st = memory ? DM_OK : DM_ERR_MEMORY;
	for (int64_t trial = 0; st == DM_OK && trial < TRIALS; trial++) {
		double difference = 0;
		st = try_once(op, trial, memory, &difference, &size, err);
		if (!(difference <= worst))
			worst = dmi_is_nan(worst) ? worst : difference;
	}
	dmi_release_memory(&op->object.allocator, memory, n * sizeof *memory);
	if (st != DM_OK)
		return st;
	if (mismatch)
		*mismatch = worst;
	if (size == 0)
		return dmi_fail(err, DM_ERR_ARGUMENT, "operator: A x and A^T y are 0 for random x and y: it measures nothing");
	if (worst <= tolerance)
		return DM_OK;
	return dmi_fail(
	    err, DM_ERR_ARGUMENT,
	    "operator: <A x, y> and <x, A^T y> differ by %g of their size (at most %g is allowed): adjoint is not "
	    "the transpose of apply, or apply is not linear",
	    worst, tolerance);
}
