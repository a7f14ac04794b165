// bine as a guest in somebody else's loop: here a plain poll(2) that also reads commands from standard input.
//
// The host watches one descriptor, calls run_ready() when it is readable and as long as that answers true, and
// prepare_sleep() before it waits. No timer and no socket of bine's is known to the host.
//
// Try it:  ./guest_poll tcp:7000    then talk to it with nc localhost 7000, and type "quit" here.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>

#include "bine/endpoints/listen.h"
#include "bine/reactor/reactor.h"

namespace {

using namespace bine;

Deferred<> echo(Stream stream) {
    while (true) {
        const auto bytes = co_await stream.read_some();
        if (bytes.empty()) break;
        co_await stream.write(bytes);
    }
}

// The host's own work: answers false when it is time to go.
bool read_commands() {
    char bytes[256];
    const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (count <= 0) return false;
    const std::string_view command(bytes, static_cast<std::size_t>(count));
    if (command.starts_with("quit")) return false;
    std::printf("the host read a command: %.*s", static_cast<int>(command.size()), command.data());
    std::fflush(stdout);
    return true;
}

void run_host_loop(Reactor& guest) {
    bool guest_has_more = true;
    while (true) {
        if (!guest_has_more) guest.prepare_sleep();
        pollfd watched[] = {{STDIN_FILENO, POLLIN, 0}, {guest.fd(), POLLIN, 0}};
        if (::poll(watched, 2, guest_has_more ? 0 : -1) < 0) break;
        if (watched[0].revents != 0 && !read_commands()) break;
        if (guest_has_more || watched[1].revents != 0) guest_has_more = guest.run_ready();
    }
}

}  // namespace

int main(int argc, char** argv) {
    Reactor guest;
    std::optional<Port> port;
    listen(guest, argc > 1 ? argv[1] : "tcp:7000", echo)
        .then([&](Port opened) {
            std::fprintf(stderr, "listening on %s\n", opened.address().to_string().c_str());
            port = std::move(opened);
        })
        .detach();
    run_host_loop(guest);
    std::printf("the host has left its loop\n");
    return 0;
}
