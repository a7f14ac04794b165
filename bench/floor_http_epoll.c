/* The floor for HTTP on epoll: what a server costs that does nothing but the system calls. One send for all that one receive
 * brought. Usage: floor_http_epoll PORT [FILE [close]] */
#include "floor_epoll.h"

#include "floor_answer.h"

/* `matched` is how much of CR LF CR LF the last receive ended with; `owed` answers are not yet sent, `sent` bytes of the first are. */
static struct {
    uint32_t owed;
    uint32_t sent;
    uint8_t matched;
} connections[kMaxConnections];

static char received[kReceiveBytes];

static void drop(int fd) {
    memset(&connections[fd], 0, sizeof connections[fd]);
    close(fd);
}

/* Sends what is owed. Returns 1 when nothing is, 0 when the socket is full, -1 when it is lost. */
static int send_owed(int fd) {
    while (connections[fd].owed > 0) {
        const uint32_t batch = connections[fd].owed < kAnswersPerSend ? connections[fd].owed : kAnswersPerSend;
        const size_t wanted = batch * answer_size - connections[fd].sent;
        const ssize_t sent = send(fd, answers + connections[fd].sent, wanted, 0);
        if (sent < 0) return errno == EAGAIN ? 0 : -1;
        const size_t total = connections[fd].sent + (size_t)sent;
        connections[fd].owed -= (uint32_t)(total / answer_size);
        connections[fd].sent = (uint32_t)(total % answer_size);
        if ((size_t)sent < wanted) return 0;
    }
    return 1;
}

static void readable(int fd) {
    const ssize_t size = recv(fd, received, sizeof received, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    connections[fd].owed += count_ends(received, (size_t)size, &connections[fd].matched);
    const int done = send_owed(fd);
    if (done < 0 || (done > 0 && close_after_answer && connections[fd].matched == 0)) drop(fd);
    if (done == 0) watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
}

static void writable(int fd) {
    const int done = send_owed(fd);
    if (done < 0) drop(fd);
    if (done > 0) watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

int main(int argc, char** argv) { serve(take_arguments(argc, argv), readable, writable); }
