/* An HTTP server on libevent's evhttp. Usage: evhttp_http PORT */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "hello.h"

static void answer(struct evhttp_request* request, void* unused) {
    (void)unused;
    struct evbuffer* const body = evbuffer_new();
    evbuffer_add_reference(body, HELLO_BODY, sizeof HELLO_BODY - 1, NULL, NULL);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
    evhttp_send_reply(request, HTTP_OK, "OK", body);
    evbuffer_free(body);
}

int main(int argc, char** argv) {
    signal(SIGPIPE, SIG_IGN);
    struct event_base* const base = event_base_new();
    struct evhttp* const server = evhttp_new(base);
    evhttp_set_cb(server, HELLO_PATH, answer, NULL);
    struct evhttp_bound_socket* const bound =
        evhttp_bind_socket_with_handle(server, "127.0.0.1", (ev_uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    if (!bound) return 1;
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr*)&address, &length) != 0) return 1;
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return event_base_dispatch(base);
}
