/* What the tests of the classifier-free family share: their chains, and runs with the masks and the operator that these
 * need. */
#ifndef GUIDANCE_TESTING_H
#define GUIDANCE_TESTING_H

#include "run_testing.h"

enum { ELEMENTS = 6, BATCH = 4 };

/* Every guidance, alone and in company. */
static const char *const chains[] = {
    "none",
    "cfg:scale=3",
    "cfg:scale=2,form=given,from=-1",
    "cfg:table=-4/1/0/5/3/2",
    "cfg:scale=3|cfg:scale=0.5",
    "cfg_zero_star:scale=3",
    "cfg_zero_star:scale=3,space=flow,zero_steps=2",
    "tcfg:scale=3",
    "tcfg:scale=3,space=v",
    "apg:scale=4,eta=0.3,norm_threshold=0.5,momentum=-0.5",
    "apg:scale=4,form=none,momentum=0.7,from=-2,to=1",
    "apg:scale=4,form=given,cfg_to=0,cfg_scale=2,momentum=0.2",
    "apg:scale=4,space=epsilon,norm_threshold=2",
    "autoguidance:scale=2",
    "cfg:scale=2|autoguidance:scale=0.5,form=add,condition=none",
    "cfg:scale=2|perturbed:scale=1.5,from=-1,to=2",
    "perturbed:scale=2,form=weak,number=2",
    "two_scale:scale=4,part_scale=1.5",
    "two_scale:scale=4,part_scale=1.5,form=nested|rescale:phi=0.5",
    "multi:weights=1/2/0.5,scale=2",
    "multi:weights=1/-0.5,form=sum,scale=2",
    "multi:weights=1/-9/0/2/-1/9,intervals=1,scale=2|cfg_norm",
    "multi:weights=1/2,masks=1,scale=2",
    "multi:weights=1/-2,masks=1,form=sum,scale=2",
    "perp_neg:scale=3,negative_scale=0.7",
    "perp_neg:scale=3,condition=4,space=epsilon",
    "mambo_g:scale=5,alpha=0.5",
    "mambo_g:scale=5,alpha=0.5,form=given,space=v",
    "cfg:scale=4|cfg_norm:limit=0.8",
    "cfg:scale=4|cfg_norm:limit=0.8,space=flow",
    "fdg:low=2,high=5",
    "cfg:scale=2|fdg:low=2,high=0.5,split=blur|rescale:phi=0.4",
    "cfg:scale=4|mahiro:scale=4",
    "cfg:scale=4|rescale:phi=0.7|threshold:ratio=0.9,max=1.2",
    "cfg:scale=4|rescale:phi=0.7,space=epsilon|clip:range=1",
};

enum { N_CHAIN = sizeof chains / sizeof *chains };

/* ------------------------------------------------------------------------------------------------------------- runs */

static inline dm_guidance *guide(const char *chain)
{
	dm_operator *pool;
	dm_guidance *guidance;
	DO(dm_operator_create_average_pool(&pool, ELEMENTS, 1, 1, 2, NULL, err));
	DO(dm_guidance_create_over(&guidance, chain, NULL, strstr(chain, "fdg") ? pool : NULL, NULL, err));
	dm_operator_free(pool);
	return guidance;
}

static inline void bind_masks(dm_run *run)
{
	static const double mask[2][ELEMENTS] = {{1, 1, 0.5, 0, 0, 0.2}, {0, 1, 1, 0, 0.7, 0}};
	for (int k = 0; k < 2; k++) {
		dm_status st = dm_run_bind(run, DM_BOUND_USER + k, mask[k], DM_F64, ELEMENTS, NULL);
		assert_true(st == DM_OK || st == DM_ERR_STATE); /* which says that nothing reads it */
	}
}

/* A run of a chain, ready to start. */
static inline dm_run *start(const char *chain, const char *sampler, struct denoiser *d, size_t n_sample,
                            const char *options)
{
	dm_guidance *guidance = guide(chain);
	struct setup s = {.sampler = sampler, .grid = "trailing:steps=5", .own_guidance = guidance, .run = options};
	s.n_sample = n_sample;
	s.n_element = ELEMENTS;
	dm_run *run = make_run(&s, d);
	dm_guidance_free(guidance);
	bind_masks(run);
	return run;
}

static inline void finish(dm_run *run, double *out)
{
	DO(dm_run_all(run, err));
	DO(dm_run_state(run, out, DM_F64, err));
	dm_run_free(run);
}

/* The guided x0 at one node, from a known state. */
static inline void guided(const char *chain, const char *schedule, double t, int kind, const double *x, double *out)
{
	char grid[40];
	dm_guidance *guidance = guide(chain);
	struct denoiser d = {.kind = kind};
	struct setup s = {.schedule = schedule, .grid = grid, .own_guidance = guidance, .n_sample = 1};
	s.n_element = ELEMENTS;
	snprintf(grid, sizeof grid, "times:at=%g", t);
	dm_run *run = make_run(&s, &d);
	dm_guidance_free(guidance);
	bind_masks(run);
	DO(dm_run_start_state(run, x, DM_F64, 0, err));
	finish(run, out);
}

static const double a_state[ELEMENTS] = {0.7, -0.3, 1.1, 0.2, -2, 1};

static inline dm_node node_at(const char *name, double t)
{
	dm_schedule *schedule;
	dm_node node;
	DO(dm_schedule_create(&schedule, name, NULL, err));
	DO(dm_schedule_at_time(schedule, t, &node, err));
	dm_schedule_free(schedule);
	return node;
}

#endif
