/* The caller's process. */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

/* Whatever stood in the message before is not the callback's. */
dm_status dmi_schedule_callback_failed(dm_error *err, const char *which, dm_status code)
{
	if (err)
		err->message[0] = 0;
	return dmi_fail_callback(err, which, code, NULL);
}

static dm_status at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	double alpha = NAN, sigma = NAN;
	dm_status code = s->ops.level(s->user, t, &alpha, &sigma);
	if (code)
		return dmi_schedule_callback_failed(err, "schedule level", code);
	if (!(alpha >= 0 && sigma >= 0 && alpha + sigma > 0 && alpha < INFINITY && sigma < INFINITY))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "schedule level: alpha = %g, sigma = %g at t = %g; both must be finite and >= 0, not both 0",
		                alpha, sigma, t);
	out->t = t;
	out->alpha = alpha;
	out->sigma = sigma;
	out->lambda = dmi_lambda_of(alpha, sigma);
	return DM_OK;
}

/* Halves [low, high] until no double lies between; then the nearer end. lambda falls from low to high. */
dm_status dmi_schedule_bisect(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	dm_status (*const level)(const dm_schedule *, double, dm_node *, dm_error *) = s->process->at_time;
	dm_node low = {0}, high = {0}, middle = {0};
	dm_status st = level(s, s->t_zero, &low, err);
	if (st == DM_OK)
		st = level(s, s->t_noise, &high, err);
	while (st == DM_OK) {
		double t = low.t / 2 + high.t / 2;
		if (!(t > low.t && t < high.t))
			break;
		st = level(s, t, &middle, err);
		if (st == DM_OK && middle.lambda >= lambda)
			low = middle;
		else
			high = middle;
	}
	const dm_node *nearer = lambda - high.lambda < low.lambda - lambda ? &high : &low;
	out->t = nearer->t;
	out->alpha = nearer->alpha;
	out->sigma = nearer->sigma;
	out->lambda = nearer->lambda;
	return st;
}

static dm_status at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	double t = NAN;
	if (!s->ops.time)
		return dmi_schedule_bisect(s, lambda, out, err);
	dm_status code = s->ops.time(s->user, lambda, &t);
	if (code)
		return dmi_schedule_callback_failed(err, "schedule time", code);
	double slack = 1e-9 * (s->t_noise - s->t_clean);
	if (!(t >= s->t_clean - slack && t <= s->t_noise + slack))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule time: t = %g at lambda = %g is outside [%g, %g]", t, lambda,
		                s->t_clean, s->t_noise);
	return at_time(s, fmin(fmax(t, s->t_clean), s->t_noise), out, err);
}

/* Derivatives at t of two functions known at n points, none of them t itself: those of the interpolating polynomials.
 * With the products p_j = prod (t - x_k) / (x_j - x_k), k != j, it is the sum of y_j p_j sum 1 / (t - x_k). */
static void differentiate(const double *x, const double (*y)[2], int n, double t, double out[2])
{
	out[0] = out[1] = 0;
	for (int j = 0; j < n; j++) {
		double product = 1, sum = 0;
		for (int k = 0; k < n; k++) {
			if (k == j)
				continue;
			product *= (t - x[k]) / (x[j] - x[k]);
			sum += 1 / (t - x[k]);
		}
		out[0] += y[j][0] * product * sum;
		out[1] += y[j][1] * product * sum;
	}
}

enum { POINTS = 10 };

/* Derivatives of alpha and sigma^2, from Chebyshev points of a 50th of the range around t, moved inside where it would
 * reach over; at: the node at t. */
static dm_status by_differences(const dm_schedule *s, double t, dm_node *at, double slope[2], dm_error *err)
{
	double width = (s->t_noise - s->t_clean) / 50, x[POINTS], y[POINTS][2];
	double from = fmin(fmax(t - width / 2, s->t_clean), s->t_noise - width);
	dm_node node;
	dm_status st = DM_OK;
	for (int k = 0; st == DM_OK && k < POINTS; k++) {
		x[k] = from + width * (1 - dmi_cos(3.141592653589793 * (k + 0.5) / POINTS)) / 2;
		if (x[k] == t)
			x[k] += width * 1e-3;
		st = at_time(s, x[k], &node, err);
		y[k][0] = node.alpha;
		y[k][1] = node.sigma * node.sigma;
	}
	if (st == DM_OK)
		st = at_time(s, t, at, err);
	if (st == DM_OK)
		differentiate(x, (const double(*)[2])y, POINTS, t, slope);
	return st;
}

static dm_status rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	double slope[2];
	dm_node at;
	if (s->ops.rates) {
		dm_status code = s->ops.rates(s->user, t, f, g2);
		return code ? dmi_schedule_callback_failed(err, "schedule rates", code) : DM_OK;
	}
	dm_status st = by_differences(s, t, &at, slope, err);
	if (st != DM_OK)
		return st;
	*f = slope[0] / at.alpha;
	*g2 = slope[1] - 2 * *f * at.sigma * at.sigma;
	return DM_OK;
}

static dm_status slopes(const dm_schedule *s, double t, double *d_alpha, double *d_sigma, dm_error *err)
{
	double slope[2];
	dm_node at;
	dm_status st = by_differences(s, t, &at, slope, err);
	if (st != DM_OK)
		return st;
	*d_alpha = slope[0];
	*d_sigma = slope[1] / (2 * at.sigma);
	return DM_OK;
}

static const struct dmi_process process = {
    .at_time = at_time, .at_lambda = at_lambda, .rates = rates, .slopes = slopes};

static dm_status check(const dm_schedule_ops *ops, double t_clean, double t_noise, dm_error *err)
{
	if (!ops->level)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule ops: level is NULL");
	if (!(t_clean > -INFINITY && t_noise < INFINITY && t_clean < t_noise))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule: t_clean (%g) must be below t_noise (%g), both finite", t_clean,
		                t_noise);
	return DM_OK;
}

static dm_status create(dm_schedule **out, const dm_schedule_ops *ops, void *user, double t_clean, double t_noise,
                        const dm_allocator *allocator, dm_error *err)
{
	dm_allocator memory;
	dm_status st = check(ops, t_clean, t_noise, err);
	if (st == DM_OK)
		st = dmi_allocator_copy(&memory, allocator, err);
	if (st != DM_OK)
		return st;
	dm_schedule *s = dmi_schedule_new(&process, &memory, err);
	if (!s)
		return DM_ERR_MEMORY;
	s->ops = *ops;
	s->ops.destroy = NULL; /* set once nothing can fail any more */
	s->user = user;
	s->t_zero = s->t_clean = t_clean;
	s->t_noise = s->t_limit = t_noise;
	st = dmi_schedule_finish(out, s, err);
	if (st == DM_OK)
		s->ops.destroy = ops->destroy;
	return st;
}

dm_status dm_schedule_create_custom(dm_schedule **out, const dm_schedule_ops *ops, void *user, double t_clean,
                                    double t_noise, const dm_allocator *allocator, dm_error *err)
{
	dm_schedule_ops own;
	if (out)
		*out = NULL;
	/* the first version of the struct ends before `time` */
	dm_status st = dmi_struct_copy(&own, sizeof own, ops, offsetof(dm_schedule_ops, time), "schedule ops", err);
	if (st != DM_OK)
		return st;
	if (out)
		st = create(out, &own, user, t_clean, t_noise, allocator, err);
	else
		st = dmi_fail(err, DM_ERR_ARGUMENT, "schedule: out is NULL");
	if (st != DM_OK && own.destroy)
		own.destroy(user);
	return st;
}
