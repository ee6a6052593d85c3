/* Runs that climb again (restart, RePaint), Langevin steps at the nodes, and inpainting over them. */
#include "run_testing.h"

enum { MANY = 4000 };

static dm_run *start(const char *spec, struct denoiser *d, size_t n_sample, size_t n_element)
{
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict, .destroy = destroy_denoiser};
	dm_run *run;
	DO(dm_run_create_spec(&run, spec, &ops, d, n_sample, n_element, NULL, err));
	return run;
}

static void take_state(dm_run *run, double *x)
{
	DO(dm_run_state(run, x, DM_F64, err));
	dm_run_free(run);
}

/* Levels sigma/alpha of a grid by spec. */
static size_t levels_of(const char *spec, double *level, size_t capacity)
{
	dm_schedule *schedule;
	dm_grid *grid;
	DO(dm_schedule_create(&schedule, "edm:sigma_min=0.01,sigma_max=16", NULL, err));
	DO(dm_grid_create(&grid, schedule, spec, NULL, err));
	size_t n = dm_grid_count(grid);
	assert_true(n <= capacity);
	for (size_t i = 0; i < n; i++) {
		const dm_node *node = dm_grid_node(grid, i);
		level[i] = node->sigma / node->alpha;
		assert_int_equal(node->visit, i);
	}
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return n;
}

static void check_levels(const char *spec, const double *want, size_t n)
{
	double level[64];
	assert_int_equal(levels_of(spec, level, 64), n);
	for (size_t i = 0; i < n; i++)
		if (!(fabs(level[i] - want[i]) <= 1e-9 * fmax(1, want[i])))
			fail_msg("%s: level %zu is %.15g, not %.15g", spec, i, level[i], want[i]);
}

static void test_edits(void **state)
{
	(void)state;
	const double restart[] = {16, 4, 1, 0.25, 9, 4.625, 0.25, 9, 4.625, 0.25, 0};
	const double repaint[] = {16, 8, 4, 2, 4, 8, 4, 2, 1, 0, 1, 2, 1, 0};
	check_levels("levels:at=16/4/1/0.25|restart:low=0.5,high=9,times=2,steps=2,rho=1", restart, 11);
	check_levels("levels:at=16/8/4/2/1|repaint:length=2,samples=2", repaint, 14);
}

/* The start is exact, whatever nodes the grid has; what a start by index would round stays. */
static void test_start_level(void **state)
{
	(void)state;
	dm_schedule *schedule;
	dm_grid *grid;
	check_levels("levels:at=16/4/1/0.25|from:level=3", (double[]){3, 1, 0.25, 0}, 4);
	check_levels("levels:at=16/4/1/0.25|from:level=4", (double[]){4, 1, 0.25, 0}, 4);
	check_levels("levels:at=16/4/1/0.25|from:level=0.1", (double[]){0.1, 0}, 2);
	check_levels("levels:at=16/4/1|from:level=2|repaint:length=1,samples=2", (double[]){2, 1, 0, 1, 0}, 5);
	DO(dm_schedule_create(&schedule, "linear", NULL, err));
	DO(dm_grid_create(&grid, schedule, "trailing:steps=4|from:strength=0.6", NULL, err));
	assert_true(dm_grid_node(grid, 0)->t == 0.6 * 999);
	assert_true(dm_grid_node(grid, 1)->t == 499);
	assert_int_equal(dm_grid_count(grid), 4);
	dm_grid_free(grid);
	DO(dm_grid_create(&grid, schedule, "trailing:steps=4|from:strength=1", NULL, err));
	assert_int_equal(dm_grid_count(grid), 5);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
}

/* In level^(1/7) the fall is even. */
static void test_edit_spacing(void **state)
{
	(void)state;
	double level[64];
	levels_of("levels:at=16/4/1/0.25|restart:low=0.25,high=9,times=3,steps=4,rho=7", level, 64);
	double middle = pow((pow(9, 1 / 7.) + pow(0.25, 1 / 7.)) / 2, 7);
	assert_true(level[4] == 9 && fabs(level[6] - middle) < 1e-9 && level[8] == 0.25 && level[9] == 9);
}

static void test_bad_edits(void **state)
{
	(void)state;
	dm_schedule *schedule;
	dm_grid *grid = NULL;
	DO(dm_schedule_create(&schedule, "edm:sigma_min=0.01,sigma_max=16", NULL, err));
	static const struct {
		const char *edit, *word[2];
		dm_status status;
	} rows[] = {
	    {"restart:low=0.2", {"low = 0.2", "0.25"}, DM_ERR_ARGUMENT},
	    {"restart:low=0.5,high=0.25", {"high = 0.25", "0.25"}, DM_ERR_ARGUMENT},
	    {"restart:times=0", {"times = 0", "[1,"}, DM_ERR_ARGUMENT},
	    {"restart:low=0.5,steps=1.5", {"steps = 1.5", "whole"}, DM_ERR_ARGUMENT},
	    {"restart:low=nan", {"low", "nan"}, DM_ERR_ARGUMENT},
	    {"from:strength=0", {"strength = 0", "1]"}, DM_ERR_ARGUMENT},
	    {"from:level=0", {"level = 0", "(0, 1e30]"}, DM_ERR_ARGUMENT},
	    {"from", {"give level", "strength in (0, 1]"}, DM_ERR_ARGUMENT},
	    {"from:level=2,strength=0.5", {"level = 2", "strength = 0.5, not both"}, DM_ERR_ARGUMENT},
	    {"from:strength=1.1", {"strength = 1.1", "1]"}, DM_ERR_ARGUMENT},
	    {"from:level=17", {"17", "16"}, DM_ERR_ARGUMENT},
	    {"repaint:length=0", {"length = 0", "[1,"}, DM_ERR_ARGUMENT},
	    {"repaint:lenght=3", {"lenght", "length"}, DM_ERR_NAME},
	    {"restrat", {"restrat", "restart"}, DM_ERR_NAME},
	    {"", {"grid edit", "unknown name"}, DM_ERR_NAME},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char spec[200];
		snprintf(spec, sizeof spec, "levels:at=16/4/1/0.25|%s", rows[i].edit);
		REFUSE(rows[i].status, dm_grid_create(&grid, schedule, spec, NULL, err), rows[i].word[0], rows[i].word[1]);
		assert_null(grid);
	}
	REFUSE(DM_ERR_UNSUPPORTED,
	       dm_grid_create(&grid, schedule, "levels:at=16/4/1|repaint:length=1,samples=2|repaint", NULL, err), "repaint",
	       "must fall");
	dm_schedule_free(schedule);
}

/* Mean and variance over samples of the first element. */
static void moments(const char *spec, double *mean, double *variance)
{
	struct denoiser d = {.kind = strstr(spec, "model=flow") ? FLOW : EPSILON};
	static double x[MANY];
	dm_run *run = start(spec, &d, MANY, 1);
	DO(dm_run_all(run, err));
	take_state(run, x);
	*mean = *variance = 0;
	for (size_t i = 0; i < MANY; i++)
		*mean += x[i] / MANY;
	for (size_t i = 0; i < MANY; i++)
		*variance += (x[i] - *mean) * (x[i] - *mean) / (MANY - 1);
}

/* The data have mean 0.4 sin 1 and variance 0.25. Five standard errors of 4000 samples: 0.04 and 0.028; the grids are
 * fine enough for the rest. */
static void test_distribution(void **state)
{
	(void)state;
	static const char *const specs[] = {
	    "sampler=heun schedule=vp grid=log_snr:steps=12|restart:low=0.3,high=2,times=3,steps=6 model=epsilon dtype=f64",
	    "sampler=dpmpp_2m schedule=edm grid=karras:steps=48|repaint:length=8,samples=2 model=epsilon dtype=f64",
	    "sampler=dpmpp_2m schedule=flow grid=flow:steps=24|repaint:length=6,samples=2 model=flow dtype=f64",
	    "sampler=dpmpp_2m schedule=vp grid=log_snr:steps=40 model=epsilon dtype=f64 refine=3",
	    "sampler=unipc schedule=flow grid=flow:steps=40 model=flow dtype=f64 refine=2",
	};
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		double mean, variance;
		moments(specs[i], &mean, &variance);
		if (!(fabs(mean - 0.4 * sin(1)) < 0.045 && fabs(variance - 0.25) < 0.035))
			fail_msg("%s: mean %g, variance %g", specs[i], mean, variance);
	}
}

/* Langevin steps pull a coarse first-order run to the right variance. */
static void test_refinement_helps(void **state)
{
	(void)state;
	double mean, plain, refined;
	moments("sampler=ddim schedule=vp grid=log_snr:steps=8 model=epsilon dtype=f64", &mean, &plain);
	moments("sampler=ddim schedule=vp grid=log_snr:steps=8 model=epsilon dtype=f64 refine=29,refine_noise=0.4", &mean,
	        &refined);
	if (!(fabs(refined - 0.25) < 0.6 * fabs(plain - 0.25)))
		fail_msg("%g, %g", plain, refined);
}

static const char *const looped =
    "sampler=dpmpp_2m_sde schedule=linear grid=trailing:steps=8|repaint:length=2,samples=3 model=epsilon seed=5 "
    "guidance=inpaint:mode=replace refine=1";

static void bind(dm_run *run, size_t n)
{
	double known[8], mask[8];
	for (size_t i = 0; i < n; i++) {
		known[i] = 0.1 * (double)i;
		mask[i] = (double)(i % 3) / 2;
	}
	DO(dm_run_bind(run, DM_BOUND_KNOWN, known, DM_F64, n, err));
	DO(dm_run_bind(run, DM_BOUND_MASK, mask, DM_F64, n, err));
}

/* Step mode, another batch, and the spec it prints give the same bits. */
static void test_same_bits(void **state)
{
	(void)state;
	enum { N = 5, E = 7 };
	struct denoiser d = {.kind = EPSILON};
	double whole[N * E], other[N * E];
	char spec[1024];
	dm_status st;
	const dm_request *rq;
	dm_run *run = start(looped, &d, N, E);
	bind(run, E);
	DO(dm_run_all(run, err));
	DO(dm_run_spec(run, spec, sizeof spec, NULL, err));
	take_state(run, whole);
	assert_non_null(strstr(spec, "|repaint:length=2,samples=3"));

	run = start(spec, &d, N, E);
	bind(run, E);
	while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL)
		denoise(&d, rq);
	assert_int_equal(st, DM_DONE);
	take_state(run, other);
	assert_memory_equal(whole, other, sizeof whole);

	for (size_t i = 0; i < N; i++) {
		char one[1100];
		snprintf(one, sizeof one, "%s first_sample=%zu", looped, i);
		run = start(one, &d, 1, E);
		bind(run, E);
		DO(dm_run_all(run, err));
		take_state(run, other);
		assert_memory_equal(whole + i * E, other, E * sizeof *other);
	}
}

/* Every climb and every step draws numbers of its own, and evaluations are counted exactly. */
static void test_counts_and_draws(void **state)
{
	(void)state;
	struct denoiser d = {.kind = EPSILON};
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_plan *plan;
	dm_plan_info info = {.struct_size = sizeof info};
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict, .destroy = destroy_denoiser};
	DO(dm_schedule_create(&schedule, "linear", NULL, err));
	DO(dm_grid_create(&grid, schedule, "trailing:steps=8|repaint:length=2,samples=3", NULL, err));
	DO(dm_sampler_create(&sampler, "ddim:eta=1", NULL, err));
	DO(dm_model_create(&model, "epsilon", &ops, &d, NULL, err));
	DO(dm_plan_create(&plan, schedule, grid, sampler, model, NULL, "refine=2", NULL, err));
	DO(dm_plan_facts(plan, &info, err));
	size_t steps = dm_grid_count(grid) - 1, climbs = 0, clean = 0;
	for (size_t i = 0; i < steps; i++) {
		clean += dm_grid_node(grid, i + 1)->sigma == 0;
		climbs += dm_grid_node(grid, i + 1)->lambda < dm_grid_node(grid, i)->lambda;
	}
	assert_int_equal(climbs, 12); /* times 0, 2, 4 are climbed from twice, 2 nodes each */
	assert_int_equal(info.n_eval, (steps - climbs) * 3);
	assert_int_equal(info.n_draw, (steps - clean) + 2 * (steps - climbs)); /* no noise on the way to 0 */
	uint32_t seen[256];
	size_t n = 0;
	for (size_t r = 1; r < dm_plan_count(plan); r++) {
		const dm_row *row = dm_plan_row(plan, r);
		for (int32_t i = 0; i < row->n_in; i++) {
			if (row->in[i].slot >= 0)
				continue;
			for (size_t k = 0; k < n; k++)
				assert_int_not_equal(seen[k], row->in[i].draw);
			seen[n++] = row->in[i].draw;
		}
	}
	assert_int_equal(n, info.n_draw);
	dm_plan_free(plan);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
}

static void test_refusals(void **state)
{
	(void)state;
	struct denoiser d = {.kind = EPSILON};
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict, .destroy = destroy_denoiser};
	dm_run *run;
	REFUSE(DM_ERR_UNSUPPORTED,
	       dm_run_create_spec(&run,
	                          "sampler=dpm_adaptive schedule=vp grid=log_snr:steps=8|repaint:length=2 model=epsilon",
	                          &ops, &d, 1, 1, NULL, err),
	       "dpm_adaptive", "climb");
	REFUSE(DM_ERR_UNSUPPORTED,
	       dm_run_create_spec(&run, "sampler=dpm_adaptive schedule=vp grid=log_snr model=epsilon refine=1", &ops, &d, 1,
	                          1, NULL, err),
	       "dpm_adaptive", "refine");
	REFUSE(DM_ERR_ARGUMENT,
	       dm_run_create_spec(&run, "sampler=ddim schedule=vp grid=log_snr model=epsilon refine=30", &ops, &d, 1, 1,
	                          NULL, err),
	       "refine = 30", "[0, 29]");
	REFUSE(DM_ERR_ARGUMENT,
	       dm_run_create_spec(&run, "sampler=ddim schedule=vp grid=log_snr model=epsilon refine_noise=2", &ops, &d, 1,
	                          1, NULL, err),
	       "refine_noise = 2", "1]");
	run = start("sampler=ddim schedule=vp grid=log_snr:steps=3 model=epsilon guidance=inpaint", &d, 2, 3);
	REFUSE(DM_ERR_STATE, dm_run_all(run, err), "DM_BOUND_KNOWN", "dm_run_bind");
	REFUSE(DM_ERR_ARGUMENT, dm_run_bind(run, DM_BOUND_MASK, (double[]){0, 1, 1.5}, DM_F64, 3, err), "value 2", "1.5",
	       "[0, 1]");
	REFUSE(DM_ERR_ARGUMENT, dm_run_bind(run, DM_BOUND_MASK, (double[]){0, 1}, DM_F64, 2, err), "n = 2", "3", "6");
	REFUSE(DM_ERR_NOT_FINITE, dm_run_bind(run, DM_BOUND_KNOWN, (float[]){0, NAN, 1}, DM_F32, 3, err), "value 1",
	       "DM_BOUND_KNOWN");
	REFUSE(DM_ERR_STATE, dm_run_bind(run, DM_BOUND_REFERENCE, (double[]){0, 1, 1}, DM_F64, 3, err),
	       "DM_BOUND_REFERENCE", "nothing");
	REFUSE(DM_ERR_ARGUMENT, dm_run_bind(run, 9, (double[]){0, 1, 1}, DM_F64, 3, err), "which = 9", "0 to 8");
	dm_run_free(run);
}

/* The known part comes out as it is; what is unknown is drawn from the data. */
static void test_inpainting(void **state)
{
	(void)state;
	enum { N = 500, E = 2 };
	static const char *const modes[] = {"blend", "replace"};
	static double x[N * E];
	for (int mode = 0; mode < 2; mode++) {
		struct denoiser d = {.kind = EPSILON};
		char spec[300];
		double sum = 0, square = 0;
		snprintf(spec, sizeof spec,
		         "sampler=dpmpp_2m schedule=linear grid=trailing:steps=20 model=epsilon dtype=f64 "
		         "guidance=inpaint:mode=%s",
		         modes[mode]);
		dm_run *run = start(spec, &d, N, E);
		DO(dm_run_bind(run, DM_BOUND_KNOWN, (double[]){0.75, 0}, DM_F64, E, err));
		DO(dm_run_bind(run, DM_BOUND_MASK, (double[]){1, 0}, DM_F64, E, err));
		DO(dm_run_all(run, err));
		take_state(run, x);
		for (size_t i = 0; i < N; i++) {
			assert_true(x[i * E] == 0.75);
			sum += x[i * E + 1] / N;
			square += x[i * E + 1] * x[i * E + 1] / N;
		}
		assert_true(fabs(sum - 0.4 * sin(2)) < 0.13); /* 5 standard errors of 500 samples and 0.02 of the grid */
		assert_true(fabs(square - sum * sum - 0.25) < 0.1);
	}
}

/* hard=1: a mask of 0.5 is known in the noisy half of s = sigma / (alpha + sigma) and free in the other; 0 and 1 are as
 * they are. */
static void test_hard_mask(void **state)
{
	(void)state;
	struct denoiser d = {.kind = FLOW};
	double x[3], free_run[3];
	const char *spec = "sampler=ddim schedule=flow grid=flow:steps=8 model=flow dtype=f64 guidance=inpaint:hard=1";
	dm_run *run = start(spec, &d, 1, 3);
	const dm_request *rq;
	double z[3] = {0};
	int known = 0, released = 0;
	DO(dm_run_bind(run, DM_BOUND_KNOWN, (double[]){9, 9, 9}, DM_F64, 3, err));
	DO(dm_run_bind(run, DM_BOUND_MASK, (double[]){0, 0.5, 1}, DM_F64, 3, err));
	while (dm_run_next(run, &rq, NULL) == DM_EVAL) {
		for (int e = 1; e < 3; e++) { /* what is known carries the same noise all the way */
			double now = (((const double *)rq->x)[e] - rq->alpha[0] * 9) / rq->sigma[0];
			if (rq->eval == 0)
				z[e] = now;
			int held = fabs(now - z[e]) < 1e-12;
			assert_true(held || e == 1);
			known += held && e == 1;
			released += !held;
			assert_int_equal(held, e == 2 || rq->sigma[0] >= 0.5);
		}
		denoise(&d, rq);
	}
	assert_int_equal(known, 5); /* s = 1, 7/8, 6/8, 5/8, 4/8 */
	assert_int_equal(released, 3);
	take_state(run, x);
	assert_true(x[2] == 9 && x[1] < 8);
	run = start("sampler=ddim schedule=flow grid=flow:steps=8 model=flow dtype=f64", &d, 1, 3);
	DO(dm_run_all(run, err));
	take_state(run, free_run);
	check_same("the free part", x, free_run, 1, 1e-12);
}

/* mode=clean: the network sees the known part without noise. */
static void test_clean_part(void **state)
{
	(void)state;
	struct denoiser d = {.kind = EPSILON};
	double x[2];
	const dm_request *rq;
	dm_run *run = start(
	    "sampler=dpmpp_2m schedule=linear grid=trailing:steps=5 model=epsilon dtype=f64 guidance=inpaint:mode=clean",
	    &d, 1, 2);
	DO(dm_run_bind(run, DM_BOUND_KNOWN, (float[]){0.5f, 0}, DM_F32, 2, err));
	DO(dm_run_bind(run, DM_BOUND_MASK, (float[]){1, 0}, DM_F32, 2, err));
	while (dm_run_next(run, &rq, NULL) == DM_EVAL) {
		assert_true(((const double *)rq->x)[0] == 0.5);
		denoise(&d, rq);
	}
	take_state(run, x);
	assert_true(x[0] == 0.5 && fabs(x[1]) < 3);
}

/* ILVR: the means over pairs follow the reference, the rest does not. */
static void test_reference(void **state)
{
	(void)state;
	enum { E = 4 };
	struct denoiser d = {.kind = EPSILON};
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict, .destroy = destroy_denoiser};
	const double reference[E] = {3, 1, -2, -4};
	double x[E];
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_operator *pool;
	dm_guidance *guidance;
	dm_plan *plan;
	dm_array *array;
	dm_run *run;
	DO(dm_schedule_create(&schedule, "linear", NULL, err));
	DO(dm_grid_create(&grid, schedule, "trailing:steps=10", NULL, err));
	DO(dm_sampler_create(&sampler, "dpmpp_2m", NULL, err));
	DO(dm_model_create(&model, "epsilon", &ops, &d, NULL, err));
	DO(dm_operator_create_average_pool(&pool, E, 1, 1, 2, NULL, err));
	REFUSE(DM_ERR_ARGUMENT, dm_guidance_create(&guidance, "ilvr", NULL, err), "ilvr", "operator");
	DO(dm_guidance_create_over(&guidance, "ilvr", NULL, pool, NULL, err));
	DO(dm_plan_create(&plan, schedule, grid, sampler, model, guidance, NULL, NULL, err));
	DO(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, err));
	DO(dm_run_create(&run, plan, array, NULL, 1, E, NULL, NULL, 0, err));
	DO(dm_run_bind(run, DM_BOUND_REFERENCE, reference, DM_F64, E, err));
	DO(dm_run_all(run, err));
	take_state(run, x);
	assert_true(fabs((x[0] + x[1]) / 2 - 2) < 1e-9 && fabs((x[2] + x[3]) / 2 + 3) < 1e-9);
	assert_true(fabs(x[0] - x[1] - 2) > 1e-3);
	dm_array_free(array);
	dm_plan_free(plan);
	dm_guidance_free(guidance);
	dm_operator_free(pool);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_edits),        cmocka_unit_test(test_start_level),
	    cmocka_unit_test(test_edit_spacing), cmocka_unit_test(test_bad_edits),
	    cmocka_unit_test(test_distribution), cmocka_unit_test(test_refinement_helps),
	    cmocka_unit_test(test_same_bits),    cmocka_unit_test(test_counts_and_draws),
	    cmocka_unit_test(test_refusals),     cmocka_unit_test(test_inpainting),
	    cmocka_unit_test(test_hard_mask),    cmocka_unit_test(test_clean_part),
	    cmocka_unit_test(test_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
