/* SPDX-License-Identifier: MPL-2.0 */
/*
 * beanstalk.c - beanstalkd, by its protocol. Jobs lie in the tube "default" and results in the tube
 * "results"; all that can be sent at once is sent at once.
 */
#include "bench/die.h"
#include "bench/peers/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    FILE *in, *out;
    char *body;
} connection_t;

static connection_t open_connection (int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((uint16_t) port) };
    address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
        die ("beanstalk", strerror (errno));
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection_t self = { fdopen (fd, "r"), fdopen (dup (fd), "w"), malloc (MAX_JOB) };
    if (!self.in || !self.out || !self.body)
        die ("beanstalk", strerror (errno));
    setvbuf (self.out, NULL, _IOFBF, 1 << 18);
    return self;
}

static void expect (connection_t *self, const char *answer)
{
    char line[128];
    if (!fgets (line, sizeof line, self->in) || strncmp (line, answer, strlen (answer)) != 0)
        die ("beanstalk: not the answer", answer);
}

/* Neither waits for an answer. */
static void put (connection_t *self, const void *body, size_t body_len)
{
    fprintf (self->out, "put 1 0 600 %zu\r\n", body_len);
    fwrite (body, 1, body_len, self->out);
    fputs ("\r\n", self->out);
}

static void delete_job (connection_t *self, unsigned long id)
{
    fprintf (self->out, "delete %lu\r\n", id);
}

/* The answer to "reserve": the job's id; its body is in self->body. */
static unsigned long take (connection_t *self, size_t *body_len)
{
    char line[128];
    unsigned long id;
    if (!fgets (line, sizeof line, self->in) || sscanf (line, "RESERVED %lu %zu", &id, body_len) != 2
        || *body_len + 2 > MAX_JOB || fread (self->body, 1, *body_len + 2, self->in) != *body_len + 2)
        die ("beanstalk", "no job comes");
    return id;
}

typedef struct {
    connection_t jobs, results;
} client_t;

static void *open_client (int port)
{
    client_t *self = calloc (1, sizeof *self);
    if (!self)
        die ("beanstalk", strerror (errno));
    self->jobs = open_connection (port);
    self->results = open_connection (port);
    fputs ("watch results\r\nignore default\r\n", self->results.out);
    fflush (self->results.out);
    expect (&self->results, "WATCHING 2");
    expect (&self->results, "WATCHING 1");
    return self;
}

static void run (void *client, const job_t *jobs, size_t n)
{
    client_t *self = client;
    for (size_t i = 0; i < n; i++)
        put (&self->jobs, jobs[i].argument, jobs[i].argument_len);
    fflush (self->jobs.out);
    for (size_t i = 0; i < n; i++)
        expect (&self->jobs, "INSERTED");
    fputs ("reserve\r\n", self->results.out);
    fflush (self->results.out);
    for (size_t i = 0; i < n; i++) {
        size_t result_len;
        unsigned long id = take (&self->results, &result_len);
        if (jobs[i].result_len > 0 && result_len != jobs[i].result_len)
            die ("beanstalk", "a result is not what was sent");
        delete_job (&self->results, id);
        fputs (i < n - 1 ? "reserve\r\n" : "", self->results.out);
        fflush (self->results.out);
        expect (&self->results, "DELETED");
    }
}

static void work (int port)
{
    static char result[MAX_JOB];
    connection_t self = open_connection (port);
    fputs ("use results\r\nreserve\r\n", self.out);
    fflush (self.out);
    expect (&self, "USING");
    for (;;) {
        size_t argument_len;
        unsigned long id = take (&self, &argument_len);
        put (&self, result, queue_do (self.body, argument_len, result));
        delete_job (&self, id);
        fputs ("reserve\r\n", self.out);
        fflush (self.out);
        expect (&self, "INSERTED");
        expect (&self, "DELETED");
    }
}

int main (int argc, char **argv)
{
    const queue_t queue = { "beanstalk", 500, 4000, open_client, run, work };
    return queue_main (&queue, argc, argv);
}
