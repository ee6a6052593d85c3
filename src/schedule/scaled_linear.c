/* sqrt(beta_i) evenly spaced from sqrt(beta_start) to sqrt(beta_end): the table of latent diffusion models. */
#include "base/compiler.h"
#include "schedule/table.h"
#include <math.h>

enum { BETA_START = DMI_TABLE_OWN, BETA_END };

static dm_status setup(dm_schedule *s, dm_error *err)
{
	const double *option = s->options.value;
	size_t n = (size_t)option[DMI_TABLE_T];
	double *beta = dmi_table_new(s, n, err);
	if (!beta)
		return DM_ERR_MEMORY;
	for (size_t i = 0; i < n; i++) {
		double root = dmi_even(sqrt(option[BETA_START]), sqrt(option[BETA_END]), i, n);
		beta[i] = root * root;
	}
	return dmi_table_from_betas(s, err);
}

static const dm_option options[] = {
    DMI_TABLE_OPTIONS,
    DMI_REAL("beta_start", "beta of the first entry", 0.00085, 0, 1),
    DMI_REAL("beta_end", "beta of the last entry", 0.012, 0, 1),
};

const struct dmi_schedule_family dmi_schedule_scaled_linear = {
    DMI_METHOD_KNOWN(
        "scaled_linear", "discrete table, roots of the betas evenly spaced",
        "Rombach et al. 2022 (latent diffusion), published configuration", options,
        "diffusers: scaled_linear (beta_schedule); k-diffusion: DiscreteEpsDDPMDenoiser (over the model's table); "
        "ComfyUI: linear (beta_schedule); stable-diffusion.cpp: EPS_PRED (its table), V_PRED (its table)"),
    &dmi_table_process,
    setup,
};
