/* Denoising diffusion null-space model, for y = A x0 + noise n (Wang 2023, eq. 13 and 17-19):
 *
 *     x0' = x0 + A^T (A A^T + (noise / (2 limit tau))^2)^-1 (y - A x0)
 *     tau = sigma' / (alpha' sqrt(1 - r^2)), r = alpha sigma' / (alpha' sigma)
 *
 * with ' for the end of the step: tau is the noise of an ancestral step over its factor on x0. Along a singular vector of A
 * with the value s the measurement counts s^2 / (s^2 + (noise / (2 limit tau))^2), so of its noise it brings at most `limit`
 * times tau, whatever s is. The paper's share is min(1, tau s / noise), which needs the singular vectors, and above which
 * this one never is for limit=1. inverse=pseudo is the paper's form for A of values near 1: one share min(1, tau / noise) of
 * A^+ (y - A x0). Without noise both are that in full, and the sample agrees with y exactly.
 *
 * Bias: what y leaves open follows the prior's denoiser alone, not the posterior: correlations between the parts of x0
 * that A sees and those that it does not act through the state only. The sampler's own noise is not made smaller by that
 * of the measurement, as the paper does. With inverse=pseudo a badly conditioned A amplifies the noise. */
#include "base/compiler.h"
#include "guidance/common.h"
#include <math.h>

enum { NOISE, INVERSE = DMI_TABLE, LIMIT };
enum { DAMPED, PSEUDO };

static const char *const inverses[] = {"damped", "pseudo", NULL};

static const dm_option options[] = {
    DMI_REAL("noise", "standard deviation of the measurement's noise", 0, 0, 1e6),
    DMI_INTERVAL_OPTIONS,
    DMI_CHOICE("inverse", "damped: the noise counts against every singular value of A; pseudo: all taken as 1", DAMPED,
               inverses),
    DMI_REAL("limit", "inverse=damped: how many times the noise of a step that of the measurement may bring", 2, 1e-3,
             1e6),
};

static const struct dmi_need needs[] = {{LIMIT, INVERSE, DAMPED}};

static dm_status check(const struct dmi_guidance_type *type, const struct dmi_options *given, dm_guidance_ops *ops,
                       dm_error *err)
{
	dm_status st = dmi_guidance_check_interval(type, given, ops, err);
	return st == DM_OK ? dmi_options_check_needs(given, "guidance", "ddnm", options, needs, 1, err) : st;
}

/* tau; infinite where the noise does not fall. */
static double step_noise(const dm_node *from, const dm_node *to)
{
	double up = from->alpha * to->sigma, down = to->alpha * from->sigma;
	return up < down ? to->sigma / (to->alpha * sqrt(1 - up / down * (up / down))) : (double)INFINITY;
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	double noise = option[NOISE], tau = noise > 0 ? step_noise(guide->from, guide->to) : (double)INFINITY;
	if (tau <= 1e-100 * noise || !dmi_acts_at(option, guide->at))
		return DM_OK;
	int damped = option[INVERSE] == DAMPED && tau < (double)INFINITY;
	const double parameter[4] = {1, noise / (2 * option[LIMIT] * tau)};
	dm_val correction = dm_emit_operator(e, damped ? DM_OPERATOR_POSTERIOR : DM_OPERATOR_PSEUDO, *x0, parameter);
	*x0 = dm_emit_linear(e, 2, (dm_term[]){{1, *x0}, {damped ? 1 : fmin(1, tau / noise), correction}});
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_ddnm = {
    .method = DMI_METHOD("ddnm", "inverse problem: what A sees is replaced by the measurement, y = A x0 + noise",
                         "Wang 2023, eq. 13, 17-19", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .after = after},
    .needs_operator = 1,
    .check = check,
};
