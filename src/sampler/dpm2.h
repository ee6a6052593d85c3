/* The midpoint step of DPM2 (Karras 2022 in its second-order form; k-diffusion): one evaluation at the start, one at the
 * geometric middle of the levels on the line of the first, whose slope makes the whole step:
 *
 *     ve      over u = sigma/alpha:                   x' = (alpha'/alpha) x + alpha' (u' - u) epsilon_m
 *     native  over (alpha, sigma), s = sigma/(alpha + sigma): x' = x + (alpha' - alpha) x0_m + (sigma' - sigma) epsilon_m
 *
 * (coordinates.h). Steps to sigma' = 0, and from alpha = 0 over u, are the line of the first alone. */
#ifndef DMI_DPM2_H
#define DMI_DPM2_H

#include "sampler/coordinates.h"

dm_val dmi_emit_dpm2(dm_emit *e, const dm_step *s, dm_val x, const dm_node *from, const dm_node *to, int coordinates);

#endif
