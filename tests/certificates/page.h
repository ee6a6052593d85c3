/* The page under way, and what is wrong with the methods. */
#ifndef CERTIFICATES_PAGE_H
#define CERTIFICATES_PAGE_H

#include <stddef.h>
#include <stdint.h>
#include "base/compiler.h"

enum { N_REFUSAL = 64, REFUSAL_LENGTH = 256 };

/* The library's sentences, in order of first use. */
struct refusals {
	char sentence[N_REFUSAL][REFUSAL_LENGTH];
	int32_t n;
};

struct page {
	char *text;
	size_t n, capacity;
	int32_t faults;
	struct refusals *refusals;
};

void say(struct page *page, const char *format, ...) DMI_FORMAT_PRINTF(2, 3);

/* A certificate that does not hold: to stderr, and counted. */
void fault(struct page *page, const char *format, ...) DMI_FORMAT_PRINTF(2, 3);

/* The number, from 1 on, under which a sentence of refusal is listed. */
int32_t refusal_number(struct page *page, const char *sentence);

void free_page(struct page *page);

#endif
