/* Latent consistency models, multistep (Luo 2023, algorithm 3; the boundary scalings of consistency models, eq. 9):
 *
 *     D = c_skip x + c_out x0,  u = timestep_scaling t,  c_skip = sd^2 / (u^2 + sd^2),  c_out = u / sqrt(u^2 + sd^2)
 *     x' = alpha' D + sigma' z;  the last step returns D
 *
 * t is the table index, on a process without a table 1000 t, t counted from 0 to 1 at its noisy end. The marginal is the model's, not the schedule's. State: none. */
#include "base/compiler.h"
#include "sampler/step.h"
#include <math.h>

enum { TIMESTEP_SCALING, SIGMA_DATA };

static const dm_option options[] = {
    DMI_REAL("timestep_scaling", "factor of the time in the boundary scalings", 10, 1e-9, 1e9),
    DMI_REAL("sigma_data", "standard deviation of the data", 0.5, 1e-9, 1e9),
};

static double index_of(const dm_step *s)
{
	double noise;
	if (dm_schedule_table_size(s->schedule))
		return s->from->t;
	dm_schedule_range(s->schedule, NULL, &noise);
	return 1000 * s->from->t / noise;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	double sd = s->option[SIGMA_DATA], u = s->option[TIMESTEP_SCALING] * index_of(s), q = u * u + sd * sd;
	int last = s->step + 1 == s->n_step;
	double alpha = last ? 1 : s->to->alpha, sigma = last ? 0 : s->to->sigma;
	(void)user;
	dm_node clean = dmi_aim(e, s, 0);
	dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
	dm_val x0 = dm_emit_eval_to(e, s->x, s->from, &clean, DM_SPACE_X0);
	dm_val z = sigma > 0 ? dm_emit_noise(e, s->step, 0) : 0;
	dm_emit_state(
	    e, dm_emit_linear(e, 3, (dm_term[]){{alpha * sd * sd / q, s->x}, {alpha * u / sqrt(q), x0}, {sigma, z}}));
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_lcm = {
    .method = DMI_METHOD_KNOWN("lcm", "latent consistency model, multistep", "Luo 2023, algorithm 3", options,
                               "diffusers: LCMScheduler; stable-diffusion.cpp: lcm"),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .step = step},
};
