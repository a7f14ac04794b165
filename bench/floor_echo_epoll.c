/* The floor for TCP echo on epoll: one receive into a shared buffer, one send. What a full socket refuses is copied and kept, and
 * the connection is not read until that is gone. Usage: floor_echo_epoll PORT */
#include "floor_epoll.h"

static struct {
    char* data;
    size_t begin;
    size_t end;
} backlogs[kMaxConnections];

static char received[kReceiveBytes];

static void drop(int fd) {
    free(backlogs[fd].data);
    memset(&backlogs[fd], 0, sizeof backlogs[fd]);
    close(fd);
}

static void keep(int fd, const char* data, size_t size) {
    backlogs[fd].data = malloc(size);
    require(backlogs[fd].data != NULL, "malloc");
    memcpy(backlogs[fd].data, data, size);
    backlogs[fd].begin = 0;
    backlogs[fd].end = size;
    watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
}

static void readable(int fd) {
    const ssize_t size = recv(fd, received, sizeof received, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    ssize_t sent = send(fd, received, (size_t)size, 0);
    if (sent < 0 && errno != EAGAIN) {
        drop(fd);
        return;
    }
    if (sent < 0) sent = 0;
    if (sent < size) keep(fd, received + sent, (size_t)(size - sent));
}

static void writable(int fd) {
    const ssize_t sent = send(fd, backlogs[fd].data + backlogs[fd].begin, backlogs[fd].end - backlogs[fd].begin, 0);
    if (sent < 0) {
        if (errno != EAGAIN) drop(fd);
        return;
    }
    backlogs[fd].begin += (size_t)sent;
    if (backlogs[fd].begin < backlogs[fd].end) return;
    free(backlogs[fd].data);
    backlogs[fd].data = NULL;
    watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

int main(int argc, char** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: floor_echo_epoll PORT\n");
        return 64;
    }
    serve(atoi(argv[1]), readable, writable);
}
