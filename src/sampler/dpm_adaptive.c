/* DPM-Solver with adaptive steps (Lu 2022a, appendix C; the error norm, the PID rule and the ancestral noise of
 * k-diffusion). Each trial over h = lambda' - lambda makes two results by single.h that share their evaluations: orders 1
 * and 2 (r1 = 1/2), or 2 and 3 (r1 = 1/3, r2 = 2/3), in epsilon or (algorithm = dpmsolver++) in x0.
 *
 * error = rms((high - low) / max(atol, rtol max(|low|, |low of the last accepted trial|))).
 * control = pid (k-diffusion): the step factor is f = inv^b1 inv_1^b2 inv_2^b3, limited to 1 + atan(f - 1), with inv =
 * 1 / (error + 1e-8) and those of the accepted trials before; a trial is accepted where the factor is at least
 * accept_safety. control = plain (Lu 2022a): accepted where error <= 1, f = theta error^(-1/order). State: the lower result
 * of the last accepted trial. */
#include "base/compiler.h"
#include "sampler/ancestral.h"
#include "sampler/nominal.h"
#include "sampler/single.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

enum {
	ORDER,
	RTOL,
	ATOL,
	H_INIT,
	PCOEFF,
	ICOEFF,
	DCOEFF,
	ACCEPT_SAFETY,
	ETA,
	S_NOISE,
	NORM,
	ALGORITHM,
	SOLVER_TYPE,
	CONTROL,
	THETA
};
enum { MEMORY_H, MEMORY_SET, MEMORY_INV1, MEMORY_INV2, N_MEMORY };
enum { DPMSOLVER, DPMSOLVERPP };
enum { MIDPOINT, HEUN };
enum { PID, PLAIN };

static const char *const norms[] = {"sample", "batch", "max", NULL};
static const char *const algorithms[] = {"dpmsolver", "dpmsolver++", NULL};
static const char *const solver_types[] = {"midpoint", "heun", NULL};
static const char *const controls[] = {"pid", "plain", NULL};

static const dm_option options[] = {
    DMI_INTEGER("order", "the higher order of the pair", 3, 2, 3),
    DMI_REAL("rtol", "relative tolerance", 0.05, 0, 1e6),
    DMI_REAL("atol", "absolute tolerance", 0.0078, 1e-300, 1e6),
    DMI_REAL("h_init", "first step in lambda", 0.05, 1e-9, 100),
    DMI_REAL("pcoeff", "pid: proportional part", 0, -10, 10),
    DMI_REAL(
        "icoeff",
        "pid: integral part; it and the sum of all three above 0, pcoeff + dcoeff at most 2; all 0: steps of h_init", 1,
        -10, 10),
    DMI_REAL("dcoeff", "pid: differential part", 0, -10, 10),
    DMI_REAL("accept_safety", "pid: a trial is accepted from this step factor on", 0.81, 0, 2),
    DMI_REAL("eta", "share of fresh noise", 0, 0, 1),
    DMI_REAL("s_noise", "deviation of the fresh noise", 1, 0, 100),
    DMI_CHOICE("norm", "error of every sample for itself, of the whole batch, or the largest of the batch",
               DM_NORM_SAMPLE, norms),
    DMI_CHOICE("algorithm", "extrapolate epsilon, or x0 (++)", DPMSOLVER, algorithms),
    DMI_CHOICE("solver_type", "midpoint; heun: all slopes of a step", MIDPOINT, solver_types),
    DMI_CHOICE("control", "pid; plain: accept errors up to 1, step factor theta error^(-1/order)", PID, controls),
    DMI_REAL("theta", "plain: safety factor of the step", 0.9, 0.01, 1),
};

/* The step to sigma = 0 returns the prediction. */
static void finish(dm_emit *e, const dm_step *s)
{
	dm_val x = dmi_emit_data(e, dm_emit_eval(e, s->x, s->from, DM_SPACE_X0), s->to);
	dm_emit_error_estimate(e, x, x, x, s->option[ATOL], s->option[RTOL], (int32_t)s->option[NORM]);
	dm_emit_state(e, x);
}

/* Where the deterministic part of a trial ends: never below the end of the grid. */
static double target(const dm_step *s, dm_node *down)
{
	double level, up;
	*down = *s->to;
	if (s->option[ETA] == 0)
		return 0;
	dmi_ancestral_split(s->from, s->to, s->option[ETA], &level, &up);
	down->lambda = fmin(s->end->lambda, -dmi_log(level));
	down->sigma = s->to->alpha * dmi_exp(-down->lambda);
	if (!(s->to->lambda < s->end->lambda))
		return 0;
	return sqrt(fmax((s->to->sigma - down->sigma) * (s->to->sigma + down->sigma), 0));
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_node down;
	int order = (int)s->option[ORDER], predict = s->option[ALGORITHM] == DPMSOLVER ? DMI_DPM_EPSILON : DMI_DPM_X0;
	(void)user;
	if (s->to->sigma == 0) {
		finish(e, s);
		return DM_OK;
	}
	double up = target(s, &down);
	struct dmi_single single = {.s = s, .from = s->from, .to = &down, .x = s->x, .predict = predict};
	single.midpoint = s->option[SOLVER_TYPE] == MIDPOINT;
	single.taylor = !single.midpoint;
	single.r[0] = order == 2 ? 1.0 / 2 : 1.0 / 3;
	single.r[1] = 2.0 / 3;
	single.m = dm_emit_eval(e, s->x, s->from, dmi_dpm_space(predict));
	dmi_single_stages(e, &single, order);
	dm_val low = dmi_single_result(e, &single, order - 1), high = dmi_single_result(e, &single, order);
	dm_emit_error_estimate(e, high, low, s->kept[0] ? s->kept[0] : s->x, s->option[ATOL], s->option[RTOL],
	                       (int32_t)s->option[NORM]);
	dm_emit_state(e, dmi_emit_fresh(e, s, high, up, s->option[S_NOISE], 0));
	dm_emit_keep(e, 0, low);
	return DM_OK;
}

static double pid_factor(double *memory, const double *option, double error, int32_t *accept)
{
	double k = option[ETA] > 0 ? 1.5 : option[ORDER], p = option[PCOEFF], i = option[ICOEFF], d = option[DCOEFF];
	double inverse = 1 / (error + 1e-8);
	if (memory[MEMORY_SET] == 0)
		memory[MEMORY_INV1] = memory[MEMORY_INV2] = inverse;
	memory[MEMORY_SET] = 1;
	double factor = dmi_pow(inverse, (p + i + d) / k) * dmi_pow(memory[MEMORY_INV1], -(p + 2 * d) / k) *
	                dmi_pow(memory[MEMORY_INV2], d / k);
	factor = 1 + dmi_atan(factor - 1);
	*accept = factor >= option[ACCEPT_SAFETY];
	if (*accept) {
		memory[MEMORY_INV2] = memory[MEMORY_INV1];
		memory[MEMORY_INV1] = inverse;
	}
	return factor;
}

static dm_status control(void *user, double *memory, const double *option, double error, int32_t *accept, double *h)
{
	(void)user;
	if (error < 0) {
		memory[MEMORY_H] = *h = option[H_INIT];
		return DM_OK;
	}
	if (option[CONTROL] == PID) {
		memory[MEMORY_H] *= pid_factor(memory, option, error, accept);
	} else {
		*accept = error <= 1;
		memory[MEMORY_H] = *h * option[THETA] * dmi_pow(fmax(error, 1e-10), -1 / option[ORDER]);
	}
	*h = memory[MEMORY_H];
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], (int32_t)given->value[ORDER], 0);
}

/* The step factor of a trial falls with its own error as error^(-(p + i + d)/k), with a lasting one as error^(-i/k). */
static dm_status check(const struct dmi_options *given, dm_error *err)
{
	static const struct dmi_need needs[] = {{PCOEFF, CONTROL, PID},
	                                        {ICOEFF, CONTROL, PID},
	                                        {DCOEFF, CONTROL, PID},
	                                        {ACCEPT_SAFETY, CONTROL, PID},
	                                        {THETA, CONTROL, PLAIN}};
	const double *o = given->value;
	double sum = o[PCOEFF] + o[ICOEFF] + o[DCOEFF];
	int is_off = o[PCOEFF] == 0 && o[ICOEFF] == 0 && o[DCOEFF] == 0;
	if (o[CONTROL] == PID && !is_off && !(o[ICOEFF] > 0 && sum > 0 && o[PCOEFF] + o[DCOEFF] <= 2))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "sampler \"dpm_adaptive\": pcoeff = %g, icoeff = %g, dcoeff = %g: icoeff and the sum of the "
		                "three must be above "
		                "0, so that larger errors make shorter steps, and pcoeff + dcoeff at most 2; or all three 0",
		                o[PCOEFF], o[ICOEFF], o[DCOEFF]);
	return dmi_options_check_needs(given, "sampler", "dpm_adaptive", options, needs, sizeof needs / sizeof *needs, err);
}

const struct dmi_sampler_type dmi_sampler_dpm_adaptive = {
    .method = DMI_METHOD_KNOWN("dpm_adaptive", "DPM-Solver with adaptive steps, orders 1/2 or 2/3",
                               "Lu 2022a, appendix C; k-diffusion", options,
                               "k-diffusion: sample_dpm_adaptive (norm=batch); ComfyUI: dpm_adaptive (norm=batch)"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_kept = 1, .n_memory = N_MEMORY, .step = step, .control = control},
    .order = order,
    .check = check,
};
