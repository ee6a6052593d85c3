#include "labels.h"

#include <stdlib.h>
#include <string.h>

#include "net.h"

/* One label of a list; the list goes on at *end. */
static int read_label(int *label, const char *text, const char **end)
{
	*label = 0;
	for (*end = text; **end >= '0' && **end <= '9'; ++*end)
		if (*label < DIGITS_CLASSES)
			*label = 10 * *label + (**end - '0');
	return *end == text || *label >= DIGITS_CLASSES || (**end && **end != ',') ? -1 : 0;
}

static int read_list(struct digits_labels *labels, const char *text, struct digits_error *error)
{
	for (const char *at = text, *end;; at = end + 1) {
		if (read_label(&labels->label[labels->count++], at, &end))
			return digits_fail(error, "--labels: \"%.*s\" in \"%s\" is no digit from 0 to %d; also all and none",
			                   (int)strcspn(at, ","), at, text, DIGITS_CLASSES - 1);
		if (!*end)
			return 0;
	}
}

int digits_labels_parse(struct digits_labels *labels, const char *text, struct digits_error *error)
{
	*labels = (struct digits_labels){malloc((strlen(text) + DIGITS_CLASSES) * sizeof(int)), 0};
	if (!labels->label)
		return digits_fail(error, "--labels: out of memory");
	if (strcmp(text, "none") == 0) {
		labels->label[labels->count++] = DIGITS_NO_LABEL;
		return 0;
	}
	if (read_list(labels, strcmp(text, "all") == 0 ? "0,1,2,3,4,5,6,7,8,9" : text, error) == 0)
		return 0;
	digits_labels_free(labels);
	return -1;
}

void digits_labels_free(struct digits_labels *labels)
{
	free(labels->label);
	*labels = (struct digits_labels){0};
}

int digits_label_of(const struct digits_labels *labels, int64_t sample)
{
	return labels->label[(uint64_t)sample % labels->count];
}
