/* Adaptive projected guidance (Sadat 2025, eq. 3-10, algorithm 1), per sample:
 *
 *     m  = given - none + momentum m_old                 (m_old = 0 at the first evaluation)
 *     d  = m min(1, norm_threshold / |m|)                (norm_threshold = 0: no limit)
 *     d' = d - (1 - eta) <d, given> given / <given, given>
 *     x0 = given + (scale - 1) d'        (form=paper)
 *          none + scale d'               (form=none)
 *          given + scale d'              (form=given, which is scale + 1 in the first form)
 *
 * With eta = 1, no limit and no momentum the first two are classifier-free guidance. Before lambda = cfg_to it is
 * classifier-free guidance with cfg_scale, the momentum running along; at nodes where one of the two is not evaluated m stays. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { ETA = DMI_SCALE_END, NORM_THRESHOLD, MOMENTUM, FORM, CFG_TO, CFG_SCALE, SPACE };
enum { PAPER, FROM_NONE, FROM_GIVEN };

static const char *const forms[] = {"paper", "none", "given", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS("strength; 1 is no guidance (form=paper), 0 is (form=given)", 1),
    DMI_REAL("eta", "share of the part along the conditional prediction that is kept", 0, -10, 10),
    DMI_REAL("norm_threshold", "largest norm of the difference over all elements; 0: no limit", 0, 0, 1e30),
    DMI_REAL("momentum", "share of the earlier difference, in (-1, 1); below 0: against it", 0, -0.999999, 0.999999),
    DMI_CHOICE("form", "what the difference is added to: given + (scale - 1) d, none + scale d, given + scale d", PAPER,
               forms),
    DMI_REAL("cfg_to", "below this lambda it is cfg with cfg_scale", -(double)INFINITY, -(double)INFINITY,
             (double)INFINITY),
    DMI_REAL("cfg_scale", "scale of cfg, in the same form", 1, -1000, 1000),
    DMI_SPACE_OPTION,
};

static int is_cfg(const double *option, const dm_node *at)
{
	return at->lambda < option[CFG_TO];
}

/* The factor of the difference at a node; none: whether it is added to the prediction without condition. */
static double strength_at(const double *option, const dm_node *at, int *none)
{
	double neutral = option[FORM] != FROM_GIVEN, scale = dmi_scale_at(option, at, neutral);
	*none = option[FORM] == FROM_NONE && dmi_acts_at(option, at);
	if (is_cfg(option, at) && dmi_acts_at(option, at))
		scale = option[CFG_SCALE];
	return *none ? scale : scale - (option[FORM] != FROM_GIVEN);
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	int from_none;
	double strength = strength_at(user, at, &from_none);
	if (strength != 0 || !from_none)
		branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	if (strength != 0 || from_none)
		branch[(*n)++] = (dm_branch){0, DM_CONDITION_NONE, 0};
	return DM_OK;
}

static dm_status keep(void *user, const dm_node *at, const dm_branch *branch, int32_t n, double *weight)
{
	const double *option = user;
	int32_t given = dmi_find_branch(branch, n, DM_CONDITION_GIVEN),
	        none = dmi_find_branch(branch, n, DM_CONDITION_NONE);
	(void)at;
	weight[1 + n] = 1;
	if (given == n || none == n)
		return DM_OK;
	weight[1 + given] = 1;
	weight[1 + none] = -1;
	weight[1 + n] = option[MOMENTUM];
	return DM_OK;
}

/* <a, value i> and <a, a> for a sum a of three values. */
static double dot(const dm_stats *stats, const int32_t place[3], const double m[3], int32_t i)
{
	double sum = 0;
	for (int k = 0; k < 3; k++)
		sum += m[k] * stats->gram[place[k] * stats->n + i];
	return sum;
}

static double square(const dm_stats *stats, const int32_t place[3], const double m[3])
{
	double sum = 0;
	for (int k = 0; k < 3; k++)
		sum += m[k] * dot(stats, place, m, place[k]);
	return sum;
}

/* weight += strength d' */
static void add_difference(const double *option, int plain, double strength, const dm_stats *stats,
                           const int32_t place[3], double *weight)
{
	const double m[3] = {1, -1, plain || stats->n == place[2] ? 0 : option[MOMENTUM]};
	const int32_t seen[3] = {place[0], place[1], m[2] != 0 ? place[2] : place[0]};
	double most = plain ? 0 : option[NORM_THRESHOLD], size2 = square(stats, seen, m);
	double given = stats->gram[place[0] * stats->n + place[0]];
	if (most > 0 && size2 > most * most)
		strength *= most / sqrt(size2);
	for (int i = 0; i < 3; i++)
		weight[seen[i]] += strength * m[i];
	if (!plain && given > 0)
		weight[place[0]] -= strength * (1 - option[ETA]) * dot(stats, seen, m, place[0]) / given;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	const double *option = user;
	int from_none;
	double strength = strength_at(option, at, &from_none);
	const int32_t place[3] = {1 + dmi_find_branch(branch, n, DM_CONDITION_GIVEN),
	                          1 + dmi_find_branch(branch, n, DM_CONDITION_NONE), 1 + n};
	for (int32_t i = 0; i < stats->n; i++)
		weight[i] = 0;
	weight[place[from_none]] = 1;
	if (strength != 0)
		add_difference(option, is_cfg(option, at), strength, stats, place, weight);
	return DM_OK;
}

static dm_status check(const struct dmi_guidance_type *type, const struct dmi_options *o, dm_guidance_ops *ops,
                       dm_error *err)
{
	if (o->value[MOMENTUM] == 0)
		ops->keep = NULL;
	return dmi_guidance_check_scale(type, o, ops, err);
}

const struct dmi_guidance_type dmi_guidance_apg = {
    .method =
        DMI_METHOD_KNOWN("apg", "adaptive projected guidance, with momentum and a limited norm",
                         "Sadat 2025, algorithm 1", options, "diffusers: AdaptiveProjectedGuidance; ComfyUI: APG"),
    .ops = {.struct_size = sizeof(dm_guidance_ops),
            .needs_stats = 1,
            .branches = branches,
            .weights = weights,
            .keep = keep},
    .first = 1,
    .space = SPACE,
    .check = check,
};
