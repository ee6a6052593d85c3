/* Reading a zlib stream (RFC 1950, 1951), as PNG files hold it. */
#ifndef DIGITS_INFLATE_H
#define DIGITS_INFLATE_H

#include <stddef.h>

/* Unpacks in[in_size] into exactly out_size bytes and checks their Adler-32. NULL, or what is wrong with the stream. */
const char *digits_inflate(const unsigned char *in, size_t in_size, unsigned char *out, size_t out_size);

#endif
