/* Twisted sequential Monte Carlo: everything that can go wrong. */
#include "particles_testing.h"

/* ---------------------------------------------------------------------------------------------------------- faults */

static void test_callback_fails_at_each_call(void **state)
{
	(void)state;
	for (int by_operator = 0; by_operator < 2; by_operator++) {
		struct scene s = scene();
		const char *options = by_operator ? "noise=0.7,threshold=0.9" : "target=3,threshold=0.9";
		struct outcome *want = sample(&s, by_operator, options, 2, 8, 0);
		int last = s.calls;
		assert_int_equal(last, by_operator ? 6 + 5 : 6 + 7 + 5);
		for (int i = 1; i <= last; i++) {
			dm_error error;
			dm_particles *particles = make(&s, by_operator, options, 2, 8);
			s.calls = 0;
			s.fail_at = i;
			s.fail_code = i % 2 ? 17 : INT32_MIN;
			assert_int_equal(dm_particles_all(particles, &error), DM_ERR_CALLBACK);
			assert_true(error.user_code == s.fail_code && error.eval >= 0 && strstr(error.message, "no power"));
			s.fail_at = 0;
			s.busy = i == last ? particles : NULL;
			DO(dm_particles_all(particles, err));
			s.busy = NULL;
			struct outcome *got = read_outcome(particles, 0);
			check_outcomes("after a failure", got, want, 2, 8);
			free(got);
		}
		free(want);
	}
}

/* Named by node and sample; asked again, the caller answers. */
static void test_bad_answers(void **state)
{
	static const struct {
		int call, kind;
		dm_status status;
		int64_t step, element;
		const char *word;
	} bad[] = {
	    {4, 1, DM_ERR_NOT_FINITE, 1, 1, "prediction"},  {4, 2, DM_ERR_NOT_WRITTEN, 1, 0, "prediction"},
	    {5, 1, DM_ERR_NOT_FINITE, 1, 1, "gradient"},    {5, 2, DM_ERR_NOT_WRITTEN, 1, 0, "gradient"},
	    {5, 3, DM_ERR_NOT_FINITE, 1, -1, "log_value"},  {5, 4, DM_ERR_NOT_FINITE, 1, -1, "log_value"},
	    {6, 1, DM_ERR_NOT_FINITE, 1, 1, "model's vjp"}, {6, 2, DM_ERR_NOT_WRITTEN, 1, 0, "model's vjp"},
	    {18, 1, DM_ERR_NOT_FINITE, 6, 1, "gradient"},   {18, 3, DM_ERR_NOT_FINITE, 6, -1, "log_value"},
	};
	struct scene s = scene();
	(void)state;
	struct outcome *want = sample(&s, 0, "target=3,first_sample=40", 1, 8, 0);
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		dm_error error;
		dm_particles *particles = make(&s, 0, "target=3,first_sample=40", 1, 8);
		s.calls = 0;
		s.spoil_at = bad[k].call;
		s.spoil_kind = bad[k].kind;
		assert_int_equal(dm_particles_all(particles, &error), bad[k].status);
		assert_true(error.step == bad[k].step && error.element == bad[k].element && error.eval >= 0);
		assert_true(error.sample == (bad[k].kind == 2 ? 40 : 41));
		assert_true(strstr(error.message, bad[k].word) &&
		            strstr(error.message, bad[k].step == 1 ? "step 1" : "step 6"));
		DO(dm_particles_all(particles, err));
		struct outcome *got = read_outcome(particles, 0);
		check_outcomes("after a bad answer", got, want, 1, 8);
		free(got);
	}
	free(want);
}

/* An answer that stands where the question does. */
static void test_overlapping_answer(void **state)
{
	struct scene s = scene();
	dm_particles *particles = make(&s, 1, "noise=0.7", 1, 4);
	const dm_request *rq;
	dm_error error;
	(void)state;
	assert_int_equal(dm_particles_next(particles, &rq, &error), DM_EVAL);
	memcpy(&rq->out[0], &rq->x, sizeof rq->x);
	assert_int_equal(dm_particles_next(particles, &rq, &error), DM_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "overlaps"));
	assert_int_equal(dm_particles_next(particles, &rq, &error), DM_EVAL);
	rq->out[0] = NULL;
	assert_int_equal(dm_particles_next(particles, &rq, &error), DM_ERR_ARGUMENT);
	assert_non_null(strstr(error.message, "NULL"));
	DO(dm_particles_all(particles, err));
	dm_particles_free(particles);
}

/* ln p = -infinity is an answer: the particle dies. Where all die, the group and the node are named. */
static dm_status kill(void *user, const dm_request *rq)
{
	int survivors = *(int *)user;
	for (size_t i = 0; i < rq->n_sample; i++) {
		if (rq->kind == DM_ASK_GRADIENT)
			rq->log_value[i] = i % 4 < (size_t)survivors || i < 4 || rq->step < 2 ? 0 : -INFINITY;
		for (size_t j = 0; j < DIM; j++)
			put(rq->out[0], rq->out_type, i * rq->out_stride + j, 0);
	}
	return 0;
}

static void test_impossible_particles(void **state)
{
	(void)state;
	for (int survivors = 0; survivors < 3; survivors++) {
		dm_model_ops ops = {.struct_size = sizeof ops, .predict = kill, .vjp = kill, .gradient = kill};
		struct scene s = scene();
		struct parts p = parts_of(&s);
		dm_model *model;
		dm_particles *particles;
		dm_error error;
		double weight[8], evidence[2], ess[14];
		DO(dm_model_create(&model, "epsilon", &ops, &survivors, NULL, err));
		DO(dm_particles_create(&particles, p.schedule, p.grid, model, NULL, NULL, 0, "threshold=0.4", DM_F64, 2, 4, DIM,
		                       NULL, err));
		dm_status st = dm_particles_all(particles, &error);
		if (survivors == 0) {
			assert_true(st == DM_ERR_NOT_FINITE && error.step == 2 && error.sample == 4);
			assert_true(strstr(error.message, "group 1") && strstr(error.message, "node 2"));
		} else {
			assert_int_equal(st, DM_OK);
			DO(dm_particles_weights(particles, weight, evidence, err));
			DO(dm_particles_history(particles, ess, NULL, 7, err));
			assert_true(evidence[0] == 0 && ess[2 * 2] == 4 && ess[2 * 2 + 1] == survivors);
			check_close("evidence", exp(evidence[1]), survivors == 2 ? 0.5 : pow(0.25, 5), 1e-12);
			assert_true(weight[4] == (survivors == 2 ? 0.5 : 1) && weight[7] == 0);
		}
		dm_particles_free(particles);
		dm_model_free(model);
		free_parts(&p);
	}
}

struct faulty {
	int calls, fail_at, nan_at;
};

static dm_status half(void *user, const double *in, double *out)
{
	struct faulty *f = user;
	if (++f->calls == f->fail_at)
		return 9;
	for (int i = 0; i < DIM; i++)
		out[i] = f->calls == f->nan_at ? NAN : in[i] / 2;
	return 0;
}

static void test_operator_fails_at_each_call(void **state)
{
	struct scene s = scene();
	struct parts p = parts_of(&s);
	struct faulty f = {0};
	dm_operator_ops ops = {.struct_size = sizeof ops, .apply = half, .adjoint = half};
	dm_operator *op;
	dm_particles *particles;
	struct outcome *want = NULL;
	double y[DIM] = {0.1, 0.2, 0, -0.3};
	int last = 0;
	(void)state;
	DO(dm_operator_create_custom(&op, DIM, DIM, &ops, &f, NULL, err));
	for (int i = 0; i <= 2 * last; i++) {
		dm_error error;
		int by_nan = i > last;
		DO(dm_particles_create(&particles, p.schedule, p.grid, p.model, op, y, DIM, "noise=0.5", DM_F64, 1, 3, DIM,
		                       NULL, err));
		f = (struct faulty){.fail_at = by_nan ? 0 : i, .nan_at = by_nan ? i - last : 0};
		if (i) { /* every other call is that of the adjoint */
			int call = by_nan ? f.nan_at : i;
			assert_int_equal(dm_particles_all(particles, &error), by_nan ? DM_ERR_NOT_FINITE : DM_ERR_CALLBACK);
			assert_non_null(strstr(error.message, call % 2 ? "operator apply" : "operator adjoint"));
			assert_true(error.sample == (call - 1) / 2 % 3 && error.step == (call - 1) / 6);
			assert_true(by_nan || error.user_code == 9);
		}
		f.fail_at = f.nan_at = 0;
		DO(dm_particles_all(particles, err));
		struct outcome *got = read_outcome(particles, 0);
		if (want)
			check_outcomes("after a failure of the operator", got, want, 1, 3);
		else
			last = f.calls;
		if (want)
			free(got);
		else
			want = got;
	}
	assert_int_equal(last, 2 * 3 * 7);
	free(want);
	dm_operator_free(op);
	free_parts(&p);
}

static void test_allocation_fails_at_each_call(void **state)
{
	struct scene s = scene();
	struct parts p = parts_of(&s);
	int failures = 0;
	(void)state;
	for (;; failures++) {
		struct memory memory = {.left = failures};
		dm_allocator allocator = counting_allocator(&memory);
		dm_particles *particles;
		dm_error error;
		dm_status st = dm_particles_create(&particles, p.schedule, p.grid, p.model, p.op, s.w.y, 2, "noise=0.7,seed=3",
		                                   DM_F64, 2, 4, DIM, &allocator, &error);
		if (st == DM_OK)
			DO(dm_particles_all(particles, err));
		dm_particles_free(particles);
		assert_int_equal(memory.bytes, 0);
		if (st == DM_OK)
			break;
		assert_true(st == DM_ERR_MEMORY && error.status == DM_ERR_MEMORY && !particles);
	}
	assert_int_equal(failures, 3); /* the object, the text of the options, the block */
	free_parts(&p);
}

static void test_missing_callbacks(void **state)
{
	struct scene s = scene();
	dm_particles *particles;
	(void)state;
	s.without_vjp = 1;
	particles = make(&s, 1, "noise=0.7", 1, 4);
	REFUSE(DM_ERR_STATE, dm_particles_all(particles, err), "no vjp callback");
	assert_int_equal(s.calls, 0); /* known before the first evaluation */
	dm_particles_free(particles);
	free(sample(&s, 1, "noise=0.7,jacobian=none,data=1", 1, 4, 0));
	free(sample(&s, 1, "noise=0.7,scale=0", 1, 4, 0));
	s.at_state = 1;
	free(sample(&s, 0, "target=3,twist=state", 1, 4, 0));
	s.calls = 0;
	s.without_gradient = 1;
	particles = make(&s, 0, "scale=0", 1, 4);
	REFUSE(DM_ERR_STATE, dm_particles_all(particles, err), "no gradient callback");
	assert_int_equal(s.calls, 0);
	dm_particles_free(particles);
}

static void test_bad_input(void **state)
{
	static const struct {
		int by_operator;
		const char *options;
		dm_status status;
		const char *words[3];
	} bad[] = {
	    {1, "noise=0.5,threshold=0", DM_ERR_ARGUMENT, {"threshold = 0", "(0, 1]"}},
	    {1, "noise=0.5,threshold=-1", DM_ERR_ARGUMENT, {"threshold = -1", "(0, 1]"}},
	    {1, "noise=0.5,threshold=1.01", DM_ERR_ARGUMENT, {"threshold = 1.01", "(0, 1]"}},
	    {1, "noise=0.5,threshold=nan", DM_ERR_ARGUMENT, {"threshold", "nan"}},
	    {1, NULL, DM_ERR_ARGUMENT, {"noise", "above 0"}},
	    {1, "noise=0", DM_ERR_ARGUMENT, {"noise", "above 0"}},
	    {1, "noise=inf", DM_ERR_ARGUMENT, {"noise = inf"}},
	    {1, "noise=0.5,scale=nan", DM_ERR_ARGUMENT, {"scale"}},
	    {1, "noise=0.5,twist=state", DM_ERR_UNSUPPORTED, {"twist", "an operator"}},
	    {1, "noise=0.5,target=1", DM_ERR_UNSUPPORTED, {"target", "an operator"}},
	    {0, "noise=0.5", DM_ERR_UNSUPPORTED, {"noise", "no operator"}},
	    {0, "data=0.5", DM_ERR_UNSUPPORTED, {"data", "vjp"}},
	    {0, "twist=state,jacobian=none", DM_ERR_UNSUPPORTED, {"jacobian", "twist=state"}},
	    {1, "noise=0.5,jacobian=none,data=0", DM_ERR_ARGUMENT, {"jacobian=none", "data"}},
	    {1, "noise=0.5,resample=stratified", DM_ERR_NAME, {"resample", "stratified"}},
	    {1, "noise=0.5,seed=-1", DM_ERR_ARGUMENT, {"seed"}},
	    {1, "noise=0.5,first_sample=9223372036854775800", DM_ERR_OVERFLOW, {"first_sample"}},
	};
	struct scene s = scene();
	struct parts p = parts_of(&s);
	dm_particles *out = (dm_particles *)&s;
	(void)state;
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		int with = bad[k].by_operator;
		REFUSE(bad[k].status,
		       dm_particles_create(&out, p.schedule, p.grid, p.model, with ? p.op : NULL, with ? s.w.y : NULL,
		                           with ? 2 : 0, bad[k].options, DM_F64, 2, 8, DIM, NULL, err),
		       bad[k].words[0], bad[k].words[1] ? bad[k].words[1] : "");
		assert_null(out);
	}
	free_parts(&p);
}

#define REFUSE_CREATE(status, schedule, grid, model, op, y, n_y, type, n_group, n_particle, n_element, ...)            \
	REFUSE(status,                                                                                                     \
	       dm_particles_create(&out, schedule, grid, model, op, y, n_y, "noise=1", type, n_group, n_particle,          \
	                           n_element, NULL, err),                                                                  \
	       __VA_ARGS__)

static void test_bad_arguments(void **state)
{
	struct scene s = scene();
	struct parts p = parts_of(&s);
	dm_particles *out = NULL;
	dm_schedule *other = create("ve");
	dm_grid *grid;
	double y[4] = {0, 1, 2, NAN};
	(void)state;
	REFUSE(DM_ERR_ARGUMENT,
	       dm_particles_create(NULL, p.schedule, p.grid, p.model, NULL, NULL, 0, NULL, DM_F64, 1, 2, DIM, NULL, err),
	       "out");
	REFUSE_CREATE(DM_ERR_ARGUMENT, NULL, p.grid, p.model, p.op, y, 2, DM_F64, 1, 2, DIM, "schedule", "NULL");
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, NULL, p.model, p.op, y, 2, DM_F64, 1, 2, DIM, "grid", "NULL");
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, p.grid, NULL, p.op, y, 2, DM_F64, 1, 2, DIM, "model", "NULL");
	REFUSE_CREATE(DM_ERR_ARGUMENT, other, p.grid, p.model, p.op, y, 2, DM_F64, 1, 2, DIM, "another schedule");
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, p.op, NULL, 2, DM_F64, 1, 2, DIM, "y is NULL");
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, NULL, y, 2, DM_F64, 1, 2, DIM, "op is NULL");
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, p.op, y, 4, DM_F64, 2, 2, DIM, "number 3 of y");
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, p.op, y, 4, DM_F64, 3, 2, DIM, "n_y = 4", "2", "3");
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, p.op, y, 2, DM_F64, 1, 2, 5, "n_element = 5", "4");
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, p.op, y, 2, DM_F16, 1, 2, DIM, "type is 3");
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, p.op, y, 2, DM_F64, 0, 2, DIM, "n_group = 0");
	for (size_t n = 0; n < 2; n++)
		REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, p.op, y, 2, DM_F64, 1, n, DIM, "n_particle",
		              "2 to");
	REFUSE_CREATE(DM_ERR_OVERFLOW, p.schedule, p.grid, p.model, p.op, y, 2, DM_F64, SIZE_MAX / 2, 3, DIM, "groups");
	REFUSE_CREATE(DM_ERR_OVERFLOW, p.schedule, p.grid, p.model, p.op, y, 2, DM_F64, SIZE_MAX / 64, 3, DIM, "");
	DO(dm_grid_create(&grid, p.schedule, "log_snr:steps=5,final=last", NULL, err));
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, grid, p.model, p.op, y, 2, DM_F64, 1, 2, DIM, "sigma = 0");
	dm_grid_free(grid);
	DO(dm_grid_create(&grid, p.schedule, "log_snr:steps=5,final=zero,direction=up", NULL, err));
	REFUSE_CREATE(DM_ERR_ARGUMENT, p.schedule, grid, p.model, p.op, y, 2, DM_F64, 1, 2, DIM, "must fall", "node 0");
	dm_grid_free(grid);
	const dm_request *rq;
	double x[4];
	REFUSE(DM_ERR_ARGUMENT, dm_particles_next(NULL, &rq, err), "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_particles_all(NULL, err), "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_particles_state(NULL, x, DM_F64, err), "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_particles_weights(NULL, x, x, err), "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_particles_history(NULL, x, NULL, 2, err), "NULL");
	dm_particles_free(NULL);
	out = make(&s, 1, "noise=1", 1, 2);
	REFUSE(DM_ERR_ARGUMENT, dm_particles_next(out, NULL, err), "rq");
	dm_particles_free(out);
	dm_schedule_free(other);
	free_parts(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_callback_fails_at_each_call),
	    cmocka_unit_test(test_bad_answers),
	    cmocka_unit_test(test_overlapping_answer),
	    cmocka_unit_test(test_impossible_particles),
	    cmocka_unit_test(test_operator_fails_at_each_call),
	    cmocka_unit_test(test_allocation_fails_at_each_call),
	    cmocka_unit_test(test_missing_callbacks),
	    cmocka_unit_test(test_bad_input),
	    cmocka_unit_test(test_bad_arguments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
