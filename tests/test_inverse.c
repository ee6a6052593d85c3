/* Inverse problems against closed forms: what every method makes of one state, and its steps. */
#include "inverse_testing.h"

/* ------------------------------------------------------------------------------------- one state, by the formulas */

/* Takes in the whole measurement, of noise that may differ from the world's; each number by itself: the same as all at
 * once, since their noises are independent. */
static void condition_all(const struct world *w, struct moments *m, double noise)
{
	for (int i = 0; i < w->n_seen; i++)
		condition(m, w->a[i], w->y[i], noise);
}

static void set_spread(struct moments *m, double variance)
{
	for (int i = 0; i < DIM; i++)
		for (int j = 0; j < DIM; j++)
			m->covariance[i][j] = i == j ? variance : 0;
}

/* The mean of x0 given y where its covariance is variance I: x0 + variance A^T (variance A A^T + noise^2)^-1 (y - A x0). */
static void blend(const struct world *w, const struct moments *m, double variance, double noise, double *out)
{
	struct moments own = *m;
	set_spread(&own, variance);
	condition_all(w, &own, noise);
	memcpy(out, own.mean, sizeof own.mean);
}

static double step_noise(const dm_node *at, const dm_node *to)
{
	double r = at->alpha * to->sigma / (to->alpha * at->sigma);
	return to->sigma / (to->alpha * sqrt(1 - r * r));
}

static void expect_ddnm(const struct world *w, const struct moments *m, const dm_node *at, const dm_node *to,
                        double *out)
{
	blend(w, m, 1, 0.3 / (4 * step_noise(at, to)), out);
}

static void expect_ddnm_pseudo(const struct world *w, const struct moments *m, const dm_node *at, const dm_node *to,
                               double *out)
{
	double lambda = fmin(1, step_noise(at, to) / 0.3);
	blend(w, m, 1, 1e-7, out); /* next to no noise: the pseudo-inverse */
	for (int i = 0; i < DIM; i++)
		out[i] = m->mean[i] + lambda * (out[i] - m->mean[i]);
}

static void expect_ddnm_clean(const struct world *w, const struct moments *m, const dm_node *at, const dm_node *to,
                              double *out)
{
	(void)at, (void)to;
	blend(w, m, 1, 1e-7, out);
}

static void expect_diffpir(const struct world *w, const struct moments *m, const dm_node *at, const dm_node *to,
                           double *out)
{
	(void)to;
	blend(w, m, square(at->sigma / at->alpha) / 3, 0.1, out);
}

static double variance_at(const dm_node *at, double data)
{
	return square(at->sigma * data) / (square(at->sigma) + square(at->alpha * data));
}

static void expect_pgdm_plain(const struct world *w, const struct moments *m, const dm_node *at, const dm_node *to,
                              double *out)
{
	(void)to;
	blend(w, m, variance_at(at, 0.6), 0.1, out);
	for (int i = 0; i < DIM; i++)
		out[i] = m->mean[i] + 0.5 * (out[i] - m->mean[i]);
}

/* V w, with w from variance w = the correction of the plain form. */
static void expect_pgdm(const struct world *w, const struct moments *m, const dm_node *at, const dm_node *to,
                        double *out)
{
	double plain[DIM], variance = variance_at(at, 0.6);
	(void)to;
	blend(w, m, variance, 0.1, plain);
	for (int i = 0; i < DIM; i++) {
		out[i] = m->mean[i];
		for (int j = 0; j < DIM; j++)
			out[i] += 0.5 * m->covariance[i][j] * (plain[j] - m->mean[j]) / variance;
	}
}

static void expect_mmps(const struct world *w, const struct moments *m, const dm_node *at, const dm_node *to,
                        double *out)
{
	struct moments own = *m;
	(void)at, (void)to;
	condition_all(w, &own, 0.1);
	memcpy(out, own.mean, sizeof own.mean);
}

/* The best multiple of r = A^T (y - A x0): the minimum of <w, (noise^2 V + V A^T A V) w> / 2 - <w, V r>. */
static void expect_one_round(const struct world *w, const struct moments *m, const dm_node *at, const dm_node *to,
                             double *out)
{
	double r[DIM] = {0}, vr[DIM] = {0}, above = 0, below = 0;
	(void)at, (void)to;
	for (int k = 0; k < w->n_seen; k++) {
		double rest = w->y[k];
		for (int j = 0; j < DIM; j++)
			rest -= w->a[k][j] * m->mean[j];
		for (int j = 0; j < DIM; j++)
			r[j] += w->a[k][j] * rest;
	}
	for (int i = 0; i < DIM; i++)
		for (int j = 0; j < DIM; j++)
			vr[i] += m->covariance[i][j] * r[j];
	for (int i = 0; i < DIM; i++)
		above += r[i] * vr[i];
	for (int k = 0; k < w->n_seen; k++) {
		double seen = 0;
		for (int j = 0; j < DIM; j++)
			seen += w->a[k][j] * vr[j];
		below += seen * seen;
	}
	below += square(0.1) * above;
	for (int i = 0; i < DIM; i++)
		out[i] = m->mean[i] + above / below * vr[i];
}

/* C A^T v */
static void spread(const struct world *w, const struct moments *m, const double *v, double *out)
{
	for (int i = 0; i < DIM; i++) {
		out[i] = 0;
		for (int j = 0; j < DIM; j++)
			for (int k = 0; k < w->n_seen; k++)
				out[i] += m->covariance[i][j] * w->a[k][j] * v[k];
	}
}

/* Every number of y by itself, its variance the sum of a row of A C A^T. */
static void expect_tmpd(const struct world *w, const struct moments *m, const dm_node *at, const dm_node *to,
                        double *out)
{
	double ones[DIM] = {0}, rows[DIM], rest[DIM];
	(void)at, (void)to;
	for (int k = 0; k < w->n_seen; k++)
		ones[k] = 1;
	spread(w, m, ones, rows);
	for (int k = 0; k < w->n_seen; k++) {
		double variance = 0;
		rest[k] = w->y[k];
		for (int j = 0; j < DIM; j++) {
			variance += w->a[k][j] * rows[j];
			rest[k] -= w->a[k][j] * m->mean[j];
		}
		rest[k] *= 0.5 / (fmax(variance, 0) + square(0.1));
	}
	spread(w, m, rest, out);
	for (int i = 0; i < DIM; i++)
		out[i] += m->mean[i];
}

static const struct {
	const char *guidance;
	void (*expect)(const struct world *w, const struct moments *m, const dm_node *at, const dm_node *to, double *out);
	int n_vjp;
} formulas[] = {
    {"ddnm", expect_ddnm_clean, 0},
    {"ddnm:noise=0.3", expect_ddnm, 0},
    {"ddnm:noise=0.3,inverse=pseudo", expect_ddnm_pseudo, 0},
    {"ddnm:inverse=pseudo", expect_ddnm_clean, 0},
    {"diffpir:noise=0.1,lambda=3", expect_diffpir, 0},
    {"pgdm:noise=0.1,scale=0.5,data=0.6,jacobian=none", expect_pgdm_plain, 0},
    {"pgdm:noise=0.1,scale=0.5,data=0.6", expect_pgdm, 1},
    {"mmps:noise=0.1,rounds=2", expect_mmps, 2},
    {"mmps:noise=0.1,rounds=5", expect_mmps, 5},
    {"mmps:noise=0.1,rounds=1", expect_one_round, 1},
    {"tmpd:noise=0.1,scale=0.5", expect_tmpd, 2},
    {"tmpd:noise=0.1,table=-9/0.5/9/0.5", expect_tmpd, 2},
};

/* The ways to state the same network, on every process. */
static const struct {
	const char *kind, *model, *schedule;
	int input;
} forms[] = {
    {"epsilon", "epsilon", "vp", STATE}, {"v", "v", "vp", STATE},         {"x0", "x0", "ve", STATE},
    {"edm", "edm", "edm", SCALED},       {"flow", "flow", "flow", STATE}, {"epsilon", "epsilon:input=ve", "vp", VE},
};

static const struct {
	const char *grid;
	double at, to; /* sigma/alpha */
} steps[] = {
    {"levels:at=5/1,final=included", 5, 1},
    {"levels:at=1/0.2,final=included", 1, 0.2},
    {"levels:at=0.2/0.05,final=included", 0.2, 0.05},
};

static dm_node node_at(const char *name, double level)
{
	dm_schedule *schedule;
	dm_node node;
	DO(dm_schedule_create(&schedule, name, NULL, err));
	DO(dm_schedule_at_lambda(schedule, -log(level), &node, err));
	dm_schedule_free(schedule);
	return node;
}

enum { N_START = 5 };

/* A few states at a level. */
static void draw_states(const dm_node *at, double *x)
{
	DO(dm_normals(11, 0, 0, 0, N_START * DIM, DM_F64, x, err));
	for (int i = 0; i < N_START * DIM; i++)
		x[i] *= sqrt(0.5 * square(at->alpha) + square(at->sigma));
}

/* The x0 that a step of ddim went through. */
static void check_step(size_t f, size_t form, size_t step)
{
	double x[N_START * DIM], want[DIM], found[DIM];
	dm_node at = node_at(forms[form].schedule, steps[step].at), to = node_at(forms[form].schedule, steps[step].to);
	struct world w = world_of(&mixture, forms[form].kind);
	struct task t = {.guidance = formulas[f].guidance, .model = forms[form].model, .schedule = forms[form].schedule};
	w.input = forms[form].input;
	t.grid = steps[step].grid;
	t.n = N_START;
	t.start = x;
	draw_states(&at, x);
	double *end = reconstruct(&w, &t);
	assert_int_equal(w.n_vjp, formulas[f].n_vjp);
	for (int s = 0; s < N_START; s++) {
		struct moments m = given_state(w.prior, x + s * DIM, at.alpha, at.sigma);
		formulas[f].expect(&w, &m, &at, &to, want);
		for (int i = 0; i < DIM; i++)
			found[i] =
			    (end[s * DIM + i] - to.sigma / at.sigma * x[s * DIM + i]) / (to.alpha - at.alpha * to.sigma / at.sigma);
		check_same(formulas[f].guidance, found, want, DIM, 1e-8);
	}
	free(end);
}

static void test_formulas(void **state)
{
	(void)state;
	for (size_t f = 0; f < sizeof formulas / sizeof *formulas; f++)
		for (size_t form = 0; form < sizeof forms / sizeof *forms; form++)
			for (size_t step = 0; step < sizeof steps / sizeof *steps; step++)
				check_step(f, form, step);
}

/* A guidance whose weights do not add up to 1. */
static dm_status two_branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	(void)user, (void)at;
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	branch[(*n)++] = (dm_branch){0, DM_CONDITION_NONE, 0};
	return DM_OK;
}

static dm_status uneven_weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n,
                                const dm_stats *stats, double *weight)
{
	(void)user, (void)at, (void)branch, (void)n, (void)stats;
	weight[0] = 0;
	weight[1] = 1.5;
	weight[2] = -0.25;
	return DM_OK;
}

/* Two branches: x0 = given weight[0] + none weight[1], and so is its Jacobian. */
static void check_branches(const struct task *t, const double weight[2])
{
	double want[DIM];
	struct world w = world_of(&mixture, "v");
	dm_node at = node_at("vp", 1);
	w.other = &uneven;
	double *end = reconstruct(&w, t);
	for (int s = 0; s < N_START; s++) {
		struct moments m = given_state(w.prior, t->start + s * DIM, at.alpha, at.sigma);
		struct moments other = given_state(w.other, t->start + s * DIM, at.alpha, at.sigma);
		for (int i = 0; i < DIM; i++) {
			m.mean[i] = weight[0] * m.mean[i] + weight[1] * other.mean[i];
			for (int j = 0; j < DIM; j++)
				m.covariance[i][j] = weight[0] * m.covariance[i][j] + weight[1] * other.covariance[i][j];
		}
		expect_pgdm(&w, &m, &at, NULL, want);
		check_same(t->guidance, end + s * DIM, want, DIM, 1e-9);
	}
	free(end);
}

static void test_jacobian_of_guidance(void **state)
{
	(void)state;
	const dm_guidance_ops ops = {.struct_size = sizeof ops, .branches = two_branches, .weights = uneven_weights};
	double x[N_START * DIM];
	struct task t = {.grid = "levels:at=1", .start = x, .n = N_START};
	dm_guidance *base;
	dm_node at = node_at("vp", 1);
	draw_states(&at, x);
	t.guidance = "cfg:scale=3|pgdm:noise=0.1,scale=0.5,data=0.6";
	check_branches(&t, (double[]){3, -2});
	DO(dm_guidance_create_custom(&base, "uneven", NULL, &ops, NULL, NULL, err));
	t.base = base;
	t.guidance = "pgdm:noise=0.1,scale=0.5,data=0.6";
	check_branches(&t, (double[]){1.5, -0.25});
	dm_guidance_free(base);
}

/* At alpha = 0 the state says nothing: the estimate is that of independent elements. */
static void test_from_pure_noise(void **state)
{
	(void)state;
	static const char *const chains[] = {"pgdm:noise=0.1,data=0.6", "pgdm:noise=0.1,data=0.6,jacobian=none",
	                                     "mmps:noise=0.1,data=0.6", "tmpd:noise=0.1,data=0.6,scale=0.5"};
	struct world w = world_of(&uneven, "flow");
	double want[DIM];
	struct moments m = {{0}, {{0}}};
	memcpy(m.mean, uneven.mean[0], sizeof m.mean);
	blend(&w, &m, 0.36, 0.1, want);
	for (size_t k = 0; k < sizeof chains / sizeof *chains; k++) {
		if (k == 3) {
			for (int i = 0; i < DIM; i++)
				m.covariance[i][i] = 0.36;
			expect_tmpd(&w, &m, NULL, NULL, want);
		}
		struct task t = {.guidance = chains[k], .schedule = "flow", .grid = "flow:at=1", .n = 1};
		double *end = reconstruct(&w, &t);
		check_same(chains[k], end, want, DIM, 1e-9);
		free(end);
	}
}

/* -------------------------------------------------------------------------------------- methods that move the state */

/* Chung 2023, algorithm 1, with steps of ddim. unit: g has the norm 1. */
static void by_hand(const struct world *w, const double *level, int n, double scale, int jacobian, int unit, double *x)
{
	for (int step = 0; step + 1 < n; step++) {
		dm_node at = node_at("vp", level[step]), to = node_at("vp", level[step + 1]);
		struct moments m = given_state(w->prior, x, at.alpha, at.sigma);
		double g[DIM], size = 0;
		of_distance(w, m.mean, g);
		for (int i = 0; i < DIM; i++)
			size += square(g[i]);
		for (int i = 0; i < DIM; i++) {
			double move = jacobian ? 0 : g[i];
			for (int j = 0; j < DIM && jacobian; j++)
				move += at.alpha / square(at.sigma) * m.covariance[i][j] * g[j];
			x[i] = to.alpha * m.mean[i] + to.sigma * (x[i] - at.alpha * m.mean[i]) / at.sigma +
			       scale * move / (unit ? sqrt(size) : 1);
		}
	}
}

static void test_moves_of_the_state(void **state)
{
	(void)state;
	static const struct {
		const char *guidance;
		double scale;
		int jacobian, unit, n_vjp, n_gradient;
	} known[] = {{"dps:scale=0.2", 0.2, 1, 0, 3, 0},
	             {"dps:scale=0.1,jacobian=none", 0.1, 0, 0, 0, 0},
	             {"reconstruct:scale=0.2,target=3,norm=none", 0.2, 1, 0, 3, 3},
	             {"reconstruct:scale=0.1,target=3,norm=none,jacobian=none", 0.1, 0, 0, 0, 3},
	             {"reconstruct:scale=0.3,target=3", 0.3, 1, 1, 3, 3}};
	static const double level[] = {5, 1, 0.3, 0.1};
	dm_node first = node_at("vp", level[0]);
	for (size_t k = 0; k < sizeof known / sizeof *known; k++)
		for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
			double x[N_START * DIM];
			struct world w = world_of(&mixture, forms[form].kind);
			struct task t = {.guidance = known[k].guidance, .grid = "levels:at=5/1/0.3/0.1,final=included", .start = x};
			if (strcmp(forms[form].schedule, "vp"))
				continue;
			w.gradient = of_distance;
			w.input = forms[form].input;
			t.model = forms[form].model;
			t.n = N_START;
			draw_states(&first, x);
			double *end = reconstruct(&w, &t);
			assert_int_equal(w.n_vjp, known[k].n_vjp);
			assert_int_equal(w.n_gradient, known[k].n_gradient);
			for (int s = 0; s < N_START; s++)
				by_hand(&w, level, 4, known[k].scale, known[k].jacobian, known[k].unit, x + s * DIM);
			check_same(known[k].guidance, end, x, N_START * DIM, 1e-9);
			free(end);
		}
}

/* A nonlinear measurement: the distances of (x0, x1) and of (x2, x3) from the origin are known to be 0.8. */
static dm_status of_radii(const struct world *w, const double *x0, double *g)
{
	double radius[2], rest[2], size;
	(void)w;
	for (int k = 0; k < 2; k++) {
		radius[k] = sqrt(square(x0[2 * k]) + square(x0[2 * k + 1]));
		rest[k] = 0.8 - radius[k];
	}
	size = sqrt(square(rest[0]) + square(rest[1]));
	for (int i = 0; i < DIM; i++)
		g[i] = rest[i / 2] / size * x0[i] / radius[i / 2];
	return DM_OK;
}

static void test_nonlinear(void **state)
{
	(void)state;
	enum { N = 200 };
	struct world w = world_of(&mixture, "epsilon");
	struct task t = {.n = N};
	double off[2];
	w.gradient = of_radii;
	for (int guided = 0; guided < 2; guided++) {
		t.guidance = guided ? "reconstruct:scale=0.1,target=3,norm=none" : "none";
		double *x = reconstruct(&w, &t), sum = 0;
		for (int i = 0; i < 2 * N; i++)
			sum += square(sqrt(square(x[2 * i]) + square(x[2 * i + 1])) - 0.8);
		off[guided] = sqrt(sum / (2 * N));
		free(x);
	}
	if (!(off[0] > 0.3 && off[1] < 0.12)) /* steps of 0.1 leave a residual of their size */
		fail_msg("off by %g without and %g with the measurement", off[0], off[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_formulas),        cmocka_unit_test(test_jacobian_of_guidance),
	    cmocka_unit_test(test_from_pure_noise), cmocka_unit_test(test_moves_of_the_state),
	    cmocka_unit_test(test_nonlinear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
