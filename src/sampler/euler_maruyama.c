/* Euler-Maruyama on the reverse SDE with eta times its noise and temperature tau (azula, ItoSampler; Song 2021, eq. 6 for
 * eta = tau = 1), dx = (f x - (1 + eta^2)/(2 tau) g^2 score) dt + eta g dw going back in time. In y = x/alpha the linear part
 * is gone, and the method's clock is u = sigma/alpha:
 *
 *     y' = y + (1 + eta^2)/tau (u' - u) epsilon + eta sqrt(u^2 - u'^2) z
 *
 * eta = 0 with tau = 1 is Euler on the probability-flow ODE, and goes up too. The drift and the noise of a step add up to the
 * variance of the node only as steps get short. The step to sigma' = 0 returns x0. State: none. The same SDE straight in x
 * and t is pc:predictor=euler_maruyama. */
#include "base/compiler.h"
#include "sampler/step.h"
#include <math.h>

enum { ETA, TEMPERATURE };

static const dm_option options[] = {
    DMI_REAL("eta", "share of the noise of the reverse SDE: 0 ODE, 1 SDE", 1, 0, 100),
    DMI_REAL("temperature", "tau; below 1 the score counts more", 1, 1e-3, 1e3),
};

static int is_possible(dm_emit *e, const dm_step *s, double pull)
{
	if (s->option[ETA] > 0 && !dmi_goes_down(e, s, "sampler \"euler_maruyama\": eta > 0 needs noise that falls"))
		return 0;
	if (pull == 1 || (s->from->alpha > 0 && s->to->alpha > 0))
		return 1;
	dm_emit_fail(e, DM_ERR_UNSUPPORTED,
	             "sampler \"euler_maruyama\" needs alpha > 0 at both nodes, except with eta = 0 and temperature = 1");
	return 0;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	const dm_node *from = s->from, *to = s->to;
	double eta = s->option[ETA], pull = (1 + eta * eta) / s->option[TEMPERATURE], u = dmi_level(from),
	       v = dmi_level(to);
	(void)user;
	if (!is_possible(e, s, pull))
		return DM_OK;
	dm_val x0 = dm_emit_eval(e, s->x, from, DM_SPACE_X0), z = 0;
	if (pull == 1 || to->sigma == 0) {
		dm_emit_state(e, dmi_emit_line(e, s->x, from, x0, to));
		return DM_OK;
	}
	double stay = 1 + pull * (v - u) / u, fresh = eta > 0 ? eta * to->alpha * sqrt((u - v) * (u + v)) : 0;
	if (fresh > 0)
		z = dm_emit_increment(e, from->lambda, to->lambda, 0);
	if (u != v)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	dm_emit_state(
	    e, dm_emit_linear(
	           e, 3, (dm_term[]){{to->alpha / from->alpha * stay, s->x}, {to->alpha * (1 - stay), x0}, {fresh, z}}));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return given->value[TEMPERATURE] == 1; /* with another the law is not that of the data */
}

const struct dmi_sampler_type dmi_sampler_euler_maruyama = {
    .method = DMI_METHOD("euler_maruyama", "Euler-Maruyama on the reverse SDE with any share of noise and temperature",
                         "azula, ItoSampler; Song 2021, eq. 6", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
};
