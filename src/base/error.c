#include "base/compiler.h"
#include "base/error.h"

static void clear(dm_error *err, dm_status status)
{
	err->status = status;
	err->user_code = 0;
	err->step = err->eval = err->branch = err->sample = err->element = -1;
	err->value = 0;
}

dm_status dmi_fail(dm_error *err, dm_status status, const char *format, ...)
{
	if (!err)
		return status;
	clear(err, status);
	struct dmi_text text = {err->message, sizeof err->message, 0};
	va_list list;
	va_start(list, format);
	dmi_text_format_list(&text, format, list, &err->value);
	va_end(list);
	return status;
}

dm_status dmi_fail_callback(dm_error *err, const char *which, dm_status code, const char *said)
{
	if (said && said[0])
		dmi_fail(err, DM_ERR_CALLBACK, "%s callback returned %d: %s", which, code, said);
	else
		dmi_fail(err, DM_ERR_CALLBACK, "%s callback returned %d", which, code);
	if (err)
		err->user_code = code;
	return DM_ERR_CALLBACK;
}

static const struct {
	dm_status status;
	const char *name;
} names[] = {
    {DM_OK, "DM_OK"},
    {DM_EVAL, "DM_EVAL"},
    {DM_DONE, "DM_DONE"},
    {DM_ERR_ARGUMENT, "DM_ERR_ARGUMENT"},
    {DM_ERR_NAME, "DM_ERR_NAME"},
    {DM_ERR_MEMORY, "DM_ERR_MEMORY"},
    {DM_ERR_OVERFLOW, "DM_ERR_OVERFLOW"},
    {DM_ERR_UNSUPPORTED, "DM_ERR_UNSUPPORTED"},
    {DM_ERR_STATE, "DM_ERR_STATE"},
    {DM_ERR_BUSY, "DM_ERR_BUSY"},
    {DM_ERR_CALLBACK, "DM_ERR_CALLBACK"},
    {DM_ERR_CANCELLED, "DM_ERR_CANCELLED"},
    {DM_ERR_NOT_FINITE, "DM_ERR_NOT_FINITE"},
    {DM_ERR_NOT_WRITTEN, "DM_ERR_NOT_WRITTEN"},
    {DM_ERR_SAMPLER, "DM_ERR_SAMPLER"},
    {DM_ERR_LIMIT, "DM_ERR_LIMIT"},
};

const char *dm_status_name(dm_status status)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].status == status)
			return names[i].name;
	return "unknown status";
}

int32_t dm_version(void)
{
	return DM_VERSION_MAJOR * 10000 + DM_VERSION_MINOR * 100 + DM_VERSION_PATCH;
}

int32_t dm_abi_version(void)
{
	return 0;
}
