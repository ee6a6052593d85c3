/* How far the samples of the methods for inverse problems are from the posterior, which is known here, and from the
 * measurement. The numbers are those of docs/inverse-problems.md. */
#include "inverse_testing.h"

/* ----------------------------------------------------------------------------------------------------- normal priors */

/* A deterministic sampler takes the noise of the start through an affine map, whose columns follow from as many runs: so
 * the moments of its samples are known without chance. */
static struct moments pushed_forward(struct world *w, struct task *t)
{
	double start[(1 + DIM) * DIM] = {0};
	struct moments m = {{0}, {{0}}};
	dm_plan *plan;
	DO(plan_task(&plan, w, t, err));
	double sigma = dm_plan_row(plan, 0)->coefficient[0];
	dm_plan_free(plan);
	for (int i = 0; i < DIM; i++)
		start[(1 + i) * DIM + i] = sigma;
	t->start = start;
	t->n = 1 + DIM;
	double *x = reconstruct(w, t);
	for (int i = 0; i < DIM; i++) {
		m.mean[i] = x[i];
		for (int j = 0; j < DIM; j++)
			for (int k = 1; k <= DIM; k++)
				m.covariance[i][j] += (x[k * DIM + i] - x[i]) * (x[k * DIM + j] - x[j]);
	}
	free(x);
	t->start = NULL;
	return m;
}

static void normal_distance(const struct prior *prior, const char *guidance, int n_step, double out[2])
{
	struct world w = world_of(prior, "epsilon");
	struct task t = {.guidance = guidance, .sampler = "dpmpp_2m", .schedule = "ve"};
	char grid[80];
	snprintf(grid, sizeof grid, "log_snr:sigma_max=1000,sigma_min=0.001,steps=%d", n_step);
	t.grid = grid;
	struct moments exact = exact_posterior(&w), got = pushed_forward(&w, &t);
	distance(&got, &exact, out);
}

/* Exact in the limit, at the order of the sampler; what is left of the mean is that of the noise at the start, which is not
 * quite that of the posterior's state there. */
static void test_exact_for_normal_priors(void **state)
{
	(void)state;
	static const struct {
		const struct prior *prior;
		const char *guidance;
	} known[] = {{&even, "pgdm:noise=0.05,data=0.7"},
	             {&even, "pgdm:noise=0.05,data=0.7,jacobian=none"},
	             {&even, "mmps:noise=0.05,rounds=2"},
	             {&uneven, "mmps:noise=0.05,rounds=2"},
	             {&uneven, "mmps:noise=0.05,rounds=7"}};
	for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
		double last[2], now[2];
		normal_distance(known[k].prior, known[k].guidance, 50, last);
		for (int n = 100; n <= 400; n *= 2) {
			normal_distance(known[k].prior, known[k].guidance, n, now);
			double ratio = last[1] / now[1];
			if (!(ratio > 3.7 && ratio < 4.3))
				fail_msg("%s: in %d steps the distance falls from %g to %g", known[k].guidance, n, last[1], now[1]);
			memcpy(last, now, sizeof last);
		}
		if (!(now[0] < 3e-4 && now[1] < 1.5e-4))
			fail_msg("%s: the distances are %g and %g", known[k].guidance, now[0], now[1]);
	}
}

/* The others, where the elements of x0 have deviations from 0.2 to 1. */
static void test_bias_for_a_normal_prior(void **state)
{
	(void)state;
	static const struct {
		const char *guidance;
		double mean, covariance;
	} known[] = {
	    {"ddnm:noise=0.05", 0.1362, 0.0875},          {"diffpir:noise=0.05", 0.1364, 0.0886},
	    {"pgdm:noise=0.05,data=0.7", 0.1129, 0.0346}, {"pgdm:noise=0.05,data=0.7,jacobian=none", 0.1365, 0.0888},
	    {"mmps:noise=0.05,rounds=1", 0.0731, 0.0296}, {"tmpd:noise=0.05", 0.0375, 0.0185}};
	for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
		double got[2];
		normal_distance(&uneven, known[k].guidance, 200, got);
		if (!(fabs(got[0] - known[k].mean) < 5e-4 && fabs(got[1] - known[k].covariance) < 5e-4))
			fail_msg("%s: the distances are %.4f and %.4f", known[k].guidance, got[0], got[1]);
	}
}

/* --------------------------------------------------------------------------------------------------------- a mixture */

enum { N = 2000 };

static void mixture_distance(const char *guidance, const char *sampler, double out[2])
{
	struct world w = world_of(&mixture, "epsilon");
	struct task t = {.guidance = guidance, .sampler = sampler, .n = N};
	struct moments exact = exact_posterior(&w);
	double *x = reconstruct(&w, &t);
	struct moments got = measured(x, N);
	distance(&got, &exact, out);
	free(x);
}

/* 50 steps even in lambda. The posterior's deviation is 0.43 (of all elements together); chance moves the distances of the
 * guided samples by about 0.01. */
static void test_bias_for_a_mixture(void **state)
{
	(void)state;
	static const struct {
		const char *guidance;
		double dpmpp_2m[2], ddpm[2]; /* distances of mean and covariance */
	} known[] = {
	    {"none", {0.61, 1.38}, {0.63, 1.28}},
	    {"ddnm:noise=0.05", {0.45, 0.47}, {0.36, 0.32}},
	    {"diffpir:noise=0.05", {0.46, 0.47}, {0.37, 0.32}},
	    {"pgdm:noise=0.05", {0.35, 0.32}, {0.26, 0.24}},
	    {"pgdm:noise=0.05,data=0.3", {0.30, 0.09}, {0.06, 0.04}},
	    {"pgdm:noise=0.05,data=0.3,jacobian=none", {0.46, 0.48}, {0.37, 0.33}},
	    {"mmps:noise=0.05,rounds=1", {0.32, 0.26}, {0.25, 0.18}},
	    {"mmps:noise=0.05,rounds=2", {0.29, 0.22}, {0.22, 0.15}},
	    {"tmpd:noise=0.05", {0.30, 0.24}, {0.25, 0.20}},
	    {"dps:scale=0.1", {0.39, 0.33}, {0.42, 0.39}},
	    {"dps:scale=0.2", {0.28, 0.22}, {0.30, 0.30}},
	};
	for (size_t k = 0; k < sizeof known / sizeof *known; k++)
		for (int i = 0; i < 2; i++) {
			const double *want = i ? known[k].ddpm : known[k].dpmpp_2m;
			double got[2];
			mixture_distance(known[k].guidance, i ? "ddpm" : "dpmpp_2m", got);
			if (!(fabs(got[0] - want[0]) < 0.03 && fabs(got[1] - want[1]) < 0.03))
				fail_msg("%s (%s): the distances are %.3f and %.3f", known[k].guidance, i ? "ddpm" : "dpmpp_2m", got[0],
				         got[1]);
		}
}

/* --------------------------------------------------------------------------------------------------- the measurement */

/* rms(A x - y) against the noise of y. */
static void test_residuals(void **state)
{
	(void)state;
	static const struct {
		const char *schedule, *grid, *kind;
	} worlds[] = {{"vp", "log_snr:steps=50", "epsilon"},
	              {"ve", "log_snr:sigma_max=20,sigma_min=0.01,steps=50", "x0"},
	              {"edm", "log_snr:sigma_max=20,sigma_min=0.01,steps=50", "edm"},
	              {"flow", "flow:steps=50", "flow"}};
	static const char *const samplers[] = {"ddim", "dpmpp_2m", "heun", "ddpm"};
	static const struct {
		const char *guidance;
		double most;
	} methods[] = {{"ddnm:noise=0.05", 1.2},          {"diffpir:noise=0.05", 1.2},
	               {"pgdm:noise=0.05,data=0.3", 1.2}, {"pgdm:noise=0.05,jacobian=none", 1.2},
	               {"mmps:noise=0.05", 1.2},          {"dps:scale=0.12", 2}};
	for (size_t k = 0; k < 4 * 4 * 6; k++) {
		const char *kind = worlds[k / 24].kind, *guidance = methods[k % 6].guidance;
		struct world w = world_of(&mixture, kind);
		struct task t = {.guidance = guidance, .n = 200};
		w.input = strcmp(kind, "edm") ? STATE : SCALED;
		t.schedule = worlds[k / 24].schedule;
		t.grid = worlds[k / 24].grid;
		t.sampler = samplers[k / 6 % 4];
		double *x = reconstruct(&w, &t), ratio = residual(&w, x, (size_t)t.n) / w.noise;
		if (!(ratio <= methods[k % 6].most))
			fail_msg("%s, %s, %s on %s: rms(A x - y) is %g times the noise", guidance, t.sampler, kind, t.schedule,
			         ratio);
		free(x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exact_for_normal_priors),
	    cmocka_unit_test(test_bias_for_a_normal_prior),
	    cmocka_unit_test(test_bias_for_a_mixture),
	    cmocka_unit_test(test_residuals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
