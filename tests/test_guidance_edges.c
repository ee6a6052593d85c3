/* Guidances where something vanishes or an edge is met: nothing to project on, constant predictions, levels at which
 * parts are released, steps without an evaluation. */
#include "run_testing.h"

enum { N = 4 };

/* What the network says without looking: x0 with the condition, without, in other branches; gradients; whether products
 * with the Jacobian are 0 or the cotangent. */
struct known {
	double given[N], none[N], other[N], gradient[N];
	int no_jacobian;
	int n_predict, n_gradient;
};

static dm_status answer(void *user, const dm_request *rq)
{
	struct known *k = user;
	k->n_predict += rq->kind == DM_ASK_PREDICTION;
	k->n_gradient += rq->kind == DM_ASK_GRADIENT;
	for (int32_t b = 0; b < (rq->kind == DM_ASK_GRADIENT ? 1 : rq->n_branch); b++)
		for (size_t i = 0; i < rq->n_sample * N; i++) {
			double *out = (double *)rq->out[b] + i / N * rq->out_stride + i % N;
			const dm_branch *branch = rq->kind == DM_ASK_GRADIENT ? NULL : &rq->branch[b];
			const double *x0 = !branch || branch->model || branch->perturbation ? k->other
			                   : branch->condition == DM_CONDITION_GIVEN        ? k->given
			                   : branch->condition == DM_CONDITION_NONE         ? k->none
			                                                                    : k->other;
			if (rq->kind == DM_ASK_VJP)
				*out = k->no_jacobian ? 0 : ((const double *)rq->cotangent)[i / N * rq->out_stride + i % N];
			else
				*out = rq->kind == DM_ASK_GRADIENT ? k->gradient[i % N] : x0[i % N];
		}
	return 0;
}

static const dm_model_ops ops = {.struct_size = sizeof ops, .predict = answer, .vjp = answer, .gradient = answer};

/* One sample by a spec; start NULL: noise. */
static dm_run *create(struct known *k, const char *spec)
{
	dm_run *run;
	DO(dm_run_create_spec(&run, spec, &ops, k, 1, N, NULL, err));
	return run;
}

static void finish(dm_run *run, double *x)
{
	DO(dm_run_all(run, err));
	DO(dm_run_state(run, x, DM_F64, err));
	dm_run_free(run);
}

/* --------------------------------------------------------------------------------------- weights where sizes vanish */

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
#define ZERO                                                                                                           \
	{                                                                                                                  \
		0, 0, 0, 0                                                                                                     \
	}

static void test_vanishing(void **state)
{
	static const struct {
		const char *chain;
		double given[N], none[N], other[N], want[N];
	} rows[] = {
	    /* nothing to be perpendicular to: all of (other - none) counts */
	    {"perp_neg:scale=3,negative_scale=0.5", A, A, C, {6.75, 4, -6.5, -1.75}},
	    {"perp_neg:scale=3,negative_scale=0.5", ZERO, ZERO, ZERO, ZERO},
	    /* 3 given - 2 none is 2 everywhere */
	    {"cfg:scale=3|rescale:phi=1", {3, 1, 3, 1}, {3.5, 0.5, 3.5, 0.5}, ZERO, {2, 2, 2, 2}},
	    {"cfg:scale=3|rescale:phi=1", ZERO, ZERO, ZERO, ZERO},
	    /* no direction in common, or none at all: plain guidance along the given one */
	    {"tcfg:scale=3", ZERO, ZERO, ZERO, ZERO},
	    {"tcfg:scale=3", {2, 0, 0, 0}, {0, 2, 0, 0}, ZERO, {6, 0, 0, 0}},
	    {"tcfg:scale=3", ZERO, {1, 2, 0, 0}, ZERO, {-2, -4, 0, 0}},
	    {"cfg:scale=3|mahiro", ZERO, ZERO, ZERO, ZERO},
	    {"cfg:scale=3|mahiro", A, ZERO, ZERO, {6, 2, -4, 1}}, /* half 3 A, half A */
	    {"cfg:scale=0.5|cfg_norm:limit=1.2,strength=0.9", A, B, ZERO, {1.8, 1.35, -1.35, 0.225}},
	    {"cfg:scale=3|cfg_norm:limit=1.2,strength=0.9", ZERO, ZERO, ZERO, ZERO},
	    {"cfg_zero_star:scale=3", A, ZERO, ZERO, {9, 3, -6, 1.5}},
	    {"mambo_g:scale=4", ZERO, ZERO, ZERO, ZERO},
	    {"apg:scale=3", ZERO, B, ZERO, {-2, -4, 2, 0}},
	    {"apg:scale=3,norm_threshold=1", A, A, ZERO, A},
	    /* lambda = 0: no longer below cfg_to */
	    {"apg:scale=3,cfg_to=0,cfg_scale=7", {2, 0, 0, 0}, {1, 1, 0, 0}, ZERO, {2, -2, 0, 0}},
	    {"apg:scale=3,cfg_to=1e-9,cfg_scale=7", {2, 0, 0, 0}, {1, 1, 0, 0}, ZERO, {8, -6, 0, 0}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct known k = {.n_predict = 0};
		memcpy(k.given, rows[i].given, sizeof k.given);
		memcpy(k.none, rows[i].none, sizeof k.none);
		memcpy(k.other, rows[i].other, sizeof k.other);
		char spec[200];
		double x[N];
		snprintf(spec, sizeof spec, "sampler=euler schedule=ve grid=levels:at=1 model=x0 dtype=f64 guidance=%s",
		         rows[i].chain);
		finish(create(&k, spec), x);
		check_same(rows[i].chain, x, rows[i].want, N, 1e-7);
	}
}

/* A gradient that vanishes has no direction, and moves nothing. */
static void test_vanishing_gradient(void **state)
{
	static const char *const forms[] = {"none", "reconstruct:jacobian=none", "reconstruct", "reconstruct:norm=none"};
	struct known k = {A, B, C, ZERO, 0, 0, 0};
	double x[4][N];
	(void)state;
	for (int i = 0; i < 4; i++) {
		char spec[200];
		snprintf(spec, sizeof spec, "sampler=ddim schedule=vp grid=levels:at=5/1/0.2 model=x0 dtype=f64 guidance=%s",
		         forms[i]);
		finish(create(&k, spec), x[i]);
		assert_memory_equal(x[i], x[0], sizeof x[0]);
	}
	assert_int_equal(k.n_gradient, 9);
}

/* --------------------------------------------------------------------------------------------- with an operator */

/* A plan over the identity as operator. grid: up or down. */
struct laid {
	const char *schedule, *grid, *sampler, *guidance;
	int up;
	const dm_sampler *own;
};

static dm_status lay(dm_plan **plan, struct known *k, const struct laid *l, dm_error *error)
{
	dm_schedule *schedule;
	dm_grid *down, *up = NULL;
	dm_sampler *sampler = NULL;
	dm_model *model;
	dm_operator *op;
	dm_guidance *guidance;
	*plan = NULL;
	DO(dm_schedule_create(&schedule, l->schedule, NULL, err));
	DO(dm_grid_create(&down, schedule, l->grid, NULL, err));
	if (l->up)
		DO(dm_grid_flip(&up, down, NULL, err));
	if (!l->own)
		DO(dm_sampler_create(&sampler, l->sampler, NULL, err));
	DO(dm_model_create(&model, "x0", &ops, k, NULL, err));
	DO(dm_operator_create_identity(&op, N, NULL, err));
	DO(dm_guidance_create_over(&guidance, l->guidance, NULL, op, NULL, err));
	dm_status st = dm_plan_create(plan, schedule, l->up ? up : down, l->own ? l->own : sampler, model, guidance, NULL,
	                              NULL, error);
	dm_guidance_free(guidance);
	dm_operator_free(op);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(up);
	dm_grid_free(down);
	dm_schedule_free(schedule);
	return st;
}

/* A run from a state, with y for all that may be bound but the mask. */
static void follow(struct known *k, const struct laid *l, const double *start, const double *y, double *x)
{
	static const double mask[N] = {1, 0, 0.5, 0.25};
	static const int32_t which[] = {DM_BOUND_MASK, DM_BOUND_KNOWN, DM_BOUND_REFERENCE, DM_BOUND_MEASUREMENT};
	dm_plan *plan;
	dm_array *array;
	dm_run *run;
	DO(lay(&plan, k, l, err));
	DO(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, err));
	DO(dm_run_create(&run, plan, array, NULL, 1, N, NULL, NULL, 0, err));
	for (int i = 0; i < 4; i++) {
		dm_status st = dm_run_bind(run, which[i], i ? y : mask, DM_F64, N, NULL);
		assert_true(st == DM_OK || st == DM_ERR_STATE); /* most is read by no stage */
	}
	DO(dm_run_start_state(run, start, DM_F64, 0, err));
	finish(run, x);
	dm_array_free(array);
	dm_plan_free(plan);
}

/* ddnm with noise: on the step to the clean end the measurement counts no more; where the noise does not fall, in full. */
static void test_ddnm_at_its_edges(void **state)
{
	static const double start[N] = {1, -2, 0.5, 0.3}, y[N] = {0.2, 0.1, -0.7, 1};
	struct known k = {A, A, A, ZERO, 0, 0, 0};
	struct laid l = {"ve", "levels:at=1", "ddim", "ddnm:noise=0.3", 0, NULL};
	double x[N], want[N];
	(void)state;
	follow(&k, &l, start, y, x);
	check_same("to the clean end", x, k.given, N, 1e-12);
	l.guidance = "ddnm";
	follow(&k, &l, start, y, x);
	check_same("without noise", x, y, N, 1e-12);
	l = (struct laid){"ve", "levels:at=2/0.5,final=included", "ddim", "ddnm:noise=0.3", 1, NULL};
	follow(&k, &l, start, y, x);
	for (int i = 0; i < N; i++)
		want[i] = y[i] + 2 / 0.5 * (start[i] - y[i]);
	check_same("up", x, want, N, 1e-12);
}

/* Conjugate gradients with nothing to do: an estimate that agrees with y, a covariance of 0. */
static void test_mmps_with_nothing_to_do(void **state)
{
	static const double start[N] = {1, -2, 0.5, 0.3}, y[N] = {0.2, 0.1, -0.7, 1};
	const struct laid l = {"ve", "levels:at=1", "ddim", "mmps:noise=0.1,rounds=3", 0, NULL};
	double x[N];
	(void)state;
	for (int no_jacobian = 0; no_jacobian < 2; no_jacobian++)
		for (int agrees = 0; agrees < 2; agrees++) {
			struct known k = {A, A, A, ZERO, no_jacobian, 0, 0};
			double want[N];
			/* V = I: x0 + (y - x0) / 1.01 */
			for (int i = 0; i < N; i++)
				want[i] = no_jacobian || agrees ? k.given[i] : k.given[i] + (y[i] - k.given[i]) / 1.01;
			follow(&k, &l, start, agrees ? k.given : y, x);
			check_same("mmps", x, want, N, 1e-12);
		}
}

/* The interval goes by lambda at the end of the step, not by sigma: at 0.52 sigma is 0.461, at 0.48 it is 0.433. */
static void test_end_of_reference(void **state)
{
	static const double start[N] = {1, -2, 0.5, 0.3}, y[N] = {0.2, 0.1, -0.7, 1};
	static const struct {
		const char *grid, *guidance;
		int acts;
	} rows[] = {
	    {"levels:at=2/0.52,final=included", "ilvr:to=0.693", 1},
	    {"levels:at=2/0.48,final=included", "ilvr:to=0.693", 0},
	    {"levels:at=2/0.48,final=included", "ilvr:to=0.798", 1},
	};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct known k = {A, A, A, ZERO, 0, 0, 0};
		struct laid l = {"vp", rows[i].grid, "ddim", "ilvr:strength=0", 0, NULL};
		double x[N], plain[N];
		int moved = 0;
		follow(&k, &l, start, y, plain);
		l.guidance = rows[i].guidance;
		follow(&k, &l, start, y, x);
		for (int e = 0; e < N; e++)
			moved += fabs(x[e] - plain[e]) > 1e-6;
		assert_int_equal(moved, rows[i].acts ? N : 0);
	}
}

/* In the part of the run where a stage acts by its interval it does what it does without one: two stages of intervals
 * that complete each other are the stage without one, and one of them is neither that nor nothing. */
static void test_intervals_complete_each_other(void **state)
{
	static const double start[N] = {1, -2, 0.5, 0.3}, y[N] = {0.2, 0.1, -0.7, 1};
	static const char *const stages[] = {
	    "inpaint:mode=blend", "inpaint:mode=replace", "inpaint:mode=clean",  "ilvr:strength=0.7",
	    "ddnm:noise=0.3",     "ddnm:inverse=pseudo",  "diffpir:noise=0.2",   "mmps:noise=0.2",
	    "tmpd:noise=0.2",     "pgdm:noise=0.2",       "dps:scale=0.1",       "reconstruct:scale=0.1",
	    "classifier:scale=2", "clip:range=1",         "threshold:ratio=0.5", "classifier:form=mean"};
	(void)state;
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		static const char *const forms[] = {"none", "%s", "%s,from=0|%s,to=-0.0001", "%s,from=0", "%s,from=50,to=60"};
		struct known k = {A, A, A, B, 0, 0, 0};
		double x[5][N];
		for (int f = 0; f < 5; f++) {
			char chain[200];
			snprintf(chain, sizeof chain, forms[f], stages[i], stages[i]);
			struct laid l = {"vp", "levels:at=5/2/1/0.5/0.2,final=included", "ddim:eta=1", chain, 0, NULL};
			follow(&k, &l, start, y, x[f]);
		}
		check_same(stages[i], x[2], x[1], N, 1e-12);
		assert_memory_equal(x[4], x[0], sizeof x[0]);
		double moved = 0, less = 0;
		for (int e = 0; e < N; e++) {
			moved = fmax(moved, fabs(x[3][e] - x[0][e]));
			less = fmax(less, fabs(x[3][e] - x[1][e]));
		}
		if (!(moved > 1e-6 && less > 1e-6))
			fail_msg("%s: an interval moves by %g, none by %g more", stages[i], moved, less);
	}
}

/* An adaptive method finds the stage at some of its trials' evaluations only, which those looked at in the plan must cover;
 * a run by itself takes less than 64 KiB beside its arrays. */
static void test_adaptive_meets_an_interval(void **state)
{
	static const double start[N] = {1, -2, 0.5, 0.3}, y[N] = {0.2, 0.1, -0.7, 1};
	static const char *const samplers[] = {"rk45", "dpm_adaptive"};
	static const char *const chains[] = {"none", "tmpd:noise=0.1,from=-0.1,to=1", "pgdm:noise=0.1,from=-0.1,to=1",
	                                     "mmps:noise=0.1,rounds=4,from=-0.1,to=1", "ddnm:noise=0.1,from=-0.1,to=1"};
	(void)state;
	for (int s = 0; s < 2; s++) {
		double x[N], plain[N];
		for (size_t c = 0; c < sizeof chains / sizeof *chains; c++) {
			struct known k = {A, A, A, B, 0, 0, 0};
			const struct laid l = {"vp", "levels:at=5/2/1/0.5/0.2,final=included", samplers[s], chains[c], 0, NULL};
			follow(&k, &l, start, y, c ? x : plain);
			if (c && memcmp(x, plain, sizeof x) == 0)
				fail_msg("%s: %s does nothing", samplers[s], chains[c]);
		}
		struct known k = {A, A, A, B, 0, 0, 0};
		const struct laid l = {"vp", "levels:at=5/0.2", samplers[s], "none", 0, NULL};
		dm_plan *plan;
		dm_array *array;
		size_t bytes;
		DO(lay(&plan, &k, &l, err));
		DO(dm_array_create_host(&array, DM_F32, NULL, NULL, NULL, err));
		DO(dm_run_bytes(plan, array, NULL, 1, N, &bytes, err));
		assert_true(bytes < 64 << 10);
		dm_array_free(array);
		dm_plan_free(plan);
	}
}

/* Every registered guidance has an interval, and refuses a reversed one. */
static void test_every_guidance_has_an_interval(void **state)
{
	const dm_method *method;
	(void)state;
	for (int32_t i = 0; (method = dm_method_at(DM_KIND_GUIDANCE, i)); i++) {
		char spec[100];
		dm_guidance *guidance = NULL;
		dm_error error;
		snprintf(spec, sizeof spec, "%s:from=1,to=-2", method->name);
		assert_int_equal(dm_guidance_create(&guidance, spec, NULL, &error), DM_ERR_ARGUMENT);
		if (!strstr(error.message, "from = 1") || !strstr(error.message, "to = -2"))
			fail_msg("%s: %s", spec, error.message);
	}
}

/* ------------------------------------------------------------------------------------------- a step of its own making */

static dm_status idle(void *user, const dm_step *s, dm_emit *e)
{
	const double *noise = user;
	dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	dm_emit_state(e, dm_emit_linear(e, 2, (dm_term[]){{0.5, s->x}, {*noise, dm_emit_noise(e, s->step, 0)}}));
	return DM_OK;
}

static void test_step_without_evaluation(void **state)
{
	static const char *const chains[] = {"dps", "reconstruct", "classifier:form=mean"};
	double noise = 0.1;
	struct known k = {A, A, A, ZERO, 0, 0, 0};
	const dm_sampler_ops own = {.struct_size = sizeof own, .step = idle};
	dm_sampler *sampler;
	dm_plan *plan;
	(void)state;
	DO(dm_sampler_create_custom(&sampler, "idle", &own, &noise, NULL, 0, NULL, err));
	for (int i = 0; i < 3; i++) {
		const struct laid l = {"vp", "levels:at=5/1/0.2", NULL, chains[i], 0, sampler};
		REFUSE(DM_ERR_UNSUPPORTED, lay(&plan, &k, &l, err), "guidance", "step without an evaluation");
		assert_null(plan);
	}
	dm_sampler_free(sampler);
}

/* ------------------------------------------------------------------------------------------------- released masks */

/* A hard mask of value m is known down to sigma / (alpha + sigma) = 1 - m; on ve that is the level 1 / m - 1, on others
 * as well, whatever alpha is there; 0 is never known. */
static void test_release(void **state)
{
	static const char *const schedules[] = {"ve", "vp", "flow"};
	static const double mask[N] = {0, 0.4, 0.6, 1}, there[N] = {9, 9, 9, 9};
	(void)state;
	for (int s = 0; s < 3; s++)
		for (int low = 0; low < (s == 2 ? 4 : 3); low++) {
			/* the levels of release are infinity, which is held at none, 1.5, 0.667 and 0 */
			static const char *const levels[] = {"1.6", "1.4/0.7", "0.6", "inf"};
			static const double held[][N] = {{0, 1, 1, 1}, {0, 0, 1, 1}, {0, 0, 0, 1}, {0, 1, 1, 1}};
			struct known k = {A, A, A, ZERO, 0, 0, 0};
			char spec[200];
			double x[N], want[N];
			snprintf(spec, sizeof spec,
			         "sampler=euler schedule=%s grid=levels:at=%s model=x0 dtype=f64 guidance=inpaint:hard=1",
			         schedules[s], levels[low]);
			dm_run *run = create(&k, spec);
			DO(dm_run_bind(run, DM_BOUND_KNOWN, there, DM_F64, N, err));
			DO(dm_run_bind(run, DM_BOUND_MASK, mask, DM_F64, N, err));
			finish(run, x);
			for (int e = 0; e < N; e++)
				want[e] = held[low][e] != 0 ? 9 : k.given[e];
			check_same(spec, x, want, N, 1e-12);
		}
}

/* ------------------------------------------------------------------------------------------- masks and intervals of multi */

/* What multi multiplies weights by is a mask like any other. */
static void test_masks_of_multi(void **state)
{
	static const double bad[][N] = {{0, 1, -0.1, 0}, {0, 7, 1, 0}, {0, 1, 1, 1.0001}};
	static const float bad_f32[N] = {0, 1, -3, 0};
	static const double good[N] = {0, 1, 0.5, 0.25};
	struct known k = {A, B, C, ZERO, 0, 0, 0};
	(void)state;
	dm_run *run = create(&k, "sampler=ddim schedule=vp grid=levels:at=5/1 model=x0 dtype=f64 "
	                         "guidance=multi:weights=1/1,masks=1");
	for (int i = 0; i < 3; i++)
		REFUSE(DM_ERR_ARGUMENT, dm_run_bind(run, DM_BOUND_USER + i % 2, bad[i], DM_F64, N, err), "DM_BOUND_USER",
		       "[0, 1]");
	REFUSE(DM_ERR_ARGUMENT, dm_run_bind(run, DM_BOUND_USER + 1, bad_f32, DM_F32, N, err), "DM_BOUND_USER + 1",
	       "value 2", "-3");
	DO(dm_run_bind(run, DM_BOUND_USER, good, DM_F64, N, err));
	DO(dm_run_bind(run, DM_BOUND_USER + 1, good, DM_F64, N, err));
	double x[N];
	finish(run, x);
}

/* What a stage of the caller's reads from the same place may be any numbers. */
static dm_status add_bound(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	(void)user, (void)guide;
	*x0 = dm_emit_linear(e, 2, (dm_term[]){{1, *x0}, {1, dm_emit_bound(e, DM_BOUND_USER)}});
	return DM_OK;
}

static void test_other_arrays(void **state)
{
	const dm_guidance_ops own = {.struct_size = sizeof own, .after = add_bound};
	static const double far[5] = {-7, 0, 100, 3, 2};
	struct denoiser d = {.kind = X0};
	dm_guidance *guidance;
	(void)state;
	DO(dm_guidance_create_custom(&guidance, "shift", NULL, &own, NULL, NULL, err));
	struct setup s = {.own_guidance = guidance, .sampler = "euler", .schedule = "ve", .grid = "levels:at=1"};
	dm_run *run = make_run(&s, &d);
	DO(dm_run_bind(run, DM_BOUND_USER, far, DM_F64, 5, err));
	dm_run_free(run);
	dm_guidance_free(guidance);
}

/* An interval without ends holds everywhere, lambda = -infinity included, and comes back as it was written. */
static void test_endless_intervals(void **state)
{
	static const char *const always[][2] = {
	    {"multi:weights=1/-inf/inf/2/-inf/inf,intervals=1,scale=2", "multi:weights=1/2,scale=2"},
	    {"multi:weights=1/-inf/0.5/2/-INFINITY/Infinity,intervals=1,scale=2",
	     "multi:weights=1/-99/0.5/2/-99/99,intervals=1,scale=2"},
	};
	(void)state;
	for (int i = 0; i < 2; i++) {
		double x[2][N];
		int n = 0;
		for (int plain = 0; plain < 2; plain++) {
			struct known k = {A, B, C, ZERO, 0, 0, 0};
			char spec[300], back[600];
			snprintf(
			    spec, sizeof spec,
			    "sampler=euler schedule=flow grid=levels:at=inf/2/0.3,final=included model=x0 dtype=f64 guidance=%s",
			    always[i][plain]);
			dm_run *run = create(&k, spec);
			DO(dm_run_spec(run, back, sizeof back, NULL, err));
			if (!plain)
				assert_true(strstr(back, i ? "1/-inf/0.5/2/-inf/inf" : "1/-inf/inf/2/-inf/inf") != NULL);
			finish(run, x[plain]);
			n = k.n_predict;
			if (!plain) { /* read again */
				double again[N];
				finish(create(&k, back), again);
				assert_memory_equal(again, x[0], sizeof again);
			}
		}
		assert_int_equal(n, 2);
		if (i == 0)
			assert_memory_equal(x[0], x[1], sizeof x[0]);
		else /* a finite bound leaves lambda = -infinity out, and the sample starts elsewhere */
			assert_true(memcmp(x[0], x[1], sizeof x[0]) != 0);
	}
	dm_guidance *guidance;
	REFUSE(DM_ERR_ARGUMENT, dm_guidance_create(&guidance, "multi:weights=1/nan/inf,intervals=1", NULL, err), "nan");
	REFUSE(DM_ERR_ARGUMENT, dm_guidance_create(&guidance, "multi:weights=1/inf/-inf,intervals=1", NULL, err),
	       "from = inf", "to = -inf");
	REFUSE(DM_ERR_ARGUMENT, dm_guidance_create(&guidance, "multi:weights=inf/1/2,intervals=1", NULL, err),
	       "weight inf");
}

/* ------------------------------------------------------------------------------------------------ refinement at alpha = 0 */

/* Where the state says nothing Langevin steps have nothing to go by: none are made. */
static void test_refine_from_noise(void **state)
{
	struct known k = {A, B, C, ZERO, 0, 0, 0};
	double x[N];
	(void)state;
	finish(create(&k, "sampler=euler schedule=flow grid=levels:at=inf/2/0.3 model=x0 dtype=f64 refine=2"), x);
	assert_int_equal(k.n_predict, 1 + 3 + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vanishing),
	    cmocka_unit_test(test_vanishing_gradient),
	    cmocka_unit_test(test_intervals_complete_each_other),
	    cmocka_unit_test(test_adaptive_meets_an_interval),
	    cmocka_unit_test(test_every_guidance_has_an_interval),
	    cmocka_unit_test(test_ddnm_at_its_edges),
	    cmocka_unit_test(test_mmps_with_nothing_to_do),
	    cmocka_unit_test(test_end_of_reference),
	    cmocka_unit_test(test_step_without_evaluation),
	    cmocka_unit_test(test_release),
	    cmocka_unit_test(test_masks_of_multi),
	    cmocka_unit_test(test_other_arrays),
	    cmocka_unit_test(test_endless_intervals),
	    cmocka_unit_test(test_refine_from_noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
