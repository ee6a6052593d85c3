#include "base/compiler.h"
#include "base/error.h"
#include "base/math.h"
#include "demist/train.h"
#include <math.h>

static double number(const void *p, int32_t type, size_t i)
{
	return type == DM_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

/* The cosine of the angle between a and b; 1 where one of them is 0, and NaN where a sum is not finite. */
static double cosine(const void *a, const void *b, size_t n, int32_t type)
{
	double aa = 0, bb = 0, ab = 0;
	for (size_t i = 0; i < n; i++) {
		double x = number(a, type, i), y = number(b, type, i);
		aa += x * x;
		bb += y * y;
		ab += x * y;
	}
	double product = sqrt(aa) * sqrt(bb);
	if (!dmi_is_finite(product))
		return NAN;
	return product > 0 ? ab / product : 1;
}

static void set_weights(double c, double t, double threshold, double weight[2])
{
	weight[0] = 1 - t;
	weight[1] = t;
	if (fabs(c) > threshold || fabs(c) >= 1)
		return;
	double sine = sqrt((1 - c) * (1 + c)), angle = dmi_atan2(sine, c);
	weight[0] = dmi_sin((1 - t) * angle) / sine;
	weight[1] = dmi_sin(t * angle) / sine;
}

static dm_status check(const void *a, const void *b, size_t n, double t, double threshold, int32_t type,
                       const void *out, dm_error *err)
{
	if (n && (!a || !b || !out))
		return dmi_fail(err, DM_ERR_ARGUMENT, "slerp: %s is NULL, it must hold %z numbers",
		                !a   ? "a"
		                : !b ? "b"
		                     : "out",
		                n);
	if (type != DM_F32 && type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "slerp: type is %d, it must be DM_F32 (1) or DM_F64 (2)", type);
	if (!dmi_is_finite(t))
		return dmi_fail(err, DM_ERR_ARGUMENT, "slerp: t = %g must be finite", t);
	if (!(threshold >= 0 && threshold <= 1))
		return dmi_fail(err, DM_ERR_ARGUMENT, "slerp: threshold = %g is outside [0, 1]", threshold);
	return DM_OK;
}

dm_status dm_slerp(const void *a, const void *b, size_t n, double t, double threshold, int32_t type, void *out,
                   dm_error *err)
{
	double weight[2];
	dm_status st = check(a, b, n, t, threshold, type, out, err);
	if (st != DM_OK)
		return st;
	double c = cosine(a, b, n, type);
	if (dmi_is_nan(c))
		return dmi_fail(err, DM_ERR_ARGUMENT, "slerp: a and b must have finite norms");
	set_weights(c, t, threshold, weight);
	for (size_t i = 0; i < n; i++) {
		double value = weight[0] * number(a, type, i) + weight[1] * number(b, type, i);
		if (type == DM_F32)
			((float *)out)[i] = (float)value;
		else
			((double *)out)[i] = value;
	}
	return DM_OK;
}
