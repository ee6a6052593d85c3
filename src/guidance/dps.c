/* Diffusion posterior sampling, for y = A x0 + noise (Chung 2023, algorithm 1): after every step the state at its end is
 * moved, with x0 and its Jacobian J = d x0 / d x from the first evaluation of the step,
 *
 *     x' = x + scale J^T A^T (y - A x0) / |y - A x0|
 *
 * which is the paper's zeta gradient of |y - A x0|^2 with zeta = scale / (2 |y - A x0|), per sample. jacobian=none leaves
 * J out. Interval and table go by the lambda at which the step begins.
 *
 * Bias: the noise of the measurement does not appear; every step moves the state by about `scale`, so the strength of the
 * likelihood follows from the number of steps and the size of y, and the last step leaves a residual of the size of
 * `scale`. The samples are no posterior samples, even for a normal prior. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { JACOBIAN = DMI_SCALE_END };
enum { EXACT, NONE };

static const char *const jacobians[] = {"exact", "none", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS_WITHIN("length of a step along the gradient of the residual's norm", 1, 0, 1e6),
    DMI_CHOICE("jacobian", "exact: of the denoiser, by its vjp; none: the identity", EXACT, jacobians),
};

static dm_status state(void *user, const dm_guide *guide, dm_emit *e, dm_val *x)
{
	const double *option = user;
	double scale = dmi_scale_at(option, guide->from, 0);
	if (scale == 0)
		return DM_OK;
	if (!guide->evaluation) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "guidance \"dps\": the sampler has a step without an evaluation");
		return DM_OK;
	}
	dm_val direction = dm_emit_operator(e, DM_OPERATOR_DIRECTION, guide->evaluation, NULL);
	if (option[JACOBIAN] == EXACT)
		direction = dm_emit_vjp(e, guide->evaluation, direction);
	*x = dm_emit_linear(e, 2, (dm_term[]){{1, *x}, {scale, direction}});
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_dps = {
    .method = DMI_METHOD("dps", "inverse problem: down the gradient of the residual's norm after every step",
                         "Chung 2023, algorithm 1", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .state = state},
    .needs_operator = 1,
    .check = dmi_guidance_check_scale,
};
