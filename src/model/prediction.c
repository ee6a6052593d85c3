/* The kinds of prediction. With x = alpha x0 + sigma epsilon every one of them is linear in (x, out):
 *   epsilon      x0 = (x - sigma out) / alpha                       Ho 2020
 *   x0           epsilon = (x - alpha out) / sigma
 *   v            out = (alpha epsilon - sigma x0) / n, n = sqrt(alpha^2 + sigma^2); n = 1 on vp    Salimans 2022
 *   score        out = -epsilon / sigma                             Song 2021
 *   flow         out = epsilon - x0                                 Liu 2022, Lipman 2022
 *   edm          x0 = (sd^2 alpha / q) x + (sigma sd / sqrt q) out, q = sigma^2 + sd^2 alpha^2     Karras 2022, eq. 7
 *                (c_skip and c_out at the level sigma / alpha, in a form that has its limit at alpha = 0)
 *   consistency  the same with w = sigma - sigma_min alpha in place of sigma in c_skip and in the numerator of c_out,
 *                so that x0 = x at the level sigma_min              Song 2023
 *   trigflow     out = sd cos(a) epsilon - sin(a) x0, tan a = sigma / (sd alpha)                   Lu and Song 2024
 *   previous     the mean of q(x_s | x, x0), s the table entry below                               Dhariwal 2021
 * and minus_epsilon, flow_reversed, edm_negated: out with the other sign. */
#include "base/compiler.h"
#include "model/prediction.h"
#include "model/time.h"
#include <math.h>

static const char *const input_words[] = {"auto", "state", "scaled", "ve", NULL};
static const char *const type_words[] = {"state", "f32", "f64", "f16", "bf16", NULL};

/* In the order of the DMI_MODEL_... numbers. */
static const dm_option options[] = {
    {sizeof(dm_option), "time", "what time the network receives", DM_OPTION_CHOICE, 0, 0, DMI_N_TIME - 1,
     dmi_time_words},
    DMI_CHOICE("input",
               "what the network reads: the state x; scaled: x / sqrt(alpha^2 sigma_data^2 + sigma^2); ve: x / alpha; "
               "auto: scaled for edm and consistency, else the state",
               0, input_words),
    DMI_REAL("sigma_data", "standard deviation of the data, for edm and scaled input", 0.5, 1e-6, 1e6),
    DMI_CHOICE("x", "number type of the network's input", 0, type_words),
    DMI_CHOICE("out", "number type of its output", 0, type_words),
    DMI_INTEGER("x_stride", "elements from one sample of the input to the next; 0: n_element", 0, 0,
                9007199254740991.0),
    DMI_INTEGER("out_stride", "the same for the output", 0, 0, 9007199254740991.0),
    DMI_INTEGER("variance", "1: the network has a second output", 0, 0, 1),
    DMI_REAL("sigma_min", "level at which a consistency model returns its input", 0.002, 0, 1e6),
    DMI_INTEGER("time_n", "N of the times last_index and reversed_index", 1000, 2, 1e9),
    DMI_INTEGER("models", "how many models branches may name, number 0 is always there; -1: not said", -1, -1, 1e9),
    DMI_INTEGER("conditions", "how many conditions branches may name, the given one is always there; -1: not said", -1,
                -1, 1e9),
    DMI_INTEGER("perturbations", "how many perturbations the network knows, numbers from 1 on, 0: none; -1: not said",
                -1, -1, 1e9),
    DMI_INTEGER("two_time", "1: the network is told where the step goes too (flow maps)", 0, 0, 1),
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

static void epsilon_decode(const struct dmi_level *at, double x0[2], double epsilon[2])
{
	set(x0, 1 / at->alpha, -at->sigma / at->alpha);
	set(epsilon, 0, 1);
}

static void epsilon_encode(const struct dmi_level *at, double row[3])
{
	(void)at;
	set3(row, 0, 0, 1);
}

static void x0_decode(const struct dmi_level *at, double x0[2], double epsilon[2])
{
	set(x0, 0, 1);
	set(epsilon, 1 / at->sigma, -at->alpha / at->sigma);
}

static void x0_encode(const struct dmi_level *at, double row[3])
{
	(void)at;
	set3(row, 0, 1, 0);
}

static void v_decode(const struct dmi_level *at, double x0[2], double epsilon[2])
{
	double q = at->alpha * at->alpha + at->sigma * at->sigma, n = sqrt(q);
	set(x0, at->alpha / q, -at->sigma / n);
	set(epsilon, at->sigma / q, at->alpha / n);
}

static void v_encode(const struct dmi_level *at, double row[3])
{
	double n = sqrt(at->alpha * at->alpha + at->sigma * at->sigma);
	set3(row, 0, -at->sigma / n, at->alpha / n);
}

static void score_decode(const struct dmi_level *at, double x0[2], double epsilon[2])
{
	set(x0, 1 / at->alpha, at->sigma * at->sigma / at->alpha);
	set(epsilon, 0, -at->sigma);
}

static void score_encode(const struct dmi_level *at, double row[3])
{
	set3(row, 0, 0, -1 / at->sigma);
}

static void flow_decode(const struct dmi_level *at, double x0[2], double epsilon[2])
{
	double sum = at->alpha + at->sigma;
	set(x0, 1 / sum, -at->sigma / sum);
	set(epsilon, 1 / sum, at->alpha / sum);
}

static void flow_encode(const struct dmi_level *at, double row[3])
{
	(void)at;
	set3(row, 0, -1, 1);
}

static void edm_decode(const struct dmi_level *at, double x0[2], double epsilon[2])
{
	double sd = at->sigma_data, q = at->sigma * at->sigma + sd * sd * at->alpha * at->alpha, n = sqrt(q);
	set(x0, sd * sd * at->alpha / q, at->sigma * sd / n);
	set(epsilon, at->sigma / q, -at->alpha * sd / n);
}

static void edm_encode(const struct dmi_level *at, double row[3])
{
	double sd = at->sigma_data, q = at->sigma * at->sigma + sd * sd * at->alpha * at->alpha, n = sqrt(q);
	set3(row, 0, at->sigma / (sd * n), -at->alpha * sd / n); /* sigma x0 / sd - sd alpha epsilon, over sqrt q */
}

/* epsilon = (x - alpha x0) / sigma of an x0 that is known. */
static void epsilon_from_x0(const struct dmi_level *at, const double x0[2], double epsilon[2])
{
	set(epsilon, (1 - at->alpha * x0[0]) / at->sigma, -at->alpha * x0[1] / at->sigma);
}

static void consistency_decode(const struct dmi_level *at, double x0[2], double epsilon[2])
{
	double sd = at->sigma_data, a = sd * at->alpha, w = at->sigma - at->sigma_min * at->alpha;
	set(x0, sd * a / (w * w + a * a), w * sd / sqrt(at->sigma * at->sigma + a * a));
	epsilon_from_x0(at, x0, epsilon);
}

static void consistency_encode(const struct dmi_level *at, double row[3])
{
	double x0[2], epsilon[2];
	consistency_decode(at, x0, epsilon);
	set3(row, -x0[0] / x0[1], 1 / x0[1], 0);
}

/* cos and sin of the angle, and the norm that x is divided by. */
static double trigflow_angle(const struct dmi_level *at, double *cosine, double *sine)
{
	double z = at->sigma / at->sigma_data, n = sqrt(at->alpha * at->alpha + z * z);
	*cosine = at->alpha / n;
	*sine = z / n;
	return n;
}

static void trigflow_decode(const struct dmi_level *at, double x0[2], double epsilon[2])
{
	double c, s, n = trigflow_angle(at, &c, &s);
	set(x0, c / n, -s);
	set(epsilon, s / (n * at->sigma_data), c / at->sigma_data);
}

static void trigflow_encode(const struct dmi_level *at, double row[3])
{
	double c, s;
	trigflow_angle(at, &c, &s);
	set3(row, 0, -s, c * at->sigma_data);
}

/* mean = m[0] x + m[1] x0; NaN where there is no entry below. */
static void previous_mean(const struct dmi_level *at, double m[2])
{
	double variance;
	dm_node t = {.alpha = at->alpha, .sigma = at->sigma};
	dm_node s = {.alpha = at->previous_alpha, .sigma = at->previous_sigma};
	dm_error unused;
	if (dm_posterior(&t, &s, m, &variance, &unused) != DM_OK)
		m[0] = m[1] = NAN;
}

static void previous_decode(const struct dmi_level *at, double x0[2], double epsilon[2])
{
	double m[2];
	previous_mean(at, m);
	set(x0, -m[0] / m[1], 1 / m[1]);
	epsilon_from_x0(at, x0, epsilon);
}

static void previous_encode(const struct dmi_level *at, double row[3])
{
	double m[2];
	previous_mean(at, m);
	set3(row, m[0], m[1], 0);
}

/* The other sign of a kind. */
#define NEGATED(kind)                                                                                                  \
	static void kind##_minus_decode(const struct dmi_level *at, double x0[2], double epsilon[2])                       \
	{                                                                                                                  \
		kind##_decode(at, x0, epsilon);                                                                                \
		x0[1] = -x0[1];                                                                                                \
		epsilon[1] = -epsilon[1];                                                                                      \
	}                                                                                                                  \
	static void kind##_minus_encode(const struct dmi_level *at, double row[3])                                         \
	{                                                                                                                  \
		kind##_encode(at, row);                                                                                        \
		for (int i = 0; i < 3; i++)                                                                                    \
			row[i] = -row[i];                                                                                          \
	}
NEGATED(epsilon)
NEGATED(flow)
NEGATED(edm)

static const struct dmi_prediction kinds[] = {
    {DMI_METHOD_KNOWN(
         "epsilon", "the noise", "Ho 2020", options,
         "diffusers: epsilon (prediction_type); k-diffusion: CompVisDenoiser, OpenAIDenoiser; ComfyUI: EPS; "
         "stable-diffusion.cpp: eps, EPS_PRED; guided-diffusion: EPSILON; DPM-Solver: noise (model_type)"),
     epsilon_decode, epsilon_encode, 0},
    {DMI_METHOD_KNOWN("x0", "the clean sample", "Karras 2022", options,
                      "diffusers: sample (prediction_type); ComfyUI: X0; guided-diffusion: START_X; DPM-Solver: "
                      "x_start (model_type)"),
     x0_decode, x0_encode, 0},
    {DMI_METHOD_KNOWN("v", "(alpha epsilon - sigma x0) / sqrt(alpha^2 + sigma^2)", "Salimans 2022", options,
                      "diffusers: v_prediction (prediction_type); k-diffusion: CompVisVDenoiser; ComfyUI: "
                      "V_PREDICTION; stable-diffusion.cpp: v, V_PRED, edm_v (time=quarter_log_sigma)"),
     v_decode, v_encode, 0},
    {DMI_METHOD("score", "gradient of the log density, -epsilon / sigma", "Song 2021", options), score_decode,
     score_encode, 0},
    {DMI_METHOD_KNOWN("flow", "velocity of rectified flow, epsilon - x0", "Liu 2022", options,
                      "diffusers: flow_prediction (prediction_type); ComfyUI: CONST, FLOW, FLUX; stable-diffusion.cpp: "
                      "sd3_flow, flux_flow, FLOW_PRED, FLUX_FLOW_PRED"),
     flow_decode, flow_encode, 0},
    {DMI_METHOD_KNOWN("edm", "preconditioned F: x0 = c_skip x + c_out F", "Karras 2022, eq. 7", options,
                      "k-diffusion: Denoiser; ComfyUI: EDM"),
     edm_decode, edm_encode, 1},
    {DMI_METHOD("minus_epsilon", "the noise with its sign turned", "Karras 2022 (score times sigma)", options),
     epsilon_minus_decode, epsilon_minus_encode, 0},
    {DMI_METHOD("flow_reversed", "x0 - epsilon, the velocity from noise to data", "Lipman 2022", options),
     flow_minus_decode, flow_minus_encode, 0},
    {DMI_METHOD_KNOWN("edm_negated", "edm with the sign of c_out turned", "k-diffusion, VDenoiser", options,
                      "k-diffusion: VDenoiser (sigma_data=1)"),
     edm_minus_decode, edm_minus_encode, 1},
    {DMI_METHOD("consistency", "F of a consistency model: identity at sigma_min", "Song 2023, eq. 5", options),
     consistency_decode, consistency_encode, 1},
    {DMI_METHOD_KNOWN("trigflow", "sd cos(a) epsilon - sin(a) x0", "Lu and Song 2024 (sCM)", options,
                      "diffusers: trigflow (prediction_type)"),
     trigflow_decode, trigflow_encode, 0},
    {DMI_METHOD_KNOWN("previous", "mean of the next less noisy entry of the table", "Dhariwal 2021 (PREVIOUS_X)",
                      options, "guided-diffusion: PREVIOUS_X"),
     previous_decode, previous_encode, 0},
};
enum { N_KIND = sizeof kinds / sizeof *kinds };

const struct dmi_method *const *dmi_prediction_registry(int32_t *n)
{
	static const struct dmi_method *const registry[] = {
	    &kinds[0].method, &kinds[1].method, &kinds[2].method, &kinds[3].method, &kinds[4].method,  &kinds[5].method,
	    &kinds[6].method, &kinds[7].method, &kinds[8].method, &kinds[9].method, &kinds[10].method, &kinds[11].method,
	};
	_Static_assert(sizeof registry / sizeof *registry == N_KIND, "every kind has its line");
	*n = N_KIND;
	return registry;
}

int dmi_prediction_needs_table(const struct dmi_prediction *kind)
{
	return kind->decode == previous_decode;
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

void dmi_space_encode(const struct dmi_prediction *kind, int32_t space, const struct dmi_level *at, double row[3])
{
	void (*const encode[])(const struct dmi_level *, double[3]) = {
	    [DM_SPACE_RAW] = kind->encode, [DM_SPACE_X0] = x0_encode,       [DM_SPACE_EPSILON] = epsilon_encode,
	    [DM_SPACE_V] = v_encode,       [DM_SPACE_SCORE] = score_encode,
	};
	encode[space](at, row);
}

void dmi_prediction_row(const struct dmi_prediction *kind, int32_t space, const struct dmi_level *at, double row[2])
{
	double x0[2], epsilon[2], to[3];
	if (space == DM_SPACE_RAW) {
		set(row, 0, 1);
		return;
	}
	kind->decode(at, x0, epsilon);
	dmi_space_encode(kind, space, at, to);
	dmi_prediction_through(to, x0, epsilon, row);
}
