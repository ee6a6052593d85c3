/* CRC-32 as in zlib and PNG (reflected polynomial 0xEDB88320), used by the weights files and by PNG; and the sum that ends a
 * zlib stream. */
#ifndef DIGITS_CRC_H
#define DIGITS_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC of `size` bytes that follow those whose CRC is `crc`; start with 0. */
uint32_t digits_crc32(uint32_t crc, const unsigned char *bytes, size_t size);

uint32_t digits_adler32(const unsigned char *bytes, size_t size);

#endif
