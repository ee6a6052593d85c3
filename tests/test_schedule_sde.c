/* Processes given by drift and diffusion alone, against processes whose integrals are known. */
#include "schedule_testing.h"

/* A problem: f, g, and what they integrate to. */
struct problem {
	const char *name;
	double (*f)(double t), (*g)(double t);
	double (*ln_alpha)(double t), (*sigma)(double t);
	double t_data, t_clean, t_noise;
	/* what the callbacks do beside: */
	double fail_at, nan_at, infinite_at; /* from that time on */
	int calls, destroyed;
};

static dm_status drift(void *user, double t, double *f)
{
	struct problem *p = user;
	p->calls++;
	*f = p->nan_at > 0 && t >= p->nan_at ? NAN : p->f(t);
	return p->fail_at > 0 && t >= p->fail_at ? 23 : 0;
}

static dm_status diffusion(void *user, double t, double *g)
{
	struct problem *p = user;
	*g = p->infinite_at > 0 && t >= p->infinite_at ? INFINITY : p->g(t);
	return 0;
}

static void destroy(void *user)
{
	((struct problem *)user)->destroyed++;
}

static const dm_sde_ops ops = {sizeof ops, drift, diffusion, destroy};

static double zero(double t)
{
	(void)t;
	return 0;
}

static double vp_b(double t)
{
	return t * (9.95 * t + 0.1);
}

static double vp_f(double t)
{
	return -(19.9 * t + 0.1) / 2;
}

static double vp_g(double t)
{
	return sqrt(19.9 * t + 0.1);
}

static double vp_ln_alpha(double t)
{
	return -vp_b(t) / 2;
}

static double vp_sigma(double t)
{
	return sqrt(-expm1(-vp_b(t)));
}

static double sub_vp_g(double t)
{
	return vp_g(t) * sqrt(-expm1(-2 * vp_b(t)));
}

static double sub_vp_sigma(double t)
{
	return -expm1(-vp_b(t));
}

static double flow_f(double t)
{
	return -1 / (1 - t);
}

static double flow_g(double t)
{
	return sqrt(2 * t / (1 - t));
}

static double flow_ln_alpha(double t)
{
	return log1p(-t);
}

static double identity(double t)
{
	return t;
}

static double edm_g(double t)
{
	return -sqrt(2 * t); /* the sign of g does not matter */
}

/* Far below 0, with alpha that grows. */
static double growing_f(double t)
{
	(void)t;
	return 2;
}

static double growing_ln_alpha(double t)
{
	return 2 * (t + 3);
}

static double one(double t)
{
	(void)t;
	return 1;
}

static double growing_sigma(double t)
{
	return sqrt(expm1(4 * (t + 3)) / 4);
}

/* Strong damping: alpha ends at e^-300, sigma^2 settles at 1/600. */
static double damped_f(double t)
{
	(void)t;
	return -300;
}

static double damped_ln_alpha(double t)
{
	return -300 * t;
}

static double damped_sigma(double t)
{
	return sqrt(-expm1(-600 * t) / 600);
}

/* A kink at 0.3 and a jump at 0.7. */
static double rough_f(double t)
{
	return -fabs(t - 0.3) - (t >= 0.7 ? 3 : 0);
}

static double rough_ln_alpha(double t)
{
	double kink = t < 0.3 ? 0.09 / 2 - (0.3 - t) * (0.3 - t) / 2 : 0.09 / 2 + (t - 0.3) * (t - 0.3) / 2;
	return -kink - (t > 0.7 ? 3 * (t - 0.7) : 0);
}

static double wave_g(double t)
{
	return sqrt(1.5 + sin(40 * t));
}

static double wave_sigma(double t)
{
	return sqrt(1.5 * t + (1 - cos(40 * t)) / 40);
}

static const struct problem problems[] = {
    {.name = "vp", .f = vp_f, .g = vp_g, .ln_alpha = vp_ln_alpha, .sigma = vp_sigma, 0, 1e-3, 1},
    {.name = "sub_vp", .f = vp_f, .g = sub_vp_g, .ln_alpha = vp_ln_alpha, .sigma = sub_vp_sigma, 0, 1e-2, 1},
    {.name = "flow", .f = flow_f, .g = flow_g, .ln_alpha = flow_ln_alpha, .sigma = identity, 0, 1e-3, 0.9999},
    {.name = "edm", .f = zero, .g = edm_g, .ln_alpha = zero, .sigma = identity, 0, 2e-3, 80},
    {.name = "growing", .f = growing_f, .g = one, .ln_alpha = growing_ln_alpha, .sigma = growing_sigma, -3, -2.9, 5},
    {.name = "damped", .f = damped_f, .g = one, .ln_alpha = damped_ln_alpha, .sigma = damped_sigma, 0, 1e-4, 1},
    {.name = "rough", .f = rough_f, .g = zero, .ln_alpha = rough_ln_alpha, .sigma = NULL, 0, 0.1, 1},
    {.name = "wave", .f = zero, .g = wave_g, .ln_alpha = zero, .sigma = wave_sigma, 0, 1e-3, 3},
};
enum { N_PROBLEM = sizeof problems / sizeof *problems };

static dm_schedule *make(struct problem *p)
{
	dm_schedule *s;
	dm_error err = {0};
	if (dm_schedule_create_sde(&s, &ops, p, p->t_data, p->t_clean, p->t_noise, NULL, &err) != DM_OK)
		fail_msg("%s: %s", p->name, err.message);
	return s;
}

static double rough_g(double t)
{
	return exp(rough_ln_alpha(t));
}

/* With g = alpha, sigma^2 = alpha^2 t. */
static double rough_sigma(double t)
{
	return exp(rough_ln_alpha(t)) * sqrt(t);
}

static void test_integrals(void **state)
{
	(void)state;
	for (int k = 0; k < N_PROBLEM; k++) {
		struct problem p = problems[k];
		if (!p.sigma) {
			p.g = rough_g;
			p.sigma = rough_sigma;
		}
		dm_schedule *s = make(&p);
		int calls = p.calls;
		for (int i = 0; i <= 1000; i++) {
			double t = i == 1000 ? p.t_noise : p.t_clean + (p.t_noise - p.t_clean) * i / 1000;
			dm_node node = at_time(s, t);
			if (p.ln_alpha(t) > -700)
				check_close(p.name, node.alpha, exp(p.ln_alpha(t)), 1e-10);
			check_close(p.name, node.sigma, p.sigma(t), 1e-10);
			if (!(fabs(node.lambda - p.ln_alpha(t) + log(p.sigma(t))) <= 1e-10))
				fail_msg("%s: lambda %.15g at %g", p.name, node.lambda, t);
		}
		assert_true(p.calls == calls); /* they are not called again */
		dm_node data = at_time(s, p.t_data), clean = at_lambda(s, INFINITY);
		assert_true(data.alpha == 1 && data.sigma == 0 && data.lambda == INFINITY && clean.t == p.t_data);
		assert_int_equal(p.destroyed, 0);
		dm_schedule_free(s);
		assert_int_equal(p.destroyed, 1);
	}
}

static void test_inverse_and_rates(void **state)
{
	(void)state;
	for (int k = 0; k < N_PROBLEM; k++) {
		struct problem p = problems[k];
		double f, g2;
		dm_error err = {0};
		if (!p.sigma)
			p.g = rough_g;
		dm_schedule *s = make(&p);
		for (int i = 0; i < 50; i++) {
			double t = p.t_clean + (p.t_noise - p.t_clean) * i / 50;
			dm_node node = at_time(s, t), back = at_lambda(s, node.lambda);
			/* where sigma has settled lambda still falls, by d ln alpha */
			if (!(fabs(back.lambda - node.lambda) <= 1e-12 * (1 + fabs(node.lambda))))
				fail_msg("%s: lambda %.15g comes back as %.15g", p.name, node.lambda, back.lambda);
			assert_int_equal(dm_schedule_sde(s, t, &f, &g2, &err), DM_OK);
			assert_true(f == p.f(t) && g2 == p.g(t) * p.g(t));
		}
		dm_schedule_free(s);
	}
}

/* A grid and a posterior over it work as over any process. */
static void test_grid_over_it(void **state)
{
	(void)state;
	struct problem p = problems[0];
	dm_schedule *s = make(&p), *vp = create("vp");
	dm_error err = {0};
	dm_grid *a, *b;
	assert_int_equal(dm_grid_create(&a, s, "karras:steps=10", NULL, &err), DM_OK);
	assert_int_equal(dm_grid_create(&b, vp, "karras:steps=10", NULL, &err), DM_OK);
	for (size_t i = 0; i < 10; i++) {
		check_close("t", dm_grid_node(a, i)->t, dm_grid_node(b, i)->t, 1e-9);
		check_close("sigma", dm_grid_node(a, i)->sigma, dm_grid_node(b, i)->sigma, 1e-10);
	}
	dm_schedule_free(s); /* the grid keeps it */
	assert_int_equal(p.destroyed, 0);
	dm_grid_free(a);
	assert_int_equal(p.destroyed, 1);
	dm_grid_free(b);
	dm_schedule_free(vp);
}

/* ---------------------------------------------------------------------------------------------------------- errors */

static void check_refused(struct problem p, double t_data, double t_clean, double t_noise, dm_status status,
                          const char *message)
{
	dm_schedule *s = (dm_schedule *)&s;
	dm_error err = {0};
	assert_int_equal(dm_schedule_create_sde(&s, &ops, &p, t_data, t_clean, t_noise, NULL, &err), status);
	assert_null(s);
	if (!strstr(err.message, message))
		fail_msg("%s", err.message);
	if (status == DM_ERR_CALLBACK)
		assert_int_equal(err.user_code, 23);
	assert_int_equal(p.destroyed, 1); /* also when create fails */
}

static double hopeless(double t)
{
	return t > 0.5 ? 1 / (t - 0.5) : 0;
}

static double noise_like(double t)
{
	return fmod(t * 1e9, 1) < 0.5 ? -1 : 1;
}

static double hot(double t)
{
	(void)t;
	return 1000;
}

static double pausing_off_panel(double t)
{
	return t >= 0.3 && t <= 0.6 ? 0 : 1;
}

static double pausing(double t)
{
	return t > 0.25 && t < 0.5 ? 0 : 1;
}

static void test_refused(void **state)
{
	(void)state;
	struct problem p = problems[0];
	check_refused(p, 0, 0, 1, DM_ERR_ARGUMENT, "t_data (0) must be below t_clean (0)");
	check_refused(p, 0, 1, 1, DM_ERR_ARGUMENT, "below t_noise (1)");
	check_refused(p, -INFINITY, 0.1, 1, DM_ERR_ARGUMENT, "all finite");
	check_refused(p, NAN, 0.1, 1, DM_ERR_ARGUMENT, "all finite");
	check_refused(p, 0, 0.1, INFINITY, DM_ERR_ARGUMENT, "all finite");
	p.fail_at = 0.75;
	check_refused(p, 0, 0.1, 1, DM_ERR_CALLBACK, "schedule drift");
	p.fail_at = 0;
	p.nan_at = 0.75;
	check_refused(p, 0, 0.1, 1, DM_ERR_ARGUMENT, "drift = nan");
	p.nan_at = 0;
	p.infinite_at = 0.75;
	check_refused(p, 0, 0.1, 1, DM_ERR_ARGUMENT, "diffusion = inf");
	p.infinite_at = 0;
	p.f = hopeless;
	check_refused(p, 0, 0.1, 1, DM_ERR_ARGUMENT, "cannot be integrated near t = 0.5: there one of them has no bound");
	p.f = noise_like;
	check_refused(p, 0, 0.1, 1, DM_ERR_ARGUMENT, "cannot be integrated");
	p.f = hot; /* sigma^2 overflows */
	check_refused(p, 0, 0.1, 1, DM_ERR_ARGUMENT, "both must be finite");
	p.f = p.g = zero; /* no noise at all */
	check_refused(p, 0, 0.1, 1, DM_ERR_ARGUMENT, "diffusion is 0 from t = 0 to 1,");
	p.g = pausing_off_panel; /* the whole stretch, not the panel that the kink leaves */
	check_refused(p, 0, 0.1, 1, DM_ERR_ARGUMENT, "diffusion is 0 from t = 0.3 to 0.6, so that lambda does not fall");
	p.g = pausing;
	check_refused(p, 0, 0.1, 1, DM_ERR_ARGUMENT, "diffusion is 0 from t = 0.25 to 0.5, so that lambda does not fall");
}

/* ln alpha = -1000 t: below the least number alpha is 0, and so the level is infinite. */
static double steep(double t)
{
	(void)t;
	return -1000;
}

static void test_underflow(void **state)
{
	(void)state;
	struct problem p = problems[0];
	p.f = steep;
	p.g = hot;
	dm_schedule *s;
	dm_error err = {0};
	dm_node node;
	assert_int_equal(dm_schedule_create_sde(&s, &ops, &p, 0, 0.1, 1, NULL, &err), DM_OK);
	assert_int_equal(dm_schedule_at_time(s, 0.5, &node, &err), DM_OK);
	assert_true(fabs(node.lambda + 500 + log(500) / 2) < 1e-8 && node.alpha > 0);
	assert_int_equal(dm_schedule_at_time(s, 0.9, &node, &err), DM_OK);
	assert_true(node.lambda == -INFINITY && node.alpha == 0 && fabs(node.sigma - sqrt(500)) < 1e-8);
	assert_int_equal(dm_schedule_at_lambda(s, -INFINITY, &node, &err), DM_OK);
	assert_true(node.lambda == -INFINITY && node.alpha == 0);
	dm_grid *g;
	assert_int_equal(dm_grid_create(&g, s, "levels:at=inf/3/1", NULL, &err), DM_OK);
	dm_grid_free(g);
	dm_schedule_free(s);
}

static void test_bad_calls(void **state)
{
	(void)state;
	struct problem p = problems[0];
	dm_schedule *s;
	dm_error err = {0};
	dm_sde_ops bad = ops;
	assert_int_equal(dm_schedule_create_sde(NULL, &ops, &p, 0, 0.1, 1, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(p.destroyed, 1);
	assert_int_equal(dm_schedule_create_sde(&s, NULL, &p, 0, 0.1, 1, NULL, &err), DM_ERR_ARGUMENT);
	bad.drift = NULL;
	assert_int_equal(dm_schedule_create_sde(&s, &bad, &p, 0, 0.1, 1, NULL, &err), DM_ERR_ARGUMENT);
	assert_non_null(strstr(err.message, "drift is NULL"));
	bad = ops;
	bad.diffusion = NULL;
	assert_int_equal(dm_schedule_create_sde(&s, &bad, &p, 0, 0.1, 1, NULL, &err), DM_ERR_ARGUMENT);
	bad = ops;
	bad.struct_size = 3;
	assert_int_equal(dm_schedule_create_sde(&s, &bad, &p, 0, 0.1, 1, NULL, &err), DM_ERR_ARGUMENT);
	assert_null(s);
}

static void test_memory(void **state)
{
	(void)state;
	struct memory memory;
	dm_allocator allocator = counting_allocator(&memory);
	for (int n = 0;; n++) {
		struct problem p = problems[7]; /* more panels than the first block holds */
		p.t_noise = 30;
		dm_schedule *s;
		dm_error err;
		memory = (struct memory){.left = n};
		dm_status st = dm_schedule_create_sde(&s, &ops, &p, p.t_data, p.t_clean, p.t_noise, &allocator, &err);
		if (st == DM_OK) {
			assert_true(n >= 4);
			dm_schedule_free(s);
			assert_true(memory.bytes == 0 && p.destroyed == 1);
			break;
		}
		assert_int_equal(st, DM_ERR_MEMORY);
		assert_true(s == NULL && memory.bytes == 0 && p.destroyed == 1);
	}
}

#define TEST(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(integrals), TEST(inverse_and_rates), TEST(grid_over_it), TEST(refused),
	                                   TEST(underflow), TEST(bad_calls),         TEST(memory)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
