/* DPM-Solver with adaptive steps (Lu 2022a, appendix C; the error norm, the PID rule and the ancestral noise of
 * k-diffusion). Each trial over h = lambda' - lambda makes two results that share their evaluations, orders (1, 2) or
 * (2, 3), on y = x/alpha, u = e^(-lambda), e_k = epsilon at lambda + r_k h:
 *
 *     order 1  y' = y - u' (e^h - 1) e
 *     order 2  y' = y - u' (e^h - 1) e - u'/(2 r1) (e^h - 1) (e_1 - e),     r1 = 1/2 (1/3 as the lower of the pair (2,
 * 3)) order 3  y' = y - u' (e^h - 1) e - u'/r2 ((e^h - 1)/h - 1) (e_2 - e), r1 = 1/3, r2 = 2/3
 *
 * error = rms((high - low) / max(atol, rtol max(|low|, |low of the last accepted trial|))). The step factor is
 * f = inv^b1 inv_1^b2 inv_2^b3, limited to 1 + atan(f - 1), with inv = 1 / (error + 1e-8) and those of the accepted
 * trials before; a trial is accepted where the factor is at least accept_safety. State: the lower result of the last
 * accepted trial. */
#include "base/compiler.h"
#include "sampler/step.h"
#include "base/math.h"
#include <math.h>

enum { ORDER, RTOL, ATOL, H_INIT, PCOEFF, ICOEFF, DCOEFF, ACCEPT_SAFETY, ETA, S_NOISE, NORM };
enum { MEMORY_H, MEMORY_SET, MEMORY_INV1, MEMORY_INV2, N_MEMORY };

static const char *const norms[] = {"sample", "batch", NULL};

static const dm_option options[] = {
    DMI_INTEGER("order", "the higher order of the pair", 3, 2, 3),
    DMI_REAL("rtol", "relative tolerance", 0.05, 0, 1e6),
    DMI_REAL("atol", "absolute tolerance", 0.0078, 1e-300, 1e6),
    DMI_REAL("h_init", "first step in lambda", 0.05, 1e-9, 100),
    DMI_REAL("pcoeff", "proportional part of the controller", 0, -10, 10),
    DMI_REAL("icoeff", "integral part", 1, -10, 10),
    DMI_REAL("dcoeff", "differential part", 0, -10, 10),
    DMI_REAL("accept_safety", "a trial is accepted from this step factor on", 0.81, 0, 2),
    DMI_REAL("eta", "share of fresh noise", 0, 0, 1),
    DMI_REAL("s_noise", "deviation of the fresh noise", 1, 0, 100),
    DMI_CHOICE("norm", "error of every sample for itself, or of the whole batch", DM_NORM_SAMPLE, norms),
};

/* A trial in y = x / alpha: where it starts, its step in lambda, and epsilon there. */
struct trial {
	const dm_step *s;
	double h, alpha_to;
	dm_val epsilon;
};

/* alpha' y', y' = y - c u' (e^h - 1) e - d (e_k - e), u' = u e^(-h); all weights over x. */
static dm_val combine(dm_emit *e, const struct trial *t, double alpha, double h, double d, dm_val e_k)
{
	double u = dmi_level(t->s->from) * dmi_exp(-h), c = u * dmi_expm1(h);
	return dm_emit_linear(
	    e, 3, (dm_term[]){{alpha / t->s->from->alpha, t->s->x}, {-alpha * (c - d), t->epsilon}, {-alpha * d, e_k}});
}

/* epsilon at lambda + r h, on the state that first order (plus the term d (e_k - e)) gives there. */
static dm_val inner(dm_emit *e, const struct trial *t, double r, double d, dm_val e_k)
{
	dm_node at;
	dm_status st = dm_schedule_at_lambda(t->s->schedule, t->s->from->lambda + r * t->h, &at, NULL);
	if (st != DM_OK) {
		dm_emit_fail(e, st, "sampler \"dpm_adaptive\": the schedule has no level between the ends of a trial");
		return 0;
	}
	return dm_emit_eval(e, combine(e, t, at.alpha, r * t->h, d, e_k), &at, DM_SPACE_EPSILON);
}

static void pair(dm_emit *e, const struct trial *t, int order, dm_val *low, dm_val *high)
{
	double h = t->h, u = dmi_level(t->s->from), end = u * dmi_exp(-h), grow = end * dmi_expm1(h);
	if (order == 2) {
		dm_val e1 = inner(e, t, 0.5, 0, 0);
		*low = combine(e, t, t->alpha_to, h, 0, 0);
		*high = combine(e, t, t->alpha_to, h, grow, e1);
		return;
	}
	double r1 = 1.0 / 3, r2 = 2.0 / 3, u2 = u * dmi_exp(-r2 * h);
	dm_val e1 = inner(e, t, r1, 0, 0);
	dm_val e2 = inner(e, t, r2, u2 * (r2 / r1) * (dmi_expm1(r2 * h) / (r2 * h) - 1), e1);
	*low = combine(e, t, t->alpha_to, h, grow / (2 * r1), e1);
	*high = combine(e, t, t->alpha_to, h, end / r2 * (dmi_expm1(h) / h - 1), e2);
}

/* The step to sigma = 0 returns the prediction. */
static void finish(dm_emit *e, const dm_step *s)
{
	dm_val x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	dm_val x = dm_emit_linear(e, 1, (dm_term[]){{s->to->alpha, x0}});
	dm_emit_error_estimate(e, x, x, x, s->option[ATOL], s->option[RTOL], (int32_t)s->option[NORM]);
	dm_emit_state(e, x);
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	double down, up = 0;
	(void)user;
	if (s->to->sigma == 0) {
		finish(e, s);
		return DM_OK;
	}
	struct trial t = {s, dmi_lambda_step(s->from, s->to), s->to->alpha, 0};
	if (s->option[ETA] > 0) {
		dmi_ancestral_split(s->from, s->to, s->option[ETA], &down, &up);
		t.h = fmin(s->end->lambda, -dmi_log(down)) - s->from->lambda; /* never below the end */
		double u_down = dmi_exp(-(s->from->lambda + t.h)), u_to = dmi_level(s->to);
		up = s->to->lambda < s->end->lambda ? sqrt(fmax((u_to - u_down) * (u_to + u_down), 0)) : 0;
	}
	t.epsilon = dm_emit_eval(e, s->x, s->from, DM_SPACE_EPSILON);
	dm_val low, high;
	pair(e, &t, (int)s->option[ORDER], &low, &high);
	dm_emit_error_estimate(e, high, low, s->kept[0] ? s->kept[0] : s->x, s->option[ATOL], s->option[RTOL],
	                       (int32_t)s->option[NORM]);
	dm_val z = up > 0 ? dm_emit_noise(e, s->step, 0) : 0;
	if (up > 0 && s->option[S_NOISE] != 1)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_emit_state(e, dm_emit_linear(e, 2, (dm_term[]){{1, high}, {s->to->alpha * s->option[S_NOISE] * up, z}}));
	dm_emit_keep(e, 0, low);
	return DM_OK;
}

static dm_status control(void *user, double *memory, const double *option, double error, int32_t *accept, double *h)
{
	(void)user;
	if (error < 0) {
		memory[MEMORY_H] = *h = option[H_INIT];
		return DM_OK;
	}
	double k = option[ETA] > 0 ? 1.5 : option[ORDER], p = option[PCOEFF], i = option[ICOEFF], d = option[DCOEFF];
	double inverse = 1 / (error + 1e-8);
	if (!memory[MEMORY_SET])
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
	memory[MEMORY_H] *= factor;
	*h = memory[MEMORY_H];
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_dpm_adaptive = {
    .method = DMI_METHOD("dpm_adaptive", "DPM-Solver with adaptive steps, orders 1/2 or 2/3",
                         "Lu 2022a, appendix C; k-diffusion", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_kept = 1, .n_memory = N_MEMORY, .step = step, .control = control},
};
