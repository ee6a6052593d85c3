#include "check.h"
#include <math.h>
#include <stdlib.h>

/* Written down at most once. */
static void touch(struct check *check, struct case_array *array)
{
	for (size_t i = 0; i < check->n_touched; i++)
		if (check->touched[i] == array)
			return;
	if (check->n_touched < check->capacity)
		check->touched[check->n_touched++] = array;
}

static int sizes(struct check *check, struct case_array *expected, size_t n, const char *label)
{
	touch(check, expected);
	if (expected->n == n)
		return VERDICT_PASS;
	return say(check->verdict, VERDICT_FAIL, "%s has %zu numbers, expected %zu", label, n, expected->n);
}

static int differs(struct check *check, const char *label, size_t i, double computed, double expected, double error,
                   double tol)
{
	return say(check->verdict, VERDICT_FAIL, "%s[%zu] is %.9g, expected %.9g: error %.3g above %.3g", label, i,
	           computed, expected, error, tol);
}

int compare(struct check *check, struct case_array *expected, const double *computed, size_t n, const char *label)
{
	double scale = 0;
	if (sizes(check, expected, n, label))
		return VERDICT_FAIL;
	for (size_t i = 0; i < n; i++)
		if (isfinite(expected->value[i]))
			scale = fmax(scale, fabs(expected->value[i]));
	scale = scale > 0 ? scale : 1;
	for (size_t i = 0; i < n; i++) {
		double a = computed[i], b = expected->value[i];
		double error = a == b ? 0 : fabs(a - b) / scale;
		if (!(error <= check->tol))
			return differs(check, label, i, a, b, error, check->tol);
	}
	return VERDICT_PASS;
}

int compare_times(struct check *check, struct case_array *expected, const double *computed, size_t n, const char *label)
{
	if (sizes(check, expected, n, label))
		return VERDICT_FAIL;
	for (size_t i = 0; i < n; i++) {
		double a = computed[i], b = expected->value[i];
		double error = a == b ? 0 : fabs(a - b) / fmax(fabs(b), 1e-3);
		if (!(error <= check->tol_time))
			return differs(check, label, i, a, b, error, check->tol_time);
	}
	return VERDICT_PASS;
}
