/* Why an address leads to no node: what the transport said, or what answered there instead.
 *
 * A program that is no node shows by its first bytes. Some say nothing before they are asked in their own protocol: while a
 * caller wants to know (REQUEST_REACH), one attempt asks for /health/live by HTTP, and a node's metrics port shows by its
 * Server header; when that is not answered either, one begins TLS. */
#include "client/core/core_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/memory.h"
#include "grid/wire/messages/message.h"
#include "grid/wire/negotiate.h"

enum {
    TEXT_BYTES = 240,
    SHOWN_BYTES = 40,                      /* of what a stranger said */
    SILENCES_MAX = 2,                      /* attempts that nothing answered; the second waits longer */
    PROBES_MAX = 2,
    ANSWER_BYTES = 400,                    /* of an HTTP answer's head, at most read */
};

/* A ClientHello of TLS 1.2 with one cipher and nothing else: every server answers, if only with an alert. */
static const char CLIENT_HELLO[] = "\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03" "what stands at this address, pls"
                                   "\x00\x00\x02\xc0\x2f\x01";

/* ---- setting */

static void keep_text(struct connection *connection, const char *format, va_list arguments)
{
    char text[TEXT_BYTES];
    vsnprintf(text, sizeof text, format, arguments);
    memory_free(connection->fault_text);
    connection->fault_text = memory_copy(text, strlen(text) + 1);
}

void fault_set(struct connection *connection, enum fault fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    keep_text(connection, format, arguments);
    va_end(arguments);
    connection->fault = fault;
    connection->blamed = true;
    connection->foreign = false;
    connection->silences = fault == FAULT_SILENT ? connection->silences + 1 : 0;
}

void fault_clear(struct connection *connection)
{
    memory_free(connection->fault_text);
    connection->fault_text = NULL;
    connection->fault = FAULT_NONE;
    connection->silences = 0;
    connection->foreign = connection->mute = false;
}

static void want_probe(struct connection *connection)
{
    if (connection->probe == PROBE_NONE && connection->client->reaches > 0 && connection->client->partitions == 0)
        connection->probe = PROBE_WANTED;
}

/* What an answer has shown stands: silence, or an end without a word, says less. */
static bool is_known(struct connection *connection)
{
    bool knows = connection->fault == FAULT_LASTING;
    connection->blamed = connection->blamed || knows;
    return knows;
}

/* ---- what the transport says */

void fault_ended(struct connection *connection, enum grid_err reason)
{
    if (connection->blamed || (connection->opened && connection->said.size == 0 && is_known(connection)))
        return;
    if (connection->said.size > 0) {
        fault_said(connection, FRAME_SHORT);
    } else if (connection->opened) {
        fault_set(connection, FAULT_PASSING, "the connection was closed without an answer: a node that stops, or another program");
        want_probe(connection);
    } else if (reason == GRID_ERR_REFUSED) {
        fault_set(connection, FAULT_PASSING, "connection refused: no node runs there, or its port is another");
    } else if (reason == GRID_ERR_NOT_FOUND) {
        fault_set(connection, FAULT_LASTING, "no host has this name; check the spelling");
    } else if (reason == GRID_ERR_UNKNOWN) {
        fault_set(connection, FAULT_PASSING, "the name service gives no address for this name; check the spelling and the network");
    } else if (reason == GRID_ERR_INVALID) {
        fault_set(connection, FAULT_LASTING, "not of the form host:port");
    } else if (reason == GRID_ERR_DENIED) {
        fault_set(connection, FAULT_LASTING, "this machine does not let the connection out; check its firewall");
    } else if (reason == GRID_ERR_TIMEOUT) {
        fault_set(connection, FAULT_SILENT, "no answer: the host is down, or a firewall drops the connection");
    } else {
        fault_set(connection, FAULT_PASSING, "the host cannot be reached; check the address and the network");
    }
}

void fault_silent(struct connection *connection)
{
    if (is_known(connection))
        return;
    if (!connection->opened) {
        fault_set(connection, FAULT_SILENT, "no answer: the host is down, or a firewall drops the connection");
        return;
    }
    connection->mute = true;
    fault_set(connection, FAULT_SILENT, "the connection is accepted and nothing is said: a node that hangs, or another program");
    want_probe(connection);
}

/* ---- what something else says */

static bool begins_with(struct bytes said, const char *prefix)
{
    size_t size = strlen(prefix);
    return said.size >= size && memcmp(said.data, prefix, size) == 0;
}

static bool contains(struct bytes said, const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at + size <= said.size; at++)
        if (memcmp(said.data + at, text, size) == 0)
            return true;
    return false;
}

/* An alert or a handshake of TLS 1.x. */
static bool is_tls(struct bytes said)
{
    return said.size >= 3 && (said.data[0] == 0x15 || said.data[0] == 0x16) && said.data[1] == 3 && said.data[2] <= 4;
}

static bool is_http(struct bytes said)
{
    return begins_with(said, "HTTP/") || begins_with(said, "<!DOCTYPE") || begins_with(said, "<html");
}

/* A frame whose body is not looked at. */
static bool whole_frame(struct bytes said, struct frame *ret_frame)
{
    size_t size;
    return frame_parse(said, FRAME_BODY_BYTES_MAX, ret_frame, &size) == FRAME_OK;
}

/* The first line, as text. */
static void show(struct bytes said, char shown[SHOWN_BYTES + 1])
{
    size_t size = 0;
    for (; size < said.size && size < SHOWN_BYTES && said.data[size] != '\r' && said.data[size] != '\n'; size++)
        shown[size] = said.data[size] >= ' ' && said.data[size] < 0x7f ? (char)said.data[size] : '.';
    shown[size] = 0;
}

static void peer_port(struct connection *connection, const struct frame *frame)
{
    struct message_peer_hello hello;
    char node[32] = "a node";
    if (frame->type == FRAME_PEER_HELLO && peer_hello_decode(frame->body, &connection->client->arena, &hello) == GRID_ERR_OK)
        snprintf(node, sizeof node, "node %u", hello.node.value);
    fault_set(connection, FAULT_LASTING, "this is the peer port of %s of Gridiron; give its client port", node);
}

void fault_said(struct connection *connection, enum frame_result result)
{
    struct bytes said = buffer_bytes(&connection->said);
    struct frame frame;
    char shown[SHOWN_BYTES + 1];
    if (connection->blamed || (connection->probe == PROBE_DONE && is_known(connection)))
        return;
    if (is_http(said)) {
        want_probe(connection);
        fault_set(connection, connection->probe == PROBE_WANTED ? FAULT_PASSING : FAULT_LASTING,
                  "an HTTP server answers, not the client port of a node; the metrics port of a node is such a server, too");
    } else if (is_tls(said)) {
        fault_set(connection, FAULT_LASTING, "a TLS server answers, not a node of Gridiron");
    } else if (begins_with(said, "SSH-")) {
        fault_set(connection, FAULT_LASTING, "an SSH server answers, not a node of Gridiron");
    } else if (whole_frame(said, &frame) && frame.type >= FRAME_PEER_HELLO) {
        peer_port(connection, &frame);
    } else if (result == FRAME_BAD_CRC) {
        fault_set(connection, FAULT_PASSING, "what it answers has a wrong checksum: another program, or damage on the way");
    } else if (result == FRAME_BAD_VERSION) {
        fault_set(connection, FAULT_LASTING, "it answers in frames of another version: upgrade this program, or the node");
    } else if (whole_frame(said, &frame)) {
        fault_set(connection, FAULT_PASSING, "it answers with what no node says to a greeting: another program, or damage on the way");
    } else {
        show(said, shown);
        fault_set(connection, FAULT_LASTING, "not a node of Gridiron: it answers \"%s\"", shown);
    }
}

struct bytes fault_probe(struct connection *connection)
{
    static const char get[] = "GET /health/live HTTP/1.0\r\nHost: gridiron\r\n\r\n";
    return connection->probes++ == 0 ? bytes_of(get, sizeof get - 1) : bytes_of(CLIENT_HELLO, sizeof CLIENT_HELLO);
}

bool fault_probe_ended(const struct connection *connection)
{
    return connection->said.size >= ANSWER_BYTES || is_tls(buffer_bytes(&connection->said)) || contains(buffer_bytes(&connection->said), "\r\n\r\n");
}

void fault_probed(struct connection *connection)
{
    struct bytes said = buffer_bytes(&connection->said);
    connection->mute = connection->mute && said.size == 0;
    /* Silence: what the attempt before showed stands. */
    connection->probe = said.size == 0 && connection->probes < PROBES_MAX ? PROBE_WANTED : PROBE_DONE;
    if (said.size > 0 && contains(said, "\nServer: Gridiron/"))
        fault_set(connection, FAULT_LASTING, "this is the metrics port of a node of Gridiron; give its client port");
    else if (said.size > 0 && is_http(said))
        fault_set(connection, FAULT_LASTING, "an HTTP server answers, not a node of Gridiron");
    else if (said.size > 0)
        fault_said(connection, FRAME_SHORT);
    connection->blamed = true;
}

/* ---- all of them */

/* It had a second for the greeting, and was silent to the probes as well. A node that was only slow gets to work meanwhile and ends
 * the probe, which is no request to it; then it is greeted again, with more patience. */
static bool silent_for_good(const struct connection *connection)
{
    return connection->silences >= SILENCES_MAX || (connection->mute && connection->probe == PROBE_DONE);
}

bool faults_settled(const struct client *client, bool passing_too)
{
    for (const struct connection *each = client->connections; each != NULL; each = each->next) {
        bool settled = each->fault == FAULT_LASTING || (each->fault == FAULT_SILENT && silent_for_good(each)) ||
                       (each->fault == FAULT_PASSING && passing_too && each->probe != PROBE_WANTED && each->probe != PROBE_RUNS);
        if (!settled)
            return false;
    }
    return true;
}

static bool same_fault(const struct connection *one, const struct connection *other)
{
    return one->fault_text != NULL && other->fault_text != NULL && strcmp(one->fault_text, other->fault_text) == 0;
}

static bool told_before(const struct client *client, const struct connection *connection)
{
    for (const struct connection *each = client->connections; each != connection; each = each->next)
        if (same_fault(each, connection))
            return true;
    return false;
}

void faults_text(const struct client *client, struct buffer *out)
{
    for (const struct connection *first = client->connections; first != NULL; first = first->next) {
        if (first->fault_text == NULL || told_before(client, first))
            continue;
        buffer_append_format(out, "%s%s", out->size > 0 ? "; " : "", first->address);
        for (const struct connection *each = first->next; each != NULL; each = each->next)
            if (same_fault(first, each))
                buffer_append_format(out, ", %s", each->address);
        buffer_append_format(out, ": %s", first->fault_text);
    }
}
