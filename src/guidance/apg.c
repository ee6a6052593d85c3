/* Adaptive projected guidance (Sadat 2025, eq. 3-10, algorithm 1), per sample, on x0:
 *
 *     m  = given - none + momentum m_old                 (m_old = 0 at the first evaluation)
 *     d  = m min(1, norm_threshold / |m|)                (norm_threshold = 0: no limit)
 *     d' = d - (1 - eta) <d, given> given / <given, given>
 *     x0 = given + (scale - 1) d'        (form=paper)
 *          none + scale d'               (form=none)
 *          given + scale d'              (form=given, which is scale + 1 in the first form)
 *
 * With eta = 1, no limit and no momentum the first two are classifier-free guidance. */
#include "base/compiler.h"
#include "guidance/guidance.h"
#include <math.h>

enum { SCALE, ETA, NORM_THRESHOLD, MOMENTUM, FORM };
enum { PAPER, FROM_NONE, FROM_GIVEN };

static const char *const forms[] = {"paper", "none", "given", NULL};

static const dm_option options[] = {
    DMI_REAL("scale", "strength; 1: the condition as it is (form=paper)", 1, -1000, 1000),
    DMI_REAL("eta", "share of the part along the conditional prediction that is kept", 0, -10, 10),
    DMI_REAL("norm_threshold", "largest norm of the difference over all elements; 0: no limit", 0, 0, 1e30),
    DMI_REAL("momentum", "share of the earlier difference, in (-1, 1); below 0: against it", 0, -0.999999, 0.999999),
    DMI_CHOICE("form", "what the difference is added to: given + (scale - 1) d, none + scale d, given + scale d", PAPER,
               forms),
};

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	(void)user, (void)at;
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_NONE, 0};
	return DM_OK;
}

static dm_status keep(void *user, const dm_node *at, const dm_branch *branch, int32_t n, double *weight)
{
	const double *option = user;
	(void)at;
	weight[1 + dmi_find_branch(branch, n, DM_CONDITION_GIVEN)] = 1;
	weight[1 + dmi_find_branch(branch, n, DM_CONDITION_NONE)] = -1;
	weight[1 + n] = option[MOMENTUM];
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	const double *option = user;
	int32_t given = 1 + dmi_find_branch(branch, n, DM_CONDITION_GIVEN),
	        none = 1 + dmi_find_branch(branch, n, DM_CONDITION_NONE), place[3] = {given, none, 1 + n};
	double m[3] = {1, -1, option[MOMENTUM]}, size2 = 0, along = 0, limit = 1;
	(void)at;
	for (int i = 0; i < 3; i++) {
		along += m[i] * stats->gram[place[i] * stats->n + given];
		for (int k = 0; k < 3; k++)
			size2 += m[i] * m[k] * stats->gram[place[i] * stats->n + place[k]];
	}
	if (option[NORM_THRESHOLD] > 0 && size2 > option[NORM_THRESHOLD] * option[NORM_THRESHOLD])
		limit = option[NORM_THRESHOLD] / sqrt(size2);
	double square = stats->gram[given * stats->n + given];
	double strength = limit * (option[FORM] == PAPER ? option[SCALE] - 1 : option[SCALE]);
	for (int i = 0; i < 3; i++)
		weight[place[i]] = strength * m[i];
	weight[given] -= square > 0 ? strength * (1 - option[ETA]) * along / square : 0;
	weight[option[FORM] == FROM_NONE ? none : given] += 1;
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_apg = {
    .method = DMI_METHOD("apg", "adaptive projected guidance, with momentum and a limited norm",
                         "Sadat 2025, algorithm 1", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops),
            .needs_stats = 1,
            .branches = branches,
            .weights = weights,
            .keep = keep},
};
