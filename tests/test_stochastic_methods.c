/* Facts of single stochastic methods, from the coefficients of their plans: the optimal variance of Analytic-DPM, the reverse
 * SDE with any share of noise and temperature, annealed Langevin dynamics. */
#include "properties.h"
#include "property_table.h"

/* -------------------------------------------------------------------------------------------------------- the laws */

struct law {
	double mean, variance;
};

static struct law law_of(const char *sampler, const struct process *p, const dm_node *node, size_t n)
{
	static struct walk w;
	struct recipe r = {.sampler = sampler, .schedule = p->schedule, .model = p->model, .node = node, .n_node = n};
	dm_plan *plan = make_plan(&r, NULL, NULL);
	memset(&w, 0, sizeof w);
	w.kind = p->model;
	w.target = &gaussian;
	walk_plan(&w, plan);
	dm_plan_free(plan);
	return (struct law){w.state[0], form_variance(w.state)};
}

/* Of the target with the noise of a node. */
static struct law law_at(const dm_node *at)
{
	double a = at->alpha * gaussian.sd[0];
	return (struct law){at->alpha * gaussian.mean[0], a * a + at->sigma * at->sigma};
}

static double distance(struct law a, struct law b)
{
	return fmax(fabs(a.mean - b.mean) / sqrt(b.variance), fabs(a.variance / b.variance - 1));
}

/* n nodes even in lambda from u = 10 to 0.1. */
static void even_nodes(const char *spec, dm_node *node, size_t n)
{
	dm_schedule *schedule;
	assert_int_equal(dm_schedule_create(&schedule, spec, NULL, NULL), DM_OK);
	for (size_t i = 0; i < n; i++) {
		double lambda = log(10) * (2 * (double)i / (double)(n - 1) - 1);
		assert_int_equal(dm_schedule_at_lambda(schedule, lambda, &node[i], NULL), DM_OK);
	}
	dm_schedule_free(schedule);
}

/* Why a plan over the nodes is refused. */
static void expect_refusal(const char *sampler, const struct process *p, const dm_node *node, size_t n,
                           dm_status status, const char *said)
{
	struct objects o;
	dm_error err = {0};
	dm_model_ops ops = {.struct_size = sizeof ops};
	struct recipe r = {.sampler = sampler, .schedule = p->schedule, .model = p->model, .node = node, .n_node = n};
	dm_status st = make_objects(&o, &r, &ops, NULL, NULL, &err);
	free_objects(&o);
	if (st != status || !strstr(err.message, said))
		fail_msg("%s: status %d, \"%s\"", sampler, (int)st, err.message);
}

/* ------------------------------------------------------------------------------------------------- the optimal variance */

/* E epsilon^2 of the exact model: epsilon = sigma (x - alpha m) / (alpha^2 sd^2 + sigma^2). */
static double exact_gamma(const dm_node *at)
{
	return at->sigma * at->sigma / law_at(at).variance;
}

static void analytic_spec(char out[400], const char *options, const double *gamma, size_t n)
{
	size_t length = (size_t)snprintf(out, 400, "analytic_dpm:%sgamma=", options);
	for (size_t i = 0; i < n; i++)
		length += (size_t)snprintf(out + length, 400 - length, i ? "/%.17g" : "%.17g", gamma[i]);
}

/* For Gaussian data and an exact model the optimal variance is that of the true reverse step, so every number of steps ends
 * at the marginal, DDIM's too. With the variance of DDPM it does not. */
static void optimal_variance_is_exact(void **state)
{
	static const char *const forms[] = {"", "eta=0.5,", "eta=0,"}, *const plain[] = {"ddpm", "ddim:eta=0.5", "ddim"};
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int form = 0; form < 3; form++)
			for (size_t n = 1; n <= 5; n++) {
				dm_node node[6];
				double gamma[5];
				char spec[400];
				even_nodes(processes[k].schedule, node, n + 1);
				for (size_t i = 0; i < n; i++)
					gamma[i] = exact_gamma(&node[i]);
				analytic_spec(spec, forms[form], gamma, n);
				double off = distance(law_of(spec, &processes[k], node, n + 1), law_at(&node[n]));
				double without = distance(law_of(plain[form], &processes[k], node, n + 1), law_at(&node[n]));
				if (!(off < 1e-11 && without > 0.05))
					fail_msg("%s over %s: off by %g, and by %g without the list", spec, processes[k].schedule, off,
					         without);
			}
}

/* The bounds of theorem 2 and on the last noise, over one step from u to v with eta = 0: the noise is c sqrt(v0) on ve, where
 * c = 1 - v/u. */
static void optimal_variance_is_bounded(void **state)
{
	const struct process *p = &processes[2];
	dm_node node[3];
	(void)state;
	assert_string_equal(p->schedule, "ve");
	even_nodes(p->schedule, node, 3);
	double c = 1 - node[1].sigma / node[0].sigma, known = law_of("ddim", p, node, 2).variance;
	struct {
		const char *spec;
		double variance; /* of x0 given x */
	} cases[] = {
	    {"analytic_dpm:eta=0,gamma=0.75", 0.25 * node[0].sigma * node[0].sigma},
	    {"analytic_dpm:eta=0,gamma=1.25", 0},
	    {"analytic_dpm:eta=0,gamma=0.75,range=2", 1},
	    {"analytic_dpm:eta=0,gamma=0.75,range=1", 0.25},
	    {"analytic_dpm:eta=0,gamma=0.9999,range=1e9", 1e-4 * node[0].sigma * node[0].sigma},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double fresh = law_of(cases[i].spec, p, node, 2).variance - known;
		if (!(fabs(fresh - c * c * cases[i].variance) < 1e-11 * (1 + fresh)))
			fail_msg("%s: noise of variance %g instead of %g", cases[i].spec, fresh, c * c * cases[i].variance);
	}
	/* the last step with noise of a grid that ends clean: E |s z| = 2 2/255; no other */
	assert_int_equal(node[1].sigma > 0, 1);
	dm_schedule *schedule;
	assert_int_equal(dm_schedule_create(&schedule, "ve", NULL, NULL), DM_OK);
	assert_int_equal(dm_schedule_at_lambda(schedule, INFINITY, &node[2], NULL), DM_OK);
	dm_schedule_free(schedule);
	double k = gaussian.sd[0] * gaussian.sd[0] / law_at(&node[1]).variance, most = 4.0 / 255 * sqrt(acos(-1) / 2);
	double ended = law_of("analytic_dpm:eta=0,gamma=0.75/1,last_pixels=2", p, node, 3).variance;
	assert_true(fabs(ended / (k * k * (known + most * most)) - 1) < 1e-11);
	double open = law_of("analytic_dpm:eta=0,gamma=0.75,last_pixels=2", p, node, 2).variance - known;
	assert_true(fabs(open / (c * c * cases[0].variance) - 1) < 1e-11);
}

static void lists_of_the_wrong_length_are_refused(void **state)
{
	dm_node node[4];
	(void)state;
	even_nodes("vp", node, 4);
	expect_refusal("analytic_dpm:gamma=0.5/0.6", &processes[0], node, 4, DM_ERR_ARGUMENT,
	               "has 2 entries, it needs one for each of the 3 steps");
	expect_refusal("analytic_dpm:gamma=0.5/0.6/0.7/0.8", &processes[0], node, 4, DM_ERR_ARGUMENT, "has 4 entries");
	assert_true(law_of("analytic_dpm:gamma=0.5/0.6/0.7", &processes[0], node, 4).variance > 0);
}

/* ------------------------------------------------------------------------------------------------- estimates from data */

enum { N_SAMPLE = 40, N_ELEMENT = 256, N_DRAW = 3, N_DATA = N_SAMPLE * N_ELEMENT };

struct setting {
	dm_schedule *schedule;
	dm_grid *grid;
	dm_model *model;
	struct world world;
};

static void make_setting(struct setting *s, const struct process *p, const dm_node *node, size_t n,
                         dm_status (*callback)(void *, const dm_request *))
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = callback};
	s->world = (struct world){.kind = p->model, .target = &gaussian};
	assert_int_equal(dm_schedule_create(&s->schedule, p->schedule, NULL, NULL), DM_OK);
	assert_int_equal(dm_grid_create_nodes(&s->grid, s->schedule, node, n, NULL, NULL), DM_OK);
	assert_int_equal(dm_model_create(&s->model, p->model, &ops, &s->world, NULL, NULL), DM_OK);
}

static void free_setting(struct setting *s)
{
	dm_model_free(s->model);
	dm_grid_free(s->grid);
	dm_schedule_free(s->schedule);
}

static void make_data(double *x)
{
	for (int i = 0; i < N_SAMPLE; i++)
		assert_int_equal(dm_normals(77, i, 0, 0, N_ELEMENT, DM_F64, x + (size_t)i * N_ELEMENT, NULL), DM_OK);
	for (int i = 0; i < N_DATA; i++)
		x[i] = gaussian.mean[0] + gaussian.sd[0] * x[i];
}

/* Around the exact value with a relative deviation of at most sqrt(2/n), n the number of data, for the draws share them; |z| < 5.5
 * has a probability of 4e-8 to be passed, 10^-6 for all 25 numbers. The seed is fixed. */
static void gamma_is_estimated(void **state)
{
	static double data[N_DATA];
	static float narrow[N_DATA];
	(void)state;
	make_data(data);
	for (int i = 0; i < N_DATA; i++)
		narrow[i] = (float)data[i];
	for (int k = 0; k < N_PROCESS; k++) {
		struct setting s;
		dm_node node[6];
		double gamma[5], again[5], single[5];
		char spec[400];
		even_nodes(processes[k].schedule, node, 6);
		make_setting(&s, &processes[k], node, 6, predict);
		assert_int_equal(dm_analytic_variance(s.schedule, s.grid, s.model, data, DM_F64, N_SAMPLE, N_ELEMENT, N_DRAW, 9,
		                                      gamma, 5, NULL, NULL),
		                 DM_OK);
		assert_int_equal(s.world.calls, 5 * N_DRAW);
		assert_int_equal(s.world.branches, 5 * N_DRAW);
		for (int i = 0; i < 5; i++)
			if (!(fabs(gamma[i] / exact_gamma(&node[i]) - 1) < 5.5 * sqrt(2.0 / N_DATA)))
				fail_msg("%s, node %d: gamma = %g instead of %g", processes[k].schedule, i, gamma[i],
				         exact_gamma(&node[i]));
		assert_int_equal(dm_analytic_variance(s.schedule, s.grid, s.model, narrow, DM_F32, N_SAMPLE, N_ELEMENT, N_DRAW,
		                                      9, again, 5, NULL, NULL),
		                 DM_OK);
		assert_int_equal(dm_analytic_variance(s.schedule, s.grid, s.model, data, DM_F64, N_SAMPLE, N_ELEMENT, 1, 10,
		                                      single, 5, NULL, NULL),
		                 DM_OK);
		for (int i = 0; i < 5; i++)
			assert_true(fabs(again[i] / gamma[i] - 1) < 1e-4 && single[i] != gamma[i]);
		free_setting(&s);
		analytic_spec(spec, "", gamma, 5); /* and with them the law is the target's, to the estimate's error */
		assert_true(distance(law_of(spec, &processes[k], node, 6), law_at(&node[5])) < 0.05);
	}
}

/* Draw k of an estimate is the start noise of seed + k, and every draw counts the same. */
static void draws_have_their_seeds(void **state)
{
	static double data[N_DATA];
	struct setting s;
	dm_node node[2];
	double both, one, other;
	(void)state;
	make_data(data);
	even_nodes("vp", node, 2);
	make_setting(&s, &processes[0], node, 2, predict);
	for (int k = 0; k < 3; k++)
		assert_int_equal(dm_analytic_variance(s.schedule, s.grid, s.model, data, DM_F64, N_SAMPLE, N_ELEMENT,
		                                      k == 0 ? 2 : 1, k == 2 ? 6 : 5,
		                                      k == 0   ? &both
		                                      : k == 1 ? &one
		                                               : &other,
		                                      1, NULL, NULL),
		                 DM_OK);
	free_setting(&s);
	assert_true(fabs(both - (one + other) / 2) < 1e-12 && one != other);
}

static dm_status refuse(void *user, const dm_request *rq)
{
	(void)user, (void)rq;
	return 41;
}

static void bad_input_of_estimates(void **state)
{
	struct setting s;
	dm_node node[3];
	double data[4] = {0}, gamma[3];
	dm_error err;
	(void)state;
	even_nodes("vp", node, 3);
	make_setting(&s, &processes[0], node, 3, refuse);
#define ASK(schedule, grid, model, x0, type, n, e, d, gamma, n_gamma)                                                  \
	dm_analytic_variance(schedule, grid, model, x0, type, n, e, d, 0, gamma, n_gamma, NULL, &err)
#define EXPECT(status, said, call)                                                                                     \
	do {                                                                                                               \
		assert_int_equal(call, status);                                                                                \
		if (!strstr(err.message, said))                                                                                \
			fail_msg("expected \"%s\", got \"%s\"", said, err.message);                                                \
	} while (0)
	EXPECT(DM_ERR_ARGUMENT, "schedule is NULL", ASK(NULL, s.grid, s.model, data, DM_F64, 2, 2, 1, gamma, 2));
	EXPECT(DM_ERR_ARGUMENT, "grid is NULL", ASK(s.schedule, NULL, s.model, data, DM_F64, 2, 2, 1, gamma, 2));
	EXPECT(DM_ERR_ARGUMENT, "model is NULL", ASK(s.schedule, s.grid, NULL, data, DM_F64, 2, 2, 1, gamma, 2));
	EXPECT(DM_ERR_ARGUMENT, "x0 is NULL", ASK(s.schedule, s.grid, s.model, NULL, DM_F64, 2, 2, 1, gamma, 2));
	EXPECT(DM_ERR_ARGUMENT, "gamma is NULL", ASK(s.schedule, s.grid, s.model, data, DM_F64, 2, 2, 1, NULL, 2));
	EXPECT(DM_ERR_ARGUMENT, "type is 9", ASK(s.schedule, s.grid, s.model, data, 9, 2, 2, 1, gamma, 2));
	EXPECT(DM_ERR_ARGUMENT, "n_draw (0)", ASK(s.schedule, s.grid, s.model, data, DM_F64, 2, 2, 0, gamma, 2));
	EXPECT(DM_ERR_ARGUMENT, "n_sample (0)", ASK(s.schedule, s.grid, s.model, data, DM_F64, 0, 2, 1, gamma, 2));
	EXPECT(DM_ERR_OVERFLOW, "do not fit", ASK(s.schedule, s.grid, s.model, data, DM_F64, SIZE_MAX / 2, 8, 1, gamma, 2));
	EXPECT(DM_ERR_ARGUMENT, "n_gamma is 3", ASK(s.schedule, s.grid, s.model, data, DM_F64, 2, 2, 1, gamma, 3));
	EXPECT(DM_ERR_CALLBACK, "", ASK(s.schedule, s.grid, s.model, data, DM_F64, 2, 2, 1, gamma, 2));
	assert_int_equal(err.user_code, 41);
	free_setting(&s);
	dm_schedule *schedule;
	assert_int_equal(dm_schedule_create(&schedule, "vp", NULL, NULL), DM_OK);
	assert_int_equal(dm_schedule_at_lambda(schedule, INFINITY, &node[0], NULL), DM_OK);
	dm_schedule_free(schedule);
	dm_node up[2] = {node[0], node[1]};
	make_setting(&s, &processes[0], up, 2, refuse);
	EXPECT(DM_ERR_ARGUMENT, "sigma is 0 at node 0", ASK(s.schedule, s.grid, s.model, data, DM_F64, 2, 2, 1, gamma, 1));
	free_setting(&s);
}

struct purse {
	int64_t left, held; /* allocations that still succeed; blocks in use */
};

static void *take(void *user, size_t bytes)
{
	struct purse *purse = user;
	if (purse->left-- <= 0)
		return NULL;
	purse->held++;
	return malloc(bytes);
}

static void give_back(void *user, void *memory, size_t bytes)
{
	struct purse *purse = user;
	(void)bytes;
	purse->held--;
	free(memory);
}

/* Whatever allocation fails, that is said and all is given back. */
static void estimates_run_out_of_memory(void **state)
{
	struct purse purse;
	dm_allocator allocator = {.struct_size = sizeof allocator, .user = &purse, .allocate = take, .release = give_back};
	struct setting s;
	dm_node node[3];
	double data[4] = {0}, gamma[2];
	int64_t enough = 0;
	dm_status st = DM_ERR_MEMORY;
	(void)state;
	even_nodes("vp", node, 3);
	make_setting(&s, &processes[0], node, 3, predict);
	for (; st != DM_OK && enough < 200; enough++) {
		purse = (struct purse){.left = enough};
		st = dm_analytic_variance(s.schedule, s.grid, s.model, data, DM_F64, 2, 2, 2, 0, gamma, 2, &allocator, NULL);
		assert_true(st == DM_OK || st == DM_ERR_MEMORY);
		assert_int_equal(purse.held, 0);
	}
	assert_true(st == DM_OK && enough > 10);
	free_setting(&s);
}

/* ------------------------------------------------------------------------------------------------ the reverse SDE */

/* One step as the formula says, with the exact denoiser of the Gaussian; and every share of noise goes to the same law. */
static void reverse_sde_with_noise_and_temperature(void **state)
{
	static const struct {
		const char *spec;
		double eta, temperature;
	} cases[] = {{"euler_maruyama", 1, 1},
	             {"euler_maruyama:eta=0.4", 0.4, 1},
	             {"euler_maruyama:eta=2", 2, 1},
	             {"euler_maruyama:eta=0,temperature=0.8", 0, 0.8},
	             {"euler_maruyama:eta=0.7,temperature=1.3", 0.7, 1.3}};
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			static dm_node node[161];
			even_nodes(processes[k].schedule, node, 11);
			const dm_node *a = &node[5], *b = &node[6];
			double u = a->sigma / a->alpha, v = b->sigma / b->alpha, s2 = gaussian.sd[0] * gaussian.sd[0];
			double pull = (1 + cases[i].eta * cases[i].eta) / cases[i].temperature;
			/* (y - m) shrinks by 1 + pull (v - u) u / (s^2 + u^2), for epsilon = u (y - m) / (s^2 + u^2) */
			double shrink = 1 + pull * (v - u) * u / (s2 + u * u);
			double y = shrink * shrink * (s2 + u * u) + cases[i].eta * cases[i].eta * (u * u - v * v);
			struct law expected = {b->alpha * gaussian.mean[0], b->alpha * b->alpha * y};
			assert_true(distance(law_of(cases[i].spec, &processes[k], a, 2), expected) < 1e-12);
			if (cases[i].temperature != 1)
				continue;
			even_nodes(processes[k].schedule, node, 41);
			double few = distance(law_of(cases[i].spec, &processes[k], node, 41), law_at(&node[40]));
			even_nodes(processes[k].schedule, node, 161);
			double many = distance(law_of(cases[i].spec, &processes[k], node, 161), law_at(&node[160]));
			if (!(many < 0.1 && log2(few / many) / 2 > 0.8))
				fail_msg("%s over %s: off by %g after 40 steps, %g after 160", cases[i].spec, processes[k].schedule,
				         few, many);
		}
}

/* ------------------------------------------------------------------------------------- annealed Langevin dynamics */

/* Each Langevin step of size a at level u: y - m shrinks by 1 - a/2 / (s^2 + u^2), and a is added to the variance. */
static void langevin_steps_at_every_level(void **state)
{
	(void)state;
	for (int k = 0; k < N_PROCESS; k++) {
		dm_node node[5];
		double s2 = gaussian.sd[0] * gaussian.sd[0], epsilon = 0.002;
		even_nodes(processes[k].schedule, node, 5);
		double last = node[4].sigma / node[4].alpha,
		       y = s2 + node[0].sigma * node[0].sigma / node[0].alpha / node[0].alpha;
		for (int i = 0; i < 4; i++)
			for (int step = 0; step < 3; step++) {
				double u = node[i].sigma / node[i].alpha, a = epsilon * u * u / (last * last);
				double shrink = 1 - a / 2 / (s2 + u * u);
				y = shrink * shrink * y + a;
			}
		struct law expected = {node[4].alpha * gaussian.mean[0], node[4].alpha * node[4].alpha * y};
		struct law law = law_of("annealed_langevin:steps=3,epsilon=0.002", &processes[k], node, 5);
		if (!(distance(law, expected) < 1e-12))
			fail_msg("over %s: off by %g", processes[k].schedule, distance(law, expected));
		expect_refusal("annealed_langevin:epsilon=0.0400001", &processes[k], node, 5, DM_ERR_ARGUMENT,
		               "epsilon = 0.0400001 must be below 4 (sigma/alpha)^2");
	}
}

/* The last step to a clean node returns the prediction, or without denoise the state as it is. */
static void langevin_ends_clean_or_not(void **state)
{
	const struct process *p = &processes[2];
	dm_node node[3];
	dm_schedule *schedule;
	(void)state;
	even_nodes(p->schedule, node, 3);
	assert_int_equal(dm_schedule_create(&schedule, p->schedule, NULL, NULL), DM_OK);
	assert_int_equal(dm_schedule_at_lambda(schedule, INFINITY, &node[2], NULL), DM_OK);
	dm_schedule_free(schedule);
	struct law noisy = law_of("annealed_langevin:denoise=0", p, node, 3),
	           clean = law_of("annealed_langevin", p, node, 3);
	double s2 = gaussian.sd[0] * gaussian.sd[0], k = s2 / law_at(&node[1]).variance;
	assert_true(fabs(clean.variance / (k * k * noisy.variance) - 1) < 1e-12);
}

/* ------------------------------------------------------------------------------------------------- what is refused */

static void alpha_zero_is_refused(void **state)
{
	static const char *const specs[] = {"euler_maruyama", "euler_maruyama:eta=0,temperature=2", "annealed_langevin"};
	dm_node node[3];
	dm_schedule *schedule;
	const struct process flow = {"flow", "v", NULL, NULL, 0, 0};
	(void)state;
	even_nodes("flow", node, 3);
	assert_int_equal(dm_schedule_create(&schedule, "flow", NULL, NULL), DM_OK);
	assert_int_equal(dm_schedule_at_lambda(schedule, -INFINITY, &node[0], NULL), DM_OK);
	dm_schedule_free(schedule);
	for (int i = 0; i < 3; i++)
		expect_refusal(specs[i], &flow, node, 3, DM_ERR_UNSUPPORTED, "needs alpha > 0");
	assert_true(law_of("euler_maruyama:eta=0", &flow, node, 3).variance > 0);
	assert_true(law_of("analytic_dpm:gamma=0.99/0.5", &flow, node, 3).variance > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(optimal_variance_is_exact),
	    cmocka_unit_test(optimal_variance_is_bounded),
	    cmocka_unit_test(lists_of_the_wrong_length_are_refused),
	    cmocka_unit_test(gamma_is_estimated),
	    cmocka_unit_test(draws_have_their_seeds),
	    cmocka_unit_test(bad_input_of_estimates),
	    cmocka_unit_test(estimates_run_out_of_memory),
	    cmocka_unit_test(reverse_sde_with_noise_and_temperature),
	    cmocka_unit_test(langevin_steps_at_every_level),
	    cmocka_unit_test(langevin_ends_clean_or_not),
	    cmocka_unit_test(alpha_zero_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
