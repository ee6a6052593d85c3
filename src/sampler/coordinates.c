#include "base/compiler.h"
#include "sampler/coordinates.h"
#include <math.h>

const char *const dmi_coordinates_words[4] = {"auto", "ve", "native", NULL};

static int is_flow(const dm_node *at)
{
	return fabs(at->alpha + at->sigma - 1) < 1e-9;
}

int dmi_is_native(int coordinates, const dm_node *from, const dm_node *to)
{
	return coordinates == DMI_COORDINATES_NATIVE ||
	       (coordinates == DMI_COORDINATES_AUTO && is_flow(from) && is_flow(to));
}

double dmi_coordinate(const dm_node *at, int native)
{
	return native ? at->sigma / (at->alpha + at->sigma) : dmi_level(at);
}

dm_val dmi_emit_slopes(dm_emit *e, dm_val x, const dm_node *from, const dm_node *to, int native, int n,
                       const double *weight, const dm_val *eval)
{
	double a = native ? to->alpha - from->alpha : 0;
	double b = native ? to->sigma - from->sigma : to->sigma - to->alpha * dmi_level(from);
	dm_term term[7] = {{native ? 1 : to->alpha / from->alpha, x}};
	for (int k = 0; k < n; k++) {
		term[1 + k] = (dm_term){a * weight[k], eval[k]};
		term[1 + n + k] = (dm_term){b * weight[k], dm_emit_part(e, eval[k], DM_PART_PREDICTION, DM_SPACE_EPSILON)};
	}
	return dm_emit_linear(e, 1 + 2 * n, term);
}
