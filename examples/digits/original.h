/* Digits of the network's own, to be measured and found again. */
#ifndef DIGITS_ORIGINAL_H
#define DIGITS_ORIGINAL_H

#include "args.h"
#include "denoiser.h"

/* Draws args->count digits with the labels and the seed of a run, but with other noise and always in the same way: they do
 * not depend on the method that will look for them. lent: as for digits_denoiser_create. 0, or -1 and a text. */
int digits_original_draw(float *pictures, const struct digits_args *args, const struct digits_denoiser *lent,
                         const char *program, struct digits_error *error);

#endif
