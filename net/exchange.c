/* SPDX-License-Identifier: MPL-2.0 */
#include "net/exchange.h"

#include "core/list.h"
#include "core/memory.h"

#include <errno.h>

typedef struct mailbox_s {
    dp_list_t in_exchange;
    uint64_t peer;
    dp_outbox_t mail;
} mailbox_t;

struct dp_exchange_s {
    dp_list_t mailboxes; /* two of them: of the worker and of the client */
    dp_outbox_t to_broker;
    uint64_t last_peer;
};

dp_exchange_t *dp_exchange_new (void)
{
    dp_exchange_t *self = dp_alloc (sizeof *self);
    if (self != NULL)
        dp_list_init (&self->mailboxes);
    return self;
}

static void destroy_mailbox (mailbox_t *mailbox)
{
    dp_list_remove (&mailbox->in_exchange);
    dp_outbox_fini (&mailbox->mail);
    dp_free (mailbox);
}

void dp_exchange_destroy (dp_exchange_t **self_p)
{
    dp_exchange_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    DP_LIST_EACH (&self->mailboxes, node)
        destroy_mailbox (DP_CONTAINER (node, mailbox_t, in_exchange));
    dp_outbox_fini (&self->to_broker);
    dp_free (self);
}

static mailbox_t *find (const dp_exchange_t *self, uint64_t peer)
{
    for (const dp_list_t *node = self->mailboxes.next; node != &self->mailboxes; node = node->next)
        if (DP_CONTAINER (node, mailbox_t, in_exchange)->peer == peer)
            return DP_CONTAINER (node, mailbox_t, in_exchange);
    return NULL;
}

/* ---- A peer's side --------------------------------------------------------------------------- */

uint64_t dp_exchange_join (dp_exchange_t *self)
{
    mailbox_t *mailbox = dp_alloc (sizeof *mailbox);
    if (mailbox == NULL) {
        errno = ENOMEM;
        return 0;
    }
    mailbox->peer = ++self->last_peer;
    dp_list_append (&self->mailboxes, &mailbox->in_exchange);
    return mailbox->peer;
}

void dp_exchange_leave (dp_exchange_t *self, uint64_t peer)
{
    mailbox_t *mailbox = find (self, peer);
    if (mailbox != NULL)
        destroy_mailbox (mailbox);
}

void dp_exchange_submit (dp_exchange_t *self, uint64_t peer, dp_outgoing_t **message_p)
{
    (*message_p)->to = peer; /* until the broker has it: whom it is from */
    dp_outbox_put (&self->to_broker, *message_p);
    *message_p = NULL;
}

dp_outgoing_t *dp_exchange_collect (dp_exchange_t *self, uint64_t peer)
{
    mailbox_t *mailbox = find (self, peer);
    return mailbox != NULL ? dp_outbox_take (&mailbox->mail) : NULL;
}

bool dp_exchange_has_mail (const dp_exchange_t *self, uint64_t peer)
{
    const mailbox_t *mailbox = find (self, peer);
    return mailbox != NULL && mailbox->mail.count > 0;
}

/* ---- The broker's side ----------------------------------------------------------------------- */

dp_outgoing_t *dp_exchange_next (dp_exchange_t *self, uint64_t *peer)
{
    dp_outgoing_t *message = dp_outbox_take (&self->to_broker);
    if (message != NULL)
        *peer = message->to;
    return message;
}

bool dp_exchange_has_next (const dp_exchange_t *self)
{
    return self->to_broker.count > 0;
}

int dp_exchange_deliver (dp_exchange_t *self, dp_outgoing_t **message_p)
{
    mailbox_t *mailbox = find (self, (*message_p)->to);
    if (mailbox == NULL) {
        dp_outgoing_destroy (message_p);
        return -1;
    }
    dp_outbox_put (&mailbox->mail, *message_p);
    *message_p = NULL;
    return 0;
}
