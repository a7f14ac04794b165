// One question to one name server, by c-ares: it writes the message, with a number and a port that nobody can guess, finds
// out what is an answer to it, and asks by TCP when that is cut short. Every question has a channel, and so a socket, of its
// own. When to ask whom, and for how long, is the caller's, and so is all time: c-ares never hears of any.
//
// Confined to the reactor's thread. Lifetime: may be destroyed at any time, also by what its result resolves.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bine/async/deferred.h"
#include "bine/names/record.h"
#include "bine/reactor/watch.h"

struct ares_channeldata;

namespace bine::names {

class Exchange {
public:
    // `server` has a port.
    Exchange(Reactor& reactor, Address server);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // Once. The message as it came, whatever it says. Dropping the Deferred gives it up when this is destroyed.
    // Errors: the text completes "the server ...".
    Deferred<std::string> ask(const std::string& name, RecordType type);

private:
    struct Watched {
        int fd;
        std::unique_ptr<DescriptorWatch> watch;
    };

    Result<> open();
    // What c-ares calls, from inside of calls to it; nothing may be thrown through it.
    static void socket_changed(void* self, int fd, int readable, int writable) noexcept;
    static void answered(void* self, int status, int timeouts, unsigned char* message, int size) noexcept;
    void watch(int fd, bool readable, bool writable);
    void ready(int fd, bool readable, bool writable);
    void finish();

    Reactor& reactor_;
    const Address server_;
    ares_channeldata* channel_ = nullptr;
    std::vector<Watched> watched_;
    Promise<std::string> promise_;
    std::optional<Result<std::string>> outcome_;
    std::size_t events_ = 0;
};

}  // namespace bine::names
