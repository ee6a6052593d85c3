/* Discrete tables: alpha-bars at t = 0..T-1, with alpha^2 = alpha-bar and sigma^2 = 1 - alpha-bar.
 *
 * Between two entries lambda is linear in t. Two segments have an infinite end and go another way:
 *   -1 < t < 0        sigma/alpha is linear, from 0 at the clean end t = -1;
 *   alpha-bar 0 above alpha-bar is linear (a table with zero terminal SNR, between its last two entries). */
#include "base/compiler.h"
#include "schedule/table.h"
#include "base/error.h"
#include "base/math.h"
#include <float.h>
#include <math.h>

static void entry(const dm_schedule *s, size_t i, dm_node *out)
{
	out->t = (double)i;
	out->alpha = sqrt(dmi_table_alpha_bar(s)[i]);
	out->sigma = sqrt(dmi_table_sigma2(s)[i]);
	out->lambda = dmi_table_lambda(s)[i];
}

/* alpha-bar at the less noisy end of the segment below entry `above`. */
static double lower_alpha_bar(const dm_schedule *s, size_t above)
{
	return above ? dmi_table_alpha_bar(s)[above - 1] : 1;
}

static void in_linear_alpha_bar(const dm_schedule *s, size_t above, double w, dm_node *out)
{
	double a = lower_alpha_bar(s, above), v = above ? dmi_table_sigma2(s)[above - 1] : 0;
	out->alpha = sqrt(a * (1 - w));
	out->sigma = sqrt(v + a * w);
	out->lambda = dmi_lambda_of(out->alpha, out->sigma);
}

static dm_status at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)err;
	const double *l = dmi_table_lambda(s);
	double below = floor(t), w = t - below;
	size_t above = (size_t)(below + 1);
	out->t = t;
	if (w == 0 && t >= 0) {
		entry(s, (size_t)t, out);
	} else if (l[above] == -INFINITY) {
		in_linear_alpha_bar(s, above, w, out);
	} else {
		out->lambda = above ? l[above - 1] + w * (l[above] - l[above - 1]) : l[0] - dmi_log(w);
		dmi_vp_levels(out->lambda, &out->alpha, &out->sigma);
	}
	return DM_OK;
}

/* The number of entries with lambda above x: x lies in the segment below entry `above`, or on that entry. */
static size_t find_above(const dm_schedule *s, double x)
{
	size_t low = 0, high = s->n_table - 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (dmi_table_lambda(s)[middle] > x)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static dm_status at_lambda(const dm_schedule *s, double x, dm_node *out, dm_error *err)
{
	(void)err;
	const double *l = dmi_table_lambda(s);
	size_t above = find_above(s, x);
	if (x == l[above]) {
		entry(s, above, out);
		return DM_OK;
	}
	dmi_vp_levels(x, &out->alpha, &out->sigma);
	out->lambda = x;
	if (l[above] == -INFINITY)
		out->t = (double)above - out->alpha * out->alpha / lower_alpha_bar(s, above);
	else if (above)
		out->t = (double)(above - 1) + (l[above - 1] - x) / (l[above - 1] - l[above]);
	else
		out->t = dmi_expm1(l[0] - x);
	return DM_OK;
}

/* With lambda linear f = sigma^2 d lambda/dt; with sigma/alpha = w e^(-lambda_0), d lambda/dt = -1/w; with alpha-bar
 * proportional to 1 - w, f = -1 / (2 (1 - w)). At an entry the segment above it counts. */
static dm_status rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	const double *l = dmi_table_lambda(s);
	double below = fmin(floor(t), (double)s->n_table - 2), w = t - below;
	size_t above = (size_t)(below + 1);
	dm_node node;
	dm_status st = at_time(s, t, &node, err);
	if (l[above] == -INFINITY)
		*f = -1 / (2 * (1 - w));
	else if (above)
		*f = node.sigma * node.sigma * (l[above] - l[above - 1]);
	else
		*f = w > 0 ? -node.sigma * node.sigma / w : 0;
	*g2 = -2 * *f;
	return st;
}

const struct dmi_process dmi_table_process = {.at_time = at_time, .at_lambda = at_lambda, .rates = rates};

double *dmi_table_new(dm_schedule *s, size_t n, dm_error *err)
{
	const char *name = s->method->info.name;
	if (n < 1 || n > DMI_TABLE_MAX) {
		dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": a table has 1 to %d entries, not %z", name, DMI_TABLE_MAX, n);
		return NULL;
	}
	s->n_table = n;
	s->t_zero = -1;
	s->t_clean = 0;
	s->t_noise = s->t_limit = (double)(n - 1);
	return dmi_schedule_data(s, 3 * n, err);
}

/* The options of a family's own, "beta_start = 0.0001, beta_end = 1". */
static void print_own(const dm_schedule *s, struct dmi_text *text)
{
	for (int32_t k = DMI_TABLE_OWN; k < s->method->info.n_option; k++)
		dmi_text_format(text, "%s%s = %g", k > DMI_TABLE_OWN ? ", " : "", s->method->option[k].name,
		                s->options.value[k]);
}

/* Tables that a formula makes fall unless the product of 1 - beta leaves the range of numbers. */
static dm_status does_not_fall(const dm_schedule *s, size_t i, dm_error *err)
{
	const double *a = dmi_table_alpha_bar(s);
	char own[200] = "";
	struct dmi_text text = {own, sizeof own, 0};
	print_own(s, &text);
	if (s->options.n_list || a[i] > DBL_MIN)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": alpha_bar[%z] = %g does not fall below %g",
		                s->method->info.name, i, a[i], a[i - 1]);
	return dmi_fail(
	    err, DM_ERR_ARGUMENT,
	    "schedule \"%s\": alpha_bar[%z] = %g is too small a number, but must be above %g before the last of "
	    "T = %g entries: lower the betas (%s) or T",
	    s->method->info.name, i, a[i], DBL_MIN, s->options.value[DMI_TABLE_T], own);
}

/* The changes asked for; then lambda of every entry: it has to fall, and may be infinite at the last one only. */
static dm_status finish(dm_schedule *s, dm_error *err)
{
	double *l = dmi_table_lambda(s), *a = dmi_table_alpha_bar(s);
	dm_status st = dmi_table_check_options(s, err);
	if (st == DM_OK)
		st = dmi_table_change(s, err);
	if (st != DM_OK)
		return st;
	for (size_t i = 0; i < s->n_table; i++) {
		l[i] = (dmi_log(a[i]) - dmi_log(dmi_table_sigma2(s)[i])) / 2;
		if (i && !(l[i] < l[i - 1]))
			return does_not_fall(s, i, err);
	}
	return s->options.value[DMI_TABLE_CONTINUOUS] == 1 ? dmi_table_make_continuous(s, err) : DM_OK;
}

/* 1 - alpha-bar is summed up and not subtracted: that keeps all its digits while it is small. */
dm_status dmi_table_from_betas(dm_schedule *s, dm_error *err)
{
	double *a = dmi_table_alpha_bar(s), *v = dmi_table_sigma2(s), product = 1, rest = 0;
	for (size_t i = 0; i < s->n_table; i++) {
		double beta = a[i];
		if (!(beta > 0 && (beta < 1 || (beta == 1 && i == s->n_table - 1))))
			return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": beta[%z] = %g is outside (0, 1); the last may be 1",
			                s->method->info.name, i, beta);
		v[i] = rest = rest + beta * product;
		a[i] = product = product * (1 - beta);
	}
	return finish(s, err);
}

dm_status dmi_table_from_alpha_bars(dm_schedule *s, dm_error *err)
{
	double *a = dmi_table_alpha_bar(s), *v = dmi_table_sigma2(s);
	for (size_t i = 0; i < s->n_table; i++) {
		if (!(a[i] >= 0 && a[i] < 1))
			return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": alpha_bar[%z] = %g is outside [0, 1)",
			                s->method->info.name, i, a[i]);
		v[i] = 1 - a[i];
	}
	return finish(s, err);
}
