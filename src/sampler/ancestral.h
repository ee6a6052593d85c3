/* A step split into a deterministic part to a level below the node and fresh noise up to it. */
#ifndef DMI_ANCESTRAL_H
#define DMI_ANCESTRAL_H

#include "sampler/step.h"

/* The deterministic target: alpha as at to, sigma = alpha u_down; and the deviation of the noise that is added there.
 * ve: up = min(u', eta u' sqrt(1 - u'^2/u^2)) in u = sigma/alpha (Karras 2022; k-diffusion).
 * rf: down = s' (1 + (s'/s - 1) eta) in s = sigma/(alpha + sigma), u_down = down / (1 - down) (the rectified-flow forms
 * of ComfyUI). Both: up^2 = sigma'^2 - (alpha' u_down)^2. */
enum { DMI_SPLIT_VE, DMI_SPLIT_RF };
extern const char *const dmi_split_words[3];

#define DMI_SPLIT(value)                                                                                               \
	DMI_CHOICE("split", "what eta means: ve in sigma/alpha, rf in sigma/(alpha + sigma)", value, dmi_split_words)

struct dmi_ancestral {
	dm_node down;
	double up;
};

/* 0 and an error for a step that goes up, or to alpha = 0. */
int dmi_ancestral_target(dm_emit *e, const dm_step *s, double eta, int split, struct dmi_ancestral *out);

/* The state with the noise of the step added: draw `tag`, or the path's increment. */
dm_val dmi_emit_fresh(dm_emit *e, const dm_step *s, dm_val x, double up, double s_noise, int32_t tag);

#endif
