/* Euler's method on dx/du = (x - x0)/u with x over alpha and u = sigma/alpha (Karras 2022, algorithm 2 without its
 * second order part), in native coordinates:
 *
 *     x' = (sigma'/sigma) x + (alpha' - alpha sigma'/sigma) x0
 *
 * The same step as DDIM with eta = 0 and as Euler on a rectified flow. Churn adds noise before the evaluation.
 *
 * compat = diffusers_...: the evaluation is made before the noise, at (x, u), and x0 then formed again from that output with
 * the noisy state x^, u^ = u (1 + gamma), both over alpha, in the way of the kind of prediction:
 *
 *     epsilon  x0^ = x^ - u^ epsilon      v  x0^ = x0 + (x^ - x) / (u^2 + 1)
 *     edm      x0^ = c_skip(u^) x^ + (c_out(u^) / c_out(u)) (x0 - c_skip(u) x),   data of deviation 1/2
 *
 * State: none. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/step.h"
#include <math.h>

enum { COMPAT = DMI_AFTER_CHURN };
enum { NONE, EPSILON, V, EDM };

static const char *const compats[] = {"none", "diffusers_epsilon", "diffusers_v", "diffusers_edm", NULL};

static const dm_option options[] = {
    DMI_CHURN_OPTIONS,
    DMI_CHOICE("compat", "diffusers_(kind of prediction): evaluate before the noise of churn is added", NONE, compats),
};

/* Karras 2022, table 1, with sigma_data = 1/2. */
static double c_skip(double u)
{
	return 1 / (1 + 4 * u * u);
}

static double c_out(double u)
{
	return u / sqrt(1 + 4 * u * u);
}

static dm_val churn_after(dm_emit *e, const dm_step *s, double gamma)
{
	double u = dmi_level(s->from), up = u * (1 + gamma), end = dmi_level(s->to) / up;
	double on_noisy, on_x0, on_x; /* x0^ = on_noisy x^ + on_x0 x0 + on_x x, all over alpha */
	if (s->option[COMPAT] == V) {
		on_noisy = 1 / (u * u + 1);
		on_x0 = 1;
		on_x = -on_noisy;
	} else {
		int edm = s->option[COMPAT] == EDM;
		on_noisy = edm ? c_skip(up) : 1;
		on_x0 = edm ? c_out(up) / c_out(u) : up / u;
		on_x = -on_x0 * (edm ? c_skip(u) : 1);
	}
	dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	dm_val x0 = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0), z = dm_emit_noise(e, s->step, 0);
	double noisy = end + (1 - end) * on_noisy, rest = 1 - end, alpha = s->to->alpha;
	double fresh = s->option[DMI_S_NOISE] * sqrt((up - u) * (up + u));
	return dm_emit_linear(e, 3,
	                      (dm_term[]){{alpha * (noisy + rest * on_x) / s->from->alpha, s->x},
	                                  {alpha * rest * on_x0, x0},
	                                  {alpha * noisy * fresh, z}});
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_node at;
	double gamma = s->option[COMPAT] == NONE ? 0 : dmi_churn_factor(s);
	(void)user;
	if (gamma > 0) {
		dm_emit_state(e, churn_after(e, s, gamma));
		return DM_OK;
	}
	dm_val x = dmi_emit_churn(e, s, &at);
	dm_val x0 = dm_emit_eval(e, x, &at, DM_SPACE_X0);
	dm_emit_state(e, dmi_emit_line(e, x, &at, x0, s->to));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return given->value[COMPAT] != NONE ? given->value[DMI_S_CHURN] == 0 : dmi_churned_order(given->value, 1);
}

const struct dmi_sampler_type dmi_sampler_euler = {
    .method =
        DMI_METHOD_KNOWN("euler", "Euler's method in sigma, with churn", "Karras 2022, algorithm 2", options,
                         "diffusers: EulerDiscreteScheduler (where s_churn is used, compat=diffusers_epsilon or "
                         "diffusers_v), EDMEulerScheduler (compat=diffusers_edm), FlowMatchEulerDiscreteScheduler, "
                         "MiniMaxH3Scheduler (model flow_reversed:time=one_minus_t, its N is steps + 1); "
                         "k-diffusion: sample_euler; ComfyUI: euler; stable-diffusion.cpp: euler"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
    .check = dmi_check_churn,
};
