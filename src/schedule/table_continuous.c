/* Continuous time over a discrete table (NoiseScheduleVP of Lu et al. 2022): the K entries kept stand at t_i = (i+1)/K
 * and ln alpha is linear between them, and beyond them with the end segments: the process begins where ln alpha is 0.
 * sigma^2 = 1 - alpha^2; f = d ln(alpha)/dt is constant over a segment. The column of lambda holds ln alpha. */
#include "base/compiler.h"
#include "schedule/table.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

/* The segment from entry j to j + 1 that t lies in, the outer ones reaching on. */
static size_t segment(const dm_schedule *s, double t)
{
	double k = (double)s->n_kept, at = floor(t * k - 1);
	return (size_t)fmin(fmax(at, 0), k - 2);
}

static dm_status at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)err;
	const double *l = dmi_table_lambda(s);
	size_t j = segment(s, t);
	double w = t * (double)s->n_kept - 1 - (double)j, ln_alpha = fmin(l[j] + w * (l[j + 1] - l[j]), 0);
	double sigma2 = -dmi_expm1(2 * ln_alpha);
	out->t = t;
	out->alpha = dmi_exp(ln_alpha);
	out->sigma = t > s->t_zero ? sqrt(sigma2) : 0;
	out->lambda = out->sigma > 0 ? ln_alpha - dmi_log(sigma2) / 2 : INFINITY;
	return DM_OK;
}

static dm_status at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	(void)err;
	const double *l = dmi_table_lambda(s);
	/* ln(1 + e^(-2 lambda)) / -2, without overflow */
	double ln_alpha = -fmax(-lambda, 0) - dmi_log1p(dmi_exp(-fabs(2 * lambda))) / 2;
	size_t low = 0, high = s->n_kept - 2;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (l[middle + 1] > ln_alpha)
			low = middle + 1;
		else
			high = middle;
	}
	double t = ((double)low + 1 + (l[low] - ln_alpha) / (l[low] - l[low + 1])) / (double)s->n_kept;
	out->t = fmin(fmax(t, s->t_zero), s->t_limit);
	out->lambda = lambda;
	dmi_vp_levels(lambda, &out->alpha, &out->sigma);
	return DM_OK;
}

static dm_status rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	(void)err;
	const double *l = dmi_table_lambda(s);
	size_t j = segment(s, t);
	*f = (l[j + 1] - l[j]) * (double)s->n_kept;
	*g2 = -2 * *f;
	return DM_OK;
}

static const struct dmi_process process = {.at_time = at_time, .at_lambda = at_lambda, .rates = rates};

dm_status dmi_table_make_continuous(dm_schedule *s, dm_error *err)
{
	const double last = 100; /* -ln alpha at the end of the last segment */
	double *l = dmi_table_lambda(s), *a = dmi_table_alpha_bar(s), t_min = s->options.value[DMI_TABLE_T_MIN];
	size_t k = 0;
	while (k < s->n_table && l[k] >= s->options.value[DMI_TABLE_CLIP_LAMBDA])
		k++;
	if (k < 2 || a[k - 1] == 0)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "schedule \"%s\": continuous=1 needs two entries or more, the last of them above alpha-bar 0, "
		                "but %z are kept (clip_lambda = %g)",
		                s->method->info.name, k, s->options.value[DMI_TABLE_CLIP_LAMBDA]);
	for (size_t i = 0; i < k; i++)
		l[i] = (a[i] > 0.5 ? dmi_log1p(-dmi_table_sigma2(s)[i]) : dmi_log(a[i])) / 2;
	s->process = &process;
	s->n_kept = k;
	s->n_table = 0;
	s->t_zero = (1 - l[0] / (l[1] - l[0])) / (double)k;
	s->t_clean = t_min > 0 ? t_min : 1 / (double)k;
	s->t_noise = 1;
	s->t_limit = 1 + fmax(last + l[k - 1], 0) / ((l[k - 2] - l[k - 1]) * (double)k);
	if (!(s->t_clean >= s->t_zero && s->t_clean < 1))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": t_min = %g is outside [%g, 1)", s->method->info.name,
		                s->t_clean, s->t_zero);
	return DM_OK;
}
