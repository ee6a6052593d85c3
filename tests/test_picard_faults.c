/* The Picard iteration where something goes wrong: errors at every call, memory that runs out, callers of all kinds. */
#include "picard_testing.h"

/* --------------------------------------------------------------------------------------------------- what goes wrong */

enum { REFUSES, LEAVES_UNWRITTEN, SAYS_NAN, N_FAULT };

/* Does something wrong at one call, once. */
struct faulty {
	struct world world;
	int64_t at;
	int fault;
};

static dm_status predict_wrong(void *user, const dm_request *rq)
{
	struct faulty *f = user;
	int now = f->world.calls == f->at;
	if (now && f->fault == REFUSES) {
		f->at = -1;
		return 77;
	}
	if (!now || f->fault != LEAVES_UNWRITTEN)
		predict(&f->world, rq);
	if (now && f->fault == SAYS_NAN)
		((double *)rq->out[0])[3] = NAN;
	if (now)
		f->at = -1;
	return 0;
}

/* A NaN is no error where the first row is not the front of a sample: in the second request of an iteration. */
static void faults_at_every_call(void **state)
{
	static const dm_status said[] = {DM_ERR_CALLBACK, DM_ERR_NOT_WRITTEN, DM_ERR_NOT_FINITE};
	(void)state;
	for (int fault = 0; fault < N_FAULT; fault++) {
		double right[N], now[N];
		int64_t calls = 1, failed = 0;
		for (int64_t at = -1; at < calls; at++) {
			struct faulty f = {.world = {.kind = "v", .target = &mixture}, .at = at, .fault = fault};
			dm_error err = {0};
			dm_plan *plan = make_interval_plan("ddpm", "log_snr:steps=9,sigma_max=20", predict_wrong, &f);
			dm_picard *picard = make_picard(plan, DM_F64, SAMPLES, ELEMENTS, "window=4");
			dm_status st = dm_picard_all(picard, &err);
			if (at < 0 || st != DM_OK || fault != SAYS_NAN)
				assert_int_equal(st, at < 0 ? DM_OK : said[fault]);
			failed += st != DM_OK;
			if (st == DM_ERR_CALLBACK)
				assert_int_equal(err.user_code, 77);
			finish_picard(picard, DM_F64, now);
			if (at < 0) {
				memcpy(right, now, sizeof right);
				calls = f.world.calls;
			}
			assert_memory_equal(now, right, sizeof now);
			dm_plan_free(plan);
		}
		assert_true(calls > 4 && (fault == SAYS_NAN ? failed > calls / 2 : failed == calls));
	}
}

/* A network that is not defined far from where a run would ask it. */
static dm_status predict_narrowly(void *user, const dm_request *rq)
{
	struct faulty *f = user;
	predict(&f->world, rq);
	for (size_t i = 1; i < rq->n_sample; i++)
		if (rq->step == 0 && rq->sigma[i] < rq->sigma[0])
			((double *)rq->out[0])[i * rq->out_stride + i % ELEMENTS] = i % 2 ? NAN : INFINITY;
	f->at += rq->step == 0;
	return 0;
}

static void provisional_outputs_may_be_anything(void **state)
{
	double run[N], picard[N];
	(void)state;
	struct faulty f = {.world = {.kind = "v", .target = &mixture}, .at = 0};
	struct recipe r = {.sampler = "dpmpp_2m", .schedule = "vp", .grid = "log_snr:steps=9,sigma_max=20", .model = "v"};
	dm_plan *plan = make_plan(&r, predict_narrowly, &f);
	finish_run(make_run(plan, DM_F64, SAMPLES, ELEMENTS, NULL), DM_F64, run);
	f.at = 0;
	finish_picard(make_picard(plan, DM_F64, SAMPLES, ELEMENTS, NULL), DM_F64, picard);
	assert_memory_equal(run, picard, sizeof run);
	dm_plan_free(plan);
}

static void limit(void **state)
{
	(void)state;
	double out[N];
	dm_error err = {0};
	struct world w = {.kind = "v", .target = &mixture};
	struct recipe r = {.sampler = "ddim", .schedule = "vp", .grid = "log_snr:steps=20,sigma_max=20", .model = "v"};
	dm_plan *plan = make_plan(&r, predict, &w);
	dm_picard_info info = finish_picard(make_picard(plan, DM_F64, SAMPLES, ELEMENTS, NULL), DM_F64, out);
	dm_picard *picard = make_picard(plan, DM_F64, SAMPLES, ELEMENTS, "max_iterations=3");
	assert_int_equal(dm_picard_all(picard, &err), DM_ERR_LIMIT);
	assert_int_equal(dm_picard_all(picard, &err), DM_ERR_LIMIT);
	assert_int_equal(picard_facts(picard).n_iteration, 3);
	dm_picard_free(picard);
	char enough[40];
	snprintf(enough, sizeof enough, "max_iterations=%d", (int)info.n_iteration);
	finish_picard(make_picard(plan, DM_F64, SAMPLES, ELEMENTS, enough), DM_F64, out);
	dm_plan_free(plan);
}

/* ----------------------------------------------------------------------------------------------------------- memory */

struct heap {
	int64_t calls, live, fails_at;
	size_t largest;
};

static void *take(void *user, size_t bytes)
{
	struct heap *h = user;
	if (h->calls++ == h->fails_at)
		return NULL;
	h->live++;
	h->largest = bytes > h->largest ? bytes : h->largest;
	return memset(malloc(bytes), 0xA5, bytes);
}

static void give_back(void *user, void *memory, size_t bytes)
{
	struct heap *h = user;
	h->live--;
	memset(memory, 0xDD, bytes);
	free(memory);
}

static void allocations(void **state)
{
	struct recipe r = {.sampler = "heun", .schedule = "vp", .grid = "log_snr:steps=4,sigma_max=20", .model = "v"};
	(void)state;
	for (int64_t k = 0, made = 0; !made; k++) {
		struct heap h = {.fails_at = -1};
		struct world w = {.kind = "v", .target = &mixture};
		struct objects o;
		dm_picard *picard;
		size_t bytes;
		dm_allocator a = {sizeof a, &h, take, give_back};
		dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
		assert_int_equal(make_objects(&o, &r, &ops, &w, &a, NULL), DM_OK);
		assert_int_equal(dm_picard_bytes(o.plan, NULL, NULL, SAMPLES, ELEMENTS, "window=3", &bytes, NULL), DM_OK);
		h.largest = 0;
		h.fails_at = h.calls + k;
		dm_status st = dm_picard_create(&picard, o.plan, NULL, NULL, SAMPLES, ELEMENTS, "window=3", NULL);
		made = st == DM_OK;
		assert_int_equal(st, made ? DM_OK : DM_ERR_MEMORY);
		assert_true((picard != NULL) == (made == 1));
		free_objects(&o);
		if (made) {
			int64_t calls = h.calls;
			assert_int_equal(h.largest, bytes);
			assert_int_equal(dm_picard_all(picard, NULL), DM_OK);
			assert_int_equal(h.calls, calls);
		}
		dm_picard_free(picard);
		assert_int_equal(h.live, 0);
	}
}

/* ----------------------------------------------------------------------------------------------- driven by the caller */

/* Step mode with buffers of the caller's, every request asked for twice; an input of its own, strides. */
static void step_mode(void **state)
{
	enum { STRIDE = 9 };
	(void)state;
	double run[N], picard[N];
	static double mine[40 * SAMPLES * STRIDE];
	const dm_request *rq;
	dm_status st;
	struct world w = {.kind = "v", .target = &mixture};
	struct recipe r = {.sampler = "dpmpp_2m", .schedule = "vp", .grid = "log_snr:steps=9,sigma_max=20"};
	r.model = "v:out_stride=9,x_stride=8,input=ve,x=f64";
	dm_plan *plan = make_plan(&r, NULL, NULL);
	dm_run *alone = make_run(plan, DM_F64, SAMPLES, ELEMENTS, NULL);
	while ((st = dm_run_next(alone, &rq, NULL)) == DM_EVAL)
		predict(&w, rq);
	assert_int_equal(dm_run_state(alone, run, DM_F64, NULL), DM_OK);
	dm_run_free(alone);
	dm_picard *p = make_picard(plan, DM_F64, SAMPLES, ELEMENTS, "window=4");
	int64_t n = 0, times = 0;
	assert_int_equal(dm_picard_retry(p, NULL), DM_ERR_STATE);
	while ((st = dm_picard_next(p, &rq, NULL)) == DM_EVAL) {
		assert_int_equal(rq->kind, DM_ASK_PREDICTION);
		assert_int_equal(rq->n_time, rq->n_sample);
		assert_int_equal(rq->eval, n);
		for (size_t i = 0; i < rq->n_sample; i++) {
			assert_true(rq->row[i] < SAMPLES && rq->sample[i] == (int64_t)rq->row[i]);
			assert_true(isfinite(rq->time[i]) && rq->sigma[i] > 0);
		}
		if (times++ % 2 == 0) {
			memset(rq->out[0], 0, sizeof(double));
			assert_int_equal(dm_picard_retry(p, NULL), DM_OK);
			continue;
		}
		rq->out[0] = mine;
		predict(&w, rq);
		n++;
	}
	assert_int_equal(st, DM_DONE);
	assert_int_equal(dm_picard_next(p, &rq, NULL), DM_DONE);
	assert_int_equal(dm_run_state(dm_picard_run(p), picard, DM_F64, NULL), DM_OK);
	dm_picard_free(p);
	dm_plan_free(plan);
	assert_memory_equal(run, picard, sizeof run);
}

static void misplaced_outputs(void **state)
{
	(void)state;
	const dm_request *rq;
	dm_error err;
	struct world w = {.kind = "v", .target = &mixture};
	struct recipe r = {.sampler = "ddim", .schedule = "vp", .grid = "log_snr:steps=3", .model = "v"};
	dm_plan *plan = make_plan(&r, NULL, NULL);
	dm_picard *p = make_picard(plan, DM_F64, 1, 4, NULL);
	assert_int_equal(dm_picard_all(p, &err), DM_ERR_STATE);
	assert_int_equal(dm_picard_next(p, &rq, &err), DM_EVAL);
	rq->out[0] = NULL;
	assert_int_equal(dm_picard_next(p, &rq, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_picard_next(p, &rq, &err), DM_EVAL);
	memcpy(&rq->out[0], &rq->x, sizeof rq->x);
	assert_int_equal(dm_picard_next(p, &rq, &err), DM_ERR_ARGUMENT);
	while (dm_picard_next(p, &rq, &err) == DM_EVAL)
		predict(&w, rq);
	assert_int_equal(picard_facts(p).n_settled, 3);
	dm_picard_free(p);
	dm_plan_free(plan);
}

/* Cancelled at every request, from the callback as from another thread. */
static dm_status predict_and_cancel(void *user, const dm_request *rq)
{
	struct faulty *f = ((void **)user)[0];
	dm_picard *p = ((void **)user)[1];
	const dm_request *again;
	assert_int_equal(dm_picard_next(p, &again, NULL), DM_ERR_BUSY);
	dm_run_cancel(dm_picard_run(p));
	f->at++;
	return predict(&f->world, rq);
}

static void cancelled_and_going_on(void **state)
{
	(void)state;
	double run[N], picard[N];
	struct faulty f = {.world = {.kind = "v", .target = &mixture}};
	void *user[2] = {&f, NULL};
	dm_error err;
	dm_status st;
	int times = 0;
	struct recipe r = {.sampler = "ddpm", .schedule = "vp", .grid = "log_snr:steps=9,sigma_max=20", .model = "v"};
	dm_plan *plan = make_plan(&r, predict, &f.world);
	finish_run(make_run(plan, DM_F64, SAMPLES, ELEMENTS, NULL), DM_F64, run);
	dm_plan_free(plan);
	plan = make_plan(&r, predict_and_cancel, user);
	dm_picard *p = make_picard(plan, DM_F64, SAMPLES, ELEMENTS, NULL);
	user[1] = p;
	while ((st = dm_picard_all(p, &err)) == DM_ERR_CANCELLED)
		times++;
	assert_int_equal(st, DM_OK);
	assert_int_equal(times, f.at);
	assert_int_equal(dm_run_state(dm_picard_run(p), picard, DM_F64, NULL), DM_OK);
	assert_memory_equal(run, picard, sizeof run);
	dm_picard_free(p);
	dm_plan_free(plan);
}

/* A start of the caller's, and values kept: through the run inside. */
static void the_run_inside(void **state)
{
	(void)state;
	double x[ELEMENTS], kept[ELEMENTS], run[2][ELEMENTS], picard[2][ELEMENTS];
	struct world w = {.kind = "v", .target = &mixture};
	struct recipe r = {.sampler = "bdia", .schedule = "vp", .grid = "log_snr:steps=9,direction=up", .model = "v"};
	r.options = "kept=given";
	for (int i = 0; i < ELEMENTS; i++) {
		x[i] = 0.3 * i - 1;
		kept[i] = x[i] * 1.01;
	}
	dm_plan *plan = make_plan(&r, predict, &w);
	dm_run *alone = make_run(plan, DM_F64, 1, ELEMENTS, NULL);
	dm_picard *p = make_picard(plan, DM_F64, 1, ELEMENTS, "window=3");
	dm_run *runs[2] = {alone, dm_picard_run(p)};
	double(*out[2])[ELEMENTS] = {run, picard};
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dm_run_start_state(runs[i], x, DM_F64, 0, NULL), DM_OK);
		assert_int_equal(dm_run_start_kept(runs[i], 0, kept, DM_F64, 0, NULL), DM_OK);
	}
	assert_int_equal(dm_run_all(alone, NULL), DM_OK);
	assert_int_equal(dm_picard_all(p, NULL), DM_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dm_run_state(runs[i], out[i][0], DM_F64, NULL), DM_OK);
		assert_int_equal(dm_run_kept(runs[i], 0, out[i][1], DM_F64, NULL), DM_OK);
	}
	assert_memory_equal(run, picard, sizeof run);
	dm_run_free(alone);
	dm_picard_free(p);
	dm_plan_free(plan);
}

/* A source of noise that fails once; the pass goes on where it stood. */
struct source {
	int64_t calls, fails_at;
	dm_picard *picard;
};

static dm_status fill(void *user, const dm_request *rq)
{
	struct source *s = user;
	const dm_request *again;
	assert_int_equal(dm_picard_next(s->picard, &again, NULL), DM_ERR_BUSY);
	if (s->calls++ == s->fails_at)
		return 5;
	for (size_t i = 0; i < rq->n_sample; i++)
		dm_normals(rq->seed[i], rq->sample[i], rq->draw, 0, rq->n_element, rq->out_type,
		           (char *)rq->out[0] + i * rq->out_stride * size_of(rq->out_type), NULL);
	return 0;
}

static void noise_of_the_caller(void **state)
{
	(void)state;
	double run[N], picard[N];
	int64_t calls = 1;
	struct world w = {.kind = "v", .target = &mixture};
	struct recipe r = {.sampler = "ddpm", .schedule = "vp", .grid = "log_snr:steps=5,sigma_max=20", .model = "v"};
	dm_plan *plan = make_plan(&r, predict, &w);
	finish_run(make_run(plan, DM_F32, SAMPLES, ELEMENTS, NULL), DM_F64, run);
	for (int64_t at = -1; at < calls; at++) {
		dm_noise *noise;
		dm_picard *p;
		struct source s = {.fails_at = at};
		dm_noise_ops ops = {.struct_size = sizeof ops, .fill = fill};
		assert_int_equal(dm_noise_create_custom(&noise, &ops, &s, NULL, NULL), DM_OK);
		assert_int_equal(dm_picard_create(&p, plan, NULL, noise, SAMPLES, ELEMENTS, NULL, NULL), DM_OK);
		dm_noise_free(noise);
		s.picard = p;
		assert_int_equal(dm_picard_all(p, NULL), at < 0 ? DM_OK : DM_ERR_CALLBACK);
		finish_picard(p, DM_F64, picard);
		assert_memory_equal(run, picard, sizeof run);
		calls = at < 0 ? s.calls : calls;
	}
	assert_true(calls > 5);
	dm_plan_free(plan);
}

/* -------------------------------------------------------------------------------------------------------- refusals */

static dm_status refuse(const char *sampler, const char *plan_options, const char *options, const dm_noise *noise,
                        size_t n_sample, dm_error *err)
{
	struct recipe r = {.sampler = sampler, .schedule = "vp", .grid = "log_snr:steps=3", .model = "v"};
	r.options = plan_options;
	dm_plan *plan = make_plan(&r, NULL, NULL);
	dm_picard *p;
	size_t bytes;
	dm_status st = dm_picard_create(&p, plan, NULL, noise, n_sample, 2, options, err);
	assert_true((p != NULL) == (st == DM_OK));
	assert_int_equal(dm_picard_bytes(plan, NULL, noise, n_sample, 2, options, &bytes, NULL),
	                 st == DM_OK || strstr(err->message, "seed") ? DM_OK : st);
	dm_picard_free(p);
	dm_plan_free(plan);
	return st;
}

static void refusals(void **state)
{
	static const struct {
		const char *sampler, *plan, *options, *word;
		dm_status status;
	} cases[] = {
	    {"rk45", NULL, NULL, "adaptive", DM_ERR_UNSUPPORTED},
	    {"ddim", "progress=1", NULL, "progress", DM_ERR_UNSUPPORTED},
	    {"ddim", "preview=1", NULL, "preview", DM_ERR_UNSUPPORTED},
	    {"ddim", NULL, "windows=3", "window", DM_ERR_NAME},
	    {"ddim", NULL, "window=-1", "window", DM_ERR_ARGUMENT},
	    {"ddim", NULL, "tolerance=-1", "tolerance", DM_ERR_ARGUMENT},
	    {"ddim", NULL, "tolerance=nan", "tolerance", DM_ERR_ARGUMENT},
	    {"ddim", NULL, "seed=-1", "seed", DM_ERR_ARGUMENT},
	    {"ddim", NULL, "window=3,", "comma", DM_ERR_ARGUMENT},
	};
	dm_error err;
	dm_noise *noise;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		dm_status st = refuse(cases[i].sampler, cases[i].plan, cases[i].options, NULL, 1, &err);
		if (st != cases[i].status || !strstr(err.message, cases[i].word))
			fail_msg("%s, %s: %s \"%s\"", cases[i].sampler, cases[i].options ? cases[i].options : cases[i].plan,
			         dm_status_name(st), err.message);
	}
	dm_noise_ops ops = {.struct_size = sizeof ops};
	assert_int_equal(dm_noise_create_custom(&noise, &ops, NULL, NULL, NULL), DM_OK);
	assert_int_equal(refuse("ddpm", NULL, NULL, noise, 1, &err), DM_ERR_UNSUPPORTED);
	dm_noise_free(noise);
	assert_int_equal(refuse("ddim", NULL, NULL, NULL, 0, &err), DM_ERR_ARGUMENT);
	assert_int_equal(refuse("ddim", NULL, NULL, NULL, SIZE_MAX / 16, &err), DM_ERR_OVERFLOW);
	assert_int_equal(refuse("ddim", NULL, "seed=18446744073709551615,window=2,first_sample=3", NULL, 1, &err), DM_OK);
	assert_int_equal(dm_picard_create(NULL, NULL, NULL, NULL, 1, 1, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_picard_next(NULL, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_picard_facts(NULL, NULL, &err), DM_ERR_ARGUMENT);
	assert_null(dm_picard_run(NULL));
	dm_picard_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(faults_at_every_call),
	    cmocka_unit_test(provisional_outputs_may_be_anything),
	    cmocka_unit_test(limit),
	    cmocka_unit_test(allocations),
	    cmocka_unit_test(step_mode),
	    cmocka_unit_test(misplaced_outputs),
	    cmocka_unit_test(cancelled_and_going_on),
	    cmocka_unit_test(the_run_inside),
	    cmocka_unit_test(noise_of_the_caller),
	    cmocka_unit_test(refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
