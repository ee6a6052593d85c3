#include "base/compiler.h"
#include "guidance/weak.h"

const char *const dmi_weak_forms[3] = {"weak", "add", NULL};

static void parts(const double *option, int32_t form, const dm_branch *weak, const dm_node *at, struct dmi_part part[3])
{
	double scale = dmi_scale_at(option, at, form == DMI_WEAK);
	part[0] = (struct dmi_part){{0, DM_CONDITION_GIVEN, 0}, form == DMI_WEAK ? scale : 1};
	part[1] = (struct dmi_part){{0, DM_CONDITION_GIVEN, 0}, form == DMI_WEAK ? 0 : scale};
	part[2] = (struct dmi_part){*weak, form == DMI_WEAK ? 1 - scale : -scale};
}

void dmi_weak_list(const double *option, int32_t form, const dm_branch *weak, const dm_node *at, dm_branch *branch,
                   int32_t *n)
{
	struct dmi_part part[3];
	parts(option, form, weak, at, part);
	dmi_list_parts(part, 3, branch, n);
}

void dmi_weak_weigh(const double *option, int32_t form, const dm_branch *weak, const dm_node *at,
                    const dm_branch *branch, int32_t n, double *weight)
{
	struct dmi_part part[3];
	parts(option, form, weak, at, part);
	dmi_weigh_parts(part, 3, branch, n, weight);
}
