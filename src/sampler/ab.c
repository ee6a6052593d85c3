/* Exponential Adams-Bashforth of order k over the newest k predictions (xEAB, zEAB and vAB of azula; Zhang 2023, Lu
 * 2022a and 2022b at order 2), with h = lambda' - lambda and the Lagrange basis L_j:
 *
 *     x0       x' = (sigma'/sigma) x + alpha' h sum_j x0_j * integral of e^(-(1 - theta) h) L_j(theta) over [0, 1]
 *     epsilon  x' = (alpha'/alpha) x - sigma' h sum_j epsilon_j * integral of e^((1 - theta) h) L_j(theta)
 *     v        x'/n' = x/n + sum_j (epsilon - x0)_j * integral of L_j(s) from s to s',  n = alpha + sigma, s = sigma/n
 *
 * theta the share of the step in lambda. (zAB is lms.) The step to sigma' = 0, and in x0 and epsilon the one from
 * alpha = 0, is the line. State: order - 1 earlier predictions. */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "sampler/nominal.h"

enum { ORDER, FORM, START, ANALYTIC_FIRST, MAX_ORDER = 4 };

static const char *const forms[] = {"x0", "epsilon", "v", NULL};
static const struct dmi_form *const form_of[] = {&dmi_form_x0, &dmi_form_epsilon, &dmi_form_flow};

static const dm_option options[] = {
    DMI_INTEGER("order", "order of the method", 2, 1, MAX_ORDER),
    DMI_CHOICE("form", "what is extrapolated", 0, forms),
    DMI_START,
    DMI_ANALYTIC_FIRST,
};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	int order = s->to->sigma == 0 ? 1 : (int)s->option[ORDER];
	(void)user;
	dmi_emit_adams(e, s, form_of[(int)s->option[FORM]], order, s->option[START], s->option[ANALYTIC_FIRST] != 0);
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_started_order(given->value[ORDER], given->value[START], given->value[ANALYTIC_FIRST]);
}

const struct dmi_sampler_type dmi_sampler_ab = {
    DMI_METHOD("ab", "exponential Adams-Bashforth in x0, epsilon or v, orders 1 to 4", "azula; Zhang 2023", options),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = MAX_ORDER - 1, .step = step},
    .order = order,
};
