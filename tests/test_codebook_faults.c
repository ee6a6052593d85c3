/* Noise from codebooks: step mode, and everything that can go wrong. */
#include "codebook_testing.h"

static const struct {
	const char *options;
	int targeted;
} ways[] = {{"size=4", 1}, {"size=3,pursuit=2,target=5,score=state", 0}, {"size=3,target=5,score=candidates", 0}};
enum { N_WAY = sizeof ways / sizeof *ways };

/* Request by request, with answers in the caller's own memory, is the same as with callbacks. */
static void test_step_mode(void **state)
{
	static double own[3 * 5];
	(void)state;
	for (int k = 0; k < N_WAY; k++) {
		struct caller c = caller_of(5, V);
		double x0[3 * 5];
		const dm_request *rq;
		dm_status st;
		int64_t n_eval = 0;
		int32_t index[100];
		samples(&c.m, x0, 3);
		c.wanted = x0;
		struct code *want = encode_all(&c, ways[k].options, ways[k].targeted ? x0 : NULL, 3);
		c.by_steps = 1;
		dm_codebook *b = encoder(&c, ways[k].options, ways[k].targeted ? x0 : NULL, 3);
		REFUSE(DM_ERR_STATE, dm_codebook_all(b, err), "no predict callback", "dm_codebook_next");
		REFUSE(DM_ERR_STATE, dm_codebook_state(b, own, DM_F64, err), "not yet");
		REFUSE(DM_ERR_STATE, dm_codebook_index(b, index, 15, err), "not yet");
		while ((st = dm_codebook_next(b, &rq, NULL)) == DM_EVAL) {
			assert_true(rq->n_sample == 3 && rq->n_element == 5 && rq->n_step == 6 && rq->n_time == 1);
			assert_true(rq->eval == n_eval);
			n_eval += rq->kind == DM_ASK_PREDICTION;
			if (rq->out)
				rq->out[0] = own;
			reply(&c, rq);
		}
		assert_true(st == DM_DONE && n_eval == 6 && dm_codebook_next(b, &rq, NULL) == DM_DONE && !rq);
		REFUSE(DM_ERR_ARGUMENT, dm_codebook_state(b, NULL, DM_F64, err), "out", "NULL");
		REFUSE(DM_ERR_ARGUMENT, dm_codebook_state(b, own, DM_BF16, err), "type (4)");
		REFUSE(DM_ERR_ARGUMENT, dm_codebook_index(b, index, 3, err), "n_index is 3", k == 1 ? "45" : "15");
		REFUSE(DM_ERR_ARGUMENT, dm_codebook_index(b, NULL, 15, err), "NULL");
		struct code *got = read_code(b, 3);
		check_codes("step mode", got, want, 3, 5);
		free(want);
		free(got);
	}
}

static void test_callback_fails_at_each_call(void **state)
{
	static const int calls[N_WAY] = {6, 6 + 5, 6 + 5 * 3};
	(void)state;
	for (int k = 0; k < N_WAY; k++) {
		struct caller c = caller_of(5, V);
		double x0[2 * 5];
		samples(&c.m, x0, 2);
		c.wanted = x0;
		struct code *want = encode_all(&c, ways[k].options, ways[k].targeted ? x0 : NULL, 2);
		assert_int_equal(c.calls, calls[k]);
		for (int i = 1; i <= calls[k] + 6; i++) {
			dm_error error;
			int decodes = i > calls[k];
			dm_codebook *b = decodes ? decoder(&c, ways[k].options, want->index, 2 * want->n_index, 2)
			                         : encoder(&c, ways[k].options, ways[k].targeted ? x0 : NULL, 2);
			c.calls = 0;
			c.fail_at = decodes ? i - calls[k] : i;
			c.fail_code = i % 2 ? 17 : INT32_MIN;
			assert_int_equal(dm_codebook_all(b, &error), DM_ERR_CALLBACK);
			assert_true(error.user_code == c.fail_code && error.eval >= 0 && strstr(error.message, "no power"));
			c.fail_at = 0;
			c.busy = i % 3 ? NULL : b;
			DO(dm_codebook_all(b, err));
			c.busy = NULL;
			struct code *got = read_code(b, 2);
			check_codes("after a failure", got, want, 2, 5);
			free(got);
		}
		free(want);
	}
}

/* Named by node and sample; asked again, the caller answers. */
static void test_bad_answers(void **state)
{
	static const struct {
		int way, call, kind;
		dm_status status;
		int64_t step, element;
		const char *word;
	} bad[] = {
	    {0, 2, 1, DM_ERR_NOT_FINITE, 1, 1, "prediction"},     {0, 2, 2, DM_ERR_NOT_WRITTEN, 1, 0, "prediction"},
	    {1, 4, 1, DM_ERR_NOT_FINITE, 1, 1, "gradient"},       {1, 4, 2, DM_ERR_NOT_WRITTEN, 1, 0, "gradient"},
	    {2, 3, 1, DM_ERR_NOT_FINITE, 0, -1, "log_value"},     {2, 3, 2, DM_ERR_NOT_WRITTEN, 0, -1, "log_value"},
	    {2, 8, 1, DM_ERR_NOT_FINITE, 1, -1, "model's value"},
	};
	(void)state;
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		struct caller c = caller_of(5, V);
		double x0[2 * 5];
		char options[100];
		dm_error error;
		const void *target = ways[bad[k].way].targeted ? x0 : NULL;
		samples(&c.m, x0, 2);
		c.wanted = x0;
		snprintf(options, sizeof options, "%s,first_sample=40", ways[bad[k].way].options);
		struct code *want = encode_all(&c, options, target, 2);
		dm_codebook *b = encoder(&c, options, target, 2);
		c.calls = 0;
		c.spoil_at = bad[k].call;
		c.spoil_kind = bad[k].kind;
		assert_int_equal(dm_codebook_all(b, &error), bad[k].status);
		assert_true(error.step == bad[k].step && error.element == bad[k].element);
		assert_true(error.sample == (bad[k].kind == 2 ? 40 : 41) && strstr(error.message, bad[k].word));
		DO(dm_codebook_all(b, err));
		struct code *got = read_code(b, 2);
		check_codes("after a bad answer", got, want, 2, 5);
		free(want);
		free(got);
	}
}

static void test_allocation_fails_at_each_call(void **state)
{
	struct caller c = caller_of(5, V);
	struct parts p = parts_of(&c);
	double x0[10];
	samples(&c.m, x0, 2);
	struct code *code = encode_all(&c, "size=4,seed=3", x0, 2);
	(void)state;
	for (int decodes = 0; decodes < 2; decodes++) {
		int failures = 0;
		for (;; failures++) {
			struct memory memory = {.left = failures};
			dm_allocator allocator = counting_allocator(&memory);
			dm_codebook *b;
			dm_error error;
			dm_status st = decodes ? dm_codebook_create_decode(&b, p.schedule, p.grid, p.model, "size=4,seed=3",
			                                                   code->index, 10, DM_F64, 2, 5, &allocator, &error)
			                       : dm_codebook_create_encode(&b, p.schedule, p.grid, p.model, "size=4,seed=3", x0,
			                                                   DM_F64, 2, 5, &allocator, &error);
			if (st == DM_OK)
				DO(dm_codebook_all(b, err));
			dm_codebook_free(b);
			assert_int_equal(memory.bytes, 0);
			if (st == DM_OK)
				break;
			assert_true(st == DM_ERR_MEMORY && error.status == DM_ERR_MEMORY && !b);
		}
		assert_int_equal(failures, 3); /* the object, the text of the options, the block */
	}
	free(code);
	free_parts(&p);
}

static void test_missing_callbacks(void **state)
{
	struct caller c = caller_of(5, V);
	(void)state;
	c.without_gradient = 1;
	dm_codebook *b = encoder(&c, "size=4", NULL, 1);
	REFUSE(DM_ERR_STATE, dm_codebook_all(b, err), "no gradient callback");
	assert_int_equal(c.calls, 0);
	dm_codebook_free(b);
}

static void test_bad_indices(void **state)
{
	static const struct {
		size_t at;
		int32_t value;
		const char *words[4];
	} bad[] = {
	    {0, 7, {"index[0] = 7", "sample 0, step 0", "vector", "0 to 6"}},
	    {4, -1, {"index[4] = -1", "sample 0, step 1", "coefficient", "0 to 3"}},
	    {19, 4, {"index[19] = 4", "sample 1, step 1", "coefficient", "0 to 3"}},
	    {29, INT32_MAX, {"index[29] = 2147483647", "sample 1, step 4", "vector", "0 to 6"}},
	};
	struct caller c = caller_of(5, V);
	struct parts p = parts_of(&c);
	dm_codebook *b = (dm_codebook *)&c;
	int32_t index[30] = {0};
	const char *options = "size=7,pursuit=2,coefficient_bits=2";
	(void)state;
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		int32_t good = index[bad[k].at];
		index[bad[k].at] = bad[k].value;
		REFUSE(DM_ERR_ARGUMENT,
		       dm_codebook_create_decode(&b, p.schedule, p.grid, p.model, options, index, 30, DM_F64, 2, 5, NULL, err),
		       bad[k].words[0], bad[k].words[1], bad[k].words[2], bad[k].words[3]);
		assert_null(b);
		index[bad[k].at] = good;
	}
	for (size_t n = 0; n < 60; n++)
		if (n != 30)
			REFUSE(
			    DM_ERR_ARGUMENT,
			    dm_codebook_create_decode(&b, p.schedule, p.grid, p.model, options, index, n, DM_F64, 2, 5, NULL, err),
			    "n_index", "2 samples times 15 indices (5 steps)");
	REFUSE(DM_ERR_ARGUMENT,
	       dm_codebook_create_decode(&b, p.schedule, p.grid, p.model, options, NULL, 30, DM_F64, 2, 5, NULL, err),
	       "index is NULL");
	free_parts(&p);
}

#define REFUSE_ENCODE(status, schedule, grid, model, options, x0, type, n_sample, n_element, ...)                      \
	REFUSE(status,                                                                                                     \
	       dm_codebook_create_encode(&b, schedule, grid, model, options, x0, type, n_sample, n_element, NULL, err),    \
	       __VA_ARGS__)

static void test_bad_options(void **state)
{
	static const struct {
		const char *options;
		int targeted;
		dm_status status;
		const char *words[2];
	} bad[] = {
	    {"size=1", 1, DM_ERR_ARGUMENT, {"size = 1", "[2, "}},
	    {"size=16777217", 1, DM_ERR_ARGUMENT, {"size = 16777217", "16777216]"}},
	    {"size=2.5", 1, DM_ERR_ARGUMENT, {"size = 2.5", "whole"}},
	    {"pursuit=0", 1, DM_ERR_ARGUMENT, {"pursuit = 0", "[1, 32]"}},
	    {"pursuit=2,coefficient_bits=9", 1, DM_ERR_ARGUMENT, {"coefficient_bits = 9", "[1, 8]"}},
	    {"coefficient_bits=2", 1, DM_ERR_UNSUPPORTED, {"coefficient_bits", "pursuit=1"}},
	    {"score=x0", 1, DM_ERR_UNSUPPORTED, {"score", "targets"}},
	    {"target=1", 1, DM_ERR_UNSUPPORTED, {"target", "targets"}},
	    {"score=candidates,pursuit=2", 0, DM_ERR_UNSUPPORTED, {"candidates", "pursuit = 2"}},
	    {"score=best", 0, DM_ERR_NAME, {"score", "best"}},
	    {"vectors=3", 0, DM_ERR_NAME, {"vectors"}},
	    {"seed=1,seed=2", 0, DM_ERR_ARGUMENT, {"seed", "twice"}},
	};
	struct caller c = caller_of(5, V);
	struct parts p = parts_of(&c);
	dm_codebook *b = (dm_codebook *)&c;
	double x0[5] = {0};
	(void)state;
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		REFUSE_ENCODE(bad[k].status, p.schedule, p.grid, p.model, bad[k].options, bad[k].targeted ? x0 : NULL, DM_F64,
		              1, 5, bad[k].words[0], bad[k].words[1] ? bad[k].words[1] : "");
		assert_null(b);
	}
	free_parts(&p);
}

static void test_bad_arguments(void **state)
{
	struct caller c = caller_of(5, V);
	struct parts p = parts_of(&c);
	dm_codebook *b = NULL;
	dm_schedule *other = create("ve");
	dm_grid *up;
	double x0[5] = {0, 0, NAN, 0, 0};
	int32_t index;
	const dm_request *rq;
	dm_codebook_info info = {.struct_size = 3};
	(void)state;
	REFUSE(DM_ERR_ARGUMENT,
	       dm_codebook_create_encode(NULL, p.schedule, p.grid, p.model, NULL, x0, DM_F64, 1, 5, NULL, err), "out");
	REFUSE_ENCODE(DM_ERR_ARGUMENT, NULL, p.grid, p.model, NULL, x0, DM_F64, 1, 5, "schedule", "NULL");
	REFUSE_ENCODE(DM_ERR_ARGUMENT, p.schedule, NULL, p.model, NULL, x0, DM_F64, 1, 5, "grid", "NULL");
	REFUSE_ENCODE(DM_ERR_ARGUMENT, p.schedule, p.grid, NULL, NULL, x0, DM_F64, 1, 5, "model", "NULL");
	REFUSE_ENCODE(DM_ERR_ARGUMENT, other, p.grid, p.model, NULL, x0, DM_F64, 1, 5, "another schedule");
	REFUSE_ENCODE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, NULL, x0, DM_F16, 1, 5, "type is 3");
	REFUSE_ENCODE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, NULL, x0, DM_F64, 0, 5, "n_sample = 0");
	REFUSE_ENCODE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, NULL, x0, DM_F64, 1, 0, "n_element = 0");
	REFUSE_ENCODE(DM_ERR_ARGUMENT, p.schedule, p.grid, p.model, NULL, x0, DM_F64, 1, 5, "element 2", "not finite");
	REFUSE_ENCODE(DM_ERR_OVERFLOW, p.schedule, p.grid, p.model, NULL, x0, DM_F64, SIZE_MAX / 64, 1 << 20, "do not fit");
	DO(dm_grid_create(&up, p.schedule, "log_snr:steps=5,direction=up", NULL, err));
	REFUSE_ENCODE(DM_ERR_ARGUMENT, p.schedule, up, p.model, NULL, x0, DM_F64, 1, 5, "must fall", "node 0");
	REFUSE(DM_ERR_ARGUMENT, dm_codebook_next(NULL, &rq, err), "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_codebook_all(NULL, err), "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_codebook_state(NULL, x0, DM_F64, err), "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_codebook_index(NULL, &index, 1, err), "NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_codebook_facts(NULL, &info, err), "NULL");
	dm_codebook_free(NULL);
	b = encoder(&c, NULL, NULL, 1);
	REFUSE(DM_ERR_ARGUMENT, dm_codebook_next(b, NULL, err), "rq");
	REFUSE(DM_ERR_ARGUMENT, dm_codebook_facts(b, NULL, err), "info");
	REFUSE(DM_ERR_ARGUMENT, dm_codebook_facts(b, &info, err), "struct_size is 3");
	dm_codebook_free(b);
	dm_grid_free(up);
	dm_schedule_free(other);
	free_parts(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_step_mode),         cmocka_unit_test(test_callback_fails_at_each_call),
	    cmocka_unit_test(test_bad_answers),       cmocka_unit_test(test_allocation_fails_at_each_call),
	    cmocka_unit_test(test_missing_callbacks), cmocka_unit_test(test_bad_indices),
	    cmocka_unit_test(test_bad_options),       cmocka_unit_test(test_bad_arguments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
