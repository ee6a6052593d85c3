/* Every guidance that can be asked for by name. */
#include "base/compiler.h"
#include "base/selection.h"
#include "guidance/guidance.h"

#ifndef DEMIST_GUIDANCES
#define DEMIST_GUIDANCES(X)                                                                                            \
	X(cfg)                                                                                                             \
	X(cfg_zero_star)                                                                                                   \
	X(tcfg)                                                                                                            \
	X(apg)                                                                                                             \
	X(autoguidance)                                                                                                    \
	X(perturbed)                                                                                                       \
	X(two_scale)                                                                                                       \
	X(multi)                                                                                                           \
	X(perp_neg)                                                                                                        \
	X(mambo_g)                                                                                                         \
	X(cfg_norm)                                                                                                        \
	X(fdg)                                                                                                             \
	X(mahiro)                                                                                                          \
	X(rescale)                                                                                                         \
	X(classifier)                                                                                                      \
	X(inpaint)                                                                                                         \
	X(ilvr)                                                                                                            \
	X(dps)                                                                                                             \
	X(pgdm)                                                                                                            \
	X(ddnm)                                                                                                            \
	X(diffpir)                                                                                                         \
	X(mmps)                                                                                                            \
	X(tmpd)                                                                                                            \
	X(reconstruct)                                                                                                     \
	X(clip)                                                                                                            \
	X(threshold)
#endif

#define DECLARE(name) extern const struct dmi_guidance_type dmi_guidance_##name;
#define ENTRY(name) &dmi_guidance_##name.method,

DEMIST_GUIDANCES(DECLARE)

const struct dmi_method *const *dmi_guidance_registry(int32_t *n)
{
	static const struct dmi_method *const registry[] = {DEMIST_GUIDANCES(ENTRY)};
	*n = (int32_t)(sizeof registry / sizeof *registry);
	return registry;
}
