/* The Picard iteration: the bits of a run, in fewer requests one after another. */
#include "picard_testing.h"
#include "property_table.h"

/* ------------------------------------------------------------------------------------------------------ the same bits */

static void check_same(const struct recipe *r, struct world *w, int32_t type, const char *window)
{
	double run[N], picard[N];
	char options[60];
	dm_plan *plan = make_plan(r, predict, w);
	snprintf(options, sizeof options, "seed=3,first_sample=2,window=%s", window);
	finish_run(make_run(plan, type, SAMPLES, ELEMENTS, "seed=3,first_sample=2"), DM_F64, run);
	dm_picard_info info = finish_picard(make_picard(plan, type, SAMPLES, ELEMENTS, options), DM_F64, picard);
	if (memcmp(run, picard, sizeof run))
		fail_msg("%s over %s, window %s: other bits than the run's", r->sampler, r->schedule, window);
	if (info.n_iteration > info.n_eval || info.n_settled != info.n_eval || info.n_eval != facts_of(plan).n_eval)
		fail_msg("%s over %s, window %s: %d iterations for %d evaluations", r->sampler, r->schedule, window,
		         (int)info.n_iteration, (int)info.n_eval);
	dm_plan_free(plan);
}

/* Statistics are taken of the plan's own type, also those that look at the whole batch. */
static void every_method(void **state)
{
	static const char *const windows[] = {"0", "3"};
	(void)state;
	for (int i = 0; i < N_METHOD; i++)
		for (int v = 0; v < 2 && !(methods[i].flags & ADAPTIVE); v++) {
			struct world w = {.kind = "v", .target = &mixture};
			struct recipe r = {.sampler = methods[i].spec, .schedule = "vp", .grid = "log_snr:steps=9,sigma_max=20"};
			r.model = model_of(methods[i].spec, "v");
			check_same(&r, &w, v ? DM_F32 : DM_F64, windows[v]);
		}
}

static void every_process(void **state)
{
	static const char *const samplers[] = {"ddim", "ddpm", "dpmpp_2m", "heun", "unipc:order=3"};
	static const char *const windows[] = {"0", "1", "2", "5", "40"};
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < 5; i++)
			for (int v = 0; v < 5; v++) {
				char grid[120];
				struct world w = {.kind = processes[k].model, .target = &mixture};
				struct recipe r = {.sampler = samplers[i], .schedule = processes[k].schedule, .grid = grid};
				snprintf(grid, sizeof grid, "%s,steps=12", processes[k].grid);
				r.model = processes[k].model;
				r.guidance = v % 2 ? "cfg:scale=2" : NULL;
				check_same(&r, &w, DM_F32, windows[v]);
			}
}

/* The number of branches changes on the way: a request holds evaluations of the same branches only. */
static void changing_branches(void **state)
{
	(void)state;
	double run[N], picard[N];
	struct world w = {.kind = "v", .target = &mixture};
	dm_plan *plan = make_interval_plan("dpmpp_2m", "log_snr:steps=12,sigma_max=20", predict, &w);
	finish_run(make_run(plan, DM_F64, SAMPLES, ELEMENTS, NULL), DM_F64, run);
	dm_picard_info info = finish_picard(make_picard(plan, DM_F64, SAMPLES, ELEMENTS, NULL), DM_F64, picard);
	assert_memory_equal(run, picard, sizeof run);
	assert_true(info.n_request > info.n_iteration);
	dm_plan_free(plan);
}

/* Parallel in time: far fewer requests; a window of one is a run. */
static void depth(void **state)
{
	double out[N];
	(void)state;
	struct world w = {.kind = "v", .target = &mixture};
	struct recipe r = {.sampler = "ddim", .schedule = "vp", .grid = "log_snr:steps=60,sigma_max=20", .model = "v"};
	dm_plan *plan = make_plan(&r, predict, &w);
	dm_picard_info one = finish_picard(make_picard(plan, DM_F64, SAMPLES, ELEMENTS, "window=1"), DM_F64, out);
	dm_picard_info all = finish_picard(make_picard(plan, DM_F64, SAMPLES, ELEMENTS, NULL), DM_F64, out);
	dm_picard_info near = finish_picard(make_picard(plan, DM_F64, SAMPLES, ELEMENTS, "tolerance=0.01"), DM_F64, out);
	assert_int_equal(one.n_request, 60);
	assert_int_equal(one.n_row, 60 * SAMPLES);
	if (!(all.n_request < 30 && near.n_request < 12))
		fail_msg("%d requests to the last bit, %d to a hundredth", (int)all.n_request, (int)near.n_request);
	dm_plan_free(plan);
}

/* ---------------------------------------------------------------------------------------------------- the tolerance */

static double distance(const double *a, const double *b)
{
	double worst = 0;
	for (int i = 0; i < N; i++)
		worst = fmax(worst, fabs(a[i] - b[i]));
	return worst;
}

static void error_follows_the_tolerance(void **state)
{
	static const double tolerances[] = {1e-1, 1e-3, 1e-5};
	(void)state;
	for (int k = 0; k < N_PROCESS; k++) {
		double run[N], near[N], last = INFINITY;
		char grid[120];
		struct world w = {.kind = processes[k].model, .target = &mixture};
		struct recipe r = {.sampler = "ddim", .schedule = processes[k].schedule, .grid = grid};
		snprintf(grid, sizeof grid, "%s,steps=24", processes[k].grid);
		r.model = processes[k].model;
		dm_plan *plan = make_plan(&r, predict, &w);
		finish_run(make_run(plan, DM_F64, SAMPLES, ELEMENTS, NULL), DM_F64, run);
		for (int i = 0; i < 3; i++) {
			char options[60];
			snprintf(options, sizeof options, "tolerance=%g,window=9", tolerances[i]);
			finish_picard(make_picard(plan, DM_F64, SAMPLES, ELEMENTS, options), DM_F64, near);
			double error = distance(run, near);
			if (!(error < last && error < 5 * tolerances[i] && error > 0))
				fail_msg("%s: off by %g at a tolerance of %g", processes[k].schedule, error, tolerances[i]);
			last = error;
		}
		dm_plan_free(plan);
	}
}

/* With x0 = sigma everywhere, from sigma = 40 over 20 to 10: the second iteration moves the last input by 10, which is
 * once its sigma. */
static dm_status say_sigma(void *user, const dm_request *rq)
{
	(void)user;
	for (size_t i = 0; i < rq->n_sample; i++)
		((double *)rq->out[0])[i * rq->out_stride] = rq->sigma[rq->n_time == 1 ? 0 : i];
	return 0;
}

static void tolerance_counts_in_sigma(void **state)
{
	static const char *const models[] = {"x0", "x0:input=scaled"};
	double out;
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct recipe r = {.sampler = "ddim", .schedule = "ve", .grid = "levels:at=40/20/10", .model = models[i]};
		dm_plan *plan = make_plan(&r, say_sigma, NULL);
		assert_int_equal(finish_picard(make_picard(plan, DM_F64, 1, 1, "tolerance=1.1"), DM_F64, &out).n_iteration, 2);
		assert_int_equal(finish_picard(make_picard(plan, DM_F64, 1, 1, "tolerance=0.9"), DM_F64, &out).n_iteration, 3);
		dm_plan_free(plan);
	}
}

/* Some samples are soon there, their prediction goes in large steps; others are slow. */
static dm_status predict_unevenly(void *user, const dm_request *rq)
{
	predict(user, rq);
	for (size_t i = 0; i < rq->n_sample; i++)
		for (size_t e = 0; rq->sample[i] % 2 == 0 && e < rq->n_element; e++) {
			double x = ((const double *)rq->x)[i * rq->x_stride + e];
			((double *)rq->out[0])[i * rq->out_stride + e] = 0.5 + 0.1 * floor(2 * x);
		}
	return 0;
}

/* A sample does not depend on its batch, though its neighbours are faster or slower. */
static void samples_alone(void **state)
{
	static const char *const options[] = {"seed=3,tolerance=0.02,window=2", "seed=3,tolerance=0.002,window=4",
	                                      "seed=3,tolerance=0.02"};
	(void)state;
	for (int v = 0; v < 3; v++) {
		double batch[N];
		struct world w = {.kind = "x0", .target = &mixture};
		struct recipe r = {.sampler = "dpmpp_2m_sde", .schedule = "vp", .grid = "log_snr:steps=20,sigma_max=20"};
		r.model = "x0";
		dm_plan *plan = make_plan(&r, predict_unevenly, &w);
		dm_picard_info all = finish_picard(make_picard(plan, DM_F64, SAMPLES, ELEMENTS, options[v]), DM_F64, batch);
		int64_t rows = 0, fewest = INT64_MAX, most = 0;
		for (int s = 0; s < SAMPLES; s++) {
			char own[80];
			double alone[ELEMENTS];
			snprintf(own, sizeof own, "%s,first_sample=%d", options[v], s);
			dm_picard_info info = finish_picard(make_picard(plan, DM_F64, 1, ELEMENTS, own), DM_F64, alone);
			assert_memory_equal(alone, batch + s * ELEMENTS, sizeof alone);
			rows += info.n_row;
			fewest = info.n_iteration < fewest ? info.n_iteration : fewest;
			most = info.n_iteration > most ? info.n_iteration : most;
		}
		assert_int_equal(all.n_row, rows);
		assert_true(fewest < most); /* or nobody would have had to wait */
		dm_plan_free(plan);
	}
}

/* A method that looks at the batch, coarsely: the weight of x0 is 1 or 0.9 for all, as the samples together have it. The
 * first sample goes in large steps; what is said of the others is anything until their input is exact. So the first often
 * stands still while a weight is yet to change. */
static dm_status predict_wildly(void *user, const dm_request *rq)
{
	(void)user;
	for (size_t i = 0; i < rq->n_sample; i++)
		for (size_t e = 0; e < rq->n_element; e++) {
			double x = ((const double *)rq->x)[i * rq->x_stride + e], y = 1000 * x;
			((double *)rq->out[0])[i * rq->out_stride + e] = rq->row[i] == 0 ? floor(3 * x) / 4 : y - floor(y);
		}
	return 0;
}

static dm_status crowd_step(void *user, const dm_step *s, dm_emit *e)
{
	static const double parameter[4] = {0};
	(void)user;
	dm_val x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	dm_val epsilon = dm_emit_part(e, x0, DM_PART_PREDICTION, DM_SPACE_EPSILON);
	dm_val weighted = dm_emit_weighted(e, 1, &x0, 0, parameter);
	dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	dm_emit_state(e, dm_emit_linear(e, 2, (dm_term[]){{s->to->alpha, weighted}, {s->to->sigma, epsilon}}));
	return DM_OK;
}

static dm_status crowd_weights(void *user, const double *option, int32_t rule, const double parameter[4],
                               size_t n_sample, const dm_stats *stats, double *weight)
{
	double sum = 0;
	(void)user;
	(void)option;
	(void)rule;
	(void)parameter;
	for (size_t i = 0; i < n_sample; i++)
		sum += stats[i].gram[0];
	for (size_t i = 0; i < n_sample; i++)
		weight[i] = (int64_t)(8 * sum) % 2 ? 0.9 : 1;
	return 0;
}

static void a_method_that_looks_at_the_batch(void **state)
{
	double run[N], picard[N];
	struct recipe r = {.sampler = "ddim", .schedule = "vp", .grid = "log_snr:steps=20,sigma_max=20", .model = "x0"};
	dm_sampler_ops ops = {.struct_size = sizeof ops, .step = crowd_step, .weights = crowd_weights};
	dm_model_ops model_ops = {.struct_size = sizeof model_ops, .predict = predict_wildly};
	struct objects o;
	dm_sampler *crowd;
	dm_plan *plan;
	(void)state;
	assert_int_equal(make_objects(&o, &r, &model_ops, NULL, NULL, NULL), DM_OK);
	assert_int_equal(dm_sampler_create_custom(&crowd, "crowd", &ops, NULL, NULL, 0, NULL, NULL), DM_OK);
	assert_int_equal(dm_plan_create(&plan, o.schedule, o.grid, crowd, o.model, NULL, NULL, NULL, NULL), DM_OK);
	for (int seed = 0; seed < 20; seed++) {
		char options[40];
		snprintf(options, sizeof options, "seed=%d", seed);
		finish_run(make_run(plan, DM_F64, SAMPLES, ELEMENTS, options), DM_F64, run);
		finish_picard(make_picard(plan, DM_F64, SAMPLES, ELEMENTS, options), DM_F64, picard);
		assert_memory_equal(run, picard, sizeof run);
	}
	dm_plan_free(plan);
	dm_sampler_free(crowd);
	free_objects(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_method),
	    cmocka_unit_test(every_process),
	    cmocka_unit_test(changing_branches),
	    cmocka_unit_test(depth),
	    cmocka_unit_test(tolerance_counts_in_sigma),
	    cmocka_unit_test(a_method_that_looks_at_the_batch),
	    cmocka_unit_test(error_follows_the_tolerance),
	    cmocka_unit_test(samples_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
