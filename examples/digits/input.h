/* A picture of the user's. */
#ifndef DIGITS_INPUT_H
#define DIGITS_INPUT_H

#include "error.h"

/* Reads a PGM (P2, P5) or PNG file of 28 x 28 pixels: 784 floats, -1 black to +1 white. 0, or -1 and a text. */
int digits_input_read(float *image, const char *path, struct digits_error *error);

#endif
