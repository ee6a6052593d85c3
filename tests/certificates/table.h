/* The certified settings, and what is claimed of each. */
#ifndef CERTIFICATES_TABLE_H
#define CERTIFICATES_TABLE_H

#include <stdint.h>

/* The order that is certified is the one the library states (dm_sampler_order).
 *
 * below: how far the slope stays below that order at these numbers of steps.
 * share: of what draws: how far the process that is approached is from the probability-flow ODE (0), where 1 is the reverse
 *        SDE: with u = sigma/alpha and z_t standing for its noise,
 *            d(x/alpha) = (1 + share) (x/alpha - x0) d ln(u) + sqrt(2 share) u z_t
 *        or STANDARD_SCALER: as er_sde has it by default, a function of u.
 *        UNKNOWN_SHARE: only the variance is judged, which is the same for every share.
 * note:  needed where nothing is claimed, and where more or less is found than is claimed. */
struct setting {
	const char *spec;
	double below, share;
	const char *note;
};

#define STANDARD_SCALER (-1.0)
#define UNKNOWN_SHARE (-2.0) /* the mean is not judged */

/* Settings that draw nothing, settings that draw, and methods that choose their steps; each ends with a spec NULL. */
extern const struct setting orders[], weak_orders[], adaptive_orders[];

/* A method that has no setting in any of them is measured as the rows of the property table say, without a claim where
 * the library makes none: the i-th of those that draw (or draw nothing); 0 past the last. */
enum { DRAWS_NONE, DRAWS_SOME };
int has_settings(const char *name);
int property_setting(const char *name, int draws, int i, struct setting *out);

#endif
