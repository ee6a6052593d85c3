/* Denoising diffusion null-space model, for y = A x0 + noise n (Wang 2023, eq. 13 and 17-19 with Sigma_t = lambda_t I):
 *
 *     x0' = x0 + lambda A^+ (y - A x0)
 *     lambda = min(1, tau / noise), tau = sigma' / (alpha' sqrt(1 - r^2)), r = alpha sigma' / (alpha' sigma)
 *
 * with ' for the end of the step: tau is the noise of an ancestral step over its factor on x0, so the measurement's noise
 * never exceeds it. Without noise lambda is 1 and the sample agrees with y exactly.
 *
 * Bias: what y leaves open follows the prior's denoiser alone, not the posterior: correlations between the parts of x0
 * that A sees and those that it does not act through the state only. The sampler's own noise is not made smaller by that
 * of the measurement, as the paper does. A^+ is by conjugate gradients; where A is badly conditioned it amplifies noise. */
#include "base/compiler.h"
#include "guidance/guidance.h"
#include <math.h>

enum { NOISE };

static const dm_option options[] = {
    DMI_REAL("noise", "standard deviation of the measurement's noise", 0, 0, 1e6),
};

static double strength(double noise, const dm_node *from, const dm_node *to)
{
	if (noise == 0)
		return 1;
	if (to->sigma == 0)
		return 0;
	double up = from->alpha * to->sigma, down = to->alpha * from->sigma;
	if (!(up < down)) /* the noise does not fall */
		return 1;
	double tau = to->sigma / (to->alpha * sqrt(1 - up / down * (up / down)));
	return fmin(1, tau / noise);
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	double lambda = strength(option[NOISE], guide->from, guide->to);
	if (lambda == 0)
		return DM_OK;
	dm_val correction = dm_emit_operator(e, DM_OPERATOR_PSEUDO, *x0, NULL);
	*x0 = dm_emit_linear(e, 2, (dm_term[]){{1, *x0}, {lambda, correction}});
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_ddnm = {
    .method = DMI_METHOD("ddnm", "inverse problem: what A sees is replaced by the measurement, y = A x0 + noise",
                         "Wang 2023, eq. 13, 17-19", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .after = after},
    .needs_operator = 1,
};
