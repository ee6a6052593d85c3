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

/* A sample does not depend on its batch, though its neighbours are faster or slower. */
static void samples_alone(void **state)
{
	static const char *const options[] = {"seed=3,tolerance=0.02,window=3", "seed=3,tolerance=0.02"};
	(void)state;
	for (int v = 0; v < 2; v++) {
		double batch[N];
		struct world w = {.kind = "v", .target = &mixture};
		struct recipe r = {.sampler = "dpmpp_2m_sde", .schedule = "vp", .grid = "log_snr:steps=20,sigma_max=20"};
		r.model = "v";
		dm_plan *plan = make_plan(&r, predict, &w);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_method),
	    cmocka_unit_test(every_process),
	    cmocka_unit_test(changing_branches),
	    cmocka_unit_test(depth),
	    cmocka_unit_test(error_follows_the_tolerance),
	    cmocka_unit_test(samples_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
