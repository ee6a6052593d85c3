/* With unit vectors u = a / |a|, v = b / |b| and their cosine c,
 *
 *     dc / da = (v - c u) / |a|
 *
 * and of minus half the squared angle t the gradient is t / sin t times that. */
#include "base/compiler.h"
#include "base/error.h"
#include "base/math.h"
#include "demist/guidance.h"
#include <math.h>

static double number(const void *p, int32_t type, size_t i)
{
	return type == DM_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

/* sum a_i b_i */
static double dot(const void *a, const void *b, size_t n, int32_t type)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += number(a, type, i) * number(b, type, i);
	return sum;
}

static dm_status check(int32_t kind, const void *a, const void *b, size_t n, int32_t type, dm_error *err)
{
	if (kind != DM_SIMILARITY_COSINE && kind != DM_SIMILARITY_SPHERICAL)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "similarity: kind is %d, it must be DM_SIMILARITY_COSINE (1) or DM_SIMILARITY_SPHERICAL (2)",
		                kind);
	if (!a || !b)
		return dmi_fail(err, DM_ERR_ARGUMENT, "similarity: %s is NULL, it must hold n = %z numbers", a ? "b" : "a", n);
	if (type != DM_F32 && type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "similarity: type is %d, it must be DM_F32 (1) or DM_F64 (2)", type);
	return DM_OK;
}

static dm_status check_norm(const char *name, double norm, dm_error *err)
{
	if (norm > 0 && dmi_is_finite(norm))
		return DM_OK;
	return dmi_fail(err, DM_ERR_ARGUMENT, "similarity: the norm of %s is %g, it must be above 0 and finite", name,
	                norm);
}

/* The angle between two unit vectors, exact where they are close or opposite: 2 atan2(|u - v|, |u + v|). */
static double angle(const void *a, const void *b, size_t n, int32_t type, double norm_a, double norm_b)
{
	double apart = 0, together = 0;
	for (size_t i = 0; i < n; i++) {
		double u = number(a, type, i) / norm_a, v = number(b, type, i) / norm_b;
		apart += (u - v) * (u - v);
		together += (u + v) * (u + v);
	}
	return 2 * dmi_atan2(sqrt(apart), sqrt(together));
}

dm_status dm_similarity(int32_t kind, const void *a, const void *b, size_t n, int32_t type, double *value,
                        void *gradient, dm_error *err)
{
	dm_status st = check(kind, a, b, n, type, err);
	if (st != DM_OK)
		return st;
	double norm_a = sqrt(dot(a, a, n, type)), norm_b = sqrt(dot(b, b, n, type));
	st = check_norm("a", norm_a, err);
	if (st == DM_OK)
		st = check_norm("b", norm_b, err);
	if (st != DM_OK)
		return st;
	double t = angle(a, b, n, type, norm_a, norm_b), c = dmi_cos(t), sine = dmi_sin(t);
	/* opposite vectors have no direction in which their distance falls: the gradient is 0 there */
	double factor = kind == DM_SIMILARITY_COSINE || t == 0 ? 1 : sine > 0 ? t / sine : 0;
	if (value)
		*value = kind == DM_SIMILARITY_COSINE ? c : -t * t / 2;
	for (size_t i = 0; gradient && i < n; i++) {
		double g = factor * (number(b, type, i) / norm_b - c * (number(a, type, i) / norm_a)) / norm_a;
		if (type == DM_F32)
			((float *)gradient)[i] = (float)g;
		else
			((double *)gradient)[i] = g;
	}
	return DM_OK;
}
