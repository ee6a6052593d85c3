/* The numbers of one step of a discretised reverse SDE (Song 2021, appendix G), dx = f x dt + g dw going back in time. */
#ifndef DMI_REVERSE_SDE_H
#define DMI_REVERSE_SDE_H

#include "sampler/step.h"

/* a = alpha/alpha' and b = sigma^2 - a^2 sigma'^2 of the forward step from the next node to this one; f dt and g^2 dt at
 * this node; sigma of the next node and of this one. */
struct dmi_reverse_sde {
	double a, b, drift, noise, next_sigma, std;
};

int dmi_is_vp(const dm_node *at);

/* Between the two nodes. */
dm_status dmi_reverse_sde(const dm_step *s, struct dmi_reverse_sde *out);

/* As the code of that paper has them, for its t in [0, 1]: dt = 1/N for the N nodes evaluated; b, a, g at index
 * floor(t (N - 1)) of tables of N entries. */
dm_status dmi_reverse_sde_of_tables(const dm_step *s, struct dmi_reverse_sde *out);

#endif
