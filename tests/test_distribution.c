/* Stochastic methods reach the right distribution. The target is a Gaussian over two elements that hang together; its
 * denoiser is linear, so the law of a plan's result is known exactly: it is carried out over linear forms. That law is
 * compared with the target (no chance involved), and the samples of runs with that law.
 *
 * False alarms: |z| > 5.5 has a probability of 4e-8 for each of the 9 moments, and sqrt(n) D > 3 one of 3e-8 for each
 * of the 2 Kolmogorov-Smirnov distances, so below 1e-4 for all 100 cases; the higher moments have somewhat heavier
 * tails. The seed is fixed: a test that passes once passes always. */
#include "properties.h"
#include "property_table.h"

/* A sample of the library holds 32 pairs of elements, independent samples of the target. */
enum { PAIRS = 32, N_SAMPLE = 625 * PAIRS, N_ADAPTIVE = 128 * PAIRS };

static const double LIMIT_Z = 5.5, LIMIT_D = 3;

/* The directions in which the two elements are independent, turned by an angle against the elements. */
static const struct target direction[2] = {{1, {1}, {0.8}, {1.2}}, {1, {1}, {-0.5}, {0.35}}};
static const double cosine = 0.8, sine = 0.6;

static void to_directions(const double x[2], double y[2])
{
	double a = x[0], b = x[1];
	y[0] = cosine * a + sine * b;
	y[1] = -sine * a + cosine * b;
}

static void to_elements(const double y[2], double x[2])
{
	double a = y[0], b = y[1];
	x[0] = cosine * a - sine * b;
	x[1] = sine * a + cosine * b;
}

/* E[x0 | x] of a pair. */
static void exact_pair(double x[2], double alpha, double sigma)
{
	double y[2];
	to_directions(x, y);
	for (int d = 0; d < 2; d++) {
		double m = direction[d].mean[0], s2 = direction[d].sd[0] * direction[d].sd[0];
		y[d] = m + alpha * s2 / (alpha * alpha * s2 + sigma * sigma) * (y[d] - alpha * m);
	}
	to_elements(y, x);
}

static dm_status predict_pairs(void *user, const dm_request *rq)
{
	const struct world *w = user;
	for (size_t i = 0; i < rq->n_sample; i++) {
		size_t k = rq->n_time == 1 ? 0 : i;
		double alpha = rq->alpha[k], sigma = rq->sigma[k], scale = input_scale(w->kind, alpha, sigma), out[2];
		const double *x = (const double *)rq->x + i * rq->x_stride;
		output_of(w->kind, alpha, sigma, out);
		for (size_t e = 0; e < rq->n_element; e += 2) {
			double x0[2] = {x[e] / scale, x[e + 1] / scale};
			exact_pair(x0, alpha, sigma);
			for (size_t j = 0; j < 2; j++) {
				size_t place = i * rq->out_stride + e + j;
				for (int32_t b = 0; b < rq->n_branch; b++)
					put_number(rq->out[b], DM_F64, place, out[0] * x[e + j] / scale + out[1] * x0[j]);
				for (int32_t b = 0; rq->out_variance && b < rq->n_branch; b++)
					put_number(rq->out_variance[b], DM_F64, place, SAID_OF_VARIANCE);
			}
		}
	}
	return 0;
}

/* --------------------------------------------------------------------------------------------------------------- laws */

struct law {
	double mean[2], sd[2]; /* in the two directions */
};

static struct law law_of_plan(const dm_plan *plan, const char *kind)
{
	struct law law;
	for (int d = 0; d < 2; d++) {
		static struct walk w;
		memset(&w, 0, sizeof w);
		w.kind = kind;
		w.target = &direction[d];
		walk_plan(&w, plan);
		law.mean[d] = w.state[0];
		law.sd[d] = sqrt(form_variance(w.state));
	}
	return law;
}

/* Of the target with the noise of a node. */
static struct law law_at(const dm_node *at)
{
	struct law law;
	for (int d = 0; d < 2; d++) {
		law.mean[d] = at->alpha * direction[d].mean[0];
		law.sd[d] = sqrt(at->alpha * at->alpha * direction[d].sd[0] * direction[d].sd[0] + at->sigma * at->sigma);
	}
	return law;
}

static dm_plan *plan_of(const char *sampler, const struct process *p, int steps, const char *options, struct world *w,
                        struct law *target)
{
	char grid[100];
	dm_schedule *schedule;
	dm_node end;
	*w = (struct world){.kind = p->model};
	snprintf(grid, sizeof grid, "log_snr:steps=%d,sigma_max=10,sigma_min=0.1", steps);
	assert_int_equal(dm_schedule_create(&schedule, p->schedule, NULL, NULL), DM_OK);
	assert_int_equal(dm_schedule_at_lambda(schedule, log(10), &end, NULL), DM_OK);
	dm_schedule_free(schedule);
	*target = law_at(&end);
	struct recipe r = {.sampler = sampler, .schedule = p->schedule, .grid = grid, .options = options};
	r.model = model_of(sampler, p->model);
	return make_plan(&r, predict_pairs, w);
}

static double distance(const struct law *a, const struct law *b)
{
	double worst = 0;
	for (int d = 0; d < 2; d++)
		worst = fmax(worst, fmax(fabs(a->mean[d] - b->mean[d]) / b->sd[d], fabs(log(a->sd[d] / b->sd[d]))));
	return worst;
}

static double law_error(const char *sampler, const struct process *p, int steps, const char *options)
{
	struct world w;
	struct law target;
	dm_plan *plan = plan_of(sampler, p, steps, options, &w, &target);
	struct law law = law_of_plan(plan, p->model);
	dm_plan_free(plan);
	return distance(&law, &target);
}

static int is_stochastic(const struct method *m)
{
	return m->draws != DRAWS_NOTHING && !(m->flags & (ADAPTIVE | NONLINEAR));
}

/* The law of every method that keeps the variance, or does as its steps get short, goes to the target's, at least like
 * 1/N, which from 40 steps on shows as a slope of `slope`. */
static void check_laws(const char *options, double slope)
{
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < N_METHOD; i++) {
			const struct method *m = &methods[i];
			if (!is_stochastic(m) || m->flags & FEW_STEPS || (m->flags & DEPARTS && !(m->flags & CONVERGES)))
				continue;
			double few = law_error(m->spec, &processes[k], 40, options);
			double many = law_error(m->spec, &processes[k], 160, options);
			if (!(many < 0.03 && log2(few / many) / 2 > slope))
				fail_msg("%s over %s (%s): off the target by %g after 40 steps, %g after 160", m->spec,
				         processes[k].schedule, options ? options : "", few, many);
		}
}

static void laws_converge(void **state)
{
	(void)state;
	check_laws(NULL, 0.85);
}

/* The same along a path, where the increments of stages that overlap hang together. */
static void laws_along_a_path_converge(void **state)
{
	(void)state;
	check_laws("noise=path", 0.8);
}

/* ------------------------------------------------------------------------------------------------------------ samples */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The Kolmogorov-Smirnov distance of n numbers (which it sorts) from the standard normal. */
static double ks_distance(double *z, size_t n)
{
	double worst = 0;
	qsort(z, n, sizeof *z, compare);
	for (size_t i = 0; i < n; i++) {
		double p = 0.5 * erfc(-z[i] / sqrt(2));
		worst = fmax(worst, fmax(fabs(p - (double)i / (double)n), fabs((double)(i + 1) / (double)n - p)));
	}
	return worst;
}

struct verdict {
	double z, d; /* the largest score of a moment; the largest KS distance times sqrt(n) */
};

/* Moments one to four in both directions and the covariance, each over its deviation if the law holds. */
static struct verdict judge(double (*x)[2], size_t n, const struct law *law)
{
	static double z[2][N_SAMPLE];
	double sum[2][4] = {{0}}, cross = 0, count = (double)n;
	struct verdict v = {0, 0};
	for (size_t i = 0; i < n; i++) {
		double y[2];
		to_directions(x[i], y);
		for (int d = 0; d < 2; d++) {
			double u = z[d][i] = (y[d] - law->mean[d]) / law->sd[d];
			sum[d][0] += u;
			sum[d][1] += u * u - 1;
			sum[d][2] += u * u * u;
			sum[d][3] += u * u * u * u - 3;
		}
		cross += z[0][i] * z[1][i];
	}
	for (int d = 0; d < 2; d++) {
		static const double variance[4] = {1, 2, 15, 96};
		for (int k = 0; k < 4; k++)
			v.z = fmax(v.z, fabs(sum[d][k]) / sqrt(variance[k] * count));
		v.d = fmax(v.d, ks_distance(z[d], n) * sqrt(count));
	}
	v.z = fmax(v.z, fabs(cross) / sqrt(count));
	return v;
}

/* n samples of a plan that starts from samples of the target with the start node's noise. */
static void sample(const dm_plan *plan, const dm_noise *noise, size_t n, double (*x)[2])
{
	dm_array *array;
	dm_run *run;
	for (size_t i = 0; i < n; i++) {
		double y[2];
		assert_int_equal(dm_normals(1234567, (int64_t)i, 0, 0, 2, DM_F64, y, NULL), DM_OK);
		for (int d = 0; d < 2; d++)
			y[d] = direction[d].mean[0] + direction[d].sd[0] * y[d];
		to_elements(y, x[i]);
	}
	assert_int_equal(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, NULL), DM_OK);
	assert_int_equal(dm_run_create(&run, plan, array, noise, n / PAIRS, 2 * PAIRS, "seed=2024", NULL, 0, NULL), DM_OK);
	assert_int_equal(dm_run_start_clean(run, x, DM_F64, 0, NULL), DM_OK);
	dm_array_free(array);
	finish_run(run, DM_F64, x);
}

static void check_samples(const char *what, const struct process *p, double (*x)[2], size_t n, const struct law *law)
{
	struct verdict v = judge(x, n, law);
	if (!(v.z < LIMIT_Z && v.d < LIMIT_D))
		fail_msg("%s over %s: a moment is off by %.1f deviations, KS %.1f", what, p->schedule, v.z, v.d);
}

static void samples_follow_the_law(void **state)
{
	static double x[N_SAMPLE][2];
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < N_METHOD; i++) {
			struct world w;
			struct law target;
			if (!is_stochastic(&methods[i]))
				continue;
			dm_plan *plan = plan_of(methods[i].spec, &processes[k], 16, NULL, &w, &target);
			struct law law = law_of_plan(plan, w.kind);
			sample(plan, NULL, N_SAMPLE, x);
			dm_plan_free(plan);
			check_samples(methods[i].spec, &processes[k], x, N_SAMPLE, &law);
		}
}

/* The increments of a path are unit normals too, correlated where they overlap. */
static void samples_of_paths_follow_the_law(void **state)
{
	static double x[N_SAMPLE][2];
	(void)state;
	for (int i = 0; i < N_METHOD; i++) {
		const struct process *p = &processes[i % N_PROCESS];
		struct world w;
		struct law target;
		if (!is_stochastic(&methods[i]))
			continue;
		dm_plan *plan = plan_of(methods[i].spec, p, 8, "noise=path", &w, &target);
		struct law law = law_of_plan(plan, w.kind);
		sample(plan, NULL, N_ADAPTIVE, x);
		dm_plan_free(plan);
		check_samples(methods[i].spec, p, x, N_ADAPTIVE, &law);
	}
}

/* Langevin corrections of a size of their own per sample: no law in closed form, but small ones leave the target where it
 * is (to a bias of the size of snr^2) and noise at a fixed level alone brings it back from elsewhere. */
static void langevin_goes_to_the_target(void **state)
{
	static const char *const specs[] = {"pc:corrector=langevin,snr=0.05", "pc:corrector=langevin,snr=0.05,norm=batch",
	                                    "pc:corrector=langevin,snr=0.05,predictor=ancestral,corrector_steps=2"};
	static double x[N_SAMPLE][2];
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < 3; i++) {
			struct world w;
			struct law target;
			double mean[2] = {0}, square[2] = {0};
			dm_plan *plan = plan_of(specs[i], &processes[k], 200, NULL, &w, &target);
			sample(plan, NULL, N_ADAPTIVE, x);
			dm_plan_free(plan);
			for (int n = 0; n < N_ADAPTIVE; n++) {
				double y[2];
				to_directions(x[n], y);
				for (int d = 0; d < 2; d++) {
					double u = (y[d] - target.mean[d]) / target.sd[d];
					mean[d] += u / N_ADAPTIVE;
					square[d] += u * u / N_ADAPTIVE;
				}
			}
			for (int d = 0; d < 2; d++)
				if (!(fabs(mean[d]) < 0.1 && fabs(square[d] - 1) < 0.2))
					fail_msg("%s over %s: mean off by %.3f, variance %.3f instead of 1", specs[i],
					         processes[k].schedule, mean[d], square[d]);
		}
}

/* An adaptive method goes to its tolerance, here far below what the samples can tell; so its law is the target's. */
static void adaptive_samples_follow_the_target(void **state)
{
	static const char *const specs[] = {"dpm_adaptive:rtol=0.01,atol=0.001", "dpm_adaptive:eta=1,rtol=0.01,atol=0.001",
	                                    "dpm_adaptive:order=2,eta=0.5,rtol=0.01,atol=0.001",
	                                    "rk45:rtol=0.001,atol=0.001"};
	static double x[N_SAMPLE][2];
	(void)state;
	for (int k = 0; k < N_PROCESS; k++)
		for (int i = 0; i < 4; i++) {
			struct world w;
			struct law target;
			dm_plan *plan = plan_of(specs[i], &processes[k], 1, NULL, &w, &target);
			sample(plan, NULL, N_ADAPTIVE, x);
			dm_plan_free(plan);
			check_samples(specs[i], &processes[k], x, N_ADAPTIVE, &target);
		}
}

/* ------------------------------------------------------------------------------------------------ the test can say no */

/* What is wrong with a source of noise: every draw the same; a deviation of 1.05. */
enum { SAME_DRAW, TOO_WIDE, N_WRONG };

static dm_status fill_wrongly(void *user, const dm_request *rq)
{
	int wrong = *(const int *)user;
	for (size_t i = 0; i < rq->n_sample; i++) {
		double *row = (double *)rq->out[0] + i * rq->out_stride;
		uint32_t draw = wrong == SAME_DRAW && rq->draw ? 1 : rq->draw;
		if (dm_normals(rq->seed[i], rq->sample[i], draw, 0, rq->n_element, DM_F64, row, NULL) != DM_OK)
			return 1;
		for (size_t e = 0; e < rq->n_element && wrong == TOO_WIDE; e++)
			row[e] *= 1.05;
	}
	return 0;
}

static void wrong_noise_is_seen(void **state)
{
	static double x[N_SAMPLE][2];
	(void)state;
	for (int wrong = 0; wrong < N_WRONG; wrong++) {
		struct world w;
		struct law target;
		dm_noise *noise;
		dm_noise_ops ops = {.struct_size = sizeof ops, .fill = fill_wrongly};
		dm_plan *plan = plan_of("ddpm", &processes[0], 16, NULL, &w, &target);
		struct law law = law_of_plan(plan, w.kind);
		assert_int_equal(dm_noise_create_custom(&noise, &ops, &wrong, NULL, NULL), DM_OK);
		sample(plan, noise, N_SAMPLE, x);
		struct verdict v = judge(x, N_SAMPLE, &law);
		if (v.z < LIMIT_Z && v.d < LIMIT_D)
			fail_msg("wrong noise %d passes: %.1f deviations, KS %.1f", wrong, v.z, v.d);
		dm_noise_free(noise);
		dm_plan_free(plan);
	}
}

/* Numbers with the right mean and variance that are not normal: uniform ones. */
static void wrong_shape_is_seen(void **state)
{
	static double x[N_SAMPLE][2];
	static const struct law standard = {{0, 0}, {1, 1}};
	uint64_t random = 1;
	(void)state;
	for (int i = 0; i < N_SAMPLE; i++) {
		double y[2] = {sqrt(12) * (uniform(&random) - 0.5), sqrt(12) * (uniform(&random) - 0.5)};
		to_elements(y, x[i]);
	}
	struct verdict v = judge(x, N_SAMPLE, &standard);
	assert_true(v.z > LIMIT_Z && v.d > LIMIT_D);
}

/* The samples of a method whose fresh noise is too wide do not pass for those of the method. */
static void wrong_variance_is_seen(void **state)
{
	static double x[N_SAMPLE][2];
	struct world w;
	struct law target;
	(void)state;
	dm_plan *right = plan_of("euler_ancestral", &processes[0], 16, NULL, &w, &target);
	dm_plan *wrong = plan_of("euler_ancestral:s_noise=1.2", &processes[0], 16, NULL, &w, &target);
	struct law law = law_of_plan(right, w.kind);
	sample(wrong, NULL, N_SAMPLE, x);
	assert_true(judge(x, N_SAMPLE, &law).z > LIMIT_Z);
	dm_plan_free(right);
	dm_plan_free(wrong);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(laws_converge),
	    cmocka_unit_test(laws_along_a_path_converge),
	    cmocka_unit_test(samples_follow_the_law),
	    cmocka_unit_test(samples_of_paths_follow_the_law),
	    cmocka_unit_test(langevin_goes_to_the_target),
	    cmocka_unit_test(adaptive_samples_follow_the_target),
	    cmocka_unit_test(wrong_noise_is_seen),
	    cmocka_unit_test(wrong_shape_is_seen),
	    cmocka_unit_test(wrong_variance_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
