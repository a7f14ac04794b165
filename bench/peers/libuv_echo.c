/* TCP echo on libuv as its users write it: a read buffer that all connections share, a try at writing at once, and a write
 * request with a copy for what the socket refuses. Usage: libuv_echo PORT */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { kBufferBytes = 65536 };

static char buffer[kBufferBytes];

struct rest {
    uv_write_t request;
    char data[];
};

static void require(int status, const char* what) {
    if (status >= 0) return;
    fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
    exit(1);
}

static void closed(uv_handle_t* handle) { free(handle); }

static void lend_buffer(uv_handle_t* handle, size_t wanted, uv_buf_t* into) {
    (void)handle;
    (void)wanted;
    *into = uv_buf_init(buffer, sizeof buffer);
}

static void received(uv_stream_t* stream, ssize_t size, const uv_buf_t* from);

static void written(uv_write_t* request, int status) {
    uv_stream_t* const stream = request->handle;
    free(request);
    if (status < 0) {
        if (!uv_is_closing((uv_handle_t*)stream)) uv_close((uv_handle_t*)stream, closed);
    } else {
        uv_read_start(stream, lend_buffer, received);
    }
}

static void received(uv_stream_t* stream, ssize_t size, const uv_buf_t* from) {
    if (size < 0) {
        uv_close((uv_handle_t*)stream, closed);
        return;
    }
    uv_buf_t bytes = uv_buf_init(from->base, (unsigned)size);
    int sent = uv_try_write(stream, &bytes, 1);
    if (sent < 0) sent = 0;
    if (sent == size) return;
    struct rest* const rest = malloc(sizeof *rest + (size_t)(size - sent));
    if (!rest) exit(1);
    memcpy(rest->data, from->base + sent, (size_t)(size - sent));
    bytes = uv_buf_init(rest->data, (unsigned)(size - sent));
    uv_read_stop(stream);
    uv_write(&rest->request, stream, &bytes, 1, written);
}

static void accepted(uv_stream_t* listener, int status) {
    if (status < 0) return;
    uv_tcp_t* const client = malloc(sizeof *client);
    if (!client) exit(1);
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t*)client) != 0) {
        uv_close((uv_handle_t*)client, closed);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t*)client, lend_buffer, received);
}

int main(int argc, char** argv) {
    uv_tcp_t listener;
    struct sockaddr_in address;
    require(uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &address), "address");
    require(uv_tcp_init(uv_default_loop(), &listener), "init");
    require(uv_tcp_bind(&listener, (const struct sockaddr*)&address, 0), "bind");
    require(uv_listen((uv_stream_t*)&listener, 4096, accepted), "listen");
    int length = sizeof address;
    require(uv_tcp_getsockname(&listener, (struct sockaddr*)&address, &length), "getsockname");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
