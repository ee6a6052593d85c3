/* Heun++ 2 (Zhou 2024; ComfyUI sample_heunpp2): up to three slopes d1, d2, d3, at the start, at the end of the line of d1,
 * and at the end of the next interval on the line of d2 from there, with s the level and s_0 that of the first node:
 *
 *     last step:          d1
 *     last but one:       (1 - w) d1 + w d2,             w  = s'/(2 s_0)
 *     others:             (1 - w2 - w3) d1 + w2 d2 + w3 d3,  w2 = s'/(3 s_0), w3 = s''/(3 s_0)
 *
 * over the coordinates of coordinates.h, whose level is s. The weights follow the level and not the step: order 1.
 * Churn as in euler. State: none. */
#include "base/compiler.h"
#include "sampler/coordinates.h"
#include "sampler/nominal.h"
#include <math.h>

enum { COORDINATES = DMI_AFTER_CHURN };

static const dm_option options[] = {DMI_CHURN_OPTIONS, DMI_COORDINATES};

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	dm_node at;
	(void)user;
	dm_val x = dmi_emit_churn(e, s, &at), eval[3] = {0};
	int native = dmi_is_native((int)s->option[COORDINATES], &at, s->to), n = 2;
	double first = dmi_coordinate(s->grid, native), weight[3];
	eval[0] = dm_emit_eval(e, x, &at, DM_SPACE_X0);
	dm_val line = dmi_emit_line(e, x, &at, eval[0], s->to);
	if (s->step + 1 == s->n_step || s->to->sigma == 0 || (!native && (at.alpha == 0 || s->to->alpha == 0))) {
		dm_emit_state(e, line);
		return DM_OK;
	}
	eval[1] = dm_emit_eval(e, line, s->to, DM_SPACE_X0);
	const dm_node *next = s->grid + s->step + 2;
	if (s->step + 2 < s->n_step && next->sigma > 0) {
		eval[2] = dm_emit_eval(e, dmi_emit_line(e, line, s->to, eval[1], next), next, DM_SPACE_X0);
		n = 3;
	}
	weight[1] = dmi_coordinate(s->to, native) / (n * first);
	weight[2] = n == 3 ? dmi_coordinate(next, native) / (n * first) : 0;
	weight[0] = 1 - weight[1] - weight[2];
	dm_emit_state(e, dmi_emit_slopes(e, x, &at, s->to, native, n, weight, eval));
	return DM_OK;
}

static int32_t order(const struct dmi_options *given)
{
	return dmi_churned_order(given->value, 1);
}

const struct dmi_sampler_type dmi_sampler_heunpp2 = {
    .method = DMI_METHOD_KNOWN("heunpp2", "Heun++: up to three slopes weighted by level, with churn",
                               "Zhou 2024; ComfyUI", options, "ComfyUI: heunpp2"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
    .order = order,
    .check = dmi_check_churn,
};
