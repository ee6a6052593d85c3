#include "base/compiler.h"
#include "guidance/common.h"
#include "base/error.h"
#include <string.h>

int dmi_acts_at(const double *option, const dm_node *at)
{
	return at->lambda >= option[DMI_FROM] && at->lambda <= option[DMI_TO];
}

/* Linear between the pairs (lambda, scale) of a table. */
static double interpolate(const double *pair, size_t n_pair, double lambda)
{
	size_t i = 0;
	while (i < n_pair && pair[2 * i] <= lambda)
		i++;
	if (i == 0 || i == n_pair)
		return pair[2 * (i ? i - 1 : 0) + 1];
	const double *low = pair + 2 * (i - 1), *high = low + 2;
	double share = (lambda - low[0]) / (high[0] - low[0]);
	return low[1] + share * (high[1] - low[1]);
}

double dmi_scale_at(const double *option, const dm_node *at, double neutral)
{
	/* option is the first member of the options that were read */
	const struct dmi_options *options = (const struct dmi_options *)(const void *)option;
	if (!dmi_acts_at(option, at))
		return neutral;
	return options->n_list ? interpolate(options->list, options->n_list / 2, at->lambda) : option[DMI_SCALE];
}

dm_status dmi_guidance_check_interval(const struct dmi_guidance_type *type, const struct dmi_options *options,
                                      dm_guidance_ops *ops, dm_error *err)
{
	(void)ops;
	if (options->value[DMI_FROM] > options->value[DMI_TO])
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance \"%s\": from = %g must not be above to = %g (both are lambda)",
		                type->method.info.name, options->value[DMI_FROM], options->value[DMI_TO]);
	return DM_OK;
}

static dm_status check_table(const struct dmi_guidance_type *type, const double *pair, size_t n, dm_error *err)
{
	const char *name = type->method.info.name;
	const dm_option *scale = &type->method.option[DMI_SCALE];
	if (n % 2)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance \"%s\": table has %z numbers, it takes pairs lambda/scale",
		                name, n);
	for (size_t i = 0; i < n; i += 2) {
		if (i && !(pair[i] > pair[i - 2]))
			return dmi_fail(err, DM_ERR_ARGUMENT,
			                "guidance \"%s\": table: lambda = %g must be above %g, the one before it", name, pair[i],
			                pair[i - 2]);
		if (!(pair[i + 1] >= scale->low && pair[i + 1] <= scale->high))
			return dmi_fail(err, DM_ERR_ARGUMENT, "guidance \"%s\": table: scale = %g is outside [%g, %g]", name,
			                pair[i + 1], scale->low, scale->high);
	}
	return DM_OK;
}

dm_status dmi_guidance_check_scale(const struct dmi_guidance_type *type, const struct dmi_options *options,
                                   dm_guidance_ops *ops, dm_error *err)
{
	if ((options->given >> DMI_SCALE & 1) && options->n_list)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance \"%s\": scale and table exclude each other",
		                type->method.info.name);
	dm_status st = dmi_guidance_check_interval(type, options, ops, err);
	return st == DM_OK ? check_table(type, options->list, options->n_list, err) : st;
}

void dmi_list_parts(const struct dmi_part *part, int32_t n_part, dm_branch *branch, int32_t *n)
{
	if (*n == 0 && part[0].weight != 0)
		branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	for (int32_t i = 1; i < n_part; i++)
		if (part[i].weight != 0)
			branch[(*n)++] = part[i].branch;
}

void dmi_weigh_parts(const struct dmi_part *part, int32_t n_part, const dm_branch *branch, int32_t n, double *weight)
{
	weight[0] = part[0].weight;
	for (int32_t b = 0; b < n; b++) {
		weight[1 + b] = 0;
		for (int32_t i = 1; i < n_part; i++)
			if (!memcmp(&part[i].branch, &branch[b], sizeof *branch))
				weight[1 + b] += part[i].weight;
	}
}

void dmi_list_against(int32_t condition, dm_branch *branch, int32_t *n)
{
	const struct dmi_part both[2] = {{{0, DM_CONDITION_GIVEN, 0}, 1}, {{0, condition, 0}, 1}};
	dmi_list_parts(both, 2, branch, n);
}
