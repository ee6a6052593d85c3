/* Kinds of prediction against their definitions, conversions among all of them, and the times that models receive. */
#include "schedule_testing.h"
#include "model/model.h"

static const char *const kinds[] = {
    "epsilon",       "x0",          "v",           "score",   "flow", "edm", "minus_epsilon",
    "flow_reversed", "edm_negated", "consistency", "trigflow"};
enum { N_KIND = sizeof kinds / sizeof *kinds };

/* What each kind predicts of a known x0 and epsilon. sigma_min of consistency is 0, as dm_convert has it. */
static double truth(int kind, double alpha, double sigma, double sd, double x0, double epsilon)
{
	double x = alpha * x0 + sigma * epsilon, n = hypot(alpha, sigma), u = sigma / alpha;
	double c_skip = sd * sd / (u * u + sd * sd), c_out = u * sd / sqrt(u * u + sd * sd);
	double F = (x0 - c_skip * (x / alpha)) / c_out, a = atan2(sigma / sd, alpha);
	const double value[N_KIND] = {
	    epsilon, x0, (alpha * epsilon - sigma * x0) / n, -epsilon / sigma, epsilon - x0, F, -epsilon, x0 - epsilon,
	    -F,      F,  cos(a) * sd * epsilon - sin(a) * x0};
	return value[kind];
}

static void test_all_pairs(void **state)
{
	(void)state;
	static const double levels[][2] = {{0.8, 0.6}, {1, 3}, {0.25, 0.75}, {0.999, 0.01}, {1, 80}};
	for (size_t k = 0; k < sizeof levels / sizeof *levels; k++)
		for (int from = 0; from < N_KIND; from++)
			for (int to = 0; to < N_KIND; to++) {
				double a = levels[k][0], s = levels[k][1], c[2], x0 = 0.7, epsilon = -1.3, x = a * x0 + s * epsilon;
				dm_error err = {0};
				assert_int_equal(dm_convert(kinds[from], kinds[to], a, s, 0.4, c, &err), DM_OK);
				double got = c[0] * x + c[1] * truth(from, a, s, 0.4, x0, epsilon);
				double want = truth(to, a, s, 0.4, x0, epsilon);
				/* what is known of x0 at sigma = 80, or of epsilon at sigma = 0.01, has lost digits */
				if (!(fabs(got - want) <= 1e-10 * (1 + fabs(want))))
					fail_msg("%s from %s at %g: %.15g, not %.15g", kinds[to], kinds[from], s, got, want);
			}
}

static void test_ends(void **state)
{
	(void)state;
	double c[2];
	dm_error err = {0};
	/* pure noise: x0 of a velocity is known, x0 of the noise is not */
	assert_int_equal(dm_convert("minus_epsilon", "x0", 0, 1, 0.5, c, &err), DM_ERR_UNSUPPORTED);
	static const char *const known[] = {"v", "flow", "flow_reversed", "edm", "edm_negated", "consistency", "trigflow"};
	for (int k = 0; k < 7; k++)
		assert_int_equal(dm_convert(known[k], "x0", 0, 1, 0.5, c, &err), DM_OK);
	assert_int_equal(dm_convert("trigflow", "x0", 0, 1, 0.5, c, &err), DM_OK);
	assert_true(c[0] == 0 && c[1] == -1);
	/* the clean end: F says nothing about x0 there */
	assert_int_equal(dm_convert("x0", "consistency", 1, 0, 0.5, c, &err), DM_ERR_UNSUPPORTED);
	assert_int_equal(dm_convert("previous", "x0", 0.8, 0.6, 0.5, c, &err), DM_ERR_UNSUPPORTED);
	assert_int_equal(dm_convert("flow_reverse", "x0", 0.8, 0.6, 0.5, c, &err), DM_ERR_NAME);
	assert_non_null(strstr(err.message, "flow_reversed"));
}

/* What kinds are called elsewhere leads to the kind that it is, not to the one spelt most alike. */
static void test_names_elsewhere(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"flow_prediction", "called flow"},
	    {"CONST", "called flow"},
	    {"sample", "called x0"},
	    {"START_X", "called x0"},
	    {"eps", "called epsilon"},
	    {"EPS", "called epsilon"},
	    {"noise", "called epsilon"},
	    {"V_PRED", "called v"},
	    {"v_prediction", "called v"},
	    {"edm_v", "called v:time=quarter"},
	    {"Denoiser", "called edm"},
	    {"VDenoiser", "called edm_negated:sigma_data=1"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		dm_model *m;
		dm_error err = {0};
		assert_int_equal(dm_model_create(&m, rows[i][0], NULL, NULL, NULL, &err), DM_ERR_NAME);
		if (!strstr(err.message, rows[i][1]))
			fail_msg("%s: \"%s\" is not in \"%s\"", rows[i][0], rows[i][1], err.message);
	}
}

static dm_model *model(const char *spec)
{
	dm_model *m;
	dm_error err = {0};
	if (dm_model_create(&m, spec, NULL, NULL, NULL, &err) != DM_OK)
		fail_msg("%s: %s", spec, err.message);
	return m;
}

/* At the level sigma_min a consistency model returns its input, whatever its network says. */
static void test_consistency(void **state)
{
	(void)state;
	dm_schedule *s = create("edm");
	dm_model *m = model("consistency:sigma_min=0.25,sigma_data=0.5");
	struct dmi_level at;
	double row[2];
	dm_node node = at_time(s, 0.25);
	dmi_model_level(m, s, &node, &at);
	dmi_prediction_row(m->kind, DM_SPACE_X0, &at, row);
	assert_true(row[0] == 1 && row[1] == 0);
	node = at_time(s, 1.25); /* u - sigma_min = 1 */
	dmi_model_level(m, s, &node, &at);
	dmi_prediction_row(m->kind, DM_SPACE_X0, &at, row);
	check_close("c_skip", row[0], 0.25 / 1.25, 1e-15);
	check_close("c_out", row[1], 0.5 / sqrt(1.25 * 1.25 + 0.25), 1e-15);
	dm_model_free(m);
	dm_schedule_free(s);
}

/* out is the mean of the entry below: x0 comes back from it, at index 0 directly. */
static void test_previous(void **state)
{
	(void)state;
	dm_schedule *s = create("linear"), *vp = create("vp");
	dm_model *m = model("previous");
	struct dmi_level at;
	static const double index[] = {0, 1, 500, 999};
	double row[2], mean[2], variance, x = 0.3, x0 = -0.8;
	dm_error err = {0};
	for (int k = 0; k < 4; k++) {
		dm_node t = at_time(s, index[k]), below = at_time(s, index[k] - 1);
		assert_int_equal(dm_posterior(&t, &below, mean, &variance, &err), DM_OK);
		dmi_model_level(m, s, &t, &at);
		dmi_prediction_row(m->kind, DM_SPACE_X0, &at, row);
		check_close("x0", row[0] * x + row[1] * (mean[0] * x + mean[1] * x0), x0, 1e-9);
		dmi_prediction_row(m->kind, DM_SPACE_EPSILON, &at, row);
		check_close("epsilon", row[0] * x + row[1] * (mean[0] * x + mean[1] * x0), (x - t.alpha * x0) / t.sigma, 1e-9);
	}
	dm_node node = at_time(vp, 0.5);
	dmi_model_level(m, vp, &node, &at);
	dmi_prediction_row(m->kind, DM_SPACE_X0, &at, row);
	assert_true(isnan(row[1]));
	dm_model_free(m);
	dm_schedule_free(s);
	dm_schedule_free(vp);
}

/* A plan refuses what has no meaning, with the reason. */
static void check_plan(const char *schedule, const char *grid, const char *spec, dm_status status, const char *message)
{
	dm_schedule *s = create(schedule);
	dm_model *m = model(spec);
	dm_grid *g;
	dm_sampler *sampler;
	dm_plan *plan;
	dm_error err = {0};
	assert_int_equal(dm_grid_create(&g, s, grid, NULL, &err), DM_OK);
	assert_int_equal(dm_sampler_create(&sampler, "ddim", NULL, &err), DM_OK);
	dm_status st = dm_plan_create(&plan, s, g, sampler, m, NULL, NULL, NULL, &err);
	if (st != status || (message && !strstr(err.message, message)))
		fail_msg("%s over %s: status %d, %s", spec, schedule, (int)st, err.message);
	dm_plan_free(plan);
	dm_sampler_free(sampler);
	dm_grid_free(g);
	dm_model_free(m);
	dm_schedule_free(s);
}

static void test_plans(void **state)
{
	(void)state;
	check_plan("linear", "trailing:steps=5", "previous", DM_OK, NULL);
	check_plan("vp", "trailing:steps=5", "previous", DM_ERR_UNSUPPORTED, "cannot be had");
	check_plan("flow", "flow:steps=5", "flow_reversed", DM_OK, NULL);
	check_plan("flow", "flow:steps=5", "minus_epsilon", DM_ERR_UNSUPPORTED, "cannot be had");
	check_plan("trigflow", "trigflow:steps=5", "trigflow:time=angle", DM_OK, NULL);
	check_plan("edm", "karras:steps=5", "edm:input=ve", DM_OK, NULL);
	check_plan("flow", "flow:steps=5", "flow:input=ve", DM_ERR_UNSUPPORTED, "has no meaning at alpha = 0");
}

/* ---------------------------------------------------------------------------------------------------------- times */

static void test_times(void **state)
{
	(void)state;
	static const struct {
		const char *schedule, *model;
		double t, want; /* NAN: refused */
	} known[] = {
	    {"linear:T=500", "x0:time=index_1000", 250, 500},
	    {"linear", "x0:time=index_round_visits", 12.75, 12.75},
	    {"linear", "x0:time=index_trunc_visits", 12.75, 12.75},
	    {"vp", "x0:time=last_index", 0.25, 0.25 * 999},
	    {"vp", "x0:time=last_index,time_n=11", 0.25, 2.5},
	    {"vp", "x0:time=reversed_index,time_n=11", 0.25, 8}, /* 7.5 to even */
	    {"flow", "x0:time=reversed_index", 0.25, 749},
	    {"linear:continuous=1", "x0:time=t_minus_first", 0.5, 499},
	    {"linear:T=100,continuous=1", "x0:time=t_minus_first", 0.5, 490},
	    {"edm", "x0:time=250_log_sigma", 2, 250 * 0.69314718055994531},
	    {"edm", "x0:time=atan_sigma", 1, 0.5},
	    {"trigflow:sigma_data=0.25", "x0:time=angle,sigma_data=0.25", 0.75, 0.75},
	    {"trigflow:sigma_data=1", "x0:time=angle_unit", 1.5707963267948966, 1},
	    {"vp", "x0:time=index_1000", 0.5, NAN},
	    {"vp", "x0:time=index_round_visits", 0.5, NAN},
	    {"linear", "x0:time=t_minus_first", 5, NAN},
	    {"flow", "x0:time=250_log_sigma", 1, NAN},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		dm_schedule *s = create(known[i].schedule);
		dm_model *m = model(known[i].model);
		dm_node node = at_time(s, known[i].t);
		dm_error err = {0};
		double time = NAN;
		dm_status st = dm_model_time(m, s, &node, &time, &err);
		assert_int_equal(st, isnan(known[i].want) ? DM_ERR_UNSUPPORTED : DM_OK);
		if (st == DM_OK)
			check_close(known[i].model, time, known[i].want, 1e-14);
		dm_model_free(m);
		dm_schedule_free(s);
	}
}

/* At a node of a grid the visits maps round. */
static void test_times_of_visits(void **state)
{
	(void)state;
	dm_schedule *s = create("linear");
	dm_model *rounds = model("x0:time=index_round_visits"), *cuts = model("x0:time=index_trunc_visits");
	dm_node node = at_time(s, 12.75);
	dm_error err = {0};
	double time;
	node.visit = 3;
	assert_int_equal(dm_model_time(rounds, s, &node, &time, &err), DM_OK);
	assert_true(time == 13);
	assert_int_equal(dm_model_time(cuts, s, &node, &time, &err), DM_OK);
	assert_true(time == 12);
	dm_model_free(rounds);
	dm_model_free(cuts);
	dm_schedule_free(s);
}

#define TEST(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(all_pairs), TEST(ends),  TEST(consistency), TEST(names_elsewhere),
	                                   TEST(previous),  TEST(plans), TEST(times),       TEST(times_of_visits)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
