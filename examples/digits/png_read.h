/* Reading a 28 x 28 PNG file. */
#ifndef DIGITS_PNG_READ_H
#define DIGITS_PNG_READ_H

#include <stddef.h>

#include "error.h"

/* Whether the bytes begin as a PNG file does. */
int digits_is_png(const unsigned char *bytes, size_t size);

/* The greys of a picture, 0 black to 1 white; colours by their luma, what is transparent on black. Every kind of PNG but
 * interlaced ones. name appears in the text. 0, or -1 and a text. */
int digits_png_read(float *image, const unsigned char *bytes, size_t size, const char *name,
                    struct digits_error *error);

#endif
