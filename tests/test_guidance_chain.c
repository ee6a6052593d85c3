/* Stages in company: what one behind another makes of its result, intervals, long lists; and similarities. */
#include "guidance_testing.h"

/* The x0 of one branch at a node. */
static void branch_at(const char *schedule, double t, dm_branch branch, const double *x, double *out)
{
	dm_node at = node_at(schedule, t);
	for (int e = 0; e < ELEMENTS; e++)
		out[e] = true_x0(x[e], at.alpha, at.sigma, mean_of(&branch, (size_t)e));
}

/* A linear stage adds its own, whatever stands before it. */
static void test_linear_behind(void **state)
{
	static const char *const before[] = {
	    "cfg:scale=3",
	    "cfg_zero_star:scale=3,space=flow",
	    "cfg_zero_star:scale=3,zero_steps=9",
	    "apg:scale=4,space=v",
	    "tcfg:scale=3,space=epsilon",
	    "perp_neg:scale=3,space=v",
	    "cfg:scale=3|rescale:space=v",
	    "cfg:scale=3|mahiro:scale=3",
	    "cfg:scale=2|fdg:low=3,high=2",
	    "multi:weights=1/2,masks=1,scale=2",
	    "cfg:scale=3|cfg_norm:limit=0.5,space=flow|perturbed:scale=0.5,number=2",
	};
	static const int kinds[] = {EPSILON, V, X0};
	double given[ELEMENTS], none[ELEMENTS], other[2][ELEMENTS];
	(void)state;
	branch_at("linear", 400, (dm_branch){0, DM_CONDITION_GIVEN, 0}, a_state, given);
	branch_at("linear", 400, (dm_branch){0, DM_CONDITION_NONE, 0}, a_state, none);
	branch_at("linear", 400, (dm_branch){0, DM_CONDITION_GIVEN, 1}, a_state, other[0]);
	branch_at("linear", 400, (dm_branch){1, DM_CONDITION_GIVEN, 0}, a_state, other[1]);
	for (size_t k = 0; k < 3 * sizeof before / sizeof *before; k++) {
		char chain[200];
		double y[ELEMENTS], got[ELEMENTS], want[ELEMENTS];
		guided(before[k / 3], "linear", 400, V, a_state, y);
		snprintf(chain, sizeof chain, "%s|perturbed:scale=1.5", before[k / 3]);
		guided(chain, "linear", 400, kinds[k % 3], a_state, got);
		for (int e = 0; e < ELEMENTS; e++)
			want[e] = y[e] + 1.5 * (given[e] - other[0][e]);
		check_same(chain, got, want, ELEMENTS, 1e-10);
		snprintf(chain, sizeof chain, "%s|autoguidance:scale=2|cfg:scale=1.25", before[k / 3]);
		guided(chain, "linear", 400, kinds[k % 3], a_state, got);
		for (int e = 0; e < ELEMENTS; e++)
			want[e] = 1.25 * (2 * y[e] - other[1][e]) - 0.25 * none[e];
		check_same(chain, got, want, ELEMENTS, 1e-10);
	}
}

/* Where the velocity stands still, nothing is there to be rescaled, in float too. */
static void test_standing_still(void **state)
{
	static const char *const behind[] = {"", "|rescale:space=flow", "|rescale:space=flow|rescale:space=flow"};
	dm_node at = node_at("linear", 400);
	(void)state;
	for (int k = 0; k < 6; k++) {
		char chain[100];
		dm_guidance *guidance;
		struct denoiser d = {.kind = FLOW};
		struct setup s = {.schedule = "linear", .grid = "times:at=400", .n_sample = 1, .n_element = ELEMENTS};
		float x[ELEMENTS], got[ELEMENTS];
		snprintf(chain, sizeof chain, "cfg_zero_star:scale=3,zero_steps=1%s", behind[k / 2]);
		DO(dm_guidance_create(&guidance, chain, NULL, err));
		s.own_guidance = guidance;
		s.dtype = k % 2 ? DM_F32 : DM_F64;
		for (int e = 0; e < ELEMENTS; e++)
			x[e] = (float)a_state[e];
		dm_run *run = make_run(&s, &d);
		DO(dm_run_start_state(run, x, DM_F32, 0, err));
		DO(dm_run_all(run, err));
		DO(dm_run_state(run, got, DM_F32, err));
		dm_run_free(run);
		dm_guidance_free(guidance);
		for (int e = 0; e < ELEMENTS; e++)
			if (!(fabs((double)got[e] - a_state[e] / (at.alpha + at.sigma)) < 1e-6))
				fail_msg("%s: element %d is %g", chain, e, (double)got[e]);
	}
}

/* A scale for every one of two thousand levels. */
static void test_long_table(void **state)
{
	enum { PAIRS = 2000, SIZE = 40 * PAIRS };
	char *chain = calloc(1, SIZE);
	double long_way[ELEMENTS], short_way[ELEMENTS];
	dm_guidance *guidance;
	(void)state;
	size_t n = (size_t)sprintf(chain, "cfg:table=");
	for (int i = 0; i < PAIRS; i++)
		n += (size_t)sprintf(chain + n, "%s%.12g/%.12g", i ? "/" : "", (i - PAIRS / 2) / 64.0, 1 + i / 64.0);
	guided(chain, "linear", 400, V, a_state, long_way);
	char one[60];
	snprintf(one, sizeof one, "cfg:scale=%.17g", node_at("linear", 400).lambda + 1 + PAIRS / 2 / 64.0);
	guided(one, "linear", 400, V, a_state, short_way);
	check_same("long table", long_way, short_way, ELEMENTS, 1e-11);
	strcpy(chain + n, "/1/1");
	REFUSE(DM_ERR_ARGUMENT, dm_guidance_create(&guidance, chain, NULL, err), "\"cfg\": table", "lambda = 1 ");
	free(chain);
}

/* A multi with a table and weights comes back from its spec. */
static void test_two_lists(void **state)
{
	struct denoiser d = {.kind = V};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	const char *chain = "multi:table=-1/2,weights=1/0.5/0.25";
	char spec[300];
	size_t length;
	dm_run *run;
	(void)state;
	snprintf(spec, sizeof spec, "sampler=ddim schedule=linear grid=trailing:steps=2 model=v guidance=%s", chain);
	DO(dm_run_create_spec(&run, spec, &ops, &d, 1, ELEMENTS, NULL, err));
	DO(dm_run_spec(run, spec, sizeof spec, &length, err));
	dm_run_free(run);
	assert_non_null(strstr(spec, chain));
}

/* ------------------------------------------------------------------------------------------------------ similarities */

static double similarity_at(int32_t kind, const double *a, const double *b, int n)
{
	double value;
	DO(dm_similarity(kind, a, b, (size_t)n, DM_F64, &value, NULL, err));
	return value;
}

static void test_similarity(void **state)
{
	enum { N = 5 };
	static const double a[][N] = {{0.3, -1, 2, 0.1, 0.7}, {1, 2, 3, 4, 5}, {-1, -2, -3, -4, -5.001}},
	                    b[N] = {2, 4, 6, 8, 10};
	(void)state;
	for (size_t k = 0; k < 3; k++)
		for (int32_t kind = DM_SIMILARITY_COSINE; kind <= DM_SIMILARITY_SPHERICAL; kind++) {
			double value, gradient[N], moved[N], ab = 0, aa = 0, bb = 0;
			for (int i = 0; i < N; i++) {
				ab += a[k][i] * b[i];
				aa += a[k][i] * a[k][i];
				bb += b[i] * b[i];
			}
			double c = ab / sqrt(aa * bb), t = acos(fmin(1, fmax(-1, c)));
			double want = kind == DM_SIMILARITY_COSINE ? c : -t * t / 2;
			DO(dm_similarity(kind, a[k], b, N, DM_F64, &value, gradient, err));
			check_same("similarity", &value, &want, 1, 1e-7);
			for (int i = 0; i < N; i++) { /* central differences */
				const double h = 1e-6;
				memcpy(moved, a[k], sizeof moved);
				moved[i] += h;
				want = similarity_at(kind, moved, b, N);
				moved[i] -= 2 * h;
				want = (want - similarity_at(kind, moved, b, N)) / (2 * h);
				check_same("gradient", &gradient[i], &want, 1, 2e-6);
			}
		}
	/* 2 asin(|u - v| / 2)^2, the loss that CLIP guidance goes down, is minus the second one */
	double u[2] = {1, 0}, v[2] = {0.6, 0.8}, loss = 2 * pow(asin(sqrt(0.16 + 0.64) / 2), 2);
	double value = -similarity_at(DM_SIMILARITY_SPHERICAL, u, v, 2);
	check_same("spherical distance", &value, &loss, 1, 1e-15);
	const float f[2] = {3, 0}, g[2] = {0, 0.5f};
	float gradient[2];
	DO(dm_similarity(DM_SIMILARITY_COSINE, f, g, 2, DM_F32, &value, gradient, err));
	assert_true(fabs(value) < 1e-15 && fabsf(gradient[0]) < 1e-7f && fabsf(gradient[1] - 1 / 3.0f) < 1e-7f);
}

static void test_bad_similarity(void **state)
{
	static const double a[2] = {1, 2}, zero[2] = {0, 0}, bad[2] = {NAN, 1};
	double value;
	(void)state;
	REFUSE(DM_ERR_ARGUMENT, dm_similarity(3, a, a, 2, DM_F64, &value, NULL, err), "kind is 3");
	REFUSE(DM_ERR_ARGUMENT, dm_similarity(1, NULL, a, 2, DM_F64, &value, NULL, err), "a is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_similarity(1, a, NULL, 2, DM_F64, &value, NULL, err), "b is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_similarity(1, a, a, 2, DM_F16, &value, NULL, err), "type is");
	REFUSE(DM_ERR_ARGUMENT, dm_similarity(1, zero, a, 2, DM_F64, &value, NULL, err), "norm of a is 0");
	REFUSE(DM_ERR_ARGUMENT, dm_similarity(1, a, zero, 2, DM_F64, &value, NULL, err), "norm of b is 0");
	REFUSE(DM_ERR_ARGUMENT, dm_similarity(1, a, bad, 2, DM_F64, &value, NULL, err), "norm of b is nan");
	REFUSE(DM_ERR_ARGUMENT, dm_similarity(1, a, a, 0, DM_F64, &value, NULL, err), "norm of a is 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_linear_behind), cmocka_unit_test(test_standing_still),
	    cmocka_unit_test(test_long_table),    cmocka_unit_test(test_two_lists),
	    cmocka_unit_test(test_similarity),    cmocka_unit_test(test_bad_similarity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
