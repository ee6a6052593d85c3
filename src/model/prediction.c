/* The kinds of prediction. With x = alpha x0 + sigma epsilon every one of them is linear in (x, out):
 *   epsilon  x0 = (x - sigma out) / alpha                       Ho 2020
 *   x0       epsilon = (x - alpha out) / sigma
 *   v        out = (alpha epsilon - sigma x0) / n, n = sqrt(alpha^2 + sigma^2); n = 1 on vp    Salimans 2022
 *   score    out = -epsilon / sigma                             Song 2021
 *   flow     out = epsilon - x0                                 Liu 2022, Lipman 2022
 *   edm      x0 = (sd^2 alpha / q) x + (sigma sd / sqrt q) out, q = sigma^2 + sd^2 alpha^2      Karras 2022, eq. 7
 *            (c_skip and c_out at the level sigma / alpha, in a form that has its limit at alpha = 0) */
#include "base/compiler.h"
#include "model/prediction.h"
#include "model/time.h"
#include <math.h>

static const char *const input_words[] = {"auto", "state", "scaled", NULL};
static const char *const type_words[] = {"state", "f32", "f64", "f16", "bf16", NULL};

/* In the order of the DMI_MODEL_... numbers. */
static const dm_option options[] = {
    {sizeof(dm_option), "time", "what time the network receives", DM_OPTION_CHOICE, 0, 0, DMI_N_TIME - 1,
     dmi_time_words},
    DMI_CHOICE("input",
               "what the network reads: the state, or x / sqrt(alpha^2 sigma_data^2 + sigma^2); auto: scaled for edm",
               0, input_words),
    DMI_REAL("sigma_data", "standard deviation of the data, for edm and scaled input", 0.5, 1e-6, 1e6),
    DMI_CHOICE("x", "number type of the network's input", 0, type_words),
    DMI_CHOICE("out", "number type of its output", 0, type_words),
    DMI_INTEGER("x_stride", "elements from one sample of the input to the next; 0: n_element", 0, 0,
                9007199254740991.0),
    DMI_INTEGER("out_stride", "the same for the output", 0, 0, 9007199254740991.0),
    DMI_INTEGER("variance", "1: the network has a second output", 0, 0, 1),
};

static void set(double row[2], double x, double out)
{
	row[0] = x;
	row[1] = out;
}

static void set3(double row[3], double x, double x0, double epsilon)
{
	row[0] = x;
	row[1] = x0;
	row[2] = epsilon;
}

static void epsilon_decode(double alpha, double sigma, double sd, double x0[2], double epsilon[2])
{
	(void)sd;
	set(x0, 1 / alpha, -sigma / alpha);
	set(epsilon, 0, 1);
}

static void epsilon_encode(double alpha, double sigma, double sd, double row[3])
{
	(void)alpha, (void)sigma, (void)sd;
	set3(row, 0, 0, 1);
}

static void x0_decode(double alpha, double sigma, double sd, double x0[2], double epsilon[2])
{
	(void)sd;
	set(x0, 0, 1);
	set(epsilon, 1 / sigma, -alpha / sigma);
}

static void x0_encode(double alpha, double sigma, double sd, double row[3])
{
	(void)alpha, (void)sigma, (void)sd;
	set3(row, 0, 1, 0);
}

static void v_decode(double alpha, double sigma, double sd, double x0[2], double epsilon[2])
{
	(void)sd;
	double q = alpha * alpha + sigma * sigma, n = sqrt(q);
	set(x0, alpha / q, -sigma / n);
	set(epsilon, sigma / q, alpha / n);
}

static void v_encode(double alpha, double sigma, double sd, double row[3])
{
	(void)sd;
	double n = sqrt(alpha * alpha + sigma * sigma);
	set3(row, 0, -sigma / n, alpha / n);
}

static void score_decode(double alpha, double sigma, double sd, double x0[2], double epsilon[2])
{
	(void)sd;
	set(x0, 1 / alpha, sigma * sigma / alpha);
	set(epsilon, 0, -sigma);
}

static void score_encode(double alpha, double sigma, double sd, double row[3])
{
	(void)alpha, (void)sd;
	set3(row, 0, 0, -1 / sigma);
}

static void flow_decode(double alpha, double sigma, double sd, double x0[2], double epsilon[2])
{
	(void)sd;
	double sum = alpha + sigma;
	set(x0, 1 / sum, -sigma / sum);
	set(epsilon, 1 / sum, alpha / sum);
}

static void flow_encode(double alpha, double sigma, double sd, double row[3])
{
	(void)alpha, (void)sigma, (void)sd;
	set3(row, 0, -1, 1);
}

static void edm_decode(double alpha, double sigma, double sd, double x0[2], double epsilon[2])
{
	double q = sigma * sigma + sd * sd * alpha * alpha, n = sqrt(q);
	set(x0, sd * sd * alpha / q, sigma * sd / n);
	set(epsilon, sigma / q, -alpha * sd / n);
}

static void edm_encode(double alpha, double sigma, double sd, double row[3])
{
	double q = sigma * sigma + sd * sd * alpha * alpha, n = sqrt(q);
	set3(row, 0, sigma / (sd * n), -alpha * sd / n); /* sigma x0 / sd - sd alpha epsilon, over sqrt q */
}

static const struct dmi_prediction epsilon_kind = {DMI_METHOD("epsilon", "the noise", "Ho 2020", options),
                                                   epsilon_decode, epsilon_encode, 0};
static const struct dmi_prediction x0_kind = {DMI_METHOD("x0", "the clean sample", "Karras 2022", options), x0_decode,
                                              x0_encode, 0};
static const struct dmi_prediction v_kind = {
    DMI_METHOD("v", "(alpha epsilon - sigma x0) / sqrt(alpha^2 + sigma^2)", "Salimans 2022", options), v_decode,
    v_encode, 0};
static const struct dmi_prediction score_kind = {
    DMI_METHOD("score", "gradient of the log density, -epsilon / sigma", "Song 2021", options), score_decode,
    score_encode, 0};
static const struct dmi_prediction flow_kind = {
    DMI_METHOD("flow", "velocity of rectified flow, epsilon - x0", "Liu 2022", options), flow_decode, flow_encode, 0};
static const struct dmi_prediction edm_kind = {
    DMI_METHOD("edm", "preconditioned F: x0 = c_skip x + c_out F", "Karras 2022, eq. 7", options), edm_decode,
    edm_encode, 1};

const struct dmi_method *const *dmi_prediction_registry(int32_t *n)
{
	static const struct dmi_method *const registry[] = {
	    &epsilon_kind.method, &x0_kind.method, &v_kind.method, &score_kind.method, &flow_kind.method, &edm_kind.method,
	};
	*n = (int32_t)(sizeof registry / sizeof *registry);
	return registry;
}

void dmi_prediction_through(const double to[3], const double x0[2], const double epsilon[2], double row[2])
{
	row[0] = to[0];
	row[1] = 0;
	for (int k = 0; k < 2; k++) {
		if (to[1] != 0)
			row[k] += to[1] * x0[k];
		if (to[2] != 0)
			row[k] += to[2] * epsilon[k];
	}
}

void dmi_space_encode(const struct dmi_prediction *kind, int32_t space, double alpha, double sigma, double sigma_data,
                      double row[3])
{
	void (*const encode[])(double, double, double, double[3]) = {
	    [DM_SPACE_RAW] = kind->encode, [DM_SPACE_X0] = x0_encode,       [DM_SPACE_EPSILON] = epsilon_encode,
	    [DM_SPACE_V] = v_encode,       [DM_SPACE_SCORE] = score_encode,
	};
	encode[space](alpha, sigma, sigma_data, row);
}

void dmi_prediction_row(const struct dmi_prediction *kind, int32_t space, double alpha, double sigma, double sigma_data,
                        double row[2])
{
	double x0[2], epsilon[2], to[3];
	if (space == DM_SPACE_RAW) {
		set(row, 0, 1);
		return;
	}
	kind->decode(alpha, sigma, sigma_data, x0, epsilon);
	dmi_space_encode(kind, space, alpha, sigma, sigma_data, to);
	dmi_prediction_through(to, x0, epsilon, row);
}
