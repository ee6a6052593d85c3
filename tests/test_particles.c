/* Twisted sequential Monte Carlo: weights and proposals by hand, drawing, groups, modes. */
#include "particles_testing.h"

/* -------------------------------------------------------------------------------------------------- weights by hand */

/* What a caller sees at the nodes. */
struct seen {
	double x[MAX_NODE][64 * DIM], x0[MAX_NODE][64 * DIM];
};

static void drive(struct scene *s, dm_particles *particles, struct seen *seen)
{
	const dm_request *rq;
	dm_status st;
	while ((st = dm_particles_next(particles, &rq, NULL)) == DM_EVAL) {
		double *to = rq->kind == DM_ASK_PREDICTION ? seen->x[rq->step] : seen->x0[rq->step];
		for (size_t i = 0; rq->kind != DM_ASK_VJP && i < rq->n_sample; i++)
			for (size_t j = 0; j < DIM; j++)
				to[i * DIM + j] = get(rq->x, rq->x_type, i * rq->x_stride + j);
		reply(s, rq);
	}
	assert_int_equal(st, DM_DONE);
}

/* Weights, effective sizes and evidence from the answers that were given, along the ancestors that the library drew. */
static void check_weights(const struct scene *s, const struct outcome *o, size_t n, size_t n_step, double threshold,
                          int systematic)
{
	double carried[64] = {0}, weight[64], evidence = 0;
	int drawn = 0;
	for (size_t node = 0; node <= n_step; node++) {
		double sum = 0, squares = 0;
		int count[64] = {0};
		const int32_t *ancestor = o->ancestor + node * n;
		for (size_t k = 0; k < n; k++) {
			weight[k] = exp(carried[k] + s->value[node][k]);
			sum += weight[k];
			squares += weight[k] * weight[k];
		}
		double ess = sum * sum / squares;
		check_close("effective sample size", o->ess[node], ess, 1e-12);
		if (node == n_step)
			break;
		for (size_t k = 0; k < n; k++) {
			assert_true(ancestor[k] >= 0 && (size_t)ancestor[k] < n);
			count[ancestor[k]]++;
			assert_true(ess < threshold * (double)n || ancestor[k] == (int32_t)k);
			assert_true(!systematic || k == 0 || ancestor[k] >= ancestor[k - 1]);
		}
		for (size_t k = 0; systematic && ess < threshold * (double)n && k < n; k++)
			assert_true(fabs(count[k] - (double)n * weight[k] / sum) < 1);
		drawn += ess < threshold * (double)n;
		if (ess < threshold * (double)n)
			evidence += log(sum / (double)n);
		for (size_t k = 0; k < n; k++)
			carried[k] = (ess < threshold * (double)n ? 0 : log(weight[k])) - s->value[node][ancestor[k]];
	}
	double sum = 0;
	for (size_t k = 0; k < n; k++)
		sum += weight[k];
	for (size_t k = 0; k < n; k++)
		check_close("weight", o->weight[k], weight[k] / sum, 1e-11);
	check_close("evidence", o->log_evidence[0], evidence + log(sum / (double)n), 1e-11);
	assert_true(drawn > 0 && drawn < (int)n_step);
}

/* Every state follows from its ancestor's, with the noise of its own place. */
static void check_steps(struct scene *s, const struct outcome *o, const struct seen *seen, size_t n, size_t n_step)
{
	struct parts p = parts_of(s);
	for (size_t node = 0; node + 1 < n_step; node++) {
		double mean[2], variance, z[DIM];
		uint32_t draw;
		DO(dm_posterior(dm_grid_node(p.grid, node), dm_grid_node(p.grid, node + 1), mean, &variance, err));
		DO(dm_draw(DM_DRAW_STEP, (int64_t)node, 0, &draw, err));
		for (size_t k = 0; k < n; k++) {
			size_t from = (size_t)o->ancestor[node * n + k];
			DO(dm_normals(7, 20 + (int64_t)k, draw, 0, DIM, DM_F64, z, err));
			for (size_t j = 0; j < DIM; j++) {
				double want = mean[0] * seen->x[node][from * DIM + j] + mean[1] * seen->x0[node][from * DIM + j] +
				              sqrt(variance) * z[j];
				check_close("state", seen->x[node + 1][k * DIM + j], want, 1e-12);
			}
		}
	}
	free_parts(&p);
}

static void test_weights_by_hand(void **state)
{
	static const char *const ways[] = {"threshold=0.6", "threshold=0.6,resample=multinomial"};
	(void)state;
	for (int way = 0; way < 2; way++) {
		struct scene s = scene();
		struct seen *seen = calloc(1, sizeof *seen);
		char options[100];
		s.way = RECORDED;
		s.grid = "log_snr:steps=12,final=zero";
		snprintf(options, sizeof options, "%s,target=3,seed=7,first_sample=20", ways[way]);
		dm_particles *particles = make(&s, 0, options, 1, 40);
		drive(&s, particles, seen);
		struct outcome *o = read_outcome(particles, 13);
		check_weights(&s, o, 40, 12, 0.6, way == 0);
		check_steps(&s, o, seen, 40, 12);
		free(o);
		free(seen);
	}
}

/* The gradient that moves the next state: sigma^2 / alpha times the transposed Jacobian of x0 is its covariance (Tweedie).
 * The measurement's variance is widened by what unit data may be off, unless that is asked not to be. */
static void test_proposal(void **state)
{
	static const struct {
		const char *kind, *schedule;
		int input;
	} ways[] = {{"epsilon", "vp", STATE}, {"v", "vp", STATE}, {"edm", "edm", SCALED}, {"x0", "flow", STATE}};
	(void)state;
	for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
		enum { N = 4, N_STEP = 6 };
		struct scene s = scene();
		struct seen *seen = calloc(1, sizeof *seen);
		s.kind = ways[way].kind;
		s.schedule = ways[way].schedule;
		s.w.input = ways[way].input;
		s.grid = "levels:at=20/8/3/1/0.3/0.1,final=zero";
		int widened = way != 1;
		const char *options = widened ? "noise=0.7,threshold=1e-9,scale=0.8,seed=7,first_sample=20"
		                              : "noise=0.7,data=0,threshold=1e-9,scale=0.8,seed=7,first_sample=20";
		dm_particles *particles = make(&s, 1, options, 1, N);
		drive(&s, particles, seen);
		struct parts p = parts_of(&s);
		for (size_t node = 0; node + 1 < N_STEP; node++) {
			const dm_node *at = dm_grid_node(p.grid, node), *to = dm_grid_node(p.grid, node + 1);
			double mean[2], variance, z[DIM], scale = s.w.input == SCALED ? sqrt(0.25 + at->sigma * at->sigma) : 1;
			double next_scale = s.w.input == SCALED ? sqrt(0.25 + to->sigma * to->sigma) : 1;
			uint32_t draw;
			DO(dm_posterior(at, to, mean, &variance, err));
			DO(dm_draw(DM_DRAW_STEP, (int64_t)node, 0, &draw, err));
			for (size_t k = 0; k < N; k++) {
				double x[DIM], g[DIM];
				for (size_t j = 0; j < DIM; j++)
					x[j] = scale * seen->x[node][k * DIM + j];
				struct moments m = given_state(s.w.prior, x, at->alpha, at->sigma);
				double r2 = at->sigma * at->sigma / (at->alpha * at->alpha + at->sigma * at->sigma);
				s.w.noise = sqrt(0.49 + (widened ? r2 : 0));
				likelihood(&s.w, m.mean, g);
				DO(dm_normals(7, 20 + (int64_t)k, draw, 0, DIM, DM_F64, z, err));
				for (size_t j = 0; j < DIM; j++) {
					double x0 = m.mean[j];
					for (int i = 0; i < DIM; i++)
						x0 += 0.8 * m.covariance[j][i] * g[i];
					check_close("proposal", next_scale * seen->x[node + 1][k * DIM + j],
					            mean[0] * x[j] + mean[1] * x0 + sqrt(variance) * z[j], 1e-8);
				}
			}
		}
		free_parts(&p);
		dm_particles_free(particles);
		free(seen);
	}
}

/* A gradient at the state is one by what the model reads: a network with a scaled input leads to the same samples. */
static void test_gradient_at_the_state(void **state)
{
	struct outcome *o[2];
	(void)state;
	for (int scaled = 0; scaled < 2; scaled++) {
		struct scene s = scene();
		s.schedule = "edm";
		s.grid = "levels:at=6/3/1.5/0.7/0.3,final=zero";
		s.at_state = 1;
		s.kind = scaled ? "edm" : "x0";
		s.w.input = scaled ? SCALED : STATE;
		o[scaled] = sample(&s, 0, "target=3,twist=state,threshold=1e-9", 1, 8, 0);
	}
	check_same("scaled", o[1]->x, o[0]->x, 8 * DIM, 1e-10);
	check_same("scaled", o[1]->weight, o[0]->weight, 8, 1e-9);
	free(o[0]);
	free(o[1]);
}

/* The chance of a particle to be drawn is its weight: counts over many groups, each with a seed of its own. */
static void test_drawing_is_unbiased(void **state)
{
	static const char *const ways[] = {"systematic", "multinomial"};
	enum { N = 8, N_RUN = 2000 };
	(void)state;
	for (int way = 0; way < 2; way++) {
		double count[N] = {0}, sum = 0;
		struct scene s = scene();
		s.way = RECORDED;
		s.grid = "log_snr:steps=1,final=zero";
		for (int run = 0; run < N_RUN; run++) {
			char options[100];
			snprintf(options, sizeof options, "resample=%s,threshold=1,target=3,seed=%d,first_sample=%d", ways[way],
			         run, 8 * run);
			struct outcome *o = sample(&s, 0, options, 1, N, 2);
			for (int k = 0; k < N; k++)
				count[o->ancestor[k]]++;
			free(o);
		}
		for (int k = 0; k < N; k++)
			sum += exp(s.value[0][k]);
		for (int k = 0; k < N; k++) {
			double p = exp(s.value[0][k]) / sum, mean = N_RUN * N * p;
			/* systematic: the count is the mean rounded up or down, in each run */
			double part = N * p - floor(N * p), std = sqrt(N_RUN * (way ? N * p * (1 - p) : part * (1 - part)));
			if (!(fabs(count[k] - mean) < 4.5 * std + 1e-9))
				fail_msg("%s: particle %d was drawn %g times instead of %g +- %g", ways[way], k, count[k], mean, std);
		}
	}
}

/* Where the likelihood says nothing, particles are runs of the sampler ddpm. */
static void test_without_information(void **state)
{
	static const char *const variances[] = {"small", "large"};
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct scene s = scene();
		char options[100], sampler[40];
		s.way = CONSTANT;
		snprintf(options, sizeof options, "target=3,seed=5,first_sample=3,variance=%s", variances[k]);
		struct outcome *o = sample(&s, 0, options, 2, 8, 7);
		struct parts p = parts_of(&s);
		dm_sampler *ddpm;
		dm_plan *plan;
		dm_array *array;
		dm_run *run;
		double x[16 * DIM];
		snprintf(sampler, sizeof sampler, "ddpm:variance=%s", variances[k]);
		DO(dm_sampler_create(&ddpm, sampler, NULL, err));
		DO(dm_plan_create(&plan, p.schedule, p.grid, ddpm, p.model, NULL, NULL, NULL, err));
		DO(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, err));
		DO(dm_run_create(&run, plan, array, NULL, 16, DIM, "seed=5,first_sample=3", NULL, 0, err));
		DO(dm_run_all(run, err));
		DO(dm_run_state(run, x, DM_F64, err));
		check_same("without information", o->x, x, 16 * DIM, 1e-11);
		for (int i = 0; i < 16; i++)
			check_close("weight", o->weight[i], 1.0 / 8, 1e-12);
		for (int i = 0; i < 14; i++)
			check_close("effective sample size", o->ess[i], 8, 1e-12);
		check_close("evidence", o->log_evidence[1], 1.5, 1e-12);
		dm_run_free(run);
		dm_array_free(array);
		dm_plan_free(plan);
		dm_sampler_free(ddpm);
		free_parts(&p);
		free(o);
	}
}

/* -------------------------------------------------------------------------------------------------- groups and modes */

static void test_groups_are_independent(void **state)
{
	enum { N_GROUP = 4, K = 12 };
	(void)state;
	for (int by_operator = 0; by_operator < 2; by_operator++) {
		struct scene s = scene();
		char options[128];
		const char *own = by_operator ? "noise=0.7,threshold=0.9" : "target=3,threshold=0.9,resample=multinomial";
		snprintf(options, sizeof options, "%s,seed=9,first_sample=100", own);
		struct outcome *all = sample(&s, by_operator, options, N_GROUP, K, 7);
		for (size_t g = 0; g < N_GROUP; g++) {
			snprintf(options, sizeof options, "%s,seed=9,first_sample=%zu", own, 100 + g * K);
			struct outcome *one = sample(&s, by_operator, options, 1, K, 7);
			check_same("group", one->x, all->x + g * K * DIM, K * DIM, 0);
			check_same("group", one->weight, all->weight + g * K, K, 0);
			check_same("group", one->log_evidence, all->log_evidence + g, 1, 0);
			for (size_t node = 0; node < 7; node++)
				assert_true(one->ess[node] == all->ess[node * N_GROUP + g]);
			for (size_t node = 0; node < 6; node++)
				assert_memory_equal(one->ancestor + node * K, all->ancestor + (node * N_GROUP + g) * K,
				                    K * sizeof(int32_t));
			free(one);
		}
		free(all);
	}
}

static void test_measurement_of_every_group(void **state)
{
	struct scene s = scene();
	struct parts p = parts_of(&s);
	double y[4] = {0.25, 0.1, -0.4, 0.9};
	struct outcome *both;
	dm_particles *particles;
	(void)state;
	DO(dm_particles_create(&particles, p.schedule, p.grid, p.model, p.op, y, 4, "noise=0.7", DM_F64, 2, 6, DIM, NULL,
	                       err));
	DO(dm_particles_all(particles, err));
	both = read_outcome(particles, 0);
	DO(dm_particles_create(&particles, p.schedule, p.grid, p.model, p.op, y + 2, 2, "noise=0.7,first_sample=6", DM_F64,
	                       1, 6, DIM, NULL, err));
	DO(dm_particles_all(particles, err));
	struct outcome *second = read_outcome(particles, 0);
	check_same("second group", both->x + 6 * DIM, second->x, 6 * DIM, 0);
	assert_true(both->log_evidence[1] == second->log_evidence[0]);
	free(both);
	free(second);
	free_parts(&p);
}

/* Request by request, with answers in the caller's own memory, is the same as with callbacks. */
static void test_step_mode(void **state)
{
	static double own[16 * DIM];
	(void)state;
	for (int by_operator = 0; by_operator < 2; by_operator++) {
		struct scene s = scene();
		const char *options = by_operator ? "noise=0.7" : "target=3";
		struct outcome *want = sample(&s, by_operator, options, 2, 8, 0);
		const dm_request *rq;
		dm_status st;
		int64_t n_eval = 0;
		s.by_steps = 1;
		dm_particles *particles = make(&s, by_operator, options, 2, 8);
		REFUSE(DM_ERR_STATE, dm_particles_all(particles, err), "no predict callback", "dm_particles_next");
		REFUSE(DM_ERR_STATE, dm_particles_state(particles, own, DM_F64, err), "not yet");
		REFUSE(DM_ERR_STATE, dm_particles_weights(particles, own, NULL, err), "not yet");
		REFUSE(DM_ERR_STATE, dm_particles_history(particles, own, NULL, 7, err), "not yet");
		while ((st = dm_particles_next(particles, &rq, NULL)) == DM_EVAL) {
			assert_true(rq->n_sample == 16 && rq->n_element == DIM && rq->n_step == 6 && rq->n_time == 1);
			assert_true(rq->eval == n_eval && (rq->log_value != NULL) == (rq->kind == DM_ASK_GRADIENT));
			n_eval += rq->kind == DM_ASK_PREDICTION;
			rq->out[0] = own;
			reply(&s, rq);
		}
		assert_true(st == DM_DONE && n_eval == 6 && dm_particles_next(particles, &rq, NULL) == DM_DONE && !rq);
		REFUSE(DM_ERR_ARGUMENT, dm_particles_state(particles, NULL, DM_F64, err), "out", "NULL");
		REFUSE(DM_ERR_ARGUMENT, dm_particles_state(particles, own, DM_F16, err), "type (3)");
		REFUSE(DM_ERR_ARGUMENT, dm_particles_history(particles, own, NULL, 6, err), "n_node is 6", "7");
		struct outcome *got = read_outcome(particles, 0);
		check_outcomes("step mode", got, want, 2, 8);
		free(want);
		free(got);
	}
}

/* A network of f32 sees and gives f32; the answer is close to that of f64. */
static void test_number_types(void **state)
{
	struct scene s = scene();
	(void)state;
	struct outcome *want = sample(&s, 1, "noise=0.7,threshold=0.001", 1, 6, 0);
	s.kind = "epsilon:x=f32,out=f32,x_stride=5,out_stride=6";
	struct parts p = parts_of(&s);
	dm_particles *particles;
	s.w.kind = "epsilon";
	DO(dm_particles_create(&particles, p.schedule, p.grid, p.model, p.op, s.w.y, 2, "noise=0.7,threshold=0.001", DM_F64,
	                       1, 6, DIM, NULL, err));
	DO(dm_particles_all(particles, err));
	struct outcome *got = read_outcome(particles, 0);
	check_same("f32", got->x, want->x, 6 * DIM, 1e-4);
	check_same("f32", got->weight, want->weight, 6, 1e-3);
	free(want);
	free(got);
	free_parts(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_weights_by_hand),
	    cmocka_unit_test(test_proposal),
	    cmocka_unit_test(test_gradient_at_the_state),
	    cmocka_unit_test(test_drawing_is_unbiased),
	    cmocka_unit_test(test_without_information),
	    cmocka_unit_test(test_groups_are_independent),
	    cmocka_unit_test(test_measurement_of_every_group),
	    cmocka_unit_test(test_step_mode),
	    cmocka_unit_test(test_number_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
