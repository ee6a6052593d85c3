/* Guidance away from a weaker prediction. */
#ifndef DMI_GUIDANCE_WEAK_H
#define DMI_GUIDANCE_WEAK_H

#include "guidance/common.h"

enum { DMI_WEAK, DMI_ADD };
extern const char *const dmi_weak_forms[3];

/* y: the result so far, weak and given: branches,
 *     form=weak   x0 = weak + scale (y - weak)     1 is no guidance
 *     form=add    x0 = y + scale (given - weak)    0 is no guidance
 * Lists the branches, or weighs them where weight is given. */
void dmi_weak_list(const double *option, int32_t form, const dm_branch *weak, const dm_node *at, dm_branch *branch,
                   int32_t *n);
void dmi_weak_weigh(const double *option, int32_t form, const dm_branch *weak, const dm_node *at,
                    const dm_branch *branch, int32_t n, double *weight);

#endif
