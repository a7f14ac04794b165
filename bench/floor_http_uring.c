/* The floor for HTTP on io_uring: the same as floor_http_epoll, with one system call a turn. Answers are sent straight out of the
 * memory that holds them, all that a turn owes a connection in one send. Usage: floor_http_uring PORT [FILE [close]] */
#include "floor_uring.h"

#include "floor_answer.h"

/* `matched` is how much of CR LF CR LF the last receive ended with; `owed` answers are not yet sent, `sent` bytes of the first
 * are. `trying`: so many bytes are in a send that is silent when all of them leave; `waiting`: a send completes later. */
static struct {
    uint32_t owed;
    uint32_t sent;
    uint32_t trying;
    uint8_t matched;
    bool waiting;
    bool listed;
    bool ended;
} connections[kMaxConnections];

static int listed[kMaxConnections];
static unsigned listed_count;

static void list(int fd) {
    if (connections[fd].listed) return;
    connections[fd].listed = true;
    listed[listed_count++] = fd;
}

static void forget(int fd) {
    memset(&connections[fd], 0, sizeof connections[fd]);
    close_later(fd);
}

static void end_received(int fd) {
    connections[fd].ended = true;
    if (connections[fd].waiting) {
        shutdown(fd, SHUT_RDWR);
    } else {
        list(fd);
    }
}

static void received(int fd, char* data, size_t size) {
    connections[fd].trying = 0;
    connections[fd].owed += count_ends(data, size, &connections[fd].matched);
    if (connections[fd].owed > 0) {
        list(fd);
    } else if (receives_once) {
        receive_always(fd);
    }
}

static void account(int fd, size_t sent) {
    const size_t total = connections[fd].sent + sent;
    connections[fd].owed -= (uint32_t)(total / answer_size);
    connections[fd].sent = (uint32_t)(total % answer_size);
}

/* Of what was tried, and counted as sent, some is owed again. */
static void take_back(int fd, uint32_t unsent) {
    const size_t whole = (size_t)connections[fd].owed * answer_size - connections[fd].sent + unsent;
    connections[fd].owed = (uint32_t)((whole + answer_size - 1) / answer_size);
    connections[fd].sent = (uint32_t)(connections[fd].owed * answer_size - whole);
}

static void send_ended(int fd, int result) {
    if (connections[fd].waiting) {
        connections[fd].waiting = false;
        if (result > 0) account(fd, (size_t)result);
    } else if (result >= 0 || result == -EAGAIN) {
        take_back(fd, connections[fd].trying - (result > 0 ? (uint32_t)result : 0));
    }
    connections[fd].trying = 0;
    if (result < 0 && result != -EAGAIN) {
        connections[fd].owed = 0;
        shutdown(fd, SHUT_RDWR);
    }
    list(fd);
}

static void send_owed(int fd) {
    const uint32_t owed = connections[fd].owed;
    const char* const from = answers + connections[fd].sent;
    if (owed > kAnswersPerSend || connections[fd].sent > 0) {
        const uint32_t batch = owed < kAnswersPerSend ? owed : kAnswersPerSend;
        connections[fd].waiting = true;
        send_when_possible(fd, from, batch * answer_size - connections[fd].sent);
    } else {
        connections[fd].trying = owed * (uint32_t)answer_size;
        send_now(fd, from, connections[fd].trying);
        connections[fd].owed = 0;
    }
}

static void end_turn(void) {
    for (unsigned i = 0; i < listed_count; ++i) {
        const int fd = listed[i];
        connections[fd].listed = false;
        if (connections[fd].waiting) continue;
        if (connections[fd].owed > 0) send_owed(fd);
        if ((connections[fd].ended || receives_once) && !connections[fd].waiting) forget(fd);
    }
    listed_count = 0;
}

int main(int argc, char** argv) {
    const int port = take_arguments(argc, argv);
    receives_once = close_after_answer;
    serve(port);
}
