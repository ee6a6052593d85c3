/* Tangential damping CFG (Kwon 2025, algorithm 1), per sample, on x0: of the prediction without condition only the part along the first
 * right singular vector v of the two predictions is kept,
 *
 *     U = <none, v> v,   x0 = U + scale (given - U)
 *
 * v = (p given + q none) / sqrt(w), with (p, q) the unit eigenvector of the largest eigenvalue w of their 2 x 2 Gram matrix. */
#include "base/compiler.h"
#include "guidance/guidance.h"
#include <math.h>

enum { SCALE };

static const dm_option options[] = {
    DMI_REAL("scale", "1: the condition as it is; above 1: stronger", 1, -1000, 1000),
};

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	(void)user, (void)at;
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_NONE, 0};
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
	const double *option = user;
	int32_t i = 1 + dmi_find_branch(branch, n, DM_CONDITION_GIVEN),
	        k = 1 + dmi_find_branch(branch, n, DM_CONDITION_NONE);
	double p, q, both = stats->gram[i * stats->n + k], none = stats->gram[k * stats->n + k];
	double w = eigen(stats->gram[i * stats->n + i], both, none, &p, &q);
	double along = w > 0 ? (1 - option[SCALE]) * (p * both + q * none) / w : 0;
	(void)at;
	weight[i] = option[SCALE] + along * p;
	weight[k] = along * q;
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_tcfg = {
    .method = DMI_METHOD("tcfg", "classifier-free guidance with tangential damping", "Kwon 2025, algorithm 1", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .needs_stats = 1, .branches = branches, .weights = weights},
};
