/* Noise from codebooks: the same bits from the indices alone, choices by hand, errors that fall, rates, batches, scores. */
#include "codebook_testing.h"

/* ------------------------------------------------------------------------------------------------------ round trip */

static void test_round_trip(void **state)
{
	static const struct {
		int kind;
		const char *schedule, *grid, *model, *options;
		int32_t type;
	} ways[] = {
	    {EPSILON, "vp", "log_snr:steps=8,final=zero", NULL, "size=16", DM_F64},
	    {X0, "linear", "trailing:steps=7", "x0:x=f32,out=f16", "size=5,seed=3", DM_F32},
	    {V, "flow", "flow:steps=6", NULL, "size=7,pursuit=3,seed=18446744073709551615", DM_F64},
	    {EDM, "edm", "karras:steps=6", "edm:x_stride=7,out_stride=9", "size=33,pursuit=2,coefficient_bits=1", DM_F64},
	    {EPSILON, "ve", "karras:steps=5,final=last", NULL, "size=2,pursuit=5,coefficient_bits=8", DM_F32},
	};
	(void)state;
	for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
		struct caller c = caller_of(5, ways[k].kind);
		double x0[3 * 5];
		float narrow[3 * 5];
		c.schedule = ways[k].schedule;
		c.grid = ways[k].grid;
		c.model = ways[k].model;
		c.type = ways[k].type;
		samples(&c.m, x0, 3);
		for (int i = 0; i < 15; i++)
			narrow[i] = (float)x0[i];
		struct code *out = encode_all(&c, ways[k].options, c.type == DM_F32 ? (void *)narrow : (void *)x0, 3);
		struct code *back = decode_all(&c, ways[k].options, out, 3);
		check_codes(ways[k].options, out, back, 3, 5);
		int differ = 0;
		for (size_t i = 1; i < 3 * out->n_index; i++)
			differ |= out->index[i] != out->index[0];
		assert_true(differ);
		back->index[0] = !back->index[0]; /* another code is another sample */
		struct code *other = decode_all(&c, ways[k].options, back, 3);
		assert_true(other->x[0] != out->x[0] && other->x[5] == out->x[5]);
		free(out);
		free(back);
		free(other);
	}
}

/* One vector all along is the run of the sampler ddpm whose sample has that number, from the codebook's start. */
static void test_is_a_run(void **state)
{
	struct caller c = caller_of(5, V);
	struct parts p = parts_of(&c);
	dm_sampler *ddpm;
	dm_plan *plan;
	dm_array *array;
	dm_run *run;
	double start[3 * 5], want[3 * 5], z[5];
	struct code code = {.n_index = 5};
	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 5; k++)
			code.index[i * 5 + k] = (int32_t)i + 4;
	DO(dm_normals(8, 0, (uint32_t)DM_DRAW_INIT << 29, 0, 5, DM_F64, z, err));
	for (size_t i = 0; i < 15; i++)
		start[i] = dm_grid_node(p.grid, 0)->sigma * z[i % 5];
	DO(dm_sampler_create(&ddpm, "ddpm", NULL, err));
	DO(dm_plan_create(&plan, p.schedule, p.grid, ddpm, p.model, NULL, NULL, NULL, err));
	DO(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, err));
	DO(dm_run_create(&run, plan, array, NULL, 3, 5, "seed=8,first_sample=4", NULL, 0, err));
	DO(dm_run_start_state(run, start, DM_F64, 0, err));
	DO(dm_run_all(run, err));
	DO(dm_run_state(run, want, DM_F64, err));
	struct code *got = decode_all(&c, "size=7,seed=8", &code, 3);
	check_same("run", got->x, want, 15, 1e-12);
	free(got);
	dm_run_free(run);
	dm_array_free(array);
	dm_plan_free(plan);
	dm_sampler_free(ddpm);
	free_parts(&p);
}

/* --------------------------------------------------------------------------------------------------------- by hand */

enum { N = 4, SIZE = 6, LEVEL = 4 };

static double dot(const double *a, const double *b)
{
	double sum = 0;
	for (int j = 0; j < N; j++)
		sum += a[j] * b[j];
	return sum;
}

static void vector(int64_t seed, size_t step, size_t k, double *z)
{
	uint32_t draw;
	DO(dm_draw(DM_DRAW_STEP, (int64_t)step, 0, &draw, err));
	DO(dm_normals((uint64_t)seed, (int64_t)k, draw, 0, N, DM_F64, z, err));
}

/* sqrt(u) e + sqrt(1 - u) z of mean square 1. */
static void mix(double u, const double *e, const double *z, double *out)
{
	for (int j = 0; j < N; j++)
		out[j] = sqrt(u) * e[j] + sqrt(1 - u) * z[j];
	double rms = sqrt(dot(out, out) / N);
	for (int j = 0; j < N; j++)
		out[j] /= rms;
}

/* The noise of a step along g, from its definition: no other choice than that in index, vector by vector, may be better.
 * (Choices may be equally good: what is normalised has no length.) */
static void pursue(size_t step, const double *g, size_t n_pursuit, const int32_t *index, double *noise)
{
	double z[N], trial[N], best = -INFINITY;
	vector(11, step, (size_t)index[0], noise);
	for (size_t k = 0; k < SIZE; k++) {
		vector(11, step, k, z);
		best = fmax(best, dot(z, g));
	}
	assert_true(dot(noise, g) == best);
	for (size_t m = 1; m < n_pursuit; m++) {
		double before = best, chosen[N];
		memcpy(chosen, noise, sizeof chosen);
		for (size_t k = 0; k < SIZE; k++)
			for (int level = 1; level < LEVEL; level++) {
				vector(11, step, k, z);
				mix((double)level / LEVEL, noise, z, trial);
				best = fmax(best, dot(trial, g));
				if (level == index[2 * m - 1] && (int32_t)k == index[2 * m])
					memcpy(chosen, trial, sizeof chosen);
			}
		memcpy(noise, chosen, sizeof chosen);
		assert_true(fabs(dot(noise, g) - best) <= 1e-12 * fabs(best));
		assert_true(index[2 * m - 1] > 0 || (index[2 * m] == 0 && best <= before * (1 + 1e-12)));
	}
}

/* Follows an encoder in step mode: what it asks, what it chose, where it goes. Returns how often a coefficient was 0. */
static int follow(struct caller *c, const double *target, size_t n_pursuit)
{
	struct parts p = parts_of(c);
	char options[100];
	const dm_request *rq;
	dm_status st;
	double x[N], want[N], start[N];
	size_t n_step = dm_grid_count(p.grid) - 1, of_step = 2 * n_pursuit - 1;
	int unused = 0;
	snprintf(options, sizeof options, "size=6,pursuit=%zu%s,seed=11", n_pursuit,
	         n_pursuit > 1 ? ",coefficient_bits=2" : "");
	struct code *code = encode_all(c, options, target, 1);
	dm_codebook *b = encoder(c, options, target, 1);
	DO(dm_normals(11, 0, (uint32_t)DM_DRAW_INIT << 29, 0, N, DM_F64, start, err));
	for (int j = 0; j < N; j++)
		want[j] = dm_grid_node(p.grid, 0)->sigma * start[j];
	assert_int_equal(code->n_index, (n_step - 1) * of_step);
	while ((st = dm_codebook_next(b, &rq, NULL)) == DM_EVAL) {
		size_t step = (size_t)rq->step;
		double mean[2], variance, x0[N], epsilon[N], weights[MAX_COMPONENT], g[N], noise[N] = {0};
		const dm_node *at = dm_grid_node(p.grid, step);
		for (size_t j = 0; j < N; j++)
			x[j] = get(rq->x, rq->x_type, j);
		check_same("state", x, want, N, 1e-12);
		posterior(&c->m, at->alpha, at->sigma, x, weights, x0, epsilon, NULL);
		for (int j = 0; j < N; j++)
			g[j] = target[j] - x0[j];
		if (step + 1 < n_step)
			pursue(step, g, n_pursuit, code->index + step * of_step, noise);
		DO(dm_posterior(at, dm_grid_node(p.grid, step + 1), mean, &variance, err));
		for (int j = 0; j < N; j++)
			want[j] = mean[0] * x[j] + mean[1] * x0[j] + sqrt(variance) * noise[j];
		reply(c, rq);
	}
	assert_int_equal(st, DM_DONE);
	check_same("sample", code->x, want, N, 1e-12);
	for (size_t k = 0; k < code->n_index; k++)
		unused += k % of_step % 2 == 1 && code->index[k] == 0;
	dm_codebook_free(b);
	free(code);
	free_parts(&p);
	return unused;
}

static void test_choice_by_hand(void **state)
{
	int unused = 0;
	(void)state;
	for (size_t n_pursuit = 1; n_pursuit <= 4; n_pursuit++) {
		struct caller c = caller_of(N, X0);
		double target[4 * N];
		samples(&c.m, target, 4);
		for (int i = 0; i < 4; i++)
			unused += follow(&c, target + i * N, n_pursuit);
	}
	assert_true(unused > 0); /* both happen: a vector that helps, and none */
}

/* ------------------------------------------------------------------------------------------------------------ rates */

static double error_of(const char *grid, const char *options)
{
	enum { N_SAMPLE_HERE = 16 };
	struct caller c = caller_of(8, V);
	double x0[N_SAMPLE_HERE * 8], sum = 0;
	c.grid = grid;
	samples(&c.m, x0, N_SAMPLE_HERE);
	struct code *code = encode_all(&c, options, x0, N_SAMPLE_HERE);
	for (int i = 0; i < N_SAMPLE_HERE * 8; i++)
		sum += pow(code->x[i] - x0[i], 2) / (N_SAMPLE_HERE * 8);
	free(code);
	return sqrt(sum);
}

static void test_error_falls(void **state)
{
	static const char *const ways[3][2][5] = {
	    {{"log_snr:steps=16,final=zero"}, {"size=2", "size=8", "size=64", "size=1024"}},
	    {{"log_snr:steps=4,final=zero", "log_snr:steps=12,final=zero", "log_snr:steps=40,final=zero",
	      "log_snr:steps=120,final=zero"},
	     {"size=16"}},
	    {{"log_snr:steps=16,final=zero"}, {"size=8", "size=8,pursuit=2", "size=8,pursuit=3", "size=8,pursuit=6"}},
	};
	(void)state;
	for (int k = 0; k < 3; k++) {
		double before = INFINITY;
		for (int i = 0; i < 4; i++) {
			const char *grid = ways[k][0][k == 1 ? i : 0], *options = ways[k][1][k == 1 ? 0 : i];
			double error = error_of(grid, options);
			if (!(error < 0.95 * before))
				fail_msg("%s, %s: error %g, before %g", grid, options, error, before);
			before = error;
		}
	}
}

static void test_rate(void **state)
{
	static const struct {
		const char *grid, *options;
		int64_t n_step;
		size_t n_index;
		double bits;
	} ways[] = {
	    {"log_snr:steps=11,final=zero", "size=1024", 10, 10, 100},
	    {"log_snr:steps=11,final=last", "size=1024", 11, 11, 110},
	    {"log_snr:steps=11,final=zero", "size=64,pursuit=3,coefficient_bits=4", 10, 50, 10 * (3 * 6 + 2 * 4)},
	    {"log_snr:steps=3,final=zero", "size=1000,pursuit=2", 2, 6, 2 * (2 * 9.965784284662087 + 3)},
	    {"levels:at=4,final=zero", "size=1024", 0, 0, 0},
	};
	(void)state;
	for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
		struct caller c = caller_of(5, X0);
		double x0[5] = {0};
		dm_codebook_info info = {.struct_size = sizeof info};
		c.grid = ways[k].grid;
		dm_codebook *b = encoder(&c, ways[k].options, x0, 1);
		DO(dm_codebook_facts(b, &info, err));
		assert_true(info.n_step == ways[k].n_step && info.n_index == ways[k].n_index);
		check_close("bits", info.bits, ways[k].bits, 1e-14);
		check_close("bits per element", info.bits_per_element, ways[k].bits / 5, 1e-14);
		DO(dm_codebook_all(b, err));
		struct code *code = read_code(b, 1), *back = decode_all(&c, ways[k].options, code, 1);
		check_codes(ways[k].options, code, back, 1, 5);
		free(code);
		free(back);
	}
}

static void test_batch_split(void **state)
{
	static const char *const ways[] = {"size=32", "size=9,pursuit=3"};
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct caller c = caller_of(8, EPSILON);
		double x0[4 * 8];
		char options[60];
		samples(&c.m, x0, 4);
		struct code *all = encode_all(&c, ways[k], x0, 4);
		for (size_t i = 0; i < 4; i++) {
			snprintf(options, sizeof options, "%s,first_sample=%zu", ways[k], 70 + i);
			struct code *one = encode_all(&c, options, x0 + i * 8, 1), *back = decode_all(&c, ways[k], one, 1);
			check_same("alone", one->x, all->x + i * 8, 8, 0);
			assert_memory_equal(one->index, all->index + i * all->n_index, all->n_index * sizeof *one->index);
			check_codes("alone", one, back, 1, 8);
			free(one);
			free(back);
		}
		free(all);
	}
}

/* ----------------------------------------------------------------------------------------------------------- scores */

/* The gradient of a normal around the target at x0 is the way to it: the same code as with the target itself. */
static void test_score_of_a_target(void **state)
{
	struct caller c = caller_of(6, V);
	double x0[3 * 6];
	(void)state;
	samples(&c.m, x0, 3);
	c.wanted = x0;
	struct code *want = encode_all(&c, "size=20,pursuit=2", x0, 3);
	struct code *got = encode_all(&c, "size=20,pursuit=2,target=5", NULL, 3);
	check_codes("score", got, want, 3, 6);
	struct code *back = decode_all(&c, "size=20,pursuit=2,target=5", got, 3);
	check_codes("score", back, want, 3, 6);
	free(want);
	free(got);
	free(back);
}

/* The mean probability that samples steered towards component 1 belong to it. */
static double steered(const char *options, size_t size)
{
	struct caller c = caller_of(6, V);
	char text[100];
	double sum = 0;
	c.way = COMPONENT;
	c.component = 1;
	c.grid = "log_snr:steps=20,final=zero";
	for (int seed = 0; seed < 24; seed++) {
		double p[MAX_COMPONENT];
		snprintf(text, sizeof text, "%s,size=%zu,seed=%d", options, size, seed);
		struct code *code = encode_all(&c, text, NULL, 1), *back = decode_all(&c, text, code, 1);
		check_codes(text, code, back, 1, 6);
		posterior(&c.m, 1, 0, code->x, p, NULL, NULL, NULL);
		sum += p[1] / 24;
		free(code);
		free(back);
	}
	return sum;
}

/* Component 1 has weight 0.3; more vectors steer better. */
static void test_scores_steer(void **state)
{
	static const char *const ways[] = {"target=5,score=x0", "target=5,score=state", "target=5,score=candidates"};
	(void)state;
	for (int k = 0; k < 3; k++) {
		double few = steered(ways[k], 2), many = steered(ways[k], 24);
		if (!(few > 0.35 && many > 0.9 && many > few))
			fail_msg("%s: %g of 2 vectors, %g of 24", ways[k], few, many);
	}
}

/* Every vector of a step is shown as the state it leads to; the best one is taken. */
static void test_candidates_by_hand(void **state)
{
	struct caller c = caller_of(N, EPSILON);
	struct parts p = parts_of(&c);
	double wanted[N] = {0.3, -0.2, 0.7, 0}, shown[SIZE][N], next[N] = {0};
	const dm_request *rq;
	dm_status st;
	size_t candidate = 0, best = 0, n_value = 0;
	double best_value = -INFINITY;
	int32_t chosen[16];
	(void)state;
	c.wanted = wanted;
	dm_codebook *b = encoder(&c, "size=6,score=candidates,target=5,seed=11", NULL, 1);
	while ((st = dm_codebook_next(b, &rq, NULL)) == DM_EVAL) {
		const dm_node *at = dm_grid_node(p.grid, (size_t)rq->step + (rq->kind == DM_ASK_VALUE));
		double x[N], gradient[N];
		assert_true(rq->sigma[0] == at->sigma && rq->alpha[0] == at->alpha);
		for (size_t j = 0; j < N; j++)
			x[j] = get(rq->x, rq->x_type, j);
		if (rq->kind == DM_ASK_PREDICTION) {
			if (rq->step)
				check_same("state", x, next, N, 0);
			candidate = 0;
			best_value = -INFINITY;
		} else {
			double mean[2], variance, z[2][N], value = score(&c, rq, 0, gradient);
			memcpy(shown[candidate], x, sizeof x);
			DO(dm_posterior(dm_grid_node(p.grid, (size_t)rq->step), at, mean, &variance, err));
			vector(11, (size_t)rq->step, 0, z[0]);
			vector(11, (size_t)rq->step, candidate, z[1]);
			for (int j = 0; j < N; j++)
				check_close("candidate", x[j] - shown[0][j] + 1, sqrt(variance) * (z[1][j] - z[0][j]) + 1, 1e-12);
			if (value > best_value) {
				best_value = value;
				best = candidate;
				memcpy(next, x, sizeof next);
			}
			chosen[rq->step] = (int32_t)best;
			candidate++;
			n_value++;
		}
		reply(&c, rq);
	}
	assert_true(st == DM_DONE && n_value == 5 * SIZE);
	struct code *code = read_code(b, 1);
	assert_memory_equal(code->index, chosen, 5 * sizeof *chosen);
	free(code);
	free_parts(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_is_a_run),
	    cmocka_unit_test(test_choice_by_hand),
	    cmocka_unit_test(test_error_falls),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_batch_split),
	    cmocka_unit_test(test_score_of_a_target),
	    cmocka_unit_test(test_scores_steer),
	    cmocka_unit_test(test_candidates_by_hand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
