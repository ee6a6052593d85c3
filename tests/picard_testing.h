/* A Picard iteration beside the run whose bits it must give. */
#ifndef PICARD_TESTING_H
#define PICARD_TESTING_H

#include "properties.h"

enum { SAMPLES = 4, ELEMENTS = 7, N = SAMPLES * ELEMENTS };

static inline dm_picard *make_picard(const dm_plan *plan, int32_t type, size_t n_sample, size_t n_element,
                                     const char *options)
{
	dm_array *array;
	dm_picard *picard;
	dm_error err = {0};
	assert_int_equal(dm_array_create_host(&array, type, NULL, NULL, NULL, NULL), DM_OK);
	if (dm_picard_create(&picard, plan, array, NULL, n_sample, n_element, options, &err) != DM_OK)
		fail_msg("picard: %s", err.message);
	dm_array_free(array);
	return picard;
}

static inline dm_picard_info picard_facts(const dm_picard *picard)
{
	dm_picard_info info = {.struct_size = sizeof info};
	assert_int_equal(dm_picard_facts(picard, &info, NULL), DM_OK);
	return info;
}

static inline dm_picard_info finish_picard(dm_picard *picard, int32_t type, void *out)
{
	dm_error err = {0};
	if (dm_picard_all(picard, &err) != DM_OK)
		fail_msg("picard: %s", err.message);
	dm_picard_info info = picard_facts(picard);
	assert_int_equal(dm_run_state(dm_picard_run(picard), out, type, NULL), DM_OK);
	dm_picard_free(picard);
	return info;
}

/* Classifier-free guidance between two levels alone, so that the branches change on the way. */
static inline int is_guided(const dm_node *at)
{
	return at->sigma > 0.2 * at->alpha && at->sigma < 4 * at->alpha;
}

static inline dm_status interval_branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	(void)user;
	branch[0] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	branch[1] = (dm_branch){0, DM_CONDITION_NONE, 0};
	*n = is_guided(at) ? 2 : 1;
	return 0;
}

static inline dm_status interval_weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n_branch,
                                         const dm_stats *stats, double *weight)
{
	(void)user;
	(void)branch;
	(void)stats;
	weight[0] = is_guided(at) ? 3 : 1;
	if (n_branch == 2)
		weight[1] = 1 - weight[0];
	return 0;
}

/* Over vp, by prediction of v. */
static inline dm_plan *make_interval_plan(const char *sampler, const char *grid,
                                          dm_status (*callback)(void *, const dm_request *), void *user)
{
	struct objects o;
	struct recipe r = {.sampler = sampler, .schedule = "vp", .grid = grid, .model = "v"};
	dm_guidance_ops ops = {.struct_size = sizeof ops, .branches = interval_branches, .weights = interval_weights};
	dm_model_ops model_ops = {.struct_size = sizeof model_ops, .predict = callback};
	dm_guidance *guidance;
	dm_plan *plan;
	assert_int_equal(make_objects(&o, &r, &model_ops, user, NULL, NULL), DM_OK);
	assert_int_equal(dm_guidance_create_custom(&guidance, "interval", NULL, &ops, NULL, NULL, NULL), DM_OK);
	assert_int_equal(dm_plan_create(&plan, o.schedule, o.grid, o.sampler, o.model, guidance, NULL, NULL, NULL), DM_OK);
	dm_guidance_free(guidance);
	free_objects(&o);
	return plan;
}

#endif
