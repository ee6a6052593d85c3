/* Models that are told where a step goes: the flow map of a Gaussian is known, so with it every jump is exact; and what
 * the requests of everything that asks a model say of the aim. */
#include "properties.h"

enum { ELEMENTS = 9 };

/* Data with this mean and deviation. */
static const double MEAN = 0.7, SD = 0.4;

static double deviation(double alpha, double sigma)
{
	return sqrt(alpha * alpha * SD * SD + sigma * sigma);
}

/* Where the ODE brings x: its distance from the mean, over the deviation, does not change. */
static double moved(double x, double alpha, double sigma, double alpha_to, double sigma_to)
{
	return alpha_to * MEAN + (x - alpha * MEAN) * deviation(alpha_to, sigma_to) / deviation(alpha, sigma);
}

struct map {
	const char *kind;
	int calls, is_blind; /* blind: it takes the time for the aim, as a network of one time does */
	double time[64], time_to[64], alpha_to[64], sigma_to[64];
};

/* The network: (x0, epsilon) with alpha x0 + sigma epsilon = x, and alpha_to x0 + sigma_to epsilon where the ODE is
 * there; the ODE's own direction where the two levels are one. */
static void answer_map(struct map *w, const dm_request *rq)
{
	for (size_t i = 0; i < rq->n_sample; i++) {
		size_t k = rq->n_time == 1 ? 0 : i;
		double a = rq->alpha[k], b = rq->sigma[k], a2 = w->is_blind ? a : rq->alpha_to[k], out[2];
		double b2 = w->is_blind ? b : rq->sigma_to[k], turn = a * b2 - a2 * b, scale = input_scale(w->kind, a, b);
		output_of(w->kind, a, b, out);
		for (size_t e = 0; e < rq->n_element; e++) {
			double x = number_at(rq->x, rq->x_type, i * rq->x_stride + e) / scale;
			double x0 = turn != 0 ? (b2 * x - b * moved(x, a, b, a2, b2)) / turn
			                      : MEAN + a * SD * SD / (deviation(a, b) * deviation(a, b)) * (x - a * MEAN);
			for (int32_t branch = 0; branch < rq->n_branch; branch++)
				put_number(rq->out[branch], rq->out_type, i * rq->out_stride + e, out[0] * x + out[1] * x0);
		}
	}
}

static dm_status predict_map(void *user, const dm_request *rq)
{
	struct map *w = user;
	int n = w->calls++;
	if (!w->is_blind && (!rq->time_to || !rq->alpha_to || !rq->sigma_to))
		return 1;
	if (n < 64) {
		w->time[n] = rq->time[0];
		w->time_to[n] = rq->time_to ? rq->time_to[0] : NAN;
		w->alpha_to[n] = rq->alpha_to ? rq->alpha_to[0] : NAN;
		w->sigma_to[n] = rq->sigma_to ? rq->sigma_to[0] : NAN;
	}
	answer_map(w, rq);
	return 0;
}

static const char *two_times(const char *kind, char model[80], const char *more)
{
	snprintf(model, 80, "%s:two_time=1%s", kind, more);
	return model;
}

static dm_plan *plan_of(const char *sampler, const char *schedule, const char *grid, const char *model,
                        const char *options, struct map *w)
{
	struct recipe r = {.sampler = sampler, .schedule = schedule, .grid = grid, .model = model, .options = options};
	return make_plan(&r, predict_map, w);
}

/* --------------------------------------------------------------------------------------------------- exact jumps */

static const struct {
	const char *schedule, *grid, *kind;
} worlds[] = {
    {"flow", "flow:steps=%d", "flow"},
    {"flow", "flow:steps=%d", "x0"},
    {"flow", "log_snr:steps=%d,sigma_max=20,sigma_min=0.1,final=last", "v"},
    {"vp", "time_uniform:steps=%d,final=last", "epsilon"},
    {"vp", "time_uniform:steps=%d,final=last", "v"},
    {"vp", "time_uniform:steps=%d,final=last", "score"},
    {"edm", "karras:steps=%d", "x0"},
    {"edm", "karras:steps=%d,final=last", "edm"},
    {"linear", "trailing:steps=%d,final=last", "epsilon"},
};

enum { N_WORLD = sizeof worlds / sizeof *worlds };

/* One line from node to node, told where it goes, is the ODE whatever the step: x' = x + (s' - s) u on rectified flow. */
static void one_step_is_the_ode(void **state)
{
	static const char *const samplers[] = {"euler", "ddim", "tcd:gamma=0", "dpm_multistep:order=1",
	                                       "euler_ancestral:eta=0"};
	(void)state;
	for (int i = 0; i < N_WORLD * 5 * 3; i++) {
		const char *sampler = samplers[i % 5];
		int steps = 1 + i / 5 % 3, world = i / 15;
		char grid[120], model[80];
		double x[ELEMENTS], known[ELEMENTS];
		struct map w = {.kind = worlds[world].kind};
		if (!strncmp(sampler, "tcd", 3) && !strcmp(worlds[world].schedule, "linear"))
			continue; /* which ends at the table's index 0 whatever the final node is */
		snprintf(grid, sizeof grid, worlds[world].grid, steps);
		dm_plan *plan = plan_of(sampler, worlds[world].schedule, grid, two_times(w.kind, model, ""), NULL, &w);
		dm_node from = *dm_plan_row(plan, 0)->at;
		const dm_row *last = NULL, *row;
		for (size_t r = 0; (row = dm_plan_row(plan, r)); r++)
			last = row->kind == DM_ROW_EVAL ? row : last;
		for (int e = 0; e < ELEMENTS; e++) {
			x[e] = from.alpha * MEAN + (e - 4) * deviation(from.alpha, from.sigma);
			known[e] = moved(x[e], from.alpha, from.sigma, last->to->alpha, last->to->sigma);
		}
		dm_run *run = make_run(plan, DM_F64, 1, ELEMENTS, NULL);
		assert_int_equal(dm_run_start_state(run, x, DM_F64, 0, NULL), DM_OK);
		finish_run(run, DM_F64, x);
		dm_plan_free(plan);
		assert_int_equal(w.calls, steps);
		for (int e = 0; e < ELEMENTS; e++)
			if (!(fabs(x[e] - known[e]) <= 1e-10))
				fail_msg("%s over %s, %s: %.17g instead of %.17g", sampler, worlds[world].schedule, grid, x[e],
				         known[e]);
	}
}

/* The mean and the variance at the end, from the true law at the start: element 0 has no noise, element 1 that of the
 * start, element 2 + d that of draw d. */
static void law_of(const char *sampler, const char *schedule, const char *grid, struct map *w, double law[2])
{
	static double value[ELEMENTS - 2][ELEMENTS];
	char model[80];
	double x[ELEMENTS];
	dm_noise *noise;
	dm_array *array;
	dm_run *run;
	dm_plan *plan = plan_of(sampler, schedule, grid, two_times(w->kind, model, ""), NULL, w);
	dm_node from = *dm_plan_row(plan, 0)->at;
	assert_in_range(facts_of(plan).n_draw, 1, ELEMENTS - 2);
	for (int e = 0; e < ELEMENTS; e++)
		x[e] = from.alpha * MEAN + (e == 1 ? deviation(from.alpha, from.sigma) : 0);
	for (int d = 0; d < ELEMENTS - 2; d++)
		value[d][2 + d] = 1;
	assert_int_equal(dm_noise_create_replay(&noise, value, DM_F64, ELEMENTS - 2, 1, ELEMENTS, NULL, NULL), DM_OK);
	assert_int_equal(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, NULL), DM_OK);
	assert_int_equal(dm_run_create(&run, plan, array, noise, 1, ELEMENTS, NULL, NULL, 0, NULL), DM_OK);
	assert_int_equal(dm_run_start_state(run, x, DM_F64, 0, NULL), DM_OK);
	finish_run(run, DM_F64, x);
	dm_array_free(array);
	dm_noise_free(noise);
	dm_plan_free(plan);
	law[0] = x[0];
	law[1] = 0;
	for (int e = 1; e < ELEMENTS; e++)
		law[1] += (x[e] - x[0]) * (x[e] - x[0]);
}

/* Methods that go below a node and back up with noise aim there: then their law is the data's, in any number of steps. */
static void noise_after_the_line_keeps_the_law(void **state)
{
	static const char *const samplers[] = {"tcd",        "tcd:gamma=1",     "ddim:eta=0.5",
	                                       "ddim:eta=1", "flow_stochastic", "euler_ancestral"};
	enum { N_SAMPLER = sizeof samplers / sizeof *samplers };
	(void)state;
	for (int i = 0; i < N_SAMPLER * 3; i++) {
		char grid[120];
		double law[2];
		struct map w = {.kind = "flow"};
		snprintf(grid, sizeof grid, "flow:steps=%d", 2 + i / N_SAMPLER);
		law_of(samplers[i % N_SAMPLER], "flow", grid, &w, law);
		if (!(fabs(law[0] - MEAN) <= 1e-12 && fabs(law[1] - SD * SD) <= 1e-12))
			fail_msg("%s, %s: mean %.17g, variance %.17g", samplers[i % N_SAMPLER], grid, law[0], law[1]);
	}
}

/* ------------------------------------------------------------------------------------------------- what is told */

/* The aims of all evaluations over nodes at t = 0.9, 0.5, 0.2, 0 of rectified flow; n of them, -1: the time itself. */
static void aims_of_samplers(void **state)
{
	static const struct {
		const char *sampler, *options;
		int n;
		double aim[9];
	} known[] = {
	    {"euler", NULL, 3, {0.5, 0.2, 0}},
	    {"heun", NULL, 5, {0.5, 0.5, 0.2, 0.2, 0}},
	    {"dpmpp_2m", NULL, 3, {0.5, 0.2, 0}},
	    {"unipc", NULL, 3, {0.5, 0.2, 0}},
	    {"tcd:gamma=0.3", NULL, 3, {0.35, 0.14, 0}},
	    {"lcm", NULL, 3, {0, 0, 0}},
	    {"flow_stochastic", NULL, 3, {0, 0, 0}},
	    {"consistency", NULL, 3, {0.001, 0.001, 0.001}},
	    {"consistency:sigma_min=0.25", NULL, 3, {0.2, 0.2, 0.2}},
	    {"euler_ancestral:split=rf,eta=1", NULL, 3, {0.5 * 0.5 / 0.9, 0.2 * 0.2 / 0.5, 0}},
	    {"pc:corrector=ald,corrector_steps=2", NULL, 9, {-1, -1, 0.5, -1, -1, 0.2, -1, -1, 0}},
	    {"pc:corrector=langevin", NULL, 6, {-1, 0.5, -1, 0.2, -1, 0}},
	    {"annealed_langevin:steps=2,denoise=0", NULL, 6, {-1, -1, -1, -1, -1, -1}},
	    {"annealed_langevin:steps=2", NULL, 7, {-1, -1, -1, -1, -1, -1, 0}},
	    {"euler", "refine=2", 9, {-1, -1, 0.5, -1, -1, 0.2, -1, -1, 0}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		char model[80];
		struct map w = {.kind = "flow"};
		dm_plan *plan = plan_of(known[i].sampler, "flow", "times:at=0.9/0.5/0.2,final=zero",
		                        two_times("flow", model, ",time=1000t"), known[i].options, &w);
		finish_run(make_run(plan, DM_F64, 2, ELEMENTS, NULL), DM_F64, (double[2 * ELEMENTS]){0});
		dm_plan_free(plan);
		assert_int_equal(w.calls, known[i].n);
		for (int k = 0; k < w.calls; k++) {
			double aim = known[i].aim[k] < 0 ? w.time[k] / 1000 : known[i].aim[k];
			if (!(fabs(w.time_to[k] - 1000 * aim) <= 1e-9 && fabs(w.alpha_to[k] - (1 - aim)) <= 1e-12 &&
			      fabs(w.sigma_to[k] - aim) <= 1e-12))
				fail_msg("%s, evaluation %d: it is told %g", known[i].sampler, k, w.time_to[k]);
		}
	}
}

/* A network of one time is told nothing, and its printed plan is what it was. */
static void one_time_is_told_nothing(void **state)
{
	char text[8000];
	struct map w = {.kind = "flow", .is_blind = 1};
	(void)state;
	for (int two = 0; two < 2; two++) {
		dm_plan *plan = plan_of("euler", "flow", "flow:steps=3", two ? "flow:two_time=1" : "flow", NULL, &w);
		for (size_t r = 0; r < dm_plan_count(plan); r++)
			assert_int_equal(dm_plan_row(plan, r)->to != NULL, two && dm_plan_row(plan, r)->kind == DM_ROW_EVAL);
		assert_int_equal(dm_plan_print(plan, "json", text, sizeof text, NULL, NULL), DM_OK);
		assert_int_equal(strstr(text, "\"time_to\":") != NULL, two);
		assert_int_equal(strstr(text, "two_time=1") != NULL, two);
		assert_int_equal(dm_plan_print(plan, "table", text, sizeof text, NULL, NULL), DM_OK);
		assert_int_equal(strstr(text, "to time") != NULL, two);
		if (!two) {
			w.time_to[0] = 0;
			finish_run(make_run(plan, DM_F64, 1, 1, NULL), DM_F64, (double[1]){0});
			assert_true(isnan(w.time_to[0]));
		}
		dm_plan_free(plan);
	}
}

/* The time to of the clean end must be a number in the network's own time. */
static void a_time_that_is_none_is_refused(void **state)
{
	struct objects o;
	dm_error err = {0};
	struct map w = {.kind = "edm"};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict_map};
	struct recipe r = {.sampler = "euler", .schedule = "edm", .grid = "karras:steps=3"};
	(void)state;
	r.model = "edm:two_time=1"; /* time=sigma is 0 at the end */
	assert_int_equal(make_objects(&o, &r, &ops, &w, NULL, &err), DM_OK);
	free_objects(&o);
	r.model = "edm:two_time=1,time=quarter_log_sigma";
	assert_int_equal(make_objects(&o, &r, &ops, &w, NULL, &err), DM_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "quarter_log_sigma"));
	free_objects(&o);
	r.grid = "karras:steps=3,final=last";
	assert_int_equal(make_objects(&o, &r, &ops, &w, NULL, &err), DM_OK);
	free_objects(&o);
}

/* ----------------------------------------------------------------------------------- all that asks models about it */

/* Every row of an adaptive run has an aim of its own, the end of its trial. */
static void adaptive_runs(void **state)
{
	double x[4][ELEMENTS], at_end = 0;
	const dm_request *rq;
	dm_status st;
	struct map w = {.kind = "flow"};
	(void)state;
	dm_plan *plan = plan_of("dpm_adaptive", "flow", "flow:steps=4,cap=0.95", "flow:two_time=1", NULL, &w);
	dm_run *run = make_run(plan, DM_F64, 4, ELEMENTS, "seed=4");
	while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL) {
		assert_int_equal(rq->n_time, rq->n_sample);
		for (size_t i = 0; i < rq->n_sample; i++) {
			assert_true(rq->time_to[i] <= rq->time[i] && rq->sigma_to[i] == rq->time_to[i]);
			assert_true(fabs(rq->alpha_to[i] + rq->sigma_to[i] - 1) < 1e-12);
			at_end += rq->time_to[i] == 0;
		}
		answer_map(&w, rq);
	}
	assert_int_equal(st, DM_DONE);
	assert_int_equal(at_end, 4);
	assert_int_equal(dm_run_state(run, x, DM_F64, NULL), DM_OK);
	dm_run_free(run);
	dm_plan_free(plan);
}

/* The evaluation of a plan at a time. */
static const dm_row *row_at(const dm_plan *plan, double time)
{
	const dm_row *row;
	for (size_t r = 0; (row = dm_plan_row(plan, r)); r++)
		if (row->kind == DM_ROW_EVAL && row->at->time == time)
			return row;
	fail_msg("no evaluation at time %g", time);
	return NULL;
}

/* Picard iteration asks for several evaluations at once, each with its aim, and ends at the bits of the run. */
static void picard(void **state)
{
	double x[3][ELEMENTS], same[3][ELEMENTS];
	size_t most = 0;
	const dm_request *rq;
	dm_array *array;
	dm_picard *picard;
	dm_status st;
	struct map w = {.kind = "flow"};
	(void)state;
	dm_plan *plan = plan_of("ddim:eta=0.5", "flow", "flow:steps=6", "flow:two_time=1", NULL, &w);
	finish_run(make_run(plan, DM_F64, 3, ELEMENTS, "seed=8"), DM_F64, x);
	assert_int_equal(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, NULL), DM_OK);
	assert_int_equal(dm_picard_create(&picard, plan, array, NULL, 3, ELEMENTS, "seed=8", NULL), DM_OK);
	dm_array_free(array);
	while ((st = dm_picard_next(picard, &rq, NULL)) == DM_EVAL) {
		for (size_t i = 0; i < rq->n_sample; i++) {
			const dm_node *to = row_at(plan, rq->time[i])->to;
			assert_true(rq->time_to[i] == to->time && rq->alpha_to[i] == to->alpha && rq->sigma_to[i] == to->sigma);
		}
		most = rq->n_sample > most ? rq->n_sample : most;
		answer_map(&w, rq);
	}
	assert_int_equal(st, DM_DONE);
	assert_true(most > 3); /* several evaluations of every sample */
	assert_int_equal(dm_run_state(dm_picard_run(picard), same, DM_F64, NULL), DM_OK);
	assert_memory_equal(x, same, sizeof x);
	dm_picard_free(picard);
	dm_plan_free(plan);
}

/* A likelihood follows the ODE itself: it asks for the direction at a level, and says that level again. */
static void likelihoods_ask_at_the_level(void **state)
{
	double x0[ELEMENTS], density, known = 0;
	struct map w = {.kind = "flow"};
	dm_schedule *schedule;
	dm_model *model;
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict_map};
	dm_error err = {0};
	(void)state;
	assert_int_equal(dm_schedule_create(&schedule, "flow", NULL, NULL), DM_OK);
	assert_int_equal(dm_model_create(&model, "flow:two_time=1", &ops, &w, NULL, NULL), DM_OK);
	for (int e = 0; e < ELEMENTS; e++) {
		x0[e] = MEAN + SD * (0.3 * e - 1);
		known -= 0.5 * (0.3 * e - 1) * (0.3 * e - 1) + log(SD) + 0.5 * log(2 * acos(-1));
	}
	if (dm_log_likelihood(schedule, model, "divergence=difference,probe=exact", x0, DM_F64, 1, ELEMENTS, &density, NULL,
	                      NULL, NULL, NULL, &err) != DM_OK)
		fail_msg("%s", err.message);
	assert_true(fabs(density - known) < 1e-2);
	assert_true(w.calls > 5);
	for (int k = 0; k < w.calls && k < 64; k++)
		assert_true(w.time_to[k] == w.time[k]);
	dm_model_free(model);
	dm_schedule_free(schedule);
}

/* A Jacobian product is that of the evaluation before it, and has its aim; a classifier's gradient has one time. */
static void products_and_gradients(void **state)
{
	static const double measurement[ELEMENTS] = {0};
	int products = 0, gradients = 0;
	double aim = -1;
	const dm_request *rq;
	dm_operator *op;
	dm_status st;
	struct objects o;
	struct map w = {.kind = "flow"};
	dm_model_ops ops = {.struct_size = sizeof ops};
	struct recipe r = {
	    .sampler = "ddim", .schedule = "flow", .grid = "flow:steps=4,cap=0.9", .model = "flow:two_time=1"};
	(void)state;
	assert_int_equal(make_objects(&o, &r, &ops, NULL, NULL, NULL), DM_OK);
	dm_plan_free(o.plan);
	dm_guidance_free(o.guidance);
	assert_int_equal(dm_operator_create_identity(&op, ELEMENTS, NULL, NULL), DM_OK);
	assert_int_equal(dm_guidance_create_over(&o.guidance, "classifier|dps:scale=0.1", NULL, op, NULL, NULL), DM_OK);
	assert_int_equal(dm_plan_create(&o.plan, o.schedule, o.grid, o.sampler, o.model, o.guidance, NULL, NULL, NULL),
	                 DM_OK);
	dm_run *run = make_run(o.plan, DM_F64, 1, ELEMENTS, NULL);
	assert_int_equal(dm_run_bind(run, DM_BOUND_MEASUREMENT, measurement, DM_F64, ELEMENTS, NULL), DM_OK);
	while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL) {
		if (rq->kind == DM_ASK_PREDICTION) {
			aim = rq->time_to[0];
			assert_true(aim < rq->time[0]);
			answer_map(&w, rq);
			continue;
		}
		if (rq->kind == DM_ASK_VJP)
			assert_true(rq->time_to && rq->time_to[0] == aim && rq->sigma_to[0] == aim);
		else
			assert_true(!rq->time_to && !rq->alpha_to && !rq->sigma_to);
		products += rq->kind == DM_ASK_VJP;
		gradients += rq->kind == DM_ASK_GRADIENT;
		memset(rq->out[0], 0, ELEMENTS * sizeof(double));
	}
	assert_int_equal(st, DM_DONE);
	assert_int_equal(products, 4);
	assert_int_equal(gradients, 4);
	dm_run_free(run);
	dm_operator_free(op);
	free_objects(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_step_is_the_ode),
	    cmocka_unit_test(noise_after_the_line_keeps_the_law),
	    cmocka_unit_test(aims_of_samplers),
	    cmocka_unit_test(one_time_is_told_nothing),
	    cmocka_unit_test(a_time_that_is_none_is_refused),
	    cmocka_unit_test(adaptive_runs),
	    cmocka_unit_test(picard),
	    cmocka_unit_test(likelihoods_ask_at_the_level),
	    cmocka_unit_test(products_and_gradients),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
