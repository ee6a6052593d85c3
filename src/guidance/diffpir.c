/* Plug-and-play restoration by half-quadratic splitting, for y = A x0 + noise n (Zhu 2023, eq. 12, algorithm 1):
 *
 *     x0' = argmin_z |y - A z|^2 + rho |z - x0|^2 = x0 + A^T (A A^T + rho)^-1 (y - A x0)
 *     rho = lambda (noise alpha / sigma)^2
 *
 * The paper's fresh noise zeta is the sampler's: ddim with eta. Bias: the posterior of x0 given the state is taken as
 * normal with the covariance (sigma / alpha)^2 / lambda times the identity, and the sample takes its mean; so variances
 * come out too small, and correlations of the prior count through the state only. */
#include "base/compiler.h"
#include "guidance/common.h"
#include <math.h>

enum { NOISE, LAMBDA = DMI_TABLE };

static const dm_option options[] = {
    DMI_REAL("noise", "standard deviation of the measurement's noise", 0, 0, 1e6),
    DMI_INTERVAL_OPTIONS,
    DMI_REAL("lambda", "weight of the denoiser's estimate against the measurement", 1, 1e-6, 1e6),
};

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	const double *option = user;
	const dm_node *at = guide->at;
	if (at->sigma == 0 || !dmi_acts_at(option, at))
		return DM_OK;
	const double parameter[4] = {1, sqrt(option[LAMBDA]) * option[NOISE] * at->alpha / at->sigma};
	dm_val correction = dm_emit_operator(e, DM_OPERATOR_POSTERIOR, *x0, parameter);
	*x0 = dm_emit_linear(e, 2, (dm_term[]){{1, *x0}, {1, correction}});
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_diffpir = {
    .method = DMI_METHOD("diffpir", "inverse problem: the estimate nearest to denoiser and measurement together",
                         "Zhu 2023, algorithm 1", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .after = after},
    .needs_operator = 1,
    .check = dmi_guidance_check_interval,
};
