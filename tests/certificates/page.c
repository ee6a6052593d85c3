#include "certificates/page.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void grow(struct page *page, size_t n)
{
	if (page->n + n < page->capacity)
		return;
	page->capacity = 2 * (page->n + n) + 4096;
	page->text = realloc(page->text, page->capacity);
	if (!page->text) {
		fputs("certificates: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
}

void say(struct page *page, const char *format, ...)
{
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	grow(page, (size_t)n + 1);
	vsnprintf(page->text + page->n, (size_t)n + 1, format, arguments);
	va_end(arguments);
	page->n += (size_t)n;
}

void fault(struct page *page, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("certificates: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	page->faults++;
}

int32_t refusal_number(struct page *page, const char *sentence)
{
	struct refusals *r = page->refusals;
	for (int32_t i = 0; i < r->n; i++)
		if (!strcmp(r->sentence[i], sentence))
			return i + 1;
	if (r->n == N_REFUSAL) {
		fault(page, "more than %d sentences of refusal", N_REFUSAL);
		return 0;
	}
	snprintf(r->sentence[r->n], REFUSAL_LENGTH, "%s", sentence);
	return ++r->n;
}

void free_page(struct page *page)
{
	free(page->text);
}
