/* Nothing is lost: callbacks that fail, cancel, write nothing or write NaN at any evaluation leave the run where it
 * stands, and the final bits are those of a run that was never disturbed. For every method on every process. */
#include "properties.h"
#include "property_table.h"

enum { SAMPLES = 3, ELEMENTS = 5, MAX_EVAL = 400 };

/* What a callback does wrong, once, at one evaluation. */
enum { RETURNS_CODE, CANCELS, WRITES_NOTHING, WRITES_ALL_BUT_ONE, WRITES_NAN, COMES_BACK };

struct trouble {
	struct world world;
	dm_run *run;
	int32_t what, armed, branch;
	int64_t at, step, sample; /* where it went wrong */
	size_t row, element;
	dm_status code;
};

static void scribble(const dm_request *rq)
{
	for (int32_t b = 0; b < rq->n_branch; b++)
		for (size_t i = 0; i < rq->n_sample; i++)
			for (size_t e = 0; e < rq->n_element; e++)
				put_number(rq->out[b], rq->out_type, i * rq->out_stride + e, 1e30);
}

/* All but one element, by writing into a copy of what stood there. */
static void answer_all_but_one(struct trouble *t, const dm_request *rq, size_t place)
{
	double *unwritten = (double *)rq->out[t->branch] + place, keep;
	memcpy(&keep, unwritten, sizeof keep);
	answer(&t->world, rq);
	memcpy(unwritten, &keep, sizeof keep);
}

static dm_status go_wrong(struct trouble *t, const dm_request *rq)
{
	static const double bad[] = {NAN, INFINITY, -INFINITY};
	double x[SAMPLES * ELEMENTS];
	const dm_request *again;
	size_t row = t->row % rq->n_sample, place = row * rq->out_stride + t->element;
	t->armed = 0;
	t->step = rq->step;
	t->sample = rq->sample[row];
	switch (t->what) {
	case RETURNS_CODE:
		scribble(rq);
		snprintf(rq->error->message, sizeof rq->error->message, "out of paper");
		return t->code;
	case CANCELS:
		dm_run_cancel(t->run);
		break;
	case WRITES_NOTHING:
		return 0;
	case WRITES_ALL_BUT_ONE:
		answer_all_but_one(t, rq, place);
		return 0;
	case WRITES_NAN:
		answer(&t->world, rq);
		put_number(rq->out[t->branch], rq->out_type, place, bad[(t->element + row) % 3]);
		return 0;
	default:
		assert_int_equal(dm_run_next(t->run, &again, NULL), DM_ERR_BUSY);
		assert_int_equal(dm_run_all(t->run, NULL), DM_ERR_BUSY);
		assert_int_equal(dm_run_retry(t->run, NULL), DM_ERR_BUSY);
		assert_int_equal(dm_run_state(t->run, x, DM_F64, NULL), DM_ERR_BUSY);
	}
	answer(&t->world, rq);
	return 0;
}

static dm_status troubled(void *user, const dm_request *rq)
{
	struct trouble *t = user;
	if (t->armed && rq->eval == t->at)
		return go_wrong(t, rq);
	return predict(&t->world, rq);
}

static const char keys[] = "seed=5,first_sample=40";

/* A method on a process, and its undisturbed course. */
struct scene {
	const struct method *method;
	const struct process *process;
	dm_plan *plan;
	struct trouble trouble;
	int64_t n_eval;
	double state[MAX_EVAL][SAMPLES * ELEMENTS]; /* at every request */
	double end[SAMPLES * ELEMENTS];
};

/* Every evaluation; some of the many of an adaptive method. */
static int64_t after(const struct scene *s, int64_t at)
{
	return at + 1 + (s->method->flags & ADAPTIVE ? s->n_eval / 12 : 0);
}

static dm_run *new_run(const struct scene *s)
{
	return make_run(s->plan, DM_F64, SAMPLES, ELEMENTS, keys);
}

static void run_undisturbed(struct scene *s)
{
	const dm_request *rq;
	dm_error err = {0};
	dm_status st;
	dm_run *run = new_run(s);
	while ((st = dm_run_next(run, &rq, &err)) == DM_EVAL) {
		assert_true(rq->eval < MAX_EVAL);
		assert_int_equal(dm_run_state(run, s->state[rq->eval], DM_F64, NULL), DM_OK);
		s->n_eval = rq->eval + 1;
		answer(&s->trouble.world, rq);
	}
	if (st != DM_DONE)
		fail_msg("%s: %s", s->method->spec, err.message);
	finish_run(run, DM_F64, s->end);
}

static void for_every_scene(void (*check)(struct scene *s))
{
	for (int i = 0; i < N_METHOD * N_PROCESS; i++) {
		static struct scene s;
		char grid[120];
		s.method = &methods[i % N_METHOD];
		s.process = &processes[i / N_METHOD];
		memset(&s.trouble, 0, sizeof s.trouble);
		s.trouble.world = (struct world){.kind = s.process->model, .target = &mixture};
		snprintf(grid, sizeof grid, "%s,steps=3", s.process->grid);
		struct recipe r = {.sampler = s.method->spec, .schedule = s.process->schedule, .grid = grid};
		r.model = model_of(s.method->spec, s.process->model);
		r.guidance = "cfg:scale=2";
		s.plan = make_plan(&r, troubled, &s.trouble);
		run_undisturbed(&s);
		check(&s);
		dm_plan_free(s.plan);
	}
}

/* Runs into the trouble, looks at the error, goes on. */
static void check_trouble(struct scene *s, dm_status expected, int32_t what, int64_t at)
{
	double x[SAMPLES * ELEMENTS];
	struct trouble *t = &s->trouble;
	dm_error err = {0};
	dm_run_info info = {.struct_size = sizeof info};
	t->what = what;
	t->at = at;
	t->armed = 1;
	t->run = new_run(s);
	dm_status st = dm_run_all(t->run, &err);
	if (st != expected || (expected != DM_OK && (err.status != expected || err.eval != at)) || t->armed)
		fail_msg("%s over %s, evaluation %d: %s instead of %s, \"%s\"", s->method->spec, s->process->schedule, (int)at,
		         dm_status_name(st), dm_status_name(expected), err.message);
	if (st == DM_ERR_CALLBACK) {
		assert_int_equal(err.user_code, t->code);
		assert_int_equal(err.step, t->step);
		assert_non_null(strstr(err.message, "out of paper"));
	}
	if (st == DM_ERR_NOT_FINITE || st == DM_ERR_NOT_WRITTEN) {
		assert_int_equal(err.step, t->step);
		assert_int_equal(err.branch, t->branch);
		assert_int_equal(err.sample, t->sample);
		assert_int_equal(err.element, t->element);
	}
	if (st != DM_OK) {
		assert_int_equal(dm_run_state(t->run, x, DM_F64, NULL), DM_OK);
		assert_memory_equal(x, s->state[at], sizeof x);
		if (dm_run_all(t->run, &err) != DM_OK)
			fail_msg("%s: does not go on after evaluation %d: %s", s->method->spec, (int)at, err.message);
	}
	assert_int_equal(dm_run_facts(t->run, &info, NULL), DM_OK);
	assert_int_equal(info.n_eval, s->n_eval);
	finish_run(t->run, DM_F64, x);
	if (memcmp(x, s->end, sizeof x))
		fail_msg("%s over %s: trouble at evaluation %d changes the bits", s->method->spec, s->process->schedule,
		         (int)at);
}

static void check_codes(struct scene *s)
{
	static const dm_status codes[] = {1, 2, -1, INT32_MIN};
	for (int64_t at = 0; at < s->n_eval; at = after(s, at))
		for (int c = 0; c < 4; c++) {
			s->trouble.code = codes[c];
			check_trouble(s, DM_ERR_CALLBACK, RETURNS_CODE, at);
		}
}

static void failing_callbacks(void **state)
{
	(void)state;
	for_every_scene(check_codes);
}

static void check_cancel(struct scene *s)
{
	for (int64_t at = 0; at < s->n_eval; at = after(s, at))
		check_trouble(s, DM_ERR_CANCELLED, CANCELS, at);
}

static void cancelled_callbacks(void **state)
{
	(void)state;
	for_every_scene(check_cancel);
}

/* Step mode: every request is cancelled once and sent back once before it is answered. */
static void check_step_mode(struct scene *s)
{
	double x[SAMPLES * ELEMENTS];
	const dm_request *rq, *again;
	dm_status st;
	dm_run *run = new_run(s);
	dm_run_cancel(run);
	assert_int_equal(dm_run_next(run, &rq, NULL), DM_ERR_CANCELLED);
	assert_int_equal(dm_run_retry(run, NULL), DM_ERR_STATE);
	while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL) {
		const void *seen = rq->x;
		int64_t eval = rq->eval;
		scribble(rq);
		dm_run_cancel(run);
		assert_int_equal(dm_run_next(run, &again, NULL), DM_ERR_CANCELLED);
		assert_int_equal(dm_run_next(run, &again, NULL), DM_EVAL);
		scribble(again);
		assert_int_equal(dm_run_retry(run, NULL), DM_OK);
		assert_int_equal(dm_run_next(run, &again, NULL), DM_EVAL);
		assert_true(again == rq && again->x == seen && again->eval == eval);
		answer(&s->trouble.world, again);
	}
	assert_int_equal(st, DM_DONE);
	finish_run(run, DM_F64, x);
	assert_memory_equal(x, s->end, sizeof x);
}

static void cancelled_and_repeated_requests(void **state)
{
	(void)state;
	for_every_scene(check_step_mode);
}

static void check_unwritten(struct scene *s)
{
	struct trouble *t = &s->trouble;
	for (int64_t at = 0; at < s->n_eval; at = after(s, at)) {
		t->row = t->element = 0;
		t->branch = 0;
		check_trouble(s, DM_ERR_NOT_WRITTEN, WRITES_NOTHING, at);
		t->row = (size_t)at;
		t->branch = (int32_t)(at % 2);
		t->element = at % 3 ? ELEMENTS - 1 : 0;
		check_trouble(s, DM_ERR_NOT_WRITTEN, WRITES_ALL_BUT_ONE, at);
	}
}

static void unwritten_outputs(void **state)
{
	(void)state;
	for_every_scene(check_unwritten);
}

static void check_nan(struct scene *s)
{
	struct trouble *t = &s->trouble;
	/* everywhere on one process, in some places on the others */
	int everywhere = (s->method - methods) % N_PROCESS == s->process - processes;
	int stride = s->method->flags & ADAPTIVE || !everywhere ? 7 : 1;
	for (int64_t at = 0; at < s->n_eval; at = after(s, at))
		for (int i = 0; i < 2 * SAMPLES * ELEMENTS; i += stride) {
			t->branch = i % 2;
			t->row = (size_t)(i / 2 % SAMPLES);
			t->element = (size_t)(i / 2 / SAMPLES);
			check_trouble(s, DM_ERR_NOT_FINITE, WRITES_NAN, at);
		}
}

static void outputs_that_are_not_finite(void **state)
{
	(void)state;
	for_every_scene(check_nan);
}

static void check_reentry(struct scene *s)
{
	check_trouble(s, DM_OK, COMES_BACK, 0);
	check_trouble(s, DM_OK, COMES_BACK, s->n_eval - 1);
}

static void callbacks_that_come_back(void **state)
{
	(void)state;
	for_every_scene(check_reentry);
}

/* ------------------------------------------------------------------------------ callbacks other than the model's */

struct counted {
	int64_t calls, fail_at;
};

static dm_status on_step(void *user, const dm_request *rq)
{
	struct counted *c = user;
	assert_int_equal(rq->kind, DM_ASK_STEP);
	return c->calls++ == c->fail_at ? -5 : 0;
}

static dm_status fill(void *user, const dm_request *rq)
{
	struct counted *c = user;
	if (c->calls++ == c->fail_at)
		return -5;
	for (size_t i = 0; i < rq->n_sample; i++)
		if (dm_normals(rq->seed[i], rq->sample[i], rq->draw, 0, rq->n_element, DM_F64,
		               (double *)rq->out[0] + i * rq->out_stride, NULL) != DM_OK)
			return -6;
	return 0;
}

/* A run whose hook, or whose noise, fails at the k-th call; returns how often it was called. */
static int64_t run_with(const struct scene *s, const dm_plan *plan, int hook, int64_t k)
{
	double x[SAMPLES * ELEMENTS], end[SAMPLES * ELEMENTS];
	struct counted counted = {0, k};
	dm_noise_ops ops = {.struct_size = sizeof ops, .fill = fill};
	dm_noise *noise = NULL;
	dm_array *array;
	dm_run *run;
	dm_error err = {0};
	if (!hook)
		assert_int_equal(dm_noise_create_custom(&noise, &ops, &counted, NULL, NULL), DM_OK);
	assert_int_equal(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, NULL), DM_OK);
	assert_int_equal(dm_run_create(&run, plan, array, noise, SAMPLES, ELEMENTS, keys, NULL, 0, NULL), DM_OK);
	if (hook)
		assert_int_equal(dm_run_on_step(run, on_step, &counted, NULL), DM_OK);
	dm_status st = dm_run_all(run, &err);
	if (counted.calls > k) {
		assert_int_equal(st, DM_ERR_CALLBACK);
		assert_int_equal(err.user_code, -5);
	} else
		assert_int_equal(st, DM_OK);
	finish_run(run, DM_F64, x);
	finish_run(make_run(plan, DM_F64, SAMPLES, ELEMENTS, keys), DM_F64, end);
	if (memcmp(x, end, sizeof x))
		fail_msg("%s over %s: a failing %s changes the bits", s->method->spec, s->process->schedule,
		         hook ? "hook" : "noise source");
	dm_noise_free(noise);
	dm_array_free(array);
	return counted.calls;
}

static void check_noise(struct scene *s)
{
	int64_t k = 0;
	while (run_with(s, s->plan, 0, k) > k)
		k++;
	assert_true(k > 0);
}

static void failing_noise(void **state)
{
	(void)state;
	for_every_scene(check_noise);
}

static void check_hook(struct scene *s)
{
	char grid[120];
	int64_t k = 0;
	snprintf(grid, sizeof grid, "%s,steps=3", s->process->grid);
	struct recipe r = {.sampler = s->method->spec, .schedule = s->process->schedule, .grid = grid};
	r.model = model_of(s->method->spec, s->process->model);
	r.guidance = "cfg:scale=2";
	r.options = "preview=1";
	dm_plan *plan = make_plan(&r, predict, &s->trouble.world);
	while (run_with(s, plan, 1, k) > k)
		k++;
	dm_plan_free(plan);
	assert_true(s->method->flags & ADAPTIVE ? k > 0 : k == 3);
}

static void failing_hooks(void **state)
{
	(void)state;
	for_every_scene(check_hook);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(failing_callbacks),
	    cmocka_unit_test(cancelled_callbacks),
	    cmocka_unit_test(cancelled_and_repeated_requests),
	    cmocka_unit_test(unwritten_outputs),
	    cmocka_unit_test(outputs_that_are_not_finite),
	    cmocka_unit_test(callbacks_that_come_back),
	    cmocka_unit_test(failing_noise),
	    cmocka_unit_test(failing_hooks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
