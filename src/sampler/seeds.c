/* SEEDS-2 and SEEDS-3 (Gonzalez 2023; ComfyUI sample_seeds_2, _3): the single steps of single.h in the x0 form with eta
 * times the noise of the reverse SDE, inner points at lambda + r h. seeds_2 weights the slope (x0_1 - x0)/r by half of phi_1
 * (phi_1) or by phi_2; seeds_3 takes phi_2 of (x0_2 - x0)/r_2. The exponential Heun methods exp_heun_2_x0 and
 * exp_heun_2_x0_sde are seeds_2 with r = 1. Steps to sigma = 0 return x0. State: none. */
#include "base/compiler.h"
#include "sampler/nominal.h"
#include "sampler/single.h"

enum { ETA, S_NOISE, SOLVER_TYPE, R };
enum { R_1 = SOLVER_TYPE, R_2 };
enum { PHI_1, PHI_2 };

static const char *const solver_types[] = {"phi_1", "phi_2", NULL};

#define S_NOISE_OPTION DMI_REAL("s_noise", "deviation of the fresh noise, 1 keeps the variance", 1, 0, 100)
#define ETA_OPTION(value) DMI_REAL("eta", "share of the noise of the reverse SDE", value, 0, 100)

static const dm_option seeds_2_options[] = {
    ETA_OPTION(1),
    S_NOISE_OPTION,
    DMI_CHOICE("solver_type", "weight of the slope", PHI_1, solver_types),
    DMI_REAL("r", "where the second evaluation is made, as a fraction of the step in lambda", 0.5, 0.01, 1),
};

static const dm_option seeds_3_options[] = {
    ETA_OPTION(1),
    S_NOISE_OPTION,
    DMI_REAL("r_1", "where the second evaluation is made, as a fraction of the step in lambda", 1.0 / 3, 0.01, 0.99),
    DMI_REAL("r_2", "where the third one is made; above r_1", 2.0 / 3, 0.02, 1),
};

static const dm_option exp_heun_options[] = {
    ETA_OPTION(0),
    S_NOISE_OPTION,
    DMI_CHOICE("solver_type", "weight of the slope", PHI_2, solver_types),
};

static const dm_option exp_heun_sde_options[] = {
    ETA_OPTION(1),
    S_NOISE_OPTION,
    DMI_CHOICE("solver_type", "weight of the slope", PHI_2, solver_types),
};

static dm_status emit(const dm_step *s, dm_emit *e, int order, int midpoint, double r1, double r2)
{
	struct dmi_single single = {.s = s, .from = s->from, .to = s->to, .x = s->x, .predict = DMI_DPM_X0};
	single.eta = s->option[ETA];
	single.s_noise = s->option[S_NOISE];
	single.midpoint = midpoint;
	single.r[0] = r1;
	single.r[1] = r2;
	if (!dmi_dpm_possible(e, s, DMI_DPM_X0, single.eta))
		return DM_OK;
	if (order == 3 && !(r1 < r2)) {
		dmi_refuse(e, DM_ERR_ARGUMENT, "sampler \"seeds_3\": r_2 = %g must be above r_1 = %g", r2, r1);
		return DM_OK;
	}
	single.m = dm_emit_eval(e, s->x, s->from, DM_SPACE_X0);
	if (s->to->sigma == 0)
		dm_emit_state(e, dmi_emit_data(e, single.m, s->to));
	else
		dm_emit_state(e, dmi_single_result(e, &single, dmi_single_stages(e, &single, order)));
	return DM_OK;
}

static dm_status step_2(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	return emit(s, e, 2, s->option[SOLVER_TYPE] == PHI_1, s->option[R], 1);
}

static dm_status step_3(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	return emit(s, e, 3, 0, s->option[R_1], s->option[R_2]);
}

static dm_status step_heun(void *user, const dm_step *s, dm_emit *e)
{
	(void)user;
	return emit(s, e, 2, s->option[SOLVER_TYPE] == PHI_1, 1, 1);
}

static int32_t order_2(const struct dmi_options *given)
{
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], 2, 2);
}

static int32_t order_3(const struct dmi_options *given)
{
	int32_t ode = given->value[R_2] == 2.0 / 3 ? 3 : 2; /* the last slope alone */
	return dmi_noisy_order(given->value[ETA], given->value[S_NOISE], ode, 2);
}

const struct dmi_sampler_type dmi_sampler_seeds_2 = {
    .method = DMI_METHOD_KNOWN("seeds_2", "stochastic exponential method with two evaluations a step", "Gonzalez 2023",
                               seeds_2_options, "ComfyUI: seeds_2"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step_2},
    .order = order_2,
};

const struct dmi_sampler_type dmi_sampler_seeds_3 = {
    .method = DMI_METHOD_KNOWN("seeds_3", "stochastic exponential method with three evaluations a step",
                               "Gonzalez 2023", seeds_3_options, "ComfyUI: seeds_3"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step_3},
    .order = order_3,
};

const struct dmi_sampler_type dmi_sampler_exp_heun_2_x0 = {
    .method = DMI_METHOD_KNOWN("exp_heun_2_x0", "exponential Heun method in x0", "Gonzalez 2023; ComfyUI",
                               exp_heun_options, "ComfyUI: exp_heun_2_x0"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step_heun},
    .order = order_2,
};

const struct dmi_sampler_type dmi_sampler_exp_heun_2_x0_sde = {
    .method = DMI_METHOD_KNOWN("exp_heun_2_x0_sde", "exponential Heun method in x0, as SDE", "Gonzalez 2023; ComfyUI",
                               exp_heun_sde_options, "ComfyUI: exp_heun_2_x0_sde"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step_heun},
    .order = order_2,
};
