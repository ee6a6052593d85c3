/* Inverse problems: who drives the run, what stands beside a sample in the batch and what the network predicts change
 * nothing, and the plan knows what will be asked. */
#include "inverse_testing.h"

static const char *const chains[] = {
    "ddnm:noise=0.05",
    "diffpir:noise=0.05",
    "pgdm:noise=0.05,data=0.4",
    "pgdm:noise=0.05,data=0.4,jacobian=none",
    "mmps:noise=0.05,rounds=2",
    "tmpd:noise=0.05,from=-2",
    "dps:scale=0.1",
    "dps:scale=0.05,jacobian=none",
    "reconstruct:scale=0.1,target=3,norm=none",
    "reconstruct:scale=0.1,target=3",
    "clip:range=2|mmps:noise=0.05|clip:range=1.5",
};
enum { N_CHAIN = sizeof chains / sizeof *chains };

static void test_modes_and_batches(void **state)
{
	(void)state;
	static const char *const samplers[] = {"ddim", "dpmpp_2m", "heun", "ddpm", "dpm_adaptive:rtol=0.05,atol=0.05"};
	enum { N = 4 };
	for (size_t k = 0; k < N_CHAIN * 5; k++) {
		struct world w = world_of(&mixture, "v");
		struct task t = {.guidance = chains[k / 5], .sampler = samplers[k % 5], .grid = "log_snr:steps=7"};
		t.n = N;
		w.gradient = of_distance;
		if (k % 5 == 4)
			t.grid = "log_snr:sigma_max=10,sigma_min=0.05,final=last";
		t.run = "seed=5";
		t.dtype = k % 2 ? DM_F32 : DM_F64;
		double *driven = reconstruct(&w, &t);
		t.by_steps = 1;
		double *stepped = reconstruct(&w, &t);
		assert_memory_equal(driven, stepped, N * DIM * sizeof *driven);
		t.n = 1;
		for (int i = 0; i < N; i++) {
			char keys[40];
			snprintf(keys, sizeof keys, "seed=5,first_sample=%d", i);
			t.run = keys;
			double *one = reconstruct(&w, &t);
			check_same(t.guidance, one, driven + i * DIM, DIM, 0);
			free(one);
		}
		free(driven);
		free(stepped);
	}
}

static void test_predictions_agree(void **state)
{
	(void)state;
	static const char *const kinds[] = {"epsilon", "v", "x0", "flow", "score"};
	enum { N = 5 };
	for (size_t k = 0; k < N_CHAIN; k++) {
		double *first = NULL;
		for (size_t i = 0; i < 5; i++) {
			struct world w = world_of(&mixture, kinds[i]);
			struct task t = {.guidance = chains[k], .sampler = "heun", .grid = "log_snr:steps=8", .n = N};
			w.gradient = of_distance;
			double *x = reconstruct(&w, &t);
			first = first ? first : x;
			check_same(chains[k], x, first, N * DIM, 1e-6);
			if (x != first)
				free(x);
		}
		free(first);
	}
}

/* The plan knows what will be asked. */
static void test_counts(void **state)
{
	(void)state;
	static const struct {
		const char *guidance, *sampler, *plan;
		int n_predict, n_vjp, n_gradient;
	} known[] = {{"ddnm", "ddim", NULL, 6, 0, 0},
	             {"diffpir", "heun", NULL, 12, 0, 0},
	             {"pgdm", "heun", NULL, 12, 12, 0},
	             {"pgdm:jacobian=none", "heun", NULL, 12, 0, 0},
	             {"pgdm:scale=0", "heun", NULL, 12, 0, 0},
	             {"mmps:rounds=4", "dpmpp_2m", NULL, 6, 24, 0},
	             {"dps", "heun", NULL, 12, 6, 0},
	             {"dps:scale=0", "heun", NULL, 12, 0, 0},
	             {"dps", "ddim", "refine=2", 18, 6, 0},
	             {"pgdm:from=0", "ddim", NULL, 6, 2, 0},
	             {"tmpd:to=0", "ddim", NULL, 6, 8, 0},
	             {"dps:table=-1/0/1/1", "ddim", NULL, 6, 3, 0},
	             {"reconstruct:target=3,to=0", "ddim", NULL, 6, 4, 4},
	             {"mmps:rounds=16", "heun", NULL, 12, 192, 0},
	             {"mmps:rounds=16", "seeds_3", NULL, 18, 288, 0},
	             {"reconstruct:target=3", "ddim", NULL, 6, 6, 6},
	             {"reconstruct:target=3,jacobian=none", "ddim", "preview=1", 6, 0, 6}};
	for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
		struct world w = world_of(&mixture, "v");
		struct task t = {.guidance = known[k].guidance, .sampler = known[k].sampler, .grid = "log_snr:steps=6", .n = 2};
		dm_plan *plan;
		dm_plan_info info = {.struct_size = sizeof info};
		w.gradient = of_distance;
		t.plan = known[k].plan;
		DO(plan_task(&plan, &w, &t, err));
		DO(dm_plan_facts(plan, &info, err));
		dm_plan_free(plan);
		free(reconstruct(&w, &t));
		if (info.n_eval != known[k].n_predict || info.n_vjp != known[k].n_vjp || info.n_gradient != known[k].n_gradient)
			fail_msg("%s: planned %d, %d, %d", t.guidance, (int)info.n_eval, (int)info.n_vjp, (int)info.n_gradient);
		if (w.n_predict != known[k].n_predict || w.n_vjp != known[k].n_vjp || w.n_gradient != known[k].n_gradient)
			fail_msg("%s: asked %d, %d, %d", t.guidance, w.n_predict, w.n_vjp, w.n_gradient);
		if (!strcmp(t.sampler, "ddim")) /* the Jacobian is taken where the sampler's own evaluation was made */
			assert_int_equal(w.n_elsewhere, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_modes_and_batches),
	    cmocka_unit_test(test_predictions_agree),
	    cmocka_unit_test(test_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
