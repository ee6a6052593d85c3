/* beta_i evenly spaced from beta_start to beta_end, both included (Ho et al. 2020, section 4). */
#include "base/compiler.h"
#include "schedule/table.h"

enum { T, BETA_START, BETA_END };

static dm_status setup(dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	size_t n = (size_t)option[T];
	double *beta = dmi_table_new(s, n, err);
	if (!beta)
		return DM_ERR_MEMORY;
	for (size_t i = 0; i < n; i++)
		beta[i] = dmi_even(option[BETA_START], option[BETA_END], i, n);
	return dmi_table_from_betas(s, err);
}

static const dm_option options[] = {
    DMI_TABLE_SIZE,
    DMI_REAL("beta_start", "beta of the first entry", 1e-4, 0, 1),
    DMI_REAL("beta_end", "beta of the last entry", 0.02, 0, 1),
};

const struct dmi_schedule_family dmi_schedule_linear = {
    DMI_METHOD("linear", "discrete table, betas evenly spaced", "Ho et al. 2020 (DDPM), section 4", options),
    &dmi_table_process,
    setup,
};
