/* Models: what they are asked, in which types and strides, and where their answers may stand. */
#include "run_testing.h"

/* A grid on which every kind of prediction has a meaning: alpha > 0 at the start, sigma = 0 only at the end. */
static const char grid[] = "trailing:steps=5";

static void test_kinds_agree(void **state)
{
	(void)state;
	static const char *const samplers[] = {"ddim", "dpmpp_2m", "unipc:order=3", "heun", "ddpm"};
	for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++) {
		struct setup s = {.sampler = samplers[k], .grid = grid};
		struct denoiser truth = {.kind = X0};
		double *want = sample_all(&s, &truth);
		for (int kind = EPSILON; kind <= EDM; kind++) {
			struct denoiser d = {.kind = kind, .scaled = kind == EDM};
			double *got = sample_all(&s, &d);
			check_same(kind_names[kind], got, want, 15, 1e-10);
			assert_true(d.calls == truth.calls && d.destroyed == 1);
			free(got);
		}
		free(want);
	}
}

/* ------------------------------------------------------------------------------------------------- types and strides */

static void test_types_and_strides(void **state)
{
	(void)state;
	/* units in the last place at values around 1, times the number of steps and what the schedule's ends amplify */
	static const struct {
		const char *type;
		double tolerance;
	} types[] = {{"f64", 1e-13}, {"f32", 1e-5}, {"f16", 0.05}, {"bf16", 0.4}};
	struct setup s = {.grid = grid, .schedule = "flow", .n_element = 70};
	struct denoiser d = {.kind = FLOW};
	double *want = sample_all(&s, &d);
	for (size_t x = 0; x < 4; x++)
		for (size_t out = 0; out < 4; out++)
			for (int scaled = 0; scaled < 2; scaled++) {
				char model[200];
				snprintf(model, sizeof model, "flow:x=%s,out=%s,x_stride=73,out_stride=81,input=%s", types[x].type,
				         types[out].type, scaled ? "scaled" : "state");
				s.model = model;
				struct denoiser e = {.kind = FLOW, .scaled = scaled};
				double *got = sample_all(&s, &e);
				check_same(model, got, want, 210, fmax(types[x].tolerance, types[out].tolerance));
				free(got);
			}
	free(want);
}

/* f32 state: the plain run and one whose f32 input and output stand in strides of their own have the same bits. */
static void test_strides_change_no_bits(void **state)
{
	(void)state;
	struct setup s = {.sampler = "dpmpp_2m", .grid = grid, .dtype = DM_F32, .n_element = 67};
	struct denoiser d = {.kind = EPSILON};
	double *want = sample_all(&s, &d);
	static const char *const models[] = {"epsilon:x_stride=68", "epsilon:out_stride=100", "epsilon:x=f32,out=f32",
	                                     "epsilon:x_stride=67,out_stride=67"};
	for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
		s.model = models[i];
		double *got = sample_all(&s, &d);
		check_same(models[i], got, want, 201, 0);
		free(got);
	}
	free(want);
	s.model = "epsilon:x_stride=66";
	dm_plan *plan;
	dm_run *run;
	size_t bytes;
	DO(make_plan(&plan, &s, &d, err));
	REFUSE(DM_ERR_ARGUMENT, dm_run_create(&run, plan, NULL, NULL, 1, 67, NULL, NULL, 0, err), "x_stride = 66",
	       "n_element = 67");
	REFUSE(DM_ERR_ARGUMENT, dm_run_bytes(plan, NULL, NULL, 1, 67, &bytes, err), "x_stride = 66", "n_element = 67");
	dm_plan_free(plan);
}

/* --------------------------------------------------------------------------------------------- where answers may stand */

struct elsewhere {
	struct denoiser denoiser;
	double *memory; /* where the outputs go instead */
	size_t size;    /* of one output */
	int mode;       /* what is done wrong */
};

enum { GOOD, NOWHERE, ON_X, ON_LAST_OF_X, ON_ANOTHER, IN_ANOTHER };

static dm_status predict_elsewhere(void *user, const dm_request *rq)
{
	struct elsewhere *e = user;
	for (int32_t b = 0; b < rq->n_branch; b++)
		rq->out[b] = e->memory + (size_t)b * e->size;
	predict(&e->denoiser, rq);
	if (e->mode == NOWHERE)
		rq->out[0] = NULL;
	union {
		const void *in;
		double *out;
	} x = {rq->x};
	if (e->mode == ON_X)
		rq->out[0] = x.out;
	if (e->mode == ON_LAST_OF_X)
		rq->out[0] = x.out + (rq->n_sample - 1) * rq->x_stride + rq->n_element - 1;
	if (e->mode == ON_ANOTHER)
		rq->out[1] = rq->out[0];
	if (e->mode == IN_ANOTHER)
		rq->out[1] = (double *)rq->out[0] + rq->n_element - 1;
	return 0;
}

static double *sample_elsewhere(struct setup *s, struct elsewhere *e)
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict_elsewhere};
	char spec[400];
	dm_run *run;
	snprintf(spec, sizeof spec, "sampler=%s schedule=linear grid=%s model=epsilon guidance=cfg:scale=2 dtype=f64",
	         s->sampler, grid);
	DO(dm_run_create_spec(&run, spec, &ops, e, 3, 5, NULL, err));
	if (e->mode != GOOD) {
		REFUSE(DM_ERR_ARGUMENT, dm_run_all(run, err), "out[", e->mode == NOWHERE ? "NULL" : "overlaps");
		e->mode = GOOD; /* the request comes again */
	}
	DO(dm_run_all(run, err));
	double *out = state_of(run, s);
	dm_run_free(run);
	return out;
}

static void test_outputs_elsewhere(void **state)
{
	(void)state;
	static const char *const samplers[] = {"ddim", "dpmpp_2m", "unipc", "dpm_adaptive:rtol=0.2,atol=0.2"};
	for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++) {
		struct setup s = {.sampler = samplers[k], .grid = grid, .guidance = "cfg:scale=2"};
		struct denoiser d = {.kind = EPSILON};
		double *want = sample_all(&s, &d);
		for (int mode = GOOD; mode <= IN_ANOTHER; mode++) {
			double memory[2 * 15];
			struct elsewhere e = {.denoiser = {.kind = EPSILON}, .memory = memory, .size = 15, .mode = mode};
			double *got = sample_elsewhere(&s, &e);
			check_same(samplers[k], got, want, 15, 0);
			free(got);
		}
		free(want);
	}
}

/* Every request of a run shows the same addresses. */
static void test_addresses_stay(void **state)
{
	(void)state;
	struct setup s = {.sampler = "heun", .grid = grid, .guidance = "cfg:scale=2", .model = "epsilon:x=f32,variance=1"};
	struct denoiser d = {.kind = EPSILON};
	dm_run *run = make_run(&s, &d);
	const dm_request *rq, *first = NULL;
	const void *x = NULL, *out[4] = {0};
	dm_status st;
	int n = 0;
	while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL) {
		assert_true(rq->struct_size == sizeof *rq && rq->kind == DM_ASK_PREDICTION && rq->n_branch == 2);
		assert_true(rq->x_type == DM_F32 && rq->out_type == DM_F64 && rq->n_step == 5 && rq->eval == n);
		const void *now[4] = {rq->out[0], rq->out[1], rq->out_variance[0], rq->out_variance[1]};
		if (!first) {
			first = rq;
			x = rq->x;
			memcpy(out, now, sizeof out);
		}
		assert_true(rq == first && rq->x == x && !memcmp(now, out, sizeof now));
		denoise(&d, rq);
		for (int b = 0; b < 2; b++)
			for (size_t i = 0; i < 15; i++)
				((double *)rq->out_variance[b])[i] = 0;
		n++;
	}
	assert_int_equal(st, DM_DONE);
	assert_int_equal(n, 9);
	dm_run_free(run);
}

/* --------------------------------------------------------------------------------------------------------------- time */

static void test_time_maps(void **state)
{
	(void)state;
	dm_schedule *table, *flow;
	dm_node half, high, own;
	DO(dm_schedule_create(&table, "linear", NULL, err));
	DO(dm_schedule_create(&flow, "flow", NULL, err));
	DO(dm_schedule_at_time(table, 500.75, &half, err));
	DO(dm_schedule_at_time(flow, 0.25, &high, err));
	own = half;
	own.time = 12.5;
	const struct {
		const char *model;
		const dm_schedule *schedule;
		const dm_node *at;
		double time;
	} known[] = {
	    {"epsilon", table, &half, 500.75},
	    {"epsilon:time=index", table, &half, 500.75},
	    {"epsilon:time=index_round", table, &half, 501},
	    {"epsilon:time=index_trunc", table, &half, 500},
	    {"epsilon:time=t", table, &half, 500.75},
	    {"epsilon:time=sigma", table, &half, half.sigma / half.alpha},
	    {"epsilon:time=quarter_log_sigma", table, &half, log(half.sigma / half.alpha) / 4},
	    {"epsilon", table, &own, 12.5},
	    {"flow", flow, &high, 0.25},
	    {"flow:time=1000t", flow, &high, 250},
	    {"flow:time=one_minus_t", flow, &high, 0.75},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		dm_model *model;
		double time = 0;
		DO(dm_model_create(&model, known[i].model, NULL, NULL, NULL, err));
		DO(dm_model_time(model, known[i].schedule, known[i].at, &time, err));
		check_same(known[i].model, &time, &known[i].time, 1, 1e-14);
		dm_model_free(model);
	}
	dm_model *model;
	double time;
	DO(dm_model_create(&model, "epsilon:time=index_round", NULL, NULL, NULL, err));
	REFUSE(DM_ERR_UNSUPPORTED, dm_model_time(model, flow, &high, &time, err), "index_round", "table");
	dm_model_free(model);
	DO(dm_schedule_at_time(flow, 1, &high, err));
	DO(dm_model_create(&model, "flow:time=sigma", NULL, NULL, NULL, err));
	REFUSE(DM_ERR_UNSUPPORTED, dm_model_time(model, flow, &high, &time, err), "sigma", "inf", "alpha = 0");
	dm_model_free(model);
	dm_schedule_free(table);
	dm_schedule_free(flow);
}

/* ---------------------------------------------------------------------------------------- meaningless combinations */

static void test_zero_terminal_snr(void **state)
{
	(void)state;
	static const char zero[] = "betas:at=0.1/0.3/0.5/1";
	dm_plan *plan;
	for (int kind = EPSILON; kind <= EDM; kind++) {
		struct setup s = {.schedule = zero, .grid = "trailing:steps=2"};
		struct denoiser d = {.kind = kind, .scaled = kind == EDM};
		if (kind == EPSILON || kind == SCORE) {
			REFUSE(DM_ERR_UNSUPPORTED, make_plan(&plan, &s, &d, err), kind_names[kind], "x0", "alpha = 0");
			assert_null(plan);
			continue;
		}
		double *got = sample_all(&s, &d), *want = sample_all(&s, &(struct denoiser){.kind = X0});
		check_same(kind_names[kind], got, want, 15, 1e-12);
		free(got);
		free(want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds_agree),
	    cmocka_unit_test(test_types_and_strides),
	    cmocka_unit_test(test_strides_change_no_bits),
	    cmocka_unit_test(test_outputs_elsewhere),
	    cmocka_unit_test(test_addresses_stay),
	    cmocka_unit_test(test_time_maps),
	    cmocka_unit_test(test_zero_terminal_snr),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
