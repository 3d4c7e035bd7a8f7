/*
 * job_meter.c
 *		What the attempt of a job says and uses: messages, processor time, memory.
 *
 * A worker has no client: messages below the server's own log level would vanish.  So that level is lowered to NOTICE in this
 * process, and a hook keeps the messages and withholds from the log those that would not have been there.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "model/model.h"
#include "utils/guc.h"

/* The first and the last of what was said: errors are at the end, what began it at the beginning. */
#define OUTPUT_HEAD 16384
#define OUTPUT_TAIL 49152

static char output[OUTPUT_HEAD + OUTPUT_TAIL + 1];
static size_t output_length;
static int64 output_omitted;	/* bytes between head and tail */
static bool is_listening = false;
static bool is_hooked = false;
static int	server_level;
static emit_log_hook_type previous_hook;
static struct rusage usage_before;

static void
append_output(const char *text, size_t length)
{
	size_t		size = sizeof(output) - 1;

	if (output_length + length > size)
	{
		/* makes room behind the head */
		size_t		excess = Min(output_length + length - size, output_length - Min(output_length, OUTPUT_HEAD));

		memmove(output + OUTPUT_HEAD, output + OUTPUT_HEAD + excess, output_length - OUTPUT_HEAD - excess);
		output_length -= excess;
		output_omitted += excess;
	}
	if (output_length + length > size)
	{
		size_t		skipped = output_length + length - size;

		text += skipped;
		length -= skipped;
		output_omitted += skipped;
	}
	memcpy(output + output_length, text, length);
	output_length += length;
}

static void
listen_to_messages(ErrorData *message)
{
	const char *label = message->elevel >= WARNING ? "WARNING" : message->elevel >= NOTICE ? "NOTICE" : "INFO";

	if (message->elevel >= INFO && message->elevel <= WARNING && message->message != NULL)
	{
		if (is_listening)
		{
			append_output(label, strlen(label));
			append_output(": ", 2);
			append_output(message->message, strlen(message->message));
			if (message->detail != NULL)
			{
				append_output("\nDETAIL: ", 9);
				append_output(message->detail, strlen(message->detail));
			}
			append_output("\n", 1);
		}
		if (message->elevel < server_level)
			message->output_to_server = false;
	}
	if (previous_hook)
		previous_hook(message);
}

void
job_meter_begin(void)
{
#ifdef __linux__
	/* Lets the kernel measure the peak of resident memory from here on; where it may not, it is that of the process. */
	int			file = open("/proc/self/clear_refs", O_WRONLY);

	if (file >= 0)
	{
		(void) !write(file, "5", 1);
		close(file);
	}
#endif
	if (!is_hooked)
	{
		server_level = LOG_MIN_MESSAGES;
		if (server_level > NOTICE)
			SetConfigOption("log_min_messages", "notice", PGC_SUSET, PGC_S_OVERRIDE);
		previous_hook = emit_log_hook;
		emit_log_hook = listen_to_messages;
		is_hooked = true;
	}
	output_length = 0;
	output_omitted = 0;
	is_listening = true;
	getrusage(RUSAGE_SELF, &usage_before);
}

static double
seconds_between(struct timeval before, struct timeval after)
{
	return (after.tv_sec - before.tv_sec) + (after.tv_usec - before.tv_usec) / 1e6;
}

/* The text in the caller's memory; characters that the cut went through are left out. */
static char *
collected_output(void)
{
	char	   *text;
	int			head;

	if (output_length == 0)
		return NULL;
	if (output_omitted == 0)
		return pnstrdup(output, output_length);
	head = pg_mbcliplen(output, OUTPUT_HEAD, OUTPUT_HEAD - 1);
	text = output + OUTPUT_HEAD;
	while (*text != '\n' && text < output + output_length)
		text++;
	return psprintf("%.*s\n[" INT64_FORMAT " bytes left out]%.*s", head, output, output_omitted,
					(int) (output + output_length - text), text);
}

JobUsage
job_meter_end(void)
{
	struct rusage now;
	JobUsage	usage;

	is_listening = false;
	getrusage(RUSAGE_SELF, &now);
	usage.user_seconds = seconds_between(usage_before.ru_utime, now.ru_utime);
	usage.system_seconds = seconds_between(usage_before.ru_stime, now.ru_stime);
	usage.max_memory = (int64) now.ru_maxrss * 1024;
	usage.output = collected_output();
	return usage;
}
