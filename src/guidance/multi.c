/* Several conditions with weights: number 0 (the given one), 2, 3, ...; inactive ones, outside their interval, drop out.
 * Without weights it is the given one alone. Outside the interval of the whole the scale is 1: the conditions as they are.
 *
 *     form=mean   x0 = none + scale (p - none),  p = sum_k w_k x0_k / sum_k w_k   (weights above 0)
 *     form=sum    x0 = none + scale sum_k w_k (x0_k - none)                        (Liu 2022)
 *
 * masks=1: in every element w_k is multiplied by the k-th mask, DM_BOUND_USER + k, whose values lie in [0, 1]. Where no
 * mask of an active condition is above 0, and where no condition is active, x0 = none. */
#include "base/compiler.h"
#include "guidance/common.h"
#include "base/error.h"
#include "demist/array.h"

enum { WEIGHTS = DMI_SCALE_END, INTERVALS, FORM, MASKS };
enum { MEAN, SUM };
enum { MAX_CONDITION = DM_GUIDANCE_MAX_BRANCH - 1, MAX_MASK = DM_BOUND_MEASUREMENT - DM_BOUND_USER };

static const char *const forms[] = {"mean", "sum", NULL};

static const dm_option options[] = {
    DMI_SCALE_OPTIONS("1: the conditions as they are; above 1: stronger", 1),
    DMI_LIST("weights", "w/w/... of the conditions number 0, 2, 3, ...; with intervals=1 w/from/to/w/from/to/...",
             -(double)INFINITY, (double)INFINITY),
    DMI_INTEGER("intervals",
                "1: every weight is followed by the interval of lambda in which its condition acts, -inf/inf: always",
                0, 0, 1),
    DMI_CHOICE("form", "mean of the conditions, or sum of their differences from none", MEAN, forms),
    DMI_INTEGER("masks", "1: weights are multiplied by masks of their own, element by element", 0, 0, 1),
};

static const struct dmi_options *all(const double *option)
{
	return (const struct dmi_options *)(const void *)option;
}

/* The active conditions at a node, with their weights; place: which weight of the list it is. */
static int32_t active(const double *option, const dm_node *at, struct dmi_part *part, int32_t *place)
{
	static const double alone[3] = {1, -(double)INFINITY, (double)INFINITY};
	const struct dmi_options *o = all(option);
	size_t width = option[INTERVALS] != 0 ? 3 : 1, n_entry = o->n_second ? o->n_second : width;
	int32_t n = 0;
	if (dmi_scale_at(option, at, 1) == 0)
		return 0;
	for (size_t k = 0; k * width < n_entry; k++) {
		const double *entry = o->n_second ? o->second + k * width : alone;
		if (entry[0] == 0 || (width == 3 && !(at->lambda >= entry[1] && at->lambda <= entry[2])))
			continue;
		place[n] = (int32_t)k;
		part[n++] = (struct dmi_part){{0, k == 0 ? DM_CONDITION_GIVEN : 1 + (int32_t)k, 0}, entry[0]};
	}
	return n;
}

/* All parts of the sum without masks: the result so far has no share in it. */
static int32_t parts(const double *option, const dm_node *at, struct dmi_part part[2 + MAX_CONDITION])
{
	int32_t place[MAX_CONDITION], n = active(option, at, part + 2, place);
	double scale = dmi_scale_at(option, at, 1), sum = 0, total = 0;
	for (int32_t k = 0; k < n; k++)
		sum += part[2 + k].weight;
	for (int32_t k = 0; k < n; k++) {
		part[2 + k].weight *= option[FORM] == MEAN ? scale / sum : scale;
		total += part[2 + k].weight;
	}
	part[0] = (struct dmi_part){{0, DM_CONDITION_GIVEN, 0}, 0};
	/* of a mean the weights add up to scale, but for rounding */
	part[1] = (struct dmi_part){{0, DM_CONDITION_NONE, 0}, 1 - (n && option[FORM] == MEAN ? scale : total)};
	return 2 + n;
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	const double *option = user;
	struct dmi_part part[2 + MAX_CONDITION];
	int32_t n_part = parts(option, at, part);
	if (option[MASKS] != 0)
		part[1].weight = 1; /* some element may lie outside every mask */
	dmi_list_parts(part, n_part, branch, n);
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	struct dmi_part part[2 + MAX_CONDITION];
	(void)stats;
	dmi_weigh_parts(part, parts(user, at, part), branch, n, weight);
	return DM_OK;
}

static dm_status after(void *user, const dm_guide *guide, dm_emit *e, dm_val *x0)
{
	static const double no_parameter[4];
	const double *option = user;
	struct dmi_part part[MAX_CONDITION];
	int32_t place[MAX_CONDITION], n = active(option, guide->at, part, place);
	dm_val none = dm_emit_branch(e, guide->evaluation, &(dm_branch){0, DM_CONDITION_NONE, 0});
	dm_term shift[2 * MAX_CONDITION], share[MAX_CONDITION];
	for (int32_t k = 0; k < n; k++) {
		dm_val mask = dm_emit_bound(e, DM_BOUND_USER + place[k]);
		dm_val x = dm_emit_branch(e, guide->evaluation, &part[k].branch);
		dm_val inside = dm_emit_map(e, DM_MAP_BLEND, 3, (dm_val[]){none, x, mask}, no_parameter);
		shift[2 * k] = (dm_term){part[k].weight, inside}; /* mask (x - none) */
		shift[2 * k + 1] = (dm_term){-part[k].weight, none};
		share[k] = (dm_term){part[k].weight, mask};
	}
	*x0 = none;
	if (n == 0)
		return DM_OK;
	dm_val sum = dm_emit_linear(e, 2 * n, shift);
	if (option[FORM] == MEAN)
		sum = dm_emit_map(e, DM_MAP_RATIO, 2, (dm_val[]){sum, dm_emit_linear(e, n, share)}, no_parameter);
	*x0 = dm_emit_linear(e, 2, (dm_term[]){{1, none}, {dmi_scale_at(option, guide->at, 1), sum}});
	return DM_OK;
}

static dm_status check_weights(const struct dmi_options *o, size_t width, dm_error *err)
{
	int32_t most = o->value[MASKS] != 0 ? MAX_MASK : MAX_CONDITION;
	if (o->n_second % width || o->n_second / width > (size_t)most)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "guidance \"multi\": weights has %z numbers, it takes %z for each of 1 to %d conditions",
		                o->n_second, width, most);
	for (size_t i = 0; i < o->n_second; i += width) {
		if (!(fabs(o->second[i]) <= 1000) || (o->value[FORM] == MEAN && o->second[i] < 0))
			return dmi_fail(err, DM_ERR_ARGUMENT, "guidance \"multi\": weight %g is outside [%g, 1000]", o->second[i],
			                o->value[FORM] == MEAN ? 0.0 : -1000.0);
		if (width == 3 && o->second[i + 1] > o->second[i + 2])
			return dmi_fail(err, DM_ERR_ARGUMENT,
			                "guidance \"multi\": from = %g must not be above to = %g (both are lambda)",
			                o->second[i + 1], o->second[i + 2]);
	}
	return DM_OK;
}

static dm_status check(const struct dmi_guidance_type *type, const struct dmi_options *o, dm_guidance_ops *ops,
                       dm_error *err)
{
	dm_status st = dmi_guidance_check_scale(type, o, ops, err);
	if (st == DM_OK)
		st = check_weights(o, o->value[INTERVALS] != 0 ? 3 : 1, err);
	if (o->value[MASKS] != 0)
		ops->weights = NULL;
	else
		ops->after = NULL;
	return st;
}

const struct dmi_guidance_type dmi_guidance_multi = {
    .method = DMI_METHOD("multi", "several conditions with weights, intervals and masks", "Liu 2022", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .branches = branches, .weights = weights, .after = after},
    .first = 1,
    .masks = MASKS,
    .check = check,
};
