/* Guidance by the gradient of a log-probability, against the conditional law of normal data, which is known: elements of
 * variance 0.25 around the means of run_testing.h, y = x0 + noise for every element. */
#include "run_testing.h"

enum { E = 5, N = 8 };

static const double y = 0.3;

struct teacher {
	struct denoiser d;
	int bend;               /* a denoiser that is not affine, so that adaptive runs part ways */
	int n_gradient, n_zero; /* asked for; asked for where they say nothing */
	double constant;        /* not 0: this is the gradient everywhere */
	double last[N * E];     /* what the last prediction was made from */
	int n_elsewhere;        /* gradients at another value */
	int32_t target;         /* of the last request */
};

/* Different classifiers have noises of their own. */
static double noise2(int32_t target)
{
	return 0.1 * (1 + target);
}

/* d ln p(y | x) / d x = d x0 / d x (y - x0) / (V + noise^2), V the variance of x0 given x. */
static double slope(double x, double alpha, double sigma, size_t element, int32_t target)
{
	double q = 0.25 * alpha * alpha + sigma * sigma;
	double x0 = true_x0(x, alpha, sigma, mean_of(&(dm_branch){0, DM_CONDITION_GIVEN, 0}, element));
	return 0.25 * alpha / q * (y - x0) / (0.25 * sigma * sigma / q + noise2(target));
}

static double unscale(const struct teacher *t, double alpha, double sigma)
{
	return t->d.scaled ? sqrt(0.25 * alpha * alpha + sigma * sigma) : 1;
}

static dm_status teach(void *user, const dm_request *rq)
{
	struct teacher *t = user;
	for (size_t i = 0; i < rq->n_sample * E; i++) {
		size_t s = i / E, j = i % E, k = rq->n_time == 1 ? 0 : s;
		double alpha = rq->alpha[k], sigma = rq->sigma[k], scale = unscale(t, alpha, sigma);
		double x = scale * get(rq->x, rq->x_type, s * rq->x_stride + j), out;
		if (rq->kind == DM_ASK_PREDICTION) {
			double x0 = true_x0(x, alpha, sigma, mean_of(&(dm_branch){0, DM_CONDITION_GIVEN, 0}, j));
			out = encode(t->d.kind, x, t->bend ? tanh(2 * x0) : x0, alpha, sigma);
			t->last[i] = x;
		} else {
			out = t->constant != 0 ? t->constant : scale * slope(x, alpha, sigma, j, rq->target);
			t->n_zero += alpha == 0 || sigma == 0;
			t->n_elsewhere += fabs(x - t->last[i]) > 1e-12 * (1 + fabs(x));
		}
		put(rq->out[0], rq->out_type, s * rq->out_stride + j, out);
	}
	t->n_gradient += rq->kind == DM_ASK_GRADIENT;
	t->target = rq->target;
	return 0;
}

static dm_status create(dm_run **run, struct teacher *t, const char *spec, size_t n, dm_error *err)
{
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = teach, .gradient = teach};
	return dm_run_create_spec(run, spec, &ops, t, n, E, NULL, err);
}

static dm_run_info go(struct teacher *t, const char *spec, size_t n, double *x)
{
	dm_run_info info = {.struct_size = sizeof info};
	dm_run *run;
	DO(create(&run, t, spec, n, err));
	DO(dm_run_all(run, err));
	DO(dm_run_state(run, x, DM_F64, err));
	DO(dm_run_facts(run, &info, err));
	dm_run_free(run);
	return info;
}

static dm_node node_at(const char *name, double level)
{
	dm_schedule *schedule;
	dm_node node;
	DO(dm_schedule_create(&schedule, name, NULL, err));
	DO(dm_schedule_at_lambda(schedule, -log(level), &node, err));
	dm_schedule_free(schedule);
	return node;
}

/* ------------------------------------------------------------------------------------------------------ form=score */

static const struct {
	const char *schedule, *model;
	int kind, scaled;
} forms[] = {
    {"vp", "epsilon", EPSILON, 0}, {"vp", "v", V, 0},       {"edm", "edm", EDM, 1},
    {"flow", "flow", FLOW, 0},     {"ve_sde", "x0", X0, 0}, {"vp", "score:input=scaled", SCORE, 1},
};

/* Chains of classifiers, and the sum of what they move x0 by. */
static const struct {
	const char *chain;
	int n;
	struct {
		double scale;
		int32_t target;
	} part[2];
} known[] = {
    {"classifier", 1, {{1, 0}}},
    {"classifier:scale=2.5", 1, {{2.5, 0}}},
    {"classifier:scale=-0.5,target=4", 1, {{-0.5, 4}}},
    {"classifier:target=3|classifier:scale=2,target=7", 2, {{1, 3}, {2, 7}}},
    {"classifier:scale=0", 0, {{0, 0}}},
    {"classifier:scale=2,from=9", 0, {{0, 0}}},
    {"classifier:scale=2,to=-9", 0, {{0, 0}}},
    {"classifier:table=-8/2/8/2,target=4", 1, {{2, 4}}},
};

static void check_step(size_t form, size_t which, double high, double low)
{
	struct teacher t = {.d = {.kind = forms[form].kind, .scaled = forms[form].scaled}};
	dm_node at = node_at(forms[form].schedule, high), to = node_at(forms[form].schedule, low);
	double end[N * E], start[N * E];
	char spec[400];
	snprintf(spec, sizeof spec,
	         "sampler=ddim schedule=%s model=%s dtype=f64 guidance=%s grid=levels:at=%.17g/%.17g,final=included",
	         forms[form].schedule, forms[form].model, known[which].chain, high, low);
	dm_run_info info = go(&t, spec, N, end);
	assert_true(info.n_eval == 1 && info.n_gradient == known[which].n && t.n_gradient == known[which].n);
	assert_int_equal(t.n_elsewhere, 0);
	memcpy(start, t.last, sizeof start);
	for (size_t i = 0; i < N * E; i++) {
		double x0 = true_x0(start[i], at.alpha, at.sigma, mean_of(&(dm_branch){0, DM_CONDITION_GIVEN, 0}, i % E));
		double found = (end[i] - to.sigma / at.sigma * start[i]) / (to.alpha - at.alpha * to.sigma / at.sigma);
		for (int k = 0; k < known[which].n; k++)
			x0 += known[which].part[k].scale * at.sigma * at.sigma / at.alpha *
			      slope(start[i], at.alpha, at.sigma, i % E, known[which].part[k].target);
		check_same(spec, &found, &x0, 1, 1e-9);
	}
}

static void test_score(void **state)
{
	static const double levels[][2] = {{9, 2}, {1, 0.4}, {0.3, 0.1}};
	(void)state;
	for (size_t form = 0; form < sizeof forms / sizeof *forms; form++)
		for (size_t which = 0; which < sizeof known / sizeof *known; which++)
			for (size_t k = 0; k < 3; k++)
				check_step(form, which, levels[k][0], levels[k][1]);
}

/* With scale 1 the guided estimate is that of the data given y, and a fine grid leads to their law: an affine map of the
 * start, so mean and deviation are known without chance. */
static void test_law(void **state)
{
	struct teacher t = {.d = {.kind = EPSILON}};
	double x[N * E], start[N * E];
	(void)state;
	for (int fine = 0; fine < 2; fine++) {
		char spec[300];
		snprintf(spec, sizeof spec,
		         "sampler=heun schedule=vp model=epsilon dtype=f64 guidance=classifier "
		         "grid=log_snr:steps=%d,sigma_max=150,sigma_min=0.001,final=last",
		         fine ? 800 : 400);
		dm_run *run;
		DO(create(&run, &t, spec, N, err));
		const dm_request *rq;
		assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
		memcpy(start, rq->x, sizeof start);
		DO(dm_run_retry(run, err));
		DO(dm_run_all(run, err));
		DO(dm_run_state(run, x, DM_F64, err));
		dm_run_free(run);
		for (size_t i = 0; i < N * E; i++) {
			double m = mean_of(&(dm_branch){0, DM_CONDITION_GIVEN, 0}, i % E),
			       v = 0.25 * noise2(0) / (0.25 + noise2(0));
			double want = (m * noise2(0) + y * 0.25) / (0.25 + noise2(0)) + sqrt(v) * start[i];
			check_same("the law given y", &x[i], &want, 1, fine ? 0.004 : 0.01);
		}
	}
}

/* ------------------------------------------------------------------------------------------------------- form=mean */

/* s^2 of a step, as the sampler's own page has it. */
enum { SMALL, LARGE, HALF };

static double own_variance(int kind, const dm_node *at, const dm_node *to)
{
	double mean[2], small;
	DO(dm_posterior(at, to, mean, &small, err));
	return kind == SMALL ? small : kind == HALF ? small / 4 : small * at->sigma * at->sigma / (to->sigma * to->sigma);
}

/* The step is moved by scale s^2 g whatever the sampler; also after Langevin steps, whose noise is not the step's. */
static void test_mean(void **state)
{
	static const struct {
		const char *sampler, *more;
		int kind;
	} ways[] = {
	    {"ddpm", "", SMALL},
	    {"ddpm:variance=large", "", LARGE},
	    {"ddim:eta=0.5", "", HALF},
	    {"ddim:eta=1", "", SMALL},
	    {"euler_ancestral", "", SMALL},
	    {"dpmpp_2m_sde", "", SMALL},
	    {"dpmpp_2m_sde", " noise=path", SMALL},
	    {"dpmpp_2s_ancestral", "", SMALL},
	    {"ddpm", " refine=2,refine_noise=0.3", SMALL},
	};
	static const char *const schedules[] = {"vp", "edm"};
	(void)state;
	for (size_t k = 0; k < 2 * sizeof ways / sizeof *ways; k++) {
		const char *schedule = schedules[k % 2];
		dm_node at = node_at(schedule, 2), to = node_at(schedule, 0.5);
		double plain[N * E], moved[N * E], s2 = own_variance(ways[k / 2].kind, &at, &to);
		struct teacher t = {.d = {.kind = X0}, .constant = 0.7};
		char spec[2][400];
		for (int guided = 0; guided < 2; guided++)
			snprintf(spec[guided], sizeof spec[guided],
			         "sampler=%s schedule=%s model=x0 dtype=f64 guidance=%s grid=levels:at=2/0.5,final=included%s",
			         ways[k / 2].sampler, schedule, guided ? "classifier:form=mean,scale=3,target=2" : "none",
			         ways[k / 2].more);
		go(&t, spec[0], N, plain);
		dm_run_info info = go(&t, spec[1], N, moved);
		assert_true(info.n_gradient == 1 && t.target == 2);
		for (size_t i = 0; i < N * E; i++) {
			double want = plain[i] + 3 * s2 * 0.7;
			check_same(spec[1], &moved[i], &want, 1, 1e-12);
		}
		t.constant = 0; /* taken where the sampler's own evaluation was made, which is the first of the step */
		t.n_elsewhere = 0;
		go(&t, spec[1], N, moved);
		if (!strstr(ways[k / 2].sampler, "2s"))
			assert_int_equal(t.n_elsewhere, 0);
	}
}

/* Both forms look at the value that the sampler gives to be evaluated, whatever inpainting shows the network in its place. */
static void test_own_value(void **state)
{
	static const double there[E] = {3, 3, 3, 3, 3}, mask[E] = {1, 1, 1, 1, 1};
	static const char *const chains[] = {"inpaint|classifier", "inpaint|classifier:form=mean"};
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct teacher t = {.d = {.kind = X0}};
		const dm_request *rq;
		double x[E], start[E], apart = 0;
		dm_run *run;
		char spec[200];
		snprintf(spec, sizeof spec, "sampler=ddpm schedule=vp model=x0 dtype=f64 grid=levels:at=5/1 guidance=%s",
		         chains[k]);
		DO(create(&run, &t, spec, 1, err));
		DO(dm_run_bind(run, DM_BOUND_KNOWN, there, DM_F64, E, err));
		DO(dm_run_bind(run, DM_BOUND_MASK, mask, DM_F64, E, err));
		DO(dm_normals(0, 0, 0, 0, E, DM_F64, start, err));
		while (dm_run_next(run, &rq, NULL) == DM_EVAL && rq->kind != DM_ASK_GRADIENT)
			teach(&t, rq);
		for (size_t j = 0; j < E; j++) {
			x[j] = get(rq->x, rq->x_type, j);
			start[j] *= node_at("vp", 5).sigma;
			apart += fabs(t.last[j] - start[j]);
		}
		assert_true(apart > 1);
		check_same(spec, x, start, E, 1e-12);
		dm_run_free(run);
	}
}

/* Last steps that draw nothing move nothing, and nothing is asked. */
static void test_mean_at_the_end(void **state)
{
	struct teacher t = {.d = {.kind = X0}};
	double x[N * E];
	(void)state;
	dm_run_info info =
	    go(&t, "sampler=ddpm schedule=vp model=x0 grid=levels:at=5/1/0.2 guidance=classifier:form=mean", N, x);
	assert_true(info.n_eval == 3 && info.n_gradient == 2);
	info =
	    go(&t, "sampler=ddpm schedule=vp model=x0 grid=levels:at=5/1/0.2 guidance=classifier:form=mean,scale=0", N, x);
	assert_true(info.n_eval == 3 && info.n_gradient == 0);
	info =
	    go(&t, "sampler=lcm schedule=vp model=x0 grid=levels:at=5/1/0.2,final=included guidance=classifier:form=mean",
	       N, x);
	assert_true(info.n_eval == 2 && info.n_gradient == 1);
}

static void test_mean_refused(void **state)
{
	static const char *const ways[][2] = {
	    {"ddim", "without noise"},           {"euler", "without noise"},    {"dpmpp_2m", "without noise"},
	    {"unipc", "without noise"},          {"dpmpp_sde", "goes through"}, {"seeds_2", "goes through"},
	    {"euler:s_churn=9", "goes through"},
	};
	(void)state;
	for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
		struct teacher t = {.d = {.kind = X0}};
		dm_run *run;
		char spec[300];
		snprintf(spec, sizeof spec,
		         "sampler=%s schedule=vp model=x0 grid=levels:at=5/1/0.2 guidance=classifier:form=mean", ways[k][0]);
		REFUSE(DM_ERR_UNSUPPORTED, create(&run, &t, spec, N, err), "\"classifier\"", ways[k][1], "form=score");
	}
	struct teacher t = {.d = {.kind = X0}};
	dm_run *run;
	REFUSE(DM_ERR_UNSUPPORTED,
	       create(&run, &t,
	              "sampler=ddpm:variance=learned_range schedule=linear model=x0:variance=1 grid=trailing:steps=4 "
	              "guidance=classifier:form=mean",
	              N, err),
	       "learned variance");
}

/* --------------------------------------------------------------------------------------- where nothing is asked */

/* At alpha = 0 the state says nothing and at sigma = 0 everything: neither is asked for a gradient nor guided. */
static void test_ends(void **state)
{
	static const char *const specs[][2] = {
	    {"sampler=euler schedule=flow model=flow grid=levels:at=inf/1/0.3", "classifier:scale=3"},
	    {"sampler=dpmpp_2m schedule=flow model=flow grid=flow:steps=3", "classifier:scale=3"},
	    {"sampler=ddpm schedule=flow model=flow grid=flow:steps=3", "classifier:scale=3"},
	    {"sampler=ddim:eta=1 schedule=flow model=x0 grid=levels:at=inf/1/0.3,final=included", "classifier:form=mean"},
	    {"sampler=ddim schedule=linear:zero_snr=exact model=v grid=trailing:steps=3", "classifier:scale=3"},
	};
	(void)state;
	for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
		struct teacher t = {.d = {.kind = strstr(specs[k][0], "model=flow") ? FLOW
		                                  : strstr(specs[k][0], "model=v")  ? V
		                                                                    : X0}};
		char spec[300];
		double x[N * E];
		snprintf(spec, sizeof spec, "%s dtype=f64 guidance=%s", specs[k][0], specs[k][1]);
		dm_run_info info = go(&t, spec, N, x);
		int without = 1; /* the first node */
		if (info.n_gradient != info.n_eval - without || t.n_zero)
			fail_msg("%s: %d evaluations, %d gradients, %d of them where they say nothing", spec, (int)info.n_eval,
			         (int)info.n_gradient, t.n_zero);
		for (size_t i = 0; i < N * E; i++)
			assert_true(x[i] - x[i] == 0);
	}
}

/* Up from the clean end: the evaluation there is not guided. */
static void test_clean_start(void **state)
{
	struct teacher t = {.d = {.kind = X0}};
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = teach, .gradient = teach};
	double x[N * E] = {0};
	dm_schedule *schedule;
	dm_grid *down, *up;
	dm_sampler *sampler;
	dm_model *model;
	dm_guidance *guidance;
	dm_plan *plan;
	dm_run *run;
	(void)state;
	DO(dm_schedule_create(&schedule, "ve", NULL, err));
	DO(dm_grid_create(&down, schedule, "levels:at=2/0.5", NULL, err));
	DO(dm_grid_flip(&up, down, NULL, err));
	DO(dm_sampler_create(&sampler, "lcm", NULL, err));
	DO(dm_model_create(&model, "x0", &ops, &t, NULL, err));
	DO(dm_guidance_create(&guidance, "classifier", NULL, err));
	DO(dm_plan_create(&plan, schedule, up, sampler, model, guidance, NULL, NULL, err));
	DO(dm_run_create(&run, plan, NULL, NULL, N, E, NULL, NULL, 0, err));
	DO(dm_run_start_state(run, x, DM_F64, 0, err));
	DO(dm_run_all(run, err));
	assert_true(t.n_gradient == 1 && t.n_zero == 0);
	dm_run_free(run);
	dm_plan_free(plan);
	dm_guidance_free(guidance);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(up);
	dm_grid_free(down);
	dm_schedule_free(schedule);
}

/* ----------------------------------------------------------------------------------------------- batches and errors */

/* Adaptive runs: samples come to their end one after another, between the prediction of another and its gradient too. */
static void test_adaptive_batches(void **state)
{
	static const char *const ways[][2] = {
	    {"dpm_adaptive", "classifier"},
	    {"rk45", "classifier:scale=2|classifier:target=1"},
	    {"dpm_adaptive:eta=1", "classifier:form=mean"},
	    {"dpm_adaptive:eta=0.5", "classifier"},
	};
	(void)state;
	for (size_t k = 0; k < 8; k++) {
		struct teacher t = {.d = {.kind = X0}, .bend = 1};
		double all[N * E], one[E];
		char spec[300];
		const char *form =
		    "sampler=%s schedule=vp grid=log_snr:final=%s model=x0%s dtype=%s guidance=%s first_sample=%d";
		const char *type = k % 2 ? "f32" : "f64", *model = k % 2 ? ":out_stride=8,x_stride=7" : "";
		const char *end = strstr(ways[k / 2][1], "mean") ? "last" : "zero";
		snprintf(spec, sizeof spec, form, ways[k / 2][0], end, model, type, ways[k / 2][1], 0);
		go(&t, spec, N, all);
		for (int i = 0; i < N; i++) {
			snprintf(spec, sizeof spec, form, ways[k / 2][0], end, model, type, ways[k / 2][1], i);
			go(&t, spec, 1, one);
			assert_memory_equal(one, all + i * E, sizeof one);
		}
	}
}

/* A gradient that is not finite is reported with step, evaluation and sample of its prediction. */
static void test_bad_gradient(void **state)
{
	struct teacher t = {.d = {.kind = X0}};
	const dm_request *rq;
	dm_run *run;
	dm_status st;
	(void)state;
	DO(create(&run, &t, "sampler=heun schedule=vp model=x0 grid=levels:at=5/1/0.2 guidance=classifier first_sample=40",
	          N, err));
	int64_t eval = -1, step = -1;
	int seen = 0;
	while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL) {
		teach(&t, rq);
		if (rq->kind == DM_ASK_PREDICTION) {
			assert_int_equal(rq->eval, eval + 1);
			eval = rq->eval;
			step = rq->step;
			continue;
		}
		dm_error error = {0};
		char place[60];
		assert_true(rq->eval == eval && rq->step == step);
		put(rq->out[0], rq->out_type, 2 * rq->out_stride + 3, NAN);
		assert_int_equal(dm_run_next(run, &rq, &error), DM_ERR_NOT_FINITE);
		snprintf(place, sizeof place, "sample 42 is not finite (step %d", (int)step);
		assert_true(strstr(error.message, "gradient") && strstr(error.message, place));
		assert_true(error.sample == 42 && error.element == 3 && error.eval == eval && error.step == step);
		assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
		assert_int_equal(rq->eval, eval);
		teach(&t, rq);
		seen++;
	}
	assert_true(st == DM_DONE && seen == 5);
	dm_run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_score),
	    cmocka_unit_test(test_law),
	    cmocka_unit_test(test_mean),
	    cmocka_unit_test(test_own_value),
	    cmocka_unit_test(test_mean_at_the_end),
	    cmocka_unit_test(test_mean_refused),
	    cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_clean_start),
	    cmocka_unit_test(test_adaptive_batches),
	    cmocka_unit_test(test_bad_gradient),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
