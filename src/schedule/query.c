/* Places on a process by other names than t and lambda, and what follows from two of them. */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

static dm_status needs_table(const dm_schedule *s, const char *what, dm_error *err)
{
	if (s->n_table)
		return DM_OK;
	return dmi_fail(err, DM_ERR_UNSUPPORTED, "schedule \"%s\": %s needs a table; this one is continuous",
	                dmi_schedule_name(s), what);
}

/* The two ends of what percent divides: where fractions of the way are taken in t, or in its logarithm. */
static void percent_ends(const dm_schedule *s, double *clean, double *noise)
{
	int by_log = s->process->time_is_level;
	*clean = s->n_table || by_log ? s->t_clean : s->t_zero;
	*noise = s->t_noise;
	if (by_log) {
		*clean = dmi_log(*clean);
		*noise = dmi_log(*noise);
	}
}

static dm_status at_percent(const dm_schedule *s, double p, dm_node *out, dm_error *err)
{
	double clean, noise;
	if (!(p >= 0 && p <= 1))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": percent %g is outside [0, 1]", dmi_schedule_name(s), p);
	if (p == 1)
		return dm_schedule_at_lambda(s, INFINITY, out, err);
	if (p == 0)
		return dm_schedule_at_time(s, s->t_noise, out, err);
	percent_ends(s, &clean, &noise);
	double t = noise + p * (clean - noise);
	return dm_schedule_at_time(s, s->process->time_is_level ? dmi_exp(t) : t, out, err);
}

static dm_status at_index(const dm_schedule *s, double index, dm_node *out, dm_error *err)
{
	dm_status st = needs_table(s, "an index", err);
	if (st != DM_OK)
		return st;
	if (!(index >= 0 && index <= s->t_noise))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": index %g is outside [0, %g]", dmi_schedule_name(s),
		                index, s->t_noise);
	return dm_schedule_at_time(s, index, out, err);
}

typedef dm_status find(const dm_schedule *schedule, double value, dm_node *out, dm_error *err);

static find *const finders[] = {
    [DM_BY_TIME] = dm_schedule_at_time, [DM_BY_LEVEL] = dmi_schedule_at_level, [DM_BY_LAMBDA] = dm_schedule_at_lambda,
    [DM_BY_INDEX] = at_index,           [DM_BY_PERCENT] = at_percent,
};

static dm_status check_by(int32_t by, dm_error *err)
{
	if (by >= DM_BY_TIME && by <= DM_BY_PERCENT)
		return DM_OK;
	return dmi_fail(err, DM_ERR_ARGUMENT, "schedule: by = %d is outside [%d, %d]", by, DM_BY_TIME, DM_BY_PERCENT);
}

/* ln(sigma/alpha) is linear in the index between two entries, so the nearest in the one is the nearest in the other. */
static dm_status round_node(const dm_schedule *s, int32_t rounding, dm_node *out, dm_error *err)
{
	double index = fmin(fmax(out->t, 0), s->t_noise);
	/* values that are whole up to rounding stay what they are */
	index = rounding == DM_ROUND_NEAREST ? rint(index) : floor(index + 1e-9);
	return dm_schedule_at_time(s, index, out, err);
}

dm_status dm_schedule_find(const dm_schedule *s, int32_t by, double value, int32_t rounding, dm_node *out,
                           dm_error *err)
{
	if (!s || !out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule find: %s is NULL", s ? "out" : "schedule");
	if (rounding < DM_ROUND_NONE || rounding > DM_ROUND_DOWN)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule find: rounding = %d is outside [%d, %d]", rounding,
		                DM_ROUND_NONE, DM_ROUND_DOWN);
	dm_status st = check_by(by, err);
	if (st == DM_OK && rounding != DM_ROUND_NONE)
		st = needs_table(s, "rounding", err);
	if (st == DM_OK)
		st = finders[by](s, value, out, err);
	return st == DM_OK && rounding != DM_ROUND_NONE ? round_node(s, rounding, out, err) : st;
}

static double percent_of(const dm_schedule *s, const dm_node *at)
{
	double clean, noise;
	if (at->sigma == 0)
		return 1;
	percent_ends(s, &clean, &noise);
	double t = s->process->time_is_level ? dmi_log(at->t) : at->t;
	return fmin(fmax((noise - t) / (noise - clean), 0), 1);
}

dm_status dm_schedule_measure(const dm_schedule *s, const dm_node *at, int32_t by, double *value, dm_error *err)
{
	if (!s || !at || !value)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule measure: schedule, at and value must not be NULL");
	dm_status st = check_by(by, err);
	if (st == DM_OK && by == DM_BY_INDEX)
		st = needs_table(s, "an index", err);
	if (st != DM_OK)
		return st;
	switch (by) {
	case DM_BY_LEVEL:
		*value = at->sigma / at->alpha;
		break;
	case DM_BY_LAMBDA:
		*value = dmi_lambda_of(at->alpha, at->sigma);
		break;
	case DM_BY_INDEX:
		*value = fmin(fmax(at->t, 0), s->t_noise);
		break;
	case DM_BY_PERCENT:
		*value = percent_of(s, at);
		break;
	default:
		*value = at->t;
	}
	return DM_OK;
}

static int valid(const dm_node *at)
{
	return at->alpha >= 0 && at->sigma >= 0 && at->alpha + at->sigma > 0 && at->alpha + at->sigma < INFINITY;
}

/* With the ratio a = alpha_t / alpha_s of the step from s to t and its variance v = sigma_t^2 - a^2 sigma_s^2, the
 * product of the Gaussians q(x_t | x_s) q(x_s | x_0) has mean (a sigma_s^2 x_t + alpha_s v x_0) / sigma_t^2 and variance
 * sigma_s^2 v / sigma_t^2. v / sigma_t^2 = (1 - q)(1 + q), q = e^(lambda_t - lambda_s). */
dm_status dm_posterior(const dm_node *t, const dm_node *s, double mean[2], double *variance, dm_error *err)
{
	if (!t || !s || !mean || !variance)
		return dmi_fail(err, DM_ERR_ARGUMENT, "posterior: t, s, mean and variance must not be NULL");
	if (!valid(t) || !valid(s))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "posterior: alpha and sigma of both nodes must be finite and >= 0, not both 0");
	double above = t->alpha * s->sigma, below = t->sigma * s->alpha;
	if (!(above <= below && below > 0))
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "posterior: s (sigma/alpha = %g) must have less noise than t (sigma/alpha = %g), which must have some",
		    s->sigma / s->alpha, t->sigma / t->alpha);
	double q = above / below, fresh = (below - above) / below * (1 + q);
	mean[0] = q * s->sigma / t->sigma;
	mean[1] = s->alpha * fresh;
	*variance = s->sigma * s->sigma * fresh;
	return DM_OK;
}

double dm_flow_mu(double tokens, double base_tokens, double max_tokens, double base_shift, double max_shift)
{
	double slope = (max_shift - base_shift) / (max_tokens - base_tokens);
	return base_shift + slope * (tokens - base_tokens);
}
