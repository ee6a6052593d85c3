#include "base/compiler.h"
#include "sampler/er_way.h"
#include "base/math.h"
#include <math.h>

/* (f(u)/u) / (f(v)/v), also where f is beyond all numbers. */
static double ratio(const struct dmi_er_scaler *s, double u, double v)
{
	if (s->power > 0)
		return dmi_pow(u / v, s->power - 1);
	double a = dmi_pow(u, 0.3), b = dmi_pow(v, 0.3);
	return dmi_exp(a - b) * (1 + 10 * dmi_exp(-a)) / (1 + 10 * dmi_exp(-b));
}

/* f(u_to) / u_to times the integrals of dp / f(p) = dl / (f(p)/p) with p = e^l. */
static void integrals(const struct dmi_er_scaler *s, double u, double u_to, double *s1, double *s2)
{
	double l = dmi_log(u_to), width = dmi_log(u) - l, root = sqrt(3.0 / 5) / 2;
	int n = 32 * (1 + (int)fmin(ceil(width), 64));
	*s1 = *s2 = 0;
	for (int i = 0; i < 3 * n; i++) {
		int point = i % 3 - 1;
		double p = dmi_exp(l + width / n * (i / 3 + 0.5 + point * root));
		double term = (point ? 5.0 / 18 : 8.0 / 18) * width / n * ratio(s, u_to, p);
		*s1 += term;
		*s2 += term * (p - u);
	}
}

static void sums(const struct dmi_er_scaler *s, double u, double u_to, double *s1, double *s2)
{
	double part = (u - u_to) / 200;
	*s1 = *s2 = 0;
	for (int m = 0; m < 200; m++) {
		double p = u_to + m * part, term = part / p * ratio(s, u_to, p);
		*s1 += term;
		*s2 += term * (p - u);
	}
}

struct dmi_er_way dmi_er_way(const struct dmi_er_scaler *s, double u, double u_to)
{
	double s1 = 0, s2 = 0, g = u_to - u;
	int is_finite = dmi_is_finite(u) && u_to > 0;
	struct dmi_er_way w = {.r = is_finite ? u_to / u * ratio(s, u_to, u) : 0};
	w.fresh = sqrt(fmax(u_to * u_to - (w.r > 0 ? w.r * w.r * u * u : 0), 0));
	w.x0 = 1 - w.r;
	if (!is_finite)
		return w;
	if (s->sums)
		sums(s, u, u_to, &s1, &s2);
	else
		integrals(s, u, u_to, &s1, &s2);
	w.slope = g + u_to * s1;
	w.bend = g * g / 2 + u_to * s2;
	return w;
}
