#include "base/compiler.h"
#include "sampler/ancestral.h"
#include "base/math.h"
#include <math.h>

const char *const dmi_split_words[3] = {"ve", "rf", NULL};

/* u_down of the rectified-flow rule. */
static double down_rf(const dm_node *from, const dm_node *to, double eta)
{
	double s = from->sigma / (from->alpha + from->sigma), s_to = to->sigma / (to->alpha + to->sigma);
	double down = fmax(s_to * (1 + (s_to / s - 1) * eta), 0);
	return eta > 0 ? down / (1 - down) : dmi_level(to);
}

int dmi_ancestral_target(dm_emit *e, const dm_step *s, double eta, int split, struct dmi_ancestral *out)
{
	double down, up;
	if (!dmi_goes_down(e, s, "sampler: an ancestral step needs noise that falls from node to node"))
		return 0;
	if (s->to->alpha == 0) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED, "sampler: an ancestral step cannot end at a node with alpha = 0");
		return 0;
	}
	if (split == DMI_SPLIT_RF && s->to->sigma > 0 && dmi_lambda_step(s->from, s->to) > 0) {
		double u = dmi_level(s->to);
		down = down_rf(s->from, s->to, eta);
		up = sqrt(fmax((u - down) * (u + down), 0));
	} else {
		dmi_ancestral_split(s->from, s->to, eta, &down, &up);
	}
	out->down = *s->to;
	out->up = s->to->alpha * up;
	if (up > 0) {
		out->down.sigma = s->to->alpha * down;
		out->down.lambda = -dmi_log(down);
		out->down.visit = -1;
	}
	return 1;
}

dm_val dmi_emit_fresh(dm_emit *e, const dm_step *s, dm_val x, double up, double s_noise, int32_t tag)
{
	if (up * s_noise == 0)
		s_noise = up > 0 ? 0 : 1;
	if (s_noise != 1)
		dm_emit_departs(e, DM_DEPARTS_VARIANCE);
	if (up * s_noise == 0)
		return x;
	dm_val z = dm_emit_increment(e, s->from->lambda, s->to->lambda, tag);
	return dm_emit_linear(e, 2, (dm_term[]){{1, x}, {s_noise * up, z}});
}
