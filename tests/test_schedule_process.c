/* What a process is beside its levels: drift and diffusion, posterior, places by other names; the changes of tables. */
#include "schedule_testing.h"
#include "schedule/schedule.h"

static const char *const named[] = {"linear",
                                    "scaled_linear:continuous=1",
                                    "linear:zero_snr=exact",
                                    "alpha_bars:at=0.9/0.5/0.1/0",
                                    "vp",
                                    "sub_vp",
                                    "vp_cosine",
                                    "cosine",
                                    "cosine:scaler=2,shift=3",
                                    "cosine:scaler=0.5",
                                    "ve",
                                    "ve_sde",
                                    "edm",
                                    "edm_ablation",
                                    "edm_ablation:sigma_of_t=ve",
                                    "edm_ablation:sigma_of_t=vp",
                                    "edm_ablation:sigma_of_t=vp,scaling=vp",
                                    "edm_ablation:sigma_of_t=linear,scaling=vp",
                                    "flow",
                                    "trigflow",
                                    "trigflow:sigma_data=1"};
enum { N_NAMED = sizeof named / sizeof *named };

/* --------------------------------------------------------------------------------------------- drift and diffusion */

/* f and g^2 by differences of ln alpha and sigma^2 of fourth order. */
static void check_rates(const dm_schedule *s, const char *name, double t, double h)
{
	double a[4], v[4], f, g2;
	static const double weight[4] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12}, at[4] = {-2, -1, 1, 2};
	double df = 0, dv = 0;
	dm_error err = {0};
	for (int k = 0; k < 4; k++) {
		dm_node node = at_time(s, t + at[k] * h);
		a[k] = log(node.alpha);
		v[k] = node.sigma * node.sigma;
		df += weight[k] * a[k] / h;
		dv += weight[k] * v[k] / h;
	}
	if (dm_schedule_sde(s, t, &f, &g2, &err) != DM_OK)
		fail_msg("%s at %g: %s", name, t, err.message);
	dm_node node = at_time(s, t);
	double variance = node.sigma * node.sigma, slack = 1e-6 * (fabs(f) + fabs(g2) / variance) + 1e-14 / h;
	if (!(fabs(df - f) <= slack))
		fail_msg("%s: drift %.12g at %g, but differences give %.12g", name, f, t, df);
	if (!(fabs(dv - 2 * f * variance - g2) <= slack * variance + 1e-14 / h))
		fail_msg("%s: diffusion %.12g at %g, but differences give %.12g", name, g2, t, dv - 2 * f * variance);
}

static void test_rates(void **state)
{
	(void)state;
	for (int k = 0; k < N_NAMED; k++) {
		dm_schedule *s = create(named[k]);
		double clean, noise;
		dm_schedule_range(s, &clean, &noise);
		int table = dm_schedule_table_size(s) || strstr(named[k], "continuous");
		for (int i = 0; i < 9; i++) {
			double t = clean + (noise - clean) * (0.03 + 0.11 * i), h = table ? 1e-5 : 1e-4 * (noise - clean);
			if (table && strstr(named[k], "continuous"))
				t = (floor(t * 1000) + 0.5) / 1000;
			else if (table) /* in the middle of a segment */
				t = floor(t) + 0.5;
			check_rates(s, named[k], t, h);
		}
		dm_schedule_free(s);
	}
}

static void test_rates_at_ends(void **state)
{
	(void)state;
	double f, g2;
	dm_error err = {0};
	dm_schedule *flow = create("flow"), *clamped = create("cosine");
	assert_int_equal(dm_schedule_sde(flow, 0, &f, &g2, &err), DM_OK);
	assert_true(f == -1 && g2 == 0);
	assert_int_equal(dm_schedule_sde(flow, 1, &f, &g2, &err), DM_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "at t = 1, an end of the process"));
	assert_int_equal(dm_schedule_sde(flow, 1.5, &f, &g2, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_sde(flow, NAN, &f, &g2, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_sde(NULL, 1, &f, &g2, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_sde(flow, 0.5, NULL, &g2, &err), DM_ERR_ARGUMENT);
	/* within its clamps nothing changes */
	assert_int_equal(dm_schedule_sde(clamped, 1, &f, &g2, &err), DM_OK);
	assert_true(f == 0 && g2 == 0);
	dm_schedule_free(flow);
	dm_schedule_free(clamped);
}

/* Where f and g are finite the slopes follow from them; at alpha = 0 flow and trigflow have them still, a table does not. */
static void test_slopes(void **state)
{
	double f, g2, a, b;
	dm_error err = {0};
	(void)state;
	for (int k = 0; k < N_NAMED; k++) {
		dm_schedule *s = create(named[k]);
		double clean, noise;
		dm_schedule_range(s, &clean, &noise);
		dm_node at = at_time(s, clean + 0.37 * (noise - clean));
		assert_int_equal(dm_schedule_sde(s, at.t, &f, &g2, &err), DM_OK);
		assert_int_equal(dm_schedule_slopes(s, at.t, &a, &b, &err), DM_OK);
		check_close("d alpha/dt", a, f * at.alpha, 1e-14);
		check_close("d sigma/dt", b, f * at.sigma + g2 / (2 * at.sigma), 1e-14);
		dm_schedule_free(s);
	}
	dm_schedule *flow = create("flow"), *angle = create("trigflow"), *table = create("linear:zero_snr=exact");
	assert_int_equal(dm_schedule_slopes(flow, 1, &a, &b, &err), DM_OK);
	assert_true(a == -1 && b == 1);
	assert_int_equal(dm_schedule_slopes(angle, 1.5707963267948966, &a, &b, &err), DM_OK);
	assert_true(a == -1 && b == 0);
	assert_int_equal(dm_schedule_slopes(table, 999, &a, &b, &err), DM_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "d alpha/dt"));
	dm_schedule_free(table);
	dm_schedule_free(angle);
	dm_schedule_free(flow);
}

static dm_status vp_level(void *user, double t, double *alpha, double *sigma)
{
	(void)user;
	double b = t * (9.95 * t + 0.1);
	*alpha = exp(-b / 2);
	*sigma = sqrt(-expm1(-b));
	return 0;
}

static dm_status vp_rates(void *user, double t, double *f, double *g2)
{
	*g2 = 19.9 * t + 0.1;
	*f = -*g2 / 2;
	return t > 0.9 ? *(int *)user : 0;
}

/* The caller's own process: by differences, or as it says. */
static void test_rates_of_caller(void **state)
{
	(void)state;
	dm_schedule_ops ops = {sizeof ops, vp_level, NULL, NULL, NULL};
	dm_error err = {0};
	dm_schedule *s;
	double f, g2;
	int code = 17;
	assert_int_equal(dm_schedule_create_custom(&s, &ops, &code, 1e-3, 1, NULL, &err), DM_OK);
	for (double t = 1e-3; t <= 1; t += 0.0333) {
		assert_int_equal(dm_schedule_sde(s, t, &f, &g2, &err), DM_OK);
		check_close("drift", f, -(19.9 * t + 0.1) / 2, 1e-8);
		check_close("diffusion", g2, 19.9 * t + 0.1, 1e-8);
	}
	dm_schedule_free(s);
	ops.rates = vp_rates;
	assert_int_equal(dm_schedule_create_custom(&s, &ops, &code, 1e-3, 1, NULL, &err), DM_OK);
	assert_int_equal(dm_schedule_sde(s, 0.5, &f, &g2, &err), DM_OK);
	assert_true(g2 == 19.9 * 0.5 + 0.1);
	assert_int_equal(dm_schedule_sde(s, 0.95, &f, &g2, &err), DM_ERR_CALLBACK);
	assert_int_equal(err.user_code, 17);
	dm_schedule_free(s);
}

/* ------------------------------------------------------------------------------------------------------- posterior */

/* Against q(x_s | x_t, x_0) from the joint Gaussian: the covariance of x_s and x_t given x_0 is a sigma_s^2. */
static dm_status straight(void *user, double t, double *alpha, double *sigma)
{
	(void)user;
	*alpha = 1 - t;
	*sigma = t;
	return 0;
}

static void test_slopes_of_caller(void **state)
{
	const dm_schedule_ops ops = {.struct_size = sizeof ops, .level = straight};
	dm_schedule *s;
	dm_error err = {0};
	double a, b;
	(void)state;
	assert_int_equal(dm_schedule_create_custom(&s, &ops, NULL, 1e-3, 1, NULL, &err), DM_OK);
	for (double t = 0.25; t <= 1; t += 0.25) {
		assert_int_equal(dm_schedule_slopes(s, t, &a, &b, &err), DM_OK);
		check_close("d alpha/dt", a, -1, 1e-10);
		check_close("d sigma/dt", b, 1, 1e-10);
	}
	dm_schedule_free(s);
}

static void test_posterior(void **state)
{
	(void)state;
	for (int k = 0; k < N_NAMED; k++) {
		dm_schedule *s = create(named[k]);
		double clean, noise, mean[2], variance;
		dm_error err = {0};
		dm_schedule_range(s, &clean, &noise);
		for (int i = 1; i < 8; i++)
			for (int j = 0; j < i; j++) {
				dm_node t = at_time(s, clean + (noise - clean) * 0.12 * i),
				        q = at_time(s, clean + (noise - clean) * 0.12 * j);
				if (t.lambda == q.lambda) /* within a clamp */
					continue;
				assert_int_equal(dm_posterior(&t, &q, mean, &variance, &err), DM_OK);
				double a = t.alpha / q.alpha, vs = q.sigma * q.sigma, vt = t.sigma * t.sigma, gain = a * vs / vt;
				check_close("on x_t", mean[0], gain, 1e-11);
				/* the mean of x_s is alpha_s x_0 when x_t is at its mean */
				check_close("on x_0", mean[1], q.alpha - gain * t.alpha, 1e-9);
				check_close("variance", variance, vs - gain * gain * vt, 1e-8);
			}
		dm_schedule_free(s);
	}
}

/* The numbers of the chain of one index a step: Ho 2020, eq. 7. */
static void test_posterior_of_chain(void **state)
{
	(void)state;
	dm_schedule *s = create("linear");
	double mean[2], variance, beta = 1e-4 + 0.0199 / 999 * 500;
	dm_error err = {0};
	dm_node t = at_time(s, 500), q = at_time(s, 499), clean = at_time(s, -1);
	double bar = t.alpha * t.alpha, before = q.alpha * q.alpha;
	assert_int_equal(dm_posterior(&t, &q, mean, &variance, &err), DM_OK);
	check_close("coefficient of x_0", mean[1], beta * sqrt(before) / (1 - bar), 1e-12);
	check_close("coefficient of x_t", mean[0], sqrt(1 - beta) * (1 - before) / (1 - bar), 1e-12);
	check_close("variance", variance, beta * (1 - before) / (1 - bar), 1e-12);
	assert_int_equal(dm_posterior(&t, &clean, mean, &variance, &err), DM_OK);
	assert_true(mean[0] == 0 && mean[1] == 1 && variance == 0);
	assert_int_equal(dm_posterior(&t, &t, mean, &variance, &err), DM_OK);
	assert_true(mean[0] == 1 && mean[1] == 0 && variance == 0);
	assert_int_equal(dm_posterior(&q, &t, mean, &variance, &err), DM_ERR_ARGUMENT);
	assert_non_null(strstr(err.message, "must have less noise"));
	assert_int_equal(dm_posterior(&clean, &clean, mean, &variance, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_posterior(&t, NULL, mean, &variance, &err), DM_ERR_ARGUMENT);
	dm_schedule_free(s);
}

/* From pure noise the state says nothing. */
static void test_posterior_of_noise(void **state)
{
	(void)state;
	dm_schedule *s = create("flow");
	double mean[2], variance;
	dm_error err = {0};
	dm_node t = at_time(s, 1), q = at_time(s, 0.6);
	assert_int_equal(dm_posterior(&t, &q, mean, &variance, &err), DM_OK);
	assert_true(mean[0] == 0 && mean[1] == 1 - 0.6 && variance == 0.6 * 0.6);
	dm_schedule_free(s);
}

/* ---------------------------------------------------------------------------------------------------------- places */

static void test_places(void **state)
{
	(void)state;
	for (int k = 0; k < N_NAMED; k++) {
		dm_schedule *s = create(named[k]);
		double clean, noise, value;
		dm_error err = {0};
		dm_node back;
		dm_schedule_range(s, &clean, &noise);
		for (int i = 1; i < 10; i++)
			for (int32_t by = DM_BY_TIME; by <= DM_BY_PERCENT; by++) {
				dm_node node = at_time(s, clean + (noise - clean) * 0.1 * i);
				dm_status st = dm_schedule_measure(s, &node, by, &value, &err);
				if (by == DM_BY_INDEX && !dm_schedule_table_size(s)) {
					assert_int_equal(st, DM_ERR_UNSUPPORTED);
					assert_int_equal(dm_schedule_find(s, by, 3, 0, &back, &err), DM_ERR_UNSUPPORTED);
					continue;
				}
				assert_int_equal(st, DM_OK);
				assert_int_equal(dm_schedule_find(s, by, value, DM_ROUND_NONE, &back, &err), DM_OK);
				if (!(fabs(back.lambda - node.lambda) <= 1e-10))
					fail_msg("%s: by %d, %g: lambda %.15g comes back as %.15g", named[k], (int)by, value, node.lambda,
					         back.lambda);
			}
		dm_schedule_free(s);
	}
}

static double found(const dm_schedule *s, int32_t by, double value, int32_t rounding)
{
	dm_node node;
	dm_error err = {0};
	if (dm_schedule_find(s, by, value, rounding, &node, &err) != DM_OK)
		fail_msg("%s", err.message);
	return node.t;
}

/* percent as ComfyUI's percent_to_sigma has it, between its special ends; rounding as its timestep() and as k-diffusion's
 * sigma_to_t. */
static void test_percent_and_rounding(void **state)
{
	(void)state;
	dm_schedule *sd = create("scaled_linear"), *flow = create("flow"), *edm = create("edm");
	dm_node node;
	dm_error err = {0};
	check_close("percent of a table", found(sd, DM_BY_PERCENT, 0.25, DM_ROUND_NONE), 749.25, 1e-14);
	assert_true(found(sd, DM_BY_PERCENT, 0.25, DM_ROUND_NEAREST) == 749);
	assert_true(found(sd, DM_BY_PERCENT, 0, DM_ROUND_NONE) == 999 && found(sd, DM_BY_PERCENT, 1, DM_ROUND_NONE) == -1);
	check_close("percent of flow", found(flow, DM_BY_PERCENT, 0.3, DM_ROUND_NONE), 0.7, 1e-15);
	check_close("percent of edm", found(edm, DM_BY_PERCENT, 0.5, DM_ROUND_NONE), sqrt(80 * 0.002), 1e-14);
	check_close("between", found(sd, DM_BY_INDEX, 12.25, DM_ROUND_NONE), 12.25, 1e-14);
	assert_true(found(sd, DM_BY_INDEX, 12.5, DM_ROUND_NEAREST) == 12 &&
	            found(sd, DM_BY_INDEX, 13.5, DM_ROUND_NEAREST) == 14);
	assert_true(found(sd, DM_BY_INDEX, 12.99, DM_ROUND_DOWN) == 12 && found(sd, DM_BY_INDEX, 13, DM_ROUND_DOWN) == 13);
	dm_node a = at_time(sd, 500), b = at_time(sd, 501);
	double la = a.sigma / a.alpha, lb = b.sigma / b.alpha, middle = sqrt(la * lb); /* nearest in the logarithm */
	assert_true(found(sd, DM_BY_LEVEL, middle * (1 + 1e-9), DM_ROUND_NEAREST) == 501);
	assert_true(found(sd, DM_BY_LEVEL, middle * (1 - 1e-9), DM_ROUND_NEAREST) == 500);
	assert_int_equal(dm_schedule_find(flow, DM_BY_TIME, 0.5, DM_ROUND_NEAREST, &node, &err), DM_ERR_UNSUPPORTED);
	assert_int_equal(dm_schedule_find(sd, DM_BY_PERCENT, 1.5, 0, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_find(sd, DM_BY_INDEX, 1000, 0, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_find(sd, DM_BY_INDEX, -1, 0, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_find(sd, DM_BY_LEVEL, -1, 0, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_find(sd, DM_BY_LEVEL, NAN, 0, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_find(sd, 0, 1, 0, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_find(sd, 6, 1, 0, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_find(sd, 1, 1, 3, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_find(NULL, 1, 1, 0, &node, &err), DM_ERR_ARGUMENT);
	dm_schedule_free(sd);
	dm_schedule_free(flow);
	dm_schedule_free(edm);
}

/* --------------------------------------------------------------------------------------------------------- changes */

/* Close to the data too t keeps its digits. */
static void test_cosine_near_data(void **state)
{
	(void)state;
	static const char *const specs[] = {"vp_cosine", "vp_cosine:s=0", "cosine:clamp_high=1"};
	for (int k = 0; k < 3; k++) {
		dm_schedule *s = create(specs[k]);
		for (double t = 1e-10; t < 0.5; t *= 3)
			check_close(specs[k], at_lambda(s, at_time(s, t).lambda).t, t, 1e-12);
		dm_schedule_free(s);
	}
}

static double bar(const dm_schedule *s, double t)
{
	dm_node node = at_time(s, t);
	return node.alpha * node.alpha;
}

static void test_zero_terminal(void **state)
{
	(void)state;
	dm_schedule *plain = create("scaled_linear"), *exact = create("scaled_linear:zero_snr=exact");
	dm_schedule *floored = create("scaled_linear:zero_snr=floor"),
	            *after = create("scaled_linear:zero_snr=on_alphas_cumprod,snr_shift=3");
	dm_schedule *before = create("scaled_linear:zero_snr=exact,snr_shift=3");
	double first = sqrt(bar(plain, 0)), last = sqrt(bar(plain, 999));
	for (int i = 0; i < 999; i++) {
		double root = (sqrt(bar(plain, i)) - last) * first / (first - last);
		check_close("exact", bar(exact, i), root * root, 1e-13);
		check_close("variance", at_time(exact, i).sigma, sqrt(1 - root * root), 1e-11);
		assert_true(bar(exact, i) == bar(floored, i));
		check_close("shift of the SNR", bar(before, i), root * root / (3 - 2 * root * root), 1e-13);
	}
	assert_true(bar(exact, 999) == 0 && at_time(exact, 999).sigma == 1 && bar(floored, 999) == 0x1p-24);
	check_close("the first stays", bar(exact, 0), bar(plain, 0), 1e-15);
	double shifted = bar(plain, 0) / (3 - 2 * bar(plain, 0));
	check_close("the first stays as shifted", bar(after, 0), shifted, 1e-14);
	assert_true(bar(after, 999) == 0);
	dm_schedule_free(plain);
	dm_schedule_free(exact);
	dm_schedule_free(floored);
	dm_schedule_free(after);
	dm_schedule_free(before);
}

static void test_table_rules(void **state)
{
	(void)state;
	static const struct {
		const char *spec;
		double t, alpha_bar;
	} known[] = {
	    {"sigmoid:T=3", 1, 0.98980229431145117},
	    {"amplitude:T=100", 0, 1 - 0.0002},
	    {"amplitude:T=100", 1, (1 - 0.0002) * (1 - 0.0004)},
	    {"exp:T=100", 0, 0.88692043671715748}, /* e^(-12/100) */
	    {"exp:T=5", 1, 0.0082297470490200302}, /* e^(-24/5) */
	    {"guided_linear:T=250", 0, 1 - 0.0004},
	    {"sigmoid:T=2", 0, 1 - (1e-4 + 0.0199 * 0.0024726231566347743)},
	    {"sigmoid:T=1", 0, 1 - (1e-4 + 0.0199 * 0.0024726231566347743)},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		dm_schedule *s = create(known[i].spec);
		check_close(known[i].spec, bar(s, known[i].t), known[i].alpha_bar, 1e-14);
		dm_schedule_free(s);
	}
}

/* ln alpha is linear between entry i at (i+1)/K and the next, and beyond both ends. */
static void test_continuous_table(void **state)
{
	(void)state;
	dm_schedule *table = create("linear:T=100"), *s = create("linear:T=100,continuous=1");
	assert_int_equal(dm_schedule_table_size(s), 0);
	double a = log(at_time(table, 10).alpha), b = log(at_time(table, 11).alpha);
	check_close("entry", log(at_time(s, 0.11).alpha), a, 1e-12);
	check_close("between", log(at_time(s, 0.1125).alpha), 0.75 * a + 0.25 * b, 1e-12);
	a = log(at_time(table, 98).alpha), b = log(at_time(table, 99).alpha);
	check_close("beyond", log(at_time(s, 1.01).alpha), 2 * b - a, 1e-12);
	double clean, noise;
	dm_schedule_range(s, &clean, &noise);
	assert_true(clean == 0.01 && noise == 1);
	dm_schedule_free(s);
	s = create("linear:T=100,continuous=1,t_min=0.25,clip_lambda=1");
	dm_schedule_range(s, &clean, &noise);
	assert_true(clean == 0.25);
	/* the kept entries fill (0, 1] */
	assert_true(at_time(s, 1).lambda >= 1 && at_time(s, 1).lambda < 1.1);
	dm_schedule_free(s);
	dm_schedule_free(table);
}

/* ---------------------------------------------------------------------------------------------------------- errors */

static void test_bad_specs(void **state)
{
	(void)state;
	static const struct {
		const char *spec;
		const char *message;
	} bad[] = {
	    {"linear:T=1,zero_snr=exact", "zero_snr needs alpha-bars that fall"},
	    {"linear:zero_snr=some", "zero_snr"},
	    {"linear:zero_snr=floor", "floor = 5.960464477539063e-08 is outside (0, 4.2"},
	    {"linear:snr_shift=0", "snr_shift = 0"},
	    {"linear:T=1,continuous=1", "continuous=1 needs two entries"},
	    {"linear:zero_snr=exact,continuous=1", "above alpha-bar 0"},
	    {"linear:continuous=1,t_min=1", "t_min = 1 is outside"},
	    {"linear:continuous=1,clip_lambda=50", "0 are kept"},
	    {"guided_linear:T=10", "outside (0, 1)"},
	    {"ve_sde:sigma_min=3,sigma_max=2", "sigma_min (3) must be below sigma_max (2)"},
	    {"sub_vp:beta_min=2,beta_max=1", "beta_max (1)"},
	    {"cosine:clamp_low=0.5,clamp_high=0.5", "clamp_low (0.5)"},
	    {"edm_ablation:sigma_min=5,sigma_max=4", "sigma_min (5) must be below sigma_max (4)"},
	    {"edm_ablation:sigma_of_t=vp,sigma_min=2,sigma_max=3", "must not be negative"},
	    {"alpha_bars:at=0.5/0.6", "does not fall below"},
	    {"alpha_bars:at=0.9/nan", "nan"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		dm_schedule *s = (dm_schedule *)&s;
		dm_error err = {0};
		dm_status st = dm_schedule_create(&s, bad[i].spec, NULL, &err);
		if (st != DM_ERR_ARGUMENT && st != DM_ERR_NAME)
			fail_msg("%s: status %d", bad[i].spec, (int)st);
		assert_null(s);
		if (!strstr(err.message, bad[i].message))
			fail_msg("%s: %s", bad[i].spec, err.message);
	}
}

static void test_flow_mu(void **state)
{
	(void)state;
	assert_true(dm_flow_mu(256, 256, 4096, 0.5, 1.15) == 0.5);
	check_close("mu", dm_flow_mu(4096, 256, 4096, 0.5, 1.15), 1.15, 1e-15);
	check_close("mu", dm_flow_mu(1024, 256, 4096, 0.5, 1.15), 0.63, 1e-15);
}

#define TEST(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(rates),
	                                   TEST(rates_at_ends),
	                                   TEST(rates_of_caller),
	                                   TEST(slopes),
	                                   TEST(slopes_of_caller),
	                                   TEST(posterior),
	                                   TEST(posterior_of_chain),
	                                   TEST(posterior_of_noise),
	                                   TEST(places),
	                                   TEST(percent_and_rounding),
	                                   TEST(zero_terminal),
	                                   TEST(table_rules),
	                                   TEST(continuous_table),
	                                   TEST(bad_specs),
	                                   TEST(flow_mu),
	                                   TEST(cosine_near_data)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
