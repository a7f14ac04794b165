// "Selector functions take a list of file descriptors and tell you what is ready for reading or writing.
//  Nothing blocks! It just waits until the network is ready for more data to be sent, or more data has arrived."
//
// Here the list is a pipe and the two ends of a socket pair, and the selector is a reactor that turns by hand.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "bine/base/descriptor.h"
#include "bine/reactor/reactor.h"
#include "bine/reactor/watch.h"

namespace {

using namespace bine;

struct Ends {
    Descriptor first;
    Descriptor second;
};

Ends make_pipe() {
    int fds[2];
    if (::pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) throw Error::from_errno(errno, "make a pipe");
    return {Descriptor(fds[0]), Descriptor(fds[1])};
}

Ends make_socket_pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        throw Error::from_errno(errno, "make a socket pair");
    }
    return {Descriptor(fds[0]), Descriptor(fds[1])};
}

void put(const Descriptor& to, std::string_view text) {
    if (::write(to.get(), text.data(), text.size()) < 0) throw Error::from_errno(errno, "write");
}

std::string take(const Descriptor& from) {
    char bytes[256];
    const ssize_t count = ::read(from.get(), bytes, sizeof bytes);
    return std::string(bytes, count > 0 ? static_cast<std::size_t>(count) : 0);
}

// One descriptor of the list: says what it is ready for, and reads what has arrived.
class Watched {
public:
    Watched(Reactor& reactor, const char* name, const Descriptor& descriptor, bool reading, bool writing)
        : name_(name),
          descriptor_(descriptor),
          watch_(reactor, descriptor.get(), reading, writing,
                 [this](bool readable, bool writable) { ready(readable, writable); }) {}

    void ask_for(bool reading, bool writing) { watch_.watch(reading, writing); }

private:
    void ready(bool readable, bool writable) {
        if (writable) std::printf("  %s is ready for writing\n", name_);
        if (readable) std::printf("  %s is ready for reading: %s\n", name_, take(descriptor_).c_str());
    }

    const char* name_;
    const Descriptor& descriptor_;
    DescriptorWatch watch_;
};

}  // namespace

int main() {
    Reactor reactor;
    const Ends pipe = make_pipe();
    const Ends sockets = make_socket_pair();
    Watched pipe_end(reactor, "the pipe", pipe.first, true, false);
    Watched socket_end(reactor, "the socket", sockets.first, true, false);
    const auto select = [&](const char* situation) {
        std::printf("%s\n", situation);
        reactor.turn(TimePoint::min());
    };

    select("nothing has arrived:");
    put(pipe.second, "hello");
    select("somebody wrote to the pipe:");
    put(pipe.second, "hello again");
    put(sockets.second, "and hello from afar");
    select("somebody wrote to both:");
    socket_end.ask_for(true, true);
    select("we would like to write to the socket:");
    while (::send(sockets.first.get(), "full", 4, MSG_NOSIGNAL) > 0) {
    }
    select("it is full, and we still would:");
    while (!take(sockets.second).empty()) {
    }
    select("the other side has read it all:");
    return 0;
}
