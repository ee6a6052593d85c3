/* The same bits however a run is driven: for every method on every process, with plain and with nonlinear guidance, and
 * (where it draws, over the processes in turn) with the noise of a path. */
#include "properties.h"
#include "property_table.h"

enum { SAMPLES = 7, ELEMENTS = 70, STEPS = 5, N_WAY = 3 };

/* Guidance and options of the plan. */
static const char *const ways[N_WAY][2] = {
    {NULL, NULL}, {"cfg:scale=2|rescale:phi=0.7|threshold:ratio=0.9", NULL}, {NULL, "noise=path"}};

/* What all checks of this file look at. */
struct scene {
	const struct method *method;
	const struct process *process;
	struct world world;
	dm_plan *plan;
	const char *options;
	float whole[SAMPLES][ELEMENTS]; /* the batch in driver mode */
};

static const char keys[] = "seed=12,first_sample=40";

static void check_same(const struct scene *s, const char *what, const void *got)
{
	if (memcmp(got, s->whole, sizeof s->whole))
		fail_msg("%s over %s: %s gives other bits", s->method->spec, s->process->schedule, what);
}

static void for_every_scene(void (*check)(struct scene *s))
{
	for (int i = 0; i < N_METHOD * N_PROCESS * N_WAY; i++) {
		static struct scene s;
		char grid[120];
		s.method = &methods[i / N_WAY % N_METHOD];
		s.process = &processes[i / N_WAY / N_METHOD];
		int in_turn = (s.method - methods) % N_PROCESS == s.process - processes;
		if (ways[i % N_WAY][1] && (s.method->draws == DRAWS_NOTHING || !in_turn))
			continue;
		s.world = (struct world){.kind = s.process->model, .target = &mixture};
		snprintf(grid, sizeof grid, "%s,steps=%d", s.process->grid, STEPS);
		struct recipe r = {.sampler = s.method->spec, .schedule = s.process->schedule, .grid = grid};
		r.model = model_of(s.method->spec, s.process->model);
		r.guidance = ways[i % N_WAY][0];
		r.options = s.options = ways[i % N_WAY][1];
		s.plan = make_plan(&r, predict, &s.world);
		finish_run(make_run(s.plan, DM_F32, SAMPLES, ELEMENTS, keys), DM_F32, s.whole);
		check(&s);
		dm_plan_free(s.plan);
	}
}

/* One request answered by the caller; 0 at the end. */
static int step_once(struct scene *s, dm_run *run)
{
	const dm_request *rq;
	dm_error err = {0};
	dm_status st = dm_run_next(run, &rq, &err);
	if (st < 0)
		fail_msg("%s: %s", s->method->spec, err.message);
	if (st == DM_EVAL)
		answer(&s->world, rq);
	return st == DM_EVAL;
}

static void check_step_mode(struct scene *s)
{
	float x[SAMPLES][ELEMENTS];
	dm_run *run = make_run(s->plan, DM_F32, SAMPLES, ELEMENTS, keys);
	while (step_once(s, run))
		;
	finish_run(run, DM_F32, x);
	check_same(s, "step mode", x);
}

static void step_mode_is_driver_mode(void **state)
{
	(void)state;
	for_every_scene(check_step_mode);
}

static void check_interleaved(struct scene *s)
{
	float x[2][SAMPLES][ELEMENTS], alone[SAMPLES][ELEMENTS];
	int open[2] = {1, 1};
	dm_run *run[2];
	run[0] = make_run(s->plan, DM_F32, SAMPLES, ELEMENTS, keys);
	run[1] = make_run(s->plan, DM_F32, SAMPLES, ELEMENTS, "seed=13");
	for (int i = 0; open[0] || open[1]; i = !i)
		open[i] = open[i] && step_once(s, run[i]);
	for (int i = 0; i < 2; i++)
		finish_run(run[i], DM_F32, x[i]);
	check_same(s, "a run beside another", x[0]);
	finish_run(make_run(s->plan, DM_F32, SAMPLES, ELEMENTS, "seed=13"), DM_F32, alone);
	assert_memory_equal(x[1], alone, sizeof alone);
	assert_memory_not_equal(x[0], x[1], sizeof alone);
}

static void two_runs_interleaved(void **state)
{
	(void)state;
	for_every_scene(check_interleaved);
}

static void check_split(struct scene *s)
{
	static const size_t size[] = {1, 3, SAMPLES - 4};
	float x[SAMPLES][ELEMENTS];
	size_t first = 0;
	if (s->method->flags & WHOLE)
		return;
	for (int i = 0; i < 3; first += size[i++]) {
		char options[60];
		snprintf(options, sizeof options, "seed=12,first_sample=%d", (int)(40 + first));
		finish_run(make_run(s->plan, DM_F32, size[i], ELEMENTS, options), DM_F32, x[first]);
	}
	check_same(s, "a split batch", x);
}

static void split_batches(void **state)
{
	(void)state;
	for_every_scene(check_split);
}

/* Rows in reverse, each with its own key. */
static void check_keys(struct scene *s)
{
	float x[SAMPLES][ELEMENTS], turned[SAMPLES][ELEMENTS];
	uint64_t seed[SAMPLES];
	int64_t sample[SAMPLES];
	if (s->method->flags & WHOLE)
		return;
	for (int i = 0; i < SAMPLES; i++) {
		seed[i] = 12;
		sample[i] = 40 + SAMPLES - 1 - i;
	}
	dm_run *run = make_run(s->plan, DM_F32, SAMPLES, ELEMENTS, NULL);
	assert_int_equal(dm_run_keys(run, seed, sample, SAMPLES, NULL), DM_OK);
	finish_run(run, DM_F32, x);
	for (int i = 0; i < SAMPLES; i++)
		memcpy(turned[i], x[SAMPLES - 1 - i], sizeof x[i]);
	check_same(s, "another order of the keys", turned);
}

static void keys_of_rows(void **state)
{
	(void)state;
	for_every_scene(check_keys);
}

static void backwards(void *user, size_t n, void (*body)(void *arg, size_t i), void *arg)
{
	++*(int *)user;
	while (n)
		body(arg, --n);
}

/* Work cut up by a hook, in memory of the caller's. */
static void check_parallel(struct scene *s)
{
	float x[SAMPLES][ELEMENTS];
	int calls = 0;
	size_t bytes = 0;
	dm_array *array;
	dm_run *run;
	assert_int_equal(dm_array_create_host(&array, DM_F32, backwards, &calls, NULL, NULL), DM_OK);
	assert_int_equal(dm_run_bytes(s->plan, array, NULL, SAMPLES, ELEMENTS, &bytes, NULL), DM_OK);
	void *memory = aligned_alloc(64, bytes);
	assert_int_equal(dm_run_create(&run, s->plan, array, NULL, SAMPLES, ELEMENTS, keys, memory, bytes, NULL), DM_OK);
	finish_run(run, DM_F32, x);
	dm_array_free(array);
	free(memory);
	assert_true(calls > 0);
	check_same(s, "the parallel hook", x);
}

static void parallel_hook(void **state)
{
	(void)state;
	for_every_scene(check_parallel);
}

/* Along a path the steps of an adaptive method decide which noise it sees, and rounding decides on its steps. */
static void check_double(struct scene *s)
{
	double x[SAMPLES][ELEMENTS], size = 0, worst = 0;
	if (s->method->flags & ADAPTIVE && s->options)
		return;
	finish_run(make_run(s->plan, DM_F64, SAMPLES, ELEMENTS, keys), DM_F64, x);
	for (int i = 0; i < SAMPLES; i++)
		for (int e = 0; e < ELEMENTS; e++) {
			size = fmax(size, fabs(x[i][e]));
			worst = fmax(worst, fabs(x[i][e] - (double)s->whole[i][e]));
		}
	if (!(worst <= s->method->f32_tolerance * size))
		fail_msg("%s over %s: f32 is off f64 by %g of the largest value", s->method->spec, s->process->schedule,
		         worst / size);
}

static void float_is_close_to_double(void **state)
{
	(void)state;
	for_every_scene(check_double);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(step_mode_is_driver_mode),
	    cmocka_unit_test(two_runs_interleaved),
	    cmocka_unit_test(split_batches),
	    cmocka_unit_test(keys_of_rows),
	    cmocka_unit_test(parallel_hook),
	    cmocka_unit_test(float_is_close_to_double),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
