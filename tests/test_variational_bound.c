/* The variational bound: against closed forms, term by term against the textbook's formulas, batches and faults. */
#include "likelihood/likelihood.h"
#include "run_testing.h"
#include "schedule_testing.h"

enum { N_ELEMENT = 4096, MAX_STEP = 64 };

/* The exact reverse chain of data N(0, std^2): the network predicts the posterior's mean, and its second output the
 * logarithm of the variance of the exact reverse step. With `fixed` the second output is that number everywhere. */
struct chain {
	double std, fixed;
	int kind;
	const dm_node *node; /* of all steps */
	int calls, fail_at, spoil;
};

static double reverse_variance(const struct chain *c, const dm_node *t, const dm_node *s)
{
	double mean[2], variance, v = c->std * c->std, q = t->alpha * t->alpha * v + t->sigma * t->sigma;
	DO(dm_posterior(t, s, mean, &variance, err));
	return variance + mean[1] * mean[1] * v * t->sigma * t->sigma / q;
}

static dm_status predict_chain(void *user, const dm_request *rq)
{
	struct chain *c = user;
	const dm_node *t = &c->node[rq->step];
	double v = c->std * c->std, q = t->alpha * t->alpha * v + t->sigma * t->sigma;
	assert_true(rq->alpha[0] == t->alpha && rq->sigma[0] == t->sigma && rq->kind == DM_ASK_PREDICTION);
	if (++c->calls == c->fail_at)
		return 42;
	for (size_t i = 0; i < rq->n_sample; i++)
		for (size_t j = 0; j < rq->n_element; j++) {
			double x = get(rq->x, rq->x_type, i * rq->x_stride + j), x0 = t->alpha * v / q * x,
			       epsilon = t->sigma / q * x;
			put(rq->out[0], rq->out_type, i * rq->out_stride + j,
			    c->kind == EPSILON ? epsilon
			    : c->kind == X0
			        ? x0
			        : (t->alpha * epsilon - t->sigma * x0) / sqrt(t->alpha * t->alpha + t->sigma * t->sigma));
			if (rq->out_variance)
				put(rq->out_variance[0], rq->out_type, i * rq->out_stride + j,
				    c->fixed != 0 ? c->fixed : log(reverse_variance(c, t, t + 1)));
		}
	if (c->calls == c->spoil)
		put(rq->out_variance ? rq->out_variance[0] : rq->out[0], rq->out_type, rq->out_stride + 2, NAN);
	return 0;
}

static size_t table_nodes(const dm_schedule *schedule, dm_node *node)
{
	size_t n = dm_schedule_table_size(schedule);
	for (size_t i = 0; i < n; i++)
		node[i] = at_time(schedule, (double)(n - 1 - i));
	node[n] = at_lambda(schedule, INFINITY);
	return n;
}

static dm_model *model_of(struct chain *c, const char *spec)
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict_chain};
	dm_model *model;
	DO(dm_model_create(&model, spec, &ops, c, NULL, err));
	return model;
}

/* Numbers like data: multiples of 2/255 - 1 within [-1, 1]. */
static void data(double *x, size_t n)
{
	uint64_t state = 77;
	for (size_t i = 0; i < n; i++)
		x[i] = 2 * floor(256 * uniform(&state)) / 255 - 1;
}

/* --------------------------------------------------------------------------------------------- an exact reverse chain */

/* The mean over z and the elements of the k-th term, in bits, and the variance of one element's. */
static double expected_term(const struct chain *c, size_t n, size_t k, double square, double *scatter)
{
	const dm_node *t = &c->node[k - 1];
	double v = c->std * c->std, g = t->alpha * v / (t->alpha * t->alpha * v + t->sigma * t->sigma);
	/* x_0 - x0 = a x_0 - b z */
	double a = 1 - g * t->alpha, b = g * t->sigma, w = reverse_variance(c, t, t + 1), mean[2], q;
	double error = a * a * square + b * b, spread = 2 * b * b * b * b + 4 * a * a * b * b * square;
	DO(dm_posterior(t, t + 1, mean, &q, err));
	*scatter = spread * mean[1] * mean[1] * mean[1] * mean[1] / (4 * w * w * log(2) * log(2));
	if (k == n)
		return (log(2 * acos(-1) * w) + error / w) / (2 * log(2));
	return (log(w / q) - 1 + (q + mean[1] * mean[1] * error) / w) / (2 * log(2));
}

/* With the exact reverse chain and prior the bound is tight, for any x_0: its mean over z is -log2 p(x_0). */
static void test_exact_chain(void **state)
{
	static const struct {
		const char *schedule, *grid, *model, *options;
		double std;
		int kind;
	} chains[] = {
	    {"linear:T=20", NULL, "epsilon:variance=1", "prior_std=1", 1, EPSILON},
	    {"squared_cosine:T=50", NULL, "v:variance=1", "prior_std=1", 1, V},
	    {"flow", "flow:steps=12", "x0:variance=1", "prior_std=0", 0.5, X0},
	    {"flow", "flow:steps=30", "v:variance=1,out=f64", "prior_std=1,n_draw=5", 0.3, V},
	};
	(void)state;
	for (size_t k = 0; k < sizeof chains / sizeof *chains; k++) {
		struct chain c = {.std = chains[k].std, .kind = chains[k].kind};
		double *x = calloc(N_ELEMENT, sizeof *x), bits, term[MAX_STEP + 1], square = 0, sum, all;
		dm_node node[MAX_STEP + 1];
		dm_grid *grid = NULL;
		char options[200];
		dm_schedule *schedule = create(chains[k].schedule);
		size_t n = 0;
		if (chains[k].grid) {
			DO(dm_grid_create(&grid, schedule, chains[k].grid, NULL, err));
			n = dm_grid_count(grid) - 1;
			for (size_t i = 0; i <= n; i++)
				node[i] = *dm_grid_node(grid, i);
		} else {
			n = table_nodes(schedule, node);
		}
		c.node = node;
		dm_model *model = model_of(&c, chains[k].model);
		data(x, N_ELEMENT);
		for (size_t i = 0; i < N_ELEMENT; i++)
			square += x[i] * x[i] / N_ELEMENT;
		snprintf(options, sizeof options, "variance=learned_log,last=continuous,seed=4,%s", chains[k].options);
		DO(dm_variational_bound(schedule, grid, model, options, x, DM_F64, 1, N_ELEMENT, &bits, term, n + 1, NULL,
		                        err));
		double v = c.std * c.std, draws = strstr(options, "n_draw=5") ? 5 : 1;
		double a = node[0].alpha, s = node[0].sigma;
		double prior = (s * s - 1 - 2 * log(s) + a * a * square) / (2 * log(2));
		assert_true(fabs(term[0] - prior) < 1e-12);
		sum = term[0];
		double expected = prior, variance = 0;
		for (size_t i = 1; i <= n; i++) {
			double scatter, want = expected_term(&c, n, i, square, &scatter);
			double error = sqrt(scatter / N_ELEMENT / draws);
			if (!(fabs(term[i] - want) < 5 * error + 1e-12))
				fail_msg("%s: term %zu is %g, not %g +- %g", chains[k].schedule, i, term[i], want, error);
			sum += term[i];
			expected += want;
			variance += error * error;
		}
		all = (log(2 * acos(-1) * v) + square / v) / (2 * log(2));
		assert_true(fabs(expected - all) < 1e-9); /* the closed forms add up to the density */
		assert_true(fabs(bits - sum) < 1e-12 && fabs(bits - all) < 5 * sqrt(variance));
		dm_model_free(model);
		dm_grid_free(grid);
		dm_schedule_free(schedule);
		free(x);
	}
}

/* -------------------------------------------------------------------------------------------------- textbook formulas */

static double normal_cdf(double x)
{
	return erfc(-x / sqrt(2)) / 2;
}

/* The terms of Nichol and Dhariwal in betas, for one element: t of the table, 0 the least noise. */
struct textbook {
	double beta[MAX_STEP], bar[MAX_STEP]; /* bar: alpha-bar */
};

static double posterior_variance(const struct textbook *b, int t)
{
	return b->beta[t] * (1 - b->bar[t - 1]) / (1 - b->bar[t]);
}

static double model_log_variance(const struct textbook *b, int t, const char *variance, double out)
{
	double small = log(posterior_variance(b, t ? t : 1)), f = (out + 1) / 2;
	if (!strcmp(variance, "small"))
		return small;
	if (!strcmp(variance, "large"))
		return t ? log(b->beta[t]) : small;
	if (!strcmp(variance, "learned_range"))
		return f * log(b->beta[t]) + (1 - f) * small;
	return !strcmp(variance, "learned") ? log(out) : out;
}

static double textbook_term(const struct textbook *b, int t, double x, double z, double std, double clip, double log_w)
{
	double bar = b->bar[t], noisy = sqrt(bar) * x + sqrt(1 - bar) * z;
	double x0 = sqrt(bar) * std * std / (bar * std * std + 1 - bar) * noisy;
	x0 = fmax(fmin(x0, clip), -clip);
	if (t == 0) {
		double w = exp(log_w / 2), high = normal_cdf((x - x0 + 1.0 / 255) / w),
		       low = normal_cdf((x - x0 - 1.0 / 255) / w);
		return -log(x < -0.999 ? high : x > 0.999 ? 1 - low : high - low);
	}
	double v = posterior_variance(b, t), mean = b->beta[t] * sqrt(b->bar[t - 1]) / (1 - bar) * (x - x0);
	return (log_w - log(v) - 1 + v / exp(log_w) + mean * mean / exp(log_w)) / 2;
}

static void test_terms(void **state)
{
	static const struct {
		const char *variance, *model;
		double out, clip;
	} ways[] = {{"small", "epsilon", 0, 1},
	            {"large", "x0", 0, 0},
	            {"learned", "epsilon:variance=1", 0.02, 0.4},
	            {"learned_log", "v:variance=1", -4, 1},
	            {"learned_range", "epsilon:variance=1", 0.3, 1}};
	enum { T = 40, N = 6 };
	(void)state;
	for (size_t k = 0; k < 5; k++) {
		struct chain c = {.std = 0.5,
		                  .fixed = ways[k].out,
		                  .kind = *ways[k].model == 'e'   ? EPSILON
		                          : *ways[k].model == 'x' ? X0
		                                                  : V};
		struct textbook b;
		dm_node node[MAX_STEP + 1];
		double x[2][N], bits[2], term[2][T + 1], sum[2] = {0};
		char options[200];
		dm_schedule *schedule = create("linear:T=40,beta_start=0.001,beta_end=0.2");
		c.node = node;
		table_nodes(schedule, node);
		for (int t = 0; t < T; t++) {
			b.bar[t] = node[T - 1 - t].alpha * node[T - 1 - t].alpha;
			b.beta[t] = 0.001 + (0.2 - 0.001) * t / (T - 1);
		}
		dm_model *model = model_of(&c, ways[k].model);
		data(&x[0][0], 2 * N);
		x[0][0] = -1;
		x[0][1] = 1;
		snprintf(options, sizeof options, "variance=%s,clip=%g,n_draw=2,seed=11,first_sample=100,prior_std=1",
		         ways[k].variance, ways[k].clip);
		DO(dm_variational_bound(schedule, NULL, model, options, x, DM_F64, 2, N, bits, &term[0][0], T + 1, NULL, err));
		for (int i = 0; i < 2; i++)
			for (int e = 1; e <= T; e++) {
				double want = 0, z[N];
				int t = T - e;
				for (int m = 0; m < 2; m++) {
					uint32_t draw = (uint32_t)DM_DRAW_BOUND << 29 | (uint32_t)m << 24 | (uint32_t)e;
					DO(dm_normals(11, 100 + i, draw, 0, N, DM_F64, z, err));
					for (int j = 0; j < N; j++)
						want += textbook_term(&b, t, x[i][j], z[j], 0.5, ways[k].clip != 0 ? ways[k].clip : 1e9,
						                      model_log_variance(&b, t, ways[k].variance, ways[k].out)) /
						        (2 * N * log(2));
				}
				sum[i] += term[i][e];
				if (!(fabs(term[i][e] - want) < 1e-9 * fmax(1, fabs(want))))
					fail_msg("%s: term %d of sample %d is %.15g, not %.15g", ways[k].variance, e, i, term[i][e], want);
			}
		assert_true(fabs(bits[0] - sum[0] - term[0][0]) < 1e-9 && fabs(bits[1] - sum[1] - term[1][0]) < 1e-9);
		dm_model_free(model);
		dm_schedule_free(schedule);
	}
}

/* The logarithm of a bin's probability, also where it is far below the smallest double. */
static void test_normal_bin(void **state)
{
	(void)state;
	for (double low = -30; low < 30; low += 0.37)
		for (double width = 0.001; width < 20; width *= 3) {
			double high = low + width, got = dmi_log_normal_bin(low, high);
			double want =
			    low > 0 ? (erfc(low / sqrt(2)) - erfc(high / sqrt(2))) / 2 : normal_cdf(high) - normal_cdf(low);
			check_close("bin", got, log(want), 1e-10 / fmin(width, 1) / fmin(fabs(log(want)), 1));
			assert_true(fabs(dmi_log_normal_bin(-high, -low) - got) < 1e-12 * (1 + fabs(got)) / fmin(width, 1));
		}
	assert_true(dmi_log_normal_bin(-INFINITY, INFINITY) == 0);
	assert_true(fabs(dmi_log_normal_bin(-INFINITY, 0) + log(2)) < 1e-15);
	/* ln Q(x) = -x^2/2 - ln(x sqrt(2 pi)) - 1/x^2 + ... */
	double far = -1e6 / 2 - log(1000 * sqrt(2 * acos(-1))) - 1e-6;
	assert_true(fabs(dmi_log_normal_bin(1000, INFINITY) - far) < 1e-8);
	assert_true(fabs(dmi_log_normal_bin(-INFINITY, -1000) - far) < 1e-8);
}

/* The approximation of the original: close to the exact probability, and never below its floor. */
static void test_last_term(void **state)
{
	(void)state;
	struct chain c = {.std = 0.5, .fixed = -8, .kind = EPSILON};
	dm_node node[MAX_STEP + 1];
	double x[4] = {-1, 1, 3.0 / 255, -77.0 / 255}, far[4] = {-0.9, 0.9, 0.8, -0.7}, exact[2][4 + 1], tanh_[2][4 + 1],
	       bits;
	dm_schedule *schedule = create("linear:T=4");
	dm_model *model = model_of(&c, "epsilon:variance=1");
	c.node = node;
	table_nodes(schedule, node);
	for (int k = 0; k < 2; k++) {
		const char *options = "variance=learned_log,levels=256", *rough = "variance=learned_log,levels=256,cdf=tanh";
		if (k) { /* bins far narrower than the distances, and a deviation narrower still */
			c.fixed = -30;
			options = "variance=learned_log,levels=100001";
			rough = "variance=learned_log,levels=100001,cdf=tanh";
		}
		const double *x0 = k ? far : x;
		DO(dm_variational_bound(schedule, NULL, model, options, x0, DM_F64, 1, 4, &bits, exact[k], 5, NULL, err));
		DO(dm_variational_bound(schedule, NULL, model, rough, x0, DM_F64, 1, 4, &bits, tanh_[k], 5, NULL, err));
		for (int i = 0; i < 4; i++)
			assert_true(exact[k][i] == tanh_[k][i]);
	}
	assert_true(exact[0][4] != tanh_[0][4] && fabs(exact[0][4] - tanh_[0][4]) < 1e-2);
	assert_true(fabs(tanh_[1][4] - 12 * log2(10)) < 1e-9 && exact[1][4] > 100);
	double coarse[5];
	c.fixed = -8;
	DO(dm_variational_bound(schedule, NULL, model, "variance=learned_log,levels=16", x, DM_F64, 1, 4, &bits, coarse, 5,
	                        NULL, err));
	assert_true(coarse[4] < exact[0][4] - 1);
	dm_model_free(model);
	dm_schedule_free(schedule);
}

/* ---------------------------------------------------------------------------------------------- subsets and batches */

static void test_subset(void **state)
{
	enum { T = 10, N = 5 };
	(void)state;
	struct chain c = {.std = 0.5, .kind = EPSILON};
	dm_node node[MAX_STEP + 1];
	double x[2 * N], all[2][T + 1], some[2][T + 1], bits[2];
	dm_schedule *schedule = create("linear:T=10,beta_end=0.5");
	dm_model *model = model_of(&c, "epsilon");
	c.node = node;
	table_nodes(schedule, node);
	data(x, 2 * N);
	DO(dm_variational_bound(schedule, NULL, model, "seed=3", x, DM_F64, 2, N, bits, &all[0][0], T + 1, NULL, err));
	assert_int_equal(c.calls, T);
	c.calls = 0;
	DO(dm_variational_bound(schedule, NULL, model, "seed=3,at=2/5/9", x, DM_F64, 2, N, bits, &some[0][0], T + 1, NULL,
	                        err));
	assert_int_equal(c.calls, 4);
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k <= T; k++)
			assert_true(k == 0 || k == 2 || k == 5 || k >= 9 ? some[i][k] == all[i][k] : some[i][k] != some[i][k]);
		double want = all[i][0] + (all[i][2] + all[i][5] + all[i][9]) * 9 / 3 + all[i][T];
		assert_true(fabs(bits[i] - want) < 1e-12);
	}
	dm_model_free(model);
	dm_schedule_free(schedule);
}

static void test_batch_split_and_step_mode(void **state)
{
	enum { T = 10, N = 5, S = 3 };
	(void)state;
	struct chain c = {.std = 0.5, .kind = EPSILON};
	dm_node node[MAX_STEP + 1];
	double x[S * N], all[S][T + 1], one[T + 1], bits[S], got, log_density;
	int64_t n_eval;
	dm_schedule *schedule = create("linear:T=10,beta_end=0.5");
	dm_model *model = model_of(&c, "epsilon"), *silent;
	const dm_request *rq;
	c.node = node;
	table_nodes(schedule, node);
	data(x, S * N);
	DO(dm_model_create(&silent, "epsilon", NULL, NULL, NULL, err));
	DO(dm_variational_bound(schedule, NULL, model, "seed=3,first_sample=8,n_draw=2", x, DM_F64, S, N, bits, &all[0][0],
	                        T + 1, NULL, err));
	for (size_t i = 0; i < S; i++) {
		dm_likelihood *l;
		uint64_t seed = 3;
		int64_t sample = 8 + (int64_t)i;
		DO(dm_likelihood_create_bound(&l, schedule, NULL, silent, "n_draw=2", x + i * N, DM_F64, 1, N, NULL, err));
		REFUSE(DM_ERR_STATE, dm_likelihood_probes(l, x, DM_F64, 1, err), "a bound has none");
		DO(dm_likelihood_keys(l, &seed, &sample, 1, err));
		while (dm_likelihood_next(l, &rq, NULL) == DM_EVAL)
			predict_chain(&c, rq);
		DO(dm_likelihood_terms(l, one, T + 1, err));
		DO(dm_likelihood_values(l, &log_density, &got, &n_eval, err));
		check_same("one sample", one, all[i], T + 1, 0);
		check_same("one sample", &got, &bits[i], 1, 0);
		assert_true(n_eval == 2 * T && fabs(log_density + got * N * log(2)) < 1e-12 * fabs(log_density));
		REFUSE(DM_ERR_STATE, dm_likelihood_latent(l, one, DM_F64, err), "a bound has none");
		REFUSE(DM_ERR_ARGUMENT, dm_likelihood_terms(l, one, T, err), "n_term is 10", "11");
		dm_likelihood_free(l);
	}
	dm_model_free(silent);
	dm_model_free(model);
	dm_schedule_free(schedule);
}

/* ---------------------------------------------------------------------------------------------------------- faults */

static void test_faults(void **state)
{
	enum { T = 6, N = 4 };
	(void)state;
	struct chain c = {.std = 0.5, .kind = EPSILON};
	dm_node node[MAX_STEP + 1];
	double x[2 * N], want[2], got[2];
	dm_schedule *schedule = create("linear:T=6,beta_end=0.5");
	dm_model *model = model_of(&c, "epsilon:variance=1");
	dm_error error;
	c.node = node;
	table_nodes(schedule, node);
	data(x, 2 * N);
	const char *options = "variance=learned_log,at=2/4";
	DO(dm_variational_bound(schedule, NULL, model, options, x, DM_F64, 2, N, want, NULL, 0, NULL, err));
	for (int i = 1; i <= 3; i++)
		for (int way = 0; way < 2; way++) {
			dm_likelihood *l;
			c.calls = 0;
			c.fail_at = way ? 0 : i;
			c.spoil = way ? i : 0;
			DO(dm_likelihood_create_bound(&l, schedule, NULL, model, options, x, DM_F64, 2, N, NULL, err));
			assert_int_equal(dm_likelihood_all(l, &error), way ? DM_ERR_NOT_FINITE : DM_ERR_CALLBACK);
			assert_true(way ? error.sample == 1 && error.element == 2 && strstr(error.message, "variance")
			                : error.user_code == 42 && error.eval == i - 1);
			DO(dm_likelihood_all(l, err));
			DO(dm_likelihood_values(l, NULL, got, NULL, err));
			check_same("after a fault", got, want, 2, 0);
			dm_likelihood_free(l);
		}
	c.fail_at = c.spoil = 0;
	c.fixed = -1; /* a learned variance below 0 */
	REFUSE(DM_ERR_NOT_FINITE,
	       dm_variational_bound(schedule, NULL, model, "variance=learned", x, DM_F64, 2, N, got, NULL, 0, NULL, err),
	       "term 1", "learned variance must be above 0");
	int failures = 0;
	c.fixed = 0;
	for (;; failures++) {
		struct memory memory = {.left = failures};
		dm_allocator allocator = counting_allocator(&memory);
		dm_status st =
		    dm_variational_bound(schedule, NULL, model, options, x, DM_F64, 2, N, got, NULL, 0, &allocator, &error);
		assert_int_equal(memory.bytes, 0);
		if (st == DM_OK)
			break;
		assert_true(st == DM_ERR_MEMORY && error.status == DM_ERR_MEMORY);
	}
	assert_int_equal(failures, 4);
	dm_model_free(model);
	dm_schedule_free(schedule);
}

static void test_bad_input(void **state)
{
	static const struct {
		const char *options;
		dm_status status;
		const char *words[2];
	} bad[] = {
	    {"variance=medium", DM_ERR_NAME, {"variance", "medium"}},
	    {"variance=learned", DM_ERR_ARGUMENT, {"variance=learned", "variance=1"}},
	    {"levels=1", DM_ERR_ARGUMENT, {"levels", "1"}},
	    {"n_draw=33", DM_ERR_ARGUMENT, {"n_draw", "[1, 32]"}},
	    {"at=6", DM_ERR_ARGUMENT, {"at = 6", "1 to 5"}},
	    {"at=3/2", DM_ERR_ARGUMENT, {"at = 2", "rise"}},
	    {"at=1.5", DM_ERR_ARGUMENT, {"at = 1.5", "whole number"}},
	    {"last=continuous,levels=9", DM_ERR_UNSUPPORTED, {"levels", "last=continuous"}},
	};
	(void)state;
	struct chain c = {.std = 0.5, .kind = EPSILON};
	dm_schedule *schedule = create("linear:T=6"), *other = create("linear:T=6"), *ve = create("ve");
	dm_model *model = model_of(&c, "epsilon");
	dm_likelihood *l;
	dm_grid *grid;
	double x[4] = {0}, got[2];
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		REFUSE(bad[k].status,
		       dm_likelihood_create_bound(&l, schedule, NULL, model, bad[k].options, x, DM_F64, 2, 2, NULL, err),
		       bad[k].words[0], bad[k].words[1]);
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create_bound(&l, ve, NULL, model, NULL, x, DM_F64, 2, 2, NULL, err), "ve",
	       "no table", "grid");
	REFUSE(DM_ERR_ARGUMENT, dm_variational_bound(schedule, NULL, model, NULL, x, DM_F64, 2, 2, got, got, 2, NULL, err),
	       "n_term is 2", "7");
	DO(dm_grid_create(&grid, schedule, "trailing:steps=3", NULL, err));
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create_bound(&l, other, grid, model, NULL, x, DM_F64, 2, 2, NULL, err),
	       "another schedule");
	dm_grid_free(grid);
	DO(dm_grid_create(&grid, schedule, "trailing:steps=3,final=last", NULL, err));
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create_bound(&l, schedule, grid, model, NULL, x, DM_F64, 2, 2, NULL, err),
	       "sigma");
	dm_grid_free(grid);
	DO(dm_grid_create(&grid, schedule, "trailing:steps=3,direction=up", NULL, err));
	REFUSE(DM_ERR_ARGUMENT, dm_likelihood_create_bound(&l, schedule, grid, model, NULL, x, DM_F64, 2, 2, NULL, err),
	       "less noise");
	dm_grid_free(grid);
	DO(dm_grid_create(&grid, schedule, "trailing:steps=1", NULL, err));
	REFUSE(DM_ERR_UNSUPPORTED, dm_likelihood_create_bound(&l, schedule, grid, model, NULL, x, DM_F64, 2, 2, NULL, err),
	       "variance=small", "step before");
	dm_grid_free(grid);
	dm_model_free(model);
	dm_schedule_free(ve);
	dm_schedule_free(other);
	dm_schedule_free(schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exact_chain), cmocka_unit_test(test_terms),
	    cmocka_unit_test(test_normal_bin),  cmocka_unit_test(test_last_term),
	    cmocka_unit_test(test_subset),      cmocka_unit_test(test_batch_split_and_step_mode),
	    cmocka_unit_test(test_faults),      cmocka_unit_test(test_bad_input),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
