/* Guidances against their formulas, and guidances of the caller's. */
#include "run_testing.h"

static const struct denoiser by_epsilon = {.kind = EPSILON}, by_x0 = {.kind = X0}, by_v = {.kind = V};

/* The guided x0 that a step by ddim goes through: with one step to sigma = 0 it is the result. */
static double *guided(const char *guidance, struct denoiser d, size_t n_sample, const char *run)
{
	struct setup s = {.schedule = "scaled_linear", .grid = "times:at=400", .guidance = guidance, .run = run};
	s.n_sample = n_sample;
	s.n_element = 40;
	return sample_all(&s, &d);
}

static void test_cfg_evaluates_what_it_needs(void **state)
{
	(void)state;
	static const struct {
		const char *guidance;
		int branches;
	} known[] = {{NULL, 4},
	             {"none", 4},
	             {"cfg:scale=1", 4},
	             {"cfg:scale=0", 4},
	             {"cfg:scale=2", 8},
	             {"cfg:scale=-1", 8},
	             {"cfg:scale=1|rescale:phi=0.5", 4},
	             {"cfg:scale=2|rescale:phi=0.5", 8},
	             {"cfg:scale=0|rescale:phi=0.5", 8},
	             {"cfg:scale=0|rescale:phi=0", 4},
	             {"cfg:scale=2|cfg:scale=3", 8},
	             {"clip", 4}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		struct setup s = {.guidance = known[i].guidance};
		struct denoiser d = by_epsilon;
		dm_plan *plan;
		dm_plan_info info = {.struct_size = sizeof info};
		DO(make_plan(&plan, &s, &d, err));
		DO(dm_plan_facts(plan, &info, err));
		dm_plan_free(plan);
		free(sample_all(&s, &d));
		if (info.n_branch_eval != known[i].branches || d.branches != known[i].branches || d.calls != 4)
			fail_msg("%s: %d branches planned, %d asked", known[i].guidance, (int)info.n_branch_eval, d.branches);
	}
}

static void test_cfg_formula(void **state)
{
	(void)state;
	double *given = guided("cfg:scale=1", by_epsilon, 3, NULL), *none = guided("cfg:scale=0", by_epsilon, 3, NULL);
	double *plain = guided(NULL, by_epsilon, 3, NULL), want[120];
	check_same("scale 1 is no guidance", given, plain, 120, 0);
	static const double scales[] = {2, 7.5, -1, 0.5};
	for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
		char spec[40];
		snprintf(spec, sizeof spec, "cfg:scale=%g", scales[k]);
		double *got = guided(spec, by_epsilon, 3, NULL);
		for (int i = 0; i < 120; i++)
			want[i] = none[i] + scales[k] * (given[i] - none[i]);
		check_same(spec, got, want, 120, 1e-12);
		free(got);
	}
	free(given);
	free(none);
	free(plain);
}

static double deviation(const double *x, size_t n)
{
	double mean = 0, sum = 0;
	for (size_t i = 0; i < n; i++)
		mean += x[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		sum += (x[i] - mean) * (x[i] - mean);
	return sqrt(sum / (double)(n - 1));
}

static void test_rescale_formula(void **state)
{
	(void)state;
	static const double phis[] = {0, 0.3, 1};
	double *given = guided(NULL, by_epsilon, 3, NULL), *y = guided("cfg:scale=5", by_epsilon, 3, NULL), want[120];
	for (size_t k = 0; k < 3; k++) {
		char spec[60];
		snprintf(spec, sizeof spec, "cfg:scale=5|rescale:phi=%g", phis[k]);
		double *got = guided(spec, by_epsilon, 3, NULL);
		for (int s = 0; s < 3; s++) {
			double factor = phis[k] * deviation(given + 40 * s, 40) / deviation(y + 40 * s, 40) + 1 - phis[k];
			for (int i = 40 * s; i < 40 * s + 40; i++)
				want[i] = factor * y[i];
		}
		check_same(spec, got, want, 120, 1e-12);
		free(got);
	}
	free(given);
	free(y);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void test_maps_formula(void **state)
{
	(void)state;
	static const struct {
		const char *spec;
		double range, ratio, max, floor;
	} known[] = {
	    {"cfg:scale=9|clip:range=0.5", 0.5, 0, 0, 0},
	    {"cfg:scale=9|threshold:ratio=0.8,max=1.5", 0, 0.8, 1.5, 0},
	    {"cfg:scale=9|threshold:ratio=0.8,max=100", 0, 0.8, 100, 0},
	    {"cfg:scale=9|threshold:ratio=0.1,max=100", 0, 0.1, 100, 0},
	    {"cfg:scale=9|threshold:ratio=0.5,max=0.25,form=floor", 0, 0.5, 0.25, 1},
	    {"cfg:scale=9|threshold:ratio=1,max=3,form=floor", 0, 1, 3, 1},
	};
	double *y = guided("cfg:scale=9", by_epsilon, 3, NULL), want[120];
	for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
		for (int s = 0; s < 3; s++) {
			double size[40], limit = known[k].range, at = known[k].ratio * 39, divide = 1;
			for (int i = 0; i < 40; i++)
				size[i] = fabs(y[40 * s + i]);
			qsort(size, 40, sizeof *size, ascending);
			if (limit == 0) {
				int low = (int)at;
				double q = size[low] + (low < 39 ? (at - low) * (size[low + 1] - size[low]) : 0);
				limit = known[k].floor != 0 ? fmax(q, known[k].max) : fmin(fmax(q, 1), known[k].max);
				divide = limit;
			}
			for (int i = 40 * s; i < 40 * s + 40; i++)
				want[i] = fmin(fmax(y[i], -limit), limit) / divide;
		}
		double *got = guided(known[k].spec, by_epsilon, 3, NULL);
		check_same(known[k].spec, got, want, 120, 1e-12);
		free(got);
	}
	free(y);
}

/* Statistics are of one sample: what else is in the batch changes no bit. */
static void test_per_sample(void **state)
{
	(void)state;
	static const char *const specs[] = {"cfg:scale=5|rescale:phi=0.7", "cfg:scale=5|threshold:ratio=0.9,max=2",
	                                    "cfg:scale=5|rescale|threshold|clip:range=0.3"};
	for (size_t k = 0; k < 3; k++) {
		double *all = guided(specs[k], by_v, 5, "seed=3");
		for (int i = 0; i < 5; i++) {
			char run[60];
			snprintf(run, sizeof run, "seed=3,first_sample=%d", i);
			double *one = guided(specs[k], by_v, 1, run);
			check_same(specs[k], one, all + 40 * i, 40, 0);
			free(one);
		}
		free(all);
	}
}

/* Whatever the network predicts, guidance acts on x0. */
static void test_predictions_agree(void **state)
{
	(void)state;
	static const char *const samplers[] = {"ddim", "ddim:recompute_epsilon=1", "dpmpp_2m", "unipc", "heun", "ddpm"};
	struct setup s = {.grid = "trailing:steps=6", .n_element = 30};
	s.guidance = "cfg:scale=4|rescale:phi=0.7|threshold:ratio=0.9,max=1.2";
	for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++) {
		s.sampler = samplers[k];
		struct denoiser a = by_epsilon, b = by_v, c = by_x0, f = {.kind = FLOW};
		double *epsilon = sample_all(&s, &a), *v = sample_all(&s, &b), *x0 = sample_all(&s, &c);
		double *flow = sample_all(&s, &f);
		check_same(samplers[k], epsilon, x0, 90, 1e-10);
		check_same(samplers[k], v, x0, 90, 1e-10);
		check_same(samplers[k], flow, x0, 90, 1e-10);
		free(epsilon);
		free(v);
		free(x0);
		free(flow);
	}
}

/* One step of ddim with x0 clipped: epsilon before the clip, or of the clipped x0. */
static void test_recompute_epsilon(void **state)
{
	(void)state;
	struct setup s = {.grid = "times:at=500/200,final=included", .guidance = "clip:range=0.2"};
	const double zero[15] = {0.7, -0.3, 1.1, 0.2, -2, 1, 2, -1, 0.4, 0.6, -0.7, 0.1, 0.9, -1.4, 3};
	dm_schedule *schedule;
	dm_node from, to;
	DO(dm_schedule_create(&schedule, "linear", NULL, err));
	DO(dm_schedule_at_time(schedule, 500, &from, err));
	DO(dm_schedule_at_time(schedule, 200, &to, err));
	dm_schedule_free(schedule);
	for (int recompute = 0; recompute < 2; recompute++) {
		double want[15];
		s.sampler = recompute ? "ddim:recompute_epsilon=1" : "ddim";
		struct denoiser d = by_v;
		dm_run *run = make_run(&s, &d);
		DO(dm_run_start_state(run, zero, DM_F64, 0, err));
		DO(dm_run_all(run, err));
		double *got = state_of(run, &s);
		dm_run_free(run);
		for (size_t i = 0; i < 15; i++) {
			dm_branch given = {0, DM_CONDITION_GIVEN, 0};
			double x0 = true_x0(zero[i], from.alpha, from.sigma, mean_of(&given, i % 5));
			double clipped = fmin(fmax(x0, -0.2), 0.2);
			double epsilon = (zero[i] - from.alpha * (recompute ? clipped : x0)) / from.sigma;
			want[i] = to.alpha * clipped + to.sigma * epsilon;
		}
		check_same(s.sampler, got, want, 15, 1e-12);
		free(got);
	}
}

/* ----------------------------------------------------------------------------------------------------- callers' stages */

/* Guides with one more branch where sigma / alpha is within an interval, and with the given one alone elsewhere; or
 * with the two in turn, over so many stripes for each unit of lambda. */
struct interval {
	double low, high, scale, stripes;
	int calls, fail_at, code; /* the call that fails; 0: none */
	int bad;                  /* 1: a NaN weight; 2: n out of range; 3: nine branches */
};

static int wants_two(const struct interval *g, double alpha, double sigma)
{
	if (g->stripes > 0)
		return (int)floor(g->stripes * log(sigma / alpha)) % 2 != 0;
	return sigma / alpha > g->low && sigma / alpha < g->high;
}

static dm_status interval_branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	struct interval *g = user;
	if (++g->calls == g->fail_at)
		return g->code;
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	if (wants_two(g, at->alpha, at->sigma))
		branch[(*n)++] = (dm_branch){0, DM_CONDITION_NONE, 0};
	for (int32_t i = 0; g->bad == 3 && i < 7; i++)
		branch[(*n)++] = (dm_branch){0, 2 + i, 0};
	if (g->bad == 2)
		*n = -1;
	return 0;
}

static dm_status interval_weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n,
                                  const dm_stats *stats, double *weight)
{
	struct interval *g = user;
	(void)at, (void)stats;
	if (++g->calls == g->fail_at)
		return g->code;
	for (int32_t b = 0; b < n; b++)
		weight[1 + b] = n == 1 ? 1 : branch[b].condition == DM_CONDITION_GIVEN ? g->scale : 1 - g->scale;
	if (g->bad == 1)
		weight[n] = NAN;
	return 0;
}

static dm_guidance *make_interval(struct interval *g, int32_t needs_stats)
{
	const dm_guidance_ops ops = {.struct_size = sizeof ops,
	                             .needs_stats = needs_stats,
	                             .branches = interval_branches,
	                             .weights = interval_weights};
	dm_guidance *guidance;
	DO(dm_guidance_create_custom(&guidance, "interval", NULL, &ops, g, NULL, err));
	return guidance;
}

/* Samples of an adaptive run stand at different levels: their requests are split by the branches they want. */
static void test_adaptive_requests_are_split(void **state)
{
	(void)state;
	struct interval g = {.stripes = 6, .scale = 3};
	dm_guidance *guidance = make_interval(&g, 0);
	struct setup s = {.sampler = "dpm_adaptive:rtol=0.01,atol=0.01", .grid = "trailing:steps=5", .n_sample = 6};
	s.own_guidance = guidance;
	s.n_element = 2;
	struct denoiser d = by_epsilon;
	dm_run *run = make_run(&s, &d);
	const dm_request *rq;
	dm_status st;
	int with = 0, without = 0, split = 0, whole = 0;
	const double start[12] = {0.01, 0, 0.3, 0.2, 1, -1, 9, 5, 30, -40, 200, 100}; /* errors of very different size */
	DO(dm_run_start_state(run, start, DM_F64, 0, err));
	while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL) {
		assert_int_equal(rq->n_time, rq->n_sample);
		for (size_t i = 0; i < rq->n_sample; i++) {
			assert_int_equal(rq->n_branch, 1 + wants_two(&g, rq->alpha[i], rq->sigma[i]));
			assert_true(rq->sample[i] == (int64_t)rq->row[i]);
		}
		*(rq->n_branch == 2 ? &with : &without) += 1;
		*(rq->n_sample < 6 ? &split : &whole) += 1;
		denoise(&d, rq);
	}
	assert_int_equal(st, DM_DONE);
	assert_true(with > 2 && without > 2 && split > 2 && whole > 2);
	double *all = state_of(run, &s);
	dm_run_free(run);
	for (int i = 0; i < 6; i++) {
		s.n_sample = 1;
		run = make_run(&s, &d);
		DO(dm_run_start_state(run, start + 2 * i, DM_F64, 0, err));
		DO(dm_run_all(run, err));
		double *one = state_of(run, &s);
		check_same("alone", one, all + 2 * i, 2, 0);
		free(one);
		dm_run_free(run);
	}
	free(all);
	dm_guidance_free(guidance);
}

static void test_stage_fails_at_each_call(void **state)
{
	(void)state;
	for (int32_t stats = 0; stats < 2; stats++) {
		struct interval g = {.low = 0.5, .high = 6, .scale = 3};
		dm_guidance *guidance = make_interval(&g, stats);
		struct setup s = {.own_guidance = guidance};
		struct denoiser d = by_epsilon;
		double *want = sample_all(&s, &d);
		int last = g.calls, planned;
		dm_plan *plan;
		g.calls = 0;
		DO(make_plan(&plan, &s, &d, err));
		dm_plan_free(plan);
		planned = g.calls;
		assert_true(stats ? last > planned : last == planned);
		for (int k = 1; k <= planned; k++) {
			dm_error err;
			g = (struct interval){.low = 0.5, .high = 6, .scale = 3, .fail_at = k, .code = k % 2 ? INT32_MIN : 1};
			assert_int_equal(make_plan(&plan, &s, &d, &err), DM_ERR_CALLBACK);
			assert_true(!plan && err.user_code == g.code && strstr(err.message, "guidance"));
		}
		for (int k = planned + 1; k <= last; k++) { /* the weights that follow from statistics, while it runs */
			g = (struct interval){.low = 0.5, .high = 6, .scale = 3, .fail_at = k, .code = -1};
			dm_run *run = make_run(&s, &d);
			dm_error error = {0};
			assert_int_equal(dm_run_all(run, &error), DM_ERR_CALLBACK);
			assert_true(error.user_code == -1 && strstr(error.message, "guidance weights"));
			assert_true(error.step >= 0 && error.sample >= 0);
			DO(dm_run_all(run, err));
			double *got = state_of(run, &s);
			check_same("resumed", got, want, 15, 0);
			free(got);
			dm_run_free(run);
		}
		free(want);
		dm_guidance_free(guidance);
	}
}

static void test_bad_stages(void **state)
{
	(void)state;
	static const struct {
		int bad;
		dm_status status;
		const char *words[2];
	} known[] = {{1, DM_ERR_NOT_FINITE, {"\"interval\"", "nan"}},
	             {2, DM_ERR_UNSUPPORTED, {"\"interval\"", "n = -1"}},
	             {3, DM_ERR_UNSUPPORTED, {"8 branches", "more than"}}};
	for (size_t k = 0; k < 3; k++) {
		struct interval g = {.low = 0, .high = 1e9, .scale = 3, .bad = known[k].bad};
		dm_guidance *guidance = make_interval(&g, 0);
		struct setup s = {.own_guidance = guidance};
		struct denoiser d = by_epsilon;
		dm_plan *plan;
		REFUSE(known[k].status, make_plan(&plan, &s, &d, err), known[k].words[0], known[k].words[1]);
		assert_null(plan);
		dm_guidance_free(guidance);
	}
}

/* A stage over a base sees what the base made as value 0. */
static dm_status half_branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	(void)user, (void)at, (void)branch;
	assert_int_equal(*n, 2);
	return 0;
}

static dm_status half_weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                              double *weight)
{
	(void)user, (void)at;
	assert_true(n == 2 && branch[0].condition == DM_CONDITION_GIVEN && !stats);
	weight[0] = 0.5;
	weight[1] = 0.5;
	return 0;
}

static void test_stage_over_base(void **state)
{
	(void)state;
	const dm_guidance_ops ops = {
	    .struct_size = sizeof ops, .needs_stats = 0, .branches = half_branches, .weights = half_weights};
	dm_guidance *base, *half;
	DO(dm_guidance_create(&base, "cfg:scale=5", NULL, err));
	DO(dm_guidance_create_custom(&half, "half", base, &ops, NULL, NULL, err));
	dm_guidance_free(base);
	struct setup s = {.own_guidance = half}, plain = {.guidance = "cfg:scale=3"}; /* (5 + 1) / 2 */
	struct denoiser d = by_epsilon;
	double *got = sample_all(&s, &d), *want = sample_all(&plain, &d);
	check_same("half", got, want, 15, 1e-12);
	free(got);
	free(want);
	dm_guidance_free(half);
}

/* A branch that the model did not declare is refused when the plan is made. */
static void test_declared_branches(void **state)
{
	(void)state;
	static const struct {
		const char *model, *guidance, *word[2];
	} rows[] = {{"epsilon:conditions=1", "cfg:scale=2", {"condition 1", "declares conditions=1"}},
	            {"epsilon:conditions=0", "cfg:scale=2", {"condition 1", "declares conditions=0"}},
	            {"epsilon:models=0", "autoguidance:scale=2", {"model 1", "declares models=0"}},
	            {"epsilon:models=1", "autoguidance:scale=2", {"model 1", "declares models=1"}},
	            {"epsilon:perturbations=0", "perturbed:scale=2", {"perturbation 1", "perturbations=0"}},
	            {"epsilon:perturbations=2", "perturbed:scale=2,number=3", {"perturbation 3", "perturbations=2"}}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct denoiser d = {.kind = EPSILON};
		struct setup s = {.model = rows[i].model, .guidance = rows[i].guidance};
		dm_plan *plan;
		REFUSE(DM_ERR_UNSUPPORTED, make_plan(&plan, &s, &d, err), rows[i].word[0], rows[i].word[1]);
		assert_null(plan);
		s.guidance = "none";
		DO(make_plan(&plan, &s, &d, err));
		dm_plan_free(plan);
	}
	static const char *const enough[][2] = {{"epsilon:perturbations=1", "perturbed:scale=2"},
	                                        {"epsilon:perturbations=-1", "perturbed:scale=2,number=9"},
	                                        {"epsilon:conditions=2,models=1,perturbations=0", "cfg:scale=2"},
	                                        {"epsilon:models=2", "autoguidance:scale=2"}};
	for (size_t i = 0; i < sizeof enough / sizeof *enough; i++) {
		struct denoiser d = {.kind = EPSILON};
		struct setup s = {.model = enough[i][0], .guidance = enough[i][1]};
		dm_plan *plan;
		DO(make_plan(&plan, &s, &d, err));
		dm_plan_free(plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_declared_branches),
	    cmocka_unit_test(test_cfg_evaluates_what_it_needs),
	    cmocka_unit_test(test_cfg_formula),
	    cmocka_unit_test(test_rescale_formula),
	    cmocka_unit_test(test_maps_formula),
	    cmocka_unit_test(test_per_sample),
	    cmocka_unit_test(test_predictions_agree),
	    cmocka_unit_test(test_recompute_epsilon),
	    cmocka_unit_test(test_adaptive_requests_are_split),
	    cmocka_unit_test(test_stage_fails_at_each_call),
	    cmocka_unit_test(test_bad_stages),
	    cmocka_unit_test(test_stage_over_base),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
