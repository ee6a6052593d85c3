/* Langevin refinement (the plan's option refine) against exact posteriors of mixtures: with enough steps the samples are
 * those of the posterior noised to the last level, however few nodes the sampler has. Stated confidence: every moment and
 * every share of a mode within 4.5 standard errors of N samples, beside the bias that r^2 leaves. */
#include "inverse_testing.h"

enum { N = 1200, N_MOMENT = DIM + DIM * (DIM + 1) / 2 + MAX_PART };

struct scene {
	struct world w;
	double level, bias; /* sigma/alpha at the end; what the finite r may be off by */
	int first;          /* the first element that is looked at; those before are known */
};

/* ------------------------------------------------------------------------------------------------- the posterior */

/* Moments of the components given x at a level (alpha 0: nothing is seen) and y, and their shares. */
static void components(const struct world *w, const double *x, double alpha, double sigma, int with_y,
                       struct moments part[MAX_PART], double *share)
{
	const struct prior *p = w->prior;
	for (int k = 0; k < p->n; k++) {
		memset(&part[k], 0, sizeof part[k]);
		share[k] = log(p->weight[k]);
		for (int i = 0; i < DIM; i++) {
			double own = square(p->deviation[k][i]), q = alpha * alpha * own + sigma * sigma;
			double rest = alpha > 0 ? x[i] - alpha * p->mean[k][i] : 0;
			part[k].mean[i] = p->mean[k][i] + (alpha > 0 ? alpha * own / q * rest : 0);
			part[k].covariance[i][i] = alpha > 0 ? own * sigma * sigma / q : own;
			share[k] -= alpha > 0 ? 0.5 * (rest * rest / q + log(q)) : 0;
		}
		for (int i = 0; i < w->n_seen && with_y; i++)
			share[k] += condition(&part[k], w->a[i], w->y[i], w->noise);
	}
	soften(share, p->n);
}

static void mean_given(const struct world *w, const double *x, double alpha, double sigma, int with_y, double *mean)
{
	struct moments part[MAX_PART];
	double share[MAX_PART];
	components(w, x, alpha, sigma, with_y, part, share);
	for (int i = 0; i < DIM; i++) {
		mean[i] = 0;
		for (int k = 0; k < w->prior->n; k++)
			mean[i] += share[k] * part[k].mean[i];
	}
}

/* grad ln p(y | x) = alpha / sigma^2 (E[x0 | x, y] - E[x0 | x]) */
static dm_status teach(void *user, const dm_request *rq)
{
	const struct scene *s = user;
	double alpha = rq->alpha[0], sigma = rq->sigma[0];
	for (size_t i = 0; i < rq->n_sample; i++) {
		const double *x = (const double *)rq->x + i * rq->x_stride;
		double *out = (double *)rq->out[0] + i * rq->out_stride, with[DIM];
		mean_given(&s->w, x, alpha, sigma, 0, out);
		if (rq->kind == DM_ASK_PREDICTION)
			continue;
		mean_given(&s->w, x, alpha, sigma, 1, with);
		for (int j = 0; j < DIM; j++)
			out[j] = alpha / (sigma * sigma) * (with[j] - out[j]);
	}
	return 0;
}

/* ---------------------------------------------------------------------------------------------------------- moments */

/* What is looked at in one sample of the noised posterior: elements, their products, the shares of the modes in it. */
static int moments_of(const struct scene *s, const struct moments *part, const double *share, const double *x,
                      double *out)
{
	double log_share[MAX_PART] = {0};
	int n = 0;
	for (int i = s->first; i < DIM; i++)
		out[n++] = x[i];
	for (int i = s->first; i < DIM; i++)
		for (int j = i; j < DIM; j++)
			out[n++] = x[i] * x[j];
	for (int k = 0; k < s->w.prior->n; k++) { /* by the diagonals alone: any function of x would do */
		log_share[k] = log(share[k]);
		for (int i = s->first; i < DIM; i++)
			log_share[k] -= 0.5 * square(x[i] - part[k].mean[i]) / (part[k].covariance[i][i] + square(s->level));
	}
	soften(log_share, s->w.prior->n);
	for (int k = 0; k < s->w.prior->n; k++)
		out[n++] = log_share[k];
	return n;
}

/* A draw of the noised posterior itself, by the Cholesky factor of a component. */
static void draw_exact(const struct scene *s, const struct moments *part, const double *share, int64_t i, double *x)
{
	double z[DIM], pick, factor[DIM][DIM] = {{0}};
	int k = 0;
	DO(dm_normals(77, i, 1, 0, 1, DM_F64, &pick, err));
	DO(dm_normals(77, i, 2, 0, DIM, DM_F64, z, err));
	pick = 0.5 * erfc(-pick / sqrt(2));
	while (k + 1 < s->w.prior->n && pick > share[k])
		pick -= share[k++];
	for (int a = 0; a < DIM; a++) {
		x[a] = part[k].mean[a];
		for (int b = 0; b <= a; b++) {
			double sum = part[k].covariance[a][b] + (a == b ? square(s->level) : 0);
			for (int c = 0; c < b; c++)
				sum -= factor[a][c] * factor[b][c];
			factor[a][b] = a == b ? sqrt(sum) : sum / factor[b][b];
			x[a] += factor[a][b] * z[b];
		}
	}
}

/* The largest distance between the moments of N samples and those of many exact draws, in standard errors of both, once
 * the bias is allowed for. */
static double worst(const struct scene *s, const double *x, double alpha)
{
	enum { EXACT = 8 * N };
	struct moments part[MAX_PART];
	double share[MAX_PART], sum[2][N_MOMENT] = {{0}}, squares[2][N_MOMENT] = {{0}}, one[N_MOMENT], draw[DIM], most = 0;
	int n = 0;
	components(&s->w, NULL, 0, 1, 1, part, share);
	for (int exact = 0; exact < 2; exact++)
		for (int i = 0; i < (exact ? EXACT : N); i++) {
			for (int j = 0; j < DIM && !exact; j++)
				draw[j] = x[i * DIM + j] / alpha;
			if (exact)
				draw_exact(s, part, share, i, draw);
			n = moments_of(s, part, share, draw, one);
			for (int m = 0; m < n; m++) {
				sum[exact][m] += one[m] / (exact ? EXACT : N);
				squares[exact][m] += one[m] * one[m] / (exact ? EXACT : N);
			}
		}
	for (int m = 0; m < n; m++) {
		double error = (squares[0][m] - square(sum[0][m])) / N + (squares[1][m] - square(sum[1][m])) / EXACT;
		most = fmax(most, (fabs(sum[0][m] - sum[1][m]) - s->bias) / sqrt(error));
	}
	return most;
}

/* ------------------------------------------------------------------------------------------------------------- runs */

/* Levels that fall evenly in lambda from high to low. */
static void levels(char *text, size_t size, double high, double low, int n)
{
	size_t used = strlen(text);
	for (int i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%.6g", used && text[used - 1] != '=' ? "/" : "",
		                         high * pow(low / high, n > 1 ? (double)i / (n - 1) : 0));
}

static double run(struct scene *s, const char *guidance, const char *grid, int refine, const double *known)
{
	static double x[N * DIM];
	const double mask[DIM] = {s->first > 0, s->first > 1, s->first > 2, 0};
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = teach, .gradient = teach};
	char spec[4000];
	dm_run *r;
	snprintf(spec, sizeof spec,
	         "sampler=ddim schedule=vp model=x0 dtype=f64 seed=4 guidance=%s grid=%s,final=included refine=%d "
	         "refine_noise=0.3",
	         guidance, grid, refine);
	DO(dm_run_create_spec(&r, spec, &ops, s, N, DIM, NULL, err));
	if (known) {
		DO(dm_run_bind(r, DM_BOUND_KNOWN, known, DM_F64, DIM, err));
		DO(dm_run_bind(r, DM_BOUND_MASK, mask, DM_F64, DIM, err));
	}
	DO(dm_run_all(r, err));
	DO(dm_run_state(r, x, DM_F64, err));
	dm_run_free(r);
	return worst(s, x, 1 / sqrt(1 + square(s->level)));
}

/* Ten nodes are too few for the sampler alone. */
static void test_known_conditional(void **state)
{
	struct scene s = {.w = world_of(&mixture, "x0"), .level = 0.1, .bias = 0.02};
	char grid[400] = "levels:at=";
	(void)state;
	s.w.noise = 0.6;
	s.w.y[0] = 0.1;
	levels(grid, sizeof grid, 8, s.level, 10);
	double alone = run(&s, "classifier", grid, 0, NULL), refined = run(&s, "classifier", grid, 29, NULL);
	if (!(refined < 4.5 && alone > 5))
		fail_msg("%g standard errors from the posterior, without refinement %g", refined, alone);
}

/* Two known elements, whose noise is the same all the way down; modes that overlap in the others. */
static void test_inpainting(void **state)
{
	static const struct prior near = {3,
	                                  {0.4, 0.35, 0.25},
	                                  {{1, 0, 0.3, -0.2}, {-0.8, 0.7, -0.2, 0.25}, {0.2, -1.2, 0.1, 0.3}},
	                                  {{1, 0.8, 0.2, 0.15}, {0.9, 1.1, 0.18, 0.2}, {1.2, 0.8, 0.2, 0.15}}};
	static const double known[DIM] = {0.3, 0.1, 0, 0};
	struct scene s = {
	    .w = {.prior = &near, .n_seen = 2, .a = {{1}, {0, 1}}, .noise = 1e-3}, .level = 0.1, .bias = 0.004, .first = 2};
	char grid[3000] = "levels:at=";
	(void)state;
	memcpy(s.w.y, known, sizeof known);
	levels(grid, sizeof grid, 4, 0.2, 8);
	levels(grid, sizeof grid, 0.19, s.level, 30);
	double alone = run(&s, "inpaint", grid, 0, known), refined = run(&s, "inpaint", grid, 29, known);
	if (!(refined < 4.5 && alone > 5))
		fail_msg("%g standard errors from the posterior, without refinement %g", refined, alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known_conditional),
	    cmocka_unit_test(test_inpainting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
