/* Tangential damping CFG (Kwon 2025, algorithm 1), per sample: of the prediction without condition only the part along the
 * first right singular vector v of the two predictions is kept,
 *
 *     u = <none, v> v,   x0 = u + scale (y - u)
 *
 * y: the result of the stages before, or the prediction with the given condition. v = (p y + q none) / sqrt(w), with (p, q)
 * the unit eigenvector of the largest eigenvalue w of their 2 x 2 Gram matrix. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { SPACE = DMI_SCALE_END };

static const dm_option options[] = {
    DMI_SCALE_OPTIONS("1: the condition as it is; above 1: stronger", 1),
    DMI_SPACE_OPTION,
};

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	if (dmi_scale_at(user, at, 1) != 1)
		dmi_list_against(DM_CONDITION_NONE, branch, n);
	return DM_OK;
}

/* The unit eigenvector of the largest eigenvalue of the matrix (a b; b d), and that value. */
static double eigen(double a, double b, double d, double *p, double *q)
{
	double half = (a - d) / 2, root = sqrt(half * half + b * b), w = (a + d) / 2 + root;
	*p = half >= 0 ? half + root : b;
	*q = half >= 0 ? b : root - half;
	double size = sqrt(*p * *p + *q * *q);
	if (size == 0) { /* the two are equally long and at right angles: every direction will do */
		*p = 1;
		return w;
	}
	*p /= size;
	*q /= size;
	return w;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	double p, q, scale = dmi_scale_at(user, at, 1);
	for (int32_t b = 0; b < n; b++)
		weight[1 + b] = 0;
	weight[0] = scale;
	if (scale == 1)
		return DM_OK;
	int32_t k = 1 + dmi_find_branch(branch, n, DM_CONDITION_NONE);
	double both = stats->gram[k], none = stats->gram[k * stats->n + k], w = eigen(stats->gram[0], both, none, &p, &q);
	double along = w > 0 ? (1 - scale) * (p * both + q * none) / w : 0;
	weight[0] += along * p;
	weight[k] = along * q;
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_tcfg = {
    .method = DMI_METHOD_KNOWN("tcfg", "classifier-free guidance with tangential damping", "Kwon 2025, algorithm 1",
                               options, "diffusers: TangentialClassifierFreeGuidance; ComfyUI: TCFG"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .needs_stats = 1, .branches = branches, .weights = weights},
    .space = SPACE,
    .check = dmi_guidance_check_scale,
};
