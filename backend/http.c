/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job is one request of one caller and lives on that caller's stack. It is `queued`, then on a
 * slot, then `done`:
 *
 * 1. From http_do() until `done` the job, its request and the caller's buffers belong to the
 * thread, and the caller does nothing but wait. So canceling, too, goes through the thread: a
 * caller never leaves early.
 * 2. Slots, their easy handles and the multi handle are touched by the thread only. The lock guards
 * the queue, the flags and `done`, and is not held while libcurl works.
 * 3. A handle goes back to its slot after each job and keeps nothing of it; connections live in the
 * multi handle.
 */
#include "backend/http.h"

#include "util/cancel.h"
#include "util/check.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/lock.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 1000
#define STALLED_BYTES_PER_S 64
#define TRANSFER_BUFFER_BYTES (256 * 1024L)

struct job {
	const struct http_request *request;
	struct http_response *response;
	struct job *next;
	struct cond wake;
	bool done;
	bool dropped; /* its caller gives up, and waits until it gets its buffers back */
	int result;
	int sink_error;   /* why the body was refused */
	uint64_t skipped; /* of range_off */
	uint64_t received;
	char note[CURL_ERROR_SIZE];
};

struct slot {
	CURL *easy;
	struct job *job; /* NULL: free */
	struct curl_slist *headers;
};

struct http {
	CURLM *multi;
	pthread_t thread;
	char *ca_file;
	bool plain;
	bool direct;
	struct slot slots[HTTP_RUNNING_MAX];
	struct lock lock;
	struct cond canceling;
	struct job *first;
	struct job **last;
	bool canceled;
	bool stopping;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_init(void)
{
	CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == 0);
}

void http_response_init(struct http_response *response)
{
	*response = (struct http_response){.status = 0};
	buf_init(&response->error, HTTP_ERROR_BODY_MAX);
}

void http_response_done(struct http_response *response)
{
	buf_done(&response->error);
}

/* What of @len bytes a 200 in place of a 206 leaves over. */
static size_t cut_to_range(struct job *job, const char **data, size_t len)
{
	const struct http_request *q = job->request;
	uint64_t skip = q->range_off - job->skipped;
	uint64_t room = q->out_max - job->received;

	if (skip > len)
		skip = len;
	job->skipped += skip;
	*data += skip;
	len -= (size_t)skip;
	return len < room ? len : (size_t)room;
}

/* One allocation for a body whose length was announced. */
static void reserve(CURL *easy, struct buf *out, uint64_t max)
{
	curl_off_t announced = -1;

	if (curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced) != CURLE_OK)
		return;
	if (announced <= 0 || (uint64_t)announced > max ||
	    (uint64_t)announced > out->max - out->len)
		return;
	if (buf_extend(out, (size_t)announced))
		out->len -= (size_t)announced;
}

static int sink(struct job *job, CURL *easy, long status, const char *data, size_t len)
{
	const struct http_request *q = job->request;

	if (q->ranged && status == 200)
		len = cut_to_range(job, &data, len);
	if (len > q->out_max - job->received)
		return ERR_FBIG;
	if (!q->out || len == 0)
		return 0;
	if (job->received == 0)
		reserve(easy, q->out, q->out_max);
	job->received += len;
	buf_add(q->out, data, len);
	return buf_error(q->out);
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct slot *slot = ctx;
	struct job *job = slot->job;
	struct buf *error = &job->response->error;
	size_t len = size * count;
	long status = 0;

	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status / 100 == 2) {
		job->sink_error = sink(job, slot->easy, status, data, len);
		return job->sink_error ? 0 : len;
	}
	buf_add(error, data, len < error->max - error->len ? len : error->max - error->len);
	return len;
}

static int set_headers(struct slot *slot)
{
	const struct http_request *q = slot->job->request;

	for (size_t i = 0; i < q->header_count; i++) {
		struct curl_slist *more = curl_slist_append(slot->headers, q->headers[i]);

		if (!more)
			return ERR_NOMEM;
		slot->headers = more;
	}
	return 0;
}

static void set_tls(const struct http *h, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, h->plain ? "http,https" : "https");
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (h->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, h->ca_file);
		/* the system's folder of certificates would stay trusted beside the file */
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
}

static void set_request(struct slot *slot)
{
	const struct http_request *q = slot->job->request;
	CURL *easy = slot->easy;

	curl_easy_setopt(easy, CURLOPT_URL, q->url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, slot->headers);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	if (strcmp(q->method, "GET") != 0) {
		/* a body from memory: libcurl can send it again by itself when a kept connection
		 * turns out dead */
		if (q->body_len > 0 || strcmp(q->method, "PUT") == 0) {
			curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
			                 (curl_off_t)q->body_len);
			curl_easy_setopt(easy, CURLOPT_POSTFIELDS, q->body_len ? q->body : "");
		}
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, q->method);
	}
}

static int start(struct http *h, struct slot *slot)
{
	CURL *easy = slot->easy;
	int r = set_headers(slot);

	if (r)
		return r;
	set_tls(h, easy);
	set_request(slot);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->job->note);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "amberfs");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)STALLED_BYTES_PER_S);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)HTTP_STALLED_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, TRANSFER_BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, TRANSFER_BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	if (h->direct)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	return curl_multi_add_handle(h->multi, easy) == CURLM_OK ? 0 : ERR_NOMEM;
}

static int translate(struct job *job, CURLcode code)
{
	if (job->sink_error)
		return job->sink_error;
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OUT_OF_MEMORY:
		return ERR_NOMEM;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return ERR_TLS;
	default:
		return ERR_UNAVAILABLE;
	}
}

/* Hand the job back to its caller. After this nothing of it may be touched. */
static void complete(struct http *h, struct job *job, int result)
{
	lock_take(&h->lock);
	job->result = result;
	job->done = true;
	cond_wake_all(&job->wake);
	lock_drop(&h->lock);
}

static void release(struct http *h, struct slot *slot, int result)
{
	struct job *job = slot->job;

	curl_multi_remove_handle(h->multi, slot->easy);
	curl_easy_reset(slot->easy);
	curl_slist_free_all(slot->headers);
	slot->headers = NULL;
	slot->job = NULL;
	complete(h, job, result);
}

static void finish(struct http *h, struct slot *slot, CURLcode code)
{
	struct job *job = slot->job;
	curl_off_t retry_after = 0;
	int result = translate(job, code);

	if (job->note[0] == '\0')
		snprintf(job->note, sizeof(job->note), "%s", curl_easy_strerror(code));
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &job->response->status);
	curl_easy_getinfo(slot->easy, CURLINFO_RETRY_AFTER, &retry_after);
	job->response->retry_after_s = retry_after;
	release(h, slot, result);
}

static struct slot *free_slot(struct http *h)
{
	for (size_t i = 0; i < HTTP_RUNNING_MAX; i++)
		if (!h->slots[i].job)
			return &h->slots[i];
	return NULL;
}

static struct job *take_job(struct http *h)
{
	struct job *job;

	lock_take(&h->lock);
	job = h->first;
	if (job) {
		h->first = job->next;
		if (!h->first)
			h->last = &h->first;
	}
	lock_drop(&h->lock);
	return job;
}

static bool is_canceled(struct http *h)
{
	bool canceled;

	lock_take(&h->lock);
	canceled = h->canceled;
	lock_drop(&h->lock);
	return canceled;
}

static bool is_dropped(struct http *h, const struct job *job)
{
	bool dropped;

	lock_take(&h->lock);
	dropped = job->dropped;
	lock_drop(&h->lock);
	return dropped;
}

/* Fill free slots from the queue; after a cancel, empty both. */
static void start_jobs(struct http *h)
{
	bool canceled = is_canceled(h);
	struct slot *slot;

	for (size_t i = 0; i < HTTP_RUNNING_MAX; i++)
		if (h->slots[i].job && (canceled || is_dropped(h, h->slots[i].job)))
			release(h, &h->slots[i], ERR_CANCELED);
	while ((slot = free_slot(h)) != NULL) {
		struct job *job = take_job(h);
		int r;

		if (!job)
			break;
		slot->job = job;
		r = canceled || is_dropped(h, job) ? ERR_CANCELED : start(h, slot);
		if (r != 0)
			release(h, slot, r);
	}
}

static bool stopping(struct http *h)
{
	bool stop;

	lock_take(&h->lock);
	stop = h->stopping;
	lock_drop(&h->lock);
	return stop;
}

static void *run(void *ctx)
{
	struct http *h = ctx;

	while (!stopping(h)) {
		bool released = false;
		CURLMsg *message;
		int count;

		start_jobs(h);
		curl_multi_perform(h->multi, &count);
		while ((message = curl_multi_info_read(h->multi, &count)) != NULL) {
			CURLcode code = message->data.result;
			struct slot *slot = NULL;

			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
			finish(h, slot, code);
			released = true;
		}
		/* a free slot may have somebody waiting for it */
		if (!released)
			curl_multi_poll(h->multi, NULL, 0, POLL_MS, NULL);
	}
	return NULL;
}

/* With the lock. */
static void wait_for(struct http *h, struct job *job)
{
	if (!cancel_is_watched() || job->dropped) {
		cond_wait(&job->wake, &h->lock);
		return;
	}
	cond_wait_ms(&job->wake, &h->lock, CANCEL_POLL_MS);
	if (!job->done && cancel_is_asked()) {
		job->dropped = true;
		curl_multi_wakeup(h->multi);
	}
}

int http_do(struct http *h, const struct http_request *request, struct http_response *ret)
{
	struct job job = {.request = request, .response = ret};

	cond_init(&job.wake);
	lock_take(&h->lock);
	if (h->canceled) {
		job.result = ERR_CANCELED;
	} else {
		*h->last = &job;
		h->last = &job.next;
		curl_multi_wakeup(h->multi);
		while (!job.done)
			wait_for(h, &job);
	}
	lock_drop(&h->lock);
	cond_done(&job.wake);
	if (job.result == ERR_UNAVAILABLE || job.result == ERR_TLS)
		err_note(job.result, "%s", job.note);
	return job.result;
}

int http_wait_ms(struct http *h, int64_t ms)
{
	const struct clock *clock = clock_system();
	int64_t end_ns = clock_mono_ns(clock) + ms * 1000000;
	int64_t left_ns;
	int r;

	lock_take(&h->lock);
	while (!h->canceled && !cancel_is_asked() &&
	       (left_ns = end_ns - clock_mono_ns(clock)) > 0) {
		int64_t left_ms = left_ns / 1000000 + 1;
		bool polls = cancel_is_watched() && left_ms > CANCEL_POLL_MS;

		cond_wait_ms(&h->canceling, &h->lock, polls ? CANCEL_POLL_MS : left_ms);
	}
	r = h->canceled || cancel_is_asked() ? ERR_CANCELED : 0;
	lock_drop(&h->lock);
	return r;
}

void http_cancel(struct http *h)
{
	lock_take(&h->lock);
	h->canceled = true;
	cond_wake_all(&h->canceling);
	lock_drop(&h->lock);
	curl_multi_wakeup(h->multi);
}

static void free_handles(struct http *h)
{
	for (size_t i = 0; i < HTTP_RUNNING_MAX; i++)
		if (h->slots[i].easy)
			curl_easy_cleanup(h->slots[i].easy);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	cond_done(&h->canceling);
	lock_done(&h->lock);
	free(h->ca_file);
	free(h);
}

void http_free(struct http *h)
{
	if (!h)
		return;
	lock_take(&h->lock);
	h->stopping = true;
	lock_drop(&h->lock);
	curl_multi_wakeup(h->multi);
	pthread_join(h->thread, NULL);
	free_handles(h);
}

/* Signals are for the program's own threads. */
static int start_thread(struct http *h)
{
	sigset_t all;
	sigset_t before;
	int errnum;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errnum = pthread_create(&h->thread, NULL, run, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return errnum == 0 ? 0 : err_note(ERR_NOMEM, "no more threads");
}

int http_new(const struct http_config *config, struct http **ret)
{
	struct http *h = calloc(1, sizeof(*h));
	int r = ERR_NOMEM;

	if (!h)
		return ERR_NOMEM;
	pthread_once(&global_once, global_init);
	lock_init(&h->lock, LOCK_BACKEND);
	cond_init(&h->canceling);
	h->last = &h->first;
	h->plain = config->plain;
	h->direct = config->direct;
	h->multi = curl_multi_init();
	if (!h->multi)
		goto out;
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_RUNNING_MAX);
	for (size_t i = 0; i < HTTP_RUNNING_MAX; i++) {
		h->slots[i].easy = curl_easy_init();
		if (!h->slots[i].easy)
			goto out;
	}
	if (config->ca_file) {
		h->ca_file = strdup(config->ca_file);
		if (!h->ca_file)
			goto out;
	}
	r = start_thread(h);
out:
	if (r != 0) {
		free_handles(h);
		return r;
	}
	*ret = h;
	return 0;
}
