/* The log-density by the probability-flow ODE: exact answers, orders, estimators, number types. */
#include "likelihood_testing.h"

static double log_normal(const double *z, size_t n, double std)
{
	double sum = 0;
	for (size_t j = 0; j < n; j++)
		sum += z[j] * z[j];
	return -sum / (2 * std * std) - (double)n * (log(std) + 0.5 * log(2 * acos(-1)));
}

/* ------------------------------------------------------------------------------------------------- exact densities */

static const struct {
	const char *schedule, *ends;
	double t_min, t_max;
	int kind;
} processes[] = {
    {"vp", "t_min=0.001,t_max=1", 0.001, 1, EPSILON}, {"vp", "t_min=0,t_max=1", 0, 1, V},
    {"linear", "t_min=0,t_max=999", 0, 999, SCORE},   {"ve", "t_min=0.05,t_max=20", 0.05, 20, X0},
    {"edm", "t_min=0.01,t_max=80", 0.01, 80, EDM},    {"flow", "t_min=0,t_max=1", 0, 1, FLOW},
    {"flow", "t_min=0.01,t_max=1", 0.01, 1, X0},      {"sub_vp", "t_min=0.01,t_max=1", 0.01, 1, EPSILON},
    {"trigflow", "t_min=0,t_max=1.57", 0, 1.57, V},
};
enum { N_PROCESS = sizeof processes / sizeof *processes };

/* The error of ln p at the largest: by the exact change of density between the ends, with the latent that was found. */
static double worst(struct target *m, int process, const char *options)
{
	char text[200];
	double x[N_SAMPLE * MAX_DIM], error = 0;
	dm_schedule *schedule = create(processes[process].schedule);
	dm_node low = at_time(schedule, processes[process].t_min), high = at_time(schedule, processes[process].t_max);
	snprintf(text, sizeof text, "%s,%s", processes[process].ends, options);
	points(x, N_SAMPLE * m->n);
	m->kind = processes[process].kind;
	struct answer a = ask_for(m, processes[process].schedule, NULL, 1, text, x, N_SAMPLE);
	for (size_t i = 0; i < N_SAMPLE; i++) {
		const double *z = a.latent + i * m->n;
		double mismatch = log_normal(z, m->n, high.sigma) - log_density_at(m, high.alpha, high.sigma, z);
		double want = log_density_at(m, low.alpha, low.sigma, x + i * m->n) + mismatch;
		error = fmax(error, fabs(a.log_density[i] - want));
		assert_true(fabs(a.bits[i] + a.log_density[i] / ((double)m->n * log(2))) < 1e-12);
	}
	dm_schedule_free(schedule);
	return error;
}

static void test_exact_densities(void **state)
{
	(void)state;
	for (int process = 0; process < N_PROCESS; process++)
		for (size_t n = 2; n <= 8; n += 6) {
			struct target one = gaussian(n, 0), three = mixture(n, 0);
			double errors[4] = {worst(&one, process, "probe=exact,method=rk4,steps=300"),
			                    worst(&three, process, "probe=exact,method=rk4,steps=300"),
			                    worst(&one, process, "probe=exact,rtol=1e-9,atol=1e-9"),
			                    worst(&three, process, "probe=exact,rtol=1e-9,atol=1e-9")};
			for (int k = 0; k < 4; k++)
				if (!(errors[k] < 2e-7))
					fail_msg("%s, kind %s, %zu elements, way %d: error %g", processes[process].schedule,
					         kind_names[processes[process].kind], n, k, errors[k]);
		}
}

/* Where the noise end is pure noise and the clean end the data, nothing has to be made up for. */
static void test_density_of_the_data(void **state)
{
	(void)state;
	struct target m = mixture(8, FLOW);
	double x[N_SAMPLE * MAX_DIM];
	points(x, N_SAMPLE * 8);
	struct answer a =
	    ask_for(&m, "flow", NULL, 1, "t_min=0,t_max=1,probe=exact,rtol=1e-9,atol=1e-9,offset=7", x, N_SAMPLE);
	for (size_t i = 0; i < N_SAMPLE; i++) {
		double want = log_density_at(&m, 1, 0, x + i * 8);
		assert_true(fabs(a.log_density[i] - want) < 1e-7);
		assert_true(fabs(a.bits[i] - (7 - want / (8 * log(2)))) < 1e-7);
	}
}

/* Of one Gaussian the way is known: distances from the mean grow like the standard deviation. */
static void test_latent_of_a_gaussian(void **state)
{
	(void)state;
	struct target m = gaussian(5, EPSILON);
	double x[N_SAMPLE * MAX_DIM];
	dm_schedule *schedule = create("vp");
	dm_node low = at_time(schedule, 0.01), high = at_time(schedule, 0.9);
	points(x, N_SAMPLE * 5);
	struct answer a = ask_for(&m, "vp", NULL, 1, "t_min=0.01,t_max=0.9,rtol=1e-10,atol=1e-10", x, N_SAMPLE);
	double grow = sqrt((high.alpha * high.alpha * 0.36 + high.sigma * high.sigma) /
	                   (low.alpha * low.alpha * 0.36 + low.sigma * low.sigma));
	for (size_t i = 0; i < N_SAMPLE * 5; i++) {
		double mean = m.mean[0][i % 5], want = high.alpha * mean + grow * (x[i] - low.alpha * mean);
		assert_true(fabs(a.latent[i] - want) < 1e-8);
	}
	dm_schedule_free(schedule);
}

/* ---------------------------------------------------------------------------------------------------------- orders */

static void test_orders(void **state)
{
	static const struct {
		const char *method;
		double order;
	} methods[] = {{"euler", 1}, {"midpoint", 2}, {"heun", 2}, {"rk4", 4}};
	(void)state;
	for (size_t k = 0; k < 4; k++)
		for (int process = 0; process < N_PROCESS; process++) {
			struct target m = mixture(2, 0);
			double error[3];
			for (int i = 0; i < 3; i++) {
				char text[80];
				snprintf(text, sizeof text, "probe=exact,method=%s,steps=%d", methods[k].method, 32 << i);
				error[i] = worst(&m, process, text);
			}
			double order = log2(error[1] / error[2]);
			if (!(order > methods[k].order - 0.2 && error[1] < error[0]))
				fail_msg("%s on %s: errors %g, %g, %g, order %g", methods[k].method, processes[process].schedule,
				         error[0], error[1], error[2], order);
		}
}

static void test_tolerance_rules_the_error(void **state)
{
	(void)state;
	for (int process = 0; process < N_PROCESS; process++) {
		struct target m = mixture(8, 0);
		double loose = worst(&m, process, "probe=exact,rtol=1e-4,atol=1e-4");
		int few = m.predictions;
		double tight = worst(&m, process, "probe=exact,rtol=1e-8,atol=1e-8");
		if (!(loose < 3e-3 && tight < 3e-7 && m.predictions - few > few))
			fail_msg("%s: errors %g and %g", processes[process].schedule, loose, tight);
	}
}

/* Any nodes lead to the same end. */
static void test_grids(void **state)
{
	static const char *const ways[] = {
	    "grid=angle,steps=400,t_min=0.01,t_max=0.9", "grid=time,steps=400,t_min=0.01,t_max=0.9",
	    "grid=log_snr,steps=400,t_min=0.01,t_max=0.9",
	    ("times=0.01/0.013/0.017/0.02/0.025/0.03/0.035/0.04/0.05/0.06/0.07/0.08/0.1/0.12/0.14/0.16/0.18/0.2/0.225/0.25/"
	     "0.275/0.3/0.325/0.35/0.375/0.4/0.425/0.45/0.475/0.5/0.55/0.6/0.65/0.7/0.75/0.8/0.85/0.9")};
	(void)state;
	struct target m = mixture(3, EPSILON);
	double x[N_SAMPLE * 3], want[N_SAMPLE] = {0};
	points(x, N_SAMPLE * 3);
	for (int k = 0; k < 4; k++) {
		char text[400];
		snprintf(text, sizeof text, "method=rk4,probe=exact,%s", ways[k]);
		struct answer a = ask_for(&m, "vp", NULL, 1, text, x, N_SAMPLE);
		assert_true(a.n_eval[0] == (k < 3 ? 1600 : 4 * 37));
		if (k == 0)
			memcpy(want, a.log_density, sizeof want);
		check_same(ways[k], a.log_density, want, N_SAMPLE, k < 3 ? 1e-7 : 1e-4);
	}
}

static void test_start_and_prior(void **state)
{
	(void)state;
	struct target m = mixture(3, V);
	double x[3] = {0.2, -0.3, 0.5}, scaled[3];
	dm_schedule *schedule = create("vp");
	dm_node low = at_time(schedule, 0.05), high = at_time(schedule, 0.6);
	for (int j = 0; j < 3; j++)
		scaled[j] = low.alpha * x[j];
	const char *clean = "t_min=0.05,t_max=0.6,start=clean,seed=3", *state_at = "t_min=0.05,t_max=0.6,seed=3";
	struct answer a = ask_for(&m, "vp", NULL, 1, clean, x, 1), b = ask_for(&m, "vp", NULL, 1, state_at, scaled, 1);
	assert_true(fabs(a.log_density[0] - (b.log_density[0] + 3 * log(low.alpha))) < 1e-12);
	a = ask_for(&m, "vp", NULL, 1, "t_min=0.05,t_max=0.6,seed=3,prior_std=1.5", scaled, 1);
	double change = log_normal(b.latent, 3, 1.5) - log_normal(b.latent, 3, high.sigma);
	assert_true(fabs(a.log_density[0] - (b.log_density[0] + change)) < 1e-12);
	dm_schedule_free(schedule);
}

/* ------------------------------------------------------------------------------------------------------ estimators */

/* For one Gaussian the Jacobian is c I: signs give its trace exactly, normals z give c |z|^2. */
static void test_estimators(void **state)
{
	(void)state;
	struct target m = gaussian(8, V);
	double x[N_SAMPLE * MAX_DIM], volume[N_SAMPLE];
	dm_schedule *schedule = create("flow");
	dm_node low = at_time(schedule, 0.1), high = at_time(schedule, 1);
	double r = sqrt(low.alpha * low.alpha + low.sigma * low.sigma);
	points(x, N_SAMPLE * 8);
	const char *fixed = "t_min=0.1,t_max=1,method=rk4,steps=200";
	char text[200];
	snprintf(text, sizeof text, "%s,probe=exact", fixed);
	struct answer exact = ask_for(&m, "flow", NULL, 1, text, x, N_SAMPLE);
	for (size_t i = 0; i < N_SAMPLE; i++) /* of the divergence of v */
		volume[i] = exact.log_density[i] - log_normal(exact.latent + i * 8, 8, high.sigma) + 8 * log(r);
	struct answer signs = ask_for(&m, "flow", NULL, 1, fixed, x, N_SAMPLE);
	check_same("rademacher", signs.log_density, exact.log_density, N_SAMPLE, 1e-12);
	snprintf(text, sizeof text, "%s,probe=normal,n_probe=3,seed=18446744073709551615,first_sample=7", fixed);
	struct answer normal = ask_for(&m, "flow", NULL, 1, text, x, N_SAMPLE);
	for (size_t i = 0; i < N_SAMPLE; i++) {
		double z[8], sum = 0;
		for (uint32_t k = 0; k < 3; k++) {
			DO(dm_normals(UINT64_MAX, 7 + (int64_t)i, (uint32_t)DM_DRAW_PROBE << 29 | k, 0, 8, DM_F64, z, err));
			for (int j = 0; j < 8; j++)
				sum += z[j] * z[j] / 3;
		}
		double want = exact.log_density[i] + (sum / 8 - 1) * volume[i];
		assert_true(fabs(normal.log_density[i] - want) < 1e-10 &&
		            fabs(normal.log_density[i] - exact.log_density[i]) > 1e-3);
	}
	dm_schedule_free(schedule);
}

/* Over many probes the estimate scatters around the exact value. */
static void test_estimate_is_unbiased(void **state)
{
	static const char *const kinds[] = {"rademacher", "normal"};
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct target m = mixture(4, EPSILON);
		double x[4], sum = 0, square = 0;
		char text[200];
		points(x, 4);
		const int n = 400;
		double exact = ask_for(&m, "vp", NULL, 1, "method=rk4,steps=20,probe=exact", x, 1).log_density[0];
		for (int i = 0; i < n; i++) {
			snprintf(text, sizeof text, "method=rk4,steps=20,probe=%s,seed=%d", kinds[k], i);
			double d = ask_for(&m, "vp", NULL, 1, text, x, 1).log_density[0] - exact;
			sum += d;
			square += d * d;
		}
		double error = sqrt((square - sum * sum / n) / (n - 1) / n);
		if (!(error > 1e-4 && fabs(sum / n) < 4 * error))
			fail_msg("%s: off by %g, standard error %g", kinds[k], sum / n, error);
		snprintf(text, sizeof text, "method=rk4,steps=20,probe=%s,n_probe=400", kinds[k]);
		double many = ask_for(&m, "vp", NULL, 1, text, x, 1).log_density[0] - exact;
		assert_true(fabs(many) < 4 * error);
	}
}

static void test_differences(void **state)
{
	(void)state;
	for (int kind = EPSILON; kind <= EDM; kind++) {
		struct target m = mixture(4, kind);
		double x[N_SAMPLE * 4];
		points(x, N_SAMPLE * 4);
		const char *options = "t_min=0.01,t_max=0.9,method=rk4,steps=40,n_probe=2";
		struct answer a = ask_for(&m, "vp", NULL, 1, options, x, N_SAMPLE);
		assert_true(m.predictions == 160 && m.products == 320 && a.n_eval[0] == 160);
		m.predictions = m.products = 0;
		struct answer b = ask_for(&m, "vp", NULL, 0, options, x, N_SAMPLE);
		assert_true(m.predictions == 160 * 5 && m.products == 0 && b.n_eval[0] == 160 * 5);
		check_same(kind_names[kind], b.log_density, a.log_density, N_SAMPLE, 1e-8);
		check_same(kind_names[kind], b.latent, a.latent, N_SAMPLE * 4, 0);
		struct answer c = ask_for(
		    &m, "vp", NULL, 1, "t_min=0.01,t_max=0.9,method=rk4,steps=40,n_probe=2,divergence=difference", x, N_SAMPLE);
		check_same("the same with a vjp at hand", c.log_density, b.log_density, N_SAMPLE, 0);
		struct answer coarse = ask_for(
		    &m, "vp", NULL, 0, "t_min=0.01,t_max=0.9,method=rk4,steps=40,n_probe=2,difference_step=0.2", x, N_SAMPLE);
		assert_true(fabs(coarse.log_density[0] - a.log_density[0]) > 1e-6);
	}
}

/* Number types and strides of the network, and f32 samples. */
static void test_number_types(void **state)
{
	static const char *const specs[] = {"v:x=f32,out=f64,x_stride=7", "v:x=f64,out=f32,out_stride=9",
	                                    "v:x=f16,out=bf16"};
	static const double tolerance[] = {1e-5, 1e-5, 0.5};
	(void)state;
	struct target m = mixture(4, V);
	double x[N_SAMPLE * 4];
	float narrow[N_SAMPLE * 4], latent[N_SAMPLE * 4];
	double log_density[N_SAMPLE];
	points(x, N_SAMPLE * 4);
	for (int i = 0; i < N_SAMPLE * 4; i++)
		x[i] = (double)(narrow[i] = (float)x[i]);
	const char *options = "t_min=0.02,method=rk4,steps=40";
	struct answer want = ask_for(&m, "vp", NULL, 1, options, x, N_SAMPLE);
	for (int k = 0; k < 3; k++) {
		struct answer a = ask_for(&m, "vp", specs[k], 1, options, x, N_SAMPLE);
		check_same(specs[k], a.log_density, want.log_density, N_SAMPLE, tolerance[k]);
		assert_true(a.log_density[0] != want.log_density[0]);
	}
	dm_schedule *schedule = create("vp");
	for (int vjp = 0; vjp < 2; vjp++) {
		dm_model *model = model_of(&m, NULL, vjp);
		DO(dm_log_likelihood(schedule, model, options, narrow, DM_F32, N_SAMPLE, 4, log_density, NULL, latent, NULL,
		                     NULL, err));
		check_same("f32", log_density, want.log_density, N_SAMPLE, vjp ? 1e-5 : 5e-3);
		assert_true(fabs((double)latent[5] - want.latent[5]) < 1e-5);
		dm_model_free(model);
	}
	dm_schedule_free(schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exact_densities),
	    cmocka_unit_test(test_density_of_the_data),
	    cmocka_unit_test(test_latent_of_a_gaussian),
	    cmocka_unit_test(test_orders),
	    cmocka_unit_test(test_tolerance_rules_the_error),
	    cmocka_unit_test(test_grids),
	    cmocka_unit_test(test_start_and_prior),
	    cmocka_unit_test(test_estimators),
	    cmocka_unit_test(test_estimate_is_unbiased),
	    cmocka_unit_test(test_differences),
	    cmocka_unit_test(test_number_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
