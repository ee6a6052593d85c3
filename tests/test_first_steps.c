/* The first steps of multistep methods: the analytic prediction that may stand in for the first one, and the single
 * steps that may fill the history. Which methods are meant follows from their plans, so a new one is tested by itself. */
#include "properties.h"

enum { ELEMENTS = 5, STEPS = 6 };

static const char *const processes[][3] = {
    {"vp", "log_snr:sigma_max=20,sigma_min=0.05", "epsilon"},
    {"edm", "log_snr:sigma_max=20,sigma_min=0.05", "x0"},
    {"flow", "log_snr:sigma_max=20,sigma_min=0.05", "flow"},
};

enum { N_PROCESS = sizeof processes / sizeof *processes };

/* The prediction that analytic_first puts in the place of an evaluation, of all branches: epsilon = x / sqrt(alpha^2 +
 * sigma^2), so x0 = (x - sigma epsilon) / alpha. */
static dm_status predict_analytic(void *user, const dm_request *rq)
{
	struct world *w = user;
	w->calls++;
	for (size_t i = 0; i < rq->n_sample; i++) {
		size_t k = rq->n_time == 1 ? 0 : i;
		double alpha = rq->alpha[k], sigma = rq->sigma[k], n = sqrt(alpha * alpha + sigma * sigma), out[2];
		output_of(w->kind, alpha, sigma, out);
		for (size_t e = 0; e < rq->n_element; e++) {
			double x = number_at(rq->x, rq->x_type, i * rq->x_stride + e), x0 = x * alpha / (n * (n + sigma));
			for (int32_t b = 0; b < rq->n_branch; b++)
				put_number(rq->out[b], rq->out_type, i * rq->out_stride + e, out[0] * x + out[1] * x0);
		}
	}
	return 0;
}

static dm_plan *plan_of(const char *name, const char *options, int process, const char *end, struct world *w)
{
	char sampler[160], grid[120];
	*w = (struct world){.kind = processes[process][2]};
	snprintf(sampler, sizeof sampler, "%s%s%s", name, *options ? strchr(name, ':') ? "," : ":" : "", options);
	snprintf(grid, sizeof grid, "%s,steps=%d,final=%s", processes[process][1], STEPS, end);
	struct recipe r = {.sampler = sampler, .schedule = processes[process][0], .grid = grid, .model = w->kind};
	return make_plan(&r, predict_analytic, w);
}

static int has_option(int32_t method, const char *name)
{
	const dm_option *option;
	for (int32_t k = 0; (option = dm_method_option(DM_KIND_SAMPLER, method, k)); k++)
		if (!strcmp(option->name, name))
			return 1;
	return 0;
}

static int32_t past_of(const char *sampler)
{
	struct world w;
	dm_plan *plan = plan_of(sampler, "", 0, "zero", &w);
	int32_t n = facts_of(plan).n_past;
	dm_plan_free(plan);
	return n;
}

/* Those that start in a way of their own: a trapezoid, Runge-Kutta steps, groups that begin with a step of order 1. */
static int starts_itself(const char *name)
{
	return !strcmp(name, "plms") || !strcmp(name, "pndm") || !strcmp(name, "dpm_singlestep");
}

static void every_multistep_method_has_the_options(void **state)
{
	const dm_method *method;
	int32_t n_multistep = 0, n_high = 0;
	(void)state;
	for (int32_t i = 0; (method = dm_method_at(DM_KIND_SAMPLER, i)); i++) {
		int32_t n_past = past_of(method->name);
		if (has_option(i, "analytic_first") != (n_past > 0))
			fail_msg("%s looks at %d earlier predictions", method->name, n_past);
		if (has_option(i, "start") != (n_past > 1 && !starts_itself(method->name)))
			fail_msg("%s looks at %d earlier predictions: is there an option start?", method->name, n_past);
		n_multistep += n_past > 0;
		n_high += n_past > 1;
	}
	assert_true(n_multistep >= 20);
	assert_true(n_high >= 10);
}

/* ------------------------------------------------------------------------------------------- the analytic prediction */

/* Where the model says what the option takes in its stead, the option saves an evaluation and changes nothing else. */
static void check_analytic(const char *name, int process, const char *end)
{
	double with[ELEMENTS], without[ELEMENTS];
	struct world saves, asks;
	dm_plan *plan = plan_of(name, "", process, end, &asks);
	finish_run(make_run(plan, DM_F64, 1, ELEMENTS, "seed=3"), DM_F64, without);
	dm_plan_free(plan);
	plan = plan_of(name, "analytic_first=1", process, end, &saves);
	finish_run(make_run(plan, DM_F64, 1, ELEMENTS, "seed=3"), DM_F64, with);
	dm_plan_free(plan);
	if (saves.calls != asks.calls - 1)
		fail_msg("%s: %d evaluations with analytic_first=1, %d without", name, (int)saves.calls, (int)asks.calls);
	for (int e = 0; e < ELEMENTS; e++)
		if (!(fabs(with[e] - without[e]) <= 1e-10 * (1 + fabs(without[e]))))
			fail_msg("%s over %s: %.17g with analytic_first=1, %.17g without", name, processes[process][0], with[e],
			         without[e]);
}

static void analytic_first_stands_in_for_one_evaluation(void **state)
{
	static const char *const forms[] = {
	    "dpm_singlestep:order=3",
	    "dpm_singlestep:order=3,solver_type=heun",
	    "dpm_singlestep:order=3,algorithm=dpmsolver",
	    "dpm_singlestep:algorithm=sde-dpmsolver++",
	    "dpmpp_2m_cfg_pp:compat=comfyui",
	    "res_multistep_cfg_pp:eta=1,s_noise=1.1",

	    "gradient_estimation:eta=0.5",
	    "ipndm:start=rk",
	    "dpm_multistep:order=3,algorithm=dpmsolver,start=rk",
	    "unipc:order=3,predict=epsilon",
	    "sa_solver:pece=1",
	    "plms:combine=x0",
	};
	const dm_method *method;
	(void)state;
	for (int process = 0; process < N_PROCESS; process++) {
		for (int32_t i = 0; (method = dm_method_at(DM_KIND_SAMPLER, i)); i++)
			for (int clean = 0; has_option(i, "analytic_first") && clean < 2; clean++)
				check_analytic(method->name, process, clean ? "zero" : "last");
		for (size_t k = 0; k < sizeof forms / sizeof *forms; k++)
			check_analytic(forms[k], process, "zero");
	}
}

/* ---------------------------------------------------------------------------------------------- start=rk, equal steps */

/* The largest error over n equal steps in t of rectified flow from a Gaussian, whose straight-line ODE is known. */
static double error_on_equal_steps(const char *sampler, int n)
{
	enum { MOST = 160 };
	static dm_node node[MOST + 1];
	const double top = 0.9, bottom = 0.1;
	double x[ELEMENTS], known[ELEMENTS], worst = 0;
	struct world w = {.kind = "flow", .target = &gaussian};
	dm_schedule *schedule;
	assert_int_equal(dm_schedule_create(&schedule, "flow", NULL, NULL), DM_OK);
	for (int i = 0; i <= n; i++)
		assert_int_equal(dm_schedule_at_time(schedule, top + (bottom - top) * i / n, &node[i], NULL), DM_OK);
	dm_schedule_free(schedule);
	struct recipe r = {.sampler = sampler, .schedule = "flow", .model = "flow", .node = node, .n_node = (size_t)n + 1};
	dm_plan *plan = make_plan(&r, predict, &w);
	for (int e = 0; e < ELEMENTS; e++) {
		double s = gaussian.sd[0], m = gaussian.mean[0], z = -2 + e;
		x[e] = (1 - top) * m + z * sqrt((1 - top) * (1 - top) * s * s + top * top);
		known[e] = (1 - bottom) * m + z * sqrt((1 - bottom) * (1 - bottom) * s * s + bottom * bottom);
	}
	dm_run *run = make_run(plan, DM_F64, 1, ELEMENTS, NULL);
	assert_int_equal(dm_run_start_state(run, x, DM_F64, 0, NULL), DM_OK);
	finish_run(run, DM_F64, x);
	dm_plan_free(plan);
	for (int e = 0; e < ELEMENTS; e++)
		worst = fmax(worst, fabs(x[e] - known[e]));
	return worst;
}

/* ipndm has weights for equal steps: there it is of its order, if its first steps are. */
static void ipndm_on_equal_steps(void **state)
{
	static const struct {
		const char *sampler;
		double low, high;
	} expected[] = {
	    {"ipndm:order=3,start=rk", 2.8, 3.3},
	    {"ipndm:order=4,start=rk", 3.7, 4.4},
	    {"ipndm:order=4", 1.8, 2.3},
	};
	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		double order =
		    log2(error_on_equal_steps(expected[i].sampler, 80) / error_on_equal_steps(expected[i].sampler, 160));
		if (!(order >= expected[i].low && order <= expected[i].high))
			fail_msg("%s: order %g", expected[i].sampler, order);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_multistep_method_has_the_options),
	    cmocka_unit_test(analytic_first_stands_in_for_one_evaluation),
	    cmocka_unit_test(ipndm_on_equal_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
