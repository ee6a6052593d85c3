/* Loss weights and spherical interpolation. */
#include "run_testing.h"

static const char *const losses[] = {"x0", "epsilon", "v", "flow", "edm"};
enum { N_LOSS = 5 };

static double weight_of(const char *spec, double alpha, double sigma)
{
	double weight = NAN;
	DO(dm_loss_weight(spec, 1, &alpha, &sigma, &weight, err));
	return weight;
}

/* |got - want| <= tol |want| */
static void near(const char *spec, double got, double want, double tol)
{
	if (!(fabs(got - want) <= tol * fabs(want)))
		fail_msg("%s is %.17g, not %.17g", spec, got, want);
}

/* --------------------------------------------------------------------------------------------------- loss weights */

/* The formulas as they stand in the header, at u = sigma / alpha. */
static double formula(int which, double u, double sd, double gamma, double k)
{
	double snr = 1 / (u * u), s = u / (1 + u), both = u * u + sd * sd;
	switch (which) {
	case 0:
		return snr;
	case 1:
		return snr < gamma ? snr : gamma;
	case 2:
		return u * sd * u * sd / (both * both);
	case 3:
		return pow(k + snr, -gamma);
	case 4:
		return both / (u * sd * u * sd);
	case 5:
		return 1 / (s * s);
	default:
		return 2 / (3.14159265358979323846 * (1 - 2 * s + 2 * s * s));
	}
}

static const struct {
	const char *spec;
	double sd, gamma, k;
	int own; /* index into losses */
} weights[] = {
    {"snr:sigma_data=0.5", 0.5, 0, 0, 0},
    {"min_snr:gamma=5", 0.5, 5, 0, 0},
    {"soft_min_snr:sigma_data=0.7", 0.7, 0, 0, 4},
    {"p2:gamma=0.5,k=2", 0.5, 0.5, 2, 1},
    {"edm:sigma_data=2", 2, 0, 0, 0},
    {"sigma_sqrt:loss=x0", 0.5, 0, 0, 0},
    {"cosmap:loss=flow", 0.5, 0, 0, 3},
};
enum { N_WEIGHT = sizeof weights / sizeof *weights };

static const double levels[] = {1e-3, 0.02, 0.3, 0.999, 1, 1.7, 14.6, 500};
enum { N_LEVEL = sizeof levels / sizeof *levels };

/* The scale of the state (variance preserving, exploding, rectified flow, tiny) does not matter. */
static void weights_are_their_formulas(void **state)
{
	(void)state;
	for (int w = 0; w < N_WEIGHT; w++)
		for (int i = 0; i < N_LEVEL; i++) {
			double u = levels[i], want = formula(w, u, weights[w].sd, weights[w].gamma, weights[w].k);
			double alpha[] = {1 / sqrt(1 + u * u), 1, 1 / (1 + u), 1e-200};
			for (int a = 0; a < 4; a++)
				near(weights[w].spec, weight_of(weights[w].spec, alpha[a], u * alpha[a]), want, 1e-12);
		}
}

/* Recorded from k-diffusion (soft_min_snr and snr at sigma_data = 0.5) and from a table of 1000 scaled-linear betas. */
static void weights_as_elsewhere(void **state)
{
	(void)state;
	near("soft_min_snr", weight_of("soft_min_snr", 1, 0.3), 0.19463667820069205, 1e-12);
	near("snr on edm", weight_of("snr:loss=edm", 1, 4), 0.015384615384615385, 1e-12);
	near("edm", weight_of("edm", 1, 80), 4.00015625, 1e-12);
	double snr = 19.65130191735827, alpha = sqrt(snr / (1 + snr)), sigma = sqrt(1 / (1 + snr));
	near("min_snr on epsilon", weight_of("min_snr:loss=epsilon", alpha, sigma), 0.25443606846136896, 1e-12);
	near("min_snr on v", weight_of("min_snr:loss=v", alpha, sigma), 0.24211548598770394, 1e-12);
	near("p2", weight_of("p2:gamma=0.5", alpha, sigma), 0.22005248736958366, 1e-12);
}

/* The error of a prediction that belongs to an error of 1 in x0, by dm_convert: the part of the output. */
static double error_of(int loss, double alpha, double sigma)
{
	double c[2];
	DO(dm_convert("x0", losses[loss], alpha, sigma, 0.5, c, err));
	return c[1];
}

/* weight |error|^2 is the same for every prediction. */
static void a_loss_is_the_same_on_every_prediction(void **state)
{
	(void)state;
	for (int w = 0; w < N_WEIGHT; w++)
		for (int i = 0; i < N_LEVEL; i++) {
			char name[32], spec[80];
			double alpha = 1 / (1 + levels[i]), sigma = 1 - alpha, first = 0;
			size_t length = strcspn(weights[w].spec, ":");
			memcpy(name, weights[w].spec, length);
			name[length] = 0;
			for (int l = 0; l < N_LOSS; l++) {
				snprintf(spec, sizeof spec, "%s:loss=%s", name, losses[l]);
				double error = error_of(l, alpha, sigma), loss = weight_of(spec, alpha, sigma) * error * error;
				first = l ? first : loss;
				near(spec, loss, first, 1e-9);
			}
			snprintf(spec, sizeof spec, "%s:loss=%s", name, losses[weights[w].own]);
			assert_true(weight_of(spec, alpha, sigma) == weight_of(name, alpha, sigma));
		}
}

/* On v every weight is finite at both ends; on x0 and epsilon not. */
static void ends_of_the_process(void **state)
{
	(void)state;
	double both[2] = {1, 0}, none[2] = {0, 1}, out[2];
	for (int w = 0; w < N_WEIGHT; w++) {
		char spec[80];
		snprintf(spec, sizeof spec, "%.*s:loss=v", (int)strcspn(weights[w].spec, ":"), weights[w].spec);
		DO(dm_loss_weight(spec, 2, both, none, out, err));
		assert_true(isfinite(out[0]) && isfinite(out[1]));
	}
	near("min_snr on v", weight_of("min_snr:loss=v", 0.5, 0), 0, 0);
	near("edm on edm", weight_of("edm:loss=edm", 0, 80), 1, 1e-15);
	REFUSE(DM_ERR_UNSUPPORTED, dm_loss_weight("snr", 2, none, both, out, err), "\"snr\"", "on x0 it is inf",
	       "alpha[1]");
	REFUSE(DM_ERR_UNSUPPORTED, dm_loss_weight("p2", 2, both, none, out, err), "\"p2\"", "on epsilon", "alpha[1] = 0");
}

static void bad_levels_are_refused(void **state)
{
	static const double good[3] = {0.5, 0.5, 0.5}, negative[3] = {1, 1, -1}, zero[3] = {1, 0, 1};
	double nan[3] = {1, NAN, 1}, infinite[3] = {INFINITY, 1, 1}, out[3] = {7, 7, 7};
	(void)state;
	REFUSE(DM_ERR_ARGUMENT, dm_loss_weight("edm", 3, negative, good, out, err), "alpha[2] = -1", "0 or more");
	REFUSE(DM_ERR_ARGUMENT, dm_loss_weight("edm", 3, good, negative, out, err), "sigma[2] = -1");
	REFUSE(DM_ERR_ARGUMENT, dm_loss_weight("edm", 3, good, nan, out, err), "sigma[1] = nan");
	REFUSE(DM_ERR_ARGUMENT, dm_loss_weight("edm", 3, infinite, good, out, err), "alpha[0] = inf");
	REFUSE(DM_ERR_ARGUMENT, dm_loss_weight("edm", 3, zero, zero, out, err), "alpha[1] and sigma[1] are both 0");
	REFUSE(DM_ERR_ARGUMENT, dm_loss_weight("edm", 3, NULL, good, out, err), "alpha is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_loss_weight("edm", 3, good, NULL, out, err), "sigma is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_loss_weight("edm", 3, good, good, NULL, err), "weight is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_loss_weight(NULL, 3, good, good, out, err), "loss weight");
	REFUSE(DM_ERR_NAME, dm_loss_weight("min_srn", 3, good, good, out, err), "did you mean \"min_snr\"");
	REFUSE(DM_ERR_NAME, dm_loss_weight("edm:loss=noise", 3, good, good, out, err), "loss", "noise");
	REFUSE(DM_ERR_ARGUMENT, dm_loss_weight("min_snr:gamma=0", 3, good, good, out, err), "gamma = 0");
	REFUSE(DM_ERR_NAME, dm_loss_weight("edm:gamma=1", 3, good, good, out, err), "gamma");
	assert_true(out[0] == 7 && out[1] == 7 && out[2] == 7);
	DO(dm_loss_weight("edm", 0, NULL, NULL, NULL, err));
}

/* ---------------------------------------------------------------------------------------------------------- slerp */

enum { N = 6 };
static const double arc_a[N] = {3, 0, 0, 0, 0, 0}, arc_b[N] = {0, 0, 2, 0, 0, 0};

/* At right angles the weights are cosine and sine of t pi/2. */
static void slerp_follows_the_arc(void **state)
{
	(void)state;
	for (int i = -2; i <= 6; i++) {
		double t = i / 4.0, angle = t * 1.5707963267948966, out[N];
		const double want[N] = {3 * cos(angle), 0, 2 * sin(angle), 0, 0, 0};
		DO(dm_slerp(arc_a, arc_b, N, t, 0.9995, DM_F64, out, err));
		check_same("arc", out, want, N, 1e-15);
	}
}

/* Of two arrays of one norm, every array between them has that norm, and the angles to both are shares of the whole. */
static void slerp_keeps_norm_and_shares_the_angle(void **state)
{
	(void)state;
	for (int degree = 3; degree <= 177; degree += 29) {
		double whole = degree * 3.14159265358979323846 / 180;
		double a[2] = {5, 0}, b[2] = {5 * cos(whole), 5 * sin(whole)};
		for (double t = 0; t <= 1; t += 0.125) {
			double want[2] = {5 * cos(t * whole), 5 * sin(t * whole)}, out[2];
			float narrow_a[2] = {(float)a[0], 0}, narrow_b[2] = {(float)b[0], (float)b[1]};
			DO(dm_slerp(a, b, 2, t, 1, DM_F64, out, err));
			check_same("turned", out, want, 2, 1e-13);
			DO(dm_slerp(narrow_a, narrow_b, 2, t, 1, DM_F32, narrow_a, err)); /* in place */
			out[0] = (double)narrow_a[0];
			out[1] = (double)narrow_a[1];
			check_same("turned, float", out, want, 2, 1e-5);
		}
	}
}

/* Above the threshold, for opposite arrays too, and where there is no angle: the straight line. */
static void slerp_is_straight_where_the_angle_is_lost(void **state)
{
	static const double a[2] = {3, 4}, near_a[2] = {3.001, 4}, opposite[2] = {-3.001, -4}, zero[2] = {0, 0};
	static const double *const other[] = {near_a, opposite, zero, a};
	(void)state;
	for (size_t k = 0; k < 4; k++) {
		const double want[2] = {0.75 * a[0] + 0.25 * other[k][0], 0.75 * a[1] + 0.25 * other[k][1]};
		double out[2] = {a[0], a[1]};
		DO(dm_slerp(out, other[k], 2, 0.25, 0.9995, DM_F64, out, err));
		check_same("straight", out, want, 2, 0);
		DO(dm_slerp(other[k], a, 2, 0.75, 0.9995, DM_F64, out, err));
		check_same("straight back", out, want, 2, 1e-15);
	}
	/* a threshold of 1 leaves only what has no angle at all */
	double out[2];
	DO(dm_slerp(a, a, 2, 0.25, 1, DM_F64, out, err));
	check_same("the same", out, a, 2, 1e-15);
	/* at right angles a threshold of 0 is not passed, at 60 degrees it is */
	const double x[2] = {2, 0}, y[2] = {1, sqrt(3)}, want[2] = {1.5, sqrt(3) / 2};
	DO(dm_slerp(x, y, 2, 0.5, 0, DM_F64, out, err));
	check_same("threshold 0", out, want, 2, 1e-15);
}

static void bad_slerp_is_refused(void **state)
{
	double out[N], bad[N] = {1, 2, NAN, 4, 5, 6}, huge[N] = {1e200, 0, 0, 0, 0, 0};
	(void)state;
	REFUSE(DM_ERR_ARGUMENT, dm_slerp(NULL, arc_b, N, 0.5, 1, DM_F64, out, err), "a is NULL", "6 numbers");
	REFUSE(DM_ERR_ARGUMENT, dm_slerp(arc_a, NULL, N, 0.5, 1, DM_F64, out, err), "b is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_slerp(arc_a, arc_b, N, 0.5, 1, DM_F64, NULL, err), "out is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_slerp(arc_a, arc_b, N, 0.5, 1, DM_F16, out, err), "type is 3");
	REFUSE(DM_ERR_ARGUMENT, dm_slerp(arc_a, arc_b, N, INFINITY, 1, DM_F64, out, err), "t = inf");
	REFUSE(DM_ERR_ARGUMENT, dm_slerp(arc_a, arc_b, N, 0.5, 1.1, DM_F64, out, err), "threshold = 1.1", "[0, 1]");
	REFUSE(DM_ERR_ARGUMENT, dm_slerp(arc_a, arc_b, N, 0.5, NAN, DM_F64, out, err), "threshold = nan");
	REFUSE(DM_ERR_ARGUMENT, dm_slerp(arc_a, bad, N, 0.5, 1, DM_F64, out, err), "finite norms");
	REFUSE(DM_ERR_ARGUMENT, dm_slerp(huge, arc_b, N, 0.5, 1, DM_F64, out, err), "finite norms");
	DO(dm_slerp(NULL, NULL, 0, 0.5, 1, DM_F64, NULL, err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(weights_are_their_formulas),
	    cmocka_unit_test(weights_as_elsewhere),
	    cmocka_unit_test(a_loss_is_the_same_on_every_prediction),
	    cmocka_unit_test(ends_of_the_process),
	    cmocka_unit_test(bad_levels_are_refused),
	    cmocka_unit_test(slerp_follows_the_arc),
	    cmocka_unit_test(slerp_keeps_norm_and_shares_the_angle),
	    cmocka_unit_test(slerp_is_straight_where_the_angle_is_lost),
	    cmocka_unit_test(bad_slerp_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
