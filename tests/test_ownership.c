/* The caller's functions and structs: versions of structs, destroy called exactly once, objects freed in any order. */
#include "run_testing.h"

/* ------------------------------------------------------------------------------------------------- callers' functions */

static dm_status level(void *user, double t, double *alpha, double *sigma)
{
	(void)user;
	*alpha = 1;
	*sigma = t;
	return 0;
}

static dm_status flat_level(void *user, double t, double *alpha, double *sigma)
{
	(void)user, (void)t;
	*alpha = *sigma = 1;
	return 0;
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	(void)user, (void)at;
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	return 0;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	(void)user, (void)at, (void)branch, (void)n, (void)stats;
	weight[1] = 1;
	return 0;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	double ratio = s->to->sigma / s->from->sigma;
	dm_val x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	dm_emit_state(e, dm_emit_linear(e, 2, (dm_term[]){{ratio, s->x}, {s->to->alpha - ratio * s->from->alpha, x0}}));
	return 0;
}

static dm_status array_job(void *user, const dm_job *job)
{
	(void)user, (void)job;
	return 0;
}

static dm_status array_stats(void *user, const dm_job *job, double *gram, double *sum)
{
	(void)user, (void)job, (void)gram, (void)sum;
	return 0;
}

static dm_status array_check(void *user, const dm_job *job, int64_t *first)
{
	(void)user, (void)job, (void)first;
	return 0;
}

static dm_status array_map(void *user, int32_t map, const dm_job *job, const double parameter[4])
{
	(void)user, (void)map, (void)job, (void)parameter;
	return 0;
}

static dm_status array_error(void *user, const dm_job *job, const double parameter[2], double *sum)
{
	(void)user, (void)job, (void)parameter, (void)sum;
	return 0;
}

static dm_status array_poison(void *user, const dm_output *out, size_t n_sample, size_t n_element)
{
	(void)user, (void)out, (void)n_sample, (void)n_element;
	return 0;
}

static dm_status array_poisoned(void *user, const dm_input *in, size_t row, size_t element, int32_t *yes)
{
	(void)user, (void)in, (void)row, (void)element, (void)yes;
	return 0;
}

static dm_status array_copy(void *user, void *to, const void *from, size_t bytes, int32_t direction)
{
	(void)user, (void)to, (void)from, (void)bytes, (void)direction;
	return 0;
}

static dm_status array_allocate(void *user, size_t bytes, void **out)
{
	(void)user, (void)bytes, (void)out;
	return 0;
}

static void array_release(void *user, void *memory, size_t bytes)
{
	(void)user, (void)memory, (void)bytes;
}

/* One more field than the library knows, as a client compiled against a later version would have. */
#define LATER(type)                                                                                                    \
	struct {                                                                                                           \
		type ops;                                                                                                      \
		void *future[3];                                                                                               \
	}

static const dm_schedule_ops schedule_ops = {
    .struct_size = sizeof schedule_ops, .level = level, .destroy = count_destroy};
static const dm_model_ops model_ops = {.struct_size = sizeof model_ops, .predict = predict, .destroy = count_destroy};
static const dm_guidance_ops guidance_ops = {.struct_size = sizeof guidance_ops,
                                             .needs_stats = 0,
                                             .branches = branches,
                                             .weights = weights,
                                             .destroy = count_destroy};
static const dm_sampler_ops sampler_ops = {.struct_size = sizeof sampler_ops, .step = step, .destroy = count_destroy};
static const dm_noise_ops noise_ops = {sizeof noise_ops, predict, count_destroy};
static const dm_array_ops array_ops = {sizeof array_ops, DM_F32,        array_job,    array_stats,    array_check,
                                       array_map,        array_error,   array_poison, array_poisoned, array_copy,
                                       array_allocate,   array_release, count_destroy};

/* ------------------------------------------------------------------------------------------------- one face for all */

enum { SCHEDULE, MODEL, GUIDANCE, SAMPLER, NOISE, ARRAY, N_KIND };

static const char *const kinds[] = {"schedule", "model", "guidance", "sampler", "noise", "array"};
static const size_t sizes[] = {sizeof schedule_ops, sizeof model_ops, sizeof guidance_ops,
                               sizeof sampler_ops,  sizeof noise_ops, sizeof array_ops};
static const void *const valid[] = {&schedule_ops, &model_ops, &guidance_ops, &sampler_ops, &noise_ops, &array_ops};

static dm_status create(int kind, void **out, const void *ops, void *user, const dm_allocator *a, dm_error *error)
{
	dm_schedule **schedule = (dm_schedule **)out;
	switch (kind) {
	case SCHEDULE:
		return dm_schedule_create_custom(schedule, ops, user, 0, 10, a, error);
	case MODEL:
		return dm_model_create((dm_model **)out, "epsilon", ops, user, a, error);
	case GUIDANCE:
		return dm_guidance_create_custom((dm_guidance **)out, "own", NULL, ops, user, a, error);
	case SAMPLER:
		return dm_sampler_create_custom((dm_sampler **)out, "own", ops, user, NULL, 0, a, error);
	case NOISE:
		return dm_noise_create_custom((dm_noise **)out, ops, user, a, error);
	default:
		return dm_array_create_custom((dm_array **)out, ops, user, a, error);
	}
}

static void release(int kind, void *object)
{
	static void (*const table[])(void *) = {
	    [SCHEDULE] = (void (*)(void *))dm_schedule_free, [MODEL] = (void (*)(void *))dm_model_free,
	    [GUIDANCE] = (void (*)(void *))dm_guidance_free, [SAMPLER] = (void (*)(void *))dm_sampler_free,
	    [NOISE] = (void (*)(void *))dm_noise_free,       [ARRAY] = (void (*)(void *))dm_array_free,
	};
	table[kind](object);
}

/* ------------------------------------------------------------------------------------------------------------- tests */

static void test_destroy_once(void **state)
{
	(void)state;
	for (int kind = 0; kind < N_KIND; kind++) {
		int destroyed = 0;
		void *object;
		DO(create(kind, &object, valid[kind], &destroyed, NULL, err));
		assert_int_equal(destroyed, 0);
		release(kind, object);
		assert_int_equal(destroyed, 1);
		REFUSE(DM_ERR_ARGUMENT, create(kind, NULL, valid[kind], &destroyed, NULL, err), "out is NULL", kinds[kind]);
		assert_int_equal(destroyed, 3);
	}
}

static void *no_memory(void *user, size_t bytes)
{
	(void)user, (void)bytes;
	return NULL;
}

static void no_release(void *user, void *memory, size_t bytes)
{
	(void)user, (void)memory, (void)bytes;
}

static void test_destroy_once_without_memory(void **state)
{
	(void)state;
	const dm_allocator none = {sizeof none, NULL, no_memory, no_release}, bad = {1, NULL, no_memory, no_release};
	for (int kind = 0; kind < N_KIND; kind++) {
		int destroyed = 0;
		void *object = &destroyed;
		REFUSE(DM_ERR_MEMORY, create(kind, &object, valid[kind], &destroyed, &none, err), "allocator");
		assert_int_equal(destroyed, 2);
		assert_null(object);
		REFUSE(DM_ERR_ARGUMENT, create(kind, &object, valid[kind], &destroyed, &bad, err), "allocator",
		       "struct_size is 1");
		assert_int_equal(destroyed, 4);
	}
}

/* What is wrong is found after the ops are known to be good. */
static void test_destroy_once_when_refused(void **state)
{
	(void)state;
	int n = 0;
	dm_schedule *schedule;
	dm_model *model;
	dm_guidance *guidance, *clip;
	dm_sampler *sampler;
	dm_array *array;
	dm_schedule_ops flat = schedule_ops, no_level = schedule_ops;
	dm_guidance_ops no_weights = guidance_ops, no_branches = guidance_ops;
	dm_sampler_ops no_step = sampler_ops, long_past = sampler_ops, short_kept = sampler_ops, long_memory = sampler_ops;
	dm_array_ops f16 = array_ops, no_map = array_ops, no_release_op = array_ops;
	flat.level = flat_level;
	no_level.level = NULL;
	no_weights.weights = NULL;
	no_branches.branches = NULL;
	no_step.step = NULL;
	long_past.n_past = 9;
	short_kept.n_kept = -1;
	long_memory.n_memory = 17;
	f16.type = DM_F16;
	no_map.map = NULL;
	no_release_op.release = NULL;
	DO(dm_guidance_create(&clip, "clip", NULL, err));
#define ONCE(call, ...)                                                                                                \
	do {                                                                                                               \
		n = 0;                                                                                                         \
		REFUSE(DM_ERR_ARGUMENT, call, __VA_ARGS__);                                                                    \
		assert_int_equal(n, 2);                                                                                        \
	} while (0)
	ONCE(dm_schedule_create_custom(&schedule, &flat, &n, 0, 1, NULL, err), "lambda must fall");
	ONCE(dm_schedule_create_custom(&schedule, &no_level, &n, 0, 1, NULL, err), "level");
	ONCE(dm_schedule_create_custom(&schedule, &schedule_ops, &n, 1, 1, NULL, err), "t_clean (1)", "t_noise (1)");
	ONCE(dm_schedule_create_custom(&schedule, &schedule_ops, &n, NAN, 1, NULL, err), "t_clean (nan)");
	ONCE(dm_schedule_create_custom(&schedule, &schedule_ops, &n, -1, 1, NULL, err), "sigma = -1");
	ONCE(dm_model_create(&model, NULL, &model_ops, &n, NULL, err), "spec is NULL");
	ONCE(dm_guidance_create_custom(&guidance, NULL, NULL, &guidance_ops, &n, NULL, err), "name is NULL");
	ONCE(dm_guidance_create_custom(&guidance, "", NULL, &guidance_ops, &n, NULL, err), "name \"\"");
	ONCE(dm_guidance_create_custom(&guidance, "a|b", NULL, &guidance_ops, &n, NULL, err), "name \"a|b\"");
	ONCE(dm_guidance_create_custom(&guidance, "own", NULL, &no_weights, &n, NULL, err), "weights");
	ONCE(dm_guidance_create_custom(&guidance, "own", NULL, &no_branches, &n, NULL, err), "branches");
	ONCE(dm_sampler_create_custom(&sampler, NULL, &sampler_ops, &n, NULL, 0, NULL, err), "spec is NULL");
	ONCE(dm_sampler_create_custom(&sampler, "", &sampler_ops, &n, NULL, 0, NULL, err), "name", "1 to 63");
	ONCE(dm_sampler_create_custom(&sampler, "own", &no_step, &n, NULL, 0, NULL, err), "step");
	ONCE(dm_sampler_create_custom(&sampler, "own", &long_past, &n, NULL, 0, NULL, err), "n_past = 9");
	ONCE(dm_sampler_create_custom(&sampler, "own", &short_kept, &n, NULL, 0, NULL, err), "n_kept = -1");
	ONCE(dm_sampler_create_custom(&sampler, "own", &long_memory, &n, NULL, 0, NULL, err), "n_memory = 17");
	ONCE(dm_array_create_custom(&array, &f16, &n, NULL, err), "type is 3");
	ONCE(dm_array_create_custom(&array, &no_map, &n, NULL, err), "map");
	ONCE(dm_array_create_custom(&array, &no_release_op, &n, NULL, err), "release");
	n = 0;
	REFUSE(DM_ERR_UNSUPPORTED, dm_guidance_create_custom(&guidance, "own", clip, &guidance_ops, &n, NULL, err), "own",
	       "clip");
	REFUSE(DM_ERR_NAME, dm_sampler_create_custom(&sampler, "own:eta=1", &sampler_ops, &n, NULL, 0, NULL, err), "eta");
	REFUSE(DM_ERR_NAME, dm_model_create(&model, "epsilon:x=f7", &model_ops, &n, NULL, err), "f7");
	assert_int_equal(n, 6);
	assert_true(!schedule && !model && !guidance && !sampler && !array);
	dm_guidance_free(clip);
}

static void test_struct_sizes_of_ops(void **state)
{
	(void)state;
	static const size_t bad[] = {0, 1, 8, 16, 65537, SIZE_MAX};
	for (int kind = 0; kind < N_KIND; kind++) {
		LATER(dm_array_ops) later = {0};
		int destroyed = 0;
		void *object;
		memcpy(&later, valid[kind], sizes[kind]);
		memset((char *)&later + sizes[kind], 0x5a, sizeof later - sizes[kind]);
		const size_t large = sizes[kind] + 16;
		memcpy(&later, &large, sizeof large);
		DO(create(kind, &object, &later, &destroyed, NULL, err));
		release(kind, object);
		assert_int_equal(destroyed, 1);
		for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
			char number[32];
			snprintf(number, sizeof number, "struct_size is %zu", bad[i]);
			memcpy(&later, &bad[i], sizeof bad[i]);
			REFUSE(DM_ERR_ARGUMENT, create(kind, &object, &later, &destroyed, NULL, err), kinds[kind], number);
			assert_null(object);
		}
	}
	/* the first version of the schedule's struct had no `time` */
	dm_schedule_ops old = schedule_ops;
	int destroyed = 0;
	dm_schedule *schedule;
	memset(&old.time, 0x5a, sizeof old.time);
	old.struct_size = offsetof(dm_schedule_ops, time);
	dm_node node;
	DO(dm_schedule_create_custom(&schedule, &old, &destroyed, 0, 10, NULL, err));
	DO(dm_schedule_at_lambda(schedule, 0, &node, err));
	assert_true(fabs(node.t - 1) < 1e-12);
	dm_schedule_free(schedule);
	assert_int_equal(destroyed, 1);
}

static void test_struct_sizes_of_infos(void **state)
{
	(void)state;
	struct denoiser d = {0};
	struct setup s = {0};
	dm_plan *plan;
	dm_run *run = make_run(&s, &d);
	DO(make_plan(&plan, &s, &d, err));
	LATER(dm_plan_info) plan_info;
	LATER(dm_run_info) run_info;
	memset(&plan_info, 0x5a, sizeof plan_info);
	memset(&run_info, 0x5a, sizeof run_info);
	plan_info.ops.struct_size = sizeof plan_info;
	run_info.ops.struct_size = sizeof run_info;
	DO(dm_plan_facts(plan, &plan_info.ops, err));
	DO(dm_run_facts(run, &run_info.ops, err));
	assert_true(plan_info.ops.struct_size == sizeof plan_info && plan_info.ops.n_eval == 4);
	assert_true(run_info.ops.struct_size == sizeof run_info && run_info.ops.n_eval == 0);
	for (int i = 0; i < 3; i++)
		assert_true(!plan_info.future[i] && !run_info.future[i]); /* what the library does not know is zero */
	static const size_t bad[] = {0, 7, 65537, SIZE_MAX};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		plan_info.ops.struct_size = run_info.ops.struct_size = bad[i];
		REFUSE(DM_ERR_ARGUMENT, dm_plan_facts(plan, &plan_info.ops, err), "plan info", "struct_size");
		REFUSE(DM_ERR_ARGUMENT, dm_run_facts(run, &run_info.ops, err), "run info", "struct_size");
	}
	dm_plan_free(plan);
	dm_run_free(run);
	assert_int_equal(d.destroyed, 2);
}

/* Every order of freeing a schedule, a model and a guidance with its base, while a run still lives. */
static void test_any_order_of_free(void **state)
{
	(void)state;
	static const int order[][5] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 4, 0, 3, 1}, {3, 0, 4, 1, 2}, {1, 4, 3, 0, 2}};
	for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
		int schedules = 0, guidances = 0, samplers = 0;
		struct denoiser d = {0};
		dm_schedule *schedule;
		dm_grid *grid;
		dm_guidance *base, *top;
		dm_sampler *sampler;
		dm_model *model;
		dm_plan *plan;
		dm_run *run;
		const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict, .destroy = destroy_denoiser};
		DO(dm_schedule_create_custom(&schedule, &schedule_ops, &schedules, 0, 10, NULL, err));
		DO(dm_grid_create(&grid, schedule, "karras:steps=3,sigma_min=0.1,sigma_max=8", NULL, err));
		DO(dm_guidance_create_custom(&base, "base", NULL, &guidance_ops, &guidances, NULL, err));
		DO(dm_guidance_create_custom(&top, "top", base, &guidance_ops, &guidances, NULL, err));
		DO(dm_sampler_create_custom(&sampler, "own", &sampler_ops, &samplers, NULL, 0, NULL, err));
		DO(dm_model_create(&model, "epsilon", &ops, &d, NULL, err));
		DO(dm_plan_create(&plan, schedule, grid, sampler, model, top, NULL, NULL, err));
		DO(dm_run_create(&run, plan, NULL, NULL, 1, 4, NULL, NULL, 0, err));
		dm_plan_free(plan);
		for (int i = 0; i < 5; i++) {
			if (order[k][i] == 0)
				dm_schedule_free(schedule);
			else if (order[k][i] == 1)
				dm_guidance_free(base);
			else if (order[k][i] == 2)
				dm_guidance_free(top);
			else if (order[k][i] == 3)
				dm_grid_free(grid), dm_sampler_free(sampler);
			else
				dm_model_free(model);
		}
		DO(dm_run_all(run, err));
		assert_true(schedules == 0 && guidances == 0 && samplers == 0 && d.destroyed == 0);
		dm_run_free(run);
		assert_true(schedules == 1 && guidances == 2 && samplers == 1 && d.destroyed == 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_destroy_once),
	    cmocka_unit_test(test_destroy_once_without_memory),
	    cmocka_unit_test(test_destroy_once_when_refused),
	    cmocka_unit_test(test_struct_sizes_of_ops),
	    cmocka_unit_test(test_struct_sizes_of_infos),
	    cmocka_unit_test(test_any_order_of_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
