/* Every sampler that can be asked for by name. */
#include "base/compiler.h"
#include "base/selection.h"
#include "sampler/sampler.h"

#ifndef DEMIST_SAMPLERS
#define DEMIST_SAMPLERS(X)                                                                                             \
	X(ab)                                                                                                              \
	X(analytic_dpm)                                                                                                    \
	X(annealed_langevin)                                                                                               \
	X(bdia)                                                                                                            \
	X(consistency)                                                                                                     \
	X(ddim)                                                                                                            \
	X(ddim_fixed_point)                                                                                                \
	X(ddpm)                                                                                                            \
	X(deis)                                                                                                            \
	X(dpm2)                                                                                                            \
	X(dpm2_ancestral)                                                                                                  \
	X(dpm_adaptive)                                                                                                    \
	X(dpm_fast)                                                                                                        \
	X(dpm_multistep)                                                                                                   \
	X(dpm_singlestep)                                                                                                  \
	X(dpm_singlestep_midtime)                                                                                          \
	X(dpmpp_2m)                                                                                                        \
	X(dpmpp_2m_cfg_pp)                                                                                                 \
	X(dpmpp_2m_sde)                                                                                                    \
	X(dpmpp_2s_ancestral)                                                                                              \
	X(dpmpp_2s_ancestral_cfg_pp)                                                                                       \
	X(dpmpp_3m)                                                                                                        \
	X(dpmpp_3m_sde)                                                                                                    \
	X(dpmpp_sde)                                                                                                       \
	X(edict)                                                                                                           \
	X(edm_ablation)                                                                                                    \
	X(er_sde)                                                                                                          \
	X(euler)                                                                                                           \
	X(euler_ancestral)                                                                                                 \
	X(euler_ancestral_cfg_pp)                                                                                          \
	X(euler_maruyama)                                                                                                  \
	X(exp_heun_2_x0)                                                                                                   \
	X(exp_heun_2_x0_sde)                                                                                               \
	X(flow_stochastic)                                                                                                 \
	X(gradient_estimation)                                                                                             \
	X(gradient_estimation_cfg_pp)                                                                                      \
	X(heun)                                                                                                            \
	X(heunpp2)                                                                                                         \
	X(ipndm)                                                                                                           \
	X(ipndm_v)                                                                                                         \
	X(lcm)                                                                                                             \
	X(lms)                                                                                                             \
	X(pc)                                                                                                              \
	X(plms)                                                                                                            \
	X(pndm)                                                                                                            \
	X(reab)                                                                                                            \
	X(res_2s)                                                                                                          \
	X(res_multistep)                                                                                                   \
	X(res_multistep_cfg_pp)                                                                                            \
	X(rk45)                                                                                                            \
	X(sa_solver)                                                                                                       \
	X(seeds_2)                                                                                                         \
	X(seeds_3)                                                                                                         \
	X(tcd)                                                                                                             \
	X(unipc)
#endif

#define DECLARE(name) extern const struct dmi_sampler_type dmi_sampler_##name;
#define ENTRY(name) &dmi_sampler_##name.method,

DEMIST_SAMPLERS(DECLARE)

const struct dmi_method *const *dmi_sampler_registry(int32_t *n)
{
	static const struct dmi_method *const registry[] = {DEMIST_SAMPLERS(ENTRY)};
	*n = (int32_t)(sizeof registry / sizeof *registry);
	return registry;
}
