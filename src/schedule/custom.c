/* The caller's process. */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include <math.h>

/* Whatever stood in the message before is not the callback's. */
static dm_status failed(dm_error *err, const char *which, dm_status code)
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
		return failed(err, "schedule level", code);
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
static dm_status bisect(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	dm_node low = {0}, high = {0}, middle = {0};
	dm_status st = at_time(s, s->t_clean, &low, err);
	if (st == DM_OK)
		st = at_time(s, s->t_noise, &high, err);
	while (st == DM_OK) {
		double t = low.t / 2 + high.t / 2;
		if (!(t > low.t && t < high.t))
			break;
		st = at_time(s, t, &middle, err);
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
		return bisect(s, lambda, out, err);
	dm_status code = s->ops.time(s->user, lambda, &t);
	if (code)
		return failed(err, "schedule time", code);
	double slack = 1e-9 * (s->t_noise - s->t_clean);
	if (!(t >= s->t_clean - slack && t <= s->t_noise + slack))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule time: t = %g at lambda = %g is outside [%g, %g]", t, lambda,
		                s->t_clean, s->t_noise);
	return at_time(s, fmin(fmax(t, s->t_clean), s->t_noise), out, err);
}

static const struct dmi_process process = {at_time, at_lambda, NULL};

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
