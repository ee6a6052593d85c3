/* Noise processes: known values, inverses, ends, errors, the caller's own process, memory. */
#include "schedule_testing.h"
#include "schedule/schedule.h"

static const char *const named[] = {"linear",
                                    "scaled_linear",
                                    "squared_cosine:T=100",
                                    "betas:at=0.1/0.2/0.3/1",
                                    "alpha_bars:at=0.9/0.5/0.1/0",
                                    "betas:at=1",
                                    "vp",
                                    "vp:beta_min=0,beta_max=30",
                                    "ve",
                                    "edm",
                                    "flow",
                                    "sigmoid",
                                    "laplace:T=100",
                                    "exp",
                                    "guided_linear:T=250",
                                    "amplitude:T=100",
                                    "scaled_linear:zero_snr=exact",
                                    "scaled_linear:zero_snr=floor,snr_shift=3",
                                    "linear:zero_snr=on_alphas_cumprod,snr_shift=2",
                                    "scaled_linear:continuous=1",
                                    "squared_cosine:continuous=1,clip_lambda=-5.1,t_min=0.01",
                                    "sub_vp",
                                    "vp_cosine",
                                    "cosine:scaler=0.5,shift=3,clamp_low=1e-12,clamp_high=1",
                                    "ve_sde",
                                    "edm_ablation:sigma_of_t=ve",
                                    "edm_ablation:sigma_of_t=vp,scaling=vp",
                                    "trigflow",
                                    "trigflow:sigma_data=1"};
enum { N_NAMED = sizeof named / sizeof *named };

/* ------------------------------------------------------------------------------------------------------- values */

/* alpha-bars as published by DDPMScheduler (linear), the Stable Diffusion table, and the cosine of 100 entries. */
static void test_published_tables(void **state)
{
	(void)state;
	static const struct {
		const char *spec;
		double t, alpha_bar;
	} known[] = {
	    {"linear", 0, 0.9999},
	    {"linear", 1, 0.9997800920720721},
	    {"linear", 500, 0.07779665836502389},
	    {"linear", 999, 4.035829765375676e-05},
	    {"scaled_linear", 0, 0.99915},
	    {"scaled_linear", 31, 0.9708255413005304},
	    {"squared_cosine:T=100", 0, 0.9993687184016583},
	    {"squared_cosine:T=100", 50, 0.4782646329454781},
	    {"squaredcos_cap_v2:T=100", 99, 2.4285722793500615e-07},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		dm_schedule *s = create(known[i].spec);
		dm_node node = at_time(s, known[i].t);
		/* 1e-12: the originals subtract numbers close to 1 */
		check_close(known[i].spec, node.alpha * node.alpha, known[i].alpha_bar, 1e-12);
		check_close(known[i].spec, node.alpha * node.alpha + node.sigma * node.sigma, 1, 1e-15);
		check_close(known[i].spec, node.lambda, log(node.alpha / node.sigma), 1e-14);
		assert_true(isnan(node.time) && node.visit == -1);
		dm_schedule_free(s);
	}
}

static void test_table_against_long_double(void **state)
{
	(void)state;
	dm_schedule *s = create("linear:T=400,beta_start=0.0002,beta_end=0.03");
	long double keep = 1, lost = 0; /* alpha-bar and 1 - alpha-bar */
	for (int i = 0; i < 400; i++) {
		long double beta = 0.0002L + (0.03L - 0.0002L) * i / 399;
		lost += beta * keep;
		keep *= 1 - beta;
		dm_node node = at_time(s, i);
		check_close("alpha", node.alpha, (double)sqrtl(keep), 1e-14);
		check_close("sigma", node.sigma, (double)sqrtl(lost), 1e-14);
	}
	assert_int_equal(dm_schedule_table_size(s), 400);
	dm_schedule_free(s);
}

static void test_between_entries(void **state)
{
	(void)state;
	dm_schedule *s = create("betas:at=0.1/0.2/0.3/1");
	dm_node a = at_time(s, 1), b = at_time(s, 2), middle = at_time(s, 1.25);
	check_close("lambda is linear", middle.lambda, 0.75 * a.lambda + 0.25 * b.lambda, 1e-15);
	/* a last alpha-bar of 0: alpha-bar is linear there */
	dm_node end = at_time(s, 3), near_end = at_time(s, 2.75);
	assert_true(end.alpha == 0 && end.sigma == 1 && end.lambda == -INFINITY);
	check_close("alpha-bar is linear", near_end.alpha * near_end.alpha, 0.25 * b.alpha * b.alpha, 1e-15);
	check_close("variance", near_end.sigma * near_end.sigma, 1 - 0.25 * b.alpha * b.alpha, 1e-15);
	/* below entry 0: sigma/alpha is linear and 0 at t = -1 */
	dm_node first = at_time(s, 0), below = at_time(s, -0.75), clean = at_time(s, -1);
	check_close("level is linear", below.sigma / below.alpha, 0.25 * first.sigma / first.alpha, 1e-15);
	assert_true(clean.alpha == 1 && clean.sigma == 0 && clean.lambda == INFINITY && clean.t == -1);
	dm_schedule_free(s);
}

static void test_vp_values(void **state)
{
	(void)state;
	dm_schedule *s = create("vp");
	static const double t[] = {1e-9, 1e-5, 0.001, 0.0105, 0.33333, 0.5, 0.99, 1};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		long double b = 19.9L * t[i] * t[i] / 2 + 0.1L * t[i];
		dm_node node = at_time(s, t[i]);
		check_close("alpha", node.alpha, (double)expl(-b / 2), 2e-15);
		check_close("sigma", node.sigma, (double)sqrtl(-expm1l(-b)), 2e-15);
		check_close("lambda", node.lambda, (double)(-logl(expm1l(b)) / 2), 2e-15);
		check_close("t", at_lambda(s, node.lambda).t, t[i], 1e-14);
	}
	/* as published by NoiseScheduleVP, which cancels a little */
	check_close("t of lambda", at_lambda(s, -4.5).t, 0.9460586073749151, 1e-12);
	check_close("t of lambda", at_lambda(s, 4).t, 0.002653485625477408, 1e-12);
	dm_schedule_free(s);
}

static void test_ve_and_flow_values(void **state)
{
	(void)state;
	static const double t[] = {1e-12, 1e-5, 0.002, 0.25, 0.5, 0.75, 0.999999};
	dm_schedule *ve = create("ve"), *flow = create("flow");
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		dm_node a = at_time(ve, 80 * t[i]), b = at_time(flow, t[i]);
		assert_true(a.alpha == 1 && a.sigma == 80 * t[i] && b.alpha == 1 - t[i] && b.sigma == t[i]);
		check_close("ve lambda", a.lambda, (double)-logl(80 * t[i]), 1e-15);
		check_close("flow lambda", b.lambda, (double)(log1pl(-(long double)t[i]) - logl(t[i])), 1e-15);
	}
	/* where 1 - s has lost all its digits, alpha still has its own */
	check_close("flow alpha", at_lambda(flow, -50).alpha, 1.9287498479639177830e-22, 1e-14);
	dm_node noise = at_time(flow, 1);
	assert_true(noise.alpha == 0 && noise.sigma == 1 && noise.lambda == -INFINITY);
	assert_true(at_time(ve, 5000).sigma == 5000); /* levels are free */
	dm_schedule_free(ve);
	dm_schedule_free(flow);
}

/* -------------------------------------------------------------------------------------------- inverses and ends */

static void check_inverse(const dm_schedule *s, const char *name, double t)
{
	dm_node node = at_time(s, t), back = at_lambda(s, node.lambda);
	/* lambda is rounded to 1 ulp: close to an infinite end that moves t by more than its own rounding */
	double slack = 1e-12 * (fabs(t) + 1);
	if (!(fabs(back.t - t) <= slack))
		fail_msg("%s: t %.17g comes back as %.17g", name, t, back.t);
	check_close(name, back.alpha, node.alpha, 1e-12);
	check_close(name, back.sigma, node.sigma, 1e-12);
}

static void test_round_trips(void **state)
{
	(void)state;
	uint64_t random = 1;
	for (int k = 0; k < N_NAMED; k++) {
		double low, high;
		dm_schedule *s = create(named[k]);
		dm_schedule_range(s, &low, &high);
		low = s->t_zero;
		for (int i = 0; i < 2000; i++)
			check_inverse(s, named[k], low + (high - low) * uniform(&random));
		for (int i = 0; i < 2000; i++) {
			double lambda = fmin(fmax(s->lambda_low, -12) + 20 * uniform(&random), s->lambda_high);
			double back = at_time(s, at_lambda(s, lambda).t).lambda;
			/* t near a clean end of -1, or near t = 1 of flow, cannot hold more digits than this */
			double slack = 1e-12 + 4e-16 * exp(fabs(lambda) * 2);
			if (!(fabs(back - lambda) <= slack * (1 + fabs(lambda))))
				fail_msg("%s: lambda %.17g comes back as %.17g", named[k], lambda, back);
		}
		dm_schedule_free(s);
	}
}

static void test_ends(void **state)
{
	(void)state;
	for (int k = 0; k < N_NAMED; k++) {
		double clean, noise;
		dm_schedule *s = create(named[k]);
		dm_schedule_range(s, &clean, &noise);
		dm_node zero = at_lambda(s, INFINITY);
		assert_true(zero.alpha == 1 && zero.sigma == 0 && zero.t == s->t_zero);
		if (clean < noise)
			assert_true(at_time(s, noise).lambda < at_time(s, clean).lambda);
		/* every entry of a table is found again exactly */
		for (size_t i = 0; i < dm_schedule_table_size(s); i++) {
			dm_node node = at_time(s, (double)i), again = at_lambda(s, node.lambda);
			assert_true(again.t == (double)i && again.alpha == node.alpha && again.sigma == node.sigma);
		}
		dm_schedule_free(s);
	}
}

/* -------------------------------------------------------------------------------------------------------- errors */

static void test_bad_specs(void **state)
{
	(void)state;
	static const struct {
		const char *spec;
		dm_status status;
		const char *message;
	} bad[] = {
	    {"liner", DM_ERR_NAME, "did you mean \"linear\""},
	    {"linear:beta=1", DM_ERR_NAME, "unknown name \"beta\""},
	    {"linear:T=0", DM_ERR_ARGUMENT, "T = 0 is outside [1, 1000000]"},
	    {"linear:T=2.5", DM_ERR_ARGUMENT, "whole number"},
	    {"linear:beta_start=0", DM_ERR_ARGUMENT, "beta[0] = 0 is outside (0, 1)"},
	    {"linear:T=1000000", DM_ERR_ARGUMENT, "T = 1000000"}, /* alpha-bar reaches 0 long before the end */
	    {"linear:beta_end=1", DM_ERR_ARGUMENT, "lower the betas (beta_start = 0.0001, beta_end = 1) or T"},
	    {"exp:rate=1000", DM_ERR_ARGUMENT, "must be above 2.2250738585072014e-308"},
	    {"exp:rate=1000", DM_ERR_ARGUMENT, "rate = 1000"},
	    {"amplitude:beta_end=1", DM_ERR_ARGUMENT, "(beta_end = 1)"},
	    {"linear:floor=0.3", DM_ERR_ARGUMENT, "floor=0.3 has no effect without zero_snr=floor"},
	    {"linear:zero_snr=exact,floor=0.3", DM_ERR_ARGUMENT, "floor=0.3 has no effect without zero_snr=floor"},
	    {"linear:clip_lambda=-3", DM_ERR_ARGUMENT, "clip_lambda=-3 has no effect without continuous=1"},
	    {"alpha_bars:at=0.9/0.5,t_min=0.1", DM_ERR_ARGUMENT, "t_min=0.1 has no effect without continuous=1"},
	    {"betas", DM_ERR_ARGUMENT, "1 to 1000000 entries, not 0"},
	    {"betas:at=0.5/1/0.5", DM_ERR_ARGUMENT, "beta[1] = 1"},
	    {"betas:at=0.5/1.5", DM_ERR_ARGUMENT, "at = 1.5 is outside [0, 1]"},
	    {"betas:at=0.5/nan", DM_ERR_ARGUMENT, "nan"},
	    {"alpha_bars:at=0.9/0.95", DM_ERR_ARGUMENT, "alpha_bar[1] = 0.95 does not fall below 0.9"},
	    {"alpha_bars:at=0.9/0.9", DM_ERR_ARGUMENT, "does not fall"},
	    {"alpha_bars:at=1/0.9", DM_ERR_ARGUMENT, "alpha_bar[0] = 1 is outside [0, 1)"},
	    {"edm:sigma_min=2,sigma_max=1.5", DM_ERR_ARGUMENT,
	     "schedule \"edm\": sigma_min (2) must be below sigma_max (1.5)"},
	    {"vp:beta_min=3,beta_max=2", DM_ERR_ARGUMENT, "beta_max (2)"},
	    {NULL, DM_ERR_ARGUMENT, "spec is NULL"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		dm_schedule *s = (dm_schedule *)&s;
		dm_error err = {0};
		assert_int_equal(dm_schedule_create(&s, bad[i].spec, NULL, &err), bad[i].status);
		assert_null(s);
		if (!strstr(err.message, bad[i].message))
			fail_msg("%s: %s", bad[i].spec, err.message);
	}
}

static void test_bad_calls(void **state)
{
	(void)state;
	dm_schedule *s = create("linear"), *none;
	dm_node node;
	dm_error err = {0};
	const double beta[] = {0.1, 2}, rising[] = {0.5, 0.6};
	assert_int_equal(dm_schedule_create(NULL, "linear", NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_create_betas(&none, NULL, 3, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_create_betas(&none, beta, 0, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_create_betas(&none, beta, SIZE_MAX, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_create_betas(&none, beta, 2, NULL, &err), DM_ERR_ARGUMENT);
	assert_non_null(strstr(err.message, "beta[1] = 2"));
	assert_int_equal(dm_schedule_create_alpha_bars(&none, rising, 2, NULL, &err), DM_ERR_ARGUMENT);
	assert_null(none);
	static const double time[] = {-1.0001, 999.5, INFINITY, NAN};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(dm_schedule_at_time(s, time[i], &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_at_time(s, 1234, &node, &err), DM_ERR_ARGUMENT);
	assert_string_equal(err.message, "schedule \"linear\": time 1234 is outside [-1, 999]");
	assert_true(err.value == 1234);
	assert_int_equal(dm_schedule_at_lambda(s, -6, &node, &err), DM_ERR_ARGUMENT);
	assert_non_null(strstr(err.message, "lambda -6 is outside [-5.05"));
	assert_int_equal(dm_schedule_at_lambda(s, -INFINITY, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_at_lambda(s, NAN, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_at_lambda(NULL, 0, &node, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_at_time(s, 0, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_at_time(s, 5000, &node, NULL), DM_ERR_ARGUMENT);
	dm_schedule_free(s);
	dm_schedule_free(NULL);
}

/* ------------------------------------------------------------------------------------------ the caller's process */

/* flow, with knobs. */
struct own {
	dm_status code;
	int calls, fail_at, destroyed;
	double alpha_factor;
};

static dm_status own_level(void *user, double t, double *alpha, double *sigma)
{
	struct own *own = user;
	if (++own->calls == own->fail_at)
		return own->code;
	*alpha = own->alpha_factor * (1 - t);
	*sigma = t;
	return 0;
}

static dm_status own_time(void *user, double lambda, double *t)
{
	struct own *own = user;
	*t = 1 / (1 + exp(lambda));
	return own->code;
}

static void own_destroy(void *user)
{
	((struct own *)user)->destroyed++;
}

static const dm_schedule_ops own_ops = {sizeof own_ops, own_level, own_destroy, own_time, NULL};

static void test_custom(void **state)
{
	(void)state;
	uint64_t random = 3;
	for (int with_time = 0; with_time < 2; with_time++) {
		struct own own = {.alpha_factor = 1};
		dm_schedule_ops ops = own_ops;
		dm_schedule *s;
		dm_error err = {0};
		if (!with_time)
			ops.struct_size = offsetof(dm_schedule_ops, time); /* the first version of the struct */
		assert_int_equal(dm_schedule_create_custom(&s, &ops, &own, 0.01, 0.99, NULL, &err), DM_OK);
		for (int i = 0; i < 1000; i++)
			check_inverse(s, "custom", 0.01 + 0.98 * uniform(&random));
		dm_node zero = at_lambda(s, INFINITY), node;
		assert_true(zero.alpha == 1 && zero.sigma == 0 && zero.t == 0.01);
		assert_int_equal(dm_schedule_at_time(s, 0.005, &node, &err), DM_ERR_ARGUMENT);
		assert_int_equal(dm_schedule_at_lambda(s, 5, &node, &err), DM_ERR_ARGUMENT);
		assert_non_null(strstr(err.message, "schedule \"custom\": lambda 5 is outside [-4.59"));
		dm_schedule_free(s);
		assert_int_equal(own.destroyed, 1);
	}
}

static void test_custom_fails(void **state)
{
	(void)state;
	static const dm_status codes[] = {1, 2, -1, INT32_MIN};
	for (size_t i = 0; i < 4; i++)
		for (int call = 1; call <= 2; call++) {
			struct own own = {.code = codes[i], .fail_at = call, .alpha_factor = 1};
			dm_schedule *s;
			dm_error err;
			memset(&err, 'x', sizeof err); /* what stood there before must not come back */
			assert_int_equal(dm_schedule_create_custom(&s, &own_ops, &own, 0, 1, NULL, &err), DM_ERR_CALLBACK);
			assert_null(s);
			assert_int_equal(err.user_code, codes[i]);
			assert_null(strchr(err.message, 'x'));
			assert_int_equal(own.destroyed, 1);
		}
	struct own own = {.code = 7, .alpha_factor = 1};
	dm_schedule *s;
	dm_node node;
	dm_error err = {0};
	assert_int_equal(dm_schedule_create_custom(&s, &own_ops, &own, 0, 1, NULL, &err), DM_OK);
	assert_int_equal(dm_schedule_at_lambda(s, 0.5, &node, &err), DM_ERR_CALLBACK);
	assert_int_equal(err.user_code, 7);
	assert_string_equal(err.message, "schedule time callback returned 7");
	dm_schedule_free(s);
}

static void test_custom_bad(void **state)
{
	(void)state;
	static const struct {
		double alpha_factor, t_clean, t_noise;
	} bad[] = {{NAN, 0, 1},   {-1, 0, 1},  {INFINITY, 0, 0.5}, {1, 1, 0},
	           {1, 0.5, 0.5}, {1, 0, NAN}, {0, 0, 1},          {0, 0.5, 1}};
	dm_error err = {0};
	dm_schedule *s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct own own = {.alpha_factor = bad[i].alpha_factor};
		assert_int_equal(dm_schedule_create_custom(&s, &own_ops, &own, bad[i].t_clean, bad[i].t_noise, NULL, &err),
		                 DM_ERR_ARGUMENT);
		assert_null(s);
		assert_non_null(strstr(err.message, i < 3 ? "both must be finite" : i < 6 ? "below t_noise" : "t = "));
		assert_int_equal(own.destroyed, 1);
	}
	struct own own = {.alpha_factor = 1};
	dm_schedule_ops ops = own_ops;
	ops.level = NULL;
	assert_int_equal(dm_schedule_create_custom(&s, &ops, &own, 0, 1, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_create_custom(NULL, &own_ops, &own, 0, 1, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(own.destroyed, 2);
	ops.struct_size = 3;
	assert_int_equal(dm_schedule_create_custom(&s, &ops, &own, 0, 1, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_schedule_create_custom(&s, NULL, NULL, 0, 1, NULL, &err), DM_ERR_ARGUMENT);
}

/* -------------------------------------------------------------------------------------------------------- memory */

static void test_memory(void **state)
{
	(void)state;
	struct memory memory;
	dm_allocator allocator = counting_allocator(&memory);
	dm_schedule *s;
	dm_error err;
	for (int k = 0; k < N_NAMED; k++)
		for (int n = 0;; n++) {
			memory = (struct memory){.left = n};
			dm_status st = dm_schedule_create(&s, named[k], &allocator, &err);
			if (st == DM_OK) {
				assert_true(n > 0 && memory.bytes > 0);
				dm_schedule_free(s);
				assert_true(memory.bytes == 0);
				break;
			}
			assert_int_equal(st, DM_ERR_MEMORY);
			assert_true(s == NULL && memory.bytes == 0);
		}
	struct own own = {.alpha_factor = 1};
	memory = (struct memory){.left = 0};
	assert_int_equal(dm_schedule_create_custom(&s, &own_ops, &own, 0, 1, &allocator, &err), DM_ERR_MEMORY);
	assert_int_equal(own.destroyed, 1);
}

static void test_spec_comes_back(void **state)
{
	(void)state;
	const double beta[] = {0.1, 0.25, 1};
	char text[128];
	for (int k = 0; k < N_NAMED; k++) {
		struct dmi_text out = {text, sizeof text, 0};
		dm_schedule *s = create(named[k]);
		dmi_schedule_print(s, &out);
		assert_string_equal(text, named[k]);
		dm_schedule_free(s);
	}
	struct dmi_text out = {text, sizeof text, 0};
	dm_schedule *s;
	assert_int_equal(dm_schedule_create_betas(&s, beta, 3, NULL, NULL), DM_OK);
	dmi_schedule_print(s, &out);
	assert_string_equal(text, "betas:at=0.1/0.25/1");
	dm_schedule_free(s);
}

#define TEST(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(published_tables),
	                                   TEST(table_against_long_double),
	                                   TEST(between_entries),
	                                   TEST(vp_values),
	                                   TEST(ve_and_flow_values),
	                                   TEST(round_trips),
	                                   TEST(ends),
	                                   TEST(bad_specs),
	                                   TEST(bad_calls),
	                                   TEST(custom),
	                                   TEST(custom_fails),
	                                   TEST(custom_bad),
	                                   TEST(memory),
	                                   TEST(spec_comes_back)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
