/* Encoding up the grid and decoding down again: what comes back, measured on a mixture whose score is exact. Methods that
 * are each other's algebraic inverse lose rounding alone. */
#include "properties.h"
#include "property_table.h"

/* Places in the table of processes. */
enum { VP = 0, VE = 2, EDM = 3, FLOW = 4, N = 48 };

static const int places[] = {VP, VE, EDM, FLOW};
enum { N_PLACE = sizeof places / sizeof *places };

/* One way: the state and the kept value in, and out again. */
struct place {
	double x[N], kept[N];
};

struct way {
	const char *sampler, *kept; /* option of the plan */
	const struct process *process;
	int steps, up;
	int32_t type;
	const char *final;
};

static void narrow(int32_t type, const double *from, void *to)
{
	for (size_t i = 0; i < N; i++)
		if (type == DM_F32)
			((float *)to)[i] = (float)from[i];
		else
			((double *)to)[i] = from[i];
}

/* Returns the evaluations. */
static int64_t go(const struct way *w, struct place *at)
{
	char spec[120];
	double given[N];
	dm_schedule *schedule;
	dm_grid *down, *up;
	const char *model = strcmp(w->process->schedule, "edm") ? "v" : "edm"; /* whose input is not the state */
	struct world world = {.kind = model, .target = &mixture};
	snprintf(spec, sizeof spec, "log_snr:steps=%d,sigma_max=20,sigma_min=0.05,final=%s", w->steps,
	         w->final ? w->final : "included");
	assert_int_equal(dm_schedule_create(&schedule, w->process->schedule, NULL, NULL), DM_OK);
	assert_int_equal(dm_grid_create(&down, schedule, spec, NULL, NULL), DM_OK);
	assert_int_equal(dm_grid_flip(&up, down, NULL, NULL), DM_OK);
	const dm_grid *grid = w->up ? up : down;
	struct recipe r = {.sampler = w->sampler, .schedule = w->process->schedule, .model = model, .options = w->kept};
	r.node = dm_grid_node(grid, 0);
	r.n_node = dm_grid_count(grid);
	dm_plan *plan = make_plan(&r, predict, &world);
	dm_run *run = make_run(plan, w->type, 1, N, NULL);
	narrow(w->type, at->x, given);
	assert_int_equal(dm_run_start_state(run, given, w->type, 0, NULL), DM_OK);
	if (w->kept && !strcmp(w->kept, "kept=given")) {
		narrow(w->type, at->kept, given);
		assert_int_equal(dm_run_start_kept(run, 0, given, w->type, 0, NULL), DM_OK);
	}
	assert_int_equal(dm_run_all(run, NULL), DM_OK);
	assert_int_equal(dm_run_state(run, at->x, DM_F64, NULL), DM_OK);
	if (w->kept)
		assert_int_equal(dm_run_kept(run, 0, at->kept, DM_F64, NULL), DM_OK);
	dm_run_free(run);
	dm_plan_free(plan);
	dm_grid_free(up);
	dm_grid_free(down);
	dm_schedule_free(schedule);
	return world.calls;
}

/* Samples of the mixture, spread over four deviations of both parts; at the noisy end as far spread as there. Rounded as
 * a run in that type has them. */
static void begin(struct place *at, double spread, int32_t type)
{
	for (int i = 0; i < N; i++) {
		double z = 4.0 * i / (N - 1) - 2, x = spread * (i % 3 ? 0.9 + 0.5 * z : -1.1 + 0.35 * z);
		at->x[i] = type == DM_F32 ? (double)(float)x : x;
	}
}

static double distance(const double *a, const double *b)
{
	double worst = 0;
	for (int i = 0; i < N; i++)
		worst = fmax(worst, fabs(a[i] - b[i]));
	return worst;
}

/* ------------------------------------------------------------------------------------------------- there and back */

/* Encodes samples and decodes them again (or, down_first, decodes noise and encodes it); the largest error of an element. */
static double round_trip(const char *sampler, int keeps, int place, int steps, int32_t type, const char *final,
                         int down_first)
{
	struct place start, at;
	const struct process *p = &processes[place];
	begin(&start, down_first ? (place == VE || place == EDM ? TOP : 1) : 1, type);
	at = start;
	struct way w = {sampler, keeps ? "kept=left" : NULL, p, steps, !down_first, type, final};
	go(&w, &at);
	w.kept = keeps ? "kept=given" : NULL;
	w.up = down_first;
	go(&w, &at);
	return distance(start.x, at.x);
}

/* By what an upward step multiplies rounding. */
static const struct {
	const char *sampler;
	double growth;
} exact[] = {
    {"edict", 1 / (0.93 * 0.93)},
    {"edict:p=0.8", 1 / (0.8 * 0.8)},
    {"edict:coordinates=native", 1 / (0.93 * 0.93)},
    {"edict:leapfrog=0,coordinates=ve", 1 / (0.93 * 0.93)},
    {"bdia", 1},
    {"bdia:gamma=0.7", 1 / 0.7},
};
enum { N_EXACT = sizeof exact / sizeof *exact };

/* Rounding of the largest values there are, about TOP, at every step, all grown like the first. */
static double bound(int i, int steps, int32_t type)
{
	double epsilon = type == DM_F32 ? 0x1p-23 : 0x1p-52;
	return 10 * epsilon * TOP * steps * pow(exact[i].growth, steps);
}

static void exact_methods_come_back(void **state)
{
	static const int32_t types[] = {DM_F64, DM_F32};
	(void)state;
	for (int k = 0; k < N_PLACE; k++)
		for (int i = 0; i < N_EXACT; i++)
			for (int v = 0; v < 8; v++) {
				int steps = v & 1 ? 24 : 7, down_first = v >> 1 & 1;
				int32_t type = types[v >> 2];
				const char *final = down_first ? "zero" : NULL;
				double error = round_trip(exact[i].sampler, 1, places[k], steps, type, final, down_first);
				if (!(error <= bound(i, steps, type)))
					fail_msg("%s over %s, %d steps%s, type %d: off by %g, at most %g is rounding", exact[i].sampler,
					         processes[places[k]].schedule, steps, down_first ? ", down first" : "", (int)type, error,
					         bound(i, steps, type));
			}
}

/* Without the second array the way back is another trajectory. */
static void kept_values_matter(void **state)
{
	(void)state;
	for (int k = 0; k < N_PLACE; k++)
		for (int i = 0; i < N_EXACT; i++)
			if (!(round_trip(exact[i].sampler, 0, places[k], 7, DM_F64, NULL, 0) > 1e-4))
				fail_msg("%s over %s comes back without its kept value", exact[i].sampler,
				         processes[places[k]].schedule);
}

/* ----------------------------------------------------------------------------------------------- approximate methods */

static void orders(void **state)
{
	static const struct {
		const char *sampler;
		double order;
	} methods_of_order[] = {{"ddim", 1}, {"dpm_multistep", 2}};
	(void)state;
	for (int k = 0; k < N_PLACE; k++)
		for (int i = 0; i < 2; i++) {
			double rough = round_trip(methods_of_order[i].sampler, 0, places[k], 80, DM_F64, NULL, 0);
			double fine = round_trip(methods_of_order[i].sampler, 0, places[k], 320, DM_F64, NULL, 0);
			double order = log2(rough / fine) / 2;
			if (!(order >= methods_of_order[i].order - 0.15))
				fail_msg("%s over %s: the error of a round trip is of order %.2f, not %g", methods_of_order[i].sampler,
				         processes[places[k]].schedule, order, methods_of_order[i].order);
		}
}

/* An iteration multiplies what is left by the same factor, early and late; f32 gets down to its rounding. */
static void fixed_point_falls_geometrically(void **state)
{
	(void)state;
	for (int k = 0; k < N_PLACE; k++) {
		double error[3];
		for (int i = 0; i < 3; i++) {
			char sampler[60];
			snprintf(sampler, sizeof sampler, "ddim_fixed_point:iterations=%d", 4 << i);
			error[i] = round_trip(sampler, 0, places[k], 24, DM_F64, NULL, 0);
		}
		double early = pow(error[1] / error[0], 1.0 / 4), late = pow(error[2] / error[1], 1.0 / 8);
		double single = round_trip("ddim_fixed_point:iterations=16", 0, places[k], 24, DM_F32, NULL, 0);
		if (!(early > 0.1 && early < 0.4 && fabs(late - early) < 0.05 && single < 1e-5))
			fail_msg("fixed point over %s: an iteration leaves %.3f, later %.3f of the error; f32 is off by %g",
			         processes[places[k]].schedule, early, late, single);
	}
}

static void evaluations(void **state)
{
	static const struct {
		const char *sampler, *kept;
		int up, count; /* of 6 steps */
	} cases[] = {{"edict", NULL, 0, 12},
	             {"edict", "kept=given", 1, 12},
	             {"bdia", "kept=left", 0, 6},
	             {"bdia", "kept=given", 1, 5},
	             {"ddim_fixed_point:iterations=3", NULL, 0, 6},
	             {"ddim_fixed_point:iterations=3", NULL, 1, 18}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct place at;
		struct way w = {cases[i].sampler, cases[i].kept, &processes[FLOW], 6, cases[i].up, DM_F64, NULL};
		begin(&at, 1, DM_F64);
		memcpy(at.kept, at.x, sizeof at.kept);
		assert_int_equal(go(&w, &at), cases[i].count);
	}
}

/* ------------------------------------------------------------------------------------------------ values handed over */

static dm_status plan_status(const char *sampler, const char *options, dm_error *err)
{
	struct objects o;
	struct recipe r = {.sampler = sampler, .schedule = "vp", .grid = "log_snr:steps=3", .model = "v"};
	r.options = options;
	dm_status st = make_objects(&o, &r, NULL, NULL, NULL, err);
	free_objects(&o);
	return st;
}

static void refusals_of_plans(void **state)
{
	static const struct {
		const char *sampler, *options, *word;
	} cases[] = {{"ddim", "kept=left", "keeps no values"},
	             {"unipc", "kept=given", "earlier predictions"},
	             {"dpm_adaptive", "kept=left", "adaptive"},
	             {"edict", "kept=given,start=1", "start = 0"},
	             {"bdia:gamma=0.001", NULL, "gamma"}};
	dm_error err;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		err.message[0] = 0;
		dm_status st = plan_status(cases[i].sampler, cases[i].options, &err);
		if (st == DM_OK || !strstr(err.message, cases[i].word))
			fail_msg("%s, %s: %s \"%s\"", cases[i].sampler, cases[i].options, dm_status_name(st), err.message);
	}
	assert_int_equal(plan_status("edict", "kept=left", &err), DM_OK);
	assert_int_equal(plan_status("bdia", "kept=given", &err), DM_OK);
}

/* Up, 64 steps: 2^64 is more than the digits there are. */
static void too_many_steps_up(void **state)
{
	struct objects o;
	dm_error err = {0};
	struct recipe r = {.sampler = "bdia:gamma=0.5", .schedule = "vp", .grid = "log_snr:steps=64,direction=up"};
	r.model = "v";
	(void)state;
	assert_int_equal(make_objects(&o, &r, NULL, NULL, NULL, &err), DM_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "gamma"));
	free_objects(&o);
}

static dm_run *run_of(const char *options, struct world *world)
{
	struct recipe r = {.sampler = "edict", .schedule = "flow", .grid = "flow:steps=3", .model = "flow"};
	r.options = options;
	dm_plan *plan = make_plan(&r, predict, world);
	dm_run *run = make_run(plan, DM_F64, 1, N, "seed=5");
	dm_plan_free(plan);
	return run;
}

static void calls_at_the_wrong_time(void **state)
{
	struct world world = {.kind = "flow", .target = &mixture};
	double x[N] = {0}, nan[N] = {NAN}, kept[N];
	dm_error err;
	(void)state;
	dm_run *run = run_of(NULL, &world);
	assert_int_equal(dm_run_start_kept(run, 0, x, DM_F64, 0, &err), DM_ERR_STATE);
	assert_int_equal(dm_run_kept(run, 0, x, DM_F64, &err), DM_ERR_STATE);
	dm_run_free(run);
	run = run_of("kept=left", &world);
	assert_int_equal(dm_run_start_kept(run, 0, x, DM_F64, 0, &err), DM_ERR_STATE);
	assert_int_equal(dm_run_kept(run, 0, kept, DM_F64, &err), DM_ERR_STATE);
	dm_run_free(run);
	run = run_of("kept=given", &world);
	assert_int_equal(dm_run_all(run, &err), DM_ERR_STATE);
	assert_non_null(strstr(err.message, "dm_run_start_kept"));
	assert_int_equal(dm_run_start_kept(run, 1, x, DM_F64, 0, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_run_start_kept(run, -1, x, DM_F64, 0, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_run_start_kept(run, 0, NULL, DM_F64, 0, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_run_start_kept(run, 0, x, DM_F64, 1, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_run_start_kept(NULL, 0, x, DM_F64, 0, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_run_start_kept(run, 0, nan, DM_F64, 0, &err), DM_ERR_NOT_FINITE);
	assert_int_equal(dm_run_all(run, &err), DM_ERR_STATE);
	assert_int_equal(dm_run_start_kept(run, 0, x, DM_F64, 0, &err), DM_OK);
	assert_int_equal(dm_run_all(run, &err), DM_OK);
	assert_int_equal(dm_run_start_kept(run, 0, x, DM_F64, 0, &err), DM_ERR_STATE);
	assert_int_equal(dm_run_kept(run, 0, kept, DM_F64, &err), DM_OK);
	assert_int_equal(dm_run_kept(run, 1, kept, DM_F64, &err), DM_ERR_ARGUMENT);
	dm_run_free(run);
}

/* Asking for what is kept changes no bit of the samples; giving what the sampler would take itself does not either. */
static void options_change_no_bits(void **state)
{
	static const char *const options[] = {NULL, "kept=left", "kept=given", "kept=given,preview=1",
	                                      "kept=left,progress=1"};
	double start[N], x[5][N], kept[5][N];
	(void)state;
	assert_int_equal(dm_normals(5, 0, 0, 0, N, DM_F64, start, NULL), DM_OK);
	for (int i = 0; i < 5; i++) {
		struct world world = {.kind = "flow", .target = &mixture};
		dm_run *run = run_of(options[i], &world);
		assert_int_equal(dm_run_start_state(run, start, DM_F64, 0, NULL), DM_OK);
		if (i == 2 || i == 3)
			assert_int_equal(dm_run_start_kept(run, 0, start, DM_F64, 0, NULL), DM_OK);
		assert_int_equal(dm_run_all(run, NULL), DM_OK);
		assert_int_equal(dm_run_state(run, x[i], DM_F64, NULL), DM_OK);
		if (i > 0)
			assert_int_equal(dm_run_kept(run, 0, kept[i], DM_F64, NULL), DM_OK);
		dm_run_free(run);
		assert_memory_equal(x[i], x[0], sizeof x[0]);
		assert_memory_equal(kept[i], kept[1], i > 0 ? sizeof kept[1] : 0);
	}
	assert_true(distance(x[1], kept[1]) > 1e-3);
}

/* One step back over bdia needs no evaluation: it goes where it came from. */
static void one_step_back(void **state)
{
	struct place at, came;
	struct way w = {"bdia", "kept=given", &processes[FLOW], 1, 1, DM_F64, NULL};
	(void)state;
	begin(&at, 1, DM_F64);
	for (int i = 0; i < N; i++)
		at.kept[i] = i;
	came = at;
	assert_int_equal(go(&w, &at), 0);
	assert_memory_equal(at.x, came.kept, sizeof at.x);
	assert_memory_equal(at.kept, came.x, sizeof at.x);
}

static void printed(void **state)
{
	char text[20000];
	struct recipe r = {.sampler = "edict", .schedule = "flow", .grid = "flow:steps=2", .model = "flow"};
	(void)state;
	r.options = "kept=given";
	dm_plan *plan = make_plan(&r, NULL, NULL);
	assert_int_equal(dm_plan_print(plan, "spec", text, sizeof text, NULL, NULL), DM_OK);
	assert_non_null(strstr(text, " kept=given"));
	assert_int_equal(dm_plan_print(plan, "json", text, sizeof text, NULL, NULL), DM_OK);
	assert_non_null(strstr(text, "\"kept\":[[17,"));
	assert_int_equal(dm_plan_print(plan, "table", text, sizeof text, NULL, NULL), DM_OK);
	assert_non_null(strstr(text, "given in s0"));
	dm_plan_free(plan);
	r.options = "kept=left";
	plan = make_plan(&r, NULL, NULL);
	assert_int_equal(dm_plan_print(plan, "json", text, sizeof text, NULL, NULL), DM_OK);
	assert_non_null(strstr(text, "\"kept\":[[-1,"));
	dm_plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exact_methods_come_back),
	    cmocka_unit_test(kept_values_matter),
	    cmocka_unit_test(orders),
	    cmocka_unit_test(fixed_point_falls_geometrically),
	    cmocka_unit_test(evaluations),
	    cmocka_unit_test(refusals_of_plans),
	    cmocka_unit_test(too_many_steps_up),
	    cmocka_unit_test(calls_at_the_wrong_time),
	    cmocka_unit_test(options_change_no_bits),
	    cmocka_unit_test(one_step_back),
	    cmocka_unit_test(printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
