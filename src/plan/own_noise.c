#include "base/compiler.h"
#include "plan/own_noise.h"
#include "plan/check.h"
#include <math.h>

/* What is known of a value while the state is followed backwards: its weight in the state, and whether the state depends
 * on it through an evaluation, a map or a weighted sum. */
struct share {
	double weight;
	int32_t through;
};

/* Hands the share of value i on to what it is made of. */
static void follow(const dm_emit *e, struct share *share, int32_t i)
{
	const struct dmi_value *v = &e->value[i];
	int is_sum = v->kind == DMI_LINEAR;
	for (int32_t t = v->first_term; t < v->first_term + v->n_term; t++) {
		struct share *part = &share[e->term[t].value - 1];
		part->weight += is_sum ? e->term[t].coefficient * share[i].weight : 0;
		part->through |= !is_sum || share[i].through;
	}
	if (v->of)
		share[v->of - 1].through = 1;
}

/* The variance of the draws' sum, which increments of one path may share. */
static double variance(const dm_emit *e, const struct share *share)
{
	double sum = 0;
	for (int32_t i = e->start; i < e->own_state; i++) {
		const struct dmi_value *a = &e->value[i];
		if (a->kind != DMI_NOISE || share[i].weight == 0)
			continue;
		for (int32_t k = e->start; k < e->own_state; k++) {
			const struct dmi_value *b = &e->value[k];
			double both = a->draw == b->draw
			                  ? 1
			                  : dmi_check_overlap(a->parameter[0], a->parameter[1], b->parameter[0], b->parameter[1]);
			sum += b->kind == DMI_NOISE ? share[i].weight * share[k].weight * both : 0;
		}
	}
	return sum;
}

double dmi_own_noise(const dm_emit *e)
{
	struct share share[DMI_MAX_VALUE] = {{0}};
	share[e->own_state - 1].weight = 1;
	for (int32_t i = e->own_state - 1; i >= e->start; i--) {
		const struct dmi_value *v = &e->value[i];
		if (share[i].weight == 0 && !share[i].through)
			continue;
		if (v->kind != DMI_NOISE)
			follow(e, share, i);
		else if (v->inner) /* of the guidance, which blends it in */
			share[i].weight = 0;
		else if (share[i].through)
			return NAN;
	}
	return variance(e, share);
}
