/* The processes of the EDM ablation study (Karras et al. 2022, table 1): x = s(t) x0 + s(t) sigma(t) epsilon with
 *
 *     sigma(t)  linear: t;  ve: sqrt(t);  vp: sqrt(e^B - 1), B = beta_d t^2/2 + beta_min t
 *     s(t)      none: 1;    vp: 1 / sqrt(1 + sigma^2)
 *
 * beta_d and beta_min follow from the ends of sigma: B = ln(sigma_min^2 + 1) at t = epsilon_s, ln(sigma_max^2 + 1) at
 * t = 1. Where sigma_min or sigma_max is 0 the study's own is taken; vp: that of beta_d = 19.9, beta_min = 0.1. */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

enum { SIGMA_OF_T, SCALING, SIGMA_MIN, SIGMA_MAX, EPSILON_S };
enum { LINEAR, VE, VP };
static const char *const forms[] = {"linear", "ve", "vp", NULL}, *const scalings[] = {"none", "vp", NULL};

/* data: beta_d, beta_min */
static double integral(const dm_schedule *s, double t)
{
	return t * (t * s->data[0] / 2 + s->data[1]);
}

/* sigma^2 */
static double variance(const dm_schedule *s, double t)
{
	int form = (int)s->options.value[SIGMA_OF_T];
	return form == LINEAR ? t * t : form == VE ? t : dmi_expm1(integral(s, t));
}

static double scale(const dm_schedule *s, double v)
{
	return s->options.value[SCALING] == 0 ? 1 : 1 / sqrt(1 + v);
}

static dm_status at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)err;
	double v = variance(s, t);
	out->t = t;
	out->alpha = scale(s, v);
	out->sigma = out->alpha * sqrt(v);
	out->lambda = -dmi_log(v) / 2;
	return DM_OK;
}

static double time_of(const dm_schedule *s, double v)
{
	int form = (int)s->options.value[SIGMA_OF_T];
	double b = dmi_log1p(v), low = s->data[1];
	if (form != VP)
		return form == LINEAR ? sqrt(v) : v;
	return b > 0 ? 2 * b / (low + sqrt(low * low + 2 * s->data[0] * b)) : 0;
}

static dm_status at_level(const dm_schedule *s, double level, dm_node *out, dm_error *err)
{
	(void)err;
	double v = level * level;
	out->t = s->options.value[SIGMA_OF_T] == LINEAR ? level : time_of(s, v);
	out->alpha = scale(s, v);
	out->sigma = out->alpha * level;
	out->lambda = -dmi_log(level);
	return DM_OK;
}

static dm_status at_lambda(const dm_schedule *s, double lambda, dm_node *out, dm_error *err)
{
	dm_status st = at_level(s, dmi_exp(-lambda), out, err);
	out->lambda = lambda;
	return st;
}

/* With q = d sigma^2/dt: f = s'/s = -q / (2 (1 + sigma^2)) or 0, g^2 = s^2 q. */
static dm_status rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	(void)err;
	int form = (int)s->options.value[SIGMA_OF_T];
	double v = variance(s, t), q = form == LINEAR ? 2 * t : 1, a = scale(s, v);
	if (form == VP)
		q = (s->data[0] * t + s->data[1]) * (1 + v);
	*f = s->options.value[SCALING] == 0 ? 0 : -q / (2 * (1 + v));
	*g2 = a * a * q;
	return DM_OK;
}

static const struct dmi_process process = {at_time, at_lambda, rates, .at_level = at_level};

/* The ends of sigma that the study takes for each form; for vp those of the betas of vp. */
static void default_ends(int form, double epsilon_s, double end[2])
{
	static const double ends[][2] = {{0.002, 80}, {0.02, 100}};
	const double beta_d = 19.9, beta_min = 0.1;
	if (form != VP) {
		end[0] = ends[form][0];
		end[1] = ends[form][1];
		return;
	}
	end[0] = sqrt(dmi_expm1(epsilon_s * (epsilon_s * beta_d / 2 + beta_min)));
	end[1] = sqrt(dmi_expm1(beta_d / 2 + beta_min));
}

static dm_status setup(dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	int form = (int)option[SIGMA_OF_T];
	double end[2], e = option[EPSILON_S];
	default_ends(form, e, end);
	for (int k = 0; k < 2; k++)
		end[k] = option[SIGMA_MIN + k] > 0 ? option[SIGMA_MIN + k] : end[k];
	if (!(end[0] < end[1]))
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"edm_ablation\": sigma_min (%g) must be below sigma_max (%g)",
		                end[0], end[1]);
	if (!dmi_schedule_data(s, 2, err))
		return DM_ERR_MEMORY;
	double low = dmi_log1p(end[0] * end[0]), high = dmi_log1p(end[1] * end[1]);
	s->data[0] = 2 * (low / e - high) / (e - 1);
	s->data[1] = high - s->data[0] / 2;
	if (form == VP && !(s->data[0] >= 0 && s->data[1] >= 0 && high > 0))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "schedule \"edm_ablation\": sigma_min = %g at t = epsilon_s = %g and sigma_max = %g ask for "
		                "beta_d = %g and beta_min = %g, which must not be negative",
		                end[0], e, end[1], s->data[0], s->data[1]);
	s->t_zero = 0;
	s->t_clean = time_of(s, end[0] * end[0]);
	s->t_noise = form == VP ? 1 : time_of(s, end[1] * end[1]);
	s->t_limit = time_of(s, 1e60);
	return DM_OK;
}

static const dm_option options[] = {
    DMI_CHOICE("sigma_of_t", "sigma as a function of time", 0, forms),
    DMI_CHOICE("scaling", "s(t): 1, or 1 / sqrt(1 + sigma^2)", 0, scalings),
    DMI_REAL("sigma_min", "least sigma that grids use; 0: that of the study", 0, 0, 1e12),
    DMI_REAL("sigma_max", "most sigma that grids use; 0: that of the study", 0, 0, 1e12),
    DMI_REAL("epsilon_s", "time at which vp has sigma_min", 1e-3, 1e-12, 0.5),
};

const struct dmi_schedule_family dmi_schedule_edm_ablation = {
    DMI_METHOD("edm_ablation", "s(t) (x0 + sigma(t) epsilon) with the forms of the EDM study",
               "Karras et al. 2022, table 1", options),
    &process,
    setup,
};
