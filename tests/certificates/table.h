/* The certified settings, and what is claimed of each. */
#ifndef CERTIFICATES_TABLE_H
#define CERTIFICATES_TABLE_H

#include <stdint.h>

/* order: of a whole run, its start and its last step included: of convergence where the setting draws nothing, weak where
 *        it draws; 0: none.
 * share: of what draws: how far the process that is approached is from the probability-flow ODE (0), where 1 is the reverse
 *        SDE: with u = sigma/alpha and z_t standing for its noise,
 *            d(x/alpha) = (1 + share) (x/alpha - x0) d ln(u) + sqrt(2 share) u z_t
 *        or STANDARD_SCALER: as er_sde has it by default, a function of u.
 * note:  needed where nothing is claimed, and where more is found than is claimed. */
struct setting {
	const char *spec;
	double order, share;
	const char *note;
};

#define STANDARD_SCALER (-1.0)

/* Settings that draw nothing, settings that draw, and methods that choose their steps; each ends with a spec NULL. The
 * order of the last is the power of the tolerance with which the error falls. */
extern const struct setting orders[], weak_orders[], adaptive_orders[];

/* A method that has no setting in any of them is measured as the rows of the property table say, without a claim where
 * they make none: the i-th of those that draw (or draw nothing); 0 past the last. */
enum { DRAWS_NONE, DRAWS_SOME };
int has_settings(const char *name);
int property_setting(const char *name, int draws, int i, struct setting *out);

#endif
