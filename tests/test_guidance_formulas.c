/* Guidances of the classifier-free family by their formulas: spaces, first steps, the guided score of a mixture in closed
 * form; and what is refused. */
#include "guidance_testing.h"

/* ---------------------------------------------------------------------------------------------------------- formulas */

static double dot(const double *a, const double *b)
{
	double sum = 0;
	for (int e = 0; e < ELEMENTS; e++)
		sum += a[e] * b[e];
	return sum;
}

static double deviation(const double *x)
{
	double mean = 0, sum = 0;
	for (int e = 0; e < ELEMENTS; e++)
		mean += x[e] / ELEMENTS;
	for (int e = 0; e < ELEMENTS; e++)
		sum += (x[e] - mean) * (x[e] - mean);
	return sqrt(sum / (ELEMENTS - 1));
}

/* What a network says that looks at nothing but the condition. */
static double value_of(int32_t condition, int e)
{
	return condition == DM_CONDITION_GIVEN ? 1 + 0.5 * e : 0.3 * e * e - 1;
}

static dm_status constant(void *user, const dm_request *rq)
{
	(void)user;
	for (int32_t b = 0; b < rq->n_branch; b++)
		for (int e = 0; e < ELEMENTS; e++)
			((double *)rq->out[b])[e] = value_of(rq->branch[b].condition, e);
	return 0;
}

/* What rescale and CFG-Zero* are by their formulas in another space. */
static void check_space(const char *schedule, double t, const char *space, int kind)
{
	dm_node at = node_at(schedule, t);
	double x0[2][ELEMENTS], p[2][ELEMENTS], y[ELEMENTS], got[ELEMENTS], back[ELEMENTS];
	char chain[100];
	guided("none", schedule, t, V, a_state, x0[0]);
	guided("cfg:scale=0", schedule, t, V, a_state, x0[1]);
	for (int b = 0; b < 2; b++)
		for (int e = 0; e < ELEMENTS; e++)
			p[b][e] = encode(kind, a_state[e], x0[b][e], at.alpha, at.sigma);
	for (int e = 0; e < ELEMENTS; e++)
		y[e] = p[1][e] + 4 * (p[0][e] - p[1][e]);
	double factor = 0.6 * deviation(p[0]) / deviation(y) + 0.4, f = dot(p[0], p[1]) / (dot(p[1], p[1]) + 1e-8);
	snprintf(chain, sizeof chain, "cfg:scale=4|rescale:phi=0.6,space=%s", space);
	guided(chain, schedule, t, V, a_state, got);
	for (int e = 0; e < ELEMENTS; e++)
		back[e] = encode(kind, a_state[e], got[e], at.alpha, at.sigma) / factor;
	check_same(chain, back, y, ELEMENTS, 1e-10);
	snprintf(chain, sizeof chain, "cfg_zero_star:scale=4,space=%s", space);
	guided(chain, schedule, t, EPSILON, a_state, got);
	for (int e = 0; e < ELEMENTS; e++) {
		y[e] = f * p[1][e] + 4 * (p[0][e] - f * p[1][e]);
		back[e] = encode(kind, a_state[e], got[e], at.alpha, at.sigma);
	}
	check_same(chain, back, y, ELEMENTS, 1e-10);
}

static void test_spaces(void **state)
{
	static const char *const schedules[] = {"linear", "flow"};
	static const double times[] = {400, 0.4};
	(void)state;
	for (int k = 0; k < 2; k++) {
		check_space(schedules[k], times[k], "x0", X0);
		check_space(schedules[k], times[k], "epsilon", EPSILON);
		check_space(schedules[k], times[k], "v", V);
		check_space(schedules[k], times[k], "flow", FLOW);
	}
}

/* The difference is the same at all three evaluations, so the last sees 1 + momentum + momentum^2 of it, or less where
 * the guidance was neutral before: then the sum stays what it was. */
static void test_momentum(void **state)
{
	static const struct {
		const char *chain;
		double times;
	} known[] = {{"apg:scale=3,eta=1,momentum=-0.5", 2 * 0.75},
	             {"apg:scale=3,eta=1,momentum=0.25", 2 * 1.3125},
	             {"apg:scale=3,eta=1,momentum=0.25,form=given", 3 * 1.3125},
	             {"apg:scale=3,eta=1,momentum=0.25,from=-0.9", 2 * 1.25},
	             {"apg:eta=1,momentum=0.25,table=-1/3/-0.8/1/-0.6/1/-0.1/3", 2 * 1.25},
	             {"apg:scale=3,eta=1,momentum=0.25,to=-0.1", 0},
	             {"apg:scale=3,eta=1,momentum=0.25,cfg_to=-0.1,cfg_scale=9", 2 * 1.3125},
	             {"apg:scale=3,eta=0,momentum=0.25,cfg_to=9,cfg_scale=4", 3 * 1}};
	(void)state;
	for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
		dm_model_ops ops = {.struct_size = sizeof ops, .predict = constant};
		char spec[200];
		dm_run *run;
		double got[ELEMENTS], want[ELEMENTS];
		snprintf(spec, sizeof spec, "sampler=euler schedule=ve grid=levels:at=3/2/1 model=x0 dtype=f64 guidance=%s",
		         known[k].chain);
		DO(dm_run_create_spec(&run, spec, &ops, NULL, 1, ELEMENTS, NULL, err));
		finish(run, got);
		for (int e = 0; e < ELEMENTS; e++)
			want[e] = value_of(DM_CONDITION_GIVEN, e) +
			          known[k].times * (value_of(DM_CONDITION_GIVEN, e) - value_of(DM_CONDITION_NONE, e));
		check_same(known[k].chain, got, want, ELEMENTS, 1e-12);
	}
}

/* Which branches they are. */
static void test_branches(void **state)
{
	static const struct {
		const char *chain;
		int n;
		dm_branch branch[4];
	} known[] = {
	    {"none", 1, {{0, 0, 0}}},
	    {"cfg:scale=3", 2, {{0, 0, 0}, {0, 1, 0}}},
	    {"cfg:scale=0|rescale", 2, {{0, 1, 0}, {0, 0, 0}}},
	    {"autoguidance:scale=2", 2, {{0, 0, 0}, {1, 0, 0}}},
	    {"autoguidance:scale=2,model=3,condition=none", 2, {{0, 0, 0}, {3, 1, 0}}},
	    {"cfg:scale=3|perturbed:scale=1,number=4", 3, {{0, 0, 0}, {0, 1, 0}, {0, 0, 4}}},
	    {"two_scale:scale=3,part_scale=2,condition=5", 3, {{0, 0, 0}, {0, 5, 0}, {0, 1, 0}}},
	    {"multi:weights=1/2/3,scale=2", 4, {{0, 1, 0}, {0, 0, 0}, {0, 2, 0}, {0, 3, 0}}},
	    {"multi:weights=0/0/3", 1, {{0, 3, 0}}},
	    {"perp_neg:scale=2", 3, {{0, 0, 0}, {0, 1, 0}, {0, 2, 0}}},
	};
	(void)state;
	for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
		struct denoiser d = {.kind = EPSILON};
		const dm_request *rq;
		dm_run *run = start(known[k].chain, "ddim", &d, 1, NULL);
		assert_int_equal(dm_run_next(run, &rq, NULL), DM_EVAL);
		if (rq->n_branch != known[k].n || memcmp(rq->branch, known[k].branch, (size_t)known[k].n * sizeof *rq->branch))
			fail_msg("%s: other branches", known[k].chain);
		dm_run_free(run);
	}
}

/* The velocity is 0 at the first nodes, and one branch is enough to find that out. */
static void test_zero_steps(void **state)
{
	dm_node at = node_at("linear", 700);
	double got[ELEMENTS], want[ELEMENTS];
	(void)state;
	guided("cfg_zero_star:scale=4,zero_steps=1", NULL, 700, EPSILON, a_state, got);
	for (int e = 0; e < ELEMENTS; e++)
		want[e] = a_state[e] / (at.alpha + at.sigma);
	check_same("zero_steps", got, want, ELEMENTS, 1e-14);
	struct denoiser d = {.kind = EPSILON};
	double out[BATCH * ELEMENTS];
	finish(start("cfg_zero_star:scale=4,zero_steps=2,space=flow", "ddim", &d, BATCH, NULL), out);
	assert_int_equal(d.branches, 1 + 1 + 2 + 2 + 2);
}

/* ------------------------------------------------------------------------------------------------ score of a mixture */

/* x0 is one of two normals with equal chance; the condition says which. */
static double log_density(double x, double alpha, double sigma, int condition)
{
	static const double mean[2] = {0.9, -0.6}, sd[2] = {0.5, 0.8};
	double p[2];
	for (int k = 0; k < 2; k++) {
		double v = alpha * alpha * sd[k] * sd[k] + sigma * sigma, d = x - alpha * mean[k];
		p[k] = exp(-d * d / (2 * v)) / sqrt(v);
	}
	return log(condition == DM_CONDITION_GIVEN ? p[0] : (p[0] + p[1]) / 2);
}

static double slope(double x, double alpha, double sigma, double scale)
{
	const double h = 1e-4, c[] = {1.0 / 12, -2.0 / 3, 0, 2.0 / 3, -1.0 / 12};
	double sum = 0;
	for (int i = 0; i < 5; i++) {
		double at = x + (i - 2) * h;
		sum += c[i] * (scale * log_density(at, alpha, sigma, DM_CONDITION_GIVEN) +
		               (1 - scale) * log_density(at, alpha, sigma, DM_CONDITION_NONE));
	}
	return sum / h;
}

/* The scores, from the posterior means. */
static dm_status mixture(void *user, const dm_request *rq)
{
	static const double mean[2] = {0.9, -0.6}, sd[2] = {0.5, 0.8};
	double alpha = rq->alpha[0], sigma = rq->sigma[0];
	(void)user;
	for (int32_t b = 0; b < rq->n_branch; b++)
		for (size_t i = 0; i < rq->n_element; i++) {
			double x = ((const double *)rq->x)[i], sum = 0, score = 0;
			for (int k = 0; k < (rq->branch[b].condition == DM_CONDITION_GIVEN ? 1 : 2); k++) {
				double v = alpha * alpha * sd[k] * sd[k] + sigma * sigma, d = x - alpha * mean[k];
				double p = exp(-d * d / (2 * v)) / sqrt(v);
				sum += p;
				score -= p * d / v;
			}
			((double *)rq->out[b])[i] = -sigma * score / sum;
		}
	return 0;
}

static void test_guided_score(void **state)
{
	static const double scales[] = {0, 0.5, 1, 2, 7.5, -1}, x[] = {-2, -0.7, 0, 0.4, 1.3};
	(void)state;
	for (size_t k = 0; k < sizeof scales / sizeof *scales; k++)
		for (double level = 0.2; level < 6; level *= 3) {
			char spec[200];
			dm_model_ops ops = {.struct_size = sizeof ops, .predict = mixture};
			dm_run *run;
			double got[5], want[5];
			snprintf(spec, sizeof spec,
			         "sampler=euler schedule=ve grid=levels:at=%g model=epsilon dtype=f64 guidance=cfg:scale=%g", level,
			         scales[k]);
			DO(dm_run_create_spec(&run, spec, &ops, NULL, 1, 5, NULL, err));
			DO(dm_run_start_state(run, x, DM_F64, 0, err));
			finish(run, got);
			for (int i = 0; i < 5; i++)
				want[i] = x[i] + level * level * slope(x[i], 1, level, scales[k]);
			check_same(spec, got, want, 5, 1e-8 * (1 + level * level));
		}
}

/* ---------------------------------------------------------------------------------------------------------- refusals */

static void test_refusals(void **state)
{
	static const struct {
		const char *chain;
		dm_status status;
		const char *word[3];
	} known[] = {
	    {"cfg:scale=nan", DM_ERR_ARGUMENT, {"scale", "nan", "[-1000, 1000]"}},
	    {"cfg:scale=inf", DM_ERR_ARGUMENT, {"scale", "inf", "[-1000, 1000]"}},
	    {"cfg:scale=-inf", DM_ERR_ARGUMENT, {"scale", "-inf", "[-1000, 1000]"}},
	    {"tcfg:scale=nan", DM_ERR_ARGUMENT, {"tcfg", "scale", "nan"}},
	    {"cfg:from=1,to=-2", DM_ERR_ARGUMENT, {"\"cfg\": from = 1", "to = -2", "lambda"}},
	    {"cfg|rescale:from=1,to=-2", DM_ERR_ARGUMENT, {"\"rescale\": from = 1", "to = -2", "lambda"}},
	    {"cfg|cfg_norm:from=1,to=-2", DM_ERR_ARGUMENT, {"\"cfg_norm\": from = 1", "to = -2", "lambda"}},
	    {"mahiro:from=1,to=-2", DM_ERR_ARGUMENT, {"\"mahiro\": from = 1", "to = -2", "lambda"}},
	    {"clip:from=1,to=-2", DM_ERR_ARGUMENT, {"\"clip\": from = 1", "to = -2", "lambda"}},
	    {"threshold:from=1,to=-2", DM_ERR_ARGUMENT, {"\"threshold\": from = 1", "to = -2", "lambda"}},
	    {"classifier:from=1,to=-2", DM_ERR_ARGUMENT, {"\"classifier\": from = 1", "to = -2", "lambda"}},
	    {"reconstruct:from=1,to=-2", DM_ERR_ARGUMENT, {"\"reconstruct\": from = 1", "to = -2", "lambda"}},
	    {"classifier:table=1/2e6", DM_ERR_ARGUMENT, {"\"classifier\": table", "2000000", "[-1000000, 1000000]"}},
	    {"reconstruct:table=1/2/0/3", DM_ERR_ARGUMENT, {"\"reconstruct\": table", "lambda = 0", "above 1"}},
	    {"classifier:scale=1,table=1/2", DM_ERR_ARGUMENT, {"\"classifier\": scale", "table", "exclude"}},
	    {"multi:table=1/2/0/3", DM_ERR_ARGUMENT, {"\"multi\": table", "lambda = 0", "above 1"}},
	    {"apg:from=1,to=-2", DM_ERR_ARGUMENT, {"from = 1", "to = -2", "lambda"}},
	    {"fdg:from=1,to=-2", DM_ERR_ARGUMENT, {"from = 1", "to = -2", "lambda"}},
	    {"multi:weights=1,from=1,to=-2", DM_ERR_ARGUMENT, {"\"multi\": from = 1", "to = -2", "lambda"}},
	    {"cfg:from=nan", DM_ERR_ARGUMENT, {"from", "nan", "outside"}},
	    {"cfg:table=1/2/3", DM_ERR_ARGUMENT, {"\"cfg\": table", "3 numbers", "lambda/scale"}},
	    {"cfg:table=1/2/1/3", DM_ERR_ARGUMENT, {"table", "lambda = 1", "above 1"}},
	    {"cfg:table=1/2/3/5000", DM_ERR_ARGUMENT, {"table", "5000", "[-1000, 1000]"}},
	    {"cfg:table=1/2/3/nan", DM_ERR_ARGUMENT, {"table", "nan", "outside"}},
	    {"cfg:scale=2,table=1/2", DM_ERR_ARGUMENT, {"scale", "table", "exclude"}},
	    {"cfg:form=original", DM_ERR_NAME, {"form", "original", "unknown"}},
	    {"apg:momentum=1", DM_ERR_ARGUMENT, {"momentum = 1", "outside", "0.999999"}},
	    {"apg:momentum=-1", DM_ERR_ARGUMENT, {"momentum = -1", "outside", "0.999999"}},
	    {"apg:momentum=0.5,space=v", DM_ERR_UNSUPPORTED, {"apg", "keeps", "x0"}},
	    {"apg:norm_threshold=-1", DM_ERR_ARGUMENT, {"norm_threshold", "-1", "[0,"}},
	    {"cfg|apg:scale=2", DM_ERR_UNSUPPORTED, {"\"apg\"", "first", "\"cfg\""}},
	    {"clip|multi:weights=1", DM_ERR_UNSUPPORTED, {"\"multi\"", "first", "\"clip\""}},
	    {"clip|cfg:scale=2", DM_ERR_UNSUPPORTED, {"\"cfg\"", "before", "\"clip\""}},
	    {"cfg:scale=2|clip|rescale|perturbed:scale=2", DM_ERR_UNSUPPORTED, {"\"perturbed\"", "before", "\"clip\""}},
	    {"rescale:phi=0.5,space=v|cfg:scale=2", DM_ERR_UNSUPPORTED, {"\"rescale\"", "behind", "guides"}},
	    {"cfg_norm", DM_ERR_UNSUPPORTED, {"\"cfg_norm\"", "behind", "guides"}},
	    {"cfg|threshold:max=0.5", DM_ERR_ARGUMENT, {"\"threshold\"", "max = 0.5", "at least 1"}},
	    {"threshold:ratio=0", DM_ERR_ARGUMENT, {"ratio = 0", "outside", "1]"}},
	    {"threshold:ratio=1.5", DM_ERR_ARGUMENT, {"ratio = 1.5", "outside", "1]"}},
	    {"rescale:phi=1.1", DM_ERR_ARGUMENT, {"phi = 1.1", "outside", "[0, 1]"}},
	    {"rescale:space=score", DM_ERR_NAME, {"space", "score", "unknown"}},
	    {"multi:weights=1/1/1/1/1/1/1/1", DM_ERR_ARGUMENT, {"multi", "weights has 8", "1 to 7"}},
	    {"multi:weights=1/1/1/1/1/1,masks=1", DM_ERR_ARGUMENT, {"multi", "weights has 6", "1 to 5"}},
	    {"multi:weights=1/2,intervals=1", DM_ERR_ARGUMENT, {"multi", "weights has 2", "3 for each"}},
	    {"multi:weights=1/2/0,intervals=1", DM_ERR_ARGUMENT, {"multi", "from = 2", "to = 0"}},
	    {"multi:weights=1/-1", DM_ERR_ARGUMENT, {"multi", "weight -1", "[0, 1000]"}},
	    {"multi:weights=1/-5000,form=sum", DM_ERR_ARGUMENT, {"multi", "weight -5000", "[-1000, 1000]"}},
	    {"autoguidance:model=0", DM_ERR_ARGUMENT, {"model = 0", "outside", "[1,"}},
	    {"perturbed:number=0", DM_ERR_ARGUMENT, {"number = 0", "outside", "[1,"}},
	    {"two_scale:condition=1", DM_ERR_ARGUMENT, {"condition = 1", "outside", "[2,"}},
	    {"fdg:low=2", DM_ERR_ARGUMENT, {"\"fdg\"", "operator", "dm_guidance_create_over"}},
	    {"cfg_pp:scale=2", DM_ERR_NAME, {"cfg_pp", "unknown", "cfg"}},
	};
	dm_guidance *guidance;
	(void)state;
	for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
		REFUSE(known[k].status, dm_guidance_create(&guidance, known[k].chain, NULL, err), known[k].word[0],
		       known[k].word[1], known[k].word[2]);
		assert_null(guidance);
	}
	dm_sampler *sampler;
	REFUSE(DM_ERR_NAME, dm_sampler_create(&sampler, "heun_cfg_pp", NULL, err), "heun_cfg_pp", "unknown");
}

/* At alpha = 0 there is no x0 in epsilon; one node beyond the end of the list of branches. */
static void test_refused_plans(void **state)
{
	(void)state;
	struct setup s = {.schedule = "flow", .grid = "levels:at=inf/1", .guidance = "cfg:scale=2|rescale:space=epsilon"};
	struct denoiser d = {.kind = FLOW};
	dm_plan *plan;
	REFUSE(DM_ERR_UNSUPPORTED, make_plan(&plan, &s, &d, err), "space", "alpha = 0");
	s.guidance = "cfg:scale=2|rescale:space=flow";
	s.grid = "trailing:steps=3";
	s.schedule = NULL;
	DO(make_plan(&plan, &s, &d, err));
	dm_plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_spaces),        cmocka_unit_test(test_momentum),     cmocka_unit_test(test_branches),
	    cmocka_unit_test(test_zero_steps),    cmocka_unit_test(test_guided_score), cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_refused_plans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
