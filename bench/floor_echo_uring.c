/* The floor for TCP echo on io_uring: what a turn received of a connection leaves in one send, out of the buffers it came in. What
 * a full socket refuses is copied and kept, without a bound: the load has one message a connection under way.
 * Usage: floor_echo_uring PORT */
#include "floor_uring.h"

enum { kPieces = 16384, kNone = 0 };

/* A part of what one turn received; those of a connection are chained by index. */
struct piece {
    char* data;
    size_t size;
    unsigned next;
};

/* What is to be sent when the socket has room. */
struct kept {
    struct kept* next;
    size_t begin;
    size_t size;
    char data[];
};

/* `first` to `last` are the pieces of `turn`, the last in which something came. */
static struct {
    unsigned first;
    unsigned last;
    unsigned turn;
    struct kept* oldest;
    struct kept* newest;
    bool waiting;
    bool listed;
    bool ended;
} connections[kMaxConnections];

/* Those of one turn, until the next one receives: by then it is known which of them left. Index 0 is nobody's. */
static struct piece pieces[kPieces];
static unsigned piece_count = 1;
static unsigned pieces_of;
static unsigned turn = 1;

/* What the sends of several pieces refer to until they are submitted. */
static struct iovec vectors[kPieces];
static struct msghdr messages[kPieces];

static int listed[kMaxConnections];
static unsigned listed_count;

static void list(int fd) {
    if (connections[fd].listed) return;
    connections[fd].listed = true;
    listed[listed_count++] = fd;
}

static void keep(int fd, const char* data, size_t size) {
    struct kept* const one = malloc(sizeof *one + size);
    require(one != NULL, "malloc");
    one->next = NULL;
    one->begin = 0;
    one->size = size;
    memcpy(one->data, data, size);
    if (connections[fd].oldest) {
        connections[fd].newest->next = one;
    } else {
        connections[fd].oldest = one;
    }
    connections[fd].newest = one;
}

static void drop_oldest(int fd) {
    struct kept* const one = connections[fd].oldest;
    connections[fd].oldest = one->next;
    free(one);
}

static void append_piece(int fd, char* data, size_t size) {
    const unsigned last = connections[fd].last;
    if (connections[fd].turn == turn && pieces[last].data + pieces[last].size == data) {
        pieces[last].size += size;
        return;
    }
    const unsigned index = piece_count++;
    pieces[index] = (struct piece){.data = data, .size = size, .next = kNone};
    if (connections[fd].turn == turn) {
        pieces[last].next = index;
    } else {
        connections[fd].first = index;
        connections[fd].turn = turn;
    }
    connections[fd].last = index;
}

static void received(int fd, char* data, size_t size) {
    if (pieces_of != turn) {
        pieces_of = turn;
        piece_count = 1;
    }
    if (connections[fd].oldest) {
        keep(fd, data, size);
    } else {
        append_piece(fd, data, size);
        list(fd);
    }
}

static void end_received(int fd) {
    connections[fd].ended = true;
    if (connections[fd].waiting) shutdown(fd, SHUT_RDWR);
    list(fd);
}

/* Keeps what is behind the first `sent` bytes of the pieces. */
static void keep_rest(int fd, size_t sent) {
    for (unsigned i = connections[fd].first; i != kNone; i = pieces[i].next) {
        const size_t gone = sent < pieces[i].size ? sent : pieces[i].size;
        if (gone < pieces[i].size) keep(fd, pieces[i].data + gone, pieces[i].size - gone);
        sent -= gone;
    }
}

static void send_ended(int fd, int result) {
    if (result < 0 && result != -EAGAIN) {
        shutdown(fd, SHUT_RDWR);
        while (connections[fd].oldest) drop_oldest(fd);
    } else if (connections[fd].waiting) {
        connections[fd].oldest->begin += (size_t)result;
        if (connections[fd].oldest->begin == connections[fd].oldest->size) drop_oldest(fd);
    } else {
        keep_rest(fd, result > 0 ? (size_t)result : 0);
    }
    connections[fd].waiting = false;
    list(fd);
}

static void send_pieces(int fd) {
    static unsigned vector_count;
    static unsigned message_count;
    static unsigned of_turn;
    if (of_turn != turn) {
        of_turn = turn;
        vector_count = message_count = 0;
    }
    if (pieces[connections[fd].first].next == kNone) {
        send_now(fd, pieces[connections[fd].first].data, pieces[connections[fd].first].size);
        return;
    }
    struct msghdr* const message = &messages[message_count++];
    message->msg_iov = &vectors[vector_count];
    for (unsigned i = connections[fd].first; i != kNone; i = pieces[i].next) {
        vectors[vector_count++] = (struct iovec){.iov_base = pieces[i].data, .iov_len = pieces[i].size};
    }
    message->msg_iovlen = (size_t)(&vectors[vector_count] - message->msg_iov);
    send_message_now(fd, message);
}

static void end_turn(void) {
    for (unsigned i = 0; i < listed_count; ++i) {
        const int fd = listed[i];
        connections[fd].listed = false;
        if (connections[fd].oldest && !connections[fd].waiting) {
            const struct kept* const one = connections[fd].oldest;
            connections[fd].waiting = true;
            send_when_possible(fd, one->data + one->begin, one->size - one->begin);
        } else if (connections[fd].turn == turn && !connections[fd].oldest) {
            send_pieces(fd);
        }
        if (connections[fd].ended && !connections[fd].waiting) {
            memset(&connections[fd], 0, sizeof connections[fd]);
            close_later(fd);
        }
    }
    listed_count = 0;
    ++turn;
}

int main(int argc, char** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: floor_echo_uring PORT\n");
        return 64;
    }
    serve(atoi(argv[1]));
}
