/* What plms and pndm share (Liu 2022). They combine the newest predictions p with the weights of equal steps,
 *
 *     1;  (3, -1)/2;  (23, -16, 5)/12;  (55, -59, 37, -9)/24
 *
 * and move by the transfer F, which is exact for a constant p:
 *
 *     epsilon  x' = (alpha'/alpha) x + alpha' (u' - u) epsilon,  u = sigma/alpha      (ddim with eta = 0)
 *     flow     x' = (m'/m) x + m' (s' - s) (epsilon - x0),  m = alpha + sigma, s = sigma/m
 *     x0       x' = (sigma'/sigma) x + (alpha' - alpha sigma'/sigma) x0
 *     v        x' = ((alpha alpha' + sigma sigma') x + n (sigma' alpha - alpha' sigma) v) / n^2
 *
 * with n^2 = alpha^2 + sigma^2. The order is 2 for any number of terms: the weights are exact for equal steps only. In
 * v it is 1, and a constant denoiser is not carried exactly: F turns v already, and so does the extrapolation
 * (diffusers does this for models that predict v). The step to sigma' = 0 keeps all terms; one that F cannot make
 * (alpha = 0 in epsilon) is the line x' = alpha' x0 + sigma' epsilon. */
#ifndef DMI_PSEUDO_H
#define DMI_PSEUDO_H

#include "sampler/adams.h"

enum { DMI_PSEUDO_COMBINE, DMI_PSEUDO_ANALYTIC, DMI_AFTER_PSEUDO, DMI_PSEUDO_TERMS = 4 };
extern const char *const dmi_pseudo_words[6];
#define DMI_PSEUDO_OPTIONS                                                                                             \
	DMI_CHOICE("combine", "what is extrapolated; auto: flow where alpha + sigma = 1, else epsilon", 0,                 \
	           dmi_pseudo_words),                                                                                      \
	    DMI_ANALYTIC_FIRST

/* The state at `to` from the one at the step's start, along the weighted sum of n predictions. */
dm_val dmi_emit_transfer(dm_emit *e, const dm_step *s, const dm_node *to, int n, const double *weight, const dm_val *p);

/* One more prediction, of x at a node. */
dm_val dmi_emit_pseudo_eval(dm_emit *e, const dm_step *s, const dm_node *at, dm_val x);

/* Whether a start may go through n stages, each a prediction at the end of a transfer along the one before. In epsilon
 * the transfer to a node multiplies rounding by alpha (u_start - u), the prediction there by 1/sigma: over very many
 * noise levels nothing else would be seen. */
int dmi_pseudo_holds(const dm_step *s, int n, const dm_node *const *stage);

/* The step: while fewer than n_start predictions are past, by `start` from the newest prediction. */
void dmi_emit_pseudo(dm_emit *e, const dm_step *s, int n_start,
                     dm_val (*start)(dm_emit *e, const dm_step *s, dm_val newest));

/* Of a whole run (nominal.h). */
int32_t dmi_pseudo_order(const struct dmi_options *given);

#endif
