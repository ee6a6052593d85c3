/* What every guidance makes of known predictions. One row per chain; a new guidance is tested by adding its row. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "demist.h"

enum { N = 4 };

/* The x0 that the network predicts at sigma/alpha = 1 (lambda = 0) with the condition, without it and in any other
 * branch; what comes out, and from how many branches. pool: the guidance is given the means of two elements each as an
 * operator. */
struct known {
	const char *chain;
	double given[N], none[N], want[N];
	int32_t n_branch;
	double other[N];
	int pool;
};

/* The predictions of most rows. */
#define A                                                                                                              \
	{                                                                                                                  \
		3, 1, -2, 0.5                                                                                                  \
	}
#define B                                                                                                              \
	{                                                                                                                  \
		1, 2, -1, 0                                                                                                    \
	}
#define C                                                                                                              \
	{                                                                                                                  \
		0.5, -1, 1, 2                                                                                                  \
	}
#define NO .other = {9, 9, 9, 9}

static const struct known rows[] = {
    {"none", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1, NO},
    {"cfg", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1, NO},
    {"cfg:scale=0", {9, 9, 9, 9}, {1, -1, 0.5, 2}, {1, -1, 0.5, 2}, 1, NO},
    {"cfg:scale=3", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -3, 0.5, 4}, 2, NO},
    {"cfg:scale=-1", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {0, 1, 0.5, 0}, 2, NO},
    {"cfg:scale=2,form=given", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -3, 0.5, 4}, 2, NO},
    {"cfg:scale=0,form=given", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1, NO},
    {"cfg:scale=-1,form=given", {9, 9, 9, 9}, {1, -1, 0.5, 2}, {1, -1, 0.5, 2}, 1, NO},
    {"cfg:scale=3,from=-1,to=0", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -3, 0.5, 4}, 2, NO},
    {"cfg:scale=3,from=0,to=9", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -3, 0.5, 4}, 2, NO},
    {"cfg:scale=3,from=0.1", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1, NO},
    {"cfg:scale=3,to=-0.1,form=given", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1, NO},
    {"cfg:table=-1/1/1/5", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -3, 0.5, 4}, 2, NO},
    {"cfg:table=-3/9/-1/3", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -3, 0.5, 4}, 2, NO},
    {"cfg:table=1/3/2/7", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -3, 0.5, 4}, 2, NO},
    {"cfg:table=-1/7/0/1/1/9", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1, NO},
    {"cfg:scale=2|cfg:scale=3", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {3.5, -6, 0.5, 7}, 2, NO},
    {"cfg:scale=0|cfg:scale=3", {9, 9, 9, 9}, {1, -1, 0.5, 2}, {1, -1, 0.5, 2}, 1, NO},
    /* <given, none> = 4, <none, none> = 2: the other branch counts 4 / (2 + 1e-8) times */
    {"cfg_zero_star:scale=3", {3, 1, 0, 2}, {1, 1, 0, 0}, {9 - 8 / (2 + 1e-8), 3 - 8 / (2 + 1e-8), 0, 6}, 2, NO},
    {"cfg_zero_star:scale=3,base=given",
     {3, 1, 0, 2},
     {1, 1, 0, 0},
     {12 - 12 / (2 + 1e-8), 4 - 12 / (2 + 1e-8), 0, 8},
     2,
     NO},
    {"cfg_zero_star:scale=1", {3, 1, 0, 2}, {9, 9, 9, 9}, {3, 1, 0, 2}, 1, NO},
    /* the common direction: (1, 1) of (2, 1) and (1, 2); the longer of two at right angles; (1, 0) of two more */
    {"tcfg:scale=3", {2, 1, 0, 0}, {1, 2, 0, 0}, {3, 0, 0, 0}, 2, NO},
    {"tcfg:scale=3", {3, 1, 0, 0}, {0, 0, 1, 0}, {9, 3, 0, 0}, 2, NO},
    {"tcfg:scale=3", {4, 0.5, 0, 0}, {2, -1, 0, 0}, {8, 1.5, 0, 0}, 2, NO},
    {"tcfg:scale=3,to=-1", {4, 0.5, 0, 0}, {9, 9, 9, 9}, {4, 0.5, 0, 0}, 1, NO},
    /* the difference (1, -1) is across the condition, and (3, -4) is 5 long */
    {"apg:scale=3", {2, 0, 0, 0}, {1, 1, 0, 0}, {2, -2, 0, 0}, 2, NO},
    {"apg:scale=3,form=none", {2, 0, 0, 0}, {1, 1, 0, 0}, {1, -2, 0, 0}, 2, NO},
    {"apg:scale=3,form=given", {2, 0, 0, 0}, {1, 1, 0, 0}, {2, -3, 0, 0}, 2, NO},
    {"apg:scale=3,eta=0.5,momentum=-0.5", {2, 0, 0, 0}, {1, 1, 0, 0}, {3, -2, 0, 0}, 2, NO},
    {"apg:scale=3,eta=1,norm_threshold=2.5", {4, 0, 0, 0}, {1, 4, 0, 0}, {7, -4, 0, 0}, 2, NO},
    {"apg:scale=3,eta=1,norm_threshold=9", {4, 0, 0, 0}, {1, 4, 0, 0}, {10, -8, 0, 0}, 2, NO},
    {"apg:scale=9,norm_threshold=1,cfg_to=1,cfg_scale=2", {2, 0, 0, 0}, {1, 1, 0, 0}, {3, -1, 0, 0}, 2, NO},
    {"apg:scale=3,cfg_to=-1,cfg_scale=7", {2, 0, 0, 0}, {1, 1, 0, 0}, {2, -2, 0, 0}, 2, NO},
    {"apg:scale=1", {2, 0, 0, 0}, {9, 9, 9, 9}, {2, 0, 0, 0}, 1, NO},
    {"apg:scale=3,form=none,momentum=0.5,from=1", {2, 0, 0, 0}, {9, 9, 9, 9}, {2, 0, 0, 0}, 1, NO},
    {"autoguidance:scale=3", A, {9, 9, 9, 9}, {8, 5, -8, -2.5}, 2, .other = C},
    {"autoguidance:scale=2,form=add,model=4", A, {9, 9, 9, 9}, {8, 5, -8, -2.5}, 2, .other = C},
    {"autoguidance:scale=2,form=add,condition=none", A, {9, 9, 9, 9}, {8, 5, -8, -2.5}, 2, .other = C},
    {"autoguidance", A, {9, 9, 9, 9}, A, 1, NO},
    {"cfg:scale=2|autoguidance:scale=3", A, B, {14, 2, -11, -1}, 3, .other = C},
    {"perturbed:scale=2", A, {9, 9, 9, 9}, {8, 5, -8, -2.5}, 2, .other = C},
    {"perturbed:scale=3,form=weak,number=2", A, {9, 9, 9, 9}, {8, 5, -8, -2.5}, 2, .other = C},
    {"perturbed", A, {9, 9, 9, 9}, A, 1, NO},
    {"cfg:scale=2|perturbed:scale=1.5", A, B, {8.75, 3, -7.5, -1.25}, 3, .other = C},
    {"perturbed:scale=1.5|cfg:scale=1", A, {9, 9, 9, 9}, {6.75, 4, -6.5, -1.75}, 2, .other = C},
    {"two_scale:scale=3,part_scale=2", A, B, {7.5, 2, -6, -0.5}, 3, .other = C},
    {"two_scale:scale=3,part_scale=2,form=nested", A, B, {15, 8, -15, -5}, 3, .other = C},
    {"two_scale:scale=3,part_scale=3", A, B, {7, -1, -4, 1.5}, 2, NO},
    {"two_scale:scale=0,part_scale=1", {9, 9, 9, 9}, {9, 9, 9, 9}, C, 1, .other = C},
    {"two_scale:scale=3,part_scale=2,from=1", A, {9, 9, 9, 9}, A, 1, NO},
    {"multi:weights=1/3,scale=2", A, B, {1.25, -3, 1.5, 3.25}, 3, .other = C},
    {"multi:weights=1/3", {0, 4, 8, -4}, {9, 9, 9, 9}, {3, 1, -1, 2}, 2, .other = {4, 0, -4, 4}},
    {"multi:weights=1/-0.5,form=sum,scale=2", A, {9, 9, 9, 9}, {5.5, 3, -5, -1}, 2, .other = C},
    {"multi:weights=2/0/0,scale=3", A, B, {7, -1, -4, 1.5}, 2, NO},
    {"multi:weights=1/-1/1/3/1/9,intervals=1,scale=3", A, B, {7, -1, -4, 1.5}, 2, NO},
    {"multi:weights=1/-3/-1/3/1/9,intervals=1,scale=3", {9, 9, 9, 9}, B, B, 1, NO},
    {"multi:weights=2/1,masks=1,scale=3", A, B, {4.5, -7, -4, 0}, 3, .other = C}, /* 1 0 .5 0 and 1 1 0 0 */
    {"multi:weights=2/1,masks=1,scale=3,form=sum", A, B, {11.5, -7, -4, 0}, 3, .other = C},
    {"multi:weights=2/-1/1/1/4/5,masks=1,scale=3,intervals=1", A, B, {7, 2, -4, 0}, 2, NO},
    {"multi:weights=2/1,masks=1,scale=0", {9, 9, 9, 9}, B, B, 1, NO},
    {"perp_neg:scale=3,negative_scale=0.5", A, B, {8.23, 3.26, -7.24, -1.38}, 3, .other = C},
    {"perp_neg:scale=3,negative_scale=0,condition=7", A, B, {7, -1, -4, 1.5}, 2, NO},
    {"perp_neg:scale=1,negative_scale=0", A, {9, 9, 9, 9}, A, 1, NO},
    {"perp_neg:scale=5,to=-2", A, {9, 9, 9, 9}, A, 1, NO},
    {"mambo_g:scale=4,alpha=0.5",
     A,
     B,
     {6.601855416440706, -0.8009277082203532, -3.800927708220353, 1.4004638541101766},
     2,
     NO},
    {"mambo_g:scale=4,alpha=0.5,form=given",
     A,
     B,
     {7.802473888587609, -1.4012369442938044, -4.401236944293805, 1.7006184721469022},
     2,
     NO},
    {"mambo_g:scale=4,alpha=0", A, B, {9, -2, -5, 2}, 2, NO},
    {"mambo_g:scale=4", A, {0, 0, 0, 0}, A, 2, NO},
    {"mambo_g:scale=4,alpha=0", A, {0, 0, 0, 0}, {12, 4, -8, 2}, 2, NO},
    {"cfg:scale=3|cfg_norm:limit=1.2,strength=0.9",
     A,
     B,
     {3.45444195649156, -0.4934917080702228, -1.9739668322808912, 0.7402375621053342},
     2,
     NO},
    {"cfg:scale=3|cfg_norm:limit=9", A, B, {7, -1, -4, 1.5}, 2, NO},
    {"cfg:scale=3|mahiro:scale=3", A, B, {7.177203176796143, -0.6455936464077143, -4.177203176796143, 1.5}, 2, NO},
    {"fdg:low=2,high=5", A, B, {9.5, -4.5, -5.25, 3.25}, 2, .pool = 1},
    {"fdg:low=2,high=5,split=blur", A, B, {10.25, -3.75, -5.625, 2.875}, 2, .pool = 1},
    {"fdg:low=3,high=3", A, B, {7, -1, -4, 1.5}, 2, .pool = 1},
    {"fdg:low=3,high=3,from=2", A, {9, 9, 9, 9}, A, 1, .pool = 1},
    {"cfg:scale=3|fdg:low=1,high=1", A, B, {7, -1, -4, 1.5}, 2, .pool = 1},
    /* deviations 1 and 3 around means of 2 and 4 */
    {"cfg:scale=3|rescale:phi=1", {3, 1, 3, 1}, {1, 1, 1, 1}, {7.0 / 3, 1.0 / 3, 7.0 / 3, 1.0 / 3}, 2, NO},
    {"cfg:scale=3|rescale:phi=0.5", {3, 1, 3, 1}, {1, 1, 1, 1}, {14.0 / 3, 2.0 / 3, 14.0 / 3, 2.0 / 3}, 2, NO},
    {"cfg:scale=3|rescale:phi=0", {3, 1, 3, 1}, {1, 1, 1, 1}, {7, 1, 7, 1}, 2, NO},
    {"cfg:scale=3|clip:range=9|rescale:phi=1", {3, 1, 3, 1}, {1, 1, 1, 1}, {7.0 / 3, 1.0 / 3, 7.0 / 3, 1.0 / 3}, 2, NO},
    {"clip:range=0.75", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.75, -0.75, 0.5, 0.75}, 1, NO},
    {"cfg:scale=3|clip:range=2.5", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -2.5, 0.5, 2.5}, 2, NO},
    {"threshold:ratio=1,max=4", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.5, -0.5, 0.25, 1}, 1, NO},
    {"threshold:ratio=1,max=1.6", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.625, -0.625, 0.3125, 1}, 1, NO},
    {"threshold:ratio=0.75,max=9",
     {3, -4, 2, 1},
     {9, 9, 9, 9},
     {12.0 / 13, -1, 8.0 / 13, 4.0 / 13},
     1,
     NO}, /* q = 3.25 */
    {"threshold:ratio=0.25,max=9", {0.1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.1, -1, 0.5, 1}, 1, NO},
    {"threshold:ratio=1", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.5, -0.5, 0.25, 1}, 1, NO},
    {"threshold:ratio=1", {0.1, -0.1, 0.5, 0.2}, {9, 9, 9, 9}, {0.1, -0.1, 0.5, 0.2}, 1, NO},
    {"threshold:ratio=1,form=floor", {0.1, -0.1, 0.5, 0.2}, {9, 9, 9, 9}, {0.1, -0.1, 0.5, 0.2}, 1, NO},
    {"threshold:ratio=1,max=0.25,form=floor", {0.1, -0.1, 0.5, 0.2}, {9, 9, 9, 9}, {0.2, -0.2, 1, 0.4}, 1, NO},
    /* outside their interval they are not there, and pay for nothing */
    {"clip:range=0.1,from=0.1", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1, NO},
    {"clip:range=0.75,from=0|clip:range=0.1,to=-0.1", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.75, -0.75, 0.5, 0.75}, 1, NO},
    {"cfg|rescale:phi=0,space=v|clip:range=0.1,from=0.1", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1, NO},
    {"threshold:ratio=1,to=-0.1", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1, NO},
    {"cfg:scale=4,to=-0.1|rescale:phi=1,to=-0.1", A, {9, 9, 9, 9}, A, 1, NO},
    {"cfg:scale=4,to=-0.1|rescale:phi=1,to=-0.1,space=v", A, {9, 9, 9, 9}, A, 1, NO},
    {"cfg:scale=4,to=-0.1|mahiro:scale=4,to=-0.1", A, {9, 9, 9, 9}, A, 1, NO},
    {"cfg:scale=4,to=-0.1|cfg_norm:limit=0.5,to=-0.1", A, {9, 9, 9, 9}, A, 1, NO},
    {"cfg:scale=0|cfg_norm:limit=0.5,from=0.1", {9, 9, 9, 9}, B, B, 1, NO},
    {"cfg:scale=0|rescale:phi=1,from=0.1", {9, 9, 9, 9}, B, B, 1, NO},
    {"multi:scale=4,from=0.1", A, {9, 9, 9, 9}, A, 1, NO},
    {"multi:weights=1/3,scale=4,to=-0.1", {4, 0, 8, 0}, {9, 9, 9, 9}, {1, 3, -1, 6}, 2, .other = {0, 4, -4, 8}},
    {"multi:weights=1/1,form=sum,scale=4,to=-0.1", A, B, {2.5, -2, 0, 2.5}, 3, .other = C},
    {"multi:weights=1,table=-1/2/1/4", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -3, 0.5, 4}, 2, NO},
    {"multi:table=-1/0/1/0", {9, 9, 9, 9}, B, B, 1, NO},
    {"threshold:ratio=1,max=4,form=floor", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.25, -0.25, 0.125, 0.5}, 1, NO},
};

enum { N_ROW = sizeof rows / sizeof *rows };

/* These look at gradients, masks and measurements, and are tested with known posteriors. */
static const char *const elsewhere[] = {"classifier", "inpaint", "ilvr", "dps",         "pgdm",
                                        "ddnm",       "diffpir", "mmps", "reconstruct", "tmpd"};

struct world {
	const struct known *row;
	const char *kind;
	int32_t n_branch;
};

/* The network says x0, or the velocity epsilon - x0 that leads there: the same chain must come to the same result. */
static double output(const struct world *w, double x, double x0)
{
	return strcmp(w->kind, "flow") ? x0 : x - 2 * x0; /* at alpha = sigma = 1 epsilon is x - x0 */
}

static double x0_of(const struct known *row, const dm_branch *branch, int e)
{
	if (branch->model || branch->perturbation)
		return row->other[e];
	return branch->condition == DM_CONDITION_GIVEN  ? row->given[e]
	       : branch->condition == DM_CONDITION_NONE ? row->none[e]
	                                                : row->other[e];
}

static dm_status predict(void *user, const dm_request *rq)
{
	struct world *w = user;
	w->n_branch = rq->n_branch;
	for (int32_t b = 0; b < rq->n_branch; b++)
		for (int e = 0; e < N; e++) {
			double x0 = x0_of(w->row, &rq->branch[b], e);
			if (rq->x_type == DM_F32)
				((float *)rq->out[b])[e] = (float)output(w, (double)((const float *)rq->x)[e], x0);
			else
				((double *)rq->out[b])[e] = output(w, ((const double *)rq->x)[e], x0);
		}
	return 0;
}

#define DO(call)                                                                                                       \
	do {                                                                                                               \
		if ((call) != DM_OK)                                                                                           \
			fail_msg("%s: %s", w->row->chain, err.message);                                                            \
	} while (0)

/* One step of Euler to the clean end arrives at the prediction itself. */
static dm_plan *make_plan(struct world *w)
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	dm_error err;
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_operator *op = NULL;
	dm_guidance *guidance;
	dm_plan *plan;
	DO(dm_schedule_create(&schedule, "ve", NULL, &err));
	DO(dm_grid_create(&grid, schedule, "levels:at=1", NULL, &err));
	DO(dm_sampler_create(&sampler, "euler", NULL, &err));
	DO(dm_model_create(&model, w->kind, &ops, w, NULL, &err));
	if (w->row->pool)
		DO(dm_operator_create_average_pool(&op, N, 1, 1, 2, NULL, &err));
	DO(dm_guidance_create_over(&guidance, w->row->chain, NULL, op, NULL, &err));
	DO(dm_plan_create(&plan, schedule, grid, sampler, model, guidance, NULL, NULL, &err));
	dm_guidance_free(guidance);
	dm_operator_free(op);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return plan;
}

static void bind_masks(const struct world *w, dm_run *run)
{
	static const double mask[2][N] = {{1, 0, 0.5, 0}, {1, 1, 0, 0}};
	dm_error err;
	for (int k = 0; k < 2 && strstr(w->row->chain, "masks=1"); k++) {
		dm_status st = dm_run_bind(run, DM_BOUND_USER + k, mask[k], DM_F64, N, &err);
		if (st != DM_OK && st != DM_ERR_STATE) /* an inactive mask is not read */
			fail_msg("%s: %s", w->row->chain, err.message);
	}
}

static void run_it(struct world *w, int32_t type, int stepwise, double found[N])
{
	dm_error err;
	dm_plan *plan = make_plan(w);
	dm_plan_info info = {.struct_size = sizeof info};
	dm_array *array;
	dm_run *run;
	const dm_request *rq;
	DO(dm_array_create_host(&array, type, NULL, NULL, NULL, &err));
	DO(dm_run_create(&run, plan, array, NULL, 1, N, NULL, NULL, 0, &err));
	bind_masks(w, run);
	if (stepwise)
		while (dm_run_next(run, &rq, &err) == DM_EVAL)
			predict(w, rq);
	DO(dm_run_all(run, &err));
	DO(dm_run_state(run, found, DM_F64, &err));
	DO(dm_plan_facts(plan, &info, &err));
	if (w->n_branch != w->row->n_branch || info.n_branch_eval != w->row->n_branch)
		fail_msg("%s: %d branches asked for and %d planned instead of %d", w->row->chain, w->n_branch,
		         (int)info.n_branch_eval, w->row->n_branch);
	dm_run_free(run);
	dm_array_free(array);
	dm_plan_free(plan);
}

static void check(const struct known *row, int32_t type, const char *kind, double tolerance)
{
	double found[N], stepwise[N];
	struct world w = {row, kind, 0};
	run_it(&w, type, 0, found);
	run_it(&w, type, 1, stepwise);
	assert_memory_equal(found, stepwise, sizeof found);
	for (int e = 0; e < N; e++)
		if (!(fabs(found[e] - row->want[e]) <= tolerance))
			fail_msg("%s (type %d, %s): element %d is %.9g instead of %.9g", row->chain, (int)type, kind, e, found[e],
			         row->want[e]);
}

static void known_results(void **state)
{
	(void)state;
	for (int i = 0; i < N_ROW; i++) {
		check(&rows[i], DM_F64, "x0", 2e-14);
		check(&rows[i], DM_F64, "flow", 1e-13);
		check(&rows[i], DM_F32, "x0", 4e-6);
		check(&rows[i], DM_F32, "flow", 8e-6);
	}
}

static int has_stage(const char *chain, const char *name)
{
	for (; chain; chain = strchr(chain, '|') ? strchr(chain, '|') + 1 : NULL)
		if (strcspn(chain, ":|") == strlen(name) && !strncmp(chain, name, strlen(name)))
			return 1;
	return 0;
}

static void every_guidance_has_a_row(void **state)
{
	const dm_method *method;
	(void)state;
	for (int32_t i = 0; (method = dm_method_at(DM_KIND_GUIDANCE, i)) != NULL; i++) {
		int n_row = 0;
		for (int k = 0; k < N_ROW; k++)
			n_row += has_stage(rows[k].chain, method->name);
		for (size_t k = 0; k < sizeof elsewhere / sizeof *elsewhere; k++)
			n_row += !strcmp(elsewhere[k], method->name);
		if (!n_row)
			fail_msg("guidance \"%s\" has no row", method->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(known_results), cmocka_unit_test(every_guidance_has_a_row)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
