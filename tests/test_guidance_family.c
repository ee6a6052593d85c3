/* What holds for every guidance of the classifier-free family, over samplers, predictions, batches and ways to drive a
 * run. */
#include "guidance_testing.h"

static void test_batches(void **state)
{
	double all[BATCH * ELEMENTS], one[ELEMENTS];
	(void)state;
	for (int c = 0; c < N_CHAIN; c++) {
		struct denoiser d = {.kind = V};
		finish(start(chains[c], "dpmpp_2m_sde", &d, BATCH, "seed=3"), all);
		for (int i = 0; i < BATCH; i++) {
			char options[60];
			snprintf(options, sizeof options, "seed=3,first_sample=%d", i);
			finish(start(chains[c], "dpmpp_2m_sde", &d, 1, options), one);
			check_same(chains[c], one, all + ELEMENTS * i, ELEMENTS, 0);
		}
	}
}

/* The caller's loop comes to the same bits; and the plan knows how many branches are asked for. */
static void test_steps_and_counts(void **state)
{
	static const char *const samplers[] = {"ddim", "heun", "euler_ancestral_cfg_pp"};
	double driven[BATCH * ELEMENTS], stepped[BATCH * ELEMENTS];
	(void)state;
	for (int c = 0; c < 3 * N_CHAIN; c++) {
		const char *chain = chains[c / 3], *sampler = samplers[c % 3];
		struct denoiser d = {.kind = EPSILON}, by_hand = d;
		const dm_request *rq;
		dm_status st;
		finish(start(chain, sampler, &d, BATCH, NULL), driven);
		dm_run *run = start(chain, sampler, &by_hand, BATCH, NULL);
		while ((st = dm_run_next(run, &rq, NULL)) == DM_EVAL)
			assert_int_equal(predict(&by_hand, rq), 0);
		assert_int_equal(st, DM_DONE);
		finish(run, stepped);
		check_same(chain, stepped, driven, BATCH * ELEMENTS, 0);

		dm_guidance *guidance = guide(chain);
		struct setup s = {.sampler = sampler, .grid = "trailing:steps=5", .own_guidance = guidance};
		dm_plan *plan;
		dm_plan_info info = {.struct_size = sizeof info};
		DO(make_plan(&plan, &s, &d, err));
		DO(dm_plan_facts(plan, &info, err));
		dm_plan_free(plan);
		dm_guidance_free(guidance);
		if (info.n_branch_eval != d.branches || info.n_eval != d.calls || by_hand.branches != d.branches)
			fail_msg("%s: %d branches planned, %d and %d asked for", chain, (int)info.n_branch_eval, d.branches,
			         by_hand.branches);
	}
}

static void test_predictions(void **state)
{
	static const char *const samplers[] = {"ddim", "dpmpp_2m", "ddpm"};
	double x0[BATCH * ELEMENTS], other[BATCH * ELEMENTS];
	(void)state;
	for (int c = 0; c < 3 * N_CHAIN; c++) {
		struct denoiser d = {.kind = X0};
		finish(start(chains[c / 3], samplers[c % 3], &d, BATCH, NULL), x0);
		for (int kind = EPSILON; kind <= FLOW; kind++) {
			struct denoiser e = {.kind = kind};
			finish(start(chains[c / 3], samplers[c % 3], &e, BATCH, NULL), other);
			check_same(chains[c / 3], other, x0, BATCH * ELEMENTS, 1e-9);
		}
	}
}

/* A callback that fails at any evaluation leaves the run where it stands. */
static void test_failing_callbacks(void **state)
{
	double want[BATCH * ELEMENTS], got[BATCH * ELEMENTS];
	(void)state;
	for (int c = 0; c < N_CHAIN; c++) {
		struct denoiser d = {.kind = EPSILON};
		finish(start(chains[c], "ddim", &d, BATCH, NULL), want);
		for (int k = 1, n = d.calls; k <= n; k++) {
			dm_error err;
			struct denoiser f = {.kind = EPSILON, .fail_at = k, .fail_code = 7};
			dm_run *run = start(chains[c], "ddim", &f, BATCH, NULL);
			assert_int_equal(dm_run_all(run, &err), DM_ERR_CALLBACK);
			assert_int_equal(err.user_code, 7);
			finish(run, got);
			check_same(chains[c], got, want, BATCH * ELEMENTS, 0);
		}
	}
}

/* ------------------------------------------------------------------------------------------------------- allocators */

struct meter {
	int64_t left, alive;
};

static void *allocate(void *user, size_t bytes)
{
	struct meter *m = user;
	if (m->left-- == 0)
		return NULL;
	m->alive++;
	return malloc(bytes);
}

static void release(void *user, void *memory, size_t bytes)
{
	(void)bytes;
	((struct meter *)user)->alive -= memory != NULL;
	free(memory);
}

static void test_failing_allocations(void **state)
{
	(void)state;
	for (int c = 0; c < N_CHAIN; c++)
		for (int64_t k = 0;; k++) {
			struct meter m = {k, 0};
			dm_allocator a = {sizeof a, &m, allocate, release};
			dm_operator *pool;
			dm_guidance *guidance;
			DO(dm_operator_create_average_pool(&pool, ELEMENTS, 1, 1, 2, NULL, err));
			dm_status st = dm_guidance_create_over(&guidance, chains[c], NULL, pool, &a, NULL);
			dm_guidance_free(guidance);
			dm_operator_free(pool);
			assert_int_equal(m.alive, 0);
			if (st == DM_OK)
				break;
			assert_int_equal(st, DM_ERR_MEMORY);
			assert_null(guidance);
		}
}

/* ----------------------------------------------------------------------------------------------- scales and orders */

/* At scale 1 and 0 the bits are those of the one prediction, whatever the sampler. */
static void test_neutral_scales(void **state)
{
	static const struct {
		const char *chain, *same;
		double tolerance; /* where statistics are looked at, the same sums are rounded at other places */
	} pairs[] = {
	    {"cfg:scale=1", "none", 0},
	    {"cfg:scale=0,form=given", "none", 0},
	    {"cfg:scale=-1,form=given", "cfg:scale=0", 0},
	    {"cfg:scale=5,to=-99", "none", 0},
	    {"cfg:table=-9/1/9/1", "none", 0},
	    {"cfg_zero_star:scale=1", "none", 1e-14},
	    {"tcfg:scale=1", "none", 1e-14},
	    {"apg:scale=1", "none", 1e-14},
	    {"apg:scale=0,form=given", "none", 1e-14},
	    {"autoguidance:scale=1", "none", 0},
	    {"autoguidance:scale=0,form=add", "none", 0},
	    {"perturbed:scale=0", "none", 0},
	    {"perturbed:scale=1,form=weak", "none", 0},
	    {"two_scale", "none", 0},
	    {"two_scale:scale=0,part_scale=0", "cfg:scale=0", 0},
	    {"multi:weights=3", "none", 0},
	    {"multi:scale=4", "cfg:scale=4", 1e-14},
	    {"multi:weights=3,scale=0", "cfg:scale=0", 0},
	    {"mambo_g:scale=1", "none", 1e-14},
	    {"perp_neg:scale=1,negative_scale=0", "none", 1e-14},
	    {"cfg:scale=4|rescale:phi=0", "cfg:scale=4", 1e-14},
	    {"cfg:scale=4|cfg_norm:limit=1000", "cfg:scale=4", 1e-14},
	    {"cfg:scale=4|perturbed:scale=2,from=99", "cfg:scale=4", 0},
	};
	static const char *const samplers[] = {"ddim", "dpmpp_2m", "heun", "euler_ancestral"};
	enum { PAIRS = sizeof pairs / sizeof *pairs };
	double got[BATCH * ELEMENTS], want[BATCH * ELEMENTS];
	(void)state;
	for (int k = 0; k < 4 * PAIRS; k++) {
		const char *chain = pairs[k / 4].chain, *same = pairs[k / 4].same;
		struct denoiser d = {.kind = X0}, e = d;
		finish(start(chain, samplers[k % 4], &d, BATCH, NULL), got);
		finish(start(same, samplers[k % 4], &e, BATCH, NULL), want);
		check_same(chain, got, want, BATCH * ELEMENTS, pairs[k / 4].tolerance);
		if (d.branches != e.branches)
			fail_msg("%s: %d branches instead of %d", chain, d.branches, e.branches);
	}
}

static void test_orders_without_meaning(void **state)
{
	static const char *const pairs[][2] = {
	    {"perturbed:scale=1.5|autoguidance:scale=0.7,form=add", "autoguidance:scale=0.7,form=add|perturbed:scale=1.5"},
	    {"perturbed:scale=2,number=1|perturbed:scale=3,number=2",
	     "perturbed:scale=3,number=2|perturbed:scale=2,number=1"},
	    {"cfg:scale=3|clip:range=0.4|clip:range=0.7", "cfg:scale=3|clip:range=0.7|clip:range=0.4"},
	    {"cfg:scale=3,to=0|cfg:scale=2,from=0.0001", "cfg:scale=2,from=0.0001|cfg:scale=3,to=0"},
	    {"cfg:scale=3|fdg:low=2,high=1|fdg:low=1,high=3", "cfg:scale=3|fdg:low=1,high=3|fdg:low=2,high=1"},
	    {"cfg:scale=3|cfg:scale=2", "cfg:scale=6"},
	};
	double got[BATCH * ELEMENTS], want[BATCH * ELEMENTS];
	(void)state;
	for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
		struct denoiser d = {.kind = EPSILON};
		finish(start(pairs[k][0], "dpmpp_2m", &d, BATCH, NULL), got);
		finish(start(pairs[k][1], "dpmpp_2m", &d, BATCH, NULL), want);
		check_same(pairs[k][0], got, want, BATCH * ELEMENTS, 1e-6);
	}
}

/* The numbers of branches over an interval, node by node. */
static void test_interval_counts(void **state)
{
	static const char *const chains_of_two[] = {
	    "cfg:scale=3,from=%g,to=%g", "tcfg:scale=3,from=%g,to=%g", "mambo_g:scale=3,from=%g,to=%g",
	    "apg:scale=3,momentum=0.5,from=%g,to=%g", "cfg_zero_star:scale=3,from=%g,to=%g"};
	double from = -1, to = 1;
	int want = 0;
	(void)state;
	dm_schedule *schedule;
	dm_grid *grid;
	DO(dm_schedule_create(&schedule, "linear", NULL, err));
	DO(dm_grid_create(&grid, schedule, "trailing:steps=20", NULL, err));
	for (size_t i = 0; i < 20; i++) {
		double lambda = dm_grid_node(grid, i)->lambda;
		want += 1 + (lambda >= from && lambda <= to);
	}
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	assert_true(want > 23 && want < 37);
	for (size_t k = 0; k < sizeof chains_of_two / sizeof *chains_of_two; k++) {
		char chain[80];
		struct setup s = {.grid = "trailing:steps=20", .guidance = chain};
		struct denoiser d = {.kind = EPSILON};
		snprintf(chain, sizeof chain, chains_of_two[k], from, to);
		free(sample_all(&s, &d));
		if (d.branches != want)
			fail_msg("%s: %d branches instead of %d", chain, d.branches, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_batches),
	    cmocka_unit_test(test_steps_and_counts),
	    cmocka_unit_test(test_predictions),
	    cmocka_unit_test(test_failing_callbacks),
	    cmocka_unit_test(test_failing_allocations),
	    cmocka_unit_test(test_neutral_scales),
	    cmocka_unit_test(test_orders_without_meaning),
	    cmocka_unit_test(test_interval_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
