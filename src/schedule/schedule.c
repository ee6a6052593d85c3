/* Noise processes: registry, creation by name, checks, and the public queries. */
#include "base/compiler.h"
#include "base/selection.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

/* One line per family. */
#ifndef DEMIST_SCHEDULES
#define DEMIST_SCHEDULES(X)                                                                                            \
	X(linear)                                                                                                          \
	X(scaled_linear)                                                                                                   \
	X(squared_cosine)                                                                                                  \
	X(squaredcos_cap_v2)                                                                                               \
	X(sigmoid)                                                                                                         \
	X(laplace)                                                                                                         \
	X(exp)                                                                                                             \
	X(guided_linear)                                                                                                   \
	X(amplitude)                                                                                                       \
	X(betas)                                                                                                           \
	X(alpha_bars)                                                                                                      \
	X(vp)                                                                                                              \
	X(sub_vp)                                                                                                          \
	X(vp_cosine)                                                                                                       \
	X(cosine)                                                                                                          \
	X(ve)                                                                                                              \
	X(edm)                                                                                                             \
	X(ve_sde)                                                                                                          \
	X(edm_ablation)                                                                                                    \
	X(flow)                                                                                                            \
	X(trigflow)
#endif

#define DECLARE(name) extern const struct dmi_schedule_family dmi_schedule_##name;
#define ENTRY(name) &dmi_schedule_##name.method,
DEMIST_SCHEDULES(DECLARE)
static const struct dmi_method *const registry[] = {DEMIST_SCHEDULES(ENTRY)};

const struct dmi_method *const *dmi_schedule_registry(int32_t *n)
{
	*n = (int32_t)(sizeof registry / sizeof *registry);
	return registry;
}

/* ---------------------------------------------------------------------------------------------------- arithmetic */

double dmi_lambda_of(double alpha, double sigma)
{
	double ratio = alpha / sigma;
	/* one rounding of the ratio is better than the difference of two logarithms, as long as it keeps its digits */
	if (ratio > 1e-300 && ratio < 1e300)
		return dmi_log(ratio);
	return dmi_log(alpha) - dmi_log(sigma);
}

void dmi_vp_levels(double lambda, double *alpha, double *sigma)
{
	double e = dmi_exp(-fabs(lambda)), large = 1 / sqrt(1 + e * e);
	*alpha = lambda < 0 ? e * large : large;
	*sigma = lambda < 0 ? large : e * large;
}

double dmi_even(double a, double b, size_t i, size_t n)
{
	if (n < 2)
		return a;
	return i == n - 1 ? b : a + (double)i * ((b - a) / (double)(n - 1));
}

/* ------------------------------------------------------------------------------------------------------- objects */

static void finish(void *object)
{
	dm_schedule *s = object;
	dmi_options_free(&s->options, &s->object.allocator);
	dmi_release_memory(&s->object.allocator, s->data, s->n_data * sizeof *s->data);
	if (s->ops.destroy)
		s->ops.destroy(s->user);
	if (s->sde.destroy)
		s->sde.destroy(s->user);
}

dm_schedule *dmi_schedule_new(const struct dmi_process *process, const dm_allocator *allocator, dm_error *err)
{
	dm_schedule *s = dmi_object_new(sizeof *s, allocator, finish, err);
	if (s)
		s->process = process;
	return s;
}

double *dmi_schedule_data(dm_schedule *s, size_t n, dm_error *err)
{
	s->data = dmi_allocate(&s->object.allocator, n, sizeof *s->data, err);
	s->n_data = s->data ? n : 0;
	return s->data;
}

/* Where alpha is too small for a number, so that it is 0, lambda says so too. */
static dm_status settle(dm_status st, dm_node *node)
{
	if (st == DM_OK && node->alpha == 0)
		node->lambda = -INFINITY;
	return st;
}

dm_status dmi_schedule_finish(dm_schedule **out, dm_schedule *s, dm_error *err)
{
	dm_node clean, noise;
	dm_status st = s->process->at_time(s, s->t_zero, &clean, err);
	if (st == DM_OK)
		st = settle(s->process->at_time(s, s->t_limit, &noise, err), &noise);
	if (st == DM_OK && !(noise.lambda < clean.lambda))
		st = dmi_fail(err, DM_ERR_ARGUMENT,
		              "schedule: lambda must fall as t grows, but is %g at t = %g and %g at t = %g", clean.lambda,
		              s->t_zero, noise.lambda, s->t_limit);
	if (st != DM_OK) {
		dmi_object_release(s);
		return st;
	}
	s->lambda_low = noise.lambda;
	s->lambda_high = clean.lambda;
	*out = s;
	return DM_OK;
}

dm_status dmi_schedule_make(dm_schedule **out, const struct dmi_schedule_family *family, struct dmi_options *options,
                            const dm_allocator *allocator, dm_error *err)
{
	dm_schedule *s = dmi_schedule_new(family->process, allocator, err);
	if (!s) {
		dmi_options_free(options, allocator);
		return DM_ERR_MEMORY;
	}
	s->method = &family->method;
	s->options = *options;
	dm_status st = family->setup(s, err);
	if (st == DM_OK)
		return dmi_schedule_finish(out, s, err);
	dmi_object_release(s);
	return st;
}

dm_status dm_schedule_create(dm_schedule **out, const char *spec, const dm_allocator *allocator, dm_error *err)
{
	struct dmi_options options;
	dm_allocator own;
	const char *text;
	int32_t n;
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule: out is NULL");
	*out = NULL;
	dm_status st = dmi_allocator_copy(&own, allocator, err);
	if (st != DM_OK)
		return st;
	const struct dmi_method *const *all = dmi_schedule_registry(&n);
	const struct dmi_method *m = dmi_method_find(all, n, "schedule", spec, &text, err);
	if (!m)
		return spec ? DM_ERR_NAME : DM_ERR_ARGUMENT;
	st = dmi_options_parse(&options, "schedule", m->info.name, m->option, m->info.n_option, text, &own, err);
	if (st != DM_OK)
		return st;
	return dmi_schedule_make(out, (const struct dmi_schedule_family *)(const void *)m, &options, &own, err);
}

void dm_schedule_free(dm_schedule *schedule)
{
	dmi_object_release(schedule);
}

void dmi_schedule_print(const dm_schedule *s, struct dmi_text *text)
{
	if (s->method)
		dmi_options_print(text, s->method->info.name, s->method->option, s->method->info.n_option, &s->options);
	else
		dmi_text_string(text, "custom");
}

/* ------------------------------------------------------------------------------------------------------- queries */

const char *dmi_schedule_name(const dm_schedule *s)
{
	return s->method ? s->method->info.name : "custom";
}

static dm_status check(const dm_schedule *s, dm_node *out, dm_error *err)
{
	if (!s)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule is NULL");
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule: out is NULL");
	*out = (dm_node){.time = NAN, .visit = -1};
	return DM_OK;
}

dm_status dm_schedule_at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	dm_status st = check(s, out, err);
	if (st != DM_OK)
		return st;
	if (!(t >= s->t_zero && t <= s->t_limit))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": time %g is outside [%g, %g]", dmi_schedule_name(s), t,
		                s->t_zero, s->t_limit);
	return settle(s->process->at_time(s, t, out, err), out);
}

/* A process whose range stops before sigma = 0 still ends at the clean sample. */
static dm_status at_clean_end(const dm_schedule *s, dm_node *out, dm_error *err)
{
	dm_status st = s->process->at_time(s, s->t_zero, out, err);
	if (st == DM_OK && out->sigma > 0) {
		out->alpha = 1;
		out->sigma = 0;
		out->lambda = INFINITY;
	}
	return st;
}

/* An end up to rounding is that end; relative in sigma/alpha, so absolute in lambda. */
static const double slack = 1e-9;

dm_status dm_schedule_at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	dm_status st = check(s, out, err);
	if (st != DM_OK)
		return st;
	if (lambda == INFINITY)
		return at_clean_end(s, out, err);
	double low = s->lambda_low, high = s->lambda_high;
	if (!(lambda >= low - slack && lambda <= high + slack))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": lambda %g is outside [%g, %g] (time %g to %g)",
		                dmi_schedule_name(s), lambda, low, high, s->t_limit, s->t_zero);
	return settle(s->process->at_lambda(s, fmin(fmax(lambda, low), high), out, err), out);
}

dm_status dmi_schedule_at_level(const dm_schedule *s, double level, dm_node *out, dm_error *err)
{
	double low = s->lambda_low, lambda = -dmi_log(level);
	if (!(level >= 0 && lambda >= low - slack))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": level sigma/alpha = %g is outside [%g, %g]",
		                dmi_schedule_name(s), level, s->lambda_high == INFINITY ? 0 : dmi_exp(-s->lambda_high),
		                dmi_exp(-low));
	if (lambda < low)
		return dm_schedule_at_time(s, s->t_limit, out, err);
	if (level == 0 || !s->process->at_level)
		return dm_schedule_at_lambda(s, lambda, out, err);
	*out = (dm_node){.time = NAN, .visit = -1};
	return s->process->at_level(s, level, out, err);
}

static dm_status check_time(const dm_schedule *s, double t, dm_error *err)
{
	if (t >= s->t_zero && t <= s->t_limit)
		return DM_OK;
	return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": time %g is outside [%g, %g]", dmi_schedule_name(s), t,
	                s->t_zero, s->t_limit);
}

dm_status dm_schedule_slopes(const dm_schedule *s, double t, double *d_alpha, double *d_sigma, dm_error *err)
{
	dm_node at;
	double f = 0, g2 = 0;
	if (!s || !d_alpha || !d_sigma)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule slopes: schedule, d_alpha and d_sigma must not be NULL");
	dm_status st = check_time(s, t, err);
	if (st == DM_OK)
		st = s->process->at_time(s, t, &at, err);
	if (st == DM_OK && at.alpha == 0 && s->process->slopes) {
		st = s->process->slopes(s, t, d_alpha, d_sigma, err);
	} else if (st == DM_OK) {
		st = s->process->rates(s, t, &f, &g2, err);
		*d_alpha = f * at.alpha;
		*d_sigma = f * at.sigma + g2 / (2 * at.sigma);
	}
	if (st == DM_OK && !(dmi_is_finite(*d_alpha) && dmi_is_finite(*d_sigma)))
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "schedule \"%s\": d alpha/dt = %g and d sigma/dt = %g at t = %g, an end of the process",
		                dmi_schedule_name(s), *d_alpha, *d_sigma, t);
	return st;
}

dm_status dm_schedule_sde(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	if (!s || !f || !g2)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule sde: schedule, f and g2 must not be NULL");
	dm_status time = check_time(s, t, err);
	if (time != DM_OK)
		return time;
	dm_status st = s->process->rates(s, t, f, g2, err);
	if (st == DM_OK && !(dmi_is_finite(*f) && dmi_is_finite(*g2)))
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "schedule \"%s\": drift %g and squared diffusion %g at t = %g, an end of the process",
		                dmi_schedule_name(s), *f, *g2, t);
	return st;
}

size_t dm_schedule_table_size(const dm_schedule *s)
{
	return s ? s->n_table : 0;
}

void dm_schedule_range(const dm_schedule *s, double *t_clean, double *t_noise)
{
	if (t_clean)
		*t_clean = s ? s->t_clean : NAN;
	if (t_noise)
		*t_noise = s ? s->t_noise : NAN;
}
