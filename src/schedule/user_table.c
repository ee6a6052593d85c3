/* Tables of the caller's numbers, as arrays or as a list in a spec. */
#include "base/compiler.h"
#include "schedule/table.h"
#include "base/error.h"
#include <string.h>

static dm_status setup(dm_schedule *s, dm_status (*from)(dm_schedule *, dm_error *), dm_error *err)
{
	double *column = dmi_table_new(s, s->options.n_list, err);
	if (!column)
		return s->options.n_list ? DM_ERR_MEMORY : DM_ERR_ARGUMENT;
	memcpy(column, s->options.list, s->options.n_list * sizeof *column);
	return from(s, err);
}

static dm_status setup_betas(dm_schedule *s, dm_error *err)
{
	return setup(s, dmi_table_from_betas, err);
}

static dm_status setup_alpha_bars(dm_schedule *s, dm_error *err)
{
	return setup(s, dmi_table_from_alpha_bars, err);
}

static const dm_option betas_options[] = {
    DMI_LIST("at", "the betas of t = 0, 1, ..., each in (0, 1); the last may be 1", 0, 1),
    DMI_TABLE_CHANGES,
};
static const dm_option alpha_bars_options[] = {
    DMI_LIST("at", "the alpha-bars of t = 0, 1, ..., falling, each in [0, 1)", 0, 1),
    DMI_TABLE_CHANGES,
};

const struct dmi_schedule_family dmi_schedule_betas = {
    DMI_METHOD_KNOWN("betas", "discrete table of given betas", "alpha_bar_t = product of (1 - beta)", betas_options,
                     "diffusers: trained_betas; k-diffusion: DiscreteSchedule; ComfyUI: given_betas"),
    &dmi_table_process,
    setup_betas,
};
const struct dmi_schedule_family dmi_schedule_alpha_bars = {
    DMI_METHOD_KNOWN("alpha_bars", "discrete table of given alpha-bars", "alpha^2 = alpha_bar", alpha_bars_options,
                     "k-diffusion: DiscreteSchedule"),
    &dmi_table_process,
    setup_alpha_bars,
};

static dm_status create(dm_schedule **out, const struct dmi_schedule_family *family, const double *value, size_t n,
                        const dm_allocator *allocator, dm_error *err)
{
	const char *name = family->method.info.name;
	struct dmi_options options = {.given = 1};
	dm_allocator own;
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule: out is NULL");
	*out = NULL;
	if (!value)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": the table is NULL", name);
	if (n < 1 || n > DMI_TABLE_MAX)
		return dmi_fail(err, DM_ERR_ARGUMENT, "schedule \"%s\": n = %z is outside [1, %d]", name, n, DMI_TABLE_MAX);
	dm_status st = dmi_allocator_copy(&own, allocator, err);
	if (st != DM_OK)
		return st;
	options.list = dmi_allocate(&own, n, sizeof *value, err);
	if (!options.list)
		return DM_ERR_MEMORY;
	options.n_list = n;
	for (int32_t k = 0; k < family->method.info.n_option; k++)
		options.value[k] = dmi_option_row(family->method.option, k)->value;
	memcpy(options.list, value, n * sizeof *value);
	return dmi_schedule_make(out, family, &options, &own, err);
}

dm_status dm_schedule_create_betas(dm_schedule **out, const double *beta, size_t n, const dm_allocator *allocator,
                                   dm_error *err)
{
	return create(out, &dmi_schedule_betas, beta, n, allocator, err);
}

dm_status dm_schedule_create_alpha_bars(dm_schedule **out, const double *alpha_bar, size_t n,
                                        const dm_allocator *allocator, dm_error *err)
{
	return create(out, &dmi_schedule_alpha_bars, alpha_bar, n, allocator, err);
}
