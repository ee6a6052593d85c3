/* Names that methods have elsewhere: "system: name (options), name; system: name". */
#include "base/compiler.h"
#include "base/option.h"
#include <string.h>

/* The next letter that counts from *at on, 0 at the end; *at moves behind it. */
static char next_letter(const char *text, size_t n, size_t *at)
{
	while (*at < n && strchr(" _-", text[*at]))
		++*at;
	if (*at == n)
		return 0;
	char c = text[(*at)++];
	return c == '+' ? 'p' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int dmi_same_name(const char *a, size_t n, const char *b, size_t m)
{
	size_t i = 0, k = 0;
	char x, y;
	do {
		x = next_letter(a, n, &i);
		y = next_letter(b, m, &k);
	} while (x && x == y);
	return n > 0 && x == y;
}

/* Where a name and its brackets end. */
static size_t entry_length(const char *text)
{
	size_t n = strcspn(text, ",;(");
	return text[n] == '(' ? n + strcspn(text + n, ")") + 1 : n;
}

/* What stands in brackets behind a name: options if it can be one, else a note. */
static void take_options(const char *bracket, size_t n, struct dmi_text *out)
{
	if (memchr(bracket, '=', n) && !memchr(bracket, ' ', n))
		dmi_text_put(out, bracket, n);
}

int dmi_is_known_as(const char *known_as, const char *word, size_t n, int loosely, struct dmi_text *out)
{
	for (const char *at = known_as; at && *at;) {
		size_t system = strcspn(at, ":;,(");
		at += at[system] == ':' ? system + 1 : 0;
		at += *at == ' ';
		size_t name = strcspn(at, ",;("), length = entry_length(at), bracket = at[name] == '(';
		if (loosely ? dmi_same_name(word, n, at, name) : n == name - bracket && !memcmp(word, at, n)) {
			if (bracket)
				take_options(at + name + 1, length - name - 2, out);
			return 1;
		}
		at += length + (at[length] != 0);
	}
	return 0;
}
